//! The ties between entries and resources.

use rollcall_directory::entry::{EntryKey, Kind};
use rollcall_directory::fingerprint::Fingerprint;
use rollcall_directory::name::NameHash;
use time::OffsetDateTime;
use uuid::Uuid;

use crate::contributions;
use crate::driver::{Cells, Column, FromCells, Trouble, binds, statements};
use crate::ids::{LinkId, ResourceId, SourceId};
use crate::records::{Link, LinkMark};
use crate::{Store, StoreError};

/// The columns of a whole link, in the order in which [`Link`] reads them.
macro_rules! link_columns {
    () => {
        concat!(
            "l.id, l.source, l.kind, l.key, l.locator, l.resource, l.fingerprint, l.mapping, ",
            $crate::contributions::contribution_columns!(),
            ", l.presence, l.gone_since, l.missed_reads, l.run"
        )
    };
}
pub(crate) use link_columns;

statements! {
    MARKS = "SELECT id, kind, key_hash, fingerprint, presence, missed_reads FROM links
        WHERE source = $1 ORDER BY id";
    LINKS_BY_ID = concat!("SELECT ", link_columns!(), " FROM links l WHERE l.id = $1"),
        postgres: concat!(
            "SELECT ", link_columns!(), " FROM links l WHERE l.id = ANY($1::bigint[])"
        );
    LINKS_BY_KEY = concat!(
            "SELECT ", link_columns!(),
            " FROM links l WHERE l.key_hash = $1 AND l.source = $2 AND l.kind = $3"
        ),
        postgres: concat!(
            "SELECT ", link_columns!(),
            " FROM links l WHERE l.key_hash = ANY($1::bytea[]) AND l.source = $2 AND l.kind = $3"
        );
    LINKS_OF = concat!("SELECT ", link_columns!(), " FROM links l WHERE l.resource = $1"),
        postgres: concat!(
            "SELECT ", link_columns!(), " FROM links l WHERE l.resource = ANY($1::bigint[])"
        );
    SHARED = "SELECT DISTINCT l.resource FROM links l WHERE l.source = $1 AND EXISTS (
        SELECT 1 FROM links o WHERE o.resource = l.resource AND o.source <> l.source)
        ORDER BY l.resource";
    LINKS_NAMED = "SELECT n.name, n.link, r.id, r.uuid FROM link_names n
            JOIN links l ON l.id = n.link JOIN resources r ON r.id = l.resource
            WHERE n.name = $1 AND n.source = $2",
        postgres: "SELECT n.name, n.link, r.id, r.uuid FROM link_names n
            JOIN links l ON l.id = n.link JOIN resources r ON r.id = l.resource
            WHERE n.name = ANY($1::bytea[]) AND n.source = $2";
    GONE_LINKS = concat!(
        "SELECT ", link_columns!(), " FROM links l
            WHERE l.source = $1 AND l.gone_since <= $2 AND l.presence = 'disabled'
            ORDER BY l.id"
    );
    LEFT_LINKS = concat!(
        "SELECT ", link_columns!(), " FROM links l
            WHERE l.source = $1 AND l.gone_since IS NOT NULL AND l.presence <> 'present'
            ORDER BY l.id"
    );
}

impl FromCells for Link {
    fn from_cells(cells: &mut Cells<'_>) -> Result<Self, Trouble> {
        Ok(Self {
            id: cells.take()?,
            source: cells.take()?,
            kind: cells.take()?,
            key: cells.take()?,
            locator: cells.take_json()?,
            resource: cells.take()?,
            fingerprint: cells.take()?,
            mapping: cells.take()?,
            contribution: contributions::take(cells)?,
            presence: cells.take()?,
            gone_since: cells.take()?,
            missed_reads: cells.take()?,
            run: cells.take()?,
        })
    }
}

impl FromCells for LinkMark {
    fn from_cells(cells: &mut Cells<'_>) -> Result<Self, Trouble> {
        Ok(Self {
            id: cells.take()?,
            kind: cells.take()?,
            key: cells.take::<Fingerprint>()?,
            fingerprint: cells.take()?,
            presence: cells.take()?,
            missed_reads: cells.take()?,
        })
    }
}

