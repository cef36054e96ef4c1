//! A 128-bit hash that tells whether an entry, as a mapping sees it, has changed.
//!
//! Independent of the order of attributes and values (both are sorted in
//! [`Attributes`](crate::entry::Attributes)), of the case of names where the source
//! ignores it, and of where in a file the entry stands. A name that others refer to (a
//! DN) is part of it, since a move must be noticed. BLAKE3 truncated to 128 bits: nobody
//! who may write an entry can craft one that hides a change.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::entry::{Entry, Kind, Locator};

/// See the module. 16 octets.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Fingerprint(pub [u8; 16]);

impl fmt::Debug for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for byte in self.0 {
            write!(f, "{byte:02x}")?;
        }
        Ok(())
    }
}

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, f)
    }
}

impl From<Fingerprint> for String {
    fn from(fingerprint: Fingerprint) -> Self {
        fingerprint.to_string()
    }
}

impl TryFrom<String> for Fingerprint {
    type Error = NotAFingerprint;
    fn try_from(text: String) -> Result<Self, Self::Error> {
        let mut out = [0; 16];
        if text.len() != 2 * out.len() {
            return Err(NotAFingerprint);
        }
        for (byte, pair) in out.iter_mut().zip(text.as_bytes().chunks_exact(2)) {
            let digits = std::str::from_utf8(pair).map_err(|_| NotAFingerprint)?;
            *byte = u8::from_str_radix(digits, 16).map_err(|_| NotAFingerprint)?;
        }
        Ok(Self(out))
    }
}

/// A text that is not 32 hexadecimal digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a fingerprint is 32 hexadecimal digits")]
pub struct NotAFingerprint;

impl Fingerprint {
    /// Hashes a list of byte strings, each with its length, so that no two lists collide
    /// by moving a border.
    #[must_use]
    pub fn of_parts<'a>(parts: impl IntoIterator<Item = &'a [u8]>) -> Self {
        let mut buffer = Vec::with_capacity(256);
        for part in parts {
            push(&mut buffer, part);
        }
        Self::of_buffer(&buffer)
    }

    /// Hashes one byte string.
    #[must_use]
    pub fn of(bytes: &[u8]) -> Self {
        Self::of_parts([bytes])
    }

    fn of_buffer(buffer: &[u8]) -> Self {
        let hash = blake3::hash(buffer);
        let mut out = [0; 16];
        out.copy_from_slice(hash.as_bytes().split_at(16).0);
        Self(out)
    }
}

/// Hashes entries under one mapping; holds a buffer that is used again for each entry.
#[derive(Debug)]
pub struct Fingerprinter {
    mapping: Fingerprint,
    buffer: Vec<u8>,
}

impl Fingerprinter {
    /// `mapping` is the fingerprint of the mapping file and of the settings that decide
    /// how an entry is read: when they change, every entry has changed.
    #[must_use]
    pub fn new(mapping: Fingerprint) -> Self {
        Self {
            mapping,
            buffer: Vec::with_capacity(4096),
        }
    }

    /// The entry's fingerprint.
    pub fn of_entry(&mut self, entry: &Entry) -> Fingerprint {
        let buffer = &mut self.buffer;
        buffer.clear();
        buffer.extend_from_slice(&self.mapping.0);
        match entry.kind {
            Kind::User => buffer.push(1),
            Kind::Group => buffer.push(2),
            Kind::Custom(_) => {
                buffer.push(3);
                push(buffer, entry.kind.as_str().as_bytes());
            }
        }
        if let Locator::Dn(dn) = &entry.locator {
            push(buffer, dn.as_bytes());
        }
        let fold = entry.attributes.names_ignore_case();
        for attribute in entry.attributes.iter() {
            push(buffer, attribute.name.as_bytes());
            if fold {
                let start = buffer.len() - attribute.name.len();
                if let Some(name) = buffer.get_mut(start..) {
                    name.make_ascii_lowercase();
                }
            }
            buffer.extend_from_slice(&(attribute.values.len() as u64).to_le_bytes());
            for value in &attribute.values {
                push(buffer, value.as_bytes());
            }
        }
        for flaw in &entry.flaws {
            push(buffer, flaw.attribute.as_bytes());
            push(buffer, flaw.reason.as_bytes());
        }
        Fingerprint::of_buffer(buffer)
    }
}

fn push(buffer: &mut Vec<u8>, part: &[u8]) {
    buffer.extend_from_slice(&(part.len() as u64).to_le_bytes());
    buffer.extend_from_slice(part);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::entry::{Attribute, Attributes, EntryKey, Value};

    fn entry(list: Vec<(&str, Vec<&str>)>) -> Entry {
        let list = list
            .into_iter()
            .map(|(name, values)| Attribute {
                name: name.into(),
                values: values.into_iter().map(Value::from).collect(),
            })
            .collect();
        Entry {
            key: EntryKey::new("k"),
            kind: Kind::User,
            locator: Locator::Line(7),
            attributes: Attributes::new(list, true),
            flaws: Vec::new(),
        }
    }

    #[test]
    fn order_of_values_and_names_and_case_of_names_do_not_matter() {
        let mut f = Fingerprinter::new(Fingerprint::of(b"m"));
        let a = f.of_entry(&entry(vec![("mail", vec!["b", "a"]), ("cn", vec!["x"])]));
        let b = f.of_entry(&entry(vec![
            ("CN", vec!["x"]),
            ("Mail", vec!["a", "b", "a"]),
        ]));
        assert_eq!(a, b);
    }

    #[test]
    fn values_and_borders_matter() {
        let mut f = Fingerprinter::new(Fingerprint::of(b"m"));
        let a = f.of_entry(&entry(vec![("cn", vec!["ab", "c"])]));
        let b = f.of_entry(&entry(vec![("cn", vec!["a", "bc"])]));
        assert_ne!(a, b);
    }
}
