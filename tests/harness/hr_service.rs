//! A small HR service for tests: a token URL, a user URL and a group URL on a free port of
//! loopback, whose people a test may change while it runs, and which misbehaves on demand.
//! It depends on no crate of Rollcall, so that what it shows is the outside.

#![allow(
    clippy::allow_attributes,
    dead_code,
    unreachable_pub,
    reason = "each test binary that includes this file uses its own part of it"
)]

use std::collections::HashMap;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard};

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

/// The client that the token URL knows.
pub const CLIENT_ID: &str = "rollcall";
/// Its secret.
pub const CLIENT_SECRET: &str = "s3cret & more";
/// The largest request body, in bytes.
const REQUEST_BYTES_MAX: usize = 1024 * 1024;

/// How the service hands out its pages.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Pages {
    /// Everything at once, as a bare array.
    Bare,
    /// Everything at once, `{"data": […]}`.
    Whole,
    /// One object a line.
    Lines,
    /// `{"data": […], "meta": {"next": URL or null}}`.
    Next,
    /// A bare array and a `Link` header.
    Link,
    /// `?page=N`, `{"data": […]}`; empty past the end.
    Page,
    /// As `Page`, but 204 past the end.
    PageThenNoContent,
    /// `?offset=N`, `{"data": […]}`.
    Offset,
    /// `?cursor=C`, `{"data": […], "meta": {"cursor": C or null}}`.
    Cursor,
}

/// What the service says about a page so that it can be asked for conditionally.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Marks {
    /// Nothing.
    None,
    /// An `ETag` of the body.
    Tags,
    /// An `ETag` of the body, except on the page of this number.
    TagsExceptPage(usize),
    /// This `Last-Modified`, on every page.
    Date(String),
}

/// What goes wrong.
#[derive(Debug, Clone)]
pub enum Fault {
    /// This answer, whatever was asked.
    Answer {
        /// The status.
        status: u16,
        /// Headers, `content-type` among them if there shall be one.
        headers: Vec<(&'static str, String)>,
        /// The body as it goes over the wire.
        body: Vec<u8>,
    },
    /// The first page again, whatever page was asked for.
    FirstPageAgain,
    /// The connection breaks in the middle of the body.
    CutInBody,
    /// No answer, ever.
    Silence,
}

impl Fault {
    /// An answer with nothing but a status.
    pub fn status(status: u16) -> Self {
        Self::Answer {
            status,
            headers: Vec::new(),
            body: Vec::new(),
        }
    }

    /// A status with one header.
    pub fn with_header(status: u16, name: &'static str, value: &str) -> Self {
        Self::Answer {
            status,
            headers: vec![(name, value.to_owned())],
            body: Vec::new(),
        }
    }

    /// 200 with a body of some type.
    pub fn body(content_type: &str, body: impl Into<Vec<u8>>) -> Self {
        Self::Answer {
            status: 200,
            headers: vec![("content-type", content_type.to_owned())],
            body: body.into(),
        }
    }
}

/// A fault in wait.
#[derive(Debug, Clone)]
struct Trap {
    path: &'static str,
    /// The request to this path that springs it, from 1, and all after it.
    from: usize,
    times: usize,
    fault: Fault,
}

/// A request that came.
#[derive(Debug, Clone)]
pub struct Seen {
    /// `GET`, `POST`.
    pub method: String,
    /// The path.
    pub path: String,
    /// The decoded query.
    pub query: HashMap<String, String>,
    /// The headers.
    pub headers: HeaderMap,
    /// The body.
    pub body: String,
}

/// What the service holds and how it behaves; change it while the service runs.
#[derive(Debug)]
pub struct Office {
    /// The people, in order.
    pub users: Vec<Value>,
    /// The groups, in order.
    pub groups: Vec<Value>,
    /// How both are paged.
    pub pages: Pages,
    /// Items a page.
    pub page_size: usize,
    /// The total that is stated, instead of the true one.
    pub stated: Option<u64>,
    /// Leave the total out.
    pub no_total: bool,
    /// What pages say about themselves.
    pub marks: Marks,
    /// Repeat the query that came in next URLs.
    pub echoes_query: bool,
    /// Bytes of all bodies so far, those of faults aside.
    pub bytes_sent: usize,
    /// Ask for a bearer token from the token URL.
    pub wants_token: bool,
    /// Requests to the user and group URLs that a token is good for.
    pub token_uses: usize,
    /// Every request so far.
    pub requests: Vec<Seen>,
    traps: Vec<Trap>,
    token: usize,
    token_used: usize,
}

impl Office {
    /// Requests so far to a path.
    pub fn requests_to(&self, path: &str) -> usize {
        self.requests
            .iter()
            .filter(|seen| seen.path == path)
            .count()
    }

