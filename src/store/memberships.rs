//! Who is a member of which group, because of which source; and who will be.

use rollcall_directory::name::NameHash;

use crate::ids::{LinkId, ResourceId, SourceId};
use crate::records::Pending;
use crate::{Store, StoreError, unfinished};

impl Store {
    /// The members that one source gives a group.
    pub async fn members(
        &self,
        group: ResourceId,
        source: SourceId,
    ) -> Result<Vec<ResourceId>, StoreError> {
        let _ = (group, source);
        unfinished()
    }

    /// All members of a group, each with the sources that say so.
    pub async fn all_members(
        &self,
        group: ResourceId,
    ) -> Result<Vec<(ResourceId, SourceId)>, StoreError> {
        let _ = (group);
        unfinished()
    }

    /// All groups of a resource, each with the sources that say so.
    pub async fn groups_of(
        &self,
        member: ResourceId,
    ) -> Result<Vec<(ResourceId, SourceId)>, StoreError> {
        let _ = (member);
        unfinished()
    }

    /// The references of these links that name nobody yet.
    pub async fn pending_of(&self, links: &[LinkId]) -> Result<Vec<Pending>, StoreError> {
        let _ = (links);
        unfinished()
    }

    /// The references of a source that wait for one of these names.
    pub async fn pending_named(
        &self,
        source: SourceId,
        names: &[NameHash],
    ) -> Result<Vec<Pending>, StoreError> {
        let _ = (source, names);
        unfinished()
    }

    /// All references of a source that name nobody yet.
    pub async fn pending(&self, source: SourceId) -> Result<Vec<Pending>, StoreError> {
        let _ = (source);
        unfinished()
    }
}
