//! Profiles: what single identity providers spell in their own way, put right before the
//! RFC's rules see it. Each function is pure and tells which quirks it met, for the request
//! inspector.
//!
//! What can be understood from a value's type (`"True"`, a manager as text, one object for
//! a list, names that are paths) is not a profile's business: [`crate::value`] and
//! [`crate::patch`] understand it from whomever, with a warning, unless the profile is
//! strict.

mod quirks;
#[cfg(test)]
mod tests;

use serde_json::Value as Json;

use crate::schema::ResourceType;
use crate::warning::Strictness;

pub use quirks::{
    EMPTY_TEXT, FOREIGN_SCHEMA, LEGACY_URN, LONE_OPERATION, MANAGER_ID, PATCH_WITHOUT_SCHEMAS,
    Quirk,
};

/// What kind of client a connection serves.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Profile {
    /// Microsoft Entra ID.
    Entra,
    /// Okta.
    Okta,
    /// `OneLogin`.
    OneLogin,
    /// `JumpCloud`.
    JumpCloud,
    /// Any of them, or another.
    #[default]
    Generic,
    /// One that keeps to the RFC; what is odd is refused.
    Strict,
}

/// A body, put right.
#[derive(Debug, Clone, PartialEq)]
pub struct Normalised {
    /// The body for [`crate::resource`] or [`crate::patch`].
    pub body: Json,
    /// The quirks that were met, each once.
    pub quirks: Vec<Quirk>,
}

impl Profile {
    /// All of them.
    pub const ALL: [Self; 6] = [
        Self::Entra,
        Self::Okta,
        Self::OneLogin,
        Self::JumpCloud,
        Self::Generic,
        Self::Strict,
    ];

    /// Its name in configuration.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Entra => "entra",
            Self::Okta => "okta",
            Self::OneLogin => "onelogin",
            Self::JumpCloud => "jumpcloud",
            Self::Generic => "generic",
            Self::Strict => "strict",
        }
    }

    /// The profile of that name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|profile| profile.as_str() == name)
    }

    /// Whether what is odd is accepted.
    #[must_use]
    pub fn strictness(self) -> Strictness {
        match self {
            Self::Strict => Strictness::Strict,
            _ => Strictness::Lenient,
        }
    }

    /// Whether a PATCH of a group is best answered without a body: Entra ID advises it.
    #[must_use]
    pub fn prefers_no_content_for_groups(self) -> bool {
        self == Self::Entra
    }

    /// The quirks that it puts right.
    #[must_use]
    pub fn quirks(self) -> &'static [Quirk] {
        match self {
            Self::Entra => &[FOREIGN_SCHEMA, PATCH_WITHOUT_SCHEMAS],
            Self::Okta | Self::JumpCloud => &[EMPTY_TEXT],
            Self::OneLogin => &[LEGACY_URN, MANAGER_ID, EMPTY_TEXT],
            Self::Generic => &[
                LEGACY_URN,
                FOREIGN_SCHEMA,
                MANAGER_ID,
                EMPTY_TEXT,
                PATCH_WITHOUT_SCHEMAS,
                LONE_OPERATION,
            ],
            Self::Strict => &[],
        }
    }

    /// Puts the body of a POST or PUT right.
    #[must_use]
    pub fn resource(self, resource_type: &ResourceType, body: Json) -> Normalised {
        self.normalise(resource_type, body, false)
    }

    /// Puts the body of a PATCH right.
    #[must_use]
    pub fn patch(self, resource_type: &ResourceType, body: Json) -> Normalised {
        self.normalise(resource_type, body, true)
    }

    fn normalise(self, resource_type: &ResourceType, mut body: Json, is_patch: bool) -> Normalised {
        let mut met = Vec::new();
        for quirk in self.quirks() {
            if quirk.applies(is_patch) && quirk.put_right(resource_type, &mut body) {
                met.push(*quirk);
            }
        }
        Normalised { body, quirks: met }
    }
}
