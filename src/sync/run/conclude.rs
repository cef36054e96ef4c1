//! The end of a run: the verdict, who is gone, what the guards hold, and the writing of
//! what they do not.

use std::collections::HashSet;

use rollcall_connectors::Verdict;
use rollcall_directory::entry::Kind;
use rollcall_store::ids::ResourceId;
use rollcall_store::records::RunState;
use rollcall_store::writes::{Step, Write};

use super::{Going, Mode, verdict};
use crate::sync::SyncError;
use crate::sync::administrators::{self, Administrators};
use crate::sync::basis::touched_by;
use crate::sync::effect::Proposal;
use crate::sync::guard::{self, Held, Holds, Totals};
use crate::sync::reader::Reading;
use crate::sync::reconcile::Reconciler;
use crate::sync::report::Removed;

impl Going<'_> {
    pub(super) async fn conclude(
        &mut self,
        reconciler: &mut Reconciler<'_>,
        mut proposals: Vec<Proposal>,
        reading: Reading,
        mut totals: Totals,
        at_once: bool,
    ) -> Result<(RunState, String), SyncError> {
        self.count_reading(&reading, reconciler);
        let verdict = self.verdict(reconciler, &reading, &totals).await?;
        let sentence = verdict::sentence(&verdict, self.kept.as_ref().map(|kept| kept.run));
        if let Verdict::Failed { because } = verdict {
            self.report.failure = Some(because);
            self.report.written = self.written();
            self.keep_reasons(proposals).await?;
            return Ok((RunState::Failed, sentence));
        }
        let mut suspicion = None;
        let whole = match verdict {
            Verdict::Complete {
                notes,
                hold_removals,
            } => Some((notes, hold_removals)),
            Verdict::Unchanged { notes } => Some((notes, None)),
            Verdict::Incomplete { .. } | Verdict::Failed { .. } => None,
        };
        let is_whole = whole.is_some();
        if let Some((notes, hold_removals)) = whole {
            self.report.notes.extend(notes);
            proposals.extend(self.removals(reconciler, &reading).await?);
            suspicion = hold_removals;
        }
        if self.report.tally.members_removed > 0 {
            totals.memberships = self.engine.links_and_memberships(self.setup).await?.1;
        }
        let held = self.judge(&totals, suspicion, at_once);
        let state = self.decide(proposals, held).await?;
        if self.mode == Mode::Sync && state == RunState::Applied && self.unwritten == 0 {
            self.remember_rules().await?;
        }
        if self.mode == Mode::Sync && is_whole {
            self.remember_complete_read(state).await?;
            let names_passed = reconciler.passed_names.are_there();
            self.leave_kept(reading, state, names_passed).await?;
        }
        Ok((state, sentence))
    }

    /// Of a run that failed nothing is written but why entries went into quarantine; of a
    /// plan even that is only kept with it.
    async fn keep_reasons(&mut self, proposals: Vec<Proposal>) -> Result<(), SyncError> {
        let only_reasons = |step: &Step| {
            let mut writes = step.writes.iter();
            writes.all(|write| matches!(write, Write::Quarantine { .. }))
        };
        let steps: Vec<Step> = proposals
            .into_iter()
            .map(|proposal| proposal.step)
            .filter(only_reasons)
            .collect();
        match self.mode {
            Mode::Sync => self.write(&steps).await,
            Mode::Plan => self.keep(steps).await,
        }
    }

    fn count_reading(&mut self, reading: &Reading, reconciler: &Reconciler<'_>) {
        let tally = &mut self.report.tally;
        tally.users_read = reading.users;
        tally.groups_read = reading.groups;
        tally.unchanged = reading.unchanged;
        tally.quarantined = reconciler.quarantine.met.len() as u64;
    }

    /// Under which rules whom this source shares with others is merged by now.
    async fn remember_rules(&self) -> Result<(), SyncError> {
        let (source, rules) = (&self.setup.source, self.setup.voices.fingerprint());
        if source.voices == Some(rules) {
            return Ok(());
        }
        let store = &self.engine.store;
        Ok(store.source_merged_under(source.id, rules).await?)
    }

    /// A read may be complete while its run is held. What the source was asked for counts
    /// as good only once everything that came of it was allowed.
    async fn remember_complete_read(&self, state: RunState) -> Result<(), SyncError> {
        let (store, source) = (&self.engine.store, &self.setup.source);
        if state != RunState::Applied {
            return Ok(store.source_was_read(source.id, self.now).await?);
        }
        store
            .source_ended_well(source.id, self.setup.settings, self.now)
            .await?;
        self.engine.supersede(self.setup, self.run).await
    }

    /// Every guard that closes.
    fn judge(&self, totals: &Totals, suspicion: Option<String>, at_once: bool) -> Vec<Held> {
        let (guards, tally) = (&self.setup.guards, &self.report.tally);
        let mut held = Vec::new();
        if !at_once {
            let first = self.setup.source.settings.is_none();
            held.extend(guard::changes(guards, tally, totals, first));
        }
        for (kind, gone) in [
            (Kind::User, tally.users_gone),
            (Kind::Group, tally.groups_gone),
        ] {
            held.extend(guard::removals(guards, kind, gone, totals));
        }
        held.extend(guard::expired(guards, tally, totals));
        held.extend(self.last_groups());
        held.extend(self.doubts(suspicion));
        held.extend(guard::leavers(guards, tally, totals));
        held.extend(guard::memberships(guards, tally, totals));
        held
    }

    /// All groups of a source that had a few: deleted, or no longer shown to the account.
    fn last_groups(&self) -> Option<Held> {
        let tally = &self.report.tally;
        (tally.groups_read == 0 && tally.groups_gone > 0).then(|| Held {
            guard: "groups".to_owned(),
            holds: Holds::Groups,
            because: format!(
                "the source lists no group any more, and {} were known: approve this if they were deleted; else the account may have lost its right to read groups",
                tally.groups_gone
            ),
        })
    }

    /// Reasons to hold removals that are no numbers: a suspicious answer, new settings.
    fn doubts(&self, suspicion: Option<String>) -> Vec<Held> {
        let tally = &self.report.tally;
        if tally.users_gone + tally.groups_gone == 0 {
            return Vec::new();
        }
        let before = self.setup.source.settings;
        let changed = before.is_none_or(|before| before != self.setup.settings);
        let reasons = [
            suspicion,
            changed.then(|| "base, filter, URL, key or mapping are not those of the last good run, so who is missing may only be no longer asked for: these removals wait for approval".to_owned()),
        ];
        reasons
            .into_iter()
            .flatten()
            .map(|because| Held {
                guard: "settings".to_owned(),
                holds: Holds::Removals,
                because,
            })
            .collect()
    }

    /// Writes what no guard holds; keeps the rest as a plan of this run.
    async fn decide(
        &mut self,
        proposals: Vec<Proposal>,
        held: Vec<Held>,
    ) -> Result<RunState, SyncError> {
        let (now, later) = self.part(proposals, held).await?;
        self.report.waiting = later.len() as u64;
        if self.mode == Mode::Plan {
            let steps: Vec<Step> = now.into_iter().map(|p| p.step).chain(later).collect();
            self.report.waiting = steps.len() as u64;
            self.keep(steps).await?;
            return Ok(RunState::Planned);
        }
        self.report.removed = Removed::by(&now);
        if self.report.removed != Removed::default() {
            let report = serde_json::to_value(&self.report).map_err(SyncError::Report)?;
            self.engine.store.update_run(self.run, &report).await?;
        }
        let steps: Vec<Step> = now.into_iter().map(|p| p.step).collect();
        self.write(&steps).await?;
        if self.report.held.is_empty() {
            return Ok(RunState::Applied);
        }
        self.keep(later).await?;
        Ok(RunState::Held)
    }

    /// Parts what may be written from what waits, and keeps in the report why it waits.
    async fn part(
        &mut self,
        proposals: Vec<Proposal>,
        mut held: Vec<Held>,
    ) -> Result<(Vec<Proposal>, Vec<Step>), SyncError> {
        let administrators =
            Administrators::now(&self.engine.store, self.setup, &proposals).await?;
        self.report.notes.extend(administrators.missing_note());
        held.extend(administrators.missing(&self.report.tally));
        let ending: Vec<&Step> = proposals
            .iter()
            .filter(|p| p.effect.deactivates || p.effect.removes.is_some())
            .map(|p| &p.step)
            .collect();
        let protected = administrators.ended_by(&ending);
        held.extend(administrators::guard(&protected));
        let waiting = waiting(&proposals, &held, |proposal, touched| {
            protected.iter().any(|p| touched.contains(&p.resource))
                || administrators.are_left_by(&protected, &proposal.step)
        });
        let (later, now): (Vec<_>, Vec<_>) = proposals
            .into_iter()
            .zip(waiting)
            .partition(|(_, waits)| *waits);
        let now = now.into_iter().map(|(proposal, _)| proposal).collect();
        let later = later.into_iter().map(|(p, _)| p.step).collect();
        self.report.held = held;
        Ok((now, later))
    }

    async fn keep(&self, steps: Vec<Step>) -> Result<(), SyncError> {
        let mapping = Some(&*self.setup.mapping);
        self.engine.keep(self.setup, self.run, steps, mapping).await
    }
}

/// Which proposals wait: those that a guard names or that concern the protected, and those
/// that build on what waits, before it or after it.
fn waiting(
    proposals: &[Proposal],
    held: &[Held],
    protected: impl Fn(&Proposal, &[ResourceId]) -> bool,
) -> Vec<bool> {
    let touched: Vec<Vec<ResourceId>> = proposals.iter().map(|p| touched_by(&p.step)).collect();
    let mut waits: Vec<bool> = proposals
        .iter()
        .zip(&touched)
        .map(|(proposal, touched)| {
            held.iter().any(|h| h.holds.names(&proposal.effect)) || protected(proposal, touched)
        })
        .collect();
    let mut builds_on: HashSet<ResourceId> = HashSet::new();
    loop {
        let known = builds_on.len();
        for (waits, touched) in waits.iter_mut().zip(&touched) {
            *waits = *waits || touched.iter().any(|id| builds_on.contains(id));
            if *waits {
                builds_on.extend(touched);
            }
        }
        if builds_on.len() == known {
            return waits;
        }
    }
}
