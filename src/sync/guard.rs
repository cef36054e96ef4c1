//! The guards: limits on how much a run may remove or change.
//!
//! Past a removal guard what it names waits for approval while the rest applies: a guard
//! for people holds people, one for groups holds groups. Past a change guard nothing
//! applies. Each answer is one sentence that names the numbers, the limit and what to do.

use rollcall_directory::entry::Kind;
use serde::{Deserialize, Serialize};

use super::effect::Effect;
use super::tally::Tally;
use crate::config::policy::{Guards, Limit};

/// What a guard holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Holds {
    /// Everything that the run would do.
    All,
    /// Every removal: of people and of groups.
    Removals,
    /// People who are missing, or whose grace period is over.
    People,
    /// Groups that are missing.
    Groups,
    /// People whom the source itself ends.
    Leavers,
    /// Groups that lose members, each whole: its new fingerprint must wait with it, or the
    /// next run would find the group unchanged.
    Memberships,
    /// Only the groups of some size that lose at least half of their members.
    HalvedGroups,
    /// Administrators who would be ended.
    Administrators,
    /// Deletions at the end of a grace period.
    Expired,
    /// Whatever ends somebody: removals, and people whom the source itself ends.
    Endings,
}

impl Holds {
    /// Whether it holds a step that does this. Administrators are known by name, not by
    /// what a step does: see [`super::administrators`].
    pub(super) fn names(self, effect: &Effect) -> bool {
        match self {
            Self::All => true,
            Self::Removals => effect.removes.is_some(),
            Self::People => effect.removes == Some(Kind::User),
            Self::Groups => effect.removes == Some(Kind::Group),
            Self::Leavers => effect.deactivates,
            Self::Memberships => effect.members_removed > 0,
            Self::HalvedGroups => effect.halves_a_group(),
            Self::Administrators => false,
            Self::Expired => effect.expires,
            Self::Endings => effect.removes.is_some() || effect.deactivates,
        }
    }

    /// What waits, at the end of a guard's sentence.
    fn waits(self) -> &'static str {
        match self {
            Self::All => "nothing was applied",
            Self::Removals => "these removals wait for approval",
            Self::People => "these people stay until somebody approves",
            Self::Groups => "these groups stay until somebody approves",
            Self::Leavers => "these people stay active until somebody approves",
            Self::Memberships | Self::HalvedGroups => {
                "the groups concerned stay as they are until somebody approves"
            }
            Self::Administrators => "that never happens without approval",
            Self::Expired => "they stay, not active, until somebody approves",
            Self::Endings => "nobody is ended until somebody approves",
        }
    }
}

/// A guard that closed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Held {
    /// Its name, as in the configuration.
    pub(crate) guard: String,
    /// How much waits.
    pub(crate) holds: Holds,
    /// Why, in one sentence.
    pub(crate) because: String,
}

/// What the source holds, and what was removed lately: what percentages are of.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Totals {
    /// Links to people that were present when the run began.
    pub(super) users: u64,
    /// Links to groups.
    pub(super) groups: u64,
    /// Memberships of this source.
    pub(super) memberships: u64,
    /// People removed within the window before this run.
    pub(super) users_removed_lately: u64,
    /// Groups removed within the window.
    pub(super) groups_removed_lately: u64,
    /// People deleted within the window, since their grace period was over.
    pub(super) users_expired_lately: u64,
    /// People deactivated by the source within the window.
    pub(super) leavers_lately: u64,
    /// Memberships removed within the window.
    pub(super) memberships_removed_lately: u64,
}

/// Judges absences of one kind.
pub(super) fn removals(guards: &Guards, kind: Kind, absent: u64, totals: &Totals) -> Option<Held> {
    let (name, what, total, lately, limit) = match kind {
        Kind::User => (
            "removals",
            "people",
            totals.users,
            totals.users_removed_lately,
            people_limit(&guards.removals, totals.users),
        ),
        Kind::Group | Kind::Custom(_) => (
            "groups",
            "groups",
            totals.groups,
            totals.groups_removed_lately,
            guards.groups.of(totals.groups),
        ),
    };
    let holds = match kind {
        Kind::User => Holds::People,
        Kind::Group | Kind::Custom(_) => Holds::Groups,
    };
    past(name, holds, absent, lately, limit, || {
        format!(
            "{absent} of {total} {what} are missing from the source{}",
            also(lately)
        )
    })
}

