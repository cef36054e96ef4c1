//! What a run tells about itself: kept with the run, printed by the command line.

use rollcall_directory::entry::Kind;
use rollcall_store::ids::RunId;
use rollcall_store::records::{Run, RunState};
use serde::{Deserialize, Serialize};

use super::effect::Proposal;
use super::guard::Held;
use super::refused::Refused;
use super::tally::Tally;

/// See the module. Stored as JSON.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Report {
    /// Counts.
    pub(crate) tally: Tally,
    /// What the run has removed so far, which counts against the guards of the next ones.
    pub(crate) removed: Removed,
    /// Guards that closed.
    pub(crate) held: Vec<Held>,
    /// How many steps wait for approval, or stand in the plan.
    pub(crate) waiting: u64,
    /// Of a run that failed: how many changes were written before.
    pub(crate) written: u64,
    /// How many changes could not be written; the notes say why.
    pub(crate) unwritten: u64,
    /// Things worth a line.
    pub(crate) notes: Vec<String>,
    /// Why it failed, in one sentence.
    pub(crate) failure: Option<String>,
}

impl Report {
    /// What a run has kept of itself.
    pub(crate) fn of(run: &Run) -> Self {
        serde_json::from_value(run.report.clone()).unwrap_or_default()
    }

    /// Tells of steps that the store refused.
    pub(super) fn refuse(&mut self, refused: &[Refused]) {
        self.unwritten += refused.len() as u64;
        self.notes.extend(refused.iter().map(Refused::note));
    }

    /// The same of an undo, which nothing tries again.
    pub(super) fn refuse_for_good(&mut self, refused: &[Refused]) {
        self.unwritten += refused.len() as u64;
        self.notes.extend(refused.iter().map(Refused::last_note));
    }
}

/// What a run removed, of what was to be removed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Removed {
    /// People who were missing.
    pub(crate) users: u64,
    /// Groups that were missing.
    pub(crate) groups: u64,
    /// People whom the source itself ended.
    pub(crate) leavers: u64,
    /// Memberships.
    pub(crate) memberships: u64,
    /// People who were deleted when their grace period was over.
    pub(crate) expired: u64,
}

impl Removed {
    /// What these steps remove. Whose grace period is over was counted when it began.
    pub(super) fn by(proposals: &[Proposal]) -> Self {
        let mut removed = Self {
            expired: proposals.iter().filter(|p| p.deletes_a_person()).count() as u64,
            ..Self::default()
        };
        for effect in proposals.iter().map(|p| &p.effect).filter(|e| !e.expires) {
            removed.users += u64::from(effect.removes == Some(Kind::User));
            removed.groups += u64::from(effect.removes == Some(Kind::Group));
            removed.leavers += u64::from(effect.deactivates);
            removed.memberships += effect.members_removed;
        }
        removed
    }

    /// Everything that a run was to remove.
    pub(super) fn all_of(tally: &Tally) -> Self {
        Self {
            users: tally.users_gone,
            groups: tally.groups_gone,
            leavers: tally.deactivated,
            memberships: tally.members_removed,
            expired: tally.users_expired,
        }
    }

    /// Adds what another run removed.
    pub(super) fn add(&mut self, other: &Self) {
        self.users += other.users;
        self.groups += other.groups;
        self.leavers += other.leavers;
        self.memberships += other.memberships;
        self.expired += other.expired;
    }
}

/// A run that has ended.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct Finished {
    /// Its number.
    pub(crate) run: RunId,
    /// Where it stands.
    pub(crate) state: RunState,
    /// How the read ended, in one sentence.
    pub(crate) verdict: String,
    /// What it did, or would do.
    #[serde(flatten)]
    pub(crate) report: Report,
}
