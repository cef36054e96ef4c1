//! The demo's HR service: a small HTTP server on a free loopback port, with a token URL
//! (OAuth 2.0 client credentials), a user URL and a group URL that answer in pages. People
//! can be made to leave it, and to come back.

use std::collections::{BTreeSet, HashMap};
use std::io;
use std::net::Ipv4Addr;
use std::sync::{Arc, PoisonError, RwLock};

use axum::Router;
use axum::extract::{Path, RawQuery, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use serde_json::{Value as Json, json};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use super::groups::of_hr;
use super::people::{Company, Person};

/// Items of a page.
const PAGE_ITEMS: usize = 200;
/// How long a token is said to last. The service itself does not outlive it.
const TOKEN_SECONDS: u32 = 3_600;
/// Largest form that is read.
const FORM_BYTES_MAX: usize = 8 * 1024;

/// A running service. It stops when it is dropped.
#[derive(Debug)]
pub(crate) struct HrService {
    office: Arc<Office>,
    server: JoinHandle<()>,
}

/// What the service knows.
struct Office {
    base: String,
    client_secret: String,
    token: String,
    users: Vec<Json>,
    groups: Vec<Json>,
    /// Ids of those who have left.
    gone: RwLock<BTreeSet<String>>,
}

/// Without the secret and the token.
impl std::fmt::Debug for Office {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Office")
            .field("base", &self.base)
            .field("users", &self.users.len())
            .field("groups", &self.groups.len())
            .finish_non_exhaustive()
    }
}

impl HrService {
    /// The one client that the service knows.
    pub(crate) const CLIENT_ID: &'static str = "rollcall-demo";

    /// Starts the service. `secret` makes the client secret and the access token, which
    /// are hashes of it.
    ///
    /// # Errors
    /// No port can be opened.
    #[expect(
        clippy::disallowed_methods,
        reason = "the handle is kept and ended with the service"
    )]
    pub(crate) async fn start(company: &Company, secret: [u8; 32]) -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let address = listener.local_addr()?;
        let derived = |what: &str| {
            let hash = blake3::keyed_hash(&secret, what.as_bytes());
            URL_SAFE_NO_PAD.encode(hash.as_bytes())
        };
        let groups = of_hr(company).into_iter().map(|group| {
            let members: Vec<String> = group.members.iter().map(|p| p.hr_id()).collect();
            json!({ "id": group.id, "name": group.name, "members": members })
        });
        let office = Arc::new(Office {
            base: format!("http://{address}"),
            client_secret: derived("client secret"),
            token: derived("access token"),
            users: company.in_hr().map(user).collect(),
            groups: groups.collect(),
            gone: RwLock::default(),
        });
        let app = router(&office);
        let server = tokio::spawn(async move {
            if let Err(error) = axum::serve(listener, app).await {
                tracing::error!(%error, "the demo's HR service stopped");
            }
        });
        Ok(Self { office, server })
    }

    /// These people are no longer listed, as if HR had deleted their records.
    pub(crate) fn leave<I: IntoIterator<Item: Into<String>>>(&self, ids: I) {
        let mut gone = self
            .office
            .gone
            .write()
            .unwrap_or_else(PoisonError::into_inner);
        gone.extend(ids.into_iter().map(Into::into));
    }

    /// Everybody who left is listed again.
    pub(crate) fn return_everybody(&self) {
        let mut gone = self
            .office
            .gone
            .write()
            .unwrap_or_else(PoisonError::into_inner);
        gone.clear();
    }

    pub(crate) fn client_secret(&self) -> &str {
        &self.office.client_secret
    }

    pub(crate) fn token_url(&self) -> String {
        format!("{}/oauth/token", self.office.base)
    }

    pub(crate) fn users_url(&self) -> String {
        format!("{}{USERS}", self.office.base)
    }

    pub(crate) fn groups_url(&self) -> String {
        format!("{}{GROUPS}", self.office.base)
    }
}

impl Drop for HrService {
    fn drop(&mut self) {
        self.server.abort();
    }
}

const USERS: &str = "/api/users";
const GROUPS: &str = "/api/groups";

fn router(office: &Arc<Office>) -> Router {
    Router::new()
        .route("/oauth/token", post(token))
        .route(USERS, get(users))
        .route("/api/users/{id}", get(one_user))
        .route(GROUPS, get(groups))
        .route("/api/groups/{id}", get(one_group))
        .layer(axum::extract::DefaultBodyLimit::max(FORM_BYTES_MAX))
        .with_state(Arc::clone(office))
}

/// A person as the service records them.
fn user(person: &Person) -> Json {
    json!({
        "id": person.hr_id(),
        "login": person.login,
        "email": person.email(),
        "name": {
            "given": person.given,
            "family": person.family,
            "display": person.display,
        },
        "title": person.title,
        "department": person.department.name,
        "cost_center": person.department.cost_center,
        "manager_id": person.manager.map(|number| number.to_string()),
        "status": if person.terminated { "terminated" } else { "active" },
        "contract_end": person.contract_end.map(|date| date.to_string()),
        "phones": [{ "type": "work", "number": person.phone }],
        "locale": person.locale,
    })
}