/// Judges deletions at the end of a grace period: it may have been shortened, or the clock
/// may be wrong.
pub(super) fn expired(guards: &Guards, tally: &Tally, totals: &Totals) -> Option<Held> {
    let (now, lately) = (tally.users_expired, totals.users_expired_lately);
    let total = totals.users + now + lately;
    past(
        "removals",
        Holds::Expired,
        now,
        lately,
        people_limit(&guards.removals, total),
        || {
            format!(
                "the grace period (delete_after) of {now} of {total} people is over, and they would be deleted for good{}",
                also(lately)
            )
        },
    )
}

/// Below 20 links a percentage says nothing: half of them is the limit.
fn people_limit(limit: &Limit, total: u64) -> u64 {
    if total < Guards::SMALL_SOURCE_LINKS {
        total / 2
    } else {
        limit.of(total)
    }
}

/// Judges what the source itself ends: people whom it says are not active.
pub(super) fn leavers(guards: &Guards, tally: &Tally, totals: &Totals) -> Option<Held> {
    let lately = totals.leavers_lately;
    past(
        "leavers",
        Holds::Leavers,
        tally.deactivated,
        lately,
        guards.leavers.of(totals.users),
        || {
            format!(
                "the source says that {} of {} people are not active any more{}",
                tally.deactivated,
                totals.users,
                also(lately)
            )
        },
    )
}

/// Judges memberships that go: those of groups that lose some, and of groups that go.
pub(super) fn memberships(guards: &Guards, tally: &Tally, totals: &Totals) -> Vec<Held> {
    let halved = tally.halved_groups.first().map(|group| Held {
        guard: "memberships".to_owned(),
        holds: Holds::HalvedGroups,
        because: format!(
            "{group} would lose at least half of its members{}: {}",
            match tally.halved_groups.len() {
                1 => String::new(),
                n => format!(", and {} other groups too", n - 1),
            },
            Holds::HalvedGroups.waits(),
        ),
    });
    let lately = totals.memberships_removed_lately;
    let many = past(
        "memberships",
        Holds::Memberships,
        tally.members_removed,
        lately,
        guards.memberships.of(totals.memberships),
        || {
            format!(
                "{} of {} memberships would go{}",
                tally.members_removed,
                totals.memberships,
                also(lately)
            )
        },
    );
    halved.into_iter().chain(many).collect()
}

/// Judges what looks like a shifted column or a wrong mapping.
pub(super) fn changes(
    guards: &Guards,
    tally: &Tally,
    totals: &Totals,
    first_run: bool,
) -> Vec<Held> {
    let mut held = Vec::new();
    // A first run has no links yet: what it reads is what percentages are of.
    let people = if first_run {
        tally.users_read
    } else {
        // Who is gone may come back, and is among them.
        totals.users.max(tally.reactivated)
    };
    for (unit, count) in &tally.replaced {
        let identity = matches!(unit.as_str(), "userName" | "emails");
        let (name, limit) = if identity {
            ("identity", &guards.identity)
        } else {
            ("attribute", &guards.attribute)
        };
        if unit.as_str() == "active" {
            continue;
        }
        held.extend(past(name, Holds::All, *count, 0, limit.of(people), || {
            format!("{unit} would change for {count} of {people} people, as when a column has shifted or a mapping is wrong")
        }));
    }
    held.extend(past(
        "reactivations",
        Holds::All,
        tally.reactivated,
        0,
        guards.reactivations.of(people),
        || {
            format!(
                "{} of {people} people are not active and would be again, as when a status is read wrongly or can no longer be read",
                tally.reactivated
            )
        },
    ));
    let created = tally.users_created + tally.groups_created;
    let total = totals.users + totals.groups;
    if !first_run {
        held.extend(past(
            "creations",
            Holds::All,
            created,
            0,
            guards.creations.of(total),
            || format!("{created} entries are new beside {total} known ones"),
        ));
    }
    held
}

fn past(
    guard: &str,
    holds: Holds,
    now: u64,
    lately: u64,
    limit: u64,
    what: impl FnOnce() -> String,
) -> Option<Held> {
    (now > 0 && now + lately > limit).then(|| Held {
        guard: guard.to_owned(),
        holds,
        because: format!(
            "{}; the guard `{guard}` allows {limit}: {}",
            what(),
            holds.waits()
        ),
    })
}

