//! The store's specification. Every test runs on both databases, real ones.

#[path = "../../../tests/harness/postgres.rs"]
#[expect(
    dead_code,
    reason = "shared with other test binaries, which use all of it"
)]
#[expect(unreachable_pub, reason = "shared with other test binaries")]
mod postgres;

mod commit;
mod connections;
mod contributions;
mod random;
mod schema;
mod search;
mod work;

use rollcall_directory::contribution::Contribution;
use rollcall_directory::document::Document;
use rollcall_directory::entry::{EntryKey, Kind, Locator};
use rollcall_directory::fingerprint::Fingerprint;
use rollcall_directory::schema::Unit;
use serde_json::{Value as Json, json};
use time::OffsetDateTime;
use time::macros::datetime;
use uuid::Uuid;

use crate::error::{CommitError, StepConflict};
use crate::ids::{LinkId, ResourceId, RunId, SourceId, TenantId};
use crate::records::{Actor, Link, Presence, Resource};
use crate::writes::{Step, Write};
use crate::{Options, Store};

/// When all tests happen.
const NOW: OffsetDateTime = datetime!(2026-03-01 12:00:00.123456 UTC);

/// Turns async functions of a [`World`] into a test for each database.
macro_rules! on_both {
    ($($(#[$meta:meta])* async fn $name:ident($world:ident: World) $body:block)*) => { $(
        mod $name {
            use super::*;

            $(#[$meta])*
            async fn check($world: World) $body

            #[tokio::test]
            async fn sqlite() {
                check(World::on_sqlite().await).await;
            }

            #[tokio::test]
            async fn postgres() {
                check(World::on_postgres().await).await;
            }
        }
    )* };
}
use on_both;

/// An empty store with a tenant, two sources and a run.
struct World {
    store: Store,
    url: String,
    tenant: TenantId,
    source: SourceId,
    other: SourceId,
    _folder: Option<tempfile::TempDir>,
}

impl World {
    async fn on_sqlite() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let url = sqlite_url(&folder, "store.db");
        Self::at(url, Some(folder)).await
    }

    async fn on_postgres() -> Self {
        Self::at(postgres_url().await, None).await
    }

    async fn at(url: String, folder: Option<tempfile::TempDir>) -> Self {
        let store = Store::open(&url, &Options::default()).await.unwrap();
        let tenant = store.ensure_tenant("example").await.unwrap().id;
        let source = store.ensure_source(tenant, "hr", "http").await.unwrap().id;
        let other = store.ensure_source(tenant, "ad", "ldap").await.unwrap().id;
        Self {
            store,
            url,
            tenant,
            source,
            other,
            _folder: folder,
        }
    }

    async fn commit(&self, steps: &[Step]) -> Result<(), CommitError> {
        self.store
            .commit(
                steps,
                &Actor::Run(RunId(1)),
                Some(self.source),
                self.tenant,
                None,
                NOW,
            )
            .await
    }

    /// Commits steps of one write each.
    async fn write(&self, writes: Vec<Write>) -> Result<(), CommitError> {
        let steps: Vec<Step> = writes.into_iter().map(|write| step(vec![write])).collect();
        self.commit(&steps).await
    }

    /// Commits steps of one write each, of which one is refused.
    async fn refused(&self, writes: Vec<Write>) -> (usize, StepConflict) {
        match self.write(writes).await {
            Err(CommitError::Step { index, cause }) => (index, cause),
            other => panic!("not refused: {other:?}"),
        }
    }

    /// Rows that refer to what is not there.
    async fn dangling(&self) -> Vec<String> {
        let referring = [
            ("resource_emails", "resource", "resources"),
            ("links", "resource", "resources"),
            ("link_names", "link", "links"),
            ("memberships", "group_id", "resources"),
            ("memberships", "member_id", "resources"),
            ("pending_references", "link", "links"),
        ];
        let mut found = Vec::new();
        for (table, column, parent) in referring {
            let sql: &'static str = format!(
                "SELECT {column} FROM {table} WHERE {column} NOT IN (SELECT id FROM {parent})"
            )
            .leak();
            let statement = crate::driver::Statement {
                name: "DANGLING",
                sqlite: sql,
                postgres: sql,
            };
            let rows: Vec<(i64,)> = self
                .store
                .database
                .fetch(statement, Vec::new())
                .await
                .unwrap();
            found.extend(rows.iter().map(|(id,)| format!("{table}.{column} {id}")));
        }
        found
    }

    async fn resource(&self, id: i64) -> Option<Resource> {
        let found = self.store.resources(&[ResourceId(id)]).await.unwrap();
        found.into_iter().next()
    }

    async fn user_name(&self, id: i64) -> String {
        let resource = self.resource(id).await.unwrap();
        resource.document.text("userName").unwrap().to_owned()
    }

    fn link(&self, id: i64, resource: i64) -> Link {
        Link {
            id: LinkId(id),
            source: self.source,
            kind: Kind::User,
            key: EntryKey::new(&format!("key-{id}")).unwrap(),
            locator: Locator::Dn(format!("uid={id},dc=example,dc=org")),
            resource: ResourceId(resource),
            fingerprint: Fingerprint::of(&id.to_be_bytes()),
            mapping: Fingerprint::of(b"mapping"),
            contribution: contribution(&[("title", json!("Engineer"))]),
            presence: Presence::Present,
            gone_since: None,
            missed_reads: 0,
            run: RunId(1),
        }
    }

    /// A new user; its link has its number.
    fn user(&self, id: i64, name: &str) -> Write {
        self.create(id, Kind::User, &[("userName", json!(name))])
    }

    /// A new group; its link has its number.
    fn group(&self, id: i64, name: &str) -> Write {
        self.create(id, Kind::Group, &[("displayName", json!(name))])
    }

    fn create(&self, id: i64, kind: Kind, attributes: &[(&str, Json)]) -> Write {
        Write::Create {
            resource: ResourceId(id),
            uuid: uuid(id),
            kind,
            document: document(attributes),
            link: Box::new(Link {
                kind,
                ..self.link(id, id)
            }),
        }
    }
}

fn sqlite_url(folder: &tempfile::TempDir, name: &str) -> String {
    format!("sqlite:{}", folder.path().join(name).display())
}

async fn postgres_url() -> String {
    let made = tokio::task::spawn_blocking(|| postgres::Postgres::shared().database());
    made.await.unwrap()
}

fn step(writes: Vec<Write>) -> Step {
    Step {
        subject: "somebody".to_owned(),
        writes,
    }
}

fn uuid(id: i64) -> Uuid {
    Uuid::from_u128(u128::from(id.unsigned_abs()) + (7 << 76))
}

fn document(attributes: &[(&str, Json)]) -> Document {
    let mut document = Document::default();
    for (unit, value) in attributes {
        document.set(&Unit::from_canonical(unit), Some(value.clone()));
    }
    document
}

fn contribution(attributes: &[(&str, Json)]) -> Contribution {
    let mut contribution = Contribution::default();
    for (unit, value) in attributes {
        contribution.say(Unit::from_canonical(unit), value.clone());
    }
    contribution
}

fn rename(id: i64, base_version: i64, name: &str) -> Write {
    update(id, base_version, &[("userName", json!(name))])
}

fn update(id: i64, base_version: i64, attributes: &[(&str, Json)]) -> Write {
    Write::Update {
        resource: ResourceId(id),
        base_version,
        document: document(attributes),
        changes: Vec::new(),
    }
}

fn delete(id: i64, base_version: i64) -> Write {
    Write::Delete {
        resource: ResourceId(id),
        base_version,
    }
}
