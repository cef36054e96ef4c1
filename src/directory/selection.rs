//! Which attributes an answer holds (RFC 7644 §3.4.2.5, §3.9; RFC 7643 §2.2 `returned`).
//!
//! `attributes` names what is wanted, `excludedAttributes` what is not; never both. `id` and
//! `schemas`, and whatever else is returned `always`, stays; what is returned `never` is
//! never there; what is returned on `request` only where it is named. A name that no schema
//! knows selects nothing.

use serde_json::{Map, Value as Json};

use crate::path::AttributePath;
use crate::refusal::Refusal;
use crate::schema::{AttributeDefinition, Place, ResourceType, Returned};

/// See the module.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Selection {
    /// Neither parameter.
    #[default]
    Default,
    /// `attributes`.
    Only(Vec<AttributePath>),
    /// `excludedAttributes`.
    Without(Vec<AttributePath>),
}

impl Selection {
    /// Reads the two parameters of a query: names with commas between them.
    pub fn parse(attributes: Option<&str>, excluded: Option<&str>) -> Result<Self, Refusal> {
        let split = |list: &str| list.split(',').map(str::to_owned).collect::<Vec<_>>();
        Self::of(
            &attributes.map(split).unwrap_or_default(),
            &excluded.map(split).unwrap_or_default(),
        )
    }

    /// The same from the lists of a `SearchRequest` (RFC 7644 §3.4.3).
    pub fn of(attributes: &[String], excluded: &[String]) -> Result<Self, Refusal> {
        let attributes = paths("attributes", attributes)?;
        let excluded = paths("excludedAttributes", excluded)?;
        match (attributes.is_empty(), excluded.is_empty()) {
            (true, true) => Ok(Self::Default),
            (false, true) => Ok(Self::Only(attributes)),
            (true, false) => Ok(Self::Without(excluded)),
            (false, false) => Err(Refusal::value(
                "`attributes` and `excludedAttributes` exclude each other: send one of them",
            )),
        }
    }

    /// Whether the answer holds any part of an attribute of the core schema, such as
    /// `members`: else it need not even be read.
    #[must_use]
    pub fn needs(&self, resource_type: &ResourceType, name: &str) -> bool {
        resource_type.attribute(name).is_some_and(|attribute| {
            match self.wish(resource_type, None, attribute) {
                Wish::Whole => true,
                Wish::Parts(parts) => !parts.is_empty(),
                Wish::Nothing => false,
            }
        })
    }

    /// Takes out of a resource what the answer does not hold. Its names must be in the
    /// schema's spelling; what no schema knows is taken out, too.
    pub fn apply(&self, resource_type: &ResourceType, resource: &mut Map<String, Json>) {
        resource.retain(|name, value| match resource_type.extension(name) {
            Some(extension) => {
                let urn = Some(extension.schema.id.as_str());
                let Json::Object(data) = value else {
                    return false;
                };
                data.retain(|name, value| {
                    let attribute = extension.schema.attribute(name);
                    attribute.is_some_and(|a| self.keep(resource_type, urn, a, value))
                });
                !data.is_empty()
            }
            None => resource_type
                .attribute(name)
                .is_some_and(|a| self.keep(resource_type, None, a, value)),
        });
    }

    fn keep(
        &self,
        resource_type: &ResourceType,
        extension: Option<&str>,
        attribute: &AttributeDefinition,
        value: &mut Json,
    ) -> bool {
        let wish = self.wish(resource_type, extension, attribute);
        if matches!(wish, Wish::Nothing) {
            return false;
        }
        if attribute.sub_attributes.is_empty() {
            return true;
        }
        let values = match &mut *value {
            Json::Array(values) => values.as_mut_slice(),
            one => std::slice::from_mut(one),
        };
        for parts in values.iter_mut().filter_map(Json::as_object_mut) {
            parts.retain(|name, _| match (&wish, attribute.sub(name)) {
                (_, None) => false,
                (Wish::Parts(wanted), Some(sub)) => wanted.iter().any(|w| *w == sub.name),
                (_, Some(sub)) => matches!(sub.returned, Returned::Always | Returned::Default),
            });
        }
        match value {
            Json::Array(values) => {
                values.retain(|value| !value.as_object().is_some_and(Map::is_empty));
                true
            }
            Json::Object(parts) => !parts.is_empty(),
            _ => true,
        }
    }

