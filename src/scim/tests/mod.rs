//! The endpoint as a specification, request by request through the whole router. Every test
//! runs on both databases, real ones.

mod bulk;
mod discovery;
mod fuzz;
mod leaving;
mod lists;
mod patching;
mod protocol;
mod resources;
mod schemas;
mod tenants;

use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Body;
use axum::http::{HeaderMap, Method, Request, StatusCode};
use axum::middleware::map_request;
use http_body_util::BodyExt as _;
use rollcall_store::connections::NewToken;
use rollcall_store::ids::TenantId;
use rollcall_store::records::JournalQuery;
use rollcall_store::{Options, Store};
use serde_json::{Value as Json, json};
use time::OffsetDateTime;
use time::macros::datetime;
use tower::ServiceExt as _;

use super::report::Report;
use super::{Scim, tidy};
use crate::auth::connection::{Admission, Scope};
use crate::auth::{BearerToken, SCIM_READ};
use crate::config::{Config, Environment};
use crate::scim::Inspector;
use crate::sync::Moved;

const NOW: OffsetDateTime = datetime!(2026-03-01 12:10 UTC);
const USER: &str = "urn:ietf:params:scim:schemas:core:2.0:User";
const GROUP: &str = "urn:ietf:params:scim:schemas:core:2.0:Group";
const ENTERPRISE: &str = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";
const PATCH_OP: &str = "urn:ietf:params:scim:api:messages:2.0:PatchOp";
const ERROR: &str = "urn:ietf:params:scim:api:messages:2.0:Error";

