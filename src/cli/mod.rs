//! The command line: one file a command, no logic. A command reads its arguments, asks a
//! floor below, and prints the answer for people or, with `--json`, for programs.

mod apply;
mod backup;
mod check;
mod completions;
mod connection;
mod demo;
mod entry_file;
mod escape;
mod explain;
mod init;
mod journal;
mod log;
mod map;
mod migrate;
mod output;
mod resource;
mod run;
mod schema;
mod serve;
mod source;
mod sync;
mod token;
mod workspace;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// How a command ended: also the process's exit code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Exit {
    /// Done.
    Done = 0,
    /// It failed; the message says why.
    Failed = 1,
    /// The command line or the configuration is wrong.
    Usage = 2,
    /// Something waits for approval.
    Held = 3,
    /// Done, with entries in quarantine or changes that could not be written.
    Quarantine = 4,
}

const EXAMPLES: &str = "\
Examples:
  rollcall demo                      see it work, with nothing installed
  rollcall init                      write a configuration to start from
  rollcall check --connect           try configuration, mappings and connections
  rollcall plan hr                   what would a run of source hr change?
  rollcall apply 12                  do what plan 12 shows
  rollcall sync hr                   plan and apply at once, under the guards
  rollcall explain ada@example.com   where does each value come from?
  rollcall run undo 12               put back what run 12 changed
  rollcall connection create --profile okta
                                     let an identity provider push over SCIM
  rollcall serve                     run by schedule, serve SCIM and health

Exit codes: 0 done, 1 failed, 2 usage or configuration, 3 held for approval,
4 done, with entries in quarantine or changes that could not be written.";

/// Keeps one directory of people and groups right.
#[derive(Debug, Parser)]
#[command(name = "rollcall", version, after_help = EXAMPLES, max_term_width = 100)]
pub(crate) struct Arguments {
    #[command(flatten)]
    global: Global,
    #[command(subcommand)]
    command: Command,
}

/// What every command takes.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct Global {
    /// The configuration file [default: rollcall.toml, config/rollcall.toml or
    /// /etc/rollcall/rollcall.toml, whichever is there first]
    #[arg(
        long,
        short,
        global = true,
        value_name = "FILE",
        env = "ROLLCALL_CONFIG"
    )]
    config: Option<PathBuf>,
    /// Answer in JSON, for programs
    #[arg(long, global = true)]
    json: bool,
    /// The tenant; may be left out while there is one
    #[arg(long, global = true, value_name = "NAME")]
    tenant: Option<String>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// See the main job done with made-up people: nothing else is needed
    Demo(demo::Args),
    /// Write a configuration and the mapping files to start from
    Init(init::Args),
    /// Check the configuration and the mapping files; with --connect try the sources too
    Check(check::Args),
    /// Show what the mapping makes of one entry, line by line
    Map(map::Args),
    /// Show what a run would change, and keep it for `apply`
    Plan(sync::PlanArgs),
    /// Apply a plan as it stands
    Apply(apply::Args),
    /// Read a source and apply what differs, under the guards
    Sync(sync::SyncArgs),
    /// Runs: list, show, approve, cancel, undo
    #[command(subcommand)]
    Run(run::Command),
    /// Where each value of a person or group comes from
    Explain(explain::Args),
    /// People: list, show
    #[command(subcommand)]
    User(resource::Command),
    /// Groups: list, show
    #[command(subcommand)]
    Group(resource::Command),
    /// Sources: list, pause, resume, retire
    #[command(subcommand)]
    Source(source::Command),
    /// Connections over which identity providers push: create, rotate, log, approve
    #[command(subcommand)]
    Connection(connection::Command),
    /// Every change that was made: who, when, what
    Journal(journal::Args),
    /// Run by schedule; serve SCIM, health and metrics
    Serve(serve::Args),
    /// Bearer tokens for the SCIM endpoint
    #[command(subcommand)]
    Token(token::Command),
    /// Schemas and resource types beyond users and groups
    #[command(subcommand)]
    Schema(schema::Command),
    /// Bring the store's schema up to date (every command does; this one does only that)
    #[command(after_help = "Example:\n  rollcall --config /etc/rollcall/rollcall.toml migrate")]
    Migrate,
    /// Copy the SQLite store to a new file while it is in use
    Backup(backup::Args),
    /// The whole directory as sorted JSON lines without ids and times, to compare two
    #[command(hide = true)]
    Dump,
    /// Completions for your shell: bash, zsh, fish, elvish, powershell
    Completions(completions::Args),
}

