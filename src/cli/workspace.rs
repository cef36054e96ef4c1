//! What most commands need: the configuration, the store, and the sources ready to run.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use rollcall_directory::schema::Schemas;
use rollcall_mapping::Mapping;
use rollcall_store::ids::RunId;
use rollcall_store::records::{Run, Source, Tenant};
use rollcall_store::{Options, Store};

use super::{CliError, Global};
use crate::auth::connection::Roster;
use crate::config::policy::{Guards, LeaverAction, Leavers, Limits};
use crate::config::{self, Config, Environment};
use crate::sync::{
    Clock, Engine, Footing, LEASE_SECONDS, Owner, RETIRED_MAPPING, Retired, Setup, SyncError,
    SystemClock, Tenancy, Voices,
};

/// Where a configuration is looked for when none is named.
const PLACES: [&str; 3] = [
    "rollcall.toml",
    "config/rollcall.toml",
    "/etc/rollcall/rollcall.toml",
];

/// See the module.
#[derive(Debug)]
pub(crate) struct Workspace {
    pub(crate) config: Arc<Config>,
    pub(crate) store: Store,
    pub(crate) schemas: Arc<Schemas>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) tenancy: Tenancy,
    /// The only tenant that the command may touch; `None`: any.
    only_tenant: Option<String>,
}

/// Reads the configuration that the command line names, or the first that is there.
pub(super) fn configuration(global: &Global) -> Result<Config, CliError> {
    let path = match &global.config {
        Some(path) => path.clone(),
        None => PLACES
            .iter()
            .map(PathBuf::from)
            .find(|path| path.is_file())
            .ok_or_else(|| {
                CliError::Usage(format!(
                    "there is no configuration: looked for {}; write one with `rollcall init`, or name one with --config FILE",
                    PLACES.join(", ")
                ))
            })?,
    };
    Ok(Config::load(&path, &Environment::of_process())?)
}

impl Workspace {
    /// Reads the configuration and opens its store.
    pub(crate) async fn open(global: &Global) -> Result<Self, CliError> {
        let config = configuration(global)?;
        let only = only_tenant(&config, global)?.map(str::to_owned);
        let mut workspace = Self::of(config).await?;
        workspace.only_tenant = only;
        Ok(workspace)
    }

    /// Opens the store of a configuration.
    pub(crate) async fn of(config: Config) -> Result<Self, CliError> {
        let url = beside(&config.path, &config.store.url);
        let store = Store::open(&url, &Options::default()).await?;
        let lock_folder = url
            .strip_prefix("sqlite:")
            .map(|path| PathBuf::from(format!("{path}.locks")));
        Ok(Self {
            tenancy: Tenancy {
                owner: Owner::this_process(),
                lasts: config.lease.unwrap_or(Duration::from_secs(LEASE_SECONDS)),
                lock_folder,
            },
            clock: Arc::new(SystemClock {
                offset: config.clock_offset,
            }),
            config: Arc::new(config),
            store,
            schemas: Arc::new(Schemas::standard()),
            only_tenant: None,
        })
    }

    /// The engine on this store.
    pub(crate) fn engine(&self) -> Engine {
        Engine {
            store: self.store.clone(),
            clock: self.clock.clone(),
            tenancy: self.tenancy.clone(),
            import_people: self.config.import_people,
        }
    }

    /// The tenant that the command line names, or the only one.
    pub(crate) async fn tenant(&self, global: &Global) -> Result<Tenant, CliError> {
        let names: Vec<&String> = self.config.tenants.keys().collect();
        let name = match (only_tenant(&self.config, global)?, names.as_slice()) {
            (Some(name), _) => name,
            (None, [only]) => only.as_str(),
            (None, _) => {
                return Err(CliError::Usage(format!(
                    "there are several tenants: name one with --tenant ({})",
                    list(&names)
                )));
            }
        };
        Ok(self.store.ensure_tenant(name).await?)
    }

    /// The configured sources of the tenant that the command line names, else all.
    pub(crate) fn sources(&self) -> impl Iterator<Item = &config::Source> {
        of_tenant(&self.config, self.only_tenant.as_deref())
    }

    /// Whether the command may touch a tenant.
    pub(crate) fn may_touch(&self, tenant: &str) -> bool {
        self.only_tenant.as_ref().is_none_or(|only| only == tenant)
    }

