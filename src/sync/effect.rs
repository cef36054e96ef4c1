//! A step and what it means: what reports count and guards judge.

use rollcall_directory::entry::Kind;
use rollcall_directory::schema::Unit;
use rollcall_store::writes::{Step, Write};

use super::tally::Tally;
use crate::config::policy::Guards;

/// A step, and what the guards want to know of it.
#[derive(Debug, Clone)]
pub(super) struct Proposal {
    /// What is written.
    pub(super) step: Step,
    /// What it means.
    pub(super) effect: Effect,
}

impl Proposal {
    /// A step that means nothing to the guards.
    pub(super) fn of(step: Step) -> Self {
        Self {
            step,
            effect: Effect::default(),
        }
    }
}

impl Proposal {
    /// Whether it is the end of a person's grace period.
    pub(super) fn deletes_a_person(&self) -> bool {
        let deletes = |write: &Write| matches!(write, Write::Delete { .. });
        self.effect.expires
            && self.effect.removes == Some(Kind::User)
            && self.step.writes.iter().any(deletes)
    }
}

/// What one step does, in the guards' terms.
#[expect(
    clippy::struct_excessive_bools,
    reason = "independent facts, each counted by itself"
)]
#[derive(Debug, Clone, Default)]
pub(super) struct Effect {
    /// A person or group is made.
    pub(super) creates: Option<Kind>,
    /// An entry is tied to somebody who was there.
    pub(super) links: bool,
    /// Attributes change.
    pub(super) updates: bool,
    /// The person was active and is no more.
    pub(super) deactivates: bool,
    /// The person was not active and is now.
    pub(super) reactivates: bool,
    /// The entry had been gone.
    pub(super) returns: bool,
    /// A missing person or group goes, or one whose grace period is over.
    pub(super) removes: Option<Kind>,
    /// It is the end of a grace period, which was judged when it began.
    pub(super) expires: bool,
    /// Units whose old value goes.
    pub(super) replaces: Vec<Unit>,
    /// Memberships that come.
    pub(super) members_added: u64,
    /// Memberships that go.
    pub(super) members_removed: u64,
    /// How many members there were.
    pub(super) members_before: u64,
}

impl Effect {
    /// Adds it to a run's counts.
    pub(super) fn count(&self, subject: &str, tally: &mut Tally) {
        match self.creates {
            Some(Kind::User) => tally.users_created += 1,
            Some(Kind::Group) => tally.groups_created += 1,
            Some(Kind::Custom(_)) => tally.others_created += 1,
            None => {}
        }
        tally.linked += u64::from(self.links);
        tally.updated += u64::from(self.updates);
        tally.deactivated += u64::from(self.deactivates);
        tally.reactivated += u64::from(self.reactivates);
        tally.returned += u64::from(self.returns);
        for unit in &self.replaces {
            *tally.replaced.entry(unit.clone()).or_default() += 1;
        }
        tally.members_added += self.members_added;
        tally.members_removed += self.members_removed;
        if self.halves_a_group() {
            tally.halved_groups.push(subject.to_owned());
        }
    }

    /// Whether a group of some size stays and loses at least half of its members.
    pub(super) fn halves_a_group(&self) -> bool {
        self.removes.is_none()
            && self.members_before >= Guards::LARGE_GROUP_MEMBERS
            && self.members_removed * 2 >= self.members_before
    }
}
