//! The ties between entries and resources.

use rollcall_directory::entry::{EntryKey, Kind};
use rollcall_directory::name::NameHash;
use time::OffsetDateTime;
use uuid::Uuid;

use crate::ids::{LinkId, ResourceId, SourceId};
use crate::records::{Link, LinkMark};
use crate::{Store, StoreError, unfinished};

impl Store {
    /// The mark of every link of a source, by number.
    pub async fn link_marks(&self, source: SourceId) -> Result<Vec<LinkMark>, StoreError> {
        let _ = (source);
        unfinished()
    }

    /// Links by number. Those that are gone are missing from the answer.
    pub async fn links(&self, ids: &[LinkId]) -> Result<Vec<Link>, StoreError> {
        let _ = (ids);
        unfinished()
    }

    /// Links by the keys of their entries.
    pub async fn links_by_key(
        &self,
        source: SourceId,
        kind: Kind,
        keys: &[EntryKey],
    ) -> Result<Vec<Link>, StoreError> {
        let _ = (source, kind, keys);
        unfinished()
    }

    /// The links of each of these resources, of all sources.
    pub async fn links_of(&self, resources: &[ResourceId]) -> Result<Vec<Link>, StoreError> {
        let _ = (resources);
        unfinished()
    }

    /// Whom names of a source name: the name, the link, its resource and that one's SCIM id.
    pub async fn links_named(
        &self,
        source: SourceId,
        names: &[NameHash],
    ) -> Result<Vec<(NameHash, LinkId, ResourceId, Uuid)>, StoreError> {
        let _ = (source, names);
        unfinished()
    }

    /// Links of a source whose entry is gone since `before` or longer and still says
    /// `active = false`: those whose grace period may be over.
    pub async fn gone_links(
        &self,
        source: SourceId,
        before: OffsetDateTime,
    ) -> Result<Vec<Link>, StoreError> {
        let _ = (source, before);
        unfinished()
    }
}
