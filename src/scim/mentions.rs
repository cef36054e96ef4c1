//! Whom a resource mentions: a group its members, a user its groups. Rows of the store hold
//! numbers; clients want ids, URIs and names.

use std::collections::HashMap;

use rollcall_directory::entry::Kind;
use rollcall_store::ids::{ResourceId, SourceId};
use rollcall_store::records::Resource;
use rollcall_store::{Store, StoreError};
use serde_json::{Value as Json, json};
use uuid::Uuid;

use super::excluded::Excluded;
use super::resource::{Mentions, endpoint, type_name};

/// Resources that are read at once.
const RESOURCES_MAX: usize = 500;

/// What is shown of a resource that another one mentions.
#[derive(Debug, Clone)]
pub(super) struct Mention {
    kind: Kind,
    uuid: Uuid,
    display: Option<String>,
}

impl Mention {
    /// RFC 7643 §4.2 `members`.
    pub(super) fn as_member(&self, base: &str) -> Json {
        self.shown(base, type_name(self.kind))
    }

    /// RFC 7643 §4.1.2 `groups`.
    pub(super) fn as_group(&self, base: &str) -> Json {
        self.shown(base, "direct")
    }

    fn shown(&self, base: &str, kind: &str) -> Json {
        let mut shown = json!({
            "value": self.uuid,
            "$ref": format!("{base}/{}/{}", endpoint(self.kind), self.uuid),
            "type": kind,
        });
        if let (Some(display), Some(shown)) = (&self.display, shown.as_object_mut()) {
            shown.insert("display".to_owned(), display.as_str().into());
        }
        shown
    }
}

/// Finds mentions, each mentioned resource once for a whole answer.
#[derive(Debug)]
pub(super) struct Mentioned<'s> {
    store: &'s Store,
    known: HashMap<ResourceId, Mention>,
}

impl<'s> Mentioned<'s> {
    pub(super) fn new(store: &'s Store) -> Self {
        Self {
            store,
            known: HashMap::new(),
        }
    }

    /// Those of one resource, as far as they are not left out.
    pub(super) async fn of(
        &mut self,
        resource: &Resource,
        excluded: &Excluded,
    ) -> Result<Mentions, StoreError> {
        let mut mentions = Mentions::default();
        match resource.kind {
            Kind::User if !excluded.leaves_out("groups") => {
                let rows = self.store.groups_of(resource.id).await?;
                mentions.groups = Some(self.shown(rows).await?);
            }
            Kind::Group if !excluded.leaves_out("members") => {
                let rows = self.store.all_members(resource.id).await?;
                mentions.members = Some(self.shown(rows).await?);
            }
            Kind::User | Kind::Group => {}
        }
        Ok(mentions)
    }

    /// In the order of their numbers, each once, however many sources say so.
    async fn shown(
        &mut self,
        rows: Vec<(ResourceId, SourceId)>,
    ) -> Result<Vec<Mention>, StoreError> {
        let mut ids: Vec<ResourceId> = rows.into_iter().map(|(id, _)| id).collect();
        ids.sort_unstable();
        ids.dedup();
        self.learn(&ids).await?;
        Ok(ids
            .iter()
            .filter_map(|id| self.known.get(id))
            .cloned()
            .collect())
    }

    async fn learn(&mut self, ids: &[ResourceId]) -> Result<(), StoreError> {
        let unknown = |id: &&ResourceId| !self.known.contains_key(id);
        let unknown: Vec<ResourceId> = ids.iter().filter(unknown).copied().collect();
        for some in unknown.chunks(RESOURCES_MAX) {
            for resource in self.store.resources(some).await? {
                let name = match resource.kind {
                    Kind::User => resource.document.text("userName"),
                    Kind::Group => None,
                };
                let display = resource.document.text("displayName").or(name);
                let mention = Mention {
                    kind: resource.kind,
                    uuid: resource.uuid,
                    display: display.map(str::to_owned),
                };
                self.known.insert(resource.id, mention);
            }
        }
        Ok(())
    }
}
