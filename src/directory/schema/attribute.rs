//! One attribute of a schema and its characteristics (RFC 7643 §2.2, §2.3, §7).

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
    /// All of them, in the order of RFC 7643 §2.3.
    pub const ALL: [Self; 8] = [
        Self::String,
        Self::Boolean,
        Self::Decimal,
        Self::Integer,
        Self::DateTime,
        Self::Binary,
        Self::Reference,
        Self::Complex,
    ];

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

impl Mutability {
    /// All of them.
    pub const ALL: [Self; 4] = [
        Self::ReadOnly,
        Self::ReadWrite,
        Self::Immutable,
        Self::WriteOnly,
    ];

    /// The word that RFC 7643 uses.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::ReadOnly => "readOnly",
            Self::ReadWrite => "readWrite",
            Self::Immutable => "immutable",
            Self::WriteOnly => "writeOnly",
        }
    }
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

impl Returned {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Always, Self::Never, Self::Default, Self::Request];

    /// The word that RFC 7643 uses.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Always => "always",
            Self::Never => "never",
            Self::Default => "default",
            Self::Request => "request",
        }
    }
}

/// Whether a value may stand on two resources (RFC 7643 §2.2 `uniqueness`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Uniqueness {
    /// It may.
    None,
    /// Not within a tenant.
    Server,
    /// Nowhere in the world. Rollcall can only hold it within a tenant.
    Global,
}

impl Uniqueness {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::None, Self::Server, Self::Global];

    /// The word that RFC 7643 uses.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Server => "server",
            Self::Global => "global",
        }
    }
}

/// One attribute of a schema.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "RFC 7643 §7 has these characteristics, each true or false"
)]
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
    /// Values that are suggested, such as `work` and `home`; others are allowed.
    pub canonical_values: Vec<String>,
    /// Of a reference: names of resource types, `external` or `uri` (RFC 7643 §7).
    pub reference_types: Vec<String>,
    /// Whether the store keeps an index of its values. Rollcall's own characteristic:
    /// read from `"indexed": true`, not shown to clients.
    pub indexed: bool,
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

    /// Whether it is a single value that names another resource (`manager`): complex, with
    /// `value` and `$ref`. Of such a one only `value` is kept; the URI follows from it.
    #[must_use]
    pub fn is_reference(&self) -> bool {
        self.sub("value").is_some() && self.sub("$ref").is_some()
    }

    /// Whether only Rollcall writes it.
    #[must_use]
    pub fn is_read_only(&self) -> bool {
        self.mutability == Mutability::ReadOnly
    }
}
