//! `rollcall journal`

use rollcall_directory::entry::Kind;
use rollcall_store::ids::{ResourceId, RunId, TenantId};
use rollcall_store::records::{Actor, JournalEvent, JournalLine, JournalQuery, Resource};

use super::{CliError, Exit, Global, output, workspace::Workspace};

#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  rollcall journal\n  rollcall journal --run 12\n  rollcall journal --user ada.lovelace --json"
)]
pub(super) struct Args {
    /// Only what this run did
    #[arg(long)]
    run: Option<i64>,
    /// Only what happened to this person
    #[arg(long, conflicts_with = "group")]
    user: Option<String>,
    /// Only what happened to this group
    #[arg(long)]
    group: Option<String>,
    /// How many lines, newest first
    #[arg(long, default_value_t = 50)]
    limit: u32,
    /// Only lines before this number
    #[arg(long)]
    before: Option<i64>,
}

pub(super) async fn run(global: &Global, args: &Args) -> Result<Exit, CliError> {
    let workspace = Workspace::open(global).await?;
    let tenant = workspace.tenant(global).await?;
    let named = match (&args.user, &args.group) {
        (Some(name), _) => Some((Kind::User, name)),
        (None, Some(name)) => Some((Kind::Group, name)),
        (None, None) => None,
    };
    let resource = match named {
        None => None,
        Some((kind, name)) => {
            let found = crate::sync::find(&workspace.store, tenant.id, kind, name).await?;
            Some(found.first().map(|r| r.id).ok_or_else(|| {
                CliError::Usage(format!(
                    "there is no {kind} {name}; see `rollcall {kind} list`"
                ))
            })?)
        }
    };
    let query = JournalQuery {
        run: args.run.map(RunId),
        resource,
        after_seq: args.before,
        limit: args.limit,
        newest_first: true,
    };
    let lines = workspace.store.journal(tenant.id, &query).await?;
    if global.json {
        let rows: Vec<_> = lines.iter().map(as_json).collect();
        output::json(&rows)?;
        return Ok(Exit::Done);
    }
    let ids: Vec<ResourceId> = lines.iter().filter_map(|l| l.resource).collect();
    let known = workspace.store.resources(&ids).await?;
    for line in &lines {
        let name = name_in(line, &known);
        let who = match &line.actor {
            Actor::Run(run) => format!("run {run}"),
            Actor::Connection(run) => format!("push, run {run}"),
            Actor::Cli => "cli".to_owned(),
            Actor::Time => "time".to_owned(),
        };
        output::line(format!(
            "{}  {}  {who}  {}  {}",
            line.seq,
            output::time(line.at),
            &name,
            &what(&line.event)
        ))?;
    }
    Ok(Exit::Done)
}

/// What a run changed, line by line.
pub(super) async fn print_run(
    workspace: &Workspace,
    tenant: TenantId,
    run: RunId,
    show: usize,
) -> Result<(), CliError> {
    let query = JournalQuery {
        run: Some(run),
        limit: u32::try_from(show.saturating_add(1)).unwrap_or(u32::MAX),
        ..JournalQuery::default()
    };
    let lines = workspace.store.journal(tenant, &query).await?;
    if lines.is_empty() {
        return Ok(());
    }
    output::line("\nIn the journal:")?;
    let ids: Vec<ResourceId> = lines.iter().filter_map(|l| l.resource).collect();
    let known = workspace.store.resources(&ids).await?;
    for line in lines.iter().take(show) {
        output::folded(&format!(
            "  {}  {}",
            name_in(line, &known),
            what(&line.event)
        ))?;
    }
    if lines.len() > show {
        output::line(format!(
            "  … and more: rollcall run show {run} --all, or rollcall journal --run {run}"
        ))?;
    }
    Ok(())
}

/// Whom a line is about.
fn name_in(line: &JournalLine, known: &[Resource]) -> String {
    line.resource
        .and_then(|id| known.iter().find(|r| r.id == id))
        .map(crate::sync::name_of)
        .or_else(|| line.uuid.map(|u| u.to_string()))
        .unwrap_or_default()
}

fn what(event: &JournalEvent) -> String {
    match event {
        JournalEvent::Created => "created".to_owned(),
        JournalEvent::Updated { changes } => changes
            .iter()
            .map(|c| {
                let text = |v: Option<&serde_json::Value>| {
                    v.map_or_else(|| "(none)".to_owned(), ToString::to_string)
                };
                format!(
                    "{} {} → {}",
                    c.unit,
                    text(c.before.as_ref()),
                    text(c.after.as_ref())
                )
            })
            .collect::<Vec<_>>()
            .join("; "),
        JournalEvent::Deleted { .. } => "deleted".to_owned(),
        JournalEvent::Linked => "linked to an entry".to_owned(),
        JournalEvent::LinkChanged { .. } => "its entry changed".to_owned(),
        JournalEvent::Unlinked { .. } => "its link was cut".to_owned(),
        JournalEvent::Members { added, removed } => super::run::members(added.len(), removed.len()),
        JournalEvent::Orphaned { since: Some(_), .. } => "no source holds it any more".to_owned(),
        JournalEvent::Orphaned { since: None, .. } => "a source holds it again".to_owned(),
        JournalEvent::Note { text } => text.clone(),
    }
}

fn as_json(line: &JournalLine) -> serde_json::Value {
    serde_json::json!({
        "seq": line.seq,
        "at": output::time(line.at),
        "actor": line.actor,
        "source": line.source,
        "resource": line.uuid,
        "event": line.event,
    })
}
