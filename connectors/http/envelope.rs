//! What stands around the items of a page: where their array is, the total, the next URL
//! or cursor. The items themselves stay unparsed slices of the body until each is turned
//! into an entry, so that a page costs its own size and not its size as objects.

use std::fmt;

use serde::de::{Deserialize, Deserializer, Error as _, MapAccess, Visitor};
use serde_json::value::RawValue;

use super::problem::Problem;

/// A JSON text that is whole: what follows can only differ in shape.
pub(crate) fn whole<'a>(text: &'a str, place: &str) -> Result<&'a RawValue, Problem> {
    serde_json::from_str(text).map_err(|error| json_problem(&error, place))
}

fn json_problem(error: &serde_json::Error, place: &str) -> Problem {
    let place = place.to_owned();
    if error.is_eof() {
        return Problem::HalfJson { place };
    }
    Problem::BadJson {
        place,
        line: error.line(),
        column: error.column(),
    }
}

/// The items of the array at `path`; the empty path is the whole answer.
pub(crate) fn items<'a>(
    answer: &'a RawValue,
    path: &str,
    place: &str,
) -> Result<Vec<&'a RawValue>, Problem> {
    let array = if path.is_empty() {
        Some(answer)
    } else {
        at(answer, path, place)?
    };
    array
        .filter(|raw| raw.get().starts_with('['))
        .and_then(|raw| serde_json::from_str(raw.get()).ok())
        .ok_or_else(|| Problem::NoItems {
            place: place.to_owned(),
            path: path.to_owned(),
        })
}

/// What stands at a dotted path. A member's own name may have dots too
/// (`@odata.nextLink`), so the longest name is tried first.
pub(crate) fn at<'a>(
    raw: &'a RawValue,
    path: &str,
    place: &str,
) -> Result<Option<&'a RawValue>, Problem> {
    if !raw.get().starts_with('{') {
        return Ok(None);
    }
    let members: Members<'a> =
        serde_json::from_str(raw.get()).map_err(|error| json_problem(&error, place))?;
    if let Some(name) = members.twice {
        return Err(Problem::MemberTwice {
            place: place.to_owned(),
            name,
        });
    }
    let find = |name: &str| {
        members
            .list
            .iter()
            .find(|(n, _)| n == name)
            .map(|(_, raw)| *raw)
    };
    if let Some(found) = find(path) {
        return Ok(Some(found));
    }
    for (dot, _) in path.rmatch_indices('.') {
        let (name, rest) = path.split_at(dot);
        let rest = rest.trim_start_matches('.');
        if let Some(inner) = find(name)
            && let Some(found) = at(inner, rest, place)?
        {
            return Ok(Some(found));
        }
    }
    Ok(None)
}

/// Text or a number at a dotted path; `None` for null, empty and absent.
pub(crate) fn text_at(raw: &RawValue, path: &str, place: &str) -> Result<Option<String>, Problem> {
    let Some(found) = at(raw, path, place)? else {
        return Ok(None);
    };
    match serde_json::from_str(found.get()) {
        Ok(serde_json::Value::Null | serde_json::Value::Bool(false)) => Ok(None),
        Ok(serde_json::Value::String(text)) => Ok(Some(text).filter(|t| !t.trim().is_empty())),
        // The number as it is written: a cursor goes back as it came.
        Ok(serde_json::Value::Number(_)) => Ok(Some(found.get().to_owned())),
        _ => Err(Problem::BadNext {
            place: place.to_owned(),
            path: path.to_owned(),
        }),
    }
}

/// The members of one object, their values unparsed.
struct Members<'a> {
    list: Vec<(String, &'a RawValue)>,
    twice: Option<String>,
}

impl<'de> Deserialize<'de> for Members<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(MembersVisitor)
    }
}

struct MembersVisitor;

impl<'de> Visitor<'de> for MembersVisitor {
    type Value = Members<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut members = Members {
            list: Vec::new(),
            twice: None,
        };
        while let Some(name) = map.next_key::<String>()? {
            if members.list.len() == MEMBERS_MAX {
                return Err(A::Error::custom("too many members"));
            }
            if members.list.iter().any(|(known, _)| *known == name) {
                members.twice = Some(name.chars().take(NAME_SHOWN_MAX).collect());
            }
            members.list.push((name, map.next_value()?));
        }
        Ok(members)
    }
}

/// More members than any page has around its items.
const MEMBERS_MAX: usize = 1_000;
/// The longest name that is shown, in characters.
const NAME_SHOWN_MAX: usize = 60;
