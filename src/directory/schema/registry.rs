//! The registered schemas and resource types: what the service can hold, and tells at
//! `/Schemas` and `/ResourceTypes` (RFC 7644 §4).
//!
//! A registry is a value: whoever adds to it clones it, adds, and puts the new one in the
//! old one's place, so that a request sees one state from beginning to end.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::{Map, Value as Json};

use super::json::{flag, text};
use super::{
    ENTERPRISE_USER, Extension, GROUP, IDENTITY_USER, ResourceType, Schema, SchemaError, Schemas,
    USER, core, identity,
};
use crate::entry::Kind;
use crate::path::is_attribute_name;

/// URNs of the built-in schemas, which cannot be changed.
const BUILT_IN: [&str; 4] = [USER, GROUP, ENTERPRISE_USER, IDENTITY_USER];
/// Endpoints that are no resource type's (RFC 7644 §3.2).
const RESERVED_ENDPOINTS: [&str; 6] = [
    "Me",
    "Schemas",
    "ResourceTypes",
    "ServiceProviderConfig",
    "Bulk",
    ".search",
];

/// See the module.
#[derive(Debug, Clone)]
pub struct Registry {
    schemas: Vec<Arc<Schema>>,
    resource_types: Vec<Arc<ResourceType>>,
}

/// Why something cannot be registered.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RegistryError {
    /// The schema itself is wrong.
    #[error(transparent)]
    Schema(#[from] SchemaError),
    /// A built-in schema would change.
    #[error("schema {0} is built in and cannot be changed; put the attributes into an extension")]
    BuiltIn(String),
    /// The schema is not registered.
    #[error("resource type {resource_type}: there is no schema `{urn}`; register it first")]
    NoSchema {
        /// The resource type.
        resource_type: String,
        /// The URN that it names.
        urn: String,
    },
    /// A name that is none.
    #[error("resource type {0}: the name must be of letters and digits, and begin with a letter")]
    Name(String),
    /// A name that cannot be part of a URL.
    #[error("resource type {0}: the endpoint must be `/` and a name of letters and digits")]
    Endpoint(String),
    /// The endpoint or core schema belongs to another type.
    #[error("resource type {name}: {what} belongs to {other}")]
    Taken {
        /// The resource type.
        name: String,
        /// The endpoint or schema.
        what: String,
        /// Whose it is.
        other: String,
    },
    /// A built-in type would get another endpoint or core schema.
    #[error("resource type {0} is built in: only schemaExtensions can be added to it")]
    BuiltInType(String),
    /// Neither schemas nor resource types.
    #[error("there is nothing to register: expected an object with `schemas` or `resourceTypes`")]
    Nothing,
}

impl Registry {
    /// The built-in schemas with the types `User` and `Group`.
    #[must_use]
    pub fn standard() -> Self {
        let user = Arc::new(core::user());
        let group = Arc::new(core::group());
        let extensions: Vec<Extension> = [core::enterprise_user(), identity::identity_user()]
            .into_iter()
            .map(|schema| Extension {
                schema: Arc::new(schema),
                required: false,
            })
            .collect();
        let mut schemas = vec![Arc::clone(&user), Arc::clone(&group)];
        schemas.extend(extensions.iter().map(|e| Arc::clone(&e.schema)));
        let user = ResourceType {
            name: "User".to_owned(),
            endpoint: "Users".to_owned(),
            description: "People".to_owned(),
            schema: user,
            extensions,
        };
        let group = ResourceType {
            name: "Group".to_owned(),
            endpoint: "Groups".to_owned(),
            description: "Groups of people and of groups".to_owned(),
            schema: group,
            extensions: Vec::new(),
        };
        Self {
            schemas,
            resource_types: vec![Arc::new(user), Arc::new(group)],
        }
    }

    /// The schemas, built-in ones first.
    #[must_use]
    pub fn schemas(&self) -> &[Arc<Schema>] {
        &self.schemas
    }

