//! `rollcall schema add|list|remove`

use std::path::{Path, PathBuf};

use rollcall_directory::schema::Registry;
use rollcall_store::records::Tenant;
use rollcall_store::{Origin, RegisterError};
use serde_json::Value as Json;

use super::{CliError, Exit, Global, output, workspace::Workspace};
use crate::config::Config;

#[derive(Debug, clap::Subcommand)]
#[command(
    after_help = "Examples:\n  rollcall schema add badge.json\n  rollcall schema list\n  rollcall schema remove Badge"
)]
pub(super) enum Command {
    /// Register the schemas and resource types of a file
    #[command(
        after_help = "Example:\n  rollcall schema add agents.json\n\nThe file holds an object with the lists `schemas` and `resourceTypes`, as RFC 7643 §7 and §6 write them. A running server uses them at once."
    )]
    Add {
        /// The file
        file: PathBuf,
    },
    /// What was registered, with where
    #[command(after_help = "Example:\n  rollcall schema list")]
    List,
    /// Take a schema or resource type away
    #[command(
        after_help = "Example:\n  rollcall schema remove Agent\n  rollcall schema remove urn:ietf:params:scim:schemas:core:2.0:Agent"
    )]
    Remove {
        /// The schema's URN or the type's name
        name: String,
    },
}

pub(super) async fn run(global: &Global, command: Command) -> Result<Exit, CliError> {
    let workspace = Workspace::open(global).await?;
    let tenant = workspace.tenant(global).await?;
    match command {
        Command::Add { file } => {
            let json = read(&file)?;
            let new = workspace
                .store
                .register(tenant.id, &json, Origin::Api)
                .await
                .map_err(|error| refused(&file, &error))?;
            if global.json {
                output::json(&serde_json::json!({ "registered": new }))?;
            } else if new {
                output::line(format!(
                    "{} is registered in tenant {}.",
                    file.display(),
                    tenant.name
                ))?;
            } else {
                output::line("Nothing has changed: all of it is registered already.")?;
            }
        }
        Command::List => list(global, &workspace, &tenant).await?,
        Command::Remove { name } => {
            let gone = workspace.store.unregister(tenant.id, &name).await;
            gone.map_err(|error| CliError::Failed(error.to_string()))?;
            if global.json {
                output::json(&serde_json::json!({ "name": name, "removed": true }))?;
            } else {
                output::line(format!("{name} is no longer registered."))?;
            }
        }
    }
    Ok(Exit::Done)
}

async fn list(global: &Global, workspace: &Workspace, tenant: &Tenant) -> Result<(), CliError> {
    let all = workspace.store.registrations(tenant.id).await?;
    let what = |is_resource_type: bool| {
        if is_resource_type {
            "resource type"
        } else {
            "schema"
        }
    };
    if global.json {
        let rows: Vec<Json> = all
            .iter()
            .map(|one| {
                serde_json::json!({
                    "name": one.name,
                    "what": what(one.is_resource_type),
                    "origin": one.origin,
                })
            })
            .collect();
        return output::json(&rows);
    }
    let mut rows = vec![["NAME", "WHAT", "ORIGIN"].map(str::to_owned).to_vec()];
    for one in &all {
        rows.push(vec![
            one.name.clone(),
            what(one.is_resource_type).to_owned(),
            one.origin.clone(),
        ]);
    }
    output::table(&rows)?;
    Ok(())
}

/// Registers the files of the configuration's folder of schemas in every tenant.
pub(super) async fn register_files(workspace: &Workspace) -> Result<(), CliError> {
    let Some(folder) = &workspace.config.schemas else {
        return Ok(());
    };
    let files = files(folder)?;
    for name in workspace.config.tenants.keys() {
        let tenant = workspace.store.ensure_tenant(name).await?;
        for file in &files {
            let json = read(file)?;
            workspace
                .store
                .register(tenant.id, &json, Origin::File)
                .await
                .map_err(|error| refused(file, &error))?;
        }
    }
    Ok(())
}

/// The schemas that there are when the files of the configuration's folder are registered.
pub(super) fn of_files(config: &Config) -> Result<Registry, CliError> {
    let mut registry = Registry::standard();
    if let Some(folder) = &config.schemas {
        for file in files(folder)? {
            let added = registry.add(&read(&file)?);
            added.map_err(|error| CliError::Failed(format!("{}: {error}", file.display())))?;
        }
    }
    Ok(registry)
}

/// The files of a folder of schemas, by name.
fn files(folder: &Path) -> Result<Vec<PathBuf>, CliError> {
    let failed = |error: std::io::Error| {
        CliError::Failed(format!(
            "the folder of schemas {} cannot be read: {error}",
            folder.display()
        ))
    };
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(failed)? {
        let path = entry.map_err(failed)?.path();
        if path
            .extension()
            .is_some_and(|extension| extension == "json")
        {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}

fn read(file: &Path) -> Result<Json, CliError> {
    let failed = |error: &dyn std::fmt::Display| {
        CliError::Failed(format!("{} cannot be read: {error}", file.display()))
    };
    let text = std::fs::read_to_string(file).map_err(|e| failed(&e))?;
    serde_json::from_str(&text).map_err(|e| failed(&e))
}

fn refused(file: &Path, error: &RegisterError) -> CliError {
    CliError::Failed(format!("{}: {error}", file.display()))
}