/// RFC 6749 §4.4, with the client's secret in a header or in the form (§2.3.1).
async fn token(State(office): State<Arc<Office>>, headers: HeaderMap, form: String) -> Response {
    let refused = |status: StatusCode, code: &str| {
        (status, axum::Json(json!({ "error": code }))).into_response()
    };
    let form = pairs(&form);
    if form
        .get("grant_type")
        .is_none_or(|kind| kind != "client_credentials")
    {
        return refused(StatusCode::BAD_REQUEST, "unsupported_grant_type");
    }
    if !office.knows_client(&headers, &form) {
        return refused(StatusCode::UNAUTHORIZED, "invalid_client");
    }
    axum::Json(json!({
        "access_token": office.token,
        "token_type": "Bearer",
        "expires_in": TOKEN_SECONDS,
    }))
    .into_response()
}

async fn users(
    State(office): State<Arc<Office>>,
    headers: HeaderMap,
    RawQuery(query): RawQuery,
) -> Response {
    office.page(&headers, query.as_deref(), USERS, office.present_users())
}

async fn groups(
    State(office): State<Arc<Office>>,
    headers: HeaderMap,
    RawQuery(query): RawQuery,
) -> Response {
    office.page(&headers, query.as_deref(), GROUPS, office.present_groups())
}

async fn one_user(
    State(office): State<Arc<Office>>,
    headers: HeaderMap,
    Path(id): Path<String>,
) -> Response {
    office.one(&headers, &id, office.present_users())
}

async fn one_group(
    State(office): State<Arc<Office>>,
    headers: HeaderMap,
    Path(id): Path<String>,
) -> Response {
    office.one(&headers, &id, office.present_groups())
}

impl Office {
    fn knows_client(&self, headers: &HeaderMap, form: &HashMap<String, String>) -> bool {
        let basic = format!("{}:{}", HrService::CLIENT_ID, self.client_secret);
        let basic = format!("Basic {}", STANDARD.encode(basic));
        let in_header = authorization(headers) == Some(basic.as_str());
        let in_form = form
            .get("client_id")
            .is_some_and(|id| id == HrService::CLIENT_ID)
            && form.get("client_secret") == Some(&self.client_secret);
        in_header || in_form
    }

    fn may_read(&self, headers: &HeaderMap) -> bool {
        authorization(headers).and_then(|value| value.strip_prefix("Bearer "))
            == Some(self.token.as_str())
    }

    fn present_users(&self) -> Vec<Json> {
        let gone = self.gone.read().unwrap_or_else(PoisonError::into_inner);
        let here = |user: &&Json| user.get("id").is_none_or(|id| !is_one_of(id, &gone));
        self.users.iter().filter(here).cloned().collect()
    }

    /// Groups without the members who have left.
    fn present_groups(&self) -> Vec<Json> {
        let gone = self.gone.read().unwrap_or_else(PoisonError::into_inner);
        let mut groups = self.groups.clone();
        for group in &mut groups {
            if let Some(Json::Array(members)) = group.get_mut("members") {
                members.retain(|member| !is_one_of(member, &gone));
            }
        }
        groups
    }

    fn page(
        &self,
        headers: &HeaderMap,
        query: Option<&str>,
        path: &str,
        all: Vec<Json>,
    ) -> Response {
        if !self.may_read(headers) {
            return unauthorized();
        }
        let query = pairs(query.unwrap_or_default());
        let number = match query
            .get("page")
            .map_or(Ok(1), |text| text.parse::<usize>())
        {
            Ok(number) if number >= 1 => number,
            _ => return StatusCode::BAD_REQUEST.into_response(),
        };
        let total = all.len();
        let from = (number - 1).saturating_mul(PAGE_ITEMS);
        let items: Vec<Json> = all.into_iter().skip(from).take(PAGE_ITEMS).collect();
        let more = from.saturating_add(items.len()) < total && !items.is_empty();
        let next = more.then(|| format!("{}{path}?page={}", self.base, number + 1));
        axum::Json(json!({ "data": items, "meta": { "total": total, "next": next } }))
            .into_response()
    }

    fn one(&self, headers: &HeaderMap, id: &str, all: Vec<Json>) -> Response {
        if !self.may_read(headers) {
            return unauthorized();
        }
        match all
            .into_iter()
            .find(|item| item.get("id").is_some_and(|found| found == id))
        {
            Some(item) => axum::Json(json!({ "data": item })).into_response(),
            None => StatusCode::NOT_FOUND.into_response(),
        }
    }
}

fn is_one_of(id: &Json, ids: &BTreeSet<String>) -> bool {
    id.as_str().is_some_and(|id| ids.contains(id))
}

fn authorization(headers: &HeaderMap) -> Option<&str> {
    headers.get(header::AUTHORIZATION)?.to_str().ok()
}

fn unauthorized() -> Response {
    let challenge = [(header::WWW_AUTHENTICATE, "Bearer")];
    (StatusCode::UNAUTHORIZED, challenge).into_response()
}

/// The pairs of a query or form. Nothing that this service is sent needs decoding: its own
/// secret and names are plain.
fn pairs(text: &str) -> HashMap<String, String> {
    text.split('&')
        .filter_map(|pair| pair.split_once('='))
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect()
}
