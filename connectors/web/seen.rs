//! Keys that come twice are noticed, within one pass over all pages and from pass to pass.

use std::collections::HashMap;
use std::collections::hash_map::Entry as Slot;

use rollcall_directory::entry::{Entry, Value};
use rollcall_directory::fingerprint::Fingerprint;

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
