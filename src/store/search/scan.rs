//! Lists that the database cannot give alone: the evaluator is asked about each resource
//! that the plan lets through, or the order is one that no column has.
//!
//! Resources are read in order of their numbers, a chunk at a time, over one snapshot. Of
//! what does not enter the page only its number and sort key are kept, and those only if
//! there is an order.

use std::cmp::Ordering;

use rollcall_directory::filter::{Attribute, Condition};
use rollcall_directory::sort::{Sort, SortKey};
use rollcall_directory::view::View;
use serde_json::Map;

use super::cursor::{KEY_BYTES_MAX, Position};
use super::furnish::furnish;
use super::plan::{is_beside, is_manager};
use super::shown::beside;
use super::sql::Select;
use super::{Groups, Listed, Page, Parts, Search, by_number};
use crate::driver::{Trouble, Tx};
use crate::ids::ResourceId;
use crate::records::Resource;

/// Resources read at once.
const CHUNK: u64 = 500;
/// The same where each comes with all its members.
const CHUNK_WITH_MEMBERS: u64 = 20;

/// What an evaluation looks at beside the document.
#[derive(Debug, Clone, Copy, Default)]
struct Mentions {
    anything: bool,
    parts: Parts,
}

impl Mentions {
    fn of(search: &Search) -> Self {
        let mut mentions = Self::default();
        if let Some(condition) = &search.condition {
            mentions.add(condition);
        }
        if let Some(sort) = &search.sort {
            mentions.see(&Attribute {
                extension: sort.extension.clone(),
                name: sort.name.clone(),
                sub: sort.sub.clone(),
                kind: sort.kind,
                case_exact: sort.case_exact,
                multi_valued: false,
            });
        }
        mentions
    }

    fn add(&mut self, condition: &Condition) {
        match condition {
            Condition::And(inner) | Condition::Or(inner) => {
                inner.iter().for_each(|inner| self.add(inner));
            }
            Condition::Not(inner) => self.add(inner),
            Condition::HasExtension(_) => {}
            Condition::Present(attribute) | Condition::Compare(attribute, _, _) => {
                self.see(attribute);
            }
            Condition::Values(attribute, _) => {
                self.see(attribute);
                self.parts.manager |= is_manager(attribute);
                self.anything |= is_manager(attribute);
            }
        }
    }

    fn see(&mut self, attribute: &Attribute) {
        if !is_beside(attribute) {
            return;
        }
        self.anything = true;
        self.parts.manager |= is_manager(attribute);
        match attribute.name.as_str() {
            "members" if attribute.extension.is_none() => self.parts.members = true,
            // A filter asks who has the user as a member, not through whom else.
            "groups" if attribute.extension.is_none() => self.parts.groups = Groups::Direct,
            _ => {}
        }
    }
}

/// The list's page.
pub(super) async fn scan(
    tx: &mut Tx,
    select: &Select<'_>,
    residual: Option<&Condition>,
) -> Result<Listed, Trouble> {
    let search = select.search;
    let mentions = Mentions::of(search);
    let chunk = if mentions.parts.members {
        CHUNK_WITH_MEMBERS
    } else {
        CHUNK
    };
    let mut reader = Reader::of(search);
    let mut after = ResourceId(i64::MIN);
    loop {
        let rows: Vec<Resource> = tx.fetch_built(&select.rows(after, chunk)).await?;
        let is_last = (rows.len() as u64) < chunk;
        let Some(last) = rows.last() else { break };
        after = last.id;
        for found in furnish(tx, rows, mentions.parts, search.visible_to).await? {
            let aside = if mentions.anything {
                beside(&found, &search.resource_type, &search.base)
            } else {
                Map::new()
            };
            let view = View::of(&found.resource.document, &aside);
            if residual.is_none_or(|condition| condition.matches(&view)) {
                let key = search.sort.as_ref().map(|sort| key_of(sort, &view));
                reader.take(key, found.resource);
            }
        }
        if is_last {
            break;
        }
    }
    reader.finish(tx, search).await
}

/// Takes the resources of a list in order of their numbers, and keeps the page.
struct Reader {
    page: Page,
    total: u64,
    /// The page and one more, in a list by number.
    kept: Vec<Resource>,
    /// All, in a list with an order.
    keys: Vec<(SortKey, ResourceId)>,
}

impl Reader {
    fn of(search: &Search) -> Self {
        Self {
            page: search.page.clone(),
            total: 0,
            kept: Vec::new(),
            keys: Vec::new(),
        }
    }

    fn take(&mut self, key: Option<SortKey>, resource: Resource) {
        self.total += 1;
        if let Some(key) = key {
            self.keys.push((key, resource.id));
            return;
        }
        let is_on_page = match &self.page {
            Page::Index { start, .. } => self.total >= *start,
            Page::Cursor { after, .. } => after.as_ref().is_none_or(|after| resource.id > after.id),
        };
        if is_on_page && (self.kept.len() as u64) < u64::from(self.page.count()) + 1 {
            self.kept.push(resource);
        }
    }

    async fn finish(self, tx: &mut Tx, search: &Search) -> Result<Listed, Trouble> {
        let count = self.page.count() as usize;
        let Some(sort) = &search.sort else {
            let positions = self.kept.iter().map(|resource| Position {
                key: None,
                id: resource.id,
            });
            return Ok(Listed {
                total: self.total,
                next: self.page.next(positions.collect()),
                resources: self.kept.into_iter().take(count).collect(),
            });
        };
        let page = cut(self.keys, sort, &self.page);
        let ids: Vec<ResourceId> = page.iter().take(count).map(|(_, id)| *id).collect();
        let positions = page
            .into_iter()
            .map(|(key, id)| Position { key: Some(key), id });
        Ok(Listed {
            total: self.total,
            next: self.page.next(positions.collect()),
            resources: by_number(tx, &ids).await?,
        })
    }
}

/// The page and one more, in order.
fn cut(
    mut keys: Vec<(SortKey, ResourceId)>,
    sort: &Sort,
    page: &Page,
) -> Vec<(SortKey, ResourceId)> {
    let order = |left: &(SortKey, ResourceId), right: &(SortKey, ResourceId)| {
        let by_key = left.0.cmp(&right.0);
        let by_key = if sort.descending {
            by_key.reverse()
        } else {
            by_key
        };
        by_key.then(left.1.cmp(&right.1))
    };
    keys.sort_unstable_by(order);
    let first = match page {
        Page::Index { start, .. } => usize::try_from(start.saturating_sub(1)).unwrap_or(usize::MAX),
        Page::Cursor { after: None, .. } => 0,
        Page::Cursor {
            after: Some(after), ..
        } => {
            let place = (after.key.clone().unwrap_or(SortKey::Absent), after.id);
            keys.partition_point(|key| order(key, &place) != Ordering::Greater)
        }
    };
    let count = page.count() as usize + 1;
    keys.into_iter().skip(first).take(count).collect()
}

/// Of a long text only the beginning counts: it has to fit a cursor.
fn key_of(sort: &Sort, view: &View<'_>) -> SortKey {
    match sort.key(view) {
        SortKey::Text(mut text) if text.len() > KEY_BYTES_MAX => {
            text.truncate(text.floor_char_boundary(KEY_BYTES_MAX));
            SortKey::Text(text)
        }
        key => key,
    }
}
