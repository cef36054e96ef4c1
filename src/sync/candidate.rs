//! An entry that is new or has changed, mapped: what the reader hands to reconciliation.

use rollcall_directory::contribution::Mapped;
use rollcall_directory::entry::{EntryKey, Flaw, Kind, Locator};
use rollcall_directory::fingerprint::Fingerprint;
use rollcall_store::ids::LinkId;

/// See the module.
#[derive(Debug, Clone)]
pub(super) struct Candidate {
    /// Its key.
    pub(super) key: EntryKey,
    /// User or group.
    pub(super) kind: Kind,
    /// Where it was found.
    pub(super) locator: Locator,
    /// Of what was read.
    pub(super) fingerprint: Fingerprint,
    /// The link that it had when the run began.
    pub(super) link: Option<LinkId>,
    /// What the mapping made of it.
    pub(super) mapped: Mapped,
}

/// An entry that cannot be taken as it is.
#[derive(Debug, Clone)]
pub(super) struct Troubled {
    /// User or group.
    pub(super) kind: Kind,
    /// Its key, or its locator's text when it has none.
    pub(super) name: String,
    /// Where it was found.
    pub(super) locator: Locator,
    /// What is wrong, in one sentence that says what to do.
    pub(super) reason: String,
    /// The values that were refused.
    pub(super) flaws: Vec<Flaw>,
}

impl Troubled {
    pub(super) fn of(candidate: &Candidate, reason: String) -> Self {
        Self {
            kind: candidate.kind,
            name: candidate.key.to_string(),
            locator: candidate.locator.clone(),
            reason,
            flaws: Vec::new(),
        }
    }
}

/// Entries on their way to reconciliation, in the order of their arrival.
#[derive(Debug, Default)]
pub(super) struct Examined {
    /// New or changed.
    pub(super) candidates: Vec<Candidate>,
    /// To be quarantined.
    pub(super) troubled: Vec<Troubled>,
}
