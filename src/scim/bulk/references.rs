//! `bulkId:…` in the data and paths of operations (RFC 7644 §3.7.2): found, and replaced by
//! the ids of what was made. Pure.

use std::collections::BTreeSet;

use serde_json::{Map, Value as Json, json};

use super::request::Task;

/// How a reference begins.
pub(super) const BULK_ID: &str = "bulkId:";
/// The member of a PATCH operation in whose text a reference may stand in quotes.
const PATH: &str = "path";
const PATCH_OP: &str = "urn:ietf:params:scim:api:messages:2.0:PatchOp";

/// Finds the id behind a bulkId.
pub(super) type Lookup<'a, E> = dyn Fn(&str) -> Result<String, E> + 'a;

/// The bulkIds that a task refers to.
pub(super) fn references(task: &Task) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    if let Some(id) = task.id.strip_prefix(BULK_ID) {
        found.insert(id.to_owned());
    }
    collect(&task.data, &mut found);
    found
}

fn collect(value: &Json, found: &mut BTreeSet<String>) {
    match value {
        Json::String(text) => found.extend(text.strip_prefix(BULK_ID).map(str::to_owned)),
        Json::Array(items) => items.iter().for_each(|item| collect(item, found)),
        Json::Object(members) => {
            for (name, member) in members {
                match member {
                    Json::String(path) if name.eq_ignore_ascii_case(PATH) => {
                        found.extend(quoted(path).map(|(_, id, _)| id.to_owned()));
                    }
                    other => collect(other, found),
                }
            }
        }
        _ => {}
    }
}

/// `members[value eq "bulkId:x"]` is what stands before `bulkId:x`, `x`, and what stands
/// behind.
fn quoted(path: &str) -> Option<(&str, &str, &str)> {
    let (before, rest) = path.split_once(BULK_ID)?;
    let (id, _) = rest.split_once('"')?;
    let after = rest.strip_prefix(id)?;
    Some((before, id, after))
}

/// The data with every reference replaced.
pub(super) fn resolved<E>(value: &Json, lookup: &Lookup<'_, E>) -> Result<Json, E> {
    Ok(match value {
        Json::String(text) => match text.strip_prefix(BULK_ID) {
            Some(id) => lookup(id)?.into(),
            None => value.clone(),
        },
        Json::Array(items) => {
            let items = items.iter().map(|item| resolved(item, lookup));
            Json::Array(items.collect::<Result<_, _>>()?)
        }
        Json::Object(members) => {
            let mut object = Map::new();
            for (name, member) in members {
                let path = member.as_str().filter(|_| name.eq_ignore_ascii_case(PATH));
                let member = match path.and_then(quoted) {
                    Some((before, id, after)) => format!("{before}{}{after}", lookup(id)?).into(),
                    None => resolved(member, lookup)?,
                };
                object.insert(name.clone(), member);
            }
            Json::Object(object)
        }
        other => other.clone(),
    })
}

/// The data without what refers to one of `left_out`: values of lists, complex attributes,
/// texts. What is not the resource's is not looked at.
pub(super) fn without(data: &Json, left_out: &BTreeSet<String>) -> Json {
    let Json::Object(members) = data else {
        return data.clone();
    };
    let members = members.iter().filter_map(|(name, member)| {
        let kept = kept(member, left_out, name.contains(':'))?;
        Some((name.clone(), kept))
    });
    Json::Object(members.collect())
}

/// What stays of a value. An extension loses attributes, a complex value is lost whole.
fn kept(value: &Json, left_out: &BTreeSet<String>, is_extension: bool) -> Option<Json> {
    match value {
        Json::String(text) => {
            let id = text.strip_prefix(BULK_ID);
            (!id.is_some_and(|id| left_out.contains(id))).then(|| value.clone())
        }
        Json::Array(items) => {
            let items = items.iter().filter_map(|item| kept(item, left_out, false));
            Some(Json::Array(items.collect()))
        }
        Json::Object(_) if is_extension => Some(without(value, left_out)),
        Json::Object(_) => {
            let mut found = BTreeSet::new();
            collect(value, &mut found);
            found.is_disjoint(left_out).then(|| value.clone())
        }
        other => Some(other.clone()),
    }
}

/// A PATCH that adds what [`without`] left out; its references are not replaced yet.
pub(super) fn completion(data: &Json, left_out: &BTreeSet<String>) -> Json {
    let mut operations = Vec::new();
    for (name, member) in data.as_object().into_iter().flatten() {
        let mut found = BTreeSet::new();
        collect(member, &mut found);
        if !found.is_disjoint(left_out) {
            operations.push(json!({ "op": "add", "path": name, "value": member }));
        }
    }
    json!({ "schemas": [PATCH_OP], "Operations": operations })
}
