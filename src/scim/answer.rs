//! What every SCIM answer has in common.

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::Value as Json;

/// The media type of SCIM (RFC 7644 §3.1).
const SCIM_JSON: HeaderValue = HeaderValue::from_static("application/scim+json");

/// Answers hold people: only who asked may keep them, and must ask again before use.
const PRIVATE: HeaderValue = HeaderValue::from_static("private, no-cache");

/// An answer with this body.
pub(super) fn scim_answer(status: StatusCode, body: &Json) -> Response {
    let headers = [
        (header::CONTENT_TYPE, SCIM_JSON),
        (header::CACHE_CONTROL, PRIVATE),
    ];
    (status, headers, body.to_string()).into_response()
}
