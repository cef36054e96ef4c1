//! The runs of sources.

use rollcall_directory::fingerprint::Fingerprint;
use serde_json::Value as Json;
use time::OffsetDateTime;

use crate::dialect::server_now;
use crate::driver::{Cells, FromCells, Statement, Trouble, Value, binds, statements};
use crate::ids::{RunId, SourceId, TenantId};
use crate::journal::text_of;
use crate::records::{PushState, Run, RunKind, RunQuery, RunState};
use crate::{Store, StoreError};

/// The verdict on a run whose process died.
const INTERRUPTED: &str = "was interrupted: its process ended before it did; what it had committed stays, and the next run goes on";

/// The verdict on a run of pushes.
const PUSHED: &str = "nothing; the identity provider pushed it";

macro_rules! columns {
    () => {
        "r.id, r.source, r.kind, r.state, r.started, r.finished, r.verdict, r.report, \
         r.undoes, r.settings"
    };
}

statements! {
    START = "INSERT INTO runs (source, kind, state, started, report, undoes, settings)
        VALUES ($1, $2, 'running', $3, '{}', $4, $5) RETURNING id";
    REPORT = "UPDATE runs SET report = $1 WHERE id = $2";
    FINISH = "UPDATE runs SET state = $1, verdict = $2, report = $3, finished = $4
        WHERE id = $5";
    CHANGE_STATE = "UPDATE runs SET state = $1 WHERE id = $2 AND state = $3";
    PUSH_STATE = "SELECT s.paused, (SELECT MAX(r.id) FROM runs r
                WHERE r.source = s.id AND r.kind = 'push' AND r.started >= $2
                    AND r.state = 'applied')
            FROM sources s WHERE s.id = $1";
    START_PUSH = "INSERT INTO runs (source, kind, state, started, verdict, report, settings)
            SELECT s.id, 'push', 'applied', $2, $3, '{}', $4 FROM sources s
            WHERE s.id = $1 AND NOT EXISTS (SELECT 1 FROM runs r WHERE r.source = s.id
                AND r.kind = 'push' AND r.started >= $5 AND r.state = 'applied')
            RETURNING id";
    RUN = concat!("SELECT ", columns!(), " FROM runs r WHERE r.id = $1");
    RUNS = concat!(
        "SELECT ", columns!(), " FROM runs r JOIN sources s ON s.id = r.source
            WHERE s.tenant = $1 AND r.started >= $2
                AND (CAST($3 AS BIGINT) IS NULL OR r.source = $3)
            ORDER BY r.id DESC LIMIT $4"
    );
    FAIL_INTERRUPTED = "UPDATE runs SET state = 'failed', finished = $1, verdict = $2
            WHERE source = $3 AND state = 'running'
                AND NOT EXISTS (SELECT 1 FROM leases WHERE name = $4 AND expires > $1)
            RETURNING id",
        postgres: concat!(
            "UPDATE runs SET state = 'failed', finished = $1, verdict = $2
            WHERE source = $3 AND state = 'running'
                AND NOT EXISTS (SELECT 1 FROM leases WHERE name = $4 AND expires > ",
            server_now!("$1"),
            ") RETURNING id"
        );
}

impl FromCells for Run {
    fn from_cells(cells: &mut Cells<'_>) -> Result<Self, Trouble> {
        Ok(Self {
            id: cells.take()?,
            source: cells.take()?,
            kind: cells.take()?,
            state: cells.take()?,
            started: cells.take()?,
            finished: cells.take()?,
            verdict: cells.take()?,
            report: cells.take_json()?,
            undoes: cells.take()?,
            settings: cells.take()?,
        })
    }
}

impl Store {
    /// A new run, `running`, with an empty report.
    pub async fn start_run(
        &self,
        source: SourceId,
        kind: RunKind,
        settings: Fingerprint,
        undoes: Option<RunId>,
        now: OffsetDateTime,
    ) -> Result<RunId, StoreError> {
        self.database
            .execute_returning(START, binds![source, kind, now, undoes, settings])
            .await?
            .pop()
            .map(|(id,): (RunId,)| id)
            .ok_or_else(|| StoreError::missing(format!("source {source}")))
    }