    /// The source of that name in the configuration; `None` for the only one.
    pub(crate) fn source(&self, name: Option<&str>) -> Result<&config::Source, CliError> {
        let only = self.only_tenant.as_deref();
        if let Some(name) = name {
            return named(&self.config, only, name);
        }
        let all: Vec<&config::Source> = self.sources().collect();
        match (all.as_slice(), only) {
            ([source], _) => Ok(source),
            ([], Some(tenant)) => Err(CliError::Usage(format!(
                "tenant {tenant} has no source: add a section [sources.NAME] with tenant = \"{tenant}\""
            ))),
            ([], None) => Err(CliError::Usage(
                "the configuration has no source: add a section [sources.NAME]".to_owned(),
            )),
            _ => Err(CliError::Usage(format!(
                "there are several sources: name one ({})",
                list(&all.iter().map(|source| &source.name).collect::<Vec<_>>())
            ))),
        }
    }

    /// A run, unless it is of a tenant that the command may not touch.
    pub(crate) async fn run(&self, id: RunId) -> Result<Run, CliError> {
        let run = self.store.run(id).await?.ok_or(SyncError::NoRun(id))?;
        let Some(only) = &self.only_tenant else {
            return Ok(run);
        };
        let (source, tenant) = self.whose(&run).await?;
        if tenant == *only {
            return Ok(run);
        }
        Err(CliError::Usage(format!(
            "run {id} is of source {source}, which belongs to tenant {tenant}, not to {only}; write --tenant {tenant} if you mean it"
        )))
    }

    /// The names of a run's source and of its tenant.
    async fn whose(&self, run: &Run) -> Result<(String, String), CliError> {
        let Some(source) = self.store.source(run.source).await? else {
            return Ok(Default::default());
        };
        let tenants = self.store.tenants().await?;
        let tenant = tenants.into_iter().find(|t| t.id == source.tenant);
        Ok((source.name, tenant.map(|t| t.name).unwrap_or_default()))
    }

    /// A source, ready to run.
    pub(crate) async fn setup(&self, source: &config::Source) -> Result<Setup, CliError> {
        let connector = Arc::from(source.open()?);
        let tenant = self.store.ensure_tenant(&source.tenant).await?;
        let registered = self.store.registered(&tenant).await?;
        let (mapping, mapping_text) = source.load_mapping(&registered.schemas)?;
        let footing = self
            .footing(source, tenant, &registered.schemas, &mapping)
            .await?;
        let time_zone = jiff::tz::TimeZone::get(&source.time_zone)
            .map_err(|e| CliError::Usage(format!("source {}: {e}", source.name)))?;
        Ok(Setup {
            footing,
            connector,
            mapping: Arc::new(mapping),
            mapping_text: mapping_text.into(),
            user_filter: source.user_filter.clone(),
            group_filter: source.group_filter.clone(),
            leavers: source.leavers,
            retires: false,
            limits: source.limits,
            time_zone,
            several_entries: source.several_entries_per_person,
        })
    }

    /// What there is of a source without opening it: it may be out of reach.
    async fn footing(
        &self,
        source: &config::Source,
        tenant: Tenant,
        schemas: &Arc<Schemas>,
        mapping: &Mapping,
    ) -> Result<Footing, CliError> {
        let mut record = self
            .store
            .ensure_source(tenant.id, &source.name, source.kind.as_str())
            .await?;
        if source.paused {
            record.paused = Some("the configuration says so (paused = true)".to_owned());
        }
        Ok(Footing {
            source: record,
            settings: source.settings_fingerprint(mapping.fingerprint()),
            guards: source.guards.clone(),
            voices: Arc::new(self.voices(&tenant).await?),
            schemas: Arc::clone(schemas),
            tenant_name: tenant.name,
        })
    }

    /// How much each source of a tenant counts.
    pub(crate) async fn voices(&self, tenant: &Tenant) -> Result<Voices, CliError> {
        Ok(Voices::of_tenant(&self.config, &self.store, tenant).await?)
    }

    /// All connections.
    pub(crate) fn roster(&self) -> Roster {
        Roster::new(self.store.clone(), Arc::clone(&self.config))
    }

