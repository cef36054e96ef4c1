//! `rollcall run list|show|approve|cancel|undo`

use rollcall_store::ids::{RunId, SourceId, TenantId};
use rollcall_store::records::{Actor, Presence, Run, RunKind, RunQuery, RunState};
use rollcall_store::writes::{Step, Write};

use super::output::count;
use super::{CliError, Exit, Global, output, workspace::Workspace};
use crate::sync::{Finished, Holds, READ_ENDS, Report, Tally};

#[derive(Debug, clap::Subcommand)]
#[command(
    after_help = "Examples:\n  rollcall run list\n  rollcall run show 12\n  rollcall run approve 12\n  rollcall run undo 12 --plan"
)]
pub(super) enum Command {
    /// The latest runs
    #[command(after_help = "Examples:\n  rollcall run list\n  rollcall run list hr --limit 5")]
    List {
        /// Only of this source
        source: Option<String>,
        /// How many
        #[arg(long, default_value_t = 20)]
        limit: u32,
    },
    /// What a run did, what it holds and why
    #[command(after_help = "Examples:\n  rollcall run show 12\n  rollcall run show 12 --all")]
    Show {
        /// Its number
        run: i64,
        /// Every waiting change, not only the first 20
        #[arg(long)]
        all: bool,
    },
    /// Do what a guard held
    #[command(after_help = "Example:\n  rollcall run approve 12")]
    Approve {
        /// Its number
        run: i64,
    },
    /// Discard a plan, or what a guard held
    #[command(after_help = "Example:\n  rollcall run cancel 12")]
    Cancel {
        /// Its number
        run: i64,
    },
    /// Put back what a run changed, and pause its source
    #[command(after_help = "Examples:\n  rollcall run undo 12 --plan\n  rollcall run undo 12")]
    Undo {
        /// Its number
        run: i64,
        /// Only show what that would do, and keep it for `apply`
        #[arg(long)]
        plan: bool,
    },
}

/// How many waiting changes are shown unless all are asked for.
const STEPS_SHOWN: usize = 20;

pub(super) async fn run(global: &Global, command: Command) -> Result<Exit, CliError> {
    let workspace = Workspace::open(global).await?;
    match command {
        Command::List { source, limit } => list(global, &workspace, source, limit).await,
        Command::Show { run, all } => show(global, &workspace, RunId(run), all).await,
        Command::Approve { run } => super::apply::apply(global, &workspace, RunId(run)).await,
        Command::Cancel { run } => {
            let cancelled = workspace.run(RunId(run)).await?;
            workspace.engine().cancel(RunId(run)).await?;
            note_cancelled(&workspace, &cancelled).await?;
            if global.json {
                output::json(&serde_json::json!({ "run": run, "state": "cancelled" }))?;
            } else {
                output::line(format!(
                    "Run {run} is cancelled; nothing of what waited was done."
                ))?;
            }
            Ok(Exit::Done)
        }
        Command::Undo { run, plan } => undo(global, &workspace, RunId(run), plan).await,
    }
}

/// An administrator's word stands in the journal.
async fn note_cancelled(workspace: &Workspace, run: &Run) -> Result<(), CliError> {
    let Some(source) = workspace.store.source(run.source).await? else {
        return Ok(());
    };
    let what = match run.state {
        RunState::Planned => "plan",
        _ => "run",
    };
    let text = format!(
        "{what} {} was cancelled: nothing of what waited was done",
        run.id
    );
    let now = workspace.clock.now();
    let actor = Actor::Cli;
    workspace
        .store
        .note(source.tenant, Some(source.id), &actor, &text, now)
        .await?;
    Ok(())
}

