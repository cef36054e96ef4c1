//! How careful a source is: its leaver policy, its guards, its schedule. Plain data with
//! the documented defaults; what they mean is decided in `sync`.

use std::time::Duration;

/// A share of what there is, with a floor and a ceiling: `max(at_least, min(share, at_most))`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Limit {
    /// Percent of the source's links (0 to 100).
    pub(crate) percent: f64,
    /// Never less than so many.
    pub(crate) at_least: u64,
    /// Never more than so many.
    pub(crate) at_most: u64,
}

impl Limit {
    /// A limit without a ceiling.
    #[must_use]
    pub(crate) const fn new(percent: f64, at_least: u64) -> Self {
        Self {
            percent,
            at_least,
            at_most: u64::MAX,
        }
    }

    /// The number above which the guard closes, of `total`.
    #[must_use]
    #[expect(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "counts of people are far below 2^52, a percentage is not negative"
    )]
    pub(crate) fn of(&self, total: u64) -> u64 {
        let share = (total as f64 * self.percent / 100.0).floor() as u64;
        share.min(self.at_most).max(self.at_least)
    }
}

/// The guards of a source. Each default is the one of the documentation.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Guards {
    /// People absent from a complete read, and those whose grace period is over. Below
    /// [`Guards::SMALL_SOURCE_LINKS`] links it is half of them.
    pub(crate) removals: Limit,
    /// People whom the source says have left (a status, a tombstone).
    pub(crate) leavers: Limit,
    /// Groups absent from a complete read.
    pub(crate) groups: Limit,
    /// Memberships that go.
    pub(crate) memberships: Limit,
    /// People of whom one attribute changes.
    pub(crate) attribute: Limit,
    /// People whose userName or e-mail changes.
    pub(crate) identity: Limit,
    /// People who were not active and become active again.
    pub(crate) reactivations: Limit,
    /// People and groups that are new, except in the first run.
    pub(crate) creations: Limit,
    /// Entries in quarantine above which the run failed.
    pub(crate) quarantine: Limit,
    /// How long what was removed adds up.
    pub(crate) window: Duration,
    /// Groups (by display name) whose members are administrators: an absent one is held,
    /// the last one is never disabled or removed.
    pub(crate) administrators: Vec<String>,
}

impl Guards {
    /// Sources with fewer links are guarded by half of them instead of a percentage.
    pub(crate) const SMALL_SOURCE_LINKS: u64 = 20;
    /// A group of so many members that loses half of them is held.
    pub(crate) const LARGE_GROUP_MEMBERS: u64 = 20;
}

impl Default for Guards {
    fn default() -> Self {
        Self {
            removals: Limit {
                percent: 5.0,
                at_least: 10,
                at_most: 500,
            },
            leavers: Limit::new(10.0, 20),
            groups: Limit::new(10.0, 5),
            memberships: Limit::new(10.0, 50),
            attribute: Limit::new(20.0, 50),
            identity: Limit::new(5.0, 10),
            reactivations: Limit::new(5.0, 10),
            creations: Limit::new(50.0, 100),
            quarantine: Limit::new(10.0, 100),
            window: Duration::from_hours(24),
            administrators: Vec::new(),
        }
    }
}

/// How much one run takes in, so that a source without an end is no end of memory or disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Limits {
    /// Entries of a read. Above it the run fails.
    pub(crate) entries_max: u64,
    /// Memory for new and changed entries, which wait until everything is read: in bytes,
    /// as it is estimated. Above it the run fails. A run that writes as it reads needs none.
    pub(crate) changes_bytes_max: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            entries_max: 5_000_000,
            changes_bytes_max: 1024 * 1024 * 1024,
        }
    }
}

/// What absence from a complete read means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum LeaverAction {
    /// Nothing: the contribution stays as it is.
    Keep,
    /// The contribution stays and says `active = false`; after the grace period it goes.
    Disable,
    /// The contribution goes at once; others decide.
    Withdraw,
}

impl LeaverAction {
    /// The word in the configuration.
    #[must_use]
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Keep => "keep",
            Self::Disable => "disable",
            Self::Withdraw => "withdraw",
        }
    }
}

/// The leaver policy of a source.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Leavers {
    /// What happens at once.
    pub(crate) action: LeaverAction,
    /// When the contribution, and a resource that nobody holds any more, goes for good.
    /// `None`: never.
    pub(crate) delete_after: Option<Duration>,
}

impl Default for Leavers {
    fn default() -> Self {
        Self {
            action: LeaverAction::Disable,
            delete_after: Some(Duration::from_hours(30 * 24)),
        }
    }
}

/// What becomes of members of a group whom nobody here is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum UnknownMembers {
    /// They are waited for.
    #[default]
    Accepted,
    /// The request is refused: invalidValue.
    Refused,
}

/// When a source runs by itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Schedule {
    /// Five fields: minute, hour, day of month, month, day of week.
    pub(crate) cron: String,
    /// IANA name; default `UTC`.
    pub(crate) time_zone: String,
    /// Each run starts up to so much later, chosen anew.
    pub(crate) jitter: Duration,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_removal_guard_has_a_floor_and_a_ceiling() {
        let limit = Guards::default().removals;
        assert_eq!(limit.of(44), 10);
        assert_eq!(limit.of(1_000), 50);
        assert_eq!(limit.of(40_000), 500);
    }
}
