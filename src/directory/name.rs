//! The names under which entries of one source refer to each other: a `member` value
//! names a DN, a `memberUid` value names a `uid`, an HR record's manager names a key.
//!
//! Names are compared as 128-bit hashes of their space and normal form, so that an index
//! row has the same small size whatever the length of a DN.

use serde::{Deserialize, Serialize};

use crate::entry::{EntryKey, Kind, Locator};
use crate::fingerprint::Fingerprint;
use crate::schema::Unit;

/// What kind of name a reference uses.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Space {
    /// A distinguished name, compared by RFC 4514.
    Dn,
    /// The key of an entry of that kind.
    Key(Kind),
    /// The value of an attribute that the entry carries, ignoring case: its folded name.
    Attribute(String),
}

/// A name in a space.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Name {
    /// The space.
    pub space: Space,
    /// The name as the source wrote it, for people.
    pub text: String,
}

/// The hash of a name's space and normal form.
pub type NameHash = Fingerprint;

impl Name {
    /// What the name is compared by.
    #[must_use]
    pub fn hash(&self) -> NameHash {
        match &self.space {
            Space::Dn => Fingerprint::of_parts([
                b"dn".as_slice(),
                crate::dn::normalised(&self.text).as_bytes(),
            ]),
            Space::Key(kind) => Fingerprint::of_parts([
                b"key",
                kind.as_str().as_bytes(),
                self.text.trim().as_bytes(),
            ]),
            Space::Attribute(attribute) => Fingerprint::of_parts([
                b"attribute",
                attribute.as_bytes(),
                self.text.trim().to_lowercase().as_bytes(),
            ]),
        }
    }

    /// The name that an entry has by its place, if its place is a DN.
    #[must_use]
    pub fn of_locator(locator: &Locator) -> Option<Self> {
        match locator {
            Locator::Dn(dn) => Some(Self {
                space: Space::Dn,
                text: dn.clone(),
            }),
            Locator::Line(_) | Locator::Item(_) => None,
        }
    }

    /// The name that an entry has by its key.
    #[must_use]
    pub fn of_key(kind: Kind, key: &EntryKey) -> Self {
        Self {
            space: Space::Key(kind),
            text: key.as_str().to_owned(),
        }
    }
}

/// One entry's mention of another.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Reference {
    /// What it feeds: `members`, or `urn:…:User:manager.value`.
    pub unit: Unit,
    /// Whom it names.
    pub name: Name,
}
