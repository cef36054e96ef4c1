//! `rollcall serve`

use std::sync::Arc;

use tokio_util::sync::CancellationToken;

use super::workspace::Workspace;
use super::{CliError, Exit, Global, output};
use crate::server::{Server, Settings, stop_signal};

#[derive(Debug, clap::Args)]
#[command(
    after_help = "Example:\n  rollcall --config /etc/rollcall/rollcall.toml serve\n\nSIGTERM or SIGINT ends it when requests and the batch being written are done."
)]
pub(super) struct Args {
    /// Serve only; run no source by schedule
    #[arg(long)]
    no_schedule: bool,
}

#[expect(
    clippy::disallowed_methods,
    reason = "both tasks are waited for at the end; the third only waits for the signal"
)]
pub(super) async fn run(global: &Global, args: Args) -> Result<Exit, CliError> {
    let signal = stop_signal()?;
    let workspace = Workspace::open(global).await?;
    super::log::of_server(workspace.config.server.log)?;
    output::warnings(global.json, &workspace.config.warnings);
    super::schema::register_files(&workspace).await?;
    for name in workspace.config.tenants.keys() {
        workspace.store.ensure_tenant(name).await?;
    }
    let bound = Server::new(
        workspace.store.clone(),
        workspace.clock.clone(),
        Arc::clone(&workspace.config),
        Settings::from(&workspace.config.server),
    )
    .bind()
    .map_err(|e| failed(&e))?;
    for address in bound.addresses() {
        tracing::info!(%address, "listening");
    }
    let ending = CancellationToken::new();
    let schedules = if args.no_schedule {
        Vec::new()
    } else {
        schedules(&workspace).await?
    };
    let runner = tokio::spawn(crate::sync::schedule(
        workspace.engine(),
        schedules,
        ending.clone(),
    ));
    let upkeep = tokio::spawn(crate::sync::keep_up(
        workspace.engine(),
        upkeep(&workspace).await?,
        ending.clone(),
    ));
    let on_signal = ending.clone();
    tokio::spawn(async move {
        signal.await;
        on_signal.cancel();
    });
    bound.run(ending.clone()).await.map_err(|e| failed(&e))?;
    ending.cancel();
    // A run that is going on ends with its batch; the next start goes on from there.
    let _ = runner.await;
    let _ = upkeep.await;
    Ok(Exit::Done)
}

/// What time does in each tenant.
async fn upkeep(workspace: &Workspace) -> Result<Vec<crate::sync::Upkeep>, CliError> {
    let mut all = Vec::new();
    for name in workspace.config.tenants.keys() {
        let tenant = workspace.store.ensure_tenant(name).await?.id;
        let mut graces = std::collections::HashMap::new();
        for source in workspace.config.sources.values() {
            if source.tenant == *name {
                let kind = source.kind.as_str();
                let record = workspace
                    .store
                    .ensure_source(tenant, &source.name, kind)
                    .await?;
                graces.insert(record.id, source.leavers.delete_after);
            }
        }
        for known in workspace.roster().all(Some(name)).await? {
            graces.insert(known.source.id, known.settings.settings.grace.0);
        }
        all.push(crate::sync::Upkeep { tenant, graces });
    }
    Ok(all)
}

async fn schedules(workspace: &Workspace) -> Result<Vec<crate::sync::Scheduled>, CliError> {
    let mut all = Vec::new();
    for source in workspace.config.sources.values() {
        let Some(schedule) = &source.schedule else {
            continue;
        };
        // Before each run the store is asked again, which knows nothing of this.
        if source.paused {
            tracing::info!(
                source = source.name,
                "the configuration pauses it, not scheduled"
            );
            continue;
        }
        if source.absent_secrets.has_error() {
            tracing::error!(
                source = source.name,
                problems = %source.absent_secrets,
                "a secret of this source is not there, so it is not scheduled"
            );
            continue;
        }
        all.push(crate::sync::Scheduled {
            setup: workspace.setup(source).await?,
            config: Arc::clone(&workspace.config),
            schedule: schedule.clone(),
        });
    }
    Ok(all)
}

fn failed(error: &crate::server::ServerError) -> CliError {
    let mut text = error.to_string();
    let mut cause: Option<&dyn std::error::Error> = std::error::Error::source(error);
    while let Some(inner) = cause {
        text = format!("{text}: {inner}");
        cause = inner.source();
    }
    CliError::Failed(text)
}
