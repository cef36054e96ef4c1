//! `rollcall source list|pause|resume`

use super::{CliError, Exit, Global, output, workspace::Workspace};

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
    for source in workspace.config.sources.values() {
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
                .unwrap_or_else(|| "ready".to_owned()),
        ]);
    }
    if global.json {
        output::json(&json)?;
    } else {
        output::table(&rows)?;
    }
    Ok(Exit::Done)
}

async fn set(
    global: &Global,
    workspace: &Workspace,
    name: &str,
    because: Option<&str>,
) -> Result<Exit, CliError> {
    let source = workspace.source(Some(name))?;
    let tenant = workspace.store.ensure_tenant(&source.tenant).await?;
    let record = workspace
        .store
        .ensure_source(tenant.id, &source.name, source.kind.as_str())
        .await?;
    workspace.store.set_paused(record.id, because).await?;
    let text = match because {
        Some(why) => format!("source {name} was paused: {why}"),
        None => format!("source {name} was resumed"),
    };
    workspace
        .store
        .note(
            tenant.id,
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
