//! The append-only record of every change.

use time::OffsetDateTime;

use crate::driver::{Cells, FromCells, Trouble, binds, statements};
use crate::ids::{RunId, SourceId, TenantId};
use crate::records::{Actor, JournalEvent, JournalLine, JournalQuery};
use crate::{Store, StoreError};

macro_rules! page {
    ($border:literal, $direction:literal) => {
        concat!(
            "SELECT seq, at, actor, run, source, resource, uuid, link, event FROM journal
            WHERE tenant = $1 AND seq ",
            $border,
            " $2
                AND (CAST($3 AS BIGINT) IS NULL OR run = $3)
                AND (CAST($4 AS BIGINT) IS NULL OR resource = $4)
            ORDER BY seq ",
            $direction,
            " LIMIT $5"
        )
    };
}

macro_rules! page_by {
    ($column:literal, $border:literal, $direction:literal) => {
        concat!(
            "SELECT seq, at, actor, run, source, resource, uuid, link, event FROM journal
            WHERE tenant = $1 AND seq ",
            $border,
            " $2 AND ",
            $column,
            " = $3
                AND (CAST($4 AS BIGINT) IS NULL OR resource = $4)
            ORDER BY seq ",
            $direction,
            " LIMIT $5"
        )
    };
}

statements! {
    FORWARDS = page!(">", "ASC");
    BACKWARDS = page!("<", "DESC");
    RUN_FORWARDS = page_by!("run", ">", "ASC");
    RUN_BACKWARDS = page_by!("run", "<", "DESC");
    RESOURCE_FORWARDS = page_by!("resource", ">", "ASC");
    RESOURCE_BACKWARDS = page_by!("resource", "<", "DESC");
    NOTE = "INSERT INTO journal (at, tenant, actor, run, source, event)
        VALUES ($1, $2, $3, $4, $5, $6)";
}

impl FromCells for JournalLine {
    fn from_cells(cells: &mut Cells<'_>) -> Result<Self, Trouble> {
        Ok(Self {
            seq: cells.take()?,
            at: cells.take()?,
            actor: {
                let word: String = cells.take()?;
                let run: Option<RunId> = cells.take()?;
                Actor::from_parts(&word, run)?
            },
            source: cells.take()?,
            resource: cells.take()?,
            uuid: cells.take()?,
            link: cells.take()?,
            event: cells.take_json()?,
        })
    }
}

impl Actor {
    /// The word that the journal keeps, and the run.
    pub(crate) fn parts(&self) -> (&'static str, Option<RunId>) {
        match self {
            Self::Run(run) => ("run", Some(*run)),
            Self::Connection(run) => ("connection", Some(*run)),
            Self::Cli => ("cli", None),
            Self::Time => ("time", None),
        }
    }

    fn from_parts(word: &str, run: Option<RunId>) -> Result<Self, StoreError> {
        match (word, run) {
            ("run", Some(run)) => Ok(Self::Run(run)),
            ("connection", Some(run)) => Ok(Self::Connection(run)),
            ("cli", None) => Ok(Self::Cli),
            ("time", None) => Ok(Self::Time),
            _ => Err(StoreError::Corrupt {
                what: format!("a journal line of the actor {word}"),
            }),
        }
    }
}

impl Store {
    /// A page of a tenant's journal.
    pub async fn journal(
        &self,
        tenant: TenantId,
        query: &JournalQuery,
    ) -> Result<Vec<JournalLine>, StoreError> {
        let border = query.after_seq.unwrap_or(if query.newest_first {
            i64::MAX
        } else {
            i64::MIN
        });
        let (statement, first) = match (query.run, query.resource, query.newest_first) {
            (Some(run), _, false) => (RUN_FORWARDS, Some(run.0)),
            (Some(run), _, true) => (RUN_BACKWARDS, Some(run.0)),
            (None, Some(resource), false) => (RESOURCE_FORWARDS, Some(resource.0)),
            (None, Some(resource), true) => (RESOURCE_BACKWARDS, Some(resource.0)),
            (None, None, false) => (FORWARDS, None),
            (None, None, true) => (BACKWARDS, None),
        };
        self.database
            .fetch(
                statement,
                binds![tenant, border, first, query.resource, query.limit],
            )
            .await
    }

    /// Notes something about a run or a source that changes no resource.
    pub async fn note(
        &self,
        tenant: TenantId,
        source: Option<SourceId>,
        actor: &Actor,
        text: &str,
        now: OffsetDateTime,
    ) -> Result<(), StoreError> {
        let event = JournalEvent::Note {
            text: text.to_owned(),
        };
        let (word, run) = actor.parts();
        let binds = binds![now, tenant, word, run, source, text_of(&event)?];
        self.database.execute(NOTE, binds).await?;
        Ok(())
    }
}

/// A value as the JSON text that is stored.
pub(crate) fn text_of<T: serde::Serialize>(value: &T) -> Result<String, StoreError> {
    serde_json::to_string(value).map_err(|e| StoreError::Corrupt {
        what: format!("a value that is no JSON: {e}"),
    })
}
