//! Lists: filtered, sorted, a page at a time (RFC 7644 §3.4.2, RFC 9865).
//!
//! A [`Search`] is answered over one snapshot of the database. What of its condition an
//! index or a column serves becomes SQL ([`plan`]); the rest is asked of the one evaluator,
//! [`Condition::matches`], on the store's side of the page ([`scan`]). The page's members,
//! groups and managers come with it in a few statements ([`furnish`]), so that nobody above
//! asks once for each resource.

mod cursor;
mod shown;

use std::sync::Arc;

use rollcall_directory::entry::Kind;
use rollcall_directory::filter::Condition;
use rollcall_directory::schema::ResourceType;
use rollcall_directory::sort::Sort;
use uuid::Uuid;

pub use cursor::{Binding, CursorError, Cursors, Position};
pub use shown::beside;

use crate::ids::{ResourceId, SourceId, TenantId};
use crate::records::Resource;
use crate::{Store, StoreError};

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

impl Store {
    /// A part of a tenant's users or groups. `total` is how many there are in all when the
    /// page is read; a page beyond the end is empty.
    pub async fn search(&self, _search: &Search) -> Result<Found, StoreError> {
        Err(StoreError::Unsupported {
            what: "lists are not searched yet".to_owned(),
        })
    }

    /// The same resources with what is asked for beside them: for whoever shows one.
    pub async fn furnish(
        &self,
        _resources: Vec<Resource>,
        _parts: Parts,
        _visible_to: Option<SourceId>,
    ) -> Result<Vec<FoundResource>, StoreError> {
        Err(StoreError::Unsupported {
            what: "resources are not furnished yet".to_owned(),
        })
    }

    /// The maker and reader of this database's cursors. `fresh` becomes the key with which
    /// they are authenticated if the database has none yet, so it must be random.
    pub async fn cursors(&self, _fresh: [u8; 32]) -> Result<Cursors, StoreError> {
        Err(StoreError::Unsupported {
            what: "there are no cursors yet".to_owned(),
        })
    }
}
