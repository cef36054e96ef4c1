//! Stepping stones: how many resources of a list have their numbers in each block of
//! numbers. With them a page deep in a list costs what the first one costs, and how many
//! there are in all costs nothing.
//!
//! They are counted once and kept in memory. Every write appends to the journal in its own
//! transaction, so whoever reads the journal on from where it was last read learns which
//! blocks have to be counted again, whichever replica wrote. On PostgreSQL a transaction
//! that is committed later may hold a smaller line number: the numbers that were left out
//! are looked for again for as long as a transaction may last.

mod tide;

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use rollcall_directory::entry::Kind;

use self::tide::{Lines, Tide};
use crate::driver::{Column, Trouble, Tx, binds, statements};
use crate::ids::{ResourceId, SourceId, TenantId};

#[cfg(test)]
pub(crate) use self::tide::STATEMENTS as TIDE_STATEMENTS;

/// Numbers a block. Within one, SQL counts off.
const BLOCK: i64 = 128;
/// The same in SQL.
macro_rules! block {
    () => {
        "128"
    };
}
/// Lists that are remembered; of more, those not used for the longest time are forgotten.
const LISTS_MAX: usize = 256;
/// Where more blocks have changed, the whole list is counted again.
const BLOCKS_AGAIN_MAX: usize = 64;
/// A list is counted again from time to time, whatever the journal says.
const AGE_MAX: Duration = Duration::from_hours(1);

