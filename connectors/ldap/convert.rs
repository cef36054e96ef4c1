//! From an entry in the server's bytes to an [`Entry`]: names as the mapping spells them,
//! text checked, octets kept apart, members cleaned of what stands for nobody. What cannot
//! be taken becomes a flaw that names the attribute, never a guess.

use std::collections::HashSet;
use std::sync::Arc;

use rollcall_directory::dn;
use rollcall_directory::entry::{
    Attribute, Attributes, Entry, EntryKey, EntryKeyError, Flaw, Kind, Locator, Value,
};

use super::ber::Malformed;
use super::key;
use super::message::{RawEntry, Values};
use super::names::{Extent, Names, Use};

/// The most values of an attribute, members of groups apart.
pub(super) const VALUES_MAX: usize = 10_000;
/// The longest value: 5 MiB.
pub(super) const VALUE_BYTES_MAX: usize = 5 * 1024 * 1024;
/// The largest entry without its members: 16 MiB.
pub(super) const ENTRY_BYTES_MAX: usize = 16 * 1024 * 1024;

/// Takes entries of one kind apart.
#[derive(Debug)]
pub(super) struct Converter {
    kind: Kind,
    names: Names,
    /// Normalised DNs.
    placeholders: HashSet<String>,
}

/// An attribute of which the server sent only the first values.
#[derive(Debug, Clone)]
pub(super) struct Ranged {
    /// As the server spells it, without the range.
    pub(super) description: String,
    meaning: Arc<Use>,
}

/// An entry that may still lack the rest of some attributes.
#[derive(Debug)]
pub(super) struct Draft {
    pub(super) dn: String,
    key: Result<EntryKey, EntryKeyError>,
    attributes: Vec<Attribute>,
    flaws: Vec<Flaw>,
    /// Octets of all values.
    pub(super) size: usize,
    pub(super) ranged: Vec<Ranged>,
    /// Of a group: the searches that describe its members.
    pub(super) member_urls: Vec<String>,
}

impl Draft {
    /// The values of an attribute so far.
    pub(super) fn values_of(&self, name: &str) -> &[Value] {
        self.attributes
            .iter()
            .find(|attribute| &*attribute.name == name)
            .map_or(&[], |attribute| attribute.values.as_slice())
    }

    /// Adds values to an attribute, which is there from then on.
    pub(super) fn add(&mut self, name: Arc<str>, mut values: Vec<Value>) {
        match self.attributes.iter_mut().find(|a| a.name == name) {
            Some(attribute) => attribute.values.append(&mut values),
            None => self.attributes.push(Attribute { name, values }),
        }
    }

    pub(super) fn key(&self) -> &Result<EntryKey, EntryKeyError> {
        &self.key
    }

    pub(super) fn flaw(&mut self, attribute: &str, reason: String) {
        self.flaws.push(Flaw {
            attribute: attribute.to_owned(),
            reason,
        });
    }

    pub(super) fn finish(self, kind: Kind) -> Entry {
        Entry {
            key: self.key,
            kind,
            locator: Locator::Dn(self.dn),
            attributes: Attributes::new(self.attributes, true),
            flaws: self.flaws,
        }
    }
}

impl Converter {
    pub(super) fn new(kind: Kind, names: Names, placeholders: &[String]) -> Self {
        Self {
            kind,
            names,
            placeholders: placeholders.iter().map(|dn| dn::normalised(dn)).collect(),
        }
    }

    pub(super) fn names(&self) -> &Names {
        &self.names
    }

    /// Takes one entry apart.
    pub(super) fn convert(&mut self, mut raw: RawEntry<'_>) -> Result<Draft, Malformed> {
        let mut draft = Draft {
            dn: String::new(),
            key: Err(EntryKeyError::Empty),
            attributes: Vec::new(),
            flaws: Vec::new(),
            size: 0,
            ranged: Vec::new(),
            member_urls: Vec::new(),
        };
        match std::str::from_utf8(raw.dn) {
            Ok(dn) if !dn.contains('\0') => dn.clone_into(&mut draft.dn),
            _ => {
                draft.dn = String::from_utf8_lossy(raw.dn).replace('\0', "\u{fffd}");
                draft.flaw("", "its DN is no UTF-8, or contains NUL".to_owned());
            }
        }
        let mut key_values = Vec::new();
        let mut key_flaws: Vec<EntryKeyError> = Vec::new();
        let mut without_members = 0;
        while let Some((description, values)) = raw.next_attribute()? {
            let described = self.names.describe(description);
            let meaning = described.meaning;
            if meaning.is_key {
                let mut values = values;
                while let Some(value) = values.next_value()? {
                    match key::to_text(self.names.key_kind(), value) {
                        Some(text) => key_values.push(text),
                        None => key_flaws.push(EntryKeyError::NotSingle),
                    }
                }
            }
            if meaning.member_url && self.kind == Kind::Group {
                let mut values = values;
                while let Some(value) = values.next_value()? {
                    let url = String::from_utf8_lossy(value);
                    draft.member_urls.push(url.into_owned());
                }
            }
            if meaning.deliver.is_empty() {
                continue;
            }
            if described.extent == Extent::Part {
                draft.ranged.push(Ranged {
                    description: described.plain,
                    meaning,
                });
                continue;
            }
            let before = draft.size;
            self.take(&mut draft, &meaning, Iter(values))?;
            if !meaning.members {
                without_members += draft.size - before;
            }
        }
        draft.key = match (key_values.as_slice(), key_flaws.first()) {
            (_, Some(error)) => Err(*error),
            ([], None) => Err(EntryKeyError::Empty),
            ([one], None) => EntryKey::new(one),
            _ => Err(EntryKeyError::NotSingle),
        };
        if without_members > ENTRY_BYTES_MAX {
            draft.attributes.clear();
            draft.ranged.clear();
            draft.flaw(
                "",
                format!("the entry has {without_members} bytes, more than {ENTRY_BYTES_MAX}"),
            );
        }
        Ok(draft)
    }