    /// Those of these that asked conditionally.
    pub fn conditional_requests_to(&self, path: &str) -> usize {
        self.requests
            .iter()
            .filter(|seen| seen.path == path && seen.is_conditional())
            .count()
    }
}

impl Seen {
    /// Whether it asks "unless it is what I know".
    pub fn is_conditional(&self) -> bool {
        ["if-none-match", "if-modified-since"]
            .iter()
            .any(|name| self.headers.contains_key(*name))
    }
}

/// The running service; it ends when this is dropped.
#[derive(Debug)]
pub struct HrService {
    /// `http://127.0.0.1:PORT` or `https://localhost:PORT`.
    pub base: String,
    office: Arc<Mutex<Office>>,
    server: tokio::task::JoinHandle<()>,
    certificates: Option<tempfile::TempDir>,
}

impl Drop for HrService {
    fn drop(&mut self) {
        self.server.abort();
    }
}

impl HrService {
    /// Starts it over plain HTTP, with this many people and no groups.
    pub fn start(people: usize) -> Self {
        let (listener, address) = listen();
        let office = Arc::new(Mutex::new(office(people)));
        let app = router(&office).into_make_service();
        let server = tokio::spawn(async move {
            let served = axum_server::from_tcp(listener).unwrap().serve(app).await;
            drop(served);
        });
        Self {
            base: format!("http://{address}"),
            office,
            server,
            certificates: None,
        }
    }

    /// Starts it over TLS for `localhost`, with a certificate of its own authority; with
    /// `names` other than `localhost` the certificate is for those.
    pub fn start_tls(people: usize, names: &[&str], wants_client_certificate: bool) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let config = tls_config(folder.path(), names, wants_client_certificate, false);
        Self::serve_tls(people, config, folder)
    }

    /// The same with a certificate that has expired.
    pub fn start_tls_expired(people: usize) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let config = tls_config(folder.path(), &["localhost"], false, true);
        Self::serve_tls(people, config, folder)
    }

    fn serve_tls(people: usize, config: rustls::ServerConfig, folder: tempfile::TempDir) -> Self {
        let (listener, address) = listen();
        let office = Arc::new(Mutex::new(office(people)));
        let app = router(&office).into_make_service();
        let server = tokio::spawn(async move {
            let tls = axum_server::tls_rustls::RustlsConfig::from_config(Arc::new(config));
            let served = axum_server::from_tcp_rustls(listener, tls)
                .unwrap()
                .serve(app)
                .await;
            drop(served);
        });
        Self {
            base: format!("https://localhost:{}", address.port()),
            office,
            server,
            certificates: Some(folder),
        }
    }

    /// The office, to change it or to look at what was asked.
    pub fn office(&self) -> MutexGuard<'_, Office> {
        self.office.lock().unwrap()
    }

    /// The user URL.
    pub fn users_url(&self) -> String {
        format!("{}/users", self.base)
    }

    /// The group URL.
    pub fn groups_url(&self) -> String {
        format!("{}/groups", self.base)
    }

    /// The token URL.
    pub fn token_url(&self) -> String {
        format!("{}/token", self.base)
    }

    /// One person's URL, `{key}` standing for the id.
    pub fn item_url(&self) -> String {
        format!("{}/users/{{key}}", self.base)
    }

    /// From the `from`th request to `path` (counted from the start) on, `times` requests
    /// get this fault.
    pub fn trap(&self, path: &'static str, from: usize, times: usize, fault: Fault) {
        self.office().traps.push(Trap {
            path,
            from,
            times,
            fault,
        });
    }

    /// Behaves again.
    pub fn forget_traps(&self) {
        self.office().traps.clear();
    }

    /// A file of the TLS service: `ca.pem`, `client.pem`, `client.key`.
    pub fn certificate_file(&self, name: &str) -> PathBuf {
        self.certificates.as_ref().unwrap().path().join(name)
    }
}

/// A person as the service records them.
pub fn person(number: usize) -> Value {
    json!({
        "id": number,
        "name": { "given": format!("Given{number}"), "family": format!("Family{number}") },
        "email": format!("person{number}@example.com"),
        "active": true,
    })
}

