//! One pass over a file for one kind: records become entries.
//!
//! A file is passed over twice. The first pass only looks: is the file whole, how much of
//! it is malformed, which keys stand twice. Nothing is delivered of a file that fails it.
//! The second pass delivers. Of the keys only 128-bit hashes are kept in between, 16
//! octets a record.

use std::collections::{HashMap, HashSet};
use std::hash::{BuildHasher as _, RandomState};

use rollcall_directory::entry::{
    Attribute, Attributes, Entry, EntryKey, EntryKeyError, Flaw, Kind, Locator,
};

use super::csv::{CsvRecords, Dialect};
use super::descriptor::Descriptor;
use super::json_lines::JsonLines;
use super::ldif::Ldif;
use super::problem::Problem;
use super::record::{Record, Records};
use super::settings::{Format, Settings};
use crate::KindRequest;
use crate::json::below_list;
use crate::key::key_of;

/// Malformed records beyond this share fail the read; a single one never does.
const MALFORMED_PERCENT_MAX: u64 = 1;

/// Entries of these classes are no people, whatever else they are, unless listed.
const NOT_PEOPLE: [&str; 1] = ["computer"];

/// Which records of a file are wanted, and how.
#[derive(Debug)]
pub(super) struct Reading<'a> {
    pub(super) descriptor: &'a Descriptor,
    pub(super) settings: &'a Settings,
    pub(super) kind: Kind,
    pub(super) request: &'a KindRequest,
    /// Take LDIF entries of any class (to look up who is still there).
    pub(super) any_class: bool,
}

impl<'a> Reading<'a> {
    /// Calls `each` with every entry until it answers false. Gives the reason why the
    /// export itself says that it is not everything, if it does.
    pub(super) fn pass(
        &self,
        mut each: impl FnMut(Record, Entry) -> Result<bool, Problem>,
    ) -> Result<Option<String>, Problem> {
        let mut records = self.records()?;
        while let Some(mut record) = records.next()? {
            if !self.wants(&record) {
                continue;
            }
            let entry = self.entry(&mut record);
            if !each(record, entry)? {
                return Ok(None);
            }
        }
        Ok(records.shortfall())
    }

    fn records(&self) -> Result<Box<dyn Records + 'a>, Problem> {
        let encoding = self.settings.encoding;
        Ok(match &self.settings.format {
            Format::JsonLines => Box::new(JsonLines::new(self.descriptor, encoding)?),
            Format::Ldif => Box::new(Ldif::new(self.descriptor, encoding)?),
            Format::Csv {
                delimiter,
                value_separator,
            } => {
                let dialect = Dialect {
                    delimiter: *delimiter,
                    value_separator: value_separator.clone(),
                };
                let records = CsvRecords::new(self.descriptor, encoding, &dialect)?;
                self.key_column(&records)?;
                Box::new(records)
            }
        })
    }

    /// A mapping made for another export is told apart from an export without keys.
    fn key_column(&self, records: &CsvRecords<'_>) -> Result<(), Problem> {
        let columns = records.columns();
        if columns.iter().any(|name| **name == *self.request.key) {
            return Ok(());
        }
        let hint = if columns.len() == 1 {
            " (a single column: is `delimiter` right?)"
        } else {
            ""
        };
        Err(Problem::Refused {
            file: self.descriptor.name(),
            line: 1,
            detail: format!(
                "the header has no column `{}`, which the mapping names as the {}'s key; it has \
                 {}{hint}",
                self.request.key,
                self.kind,
                columns.join(", "),
            ),
        })
    }

    fn wants(&self, record: &Record) -> bool {
        if self.settings.format != Format::Ldif || self.any_class {
            return true;
        }
        let found = record.attributes.get("objectClass");
        if found.is_none() && record.malformed.is_some() {
            // It could be of either kind.
            return true;
        }
        let found = found.unwrap_or_default();
        let classes = match self.kind {
            Kind::User => &self.settings.user_classes,
            Kind::Group => &self.settings.group_classes,
            Kind::Custom(_) => return false,
        };
        let has = |class: &str| {
            found
                .iter()
                .filter_map(|value| value.as_text())
                .any(|value| value.eq_ignore_ascii_case(class))
        };
        let listed = |class: &str| {
            classes
                .iter()
                .any(|known| known.eq_ignore_ascii_case(class))
        };
        let excluded =
            self.kind == Kind::User && NOT_PEOPLE.iter().any(|class| has(class) && !listed(class));
        !excluded && classes.iter().any(|class| has(class))
    }

    fn entry(&self, record: &mut Record) -> Entry {
        let values = record.attributes.get(&self.request.key).unwrap_or_default();
        let key = key_of(values, &self.request.key);
        let everything = Attributes::new(Vec::new(), record.attributes.names_ignore_case());
        let everything = std::mem::replace(&mut record.attributes, everything);
        Entry {
            key,
            kind: self.kind,
            locator: record.locator.clone(),
            attributes: self.asked_for(everything),
            flaws: self.flaws_asked_for(std::mem::take(&mut record.flaws)),
        }
    }

    /// The attributes that the mapping uses, in its spelling.
    fn asked_for(&self, everything: Attributes) -> Attributes {
        let Some(names) = &self.request.attributes else {
            return everything;
        };
        let chosen = names.iter().filter_map(|name| {
            let values = match everything.get(name) {
                Some(values) => values.to_vec(),
                None => below_list(&everything, name)?,
            };
            Some(Attribute {
                name: name.as_str().into(),
                values,
            })
        });
        Attributes::new(chosen.collect(), everything.names_ignore_case())
    }

    /// A broken photo that nobody asked for quarantines nobody.
    fn flaws_asked_for(&self, mut flaws: Vec<Flaw>) -> Vec<Flaw> {
        if let Some(names) = &self.request.attributes {
            flaws.retain(|flaw| {
                flaw.attribute.is_empty()
                    || flaw.attribute.eq_ignore_ascii_case(&self.request.key)
                    || names
                        .iter()
                        .any(|name| name.eq_ignore_ascii_case(&flaw.attribute))
            });
        }
        flaws
    }
}