/// Why a command did not do what it was asked for.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CliError {
    /// Mistakes in files, each with its place.
    #[error(transparent)]
    Configuration(#[from] crate::config::Problems),
    /// Anything that names its remedy itself.
    #[error("{0}")]
    Usage(String),
    /// Anything else that failed.
    #[error("{0}")]
    Failed(String),
    /// A run.
    #[error(transparent)]
    Sync(#[from] crate::sync::SyncError),
    /// The store.
    #[error(transparent)]
    Store(#[from] rollcall_store::StoreError),
    /// A source.
    #[error(transparent)]
    Connector(#[from] rollcall_connectors::ConnectorError),
    /// Printing.
    #[error("could not write the answer: {0}")]
    Output(#[from] std::io::Error),
    /// Printing JSON.
    #[error("could not write the answer: {0}")]
    Json(#[from] serde_json::Error),
}

impl CliError {
    fn exit(&self) -> Exit {
        match self {
            // A name that is not there, or is taken already, is a mistake of the command line.
            Self::Configuration(_)
            | Self::Usage(_)
            | Self::Sync(crate::sync::SyncError::NoRun(_) | crate::sync::SyncError::State { .. })
            | Self::Store(
                rollcall_store::StoreError::NotFound { .. }
                | rollcall_store::StoreError::Exists { .. },
            ) => Exit::Usage,
            _ => Exit::Failed,
        }
    }
}

/// Reads the command line and does what it says.
pub(crate) fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let json = arguments.global.json;
    let runtime = match tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
    {
        Ok(runtime) => runtime,
        Err(error) => {
            let error = CliError::Failed(format!("the runtime could not be started: {error}"));
            output::error(json, &error);
            return ExitCode::from(Exit::Failed as u8);
        }
    };
    let ended = runtime.block_on(Box::pin(dispatch(arguments)));
    let exit = match ended {
        Ok(exit) => exit,
        // The reader of a pipe that has seen enough is no failure.
        Err(CliError::Output(error)) if error.kind() == std::io::ErrorKind::BrokenPipe => {
            Exit::Done
        }
        Err(error) => {
            output::error(json, &error);
            error.exit()
        }
    };
    // Tasks of an interrupted read must not keep the process alive.
    runtime.shutdown_background();
    ExitCode::from(exit as u8)
}

async fn dispatch(arguments: Arguments) -> Result<Exit, CliError> {
    let global = arguments.global;
    if !matches!(arguments.command, Command::Serve(_)) {
        log::of_command()?;
    }
    match arguments.command {
        Command::Demo(args) => demo::run(&global, args).await,
        Command::Init(args) => init::run(&global, &args),
        Command::Check(args) => check::run(&global, &args).await,
        Command::Map(args) => map::run(&global, &args).await,
        Command::Plan(args) => sync::plan(&global, &args).await,
        Command::Apply(args) => apply::run(&global, &args).await,
        Command::Sync(args) => sync::run(&global, &args).await,
        Command::Run(command) => run::run(&global, command).await,
        Command::Explain(args) => explain::run(&global, &args).await,
        Command::User(command) => {
            resource::run(&global, rollcall_directory::entry::Kind::User, command).await
        }
        Command::Group(command) => {
            resource::run(&global, rollcall_directory::entry::Kind::Group, command).await
        }
        Command::Source(command) => source::run(&global, command).await,
        Command::Connection(command) => connection::run(&global, command).await,
        Command::Journal(args) => journal::run(&global, &args).await,
        Command::Serve(args) => serve::run(&global, args).await,
        Command::Token(command) => token::run(&global, command).await,
        Command::Schema(command) => schema::run(&global, command).await,
        Command::Migrate => migrate::run(&global).await,
        Command::Backup(args) => backup::run(&global, &args).await,
        Command::Dump => backup::dump(&global).await,
        Command::Completions(args) => completions::run(&args),
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    /// Every command that is shown, with what is below it.
    fn commands(command: &clap::Command, name: &str, found: &mut Vec<(String, clap::Command)>) {
        for below in command.get_subcommands().filter(|c| !c.is_hide_set()) {
            let name = format!("{name} {}", below.get_name());
            commands(below, &name, found);
            found.push((name, below.clone()));
        }
    }

    fn all() -> Vec<(String, clap::Command)> {
        let mut found = Vec::new();
        commands(&Arguments::command(), "rollcall", &mut found);
        found
    }

    #[test]
    fn every_command_says_what_it_does_and_shows_an_example_of_itself() {
        for (name, command) in all() {
            assert!(command.get_about().is_some(), "{name}");
            let help = command.get_after_help().map(ToString::to_string);
            let help = help.unwrap_or_default();
            let last = name.rsplit(' ').next().unwrap();
            assert!(help.starts_with("Example"), "{name}: {help}");
            assert!(help.contains(last), "{name}: {help}");
        }
    }

    #[test]
    fn every_example_is_one_that_the_command_line_takes() {
        for (name, command) in all() {
            let help = command.get_after_help().map(ToString::to_string);
            for line in help.unwrap_or_default().lines() {
                let Some((_, example)) = line.split_once("rollcall ") else {
                    continue;
                };
                if !line.starts_with("  ") || line.contains('`') {
                    continue;
                }
                let example = example.split(['|', '>', '$']).next().unwrap();
                let words = words(example);
                let parsed =
                    Arguments::try_parse_from(std::iter::once("rollcall".to_owned()).chain(words));
                assert!(parsed.is_ok(), "{name}: {line}: {parsed:?}");
            }
        }
    }

    /// The words of a shell's line with single quotes.
    fn words(line: &str) -> Vec<String> {
        let parts = line.split('\'').enumerate();
        parts
            .flat_map(|(number, part)| {
                if number % 2 == 1 {
                    vec![part.to_owned()]
                } else {
                    part.split_whitespace().map(str::to_owned).collect()
                }
            })
            .collect()
    }

    #[test]
    fn the_arguments_fit_together() {
        Arguments::command().debug_assert();
    }
}