async fn list(
    global: &Global,
    workspace: &Workspace,
    source: Option<String>,
    limit: u32,
) -> Result<Exit, CliError> {
    let tenant = workspace.tenant(global).await?;
    let sources = workspace.store.sources(tenant.id).await?;
    let name_of = |run: &Run| {
        sources
            .iter()
            .find(|s| s.id == run.source)
            .map_or_else(|| run.source.to_string(), |s| s.name.clone())
    };
    let wanted = source
        .map(|name| {
            sources
                .iter()
                .find(|s| s.name == name)
                .map(|s| s.id)
                .ok_or_else(|| CliError::Usage(format!("source {name} has never run")))
        })
        .transpose()?;
    let query = RunQuery {
        source: wanted,
        since: None,
        limit,
    };
    let runs = workspace.store.runs(tenant.id, &query).await?;
    if global.json {
        let rows: Vec<_> = runs.iter().map(|r| as_json(r, &name_of(r))).collect();
        output::json(&rows)?;
        return Ok(Exit::Done);
    }
    if runs.is_empty() {
        output::line("No run yet. See what one would do: rollcall plan SOURCE")?;
        return Ok(Exit::Done);
    }
    let mut rows = vec![
        ["RUN", "SOURCE", "KIND", "STATE", "READ", "STARTED", "WHAT"]
            .map(str::to_owned)
            .to_vec(),
    ];
    for run in &runs {
        let report = report_of(workspace, tenant.id, run).await?;
        rows.push(vec![
            run.id.to_string(),
            name_of(run),
            run.kind.as_str().to_owned(),
            state_of(run, &runs),
            how_it_read(run).to_owned(),
            output::time(run.started),
            what_it_did(run, &report, &runs),
        ]);
    }
    output::table(&rows)?;
    Ok(Exit::Done)
}

/// What a run did, with the run that it took back.
fn what_it_did(run: &Run, report: &Report, runs: &[Run]) -> String {
    if run.state == RunState::Failed {
        return what_a_failure_left(report);
    }
    let Some(undone) = run.undoes else {
        return summary(&report.tally);
    };
    // What takes back an undo does again what the undo took back.
    let again = runs
        .iter()
        .find(|r| r.id == undone)
        .and_then(|undo| undo.undoes);
    let what = match again {
        Some(first) => format!("takes back the undo {undone}, so does run {first} again"),
        None => format!("takes back run {undone}"),
    };
    format!("{what}: {}", summary(&report.tally))
}

/// A run's state, and by which run it was undone.
fn state_of(run: &Run, runs: &[Run]) -> String {
    let state = run.state.as_str();
    let by = runs
        .iter()
        .find(|r| r.undoes == Some(run.id) && r.state == RunState::Applied);
    match by {
        Some(by) if run.state == RunState::Undone => format!("{state} by {}", by.id),
        _ => state.to_owned(),
    }
}

/// What a run that failed has left behind.
fn what_a_failure_left(report: &Report) -> String {
    match report.written {
        0 => "nothing was written".to_owned(),
        1 => "1 change was written before it failed; it stays".to_owned(),
        written => format!("{written} changes were written before it failed; they stay"),
    }
}

/// The verdict in one word; `run show` has the sentence.
fn how_it_read(run: &Run) -> &'static str {
    let verdict = run.verdict.as_deref().unwrap_or_default();
    READ_ENDS
        .into_iter()
        .find(|end| verdict.starts_with(end))
        .unwrap_or("-")
}

async fn show(
    global: &Global,
    workspace: &Workspace,
    id: RunId,
    all: bool,
) -> Result<Exit, CliError> {
    let run = workspace.run(id).await?;
    let source = workspace.store.source(run.source).await?;
    let name = source.as_ref().map(|s| s.name.clone()).unwrap_or_default();
    let quarantined = workspace.store.quarantined(run.source).await?;
    let dangling = dangling(workspace, run.source).await?;
    if global.json {
        let mut json = as_json(&run, &name);
        if let Some(object) = json.as_object_mut() {
            let steps = workspace.engine().steps(id).await?;
            object.insert("steps".to_owned(), serde_json::to_value(steps)?);
            object.insert("quarantine".to_owned(), serde_json::to_value(&quarantined)?);
            object.insert("dangling".to_owned(), serde_json::to_value(&dangling)?);
        }
        output::json(&json)?;
        return Ok(Exit::Done);
    }
    let finished = Finished {
        run: id,
        state: run.state,
        verdict: run.verdict.clone().unwrap_or_default(),
        report: match &source {
            Some(source) => report_of(workspace, source.tenant, &run).await?,
            None => Report::default(),
        },
    };
    print_finished(global, &name, &finished)?;
    if let Some(undone) = run.undoes {
        output::line(format!("It undoes run {undone}."))?;
    }
    if !quarantined.is_empty() {
        output::line(format!("\nIn quarantine of {name}:"))?;
        for entry in quarantined
            .iter()
            .take(if all { usize::MAX } else { STEPS_SHOWN })
        {
            output::line(format!(
                "  {} {} ({}): {}",
                entry.kind,
                &entry.name,
                &entry.locator.to_string(),
                &entry.reason
            ))?;
        }
    }
    print_dangling(&name, &dangling, if all { usize::MAX } else { STEPS_SHOWN })?;
    let show = if all { usize::MAX } else { STEPS_SHOWN };
    print_steps(workspace, id, show).await?;
    let wrote = matches!(
        run.state,
        RunState::Applied | RunState::Undone | RunState::Failed
    );
    if let (true, Some(source)) = (wrote, &source) {
        super::journal::print_run(workspace, source.tenant, id, show).await?;
    }
    if run.state == RunState::Held {
        output::lines(&format!(
            "\nDo it: rollcall run approve {id}\nDiscard it: rollcall run cancel {id}"
        ))?;
    }
    Ok(Exit::Done)
}

