//! How much one request may ask for, and how many may come. `/ServiceProviderConfig` tells
//! clients. What depends on the connection is judged before a body is parsed.

use axum::body::{Body, Bytes};
use axum::extract::{Request, State};
use axum::http::{HeaderMap, header};
use axum::middleware::Next;
use axum::response::Response;
use time::Duration;

use super::Scim;
use super::access::Access;
use super::error::ScimError;
use super::inspect::Received;
use crate::auth::connection::Admitted;

/// Resources of a page when the client does not say.
pub(super) const COUNT_DEFAULT: u32 = 100;
/// Resources of a page at most, whatever the client says.
pub(super) const COUNT_MAX: u32 = 1_000;
/// How long a cursor can be used.
pub(super) const CURSOR_LIFETIME: Duration = Duration::HOUR;

/// Refuses a request that is one too many (429), or too large (413). The body of what it
/// lets through has been read.
pub(super) async fn limit(
    State(scim): State<Scim>,
    access: Access,
    request: Request,
    next: Next,
) -> Result<Response, ScimError> {
    let client = &access.client;
    scim.admission.count(client).map_err(|too_many| {
        client.count_refused("rate");
        ScimError::TooManyRequests(too_many)
    })?;
    let (parts, body) = request.into_parts();
    let body = read(client, &parts.headers, body).await?;
    if let Some(received) = parts.extensions.get::<Received>() {
        received.keep(&body);
    }
    let request = Request::from_parts(parts, Body::from(body));
    Ok(next.run(request).await)
}

/// The whole body; no more of it is read than may be.
#[expect(
    clippy::disallowed_methods,
    reason = "this is where the limit on bodies is kept"
)]
async fn read(client: &Admitted, headers: &HeaderMap, body: Body) -> Result<Bytes, ScimError> {
    let max = client.settings.limits.body_bytes_max;
    let too_large = || {
        client.count_refused("size");
        ScimError::BodyTooLarge(max)
    };
    if length(headers).is_some_and(|length| length > max) {
        return Err(too_large());
    }
    let bytes = axum::body::to_bytes(body, usize::try_from(max).unwrap_or(usize::MAX)).await;
    bytes.map_err(|error| {
        let cause = std::error::Error::source(&error);
        if cause.is_some_and(<dyn std::error::Error>::is::<http_body_util::LengthLimitError>) {
            too_large()
        } else {
            ScimError::BodyBroken
        }
    })
}

fn length(headers: &HeaderMap) -> Option<u64> {
    headers
        .get(header::CONTENT_LENGTH)?
        .to_str()
        .ok()?
        .parse()
        .ok()
}