/// Turns async functions of a [`World`] into a test for each database.
macro_rules! on_both {
    ($($(#[$meta:meta])* async fn $name:ident($world:ident: World) $body:block)*) => { $(
        mod $name {
            use super::*;

            $(#[$meta])*
            async fn check($world: World) $body

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn sqlite() {
                Box::pin(check(World::on_sqlite().await)).await;
            }

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn postgres() {
                Box::pin(check(World::on_postgres().await)).await;
            }
        }
    )* };
}
use on_both;

/// A service with the tenant `example`, and a connection that writes into it.
struct World {
    store: Store,
    tenant: TenantId,
    router: Router,
    clock: Arc<Moved>,
    token: String,
    _folder: Option<tempfile::TempDir>,
}

/// An answer, read to its end.
#[derive(Debug)]
struct Answer {
    status: StatusCode,
    headers: HeaderMap,
    body: Json,
    report: Option<Report>,
}

/// Tests ask faster than anybody.
const UNLIMITED: &str = "limits = { requests_per_second = 1000000, burst = 1000000 }";

/// With the tenant `example` and no source.
fn configuration() -> Arc<Config> {
    let path = std::path::Path::new("/nowhere/rollcall.toml");
    let config = Config::parse(
        &format!("[tenants.example]\n{UNLIMITED}\n"),
        path,
        &Environment::default(),
    );
    Arc::new(config.unwrap())
}

impl World {
    async fn on_sqlite() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let url = format!("sqlite:{}", folder.path().join("store.db").display());
        Self::at(&url, Some(folder)).await
    }

    async fn on_postgres() -> Self {
        let made =
            tokio::task::spawn_blocking(|| crate::test_postgres::Postgres::shared().database());
        Self::at(&made.await.unwrap(), None).await
    }

    async fn at(url: &str, folder: Option<tempfile::TempDir>) -> Self {
        let store = Store::open(url, &Options::default()).await.unwrap();
        let tenant = store.ensure_tenant("example").await.unwrap().id;
        let clock = Arc::new(Moved(Mutex::new(NOW)));
        let scim = Scim::new(
            store.clone(),
            clock.clone(),
            "https://id.example.org/",
            Admission::new(store.clone(), clock.clone(), configuration()),
            Inspector::new(store.clone()).0,
        );
        let mut world = Self {
            router: Router::new()
                .fallback_service(scim.router())
                .layer(map_request(tidy)),
            store,
            tenant,
            clock,
            token: String::new(),
            _folder: folder,
        };
        world.token = world.connection("okta", "generic").await;
        world
    }

    /// A new connection: its token.
    async fn connection(&self, name: &str, profile: &str) -> String {
        self.connection_of(self.tenant, name, profile).await
    }

    async fn connection_of(&self, tenant: TenantId, name: &str, profile: &str) -> String {
        let settings = format!("profile = \"{profile}\"\n{UNLIMITED}");
        let made = self.store.create_connection(tenant, name, &settings, NOW);
        let source = made.await.unwrap();
        let token = BearerToken::for_connection(&mut rand::rng());
        let new = NewToken {
            lookup: token.lookup(),
            hash: token.hash(),
            scope: Scope::Write.as_str().to_owned(),
            addresses: String::new(),
            expires: None,
        };
        let added = self.store.add_connection_token(source, &new, None, NOW);
        added.await.unwrap();
        token.reveal().to_owned()
    }

    async fn token_of(&self, tenant: TenantId, name: &str, scope: &str) -> String {
        let token = BearerToken::generate(&mut rand::rng());
        self.store
            .create_token(tenant, name, token.hash(), scope, None, NOW)
            .await
            .unwrap();
        token.reveal().to_owned()
    }

    /// The number of the tenant's last journal line.
    async fn journal_end(&self) -> Option<i64> {
        let query = JournalQuery {
            newest_first: true,
            limit: 1,
            ..JournalQuery::default()
        };
        let lines = self.store.journal(self.tenant, &query).await.unwrap();
        lines.first().map(|line| line.seq)
    }

    fn pass(&self, time: time::Duration) {
        *self.clock.0.lock().unwrap() += time;
    }

    /// A request of the connection; `path` goes on behind the base URL.
    async fn send(&self, method: &str, path: &str, body: Option<&Json>) -> Answer {
        self.send_with(method, path, &[], body).await
    }

    async fn send_with(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: Option<&Json>,
    ) -> Answer {
        let bearer = format!("Bearer {}", self.token);
        let mut all = vec![("authorization", bearer.as_str())];
        if body.is_some() && !headers.iter().any(|(name, _)| *name == "content-type") {
            all.push(("content-type", "application/scim+json"));
        }
        all.extend(headers);
        let body = body.map_or_else(Vec::new, |body| body.to_string().into_bytes());
        self.raw(method, &format!("/scim/v2{path}"), &all, body)
            .await
    }

    /// A request as it stands.
    async fn raw(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: Vec<u8>,
    ) -> Answer {
        let mut request = Request::builder()
            .method(Method::from_bytes(method.as_bytes()).unwrap())
            .uri(path);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = request.body(Body::from(body)).unwrap();
        let response = self.router.clone().oneshot(request).await.unwrap();
        let (parts, body) = response.into_parts();
        let bytes = body.collect().await.unwrap().to_bytes();
        let body = if bytes.is_empty() {
            Json::Null
        } else {
            assert_eq!(parts.headers["content-type"], "application/scim+json");
            serde_json::from_slice(&bytes).unwrap()
        };
        Answer {
            status: parts.status,
            headers: parts.headers,
            body,
            report: parts.extensions.get::<Report>().cloned(),
        }
    }

    async fn get(&self, path: &str) -> Answer {
        self.send("GET", path, None).await
    }

    async fn post(&self, path: &str, body: Json) -> Answer {
        self.send("POST", path, Some(&body)).await
    }

    /// A new user: its id.
    async fn user(&self, attributes: Json) -> String {
        let answer = self.post("/Users", with_schema(USER, attributes)).await;
        answer.is(201).id()
    }

    /// A new group: its id.
    async fn group(&self, name: &str, members: &[&str]) -> String {
        let members: Vec<Json> = members.iter().map(|id| json!({ "value": id })).collect();
        let body = json!({ "displayName": name, "members": members });
        let answer = self.post("/Groups", with_schema(GROUP, body)).await;
        answer.is(201).id()
    }

    async fn patch(&self, path: &str, operations: Json) -> Answer {
        let body = json!({ "schemas": [PATCH_OP], "Operations": operations });
        self.send("PATCH", path, Some(&body)).await
    }

    /// The names of a list of users, in its order.
    async fn names(&self, path: &str) -> Vec<String> {
        let answer = self.get(path).await.is(200);
        let resources = answer.body["Resources"].as_array().unwrap().clone();
        resources
            .iter()
            .map(|user| user["userName"].as_str().unwrap_or("?").to_owned())
            .collect()
    }

    /// The ids of a group's members.
    async fn members(&self, group: &str) -> Vec<String> {
        let answer = self.get(&format!("/Groups/{group}")).await.is(200);
        let members = answer.body["members"].as_array().cloned();
        let ids = members.unwrap_or_default();
        ids.iter()
            .map(|member| member["value"].as_str().unwrap().to_owned())
            .collect()
    }
}

impl Answer {
    /// Fails the test unless this is the status.
    #[track_caller]
    fn is(self, status: u16) -> Self {
        assert_eq!(self.status.as_u16(), status, "{}", self.body);
        self
    }

    /// Fails the test unless it is a SCIM error of this status and type; `""`: of none.
    #[track_caller]
    fn refuses(self, status: u16, scim_type: &str) -> Self {
        assert_eq!(self.status.as_u16(), status, "{}", self.body);
        assert_eq!(self.body["schemas"], json!([ERROR]));
        assert_eq!(self.body["status"], status.to_string());
        assert_eq!(self.body["scimType"].as_str().unwrap_or(""), scim_type);
        assert!(self.body["detail"].is_string());
        self
    }

    fn id(&self) -> String {
        self.body["id"].as_str().unwrap().to_owned()
    }

    fn tag(&self) -> String {
        self.headers["etag"].to_str().unwrap().to_owned()
    }
}

fn with_schema(urn: &str, mut attributes: Json) -> Json {
    attributes["schemas"] = json!([urn]);
    attributes
}

/// A text as it stands in a URL.
fn encoded(text: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
    text.bytes()
        .map(|byte| {
            if plain(byte) {
                char::from(byte).to_string()
            } else {
                format!("%{byte:02X}")
            }
        })
        .collect()
}
