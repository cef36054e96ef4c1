//! What an entry or a resource is: a person, a group, or of a type that an administrator has
//! registered.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::{Mutex, PoisonError};

use serde::{Deserialize, Serialize};

/// Whether an entry or a resource is a person, a group, or something else.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(from = "String", into = "&'static str")]
pub enum Kind {
    /// A person: SCIM resource type `User`.
    User,
    /// A group: SCIM resource type `Group`.
    Group,
    /// A resource type that was registered. Only clients that push write such resources.
    Custom(TypeWord),
}

/// The name of a registered resource type in lower case: `agent`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TypeWord(&'static str);

/// Each word once, for as long as the process lives: there are as many as there are types.
static WORDS: Mutex<BTreeSet<&'static str>> = Mutex::new(BTreeSet::new());

impl Kind {
    /// The kind of the resource type of this name, in whatever case. Not for what clients
    /// send: each new name is kept for ever.
    #[must_use]
    pub fn of_type(name: &str) -> Self {
        let word = name.to_ascii_lowercase();
        match word.as_str() {
            "user" => Self::User,
            "group" => Self::Group,
            _ => Self::Custom(TypeWord::of(word)),
        }
    }

    /// The word used in files, messages and the store.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::User => "user",
            Self::Group => "group",
            Self::Custom(word) => word.0,
        }
    }

    /// The attribute by which people know its resources.
    #[must_use]
    pub fn name_attribute(self) -> &'static str {
        match self {
            Self::User => "userName",
            Self::Group | Self::Custom(_) => "displayName",
        }
    }
}

impl TypeWord {
    /// The word.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        self.0
    }

    fn of(word: String) -> Self {
        let mut words = WORDS.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = words.get(word.as_str()) {
            return Self(known);
        }
        let word: &'static str = Box::leak(word.into_boxed_str());
        words.insert(word);
        Self(word)
    }
}

impl From<String> for Kind {
    fn from(word: String) -> Self {
        Self::of_type(&word)
    }
}

impl From<Kind> for &'static str {
    fn from(kind: Kind) -> Self {
        kind.as_str()
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_kind_is_its_word() {
        for (name, word) in [("User", "user"), ("GROUP", "group"), ("Agent", "agent")] {
            let kind = Kind::of_type(name);
            assert_eq!(kind.as_str(), word);
            assert_eq!(kind, Kind::of_type(word));
            let json = serde_json::to_string(&kind).unwrap();
            assert_eq!(json, format!("\"{word}\""));
            assert_eq!(serde_json::from_str::<Kind>(&json).unwrap(), kind);
        }
    }
}
