//! Sources run by themselves: cron expressions in a time zone, a random delay, no overlap,
//! and one catch-up for what was missed.
//!
//! When a run was last due is kept in the store once it has ended, so that a restart
//! neither forgets a run, not even one that was cut off, nor does it twice.

use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use rand::Rng;
use rollcall_store::StoreError;
use rollcall_store::records::RunState;
use time::OffsetDateTime;
use tokio_util::sync::CancellationToken;

use super::SyncError;
use super::reader::Progress;
use super::run::{Engine, Mode};
use super::setup::{Setup, Voices};
use crate::config::Config;
use crate::config::policy::Schedule;

/// How often the clock is looked at.
const TICK: Duration = Duration::from_secs(1);
/// How often a source that somebody else is running is tried again.
const BUSY_TRY_EVERY: Duration = Duration::from_secs(5);
/// A jitter is at most this share of the time to the next run.
const JITTER_SHARE_MAX: f64 = 0.05;

/// A source and when it runs.
#[derive(Debug, Clone)]
pub(crate) struct Scheduled {
    /// The source.
    pub(crate) setup: Setup,
    /// Which sources there are beside it; connections may be made while it waits.
    pub(crate) config: Arc<Config>,
    /// When.
    pub(crate) schedule: Schedule,
}

/// Runs what is due until it is stopped.
pub(crate) async fn schedule(engine: Engine, sources: Vec<Scheduled>, stop: CancellationToken) {
    let mut tasks = tokio::task::JoinSet::new();
    for source in sources {
        tasks.spawn(keep(engine.clone(), source, stop.clone()));
    }
    while tasks.join_next().await.is_some() {}
}

/// One source's life: wait, run, wait.
async fn keep(engine: Engine, scheduled: Scheduled, stop: CancellationToken) {
    let name = scheduled.setup.source.name.clone();
    let mut last = match scheduled.setup.source.last_due {
        Some(last) => last,
        None => begin(&engine, &scheduled).await,
    };
    loop {
        let Some(due) = next_due(&scheduled.schedule, last) else {
            tracing::error!(
                source = name,
                cron = scheduled.schedule.cron,
                "this schedule never comes due"
            );
            return;
        };
        let at = due + jitter(&scheduled.schedule, due);
        if !wait_until(&engine, at, &stop).await {
            return;
        }
        // Whatever came due meanwhile is caught up by this one run.
        last = latest_due(&scheduled.schedule, due, engine.clock.now());
        let mut told = false;
        while let Turn::Busy(error) = run_once(&engine, &scheduled, last).await {
            if !std::mem::replace(&mut told, true) {
                tracing::info!(source = name, %error, "waiting for it");
            }
            if !wait_until(&engine, engine.clock.now() + BUSY_TRY_EVERY, &stop).await {
                return;
            }
            last = latest_due(&scheduled.schedule, last, engine.clock.now());
        }
        remember(&engine, &scheduled, last).await;
    }
}

/// The first start of a schedule: from now on what is missed is caught up.
async fn begin(engine: &Engine, scheduled: &Scheduled) -> OffsetDateTime {
    let now = engine.clock.now();
    remember(engine, scheduled, now).await;
    now
}

async fn remember(engine: &Engine, scheduled: &Scheduled, due: OffsetDateTime) {
    let source = &scheduled.setup.source;
    if let Err(error) = engine.store.set_last_due(source.id, due).await {
        tracing::error!(source = source.name, %error, "the store did not answer; after a restart this run is done again");
    }
}

/// What came of a source's turn.
enum Turn {
    /// It has run, as well as it could.
    Over,
    /// Somebody else runs it.
    Busy(SyncError),
}

/// Sleeps in short steps, since a machine's clock may be set; `false`: stopped.
async fn wait_until(engine: &Engine, at: OffsetDateTime, stop: &CancellationToken) -> bool {
    while engine.clock.now() < at {
        tokio::select! {
            () = stop.cancelled() => return false,
            () = tokio::time::sleep(TICK) => {}
        }
    }
    !stop.is_cancelled()
}