/// A member or manager that an entry names and that nobody here is.
#[derive(Debug, serde::Serialize)]
struct Dangling {
    /// The key of the entry that names it.
    entry: String,
    /// What people call whose entry it is.
    called: String,
    /// `members`, or the attribute.
    attribute: String,
    /// The name, as the source writes it.
    name: String,
}

/// What the entries of a source refer to in vain, now.
async fn dangling(workspace: &Workspace, source: SourceId) -> Result<Vec<Dangling>, CliError> {
    let pending = workspace.store.pending(source).await?;
    let ids: Vec<_> = pending.iter().map(|p| p.link).collect();
    let links = workspace.store.links(&ids).await?;
    let key_of = |id| {
        let found = links.binary_search_by_key(&id, |link| link.id).ok();
        found
            .and_then(|at| links.get(at))
            .map(|l| l.key.to_string())
    };
    let owners: Vec<_> = links.iter().map(|link| link.resource).collect();
    let owners = workspace.store.resources(&owners).await?;
    let name_of = |id| {
        let found = links.binary_search_by_key(&id, |link| link.id).ok()?;
        let owner = links.get(found)?.resource;
        let owner = owners.iter().find(|resource| resource.id == owner)?;
        Some(crate::sync::name_of(owner))
    };
    Ok(pending
        .into_iter()
        .map(|p| Dangling {
            entry: key_of(p.link).unwrap_or_default(),
            called: name_of(p.link).unwrap_or_default(),
            attribute: p.reference.unit.to_string(),
            name: p.reference.name.text,
        })
        .collect())
}

fn print_dangling(source: &str, dangling: &[Dangling], show: usize) -> Result<(), CliError> {
    if dangling.is_empty() {
        return Ok(());
    }
    output::line(format!("\nNamed by entries of {source}, and nobody here:"))?;
    for named in dangling.iter().take(show) {
        output::line(format!(
            "  {} ({} of {})",
            named.name,
            named.attribute,
            if named.called.is_empty() {
                &named.entry
            } else {
                &named.called
            }
        ))?;
    }
    if dangling.len() > show {
        output::line(format!("  … and {} more", dangling.len() - show))?;
    }
    Ok(())
}

async fn undo(
    global: &Global,
    workspace: &Workspace,
    id: RunId,
    plan: bool,
) -> Result<Exit, CliError> {
    let run = workspace.run(id).await?;
    let footing = workspace.footing_of_run(&run).await?;
    let name = &footing.source.name;
    let finished = workspace.engine().undo(&footing, id, plan).await?;
    print_finished(global, name, &finished)?;
    if !global.json {
        match finished.state {
            RunState::Applied => output::line(format!(
                "Source {name} is paused, since its next run would do the same again. When the cause is mended: rollcall source resume {name}"
            ))?,
            RunState::Held => output::line(format!(
                "Nothing was undone yet. Do it: rollcall run approve {}",
                finished.run
            ))?,
            _ => {
                print_steps(workspace, finished.run, STEPS_SHOWN).await?;
                output::line(format!("\n{}", super::sync::how_to_apply(&finished)))?;
            }
        }
    }
    Ok(super::sync::exit_of(&finished))
}

