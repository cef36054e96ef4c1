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

/// The members of an object, in order, their values unparsed; `None` if it is no object.
pub(crate) fn members<'a>(
    raw: &'a RawValue,
    place: &str,
) -> Result<Option<Vec<(String, &'a RawValue)>>, Problem> {
    if !raw.get().starts_with('{') {
        return Ok(None);
    }
    let members: Members<'a> =
        serde_json::from_str(raw.get()).map_err(|error| json_problem(&error, place))?;
    match members.twice {
        Some(name) => Err(Problem::MemberTwice {
            place: place.to_owned(),
            name,
        }),
        None => Ok(Some(members.list)),
    }
}

/// What stands at a dotted path. A member's own name may have dots too
/// (`@odata.nextLink`), so the longest name is tried first.
pub(crate) fn at<'a>(
    raw: &'a RawValue,
    path: &str,
    place: &str,
) -> Result<Option<&'a RawValue>, Problem> {
    let Some(members) = members(raw, place)? else {
        return Ok(None);
    };
    let find = |name: &str| members.iter().find(|(n, _)| n == name).map(|(_, raw)| *raw);
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
