//! A filter that is understood: its attributes are found in the schemas of a resource type,
//! its values have the attributes' types (RFC 7644 §3.4.2.2).
//!
//! What the RFC leaves open is decided here, once for the evaluator and for SQL:
//! - `ne` is `not (eq)`. So it holds where the attribute is absent, and on a multi-valued
//!   attribute where no value is equal.
//! - `eq null` is `not (pr)`, `ne null` is `pr`.
//! - A complex attribute without sub-attribute stands for its `value`, if it has one.
//! - `true` and `false` may be written as text, in any case.
//! - An attribute that is never returned cannot be asked about: the answer would tell it.

use time::OffsetDateTime;

use super::matches::fold;
use super::{Filter, Literal, Operator, Test};
use crate::instant::instant;
use crate::path::AttributePath;
use crate::refusal::Refusal;
use crate::schema::{AttributeDefinition, AttributeType, Found, Place, ResourceType, Returned};

/// See the module.
#[derive(Debug, Clone, PartialEq)]
pub enum Condition {
    /// All hold; of none, it does.
    And(Vec<Condition>),
    /// One of them holds.
    Or(Vec<Condition>),
    /// It does not hold.
    Not(Box<Condition>),
    /// The extension of that URN has a value.
    HasExtension(String),
    /// The attribute has a value.
    Present(Attribute),
    /// One of the attribute's values compares so. The operator is never `Ne`.
    Compare(Attribute, Operator, Operand),
    /// One value of a multi-valued attribute fulfils the condition, whose attributes are
    /// that value's sub-attributes.
    Values(Attribute, Box<Condition>),
}

/// An attribute in the schema's spelling, with what matters for comparing it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attribute {
    /// URN of the extension that it belongs to.
    pub extension: Option<String>,
    /// Its name; within brackets a sub-attribute's.
    pub name: String,
    /// Its sub-attribute.
    pub sub: Option<String>,
    /// The type of the last of these.
    pub kind: AttributeType,
    /// Whether the case of the last of these matters.
    pub case_exact: bool,
    /// Whether the attribute, or the sub-attribute, is a list.
    pub multi_valued: bool,
}

/// What an attribute is compared with, in the attribute's type.
#[derive(Debug, Clone, PartialEq)]
pub enum Operand {
    /// Text; folded ([`fold`]) where the attribute's case does not matter.
    Text(String),
    /// `true` or `false`.
    Boolean(bool),
    /// A number.
    Number(serde_json::Number),
    /// An instant.
    Instant(OffsetDateTime),
}

impl Attribute {
    fn of(found: &Found<'_>) -> Self {
        Self {
            extension: found.extension.map(str::to_owned),
            name: found.attribute.name.clone(),
            sub: found.sub.map(|sub| sub.name.clone()),
            kind: found.last().kind,
            case_exact: found.last().case_exact,
            multi_valued: found.attribute.multi_valued || found.last().multi_valued,
        }
    }

    /// Its path: `emails.value`.
    #[must_use]
    pub fn path(&self) -> String {
        AttributePath {
            schema: self.extension.clone(),
            name: self.name.clone(),
            sub: self.sub.clone(),
        }
        .to_string()
    }
}

impl Filter {
    /// Understands the filter for resources of a type. A refusal is `invalidFilter`.
    pub fn resolve(&self, resource_type: &ResourceType) -> Result<Condition, Refusal> {
        resolve(self, &Scope::Resource(resource_type))
    }

    /// Understands a filter in brackets, for the values of `attribute`.
    pub fn resolve_within(&self, attribute: &AttributeDefinition) -> Result<Condition, Refusal> {
        resolve(self, &Scope::Values(attribute))
    }
}

/// Whose attributes a filter names.
enum Scope<'r> {
    Resource(&'r ResourceType),
    Values(&'r AttributeDefinition),
}

impl<'r> Scope<'r> {
    fn place(&self, path: &AttributePath) -> Result<Place<'r>, Refusal> {
        match self {
            Self::Resource(resource_type) => resource_type
                .place(path)
                .map_err(|unknown| Refusal::filter(unknown.to_string())),
            Self::Values(attribute) => {
                let sub = attribute
                    .sub(&path.name)
                    .filter(|_| path.schema.is_none() && path.sub.is_none())
                    // The values of a simple list are asked about as `value`.
                    .or_else(|| {
                        let simple = attribute.kind != AttributeType::Complex;
                        (simple && path.name.eq_ignore_ascii_case("value")).then_some(*attribute)
                    });
                let attribute = sub.ok_or_else(|| {
                    Refusal::filter(format!(
                        "values of {} have no sub-attribute `{path}`",
                        attribute.name
                    ))
                })?;
                Ok(Place::Attribute(Found {
                    extension: None,
                    attribute,
                    sub: None,
                }))
            }
        }
    }
}

