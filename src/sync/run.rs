//! One run: read, reconcile, guard, write.
//!
//! The first run of a source into a directory that nobody else feeds writes as it reads.
//! Every other run first reads everything and computes what it would change; then the
//! guards judge the whole; then it is written, or kept as a plan. A plan is the same run,
//! ended before writing.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use rollcall_connectors::{Absence, Batch, LOOK_UP_KEYS_MAX, LookUp, Verdict};
use rollcall_directory::entry::{EntryKey, Kind};
use rollcall_mapping::Context;
use rollcall_store::Store;
use rollcall_store::ids::{LinkId, RunId};
use rollcall_store::records::RunQuery;
use rollcall_store::records::{Actor, MappingText, Run, RunKind, RunState};
use rollcall_store::writes::{Fence, Step, Write};
use time::OffsetDateTime;

use super::SyncError;
use super::candidate::Candidate;
use super::clock::Clock;
use super::guard::{self, Held, Holds, Totals};
use super::import::Import;
use super::lease::{Lease, Tenancy};
use super::reader::{self, LinkIndex, Progress, Reading};
use super::reconcile::{Proposal, Reconciler};
use super::report::{Finished, Report};
use super::setup::Setup;
use super::writer::Writer;
use crate::config::policy::LeaverAction;

/// How many of a source's latest runs are looked at: more than a day's, each minute.
const RUNS_LOOKED_AT_MAX: u32 = 2_000;

/// Whether a run writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mode {
    /// Read and write.
    Sync,
    /// Read, and keep what would be written as a plan.
    Plan,
}

/// Runs sources against one store.
#[derive(Debug, Clone)]
pub(crate) struct Engine {
    /// The directory.
    pub(crate) store: Store,
    /// The time.
    pub(crate) clock: Arc<dyn Clock>,
    /// Who runs.
    pub(crate) tenancy: Tenancy,
}

/// What is to be written, in the order in which it must be.
#[derive(Debug, Default)]
struct Proposals {
    changes: Vec<Proposal>,
    removals: Vec<Proposal>,
}

impl Engine {
    /// Runs a source once.
    pub(crate) async fn run(
        &self,
        setup: &Setup,
        mode: Mode,
        progress: Arc<Progress>,
    ) -> Result<Finished, SyncError> {
        if let (Mode::Sync, Some(because)) = (mode, &setup.source.paused) {
            return Err(SyncError::Paused {
                source_name: setup.source.name.clone(),
                because: because.clone(),
            });
        }
        let lease = match mode {
            Mode::Plan => None,
            Mode::Sync => {
                let lease = self.lease(setup).await?;
                self.bury_interrupted(setup).await?;
                Some(lease)
            }
        };
        let kind = match mode {
            Mode::Sync => RunKind::Sync,
            Mode::Plan => RunKind::Plan,
        };

        let run = self
            .store
            .start_run(
                setup.source.id,
                kind,
                setup.settings,
                None,
                self.clock.now(),
            )
            .await?;
        let fence = lease.as_ref().map(|l| &l.fence);
        let mut going = Going {
            engine: self,
            setup,
            mode,
            run,
            fence,
            report: Report::default(),
            now: self.clock.now(),
            progress,
        };
        let ended = going.go().await;
        let report = std::mem::take(&mut going.report);
        let finished = self.finish(run, ended, report).await;
        if let Some(lease) = lease {
            lease.release().await?;
        }
        finished
    }

    pub(super) async fn lease(&self, setup: &Setup) -> Result<Lease, SyncError> {
        match Lease::take(&self.store, setup.source.id, &self.tenancy, &self.clock).await? {
            Some(lease) => Ok(lease),
            None => Err(SyncError::Running {
                source_name: setup.source.name.clone(),
            }),
        }
    }

