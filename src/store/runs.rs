//! The runs of sources.

use rollcall_directory::fingerprint::Fingerprint;
use serde_json::Value as Json;
use time::OffsetDateTime;

use crate::ids::{RunId, SourceId, TenantId};
use crate::records::{Run, RunKind, RunQuery, RunState};
use crate::{Store, StoreError, unfinished};

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
        let _ = (source, kind, settings, undoes, now);
        unfinished()
    }

    /// Keeps how far a run is.
    pub async fn update_run(&self, run: RunId, report: &Json) -> Result<(), StoreError> {
        let _ = (run, report);
        unfinished()
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
        let _ = (run, state, verdict, report, now);
        unfinished()
    }

    /// Moves a run that has ended from one state to another (approval, cancellation,
    /// undo); `false`: it was in another state.
    pub async fn change_run_state(
        &self,
        run: RunId,
        from: RunState,
        to: RunState,
    ) -> Result<bool, StoreError> {
        let _ = (run, from, to);
        unfinished()
    }

    /// One run.
    pub async fn run(&self, run: RunId) -> Result<Option<Run>, StoreError> {
        let _ = (run);
        unfinished()
    }

    /// The runs of a tenant or a source, newest first.
    pub async fn runs(&self, tenant: TenantId, query: &RunQuery) -> Result<Vec<Run>, StoreError> {
        let _ = (tenant, query);
        unfinished()
    }

    /// Fails the runs of a source that are `running` though nobody holds the source's lease:
    /// their process died. Returns them as they are now.
    pub async fn fail_interrupted_runs(
        &self,
        source: SourceId,
        lease: &str,
        now: OffsetDateTime,
    ) -> Result<Vec<RunId>, StoreError> {
        let _ = (source, lease, now);
        unfinished()
    }
}
