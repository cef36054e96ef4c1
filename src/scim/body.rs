//! The body of a request: its media type, its JSON.

use axum::body::Bytes;
use axum::extract::{FromRequest, Request};
use axum::http::header;
use rollcall_directory::json;
use rollcall_directory::warning::{Warning, WarningKind};
use serde_json::Value as Json;

use super::access::Access;
use super::error::ScimError;

/// Media types that are SCIM's JSON (RFC 7644 §3.1, §8.1).
const TYPES: [&str; 2] = ["application/scim+json", "application/json"];
/// What was used for JSON before it had a type of its own.
const OLD_TYPE: &str = "text/json";

/// A body, read as JSON.
#[derive(Debug)]
pub(super) struct Body(pub(super) Json);

impl<S: Send + Sync> FromRequest<S> for Body {
    type Rejection = ScimError;

    async fn from_request(request: Request, state: &S) -> Result<Self, ScimError> {
        check_type(&request)?;
        // Read already, and not too large: see `limits`.
        let bytes = Bytes::from_request(request, state).await;
        let bytes = bytes.map_err(|_| ScimError::BodyBroken)?;
        Ok(Self(json::parse(&bytes)?))
    }
}

/// A body without a type is taken as JSON; parameters such as the charset are not looked
/// at, since JSON is UTF-8.
fn check_type(request: &Request) -> Result<(), ScimError> {
    let Some(value) = request.headers().get(header::CONTENT_TYPE) else {
        return Ok(());
    };
    let text = String::from_utf8_lossy(value.as_bytes()).into_owned();
    let media = text.split(';').next().unwrap_or_default().trim();
    if TYPES.iter().any(|known| media.eq_ignore_ascii_case(known)) {
        return Ok(());
    }
    if media.eq_ignore_ascii_case(OLD_TYPE) {
        if let Some(access) = request.extensions().get::<Access>() {
            access.report.warning(Warning {
                kind: WarningKind::Coerced,
                path: "Content-Type".to_owned(),
                detail: "text/json was taken as application/json".to_owned(),
            });
        }
        return Ok(());
    }
    Err(ScimError::Media(media.to_owned()))
}
