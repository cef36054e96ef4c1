//! `guard = { … }` of a source.

use super::policy::{Guards, Limit};
use super::section::Section;

/// The keys given, and the documented default of the others.
pub(super) fn read(section: Section<'_>) -> Guards {
    let default = Guards::default();
    let limit = |share, floor, default: Limit| Limit {
        percent: section.share(share).unwrap_or(default.percent),
        at_least: section
            .number(floor, 0, u64::MAX)
            .unwrap_or(default.at_least),
        ..default
    };
    let mut removals = limit("removals", "at_least", default.removals);
    if let Some(at_most) = section.number("at_most", 0, u64::MAX) {
        removals.at_most = at_most;
    }
    let guards = Guards {
        removals,
        leavers: limit("leavers", "leavers_at_least", default.leavers),
        groups: limit("groups", "groups_at_least", default.groups),
        memberships: limit("memberships", "memberships_at_least", default.memberships),
        attribute: limit("attribute", "attribute_at_least", default.attribute),
        identity: limit("identity", "identity_at_least", default.identity),
        reactivations: limit(
            "reactivations",
            "reactivations_at_least",
            default.reactivations,
        ),
        creations: limit("creations", "creations_at_least", default.creations),
        quarantine: limit("quarantine", "quarantine_at_least", default.quarantine),
        window: section.duration("window", default.window),
        administrators: section.texts("administrators").unwrap_or_default(),
    };
    section.finish();
    guards
}
