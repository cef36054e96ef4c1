//! Plans that were kept: applying one as it stands, approving what a guard held,
//! discarding either.

use rollcall_connectors::Batch;
use rollcall_mapping::Mapping;
use rollcall_store::ids::RunId;
use rollcall_store::records::{Actor, Run, RunState};
use rollcall_store::writes::{Step, Write};
use time::Duration;

use super::SyncError;
use super::administrators;
use super::basis;
use super::report::{Finished, Removed, Report};
use super::run::{Engine, is_whole};
use super::setup::Footing;
use super::writer::Writer;

/// A plan older than this is not applied any more.
pub(super) const PLAN_HOURS_MAX: i64 = 24;
/// Steps read from the store at a time.
const STEPS_A_PAGE: u32 = 500;

impl Engine {
    /// Writes the steps of a planned or held run, if they still fit.
    pub(crate) async fn apply(&self, footing: &Footing, id: RunId) -> Result<Finished, SyncError> {
        let lease = self.lease(footing).await?;
        let done = self.apply_under(footing, id, &lease.fence).await;
        lease.release().await?;
        done
    }

    async fn apply_under(
        &self,
        footing: &Footing,
        id: RunId,
        fence: &rollcall_store::writes::Fence,
    ) -> Result<Finished, SyncError> {
        self.bury_interrupted(footing).await?;
        let run = self.waiting_run(id).await?;
        let now = self.clock.now();
        let steps = self.steps(id).await?;
        self.refuse_stale(footing, &run, &steps).await?;
        if administrators::none_left_after(&self.store, footing, &steps).await? {
            return Err(SyncError::LastAdministrator(id));
        }
        // From here on whoever finds it cut off knows that it has written something.
        let begun = self
            .store
            .change_run_state(id, run.state, RunState::Running);
        if !begun.await? {
            return Err(not_waiting(id, RunState::Running));
        }
        self.store.keep_validators(footing.source.id, None).await?;
        let writer = Writer::new(&self.store, footing, Actor::Run(id), Some(fence), now);
        let mut report = Report::of(&run);
        // Counted, and on record, before the first is written.
        report.removed = Removed::all_of(&report.tally);
        report.waiting = 0;
        self.store
            .update_run(
                id,
                &serde_json::to_value(&report).map_err(SyncError::Report)?,
            )
            .await?;
        let what = match run.state {
            RunState::Held => "run",
            _ => "plan",
        };
        self.store
            .note(
                footing.source.tenant,
                Some(footing.source.id),
                &Actor::Cli,
                &format!("{what} {id} was approved: {} steps", steps.len()),
                now,
            )
            .await?;
        let refused = writer.write_all(&steps, |_| {}).await?;
        report.refuse(&refused);
        report.tally.quarantined += writer.set_aside(&refused, id).await?;
        self.store.drop_steps(id).await?;
        let verdict = run.verdict.clone().unwrap_or_default();
        let json = serde_json::to_value(&report).map_err(SyncError::Report)?;
        self.store
            .finish_run(id, RunState::Applied, Some(&verdict), &json, now)
            .await?;
        if run.undoes.is_none() && is_whole(&verdict) && run.settings == footing.settings {
            self.store
                .source_ended_well(footing.source.id, run.settings, now)
                .await?;
        }
        if let Some(undone) = run.undoes {
            self.after_undo(footing, undone).await?;
        }
        Ok(Finished {
            run: id,
            state: RunState::Applied,
            verdict,
            report,
        })
    }

    /// Discards a planned or held run, or asks a running one to stop.
    pub(crate) async fn cancel(&self, id: RunId) -> Result<(), SyncError> {
        let run = self.waiting_run(id).await?;
        self.store.drop_steps(id).await?;
        let verdict = run.verdict.clone().unwrap_or_default();
        self.store
            .finish_run(
                id,
                RunState::Cancelled,
                Some(&verdict),
                &run.report,
                self.clock.now(),
            )
            .await?;
        Ok(())
    }

