//! One run: read, reconcile, guard, write.
//!
//! The first run of a source into a directory that nobody else feeds writes as it reads.
//! Every other run first reads everything and computes what it would change; then the
//! guards judge the whole; then it is written, or kept as a plan. A plan is the same run,
//! ended before writing.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use rollcall_directory::entry::Kind;
use rollcall_mapping::Context;
use rollcall_store::Store;
use rollcall_store::ids::{LinkId, RunId};
use rollcall_store::records::RunQuery;
use rollcall_store::records::{Actor, MappingText, Run, RunKind, RunState};
use rollcall_store::writes::{Fence, Step};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

mod conclude;
mod gathered;
mod gone;
mod spared;
mod verdict;
mod window;

use super::SyncError;
use super::candidate::{Candidate, Examined};
use super::clock::Clock;
use super::effect::Proposal;
use super::import::Import;
use super::lease::{self, Lease, Tenancy};
use super::reader::{self, LinkIndex, Progress, Reading};
use super::reconcile::Reconciler;
use super::refused::Refused;
use super::report::{Finished, Report};
use super::setup::{Footing, Setup};
use super::unchanged::Kept;
use super::writer::Writer;

pub(super) use verdict::is_whole;

/// How many of a source's latest runs are looked at: more than a day's, each minute.
const RUNS_LOOKED_AT_MAX: u32 = 2_000;

