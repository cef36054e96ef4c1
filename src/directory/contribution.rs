//! What one source says about one resource: a value for each unit of precedence.
//!
//! A unit that is absent is silence: other sources may speak. A unit that is `null` says
//! "there is none", and wins or loses like any value. Members of groups are not here:
//! they are rows of their own.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::ser::SerializeMap as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::Value as Json;

use crate::document::Document;
use crate::name::{Name, Reference};
use crate::schema::Unit;

/// See the module. As JSON an object from unit to value; the units of an extension stand in
/// an object of their own under its URN, which is long and would else be repeated for each.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Contribution {
    /// Shared, since a run hands the same contribution on several times.
    said: Arc<BTreeMap<Unit, Json>>,
}

/// What a mapping makes of one entry, before earlier choices settle it.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Mapped {
    /// Values by unit.
    pub said: BTreeMap<Unit, MappedValue>,
    /// Whom the entry mentions: members and managers. Without duplicates.
    pub references: Vec<Reference>,
    /// Units whose references this entry states completely, even when it mentions nobody
    /// (an absent `members` line says nothing, an empty one says "no members").
    pub reference_units: Vec<Unit>,
    /// The names under which others may refer to this entry, beyond its key: its DN if
    /// the mapping refers by DN, the attributes that it refers by.
    pub names: Vec<Name>,
}

/// A value as a mapping gives it.
#[derive(Debug, Clone, PartialEq)]
pub enum MappedValue {
    /// The source says that there is none.
    Empty,
    /// The unit takes one value and the source lists these: ascending, never empty.
    Choice(Vec<Json>),
    /// The unit takes a list: in canonical order, without duplicates, never empty.
    List(Vec<Json>),
}

impl Contribution {
    /// Settles what a mapping gave: where a list feeds a single value, the value chosen
    /// before stays while it is still listed, else the smallest is taken. So the order in
    /// which a server lists values, or a value that comes and goes beside the chosen one,
    /// never causes a change.
    #[must_use]
    pub fn settle(mapped: &Mapped, previous: Option<&Contribution>) -> Self {
        let said = mapped
            .said
            .iter()
            .map(|(unit, value)| {
                let settled = match value {
                    MappedValue::Empty => Json::Null,
                    MappedValue::List(values) => Json::Array(values.clone()),
                    MappedValue::Choice(values) => previous
                        .and_then(|p| p.said.get(unit))
                        .filter(|chosen| values.contains(chosen))
                        .or_else(|| values.first())
                        .cloned()
                        .unwrap_or(Json::Null),
                };
                (unit.clone(), settled)
            })
            .collect();
        Self {
            said: Arc::new(said),
        }
    }

    /// The same for an entry without a contribution before, which hands its values over.
    /// What remains in `mapped` are lists of which one value was chosen.
    #[must_use]
    pub fn settle_first(mapped: &mut Mapped) -> Self {
        let mut remain = BTreeMap::new();
        let said = std::mem::take(&mut mapped.said)
            .into_iter()
            .map(|(unit, value)| {
                let settled = match value {
                    MappedValue::Empty => Json::Null,
                    MappedValue::List(values) => Json::Array(values),
                    MappedValue::Choice(mut values) if values.len() < 2 => {
                        values.pop().unwrap_or(Json::Null)
                    }
                    MappedValue::Choice(values) => {
                        let first = values.first().cloned().unwrap_or(Json::Null);
                        remain.insert(unit.clone(), MappedValue::Choice(values));
                        first
                    }
                };
                (unit, settled)
            })
            .collect();
        mapped.said = remain;
        Self {
            said: Arc::new(said),
        }
    }

    /// What it says about a unit: `None` is silence, `Some(Null)` is "there is none".
    #[must_use]
    pub fn says(&self, unit: &Unit) -> Option<&Json> {
        self.said.get(unit)
    }

    /// Says `value` (perhaps `Null`) about a unit from now on.
    pub fn say(&mut self, unit: Unit, value: Json) {
        Arc::make_mut(&mut self.said).insert(unit, value);
    }

