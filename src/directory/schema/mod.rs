//! Schemas (RFC 7643 §7): which attributes a user or group has, and their rules.
//!
//! Everything that reads or writes a resource asks here: which attribute does a path mean
//! ([`Schemas::target`]), is it multi-valued, does its case matter, must it be unique.
//! The core schemas are built in; more can be registered.

mod core;
mod target;

pub use target::{Shape, Target, TargetError, Unit};

use crate::entry::Kind;

/// URN of the core user schema.
pub const USER: &str = "urn:ietf:params:scim:schemas:core:2.0:User";
/// URN of the core group schema.
pub const GROUP: &str = "urn:ietf:params:scim:schemas:core:2.0:Group";
/// URN of the enterprise user extension.
pub const ENTERPRISE_USER: &str = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";

/// The type of an attribute's values (RFC 7643 §2.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AttributeType {
    /// Text.
    String,
    /// `true` or `false`.
    Boolean,
    /// A number with a fraction.
    Decimal,
    /// A whole number.
    Integer,
    /// A date with time and zone (RFC 3339).
    DateTime,
    /// Octets in base64.
    Binary,
    /// The URI or id of another resource.
    Reference,
    /// An object of sub-attributes.
    Complex,
}

impl AttributeType {
    /// The word that RFC 7643 uses.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::String => "string",
            Self::Boolean => "boolean",
            Self::Decimal => "decimal",
            Self::Integer => "integer",
            Self::DateTime => "dateTime",
            Self::Binary => "binary",
            Self::Reference => "reference",
            Self::Complex => "complex",
        }
    }
}

/// Who may write an attribute, and when (RFC 7643 §2.2 `mutability`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mutability {
    /// Only Rollcall itself.
    ReadOnly,
    /// Sources and clients.
    ReadWrite,
    /// Once.
    Immutable,
    /// Written, never returned.
    WriteOnly,
}

/// When an attribute is part of an answer (RFC 7643 §2.2 `returned`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Returned {
    /// In each answer.
    Always,
    /// In none.
    Never,
    /// Unless left out on request.
    Default,
    /// Only on request.
    Request,
}

/// Whether a value may stand on two resources (RFC 7643 §2.2 `uniqueness`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Uniqueness {
    /// It may.
    None,
    /// Not within a tenant.
    Server,
}

/// One attribute of a schema.
#[derive(Debug, Clone)]
pub struct AttributeDefinition {
    /// Its name, in the schema's spelling.
    pub name: String,
    /// What it is, in one sentence.
    pub description: String,
    /// The type of its values.
    pub kind: AttributeType,
    /// Whether it is a list.
    pub multi_valued: bool,
    /// Whether a resource must have it.
    pub required: bool,
    /// Whether `A` and `a` are two values.
    pub case_exact: bool,
    /// Who may write it.
    pub mutability: Mutability,
    /// When it is returned.
    pub returned: Returned,
    /// Whether it is unique.
    pub uniqueness: Uniqueness,
    /// Of a complex attribute, else empty.
    pub sub_attributes: Vec<AttributeDefinition>,
}

impl AttributeDefinition {
    /// The sub-attribute of that name, in any case.
    #[must_use]
    pub fn sub(&self, name: &str) -> Option<&AttributeDefinition> {
        self.sub_attributes
            .iter()
            .find(|a| a.name.eq_ignore_ascii_case(name))
    }
}

/// A schema: a URN and its attributes.
#[derive(Debug, Clone)]
pub struct Schema {
    /// Its URN.
    pub id: String,
    /// A short name for people.
    pub name: String,
    /// What it is for.
    pub description: String,
    /// Its attributes.
    pub attributes: Vec<AttributeDefinition>,
}

impl Schema {
    /// The attribute of that name, in any case.
    #[must_use]
    pub fn attribute(&self, name: &str) -> Option<&AttributeDefinition> {
        self.attributes
            .iter()
            .find(|a| a.name.eq_ignore_ascii_case(name))
    }
}

/// The schemas of a tenant: for each kind one core schema and its extensions.
#[derive(Debug, Clone)]
pub struct Schemas {
    user: Vec<Schema>,
    group: Vec<Schema>,
}

impl Schemas {
    /// Core user, core group, enterprise user (RFC 7643 §4).
    #[must_use]
    pub fn standard() -> Self {
        Self {
            user: vec![core::user(), core::enterprise_user()],
            group: vec![core::group()],
        }
    }

    /// The core schema of `kind` first, then its extensions.
    #[must_use]
    pub fn of(&self, kind: Kind) -> &[Schema] {
        match kind {
            Kind::User => &self.user,
            Kind::Group => &self.group,
        }
    }
}
