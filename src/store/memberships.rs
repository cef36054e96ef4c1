//! Who is a member of which group, because of which source; and who will be.

use rollcall_directory::name::{NameHash, Reference};
use rollcall_directory::schema::Unit;

use crate::driver::{Cells, Column, FromCells, Trouble, binds, statements};
use crate::ids::{LinkId, ResourceId, SourceId};
use crate::records::Pending;
use crate::{Store, StoreError};

statements! {
    MEMBERS = "SELECT member_id FROM memberships
        WHERE group_id = $1 AND source_id = $2 ORDER BY member_id";
    ALL_MEMBERS = "SELECT member_id, source_id FROM memberships
        WHERE group_id = $1 ORDER BY member_id, source_id";
    GROUPS_OF = "SELECT group_id, source_id FROM memberships
        WHERE member_id = $1 ORDER BY group_id, source_id";
    HELD_MEMBERS = "SELECT member_id, source_id FROM memberships
            WHERE group_id = $2 AND member_id = $1 ORDER BY source_id",
        postgres: "SELECT member_id, source_id FROM memberships
            WHERE group_id = $2 AND member_id = ANY($1::bigint[])
            ORDER BY member_id, source_id";
    MEMBERS_OF_OTHERS = "SELECT DISTINCT source_id FROM memberships
        WHERE group_id = $1 AND source_id <> $2";
    PENDING_OF = "SELECT link, unit, name FROM pending_references
            WHERE link = $1 ORDER BY link, unit, name_hash",
        postgres: "SELECT link, unit, name FROM pending_references
            WHERE link = ANY($1::bigint[]) ORDER BY link, unit, name_hash";
    PENDING_NAMED = "SELECT link, unit, name FROM pending_references
            WHERE name_hash = $1 AND source = $2 ORDER BY link, unit",
        postgres: "SELECT link, unit, name FROM pending_references
            WHERE name_hash = ANY($1::bytea[]) AND source = $2 ORDER BY link, unit";
    PENDING = "SELECT link, unit, name FROM pending_references
        WHERE source = $1 ORDER BY link, unit, name_hash";
}

impl FromCells for Pending {
    fn from_cells(cells: &mut Cells<'_>) -> Result<Self, Trouble> {
        Ok(Self {
            link: cells.take()?,
            reference: Reference {
                unit: Unit::from_canonical(&cells.take::<String>()?),
                name: cells.take_json()?,
            },
        })
    }
}

impl Store {
    /// The members that one source gives a group.
    pub async fn members(
        &self,
        group: ResourceId,
        source: SourceId,
    ) -> Result<Vec<ResourceId>, StoreError> {
        let rows = self.database.fetch(MEMBERS, binds![group, source]).await?;
        Ok(rows.into_iter().map(|(member,)| member).collect())
    }

    /// All members of a group, each with the sources that say so.
    pub async fn all_members(
        &self,
        group: ResourceId,
    ) -> Result<Vec<(ResourceId, SourceId)>, StoreError> {
        self.database.fetch(ALL_MEMBERS, binds![group]).await
    }

    /// Which of `members` are direct members of a group, each with the sources that say so.
    /// Looks at no other member.
    pub async fn held_members(
        &self,
        group: ResourceId,
        members: &[ResourceId],
    ) -> Result<Vec<(ResourceId, SourceId)>, StoreError> {
        let column = Column::Ints(members.iter().map(|id| id.0).collect());
        self.database
            .fetch_each(HELD_MEMBERS, vec![column], binds![group])
            .await
    }

    /// The other sources that give a group members.
    pub async fn other_sources_of_members(
        &self,
        group: ResourceId,
        source: SourceId,
    ) -> Result<Vec<SourceId>, StoreError> {
        let rows = self
            .database
            .fetch(MEMBERS_OF_OTHERS, binds![group, source])
            .await?;
        Ok(rows.into_iter().map(|(source,)| source).collect())
    }

    /// All groups of a resource, each with the sources that say so.
    pub async fn groups_of(
        &self,
        member: ResourceId,
    ) -> Result<Vec<(ResourceId, SourceId)>, StoreError> {
        self.database.fetch(GROUPS_OF, binds![member]).await
    }

    /// The references of these links that name nobody yet.
    pub async fn pending_of(&self, links: &[LinkId]) -> Result<Vec<Pending>, StoreError> {
        let column = Column::Ints(links.iter().map(|id| id.0).collect());
        self.database
            .fetch_each(PENDING_OF, vec![column], binds![])
            .await
    }

    /// The references of a source that wait for one of these names.
    pub async fn pending_named(
        &self,
        source: SourceId,
        names: &[NameHash],
    ) -> Result<Vec<Pending>, StoreError> {
        let column = Column::Hashes(names.iter().map(|name| name.0).collect());
        self.database
            .fetch_each(PENDING_NAMED, vec![column], binds![source])
            .await
    }

    /// All references of a source that name nobody yet.
    pub async fn pending(&self, source: SourceId) -> Result<Vec<Pending>, StoreError> {
        self.database.fetch(PENDING, binds![source]).await
    }
}
