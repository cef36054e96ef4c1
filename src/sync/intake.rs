//! How much a run has taken in, against the limits of its source. A service whose pages
//! never end must fail its run, not use up the memory of the machine.

use rollcall_directory::entry::{Entry, Value};

use crate::config::policy::Limits;

/// What a new entry takes until it is written, and each of its values, in bytes; and how
/// often the octets of a value are kept (entry, contribution, document, step). Measured:
/// 7.5 KB for a person of ten short values.
const ENTRY_BYTES: usize = 4 * 1024;
const VALUE_BYTES: usize = 256;
const COPIES: usize = 8;
const MIB: u64 = 1024 * 1024;

/// See the module.
#[derive(Debug)]
pub(super) struct Intake {
    source: String,
    limits: Limits,
    /// Whether what is new or changed waits in memory.
    holds_changes: bool,
    /// Entries read so far.
    pub(super) read: u64,
    held_bytes: u64,
}

impl Intake {
    pub(super) fn new(source: &str, limits: Limits, holds_changes: bool) -> Self {
        Self {
            source: source.to_owned(),
            limits,
            holds_changes,
            read: 0,
            held_bytes: 0,
        }
    }

    /// Counts what waits.
    pub(super) fn hold(&mut self, bytes: u64) {
        if self.holds_changes {
            self.held_bytes += bytes;
        }
    }

    /// Why the run must not go on.
    pub(super) fn too_much(&self) -> Option<String> {
        let Limits {
            entries_max,
            changes_bytes_max,
        } = self.limits;
        let source = &self.source;
        if self.read > entries_max {
            return Some(format!(
                "{source} gave more than {entries_max} entries, as a service does whose pages never end: check its paging, or raise entries_max of the source if it holds so many"
            ));
        }
        (self.held_bytes > changes_bytes_max).then(|| {
            format!(
                "the new and changed ones among the first {} entries of {source} take more than {} MiB of memory, in which a run keeps them until it has read everything: check whether the pages of the source ever end, or raise changes_bytes_max of the source",
                self.read,
                changes_bytes_max / MIB
            )
        })
    }
}

/// How much an entry takes until it is written, about.
pub(super) fn size_of(entry: &Entry) -> u64 {
    let values = entry.attributes.iter().flat_map(|a| &a.values);
    let bytes: usize = values
        .map(|value| {
            VALUE_BYTES
                + match value {
                    Value::Text(text) | Value::Json(text) => COPIES * text.len(),
                    Value::Bytes(octets) => COPIES * octets.len(),
                }
        })
        .sum();
    (ENTRY_BYTES + bytes) as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn intake(entries_max: u64, changes_bytes_max: u64, holds_changes: bool) -> Intake {
        let limits = Limits {
            entries_max,
            changes_bytes_max,
        };
        Intake::new("hr", limits, holds_changes)
    }

    #[test]
    fn what_is_at_the_limit_is_not_above_it() {
        let mut intake = intake(2, 10, true);
        intake.read = 2;
        intake.hold(10);
        assert_eq!(intake.too_much(), None);
        intake.hold(1);
        assert!(intake.too_much().unwrap().contains("changes_bytes_max"));
        intake.read = 3;
        assert!(intake.too_much().unwrap().contains("entries_max"));
    }

    #[test]
    fn a_run_that_writes_as_it_reads_holds_nothing() {
        let mut intake = intake(2, 10, false);
        intake.hold(11);
        assert_eq!(intake.too_much(), None);
    }
}
