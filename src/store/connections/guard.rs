//! What the guard of a connection counts, kept so that a restart does not forget it and all
//! replicas share it.

use time::OffsetDateTime;

use crate::driver::{Cells, FromCells, Trouble, binds, micros, statements};
use crate::ids::{ResourceId, SourceId};
use crate::{Store, StoreError};

statements! {
    STATE = "SELECT held_since, held_last, approved_until FROM connection_guards
        WHERE source = $1";
    FORGET = "DELETE FROM connection_endings WHERE source = $1 AND at <= $2";
    FORGET_ALL = "DELETE FROM connection_endings WHERE source = $1";
    // Of requests that are served at the same moment, by several replicas too, one counts
    // after the other: else each would find the last free place. SQLite has one writer.
    IN_TURN = "SELECT id FROM sources WHERE id = $1",
        postgres: "SELECT id FROM sources WHERE id = $1 FOR NO KEY UPDATE";
    COUNT_ENDING = "INSERT INTO connection_endings (source, resource, at)
        SELECT CAST($1 AS BIGINT), CAST($2 AS BIGINT), CAST($3 AS BIGINT)
        WHERE (SELECT COUNT(*) FROM connection_endings
            WHERE source = $1 AND at > $4 AND resource <> $2) < $5
        ON CONFLICT (source, resource) DO UPDATE SET at = excluded.at";
    ENDINGS = "SELECT COUNT(*), MIN(at) FROM connection_endings WHERE source = $1 AND at > $2";
    ACTIVE = "SELECT (SELECT COUNT(*) FROM links l JOIN resources r ON r.id = l.resource
            WHERE l.source = $1 AND l.kind = 'user' AND l.presence = 'present' AND r.active)
        + (SELECT COUNT(*) FROM connection_endings e
            WHERE e.source = $1 AND e.at > $2 AND NOT EXISTS (SELECT 1 FROM links l
                JOIN resources r ON r.id = l.resource
                WHERE l.source = e.source AND l.resource = e.resource AND l.kind = 'user'
                    AND l.presence = 'present' AND r.active))";
    HOLDS = "INSERT INTO connection_guards (source, held_since, held_last, approved_until)
        VALUES ($1, $2, $2, NULL)
        ON CONFLICT (source) DO UPDATE SET held_last = excluded.held_last,
            held_since = CASE WHEN connection_guards.held_last > $3
                THEN connection_guards.held_since ELSE excluded.held_since END
        RETURNING held_since";
    APPROVE = "INSERT INTO connection_guards (source, approved_until) VALUES ($1, $2)
        ON CONFLICT (source) DO UPDATE SET held_since = NULL, held_last = NULL,
            approved_until = excluded.approved_until";
}

/// Whether a guard holds something back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct GuardState {
    /// Since when it has held writes back.
    pub held_since: Option<OffsetDateTime>,
    /// When it last held one back.
    pub held_last: Option<OffsetDateTime>,
    /// Until when everything may pass.
    pub approved_until: Option<OffsetDateTime>,
}

/// The people whom a connection has ended within its window.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Endings {
    /// How many.
    pub count: u64,
    /// When the first of them was.
    pub first: Option<OffsetDateTime>,
}

impl FromCells for GuardState {
    fn from_cells(cells: &mut Cells<'_>) -> Result<Self, Trouble> {
        Ok(Self {
            held_since: cells.take()?,
            held_last: cells.take()?,
            approved_until: cells.take()?,
        })
    }
}

impl FromCells for Endings {
    fn from_cells(cells: &mut Cells<'_>) -> Result<Self, Trouble> {
        Ok(Self {
            count: cells.take()?,
            first: cells.take()?,
        })
    }
}

impl Store {
    /// Whether the guard of a connection holds something back.
    pub async fn guard_state(&self, source: SourceId) -> Result<GuardState, StoreError> {
        let found = self.database.fetch_one(STATE, binds![source]).await?;
        Ok(found.unwrap_or_default())
    }

    /// Counts that a connection ends somebody, unless it has ended `limit` others since
    /// `since`; returns whether it was counted. Somebody counts once.
    pub async fn count_ending(
        &self,
        source: SourceId,
        whom: ResourceId,
        (since, limit): (OffsetDateTime, u64),
        now: OffsetDateTime,
    ) -> Result<bool, StoreError> {
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let counted = self
            .database
            .write(move |tx| {
                Box::pin(async move {
                    let _: Vec<(SourceId,)> = tx.fetch(IN_TURN, &binds![source]).await?;
                    tx.execute(FORGET, &binds![source, since]).await?;
                    let ending = binds![source, whom, now, since, limit];
                    tx.execute(COUNT_ENDING, &ending).await
                })
            })
            .await;
        Ok(counted? > 0)
    }

    /// Whom it has ended since then.
    pub async fn endings(
        &self,
        source: SourceId,
        since: OffsetDateTime,
    ) -> Result<Endings, StoreError> {
        let found = self
            .database
            .fetch_one(ENDINGS, binds![source, since])
            .await?;
        found.ok_or_else(|| StoreError::missing(format!("endings of source {source}")))
    }

    /// How many active people a connection holds, together with those whom it has ended
    /// since then.
    pub async fn active_people_of(
        &self,
        source: SourceId,
        since: OffsetDateTime,
    ) -> Result<u64, StoreError> {
        let found = self
            .database
            .fetch_one(ACTIVE, binds![source, since])
            .await?;
        Ok(found.map_or(0, |(count,): (u64,)| count))
    }

    /// Remembers that a guard holds a write back; `true` for the first one of many. What it
    /// held at or before `before` is another story.
    pub async fn guard_holds(
        &self,
        source: SourceId,
        before: OffsetDateTime,
        now: OffsetDateTime,
    ) -> Result<bool, StoreError> {
        let held: Vec<(i64,)> = self
            .database
            .execute_returning(HOLDS, binds![source, now, before])
            .await?;
        Ok(held.first() == Some(&(micros(now),)))
    }

    /// Lets everything pass a guard until then; what it has counted is forgotten.
    pub async fn approve_guard(
        &self,
        source: SourceId,
        until: OffsetDateTime,
    ) -> Result<(), StoreError> {
        let approved = self
            .database
            .write(move |tx| {
                Box::pin(async move {
                    tx.execute(FORGET_ALL, &binds![source]).await?;
                    tx.execute(APPROVE, &binds![source, until]).await
                })
            })
            .await;
        Ok(approved.map(|_| ())?)
    }
}
