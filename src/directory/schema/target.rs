//! What a path means for somebody who writes: the unit of precedence that it belongs to,
//! and the shape of the value that it takes.

use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::Value as Json;
use smol_str::SmolStr;

use super::{AttributeDefinition, AttributeType, Mutability, Schemas};
use crate::entry::Kind;
use crate::filter::Literal;
use crate::path::Path;

/// What sources compete for: an attribute, a sub-attribute of a single-valued complex
/// attribute, or a multi-valued attribute as a whole. Spelled as a path in the schema's
/// spelling, extensions with their URN: `userName`, `name.givenName`, `emails`,
/// `urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:department`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Unit(SmolStr);

impl Unit {
    /// The unit of a text that is known to be in the schema's spelling (a stored one).
    #[must_use]
    pub fn from_canonical(text: &str) -> Self {
        Self(SmolStr::new(text))
    }

    /// Its spelling.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The members to walk from the top of a resource: extension URN, attribute,
    /// sub-attribute.
    pub fn members(&self) -> impl Iterator<Item = &str> {
        let (urn, rest) = match self.0.rsplit_once(':') {
            Some((urn, rest)) => (Some(urn), rest),
            None => (None, self.0.as_str()),
        };
        urn.into_iter().chain(rest.split('.'))
    }
}

impl fmt::Display for Unit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// How the value of a mapping line enters its unit.
#[derive(Debug, Clone, PartialEq)]
pub enum Shape {
    /// The unit has one value, of this type.
    Single(AttributeType),
    /// The whole list: texts, or objects of sub-attributes. A text stands for
    /// `{"value": text}` where values are complex.
    List {
        /// Whether values are objects.
        complex: bool,
    },
    /// One value of the list, told by the brackets' equalities; this sub-attribute of it.
    Item {
        /// Sub-attributes that the brackets fix: `type` = `work`.
        fixed: Vec<(String, Json)>,
        /// The sub-attribute that is written.
        sub: String,
        /// Its type.
        kind: AttributeType,
    },
    /// A reference to another entry (the unit is its `….value`).
    Reference,
    /// A list of references: the members of a group.
    Members,
}

/// A path, understood.
#[derive(Debug, Clone, PartialEq)]
pub struct Target {
    /// The unit that it belongs to.
    pub unit: Unit,
    /// How a value enters it.
    pub shape: Shape,
}

/// Why a path cannot be written by a source.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TargetError {
    /// No registered schema has that URN.
    #[error("no schema `{0}` for this kind of resource")]
    Schema(String),
    /// The schema does not know the attribute.
    #[error("no attribute `{name}`")]
    Attribute {
        /// What was asked for.
        name: String,
        /// The attributes that there are.
        known: Vec<String>,
    },
    /// Only Rollcall writes it.
    #[error("`{0}` is written by Rollcall itself")]
    ReadOnly(String),
    /// A complex attribute without a sub-attribute.
    #[error("`{name}` has parts: write one of {}", subs.join(", "))]
    NeedsSub {
        /// The attribute.
        name: String,
        /// Its sub-attributes.
        subs: Vec<String>,
    },
    /// A sub-attribute of a list without brackets.
    #[error(
        "`{name}` is a list: write `{name}[type eq \"work\"].{sub}`, or `{name}` for the whole list"
    )]
    NeedsSelector {
        /// The attribute.
        name: String,
        /// The sub-attribute.
        sub: String,
    },
    /// Brackets where there is no list, or that are more than equalities.
    #[error(
        "the brackets may only hold comparisons such as `type eq \"work\"`, joined with `and`, behind a list of complex values and before a sub-attribute"
    )]
    Selector,
}

impl Schemas {
    /// What `path` means for a source that writes resources of `kind`.
    pub fn target(&self, kind: Kind, path: &Path) -> Result<Target, TargetError> {
        let (prefix, definition) = self.definition(kind, path)?;
        if definition.mutability == Mutability::ReadOnly {
            return Err(TargetError::ReadOnly(definition.name.clone()));
        }
        let unit = format!("{prefix}{}", definition.name);
        let sub = path
            .attribute
            .sub
            .as_deref()
            .map(|name| sub_of(definition, name))
            .transpose()?;
        if let Some(sub) = sub
            && sub.mutability == Mutability::ReadOnly
        {
            return Err(TargetError::ReadOnly(format!("{unit}.{}", sub.name)));
        }
        if definition.multi_valued {
            return list_target(unit, definition, sub, path);
        }
        if path.selector.is_some() {
            return Err(TargetError::Selector);
        }
        match (definition.kind, sub) {
            (AttributeType::Complex, None) if definition.is_reference() => Ok(Target {
                unit: Unit(smol_str::format_smolstr!("{unit}.value")),
                shape: Shape::Reference,
            }),
            (AttributeType::Complex, Some(sub))
                if definition.is_reference() && sub.name == "value" =>
            {
                Ok(Target {
                    unit: Unit(smol_str::format_smolstr!("{unit}.value")),
                    shape: Shape::Reference,
                })
            }
            (AttributeType::Complex, None) => Err(TargetError::NeedsSub {
                name: definition.name.clone(),
                subs: names(&definition.sub_attributes),
            }),
            (_, Some(sub)) => Ok(Target {
                unit: Unit(smol_str::format_smolstr!("{unit}.{}", sub.name)),
                shape: Shape::Single(sub.kind),
            }),
            (kind, None) => Ok(Target {
                unit: Unit(unit.into()),
                shape: Shape::Single(kind),
            }),
        }
    }

