//! Whether a source may be asked if anything has changed at all, instead of being read.
//!
//! What a read leaves for that is kept with the source only when everything that the
//! read delivered stands in the directory as the mapping would have it: then "nothing has
//! changed" means that there is nothing to do. Every run that writes takes it away first
//! and puts it back at a good end, so that no run that broke off, was held, or was undone
//! is ever followed by a read that was spared.

use rollcall_connectors::Validators;
use rollcall_directory::entry::Kind;
use rollcall_directory::fingerprint::Fingerprint;
use rollcall_mapping::Context;
use rollcall_store::ids::RunId;
use serde::{Deserialize, Serialize};
use time::{Duration, OffsetDateTime};

use super::reader::LinkIndex;

/// After so long everything is read, whatever the source would say: a cache that is stuck,
/// or a `Last-Modified` that knows nothing of deletions, must not hide leavers for ever.
const AGE_MAX: Duration = Duration::hours(24);
/// A clock may change with the season meanwhile.
const CLOCK_CHANGE: Duration = Duration::hours(1);

/// What a good run leaves for the next. Stored as JSON.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Kept {
    /// The settings and the mapping that it ran under.
    pub(super) settings: Fingerprint,
    /// The run that read everything.
    pub(super) run: RunId,
    /// When that began.
    #[serde(with = "time::serde::rfc3339")]
    pub(super) taken: OffsetDateTime,
    /// People whom it read.
    pub(super) users: u64,
    /// Groups that it read.
    pub(super) groups: u64,
    /// The connector's own words.
    pub(super) validators: Validators,
}

impl Kept {
    /// Whether the source may be asked with them: nobody has changed settings, links or
    /// quarantine since, and every link that is present is of an entry that was read.
    pub(super) fn are_good(
        &self,
        settings: Fingerprint,
        index: &LinkIndex,
        quarantined: usize,
        now: OffsetDateTime,
    ) -> bool {
        self.settings == settings
            && quarantined == 0
            && (Duration::ZERO..AGE_MAX).contains(&(now - self.taken))
            && index.present(Kind::User) == self.users
            && index.present(Kind::Group) == self.groups
            && !index.misses_some()
    }
}

/// The last moment at which the validators of a read may be used: what a mapping then
/// makes of an entry must be what it makes now.
pub(super) fn horizon(context: Context) -> Context {
    Context {
        now: context.now + AGE_MAX + CLOCK_CHANGE,
        ..context
    }
}
