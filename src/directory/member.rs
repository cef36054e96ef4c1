//! Members of groups as clients name them. A group may have 100,000; so a change of members
//! is told as a change, which the store makes row by row without reading the others.

use std::collections::HashSet;

use serde_json::Value as Json;

use crate::filter::Condition;
use crate::json::member;
use crate::refusal::Refusal;
use crate::schema::{GROUP, ResourceType};
use crate::value::last_segment;
use crate::warning::{Notes, WarningKind};

/// One member as it was named.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Member {
    /// The id of a user or group, or `bulkId:…`. Nobody checked that it exists.
    pub value: String,
    /// `User` or `Group`, if the client said so.
    pub kind: Option<String>,
}

/// A change of a group's members. Changes are made in their order.
#[derive(Debug, Clone, PartialEq)]
pub enum MemberChange {
    /// These belong to it, too; who already does, stays. Never empty, no id twice.
    Add(Vec<Member>),
    /// These ids do not belong to it any more; others are ignored. Never empty.
    Remove(Vec<String>),
    /// Members of which this holds (`type eq "Group"`) do not belong to it any more. The
    /// condition is on `value`, `display`, `type` and `$ref`.
    RemoveMatching(Condition),
    /// These and nobody else belong to it. Never empty, no id twice.
    Replace(Vec<Member>),
    /// Nobody belongs to it.
    Clear,
}

impl ResourceType {
    /// Whether `members` of its resources are rows of their own and not in the document.
    #[must_use]
    pub fn has_member_rows(&self) -> bool {
        self.schema.id == GROUP
    }
}

/// Reads a list of members: objects with `value`, perhaps with `$ref` only, or bare ids.
/// `null` is the empty list.
pub(crate) fn read(value: &Json, notes: &mut Notes) -> Result<Vec<Member>, Refusal> {
    let items = match value {
        Json::Null => return Ok(Vec::new()),
        Json::Array(items) => items.as_slice(),
        one => {
            notes.odd(
                WarningKind::Coerced,
                "members",
                "one value where a list belongs",
            )?;
            std::slice::from_ref(one)
        }
    };
    let mut seen = HashSet::with_capacity(items.len());
    let mut members = Vec::with_capacity(items.len());
    for item in items {
        let read = read_one(item, notes)?;
        if seen.insert(read.value.clone()) {
            members.push(read);
        }
    }
    Ok(members)
}

fn read_one(item: &Json, notes: &mut Notes) -> Result<Member, Refusal> {
    let nameless = || Refusal::value("each of `members` must be an object with `value`, an id");
    let parts = match item {
        Json::Object(parts) => parts,
        Json::String(id) if !id.is_empty() => {
            notes.odd(
                WarningKind::Coerced,
                "members",
                "a text where an object belongs",
            )?;
            return Ok(Member {
                value: id.clone(),
                kind: None,
            });
        }
        _ => return Err(nameless()),
    };
    let text = |name: &str| member(parts, name).and_then(Json::as_str);
    let id = text("value")
        .filter(|id| !id.is_empty())
        .or_else(|| text("$ref").and_then(last_segment))
        .ok_or_else(nameless)?;
    Ok(Member {
        value: id.to_owned(),
        kind: text("type").map(str::to_owned),
    })
}