    fn wish<'r>(
        &self,
        resource_type: &'r ResourceType,
        extension: Option<&str>,
        attribute: &'r AttributeDefinition,
    ) -> Wish<'r> {
        if attribute.returned == Returned::Never {
            return Wish::Nothing;
        }
        let always = attribute.returned == Returned::Always;
        match self {
            Self::Default if attribute.returned == Returned::Request => Wish::Nothing,
            Self::Default => Wish::Whole,
            Self::Only(paths) => {
                let mut named = named(paths, resource_type, extension, attribute);
                if always || named.contains(&None) {
                    return Wish::Whole;
                }
                if named.is_empty() {
                    return Wish::Nothing;
                }
                let of_always = attribute.sub_attributes.iter();
                named.extend(
                    of_always
                        .filter(|sub| sub.returned == Returned::Always)
                        .map(|sub| Some(sub.name.as_str())),
                );
                let readable = |name: &&str| {
                    attribute
                        .sub(name)
                        .is_some_and(|sub| sub.returned != Returned::Never)
                };
                Wish::Parts(named.into_iter().flatten().filter(readable).collect())
            }
            Self::Without(_) if always => Wish::Whole,
            Self::Without(_) if attribute.returned == Returned::Request => Wish::Nothing,
            Self::Without(paths) => {
                let named = named(paths, resource_type, extension, attribute);
                if named.contains(&None) {
                    return Wish::Nothing;
                }
                if named.is_empty() {
                    return Wish::Whole;
                }
                let remain = attribute.sub_attributes.iter().filter(|sub| {
                    sub.returned == Returned::Always
                        || (sub.returned == Returned::Default
                            && !named.contains(&Some(sub.name.as_str())))
                });
                Wish::Parts(remain.map(|sub| sub.name.as_str()).collect())
            }
        }
    }
}

/// What of an attribute is wanted.
enum Wish<'r> {
    /// All that is returned by default.
    Whole,
    /// These sub-attributes.
    Parts(Vec<&'r str>),
    /// None of it.
    Nothing,
}

/// How the paths name an attribute: `None` as a whole, else a sub-attribute of it.
fn named<'r>(
    paths: &[AttributePath],
    resource_type: &'r ResourceType,
    extension: Option<&str>,
    attribute: &AttributeDefinition,
) -> Vec<Option<&'r str>> {
    let names = |path: &AttributePath| match resource_type.place(path).ok()? {
        Place::Resource => extension.is_none().then_some(None),
        Place::Extension(named) => (extension == Some(named.schema.id.as_str())).then_some(None),
        Place::Attribute(found) => (found.extension == extension
            && found.attribute.name == attribute.name)
            .then(|| found.sub.map(|sub| sub.name.as_str())),
    };
    paths.iter().filter_map(names).collect()
}