    /// Runs that are still `running` while we hold the lease were cut off.
    async fn bury_interrupted(&self, setup: &Setup) -> Result<(), SyncError> {
        let query = RunQuery {
            source: Some(setup.source.id),
            since: None,
            limit: RUNS_LOOKED_AT_MAX,
        };
        let verdict = "cut off before it ended; the next run starts over";
        for run in self.store.runs(setup.source.tenant, &query).await? {
            if run.state == RunState::Running && run.kind != RunKind::Plan {
                self.store
                    .finish_run(
                        run.id,
                        RunState::Failed,
                        Some(verdict),
                        &run.report,
                        self.clock.now(),
                    )
                    .await?;
            }
        }
        Ok(())
    }

    /// Plans and held runs of a source that a later good run has made pointless.
    async fn supersede(&self, setup: &Setup, by: RunId) -> Result<(), SyncError> {
        let query = RunQuery {
            source: Some(setup.source.id),
            since: None,
            limit: RUNS_LOOKED_AT_MAX,
        };
        for run in self.store.runs(setup.source.tenant, &query).await? {
            let waits = run.state == RunState::Held;
            if waits
                && run.id != by
                && self
                    .store
                    .change_run_state(run.id, run.state, RunState::Cancelled)
                    .await?
            {
                self.store.drop_steps(run.id).await?;
            }
        }
        Ok(())
    }

    /// The runs of a source that began at or after `since`.
    pub(super) async fn runs_since(
        &self,
        setup: &Setup,
        since: OffsetDateTime,
    ) -> Result<Vec<Run>, SyncError> {
        let query = RunQuery {
            source: Some(setup.source.id),
            since: Some(since),
            limit: RUNS_LOOKED_AT_MAX,
        };
        Ok(self.store.runs(setup.source.tenant, &query).await?)
    }

    async fn finish(
        &self,
        run: RunId,
        ended: Result<(RunState, String), SyncError>,
        mut report: Report,
    ) -> Result<Finished, SyncError> {
        let (state, verdict, error) = match ended {
            Ok((state, verdict)) => (state, verdict, None),
            Err(error) => {
                report.failure = Some(error.to_string());
                (RunState::Failed, "failed".to_owned(), Some(error))
            }
        };
        let json = serde_json::to_value(&report).map_err(SyncError::Report)?;
        let kept = self
            .store
            .finish_run(run, state, Some(&verdict), &json, self.clock.now())
            .await;
        if let Some(error) = error {
            return Err(error);
        }
        kept?;
        Ok(Finished {
            run,
            state,
            verdict,
            report,
        })
    }
}

/// Where a run's changes go while it reads.
#[derive(Debug)]
enum Outlet {
    /// They are written.
    Import(Import),
    /// They wait until everything is read and judged.
    Collect(Vec<Proposal>),
}

impl Outlet {
    async fn flush(&mut self) -> Result<(), SyncError> {
        match self {
            Self::Import(import) => import.flush().await,
            Self::Collect(_) => Ok(()),
        }
    }
}

/// A run that is going on.
struct Going<'a> {
    engine: &'a Engine,
    setup: &'a Setup,
    mode: Mode,
    run: RunId,
    fence: Option<&'a Fence>,
    report: Report,
    now: OffsetDateTime,
    progress: Arc<Progress>,
}