    /// Says nothing more about a unit.
    pub fn fall_silent(&mut self, unit: &Unit) {
        if self.said.contains_key(unit) {
            Arc::make_mut(&mut self.said).remove(unit);
        }
    }

    /// Everything said, ordered by unit.
    pub fn iter(&self) -> impl Iterator<Item = (&Unit, &Json)> {
        self.said.iter()
    }

    /// Of how many units it says something.
    #[must_use]
    pub fn len(&self) -> usize {
        self.said.len()
    }

    /// What a source says that says just what a document holds.
    #[must_use]
    pub fn of_document(document: &Document) -> Self {
        let units = document.units().into_iter();
        Self {
            said: Arc::new(units.map(|(unit, value)| (unit, value.clone())).collect()),
        }
    }

    /// Of which units it says that there is none, if all else that it says is all that
    /// `document` holds: together with [`Contribution::of_document`] the contribution.
    #[must_use]
    pub fn beside(&self, document: &Document) -> Option<Self> {
        let mut none = Self::default();
        let mut held = 0;
        for (unit, value) in self.said.iter() {
            if value.is_null() {
                none.say(unit.clone(), Json::Null);
            } else if stands_alone(unit, value) && document.get(unit) == Some(value) {
                held += 1;
            } else {
                return None;
            }
        }
        (held == document.unit_count()).then_some(none)
    }

    /// Whether nothing is said at all.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.said.is_empty()
    }
}

/// Whether a document that holds the value at the unit tells the unit.
fn stands_alone(unit: &Unit, value: &Json) -> bool {
    let (urn, path) = match unit.as_str().rsplit_once(':') {
        Some((urn, path)) => (Some(urn), path),
        None => (None, unit.as_str()),
    };
    !value.is_object()
        && urn.is_none_or(|urn| urn.contains(':'))
        && path.bytes().filter(|byte| *byte == b'.').count() < 2
}

impl Serialize for Contribution {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut object = serializer.serialize_map(None)?;
        let mut rest = self.said.iter().peekable();
        while let Some((unit, value)) = rest.next() {
            let Some((urn, name)) = unit.as_str().rsplit_once(':') else {
                object.serialize_entry(unit, value)?;
                continue;
            };
            let mut extension: Vec<(&str, &Json)> = vec![(name, value)];
            while let Some((next, value)) = rest.peek()
                && let Some((next_urn, name)) = next.as_str().rsplit_once(':')
                && next_urn == urn
            {
                extension.push((name, value));
                rest.next();
            }
            object.serialize_entry(urn, &Extension(extension))?;
        }
        object.end()
    }
}

/// The units of one extension.
struct Extension<'a>(Vec<(&'a str, &'a Json)>);

impl Serialize for Extension<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().copied())
    }
}