async fn run_once(engine: &Engine, scheduled: &Scheduled, due: OffsetDateTime) -> Turn {
    let name = scheduled.setup.source.name.clone();
    let mut setup = scheduled.setup.clone();
    // Paused, resumed, or run by hand meanwhile: the store knows.
    match engine.store.source(setup.source.id).await {
        // Another process has done it.
        Ok(Some(current)) if current.last_due.is_some_and(|done| done >= due) => return Turn::Over,
        Ok(Some(current)) => setup.footing.source = current,
        Ok(None) => return Turn::Over,
        Err(error) => {
            tracing::error!(source = name, %error, "the store did not answer; the run is skipped");
            return Turn::Over;
        }
    }
    match voices(engine, scheduled).await {
        Ok(voices) => setup.footing.voices = Arc::new(voices),
        Err(error) => {
            tracing::error!(source = name, %error, "the store did not answer; the run is skipped");
            return Turn::Over;
        }
    }
    match engine
        .run(&setup, Mode::Sync, Arc::new(Progress::default()))
        .await
    {
        Ok(finished) => {
            metrics::counter!("rollcall_sync_runs_total", "source" => name.clone(), "state" => finished.state.as_str()).increment(1);
            let (run, state) = (finished.run.0, finished.state.as_str());
            let verdict = &finished.verdict;
            if finished.state == RunState::Failed {
                tracing::error!(source = name, run, state, verdict, "the run has failed");
            } else {
                tracing::info!(source = name, run, state, verdict, "the run has ended");
            }
            for held in &finished.report.held {
                tracing::warn!(
                    source = name,
                    run = finished.run.0,
                    guard = held.guard,
                    because = held.because,
                    "held"
                );
            }
        }
        Err(SyncError::Paused { because, .. }) => {
            tracing::info!(source = name, because, "paused, not run");
        }
        Err(error @ (SyncError::Running { .. } | SyncError::Turn { .. })) => {
            return Turn::Busy(error);
        }
        Err(error) => {
            metrics::counter!("rollcall_sync_runs_total", "source" => name.clone(), "state" => "failed").increment(1);
            tracing::error!(source = name, %error, "the run failed");
        }
    }
    warn_if_overdue(engine, &setup, &name).await;
    Turn::Over
}

/// How much each source of the tenant counts now.
async fn voices(engine: &Engine, scheduled: &Scheduled) -> Result<Voices, StoreError> {
    let tenant = engine
        .store
        .ensure_tenant(&scheduled.setup.tenant_name)
        .await?;
    Voices::of_tenant(&scheduled.config, &engine.store, &tenant).await
}

/// A line in the log when the source has been without a complete read for too long.
async fn warn_if_overdue(engine: &Engine, setup: &Setup, name: &str) {
    let Ok(Some(current)) = engine.store.source(setup.source.id).await else {
        return;
    };
    let fresh = super::freshness(&engine.store, &current, engine.clock.now()).await;
    if let Ok(Some(overdue)) = fresh.map(|f| f.overdue) {
        tracing::warn!(
            source = name,
            hours = overdue.whole_hours(),
            "no read of this source was complete for too long, so nobody who left it is noticed; `rollcall run list` has the reasons"
        );
    }
}

/// When a schedule is due next, after `after`. A time that a zone skips in spring runs
/// once after the gap; one that it repeats in autumn runs once.
fn next_due(schedule: &Schedule, after: OffsetDateTime) -> Option<OffsetDateTime> {
    let cron = cron::Schedule::from_str(&format!("0 {}", schedule.cron)).ok()?;
    let zone = jiff::tz::TimeZone::get(&schedule.time_zone).ok()?;
    let local = jiff::Timestamp::from_second(after.unix_timestamp())
        .ok()?
        .to_zoned(zone.clone())
        .datetime();
    // The expression is about local time: look for it on a clock without a zone, then
    // find the instant.
    let mut wall = wall_clock(local)?;
    loop {
        wall = cron.after(&wall).next()?;
        let civil = civil(wall)?;
        let instant = zone.to_ambiguous_zoned(civil).compatible().ok()?;
        let due = OffsetDateTime::from_unix_timestamp(instant.timestamp().as_second()).ok()?;
        if due > after {
            return Some(due);
        }
    }
}