    /// The definition that a path's attribute names, with the prefix of its unit: empty
    /// for the core schema, else the URN and a colon.
    pub fn definition(
        &self,
        kind: Kind,
        path: &Path,
    ) -> Result<(String, &AttributeDefinition), TargetError> {
        let schemas = self.of(kind);
        let schema = match &path.attribute.schema {
            None => schemas.first(),
            Some(urn) => schemas.iter().find(|s| s.id.eq_ignore_ascii_case(urn)),
        };
        let Some(schema) = schema else {
            return Err(TargetError::Schema(
                path.attribute.schema.clone().unwrap_or_default(),
            ));
        };
        let is_core = schemas.first().is_some_and(|core| core.id == schema.id);
        let prefix = if is_core {
            String::new()
        } else {
            format!("{}:", schema.id)
        };
        let definition = schema
            .attribute(&path.attribute.name)
            .or_else(|| super::common_attribute(&path.attribute.name).filter(|_| is_core))
            .ok_or_else(|| TargetError::Attribute {
                name: path.attribute.name.clone(),
                known: names(&schema.attributes),
            })?;
        Ok((prefix, definition))
    }
}

fn list_target(
    unit: String,
    definition: &AttributeDefinition,
    sub: Option<&AttributeDefinition>,
    path: &Path,
) -> Result<Target, TargetError> {
    let complex = definition.kind == AttributeType::Complex;
    let shape = match (&path.selector, sub) {
        (None, None) if definition.name == "members" => Shape::Members,
        (None, None) => Shape::List { complex },
        (None, Some(sub)) => {
            return Err(TargetError::NeedsSelector {
                name: definition.name.clone(),
                sub: sub.name.clone(),
            });
        }
        (Some(selector), Some(sub)) if complex => Shape::Item {
            fixed: fixed_by(selector, definition)?,
            sub: sub.name.clone(),
            kind: sub.kind,
        },
        (Some(_), _) => return Err(TargetError::Selector),
    };
    Ok(Target {
        unit: Unit(unit.into()),
        shape,
    })
}

fn fixed_by(
    selector: &crate::filter::Filter,
    definition: &AttributeDefinition,
) -> Result<Vec<(String, Json)>, TargetError> {
    selector
        .equalities()
        .ok_or(TargetError::Selector)?
        .into_iter()
        .map(|(path, literal)| {
            let value = match literal {
                Literal::Text(text) => Json::from(text.as_str()),
                Literal::Boolean(b) => Json::from(*b),
                Literal::Number(_) | Literal::Null => return Err(TargetError::Selector),
            };
            Ok((sub_of(definition, &path.name)?.name.clone(), value))
        })
        .collect()
}

fn sub_of<'a>(
    definition: &'a AttributeDefinition,
    name: &str,
) -> Result<&'a AttributeDefinition, TargetError> {
    definition.sub(name).ok_or_else(|| TargetError::Attribute {
        name: format!("{}.{name}", definition.name),
        known: definition
            .sub_attributes
            .iter()
            .map(|s| format!("{}.{}", definition.name, s.name))
            .collect(),
    })
}

fn names(definitions: &[AttributeDefinition]) -> Vec<String> {
    definitions.iter().map(|d| d.name.clone()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn target(kind: Kind, path: &str) -> Result<Target, TargetError> {
        Schemas::standard().target(kind, &Path::parse(path).unwrap())
    }

    #[test]
    fn paths_find_their_unit_in_the_schemas_spelling() {
        let unit = |path| target(Kind::User, path).unwrap().unit.as_str().to_owned();
        assert_eq!(unit("USERNAME"), "userName");
        assert_eq!(unit("name.givenname"), "name.givenName");
        assert_eq!(unit("emails[type eq \"work\"].value"), "emails");
        assert_eq!(
            unit("urn:ietf:params:scim:schemas:extension:enterprise:2.0:user:manager"),
            "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:manager.value"
        );
        assert_eq!(
            target(Kind::Group, "members").unwrap().shape,
            Shape::Members
        );
    }

    #[test]
    fn a_unit_knows_its_members() {
        let unit = Unit::from_canonical(
            "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:manager.value",
        );
        assert_eq!(
            unit.members().collect::<Vec<_>>(),
            [
                "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User",
                "manager",
                "value"
            ]
        );
    }

    #[test]
    fn mistakes_are_told() {
        for (path, part) in [
            ("name", "has parts"),
            ("emails.value", "is a list"),
            ("groups", "written by Rollcall"),
            ("mail", "no attribute `mail`"),
            ("userName[type eq \"x\"]", "brackets"),
            ("emails[value co \"x\"].value", "brackets"),
        ] {
            let error = target(Kind::User, path).unwrap_err().to_string();
            assert!(error.contains(part), "{path}: {error}");
        }
    }
}