impl<'de> Deserialize<'de> for Contribution {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let object = serde_json::Map::deserialize(deserializer)?;
        let mut said = BTreeMap::new();
        for (name, value) in object {
            match value {
                // A unit's value is never an object: this is an extension.
                Json::Object(extension) if name.contains(':') => {
                    let units = extension.into_iter().map(|(inner, value)| {
                        (Unit::from_canonical(&format!("{name}:{inner}")), value)
                    });
                    said.extend(units);
                }
                value => {
                    said.insert(Unit::from_canonical(&name), value);
                }
            }
        }
        Ok(Self {
            said: Arc::new(said),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn mapped(values: &[&str]) -> Mapped {
        let mut mapped = Mapped::default();
        mapped.said.insert(
            Unit::from_canonical("userName"),
            MappedValue::Choice(values.iter().map(|v| json!(v)).collect()),
        );
        mapped
    }

    #[test]
    fn the_chosen_value_stays_while_it_is_listed() {
        let unit = Unit::from_canonical("userName");
        let first = Contribution::settle(&mapped(&["b", "c"]), None);
        assert_eq!(first.says(&unit), Some(&json!("b")));
        let second = Contribution::settle(&mapped(&["a", "b"]), Some(&first));
        assert_eq!(second.says(&unit), Some(&json!("b")));
        let third = Contribution::settle(&mapped(&["a"]), Some(&second));
        assert_eq!(third.says(&unit), Some(&json!("a")));
    }

    #[test]
    fn the_first_contribution_is_settled_as_any_other() {
        let mut first = mapped(&["b", "c"]);
        let one = Unit::from_canonical("title");
        first
            .said
            .insert(one, MappedValue::Choice(vec![json!("t")]));
        first.said.insert(
            Unit::from_canonical("emails"),
            MappedValue::List(vec![json!({"value": "a@x"})]),
        );
        let settled = Contribution::settle(&first, None);
        assert_eq!(Contribution::settle_first(&mut first), settled);
        assert_eq!(first.said.len(), 1, "the list that one was chosen from");
    }

    #[test]
    fn the_urn_of_an_extension_stands_once_in_the_json() {
        let urn = crate::schema::ENTERPRISE_USER;
        let mut said = Contribution::default();
        said.say(Unit::from_canonical("title"), json!("Countess"));
        said.say(
            Unit::from_canonical(&format!("{urn}:department")),
            Json::Null,
        );
        said.say(
            Unit::from_canonical(&format!("{urn}:manager.value")),
            json!("1"),
        );
        said.say(Unit::from_canonical("urn:x:y:z"), json!(["a"]));
        let stored = serde_json::to_value(&said).unwrap();
        assert_eq!(
            stored,
            json!({
                "title": "Countess",
                urn: {"department": null, "manager.value": "1"},
                "urn:x:y": {"z": ["a"]},
            })
        );
        assert_eq!(
            serde_json::from_value::<Contribution>(stored).unwrap(),
            said
        );
    }

    #[test]
    fn a_document_and_what_is_said_beside_it_make_the_contribution() {
        let urn = crate::schema::ENTERPRISE_USER;
        let mut said = Contribution::default();
        said.say(Unit::from_canonical("title"), json!("Countess"));
        said.say(Unit::from_canonical("name.givenName"), json!("Ada"));
        said.say(Unit::from_canonical("emails"), json!([{"value": "a@x"}]));
        said.say(
            Unit::from_canonical(&format!("{urn}:manager.value")),
            json!("1"),
        );
        let mut document = Document::default();
        for (unit, value) in said.iter() {
            document.set(unit, Some(value.clone()));
        }
        assert_eq!(Contribution::of_document(&document), said);
        let none = Unit::from_canonical("nickName");
        said.say(none.clone(), Json::Null);
        let beside = said.beside(&document).unwrap();
        assert_eq!(beside.iter().collect::<Vec<_>>(), [(&none, &Json::Null)]);
    }

    #[test]
    fn what_a_document_does_not_tell_is_not_beside_it() {
        let document = |pairs: &[(&str, Json)]| {
            let mut document = Document::default();
            for (unit, value) in pairs {
                document.set(&Unit::from_canonical(unit), Some(value.clone()));
            }
            document
        };
        let says = |unit: &str, value: Json| {
            let mut said = Contribution::default();
            said.say(Unit::from_canonical(unit), value);
            said
        };
        let title = document(&[("title", json!("Nurse"))]);
        assert!(says("title", json!("RN")).beside(&title).is_none());
        assert!(Contribution::default().beside(&title).is_none());
        let more = document(&[("title", json!("Nurse")), ("locale", json!("de"))]);
        assert!(says("title", json!("Nurse")).beside(&more).is_none());
        for (unit, value) in [
            ("custom:dept", json!("X")),
            ("a.b.c", json!("X")),
            ("a", json!({"b": 1})),
        ] {
            let document = document(&[(unit, value.clone())]);
            assert!(says(unit, value).beside(&document).is_none(), "{unit}");
        }
    }

    #[test]
    fn empty_is_a_statement_and_survives_json() {
        let mut mapped = Mapped::default();
        let unit = Unit::from_canonical("title");
        mapped.said.insert(unit.clone(), MappedValue::Empty);
        let said = Contribution::settle(&mapped, None);
        let text = serde_json::to_string(&said).unwrap();
        assert_eq!(text, r#"{"title":null}"#);
        assert_eq!(serde_json::from_str::<Contribution>(&text).unwrap(), said);
    }
}
