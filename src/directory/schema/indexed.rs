//! Attributes whose values the store keeps rows of: those that are marked `"indexed": true`,
//! Rollcall's own characteristic, and those that must be unique.

use std::collections::BTreeSet;

use serde_json::{Map, Value as Json};

use super::{AttributeDefinition, AttributeType, ResourceType, Uniqueness};
use crate::entry::Kind;
use crate::filter::fold;

/// One of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IndexedAttribute {
    /// Of which extension; `None`: of the core schema.
    pub extension: Option<String>,
    /// Its name, in the schema's spelling.
    pub name: String,
    /// The sub-attribute that is indexed, of a complex attribute.
    pub sub: Option<String>,
    /// Whether `A` and `a` are two values.
    pub case_exact: bool,
    /// Whether no two resources of the type may have one value.
    pub unique: bool,
    /// Whether its values are text, so that filters can be answered from the rows.
    pub is_text: bool,
}

impl ResourceType {
    /// Its indexed attributes. Those of the built-in schemas are not among them: the store
    /// knows them by itself.
    #[must_use]
    pub fn indexed_attributes(&self) -> Vec<IndexedAttribute> {
        let mut indexed = Vec::new();
        let core = match self.kind() {
            Kind::Custom(_) => self.schema.attributes.as_slice(),
            Kind::User | Kind::Group => &[],
        };
        for attribute in core {
            collect(&mut indexed, None, attribute);
        }
        for extension in &self.extensions {
            for attribute in &extension.schema.attributes {
                collect(&mut indexed, Some(&extension.schema.id), attribute);
            }
        }
        indexed
    }
}

fn collect(
    indexed: &mut Vec<IndexedAttribute>,
    extension: Option<&str>,
    attribute: &AttributeDefinition,
) {
    let mut add = |sub: Option<&AttributeDefinition>| {
        let last = sub.unwrap_or(attribute);
        let unique = last.uniqueness != Uniqueness::None;
        let is_kept = last.kind != AttributeType::Complex && !(last.multi_valued && sub.is_some());
        if is_kept && (last.indexed || unique) {
            indexed.push(IndexedAttribute {
                extension: extension.map(str::to_owned),
                name: attribute.name.clone(),
                sub: sub.map(|sub| sub.name.clone()),
                case_exact: last.case_exact,
                unique,
                is_text: matches!(last.kind, AttributeType::String | AttributeType::Reference),
            });
        }
    };
    add(None);
    for sub in &attribute.sub_attributes {
        add(Some(sub));
    }
}

impl IndexedAttribute {
    /// Its path in the schema's spelling.
    #[must_use]
    pub fn path(&self) -> String {
        let mut path = String::new();
        if let Some(urn) = &self.extension {
            path.push_str(urn);
            path.push(':');
        }
        path.push_str(&self.name);
        if let Some(sub) = &self.sub {
            path.push('.');
            path.push_str(sub);
        }
        path
    }

    /// Its values in a document, each once, in the form in which they are compared.
    #[must_use]
    pub fn values(&self, document: &Map<String, Json>) -> BTreeSet<String> {
        let holder = match &self.extension {
            None => Some(document),
            Some(urn) => document.get(urn).and_then(Json::as_object),
        };
        let Some(value) = holder.and_then(|holder| holder.get(&self.name)) else {
            return BTreeSet::new();
        };
        let items = match value {
            Json::Array(items) => items.as_slice(),
            one => std::slice::from_ref(one),
        };
        let last = |item| match &self.sub {
            None => Some(item),
            Some(sub) => Json::get(item, sub),
        };
        items
            .iter()
            .filter_map(last)
            .filter_map(|value| self.form(value))
            .collect()
    }

    fn form(&self, value: &Json) -> Option<String> {
        match value {
            Json::String(text) if self.case_exact => Some(text.clone()),
            Json::String(text) => Some(fold(text).into_owned()),
            Json::Number(number) => Some(number.to_string()),
            Json::Bool(flag) => Some(flag.to_string()),
            Json::Null | Json::Array(_) | Json::Object(_) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::Registry;
    use serde_json::json;

    #[test]
    fn marked_and_unique_attributes_are_indexed_with_their_values() {
        let mut registry = Registry::standard();
        registry
            .add(&json!({
                "schemas": [{ "id": "urn:example:scim:1.0:Car", "attributes": [
                    { "name": "plate", "uniqueness": "server" },
                    { "name": "colour" },
                    { "name": "tags", "multiValued": true, "indexed": true, "caseExact": true },
                    { "name": "keys", "type": "complex", "multiValued": true, "subAttributes": [
                        { "name": "value", "indexed": true }, { "name": "type" }
                    ] },
                ] }],
                "resourceTypes": [{ "name": "Car", "endpoint": "/Cars", "schema": "urn:example:scim:1.0:Car" }],
            }))
            .unwrap();
        let car = registry.resource_type("Car").unwrap();
        let document = json!({
            "plate": "ZH 1", "colour": "red", "tags": ["A", "a", "A"],
            "keys": [{ "value": "K1" }, { "type": "x" }],
        });
        let found: Vec<_> = car
            .indexed_attributes()
            .iter()
            .map(|indexed| {
                let values = indexed.values(document.as_object().unwrap());
                (indexed.path(), values.into_iter().collect::<Vec<_>>())
            })
            .collect();
        let texts = |all: &[&str]| all.iter().map(|s| (*s).to_owned()).collect::<Vec<_>>();
        assert_eq!(
            found,
            [
                ("plate".to_owned(), texts(&["zh 1"])),
                ("tags".to_owned(), texts(&["A", "a"])),
                ("keys.value".to_owned(), texts(&["k1"])),
            ]
        );
        let user = registry.resource_type("User").unwrap();
        assert!(user.indexed_attributes().is_empty());
    }
}