fn office(people: usize) -> Office {
    Office {
        users: (1..=people).map(person).collect(),
        groups: Vec::new(),
        pages: Pages::Next,
        page_size: 10,
        stated: None,
        no_total: false,
        marks: Marks::None,
        echoes_query: false,
        bytes_sent: 0,
        wants_token: false,
        token_uses: usize::MAX,
        requests: Vec::new(),
        traps: Vec::new(),
        token: 0,
        token_used: 0,
    }
}

fn listen() -> (TcpListener, SocketAddr) {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    listener.set_nonblocking(true).unwrap();
    let address = listener.local_addr().unwrap();
    (listener, address)
}

type Shared = Arc<Mutex<Office>>;

fn router(office: &Shared) -> Router {
    Router::new()
        .fallback(answer)
        .with_state(Arc::clone(office))
}

async fn answer(State(office): State<Shared>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let body = axum::body::to_bytes(body, REQUEST_BYTES_MAX).await.unwrap();
    let seen = Seen {
        method: parts.method.to_string(),
        path: parts.uri.path().to_owned(),
        query: query_of(&parts.uri),
        headers: parts.headers,
        body: String::from_utf8_lossy(&body).into_owned(),
    };
    let fault = {
        let mut office = office.lock().unwrap();
        office.requests.push(seen.clone());
        take_fault(&mut office, &seen.path)
    };
    let mut seen = seen;
    match fault {
        Some(Fault::Answer {
            status,
            headers,
            body,
        }) => return raw(status, &headers, body),
        Some(Fault::Silence) => return std::future::pending().await,
        Some(Fault::CutInBody) => return cut_in_body(),
        Some(Fault::FirstPageAgain) => seen.query.clear(),
        None => {}
    }
    let response = {
        let mut office = office.lock().unwrap();
        match seen.path.as_str() {
            "/token" => token(&mut office, &seen),
            _ if !may_read(&mut office, &seen) => StatusCode::UNAUTHORIZED.into_response(),
            "/users" => list(&office, &office.users, &seen),
            "/groups" => list(&office, &office.groups, &seen),
            path => match path.strip_prefix("/users/") {
                Some(key) => one(&office, &decoded(key)),
                None => StatusCode::NOT_FOUND.into_response(),
            },
        }
    };
    let (parts, body) = response.into_parts();
    let body = axum::body::to_bytes(body, usize::MAX).await.unwrap();
    marked(&mut office.lock().unwrap(), &seen, parts, body)
}

/// The answer with its mark, or 304 without a body.
fn marked(
    office: &mut Office,
    seen: &Seen,
    mut parts: axum::http::response::Parts,
    body: Bytes,
) -> Response {
    let page = seen.query.get("page").map_or(1, |n| n.parse().unwrap());
    let (mark, condition, value) = match &office.marks {
        Marks::Tags => ("etag", "if-none-match", tag_of(&body)),
        Marks::TagsExceptPage(number) if *number != page => {
            ("etag", "if-none-match", tag_of(&body))
        }
        Marks::Date(date) => ("last-modified", "if-modified-since", date.clone()),
        Marks::None | Marks::TagsExceptPage(_) => ("", "", String::new()),
    };
    let is_list = matches!(seen.path.as_str(), "/users" | "/groups");
    if !mark.is_empty() && is_list && parts.status == StatusCode::OK {
        let value = HeaderValue::from_str(&value).unwrap();
        let same = seen.headers.get(condition) == Some(&value);
        parts.headers.insert(mark, value);
        if same {
            let mut response = StatusCode::NOT_MODIFIED.into_response();
            let mark_again = parts.headers[mark].clone();
            response.headers_mut().insert(mark, mark_again);
            return response;
        }
    }
    office.bytes_sent += body.len();
    Response::from_parts(parts, Body::from(body))
}

fn tag_of(body: &[u8]) -> String {
    use std::hash::{Hash, Hasher};
    let mut hasher = std::hash::DefaultHasher::new();
    body.hash(&mut hasher);
    format!("\"{:x}\"", hasher.finish())
}

fn take_fault(office: &mut Office, path: &str) -> Option<Fault> {
    let count = office.requests_to(path);
    let trap = office
        .traps
        .iter_mut()
        .find(|trap| trap.path == path && count >= trap.from && trap.times > 0)?;
    trap.times -= 1;
    Some(trap.fault.clone())
}

