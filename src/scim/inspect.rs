//! The request inspector: the last requests of each connection, as they came and as they
//! were answered, without secrets ([`super::redact`]). A request is noted in memory while
//! it is answered, and written by a [`Recorder`] of its own soon after: it never waits for
//! that, and never fails because of it.

use std::collections::{HashMap, VecDeque};
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, Weak};
use std::time::{Duration, Instant};

use axum::body::{Body, Bytes, HttpBody as _};
use axum::extract::{ConnectInfo, Request, State};
use axum::http::{HeaderMap, HeaderName, header};
use axum::middleware::Next;
use axum::response::Response;
use rollcall_store::Store;
use rollcall_store::connections::NewRequest;
use rollcall_store::ids::SourceId;
use serde_json::{Value as Json, json};
use time::OffsetDateTime;
use tokio::sync::Notify;

use super::Scim;
use super::access::Access;
use super::redact::{Redactor, SecretNames};
use super::report::{Notes, Report};
use crate::auth::connection::{Admitted, REQUESTS};

/// The most of a body that is kept, in bytes.
const BODY_BYTES_KEPT: usize = 16 * 1024;
/// Larger bodies are not even looked at, in bytes.
const BODY_BYTES_READ: usize = 256 * 1024;
/// Requests that wait to be written, and their bodies in bytes: beyond, the oldest are lost.
const WAITING_MAX: usize = 1_024;
const WAITING_BYTES_MAX: usize = 16 * 1024 * 1024;
/// Between two writes.
const PAUSE: Duration = Duration::from_millis(100);
/// The most of a header that is kept, in characters.
const HEADER_CHARACTERS_MAX: usize = 200;
/// Headers of requests that are kept, beside the client's name.
const HEADERS: [HeaderName; 6] = [
    header::ACCEPT,
    header::CONTENT_TYPE,
    header::IF_MATCH,
    header::IF_NONE_MATCH,
    HeaderName::from_static("prefer"),
    HeaderName::from_static("x-request-id"),
];
/// Headers of answers that are kept.
const ANSWER_HEADERS: [HeaderName; 4] = [
    header::ETAG,
    header::LOCATION,
    header::RETRY_AFTER,
    header::WWW_AUTHENTICATE,
];

/// Keeps requests. Cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct Inspector(Arc<Waiting>);

/// Writes what inspectors keep.
#[derive(Debug)]
pub(crate) struct Recorder {
    store: Store,
    /// Gone when nobody is left who could tell of a request.
    tellers: Weak<Waiting>,
    queue: Arc<Mutex<Queue>>,
    news: Arc<Notify>,
}

#[derive(Debug)]
struct Waiting {
    queue: Arc<Mutex<Queue>>,
    news: Arc<Notify>,
}

impl Drop for Waiting {
    /// Nobody will tell of another request.
    fn drop(&mut self) {
        self.news.notify_one();
    }
}

/// One exchange, as it was.
#[derive(Debug)]
struct Seen {
    source: SourceId,
    log_size: u32,
    exchange: Exchange,
    took: Duration,
    request: Kept,
    status: u16,
    answer_headers: Json,
    answer: Kept,
    notes: Notes,
}

/// A body, or only its length where it is too large to be looked at.
#[derive(Debug)]
struct Kept {
    length: usize,
    bytes: Bytes,
}

impl Seen {
    fn bytes(&self) -> usize {
        self.request.bytes.len() + self.answer.bytes.len()
    }
}

/// What waits to be written.
#[derive(Debug, Default)]
struct Queue {
    seen: VecDeque<Seen>,
    /// Of their bodies.
    bytes: usize,
}

impl Queue {
    /// Adds one; the oldest are lost where there are too many.
    fn push(&mut self, seen: Seen) {
        self.bytes += seen.bytes();
        self.seen.push_back(seen);
        while self.seen.len() > WAITING_MAX || self.bytes > WAITING_BYTES_MAX {
            let Some(lost) = self.seen.pop_front() else {
                break;
            };
            self.bytes -= lost.bytes();
        }
    }

    /// All of them, the oldest first.
    fn take(&mut self) -> VecDeque<Seen> {
        self.bytes = 0;
        std::mem::take(&mut self.seen)
    }
}

