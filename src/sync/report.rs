//! What a run tells about itself: kept with the run, printed by the command line.

use rollcall_store::ids::RunId;
use rollcall_store::records::RunState;
use serde::{Deserialize, Serialize};

use super::guard::Held;
use super::tally::Tally;

/// See the module. Stored as JSON.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Report {
    /// Counts.
    pub(crate) tally: Tally,
    /// Guards that closed.
    pub(crate) held: Vec<Held>,
    /// How many steps wait for approval, or stand in the plan.
    pub(crate) waiting: u64,
    /// Things worth a line.
    pub(crate) notes: Vec<String>,
    /// Why it failed, in one sentence.
    pub(crate) failure: Option<String>,
}

/// A run that has ended.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct Finished {
    /// Its number.
    pub(crate) run: RunId,
    /// Where it stands.
    pub(crate) state: RunState,
    /// How the read ended, in one sentence.
    pub(crate) verdict: String,
    /// What it did, or would do.
    #[serde(flatten)]
    pub(crate) report: Report,
}