fn raw(status: u16, headers: &[(&'static str, String)], body: Vec<u8>) -> Response {
    let mut response = Response::new(Body::from(body));
    *response.status_mut() = StatusCode::from_u16(status).unwrap();
    for (name, value) in headers {
        response
            .headers_mut()
            .append(*name, HeaderValue::from_str(value).unwrap());
    }
    response
}

fn cut_in_body() -> Response {
    let pieces = futures::stream::iter([
        Ok(Bytes::from_static(b"{\"data\": [{\"id\": 1}, ")),
        Err(std::io::Error::other("the cable was pulled")),
    ]);
    (
        [("content-type", "application/json")],
        Body::from_stream(pieces),
    )
        .into_response()
}

fn token(office: &mut Office, seen: &Seen) -> Response {
    use base64::Engine as _;
    // RFC 6749 §2.3.1: both are form-encoded before they are joined.
    let pair = base64::engine::general_purpose::STANDARD.encode("rollcall:s3cret+%26+more");
    let basic = seen
        .headers
        .get("authorization")
        .is_some_and(|value| value == &format!("Basic {pair}"));
    let form = form_of(&seen.body);
    let posted = form.get("client_id").is_some_and(|id| id == CLIENT_ID)
        && form
            .get("client_secret")
            .is_some_and(|s| s == CLIENT_SECRET);
    if form
        .get("grant_type")
        .is_none_or(|kind| kind != "client_credentials")
    {
        return error(StatusCode::BAD_REQUEST, "unsupported_grant_type");
    }
    if !basic && !posted {
        return error(StatusCode::UNAUTHORIZED, "invalid_client");
    }
    office.token += 1;
    office.token_used = 0;
    let answer = json!({
        "access_token": format!("token-{}", office.token),
        "token_type": "Bearer",
        "expires_in": 3600,
    });
    json_answer(&answer)
}

fn error(status: StatusCode, code: &str) -> Response {
    (status, json_answer(&json!({ "error": code }))).into_response()
}

fn may_read(office: &mut Office, seen: &Seen) -> bool {
    if !office.wants_token {
        return true;
    }
    office.token_used += 1;
    office.token_used <= office.token_uses
        && seen
            .headers
            .get("authorization")
            .is_some_and(|value| value == &format!("Bearer token-{}", office.token))
}

fn one(office: &Office, key: &str) -> Response {
    let found = office.users.iter().find(|user| text_of(&user["id"]) == key);
    match found {
        Some(user) => json_answer(&json!({ "data": user })),
        None => StatusCode::NOT_FOUND.into_response(),
    }
}

/// A text without its quotes, or a number.
fn text_of(value: &Value) -> String {
    value
        .as_str()
        .map_or_else(|| value.to_string(), str::to_owned)
}

/// The page of `all` that was asked for.
fn list(office: &Office, all: &[Value], seen: &Seen) -> Response {
    let body: Value = serde_json::from_str(&seen.body).unwrap_or_default();
    let number = |name: &str| -> Option<usize> {
        let posted = body[name].as_u64().and_then(|n| usize::try_from(n).ok());
        posted.or_else(|| seen.query.get(name)?.parse().ok())
    };
    let cursor = || {
        let text = body["cursor"].as_str().map(str::to_owned);
        text.or_else(|| seen.query.get("cursor").cloned())
            .and_then(|cursor| cursor.strip_prefix("after-")?.parse().ok())
    };
    let from = match office.pages {
        Pages::Bare | Pages::Whole | Pages::Lines => 0,
        Pages::Next | Pages::Link | Pages::Page | Pages::PageThenNoContent => {
            (number("page").unwrap_or(1) - 1) * office.page_size
        }
        Pages::Offset => number("offset").unwrap_or(0),
        Pages::Cursor => cursor().unwrap_or(0),
    };
    let size = match office.pages {
        Pages::Bare | Pages::Whole | Pages::Lines => usize::MAX,
        _ => office.page_size,
    };
    let items: Vec<&Value> = all.iter().skip(from).take(size).collect();
    let until = from + items.len();
    let more = until < all.len();
    let next_page = until / office.page_size + 1;
    let total = office.stated.unwrap_or(all.len() as u64);
    let mut response = match office.pages {
        Pages::Bare | Pages::Link => json_answer(&json!(items)),
        Pages::Lines => {
            let lines: Vec<String> = items.iter().map(|item| format!("{item}\n")).collect();
            let kind = [("content-type", "application/x-ndjson")];
            (kind, lines.concat()).into_response()
        }
        Pages::PageThenNoContent if items.is_empty() => StatusCode::NO_CONTENT.into_response(),
        Pages::Whole
        | Pages::Next
        | Pages::Page
        | Pages::PageThenNoContent
        | Pages::Offset
        | Pages::Cursor => {
            let mut meta = json!({});
            if !office.no_total {
                meta["total"] = json!(total);
            }
            if office.pages == Pages::Next {
                let mut next = format!("{}?page={next_page}", seen.path);
                // In one order, or the same page would have several tags.
                let others: std::collections::BTreeMap<_, _> = seen.query.iter().collect();
                let others = others.into_iter().filter(|(name, _)| *name != "page");
                for (name, value) in others.filter(|_| office.echoes_query) {
                    next.extend(["&", name, "=", value]);
                }
                meta["next"] = if more { json!(next) } else { Value::Null };
            }
            if office.pages == Pages::Cursor {
                let cursor = format!("after-{until}");
                meta["cursor"] = if more { json!(cursor) } else { Value::Null };
            }
            json_answer(&json!({ "data": items, "meta": meta }))
        }
    };
    let headers = response.headers_mut();
    if !office.no_total {
        headers.insert("x-total-count", HeaderValue::from(total));
    }
    if office.pages == Pages::Link && more {
        let link = format!(
            "<{path}?page=1>; rel=\"first\", <{path}?page={next_page}>; title=\"a, b\"; rel=\"next last\"",
            path = seen.path
        );
        headers.insert("link", HeaderValue::from_str(&link).unwrap());
    }
    response
}

fn json_answer(value: &Value) -> Response {
    ([("content-type", "application/json")], value.to_string()).into_response()
}

fn query_of(uri: &Uri) -> HashMap<String, String> {
    form_of(uri.query().unwrap_or_default())
}

fn form_of(text: &str) -> HashMap<String, String> {
    text.split('&')
        .filter_map(|pair| pair.split_once('='))
        .map(|(name, value)| (decoded(name), decoded(value)))
        .collect()
}

fn decoded(text: &str) -> String {
    let mut octets = Vec::new();
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        octets.push(match byte {
            b'+' => b' ',
            b'%' => {
                let pair = [rest.next().unwrap(), rest.next().unwrap()];
                u8::from_str_radix(std::str::from_utf8(&pair).unwrap(), 16).unwrap()
            }
            other => other,
        });
    }
    String::from_utf8(octets).unwrap()
}

/// Makes an authority, a server's and a client's certificate, and writes what a client
/// needs into `folder`.
fn tls_config(
    folder: &Path,
    names: &[&str],
    wants_client: bool,
    expired: bool,
) -> rustls::ServerConfig {
    use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
    use rustls::pki_types::PrivateKeyDer;

    let authority_key = KeyPair::generate().unwrap();
    let mut authority = CertificateParams::new(Vec::new()).unwrap();
    authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let authority_certificate = authority.self_signed(&authority_key).unwrap();
    let issuer = Issuer::new(authority, authority_key);
    let issue = |names: &[&str]| {
        let key = KeyPair::generate().unwrap();
        let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        let mut parameters = CertificateParams::new(names).unwrap();
        if expired {
            parameters.not_after = rcgen::date_time_ymd(2001, 1, 1);
        }
        let certificate = parameters.signed_by(&key, &issuer).unwrap();
        (certificate, key)
    };
    let (server, server_key) = issue(names);
    let (client, client_key) = issue(&["rollcall-client"]);
    std::fs::write(folder.join("ca.pem"), authority_certificate.pem()).unwrap();
    std::fs::write(folder.join("client.pem"), client.pem()).unwrap();
    std::fs::write(folder.join("client.key"), client_key.serialize_pem()).unwrap();

    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let builder = rustls::ServerConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .unwrap();
    let builder = if wants_client {
        let mut roots = rustls::RootCertStore::empty();
        roots.add(authority_certificate.der().clone()).unwrap();
        let verifier =
            rustls::server::WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider)
                .build()
                .unwrap();
        builder.with_client_cert_verifier(verifier)
    } else {
        builder.with_no_client_auth()
    };
    let key = PrivateKeyDer::try_from(server_key.serialize_der()).unwrap();
    builder
        .with_single_cert(vec![server.der().clone()], key)
        .unwrap()
}
