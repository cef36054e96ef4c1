//! One link, three states: before the run, as the run left it, and now. What is still as the
//! run left it goes back; what has changed since stays.

use std::collections::BTreeSet;

use rollcall_directory::schema::Unit;
use rollcall_store::records::Link;

/// Takes back in `now` what led from `before` to `left`. Returns the attributes that stay,
/// since something else has been said about them since.
pub(super) fn take_back(before: &Link, left: &Link, now: &mut Link) -> Vec<Unit> {
    if now.presence == left.presence {
        now.presence = before.presence;
        now.gone_since = before.gone_since;
    }
    let units: BTreeSet<&Unit> = before
        .contribution
        .iter()
        .chain(left.contribution.iter())
        .map(|(unit, _)| unit)
        .collect();
    let mut stay = Vec::new();
    for unit in units {
        let (old, done) = (before.contribution.says(unit), left.contribution.says(unit));
        if old == done {
            continue;
        }
        if now.contribution.says(unit) != done {
            stay.push(unit.clone());
            continue;
        }
        match old {
            Some(value) => now.contribution.say(unit.clone(), value.clone()),
            None => now.contribution.fall_silent(unit),
        }
    }
    stay
}

#[cfg(test)]
mod tests {
    use rollcall_directory::contribution::Contribution;
    use rollcall_directory::entry::{EntryKey, Kind, Locator};
    use rollcall_directory::fingerprint::Fingerprint;
    use rollcall_store::ids::{LinkId, ResourceId, RunId, SourceId};
    use rollcall_store::records::Presence;
    use serde_json::Value as Json;

    use super::*;

    fn link(presence: Presence, said: &[(&str, &str)]) -> Link {
        let mut contribution = Contribution::default();
        for (unit, value) in said {
            contribution.say(Unit::from_canonical(unit), Json::from(*value));
        }
        Link {
            id: LinkId(1),
            source: SourceId(1),
            kind: Kind::User,
            key: EntryKey::new("1").unwrap(),
            locator: Locator::Line(2),
            resource: ResourceId(1),
            fingerprint: Fingerprint([1; 16]),
            mapping: Fingerprint([2; 16]),
            contribution,
            presence,
            gone_since: None,
            missed_reads: 0,
            run: RunId(3),
        }
    }

    #[test]
    fn what_is_as_it_was_left_goes_back_and_the_rest_stays() {
        let before = link(Presence::Present, &[("title", "Clerk"), ("nickName", "Ad")]);
        let left = link(
            Presence::Present,
            &[("title", "Nurse"), ("nickName", "Addie"), ("locale", "de")],
        );
        let mut now = link(
            Presence::Disabled,
            &[("title", "Nurse"), ("nickName", "Lady"), ("locale", "de")],
        );
        let stay = take_back(&before, &left, &mut now);
        assert_eq!(stay, [Unit::from_canonical("nickName")]);
        let wanted = link(
            Presence::Disabled,
            &[("title", "Clerk"), ("nickName", "Lady")],
        );
        assert_eq!(now.contribution, wanted.contribution);
        assert_eq!(
            now.presence,
            Presence::Disabled,
            "the run had not touched it"
        );
    }

    #[test]
    fn who_left_in_the_run_is_there_again_unless_it_was_decided_anew() {
        let before = link(Presence::Present, &[]);
        let left = link(Presence::Disabled, &[]);
        let mut now = left.clone();
        take_back(&before, &left, &mut now);
        assert_eq!(now.presence, Presence::Present);
        let mut later = link(Presence::Withdrawn, &[]);
        take_back(&before, &left, &mut later);
        assert_eq!(later.presence, Presence::Withdrawn);
    }
}
