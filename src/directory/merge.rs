//! Who wins: folds the contributions of all sources into the canonical document.
//!
//! For each unit the source with the smallest priority number that says something; one
//! that says "there is none" says something. Lists are the winner's, or by setting the
//! union. `active` is different: no beats yes.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value as Json;

use crate::contribution::Contribution;
use crate::document::Document;
use crate::entry::Kind;
use crate::path::Path;
use crate::schema::{Schemas, Unit};

/// How much a source's word counts. The smaller number wins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Priorities {
    /// For every attribute that `of` does not name.
    pub default: u32,
    /// For single attributes (`title`, `name.givenName`) or all parts of one (`name`).
    pub of: BTreeMap<String, u32>,
}

impl Priorities {
    /// The same for every attribute.
    #[must_use]
    pub fn all(default: u32) -> Self {
        Self {
            default,
            of: BTreeMap::new(),
        }
    }

    /// The number for a unit.
    #[must_use]
    pub fn of(&self, unit: &Unit) -> u32 {
        if self.of.is_empty() {
            return self.default;
        }
        let text = unit.as_str();
        let named = |name: &str| self.of.iter().find(|(k, _)| k.eq_ignore_ascii_case(name));
        let tail = text.rsplit_once(':').map_or(text, |(_, tail)| tail);
        let attribute = |t: &str| t.rsplit_once('.').map(|(head, _)| head.to_owned());
        named(text)
            .or_else(|| named(tail))
            .or_else(|| named(&attribute(text)?))
            .or_else(|| named(&attribute(tail)?))
            .map_or(self.default, |(_, priority)| *priority)
    }
}

/// One source's part in a merge.
#[derive(Debug, Clone, Copy)]
pub struct Voice<'a> {
    /// The source's name: settles equal priorities.
    pub source: &'a str,
    /// How much its word counts.
    pub priorities: &'a Priorities,
    /// Whether its "not active" beats everybody's "active" (the default).
    pub active_is_binding: bool,
    /// What it says.
    pub contribution: &'a Contribution,
}

/// Settings of a merge that belong to the tenant.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct MergeRules {
    /// Lists that are the union of what all sources say.
    pub union: BTreeSet<Unit>,
}

/// Folds voices, in whatever order they come, into the document.
#[must_use]
pub fn merge(kind: Kind, voices: &[Voice<'_>], rules: &MergeRules, schemas: &Schemas) -> Document {
    let mut document = Document::default();
    if let [only] = voices {
        document = Document::with_capacity(only.contribution.len());
        for (unit, value) in only.contribution.iter() {
            if !value.is_null() {
                document.set(unit, Some(only_one_primary(value.clone())));
            }
        }
        return document;
    }
    let units: BTreeSet<&Unit> = voices
        .iter()
        .flat_map(|v| v.contribution.iter().map(|(unit, _)| unit))
        .collect();
    for unit in units {
        let value = if unit.as_str() == "active" {
            active(unit, voices)
        } else if rules.union.contains(unit) {
            union(kind, unit, voices, schemas)
        } else {
            winner(unit, voices)
                .and_then(|w| w.contribution.says(unit))
                .cloned()
        };
        match value {
            None | Some(Json::Null) => {}
            Some(value) => document.set(unit, Some(only_one_primary(value))),
        }
    }
    document
}

/// The voice whose word counts for a unit, if any speaks.
#[must_use]
pub fn winner<'v, 'a>(unit: &Unit, voices: &'v [Voice<'a>]) -> Option<&'v Voice<'a>> {
    voices
        .iter()
        .filter(|v| v.contribution.says(unit).is_some())
        .min_by_key(|v| (v.priorities.of(unit), v.source))
}