fn paths(parameter: &str, names: &[String]) -> Result<Vec<AttributePath>, Refusal> {
    names
        .iter()
        .map(|name| name.trim())
        .filter(|name| !name.is_empty())
        .map(|name| {
            AttributePath::parse(name)
                .map_err(|error| Refusal::value(format!("`{parameter}`: {error}")))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::schema::{ENTERPRISE_USER, Registry};
    use serde_json::json;

    fn shown(attributes: Option<&str>, excluded: Option<&str>) -> Json {
        let registry = Registry::standard();
        let mut resource = json!({
            "schemas": ["s"], "id": "1", "userName": "ada", "password": "secret",
            "name": { "givenName": "Ada", "familyName": "R" },
            "emails": [{ "value": "a@b", "type": "work" }],
            ENTERPRISE_USER: { "department": "IT", "division": "D" },
            "meta": { "resourceType": "User", "version": "1" },
        });
        let selection = Selection::parse(attributes, excluded).unwrap();
        let user = registry.resource_type("User").unwrap();
        selection.apply(user, resource.as_object_mut().unwrap());
        resource
    }

    #[test]
    fn attributes_select_in_any_case_and_id_and_schemas_stay() {
        for (attributes, expected) in [
            (
                "USERNAME",
                json!({ "schemas": ["s"], "id": "1", "userName": "ada" }),
            ),
            (
                " name.givenname , emails.value",
                json!({ "schemas": ["s"], "id": "1", "name": { "givenName": "Ada" }, "emails": [{ "value": "a@b" }] }),
            ),
            (
                "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:department",
                json!({ "schemas": ["s"], "id": "1", ENTERPRISE_USER: { "department": "IT" } }),
            ),
            (
                ENTERPRISE_USER,
                json!({ "schemas": ["s"], "id": "1", ENTERPRISE_USER: { "department": "IT", "division": "D" } }),
            ),
            (
                "urn:ietf:params:scim:schemas:core:2.0:User:userName",
                json!({ "schemas": ["s"], "id": "1", "userName": "ada" }),
            ),
            ("password", json!({ "schemas": ["s"], "id": "1" })),
            ("unknown", json!({ "schemas": ["s"], "id": "1" })),
        ] {
            assert_eq!(shown(Some(attributes), None), expected, "{attributes}");
        }
    }

    #[test]
    fn excluded_attributes_are_left_out_except_what_is_always_there() {
        let all = shown(None, None);
        assert_eq!(all.get("password"), None);
        let rest = shown(None, Some("id,schemas,NAME.familyName,emails,meta"));
        assert_eq!(
            rest,
            json!({
                "schemas": ["s"], "id": "1", "userName": "ada", "name": { "givenName": "Ada" },
                ENTERPRISE_USER: { "department": "IT", "division": "D" },
            })
        );
        assert_eq!(
            shown(None, Some(ENTERPRISE_USER)).get(ENTERPRISE_USER),
            None
        );
    }

    #[test]
    fn what_is_returned_on_request_must_be_named() {
        let mut registry = Registry::standard();
        registry
            .add(&json!({
                "schemas": [{ "id": "urn:example:scim:1.0:Car", "attributes": [
                    { "name": "plate" }, { "name": "history", "returned": "request" },
                ]}],
                "resourceTypes": [{ "name": "Car", "endpoint": "/Cars", "schema": "urn:example:scim:1.0:Car" }],
            }))
            .unwrap();
        let car = registry.resource_type("Car").unwrap();
        for (attributes, excluded, has) in [
            (None, None, false),
            (None, Some("plate"), false),
            (Some("history"), None, true),
        ] {
            let selection = Selection::parse(attributes, excluded).unwrap();
            let mut resource = json!({ "plate": "X", "history": "H" });
            selection.apply(car, resource.as_object_mut().unwrap());
            assert_eq!(resource.get("history").is_some(), has);
        }
    }

    #[test]
    fn whether_members_are_needed_is_known_without_reading_them() {
        let registry = Registry::standard();
        let group = registry.resource_type("Group").unwrap();
        let needs = |attributes: Option<&str>, excluded: Option<&str>| {
            Selection::parse(attributes, excluded)
                .unwrap()
                .needs(group, "members")
        };
        assert!(needs(None, None));
        assert!(needs(Some("displayName,members.value"), None));
        assert!(needs(None, Some("members.display")));
        assert!(!needs(None, Some("MEMBERS")));
        assert!(!needs(
            None,
            Some("urn:ietf:params:scim:schemas:core:2.0:Group:members")
        ));
        assert!(!needs(Some("displayName"), None));
    }

    #[test]
    fn both_parameters_or_no_names_are_refused() {
        assert!(Selection::parse(Some("a"), Some("b")).is_err());
        assert!(Selection::parse(Some("a b"), None).is_err());
        assert_eq!(
            Selection::parse(Some(""), Some(" ")),
            Ok(Selection::Default)
        );
    }
}