    /// The schema of that URN, in any case.
    #[must_use]
    pub fn schema(&self, urn: &str) -> Option<&Arc<Schema>> {
        self.schemas.iter().find(|s| s.id.eq_ignore_ascii_case(urn))
    }

    /// The resource types, built-in ones first.
    #[must_use]
    pub fn resource_types(&self) -> &[Arc<ResourceType>] {
        &self.resource_types
    }

    /// The resource type of that name (`User`).
    #[must_use]
    pub fn resource_type(&self, name: &str) -> Option<&Arc<ResourceType>> {
        self.resource_types.iter().find(|t| t.name == name)
    }

    /// The resource type of that kind of resources.
    #[must_use]
    pub fn of_kind(&self, kind: Kind) -> Option<&Arc<ResourceType>> {
        self.resource_types.iter().find(|t| t.kind() == kind)
    }

    /// The resource type at that endpoint (`Users`).
    #[must_use]
    pub fn at_endpoint(&self, endpoint: &str) -> Option<&Arc<ResourceType>> {
        self.resource_types.iter().find(|t| t.endpoint == endpoint)
    }

    /// Adds what a file of schemas holds: an object with the lists `schemas` and
    /// `resourceTypes`, in their JSON of RFC 7643 §6 and §7. Nothing is added if one of
    /// them is wrong.
    pub fn add(&mut self, json: &Json) -> Result<(), RegistryError> {
        let list = |member: &str| json.get(member).and_then(Json::as_array);
        let (schemas, types) = (list("schemas"), list("resourceTypes"));
        if schemas.is_none() && types.is_none() {
            return Err(RegistryError::Nothing);
        }
        let mut grown = self.clone();
        for schema in schemas.into_iter().flatten() {
            grown.add_schema(schema)?;
        }
        for resource_type in types.into_iter().flatten() {
            grown.add_resource_type(resource_type)?;
        }
        *self = grown;
        Ok(())
    }

    /// Adds a schema, or puts it in the place of the registered one of its URN.
    pub fn add_schema(&mut self, json: &Json) -> Result<Arc<Schema>, RegistryError> {
        let schema = Arc::new(Schema::from_json(json)?);
        if BUILT_IN
            .iter()
            .any(|urn| urn.eq_ignore_ascii_case(&schema.id))
        {
            return Err(RegistryError::BuiltIn(schema.id.clone()));
        }
        let known = self
            .schemas
            .iter_mut()
            .find(|s| s.id.eq_ignore_ascii_case(&schema.id));
        match known {
            Some(known) => *known = Arc::clone(&schema),
            None => self.schemas.push(Arc::clone(&schema)),
        }
        for resource_type in &mut self.resource_types {
            renew(resource_type, &schema);
        }
        Ok(schema)
    }

    /// Adds a resource type, or puts it in the place of the registered one of its name. Of
    /// the built-in types only extensions can be added.
    pub fn add_resource_type(&mut self, json: &Json) -> Result<Arc<ResourceType>, RegistryError> {
        let read = self.read_resource_type(json)?;
        let at = self.resource_types.iter().position(|t| t.name == read.name);
        let known = at.and_then(|at| self.resource_types.get_mut(at));
        let added = match known {
            Some(known) if matches!(known.name.as_str(), "User" | "Group") => {
                if known.endpoint != read.endpoint || known.schema.id != read.schema.id {
                    return Err(RegistryError::BuiltInType(read.name));
                }
                Arc::make_mut(known).extend_with(read.extensions);
                Arc::clone(known)
            }
            Some(known) => {
                *known = Arc::new(read);
                Arc::clone(known)
            }
            None => {
                let read = Arc::new(read);
                self.resource_types.push(Arc::clone(&read));
                read
            }
        };
        Ok(added)
    }

