//! A small SCIM 2.0 service for tests, on a free port of loopback: lists by index and by
//! cursor, single resources, what it says about itself. What happens at a certain request
//! can be scripted: somebody leaves, an answer is another. It depends on no crate of
//! Rollcall, so that what it shows is the outside.

#![allow(
    clippy::allow_attributes,
    dead_code,
    unreachable_pub,
    reason = "each test binary that includes this file uses its own part of it"
)]

use std::collections::HashMap;
use std::fmt;
use std::net::{Ipv4Addr, TcpListener};
use std::sync::{Arc, Mutex, MutexGuard};

use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, StatusCode, Uri};
use axum::response::Response;
use serde_json::{Value, json};

/// The largest request body, in bytes.
const REQUEST_BYTES_MAX: usize = 1024 * 1024;

/// A request that came.
#[derive(Debug, Clone)]
pub struct Seen {
    /// The path, without the base.
    pub path: String,
    /// The decoded query.
    pub query: HashMap<String, String>,
    /// The headers.
    pub headers: HeaderMap,
}

/// An answer that is not what the service would say.
#[derive(Debug, Clone)]
pub struct Answer {
    /// The status.
    pub status: u16,
    /// Headers.
    pub headers: Vec<(&'static str, String)>,
    /// The body.
    pub body: String,
}

impl Answer {
    /// A status without a body.
    pub fn status(status: u16) -> Self {
        Self {
            status,
            headers: Vec::new(),
            body: String::new(),
        }
    }

    /// SCIM's JSON.
    pub fn json(status: u16, body: &Value) -> Self {
        Self::of(status, "application/scim+json", &body.to_string())
    }

    /// An error of RFC 7644 §3.12.
    pub fn error(status: u16, scim_type: &str) -> Self {
        let body = json!({
            "schemas": ["urn:ietf:params:scim:api:messages:2.0:Error"],
            "status": status.to_string(), "scimType": scim_type, "detail": "SECRET-DETAIL",
        });
        Self::json(status, &body)
    }

    /// Any type.
    pub fn of(status: u16, content_type: &str, body: &str) -> Self {
        Self {
            status,
            headers: vec![("content-type", content_type.to_owned())],
            body: body.to_owned(),
        }
    }
}

type Script = Box<dyn FnMut(&mut Directory) -> Option<Answer> + Send>;

/// What happens at a request.
struct Happening {
    path: &'static str,
    /// The request to this path, from 1, and all after it.
    from: usize,
    times: usize,
    script: Script,
}

impl fmt::Debug for Happening {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.path)
    }
}

/// Where groups have their members.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ShowsMembers {
    /// In lists and alone.
    Always,
    /// Only in a group that is asked for by itself.
    Alone,
    /// Nowhere.
    Never,
}

/// What the service holds and how it behaves; change it while the service runs.
#[derive(Debug)]
pub struct Directory {
    /// The people, in the service's own order.
    pub users: Vec<Value>,
    /// The groups.
    pub groups: Vec<Value>,
    /// `/ServiceProviderConfig`; `None`: 404.
    pub config: Option<Value>,
    /// The schemas; `None`: 404.
    pub schemas: Option<Vec<Value>>,
    /// The most resources on a page, whatever is asked for.
    pub page_max: usize,
    /// The total that is stated, instead of the true one.
    pub stated: Option<Value>,
    /// Leave the total out.
    pub no_total: bool,
    /// Turn no pages: every page is the first.
    pub ignores_pages: bool,
    /// Where groups have their members.
    pub shows_members: ShowsMembers,
    /// The token that requests must bring.
    pub token: Option<String>,
    /// Every request so far.
    pub requests: Vec<Seen>,
    happenings: Vec<Happening>,
}

impl Directory {
    /// Requests so far to a path.
    pub fn requests_to(&self, path: &str) -> usize {
        self.requests
            .iter()
            .filter(|seen| seen.path == path)
            .count()
    }

    /// Takes somebody out.
    pub fn remove(&mut self, id: &str) {
        self.users.retain(|user| user["id"] != id);
    }
}

/// The running service; it ends when this is dropped.
#[derive(Debug)]
pub struct ScimService {
    /// `http://127.0.0.1:PORT/scim/v2`
    pub base: String,
    directory: Arc<Mutex<Directory>>,
    server: tokio::task::JoinHandle<()>,
}