fn active(unit: &Unit, voices: &[Voice<'_>]) -> Option<Json> {
    let binding: Vec<&Json> = voices
        .iter()
        .filter(|v| v.active_is_binding)
        .filter_map(|v| v.contribution.says(unit))
        .filter(|said| !said.is_null())
        .collect();
    if binding.iter().any(|said| **said == Json::Bool(false)) {
        return Some(Json::Bool(false));
    }
    if let Some(said) = binding.first() {
        return Some((*said).clone());
    }
    winner(unit, voices)
        .and_then(|w| w.contribution.says(unit))
        .cloned()
}

fn union(kind: Kind, unit: &Unit, voices: &[Voice<'_>], schemas: &Schemas) -> Option<Json> {
    let mut ordered: Vec<&Voice<'_>> = voices.iter().collect();
    ordered.sort_by_key(|v| (v.priorities.of(unit), v.source));
    let fold_case = !is_case_exact(kind, unit, schemas);
    let mut seen = BTreeSet::new();
    let mut all = Vec::new();
    for value in ordered
        .iter()
        .filter_map(|v| v.contribution.says(unit)?.as_array())
        .flatten()
    {
        if seen.insert(matching_form(value, fold_case)) {
            all.push(value.clone());
        }
    }
    (!all.is_empty()).then_some(Json::Array(all))
}

/// What two values of a list are equal by: `type` and `value`, or the whole value.
fn matching_form(value: &Json, fold_case: bool) -> String {
    let text = match value.get("value") {
        Some(inner) => format!("{} {inner}", value.get("type").unwrap_or(&Json::Null)),
        None => value.to_string(),
    };
    if fold_case { text.to_lowercase() } else { text }
}

fn is_case_exact(kind: Kind, unit: &Unit, schemas: &Schemas) -> bool {
    Path::parse(unit.as_str())
        .ok()
        .and_then(|path| {
            let (_, definition) = schemas.definition(kind, &path).ok()?;
            Some(definition.sub("value").unwrap_or(definition).case_exact)
        })
        .unwrap_or(true)
}

/// RFC 7643 §2.4: `primary` is true at most once. The first one stays.
fn only_one_primary(mut value: Json) -> Json {
    if let Json::Array(items) = &mut value {
        let mut found = false;
        for item in items.iter_mut().filter_map(Json::as_object_mut) {
            if item.get("primary") == Some(&Json::Bool(true)) {
                if found {
                    item.remove("primary");
                }
                found = true;
            }
        }
    }
    value
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    fn said(pairs: &[(&str, Json)]) -> Contribution {
        let mut contribution = Contribution::default();
        for (unit, value) in pairs {
            contribution.say(Unit::from_canonical(unit), value.clone());
        }
        contribution
    }

    fn fold(voices: &[(&str, u32, &Contribution)]) -> Document {
        let priorities: Vec<Priorities> = voices.iter().map(|v| Priorities::all(v.1)).collect();
        let voices: Vec<Voice<'_>> = voices
            .iter()
            .zip(&priorities)
            .map(|((source, _, contribution), priorities)| Voice {
                source,
                priorities,
                active_is_binding: true,
                contribution,
            })
            .collect();
        merge(
            Kind::User,
            &voices,
            &MergeRules::default(),
            &Schemas::standard(),
        )
    }

    #[test]
    fn the_smaller_number_wins_silence_yields_and_empty_clears() {
        let hr = said(&[("title", json!("Nurse")), ("nickName", Json::Null)]);
        let ad = said(&[
            ("title", json!("RN")),
            ("nickName", json!("Ann")),
            ("locale", json!("de")),
        ]);
        let merged = fold(&[("ad", 20, &ad), ("hr", 10, &hr)]);
        assert_eq!(
            serde_json::to_value(&merged).unwrap(),
            json!({"locale": "de", "title": "Nurse"})
        );
    }

    #[test]
    fn no_beats_yes_whatever_the_priority() {
        let yes = said(&[("active", json!(true))]);
        let no = said(&[("active", json!(false))]);
        assert!(!fold(&[("hr", 1, &yes), ("ad", 99, &no)]).active());
        assert!(fold(&[("hr", 1, &yes), ("ad", 99, &Contribution::default())]).active());
    }

    #[test]
    fn a_union_drops_what_differs_only_by_case_where_case_does_not_matter() {
        let priorities = Priorities::all(1);
        let a = said(&[(
            "emails",
            json!([{"value": "A@x", "type": "work", "primary": true}]),
        )]);
        let b = said(&[(
            "emails",
            json!([{"value": "a@X", "type": "work"}, {"value": "b@x", "primary": true}]),
        )]);
        let voice = |source, contribution| Voice {
            source,
            priorities: &priorities,
            active_is_binding: true,
            contribution,
        };
        let rules = MergeRules {
            union: [Unit::from_canonical("emails")].into(),
        };
        let merged = merge(
            Kind::User,
            &[voice("b", &b), voice("a", &a)],
            &rules,
            &Schemas::standard(),
        );
        assert_eq!(
            serde_json::to_value(&merged).unwrap(),
            json!({"emails": [{"value": "A@x", "type": "work", "primary": true}, {"value": "b@x"}]})
        );
    }

    #[test]
    fn one_attribute_or_all_its_parts_can_have_a_priority_of_its_own() {
        let priorities = Priorities {
            default: 10,
            of: [("name".to_owned(), 90), ("department".to_owned(), 5)].into(),
        };
        assert_eq!(priorities.of(&Unit::from_canonical("name.givenName")), 90);
        assert_eq!(priorities.of(&Unit::from_canonical("title")), 10);
        assert_eq!(
            priorities.of(&Unit::from_canonical(
                "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:department"
            )),
            5
        );
    }

    proptest! {
        #[test]
        fn the_order_in_which_sources_arrive_does_not_matter(
            values in proptest::collection::vec((0u32..3, proptest::option::of("[ab]"), proptest::option::of(any::<bool>())), 1..5),
            turn in 0usize..5,
        ) {
            let names = ["a", "b", "c", "d", "e"];
            let contributions: Vec<Contribution> = values.iter().map(|(_, title, active)| {
                let mut pairs = Vec::new();
                if let Some(title) = title { pairs.push(("title", json!(title))); }
                if let Some(active) = active { pairs.push(("active", json!(active))); }
                said(&pairs)
            }).collect();
            let mut voices: Vec<(&str, u32, &Contribution)> = contributions.iter().enumerate()
                .map(|(i, c)| (names[i], values[i].0, c)).collect();
            let straight = fold(&voices);
            let turn = turn % voices.len();
            voices.rotate_left(turn);
            prop_assert_eq!(fold(&voices), straight);
        }
    }
}