fn resolve(filter: &Filter, scope: &Scope<'_>) -> Result<Condition, Refusal> {
    let each = |filters: &[Filter]| {
        let conditions = filters.iter().map(|inner| resolve(inner, scope));
        conditions.collect::<Result<Vec<_>, _>>()
    };
    match filter {
        Filter::And(all) => Ok(Condition::And(each(all)?)),
        Filter::Or(any) => Ok(Condition::Or(each(any)?)),
        Filter::Not(inner) => Ok(not(resolve(inner, scope)?)),
        Filter::Attribute(path, test) => match scope.place(path)? {
            Place::Attribute(found) => tested(found, test, scope),
            Place::Extension(_) | Place::Resource if *test != Test::Present => {
                Err(Refusal::filter(format!(
                    "`{path}` is a schema: only `pr` can be asked of it"
                )))
            }
            Place::Extension(extension) => Ok(Condition::HasExtension(extension.schema.id.clone())),
            Place::Resource => Ok(Condition::And(Vec::new())),
        },
        Filter::Values(path, inner, test) => values(path, inner, test.as_ref(), scope),
    }
}

fn values(
    path: &AttributePath,
    inner: &Filter,
    test: Option<&Test>,
    scope: &Scope<'_>,
) -> Result<Condition, Refusal> {
    let whole = AttributePath {
        sub: None,
        ..path.clone()
    };
    let (Scope::Resource(_), Place::Attribute(found)) = (scope, scope.place(&whole)?) else {
        return Err(Refusal::filter(format!(
            "`{whole}` cannot stand before brackets"
        )));
    };
    if found.attribute.kind != AttributeType::Complex && !found.attribute.multi_valued {
        return Err(Refusal::filter(format!(
            "`{}` has one simple value: brackets belong behind a list",
            found.path()
        )));
    }
    let mut condition = inner.resolve_within(found.attribute)?;
    if let (Some(test), Some(sub)) = (test, &path.sub) {
        let behind = Filter::Attribute(AttributePath::of(sub), test.clone());
        condition = Condition::And(vec![condition, behind.resolve_within(found.attribute)?]);
    }
    Ok(Condition::Values(
        Attribute::of(&found),
        Box::new(condition),
    ))
}

fn not(condition: Condition) -> Condition {
    Condition::Not(Box::new(condition))
}

fn tested(found: Found<'_>, test: &Test, scope: &Scope<'_>) -> Result<Condition, Refusal> {
    if found.last().returned == Returned::Never || found.attribute.returned == Returned::Never {
        return Err(Refusal::filter(format!(
            "`{}` is never returned and cannot be asked about",
            found.path()
        )));
    }
    let (operator, literal) = match test {
        Test::Present => return Ok(Condition::Present(Attribute::of(&found))),
        Test::Compare(operator, literal) => (*operator, literal),
    };
    if *literal == Literal::Null {
        let present = Condition::Present(Attribute::of(&found));
        return match operator {
            Operator::Eq => Ok(not(present)),
            Operator::Ne => Ok(present),
            _ => Err(Refusal::filter("null can only be compared by eq and ne")),
        };
    }
    let found = comparable(found, scope)?;
    let attribute = Attribute::of(&found);
    let operand = operand(&attribute, operator, literal)?;
    Ok(match operator {
        Operator::Ne => not(Condition::Compare(attribute, Operator::Eq, operand)),
        operator => Condition::Compare(attribute, operator, operand),
    })
}

/// A complex attribute stands for its `value`.
fn comparable<'r>(found: Found<'r>, scope: &Scope<'_>) -> Result<Found<'r>, Refusal> {
    if found.last().kind != AttributeType::Complex {
        return Ok(found);
    }
    if let (Scope::Resource(_), Some(value)) = (scope, found.attribute.sub("value")) {
        return Ok(Found {
            sub: Some(value),
            ..found
        });
    }
    let parts: Vec<&str> = found
        .attribute
        .sub_attributes
        .iter()
        .map(|sub| sub.name.as_str())
        .collect();
    Err(Refusal::filter(format!(
        "`{}` has parts: compare one of {}",
        found.path(),
        parts.join(", ")
    )))
}