impl Drop for ScimService {
    fn drop(&mut self) {
        self.server.abort();
    }
}

impl ScimService {
    /// Starts it with this many people, no groups, sorting and pages by index.
    pub fn start(people: usize) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        listener.set_nonblocking(true).unwrap();
        let address = listener.local_addr().unwrap();
        let directory = Arc::new(Mutex::new(Directory {
            users: (1..=people).map(person).collect(),
            groups: Vec::new(),
            config: Some(json!({ "sort": { "supported": true }, "filter": { "supported": true } })),
            schemas: None,
            page_max: 1000,
            stated: None,
            no_total: false,
            ignores_pages: false,
            shows_members: ShowsMembers::Always,
            token: None,
            requests: Vec::new(),
            happenings: Vec::new(),
        }));
        let app = Router::new()
            .fallback(answer)
            .with_state(directory.clone())
            .into_make_service();
        let server = tokio::spawn(async move {
            let served = axum_server::from_tcp(listener).unwrap().serve(app).await;
            drop(served);
        });
        Self {
            base: format!("http://{address}/scim/v2"),
            directory,
            server,
        }
    }

    /// The directory, to change it or to look at what was asked.
    pub fn directory(&self) -> MutexGuard<'_, Directory> {
        self.directory.lock().unwrap()
    }

    /// At the `nth` request to `path` (counted from now), before it is answered.
    pub fn at(
        &self,
        path: &'static str,
        nth: usize,
        mut script: impl FnMut(&mut Directory) + Send + 'static,
    ) {
        let script = Box::new(move |directory: &mut Directory| {
            script(directory);
            None
        });
        self.happens(path, nth, 1, script);
    }

    /// From the `nth` request to `path` (counted from now) on, `times` requests get this
    /// answer.
    pub fn answers(&self, path: &'static str, nth: usize, times: usize, answer: Answer) {
        self.happens(path, nth, times, Box::new(move |_| Some(answer.clone())));
    }

    fn happens(&self, path: &'static str, nth: usize, times: usize, script: Script) {
        let mut directory = self.directory();
        let from = directory.requests_to(path) + nth;
        directory.happenings.push(Happening {
            path,
            from,
            times,
            script,
        });
    }

    /// Nothing of it happens any more.
    pub fn forget(&self) {
        self.directory().happenings.clear();
    }
}

/// A person as the service has them.
pub fn person(number: usize) -> Value {
    json!({
        "schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"],
        "id": format!("u{number:04}"),
        "userName": format!("user{number}"),
        "name": { "givenName": format!("Given{number}"), "familyName": format!("Family{number}") },
        "emails": [{ "value": format!("user{number}@example.org"), "type": "work" }],
        "active": true,
    })
}

/// A group of people.
pub fn group(id: &str, members: &[usize]) -> Value {
    let members: Vec<Value> = members
        .iter()
        .map(|number| json!({ "value": format!("u{number:04}"), "type": "User" }))
        .collect();
    json!({
        "schemas": ["urn:ietf:params:scim:schemas:core:2.0:Group"],
        "id": id,
        "displayName": format!("Group {id}"),
        "members": members,
    })
}

async fn answer(State(directory): State<Arc<Mutex<Directory>>>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    drop(axum::body::to_bytes(body, REQUEST_BYTES_MAX).await);
    let path = parts.uri.path().to_owned();
    let path = path.strip_prefix("/scim/v2").unwrap_or(&path).to_owned();
    let seen = Seen {
        query: query(&parts.uri),
        path,
        headers: parts.headers,
    };
    let mut directory = directory.lock().unwrap();
    directory.requests.push(seen.clone());
    let answer = scripted(&mut directory, &seen.path).unwrap_or_else(|| usual(&directory, &seen));
    let mut response = Response::new(Body::from(answer.body));
    *response.status_mut() = StatusCode::from_u16(answer.status).unwrap();
    for (name, value) in answer.headers {
        response.headers_mut().insert(name, value.parse().unwrap());
    }
    response
}

