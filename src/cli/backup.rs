//! `rollcall backup FILE`, and the dump that compares two directories.

use std::path::PathBuf;

use super::{CliError, Exit, Global, output, workspace::Workspace};

#[derive(Debug, clap::Args)]
#[command(
    after_help = "Example:\n  rollcall backup /var/backups/rollcall-$(date +%F).db\n\nPostgreSQL has its own tools: pg_dump, or a standby."
)]
pub(super) struct Args {
    /// The new file; must not be there yet
    file: PathBuf,
}

pub(super) async fn run(global: &Global, args: &Args) -> Result<Exit, CliError> {
    if args.file.exists() {
        return Err(CliError::Usage(format!(
            "{} is there already; name a new file",
            args.file.display()
        )));
    }
    let workspace = Workspace::open(global).await?;
    workspace.store.backup(&args.file).await?;
    let bytes = std::fs::metadata(&args.file)?.len();
    if global.json {
        output::json(&serde_json::json!({ "file": args.file, "bytes": bytes }))?;
    } else {
        output::line(format!(
            "Copied the store to {} ({}).",
            args.file.display(),
            output::count(bytes, "byte", "bytes")
        ))?;
    }
    Ok(Exit::Done)
}

pub(super) async fn dump(global: &Global) -> Result<Exit, CliError> {
    let workspace = Workspace::open(global).await?;
    let tenant = workspace.tenant(global).await?;
    for line in workspace.store.dump(tenant.id).await? {
        output::raw_line(&line)?;
    }
    Ok(Exit::Done)
}