    /// Whether a connection may write, and the run in which it does: its latest one of kind
    /// push that began at or after `since`.
    pub async fn push_state(
        &self,
        source: SourceId,
        since: OffsetDateTime,
    ) -> Result<PushState, StoreError> {
        let row: Option<(Option<String>, Option<RunId>)> = self
            .database
            .fetch_one(PUSH_STATE, binds![source, since])
            .await?;
        let (paused, run) = row.ok_or_else(|| StoreError::missing(format!("source {source}")))?;
        Ok(PushState { paused, run })
    }

    /// The run of a connection's pushes, made if there is none since `since`. It is
    /// `applied` from the beginning: each push is whole by itself. Two processes that make
    /// it at the same moment may make two, which does no harm.
    pub async fn push_run(
        &self,
        source: SourceId,
        since: OffsetDateTime,
        settings: Fingerprint,
        now: OffsetDateTime,
    ) -> Result<RunId, StoreError> {
        let made: Vec<(RunId,)> = self
            .database
            .execute_returning(START_PUSH, binds![source, now, PUSHED, settings, since])
            .await?;
        match made.first() {
            Some((run,)) => Ok(*run),
            None => self
                .push_state(source, since)
                .await?
                .run
                .ok_or_else(|| StoreError::missing(format!("run of source {source}"))),
        }
    }

    /// Keeps how far a run is.
    pub async fn update_run(&self, run: RunId, report: &Json) -> Result<(), StoreError> {
        self.change_run(run, REPORT, binds![text_of(report)?, run])
            .await
    }

    /// Ends a run.
    pub async fn finish_run(
        &self,
        run: RunId,
        state: RunState,
        verdict: Option<&str>,
        report: &Json,
        now: OffsetDateTime,
    ) -> Result<(), StoreError> {
        let binds = binds![state, verdict, text_of(report)?, now, run];
        self.change_run(run, FINISH, binds).await
    }

    async fn change_run(
        &self,
        run: RunId,
        statement: Statement,
        binds: Vec<Value>,
    ) -> Result<(), StoreError> {
        match self.database.execute(statement, binds).await? {
            0 => Err(StoreError::missing(format!("run {run}"))),
            _ => Ok(()),
        }
    }

    /// Moves a run from one state to another (approval, cancellation, undo); `false`: it
    /// was in another state, and stays in it.
    pub async fn change_run_state(
        &self,
        run: RunId,
        from: RunState,
        to: RunState,
    ) -> Result<bool, StoreError> {
        let changed = self
            .database
            .execute(CHANGE_STATE, binds![to, run, from])
            .await?;
        Ok(changed > 0)
    }

    /// One run.
    pub async fn run(&self, run: RunId) -> Result<Option<Run>, StoreError> {
        self.database.fetch_one(RUN, binds![run]).await
    }

    /// The runs of a tenant or a source, newest first.
    pub async fn runs(&self, tenant: TenantId, query: &RunQuery) -> Result<Vec<Run>, StoreError> {
        let since = query.since.map_or(i64::MIN, crate::driver::micros);
        self.database
            .fetch(RUNS, binds![tenant, since, query.source, query.limit])
            .await
    }

    /// Fails the runs of a source that are `running` though nobody holds `lease`, the
    /// source's: their process died. Whoever holds the lease calls it before it takes it,
    /// or passes the name of a lease that nobody holds.
    pub async fn fail_interrupted_runs(
        &self,
        source: SourceId,
        lease: &str,
        now: OffsetDateTime,
    ) -> Result<Vec<RunId>, StoreError> {
        let failed: Vec<(RunId,)> = self
            .database
            .execute_returning(FAIL_INTERRUPTED, binds![now, INTERRUPTED, source, lease])
            .await?;
        Ok(failed.into_iter().map(|(id,)| id).collect())
    }
}
