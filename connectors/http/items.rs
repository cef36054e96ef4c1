//! One JSON item becomes one entry, and a key that comes twice is noticed. The shape of
//! attributes is that of [`crate::json`], so a mapping works on an HTTP feed as on a file
//! of JSON lines.

use std::collections::HashMap;
use std::collections::hash_map::Entry as Slot;
use std::sync::Arc;

use rollcall_directory::entry::{
    Attribute, Attributes, Entry, EntryKeyError, Flaw, Kind, Locator, Value,
};
use rollcall_directory::fingerprint::Fingerprint;
use serde_json::Value as Json;
use serde_json::value::RawValue;

use super::problem::Problem;
use crate::KindRequest;
use crate::json::{attributes_of, parse_strict};
use crate::key::key_of;

/// What an entry takes from an item.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Shape<'a> {
    pub(crate) kind: Kind,
    pub(crate) request: &'a KindRequest,
    pub(crate) unwrap_values: bool,
}

impl Shape<'_> {
    /// The entry that `item` at `place` stands for.
    pub(crate) fn entry(&self, item: &RawValue, place: String) -> Result<Entry, Problem> {
        let json = parse_strict(item.get().as_bytes()).map_err(|error| Problem::Item {
            place: place.clone(),
            why: error.to_string(),
        })?;
        let Json::Object(object) = json else {
            return Ok(self.no_object(place));
        };
        let (attributes, flaws) = attributes_of(object, self.unwrap_values);
        let key = match attributes.get(&self.request.key) {
            Some(values) => key_of(values, &self.request.key),
            None => Err(EntryKeyError::Empty),
        };
        Ok(Entry {
            key,
            kind: self.kind,
            locator: Locator::Item(place),
            attributes: self.wanted(attributes),
            flaws,
        })
    }

    fn no_object(&self, place: String) -> Entry {
        Entry {
            key: Err(EntryKeyError::Empty),
            kind: self.kind,
            locator: Locator::Item(place),
            attributes: Attributes::new(Vec::new(), false),
            flaws: vec![Flaw {
                attribute: String::new(),
                reason: "the item is no JSON object".to_owned(),
            }],
        }
    }

    /// The attributes that the mapping asked for. A name also asks for what is nested
    /// below it; and where the service says that a whole object is null, all that could
    /// have been in it is empty too, not unknown.
    fn wanted(&self, all: Attributes) -> Attributes {
        let Some(names) = &self.request.attributes else {
            return all;
        };
        let mut list: Vec<Attribute> = all
            .iter()
            .filter(|attribute| names.iter().any(|name| asks_for(name, &attribute.name)))
            .cloned()
            .collect();
        for name in names {
            let unset = all.get(name).is_none()
                && name.match_indices('.').any(|(dot, _)| {
                    let above = name.split_at(dot).0;
                    all.get(above).is_some_and(<[_]>::is_empty)
                });
            if unset {
                list.push(Attribute {
                    name: Arc::from(name.as_str()),
                    values: Vec::new(),
                });
            }
        }
        Attributes::new(list, false)
    }
}

fn asks_for(asked: &str, name: &str) -> bool {
    name.strip_prefix(asked)
        .is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
}

/// Whether an entry has come before.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Seen {
    /// First time.
    New,
    /// In an earlier pass: it was delivered then.
    InEarlierPass,
    /// Twice with the same content.
    Equal,
    /// Twice with different content; where the first one stood (page, item).
    Different(u32, u32),
}

/// Remembers keys and contents as 128-bit hashes, some 50 bytes an entry.
#[derive(Debug, Default)]
pub(crate) struct SeenKeys {
    keys: HashMap<Fingerprint, Sighting>,
    pass: u8,
    in_pass: u64,
}

#[derive(Debug, Clone, Copy)]
struct Sighting {
    content: Fingerprint,
    page: u32,
    item: u32,
    pass: u8,
}

impl SeenKeys {
    /// Starts to count anew, knowing what was delivered before.
    pub(crate) fn start_pass(&mut self) {
        self.pass = self.pass.saturating_add(1);
        self.in_pass = 0;
    }

    /// Whether nothing was delivered before this pass.
    pub(crate) fn is_first_pass(&self) -> bool {
        self.pass <= 1
    }

    /// How many different keys this pass has seen.
    pub(crate) fn count(&self) -> u64 {
        self.in_pass
    }

    /// Notes a key with the item's raw content.
    pub(crate) fn see(&mut self, key: &str, content: Fingerprint, page: u32, item: u32) -> Seen {
        let now = Sighting {
            content,
            page,
            item,
            pass: self.pass,
        };
        match self.keys.entry(Fingerprint::of(key.as_bytes())) {
            Slot::Vacant(slot) => {
                slot.insert(now);
                self.in_pass += 1;
                Seen::New
            }
            Slot::Occupied(mut slot) if slot.get().pass != self.pass => {
                slot.insert(now);
                self.in_pass += 1;
                Seen::InEarlierPass
            }
            Slot::Occupied(slot) if slot.get().content == content => Seen::Equal,
            Slot::Occupied(slot) => Seen::Different(slot.get().page, slot.get().item),
        }
    }
}

/// What an entry says, hashed: equal whatever the order of members and values.
pub(crate) fn content_of(entry: &Entry) -> Fingerprint {
    let parts = entry.attributes.iter().flat_map(|attribute| {
        // A separator that is no name and no value keeps attributes apart.
        [attribute.name.as_bytes(), b"\0="]
            .into_iter()
            .chain(attribute.values.iter().map(Value::as_bytes))
            .chain([&b"\0;"[..]])
    });
    Fingerprint::of_parts(parts)
}
