//! How far the journal has been read, and what was missing on the way.

use std::time::{Duration, Instant};

use crate::dialect::Dialect;
use crate::driver::{Column, Trouble, Tx, binds, statements};
use crate::ids::{ResourceId, TenantId};

/// More lines than that are not read: everything is counted again.
const LINES_MAX: i64 = 5_000;
/// How many lines are looked at for what is missing when reading begins.
const LINES_BEHIND: i64 = 4_096;
/// No transaction of ours lasts longer.
const TRANSACTION_MAX: Duration = Duration::from_mins(1);
/// More rows of missing numbers than that are not looked for.
const GAPS_MAX: usize = 256;

statements! {
    NEWEST = "SELECT seq, tenant, resource FROM journal ORDER BY seq DESC LIMIT $1";
    NEW = "SELECT seq, tenant, resource FROM journal WHERE seq > $1 ORDER BY seq LIMIT $2";
    LATE = "SELECT seq, tenant, resource FROM journal WHERE seq >= $1 AND seq <= $2",
        postgres: "SELECT j.seq, j.tenant, j.resource
            FROM UNNEST($1::bigint[], $2::bigint[]) AS gap(first, last)
            JOIN journal j ON j.seq >= gap.first AND j.seq <= gap.last";
}

/// How far the journal has been read.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Tide {
    /// Counts the changes of this: a mark in time.
    mark: u64,
    /// The newest line that was read; `None`: none yet.
    seen: Option<i64>,
    /// Numbers before it that were not there: rolled back, or not yet committed.
    gaps: Vec<Gap>,
    /// When whatever was under way when reading began has ended.
    settled: Option<Instant>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Gap {
    first: i64,
    last: i64,
    noticed: Instant,
}

/// The lines that are new to a [`Tide`].
#[derive(Debug)]
pub(super) struct Lines {
    /// In order, unless they are only the newest.
    new: Vec<Line>,
    /// In what had been gaps.
    late: Vec<Line>,
    /// Where `new` goes on from: the line before it; `None`: it does not, what is between
    /// was not read.
    after: Option<i64>,
    dialect: Dialect,
}

type Line = (i64, TenantId, Option<ResourceId>);

impl Lines {
    /// Reads on.
    pub(super) async fn read(tx: &mut Tx, since: &Tide) -> Result<Self, Trouble> {
        let dialect = tx.dialect();
        if let Some(seen) = since.seen {
            let new: Vec<Line> = tx.fetch(NEW, &binds![seen, LINES_MAX]).await?;
            if (new.len() as i64) < LINES_MAX {
                let columns = [
                    Column::Ints(since.gaps.iter().map(|gap| gap.first).collect()),
                    Column::Ints(since.gaps.iter().map(|gap| gap.last).collect()),
                ];
                let late = tx.fetch_each(LATE, &columns, &[]).await?;
                return Ok(Self {
                    new,
                    late,
                    after: Some(seen),
                    dialect,
                });
            }
        }
        let mut new: Vec<Line> = tx.fetch(NEWEST, &binds![LINES_BEHIND]).await?;
        new.reverse();
        Ok(Self {
            new,
            late: Vec::new(),
            after: None,
            dialect,
        })
    }

    /// The resources that the lines are about.
    pub(super) fn touched(&self) -> impl Iterator<Item = (TenantId, ResourceId)> {
        let lines = self.new.iter().chain(&self.late);
        lines.filter_map(|(_, tenant, resource)| Some((*tenant, (*resource)?)))
    }
}

impl Tide {
    /// A number that grows with each change.
    pub(super) fn mark(&self) -> u64 {
        self.mark
    }

    /// From when on counts are sure to hold everything that the journal was not read for.
    pub(super) fn settled(&self) -> Option<Instant> {
        self.settled
    }

    /// Moves on; false: some lines were passed over, so that nothing is known any more.
    pub(super) fn follow(&mut self, lines: &Lines, now: Instant) -> bool {
        let (Some(after), Some(seen)) = (lines.after, self.seen) else {
            self.begin(lines, now);
            return false;
        };
        let numbers: Vec<i64> = lines.new.iter().map(|(seq, ..)| *seq).collect();
        let missing = holes(after + 1, &numbers);
        if lines.dialect == Dialect::Sqlite && !missing.is_empty() {
            // There the lines are in the order of their commits, without holes: old ones
            // have been deleted.
            self.begin(lines, now);
            return false;
        }
        let late: Vec<i64> = lines.late.iter().map(|(seq, ..)| *seq).collect();
        let gaps: Vec<Gap> = self
            .gaps
            .iter()
            .filter(|gap| now.duration_since(gap.noticed) < TRANSACTION_MAX)
            .flat_map(|gap| gap.without(&late))
            .chain(missing.into_iter().map(|(first, last)| Gap {
                first,
                last,
                noticed: now,
            }))
            .collect();
        let newest = numbers.last().copied().max(Some(seen));
        if gaps != self.gaps || newest != self.seen || !late.is_empty() {
            self.mark += 1;
            self.gaps = gaps;
            self.seen = newest;
        }
        if self.gaps.len() > GAPS_MAX {
            self.begin(lines, now);
            return false;
        }
        true
    }

    fn begin(&mut self, lines: &Lines, now: Instant) {
        self.mark += 1;
        let numbers: Vec<i64> = lines.new.iter().map(|(seq, ..)| *seq).collect();
        self.seen = Some(numbers.last().copied().unwrap_or(0));
        self.gaps = Vec::new();
        self.settled = None;
        if lines.dialect == Dialect::Postgres {
            let first = numbers.first().copied().unwrap_or(0);
            self.gaps = holes(first, &numbers)
                .into_iter()
                .take(GAPS_MAX)
                .map(|(first, last)| Gap {
                    first,
                    last,
                    noticed: now,
                })
                .collect();
            self.settled = Some(now + TRANSACTION_MAX);
        }
    }
}

impl Gap {
    fn without(&self, found: &[i64]) -> Vec<Self> {
        let mut within: Vec<i64> = found
            .iter()
            .copied()
            .filter(|seq| (self.first..=self.last).contains(seq))
            .collect();
        within.sort_unstable();
        // The end is there for certain, as if it had been found.
        within.push(self.last + 1);
        holes(self.first, &within)
            .into_iter()
            .map(|(first, last)| Self {
                first,
                last,
                noticed: self.noticed,
            })
            .collect()
    }
}

/// The numbers from `first` to the greatest that are not among these, which are in order.
fn holes(first: i64, numbers: &[i64]) -> Vec<(i64, i64)> {
    let mut expected = first;
    let mut holes = Vec::new();
    for number in numbers {
        if *number > expected {
            holes.push((expected, number - 1));
        }
        expected = expected.max(number + 1);
    }
    holes
}
