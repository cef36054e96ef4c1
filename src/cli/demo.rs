//! `rollcall demo`: the main job, with made-up people, on a machine with nothing installed.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rollcall_store::records::RunState;
use tokio_util::sync::CancellationToken;

use super::workspace::Workspace;
use super::{CliError, Exit, Global, output};
use crate::auth::{BearerToken, SCIM_READ};
use crate::config::{Config, Environment};
use crate::demo::hr_service::HrService;
use crate::demo::people::Company;
use crate::server::{Server, Settings, stop_signal};
use crate::sync::{Finished, Mode, Progress, explain, find};

#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  rollcall demo\n  rollcall demo --keep /tmp/rollcall-demo\n  rollcall demo --exit"
)]
pub(super) struct Args {
    /// Keep configuration, mappings, export and store in this folder
    #[arg(long, value_name = "DIR")]
    keep: Option<PathBuf>,
    /// The same people for the same number
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// End after the story instead of serving
    #[arg(long)]
    exit: bool,
}

/// The share of everybody that the demo lets disappear from HR, in percent.
const MANY_PERCENT: usize = 40;

pub(super) async fn run(global: &Global, args: Args) -> Result<Exit, CliError> {
    let stopped = stop_signal()?;
    let temporary = tempfile::tempdir()?;
    let folder = match &args.keep {
        None => temporary.path().to_owned(),
        Some(folder) => {
            std::fs::create_dir_all(folder)?;
            if folder.join("rollcall.db").exists() {
                return Err(CliError::Usage(format!(
                    "{} holds an earlier demo; name another folder",
                    folder.display()
                )));
            }
            folder.canonicalize()?
        }
    };
    let stage = Stage::set(&folder, args.seed).await?;
    stage.story(global).await?;
    if args.exit {
        if args.keep.is_some() {
            output::lines(&format!(
                "\nAll of it is kept in {0}. Its HR service has ended with this command;\neverything else can be looked at: rollcall --config {0}/rollcall.toml run list",
                stage.folder.display()
            ))?;
        }
        return Ok(Exit::Done);
    }
    stage.serve(stopped, args.keep.is_some()).await?;
    Ok(Exit::Done)
}

/// The company, its HR service, and the directory that is made of both.
struct Stage {
    company: Company,
    hr: HrService,
    workspace: Workspace,
    folder: PathBuf,
}

