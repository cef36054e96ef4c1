//! `rollcall apply PLAN`

use rollcall_store::ids::RunId;
use rollcall_store::records::{Run, RunState};

use super::{CliError, Exit, Global, output, workspace::Workspace};
use crate::sync::Report;

#[derive(Debug, clap::Args)]
#[command(
    after_help = "Example:\n  rollcall apply 12\n\nA plan that no longer fits is refused: make a new one. One that guards would hold waits for `rollcall run approve`."
)]
pub(super) struct Args {
    /// The plan's number, as `rollcall plan` printed it
    plan: i64,
}

pub(super) async fn run(global: &Global, args: &Args) -> Result<Exit, CliError> {
    let workspace = Workspace::open(global).await?;
    let run = workspace.run(RunId(args.plan)).await?;
    let report = Report::of(&run);
    if run.state == RunState::Planned && !report.held.is_empty() {
        return tell_held(global, &run, &report);
    }
    apply(global, &workspace, run.id).await
}

/// What a guard would hold in a run is not slipped past it with a plan.
fn tell_held(global: &Global, run: &Run, report: &Report) -> Result<Exit, CliError> {
    if global.json {
        output::json(&serde_json::json!({
            "run": run.id,
            "state": run.state.as_str(),
            "held": report.held,
        }))?;
        return Ok(Exit::Held);
    }
    output::line(format!("Plan {} was not applied: guards hold it.", run.id))?;
    for held in &report.held {
        output::folded(&format!("  HELD: {}", held.because))?;
    }
    output::folded(&format!("If it is right: rollcall run approve {}", run.id))?;
    Ok(Exit::Held)
}

/// Applies a plan, or approves what a guard held: the same thing.
pub(super) async fn apply(
    global: &Global,
    workspace: &Workspace,
    id: RunId,
) -> Result<Exit, CliError> {
    let run = workspace.run(id).await?;
    let footing = workspace.footing_of_run(&run).await?;
    let mut finished = workspace.engine().apply(&footing, id).await?;
    finished.report.held.clear();
    super::run::print_finished(global, &footing.source.name, &finished)?;
    Ok(super::sync::exit_of(&finished))
}
