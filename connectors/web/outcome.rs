//! How a read ended: what became of each kind, and the verdict on the whole.

use crate::Verdict;

/// How the read of one kind ended, unless it failed.
#[derive(Debug, Default)]
pub(crate) struct Outcome {
    /// Why it is not everything.
    pub(crate) incomplete: Option<String>,
    /// Why removals should wait.
    pub(crate) hold_removals: Option<String>,
    /// Worth a line in the log.
    pub(crate) notes: Vec<String>,
}

/// The verdict on a read whose parts ended so.
pub(crate) fn verdict(outcomes: impl IntoIterator<Item = Outcome>) -> Verdict {
    let mut notes = Vec::new();
    let mut held = Vec::new();
    let mut missing = Vec::new();
    for outcome in outcomes {
        notes.extend(outcome.notes);
        held.extend(outcome.hold_removals);
        missing.extend(outcome.incomplete);
    }
    if !missing.is_empty() {
        return Verdict::Incomplete {
            because: missing.join("; "),
        };
    }
    Verdict::Complete {
        notes,
        hold_removals: (!held.is_empty()).then(|| held.join("; ")),
    }
}
