//! `rollcall user list|show` and `rollcall group list|show`

use rollcall_directory::entry::Kind;
use rollcall_store::records::{ListQuery, Resource};

use super::{CliError, Exit, Global, output, workspace::Workspace};
use crate::sync::{find, name_of};

#[derive(Debug, clap::Subcommand)]
#[command(
    after_help = "Examples:\n  rollcall user list\n  rollcall user show ada@example.org\n  rollcall group show Engineering --json"
)]
pub(super) enum Command {
    /// In the order in which they came, 50 unless you say how many
    #[command(
        after_help = "Examples:\n  rollcall user list\n  rollcall group list --limit 10 --offset 20"
    )]
    List {
        /// How many
        #[arg(long, default_value_t = 50)]
        limit: u32,
        /// How many to pass over
        #[arg(long, default_value_t = 0)]
        offset: u64,
    },
    /// One of them, with all attributes
    #[command(
        after_help = "Examples:\n  rollcall user show ada@example.org\n  rollcall group show Engineering --json"
    )]
    Show {
        /// Name, e-mail address, SCIM id or externalId
        name: String,
    },
}

pub(super) async fn run(global: &Global, kind: Kind, command: Command) -> Result<Exit, CliError> {
    let workspace = Workspace::open(global).await?;
    let tenant = workspace.tenant(global).await?;
    match command {
        Command::List { limit, offset } => {
            let query = ListQuery {
                after: None,
                offset,
                limit,
                user_name: None,
            };
            let list = workspace
                .store
                .list_resources(tenant.id, kind, &query)
                .await?;
            if global.json {
                let rows: Vec<_> = list.resources.iter().map(as_json).collect();
                output::json(&serde_json::json!({ "total": list.total, "resources": rows }))?;
                return Ok(Exit::Done);
            }
            let mut rows = vec![
                ["NAME", "ACTIVE", "DISPLAY NAME", "ID"]
                    .map(str::to_owned)
                    .to_vec(),
            ];
            for resource in &list.resources {
                rows.push(vec![
                    name_of(resource),
                    if is_active(resource) { "yes" } else { "no" }.to_owned(),
                    resource
                        .document
                        .text("displayName")
                        .unwrap_or_default()
                        .to_owned(),
                    resource.uuid.to_string(),
                ]);
            }
            output::table(&rows)?;
            let shown = list.resources.len() as u64;
            if offset + shown < list.total {
                output::line(format!(
                    "{} of {}; go on with --offset {}",
                    shown,
                    list.total,
                    offset + shown
                ))?;
            }
            Ok(Exit::Done)
        }
        Command::Show { name } => show(global, &workspace, kind, tenant.id, &name).await,
    }
}

async fn show(
    global: &Global,
    workspace: &Workspace,
    kind: Kind,
    tenant: rollcall_store::ids::TenantId,
    name: &str,
) -> Result<Exit, CliError> {
    let found = find(&workspace.store, tenant, kind, name).await?;
    if found.is_empty() {
        return Err(CliError::Usage(format!(
            "there is no {kind} {name}; see `rollcall {kind} list`"
        )));
    }
    let mut all = Vec::new();
    for resource in &found {
        let mut json = as_json(resource);
        if kind == Kind::Group {
            let mut ids: Vec<_> = workspace
                .store
                .all_members(resource.id)
                .await?
                .into_iter()
                .map(|(id, _)| id)
                .collect();
            ids.dedup();
            let members = workspace.store.resources(&ids).await?;
            let mut names: Vec<String> = members.iter().map(name_of).collect();
            names.sort();
            json["members"] = names.into();
        }
        all.push(json);
    }
    if global.json {
        output::json(&all)?;
    } else {
        for json in &all {
            output::lines(&serde_json::to_string_pretty(json)?)?;
        }
    }
    Ok(Exit::Done)
}

fn is_active(resource: &Resource) -> bool {
    resource.orphaned.is_none() && resource.document.active()
}

fn as_json(resource: &Resource) -> serde_json::Value {
    serde_json::json!({
        "id": resource.uuid,
        "active": is_active(resource),
        "created": output::time(resource.created),
        "lastModified": output::time(resource.modified),
        "version": resource.version,
        "orphanedSince": resource.orphaned.map(output::time),
        "attributes": resource.document,
    })
}
