//! `rollcall connection create|rotate|revoke`: who gets a token, and who loses one.

use std::time::Duration;

use ipnet::IpNet;
use rollcall_store::connections::ConnectionToken;
use time::OffsetDateTime;

use super::super::{CliError, Exit, Global, output, workspace::Workspace};
use super::{named, note, settings};
use crate::auth::BearerToken;
use crate::auth::connection::{Grant, Known, Scope};
use crate::config::{duration, network};

/// What a token may do, and for how long.
#[derive(Debug, clap::Args)]
pub(super) struct GrantArgs {
    /// What the token may do [default: write]
    #[arg(long, value_parser = ["read", "write"])]
    scope: Option<String>,
    /// A network or address that the token may be used from; may be given several times
    #[arg(long, value_name = "CIDR", value_parser = an_address)]
    address: Vec<IpNet>,
    /// When the token ends: a number of days from now
    #[arg(long, value_name = "DAYS")]
    expires: Option<u32>,
}

#[derive(Debug, clap::Args)]
pub(in crate::cli) struct CreateArgs {
    /// A name to know it by
    name: String,
    /// Which client pushes: entra, okta, onelogin, jumpcloud, generic, strict
    #[arg(long, conflicts_with = "bind")]
    profile: Option<String>,
    /// Another setting, as in a section of the configuration; may be given several times
    #[arg(long, value_name = "KEY=VALUE", conflicts_with = "bind")]
    set: Vec<String>,
    /// The connection is in the configuration: only make a token of it
    #[arg(long)]
    bind: bool,
    #[command(flatten)]
    grant: GrantArgs,
}

#[derive(Debug, clap::Args)]
pub(in crate::cli) struct RotateArgs {
    /// The connection
    name: String,
    /// How long the token that it has goes on, like 24h
    #[arg(long, value_name = "DURATION", value_parser = duration)]
    old_ends: Option<Duration>,
    #[command(flatten)]
    grant: GrantArgs,
}

fn an_address(text: &str) -> Result<IpNet, String> {
    network(text).ok_or_else(|| "write an address or a network, like 203.0.113.0/24".to_owned())
}

pub(super) async fn create(
    global: &Global,
    workspace: &Workspace,
    args: CreateArgs,
) -> Result<Exit, CliError> {
    let now = workspace.clock.now();
    let known = if args.bind {
        bound(global, workspace, &args.name).await?
    } else {
        let tenant = workspace.tenant(global).await?;
        let text = settings::text(args.profile.as_deref(), &args.set)?;
        let roster = workspace.roster();
        let known = roster.create(&tenant, &args.name, &text, now).await?;
        let text = format!("connection {} was made", args.name);
        note(workspace, &known, &text).await?;
        known
    };
    let grant = args.grant.or(None, now);
    hand_out(global, workspace, &known, &grant, None).await
}

/// The connection of the configuration that has this name.
async fn bound(global: &Global, workspace: &Workspace, name: &str) -> Result<Known, CliError> {
    let known = named(global, workspace, name).await?;
    if known.is_in_file {
        return Ok(known);
    }
    Err(CliError::Usage(format!(
        "the configuration has no [sources.{name}] of kind \"push\"; for another token of the connection: rollcall connection rotate {name}"
    )))
}

pub(super) async fn rotate(
    global: &Global,
    workspace: &Workspace,
    args: RotateArgs,
) -> Result<Exit, CliError> {
    let known = named(global, workspace, &args.name).await?;
    let now = workspace.clock.now();
    let tokens = workspace.store.connection_tokens(known.source.id).await?;
    let grant = args.grant.or(tokens.last(), now);
    let others_end = args.old_ends.map(|ends| now + ends);
    hand_out(global, workspace, &known, &grant, others_end).await
}

