//! Lists: filtered, sorted, a page at a time (RFC 7644 §3.4.2, RFC 9865).
//!
//! A [`Search`] is answered over one snapshot of the database. What of its condition an
//! index or a column serves becomes SQL ([`plan`]); the rest is asked of the one evaluator,
//! [`Condition::matches`], on the store's side of the page ([`scan`]). The page's members,
//! groups and managers come with it in a few statements ([`furnish`]), so that nobody above
//! asks once for each resource.

mod clause;
mod cursor;
mod furnish;
mod plan;
mod scan;
mod shown;
mod sql;
mod stones;
#[cfg(test)]
pub(crate) mod tests;

use std::collections::HashMap;
use std::sync::Arc;

use rollcall_directory::entry::Kind;
use rollcall_directory::filter::Condition;
use rollcall_directory::schema::ResourceType;
use rollcall_directory::sort::Sort;
use time::OffsetDateTime;
use uuid::Uuid;

pub use cursor::{Binding, CursorError, Cursors, Position};
pub use shown::beside;
pub(crate) use stones::Stones;

use self::clause::Clause;
use self::plan::{Plan, Planner};
use self::sql::{Order, Select};
use crate::driver::{Answer, Column, Trouble, Tx, binds, statements};
use crate::ids::{ResourceId, SourceId, TenantId};
use crate::records::Resource;
use crate::{Store, StoreError};

/// The name of the key that authenticates cursors.
const CURSOR_KEY: &str = "cursors";

statements! {
    KEEP_SECRET = "INSERT INTO secrets (name, value) VALUES ($1, $2)
        ON CONFLICT (name) DO NOTHING";
    SECRET = "SELECT value FROM secrets WHERE name = $1";
}

/// The statements of all of it.
#[cfg(test)]
pub(crate) fn statements_of_parts() -> Vec<crate::driver::Statement> {
    [
        STATEMENTS,
        furnish::STATEMENTS,
        stones::STATEMENTS,
        stones::TIDE_STATEMENTS,
    ]
    .concat()
}

/// What is looked for.
#[derive(Debug, Clone)]
pub struct Search {
    /// In which tenant.
    pub tenant: TenantId,
    /// Users or groups.
    pub kind: Kind,
    /// Their type, which filter and order were understood against.
    pub resource_type: Arc<ResourceType>,
    /// The URL of the SCIM service without a slash behind it: filters may ask about
    /// `meta.location` and `$ref`.
    pub base: String,
    /// Only what fulfils it.
    pub condition: Option<Condition>,
    /// In which order; else by number. Equal ones by number.
    pub sort: Option<Sort>,
    /// Which part of the list.
    pub page: Page,
    /// For whom: what this source has withdrawn, and what no source holds any more, is
    /// not there for it, neither in the list nor as member or group. `None`: everything is.
    pub visible_to: Option<SourceId>,
    /// What comes with each resource.
    pub parts: Parts,
}

/// Which part of a list.
#[derive(Debug, Clone, PartialEq)]
pub enum Page {
    /// RFC 7644 §3.4.2.4.
    Index {
        /// The place of the first, counted from 1 (0 is taken as 1).
        start: u64,
        /// At most so many; 0: only how many there are in all.
        count: u32,
    },
    /// RFC 9865.
    Cursor {
        /// Only beyond it; `None`: from the beginning.
        after: Option<Position>,
        /// At most so many; 0: only how many there are in all.
        count: u32,
    },
}

/// What comes with each resource beside its document. What is not asked for is not read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Parts {
    /// Of a group: its members, with their names and types.
    pub members: bool,
    /// Of a user: its groups.
    pub groups: Groups,
    /// Of a user: its manager's name.
    pub manager: bool,
}

/// Which groups of a user.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Groups {
    /// None.
    #[default]
    No,
    /// Those that have it as a member.
    Direct,
    /// Those, too, that it belongs to through other groups.
    Indirect,
}

/// A part of a list.
#[derive(Debug, Clone, PartialEq)]
pub struct Found {
    /// How many there are in all, the page aside.
    pub total: u64,
    /// The page.
    pub resources: Vec<FoundResource>,
    /// Where the next page begins, if pages are turned by cursor and this is not the last.
    pub next: Option<Position>,
}

