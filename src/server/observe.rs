//! Each request gets an id, a line in the log and its place in the metrics. Queries are
//! never logged: they name people.

use std::sync::Arc;
use std::time::Instant;

use axum::extract::{MatchedPath, Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method};
use axum::middleware::Next;
use axum::response::Response;
use tracing::Instrument as _;
use uuid::{NoContext, Timestamp, Uuid};

use super::metrics::{HTTP_REQUESTS, HTTP_SECONDS};
use crate::sync::Clock;

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
/// The longest id that a proxy may have given a request.
const REQUEST_ID_BYTES_MAX: usize = 64;

/// The outermost layer.
pub(super) async fn observe(
    State(clock): State<Arc<dyn Clock>>,
    mut request: Request,
    next: Next,
) -> Response {
    let started = Instant::now();
    let id = given_id(request.headers()).unwrap_or_else(|| new_id(clock.as_ref()));
    let route = request
        .extensions()
        .get::<MatchedPath>()
        .map_or_else(|| "none".to_owned(), |path| path.as_str().to_owned());
    let method = method_name(request.method());
    let span = tracing::info_span!("request", id = %id, method, route);

    // Whoever notes the request knows it by the same id.
    if let Ok(id) = HeaderValue::from_str(&id) {
        request.headers_mut().insert(REQUEST_ID, id);
    }
    let mut response = next.run(request).instrument(span.clone()).await;

    let took = started.elapsed();
    let status = response.status();
    span.in_scope(|| {
        tracing::info!(
            status = status.as_u16(),
            took_ms = took.as_millis(),
            "answered"
        );
    });
    let status = status.as_str().to_owned();
    metrics::counter!(HTTP_REQUESTS, "method" => method, "route" => route.clone(), "status" => status)
        .increment(1);
    metrics::histogram!(HTTP_SECONDS, "method" => method, "route" => route)
        .record(took.as_secs_f64());
    if let Ok(id) = HeaderValue::from_str(&id) {
        response.headers_mut().insert(REQUEST_ID, id);
    }
    response
}

/// The id that a proxy in front gave the request, if it is fit for a log.
fn given_id(headers: &HeaderMap) -> Option<String> {
    let id = headers.get(REQUEST_ID)?.to_str().ok()?;
    let fit = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
    let usable = !id.is_empty() && id.len() <= REQUEST_ID_BYTES_MAX && id.chars().all(fit);
    usable.then(|| id.to_owned())
}

fn new_id(clock: &dyn Clock) -> String {
    let now = clock.now();
    let seconds = u64::try_from(now.unix_timestamp()).unwrap_or_default();
    Uuid::new_v7(Timestamp::from_unix(NoContext, seconds, now.nanosecond())).to_string()
}

/// A client may make up methods; the metrics do not grow with them.
fn method_name(method: &Method) -> &'static str {
    let known = [
        Method::GET,
        Method::HEAD,
        Method::POST,
        Method::PUT,
        Method::PATCH,
        Method::DELETE,
        Method::OPTIONS,
    ];
    let names = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"];
    let mut pairs = known.iter().zip(names);
    pairs
        .find(|(known, _)| *known == method)
        .map_or("other", |(_, name)| name)
}