impl GrantArgs {
    /// What was not said is as with the token before.
    fn or(self, before: Option<&ConnectionToken>, now: OffsetDateTime) -> Grant {
        let scope = self.scope.as_deref().map(Scope::of);
        let before_scope = before.map(|token| Scope::of(&token.scope));
        let mut addresses = self.address;
        if let (true, Some(before)) = (addresses.is_empty(), before) {
            let networks = before.addresses.split_whitespace();
            addresses = networks.filter_map(|text| text.parse().ok()).collect();
        }
        let days = self.expires.map(i64::from);
        Grant {
            scope: scope.or(before_scope).unwrap_or(Scope::Write),
            addresses,
            expires: days.map(|days| now + time::Duration::days(days)),
        }
    }
}

/// Makes a token and shows it, this once.
async fn hand_out(
    global: &Global,
    workspace: &Workspace,
    known: &Known,
    grant: &Grant,
    others_end: Option<OffsetDateTime>,
) -> Result<Exit, CliError> {
    let now = workspace.clock.now();
    let roster = workspace.roster();
    let (number, token) = roster
        .grant(known, grant, others_end, &mut rand::rng(), now)
        .await?;
    let name = &known.source.name;
    let text = format!("token {number} of connection {name} was made");
    note(workspace, known, &text).await?;
    let base = base_url(workspace, known);
    if global.json {
        output::json(&as_json(known, grant, number, &token, &base))?;
        return Ok(Exit::Done);
    }
    output::line(format!("base URL  {base}"))?;
    output::line(format!("token     {}", token.reveal()))?;
    let until = grant
        .expires
        .map(|end| format!(" until {}", output::time(end)));
    output::remark(format!(
        "Token {number} of connection {name} may {} tenant {}{}. It is shown this once; keep it where secrets are kept.",
        match grant.scope {
            Scope::Read => "read",
            Scope::Write => "read and write",
        },
        known.tenant.name,
        until.unwrap_or_default(),
    ));
    Ok(Exit::Done)
}

fn as_json(
    known: &Known,
    grant: &Grant,
    number: i64,
    token: &BearerToken,
    base: &str,
) -> serde_json::Value {
    let addresses: Vec<String> = grant.addresses.iter().map(ToString::to_string).collect();
    serde_json::json!({
        "connection": known.source.name,
        "tenant": known.tenant.name,
        "base_url": base,
        "token": token.reveal(),
        "number": number,
        "scope": grant.scope.as_str(),
        "addresses": addresses,
        "expires": grant.expires.map(output::time),
    })
}

/// Where its client finds it, whatever tenants there will be.
pub(super) fn base_url(workspace: &Workspace, known: &Known) -> String {
    let public = workspace.config.server.public_url.trim_end_matches('/');
    format!("{public}/t/{}/scim/v2", known.tenant.name)
}

pub(super) async fn revoke(
    global: &Global,
    workspace: &Workspace,
    name: &str,
    token: Option<i64>,
) -> Result<Exit, CliError> {
    let known = named(global, workspace, name).await?;
    let now = workspace.clock.now();
    let store = &workspace.store;
    let source = known.source.id;
    let numbers: Vec<i64> = if let Some(number) = token {
        vec![number]
    } else {
        let all = store.connection_tokens(source).await?;
        all.iter().map(|token| token.number).collect()
    };
    let mut ended = Vec::new();
    for number in numbers {
        if store.revoke_connection_token(source, number, now).await? {
            ended.push(number);
            let text = format!("token {number} of connection {name} was revoked");
            note(workspace, &known, &text).await?;
        }
    }
    if ended.is_empty() {
        return Err(CliError::Failed(format!(
            "connection {name} has no such live token; see `rollcall connection show {name}`"
        )));
    }
    if global.json {
        output::json(&serde_json::json!({ "connection": name, "revoked": ended }))?;
    } else {
        for number in ended {
            output::line(format!("Token {number} of connection {name} has ended."))?;
        }
    }
    Ok(Exit::Done)
}
