//! A canonical resource's attributes as one JSON object (RFC 7643), without `id`, `meta`,
//! `schemas`, `members` and `groups`, which come from columns and rows.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value as Json};

use crate::schema::Unit;

/// See the module. Member names are in the schema's spelling.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Document(Map<String, Json>);

impl Document {
    /// An empty document with room for some attributes.
    #[must_use]
    pub fn with_capacity(attributes: usize) -> Self {
        Self(Map::with_capacity(attributes))
    }

    /// The value of a unit.
    #[must_use]
    pub fn get(&self, unit: &Unit) -> Option<&Json> {
        let mut members = unit.members();
        let mut here = self.0.get(members.next()?)?;
        for member in members {
            here = here.as_object()?.get(member)?;
        }
        Some(here)
    }

    /// The text of a unit that is a single text.
    #[must_use]
    pub fn text(&self, unit: &str) -> Option<&str> {
        self.get(&Unit::from_canonical(unit))?.as_str()
    }

    /// Whether the resource is active: so long as nothing says otherwise.
    #[must_use]
    pub fn active(&self) -> bool {
        self.0.get("active") != Some(&Json::Bool(false))
    }

    /// Puts a value at a unit; `None` removes it, and objects that become empty with it.
    pub fn set(&mut self, unit: &Unit, value: Option<Json>) {
        if let Some(value) = value {
            put(&mut self.0, unit.members(), value);
        } else {
            let members: Vec<&str> = unit.members().collect();
            take(&mut self.0, &members);
        }
    }

    /// Every unit with its value, in the object's order.
    #[must_use]
    pub fn units(&self) -> Vec<(Unit, &Json)> {
        let mut units = Vec::new();
        for (name, value) in &self.0 {
            match value {
                Json::Object(extension) if name.contains(':') => {
                    for (inner, value) in extension {
                        push_units(&mut units, &format!("{name}:{inner}"), value);
                    }
                }
                value => push_units(&mut units, name, value),
            }
        }
        units
    }

    /// How many units have a value, without naming them.
    #[must_use]
    pub fn unit_count(&self) -> usize {
        let parts = |value: &Json| value.as_object().map_or(1, Map::len);
        self.0
            .iter()
            .map(|(name, value)| match value {
                Json::Object(extension) if name.contains(':') => {
                    extension.values().map(parts).sum()
                }
                value => parts(value),
            })
            .sum()
    }

    /// The JSON object.
    #[must_use]
    pub fn as_object(&self) -> &Map<String, Json> {
        &self.0
    }

    pub(crate) fn as_object_mut(&mut self) -> &mut Map<String, Json> {
        &mut self.0
    }

    /// E-mail addresses, in the document's order.
    pub fn emails(&self) -> impl Iterator<Item = &str> {
        self.0
            .get("emails")
            .and_then(Json::as_array)
            .into_iter()
            .flatten()
            .filter_map(|email| email.get("value")?.as_str())
    }
}

impl From<Map<String, Json>> for Document {
    /// The members' names must be in the schema's spelling.
    fn from(object: Map<String, Json>) -> Self {
        Self(object)
    }
}

fn push_units<'a>(units: &mut Vec<(Unit, &'a Json)>, name: &str, value: &'a Json) {
    match value {
        Json::Object(parts) => {
            for (part, value) in parts {
                units.push((Unit::from_canonical(&format!("{name}.{part}")), value));
            }
        }
        value => units.push((Unit::from_canonical(name), value)),
    }
}

fn put<'u>(
    object: &mut Map<String, Json>,
    mut members: impl Iterator<Item = &'u str>,
    value: Json,
) {
    let Some(mut member) = members.next() else {
        return;
    };
    let mut here = object;
    for next in members {
        let inner = here
            .entry(member)
            .or_insert_with(|| Json::Object(Map::new()));
        let Json::Object(inner) = inner else { return };
        here = inner;
        member = next;
    }
    here.insert(member.to_owned(), value);
}

fn take(object: &mut Map<String, Json>, members: &[&str]) {
    match members {
        [] => {}
        [last] => {
            object.remove(*last);
        }
        [first, rest @ ..] => {
            if let Some(Json::Object(inner)) = object.get_mut(*first) {
                take(inner, rest);
                if inner.is_empty() {
                    object.remove(*first);
                }
            }
        }
    }
}
