//! Words to write the built-in schemas with.

use super::{AttributeDefinition, AttributeType, Mutability, Returned, Uniqueness};

pub(super) fn attribute(name: &str, kind: AttributeType, description: &str) -> AttributeDefinition {
    AttributeDefinition {
        name: name.to_owned(),
        description: description.to_owned(),
        kind,
        multi_valued: false,
        required: false,
        case_exact: false,
        mutability: Mutability::ReadWrite,
        returned: Returned::Default,
        uniqueness: Uniqueness::None,
        canonical_values: Vec::new(),
        reference_types: Vec::new(),
        indexed: false,
        sub_attributes: Vec::new(),
    }
}

pub(super) fn text(name: &str, description: &str) -> AttributeDefinition {
    attribute(name, AttributeType::String, description)
}

/// A URI of resources of these types (or `external`, `uri`).
pub(super) fn reference(name: &str, types: &[&str], description: &str) -> AttributeDefinition {
    let mut reference = attribute(name, AttributeType::Reference, description).case_exact();
    reference.reference_types = owned(types);
    reference
}

/// A multi-valued complex attribute with the usual sub-attributes (RFC 7643 §2.4).
pub(super) fn values_of(
    name: &str,
    value: AttributeDefinition,
    types: &[&str],
    description: &str,
) -> AttributeDefinition {
    attribute(name, AttributeType::Complex, description)
        .list()
        .with(vec![
            value,
            text("display", "How the value is shown to people."),
            text("type", "What the value is for.").suggesting(types),
            attribute(
                "primary",
                AttributeType::Boolean,
                "The preferred value; at most one is.",
            ),
        ])
}

impl AttributeDefinition {
    pub(super) fn list(mut self) -> Self {
        self.multi_valued = true;
        self
    }
    pub(super) fn required(mut self) -> Self {
        self.required = true;
        self
    }
    pub(super) fn case_exact(mut self) -> Self {
        self.case_exact = true;
        self
    }
    pub(super) fn read_only(mut self) -> Self {
        self.mutability = Mutability::ReadOnly;
        self
    }
    /// Names of others, which cost a look at each of them.
    pub(super) fn on_request(mut self) -> Self {
        self.returned = Returned::Request;
        self
    }
    pub(super) fn immutable(mut self) -> Self {
        self.mutability = Mutability::Immutable;
        self
    }
    pub(super) fn unique(mut self) -> Self {
        self.uniqueness = Uniqueness::Server;
        self
    }
    pub(super) fn suggesting(mut self, values: &[&str]) -> Self {
        self.canonical_values = owned(values);
        self
    }
    pub(super) fn with(mut self, sub_attributes: Vec<AttributeDefinition>) -> Self {
        self.sub_attributes = sub_attributes;
        self
    }
}

fn owned(texts: &[&str]) -> Vec<String> {
    texts.iter().map(|text| (*text).to_owned()).collect()
}