/// How long a run waits for its turn while another source of the tenant is being run.
const TURN_WAIT_MAX: Duration = Duration::from_mins(30);
/// Between two looks whether it is its turn.
const TURN_PAUSE: Duration = Duration::from_millis(100);

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
    /// How many people a transaction of a first import holds; `None`: as many as always.
    pub(crate) import_people: Option<usize>,
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
        tracing::debug!(source = setup.source.name, %run, kind = kind.as_str(), "a run begins");
        let fence = lease.as_ref().map(|l| &l.fence);
        let mut going = Going {
            engine: self,
            setup,
            mode,
            run,
            fence,
            report: Report::default(),
            kept: None,
            unwritten: 0,
            now: self.clock.now(),
            progress,
            refused: 0,
            gone: None,
        };
        let ended = going.go().await;
        let mut report = std::mem::take(&mut going.report);
        if ended.is_err() {
            report.written = going.written();
        }
        report.tally.quarantined += going.refused;
        let finished = self.finish(run, ended, report).await;
        if let Some(lease) = lease {
            lease.release().await?;
        }
        finished
    }

    /// The right to run this source, and the tenant's turn to write.
    pub(super) async fn lease(&self, footing: &Footing) -> Result<Lease, SyncError> {
        let source = footing.source.id;
        let taken = Lease::take(&self.store, source, &self.tenancy, &self.clock).await?;
        let Some(mut lease) = taken else {
            return Err(SyncError::Running {
                source_name: footing.source.name.clone(),
                by: self.who_runs(footing).await?,
            });
        };
        let began = std::time::Instant::now();
        while !lease
            .take_turn(footing.source.tenant, &self.tenancy, &self.clock)
            .await?
        {
            if began.elapsed() > TURN_WAIT_MAX {
                lease.release().await?;
                return Err(SyncError::Turn {
                    source_name: footing.source.name.clone(),
                });
            }
            tokio::time::sleep(TURN_PAUSE).await;
        }
        Ok(lease)
    }

    /// Who holds the lease that we did not get: the process, and its run once that has
    /// begun.
    async fn who_runs(&self, footing: &Footing) -> Result<String, SyncError> {
        let source = footing.source.id;
        let owner = lease::holder(&self.store, source, self.clock.now()).await?;
        let owner = owner.map_or_else(|| "another process".to_owned(), |o| o.to_string());
        let query = RunQuery {
            source: Some(source),
            since: None,
            limit: RUNS_LOOKED_AT_MAX,
        };
        let runs = self.store.runs(footing.source.tenant, &query).await?;
        let going_on = |run: &&Run| run.state == RunState::Running && run.kind != RunKind::Plan;
        Ok(
            match runs.iter().filter(going_on).max_by_key(|run| run.id) {
                Some(run) => format!("{owner}: run {}, since {}", run.id, second(run.started)),
                None => owner,
            },
        )
    }

    /// Runs that are still `running` while we hold the lease were cut off.
    pub(super) async fn bury_interrupted(&self, footing: &Footing) -> Result<(), SyncError> {
        let query = RunQuery {
            source: Some(footing.source.id),
            since: None,
            limit: RUNS_LOOKED_AT_MAX,
        };
        let verdict = "failed because it was cut off before it ended; the next run starts over";
        for run in self.store.runs(footing.source.tenant, &query).await? {
            // A plan that is being made runs without the lease, and has no verdict yet; one
            // that was being applied has both.
            let is_being_made = run.kind == RunKind::Plan && run.verdict.is_none();
            if run.state == RunState::Running && !is_being_made {
                self.store.drop_steps(run.id).await?;
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
        footing: &Footing,
        since: OffsetDateTime,
    ) -> Result<Vec<Run>, SyncError> {
        let query = RunQuery {
            source: Some(footing.source.id),
            since: Some(since),
            limit: RUNS_LOOKED_AT_MAX,
        };
        Ok(self.store.runs(footing.source.tenant, &query).await?)
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
                (
                    RunState::Failed,
                    format!("failed because {error}"),
                    Some(error),
                )
            }
        };
        tracing::debug!(%run, state = state.as_str(), verdict, "a run ends");
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
    Import(Box<Import>),
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
    /// With which the source is asked whether anything has changed.
    kept: Option<Kept>,
    /// Steps that could not be written.
    unwritten: usize,
    now: OffsetDateTime,
    progress: Arc<Progress>,
    /// Entries that went into quarantine because the store refused them.
    refused: u64,
    /// Who is gone, once that has been asked for.
    gone: Option<Vec<(Kind, LinkId)>>,
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
        let totals = self
            .engine
            .totals(self.setup, self.run, self.now, window::present(&index))
            .await?;
        let at_once = self.mode == Mode::Sync && self.is_alone(own_links).await?;
        let quarantined = store.quarantined(source.id).await?;
        self.kept = self.take_kept(&index, quarantined.len()).await?;
        let mut reconciler =
            Reconciler::new(self.setup, store.clone(), self.now, self.run, quarantined);
        let (proposals, reading) = self.read(&mut reconciler, index, at_once).await?;
        self.conclude(&mut reconciler, proposals, reading, totals, at_once)
            .await
    }

    /// Whether the tenant is empty and no other source is about to fill it: only then may
    /// a run write as it reads, since there is nothing that it could break, or meet.
    async fn is_alone(&self, own_links: u64) -> Result<bool, SyncError> {
        if self.setup.source.settings.is_some() || own_links > 0 {
            return Ok(false);
        }
        let sources = self.engine.store.sources(self.setup.source.tenant).await?;
        if sources
            .iter()
            .any(|source| source.kind == super::push::KIND)
        {
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
            let import = Import::new(
                self.writer(),
                self.progress.clone(),
                self.engine.import_people,
            );
            Outlet::Import(Box::new(import))
        } else {
            Outlet::Collect(Vec::new())
        };
        let last = self.kept.as_ref().map(|kept| kept.validators.clone());
        let (mut examined, handle) = reader::start(
            self.setup,
            index,
            context,
            last,
            !at_once,
            self.progress.clone(),
        );
        let mut postponed: Vec<Candidate> = Vec::new();
        let mut gathered: Vec<Examined> = Vec::new();
        while let Some(batch) = examined.recv().await {
            if !at_once {
                gathered.push(batch);
                continue;
            }
            let done = reconciler
                .batch(batch.candidates, batch.troubled, false)
                .await?;
            postponed.extend(done.postponed);
            self.take(reconciler, done.changes, &mut outlet).await?;
        }
        let reading = handle.await.map_err(|_| SyncError::Stopped)?;
        let again = self
            .reconcile_gathered(reconciler, gathered, &reading.twice, &mut outlet)
            .await?;
        postponed.extend(again);
        outlet.flush().await?;
        reconciler.view.end_import();
        while let Some(done) = reconciler.next_groups().await? {
            postponed.extend(done.postponed);
            self.take(reconciler, done.changes, &mut outlet).await?;
        }
        if !postponed.is_empty() {
            let gone = self.who_is_gone(reconciler, &reading).await?;
            reconciler.view.learn_who_is_gone(&gone).await?;
            let done = reconciler.batch(postponed, Vec::new(), true).await?;
            self.take(reconciler, done.changes, &mut outlet).await?;
            outlet.flush().await?;
        }
        // Always: a run that was killed may have left references that can be settled now.
        let settled = reconciler.settle_references().await?;
        self.take(reconciler, settled, &mut outlet).await?;
        outlet.flush().await?;
        let merged = reconciler.merge_anew().await?;
        self.take(reconciler, merged, &mut outlet).await?;
        outlet.flush().await?;
        let doubles = if at_once {
            self.made_of_doubles(reconciler, &reading.twice).await?
        } else {
            Vec::new()
        };
        let look_again = reconciler.look_again(&reading.index).await?;
        self.take(reconciler, look_again, &mut outlet).await?;
        self.take(reconciler, doubles, &mut outlet).await?;
        outlet.flush().await?;
        let dangling = reconciler.view.pending().await?;
        self.report.tally.dangling = dangling.values().map(|names| names.len() as u64).sum();
        Ok((self.close(outlet).await?, reading))
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
                import.take(steps).await?;
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
    async fn close(&mut self, outlet: Outlet) -> Result<Vec<Proposal>, SyncError> {
        match outlet {
            Outlet::Import(import) => {
                self.set_aside(&import.refused).await?;
                Ok(Vec::new())
            }
            Outlet::Collect(collected) => Ok(collected),
        }
    }

    /// Entries that the store refused are told, and wait in quarantine.
    async fn set_aside(&mut self, refused: &[Refused]) -> Result<(), SyncError> {
        self.unwritten += refused.len();
        self.report.refuse(refused);
        self.refused += self.writer().set_aside(refused, self.run).await?;
        Ok(())
    }

    /// How many changes were written so far.
    fn written(&self) -> u64 {
        self.progress.written.load(Ordering::Relaxed)
    }

    async fn write(&mut self, steps: &[Step]) -> Result<(), SyncError> {
        let progress = Arc::clone(&self.progress);
        progress
            .to_write
            .fetch_add(steps.len() as u64, Ordering::Relaxed);
        let written = |count| {
            progress.written.fetch_add(count, Ordering::Relaxed);
        };
        let refused = self.writer().write_all(steps, written).await?;
        self.set_aside(&refused).await
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

/// RFC 3339, to the second.
fn second(at: OffsetDateTime) -> String {
    at.replace_nanosecond(0)
        .unwrap_or(at)
        .format(&Rfc3339)
        .unwrap_or_else(|_| at.to_string())
}

fn zone_offset(zone: &jiff::tz::TimeZone, now: OffsetDateTime) -> time::UtcOffset {
    jiff::Timestamp::from_second(now.unix_timestamp())
        .ok()
        .map(|at| zone.to_offset(at).seconds())
        .and_then(|seconds| time::UtcOffset::from_whole_seconds(seconds).ok())
        .unwrap_or(time::UtcOffset::UTC)
}
