//! Where an answer has its items, its total, and the next URL or cursor.

use serde_json::value::RawValue;

use super::problem::Problem;
use crate::web::envelope::at;

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
