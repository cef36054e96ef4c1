//! What the store remembers of each source between runs.

use rollcall_directory::fingerprint::Fingerprint;
use time::OffsetDateTime;

use crate::driver::{Cells, FromCells, Trouble, Value, binds, statements};
use crate::ids::{SourceId, TenantId};
use crate::records::Source;
use crate::{Store, StoreError};

/// The columns of a [`Source`], behind the name of their table where a statement has several.
macro_rules! columns {
    ($table:literal) => {
        concat!(
            $table,
            "id, ",
            $table,
            "tenant, ",
            $table,
            "name, ",
            $table,
            "kind, ",
            $table,
            "paused, ",
            $table,
            "settings, ",
            $table,
            "last_complete, ",
            $table,
            "last_due, ",
            $table,
            "voices"
        )
    };
}
pub(crate) use columns;

statements! {
    ENSURE_SOURCE = concat!(
        "INSERT INTO sources (tenant, name, kind) VALUES ($1, $2, $3)
            ON CONFLICT (tenant, name) DO UPDATE SET kind = excluded.kind RETURNING ",
        columns!("")
    );
    SOURCE_BY_NAME = concat!(
        "SELECT ", columns!(""), " FROM sources WHERE tenant = $1 AND name = $2 AND kind = $3"
    );
    SOURCES = concat!("SELECT ", columns!(""), " FROM sources WHERE tenant = $1 ORDER BY name");
    SOURCE_BY_ID = concat!("SELECT ", columns!(""), " FROM sources WHERE id = $1");
    PAUSE = "UPDATE sources SET paused = $1 WHERE id = $2";
    ENDED_WELL = "UPDATE sources SET settings = $1, last_complete = $2 WHERE id = $3";
    WAS_READ = "UPDATE sources SET last_complete = $1 WHERE id = $2";
    VALIDATORS = "SELECT validators FROM sources WHERE id = $1";
    KEEP_VALIDATORS = "UPDATE sources SET validators = $1 WHERE id = $2";
    MERGED_UNDER = "UPDATE sources SET voices = $1 WHERE id = $2";
    LAST_DUE = "UPDATE sources SET last_due = $1 WHERE id = $2";
}

impl FromCells for Source {
    fn from_cells(cells: &mut Cells<'_>) -> Result<Self, Trouble> {
        Ok(Self {
            id: cells.take()?,
            tenant: cells.take()?,
            name: cells.take()?,
            kind: cells.take()?,
            paused: cells.take()?,
            settings: cells.take()?,
            last_complete: cells.take()?,
            last_due: cells.take()?,
            voices: cells.take()?,
        })
    }
}

impl Store {
    /// The source of this name, made if it is not there. Its kind follows the
    /// configuration.
    pub async fn ensure_source(
        &self,
        tenant: TenantId,
        name: &str,
        kind: &str,
    ) -> Result<Source, StoreError> {
        let known = self
            .database
            .fetch_one(SOURCE_BY_NAME, binds![tenant, name, kind])
            .await?;
        if let Some(source) = known {
            return Ok(source);
        }
        self.database
            .execute_returning(ENSURE_SOURCE, binds![tenant, name, kind])
            .await?
            .pop()
            .ok_or_else(|| StoreError::missing(format!("source {name}")))
    }

    /// All sources of a tenant, by name.
    pub async fn sources(&self, tenant: TenantId) -> Result<Vec<Source>, StoreError> {
        self.database.fetch(SOURCES, binds![tenant]).await
    }

    /// A source by its number.
    pub async fn source(&self, id: SourceId) -> Result<Option<Source>, StoreError> {
        self.database.fetch_one(SOURCE_BY_ID, binds![id]).await
    }

    /// Pauses a source, saying why, or lets it go on.
    pub async fn set_paused(
        &self,
        source: SourceId,
        reason: Option<&str>,
    ) -> Result<(), StoreError> {
        self.update_source(source, PAUSE, binds![reason, source])
            .await
    }

    /// Remembers that a read was complete, though not all that came of it was allowed: the
    /// settings of the last good run stay.
    pub async fn source_was_read(
        &self,
        source: SourceId,
        at: OffsetDateTime,
    ) -> Result<(), StoreError> {
        self.update_source(source, WAS_READ, binds![at, source])
            .await
    }

    /// Remembers that a read under these settings was complete, and all of it allowed.
    pub async fn source_ended_well(
        &self,
        source: SourceId,
        settings: Fingerprint,
        at: OffsetDateTime,
    ) -> Result<(), StoreError> {
        self.update_source(source, ENDED_WELL, binds![settings, at, source])
            .await
    }

    /// What the last good run left so that the source may be asked whether anything has
    /// changed since: the sync floor's own JSON. Apart from [`Source`], since it may be long.
    pub async fn validators(&self, source: SourceId) -> Result<Option<String>, StoreError> {
        let found: Option<(Option<String>,)> =
            self.database.fetch_one(VALIDATORS, binds![source]).await?;
        Ok(found.and_then(|(validators,)| validators))
    }

    /// Keeps them for the next run, or with `None` forgets them.
    pub async fn keep_validators(
        &self,
        source: SourceId,
        validators: Option<&str>,
    ) -> Result<(), StoreError> {
        self.update_source(source, KEEP_VALIDATORS, binds![validators, source])
            .await
    }

    /// Remembers under which rules whom it shares with other sources was merged.
    pub async fn source_merged_under(
        &self,
        source: SourceId,
        voices: Fingerprint,
    ) -> Result<(), StoreError> {
        self.update_source(source, MERGED_UNDER, binds![voices, source])
            .await
    }

    /// Remembers when a scheduled run was due.
    pub async fn set_last_due(
        &self,
        source: SourceId,
        at: OffsetDateTime,
    ) -> Result<(), StoreError> {
        self.update_source(source, LAST_DUE, binds![at, source])
            .await
    }

    async fn update_source(
        &self,
        source: SourceId,
        statement: crate::driver::Statement,
        binds: Vec<Value>,
    ) -> Result<(), StoreError> {
        match self.database.execute(statement, binds).await? {
            0 => Err(StoreError::missing(format!("source {source}"))),
            _ => Ok(()),
        }
    }
}
