//! Pushes, told as an identity provider and its administrator see them. Every test runs on
//! both databases, real ones.

mod at_once;
mod groups;
mod leaving;
mod people;
mod runs;

use std::sync::{Arc, Mutex};
use std::time::Duration;

use rollcall_directory::contribution::Contribution;
use rollcall_directory::document::Document;
use rollcall_directory::entry::{EntryKey, Kind, Locator};
use rollcall_directory::fingerprint::Fingerprint;
use rollcall_directory::merge::{MergeRules, Priorities};
use rollcall_directory::patch::PatchRequest;
use rollcall_directory::schema::{Registry, ResourceType, Schemas, Unit};
use rollcall_directory::warning::Strictness;
use rollcall_store::ids::{LinkId, ResourceId, RunId, SourceId, TenantId};
use rollcall_store::records::{Actor, JournalLine, JournalQuery, Link, Presence, Resource, Source};
use rollcall_store::writes::{Step, Write};
use rollcall_store::{By, IdKind, Options, Store};
use serde_json::{Value as Json, json};
use time::OffsetDateTime;
use time::macros::datetime;
use uuid::Uuid;

use super::{Connection, IfMatch, KIND, PushEngine, PushError, Pushed, Pusher, UnknownMembers};
use crate::sync::{Engine, Moved, Tenancy, VoiceSettings, Voices};

const NOW: OffsetDateTime = datetime!(2026-03-01 12:10 UTC);
const GRACE: Duration = Duration::from_hours(30 * 24);
const USER: &str = "urn:ietf:params:scim:schemas:core:2.0:User";
const GROUP: &str = "urn:ietf:params:scim:schemas:core:2.0:Group";
const ENTERPRISE: &str = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";

