//! What the service can do (RFC 7644 §4): read only, always whole, never filtered.

pub(super) mod config;
pub(super) mod resource_types;
pub(super) mod schemas;

use axum::http::StatusCode;
use axum::response::Response;
use serde_json::{Value as Json, json};

use super::answer::scim_answer;
use super::error::ScimError;
use super::list::LIST_RESPONSE;
use super::parameters::Parameters;

/// Paths that are no resource type's.
const RESERVED: [&str; 6] = [
    "Bulk",
    "Me",
    "ResourceTypes",
    "Schemas",
    "ServiceProviderConfig",
    ".search",
];

/// Whether there is something at this path that is no resource type. The base URL itself
/// is.
pub(super) fn is_reserved(segment: &str) -> bool {
    segment.is_empty() || RESERVED.contains(&segment)
}

/// RFC 7644 §4: a filter is refused, other parameters are not looked at.
fn refuse_filter(parameters: &Parameters) -> Result<(), ScimError> {
    match parameters.get("filter") {
        Ok(None) => Ok(()),
        _ => Err(ScimError::FilteredDiscovery),
    }
}

fn all(resources: &[Json]) -> Response {
    let body = json!({
        "schemas": [LIST_RESPONSE],
        "totalResults": resources.len(),
        "startIndex": 1,
        "itemsPerPage": resources.len(),
        "Resources": resources,
    });
    scim_answer(StatusCode::OK, &body)
}