    /// Keeps the steps of a run, with what they build on. `mapping`: see [`basis::note`].
    pub(super) async fn keep(
        &self,
        footing: &Footing,
        id: RunId,
        mut steps: Vec<Step>,
        mapping: Option<&Mapping>,
    ) -> Result<(), SyncError> {
        let tenant = footing.source.tenant;
        basis::note(&self.store, tenant, mapping, &mut steps).await?;
        let mut first = 0;
        for chunk in steps.chunks(Batch::ENTRIES_MAX) {
            self.store.save_steps(id, first, chunk).await?;
            first += i64::try_from(chunk.len()).unwrap_or(i64::MAX);
        }
        Ok(())
    }

    /// A run's kept steps, all of them.
    pub(crate) async fn steps(&self, id: RunId) -> Result<Vec<Step>, SyncError> {
        let mut steps = Vec::new();
        let mut after = -1;
        loop {
            let page = self.store.steps(id, after, STEPS_A_PAGE).await?;
            let Some((last, _)) = page.last() else {
                return Ok(steps);
            };
            after = *last;
            steps.extend(page.into_iter().map(|(_, step)| step));
        }
    }

    async fn waiting_run(&self, id: RunId) -> Result<Run, SyncError> {
        let run = self.store.run(id).await?.ok_or(SyncError::NoRun(id))?;
        match run.state {
            RunState::Planned | RunState::Held => Ok(run),
            other => Err(not_waiting(id, other)),
        }
    }

    /// A plan is applied as it stands or not at all: nothing that it touches may have
    /// changed since.
    async fn refuse_stale(
        &self,
        footing: &Footing,
        run: &Run,
        steps: &[Step],
    ) -> Result<(), SyncError> {
        let stale = |because: String| SyncError::Stale {
            run: run.id,
            because,
        };
        if self.clock.now() - run.started > Duration::hours(PLAN_HOURS_MAX) {
            return Err(stale(format!(
                "it is older than {PLAN_HOURS_MAX} hours, and the source may have changed"
            )));
        }
        // A plan that was made before this one may have been applied after it.
        let later = self
            .runs_since(footing, run.started - Duration::hours(2 * PLAN_HOURS_MAX))
            .await?;
        let made = run.finished.unwrap_or(run.started);
        let after = |r: &&Run| r.id != run.id && r.finished.is_some_and(|at| at > made);
        for other in later.iter().filter(after) {
            let report = Report::of(other);
            let wrote = matches!(
                other.state,
                RunState::Applied | RunState::Held | RunState::Undone
            );
            if wrote && report.tally.changes_something() {
                return Err(stale(format!(
                    "run {} of the same source came after it",
                    other.id
                )));
            }
        }
        let tenant = footing.source.tenant;
        if let Some(because) = basis::what_changed(&self.store, tenant, steps).await? {
            return Err(stale(because));
        }
        let mut expected = std::collections::HashMap::new();
        for write in steps.iter().flat_map(|s| &s.writes) {
            if let Write::Update {
                resource,
                base_version,
                ..
            }
            | Write::Delete {
                resource,
                base_version,
            } = write
            {
                expected.entry(*resource).or_insert(*base_version);
            }
        }
        let created: std::collections::HashSet<_> = steps
            .iter()
            .flat_map(|s| &s.writes)
            .filter_map(|w| match w {
                Write::Create { resource, .. } | Write::Restore { resource, .. } => Some(*resource),
                _ => None,
            })
            .collect();
        let ids: Vec<_> = expected
            .keys()
            .filter(|id| !created.contains(id))
            .copied()
            .collect();
        for chunk in ids.chunks(STEPS_A_PAGE as usize) {
            let found = self.store.resources(chunk).await?;
            for id in chunk {
                match found.iter().find(|r| r.id == *id) {
                    Some(resource) if expected.get(id) == Some(&resource.document_version) => {}
                    Some(resource) => {
                        return Err(stale(format!(
                            "{} has changed since",
                            super::name_of(resource)
                        )));
                    }
                    None => return Err(stale("somebody whom it changes is gone".to_owned())),
                }
            }
        }
        Ok(())
    }
}

fn not_waiting(run: RunId, state: RunState) -> SyncError {
    SyncError::State {
        run,
        state: state.as_str().to_owned(),
        needs: "only a planned or a held run can be applied, approved or cancelled",
    }
}
