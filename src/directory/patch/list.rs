//! Values of a multi-valued attribute: which are the same, and that one at most is primary
//! (RFC 7643 §2.4).

use serde_json::{Map, Value as Json};

use super::index::{Index, NamedValues};
use crate::filter::fold;
use crate::refusal::Refusal;
use crate::schema::AttributeDefinition;
use crate::value::{VALUES_MAX, is_primary};

/// Appends `new` to `list`, except for what is there already. Costs as much as both are
/// long, not as their product.
pub(super) fn append(
    list: &mut Vec<Json>,
    new: Vec<Json>,
    definition: &AttributeDefinition,
) -> Result<(), Refusal> {
    let mut index = Index::of(list, definition);
    for value in new {
        let primary = is_primary(&value);
        let known = index.first_same(list, &value);
        let at = known.unwrap_or(list.len());
        match (list.get_mut(at), value) {
            (None, value) => list.push(value),
            (Some(Json::Object(old)), Json::Object(parts)) => merge(old, parts, definition),
            (Some(_), _) => {}
        }
        index.note(list, at);
        if primary {
            for changed in only_primary(list, at) {
                index.note(list, changed);
            }
        }
    }
    check_length(list, definition)
}

/// Takes the values from `list` that have everything which one of `named` names.
pub(super) fn remove(list: &mut Vec<Json>, named: &[Json], definition: &AttributeDefinition) {
    let named = NamedValues::of(named, definition);
    list.retain(|old| !named.mean(old));
}

pub(super) fn check_length(list: &[Json], definition: &AttributeDefinition) -> Result<(), Refusal> {
    if list.len() > VALUES_MAX {
        return Err(Refusal::value(format!(
            "`{}` would have more than {VALUES_MAX} values",
            definition.name
        )));
    }
    Ok(())
}

/// Takes `primary` from all values but the one at `at`; tells which had it.
pub(super) fn only_primary(list: &mut [Json], at: usize) -> Vec<usize> {
    let mut changed = Vec::new();
    for (index, value) in list.iter_mut().enumerate() {
        if index != at
            && is_primary(value)
            && let Some(parts) = value.as_object_mut()
        {
            parts.insert("primary".to_owned(), false.into());
            changed.push(index);
        }
    }
    changed
}

/// Puts sub-attributes into a value; those that differ only in case stay as they are.
pub(super) fn merge(
    old: &mut Map<String, Json>,
    parts: Map<String, Json>,
    definition: &AttributeDefinition,
) {
    for (name, part) in parts {
        let exact = definition.sub(&name).is_none_or(|sub| sub.case_exact);
        let stays = old
            .get(&name)
            .is_some_and(|have| text_equal(have, &part, exact));
        if !stays {
            old.insert(name, part);
        }
    }
}

/// Whether two values are one: the same `value` and `type`; without `value`, the same in
/// every sub-attribute. A new value without `type` is the old one with one.
pub(super) fn is_same(old: &Json, new: &Json, definition: &AttributeDefinition) -> bool {
    let (Json::Object(old_parts), Json::Object(new_parts)) = (old, new) else {
        return text_equal(old, new, definition.case_exact);
    };
    let equal = |name: &str| {
        let exact = definition.sub(name).is_none_or(|sub| sub.case_exact);
        match (old_parts.get(name), new_parts.get(name)) {
            (Some(old), Some(new)) => text_equal(old, new, exact),
            (None, None) => true,
            _ => false,
        }
    };
    if new_parts.contains_key("value") {
        return equal("value") && (!new_parts.contains_key("type") || equal("type"));
    }
    old_parts.len() == new_parts.len() && new_parts.keys().all(|name| equal(name))
}

/// Whether `old` has everything that a value to be removed names.
pub(super) fn is_meant(old: &Json, named: &Json, definition: &AttributeDefinition) -> bool {
    let (Json::Object(old), Json::Object(named)) = (old, named) else {
        return text_equal(old, named, definition.case_exact);
    };
    named.iter().all(|(name, wanted)| {
        let exact = definition.sub(name).is_none_or(|sub| sub.case_exact);
        old.get(name)
            .is_some_and(|have| text_equal(have, wanted, exact))
    })
}

fn text_equal(left: &Json, right: &Json, exact: bool) -> bool {
    match (left, right) {
        (Json::String(left), Json::String(right)) if !exact => fold(left) == fold(right),
        _ => left == right,
    }
}
