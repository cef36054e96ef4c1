//! A list response (RFC 7644 §3.4.2), its resources left unparsed.

use reqwest::StatusCode;
use serde_json::value::RawValue;

use super::problem::Problem;
use crate::web::body::{check_type, text};
use crate::web::client::Page;
use crate::web::envelope::{members, whole};

/// What one answer said.
#[derive(Debug, Default)]
pub(crate) struct List<'a> {
    /// `Resources`; SCIM lets them be absent where there are none.
    pub(crate) resources: Vec<&'a RawValue>,
    /// `totalResults`. With a cursor it may be absent (RFC 9865 §2).
    pub(crate) total: Option<u64>,
    /// `nextCursor` (RFC 9865 §2). Absent: the end.
    pub(crate) next_cursor: Option<String>,
}

impl<'a> List<'a> {
    /// Reads the body of an answer with the status 200. Names of members are taken in any
    /// case (RFC 7643 §2.1).
    pub(crate) fn of(page: &'a Page, place: &str) -> Result<Self, Problem> {
        let no_list = || Problem::NoList {
            place: place.to_owned(),
        };
        let answer = json(page, place)?;
        let mut list = Self::default();
        let mut is_list = false;
        for (name, value) in members(answer, place)?.ok_or_else(no_list)? {
            let text = value.get();
            match name.to_ascii_lowercase().as_str() {
                "resources" if text != "null" => {
                    list.resources = serde_json::from_str(text).map_err(|_| no_list())?;
                    is_list = true;
                }
                "totalresults" => {
                    // Some send it as text.
                    list.total = text.trim_matches('"').parse().ok();
                    is_list |= list.total.is_some();
                }
                "nextcursor" => {
                    let cursor: Option<String> =
                        serde_json::from_str(text).map_err(|_| no_list())?;
                    list.next_cursor = cursor.filter(|cursor| !cursor.is_empty());
                }
                _ => {}
            }
        }
        if is_list { Ok(list) } else { Err(no_list()) }
    }
}

/// The JSON of an answer with a body.
pub(crate) fn json<'a>(page: &'a Page, place: &str) -> Result<&'a RawValue, Problem> {
    if page.status == StatusCode::NO_CONTENT {
        return Err(Problem::NoContent {
            place: place.to_owned(),
        });
    }
    check_type(&page.headers, false, place)?;
    let text = text(&page.headers, &page.body, place)?;
    Ok(whole(text, place)?)
}
