//! `rollcall source list|pause|resume|retire`

use std::sync::Arc;

use rollcall_store::records::{Presence, Source, Tenant};

use super::{CliError, Exit, Global, output, workspace::Workspace};
use crate::auth::connection::Known;
use crate::sync::{Mode, Progress};

/// How many changes of a plan are shown.
const STEPS_SHOWN: usize = 20;

#[derive(Debug, clap::Subcommand)]
#[command(
    after_help = "Examples:\n  rollcall source list\n  rollcall source pause hr --because 'moving to the new service'\n  rollcall source resume hr"
)]
pub(super) enum Command {
    /// Every source, when it was last read completely, and whether it is paused
    #[command(after_help = "Example:\n  rollcall source list")]
    List,
    /// Let no run of a source start
    #[command(
        after_help = "Example:\n  rollcall source pause hr --because 'moving to the new service'"
    )]
    Pause {
        /// The source
        source: String,
        /// Why, for whoever wonders
        #[arg(long, default_value = "paused by an administrator")]
        because: String,
    },
    /// Take back all that a source said which is no longer configured: as a plan
    #[command(
        after_help = "Example:\n  rollcall source retire old-hr\n\nNothing is changed. Whom no other source holds will be not active; see the plan, then\napply it."
    )]
    Retire {
        /// The source
        source: String,
    },
    /// Let it go on
    #[command(after_help = "Example:\n  rollcall source resume hr")]
    Resume {
        /// The source
        source: String,
    },
}

pub(super) async fn run(global: &Global, command: Command) -> Result<Exit, CliError> {
    let workspace = Workspace::open(global).await?;
    match command {
        Command::List => list(global, &workspace).await,
        Command::Pause { source, because } => {
            set(global, &workspace, &source, Some(&because)).await
        }
        Command::Retire { source } => retire(global, &workspace, &source).await,
        Command::Resume { source } => set(global, &workspace, &source, None).await,
    }
}

async fn list(global: &Global, workspace: &Workspace) -> Result<Exit, CliError> {
    let mut rows = vec![
        ["SOURCE", "KIND", "PRIORITY", "LAST COMPLETE READ", "STATE"]
            .map(str::to_owned)
            .to_vec(),
    ];
    let mut json = Vec::new();
    for source in workspace.sources() {
        let tenant = workspace.store.ensure_tenant(&source.tenant).await?;
        let record = workspace
            .store
            .ensure_source(tenant.id, &source.name, source.kind.as_str())
            .await?;
        let fresh =
            crate::sync::freshness(&workspace.store, &record, workspace.clock.now()).await?;
        json.push(serde_json::json!({
            "source": source.name,
            "tenant": source.tenant,
            "kind": source.kind.as_str(),
            "priority": source.priorities.default,
            "last_complete": record.last_complete.map(output::time),
            "last_read": fresh.last_read,
            "overdue": fresh.overdue.is_some(),
            "paused": record.paused,
        }));
        rows.push(vec![
            source.name.clone(),
            source.kind.as_str().to_owned(),
            source.priorities.default.to_string(),
            record
                .last_complete
                .map_or_else(|| "never".to_owned(), output::time),
            record
                .paused
                .map(|why| format!("paused: {why}"))
                .or_else(|| {
                    let hours = fresh.overdue?.whole_hours();
                    Some(format!(
                        "overdue: no complete read for {hours} hours, see rollcall run list {}",
                        source.name
                    ))
                })
                .or_else(|| {
                    let end = fresh.last_read.filter(|end| *end != "complete")?;
                    Some(format!(
                        "last read {end}, see rollcall run list {}",
                        source.name
                    ))
                })
                .unwrap_or_else(|| "ready".to_owned()),
        ]);
    }
    list_unconfigured(workspace, &mut rows, &mut json).await?;
    if global.json {
        output::json(&json)?;
    } else {
        output::table(&rows)?;
    }
    Ok(Exit::Done)
}

/// Sources that the configuration had once, and connections that were made at run time.
async fn list_unconfigured(
    workspace: &Workspace,
    rows: &mut Vec<Vec<String>>,
    json: &mut Vec<serde_json::Value>,
) -> Result<(), CliError> {
    // Those of the configuration are known to the store from here on.
    let connections = workspace.roster().all(None).await?;
    for tenant in workspace.store.tenants().await? {
        if !workspace.may_touch(&tenant.name) {
            continue;
        }
        for record in dropped(workspace, &tenant).await? {
            json.push(serde_json::json!({
                "source": record.name,
                "tenant": tenant.name,
                "kind": record.kind,
                "configured": false,
            }));
            let state = format!(
                "no longer configured; what it said still counts, last of all: rollcall source retire {}",
                record.name
            );
            rows.push(vec![
                record.name,
                record.kind,
                "-".to_owned(),
                record
                    .last_complete
                    .map_or_else(|| "never".to_owned(), output::time),
                state,
            ]);
        }
        pushing(workspace, &tenant, &connections, rows, json).await?;
    }
    Ok(())
}