/// The body of the request that is being answered. An extension of the request, filled when
/// the body has been read.
#[derive(Debug, Clone, Default)]
pub(super) struct Received(Arc<OnceLock<Bytes>>);

impl Received {
    pub(super) fn keep(&self, body: &Bytes) {
        // Only the first is the request's own.
        let _ = self.0.set(body.clone());
    }

    fn body(&self) -> Bytes {
        self.0.get().cloned().unwrap_or_default()
    }
}

/// Notes the request and its answer.
pub(super) async fn inspect(
    State(scim): State<Scim>,
    access: Access,
    mut request: Request,
    next: Next,
) -> Response {
    if access.client.source.is_none() {
        return next.run(request).await;
    }
    let exchange = Exchange::begin(&scim, &access.client, &request, access.secrets.clone());
    let received = Received::default();
    request.extensions_mut().insert(received.clone());
    let response = next.run(request).await;
    let inspector = &scim.inspector;
    inspector
        .note(exchange, received.body(), &access.report, response)
        .await
}

/// What is known of a request before it is answered.
#[derive(Debug)]
pub(super) struct Exchange {
    client: Admitted,
    at: OffsetDateTime,
    started: Instant,
    method: String,
    /// Without secrets.
    target: String,
    address: Option<IpAddr>,
    agent: String,
    /// Those of [`HEADERS`] that came.
    headers: Json,
    secrets: SecretNames,
}

impl Exchange {
    pub(super) fn begin(
        scim: &Scim,
        client: &Admitted,
        request: &Request,
        secrets: SecretNames,
    ) -> Self {
        let agent = request.headers().get(header::USER_AGENT);
        let agent = agent.map(|agent| String::from_utf8_lossy(agent.as_bytes()));
        let agent = agent.unwrap_or_default();
        Self {
            client: client.clone(),
            at: scim.clock.now(),
            started: Instant::now(),
            method: request.method().to_string(),
            target: secrets.target(request.uri().path(), request.uri().query()),
            address: scim.client_address(request),
            agent: agent.chars().take(HEADER_CHARACTERS_MAX).collect(),
            headers: told(request.headers(), &HEADERS),
            secrets,
        }
    }
}

/// Those of the headers that are there.
fn told(headers: &HeaderMap, names: &[HeaderName]) -> Json {
    let there = names.iter().filter_map(|name| {
        let value = String::from_utf8_lossy(headers.get(name)?.as_bytes());
        let value: String = value.chars().take(HEADER_CHARACTERS_MAX).collect();
        Some((name.to_string(), Json::from(value)))
    });
    Json::Object(there.collect())
}

impl Inspector {
    /// An inspector, and who writes what it keeps.
    pub(crate) fn new(store: Store) -> (Self, Recorder) {
        let queue = Arc::new(Mutex::new(Queue::default()));
        let news = Arc::new(Notify::new());
        let waiting = Arc::new(Waiting {
            queue: Arc::clone(&queue),
            news: Arc::clone(&news),
        });
        let recorder = Recorder {
            store,
            tellers: Arc::downgrade(&waiting),
            queue,
            news,
        };
        (Self(waiting), recorder)
    }

    /// Notes a request of a known client that was not let in.
    pub(super) async fn turned_away(&self, exchange: Exchange, response: Response) -> Response {
        self.note(exchange, Bytes::new(), &Report::default(), response)
            .await
    }

    async fn note(
        &self,
        exchange: Exchange,
        request: Bytes,
        report: &Report,
        response: Response,
    ) -> Response {
        let client = &exchange.client;
        let status = response.status().as_u16();
        count(client, status);
        let log_size = client.settings.log_size.0;
        let (Some(source), true) = (&client.source, log_size > 0) else {
            return response;
        };
        let source = source.id;
        let answer_headers = told(response.headers(), &ANSWER_HEADERS);
        let (answer, response) = whole(response).await;
        self.push(Seen {
            source,
            log_size,
            took: exchange.started.elapsed(),
            exchange,
            request: Kept::of(request),
            status,
            answer_headers,
            answer: Kept::of(answer),
            notes: report.notes(),
        });
        response
    }