impl Going<'_> {
    async fn go(&mut self) -> Result<(RunState, String), SyncError> {
        let store = &self.engine.store;
        let source = &self.setup.source;
        store
            .remember_mapping(&MappingText {
                fingerprint: self.setup.mapping.fingerprint(),
                name: self.setup.mapping.name().to_owned(),
                text: self.setup.mapping_text.to_string(),
            })
            .await?;
        let marks = store.link_marks(source.id).await?;
        let own_links = marks.len() as u64;
        let index = LinkIndex::new(marks);
        let mut totals = self.totals(&index).await?;
        let at_once = self.mode == Mode::Sync && self.is_alone(own_links).await?;
        let quarantined = store.quarantined(source.id).await?;
        let mut reconciler =
            Reconciler::new(self.setup, store.clone(), self.now, self.run, quarantined);
        let (proposals, reading) = self.read(&mut reconciler, index, at_once).await?;
        if self.report.tally.members_removed > 0 {
            totals.memberships = self.links_and_memberships().await?.1;
        }
        self.conclude(&mut reconciler, proposals, reading, &totals, at_once)
            .await
    }

    /// Whether the tenant is empty and no other source is about to fill it: only then may
    /// a run write as it reads, since there is nothing that it could break, or meet.
    async fn is_alone(&self, own_links: u64) -> Result<bool, SyncError> {
        if self.setup.source.settings.is_some() || own_links > 0 {
            return Ok(false);
        }
        let all = self.engine.store.statistics().await?;
        let here = all.iter().find(|t| t.tenant == self.setup.tenant_name);
        if here.is_some_and(|t| t.users + t.groups + t.links > 0) {
            return Ok(false);
        }
        // This run is in the table by now: of two that begin together each sees the other.
        let query = RunQuery {
            source: None,
            since: None,
            limit: RUNS_LOOKED_AT_MAX,
        };
        let runs = self.engine.store.runs(self.setup.source.tenant, &query);
        Ok(!runs
            .await?
            .iter()
            .any(|r| r.id != self.run && r.state == RunState::Running && r.kind != RunKind::Plan))
    }

    /// Links and memberships of the whole tenant.
    async fn links_and_memberships(&self) -> Result<(u64, u64), SyncError> {
        let all = self.engine.store.statistics().await?;
        Ok(all
            .into_iter()
            .find(|t| t.tenant == self.setup.tenant_name)
            .map(|t| (t.links, t.memberships))
            .unwrap_or_default())
    }

    async fn totals(&self, index: &LinkIndex) -> Result<Totals, SyncError> {
        let since = self.now - self.setup.guards.window;
        let lately = self.engine.runs_since(self.setup, since).await?;
        let mut totals = Totals {
            users: index.present(Kind::User),
            groups: index.present(Kind::Group),
            ..Totals::default()
        };
        for run in lately
            .iter()
            .filter(|r| r.id != self.run && r.state == RunState::Applied)
        {
            if let Ok(report) = serde_json::from_value::<Report>(run.report.clone()) {
                totals.users_removed_lately += report.tally.users_gone;
                totals.groups_removed_lately += report.tally.groups_gone;
                totals.leavers_lately += report.tally.deactivated;
                totals.memberships_removed_lately += report.tally.members_removed;
            }
        }
        Ok(totals)
    }

    /// Reads to the end; writes at once, or collects what is to be written.
    async fn read(
        &mut self,
        reconciler: &mut Reconciler<'_>,
        index: LinkIndex,
        at_once: bool,
    ) -> Result<(Vec<Proposal>, Reading), SyncError> {
        let context = Context {
            now: self.now,
            zone_offset: zone_offset(&self.setup.time_zone, self.now),
        };
        let mut outlet = if at_once {
            reconciler.view.begin_import();
            Outlet::Import(Import::new(self.writer(), self.progress.clone()))
        } else {
            Outlet::Collect(Vec::new())
        };
        let (mut examined, handle) =
            reader::start(self.setup, index, context, self.progress.clone());
        let mut postponed: Vec<Candidate> = Vec::new();
        while let Some(batch) = examined.recv().await {
            let done = reconciler
                .batch(batch.candidates, batch.troubled, false)
                .await?;
            postponed.extend(done.postponed);
            self.take(reconciler, done.changes, &mut outlet).await?;
        }
        let reading = handle.await.map_err(|_| SyncError::Stopped)?;
        outlet.flush().await?;
        reconciler.view.end_import();
        if !postponed.is_empty() {
            let done = reconciler.batch(postponed, Vec::new(), true).await?;
            self.take(reconciler, done.changes, &mut outlet).await?;
            outlet.flush().await?;
        }
        // Always: a run that was killed may have left references that can be settled now.
        let settled = reconciler.settle_references().await?;
        self.take(reconciler, settled, &mut outlet).await?;
        outlet.flush().await?;
        let dangling = reconciler.view.pending().await?;
        self.report.tally.dangling = dangling.values().map(|names| names.len() as u64).sum();
        Ok((self.close(outlet), reading))
    }

    async fn take(
        &mut self,
        reconciler: &mut Reconciler<'_>,
        changes: Vec<Proposal>,
        outlet: &mut Outlet,
    ) -> Result<(), SyncError> {
        for change in &changes {
            change
                .effect
                .count(&change.step.subject, &mut self.report.tally);
        }
        match outlet {
            Outlet::Import(import) => {
                let steps: Vec<Step> = changes.into_iter().map(|c| c.step).collect();
                reconciler.view.remember(&steps);
                import.take(&steps).await?;
            }
            Outlet::Collect(collected) => {
                let steps: Vec<Step> = changes.iter().map(|c| c.step.clone()).collect();
                reconciler.view.lay(&steps, self.now).await?;
                collected.extend(changes);
            }
        }
        Ok(())
    }

    /// What was collected and is still to be written.
    fn close(&mut self, outlet: Outlet) -> Vec<Proposal> {
        match outlet {
            Outlet::Import(import) => {
                self.report.notes.extend(import.notes);
                Vec::new()
            }
            Outlet::Collect(collected) => collected,
        }
    }

    async fn conclude(
        &mut self,
        reconciler: &mut Reconciler<'_>,
        collected: Vec<Proposal>,
        reading: Reading,
        totals: &Totals,
        at_once: bool,
    ) -> Result<(RunState, String), SyncError> {
        self.count_reading(&reading, reconciler);
        let verdict = self.verdict(&reading, totals);
        let sentence = match &verdict {
            Verdict::Complete { .. } => "complete".to_owned(),
            Verdict::Incomplete { because } => format!("incomplete because {because}"),
            Verdict::Failed { because } => format!("failed because {because}"),
        };
        if let Verdict::Failed { because } = verdict {
            self.report.failure = Some(because);
            return Ok((RunState::Failed, sentence));
        }
        let mut proposals = Proposals {
            changes: collected,
            removals: Vec::new(),
        };
        let mut held = Vec::new();
        if let Verdict::Complete {
            notes,
            hold_removals,
        } = &verdict
        {
            self.report.notes.extend(notes.iter().cloned());
            proposals.removals = self
                .removals(reconciler, &reading, totals, &mut held)
                .await?;
            self.hold_for_other_reasons(hold_removals.as_deref(), &proposals, &mut held);
        }
        if !at_once {
            held.extend(guard::changes(
                &self.setup.guards,
                &self.report.tally,
                totals,
                self.setup.source.settings.is_none(),
            ));
        }
        let state = self.decide(proposals, held, totals).await?;
        let complete = matches!(verdict, Verdict::Complete { .. });
        if self.mode == Mode::Sync && complete && state == RunState::Applied {
            self.engine
                .store
                .source_ended_well(self.setup.source.id, self.setup.settings, self.now)
                .await?;
            self.engine.supersede(self.setup, self.run).await?;
        }
        Ok((state, sentence))
    }

    fn count_reading(&mut self, reading: &Reading, reconciler: &Reconciler<'_>) {
        let tally = &mut self.report.tally;
        tally.users_read = reading.users;
        tally.groups_read = reading.groups;
        tally.unchanged = reading.unchanged;
        tally.quarantined = reconciler.quarantine.met.len() as u64;
    }

    /// The connector's verdict, unless what it read forbids to believe it.
    fn verdict(&self, reading: &Reading, totals: &Totals) -> Verdict {
        let tally = &self.report.tally;
        let empty = [
            (tally.users_read, totals.users, "people"),
            (tally.groups_read, totals.groups, "groups"),
        ];
        if matches!(reading.verdict, Verdict::Complete { .. }) {
            for (read, linked, what) in empty {
                if read == 0 && linked > 0 {
                    return Verdict::Failed {
                        because: format!(
                            "the source answered without an error but listed no {what} at all, and {linked} are known: the account may have lost its right to read them, or base, filter or URL are wrong; nothing was changed"
                        ),
                    };
                }
            }
        }
        let limit = self.setup.guards.quarantine.of(tally.read());
        if tally.quarantined > limit && !matches!(reading.verdict, Verdict::Failed { .. }) {
            return Verdict::Failed {
                because: format!(
                    "{} of {} entries went into quarantine, more than the {limit} that the guard `quarantine` allows; see `rollcall run show {}` for the reasons",
                    tally.quarantined,
                    tally.read(),
                    self.run
                ),
            };
        }
        if reading.without_key > 0 && matches!(reading.verdict, Verdict::Complete { .. }) {
            return Verdict::Incomplete {
                because: format!(
                    "{} entries have no key, so nobody can tell whose they are; nothing is removed until they have one",
                    reading.without_key
                ),
            };
        }
        reading.verdict.clone()
    }

    /// Who is gone, looked up first, and what the leaver policy makes of it.
    async fn removals(
        &mut self,
        reconciler: &mut Reconciler<'_>,
        reading: &Reading,
        totals: &Totals,
        held: &mut Vec<Held>,
    ) -> Result<Vec<Proposal>, SyncError> {
        if self.setup.leavers.action == LeaverAction::Keep {
            return Ok(self.forget_quarantine(reconciler));
        }
        let mut gone: Vec<(Kind, LinkId)> = Vec::new();
        let mut missed_once = Vec::new();
        for (kind, mark) in reading.index.absent() {
            let proven = self.setup.connector.absence() == Absence::Proven || mark.missed_reads > 0;
            if proven {
                gone.push((kind, mark.link));
            } else {
                missed_once.push(mark.link);
            }
        }
        gone.sort_by_key(|(_, link)| *link);
        let gone = self.still_gone(reconciler, gone).await?;
        let mut proposals = self.miss(reconciler, &missed_once).await?;
        let of = |kind: Kind| gone.iter().filter(|(k, _)| *k == kind).count() as u64;
        self.report.tally.users_gone = of(Kind::User);
        self.report.tally.groups_gone = of(Kind::Group);
        for kind in [Kind::User, Kind::Group] {
            held.extend(guard::removals(&self.setup.guards, kind, of(kind), totals));
        }
        let links: Vec<LinkId> = gone.into_iter().map(|(_, link)| link).collect();
        proposals.extend(reconciler.leave(&links).await?);
        let steps: Vec<Step> = proposals.iter().map(|p| p.step.clone()).collect();
        reconciler.view.lay(&steps, self.now).await?;
        let seen = reading.index.seen();
        let expired = reconciler.expire(&seen).await?;
        self.report.tally.deleted = expired
            .iter()
            .flat_map(|p| &p.step.writes)
            .filter(|w| matches!(w, Write::Delete { .. }))
            .count() as u64;
        proposals.extend(expired);
        proposals.extend(self.forget_quarantine(reconciler));
        Ok(proposals)
    }

    /// Asks the source about each missing entry: one that it still has is not gone.
    async fn still_gone(
        &mut self,
        reconciler: &Reconciler<'_>,
        gone: Vec<(Kind, LinkId)>,
    ) -> Result<Vec<(Kind, LinkId)>, SyncError> {
        if gone.is_empty() || gone.len() > LOOK_UP_KEYS_MAX {
            return Ok(gone);
        }
        let ids: Vec<LinkId> = gone.iter().map(|(_, link)| *link).collect();
        let links = reconciler.view.links(&ids).await?;
        let mut there = Vec::new();
        for kind in [Kind::User, Kind::Group] {
            let keys: Vec<EntryKey> = links
                .values()
                .filter(|l| l.kind == kind)
                .map(|l| l.key.clone())
                .collect();
            if keys.is_empty() {
                continue;
            }
            let request = self.setup.request();
            match self.setup.connector.look_up(&request, kind, &keys).await {
                Ok(LookUp::StillThere(found)) => {
                    there.extend(found.into_iter().map(|key| (kind, key)));
                }
                Ok(LookUp::NotPossible) => {}
                Err(error) => {
                    return Err(SyncError::LookUp(error.to_string()));
                }
            }
        }
        if !there.is_empty() {
            self.report.notes.push(format!(
                "{} entries were not listed but are still there when looked up by key, so nobody ended them: they may have left the filter or the base",
                there.len()
            ));
        }
        Ok(gone
            .into_iter()
            .filter(|(_, id)| {
                links
                    .get(id)
                    .is_none_or(|l| !there.contains(&(l.kind, l.key.clone())))
            })
            .collect())
    }

    /// Where one read is no proof, being missed is only noted.
    async fn miss(
        &self,
        reconciler: &Reconciler<'_>,
        missed: &[LinkId],
    ) -> Result<Vec<Proposal>, SyncError> {
        let mut links: Vec<_> = reconciler.view.links(missed).await?.into_values().collect();
        links.sort_by_key(|l| l.id);
        Ok(links
            .into_iter()
            .map(|mut link| {
                link.missed_reads += 1;
                let subject = link.key.to_string();
                Proposal::of(Step {
                    subject,
                    writes: vec![Write::Relink {
                        link: Box::new(link),
                        journal: false,
                    }],
                })
            })
            .collect())
    }

    /// Entries that a complete read does not list any more leave quarantine.
    fn forget_quarantine(&self, reconciler: &Reconciler<'_>) -> Vec<Proposal> {
        let book = &reconciler.quarantine;
        book.known
            .keys()
            .filter(|place| !book.met.contains(*place))
            .map(|(kind, name)| {
                Proposal::of(Step {
                    subject: name.clone(),
                    writes: vec![Write::Release {
                        source: self.setup.source.id,
                        kind: *kind,
                        name: name.clone(),
                    }],
                })
            })
            .collect()
    }

    /// Reasons to hold removals that are no numbers: a suspicious answer, new settings.
    fn hold_for_other_reasons(
        &self,
        suspicion: Option<&str>,
        proposals: &Proposals,
        held: &mut Vec<Held>,
    ) {
        let removes = self.report.tally.users_gone + self.report.tally.groups_gone > 0;
        if !removes || proposals.removals.is_empty() {
            return;
        }
        let changed = self
            .setup
            .source
            .settings
            .is_none_or(|before| before != self.setup.settings);
        let reasons = [
            suspicion.map(str::to_owned),
            changed.then(|| "base, filter, URL, key or mapping are not those of the last good run, so who is missing may only be no longer asked for: these removals wait for approval".to_owned()),
        ];
        for because in reasons.into_iter().flatten() {
            held.push(Held {
                guard: "settings".to_owned(),
                holds: Holds::Part,
                because,
            });
        }
    }

    /// Writes what no guard holds; keeps the rest as a plan of this run.
    async fn decide(
        &mut self,
        proposals: Proposals,
        mut held: Vec<Held>,
        totals: &Totals,
    ) -> Result<RunState, SyncError> {
        let Proposals { changes, removals } = proposals;
        let leavers = guard::leavers(&self.setup.guards, &self.report.tally, totals);
        let memberships = guard::memberships(&self.setup.guards, &self.report.tally, totals);
        let hold_all = held.iter().any(|h| h.holds == Holds::All);
        let hold_removals = held.iter().any(|h| h.holds == Holds::Part);
        let (ending, changes): (Vec<_>, Vec<_>) = changes
            .into_iter()
            .partition(|change| change.effect.deactivates);
        let (protected, ending) = self.protect_administrators(ending, &mut held).await?;
        let changes: Vec<Proposal> = changes.into_iter().chain(ending).collect();
        let mut now = Vec::new();
        let mut later: Vec<Step> = protected.into_iter().map(|p| p.step).collect();
        for change in changes {
            if hold_all || (leavers.is_some() && change.effect.deactivates) {
                later.push(change.step);
            } else if memberships.is_some() && change.effect.members_removed > 0 {
                // Whole: its new fingerprint must wait with it, or the next run would find
                // the group unchanged.
                later.push(change.step);
            } else {
                now.push(change.step);
            }
        }
        let (protected, removals): (Vec<_>, Vec<_>) = if hold_all || hold_removals {
            (removals, Vec::new())
        } else {
            self.protect_administrators(removals, &mut held).await?
        };
        later.extend(protected.into_iter().map(|p| p.step));
        now.extend(removals.into_iter().map(|p| p.step));
        held.extend(leavers);
        held.extend(memberships);
        self.report.held = held;
        self.report.waiting = later.len() as u64;
        match self.mode {
            Mode::Plan => {
                now.extend(later);
                self.report.waiting = now.len() as u64;
                self.keep(&now).await?;
                Ok(RunState::Planned)
            }
            Mode::Sync => {
                self.write(&now).await?;
                if self.report.held.is_empty() {
                    return Ok(RunState::Applied);
                }
                self.keep(&later).await?;
                Ok(RunState::Held)
            }
        }
    }

    /// Removals of administrators always wait.
    async fn protect_administrators(
        &self,
        removals: Vec<Proposal>,
        held: &mut Vec<Held>,
    ) -> Result<(Vec<Proposal>, Vec<Proposal>), SyncError> {
        let names = &self.setup.guards.administrators;
        if names.is_empty() || removals.is_empty() {
            return Ok((Vec::new(), removals));
        }
        let administrators =
            super::administrators::of(&self.engine.store, self.setup.source.tenant, names).await?;
        let (waits, goes): (Vec<_>, Vec<_>) = removals
            .into_iter()
            .partition(|p| super::administrators::touches(&p.step, &administrators));
        if let Some(first) = waits.first() {
            held.push(Held {
                guard: "administrators".to_owned(),
                holds: Holds::Part,
                because: format!(
                    "{} is an administrator, and would be ended{}: that never happens without approval",
                    first.step.subject,
                    match waits.len() {
                        1 => String::new(),
                        n => format!(", and {} others too", n - 1),
                    }
                ),
            });
        }
        Ok((waits, goes))
    }

    async fn keep(&self, steps: &[Step]) -> Result<(), SyncError> {
        let mut first = 0;
        for chunk in steps.chunks(Batch::ENTRIES_MAX) {
            self.engine.store.save_steps(self.run, first, chunk).await?;
            first += i64::try_from(chunk.len()).unwrap_or(i64::MAX);
        }
        Ok(())
    }

    async fn write(&mut self, steps: &[Step]) -> Result<(), SyncError> {
        let progress = Arc::clone(&self.progress);
        progress
            .to_write
            .fetch_add(steps.len() as u64, Ordering::Relaxed);
        let written = |count| {
            progress.written.fetch_add(count, Ordering::Relaxed);
        };
        let notes = self.writer().write_all(steps, written).await?;
        self.report.notes.extend(notes);
        Ok(())
    }

    fn writer(&self) -> Writer {
        Writer::new(
            &self.engine.store,
            self.setup,
            Actor::Run(self.run),
            self.fence,
            self.now,
        )
    }
}

fn zone_offset(zone: &jiff::tz::TimeZone, now: OffsetDateTime) -> time::UtcOffset {
    jiff::Timestamp::from_second(now.unix_timestamp())
        .ok()
        .map(|at| zone.to_offset(at).seconds())
        .and_then(|seconds| time::UtcOffset::from_whole_seconds(seconds).ok())
        .unwrap_or(time::UtcOffset::UTC)
}
