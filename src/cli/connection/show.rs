//! `rollcall connection list|show`: settings, tokens and guard, for people and programs.

use rollcall_store::connections::{ConnectionToken, GuardState};
use serde_json::{Value as Json, json};
use time::OffsetDateTime;

use super::super::{CliError, Exit, Global, output, workspace::Workspace};
use super::named;
use super::tokens::base_url;
use crate::auth::connection::{Known, holds_now};
use crate::config::PatchAnswer;
use crate::config::policy::UnknownMembers;

/// What the store knows of a connection.
struct Facts {
    known: Known,
    tokens: Vec<ConnectionToken>,
    /// When a request of a token that counted came last, as far back as the log goes.
    last_request: Option<OffsetDateTime>,
    guard: GuardState,
    base: String,
    now: OffsetDateTime,
}

impl Facts {
    async fn of(workspace: &Workspace, known: Known) -> Result<Self, CliError> {
        let store = &workspace.store;
        Ok(Self {
            tokens: store.connection_tokens(known.source.id).await?,
            last_request: last_request(workspace, &known).await?,
            guard: store.guard_state(known.source.id).await?,
            base: base_url(workspace, &known),
            now: workspace.clock.now(),
            known,
        })
    }

    fn is_live(&self, token: &ConnectionToken) -> bool {
        token.expires.is_none_or(|end| self.now < end)
    }

    fn live(&self) -> usize {
        let live = self.tokens.iter().filter(|token| self.is_live(token));
        live.count()
    }

    fn last_used(&self) -> Option<OffsetDateTime> {
        let of_tokens = self.tokens.iter().filter_map(|token| token.last_used);
        // A token that was revoked takes its time with it.
        of_tokens.chain(self.last_request).max()
    }

    fn is_held(&self) -> bool {
        let guard = &self.known.settings.settings.guard;
        holds_now(&self.guard, guard, self.now)
    }

    fn approved_until(&self) -> Option<OffsetDateTime> {
        self.guard.approved_until.filter(|until| self.now < *until)
    }

    /// What somebody should know at once.
    fn state(&self) -> String {
        let name = &self.known.source.name;
        if let Some(why) = &self.known.source.paused {
            return format!("paused: {why}");
        }
        if self.is_held() {
            return format!(
                "the guard holds writes back: see rollcall connection log {name}; let them pass with rollcall connection approve {name}"
            );
        }
        match self.live() {
            0 => format!("no live token: rollcall connection rotate {name}"),
            _ => "ready".to_owned(),
        }
    }

    fn json(&self) -> Json {
        let settings = &self.known.settings.settings;
        let (guard, limits) = (&settings.guard, &settings.limits);
        let tokens = self.tokens.iter().map(|token| self.token_json(token));
        json!({
            "connection": self.known.source.name,
            "tenant": self.known.tenant.name,
            "base_url": self.base,
            "in_file": self.known.is_in_file,
            "profile": settings.profile.as_str(),
            "priority": self.known.settings.priorities.default,
            "members": members(settings.unknown_members),
            "patch_answer": settings.patch_answer.map(patch_answer),
            "paused": self.known.source.paused,
            "tokens": tokens.collect::<Json>(),
            "guard": {
                "removals_percent": guard.removals.percent,
                "at_least": guard.removals.at_least,
                "window_seconds": guard.window.as_secs(),
                "held": self.is_held(),
                "held_since": self.guard.held_since.map(output::time),
                "approved_until": self.approved_until().map(output::time),
            },
            "limits": {
                "requests_per_second": limits.rate.requests_per_second,
                "burst": limits.rate.burst,
                "body_bytes_max": limits.body_bytes_max,
                "bulk_operations_max": limits.bulk_operations_max,
                "filter_depth_max": limits.filter_depth_max,
            },
            "log_size": settings.log_size.0,
        })
    }

    fn token_json(&self, token: &ConnectionToken) -> Json {
        json!({
            "number": token.number,
            "scope": token.scope,
            "addresses": token.addresses.split_whitespace().collect::<Vec<_>>(),
            "live": self.is_live(token),
            "created": output::time(token.created),
            "expires": token.expires.map(output::time),
            "last_used": token.last_used.map(output::time),
        })
    }
}

/// How many of the latest requests are looked at.
const REQUESTS_LOOKED_AT: u32 = 50;

