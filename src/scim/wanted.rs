//! What a list is asked for: which resources (RFC 7644 §3.4.2.2), in which order
//! (§3.4.2.3), which part (§3.4.2.4, RFC 9865), what of each (§3.9); in a query or as a
//! `SearchRequest` (§3.4.3).

use rollcall_directory::json::member;
use rollcall_directory::selection::Selection;
use serde_json::{Map, Value as Json};

use super::error::ScimError;
use super::limits::{COUNT_DEFAULT, COUNT_MAX};
use super::parameters::Parameters;

/// URN of the message.
const SEARCH_REQUEST: &str = "urn:ietf:params:scim:api:messages:2.0:SearchRequest";

/// See the module.
#[derive(Debug, Clone)]
pub(super) struct Wanted {
    /// As it was sent.
    pub(super) filter: Option<String>,
    /// As it was sent.
    pub(super) sort_by: Option<String>,
    /// As it was sent.
    pub(super) sort_order: Option<String>,
    /// Which part.
    pub(super) part: Part,
    /// What of each.
    pub(super) selection: Selection,
}

/// Which part of a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Part {
    /// By its place.
    Index {
        /// The first resource's place, from 1.
        start: u64,
        /// At most so many.
        count: u32,
    },
    /// By a cursor (RFC 9865).
    Cursor {
        /// Empty: the first page.
        cursor: String,
        /// At most so many; `None`: as many as the pages before.
        count: Option<u32>,
    },
}

impl Wanted {
    /// From a query.
    pub(super) fn of_query(parameters: &Parameters) -> Result<Self, ScimError> {
        let text = |name| Ok::<_, ScimError>(parameters.get(name)?.and_then(given));
        Ok(Self {
            filter: text("filter")?,
            sort_by: text("sortBy")?,
            sort_order: text("sortOrder")?,
            part: part(
                parameters.get("cursor")?.map(str::to_owned),
                parameters.integer("startIndex")?,
                parameters.integer("count")?,
            )?,
            selection: parameters.selection()?,
        })
    }

    /// From a `SearchRequest`.
    pub(super) fn of_body(body: &Json) -> Result<Self, ScimError> {
        let Some(body) = body.as_object() else {
            return Err(ScimError::syntax("the body must be a JSON object"));
        };
        let schemas = member(body, "schemas").and_then(Json::as_array);
        let is_search = |urn: &Json| {
            urn.as_str()
                .is_some_and(|urn| urn.eq_ignore_ascii_case(SEARCH_REQUEST))
        };
        if !schemas.is_some_and(|schemas| schemas.iter().any(is_search)) {
            return Err(ScimError::syntax(format!(
                "`schemas` must be a list with \"{SEARCH_REQUEST}\""
            )));
        }
        let given_text = |name| Ok::<_, ScimError>(text(body, name)?.as_deref().and_then(given));
        Ok(Self {
            filter: given_text("filter")?,
            sort_by: given_text("sortBy")?,
            sort_order: given_text("sortOrder")?,
            part: part(
                text(body, "cursor")?,
                integer(body, "startIndex")?,
                integer(body, "count")?,
            )?,
            selection: Selection::of(
                &names(body, "attributes")?,
                &names(body, "excludedAttributes")?,
            )?,
        })
    }
}

/// Clients send empty parameters for those that they do not use.
fn given(text: &str) -> Option<String> {
    (!text.trim().is_empty()).then(|| text.to_owned())
}

fn part(cursor: Option<String>, start: Option<i64>, count: Option<i64>) -> Result<Part, ScimError> {
    // A negative count means none (§3.4.2.4).
    let count = count.map(|count| u32::try_from(count.max(0)).unwrap_or(u32::MAX));
    match (cursor, start) {
        (Some(_), Some(_)) => Err(ScimError::value(
            "`cursor` and `startIndex` exclude each other: send one of them",
        )),
        (Some(cursor), None) => match count {
            Some(count) if count > COUNT_MAX => Err(ScimError::CursorCount(COUNT_MAX)),
            count => Ok(Part::Cursor { cursor, count }),
        },
        (None, start) => Ok(Part::Index {
            // Less than 1 means 1.
            start: u64::try_from(start.unwrap_or(1)).unwrap_or(1).max(1),
            count: count.unwrap_or(COUNT_DEFAULT).min(COUNT_MAX),
        }),
    }
}