    /// Adds the values of a ranged attribute that were fetched apart.
    pub(super) fn complete(
        &self,
        draft: &mut Draft,
        ranged: &Ranged,
        values: &[Vec<u8>],
    ) -> Result<(), Malformed> {
        let values = values.iter().map(|value| Ok(value.as_slice()));
        self.take(draft, &ranged.meaning, values)
    }

    fn take<'v>(
        &self,
        draft: &mut Draft,
        meaning: &Use,
        values: impl Iterator<Item = Result<&'v [u8], Malformed>>,
    ) -> Result<(), Malformed> {
        let Some(name) = meaning.deliver.first() else {
            return Ok(());
        };
        let mut taken = Vec::new();
        let mut count: usize = 0;
        let mut refused: Option<&'static str> = None;
        let mut too_long = false;
        for value in values {
            let octets = value?;
            draft.size += octets.len();
            count += 1;
            if count > VALUES_MAX && !meaning.members {
                continue;
            }
            if octets.len() > VALUE_BYTES_MAX {
                too_long = true;
                continue;
            }
            match value_of(octets, meaning.binary) {
                Ok(Some(value)) => {
                    if !(meaning.member_dns && self.is_nobody(&value, &draft.dn)) {
                        taken.push(value);
                    }
                }
                Ok(None) => {}
                Err(reason) => refused = Some(reason),
            }
        }
        if let Some(reason) = refused {
            draft.flaw(name, reason.to_owned());
        }
        if too_long {
            draft.flaw(
                name,
                format!("a value is longer than {VALUE_BYTES_MAX} bytes"),
            );
        }
        if count > VALUES_MAX && !meaning.members {
            draft.flaw(name, format!("{count} values, more than {VALUES_MAX}"));
            return Ok(());
        }
        // Empty is absent, but a group whose only members are placeholders has none.
        if taken.is_empty() && !meaning.members {
            return Ok(());
        }
        for alias in meaning.deliver.iter().skip(1) {
            draft.attributes.push(Attribute {
                name: Arc::clone(alias),
                values: taken.clone(),
            });
        }
        draft.attributes.push(Attribute {
            name: Arc::clone(name),
            values: taken,
        });
        Ok(())
    }

    /// Whether a member is the group itself or a placeholder.
    fn is_nobody(&self, value: &Value, own: &str) -> bool {
        let Some(member) = value.as_text().filter(|_| self.kind == Kind::Group) else {
            return false;
        };
        if member.eq_ignore_ascii_case(own) {
            return true;
        }
        if self.placeholders.is_empty() && !dn::may_be_same(member, own) {
            return false;
        }
        let member = dn::normalised(member);
        self.placeholders.contains(&member) || member == dn::normalised(own)
    }
}

/// The value of some octets; `None` when nothing is left of it.
fn value_of(octets: &[u8], binary: bool) -> Result<Option<Value>, &'static str> {
    if binary {
        return Ok((!octets.is_empty()).then(|| Value::Bytes(octets.to_vec())));
    }
    let text = std::str::from_utf8(octets).map_err(|_| "a value is no UTF-8")?;
    if octets.contains(&0) {
        return Err("a value contains NUL");
    }
    let text = text.trim();
    Ok((!text.is_empty()).then(|| Value::Text(text.to_owned())))
}

struct Iter<'a>(Values<'a>);

impl<'a> Iterator for Iter<'a> {
    type Item = Result<&'a [u8], Malformed>;

    fn next(&mut self) -> Option<Self::Item> {
        self.0.next_value().transpose()
    }
}
