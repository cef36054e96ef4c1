//! Schemas as JSON (RFC 7643 §7): read from what an administrator registers, and shown at
//! `/Schemas`. Reading checks everything that later code relies on, and names the attribute
//! in which something is wrong.

use serde_json::{Map, Value as Json, json};

use super::{
    AttributeDefinition, AttributeType, Mutability, Returned, Schema, Uniqueness, common_attribute,
};
use crate::path::is_attribute_name;

/// URN of a schema's own schema.
const SCHEMA: &str = "urn:ietf:params:scim:schemas:core:2.0:Schema";
/// Attributes, sub-attributes included, of one schema.
const ATTRIBUTES_MAX: usize = 1_000;

/// Why a JSON value is no schema.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SchemaError {
    /// Something else than an object where one belongs.
    #[error("{at}: must be an object")]
    NoObject {
        /// The schema or attribute.
        at: String,
    },
    /// A member is missing.
    #[error("{at}: `{member}` is missing")]
    Missing {
        /// The schema or attribute.
        at: String,
        /// The member.
        member: &'static str,
    },
    /// A member of another type.
    #[error("{at}: `{member}` must be {expected}")]
    Type {
        /// The schema or attribute.
        at: String,
        /// The member.
        member: &'static str,
        /// What it must be.
        expected: &'static str,
    },
    /// A word that RFC 7643 does not know.
    #[error("{at}: `{member}` is `{found}`; it must be one of {}", known.join(", "))]
    Word {
        /// The attribute.
        at: String,
        /// The member.
        member: &'static str,
        /// What stands there.
        found: String,
        /// What may.
        known: Vec<&'static str>,
    },
    /// Not a URN, or one that no path could name.
    #[error(
        "`{0}` is no URN for a schema: it begins with `urn:`, and its last part is a letter followed by letters and digits"
    )]
    Urn(String),
    /// A name that no attribute can have.
    #[error(
        "{at}: is not an attribute name; it must begin with a letter and go on with letters, digits, `-` or `_`"
    )]
    Name {
        /// The attribute.
        at: String,
    },
    /// The name belongs to an attribute that every resource has.
    #[error("{at}: every resource has an attribute of this name; choose another")]
    Reserved {
        /// The attribute.
        at: String,
    },
    /// Two attributes of one name.
    #[error("{at}: there are two attributes of this name")]
    Twice {
        /// The attribute.
        at: String,
    },
    /// Complex without parts, or parts where there can be none.
    #[error("{at}: a complex attribute needs `subAttributes`, and only a complex one has them")]
    Parts {
        /// The attribute.
        at: String,
    },
    /// Complex in complex (RFC 7643 §2.3.8).
    #[error("{at}: a sub-attribute cannot be complex")]
    Nested {
        /// The sub-attribute.
        at: String,
    },
    /// Write-only, and yet returned.
    #[error("{at}: a writeOnly attribute must have `returned` = never")]
    WriteOnlyReturned {
        /// The attribute.
        at: String,
    },
    /// More than anybody needs.
    #[error("{at}: more than {ATTRIBUTES_MAX} attributes")]
    TooMany {
        /// The schema.
        at: String,
    },
}

impl Schema {
    /// Reads a schema from its JSON. Characteristics that are left out have the defaults of
    /// RFC 7643 §2.2.
    pub fn from_json(json: &Json) -> Result<Self, SchemaError> {
        let at = "schema".to_owned();
        let object = json
            .as_object()
            .ok_or_else(|| SchemaError::NoObject { at: at.clone() })?;
        let id = text(object, &at, "id")?.ok_or_else(|| SchemaError::Missing {
            at: at.clone(),
            member: "id",
        })?;
        if !is_schema_urn(&id) {
            return Err(SchemaError::Urn(id));
        }
        let at = format!("schema {id}");
        let attributes = attributes_of(object, &at, "attributes", false)?;
        if attributes.is_empty() {
            return Err(SchemaError::Missing {
                at,
                member: "attributes",
            });
        }
        let many: usize = attributes.iter().map(|a| 1 + a.sub_attributes.len()).sum();
        if many > ATTRIBUTES_MAX {
            return Err(SchemaError::TooMany { at });
        }
        let last = id.rsplit(':').next().unwrap_or_default().to_owned();
        Ok(Self {
            name: text(object, &at, "name")?.unwrap_or(last),
            description: text(object, &at, "description")?.unwrap_or_default(),
            attributes,
            id,
        })
    }

