//! `rollcall token create|list|revoke`

use super::{CliError, Exit, Global, output, workspace::Workspace};
use crate::auth::{ADMIN, BearerToken, SCIM_READ};

#[derive(Debug, clap::Subcommand)]
#[command(
    after_help = "Examples:\n  rollcall token create dashboard\n  curl -H \"Authorization: Bearer $TOKEN\" http://localhost:8480/scim/v2/Users"
)]
pub(super) enum Command {
    /// Make a token that may read the directory over SCIM; it is shown once
    #[command(
        after_help = "Examples:\n  rollcall token create dashboard\n  rollcall token create audit --expires 30\n  rollcall token create support --scope admin"
    )]
    Create {
        /// A name to know it by
        name: String,
        /// When it ends: a number of days from now
        #[arg(long, value_name = "DAYS")]
        expires: Option<u32>,
        /// What it may do: read the directory over SCIM, or read what administrators read
        #[arg(long, value_parser = [SCIM_READ, ADMIN], default_value = SCIM_READ)]
        scope: String,
    },
    /// Tokens, without their secrets
    #[command(after_help = "Example:\n  rollcall token list")]
    List,
    /// End a token
    #[command(after_help = "Example:\n  rollcall token revoke dashboard")]
    Revoke {
        /// Its name
        name: String,
    },
}

#[expect(
    clippy::disallowed_methods,
    reason = "the command line is where the system's randomness is taken"
)]
pub(super) async fn run(global: &Global, command: Command) -> Result<Exit, CliError> {
    let workspace = Workspace::open(global).await?;
    let tenant = workspace.tenant(global).await?;
    match command {
        Command::Create {
            name,
            expires,
            scope,
        } => {
            let now = workspace.clock.now();
            let expires = expires.map(|days| now + time::Duration::days(i64::from(days)));
            let token = BearerToken::generate(&mut rand::rng());
            workspace
                .store
                .create_token(tenant.id, &name, token.hash(), &scope, expires, now)
                .await?;
            if global.json {
                output::json(&serde_json::json!({
                    "name": name,
                    "token": token.reveal(),
                    "expires": expires.map(output::time),
                }))?;
            } else {
                output::line(token.reveal())?;
                output::remark(format!(
                    "Token {name} may read tenant {}. It is shown this once; keep it where secrets are kept.",
                    tenant.name
                ));
            }
        }
        Command::List => {
            let tokens = workspace.store.tokens(tenant.id).await?;
            let time = |at: Option<time::OffsetDateTime>| at.map(output::time);
            if global.json {
                let rows: Vec<_> = tokens
                    .iter()
                    .map(|t| {
                        serde_json::json!({
                            "name": t.name,
                            "scope": t.scope,
                            "created": output::time(t.created),
                            "expires": time(t.expires),
                            "last_used": time(t.last_used),
                        })
                    })
                    .collect();
                output::json(&rows)?;
                return Ok(Exit::Done);
            }
            let mut rows = vec![
                ["NAME", "SCOPE", "CREATED", "EXPIRES", "LAST USED"]
                    .map(str::to_owned)
                    .to_vec(),
            ];
            for t in &tokens {
                rows.push(vec![
                    t.name.clone(),
                    t.scope.clone(),
                    output::time(t.created),
                    time(t.expires).unwrap_or_else(|| "never".to_owned()),
                    time(t.last_used).unwrap_or_else(|| "never".to_owned()),
                ]);
            }
            output::table(&rows)?;
        }
        Command::Revoke { name } => {
            if !workspace.store.revoke_token(tenant.id, &name).await? {
                return Err(CliError::Usage(format!(
                    "there is no token {name}; see `rollcall token list`"
                )));
            }
            if global.json {
                output::json(&serde_json::json!({ "name": name, "revoked": true }))?;
            } else {
                output::line(format!("Token {name} has ended."))?;
            }
        }
    }
    Ok(Exit::Done)
}