    /// What is needed to put back, or to go on with, what a run did: of a source that is
    /// configured, or of a connection, which need not be.
    pub(crate) async fn footing_of_run(&self, run: &Run) -> Result<Footing, CliError> {
        let record = self.store.source(run.source).await?;
        let pushes = |record: &Source| record.kind == crate::sync::push::KIND;
        let dropped = |record: &Source| !self.config.sources.contains_key(&record.name);
        let Some(source) = record.filter(|record| pushes(record) || dropped(record)) else {
            let source = self.source_of_run(run).await?;
            let tenant = self.store.ensure_tenant(&source.tenant).await?;
            let schemas = &self.store.registered(&tenant).await?.schemas;
            let (mapping, _) = source.load_mapping(schemas)?;
            return self.footing(source, tenant, schemas, &mapping).await;
        };
        let tenants = self.store.tenants().await?;
        let tenant = tenants
            .into_iter()
            .find(|t| t.id == source.tenant)
            .ok_or(crate::sync::SyncError::NoRun(run.id))?;
        let configured = self.config.sources.get(&source.name);
        Ok(Footing {
            settings: run.settings,
            guards: configured.map(|c| c.guards.clone()).unwrap_or_default(),
            voices: Arc::new(self.voices(&tenant).await?),
            schemas: Arc::clone(&self.store.registered(&tenant).await?.schemas),
            tenant_name: tenant.name,
            source,
        })
    }

    /// A source that is no longer configured, ready to take back all that it said.
    pub(crate) async fn retiring(&self, tenant: Tenant, source: Source) -> Result<Setup, CliError> {
        let mapping = Mapping::compile("retired", RETIRED_MAPPING, &self.schemas)
            .map_err(|_| CliError::Failed("the mapping of retired sources is wrong".to_owned()))?;
        let settings = source.settings.unwrap_or_else(|| mapping.fingerprint());
        Ok(Setup {
            footing: Footing {
                voices: Arc::new(self.voices(&tenant).await?),
                schemas: self.schemas.clone(),
                guards: Guards::default(),
                tenant_name: tenant.name,
                settings,
                source,
            },
            connector: Arc::new(Retired),
            mapping: Arc::new(mapping),
            mapping_text: RETIRED_MAPPING.into(),
            user_filter: None,
            group_filter: None,
            leavers: Leavers {
                action: LeaverAction::Withdraw,
                delete_after: None,
            },
            retires: true,
            limits: Limits::default(),
            time_zone: jiff::tz::TimeZone::UTC,
            several_entries: true,
        })
    }

    /// The configured source behind a run.
    async fn source_of_run(&self, run: &Run) -> Result<&config::Source, CliError> {
        let (name, tenant) = self.whose(run).await?;
        named(&self.config, Some(&tenant), &name)
    }
}

/// The tenant that the command line names, which must be there.
pub(super) fn only_tenant<'g>(
    config: &Config,
    global: &'g Global,
) -> Result<Option<&'g str>, CliError> {
    match &global.tenant {
        Some(name) if !config.tenants.contains_key(name) => Err(CliError::Usage(format!(
            "there is no tenant {name}; the configuration has {}",
            list(&config.tenants.keys().collect::<Vec<_>>())
        ))),
        tenant => Ok(tenant.as_deref()),
    }
}

/// The sources of a tenant; `None` for those of all.
pub(super) fn of_tenant<'c>(
    config: &'c Config,
    tenant: Option<&str>,
) -> impl Iterator<Item = &'c config::Source> {
    let sources = config.sources.values();
    sources.filter(move |source| tenant.is_none_or(|tenant| source.tenant == tenant))
}

/// The source of that name, which must belong to the tenant if one is asked for.
pub(super) fn named<'c>(
    config: &'c Config,
    tenant: Option<&str>,
    name: &str,
) -> Result<&'c config::Source, CliError> {
    let Some(source) = config.sources.get(name) else {
        if config.connections.contains_key(name) {
            return Err(CliError::Usage(format!(
                "source {name} pushes, so there is nothing to read; see `rollcall connection show {name}`"
            )));
        }
        let names: Vec<&String> = of_tenant(config, tenant).map(|s| &s.name).collect();
        return Err(CliError::Usage(if names.is_empty() {
            format!("there is no source {name}: the configuration has none; add [sources.{name}]")
        } else {
            format!(
                "there is no source {name}; the configuration has {}",
                list(&names)
            )
        }));
    };
    match tenant {
        Some(asked) if source.tenant != asked => Err(CliError::Usage(format!(
            "source {name} belongs to tenant {}, not to {asked}; write --tenant {} if you mean it",
            source.tenant, source.tenant
        ))),
        _ => Ok(source),
    }
}

fn list(names: &[&String]) -> String {
    names
        .iter()
        .map(|n| n.as_str())
        .collect::<Vec<_>>()
        .join(", ")
}

/// A relative file of a store stands beside the configuration, wherever a command is
/// started.
pub(super) fn beside(configuration: &std::path::Path, url: &str) -> String {
    match url.strip_prefix("sqlite:") {
        Some(file) => {
            let folder = configuration.parent().unwrap_or(std::path::Path::new(""));
            format!("sqlite:{}", folder.join(file).display())
        }
        None => url.to_owned(),
    }
}