/// The sources of a tenant that push.
async fn pushing(
    workspace: &Workspace,
    tenant: &Tenant,
    connections: &[Known],
    rows: &mut Vec<Vec<String>>,
    json: &mut Vec<serde_json::Value>,
) -> Result<(), CliError> {
    for record in workspace.store.sources(tenant.id).await? {
        let configured = workspace.config.sources.contains_key(&record.name);
        if record.kind != crate::sync::push::KIND || configured {
            continue;
        }
        let known = connections
            .iter()
            .find(|known| known.source.id == record.id);
        let priority = known.map(|known| known.settings.priorities.default);
        json.push(serde_json::json!({
            "source": record.name,
            "tenant": tenant.name,
            "kind": record.kind,
            "priority": priority,
            "paused": record.paused,
        }));
        let state = record.paused.map(|why| format!("paused: {why}"));
        rows.push(vec![
            record.name,
            record.kind,
            priority.map_or_else(|| "-".to_owned(), |number| number.to_string()),
            "pushes".to_owned(),
            state.unwrap_or_else(|| "ready".to_owned()),
        ]);
    }
    Ok(())
}

/// The connection of that name which the configuration does not have.
async fn connection(
    global: &Global,
    workspace: &Workspace,
    name: &str,
) -> Result<Option<rollcall_store::records::Source>, CliError> {
    if workspace.config.sources.contains_key(name) {
        return Ok(None);
    }
    if let Some(known) = workspace.roster().named(name).await? {
        return Ok(Some(known.source));
    }
    let tenant = workspace.tenant(global).await?;
    let mut sources = workspace.store.sources(tenant.id).await?.into_iter();
    Ok(sources.find(|s| s.name == name && s.kind == crate::sync::push::KIND))
}

/// The sources of a tenant that the configuration had once, and whose word still counts.
async fn dropped(workspace: &Workspace, tenant: &Tenant) -> Result<Vec<Source>, CliError> {
    let mut all = Vec::new();
    for record in workspace.store.sources(tenant.id).await? {
        let configured = workspace.config.sources.contains_key(&record.name);
        if configured || record.kind == crate::sync::push::KIND {
            continue;
        }
        let marks = workspace.store.link_marks(record.id).await?;
        if marks.iter().any(|mark| mark.presence == Presence::Present) {
            all.push(record);
        }
    }
    Ok(all)
}

async fn retire(global: &Global, workspace: &Workspace, name: &str) -> Result<Exit, CliError> {
    if workspace.config.sources.contains_key(name) {
        return Err(CliError::Usage(format!(
            "source {name} is configured: take [sources.{name}] out of the configuration first, then retire it"
        )));
    }
    let tenant = workspace.tenant(global).await?;
    let all = dropped(workspace, &tenant).await?;
    let Some(record) = all.into_iter().find(|record| record.name == name) else {
        return Err(CliError::Usage(format!(
            "there is no source {name} that is no longer configured and still counts; see `rollcall source list`"
        )));
    };
    let setup = workspace.retiring(tenant, record).await?;
    let finished = workspace
        .engine()
        .run(&setup, Mode::Plan, Arc::new(Progress::default()))
        .await?;
    super::run::print_finished(global, name, &finished)?;
    if !global.json {
        super::run::print_steps(workspace, finished.run, STEPS_SHOWN).await?;
        output::line(format!(
            "\nNothing was changed. This takes back all that {name} said. {}",
            super::sync::how_to_apply(&finished)
        ))?;
    }
    Ok(super::sync::exit_of_plan(&finished))
}

async fn set(
    global: &Global,
    workspace: &Workspace,
    name: &str,
    because: Option<&str>,
) -> Result<Exit, CliError> {
    let record = if let Some(connection) = connection(global, workspace, name).await? {
        connection
    } else {
        let source = workspace.source(Some(name))?;
        let tenant = workspace.store.ensure_tenant(&source.tenant).await?;
        let kind = source.kind.as_str();
        workspace
            .store
            .ensure_source(tenant.id, &source.name, kind)
            .await?
    };
    workspace.store.set_paused(record.id, because).await?;
    let text = match because {
        Some(why) => format!("source {name} was paused: {why}"),
        None => format!("source {name} was resumed"),
    };
    workspace
        .store
        .note(
            record.tenant,
            Some(record.id),
            &rollcall_store::records::Actor::Cli,
            &text,
            workspace.clock.now(),
        )
        .await?;
    if global.json {
        output::json(&serde_json::json!({ "source": name, "paused": because }))?;
    } else {
        output::line(format!("{text}."))?;
    }
    Ok(Exit::Done)
}