/// Turns async functions of a [`World`] into a test for each database.
macro_rules! on_both {
    ($($(#[$meta:meta])* async fn $name:ident($world:ident: World) $body:block)*) => { $(
        mod $name {
            use super::*;

            $(#[$meta])*
            async fn check($world: World) $body

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn sqlite() {
                check(World::on_sqlite().await).await;
            }

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn postgres() {
                check(World::on_postgres().await).await;
            }
        }
    )* };
}
use on_both;

/// A tenant with a personnel system (`hr`, priority 10) and two identity providers that
/// push (`okta`, 20, and `entra`, 30).
struct World {
    store: Store,
    tenant: TenantId,
    hr: SourceId,
    connection: Connection,
    engine: Engine,
    push: Arc<PushEngine>,
    clock: Arc<Moved>,
    okta: Pusher,
    entra: Pusher,
    user: Arc<ResourceType>,
    group: Arc<ResourceType>,
    _folder: Option<tempfile::TempDir>,
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
        let hr = store.ensure_source(tenant, "hr", "http").await.unwrap();
        let okta = store.ensure_source(tenant, "okta", KIND).await.unwrap();
        let entra = store.ensure_source(tenant, "entra", KIND).await.unwrap();
        let voices = [(&hr, 10), (&okta, 20), (&entra, 30)].map(|(source, priority)| {
            let settings = VoiceSettings {
                name: source.name.clone(),
                priorities: Priorities::all(priority),
                active_is_binding: true,
            };
            (source.id, settings)
        });
        let registry = Arc::new(Registry::standard());
        let connection = Connection {
            source: okta,
            voices: Arc::new(Voices {
                of: voices.into_iter().collect(),
                rules: MergeRules::default(),
            }),
            schemas: Arc::new(Schemas::from(&*registry)),
            registry: Arc::clone(&registry),
            strictness: Strictness::Lenient,
            unknown_members: UnknownMembers::Accepted,
            grace: Some(GRACE),
            guard: None,
        };
        let clock = Arc::new(Moved(Mutex::new(NOW)));
        let engine = Engine {
            import_people: None,
            store: store.clone(),
            clock: clock.clone(),
            tenancy: Tenancy {
                owner: crate::sync::Owner::this_process(),
                lasts: Duration::from_mins(1),
                lock_folder: None,
            },
        };
        let push = PushEngine::new(&engine);
        let pusher = |source: Source| {
            push.pusher(Arc::new(Connection {
                source,
                ..connection.clone()
            }))
        };
        Self {
            okta: pusher(connection.source.clone()),
            entra: pusher(entra),
            user: Arc::clone(registry.resource_type("User").unwrap()),
            group: Arc::clone(registry.resource_type("Group").unwrap()),
            tenant,
            hr: hr.id,
            store,
            connection,
            engine,
            push,
            clock,
            _folder: folder,
        }
    }

    /// Okta with other settings.
    fn okta_with(&self, change: impl FnOnce(&mut Connection)) -> Pusher {
        let mut connection = self.connection.clone();
        change(&mut connection);
        self.push.pusher(Arc::new(connection))
    }

    fn pass(&self, time: Duration) {
        *self.clock.0.lock().unwrap() += time;
    }

    async fn post_user(&self, by: &Pusher, attributes: Json) -> Result<Pushed, PushError> {
        by.create(&self.user, with_schema(USER, attributes)).await
    }

    /// A user that Okta posts.
    async fn okta_user(&self, user_name: &str) -> Resource {
        let body = json!({ "userName": user_name, "externalId": format!("okta-{user_name}") });
        self.post_user(&self.okta, body).await.unwrap().resource
    }

    async fn post_group(&self, by: &Pusher, attributes: Json) -> Result<Pushed, PushError> {
        by.create(&self.group, with_schema(GROUP, attributes)).await
    }

    /// A group that Okta posts.
    async fn okta_group(&self, name: &str, members: &[&Resource]) -> Resource {
        let members: Vec<Json> = members.iter().map(|m| json!({ "value": m.uuid })).collect();
        let body = json!({ "displayName": name, "members": members });
        self.post_group(&self.okta, body).await.unwrap().resource
    }

    async fn patch_user(
        &self,
        by: &Pusher,
        user: &Resource,
        operations: Json,
    ) -> Result<Pushed, PushError> {
        let id = user.uuid.to_string();
        by.patch(&self.user, &id, &patch(operations), None).await
    }

    async fn patch_group(
        &self,
        by: &Pusher,
        group: &Resource,
        operations: Json,
    ) -> Result<Pushed, PushError> {
        let id = group.uuid.to_string();
        by.patch(&self.group, &id, &patch(operations), None).await
    }

    async fn put_user(
        &self,
        by: &Pusher,
        user: &Resource,
        attributes: Json,
    ) -> Result<Pushed, PushError> {
        let body = with_schema(USER, attributes);
        let id = user.uuid.to_string();
        by.replace(&self.user, &id, body, None).await
    }

    async fn delete_user(&self, by: &Pusher, user: &Resource) -> Result<(), PushError> {
        by.delete(&self.user, &user.uuid.to_string(), None).await
    }

    /// The user as a connection sees it.
    async fn seen(&self, by: &Pusher, user: &Resource) -> Option<Resource> {
        match by.read(&self.user, &user.uuid.to_string()).await {
            Ok(resource) => Some(resource),
            Err(PushError::NotFound { .. }) => None,
            Err(other) => panic!("{other}"),
        }
    }

    async fn stored(&self, resource: &Resource) -> Option<Resource> {
        self.store.resources(&[resource.id]).await.unwrap().pop()
    }

    /// The members of a group, by whatever source.
    async fn members(&self, group: &Resource) -> Vec<ResourceId> {
        let rows = self.store.all_members(group.id).await.unwrap();
        let mut members: Vec<_> = rows.into_iter().map(|(member, _)| member).collect();
        members.dedup();
        members
    }

    async fn journal(&self) -> Vec<JournalLine> {
        let query = JournalQuery {
            limit: 10_000,
            ..JournalQuery::default()
        };
        self.store.journal(self.tenant, &query).await.unwrap()
    }

    async fn by_user_name(&self, name: &str) -> Vec<ResourceId> {
        let texts = [name.to_owned()];
        let found = self
            .store
            .resources_by(self.tenant, Kind::User, By::UserName, &texts)
            .await
            .unwrap();
        found.into_iter().map(|(_, id)| id).collect()
    }

    async fn number(&self, kind: IdKind) -> i64 {
        self.store.reserve_ids(kind, 1).await.unwrap().start
    }

    /// What the personnel system says of somebody.
    async fn hr_link(&self, kind: Kind, resource: ResourceId, attributes: Json) -> Link {
        let mut contribution = Contribution::default();
        for (name, value) in attributes.as_object().unwrap() {
            contribution.say(Unit::from_canonical(name), value.clone());
        }
        let id = self.number(IdKind::Link).await;
        Link {
            id: LinkId(id),
            source: self.hr,
            kind,
            key: EntryKey::new(&id.to_string()).unwrap(),
            locator: Locator::Line(1),
            resource,
            fingerprint: Fingerprint::of(b"entry"),
            mapping: Fingerprint::of(b"mapping"),
            contribution,
            presence: Presence::Present,
            gone_since: None,
            missed_reads: 0,
            run: RunId(1),
        }
    }

    async fn hr_writes(&self, writes: Vec<Write>) {
        let step = Step {
            subject: "hr".to_owned(),
            writes,
        };
        let actor = Actor::Run(RunId(1));
        self.store
            .commit(&[step], &actor, Some(self.hr), self.tenant, None, NOW)
            .await
            .unwrap();
    }

    /// Somebody whom the personnel system brings.
    async fn hr_brings(&self, kind: Kind, attributes: Json) -> Resource {
        let id = ResourceId(self.number(IdKind::Resource).await);
        let link = self.hr_link(kind, id, attributes.clone()).await;
        let Json::Object(object) = attributes else {
            panic!("an object");
        };
        let create = Write::Create {
            resource: id,
            uuid: Uuid::from_u128(u128::from(id.0.unsigned_abs()) + (7 << 76)),
            kind,
            document: Document::from(object),
            link: Box::new(link),
        };
        self.hr_writes(vec![create]).await;
        self.store.resources(&[id]).await.unwrap().remove(0)
    }

    async fn hr_user(&self, attributes: Json) -> Resource {
        self.hr_brings(Kind::User, attributes).await
    }

    async fn okta_says(&self, resource: &Resource) -> Json {
        let links = self.store.links_of(&[resource.id]).await.unwrap();
        let own = links.iter().find(|l| l.source == self.connection.source.id);
        own.map_or(Json::Null, |link| {
            serde_json::to_value(&link.contribution).unwrap()
        })
    }
}

fn with_schema(urn: &str, mut attributes: Json) -> Json {
    attributes["schemas"] = json!([urn]);
    attributes
}

#[expect(
    clippy::needless_pass_by_value,
    reason = "a request is read more easily without a reference"
)]
fn patch(operations: Json) -> PatchRequest {
    let urn = "urn:ietf:params:scim:api:messages:2.0:PatchOp";
    PatchRequest::read(json!({ "schemas": [urn], "Operations": operations })).unwrap()
}

#[expect(
    clippy::needless_pass_by_value,
    reason = "a request is read more easily without a reference"
)]
fn replace(path: &str, value: Json) -> Json {
    json!([{ "op": "replace", "path": path, "value": value }])
}

fn add_member(id: impl std::fmt::Display) -> Json {
    json!([{ "op": "add", "path": "members", "value": [{ "value": id.to_string() }] }])
}

fn remove_member(id: impl std::fmt::Display) -> Json {
    json!([{ "op": "remove", "path": format!("members[value eq \"{id}\"]") }])
}

fn text<'r>(resource: &'r Resource, unit: &str) -> Option<&'r str> {
    resource.document.text(unit)
}