impl Stage {
    #[expect(
        clippy::disallowed_methods,
        reason = "the demo's stage is set with the system's time and randomness"
    )]
    async fn set(folder: &Path, seed: u64) -> Result<Self, CliError> {
        let today = time::OffsetDateTime::now_utc().date();
        let company = Company::new(seed, today);
        let mut secret = [0_u8; 32];
        rand::Rng::fill(&mut rand::rng(), &mut secret);
        let hr = HrService::start(&company, secret).await?;
        let listen = free_address()?;
        crate::demo::config::write(folder, &company, &hr, listen)?;
        let path = folder.join(crate::demo::config::CONFIG_FILE);
        let config = Config::load(&path, &Environment::of_process())
            .map_err(|problems| CliError::Failed(problems.to_string()))?;
        Ok(Self {
            company,
            hr,
            workspace: Workspace::of(config).await?,
            folder: folder.to_owned(),
        })
    }

    async fn story(&self, global: &Global) -> Result<(), CliError> {
        chapter(1, "Two sources, about 1,000 people, one directory")?;
        output::folded(&format!(
            "An HR service ({}) and the export of a directory server ({}), with overlapping people.",
            self.hr.users_url(),
            self.folder.join(crate::demo::config::EXPORT_FILE).display()
        ))?;
        output::line("")?;
        let plan = self.run(global, "hr", Mode::Plan).await?;
        super::run::print_steps(&self.workspace, plan.run, 5).await?;
        chapter(
            2,
            "The plan is applied as it stands; then the second source",
        )?;
        self.apply(global, "hr", plan.run).await?;
        self.run(global, "directory", Mode::Sync).await?;
        chapter(3, "The same again changes nothing")?;
        self.run(global, "hr", Mode::Sync).await?;
        chapter(4, "Every value can be explained")?;
        self.explain_somebody().await?;
        chapter(5, "Somebody leaves in HR: the next run ends the account")?;
        self.somebody_leaves(global).await?;
        chapter(
            6,
            "HR suddenly lists 40 % fewer people: that is held, not done",
        )?;
        let held = self.many_leave(global).await?;
        chapter(
            7,
            "The source is mended, what was held is discarded, and a run is undone",
        )?;
        self.mend_and_undo(global, held).await
    }

    async fn explain_somebody(&self) -> Result<(), CliError> {
        let Some(person) = self.company.person_to_explain() else {
            return Ok(());
        };
        self.explain(&person.email()).await
    }

    async fn explain(&self, name: &str) -> Result<(), CliError> {
        let tenant = self.tenant().await?;
        let voices = self.workspace.voices(&tenant).await?;
        let kind = rollcall_directory::entry::Kind::User;
        for resource in find(&self.workspace.store, tenant.id, kind, name).await? {
            let explained = explain(
                &self.workspace.store,
                &resource,
                &voices,
                &self.workspace.schemas,
            )
            .await?;
            super::explain::print(&explained)?;
        }
        Ok(())
    }

    async fn somebody_leaves(&self, global: &Global) -> Result<(), CliError> {
        let Some(person) = self.company.person_to_leave() else {
            return Ok(());
        };
        output::line(format!("{} is no longer in HR.\n", person.email()))?;
        self.hr.leave([person.hr_id()]);
        let finished = self.run(global, "hr", Mode::Plan).await?;
        super::run::print_steps(&self.workspace, finished.run, 5).await?;
        self.apply(global, "hr", finished.run).await
    }

    async fn many_leave(&self, global: &Global) -> Result<Finished, CliError> {
        self.hr.leave(self.company.many_to_leave(MANY_PERCENT));
        let finished = self.run(global, "hr", Mode::Sync).await?;
        if finished.state != RunState::Held {
            return Err(CliError::Failed(format!(
                "the demo expected a held run, but it is {}; please report this",
                finished.state.as_str()
            )));
        }
        Ok(finished)
    }

    async fn mend_and_undo(&self, global: &Global, held: Finished) -> Result<(), CliError> {
        self.workspace.engine().cancel(held.run).await?;
        output::line(format!("Run {} is cancelled.", held.run))?;
        self.hr.return_everybody();
        let back = self.run(global, "hr", Mode::Sync).await?;
        let source = self.workspace.source(Some("hr"))?;
        let setup = self.workspace.setup(source).await?;
        let undone = self
            .workspace
            .engine()
            .undo(&setup, back.run, false)
            .await?;
        super::run::print_finished(global, "hr", &undone)?;
        output::folded(
            "The source is paused until somebody resumes it: rollcall source resume hr",
        )?;
        Ok(())
    }

    #[expect(
        clippy::disallowed_methods,
        reason = "the command line is where the system's randomness is taken"
    )]
    async fn serve(&self, stopped: impl Future<Output = ()>, kept: bool) -> Result<(), CliError> {
        let tenant = self.tenant().await?;
        let now = self.workspace.clock.now();
        let token = BearerToken::generate(&mut rand::rng());
        self.workspace
            .store
            .create_token(tenant.id, "demo", token.hash(), SCIM_READ, None, now)
            .await?;
        let bound = Server::new(
            self.workspace.store.clone(),
            self.workspace.clock.clone(),
            std::sync::Arc::clone(&self.workspace.config),
            Settings::from(&self.workspace.config.server),
        )
        .bind()
        .map_err(|e| CliError::Failed(e.to_string()))?;
        chapter(8, "Look at it")?;
        let base = &self.workspace.config.server.public_url;
        let base = base.as_str().trim_end_matches('/');
        output::line(format!("  people   {base}/scim/v2/Users"))?;
        output::line(format!("  groups   {base}/scim/v2/Groups"))?;
        output::line(format!("  health   {base}/health/ready"))?;
        output::line(format!("  metrics  {base}/metrics"))?;
        output::line(format!("  token    {}", token.reveal()))?;
        output::line(format!(
            "\n  curl -H 'Authorization: Bearer {}' '{base}/scim/v2/Users?count=2'\n",
            token.reveal()
        ))?;
        if kept {
            output::line(format!(
                "All of it is in {0}; while this runs: rollcall --config {0}/rollcall.toml run list",
                self.folder.display()
            ))?;
        }
        output::line("Ctrl-C ends it.")?;
        let stop = CancellationToken::new();
        let serving = bound.run(stop.clone());
        tokio::pin!(serving, stopped);
        tokio::select! {
            ended = &mut serving => return ended.map_err(|e| CliError::Failed(e.to_string())),
            () = &mut stopped => stop.cancel(),
        }
        serving.await.map_err(|e| CliError::Failed(e.to_string()))
    }

    async fn tenant(&self) -> Result<rollcall_store::records::Tenant, CliError> {
        let name = self.workspace.config.tenants.keys().next().cloned();
        Ok(self
            .workspace
            .store
            .ensure_tenant(&name.unwrap_or_default())
            .await?)
    }

    async fn run(&self, global: &Global, name: &str, mode: Mode) -> Result<Finished, CliError> {
        let source = self.workspace.source(Some(name))?;
        let setup = self.workspace.setup(source).await?;
        let engine = self.workspace.engine();
        let finished = engine
            .run(&setup, mode, Arc::new(Progress::default()))
            .await?;
        super::run::print_finished(global, name, &finished)?;
        if finished.state == RunState::Failed {
            return Err(CliError::Failed(format!(
                "run {} of the demo failed; please report this",
                finished.run
            )));
        }
        Ok(finished)
    }

    async fn apply(
        &self,
        global: &Global,
        name: &str,
        plan: rollcall_store::ids::RunId,
    ) -> Result<(), CliError> {
        let source = self.workspace.source(Some(name))?;
        let setup = self.workspace.setup(source).await?;
        let finished = self.workspace.engine().apply(&setup, plan).await?;
        super::run::print_finished(global, name, &finished)
    }
}

fn chapter(number: u8, title: &str) -> std::io::Result<()> {
    output::line(format!(
        "\n{}\n",
        output::bold(&format!("{number}. {title}"))
    ))
}

/// A free port on loopback; 8480 if it is free, so that links stay the same.
fn free_address() -> std::io::Result<SocketAddr> {
    const PORT_USUAL: u16 = 8480;
    let bind = |port| std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, port));
    bind(PORT_USUAL).or_else(|_| bind(0))?.local_addr()
}