/// The resources `r` of a list. `$4` is for whom it is seen. The offset of nothing keeps
/// PostgreSQL from reading all links beside the few resources of a block.
macro_rules! of_list {
    ($fence:literal) => {
        concat!(
            "r.tenant = $2 AND r.kind = $3 AND (CAST($4 AS BIGINT) IS NULL
                OR (r.orphaned_since IS NULL AND NOT EXISTS (
                    SELECT 1 FROM links l WHERE l.presence = 'withdrawn'
                        AND l.resource = r.id AND l.source = $4",
            $fence,
            ")))"
        )
    };
}

statements! {
    COUNT = concat!(
        "SELECT r.id / ", block!(), ", COUNT(*) FROM resources r
            WHERE r.id >= $1 AND ", of_list!(""), " GROUP BY 1 ORDER BY 1"
    );
    COUNT_AGAIN = concat!(
            "SELECT $1, COUNT(*) FROM resources r
                WHERE r.id >= $1 * ", block!(), " AND r.id < ($1 + 1) * ", block!(),
            " AND ", of_list!("")
        ),
        postgres: concat!(
            "SELECT b.number, (SELECT COUNT(*) FROM resources r
                WHERE r.id >= b.number * ", block!(), " AND r.id < (b.number + 1) * ", block!(),
            " AND ", of_list!(" LIMIT 1 OFFSET 0"), ")
                FROM UNNEST($1::bigint[]) AS b(number)"
        );
}

/// Which list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct List {
    pub(super) tenant: TenantId,
    pub(super) kind: Kind,
    pub(super) visible_to: Option<SourceId>,
}

/// A list's blocks that hold anything, in order, each with how many.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Blocks(Vec<(i64, u64)>);

/// See the module. One for each open store.
#[derive(Debug, Default)]
pub(crate) struct Stones {
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    tide: Tide,
    lists: HashMap<List, Known>,
}

#[derive(Debug)]
struct Known {
    /// The mark of the tide since which its changes are remembered.
    begun: u64,
    /// `None`: somebody is counting.
    blocks: Option<Blocks>,
    /// Blocks that have changed since, each with the mark of its last change.
    changed: HashMap<i64, u64>,
    counted: Instant,
    used: Instant,
}

/// What has to be counted.
#[derive(Debug)]
enum Work {
    All,
    These(Blocks, Vec<(i64, u64)>),
}

impl Stones {
    /// The blocks of a list as the transaction sees them. Must be the first that a
    /// transaction does: its snapshot must not be older than what is known.
    pub(super) async fn blocks(&self, tx: &mut Tx, list: List) -> Result<Blocks, Trouble> {
        let since = self.lock().tide.clone();
        let lines = Lines::read(tx, &since).await?;
        let (work, ticket) = self.take(&since, &lines, list);
        let (blocks, counted) = match work {
            Work::All => (count(tx, list).await?, Vec::new()),
            Work::These(mut blocks, changed) => {
                blocks.set(&count_again(tx, list, &changed).await?);
                (blocks, changed)
            }
        };
        if let Some(ticket) = ticket {
            self.keep(list, ticket, &blocks, &counted);
        }
        Ok(blocks)
    }

    /// Moves on to what the journal says, and tells what of the list is to be counted. The
    /// ticket allows to keep the counts: there is none if somebody else has moved on
    /// meanwhile, to what this transaction may not see.
    fn take(&self, since: &Tide, lines: &Lines, list: List) -> (Work, Option<u64>) {
        let mut state = self.lock();
        let is_abreast = state.tide == *since;
        let now = Instant::now();
        state.follow(lines, now);
        let settled = state.tide.settled();
        let known = state.lists.get_mut(&list).filter(|known| {
            let is_old = now.duration_since(known.counted) > AGE_MAX;
            // What was under way when the journal was lost sight of has ended by now.
            let is_doubtful = settled.is_some_and(|at| known.counted < at && at <= now);
            !is_old && !is_doubtful
        });
        if let Some(known) = known {
            known.used = now;
            let ticket = is_abreast.then_some(known.begun);
            match &known.blocks {
                Some(blocks) if known.changed.len() <= BLOCKS_AGAIN_MAX => {
                    let changed = known.changed.iter().map(|(block, mark)| (*block, *mark));
                    return (Work::These(blocks.clone(), changed.collect()), ticket);
                }
                Some(_) => {}
                None => return (Work::All, ticket),
            }
        }
        let ticket = is_abreast.then(|| state.begin(list, now));
        (Work::All, ticket)
    }

    fn keep(&self, list: List, ticket: u64, blocks: &Blocks, counted: &[(i64, u64)]) {
        let mut state = self.lock();
        let known = state.lists.get_mut(&list);
        let Some(known) = known.filter(|known| known.begun == ticket) else {
            return;
        };
        match &mut known.blocks {
            kept @ None => *kept = Some(blocks.clone()),
            Some(kept) => {
                for (block, mark) in counted {
                    if known.changed.get(block) == Some(mark) {
                        known.changed.remove(block);
                        kept.set(&[(*block, blocks.of(*block))]);
                    }
                }
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // A panic elsewhere leaves at worst counts that are not kept.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn follow(&mut self, lines: &Lines, now: Instant) {
        if !self.tide.follow(lines, now) {
            self.lists.clear();
            return;
        }
        let mark = self.tide.mark();
        for (tenant, resource) in lines.touched() {
            for (list, known) in &mut self.lists {
                if list.tenant == tenant {
                    known.changed.insert(resource.0.div_euclid(BLOCK), mark);
                }
            }
        }
    }

    /// Remembers from now on what changes in a list that is about to be counted.
    fn begin(&mut self, list: List, now: Instant) -> u64 {
        if self.lists.len() >= LISTS_MAX && !self.lists.contains_key(&list) {
            let oldest = self.lists.iter().min_by_key(|(_, known)| known.used);
            if let Some(oldest) = oldest.map(|(list, _)| *list) {
                self.lists.remove(&oldest);
            }
        }
        let begun = self.tide.mark();
        let known = Known {
            begun,
            blocks: None,
            changed: HashMap::new(),
            counted: now,
            used: now,
        };
        self.lists.insert(list, known);
        begun
    }
}

impl Blocks {
    /// How many in all.
    pub(super) fn total(&self) -> u64 {
        self.0.iter().map(|(_, count)| count).sum()
    }

    /// Where to begin so as to leave out so many: behind this number, and then leave out
    /// the rest.
    pub(super) fn place(&self, offset: u64) -> (ResourceId, u64) {
        let mut rest = offset;
        for (block, count) in &self.0 {
            if rest < *count {
                return (ResourceId(block * BLOCK - 1), rest);
            }
            rest -= count;
        }
        (ResourceId(i64::MAX), 0)
    }

    fn of(&self, block: i64) -> u64 {
        let place = self.0.binary_search_by_key(&block, |(number, _)| *number);
        place
            .ok()
            .and_then(|place| self.0.get(place))
            .map_or(0, |(_, count)| *count)
    }

    fn set(&mut self, counts: &[(i64, u64)]) {
        for (block, count) in counts {
            let place = self.0.binary_search_by_key(block, |(number, _)| *number);
            match (place, *count) {
                (Ok(place), 0) => {
                    self.0.remove(place);
                }
                (Ok(place), count) => self.0[place].1 = count,
                (Err(_), 0) => {}
                (Err(place), count) => self.0.insert(place, (*block, count)),
            }
        }
    }
}

async fn count(tx: &mut Tx, list: List) -> Result<Blocks, Trouble> {
    let binds = binds![i64::MIN, list.tenant, list.kind, list.visible_to];
    Ok(Blocks(tx.fetch(COUNT, &binds).await?))
}

async fn count_again(
    tx: &mut Tx,
    list: List,
    changed: &[(i64, u64)],
) -> Result<Vec<(i64, u64)>, Trouble> {
    let column = Column::Ints(changed.iter().map(|(block, _)| *block).collect());
    let binds = binds![list.tenant, list.kind, list.visible_to];
    tx.fetch_each(COUNT_AGAIN, &[column], &binds).await
}
