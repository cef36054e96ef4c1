//! What a connector reads, before any mapping: one raw record of a source.
//!
//! An [`Entry`] has a key that survives renames, a place where it was found (its
//! [`Locator`]), a kind, and multi-valued attributes. Nothing here knows SCIM.

use std::cmp::Ordering;
use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

pub use crate::kind::Kind;

/// The identity of an entry within its source and kind: never empty, without NUL,
/// at most [`EntryKey::BYTES_MAX`] bytes.
///
/// Binary identities are text by the time they are a key: `objectGUID` in its usual
/// hyphenated form, other octets in hexadecimal.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct EntryKey(Arc<str>);

/// Why a text cannot be an [`EntryKey`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum EntryKeyError {
    /// Nothing but white space.
    #[error("the key is empty")]
    Empty,
    /// Longer than [`EntryKey::BYTES_MAX`].
    #[error("the key is longer than {} bytes", EntryKey::BYTES_MAX)]
    TooLong,
    /// Contains NUL, which PostgreSQL cannot store.
    #[error("the key contains a NUL character")]
    Nul,
    /// Several values, or an object: which one it is could change from read to read.
    #[error("the key is not a single value")]
    NotSingle,
}

impl EntryKey {
    /// The longest key, in bytes: it must fit an index row of every database.
    pub const BYTES_MAX: usize = 1024;

    /// Trims `text` and checks it.
    pub fn new(text: &str) -> Result<Self, EntryKeyError> {
        let text = text.trim();
        if text.is_empty() {
            return Err(EntryKeyError::Empty);
        }
        if text.len() > Self::BYTES_MAX {
            return Err(EntryKeyError::TooLong);
        }
        if text.contains('\0') {
            return Err(EntryKeyError::Nul);
        }
        Ok(Self(text.into()))
    }

    /// The key as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for EntryKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl TryFrom<String> for EntryKey {
    type Error = EntryKeyError;
    fn try_from(text: String) -> Result<Self, Self::Error> {
        Self::new(&text)
    }
}

impl From<EntryKey> for String {
    fn from(key: EntryKey) -> Self {
        key.as_str().to_owned()
    }
}

/// Where an entry was found, in the words that its administrator knows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Locator {
    /// A distinguished name (RFC 4514) as the server wrote it. Part of the fingerprint,
    /// since other entries refer to it.
    Dn(String),
    /// A line of a file, counted from 1. Not part of the fingerprint.
    Line(u64),
    /// An item of an HTTP answer: the page's URL without its query, and the item's place.
    Item(String),
}

impl fmt::Display for Locator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Dn(dn) => f.write_str(dn),
            Self::Line(line) => write!(f, "line {line}"),
            Self::Item(item) => f.write_str(item),
        }
    }
}

/// One value of an attribute.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Value {
    /// Text: what most values are. Numbers and booleans of JSON are text too.
    Text(String),
    /// Octets that are no text: `objectGUID`, photos, certificates.
    Bytes(Vec<u8>),
    /// An object or an array of an array-valued JSON member, as compact JSON text with
    /// its members sorted by name (so that equal values are equal bytes).
    Json(String),
}

impl Value {
    /// The value as text, if it is text.
    #[must_use]
    pub fn as_text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            Self::Bytes(_) | Self::Json(_) => None,
        }
    }

    /// The value's octets.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        match self {
            Self::Text(text) | Self::Json(text) => text.as_bytes(),
            Self::Bytes(bytes) => bytes,
        }
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

/// An attribute: its name and its values, a set in ascending order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attribute {
    /// The name as the mapping spells it where it asked for it, else as the source does.
    pub name: Arc<str>,
    /// Sorted, without duplicates. May be empty: the source says that there is none.
    pub values: Vec<Value>,
}

/// The attributes of an entry, sorted by folded name, each name once.
///
/// Values are sets: they are sorted and deduplicated here, once, so that neither the
/// fingerprint nor a mapping can depend on the order in which a server lists them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attributes {
    list: Vec<Attribute>,
    names_ignore_case: bool,
}

impl Attributes {
    /// Puts `list` in order. Attributes of one name are joined. Empty texts are dropped.
    #[must_use]
    pub fn new(mut list: Vec<Attribute>, names_ignore_case: bool) -> Self {
        let order = |a: &str, b: &str| Self::order(a, b, names_ignore_case);
        list.sort_by(|a, b| order(&a.name, &b.name));
        list.dedup_by(|later, first| {
            let same = order(&later.name, &first.name).is_eq();
            if same {
                first.values.append(&mut later.values);
            }
            same
        });
        for attribute in &mut list {
            attribute.values.retain(|v| !v.as_bytes().is_empty());
            if attribute.values.len() > 1 {
                attribute.values.sort_unstable();
                attribute.values.dedup();
            }
        }
        Self {
            list,
            names_ignore_case,
        }
    }

    /// The order of two attributes' names.
    #[must_use]
    #[inline]
    pub fn order(a: &str, b: &str, names_ignore_case: bool) -> Ordering {
        if !names_ignore_case {
            return a.cmp(b);
        }
        for (a, b) in a.bytes().zip(b.bytes()) {
            let order = a.to_ascii_lowercase().cmp(&b.to_ascii_lowercase());
            if order.is_ne() {
                return order;
            }
        }
        a.len().cmp(&b.len())
    }

    /// The values of `name`; `None` when the entry does not carry the attribute.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&[Value]> {
        self.list
            .iter()
            .find(|a| self.same_name(&a.name, name))
            .map(|a| a.values.as_slice())
    }

    /// All attributes in order of their names.
    pub fn iter(&self) -> impl Iterator<Item = &Attribute> {
        self.list.iter()
    }

    /// Whether names differ only by more than ASCII case (LDAP), or at all (JSON, CSV).
    #[must_use]
    pub fn names_ignore_case(&self) -> bool {
        self.names_ignore_case
    }

    fn same_name(&self, a: &str, b: &str) -> bool {
        a == b || (self.names_ignore_case && a.eq_ignore_ascii_case(b))
    }
}

/// One raw record of a source.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Its identity, or why it has none: such an entry is quarantined, and a read that
    /// met one is incomplete (nobody can tell whose record it was).
    pub key: Result<EntryKey, EntryKeyError>,
    /// User or group.
    pub kind: Kind,
    /// Where it was found.
    pub locator: Locator,
    /// What it says.
    pub attributes: Attributes,
    /// Values or attributes that the connector had to refuse (no UTF-8, too large), in
    /// words that name the attribute. The entry is quarantined if there are any.
    pub flaws: Vec<Flaw>,
}

/// A value that could not be taken as it came.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[error("{}{reason}", before_reason(.attribute))]
pub struct Flaw {
    /// The attribute's name, or the empty text for the whole entry.
    pub attribute: String,
    /// What is wrong with it, without the value itself.
    pub reason: String,
}

fn before_reason(attribute: &str) -> String {
    if attribute.is_empty() {
        String::new()
    } else {
        format!("{attribute}: ")
    }
}
