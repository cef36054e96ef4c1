//! A password on its way to being hashed. It is no part of a document, and nothing prints it.

use std::fmt;

use serde_json::Value as Json;

use crate::refusal::Refusal;

/// What a request does to the password.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum PasswordChange {
    /// Nothing.
    #[default]
    Keep,
    /// Sets it.
    Set(Password),
    /// Takes it away: only where a PATCH removes it by name.
    Clear,
}

/// A password in the clear.
#[derive(Clone, PartialEq, Eq)]
pub struct Password(String);

impl Password {
    /// The password, to be hashed.
    #[must_use]
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Password(…)")
    }
}

impl PasswordChange {
    /// `null` and the empty text change nothing: clients send them for what they do not know.
    pub(crate) fn read(value: Json) -> Result<Self, Refusal> {
        match value {
            Json::Null => Ok(Self::Keep),
            Json::String(text) if text.is_empty() => Ok(Self::Keep),
            Json::String(text) => Ok(Self::Set(Password(text))),
            _ => Err(Refusal::value("`password` must be a text")),
        }
    }
}