    fn read_resource_type(&self, json: &Json) -> Result<ResourceType, RegistryError> {
        let at = "resource type";
        let object = json
            .as_object()
            .ok_or_else(|| SchemaError::NoObject { at: at.to_owned() })?;
        let needed = |at: &str, member: &'static str| {
            text(object, at, member)?.ok_or(SchemaError::Missing {
                at: at.to_owned(),
                member,
            })
        };
        let name = match text(object, at, "name")? {
            Some(name) => name,
            None => needed(at, "id")?,
        };
        let at = format!("resource type {name}");
        if !is_attribute_name(&name) || name.contains('$') {
            return Err(RegistryError::Name(name));
        }
        let endpoint = needed(&at, "endpoint")?;
        let endpoint = endpoint.strip_prefix('/').unwrap_or(&endpoint).to_owned();
        let reserved = |word: &&str| word.eq_ignore_ascii_case(&endpoint);
        if !is_attribute_name(&endpoint) || RESERVED_ENDPOINTS.iter().any(reserved) {
            return Err(RegistryError::Endpoint(name));
        }
        let schema = self.needed_schema(&name, &needed(&at, "schema")?)?;
        let others = self.resource_types.iter().filter(|t| t.name != name);
        for other in others {
            let taken = |what: &str| RegistryError::Taken {
                name: name.clone(),
                what: what.to_owned(),
                other: other.name.clone(),
            };
            if other.name.eq_ignore_ascii_case(&name) {
                return Err(taken("the name, in whatever case,"));
            }
            if other.endpoint.eq_ignore_ascii_case(&endpoint) {
                return Err(taken(&endpoint));
            }
            if other.schema.id == schema.id {
                return Err(taken(&schema.id));
            }
        }
        let extensions = self.read_extensions(&name, &at, object)?;
        Ok(ResourceType {
            description: text(object, &at, "description")?.unwrap_or_default(),
            name,
            endpoint,
            schema,
            extensions,
        })
    }

    fn read_extensions(
        &self,
        name: &str,
        at: &str,
        object: &Map<String, Json>,
    ) -> Result<Vec<Extension>, RegistryError> {
        let items = object.get("schemaExtensions").and_then(Json::as_array);
        let mut extensions: Vec<Extension> = Vec::new();
        for item in items.into_iter().flatten() {
            let item = item.as_object().ok_or_else(|| SchemaError::NoObject {
                at: format!("{at}, each of schemaExtensions"),
            })?;
            let urn = text(item, at, "schema")?.ok_or_else(|| SchemaError::Missing {
                at: format!("{at}, each of schemaExtensions"),
                member: "schema",
            })?;
            extensions.push(Extension {
                schema: self.needed_schema(name, &urn)?,
                required: flag(item, at, "required")?,
            });
        }
        Ok(extensions)
    }

    fn needed_schema(&self, name: &str, urn: &str) -> Result<Arc<Schema>, RegistryError> {
        self.schema(urn)
            .cloned()
            .ok_or_else(|| RegistryError::NoSchema {
                resource_type: name.to_owned(),
                urn: urn.to_owned(),
            })
    }
}

impl ResourceType {
    fn extend_with(&mut self, extensions: Vec<Extension>) {
        for extension in extensions {
            let same = |e: &&mut Extension| e.schema.id == extension.schema.id;
            match self.extensions.iter_mut().find(same) {
                Some(known) => *known = extension,
                None => self.extensions.push(extension),
            }
        }
    }
}

/// Lets a type that uses an older form of `schema` use this one.
fn renew(resource_type: &mut Arc<ResourceType>, schema: &Arc<Schema>) {
    let is = |old: &Arc<Schema>| old.id.eq_ignore_ascii_case(&schema.id);
    if is(&resource_type.schema) {
        Arc::make_mut(resource_type).schema = Arc::clone(schema);
    }
    if resource_type.extensions.iter().any(|e| is(&e.schema)) {
        for extension in &mut Arc::make_mut(resource_type).extensions {
            if is(&extension.schema) {
                extension.schema = Arc::clone(schema);
            }
        }
    }
}