/// The last time at or before `now` at which it was due, beginning with `due`.
fn latest_due(schedule: &Schedule, due: OffsetDateTime, now: OffsetDateTime) -> OffsetDateTime {
    /// A minute's schedule, missed for a year.
    const STEPS_MAX: usize = 600_000;
    let mut last = due;
    for _ in 0..STEPS_MAX {
        match next_due(schedule, last) {
            Some(next) if next <= now => last = next,
            _ => break,
        }
    }
    last
}

fn wall_clock(local: jiff::civil::DateTime) -> Option<chrono::DateTime<chrono::Utc>> {
    let seconds = local
        .to_zoned(jiff::tz::TimeZone::UTC)
        .ok()?
        .timestamp()
        .as_second();
    chrono::DateTime::from_timestamp(seconds, 0)
}

fn civil(wall: chrono::DateTime<chrono::Utc>) -> Option<jiff::civil::DateTime> {
    let at = jiff::Timestamp::from_second(wall.timestamp()).ok()?;
    Some(at.to_zoned(jiff::tz::TimeZone::UTC).datetime())
}

#[expect(
    clippy::disallowed_methods,
    reason = "jitter only spreads starts: no test and no secret depends on it"
)]
fn jitter(schedule: &Schedule, due: OffsetDateTime) -> Duration {
    let gap = next_due(schedule, due)
        .and_then(|next| Duration::try_from(next - due).ok())
        .unwrap_or_default();
    let most = schedule.jitter.min(gap.mul_f64(JITTER_SHARE_MAX));
    if most.is_zero() {
        return Duration::ZERO;
    }
    most.mul_f64(rand::rng().random_range(0.0..1.0))
}

#[cfg(test)]
mod tests {
    use super::*;
    use time::macros::datetime;

    fn schedule(cron: &str, zone: &str) -> Schedule {
        Schedule {
            cron: cron.to_owned(),
            time_zone: zone.to_owned(),
            jitter: Duration::ZERO,
        }
    }

    #[test]
    fn a_schedule_is_about_the_clock_on_the_wall() {
        let daily = schedule("30 2 * * *", "Europe/Zurich");
        assert_eq!(
            next_due(&daily, datetime!(2026-07-01 12:00 UTC)),
            Some(datetime!(2026-07-02 0:30 UTC))
        );
        assert_eq!(
            next_due(&daily, datetime!(2026-12-01 12:00 UTC)),
            Some(datetime!(2026-12-02 1:30 UTC))
        );
    }

    #[test]
    fn a_time_in_the_gap_of_spring_runs_once_after_it() {
        let daily = schedule("30 2 * * *", "Europe/Zurich");
        // On 2027-03-28 02:30 does not exist.
        let due = next_due(&daily, datetime!(2027-03-27 12:00 UTC));
        assert_eq!(due, Some(datetime!(2027-03-28 1:30 UTC)));
        assert_eq!(
            next_due(&daily, datetime!(2027-03-28 1:30 UTC)),
            Some(datetime!(2027-03-29 0:30 UTC))
        );
    }

    #[test]
    fn a_time_that_autumn_repeats_runs_once() {
        let daily = schedule("30 2 * * *", "Europe/Zurich");
        let first = next_due(&daily, datetime!(2026-10-24 12:00 UTC));
        assert_eq!(first, Some(datetime!(2026-10-25 0:30 UTC)));
        assert_eq!(
            next_due(&daily, datetime!(2026-10-25 0:30 UTC)),
            Some(datetime!(2026-10-26 1:30 UTC))
        );
    }

    #[test]
    fn what_was_missed_is_caught_up_once() {
        let hourly = schedule("0 * * * *", "UTC");
        let due = datetime!(2026-01-01 1:00 UTC);
        assert_eq!(
            latest_due(&hourly, due, datetime!(2026-01-03 5:20 UTC)),
            datetime!(2026-01-03 5:00 UTC)
        );
    }
}
