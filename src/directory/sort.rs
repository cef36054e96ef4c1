//! The order of a list (RFC 7644 §3.4.2.3).
//!
//! A list attribute sorts by its primary value, else by its first. A complex one sorts by
//! its `value`; without one, a sub-attribute must be named. Resources without a value come
//! last ascending, and so first descending.

use std::cmp::Ordering;

use serde_json::Value as Json;
use time::OffsetDateTime;

use crate::filter::{fold, is_present, number_order};
use crate::instant::instant;
use crate::path::AttributePath;
use crate::refusal::Refusal;
use crate::schema::{AttributeType, Place, ResourceType, Returned};
use crate::value::is_primary;
use crate::view::View;

/// An order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sort {
    /// The extension that the attribute belongs to.
    pub extension: Option<String>,
    /// The attribute, in the schema's spelling.
    pub name: String,
    /// Its sub-attribute.
    pub sub: Option<String>,
    /// The type of what is compared.
    pub kind: AttributeType,
    /// Whether case matters.
    pub case_exact: bool,
    /// Whether the order is turned round.
    pub descending: bool,
}

/// What a resource is sorted by. Keys of one [`Sort`] are in its ascending order.
#[derive(Debug, Clone, PartialEq)]
pub enum SortKey {
    /// Text, folded where case does not matter.
    Text(String),
    /// `false` before `true`.
    Boolean(bool),
    /// A number.
    Number(serde_json::Number),
    /// An instant.
    Instant(OffsetDateTime),
    /// No value: after everything else.
    Absent,
}

impl Sort {
    /// Reads `sortBy` and `sortOrder`.
    pub fn parse(
        sort_by: &str,
        sort_order: Option<&str>,
        resource_type: &ResourceType,
    ) -> Result<Self, Refusal> {
        let refuse = |what: String| Refusal::value(format!("sortBy: {what}"));
        let path = AttributePath::parse(sort_by.trim()).map_err(|e| refuse(e.to_string()))?;
        let place = resource_type.place(&path);
        let Place::Attribute(mut found) = place.map_err(|e| refuse(e.to_string()))? else {
            return Err(refuse(format!("`{path}` is a schema, not an attribute")));
        };
        if found.last().kind == AttributeType::Complex {
            found.sub = Some(found.attribute.sub("value").ok_or_else(|| {
                refuse(format!("`{path}` has parts: name one, such as {path}.…"))
            })?);
        }
        if found.last().returned == Returned::Never {
            return Err(refuse(format!("`{path}` is never returned")));
        }
        let descending = match sort_order.map(str::trim) {
            None => false,
            Some(word) if word.is_empty() || word.eq_ignore_ascii_case("ascending") => false,
            Some(word) if word.eq_ignore_ascii_case("descending") => true,
            Some(_) => {
                return Err(Refusal::value("sortOrder must be ascending or descending"));
            }
        };
        Ok(Self {
            extension: found.extension.map(str::to_owned),
            name: found.attribute.name.clone(),
            sub: found.sub.map(|sub| sub.name.clone()),
            kind: found.last().kind,
            case_exact: found.last().case_exact,
            descending,
        })
    }

    /// What a resource is sorted by.
    #[must_use]
    pub fn key(&self, resource: &View<'_>) -> SortKey {
        self.value(resource)
            .filter(|value| is_present(value))
            .map_or(SortKey::Absent, |value| self.key_of(value))
    }

    /// The order of two resources. Equal ones need a second order, by id, to be stable.
    #[must_use]
    pub fn compare(&self, left: &View<'_>, right: &View<'_>) -> Ordering {
        let order = self.key(left).cmp(&self.key(right));
        if self.descending {
            order.reverse()
        } else {
            order
        }
    }

