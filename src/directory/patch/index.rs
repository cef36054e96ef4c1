//! Finds the same value among many without looking at each: values are told apart by a hash
//! of what makes them the same, and only those of one hash are compared.
//!
//! The hash may be coarse, never finer than the comparison: what is the same to
//! [`is_same`] or [`is_meant`] has the same hash.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};

use serde_json::{Map, Value as Json};

use super::list::{is_meant, is_same};
use crate::filter::fold;
use crate::schema::AttributeDefinition;

/// By what values are the same (see [`is_same`]): each place of the list stands under up to
/// three hashes.
#[derive(Debug)]
pub(super) struct Index<'d> {
    definition: &'d AttributeDefinition,
    places: HashMap<Key, Vec<usize>>,
}

/// What a new value is looked for by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Key {
    /// The sub-attribute `value`.
    Value(u64),
    /// `value` and `type`.
    ValueAndType(u64),
    /// All of it.
    Whole(u64),
}

impl<'d> Index<'d> {
    pub(super) fn of(list: &[Json], definition: &'d AttributeDefinition) -> Self {
        let mut index = Self {
            definition,
            places: HashMap::with_capacity(list.len() * 2),
        };
        for at in 0..list.len() {
            index.note(list, at);
        }
        index
    }

    /// The value at `at` is new or has changed. What it was before stays noted: places are
    /// compared before they are believed.
    pub(super) fn note(&mut self, list: &[Json], at: usize) {
        let Some(value) = list.get(at) else {
            return;
        };
        for key in self.keys(value).into_iter().flatten() {
            let places = self.places.entry(key).or_default();
            if let Err(rank) = places.binary_search(&at) {
                places.insert(rank, at);
            }
        }
    }

    /// The first value of the list that is the same.
    pub(super) fn first_same(&self, list: &[Json], new: &Json) -> Option<usize> {
        let [value, value_and_type, whole] = self.keys(new);
        let has_type = new.get("type").is_some();
        let key = match (value, value_and_type) {
            (Some(_), Some(both)) if has_type => both,
            (Some(value), _) => value,
            _ => whole?,
        };
        let places = self.places.get(&key)?;
        let same = |at: &&usize| {
            list.get(**at)
                .is_some_and(|old| is_same(old, new, self.definition))
        };
        places.iter().find(same).copied()
    }

    fn keys(&self, value: &Json) -> [Option<Key>; 3] {
        let Json::Object(parts) = value else {
            let whole = hash_of(|to| hash(value, self.definition.case_exact, to));
            return [None, None, Some(Key::Whole(whole))];
        };
        let part = |name: &str, to: &mut DefaultHasher| match parts.get(name) {
            Some(part) => hash(part, is_exact(self.definition, name), to),
            None => 0_u8.hash(to),
        };
        let whole = Key::Whole(unordered(parts, |name, part| {
            hash_of(|to| {
                name.hash(to);
                hash(part, is_exact(self.definition, name), to);
            })
        }));
        if !parts.contains_key("value") {
            return [None, None, Some(whole)];
        }
        let value = hash_of(|to| part("value", to));
        let both = hash_of(|to| {
            part("value", to);
            part("type", to);
        });
        [
            Some(Key::Value(value)),
            Some(Key::ValueAndType(both)),
            Some(whole),
        ]
    }
}

/// Values to be removed, by the sub-attributes that they name (see [`is_meant`]).
#[derive(Debug)]
pub(super) struct NamedValues<'n> {
    definition: &'n AttributeDefinition,
    /// For each set of names, the values by the hash of these parts.
    by_names: HashMap<Vec<&'n str>, HashMap<u64, Vec<&'n Json>>>,
    simple: HashMap<u64, Vec<&'n Json>>,
}

impl<'n> NamedValues<'n> {
    pub(super) fn of(named: &'n [Json], definition: &'n AttributeDefinition) -> Self {
        let mut all = Self {
            definition,
            by_names: HashMap::new(),
            simple: HashMap::new(),
        };
        for value in named {
            let bucket = if let Json::Object(parts) = value {
                let mut parts_named: Vec<&str> = parts.keys().map(String::as_str).collect();
                parts_named.sort_unstable();
                let hash = all.hash_of_parts(parts, &parts_named);
                let of_names = all.by_names.entry(parts_named).or_default();
                hash.map(|hash| of_names.entry(hash).or_default())
            } else {
                let hash = hash_of(|to| hash(value, definition.case_exact, to));
                Some(all.simple.entry(hash).or_default())
            };
            // The same again says nothing new, and would make the bucket long.
            if let Some(bucket) = bucket
                && !bucket.last().is_some_and(|last| *last == value)
            {
                bucket.push(value);
            }
        }
        all
    }

    /// Whether one of them means this value.
    pub(super) fn mean(&self, old: &Json) -> bool {
        let is_one = |bucket: &Vec<&Json>| {
            bucket
                .iter()
                .any(|named| is_meant(old, named, self.definition))
        };
        let Json::Object(parts) = old else {
            let hash = hash_of(|to| hash(old, self.definition.case_exact, to));
            return self.simple.get(&hash).is_some_and(is_one);
        };
        self.by_names.iter().any(|(names, by_hash)| {
            let hash = self.hash_of_parts(parts, names);
            hash.and_then(|hash| by_hash.get(&hash)).is_some_and(is_one)
        })
    }

