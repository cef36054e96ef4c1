//! Places in a document, and sub-attributes of values.

use serde_json::{Map, Value as Json};

use super::OperationKind;
use super::list::only_primary;
use crate::refusal::Refusal;
use crate::schema::{AttributeDefinition, Found, Mutability};

use OperationKind::Add;

/// Sets or takes a sub-attribute of the values at `at`; values without any part go.
pub(super) fn set_part(
    list: &mut Vec<Json>,
    at: &[usize],
    kind: OperationKind,
    sub: &AttributeDefinition,
    new: Option<&Json>,
) -> Result<(), Refusal> {
    let becomes_primary = sub.name == "primary" && new == Some(&Json::Bool(true));
    for index in at {
        let Some(Json::Object(parts)) = list.get_mut(*index) else {
            continue;
        };
        let differs = parts.get(&sub.name) != new;
        if differs && parts.contains_key(&sub.name) && sub.mutability == Mutability::Immutable {
            return Err(Refusal::mutability(format!(
                "`{}` cannot be changed once it is set",
                sub.name
            )));
        }
        match new {
            Some(new) => set_in(parts, kind, sub, new.clone()),
            None => {
                parts.shift_remove(&sub.name);
            }
        }
    }
    keep_one_primary(list, at, becomes_primary)?;
    list.retain(|element| !element.as_object().is_some_and(Map::is_empty));
    Ok(())
}

/// Adds to a sub-attribute that is a list, sets any other.
pub(super) fn set_in(
    parts: &mut Map<String, Json>,
    kind: OperationKind,
    sub: &AttributeDefinition,
    new: Json,
) {
    match (parts.get_mut(&sub.name), new) {
        (Some(Json::Array(old)), Json::Array(new)) if kind == Add => {
            for value in new {
                if !old.contains(&value) {
                    old.push(value);
                }
            }
        }
        (_, new) => {
            parts.insert(sub.name.clone(), new);
        }
    }
}

pub(super) fn keep_one_primary(
    list: &mut [Json],
    at: &[usize],
    becomes_primary: bool,
) -> Result<(), Refusal> {
    match at {
        _ if !becomes_primary => Ok(()),
        [one] => {
            only_primary(list, *one);
            Ok(())
        }
        _ => Err(Refusal::value(
            "several values would be primary; one at most can be",
        )),
    }
}

/// The object that holds an attribute: the document, or an extension's.
pub(super) fn container<'d>(
    document: &'d mut Map<String, Json>,
    extension: Option<&str>,
) -> Result<&'d mut Map<String, Json>, Refusal> {
    match extension {
        None => Ok(document),
        Some(urn) => document
            .entry(urn)
            .or_insert_with(|| Json::Object(Map::new()))
            .as_object_mut()
            .ok_or_else(|| Refusal::value(format!("`{urn}` is stored as something else"))),
    }
}

/// The values of a multi-valued attribute.
pub(super) fn list_of<'d>(
    document: &'d mut Map<String, Json>,
    found: Found<'_>,
) -> Result<&'d mut Vec<Json>, Refusal> {
    let name = found.attribute.name.as_str();
    container(document, found.extension)?
        .entry(name)
        .or_insert_with(|| Json::Array(Vec::new()))
        .as_array_mut()
        .ok_or_else(|| Refusal::value(format!("`{name}` is stored as something else")))
}

/// Takes out what is empty; tells whether nothing remains.
pub(super) fn prune(value: &mut Json) -> bool {
    match value {
        Json::Object(parts) => {
            parts.retain(|_, part| !prune(part));
            parts.is_empty()
        }
        Json::Array(items) => items.is_empty(),
        _ => false,
    }
}
