//! Schemas (RFC 7643 §7): which attributes a user or group has, and their rules.
//!
//! Everything that reads or writes a resource asks here: which attribute does a path mean
//! ([`ResourceType::place`] for clients, [`Schemas::target`] for sources), is it multi-valued,
//! does its case matter, must it be unique. The schemas of RFC 7643 and Rollcall's own are
//! built in; more can be added to a [`Registry`].

mod attribute;
mod build;
mod common;
mod core;
mod identity;
mod indexed;
mod json;
mod registry;
mod resource_type;
mod target;

pub use attribute::{AttributeDefinition, AttributeType, Mutability, Returned, Uniqueness};
pub use common::{common_attribute, common_attributes};
pub use indexed::IndexedAttribute;
pub use json::SchemaError;
pub use registry::{Registry, RegistryError};
pub use resource_type::{Extension, Found, Place, ResourceType, Unknown};
pub use target::{Shape, Target, TargetError, Unit};

use std::collections::BTreeMap;

use crate::entry::Kind;

/// URN of the core user schema.
pub const USER: &str = "urn:ietf:params:scim:schemas:core:2.0:User";
/// URN of the core group schema.
pub const GROUP: &str = "urn:ietf:params:scim:schemas:core:2.0:Group";
/// URN of the enterprise user extension.
pub const ENTERPRISE_USER: &str = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";
/// URN of Rollcall's own extension of users, for customer identity.
pub const IDENTITY_USER: &str = "urn:rollcall:scim:schemas:extension:identity:1.0:User";

/// A schema: a URN and its attributes.
#[derive(Debug, Clone, PartialEq, Eq)]
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

/// The schemas of a tenant: for each kind one core schema and its extensions. A kind that is
/// not registered has none.
#[derive(Debug, Clone)]
pub struct Schemas {
    user: Vec<Schema>,
    group: Vec<Schema>,
    custom: BTreeMap<Kind, Vec<Schema>>,
}

impl Schemas {
    /// Core user, core group, enterprise user (RFC 7643 §4), and Rollcall's own extension.
    #[must_use]
    pub fn standard() -> Self {
        Self {
            user: vec![
                core::user(),
                core::enterprise_user(),
                identity::identity_user(),
            ],
            group: vec![core::group()],
            custom: BTreeMap::new(),
        }
    }

    /// The core schema of `kind` first, then its extensions.
    #[must_use]
    pub fn of(&self, kind: Kind) -> &[Schema] {
        match kind {
            Kind::User => &self.user,
            Kind::Group => &self.group,
            Kind::Custom(_) => self.custom.get(&kind).map_or(&[], Vec::as_slice),
        }
    }
}
