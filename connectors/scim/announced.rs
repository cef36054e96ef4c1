//! What a service says about itself: which paging, sorting and filtering it has
//! (`/ServiceProviderConfig`), and which attributes it leaves out although they may have a
//! value (`/Schemas`, RFC 7643 §7). A service that says nothing has the least there is:
//! pages by `startIndex`, in its own order.

use std::collections::BTreeMap;

use reqwest::{StatusCode, Url};
use serde_json::{Map, Value as Json};

use super::base::below;
use super::list::{List, json};
use super::problem::Problem;
use crate::json::parse_strict;
use crate::web::ask::Ask;
use crate::web::client::Session;
use crate::web::problem::{Problem as WebProblem, shown};

/// The schemas whose attributes stand in a resource without their name before them.
const CORE: [&str; 2] = [
    "urn:ietf:params:scim:schemas:core:2.0:user",
    "urn:ietf:params:scim:schemas:core:2.0:group",
];

/// `/ServiceProviderConfig` (RFC 7643 §5, RFC 9865 §4).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Features {
    /// Whether pages can be turned by cursor.
    pub(crate) cursor: bool,
    /// Whether lists can be sorted.
    pub(crate) sort: bool,
    /// Whether lists can be filtered. Only an explicit no counts.
    pub(crate) filter: bool,
}

impl Features {
    /// Of a service that does not say.
    const UNKNOWN: Self = Self {
        cursor: false,
        sort: false,
        filter: true,
    };

    /// Asks the service.
    pub(crate) async fn ask(session: &mut Session<'_>, base: &Url) -> Result<Self, Problem> {
        let Some(config) = document(session, base, "ServiceProviderConfig").await? else {
            return Ok(Self::UNKNOWN);
        };
        let flag = |feature: &str, member: &str| {
            member_of(&config, feature)
                .and_then(Json::as_object)
                .and_then(|object| member_of(object, member))
                .and_then(Json::as_bool)
        };
        Ok(Self {
            cursor: flag("pagination", "cursor").unwrap_or(false),
            sort: flag("sort", "supported").unwrap_or(false),
            filter: flag("filter", "supported").unwrap_or(true),
        })
    }
}

/// `/Schemas`: every attribute by the name that a mapping gives it, and whether the service
/// leaves it out of what it is not asked for by name.
#[derive(Debug, Default)]
pub(crate) struct Attributes {
    /// By lower-case name.
    known: BTreeMap<String, Known>,
}

#[derive(Debug)]
struct Known {
    name: String,
    left_out: bool,
}

impl Attributes {
    /// Asks the service; nothing is known of one that has no `/Schemas`.
    pub(crate) async fn ask(session: &mut Session<'_>, base: &Url) -> Result<Self, Problem> {
        let ask = ask(base, "Schemas");
        let page = match session.page(&ask).await {
            Ok(page) if page.status == StatusCode::OK => page,
            Ok(_) => return Ok(Self::default()),
            Err(problem) => return unless_refused(problem).map(|()| Self::default()),
        };
        let list = List::of(&page, &ask.place)?;
        let mut attributes = Self::default();
        for resource in list.resources {
            let parsed = parse_strict(resource.get().as_bytes());
            if let Ok(Json::Object(schema)) = parsed {
                attributes.add_schema(&schema);
            }
        }
        Ok(attributes)
    }

    /// Every name, as the service spells it.
    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        self.known.values().map(|known| known.name.as_str())
    }

    /// Whether nothing is known.
    pub(crate) fn is_empty(&self) -> bool {
        self.known.is_empty()
    }

    /// Whether an attribute, or one above it, is returned on request only or never, so that
    /// its absence says nothing.
    pub(crate) fn leaves_out(&self, name: &str) -> bool {
        let folded = name.to_ascii_lowercase();
        let above = folded
            .match_indices('.')
            .filter_map(|(dot, _)| folded.get(..dot));
        above
            .chain([folded.as_str()])
            .any(|name| self.known.get(name).is_some_and(|known| known.left_out))
    }

    fn add_schema(&mut self, schema: &Map<String, Json>) {
        let Some(urn) = member_of(schema, "id").and_then(Json::as_str) else {
            return;
        };
        let prefix = if CORE.contains(&urn.to_ascii_lowercase().as_str()) {
            String::new()
        } else {
            format!("{urn}.")
        };
        self.add_attributes(&prefix, member_of(schema, "attributes"));
    }

    fn add_attributes(&mut self, prefix: &str, list: Option<&Json>) {
        let list = list.and_then(Json::as_array);
        for attribute in list.into_iter().flatten().filter_map(Json::as_object) {
            let text = |member| member_of(attribute, member).and_then(Json::as_str);
            let Some(name) = text("name") else { continue };
            let name = format!("{prefix}{name}");
            let left_out = text("returned").is_some_and(|returned| {
                returned.eq_ignore_ascii_case("request") || returned.eq_ignore_ascii_case("never")
            });
            // A schema is two deep (RFC 7643 §2.3.8).
            let below = format!("{name}.");
            if !prefix.ends_with(&below) && self.known.len() < ATTRIBUTES_MAX {
                self.add_attributes(&below, member_of(attribute, "subAttributes"));
            }
            self.known
                .insert(name.to_ascii_lowercase(), Known { name, left_out });
        }
    }
}

/// More attributes than any service has.
const ATTRIBUTES_MAX: usize = 10_000;

/// A member in any case (RFC 7643 §2.1).
fn member_of<'a>(object: &'a Map<String, Json>, name: &str) -> Option<&'a Json> {
    object
        .iter()
        .find(|(known, _)| known.eq_ignore_ascii_case(name))
        .map(|(_, value)| value)
}

/// A document that a service may lack.
async fn document(
    session: &mut Session<'_>,
    base: &Url,
    name: &str,
) -> Result<Option<Map<String, Json>>, Problem> {
    let ask = ask(base, name);
    let page = match session.page(&ask).await {
        Ok(page) if page.status == StatusCode::OK => page,
        Ok(_) => return Ok(None),
        Err(problem) => return unless_refused(problem).map(|()| None),
    };
    let answer = json(&page, &ask.place)?;
    match parse_strict(answer.get().as_bytes()) {
        Ok(Json::Object(object)) => Ok(Some(object)),
        _ => Ok(None),
    }
}

/// Some services keep what they say about themselves from clients, or do not have it; then
/// `/Users` shows what is wrong, if anything is.
fn unless_refused(problem: WebProblem) -> Result<(), Problem> {
    match problem {
        WebProblem::Forbidden { .. } | WebProblem::Status { .. } => Ok(()),
        other => Err(other.into()),
    }
}

fn ask(base: &Url, name: &str) -> Ask {
    let url = below(base, &[name]);
    Ask {
        place: shown(&url),
        url,
        body: None,
        unless: None,
    }
}