/// A resource with what was asked for beside it.
#[derive(Debug, Clone, PartialEq)]
pub struct FoundResource {
    /// The resource.
    pub resource: Resource,
    /// Its members, by number, if they were asked for and it is a group.
    pub members: Option<Vec<Mention>>,
    /// Its groups, by number, if they were asked for and it is a user.
    pub groups: Option<Vec<Mention>>,
    /// Its manager, if it was asked for and there is one.
    pub manager: Option<Mention>,
}

/// A resource as another one mentions it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mention {
    /// Its number.
    pub id: ResourceId,
    /// Its SCIM id.
    pub uuid: Uuid,
    /// User or group.
    pub kind: Kind,
    /// Its `displayName`, or a user's `userName` in its place.
    pub display: Option<String>,
    /// Of a group: whether it has the user itself as a member, not through another group.
    pub direct: bool,
}

impl Search {
    /// Everything of a kind, a page of `count` at a time, with nothing beside it.
    #[must_use]
    pub fn all(
        tenant: TenantId,
        kind: Kind,
        resource_type: Arc<ResourceType>,
        base: &str,
        count: u32,
    ) -> Self {
        Self {
            tenant,
            kind,
            resource_type,
            base: base.to_owned(),
            condition: None,
            sort: None,
            page: Page::Index { start: 1, count },
            visible_to: None,
            parts: Parts::default(),
        }
    }
}

impl Search {
    /// The column that gives an order, if one does for everybody in the list: the name of
    /// somebody whom no source holds stands in none.
    fn order(&self, sort: &Sort) -> Option<Order> {
        Order::of(sort).filter(|order| match self.kind {
            Kind::User => self.visible_to.is_some() || !order.is_by_user_name(),
            Kind::Group | Kind::Custom(_) => !order.is_by_user_name(),
        })
    }
}

impl Page {
    fn count(&self) -> u32 {
        match self {
            Self::Index { count, .. } | Self::Cursor { count, .. } => *count,
        }
    }

    /// Where the page after this one begins, by the places of this one's resources and of
    /// one more, if there is one.
    fn next(&self, mut positions: Vec<Position>) -> Option<Position> {
        let count = self.count() as usize;
        let turns = matches!(self, Self::Cursor { .. }) && count > 0 && positions.len() > count;
        positions.truncate(count);
        positions.pop().filter(|_| turns)
    }
}

/// A page, before anything is put beside its resources.
#[derive(Debug)]
struct Listed {
    total: u64,
    next: Option<Position>,
    resources: Vec<Resource>,
}

impl Store {
    /// A part of a tenant's users or groups. `total` is how many there are in all when the
    /// page is read; a page beyond the end is empty.
    pub async fn search(&self, search: &Search) -> Result<Found, StoreError> {
        let search = Arc::new(search.clone());
        let stones = Arc::clone(&self.stones);
        self.database
            .snapshot(move |tx| -> Answer<'_, Found> {
                let search = Arc::clone(&search);
                let stones = Arc::clone(&stones);
                Box::pin(async move {
                    let listed = list(tx, &search, &stones).await?;
                    let (parts, visible_to) = (search.parts, search.visible_to);
                    Ok(Found {
                        total: listed.total,
                        next: listed.next,
                        resources: furnish::furnish(tx, listed.resources, parts, visible_to)
                            .await?,
                    })
                })
            })
            .await
    }

    /// The same resources with what is asked for beside them: for whoever shows one.
    pub async fn furnish(
        &self,
        resources: Vec<Resource>,
        parts: Parts,
        visible_to: Option<SourceId>,
    ) -> Result<Vec<FoundResource>, StoreError> {
        let resources = Arc::new(resources);
        self.database
            .snapshot(move |tx| -> Answer<'_, Vec<FoundResource>> {
                let resources = Arc::clone(&resources);
                Box::pin(async move {
                    furnish::furnish(tx, resources.to_vec(), parts, visible_to).await
                })
            })
            .await
    }

    /// The maker and reader of this database's cursors. `fresh` becomes the key with which
    /// they are authenticated if the database has none yet, so it must be random.
    pub async fn cursors(&self, fresh: [u8; 32]) -> Result<Cursors, StoreError> {
        let keep = binds![CURSOR_KEY, fresh];
        self.database
            .execute(KEEP_SECRET, keep)
            .await
            .map_err(StoreError::from)?;
        let kept: Option<([u8; 32],)> = self.database.fetch_one(SECRET, binds![CURSOR_KEY]).await?;
        let (key,) = kept.ok_or_else(|| StoreError::missing("key for cursors".to_owned()))?;
        Ok(Cursors::with_key(key))
    }
}