    fn value<'a>(&self, resource: &View<'a>) -> Option<&'a Json> {
        let value = resource.attribute(self.extension.as_deref(), &self.name)?;
        let one = match value {
            Json::Array(values) => values.iter().find(|v| is_primary(v)).or(values.first())?,
            one => one,
        };
        match &self.sub {
            Some(sub) => one.get(sub),
            None => Some(one),
        }
    }

    fn key_of(&self, value: &Json) -> SortKey {
        match value {
            Json::String(text) if self.kind == AttributeType::DateTime => {
                instant(text).map_or(SortKey::Absent, SortKey::Instant)
            }
            Json::String(text) if self.case_exact => SortKey::Text(text.clone()),
            Json::String(text) => SortKey::Text(fold(text).into_owned()),
            Json::Bool(flag) => SortKey::Boolean(*flag),
            Json::Number(number) => SortKey::Number(number.clone()),
            Json::Null | Json::Array(_) | Json::Object(_) => SortKey::Absent,
        }
    }
}

impl Eq for SortKey {}

impl PartialOrd for SortKey {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for SortKey {
    fn cmp(&self, other: &Self) -> Ordering {
        match (self, other) {
            (Self::Text(left), Self::Text(right)) => left.cmp(right),
            (Self::Boolean(left), Self::Boolean(right)) => left.cmp(right),
            (Self::Number(left), Self::Number(right)) => {
                number_order(left, right).unwrap_or(Ordering::Equal)
            }
            (Self::Instant(left), Self::Instant(right)) => left.cmp(right),
            (left, right) => left.rank().cmp(&right.rank()),
        }
    }
}

impl SortKey {
    /// Values of different types do not meet in one order, unless a schema changed.
    fn rank(&self) -> u8 {
        match self {
            Self::Boolean(_) => 0,
            Self::Number(_) => 1,
            Self::Instant(_) => 2,
            Self::Text(_) => 3,
            Self::Absent => 4,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::schema::Registry;
    use serde_json::json;

    fn sorted(by: &str, order: Option<&str>, resources: &[Json]) -> Vec<usize> {
        let registry = Registry::standard();
        let sort = Sort::parse(by, order, registry.resource_type("User").unwrap()).unwrap();
        let view = |index: &usize| View::whole(resources[*index].as_object().unwrap());
        let mut indices: Vec<usize> = (0..resources.len()).collect();
        indices.sort_by(|left, right| sort.compare(&view(left), &view(right)));
        indices
    }

    #[test]
    fn text_sorts_without_case_and_what_is_missing_comes_last_or_first() {
        let people = [
            json!({ "name": { "familyName": "b" } }),
            json!({}),
            json!({ "name": { "familyName": "C" } }),
            json!({ "name": { "familyName": "A" } }),
        ];
        assert_eq!(sorted("name.familyname", None, &people), [3, 0, 2, 1]);
        assert_eq!(
            sorted("name.familyName", Some("Descending"), &people),
            [1, 2, 0, 3]
        );
        let exact = [json!({ "externalId": "b" }), json!({ "externalId": "C" })];
        assert_eq!(sorted("externalId", Some("ascending"), &exact), [1, 0]);
    }

    #[test]
    fn a_list_sorts_by_its_primary_value_else_by_its_first() {
        let people = [
            json!({ "emails": [{ "value": "a@x" }, { "value": "z@x", "primary": true }] }),
            json!({ "emails": [{ "value": "m@x" }, { "value": "b@x" }] }),
            json!({ "emails": [] }),
        ];
        assert_eq!(sorted("emails", None, &people), [1, 0, 2]);
        assert_eq!(sorted("emails.value", None, &people), [1, 0, 2]);
    }

    #[test]
    fn instants_numbers_and_booleans_sort_as_such() {
        let people = [
            json!({ "meta": { "created": "2026-01-01T12:00:00+02:00" }, "active": true }),
            json!({ "meta": { "created": "2026-01-01T11:00:00Z" }, "active": false }),
        ];
        assert_eq!(sorted("meta.created", None, &people), [0, 1]);
        assert_eq!(sorted("active", None, &people), [1, 0]);
    }

    #[test]
    fn what_cannot_be_sorted_by_is_refused() {
        let registry = Registry::standard();
        let user = registry.resource_type("User").unwrap();
        for (by, order) in [
            ("name", None),
            ("shoeSize", None),
            ("password", None),
            ("", None),
            ("urn:ietf:params:scim:schemas:core:2.0:User", None),
            ("userName", Some("sideways")),
        ] {
            assert!(Sort::parse(by, order, user).is_err(), "{by}");
        }
    }
}
