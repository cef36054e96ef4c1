//! How SCIM says no (RFC 7644 §3.12, table 9): one kind for everything in this package that
//! judges what a client sent.

use std::fmt;

/// The word by which a client's program tells one refusal from another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ScimType {
    /// The filter cannot be read, names an unknown attribute, or compares what cannot be.
    InvalidFilter,
    /// More than the server gives at once.
    TooMany,
    /// A value that another resource has.
    Uniqueness,
    /// A change of what cannot be changed.
    Mutability,
    /// The body has not the structure that it must have.
    InvalidSyntax,
    /// The path of a PATCH operation cannot be read or names nothing.
    InvalidPath,
    /// The path of a PATCH operation selects nothing that could be changed.
    NoTarget,
    /// A value is missing or of the wrong type.
    InvalidValue,
    /// Something that must not stand in a URL.
    Sensitive,
}

impl ScimType {
    /// The word of table 9.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::InvalidFilter => "invalidFilter",
            Self::TooMany => "tooMany",
            Self::Uniqueness => "uniqueness",
            Self::Mutability => "mutability",
            Self::InvalidSyntax => "invalidSyntax",
            Self::InvalidPath => "invalidPath",
            Self::NoTarget => "noTarget",
            Self::InvalidValue => "invalidValue",
            Self::Sensitive => "sensitive",
        }
    }

    /// The status that goes with it.
    #[must_use]
    pub fn status(self) -> u16 {
        match self {
            Self::Uniqueness => 409,
            Self::Sensitive => 403,
            _ => 400,
        }
    }
}

/// A refused request. Its text is the `detail` for the client.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// The kind.
    pub scim_type: ScimType,
    /// What is wrong, with the attribute's path, and what to do about it.
    pub detail: String,
    /// The operation of a PATCH that is to blame, counted from 0.
    pub operation: Option<usize>,
}

impl Refusal {
    /// A refusal of a whole request.
    #[must_use]
    pub fn new(scim_type: ScimType, detail: impl Into<String>) -> Self {
        Self {
            scim_type,
            detail: detail.into(),
            operation: None,
        }
    }

    pub(crate) fn value(detail: impl Into<String>) -> Self {
        Self::new(ScimType::InvalidValue, detail)
    }

    pub(crate) fn syntax(detail: impl Into<String>) -> Self {
        Self::new(ScimType::InvalidSyntax, detail)
    }

    pub(crate) fn filter(detail: impl Into<String>) -> Self {
        Self::new(ScimType::InvalidFilter, detail)
    }

    pub(crate) fn mutability(detail: impl Into<String>) -> Self {
        Self::new(ScimType::Mutability, detail)
    }

    /// The same, blamed on an operation.
    #[must_use]
    pub fn at(mut self, operation: usize) -> Self {
        self.operation = Some(operation);
        self
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.operation {
            Some(index) => write!(f, "operation {}: {}", index + 1, self.detail),
            None => f.write_str(&self.detail),
        }
    }
}

impl std::error::Error for Refusal {}
