//! Attributes that every resource has, whatever its schema (RFC 7643 §3, §3.1): `schemas`,
//! `id`, `externalId`, `meta`. They are part of no schema and not shown at `/Schemas`.

use std::sync::LazyLock;

use super::AttributeDefinition;
use super::AttributeType::{Complex, DateTime, Reference};
use super::build::{attribute, text};
use super::{Returned, Uniqueness};

static COMMON: LazyLock<Vec<AttributeDefinition>> = LazyLock::new(|| {
    let mut schemas = attribute("schemas", Reference, "URNs of the schemas in use.")
        .list()
        .read_only();
    schemas.returned = Returned::Always;
    let mut id = text("id", "The identifier that Rollcall gave.")
        .case_exact()
        .read_only();
    id.returned = Returned::Always;
    id.uniqueness = Uniqueness::Server;
    let external_id = text(
        "externalId",
        "The identifier that the source or the client gave.",
    )
    .case_exact();
    let meta = attribute("meta", Complex, "About the resource itself.")
        .read_only()
        .with(vec![
            text("resourceType", "The name of the resource type.")
                .case_exact()
                .read_only(),
            attribute("created", DateTime, "When it was made.").read_only(),
            attribute("lastModified", DateTime, "When it was last changed.").read_only(),
            attribute("location", Reference, "Its URI.")
                .case_exact()
                .read_only(),
            text("version", "Its version, as an entity tag.")
                .case_exact()
                .read_only(),
        ]);
    vec![schemas, id, external_id, meta]
});

/// The common attributes.
#[must_use]
pub fn common_attributes() -> &'static [AttributeDefinition] {
    &COMMON
}

/// The common attribute of that name, in any case.
#[must_use]
pub fn common_attribute(name: &str) -> Option<&'static AttributeDefinition> {
    COMMON.iter().find(|a| a.name.eq_ignore_ascii_case(name))
}