async fn last_request(
    workspace: &Workspace,
    known: &Known,
) -> Result<Option<OffsetDateTime>, CliError> {
    let store = &workspace.store;
    let requests = store
        .logged_requests(known.source.id, None, REQUESTS_LOOKED_AT)
        .await?;
    let let_in = requests.iter().filter(|r| r.body["status"] != 401);
    Ok(let_in.map(|request| request.at).max())
}

fn members(policy: UnknownMembers) -> &'static str {
    match policy {
        UnknownMembers::Accepted => "accept",
        UnknownMembers::Refused => "refuse",
    }
}

fn patch_answer(answer: PatchAnswer) -> &'static str {
    match answer {
        PatchAnswer::Resource => "resource",
        PatchAnswer::NoContent => "no-content",
    }
}

fn or_never(at: Option<OffsetDateTime>) -> String {
    at.map_or_else(|| "never".to_owned(), output::time)
}

pub(super) async fn list(global: &Global, workspace: &Workspace) -> Result<Exit, CliError> {
    let all = workspace.roster().all(global.tenant.as_deref()).await?;
    let mut rows = vec![
        [
            "CONNECTION",
            "TENANT",
            "PROFILE",
            "TOKENS",
            "LAST USED",
            "STATE",
        ]
        .map(str::to_owned)
        .to_vec(),
    ];
    let mut json = Vec::new();
    for known in all {
        let facts = Facts::of(workspace, known).await?;
        json.push(facts.json());
        rows.push(vec![
            facts.known.source.name.clone(),
            facts.known.tenant.name.clone(),
            facts.known.settings.settings.profile.as_str().to_owned(),
            facts.live().to_string(),
            or_never(facts.last_used()),
            facts.state(),
        ]);
    }
    if global.json {
        output::json(&json)?;
    } else {
        output::table(&rows)?;
    }
    Ok(Exit::Done)
}

pub(super) async fn one(
    global: &Global,
    workspace: &Workspace,
    name: &str,
) -> Result<Exit, CliError> {
    let known = named(global, workspace, name).await?;
    let facts = Facts::of(workspace, known).await?;
    if global.json {
        output::json(&facts.json())?;
    } else {
        print(&facts)?;
    }
    Ok(Exit::Done)
}

fn print(facts: &Facts) -> std::io::Result<()> {
    let settings = &facts.known.settings.settings;
    let (guard, limits) = (&settings.guard, &settings.limits);
    output::line(format!(
        "{}  tenant {}  profile {}  priority {}",
        output::bold(&facts.known.source.name),
        facts.known.tenant.name,
        settings.profile.as_str(),
        facts.known.settings.priorities.default
    ))?;
    output::line(format!("  base URL  {}", facts.base))?;
    output::line(format!("  state     {}", facts.state()))?;
    output::line(format!(
        "  guard     {}% of its active people, at least {}, within {} minutes",
        guard.removals.percent,
        guard.removals.at_least,
        guard.window.as_secs() / 60
    ))?;
    if let Some(until) = facts.approved_until() {
        let until = output::time(until);
        output::line(format!("            lets everything pass until {until}"))?;
    }
    output::line(format!(
        "  limits    {} requests a second, {} at once, {} bytes, {} bulk operations",
        limits.rate.requests_per_second,
        limits.rate.burst,
        limits.body_bytes_max,
        limits.bulk_operations_max
    ))?;
    output::line(format!(
        "  members   unknown ones: {}",
        members(settings.unknown_members)
    ))?;
    let mut rows = vec![
        [
            "  TOKEN",
            "SCOPE",
            "CREATED",
            "EXPIRES",
            "LAST USED",
            "FROM",
        ]
        .map(str::to_owned)
        .to_vec(),
    ];
    for token in &facts.tokens {
        let ended = if facts.is_live(token) { "" } else { " (ended)" };
        let is_anywhere = token.addresses.is_empty();
        let from = if is_anywhere {
            "anywhere"
        } else {
            &token.addresses
        };
        rows.push(vec![
            format!("  {}{ended}", token.number),
            token.scope.clone(),
            output::time(token.created),
            or_never(token.expires),
            or_never(token.last_used),
            from.to_owned(),
        ]);
    }
    output::table(&rows)
}