    fn push(&self, seen: Seen) {
        locked(&self.0.queue).push(seen);
        self.0.news.notify_one();
    }
}

impl Kept {
    fn of(bytes: Bytes) -> Self {
        let length = bytes.len();
        let is_read = length <= BODY_BYTES_READ;
        Self {
            length,
            bytes: if is_read { bytes } else { Bytes::new() },
        }
    }
}

fn locked(queue: &Mutex<Queue>) -> MutexGuard<'_, Queue> {
    queue.lock().unwrap_or_else(PoisonError::into_inner)
}

/// For `/metrics`.
fn count(client: &Admitted, status: u16) {
    let (tenant, connection) = (client.tenant.name.clone(), client.name.clone());
    let class = format!("{}xx", status / 100);
    metrics::counter!(REQUESTS, "tenant" => tenant, "connection" => connection, "class" => class)
        .increment(1);
}

/// The body of an answer whose length is known, and the answer again.
#[expect(
    clippy::disallowed_methods,
    reason = "an answer of ours: no longer than we have made it"
)]
async fn whole(response: Response) -> (Bytes, Response) {
    let Some(length) = response.body().size_hint().exact() else {
        return (Bytes::new(), response);
    };
    let (parts, body) = response.into_parts();
    let length = usize::try_from(length).unwrap_or(usize::MAX);
    // A body of a known length is in memory already: this does not fail.
    let bytes = axum::body::to_bytes(body, length).await.unwrap_or_default();
    (
        bytes.clone(),
        Response::from_parts(parts, Body::from(bytes)),
    )
}

impl Recorder {
    /// Writes until nobody is left who could tell of a request.
    pub(crate) async fn run(self) {
        loop {
            self.news.notified().await;
            let is_last = self.tellers.strong_count() == 0;
            let seen = locked(&self.queue).take();
            if !seen.is_empty() {
                self.write(seen).await;
            }
            if is_last {
                return;
            }
            tokio::time::sleep(PAUSE).await;
        }
    }

    async fn write(&self, seen: VecDeque<Seen>) {
        let mut sizes: HashMap<SourceId, u32> = HashMap::new();
        let mut counts: HashMap<SourceId, u32> = HashMap::new();
        let mut kept = Vec::with_capacity(seen.len());
        // The newest first: what would be forgotten at once is not even looked at.
        for seen in seen.into_iter().rev() {
            let size = *sizes.entry(seen.source).or_insert(seen.log_size);
            let count = counts.entry(seen.source).or_default();
            *count += 1;
            if *count <= size {
                kept.push(laid_out(&seen));
            }
        }
        kept.reverse();
        let sizes = sizes.into_iter().collect();
        if let Err(error) = self.store.log_requests(&kept, sizes).await {
            tracing::warn!(%error, "the request inspector could not write; some requests are missing in its log");
        }
    }
}

/// As it is kept.
fn laid_out(seen: &Seen) -> NewRequest {
    let (exchange, notes) = (&seen.exchange, &seen.notes);
    let mut redactor = Redactor::new(exchange.secrets.clone());
    let request = body(&mut redactor, &seen.request);
    let answer = body(&mut redactor, &seen.answer);
    let warnings = notes.warnings.iter().map(|warning| {
        json!({
            "kind": warning.kind.as_str(),
            "path": redactor.text(&warning.path),
            "detail": redactor.text(&warning.detail),
        })
    });
    let quirks = notes
        .quirks
        .iter()
        .map(|quirk| json!({ "name": quirk.name, "detail": quirk.description }));
    let overruled = notes.overruled.iter().map(|o| Json::from(o.to_string()));
    NewRequest {
        source: seen.source,
        at: exchange.at,
        body: json!({
            "method": exchange.method,
            "target": redactor.text(&exchange.target),
            "status": seen.status,
            "took_ms": u64::try_from(seen.took.as_millis()).unwrap_or(u64::MAX),
            "token": exchange.client.token,
            "address": exchange.address,
            "agent": exchange.agent,
            "headers": exchange.headers,
            "request": request,
            "answer_headers": seen.answer_headers,
            "answer": answer,
            "quirks": quirks.collect::<Json>(),
            "warnings": warnings.collect::<Json>(),
            "overruled": overruled.collect::<Json>(),
            "changed": notes.changed,
        }),
    }
}