/// What a run came to, in a few lines.
pub(super) fn print_finished(
    global: &Global,
    source: &str,
    finished: &Finished,
) -> Result<(), CliError> {
    if global.json {
        let mut json = serde_json::to_value(finished)?;
        if let Some(object) = json.as_object_mut() {
            object.insert("source".to_owned(), source.into());
        }
        return output::json(&json);
    }
    let report = &finished.report;
    output::line(format!(
        "{} of {source}: {}",
        output::bold(&format!("Run {}", finished.run)),
        finished.state.as_str()
    ))?;
    if !finished.verdict.is_empty() {
        output::folded(&format!("  read: {}", &finished.verdict))?;
    }
    if report.tally.read() > 0 {
        output::folded(&format!(
            "  {} and {} read, {} of them unchanged",
            people(report.tally.users_read),
            count(report.tally.groups_read, "group", "groups"),
            report.tally.unchanged
        ))?;
    }
    let verb = match finished.state {
        RunState::Planned => "would change",
        RunState::Held => "changes, those that wait included",
        _ => "changes",
    };
    if finished.state == RunState::Failed {
        output::folded(&format!("  {}", what_a_failure_left(report)))?;
    } else {
        output::folded(&format!("  {verb}: {}", summary(&report.tally)))?;
    }
    if report.tally.quarantined > 0 {
        output::folded(&format!(
            "  in quarantine: {}; reasons: rollcall run show {}",
            count(report.tally.quarantined, "entry", "entries"),
            finished.run
        ))?;
    }
    if report.unwritten > 0 {
        output::folded(&format!(
            "  NOT WRITTEN: {}; the notes say why",
            count(report.unwritten, "of these changes", "of these changes")
        ))?;
    }
    if report.tally.dangling > 0 {
        output::folded(&format!(
            "  members and managers that nobody here is: {}; see `rollcall run show {}`",
            report.tally.dangling, finished.run
        ))?;
    }
    for held in &report.held {
        let what = match held.holds {
            Holds::All => "HELD, all of it",
            _ => "HELD",
        };
        output::folded(&format!("  {what}: {}", &held.because))?;
    }
    for note in report.notes.iter().take(STEPS_SHOWN) {
        output::folded(&format!("  note: {note}"))?;
    }
    if report.notes.len() > STEPS_SHOWN {
        output::line(format!(
            "  … and {}: rollcall run show {} --json",
            count(report.notes.len() - STEPS_SHOWN, "more note", "more notes"),
            finished.run
        ))?;
    }
    Ok(())
}

/// The waiting changes of a run, one line each.
pub(super) async fn print_steps(
    workspace: &Workspace,
    id: RunId,
    show: usize,
) -> Result<(), CliError> {
    let total = usize::try_from(workspace.store.count_steps(id).await?).unwrap_or(usize::MAX);
    if total == 0 {
        return Ok(());
    }
    output::line(format!("\n{}:", count(total, "change", "changes")))?;
    let mut after = -1;
    let mut shown = 0;
    while shown < show {
        let page = workspace.store.steps(id, after, 500).await?;
        let Some((last, _)) = page.last() else { break };
        after = *last;
        for (_, step) in page.iter().take(show - shown) {
            for text in describe(step) {
                output::folded(&format!("  {}", &text))?;
            }
            shown += 1;
        }
    }
    if shown < total {
        output::line(format!(
            "  … and {} more: rollcall run show {id} --all",
            total - shown
        ))?;
    }
    Ok(())
}