/// A hash of everything that links say, whatever their order: equal as long as no source
/// has said anything else, come or gone.
#[must_use]
pub fn said(links: &[Link]) -> Fingerprint {
    let mut each: Vec<(i64, String)> = links
        .iter()
        .filter_map(|link| {
            let contribution = serde_json::to_string(&link.contribution).ok()?;
            Some((
                link.id.0,
                format!("{} {} {contribution}", link.id, link.presence.as_str()),
            ))
        })
        .collect();
    each.sort_unstable();
    Fingerprint::of_parts(each.iter().map(|(_, text)| text.as_bytes()))
}

impl Store {
    /// The mark of every link of a source, by number.
    pub async fn link_marks(&self, source: SourceId) -> Result<Vec<LinkMark>, StoreError> {
        self.database.fetch(MARKS, binds![source]).await
    }

    /// Links by number. Those that are gone are missing from the answer.
    pub async fn links(&self, ids: &[LinkId]) -> Result<Vec<Link>, StoreError> {
        let column = Column::Ints(ids.iter().map(|id| id.0).collect());
        let found = self
            .database
            .fetch_each(LINKS_BY_ID, vec![column], binds![])
            .await?;
        Ok(in_order(found))
    }

    /// Links by the keys of their entries.
    pub async fn links_by_key(
        &self,
        source: SourceId,
        kind: Kind,
        keys: &[EntryKey],
    ) -> Result<Vec<Link>, StoreError> {
        let column = Column::Hashes(keys.iter().map(key_hash).collect());
        let found = self
            .database
            .fetch_each(LINKS_BY_KEY, vec![column], binds![source, kind])
            .await?;
        Ok(in_order(found))
    }

    /// The links of each of these resources, of all sources.
    pub async fn links_of(&self, resources: &[ResourceId]) -> Result<Vec<Link>, StoreError> {
        let column = Column::Ints(resources.iter().map(|id| id.0).collect());
        let found = self
            .database
            .fetch_each(LINKS_OF, vec![column], binds![])
            .await?;
        Ok(in_order(found))
    }

    /// Whom a source shares with other sources.
    pub async fn shared_resources(&self, source: SourceId) -> Result<Vec<ResourceId>, StoreError> {
        let rows = self.database.fetch(SHARED, binds![source]).await?;
        Ok(rows.into_iter().map(|(resource,)| resource).collect())
    }

    /// Whom names of a source name: the name, the link, its resource and that one's SCIM
    /// id. A name may name nobody or several.
    pub async fn links_named(
        &self,
        source: SourceId,
        names: &[NameHash],
    ) -> Result<Vec<(NameHash, LinkId, ResourceId, Uuid)>, StoreError> {
        let column = Column::Hashes(names.iter().map(|name| name.0).collect());
        let mut found: Vec<(NameHash, LinkId, ResourceId, Uuid)> = self
            .database
            .fetch_each(LINKS_NAMED, vec![column], binds![source])
            .await?;
        found.sort_unstable();
        found.dedup();
        Ok(found)
    }

    /// Every link of a source whose entry is gone.
    pub async fn left_links(&self, source: SourceId) -> Result<Vec<Link>, StoreError> {
        self.database.fetch(LEFT_LINKS, binds![source]).await
    }

    /// Links of a source whose entry is gone since `before` or longer and still says
    /// `active = false`: those whose grace period may be over.
    pub async fn gone_links(
        &self,
        source: SourceId,
        before: OffsetDateTime,
    ) -> Result<Vec<Link>, StoreError> {
        self.database
            .fetch(GONE_LINKS, binds![source, before])
            .await
    }
}

/// By what a link is found: the hash of its entry's key.
pub(crate) fn key_hash(key: &EntryKey) -> [u8; 16] {
    Fingerprint::of(key.as_str().as_bytes()).0
}

/// By number, each once, whatever was asked for twice.
fn in_order(mut links: Vec<Link>) -> Vec<Link> {
    links.sort_by_key(|link| link.id);
    links.dedup_by_key(|link| link.id);
    links
}
