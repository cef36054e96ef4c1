//! `rollcall connection create|list|show|rotate|revoke|log|approve|pause|resume`

mod log;
mod settings;
mod show;
mod tokens;

use rollcall_store::records::Actor;

use super::{CliError, Exit, Global, output, workspace::Workspace};
use crate::auth::connection::{Known, RosterError};

#[derive(Debug, clap::Subcommand)]
#[command(
    after_help = "Examples:\n  rollcall connection create --profile okta\n  rollcall connection list\n  rollcall connection log okta --follow\n  rollcall connection approve okta"
)]
pub(in crate::cli) enum Command {
    /// Let an identity provider push: prints the base URL and a token, this once
    #[command(
        after_help = "Examples:\n  rollcall connection create --profile okta\n  rollcall connection create --tenant acme --profile entra --expires 365d\n  rollcall connection create --name audit --read-only --allow 203.0.113.0/24\n  rollcall connection create --name import --set priority=20 --set limits.burst=5000"
    )]
    Create(tokens::CreateArgs),
    /// Connections, their tokens and whether they work
    #[command(after_help = "Example:\n  rollcall connection list")]
    List,
    /// One connection: settings, tokens, guard
    #[command(after_help = "Example:\n  rollcall connection show okta")]
    Show {
        /// The connection
        name: String,
    },
    /// Make a second token; the first goes on until it is revoked, or as long as you say
    #[command(
        after_help = "Examples:\n  rollcall connection rotate okta\n  rollcall connection rotate okta --old-ends 24h"
    )]
    Rotate(tokens::RotateArgs),
    /// End a token, or all of a connection
    #[command(
        after_help = "Examples:\n  rollcall connection revoke okta --token 1\n  rollcall connection revoke okta"
    )]
    Revoke {
        /// The connection
        name: String,
        /// The token's number, as `connection show` tells it; all if left out
        #[arg(long, value_name = "NUMBER")]
        token: Option<i64>,
    },
    /// The last requests of a connection and how they were answered, without secrets
    #[command(
        after_help = "Examples:\n  rollcall connection log okta\n  rollcall connection log okta --bodies --limit 5\n  rollcall connection log okta --follow"
    )]
    Log(log::Args),
    /// Let everything pass the guard for the length of its window
    #[command(after_help = "Example:\n  rollcall connection approve okta")]
    Approve {
        /// The connection
        name: String,
    },
    /// Answer its writes with 503 until it is resumed; it may read
    #[command(
        after_help = "Example:\n  rollcall connection pause okta --because 'we move to another tenant'"
    )]
    Pause {
        /// The connection
        name: String,
        /// Why, for whoever wonders: the client is told
        #[arg(long, default_value = "paused by an administrator")]
        because: String,
    },
    /// Let it write again
    #[command(after_help = "Example:\n  rollcall connection resume okta")]
    Resume {
        /// The connection
        name: String,
    },
}

pub(super) async fn run(global: &Global, command: Command) -> Result<Exit, CliError> {
    let workspace = Workspace::open(global).await?;
    match command {
        Command::Create(args) => tokens::create(global, &workspace, args).await,
        Command::List => show::list(global, &workspace).await,
        Command::Show { name } => show::one(global, &workspace, &name).await,
        Command::Rotate(args) => tokens::rotate(global, &workspace, args).await,
        Command::Revoke { name, token } => tokens::revoke(global, &workspace, &name, token).await,
        Command::Log(args) => log::run(global, &workspace, args).await,
        Command::Approve { name } => approve(global, &workspace, &name).await,
        Command::Pause { name, because } => {
            set_paused(global, &workspace, &name, Some(&because)).await
        }
        Command::Resume { name } => set_paused(global, &workspace, &name, None).await,
    }
}

/// The connection of that name, of the tenant that the command line names if it names one.
async fn named(global: &Global, workspace: &Workspace, name: &str) -> Result<Known, CliError> {
    let found = workspace.roster().named(name).await?;
    found
        .filter(|known| {
            let tenant = global.tenant.as_ref();
            tenant.is_none_or(|tenant| known.tenant.name == *tenant)
        })
        .ok_or_else(|| {
            CliError::Usage(format!(
                "there is no connection {name}; see `rollcall connection list`, or make it with `rollcall connection create --name {name}`"
            ))
        })
}

async fn approve(global: &Global, workspace: &Workspace, name: &str) -> Result<Exit, CliError> {
    let known = named(global, workspace, name).await?;
    let until = workspace.clock.now() + known.settings.settings.guard.window;
    let source = known.source.id;
    workspace.store.approve_guard(source, until).await?;
    let until = output::time(until);
    let text = format!(
        "an administrator approved it: until {until} the guard of connection {name} lets everything pass"
    );
    note(workspace, &known, &text).await?;
    if global.json {
        output::json(&serde_json::json!({ "connection": name, "approved_until": until }))?;
    } else {
        output::line(format!(
            "Until {until} the guard of connection {name} lets everything pass. The identity provider tries again by itself."
        ))?;
    }
    Ok(Exit::Done)
}

async fn set_paused(
    global: &Global,
    workspace: &Workspace,
    name: &str,
    because: Option<&str>,
) -> Result<Exit, CliError> {
    let known = named(global, workspace, name).await?;
    let store = &workspace.store;
    store.set_paused(known.source.id, because).await?;
    let text = match because {
        Some(why) => format!("connection {name} was paused: {why}"),
        None => format!("connection {name} was resumed"),
    };
    note(workspace, &known, &text).await?;
    if global.json {
        output::json(&serde_json::json!({ "connection": name, "paused": because }))?;
    } else {
        output::line(format!("{text}."))?;
        if because.is_none() && known.settings.paused {
            output::remark("It stays paused all the same: the configuration says paused = true.");
        }
    }
    Ok(Exit::Done)
}

async fn note(workspace: &Workspace, known: &Known, text: &str) -> Result<(), CliError> {
    let now = workspace.clock.now();
    let (tenant, source) = (known.tenant.id, Some(known.source.id));
    let store = &workspace.store;
    store.note(tenant, source, &Actor::Cli, text, now).await?;
    Ok(())
}

impl From<RosterError> for CliError {
    fn from(error: RosterError) -> Self {
        match error {
            RosterError::Settings(problems) => Self::Configuration(problems),
            RosterError::Store(error) => Self::Store(error),
            RosterError::Name(_) | RosterError::InFile(_) | RosterError::Tokens(_) => {
                Self::Usage(error.to_string())
            }
        }
    }
}
