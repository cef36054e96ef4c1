//! `rollcall connection create|rotate|revoke`: who gets a token, and who loses one.

use std::time::Duration;

use ipnet::IpNet;
use rollcall_directory::profile::Profile;
use rollcall_store::connections::ConnectionToken;
use rollcall_store::records::Tenant;
use time::OffsetDateTime;

use super::super::{CliError, Exit, Global, output, workspace::Workspace};
use super::{named, note, settings};
use crate::auth::BearerToken;
use crate::auth::connection::{Grant, Known, Scope};
use crate::config::{duration, network};

/// What a token may do, and for how long.
#[derive(Debug, clap::Args)]
pub(super) struct GrantArgs {
    /// The token may read and not write
    #[arg(long)]
    read_only: bool,
    /// The token may read and write: so a first token does, unless you say --read-only; one
    /// of `rotate` may do what the one before it may
    #[arg(long, conflicts_with = "read_only")]
    read_write: bool,
    /// A network or address that the token may be used from; may be given several times
    #[arg(long, value_name = "CIDR", value_parser = an_address)]
    allow: Vec<IpNet>,
    /// How long the token lives, like 90d
    #[arg(long, value_name = "DURATION", value_parser = a_lifetime)]
    expires: Option<time::Duration>,
}

#[derive(Debug, clap::Args)]
pub(in crate::cli) struct CreateArgs {
    /// Which client pushes: entra, okta, onelogin, jumpcloud, generic, strict
    #[arg(long, value_name = "PROFILE", required_unless_present = "name")]
    profile: Option<String>,
    /// A name to know it by, unique among all tenants; that of a connection in the
    /// configuration makes only its token [default: the profile, behind the tenant's name
    /// where there are several]
    #[arg(long)]
    name: Option<String>,
    /// Another setting, as in a section of the configuration; may be given several times
    #[arg(long, value_name = "KEY=VALUE")]
    set: Vec<String>,
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

fn a_lifetime(text: &str) -> Result<time::Duration, String> {
    let lifetime = duration(text)?;
    time::Duration::try_from(lifetime).map_err(|_| "that is too long".to_owned())
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
    let tenant = workspace.tenant(global).await?;
    let name = args.name(workspace, &tenant);
    let in_file = workspace.config.connections.get(&name);
    let known = if in_file.is_some_and(|source| source.tenant == tenant.name) {
        in_the_file(global, workspace, &args, &name).await?
    } else {
        let text = settings::text(args.profile.as_deref(), &args.set)?;
        let roster = workspace.roster();
        let known = roster.create(&tenant, &name, &text, now).await?;
        note(workspace, &known, &format!("connection {name} was made")).await?;
        known
    };
    let grant = args.grant.or(None, now);
    hand_out(global, workspace, &known, &grant, None).await
}

impl CreateArgs {
    fn name(&self, workspace: &Workspace, tenant: &Tenant) -> String {
        let profile = Profile::default().as_str();
        let profile = self.profile.as_deref().unwrap_or(profile);
        match &self.name {
            Some(name) => name.clone(),
            None if workspace.config.tenants.len() > 1 => format!("{}-{profile}", tenant.name),
            None => profile.to_owned(),
        }
    }
}

/// The connection of the configuration that has this name, which gets its first token.
async fn in_the_file(
    global: &Global,
    workspace: &Workspace,
    args: &CreateArgs,
    name: &str,
) -> Result<Known, CliError> {
    let known = named(global, workspace, name).await?;
    let configured = known.settings.settings.profile.as_str();
    let differs = args.profile.as_ref().is_some_and(|p| p != configured);
    if differs || !args.set.is_empty() {
        return Err(CliError::Usage(format!(
            "connection {name} is in the configuration: its settings belong into [sources.{name}]; leave out --profile and --set, or choose another name with --name"
        )));
    }
    let tokens = workspace.store.connection_tokens(known.source.id).await?;
    if tokens.is_empty() {
        return Ok(known);
    }
    Err(CliError::Usage(format!(
        "connection {name} has a token already; for another: rollcall connection rotate {name}"
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
        let before_scope = before.map(|token| Scope::of(&token.scope));
        let scope = match (self.read_only, self.read_write) {
            (true, _) => Scope::Read,
            (_, true) => Scope::Write,
            _ => before_scope.unwrap_or(Scope::Write),
        };
        let mut addresses = self.allow;
        if let (true, Some(before)) = (addresses.is_empty(), before) {
            let networks = before.addresses.split_whitespace();
            addresses = networks.filter_map(|text| text.parse().ok()).collect();
        }
        Grant {
            scope,
            addresses,
            expires: self.expires.map(|lifetime| now + lifetime),
        }
    }
}

/// Makes a token and shows it, this once.
#[expect(
    clippy::disallowed_methods,
    reason = "a token is made here, of the system's randomness"
)]
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
        until.unwrap_or_else(|| ", and never expires".to_owned()),
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
        return Err(CliError::Usage(format!(
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
