//! `rollcall migrate`

use super::{CliError, Exit, Global, output, workspace::Workspace};

pub(super) async fn run(global: &Global) -> Result<Exit, CliError> {
    let workspace = Workspace::open(global).await?;
    let version = workspace.store.schema_version().await?;
    if global.json {
        output::json(&serde_json::json!({ "schema": version }))?;
    } else {
        output::line(format!(
            "The store's schema is at version {version}, the newest."
        ))?;
    }
    Ok(Exit::Done)
}
