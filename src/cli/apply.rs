//! `rollcall apply PLAN`

use rollcall_store::ids::RunId;

use super::{CliError, Exit, Global, workspace::Workspace};

#[derive(Debug, clap::Args)]
#[command(
    after_help = "Example:\n  rollcall apply 12\n\nA plan that no longer fits is refused: make a new one."
)]
pub(super) struct Args {
    /// The plan's number, as `rollcall plan` printed it
    plan: i64,
}

pub(super) async fn run(global: &Global, args: &Args) -> Result<Exit, CliError> {
    let workspace = Workspace::open(global).await?;
    apply(global, &workspace, RunId(args.plan)).await
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