    /// `None`: one of the names is not there.
    fn hash_of_parts(&self, parts: &Map<String, Json>, names: &[&str]) -> Option<u64> {
        let mut to = DefaultHasher::new();
        for name in names {
            hash(parts.get(*name)?, is_exact(self.definition, name), &mut to);
        }
        Some(to.finish())
    }
}

fn is_exact(definition: &AttributeDefinition, name: &str) -> bool {
    definition.sub(name).is_none_or(|sub| sub.case_exact)
}

fn hash_of(write: impl FnOnce(&mut DefaultHasher)) -> u64 {
    let mut to = DefaultHasher::new();
    write(&mut to);
    to.finish()
}

/// The members of an object, in whatever order they stand.
fn unordered(parts: &Map<String, Json>, hash: impl Fn(&str, &Json) -> u64) -> u64 {
    parts.iter().fold(0, |sum: u64, (name, part)| {
        sum.wrapping_add(hash(name, part))
    })
}

/// Equal values have equal hashes; `exact`: whether the case of a text counts.
fn hash(value: &Json, exact: bool, to: &mut DefaultHasher) {
    match value {
        Json::Null => 1_u8.hash(to),
        Json::Bool(value) => value.hash(to),
        // Two zeros are equal, and fractions are rare: those of one whole part may meet.
        #[expect(clippy::cast_possible_truncation, reason = "a hash may be coarse")]
        Json::Number(number) => number.as_f64().map(|number| number as i64).hash(to),
        Json::String(text) if exact => text.hash(to),
        Json::String(text) => fold(text).hash(to),
        Json::Array(items) => {
            items.len().hash(to);
            for item in items {
                hash(item, true, to);
            }
        }
        Json::Object(parts) => {
            let all = unordered(parts, |name, part| {
                hash_of(|to| {
                    name.hash(to);
                    hash(part, true, to);
                })
            });
            all.hash(to);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::list::{append, merge, only_primary, remove};
    use super::*;
    use crate::schema::{Registry, USER};
    use crate::value::is_primary;
    use proptest::prelude::*;
    use serde_json::json;

    /// What [`append`] does, one comparison after the other.
    fn append_slowly(list: &mut Vec<Json>, new: Vec<Json>, definition: &AttributeDefinition) {
        for value in new {
            let primary = is_primary(&value);
            let known = list.iter().position(|old| is_same(old, &value, definition));
            let at = known.unwrap_or(list.len());
            match (list.get_mut(at), value) {
                (None, value) => list.push(value),
                (Some(Json::Object(old)), Json::Object(parts)) => merge(old, parts, definition),
                (Some(_), _) => {}
            }
            if primary {
                only_primary(list, at);
            }
        }
    }

    fn any_value() -> impl Strategy<Value = Json> {
        let text =
            || proptest::sample::select(vec!["a", "A", "b", "work", "Work", "K", "\u{212a}"]);
        let part = || {
            prop_oneof![
                text().prop_map(Json::from),
                any::<bool>().prop_map(Json::from),
                proptest::sample::select(vec![json!(1), json!(1.0), json!(0.0), json!(-0.0)]),
                Just(json!({ "x": 1, "y": "A" })),
                Just(json!({ "y": "A", "x": 1 })),
                Just(json!(["A"])),
            ]
        };
        let name =
            || proptest::sample::select(vec!["value", "type", "display", "primary", "unknown"]);
        prop_oneof![
            4 => proptest::collection::vec((name(), part()), 0..4).prop_map(|parts| {
                let parts = parts.into_iter().map(|(name, part)| (name.to_owned(), part));
                Json::Object(parts.collect())
            }),
            1 => part(),
        ]
    }

    fn values() -> impl Strategy<Value = Vec<Json>> {
        proptest::collection::vec(any_value(), 0..7)
    }

    fn definitions() -> Vec<AttributeDefinition> {
        let registry = Registry::standard();
        let user = registry.schema(USER).unwrap();
        let names = ["emails", "x509Certificates", "photos", "displayName"];
        names
            .iter()
            .map(|name| user.attribute(name).unwrap().clone())
            .collect()
    }

    proptest! {
        #[test]
        fn values_are_appended_as_if_each_was_compared(old in values(), new in values()) {
            for definition in definitions() {
                let (mut fast, mut slow) = (old.clone(), old.clone());
                append(&mut fast, new.clone(), &definition).unwrap();
                append_slowly(&mut slow, new.clone(), &definition);
                prop_assert_eq!(fast, slow);
            }
        }

        #[test]
        fn values_are_removed_as_if_each_was_compared(old in values(), named in values()) {
            for definition in definitions() {
                let (mut fast, mut slow) = (old.clone(), old.clone());
                remove(&mut fast, &named, &definition);
                slow.retain(|old| !named.iter().any(|named| is_meant(old, named, &definition)));
                prop_assert_eq!(fast, slow);
            }
        }
    }
}