    /// The schema as `/Schemas` shows it. `base` is the URL of the SCIM service.
    #[must_use]
    pub fn to_json(&self, base: &str) -> Json {
        let attributes: Vec<Json> = self.attributes.iter().map(shown).collect();
        json!({
            "schemas": [SCHEMA],
            "id": self.id,
            "name": self.name,
            "description": self.description,
            "attributes": attributes,
            "meta": {
                "resourceType": "Schema",
                "location": format!("{base}/Schemas/{}", self.id),
            },
        })
    }
}

fn is_schema_urn(text: &str) -> bool {
    let mut parts = text.split(':');
    parts
        .next()
        .is_some_and(|urn| urn.eq_ignore_ascii_case("urn"))
        && parts.next().is_some()
        && parts
            .next_back()
            .is_some_and(|last| is_attribute_name(last) && !last.starts_with('$'))
        && text
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || matches!(c, ':' | '.' | '-' | '_'))
}

fn attributes_of(
    object: &Map<String, Json>,
    at: &str,
    member: &'static str,
    nested: bool,
) -> Result<Vec<AttributeDefinition>, SchemaError> {
    let items = match object.get(member) {
        None | Some(Json::Null) => return Ok(Vec::new()),
        Some(Json::Array(items)) => items,
        Some(_) => {
            return Err(SchemaError::Type {
                at: at.to_owned(),
                member,
                expected: "a list of attributes",
            });
        }
    };
    let mut attributes: Vec<AttributeDefinition> = Vec::with_capacity(items.len());
    for item in items {
        let attribute = attribute(item, at, nested)?;
        let same = |other: &AttributeDefinition| other.name.eq_ignore_ascii_case(&attribute.name);
        if attributes.iter().any(same) {
            return Err(SchemaError::Twice {
                at: place(at, &attribute.name, nested),
            });
        }
        attributes.push(attribute);
    }
    Ok(attributes)
}

/// `schema urn:x, attribute a`, or `…, attribute a.b` inside of one.
fn place(at: &str, name: &str, nested: bool) -> String {
    if nested {
        format!("{at}.{name}")
    } else {
        format!("{at}, attribute {name}")
    }
}

