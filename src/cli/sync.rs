//! `rollcall sync [SOURCE…]` and `rollcall plan [SOURCE]`

use std::io::IsTerminal;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use rollcall_store::records::RunState;

use super::{CliError, Exit, Global, output, workspace::Workspace};
use crate::sync::{Finished, Mode, Progress};

/// How often a progress bar is drawn, in milliseconds.
const BAR_MILLISECONDS: u64 = 200;
/// How often a line tells the progress where there is no terminal, in seconds.
const LINE_SECONDS: u64 = 10;

#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  rollcall sync hr\n  rollcall sync --all\n\nWhat a guard holds waits as a plan: `rollcall run show N`, then `rollcall run approve N`\nor `rollcall run cancel N`."
)]
pub(super) struct SyncArgs {
    /// The source; may be left out while there is one
    source: Option<String>,
    /// Every source, one after the other, by priority
    #[arg(long, conflicts_with = "source")]
    all: bool,
}

#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  rollcall plan hr\n  rollcall plan hr --json | jq '.tally'\n\nNothing is changed. Apply it with `rollcall apply N` within 24 hours."
)]
pub(super) struct PlanArgs {
    /// The source; may be left out while there is one
    source: Option<String>,
    /// Show so many changes (the rest: `rollcall run show N --all`)
    #[arg(long, default_value_t = 20)]
    show: usize,
}

pub(super) async fn run(global: &Global, args: &SyncArgs) -> Result<Exit, CliError> {
    let workspace = Workspace::open(global).await?;
    let sources = if args.all {
        let mut all: Vec<_> = workspace.sources().collect();
        all.sort_by_key(|s| (s.priorities.default, s.name.clone()));
        all
    } else {
        vec![workspace.source(args.source.as_deref())?]
    };
    let mut worst = Exit::Done;
    for source in sources {
        let setup = workspace.setup(source).await?;
        let finished = with_progress(global, &source.name, |progress| {
            let engine = workspace.engine();
            let setup = setup.clone();
            async move { engine.run(&setup, Mode::Sync, progress).await }
        })
        .await?;
        super::run::print_finished(global, &source.name, &finished)?;
        worst = worse(worst, exit_of(&finished));
    }
    Ok(worst)
}

pub(super) async fn plan(global: &Global, args: &PlanArgs) -> Result<Exit, CliError> {
    let workspace = Workspace::open(global).await?;
    let source = workspace.source(args.source.as_deref())?;
    let setup = workspace.setup(source).await?;
    let finished = with_progress(global, &source.name, |progress| {
        let engine = workspace.engine();
        let setup = setup.clone();
        async move { engine.run(&setup, Mode::Plan, progress).await }
    })
    .await?;
    super::run::print_finished(global, &source.name, &finished)?;
    if !global.json {
        super::run::print_steps(&workspace, finished.run, args.show).await?;
        if finished.state == RunState::Planned && finished.report.waiting > 0 {
            output::line(format!(
                "\nNothing was changed. {}",
                how_to_apply(&finished)
            ))?;
        }
    }
    Ok(exit_of_plan(&finished))
}

/// The command that writes what a plan shows.
pub(super) fn how_to_apply(plan: &Finished) -> String {
    if plan.report.held.is_empty() {
        format!("Apply it as it stands: rollcall apply {}", plan.run)
    } else {
        format!(
            "Guards hold it; if it is right: rollcall run approve {}",
            plan.run
        )
    }
}

/// What the end of a plan means: it also tells what a guard would hold.
pub(super) fn exit_of_plan(finished: &Finished) -> Exit {
    match finished.state {
        RunState::Failed => Exit::Failed,
        _ if !finished.report.held.is_empty() => Exit::Held,
        _ => exit_of(finished),
    }
}

/// Draws a bar on a terminal, and prints a line now and then elsewhere, while a run goes on.
async fn with_progress<F, R>(global: &Global, name: &str, start: F) -> Result<Finished, CliError>
where
    F: FnOnce(Arc<Progress>) -> R,
    R: Future<Output = Result<Finished, crate::sync::SyncError>>,
{
    let progress = Arc::new(Progress::default());
    let run = start(progress.clone());
    if global.json {
        return Ok(run.await?);
    }
    let bar = std::io::stderr()
        .is_terminal()
        .then(indicatif::ProgressBar::new_spinner);
    let period = match &bar {
        Some(_) => Duration::from_millis(BAR_MILLISECONDS),
        None => Duration::from_secs(LINE_SECONDS),
    };
    tokio::pin!(run);
    let first = tokio::time::Instant::now() + period;
    let mut ticks = tokio::time::interval_at(first, period);
    loop {
        tokio::select! {
            ended = &mut run => {
                if let Some(bar) = &bar {
                    bar.finish_and_clear();
                }
                return Ok(ended?);
            }
            _ = ticks.tick() => match &bar {
                Some(bar) => draw(bar, name, &progress),
                None => output::remark(told(name, &progress)),
            },
        }
    }
}

/// A bar where it is known how much there is, else a spinner.
fn draw(bar: &indicatif::ProgressBar, name: &str, progress: &Progress) {
    let (done, of) = match progress.to_write.load(Ordering::Relaxed) {
        0 => (&progress.read, progress.announced.load(Ordering::Relaxed)),
        to_write => (&progress.written, to_write),
    };
    let template = if of > 0 {
        bar.set_length(of);
        bar.set_position(done.load(Ordering::Relaxed).min(of));
        "{wide_bar} {msg}"
    } else {
        "{spinner} {msg}"
    };
    if let Ok(style) = indicatif::ProgressStyle::with_template(template) {
        bar.set_style(style);
    }
    bar.set_message(told(name, progress));
    bar.tick();
}

fn told(name: &str, progress: &Progress) -> String {
    let load = |number: &std::sync::atomic::AtomicU64| number.load(Ordering::Relaxed);
    let read = match (load(&progress.read), load(&progress.announced)) {
        (read, 0) => output::count(read, "entry read", "entries read"),
        // More than was announced: then that says nothing.
        (read, announced) if read > announced => output::count(read, "entry read", "entries read"),
        (read, announced) => format!("{read} of {announced} entries read"),
    };
    match (load(&progress.written), load(&progress.to_write)) {
        (_, 0) => format!("{name}: {read}"),
        (written, to_write) => format!("{name}: {read}, {written} of {to_write} changes written"),
    }
}

/// What a run's end means for the exit code.
pub(super) fn exit_of(finished: &Finished) -> Exit {
    match finished.state {
        RunState::Failed => Exit::Failed,
        RunState::Held => Exit::Held,
        _ if finished.verdict.starts_with("incomplete") => Exit::Failed,
        _ if finished.report.tally.quarantined + finished.report.unwritten > 0 => Exit::Quarantine,
        _ => Exit::Done,
    }
}

fn worse(a: Exit, b: Exit) -> Exit {
    let rank = |exit: Exit| match exit {
        Exit::Done => 0,
        Exit::Quarantine => 1,
        Exit::Held => 2,
        Exit::Failed => 3,
        Exit::Usage => 4,
    };
    if rank(a) >= rank(b) { a } else { b }
}
