//! What was odd about one request, and what came of it: for the request inspector.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rollcall_directory::profile::Quirk;
use rollcall_directory::warning::Warning;

use crate::sync::push::{Overruled, Pushed};

/// Kept at most of each kind.
const NOTES_MAX: usize = 100;

/// The report of one request. It is made when the request is admitted, filled while it is
/// answered, and travels with the answer as an extension; clones are the same report.
#[derive(Debug, Clone, Default)]
pub(crate) struct Report(Arc<Mutex<Notes>>);

/// What a [`Report`] holds.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Notes {
    /// The client's own ways of spelling that were understood.
    pub(crate) quirks: Vec<Quirk>,
    /// What was odd and accepted.
    pub(crate) warnings: Vec<Warning>,
    /// What the client set and another source decides.
    pub(crate) overruled: Vec<Overruled>,
    /// Whether anything was written.
    pub(crate) changed: bool,
}

impl Report {
    /// What was noted so far.
    pub(crate) fn notes(&self) -> Notes {
        self.lock().clone()
    }

    pub(super) fn quirks(&self, quirks: &[Quirk]) {
        let notes = &mut *self.lock();
        for quirk in quirks {
            if !notes.quirks.contains(quirk) {
                notes.quirks.push(*quirk);
            }
        }
    }

    pub(super) fn warning(&self, warning: Warning) {
        let notes = &mut *self.lock();
        if notes.warnings.len() < NOTES_MAX {
            notes.warnings.push(warning);
        }
    }

    /// What came of a write.
    pub(super) fn pushed(&self, pushed: &Pushed) {
        for warning in &pushed.warnings {
            self.warning(warning.clone());
        }
        let notes = &mut *self.lock();
        let room = NOTES_MAX.saturating_sub(notes.overruled.len());
        notes
            .overruled
            .extend(pushed.overruled.iter().take(room).cloned());
        notes.changed |= pushed.changed;
    }

    pub(super) fn changed(&self) {
        self.lock().changed = true;
    }

    fn lock(&self) -> MutexGuard<'_, Notes> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