fn text(body: &Map<String, Json>, name: &str) -> Result<Option<String>, ScimError> {
    match member(body, name) {
        None | Some(Json::Null) => Ok(None),
        Some(Json::String(text)) => Ok(Some(text.clone())),
        Some(_) => Err(ScimError::value(format!("`{name}` must be a text"))),
    }
}

fn integer(body: &Map<String, Json>, name: &str) -> Result<Option<i64>, ScimError> {
    match member(body, name) {
        None | Some(Json::Null) => Ok(None),
        Some(value) => value
            .as_i64()
            .map(Some)
            .ok_or_else(|| ScimError::value(format!("`{name}` must be a whole number"))),
    }
}

/// A list of names; one text with commas is understood, too.
fn names(body: &Map<String, Json>, name: &str) -> Result<Vec<String>, ScimError> {
    let wrong = || ScimError::value(format!("`{name}` must be a list of attribute names"));
    match member(body, name) {
        None | Some(Json::Null) => Ok(Vec::new()),
        Some(Json::String(text)) => Ok(text.split(',').map(str::to_owned).collect()),
        Some(Json::Array(names)) => names
            .iter()
            .map(|name| name.as_str().map(str::to_owned).ok_or_else(wrong))
            .collect(),
        Some(_) => Err(wrong()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn part_of(query: &str) -> Result<Part, ScimError> {
        Wanted::of_query(&Parameters::of(query)).map(|wanted| wanted.part)
    }

    #[test]
    fn the_part_of_a_list_has_defaults_and_limits() {
        let index = |start, count| Part::Index { start, count };
        assert_eq!(part_of("").unwrap(), index(1, 100));
        assert_eq!(part_of("startIndex=11&count=10").unwrap(), index(11, 10));
        assert_eq!(part_of("startindex=-3&count=-1").unwrap(), index(1, 0));
        assert_eq!(part_of("startIndex=0").unwrap(), index(1, 100));
        assert_eq!(part_of("count=1000000000000").unwrap(), index(1, 1_000));
        assert!(part_of("count=ten").is_err());
        assert!(part_of("count=").is_err());
        assert!(part_of("count=1&count=2").is_err());
    }

    #[test]
    fn a_cursor_takes_the_place_of_an_index() {
        let first = Part::Cursor {
            cursor: String::new(),
            count: Some(10),
        };
        assert_eq!(part_of("cursor&count=10").unwrap(), first);
        assert_eq!(part_of("cursor=&count=10").unwrap(), first);
        assert!(part_of("cursor=&startIndex=2").is_err());
        assert!(matches!(
            part_of("cursor=&count=1001"),
            Err(ScimError::CursorCount(1_000))
        ));
    }

    #[test]
    fn a_search_request_says_the_same_in_a_body() {
        let body = json!({
            "schemas": [SEARCH_REQUEST], "attributes": ["userName"], "filter": "active eq true",
            "sortBy": "userName", "sortOrder": "descending", "startIndex": 3, "count": 2,
        });
        let wanted = Wanted::of_body(&body).unwrap();
        assert_eq!(wanted.part, Part::Index { start: 3, count: 2 });
        assert_eq!(wanted.filter.as_deref(), Some("active eq true"));
        assert_eq!(wanted.sort_order.as_deref(), Some("descending"));
        for wrong in [
            json!([]),
            json!({ "filter": "active eq true" }),
            json!({ "schemas": [SEARCH_REQUEST], "count": "2" }),
            json!({ "schemas": [SEARCH_REQUEST], "attributes": [1] }),
        ] {
            assert!(Wanted::of_body(&wrong).is_err(), "{wrong}");
        }
    }
}