fn operand(
    attribute: &Attribute,
    operator: Operator,
    literal: &Literal,
) -> Result<Operand, Refusal> {
    use AttributeType::{Binary, Boolean, Complex, DateTime, Decimal, Integer, Reference, String};
    let refuse = |what: &str| Refusal::filter(format!("`{}` {what}", attribute.path()));
    let is_order = matches!(
        operator,
        Operator::Gt | Operator::Ge | Operator::Lt | Operator::Le
    );
    let is_part = matches!(operator, Operator::Co | Operator::Sw | Operator::Ew);
    match attribute.kind {
        Boolean if is_order || is_part => {
            return Err(refuse(
                "is a boolean: only eq, ne and pr can be asked of it",
            ));
        }
        Binary if is_order => {
            return Err(refuse("is binary: it has no order"));
        }
        Integer | Decimal | DateTime if is_part => {
            return Err(refuse("is no text: co, sw and ew cannot be asked of it"));
        }
        _ => {}
    }
    match (attribute.kind, literal) {
        (String | Reference | Binary, Literal::Text(text)) if text.contains('\0') => {
            Err(refuse("cannot hold the character U+0000"))
        }
        (String | Reference | Binary, Literal::Text(text)) => {
            Ok(Operand::Text(if attribute.case_exact {
                text.clone()
            } else {
                fold(text).into_owned()
            }))
        }
        (String | Reference | Binary | Complex, _) => {
            Err(refuse("is text: compare it with a text in double quotes"))
        }
        (Boolean, Literal::Boolean(wanted)) => Ok(Operand::Boolean(*wanted)),
        (Boolean, Literal::Text(text)) if text.eq_ignore_ascii_case("true") => {
            Ok(Operand::Boolean(true))
        }
        (Boolean, Literal::Text(text)) if text.eq_ignore_ascii_case("false") => {
            Ok(Operand::Boolean(false))
        }
        (Boolean, _) => Err(refuse("is a boolean: compare it with true or false")),
        (Integer | Decimal, Literal::Number(number)) => Ok(Operand::Number(number.clone())),
        (Integer | Decimal, _) => Err(refuse("is a number: compare it with a number")),
        (DateTime, Literal::Text(text)) => instant(text).map(Operand::Instant).ok_or_else(|| {
            refuse("is an instant: compare it with one such as \"2026-03-01T12:00:00Z\"")
        }),
        (DateTime, _) => Err(refuse(
            "is an instant: compare it with one such as \"2026-03-01T12:00:00Z\"",
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::refusal::ScimType;
    use crate::schema::Registry;

    fn refused(filter: &str) -> String {
        let registry = Registry::standard();
        let user = registry.resource_type("User").unwrap();
        let refusal = Filter::parse(filter).unwrap().resolve(user).unwrap_err();
        assert_eq!(refusal.scim_type, ScimType::InvalidFilter);
        refusal.detail
    }

    #[test]
    fn an_unknown_attribute_is_refused_never_ignored() {
        assert!(refused(r#"mail eq "x""#).contains("no attribute `mail`"));
        assert!(refused(r#"emails[kind eq "x"]"#).contains("no sub-attribute `kind`"));
        assert!(refused("urn:x:User:a pr").contains("no attribute"));
    }

    #[test]
    fn what_cannot_be_compared_is_refused() {
        for (filter, why) in [
            ("active gt true", "only eq, ne and pr"),
            (r#"active eq "maybe""#, "with true or false"),
            (r#"x509Certificates.value gt "AA""#, "has no order"),
            (r#"meta.created co "2026""#, "is no text"),
            (r#"meta.created gt "yesterday""#, "is an instant"),
            ("userName eq 1", "double quotes"),
            (r#"name eq "Ada""#, "has parts"),
            (r#"addresses co "x""#, "has parts"),
            ("title gt null", "only be compared by eq and ne"),
            (r#"userName[value eq "x"]"#, "one simple value"),
            (r#"emails[type[a eq "x"]]"#, "cannot stand before brackets"),
            (r#"title eq "a\u0000b""#, "U+0000"),
        ] {
            assert!(
                refused(filter).contains(why),
                "{filter}: {}",
                refused(filter)
            );
        }
    }

    #[test]
    fn a_password_cannot_be_guessed_by_filters() {
        assert!(refused(r#"password sw "a""#).contains("never returned"));
        assert!(refused("password pr").contains("never returned"));
    }
}
