//! Sources into the directory: reading, reconciling, guarding, writing; plans, undo and
//! explanations.
//!
//! [`run::Engine::run`] is the way in. An entry goes `reader` → `candidate` → `place` →
//! `reconcile` → a [`rollcall_store::writes::Step`]; `absence` makes steps
//! of who is missing; `guard` judges; `plan` and `undo` write steps that were kept or are
//! turned round.

mod absence;
mod administrators;
mod attempt;
mod basis;
mod candidate;
mod clock;
mod correlate;
mod effect;
mod employees;
mod explain;
mod freshness;
mod guard;
mod id_pool;
mod import;
mod intake;
mod lease;
mod merge_anew;
mod owner;
mod passed_names;
mod place;
mod plan;
pub(crate) mod push;
mod reader;
mod reconcile;
mod references;
mod refused;
mod report;
mod retire;
mod run;
mod schedule;
mod setup;
mod tally;
mod unchanged;
mod undo;
mod upkeep;
mod user_names;
mod view;
mod writer;

pub(crate) use absence::name_of;
#[cfg(test)]
pub(crate) use clock::Moved;
pub(crate) use clock::{Clock, SystemClock};
pub(crate) use explain::{Explanation, Saying, explain, find};
pub(crate) use freshness::{READ_ENDS, freshness};
pub(crate) use guard::Holds;
pub(crate) use lease::{LEASE_SECONDS, Tenancy};
pub(crate) use owner::Owner;
pub(crate) use reader::Progress;
pub(crate) use report::{Finished, Report};
pub(crate) use retire::{RETIRED_MAPPING, Retired};
pub(crate) use run::{Engine, Mode};
pub(crate) use schedule::{Scheduled, schedule};
#[cfg(test)]
pub(crate) use setup::VoiceSettings;
pub(crate) use setup::{Footing, Setup, Voices, kept_source, request};
pub(crate) use tally::Tally;
pub(crate) use upkeep::{Upkeep, keep_up};

/// Why a run, a plan or an undo could not be done. Each is one sentence that says what
/// to do.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SyncError {
    /// The source does not run.
    #[error(
        "source {source_name} is paused: {because}; resume it with `rollcall source resume {source_name}`"
    )]
    Paused {
        /// The source.
        source_name: String,
        /// Why.
        because: String,
    },
    /// Other sources of the tenant have been run all the while.
    #[error(
        "source {source_name} waited half an hour for its turn: runs of other sources of its tenant write at the moment; see `rollcall run list`, and run it again"
    )]
    Turn {
        /// The source.
        source_name: String,
    },
    /// Another run of the source is going on.
    #[error(
        "source {source_name} is being run by {by}; wait for it to end, or see `rollcall run list`"
    )]
    Running {
        /// The source.
        source_name: String,
        /// By which process, where, in which run, since when.
        by: String,
    },
    /// The store could not do it.
    #[error(transparent)]
    Store(#[from] rollcall_store::StoreError),
    /// A batch could not be written.
    #[error(transparent)]
    Commit(#[from] rollcall_store::CommitError),
    /// Possible leavers could not be looked up.
    #[error(
        "entries are missing from the source and could not be looked up, so nothing was removed: {0}"
    )]
    LookUp(String),
    /// A task of the run ended without an answer.
    #[error("the run stopped unexpectedly; start it again, and report what the log says")]
    Stopped,
    /// The report could not be kept.
    #[error("the run's report could not be kept")]
    Report(#[source] serde_json::Error),
    /// There is no such run.
    #[error("there is no run {0}; see `rollcall run list`")]
    NoRun(rollcall_store::ids::RunId),
    /// The run is not in a state in which this can be done.
    #[error("run {run} is {state}: {needs}")]
    State {
        /// The run.
        run: rollcall_store::ids::RunId,
        /// Its state.
        state: String,
        /// What would be needed.
        needs: &'static str,
    },
    /// A plan that no longer fits.
    #[error("plan {run} is stale: {because}; make a new one with `rollcall plan`")]
    Stale {
        /// The plan.
        run: rollcall_store::ids::RunId,
        /// Why.
        because: String,
    },
    /// The last administrator would go.
    #[error(
        "run {0} would end the last active administrator; that is never done: name another administrator first"
    )]
    LastAdministrator(rollcall_store::ids::RunId),
}
