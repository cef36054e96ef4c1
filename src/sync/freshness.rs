//! How fresh a source is: when it was last read completely, how its last read ended, and
//! whether the last complete one is too long ago.
//!
//! Too long is two days, or five times the usual time between two complete reads, whichever
//! is shorter; where reads are usually further apart than two days, five times that. What
//! is usual shows after some reads.

use rollcall_store::records::{RunKind, RunQuery, RunState, Source};
use rollcall_store::{Store, StoreError};
use time::{Duration, OffsetDateTime};

use super::run::is_whole;

/// Without a complete read for so long, a source is overdue.
const HOURS_MAX: i64 = 48;
/// Nor without one for so many times the usual gap.
const GAPS_MAX: i32 = 5;
/// Fewer gaps than this are no habit.
const HABIT_GAPS_MIN: usize = 10;
/// How many of the latest runs are looked at.
const RUNS_LOOKED_AT_MAX: u32 = 50;

/// See the module.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Freshness {
    /// When a read was last complete.
    pub(crate) last_complete: Option<OffsetDateTime>,
    /// How the last read ended: `complete`, `incomplete` or `failed`; `None`: there was none.
    pub(crate) last_read: Option<&'static str>,
    /// For how long there has been no complete read, if that is too long. A paused source
    /// is never overdue: somebody knows.
    pub(crate) overdue: Option<Duration>,
}

/// The words for how a read ended.
pub(crate) const READ_ENDS: [&str; 3] = ["complete", "incomplete", "failed"];

/// How fresh a source is now.
pub(crate) async fn freshness(
    store: &Store,
    source: &Source,
    now: OffsetDateTime,
) -> Result<Freshness, StoreError> {
    let query = RunQuery {
        source: Some(source.id),
        since: None,
        limit: RUNS_LOOKED_AT_MAX,
    };
    let mut runs = store.runs(source.tenant, &query).await?;
    runs.retain(|r| r.kind == RunKind::Sync && r.state != RunState::Running);
    let ends: Vec<(OffsetDateTime, &str)> = runs
        .iter()
        .map(|r| (r.started, end_of(r.verdict.as_deref())))
        .collect();
    let complete: Vec<OffsetDateTime> = ends
        .iter()
        .filter(|(_, end)| *end == "complete")
        .map(|(at, _)| *at)
        .collect();
    // Who never had a complete read waits for one since the first attempt.
    let since = source
        .last_complete
        .or_else(|| ends.last().map(|(at, _)| *at));
    let waited = since.map(|since| now - since);
    Ok(Freshness {
        last_complete: source.last_complete,
        last_read: ends.first().map(|(_, end)| end_word(end)),
        overdue: waited.filter(|w| source.paused.is_none() && *w > longest(&complete)),
    })
}

/// A read that was spared is as good as a complete one.
fn end_of(verdict: Option<&str>) -> &str {
    match verdict {
        Some(sentence) if is_whole(sentence) => "complete",
        Some(sentence) => sentence.split_whitespace().next().unwrap_or("failed"),
        None => "failed",
    }
}

fn end_word(end: &str) -> &'static str {
    READ_ENDS
        .into_iter()
        .find(|word| *word == end)
        .unwrap_or("failed")
}

/// The longest that a source may be without a complete read, from when it had them: newest
/// first.
fn longest(complete: &[OffsetDateTime]) -> Duration {
    let most = Duration::hours(HOURS_MAX);
    let mut gaps: Vec<Duration> = complete
        .iter()
        .zip(complete.iter().skip(1))
        .map(|(later, earlier)| *later - *earlier)
        .collect();
    if gaps.len() < HABIT_GAPS_MIN {
        return most;
    }
    gaps.sort_unstable();
    let Some(usual) = gaps.get(gaps.len() / 2) else {
        return most;
    };
    let several = *usual * GAPS_MAX;
    if *usual >= most {
        several
    } else {
        several.min(most)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use time::macros::datetime;

    fn every(gap: Duration, reads: i32) -> Vec<OffsetDateTime> {
        (0..reads)
            .map(|n| datetime!(2026-07-01 00:00 UTC) - gap * n)
            .collect()
    }

    #[test]
    fn two_days_are_too_long_until_a_habit_shows() {
        assert_eq!(longest(&[]), Duration::hours(48));
        assert_eq!(
            longest(&every(Duration::minutes(1), 10)),
            Duration::hours(48)
        );
    }

    #[test]
    fn five_usual_gaps_are_too_long() {
        assert_eq!(longest(&every(Duration::hours(1), 12)), Duration::hours(5));
        assert_eq!(
            longest(&every(Duration::hours(24), 12)),
            Duration::hours(48)
        );
        assert_eq!(longest(&every(Duration::days(7), 12)), Duration::days(35));
    }

    #[test]
    fn a_verdict_counts_by_its_first_word() {
        assert_eq!(
            end_word(end_of(Some("incomplete because of a limit"))),
            "incomplete"
        );
        assert_eq!(end_word(end_of(Some("complete"))), "complete");
        let spared = "unchanged: the service says that nothing has changed since run 3";
        assert_eq!(end_word(end_of(Some(spared))), "complete");
        assert_eq!(end_word(end_of(None)), "failed");
    }
}
