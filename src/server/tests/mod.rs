//! The HTTP side over real connections, before a real store.

mod access;
mod operating;
mod reading;

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use reqwest::{Client, RequestBuilder, Response, StatusCode};
use rollcall_directory::contribution::Contribution;
use rollcall_directory::entry::{EntryKey, Kind, Locator};
use rollcall_directory::fingerprint::Fingerprint;
use rollcall_store::ids::{LinkId, ResourceId, SourceId, TenantId};
use rollcall_store::records::{Actor, Link, Presence, RunKind};
use rollcall_store::writes::{Step, Write};
use rollcall_store::{IdKind, Options, Store};
use serde_json::{Value as Json, json};
use tempfile::TempDir;
use time::OffsetDateTime;
use time::macros::datetime;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::{Server, ServerError, Settings, TlsFiles};
use crate::auth::{BearerToken, SCIM_READ};
use crate::config::{Config, Environment};
use crate::sync::Clock;

const NOW: OffsetDateTime = datetime!(2026-07-01 12:00 UTC);

/// For requests that go on when a server is told to stop.
const GRACE: Duration = Duration::from_secs(30);

const ENTERPRISE: &str = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";

/// It is always the same moment.
#[derive(Debug)]
struct Still;

impl Clock for Still {
    fn now(&self) -> OffsetDateTime {
        NOW
    }
}

/// With the tenant `example` and no source.
fn configuration() -> Arc<Config> {
    let path = std::path::Path::new("/nowhere/rollcall.toml");
    let config = Config::parse("[tenants.example]\n", path, &Environment::default());
    Arc::new(config.unwrap())
}

/// A directory, served.
struct Served {
    _folder: TempDir,
    store: Store,
    tenant: TenantId,
    source: SourceId,
    token: BearerToken,
    base: String,
    client: Client,
    stop: CancellationToken,
    running: tokio::task::JoinHandle<Result<(), ServerError>>,
}

impl Served {
    /// Plain, with the tenant `example` and nobody in it.
    async fn empty() -> Self {
        Self::with_tls(None).await
    }

    async fn with_tls(tls: Option<(TlsFiles, reqwest::Certificate)>) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let url = format!("sqlite:{}", folder.path().join("rollcall.db").display());
        let store = Store::open(&url, &Options::default()).await.unwrap();
        let tenant = store.ensure_tenant("example").await.unwrap().id;
        let source = store.ensure_source(tenant, "hr", "http").await.unwrap().id;
        let mut client = Client::builder().no_proxy();
        let mut scheme = "http";
        let mut files = None;
        if let Some((these, certificate)) = tls {
            scheme = "https";
            client = client.tls_certs_only([certificate]);
            files = Some(these);
        }
        let settings = Settings {
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
            public_url: "https://id.example.org/".to_owned(),
            tls: files,
            metrics_listen: None,
            shutdown_grace: GRACE,
        };
        let bound = Server::new(store.clone(), Arc::new(Still), configuration(), settings)
            .bind()
            .unwrap();
        let base = format!("{scheme}://localhost:{}", bound.addresses()[0].port());
        let stop = CancellationToken::new();
        let running = tokio::spawn(bound.run(stop.clone()));
        let mut served = Self {
            _folder: folder,
            store,
            tenant,
            source,
            token: BearerToken::generate(&mut rand::rng()),
            base,
            client: client.build().unwrap(),
            stop,
            running,
        };
        served.token = served.new_token(tenant, "test", SCIM_READ, None).await;
        served
    }

    async fn new_token(
        &self,
        tenant: TenantId,
        name: &str,
        scope: &str,
        expires: Option<OffsetDateTime>,
    ) -> BearerToken {
        let token = BearerToken::generate(&mut rand::rng());
        self.store
            .create_token(tenant, name, token.hash(), scope, expires, NOW)
            .await
            .unwrap();
        token
    }

    /// A request with the token.
    fn get(&self, path: &str) -> RequestBuilder {
        self.bare(path).bearer_auth(self.token.reveal())
    }

    /// The same, with a filter.
    fn find(&self, path: &str, filter: &str) -> RequestBuilder {
        let url = format!("{}{path}", self.base);
        let url = reqwest::Url::parse_with_params(&url, [("filter", filter)]).unwrap();
        self.client.get(url).bearer_auth(self.token.reveal())
    }

    /// A request without one.
    fn bare(&self, path: &str) -> RequestBuilder {
        self.client.get(format!("{}{path}", self.base))
    }

    /// The JSON of a good answer.
    async fn json(&self, path: &str) -> Json {
        let response = self.get(path).send().await.unwrap();
        assert_eq!(response.status(), StatusCode::OK, "{path}");
        assert_eq!(response.headers()["content-type"], "application/scim+json");
        body(response).await
    }

    /// A resource as a source would have made it.
    async fn make(&self, kind: Kind, document: Json) -> (ResourceId, Uuid) {
        let one = |ids: std::ops::Range<i64>| ids.start;
        let resource = self.store.reserve_ids(IdKind::Resource, 1).await.unwrap();
        let link = self.store.reserve_ids(IdKind::Link, 1).await.unwrap();
        let (resource, link) = (ResourceId(one(resource)), LinkId(one(link)));
        let fingerprint = Fingerprint::of(b"settings");
        let run = self
            .store
            .start_run(self.source, RunKind::Sync, fingerprint, None, NOW)
            .await
            .unwrap();
        let uuid = Uuid::from_u128(
            0x0190_0000_0000_7000_8000_0000_0000_0000 + u128::try_from(resource.0).unwrap(),
        );
        self.commit(Write::Create {
            resource,
            uuid,
            kind,
            document: serde_json::from_value(document).unwrap(),
            link: Box::new(Link {
                id: link,
                source: self.source,
                kind,
                key: EntryKey::new(&resource.to_string()).unwrap(),
                locator: Locator::Line(1),
                resource,
                fingerprint,
                mapping: fingerprint,
                contribution: Contribution::default(),
                presence: Presence::Present,
                gone_since: None,
                missed_reads: 0,
                run,
            }),
        })
        .await;
        (resource, uuid)
    }

    async fn members(&self, group: ResourceId, added: Vec<ResourceId>) {
        let (source, removed) = (self.source, Vec::new());
        self.commit(Write::Members {
            group,
            source,
            added,
            removed,
        })
        .await;
    }

    async fn commit(&self, write: Write) {
        let step = Step {
            subject: "test".to_owned(),
            writes: vec![write],
        };
        let source = Some(self.source);
        self.store
            .commit(&[step], &Actor::Cli, source, self.tenant, None, NOW)
            .await
            .unwrap();
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        self.running.abort();
    }
}

async fn body(response: Response) -> Json {
    serde_json::from_str(&response.text().await.unwrap()).unwrap()
}

/// A SCIM error: its HTTP status, its scimType and its detail.
async fn scim_error(response: Response) -> (u16, Option<String>, String) {
    assert_eq!(response.headers()["content-type"], "application/scim+json");
    let status = response.status().as_u16();
    let body = body(response).await;
    let urn = "urn:ietf:params:scim:api:messages:2.0:Error";
    assert_eq!(body["schemas"], json!([urn]));
    assert_eq!(body["status"], json!(status.to_string()));
    let scim_type = body["scimType"].as_str().map(str::to_owned);
    (
        status,
        scim_type,
        body["detail"].as_str().unwrap().to_owned(),
    )
}
