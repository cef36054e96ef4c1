//! Resource types (RFC 7643 §6): an endpoint, a core schema and extensions; and what a path
//! means on resources of a type.

use std::sync::Arc;

use serde_json::{Value as Json, json};

use super::{AttributeDefinition, Schema, common_attribute, common_attributes};
use crate::entry::Kind;
use crate::path::AttributePath;

/// URN of a resource type's own schema.
const RESOURCE_TYPE: &str = "urn:ietf:params:scim:schemas:core:2.0:ResourceType";

/// A schema that adds attributes to a resource type, below a member of its URN.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Extension {
    /// The schema.
    pub schema: Arc<Schema>,
    /// Whether each resource must have it.
    pub required: bool,
}

/// A type of resources.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ResourceType {
    /// Its name, which is its id, too: `User`.
    pub name: String,
    /// Where its resources are, without a slash: `Users`.
    pub endpoint: String,
    /// What it is for.
    pub description: String,
    /// The core schema.
    pub schema: Arc<Schema>,
    /// The extensions.
    pub extensions: Vec<Extension>,
}

/// An attribute, found by its path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Found<'r> {
    /// The extension that it belongs to; `None`: the core schema, or what every resource has.
    pub extension: Option<&'r str>,
    /// The attribute.
    pub attribute: &'r AttributeDefinition,
    /// The sub-attribute, if the path names one.
    pub sub: Option<&'r AttributeDefinition>,
}

/// What a path without brackets names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place<'r> {
    /// The resource as a whole: the URN of the core schema.
    Resource,
    /// All of an extension: its URN.
    Extension(&'r Extension),
    /// An attribute.
    Attribute(Found<'r>),
}

/// No schema of the type knows that path.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("resources of type {resource_type} have no attribute `{path}`")]
pub struct Unknown {
    /// The path.
    pub path: String,
    /// The type.
    pub resource_type: String,
}

impl<'r> Found<'r> {
    /// The definition of the value that the path ends at.
    #[must_use]
    pub fn last(&self) -> &'r AttributeDefinition {
        self.sub.unwrap_or(self.attribute)
    }

    /// The path in the schema's spelling.
    #[must_use]
    pub fn path(&self) -> String {
        let mut path = String::new();
        if let Some(urn) = self.extension {
            path.push_str(urn);
            path.push(':');
        }
        path.push_str(&self.attribute.name);
        if let Some(sub) = self.sub {
            path.push('.');
            path.push_str(&sub.name);
        }
        path
    }
}

impl ResourceType {
    /// What `path` names, in whatever case it is spelled.
    pub fn place(&self, path: &AttributePath) -> Result<Place<'_>, Unknown> {
        let unknown = || Unknown {
            path: path.to_string(),
            resource_type: self.name.clone(),
        };
        let (extension, attribute) = match path.schema.as_deref() {
            None => (None, self.attribute(&path.name)),
            Some(urn) if urn.eq_ignore_ascii_case(&self.schema.id) => {
                (None, self.attribute(&path.name))
            }
            Some(urn) => match self.extension(urn) {
                Some(extension) => (
                    Some(extension.schema.id.as_str()),
                    extension.schema.attribute(&path.name),
                ),
                None => return self.whole(urn, path).ok_or_else(unknown),
            },
        };
        let attribute = attribute.ok_or_else(unknown)?;
        let sub = match &path.sub {
            Some(sub) => Some(attribute.sub(sub).ok_or_else(unknown)?),
            None => None,
        };
        Ok(Place::Attribute(Found {
            extension,
            attribute,
            sub,
        }))
    }

    /// The attribute of the core schema, or that every resource has.
    #[must_use]
    pub fn attribute(&self, name: &str) -> Option<&AttributeDefinition> {
        self.schema
            .attribute(name)
            .or_else(|| common_attribute(name))
    }

    /// The extension of that URN.
    #[must_use]
    pub fn extension(&self, urn: &str) -> Option<&Extension> {
        self.extensions
            .iter()
            .find(|e| e.schema.id.eq_ignore_ascii_case(urn))
    }

    /// The kind of its resources.
    #[must_use]
    pub fn kind(&self) -> Kind {
        Kind::of_type(&self.name)
    }

    /// Every attribute with the extension that it belongs to: the common ones, the core
    /// schema's, the extensions'.
    pub fn attributes(&self) -> impl Iterator<Item = (Option<&str>, &AttributeDefinition)> {
        let core = common_attributes().iter().chain(&self.schema.attributes);
        let extensions = self.extensions.iter().flat_map(|e| {
            let urn = Some(e.schema.id.as_str());
            e.schema.attributes.iter().map(move |a| (urn, a))
        });
        core.map(|a| (None, a)).chain(extensions)
    }

    /// A URN alone was read as a URN and a name.
    fn whole(&self, urn: &str, path: &AttributePath) -> Option<Place<'_>> {
        if path.sub.is_some() {
            return None;
        }
        let is = |id: &str| {
            id.rsplit_once(':').is_some_and(|(head, last)| {
                head.eq_ignore_ascii_case(urn) && last.eq_ignore_ascii_case(&path.name)
            })
        };
        if is(&self.schema.id) {
            return Some(Place::Resource);
        }
        let extension = self.extensions.iter().find(|e| is(&e.schema.id))?;
        Some(Place::Extension(extension))
    }

    /// The type as `/ResourceTypes` shows it. `base` is the URL of the SCIM service.
    #[must_use]
    pub fn to_json(&self, base: &str) -> Json {
        let extensions: Vec<Json> = self
            .extensions
            .iter()
            .map(|e| json!({ "schema": e.schema.id, "required": e.required }))
            .collect();
        json!({
            "schemas": [RESOURCE_TYPE],
            "id": self.name,
            "name": self.name,
            "endpoint": format!("/{}", self.endpoint),
            "description": self.description,
            "schema": self.schema.id,
            "schemaExtensions": extensions,
            "meta": {
                "resourceType": "ResourceType",
                "location": format!("{base}/ResourceTypes/{}", self.name),
            },
        })
    }
}

#[cfg(test)]
mod tests {
    use super::super::{ENTERPRISE_USER, Registry, USER};
    use super::*;

    fn found(path: &str) -> String {
        let registry = Registry::standard();
        let user = registry.resource_type("User").unwrap();
        match user.place(&AttributePath::parse(path).unwrap()) {
            Ok(Place::Resource) => "the resource".to_owned(),
            Ok(Place::Extension(extension)) => format!("all of {}", extension.schema.id),
            Ok(Place::Attribute(found)) => found.path(),
            Err(unknown) => unknown.to_string(),
        }
    }

    #[test]
    fn a_path_names_an_attribute_in_any_case_and_with_or_without_the_core_urn() {
        assert_eq!(found("USERNAME"), "userName");
        assert_eq!(found(&format!("{USER}:name.givenname")), "name.givenName");
        assert_eq!(found("externalid"), "externalId");
        assert_eq!(found("META.lastmodified"), "meta.lastModified");
        assert_eq!(
            found(&format!("{}:Manager.VALUE", ENTERPRISE_USER.to_uppercase())),
            format!("{ENTERPRISE_USER}:manager.value")
        );
    }

    #[test]
    fn a_urn_alone_names_all_of_its_schema() {
        assert_eq!(found(USER), "the resource");
        assert_eq!(found(ENTERPRISE_USER), format!("all of {ENTERPRISE_USER}"));
    }

    #[test]
    fn what_no_schema_knows_is_told() {
        for path in ["mail", "name.first", "urn:x:User:a", "urn:x:User"] {
            assert!(found(path).contains("have no attribute"), "{path}");
        }
    }
}