fn attribute(item: &Json, at: &str, nested: bool) -> Result<AttributeDefinition, SchemaError> {
    let object = item.as_object().ok_or_else(|| SchemaError::NoObject {
        at: format!("{at}, each attribute"),
    })?;
    let name = text(object, at, "name")?.ok_or_else(|| SchemaError::Missing {
        at: format!("{at}, each attribute"),
        member: "name",
    })?;
    let at = place(at, &name, nested);
    if !(is_attribute_name(&name) && (name == "$ref" || !name.contains('$'))) {
        return Err(SchemaError::Name { at });
    }
    if !nested && common_attribute(&name).is_some() {
        return Err(SchemaError::Reserved { at });
    }
    let kind = word(
        object,
        &at,
        "type",
        &AttributeType::ALL,
        AttributeType::as_str,
    )?
    .unwrap_or(AttributeType::String);
    let complex = kind == AttributeType::Complex;
    if complex && nested {
        return Err(SchemaError::Nested { at });
    }
    let sub_attributes = attributes_of(object, &at, "subAttributes", true)?;
    if complex == sub_attributes.is_empty() {
        return Err(SchemaError::Parts { at });
    }
    let mutability = word(
        object,
        &at,
        "mutability",
        &Mutability::ALL,
        Mutability::as_str,
    )?
    .unwrap_or(Mutability::ReadWrite);
    let default_returned = match mutability {
        Mutability::WriteOnly => Returned::Never,
        _ => Returned::Default,
    };
    let returned = word(object, &at, "returned", &Returned::ALL, Returned::as_str)?
        .unwrap_or(default_returned);
    if mutability == Mutability::WriteOnly && returned != Returned::Never {
        return Err(SchemaError::WriteOnlyReturned { at });
    }
    Ok(AttributeDefinition {
        description: text(object, &at, "description")?.unwrap_or_default(),
        kind,
        multi_valued: flag(object, &at, "multiValued")?,
        required: flag(object, &at, "required")?,
        case_exact: flag(object, &at, "caseExact")?,
        mutability,
        returned,
        uniqueness: word(
            object,
            &at,
            "uniqueness",
            &Uniqueness::ALL,
            Uniqueness::as_str,
        )?
        .unwrap_or(Uniqueness::None),
        canonical_values: texts(object, &at, "canonicalValues")?,
        reference_types: texts(object, &at, "referenceTypes")?,
        indexed: flag(object, &at, "indexed")?,
        sub_attributes,
        name,
    })
}

pub(super) fn text(
    object: &Map<String, Json>,
    at: &str,
    member: &'static str,
) -> Result<Option<String>, SchemaError> {
    match object.get(member) {
        None | Some(Json::Null) => Ok(None),
        Some(Json::String(text)) => Ok(Some(text.clone())),
        Some(_) => Err(SchemaError::Type {
            at: at.to_owned(),
            member,
            expected: "a text",
        }),
    }
}

pub(super) fn flag(
    object: &Map<String, Json>,
    at: &str,
    member: &'static str,
) -> Result<bool, SchemaError> {
    match object.get(member) {
        None | Some(Json::Null) => Ok(false),
        Some(Json::Bool(flag)) => Ok(*flag),
        Some(_) => Err(SchemaError::Type {
            at: at.to_owned(),
            member,
            expected: "true or false",
        }),
    }
}

fn texts(
    object: &Map<String, Json>,
    at: &str,
    member: &'static str,
) -> Result<Vec<String>, SchemaError> {
    let wrong = || SchemaError::Type {
        at: at.to_owned(),
        member,
        expected: "a list of texts",
    };
    match object.get(member) {
        None | Some(Json::Null) => Ok(Vec::new()),
        Some(Json::Array(items)) => items
            .iter()
            .map(|item| item.as_str().map(str::to_owned).ok_or_else(wrong))
            .collect(),
        Some(_) => Err(wrong()),
    }
}

fn word<T: Copy>(
    object: &Map<String, Json>,
    at: &str,
    member: &'static str,
    all: &[T],
    spelling: fn(T) -> &'static str,
) -> Result<Option<T>, SchemaError> {
    let Some(found) = text(object, at, member)? else {
        return Ok(None);
    };
    let one = all
        .iter()
        .find(|one| spelling(**one).eq_ignore_ascii_case(&found));
    match one {
        Some(one) => Ok(Some(*one)),
        None => Err(SchemaError::Word {
            at: at.to_owned(),
            member,
            found,
            known: all.iter().map(|one| spelling(*one)).collect(),
        }),
    }
}