impl From<&Registry> for Schemas {
    /// What sources can write: for each type its core schema and its extensions.
    fn from(registry: &Registry) -> Self {
        let mut schemas = Self {
            user: Vec::new(),
            group: Vec::new(),
            custom: BTreeMap::new(),
        };
        for resource_type in registry.resource_types() {
            let extensions = resource_type.extensions.iter().map(|e| &e.schema);
            let all = std::iter::once(&resource_type.schema).chain(extensions);
            let all = all.map(|schema| schema.as_ref().clone()).collect();
            match resource_type.kind() {
                Kind::User => schemas.user = all,
                Kind::Group => schemas.group = all,
                custom @ Kind::Custom(_) => {
                    schemas.custom.insert(custom, all);
                }
            }
        }
        schemas
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    const AGENTS: &str = include_str!("../../../config/schemas/agents.json");

    #[test]
    fn the_shipped_agent_types_can_be_registered() {
        let mut registry = Registry::standard();
        registry
            .add(&serde_json::from_str(AGENTS).unwrap())
            .unwrap();
        let agent = registry.at_endpoint("Agents").unwrap();
        assert_eq!(agent.name, "Agent");
        assert!(agent.attribute("name").unwrap().required);
        assert!(registry.at_endpoint("AgenticApplications").is_some());
        let shown = agent.to_json("https://x/scim/v2");
        assert_eq!(
            shown["meta"]["location"],
            "https://x/scim/v2/ResourceTypes/Agent"
        );
    }

    #[test]
    fn an_extension_added_to_users_is_there_at_once() {
        let mut registry = Registry::standard();
        registry
            .add(&json!({
                "schemas": [{ "id": "urn:example:scim:1.0:Badge", "attributes": [{ "name": "badge" }] }],
                "resourceTypes": [{
                    "name": "User",
                    "endpoint": "/Users",
                    "schema": USER,
                    "schemaExtensions": [{ "schema": "urn:example:scim:1.0:Badge", "required": true }],
                }],
            }))
            .unwrap();
        let user = registry.resource_type("User").unwrap();
        assert!(
            user.extension("URN:EXAMPLE:scim:1.0:badge")
                .unwrap()
                .required
        );
        assert!(user.extension(ENTERPRISE_USER).is_some());
        assert_eq!(Schemas::from(&registry).of(Kind::User).len(), 4);
    }

    #[test]
    fn a_schema_registered_again_replaces_the_old_one_everywhere() {
        let mut registry = Registry::standard();
        let car = |attribute: &str| {
            json!({
                "schemas": [{ "id": "urn:example:scim:1.0:Car", "attributes": [{ "name": attribute }] }],
                "resourceTypes": [{ "name": "Car", "endpoint": "/Cars", "schema": "urn:example:scim:1.0:Car" }],
            })
        };
        registry.add(&car("old")).unwrap();
        registry.add(&car("new")).unwrap();
        let car = registry.resource_type("Car").unwrap();
        assert!(car.attribute("new").is_some() && car.attribute("old").is_none());
        assert_eq!(registry.resource_types().len(), 3);
    }

    #[test]
    fn what_cannot_be_registered_is_told_and_changes_nothing() {
        for (json, message) in [
            (json!({}), "nothing to register"),
            (
                json!({ "schemas": [{ "id": USER, "attributes": [{ "name": "a" }] }] }),
                "is built in",
            ),
            (
                json!({ "resourceTypes": [{ "name": "Car", "endpoint": "/Cars", "schema": "urn:x:Car" }] }),
                "there is no schema `urn:x:Car`",
            ),
            (
                json!({ "resourceTypes": [{ "name": "Car", "endpoint": "/Schemas", "schema": USER }] }),
                "endpoint must be",
            ),
            (
                json!({ "resourceTypes": [{ "name": "Car", "endpoint": "/users", "schema": USER }] }),
                "belongs to User",
            ),
            (
                json!({ "resourceTypes": [{ "name": "User", "endpoint": "/People", "schema": USER }] }),
                "only schemaExtensions",
            ),
            (
                json!({ "resourceTypes": [{ "name": "Car" }] }),
                "resource type Car: `endpoint` is missing",
            ),
        ] {
            let mut registry = Registry::standard();
            let error = registry.add(&json).unwrap_err().to_string();
            assert!(error.contains(message), "{error}");
            assert_eq!(registry.schemas().len(), 4);
        }
    }
}
