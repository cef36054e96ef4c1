//! An entry that is new or has changed, mapped: what the reader hands to reconciliation.

use rollcall_directory::contribution::{Contribution, Mapped, MappedValue};
use rollcall_directory::entry::{Entry, EntryKey, Flaw, Kind, Locator};
use rollcall_directory::fingerprint::Fingerprint;
use rollcall_directory::name::{Name, NameHash, Reference};
use rollcall_directory::schema::Unit;
use rollcall_store::ids::LinkId;
use serde_json::Value as Json;

/// The fingerprint that no entry has: a link with it is taken for changed by the next run.
pub(super) const OF_NO_ENTRY: Fingerprint = Fingerprint([0; 16]);

/// See the module.
#[derive(Debug, Clone)]
pub(super) struct Candidate {
    /// Its key.
    pub(super) key: EntryKey,
    /// User or group.
    pub(super) kind: Kind,
    /// Where it was found.
    pub(super) locator: Locator,
    /// Of what was read.
    pub(super) fingerprint: Fingerprint,
    /// The link that it had when the run began.
    pub(super) link: Option<LinkId>,
    /// What the mapping made of it, but for what `first` has taken.
    pub(super) mapped: Mapped,
    /// Its contribution, if it had no link and so none before.
    pub(super) first: Option<Contribution>,
    /// Of `mapped.references`, in their order.
    pub(super) mentions: Vec<NameHash>,
    /// Under which others may refer to it.
    pub(super) names: Vec<NameHash>,
}

impl Candidate {
    /// An entry as it was mapped. `by_key`: others may refer to it by its key.
    pub(super) fn new(
        entry: Entry,
        key: EntryKey,
        fingerprint: Fingerprint,
        link: Option<LinkId>,
        mut mapped: Mapped,
        by_key: bool,
    ) -> Self {
        let own = by_key.then(|| Name::of_key(entry.kind, &key));
        Self {
            first: link
                .is_none()
                .then(|| Contribution::settle_first(&mut mapped)),
            mentions: mapped.references.iter().map(|r| r.name.hash()).collect(),
            names: mapped.names.iter().chain(&own).map(Name::hash).collect(),
            key,
            kind: entry.kind,
            locator: entry.locator,
            fingerprint,
            link,
            mapped,
        }
    }

    /// Whom it mentions, with the hashes of their names.
    pub(super) fn references(&self) -> impl Iterator<Item = (&Reference, NameHash)> {
        self.mapped
            .references
            .iter()
            .zip(self.mentions.iter().copied())
    }

    /// The texts that the entry itself gives for a unit.
    pub(super) fn texts_of(&self, unit: &Unit) -> impl Iterator<Item = &str> {
        let values: &[Json] = match self.mapped.said.get(unit) {
            Some(MappedValue::Choice(values) | MappedValue::List(values)) => values,
            Some(MappedValue::Empty) => &[],
            None => match self.first.as_ref().and_then(|first| first.says(unit)) {
                Some(Json::Array(values)) => values,
                Some(value) => std::slice::from_ref(value),
                None => &[],
            },
        };
        values
            .iter()
            .filter_map(|value| value.get("value").unwrap_or(value).as_str())
            .filter(|text| !text.trim().is_empty())
    }
}

/// An entry that cannot be taken as it is.
#[derive(Debug, Clone)]
pub(super) struct Troubled {
    /// User or group.
    pub(super) kind: Kind,
    /// Its key, or its locator's text when it has none.
    pub(super) name: String,
    /// Where it was found.
    pub(super) locator: Locator,
    /// What is wrong, in one sentence that says what to do.
    pub(super) reason: String,
    /// The values that were refused.
    pub(super) flaws: Vec<Flaw>,
}

impl Troubled {
    pub(super) fn of(candidate: &Candidate, reason: String) -> Self {
        Self {
            kind: candidate.kind,
            name: candidate.key.to_string(),
            locator: candidate.locator.clone(),
            reason,
            flaws: Vec::new(),
        }
    }
}

/// Entries on their way to reconciliation, in the order of their arrival.
#[derive(Debug, Default)]
pub(super) struct Examined {
    /// New or changed.
    pub(super) candidates: Vec<Candidate>,
    /// To be quarantined.
    pub(super) troubled: Vec<Troubled>,
}