fn also(lately: u64) -> String {
    if lately == 0 {
        String::new()
    } else {
        format!(", and {lately} went within the last day")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn totals(users: u64) -> Totals {
        Totals {
            users,
            ..Totals::default()
        }
    }

    fn held(absent: u64, users: u64) -> bool {
        removals(&Guards::default(), Kind::User, absent, &totals(users)).is_some()
    }

    #[test]
    fn removals_are_held_above_five_percent_at_least_ten_at_most_five_hundred() {
        assert!(!held(10, 44));
        assert!(held(44, 44));
        assert!(held(51, 1_000));
        assert!(!held(50, 1_000));
        assert!(held(501, 40_000));
    }

    #[test]
    fn a_small_source_is_held_above_half() {
        assert!(!held(5, 10));
        assert!(held(6, 10));
    }

    #[test]
    fn four_percent_an_hour_does_not_slip_through() {
        let mut totals = totals(1_000);
        assert!(removals(&Guards::default(), Kind::User, 40, &totals).is_none());
        totals.users_removed_lately = 40;
        let held = removals(&Guards::default(), Kind::User, 40, &totals).unwrap();
        assert!(
            held.because.contains("40 went within the last day"),
            "{}",
            held.because
        );
    }

    #[test]
    fn half_of_a_group_of_twenty_is_held_and_half_of_a_smaller_one_is_not() {
        let loses = |before, removed| {
            let effect = Effect {
                members_before: before,
                members_removed: removed,
                ..Effect::default()
            };
            let mut tally = Tally::default();
            effect.count("staff", &mut tally);
            memberships(
                &Guards::default(),
                &tally,
                &Totals {
                    memberships: 100_000,
                    ..Totals::default()
                },
            )
        };
        assert_eq!(loses(20, 10).first().unwrap().holds, Holds::HalvedGroups);
        assert_eq!(loses(20, 9), []);
        assert_eq!(loses(19, 19), []);
    }

    #[test]
    fn groups_leavers_and_memberships_have_limits_of_their_own() {
        let guards = Guards::default();
        let totals = Totals {
            users: 1_000,
            groups: 100,
            memberships: 1_000,
            ..Totals::default()
        };
        let groups = |n| removals(&guards, Kind::Group, n, &totals).is_some();
        assert_eq!((groups(10), groups(11)), (false, true));
        let leavers = |deactivated| {
            let tally = Tally {
                deactivated,
                ..Tally::default()
            };
            leavers(&guards, &tally, &totals).is_some()
        };
        assert_eq!((leavers(100), leavers(101)), (false, true));
        let memberships = |members_removed| {
            let tally = Tally {
                members_removed,
                ..Tally::default()
            };
            !memberships(&guards, &tally, &totals).is_empty()
        };
        assert_eq!((memberships(100), memberships(101)), (false, true));
    }

    #[test]
    fn names_and_addresses_and_new_entries_have_tighter_limits() {
        let guards = Guards::default();
        let judged = |unit: &str, count| {
            let mut tally = Tally::default();
            tally.replaced.insert(
                rollcall_directory::schema::Unit::from_canonical(unit),
                count,
            );
            !changes(&guards, &tally, &totals(1_000), false).is_empty()
        };
        assert_eq!(
            (judged("userName", 50), judged("userName", 51)),
            (false, true)
        );
        assert_eq!((judged("emails", 50), judged("emails", 51)), (false, true));
        assert_eq!((judged("title", 200), judged("title", 201)), (false, true));
        let created = |users_created, first_run| {
            let tally = Tally {
                users_created,
                ..Tally::default()
            };
            !changes(&guards, &tally, &totals(1_000), first_run).is_empty()
        };
        assert_eq!((created(500, false), created(501, false)), (false, true));
        assert!(!created(501, true));
    }

    #[test]
    fn a_shifted_column_holds_everything() {
        let mut tally = Tally::default();
        tally.replaced.insert(
            rollcall_directory::schema::Unit::from_canonical("title"),
            300,
        );
        let held = changes(&Guards::default(), &tally, &totals(1_000), false);
        assert_eq!(held.len(), 1);
        assert_eq!(held[0].holds, Holds::All);
    }
}