/// What one step does, for people.
fn describe(step: &Step) -> Vec<String> {
    let mut lines = Vec::new();
    for write in &step.writes {
        match write {
            Write::Create { kind, document, .. } => {
                let name = document
                    .text("userName")
                    .or_else(|| document.text("displayName"))
                    .unwrap_or(&step.subject);
                lines.push(format!("+ {kind} {name}"));
            }
            Write::Update { changes, .. } => {
                for change in changes {
                    lines.push(format!(
                        "~ {}: {} {} → {}",
                        step.subject,
                        output::short(change.unit.as_str()),
                        brief(change.before.as_ref()),
                        brief(change.after.as_ref())
                    ));
                }
            }
            Write::Delete { .. } => lines.push(format!("- {} is deleted", step.subject)),
            Write::Restore { .. } => lines.push(format!("+ {} comes back", step.subject)),
            Write::Orphan { since, .. } => lines.push(match since {
                Some(_) => format!("- {}: no source holds it any more", step.subject),
                None => format!("+ {}: a source holds it again", step.subject),
            }),
            Write::Link { link } => lines.push(format!(
                "= {} is found to be somebody who is here already",
                link.key
            )),
            Write::Relink { link, .. } if link.presence == Presence::Disabled => {
                lines.push(format!("- {} has left the source: disabled", step.subject));
            }
            Write::Relink { link, .. } if link.presence == Presence::Withdrawn => {
                lines.push(format!("- {} has left the source", step.subject));
            }
            Write::Members { added, removed, .. } => {
                lines.push(format!(
                    "~ {}: {}",
                    step.subject,
                    members(added.len(), removed.len())
                ));
            }
            Write::Quarantine { entry } => {
                lines.push(format!(
                    "! {} into quarantine: {}",
                    entry.name, entry.reason
                ));
            }
            Write::Release { name, .. } => lines.push(format!("! {name} out of quarantine")),
            Write::Unlink { .. } => lines.push(format!("- {} loses its link", step.subject)),
            Write::Expect { .. }
            | Write::Unclaimed { .. }
            | Write::Relink { .. }
            | Write::Names { .. }
            | Write::Pending { .. } => {}
        }
    }
    if lines.is_empty() {
        lines.push(format!(
            "= {}: what its source says of it, which changes no value",
            step.subject
        ));
    }
    lines
}

/// Members that come and go, in words.
pub(super) fn members(added: usize, removed: usize) -> String {
    let come = |verb| format!("{} {verb}", count(added, "member", "members"));
    match (added, removed) {
        (_, 0) => come(if added == 1 { "comes" } else { "come" }),
        (0, 1) => "1 member goes".to_owned(),
        (0, removed) => format!("{removed} members go"),
        (1, removed) => format!("{}, {removed} go", come("comes")),
        (_, removed) => format!("{}, {removed} go", come("come")),
    }
}

fn people(number: u64) -> String {
    count(number, "person", "people")
}

/// A value cut to a line.
fn brief(value: Option<&serde_json::Value>) -> String {
    const CHARS_MAX: usize = 60;
    let Some(value) = value else {
        return "(none)".to_owned();
    };
    let text = value
        .as_str()
        .map_or_else(|| value.to_string(), |text| format!("\"{text}\""));
    if text.chars().count() > CHARS_MAX {
        text.chars().take(CHARS_MAX).chain("…".chars()).collect()
    } else {
        text
    }
}

/// Counts that are not zero, in words.
pub(super) fn summary(tally: &Tally) -> String {
    let parts: Vec<String> = [
        (tally.users_created, "person new", "people new"),
        (tally.groups_created, "group new", "groups new"),
        (
            tally.linked,
            "entry found to be somebody known",
            "entries found to be known people",
        ),
        (tally.updated, "updated", "updated"),
        (
            tally.deactivated,
            "deactivated by the source",
            "deactivated by the source",
        ),
        (tally.reactivated, "active again", "active again"),
        (tally.returned, "came back", "came back"),
        (tally.users_gone, "person gone", "people gone"),
        (tally.groups_gone, "group gone", "groups gone"),
        (tally.deleted, "deleted", "deleted"),
        (tally.members_added, "membership new", "memberships new"),
        (tally.members_removed, "membership gone", "memberships gone"),
    ]
    .into_iter()
    .filter(|(number, ..)| *number > 0)
    .map(|(number, one, many)| count(number, one, many))
    .collect();
    if parts.is_empty() {
        "nothing".to_owned()
    } else {
        parts.join(", ")
    }
}

/// What a run kept of itself; of pushes what the journal tells.
async fn report_of(workspace: &Workspace, tenant: TenantId, run: &Run) -> Result<Report, CliError> {
    let mut report = Report::of(run);
    if run.kind == RunKind::Push {
        report.tally = crate::sync::push::counted(&workspace.store, tenant, run.id).await?;
    }
    Ok(report)
}

fn as_json(run: &Run, source: &str) -> serde_json::Value {
    serde_json::json!({
        "run": run.id,
        "source": source,
        "kind": run.kind.as_str(),
        "state": run.state.as_str(),
        "started": output::time(run.started),
        "finished": run.finished.map(output::time),
        "verdict": run.verdict,
        "undoes": run.undoes,
        "report": run.report,
    })
}
