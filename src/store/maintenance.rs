//! What whoever operates the store needs.

use std::ops::Range;
use std::path::Path;

use crate::driver::{Cells, Database, FromCells, Trouble, binds, statements};
use crate::ids::IdKind;
use crate::migrations;
use crate::records::TenantStatistics;
use crate::{Store, StoreError};

statements! {
    STATISTICS = "SELECT t.name,
            (SELECT COUNT(*) FROM resources r WHERE r.tenant = t.id AND r.kind = 'user'),
            (SELECT COUNT(*) FROM resources r
                WHERE r.tenant = t.id AND r.kind = 'user' AND r.active),
            (SELECT COUNT(*) FROM resources r WHERE r.tenant = t.id AND r.kind = 'group'),
            (SELECT COUNT(*) FROM links l JOIN sources s ON s.id = l.source
                WHERE s.tenant = t.id),
            (SELECT COUNT(*) FROM memberships m JOIN sources s ON s.id = m.source_id
                WHERE s.tenant = t.id),
            (SELECT COUNT(*) FROM pending_references p JOIN sources s ON s.id = p.source
                WHERE s.tenant = t.id),
            (SELECT COUNT(*) FROM quarantine q JOIN sources s ON s.id = q.source
                WHERE s.tenant = t.id)
        FROM tenants t ORDER BY t.name";
    RESERVE = "UPDATE counters SET next = next + $1 WHERE name = $2 RETURNING next";
}

impl FromCells for TenantStatistics {
    fn from_cells(cells: &mut Cells<'_>) -> Result<Self, Trouble> {
        Ok(Self {
            tenant: cells.take()?,
            users: cells.take()?,
            active_users: cells.take()?,
            groups: cells.take()?,
            links: cells.take()?,
            memberships: cells.take()?,
            pending: cells.take()?,
            quarantined: cells.take()?,
        })
    }
}

impl Store {
    /// The version of the schema.
    pub async fn schema_version(&self) -> Result<i64, StoreError> {
        migrations::version(&self.database).await
    }

    /// Whether the database answers and has the schema that this program needs.
    pub async fn is_ready(&self) -> bool {
        matches!(self.schema_version().await, Ok(version) if version == migrations::known())
    }

    /// Copies a SQLite store, as it is at one instant, into a new file while others write.
    pub async fn backup(&self, to: &Path) -> Result<(), StoreError> {
        if to.exists() {
            return Err(StoreError::Exists {
                what: format!("file {}", to.display()),
            });
        }
        match &*self.database {
            Database::Sqlite(sqlite) => Ok(sqlite.copy_to(to).await?),
            Database::Postgres(_) => Err(StoreError::Unsupported {
                what: "PostgreSQL has its own backups: use pg_dump or your server's snapshots"
                    .to_owned(),
            }),
        }
    }

    /// How much each tenant holds.
    pub async fn statistics(&self) -> Result<Vec<TenantStatistics>, StoreError> {
        self.database.fetch(STATISTICS, binds![]).await
    }

    /// Numbers for new rows, never given before and never again.
    pub async fn reserve_ids(&self, kind: IdKind, count: u32) -> Result<Range<i64>, StoreError> {
        let counter = match kind {
            IdKind::Resource => "resource",
            IdKind::Link => "link",
        };
        let next = self
            .database
            .execute_returning(RESERVE, binds![count, counter])
            .await?
            .pop()
            .map(|(next,): (i64,)| next)
            .ok_or_else(|| StoreError::missing(format!("counter {counter}")))?;
        Ok(next - i64::from(count)..next)
    }
}