fn shown(attribute: &AttributeDefinition) -> Json {
    let mut object = Map::new();
    let mut put = |name: &str, value: Json| object.insert(name.to_owned(), value);
    put("name", attribute.name.as_str().into());
    put("type", attribute.kind.as_str().into());
    put("multiValued", attribute.multi_valued.into());
    put("description", attribute.description.as_str().into());
    put("required", attribute.required.into());
    if !attribute.canonical_values.is_empty() {
        put("canonicalValues", attribute.canonical_values.clone().into());
    }
    put("caseExact", attribute.case_exact.into());
    put("mutability", attribute.mutability.as_str().into());
    put("returned", attribute.returned.as_str().into());
    put("uniqueness", attribute.uniqueness.as_str().into());
    if attribute.kind == AttributeType::Reference {
        put("referenceTypes", attribute.reference_types.clone().into());
    }
    if !attribute.sub_attributes.is_empty() {
        let parts = attribute.sub_attributes.iter().map(shown).collect();
        put("subAttributes", Json::Array(parts));
    }
    Json::Object(object)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(attribute: &Json) -> Result<Schema, SchemaError> {
        Schema::from_json(&json!({
            "id": "urn:example:scim:1.0:Car",
            "attributes": [attribute],
        }))
    }

    #[test]
    fn what_is_shown_can_be_read_again() {
        for schema in super::super::Registry::standard().schemas() {
            let again = Schema::from_json(&schema.to_json("https://x")).unwrap();
            assert_eq!(&again, schema.as_ref());
        }
    }

    #[test]
    fn characteristics_left_out_have_the_defaults_of_the_rfc() {
        let schema = read(&json!({ "name": "colour" })).unwrap();
        let colour = schema.attribute("COLOUR").unwrap();
        assert_eq!(colour.kind, AttributeType::String);
        assert_eq!(colour.mutability, Mutability::ReadWrite);
        assert_eq!(colour.returned, Returned::Default);
        assert!(!colour.case_exact && !colour.required && !colour.multi_valued);
        assert_eq!(schema.name, "Car");
    }

    #[test]
    fn a_mistake_names_its_attribute() {
        let part = |part: Json| json!({"name": "a", "type": "complex", "subAttributes": [part]});
        for (attribute, message) in [
            (
                json!({ "name": "9a" }),
                "attribute 9a: is not an attribute name",
            ),
            (json!({ "name": "ID" }), "attribute ID: every resource has"),
            (
                json!({ "type": "string" }),
                "each attribute: `name` is missing",
            ),
            (
                json!({ "name": "a", "type": "int" }),
                "attribute a: `type` is `int`; it must be one of string, boolean",
            ),
            (
                json!({ "name": "a", "required": "yes" }),
                "attribute a: `required` must be true or false",
            ),
            (
                json!({ "name": "a", "type": "complex" }),
                "attribute a: a complex attribute needs `subAttributes`",
            ),
            (
                json!({ "name": "a", "subAttributes": [{ "name": "b" }] }),
                "only a complex one has them",
            ),
            (
                part(json!({ "name": "b", "type": "complex", "subAttributes": [{ "name": "c" }] })),
                "attribute a.b: a sub-attribute cannot be complex",
            ),
            (
                part(json!({ "name": "b", "returned": "sometimes" })),
                "attribute a.b: `returned` is `sometimes`",
            ),
            (
                json!({ "name": "a", "mutability": "writeOnly", "returned": "default" }),
                "attribute a: a writeOnly attribute must have",
            ),
            (json!(3), "each attribute: must be an object"),
        ] {
            let error = read(&attribute).unwrap_err().to_string();
            assert!(error.contains(message), "{error}");
            assert!(error.contains("urn:example:scim:1.0:Car"), "{error}");
        }
        let twice = json!({ "id": "urn:x:Car", "attributes": [{ "name": "a" }, { "name": "A" }] });
        assert!(matches!(
            Schema::from_json(&twice),
            Err(SchemaError::Twice { .. })
        ));
    }

    #[test]
    fn an_id_must_be_a_urn_that_a_path_can_name() {
        for id in ["Car", "urn:x", "urn:x:1.0", "urn:x:a b:Car", "http://x/Car"] {
            let schema = json!({ "id": id, "attributes": [{ "name": "a" }] });
            assert!(
                matches!(Schema::from_json(&schema), Err(SchemaError::Urn(_))),
                "{id}"
            );
        }
    }
}
