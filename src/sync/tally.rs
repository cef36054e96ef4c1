//! What a run changes, counted: for its report, and for the guards.

use std::collections::BTreeMap;

use rollcall_directory::schema::Unit;
use serde::{Deserialize, Serialize};

/// Counts of one run. Every number is a number of people, groups or memberships.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Tally {
    /// People read.
    pub(crate) users_read: u64,
    /// Groups read.
    pub(crate) groups_read: u64,
    /// Entries that were as they had been.
    pub(crate) unchanged: u64,
    /// People made.
    pub(crate) users_created: u64,
    /// Groups made.
    pub(crate) groups_created: u64,
    /// Resources of registered types made.
    pub(crate) others_created: u64,
    /// Entries tied to people and groups that were there already.
    pub(crate) linked: u64,
    /// People and groups whose attributes changed.
    pub(crate) updated: u64,
    /// People whom the source itself says are not active any more.
    pub(crate) deactivated: u64,
    /// People who are active again.
    pub(crate) reactivated: u64,
    /// People absent from a complete read whom the leaver policy ended.
    pub(crate) users_gone: u64,
    /// Groups absent from a complete read.
    pub(crate) groups_gone: u64,
    /// Resources of registered types that nobody holds any more.
    pub(crate) others_gone: u64,
    /// Entries that came back.
    pub(crate) returned: u64,
    /// Deleted after their grace period.
    pub(crate) deleted: u64,
    /// People among them.
    pub(crate) users_expired: u64,
    /// Memberships that came.
    pub(crate) members_added: u64,
    /// Memberships that went.
    pub(crate) members_removed: u64,
    /// Entries in quarantine at the end.
    pub(crate) quarantined: u64,
    /// References that name nobody at the end.
    pub(crate) dangling: u64,
    /// By unit: people whose value was replaced or taken away.
    pub(crate) replaced: BTreeMap<Unit, u64>,
    /// Groups of some size that lose at least half of their members.
    pub(crate) halved_groups: Vec<String>,
}

impl Tally {
    /// Everything read.
    pub(crate) fn read(&self) -> u64 {
        self.users_read + self.groups_read
    }

    /// Whether the run changes anything at all in the directory.
    pub(crate) fn changes_something(&self) -> bool {
        self.users_created
            + self.groups_created
            + self.others_created
            + self.others_gone
            + self.linked
            + self.updated
            + self.users_gone
            + self.groups_gone
            + self.returned
            + self.deleted
            + self.members_added
            + self.members_removed
            > 0
    }
}