/// A body without secrets: as JSON; as its beginning where it is long; or what it is, where
/// nobody can tell what in it is a secret.
fn body(redactor: &mut Redactor, body: &Kept) -> Json {
    let length = body.length;
    if length == 0 {
        return Json::Null;
    }
    if body.bytes.is_empty() {
        return format!("({length} bytes, too many to be shown)").into();
    }
    let Ok(mut body) = serde_json::from_slice::<Json>(&body.bytes) else {
        return format!("({length} bytes that are no JSON)").into();
    };
    redactor.body(&mut body);
    let text = body.to_string();
    if text.len() <= BODY_BYTES_KEPT {
        return body;
    }
    let mut end = BODY_BYTES_KEPT;
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    let beginning = text.get(..end).unwrap_or_default();
    format!("{beginning}… ({length} bytes in all)").into()
}

impl Scim {
    /// Where a request comes from: the peer, or whom a proxy that is believed names.
    pub(super) fn client_address(&self, request: &Request) -> Option<IpAddr> {
        let peer = request.extensions().get::<ConnectInfo<SocketAddr>>()?;
        let peer = peer.0.ip().to_canonical();
        let trusted = self.admission.trusted_proxies();
        Some(named_by_proxies(peer, request.headers(), trusted))
    }
}

/// Each proxy appends whom it was asked by: the last that is no proxy of ours is the
/// client. What stands before may be made up.
fn named_by_proxies(peer: IpAddr, headers: &HeaderMap, trusted: &[ipnet::IpNet]) -> IpAddr {
    let is_trusted = |ip: &IpAddr| trusted.iter().any(|network| network.contains(ip));
    if !is_trusted(&peer) {
        return peer;
    }
    let named: Vec<&str> = headers
        .get_all("x-forwarded-for")
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .collect();
    let mut client = peer;
    for text in named.into_iter().rev() {
        let Ok(ip) = text.trim().parse::<IpAddr>() else {
            break;
        };
        client = ip.to_canonical();
        if !is_trusted(&client) {
            break;
        }
    }
    client
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_proxies_that_are_trusted_name_the_client() {
        let trusted = ["10.0.0.0/8".parse().unwrap()];
        let ip = |text: &str| text.parse::<IpAddr>().unwrap();
        let named = |peer: &str, forwarded: &str| {
            let mut headers = HeaderMap::new();
            headers.append("x-forwarded-for", forwarded.parse().unwrap());
            named_by_proxies(ip(peer), &headers, &trusted)
        };
        assert_eq!(named("203.0.113.9", "198.51.100.1"), ip("203.0.113.9"));
        assert_eq!(named("10.1.1.1", "198.51.100.1"), ip("198.51.100.1"));
        let several = named("10.1.1.1", "1.2.3.4, 198.51.100.1, 10.2.2.2");
        assert_eq!(several, ip("198.51.100.1"));
        assert_eq!(named("10.1.1.1", "unknown"), ip("10.1.1.1"));
        assert_eq!(named("10.1.1.1", "198.51.100.1, junk"), ip("10.1.1.1"));
    }

    #[test]
    fn a_long_body_is_cut_and_one_that_is_no_json_is_not_shown() {
        let kept = |text: String| {
            let kept = Kept::of(Bytes::from(text));
            body(&mut Redactor::new(SecretNames::default()), &kept)
        };
        let long = kept(json!({ "a": "é".repeat(20_000) }).to_string());
        let long = long.as_str().unwrap();
        assert!(long.len() < BODY_BYTES_KEPT + 40 && long.ends_with("(40008 bytes in all)"));
        let broken = kept("{\"password\": \"canary".to_owned());
        assert_eq!(broken, json!("(20 bytes that are no JSON)"));
        let huge = kept("[]".repeat(BODY_BYTES_READ));
        assert_eq!(huge, json!("(524288 bytes, too many to be shown)"));
        assert_eq!(kept(String::new()), Json::Null);
    }
}