async fn list(tx: &mut Tx, search: &Search, stones: &Stones) -> Result<Listed, Trouble> {
    let plan = match &search.condition {
        None => Plan {
            clause: Clause::True,
            exact: true,
        },
        Some(condition) => Planner {
            kind: search.kind,
            resource_type: &search.resource_type,
            with_orphans: search.visible_to.is_none(),
        }
        .plan(condition),
    };
    let order = search.sort.as_ref().map(|sort| search.order(sort));
    let select = Select {
        search,
        clause: &plan.clause,
        dialect: tx.dialect(),
    };
    match (plan.exact, order) {
        (true, None) => by_column(tx, &select, None, stones).await,
        (true, Some(Some(order))) => by_column(tx, &select, Some(order), stones).await,
        (true, Some(None)) => scan::scan(tx, &select, None).await,
        (false, _) => scan::scan(tx, &select, search.condition.as_ref()).await,
    }
}

/// The page of a list that the database alone can give.
async fn by_column(
    tx: &mut Tx,
    select: &Select<'_>,
    order: Option<Order>,
    stones: &Stones,
) -> Result<Listed, Trouble> {
    let search = select.search;
    let mut blocks = None;
    if search.condition.is_none() {
        let list = stones::List {
            tenant: search.tenant,
            kind: search.kind,
            visible_to: search.visible_to,
        };
        blocks = Some(stones.blocks(tx, list).await?);
    }
    let count = search.page.count() as usize;
    let (mut after, skipped) = match &search.page {
        Page::Index { start, .. } => (None, start.saturating_sub(1)),
        Page::Cursor { after, .. } => (after.clone(), 0),
    };
    let is_whole = after.is_none();
    let mut offset = skipped;
    if let (Some(blocks), None, true) = (&blocks, order, is_whole) {
        let (id, rest) = blocks.place(offset);
        after = Some(Position { key: None, id });
        offset = rest;
    }
    let mut rows: Vec<(ResourceId, Option<String>, Option<OffsetDateTime>)> = Vec::new();
    if count > 0 {
        let page = select.page(order, after.as_ref(), offset, count as u64 + 1);
        rows = tx.fetch_built(&page).await?;
    }
    // Where the page ends the list, what came before is known, unless it begins beyond it.
    let is_at_the_end = is_whole && count > 0 && rows.len() <= count;
    let total = match &blocks {
        Some(blocks) => blocks.total(),
        None if is_at_the_end && (skipped == 0 || !rows.is_empty()) => skipped + rows.len() as u64,
        None => {
            let counted: Vec<(u64,)> = tx.fetch_built(&select.count()).await?;
            counted.first().map_or(0, |(total,)| *total)
        }
    };
    let ids: Vec<ResourceId> = rows.iter().take(count).map(|(id, ..)| *id).collect();
    let positions = rows.into_iter().map(|(id, text, at)| match order {
        Some(order) => order.position(id, text, at),
        None => Position { key: None, id },
    });
    Ok(Listed {
        total,
        next: search.page.next(positions.collect()),
        resources: by_number(tx, &ids).await?,
    })
}

/// Whole resources, in the order of these numbers.
async fn by_number(tx: &mut Tx, ids: &[ResourceId]) -> Result<Vec<Resource>, Trouble> {
    let column = Column::Ints(ids.iter().map(|id| id.0).collect());
    let rows: Vec<Resource> = tx
        .fetch_each(crate::resources::BY_ID, &[column], &[])
        .await?;
    let mut known: HashMap<ResourceId, Resource> = rows.into_iter().map(|r| (r.id, r)).collect();
    Ok(ids.iter().filter_map(|id| known.remove(id)).collect())
}
