//! Putting back what a run changed.
//!
//! The journal of the run, backwards, each line turned round ([`backwards`]): the source says
//! again what it said before, and all sources are asked anew what that makes of each person
//! ([`settle`]). What has changed since is left as it is and listed. An undo is a run of its
//! own, under the guards, and it pauses the source: the next run would do the same again.

use rollcall_directory::entry::Kind;
use rollcall_store::ids::RunId;
use rollcall_store::records::{Actor, JournalQuery, Run, RunKind, RunState};
use rollcall_store::writes::{Fence, Step};

mod as_left;
mod backwards;
mod settle;

use self::backwards::Backwards;
use super::SyncError;
use super::administrators;
use super::guard::{self, Held, Holds};
use super::report::{Finished, Removed, Report};
use super::run::Engine;
use super::setup::Footing;
use super::writer::Writer;

/// Journal lines read at a time.
const LINES_A_PAGE: u32 = 1_000;

impl Engine {
    /// Undoes a run, or with `plan_only` keeps what that would do as a plan.
    pub(crate) async fn undo(
        &self,
        footing: &Footing,
        id: RunId,
        plan_only: bool,
    ) -> Result<Finished, SyncError> {
        let lease = self.lease(footing).await?;
        let done = self.undo_under(footing, id, plan_only, &lease.fence).await;
        lease.release().await?;
        done
    }

    async fn undo_under(
        &self,
        footing: &Footing,
        id: RunId,
        plan_only: bool,
        fence: &Fence,
    ) -> Result<Finished, SyncError> {
        let run = self.store.run(id).await?.ok_or(SyncError::NoRun(id))?;
        self.refuse_undo(footing, &run).await?;
        // A connection does not wait for a lease: it must not write while it is put back.
        let pauses = run.kind == RunKind::Push && !plan_only && footing.source.paused.is_none();
        if pauses {
            self.pause_for(footing, id).await?;
        }
        let now = self.clock.now();
        let undo = self
            .store
            .start_run(
                footing.source.id,
                RunKind::Undo,
                run.settings,
                Some(id),
                now,
            )
            .await?;
        let mut back = Backwards::new(self, footing, id, undo, now);
        let mut before = None;
        loop {
            let lines = self
                .store
                .journal(
                    footing.source.tenant,
                    &JournalQuery {
                        run: Some(id),
                        after_seq: before,
                        limit: LINES_A_PAGE,
                        newest_first: true,
                        ..JournalQuery::default()
                    },
                )
                .await?;
            let Some(last) = lines.last() else { break };
            before = Some(last.seq);
            for line in lines {
                back.line(line).await?;
            }
        }
        let (steps, mut report) = back.end().await?;
        report.held = self.judge(footing, undo, &steps, &report).await?;
        let state = if plan_only {
            RunState::Planned
        } else if report.held.is_empty() {
            RunState::Applied
        } else {
            RunState::Held
        };
        if state == RunState::Applied {
            self.store.keep_validators(footing.source.id, None).await?;
            let writer = Writer::new(&self.store, footing, Actor::Run(undo), Some(fence), now);
            report.removed = Removed::all_of(&report.tally);
            let counted = serde_json::to_value(&report).map_err(SyncError::Report)?;
            self.store.update_run(undo, &counted).await?;
            let refused = writer.write_all(&steps, |_| {}).await?;
            report.refuse_for_good(&refused);
            self.after_undo(footing, id).await?;
        } else {
            if pauses {
                self.store.set_paused(footing.source.id, None).await?;
            }
            report.waiting = steps.len() as u64;
            self.keep(footing, undo, steps, None).await?;
        }
        let verdict = format!("undo of run {id}");
        let json = serde_json::to_value(&report).map_err(SyncError::Report)?;
        self.store
            .finish_run(undo, state, Some(&verdict), &json, now)
            .await?;
        Ok(Finished {
            run: undo,
            state,
            verdict,
            report,
        })
    }

    /// Only what a run wrote can be undone; what it holds is decided first.
    async fn refuse_undo(&self, footing: &Footing, run: &Run) -> Result<(), SyncError> {
        let needs = match run.state {
            RunState::Applied | RunState::Failed => return Ok(()),
            RunState::Cancelled => {
                let query = JournalQuery {
                    run: Some(run.id),
                    limit: 1,
                    ..JournalQuery::default()
                };
                let lines = self.store.journal(footing.source.tenant, &query).await?;
                if !lines.is_empty() {
                    return Ok(());
                }
                "it has written nothing, so there is nothing to undo"
            }
            RunState::Held => {
                "approve or cancel what it holds first; then what it wrote can be undone"
            }
            _ => "only a run that wrote something can be undone",
        };
        Err(SyncError::State {
            run: run.id,
            state: run.state.as_str().to_owned(),
            needs,
        })
    }

    /// The removal guards, over what the undo removes. An undo is done whole or not at all.
    async fn judge(
        &self,
        footing: &Footing,
        undo: RunId,
        steps: &[Step],
        report: &Report,
    ) -> Result<Vec<Held>, SyncError> {
        let (guards, tally) = (&footing.guards, &report.tally);
        let links = self.store.link_marks(footing.source.id).await?;
        let of = |kind: Kind| links.iter().filter(|l| l.kind == kind).count() as u64;
        let present = [of(Kind::User), of(Kind::Group)];
        let mut totals = self
            .totals(footing, undo, self.clock.now(), present)
            .await?;
        totals.memberships = self.links_and_memberships(footing).await?.1;
        let mut held = Vec::new();
        for (kind, gone) in [
            (Kind::User, tally.users_gone),
            (Kind::Group, tally.groups_gone),
        ] {
            held.extend(guard::removals(guards, kind, gone, &totals));
        }
        held.extend(guard::leavers(guards, tally, &totals));
        held.extend(guard::memberships(guards, tally, &totals));
        for said in &mut held {
            said.because = said
                .because
                .replace(
                    "are missing from the source",
                    "would be deleted again by this undo",
                )
                .replace("the source says that", "this undo would say again that");
            said.holds = Holds::All;
        }
        let all: Vec<&Step> = steps.iter().collect();
        let ended = administrators::ended_by(&self.store, footing, &all).await?;
        held.extend(administrators::guard(&ended));
        Ok(held)
    }

    /// Marks the run as undone and pauses its source.
    pub(super) async fn after_undo(
        &self,
        footing: &Footing,
        undone: RunId,
    ) -> Result<(), SyncError> {
        let run = self
            .store
            .run(undone)
            .await?
            .ok_or(SyncError::NoRun(undone))?;
        let verdict = run.verdict.clone().unwrap_or_default();
        self.store
            .finish_run(
                undone,
                RunState::Undone,
                Some(&verdict),
                &run.report,
                run.finished.unwrap_or_else(|| self.clock.now()),
            )
            .await?;
        self.pause_for(footing, undone).await
    }

    async fn pause_for(&self, footing: &Footing, undone: RunId) -> Result<(), SyncError> {
        self.store
            .set_paused(
                footing.source.id,
                Some(&format!(
                    "run {undone} was undone, and the next run would do the same again"
                )),
            )
            .await?;
        Ok(())
    }
}