/// What the first pass found.
#[derive(Debug, Default)]
pub(super) struct Findings {
    /// Repeated keys, with the line on which each stood again.
    repeated: HashMap<u128, u64>,
    hashing: (RandomState, RandomState),
    /// The first record without a key: its line and why, and how many there are.
    keyless: Option<(u64, EntryKeyError)>,
    keyless_count: u64,
    malformed: Option<(u64, String)>,
    malformed_count: u64,
    records: u64,
    shortfall: Option<String>,
    /// Where a repeated key was delivered first.
    delivered: HashMap<u128, Locator>,
}

impl Findings {
    /// Looks through the whole file, unless `cancelled` says that nobody waits for it.
    pub(super) fn of(reading: &Reading<'_>, cancelled: impl Fn() -> bool) -> Result<Self, Problem> {
        let mut findings = Self::default();
        let mut seen = HashSet::new();
        findings.shortfall = reading.pass(|record, entry| {
            findings.note(&mut seen, record, &entry);
            if cancelled() {
                return Err(Problem::Cancelled(reading.descriptor.name()));
            }
            Ok(true)
        })?;
        reading.descriptor.unchanged()?;
        match findings.malformed.take() {
            Some((line, detail)) if findings.is_mostly_wrong() => Err(Problem::Malformed {
                file: reading.descriptor.name(),
                count: findings.malformed_count,
                of: findings.records,
                line,
                detail,
            }),
            _ => Ok(findings),
        }
    }

    fn note(&mut self, seen: &mut HashSet<u128>, record: Record, entry: &Entry) {
        self.records += 1;
        if let Some(because) = record.malformed {
            self.malformed_count += 1;
            self.malformed.get_or_insert((record.line, because));
        }
        match &entry.key {
            Ok(key) => {
                let hash = self.hash(key);
                if !seen.insert(hash) {
                    self.repeated.insert(hash, record.line);
                }
            }
            Err(because) => {
                self.keyless_count += 1;
                self.keyless.get_or_insert((record.line, *because));
            }
        }
    }

    fn is_mostly_wrong(&self) -> bool {
        self.malformed_count > 1
            && self.malformed_count * 100 > self.records * MALFORMED_PERCENT_MAX
    }

    fn hash(&self, key: &EntryKey) -> u128 {
        let high = self.hashing.0.hash_one(key);
        let low = self.hashing.1.hash_one(key);
        (u128::from(high) << 64) | u128::from(low)
    }

    /// Puts a flaw on an entry whose key stands twice, the first time too.
    pub(super) fn mark(&mut self, line: u64, entry: &mut Entry) {
        let Ok(key) = &entry.key else { return };
        let hash = self.hash(key);
        let Some(again) = self.repeated.get(&hash) else {
            return;
        };
        let other = match self.delivered.get(&hash) {
            Some(first) => first.to_string(),
            None => format!("line {again}"),
        };
        self.delivered
            .entry(hash)
            .or_insert_with(|| Locator::Line(line));
        entry.flaws.push(Flaw {
            attribute: String::new(),
            reason: format!("another record has the same key ({other}): neither is taken"),
        });
    }

    /// Why removals must wait, if they must.
    pub(super) fn incomplete(&self, file: &str) -> Option<String> {
        if let Some(shortfall) = &self.shortfall {
            return Some(format!("{file}, {shortfall}"));
        }
        let (line, because) = self.keyless.as_ref()?;
        Some(format!(
            "{file}: {} of {} records have no usable key, the first on line {line} ({because}): \
             nobody can tell whose they are, so nothing is removed",
            self.keyless_count, self.records
        ))
    }
}