fn scripted(directory: &mut Directory, path: &str) -> Option<Answer> {
    let number = directory.requests_to(path);
    let mut happenings = std::mem::take(&mut directory.happenings);
    let mut answer = None;
    for happening in &mut happenings {
        let due = happening.path == path
            && number >= happening.from
            && number - happening.from < happening.times;
        if due {
            answer = (happening.script)(directory).or(answer);
        }
    }
    directory.happenings = happenings;
    answer
}

fn usual(directory: &Directory, seen: &Seen) -> Answer {
    let token = directory
        .token
        .as_ref()
        .map(|token| format!("Bearer {token}"));
    let brought = seen.headers.get("authorization");
    if token.is_some() && brought.and_then(|value| value.to_str().ok()) != token.as_deref() {
        return Answer::error(401, "");
    }
    let mut segments = seen.path.trim_matches('/').split('/');
    match (segments.next(), segments.next()) {
        (Some("ServiceProviderConfig"), None) => match &directory.config {
            Some(config) => Answer::json(200, config),
            None => Answer::error(404, ""),
        },
        (Some("Schemas"), None) => match &directory.schemas {
            Some(schemas) => Answer::json(
                200,
                &json!({ "totalResults": schemas.len(), "Resources": schemas }),
            ),
            None => Answer::error(404, ""),
        },
        (Some("Users"), None) => list(directory, seen, &directory.users),
        (Some("Groups"), None) => {
            let mut groups = directory.groups.clone();
            if directory.shows_members != ShowsMembers::Always {
                groups.iter_mut().for_each(without_members);
            }
            list(directory, seen, &groups)
        }
        (Some("Users"), Some(id)) => one(&directory.users, id, false),
        (Some("Groups"), Some(id)) => {
            let bare = directory.shows_members == ShowsMembers::Never;
            one(&directory.groups, id, bare)
        }
        _ => Answer::error(404, ""),
    }
}

fn without_members(group: &mut Value) {
    group.as_object_mut().unwrap().remove("members");
}

fn one(resources: &[Value], id: &str, bare: bool) -> Answer {
    let found = resources.iter().find(|resource| resource["id"] == id);
    match found.cloned() {
        Some(mut resource) => {
            if bare {
                without_members(&mut resource);
            }
            Answer::json(200, &resource)
        }
        None => Answer::error(404, ""),
    }
}

fn list(directory: &Directory, seen: &Seen, all: &[Value]) -> Answer {
    let mut all: Vec<&Value> = all
        .iter()
        .filter(|resource| passes(seen, resource))
        .collect();
    if let Some(attribute) = seen.query.get("sortBy") {
        all.sort_by_key(|resource| resource[attribute].to_string());
    }
    let number = |name: &str| {
        seen.query
            .get(name)
            .and_then(|text| text.parse::<usize>().ok())
    };
    let cursor = seen.query.get("cursor");
    let start = match cursor {
        _ if directory.ignores_pages => 0,
        Some(cursor) => cursor.trim_start_matches("after-").parse().unwrap_or(0),
        None => number("startIndex").unwrap_or(1).max(1) - 1,
    };
    let count = number("count").unwrap_or(100).min(directory.page_max);
    let page: Vec<&Value> = all.iter().skip(start).take(count).copied().collect();
    let mut body = json!({
        "schemas": ["urn:ietf:params:scim:api:messages:2.0:ListResponse"],
        "itemsPerPage": page.len(),
        "Resources": page,
    });
    if !directory.no_total {
        body["totalResults"] = directory.stated.clone().unwrap_or(json!(all.len()));
    }
    if cursor.is_some() && start + page.len() < all.len() {
        body["nextCursor"] = json!(format!("after-{}", start + page.len()));
    }
    Answer::json(200, &body)
}

/// `attribute eq "value"` is all that this service filters by.
fn passes(seen: &Seen, resource: &Value) -> bool {
    let Some(filter) = seen.query.get("filter") else {
        return true;
    };
    let (attribute, value) = filter.split_once(" eq ").unwrap();
    resource[attribute] == value.trim_matches('"')
}

fn query(uri: &Uri) -> HashMap<String, String> {
    let url = format!("http://localhost/?{}", uri.query().unwrap_or_default());
    reqwest::Url::parse(&url)
        .unwrap()
        .query_pairs()
        .into_owned()
        .collect()
}
