//! The configuration file: read whole, checked whole. Every mistake is told with its place
//! (see [`problem`]), and nothing is started while there is one. The environment may
//! override single values; secrets never stand in the file.

mod environment;
mod file_source;
mod guards;
mod http_source;
mod ldap_source;
mod mappings;
mod mask;
pub(crate) mod policy;
pub(crate) mod present;
mod problem;
mod push_source;
mod rate;
mod scalars;
mod scim_source;
mod section;
mod server;
mod source;
#[cfg(test)]
mod tests;
mod tree;
mod web_service;

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use rollcall_connectors::Secret;
use rollcall_directory::entry::Kind;
use rollcall_directory::merge::MergeRules;
use rollcall_directory::path::Path;
use rollcall_directory::schema::{Schemas, Unit};

pub(crate) use self::environment::Environment;
pub(crate) use self::mappings::SHIPPED as SHIPPED_MAPPINGS;
pub(crate) use self::problem::{Level, Problems};
pub(crate) use self::push_source::{
    PatchAnswer, PushGuards, PushSettings, PushSource, RequestLimits,
};
pub(crate) use self::rate::Rate;
pub(crate) use self::scalars::duration;
pub(crate) use self::server::{Log, LogFormat, Server, network};
pub(crate) use self::source::{ConnectorSettings, Source};

use self::section::{Desk, Section};
use self::tree::Place;

/// The tenant of a configuration that names none.
const TENANT_DEFAULT: &str = "default";
/// The store of a configuration that names none.
const STORE_URL_DEFAULT: &str = "sqlite:rollcall.db";

/// A checked configuration.
pub(crate) struct Config {
    /// The file.
    pub(crate) path: PathBuf,
    /// `[server]`.
    pub(crate) server: Server,
    /// `[store]`.
    pub(crate) store: StoreConfig,
    /// `[tenants.NAME]`; never empty.
    pub(crate) tenants: BTreeMap<String, Tenant>,
    /// `[sources.NAME]` that are read.
    pub(crate) sources: BTreeMap<String, Source>,
    /// `[sources.NAME]` that push.
    pub(crate) connections: BTreeMap<String, Arc<PushSource>>,
    /// The folder of files with schemas that are registered in every tenant.
    pub(crate) schemas: Option<PathBuf>,
    /// How far the clock is off, for tests (`ROLLCALL_TEST_CLOCK_OFFSET`, like `31d`).
    pub(crate) clock_offset: time::Duration,
    /// How long a killed run blocks the next one, for tests (`ROLLCALL_TEST_LEASE`, like
    /// `2s`); `None`: as long as it always is.
    pub(crate) lease: Option<std::time::Duration>,
    /// How many people a transaction of a first import holds, for tests
    /// (`ROLLCALL_TEST_IMPORT_PEOPLE`); `None`: as many as always.
    pub(crate) import_people: Option<usize>,
    /// What is doubtful but not fatal: to be shown.
    pub(crate) warnings: Problems,
}

impl fmt::Debug for Config {
    /// Without the text, in which secrets may stand.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Config")
            .field("path", &self.path)
            .field("server", &self.server)
            .field("tenants", &self.tenants)
            .field("sources", &self.sources)
            .field("connections", &self.connections)
            .finish_non_exhaustive()
    }
}

/// `[store]`.
pub(crate) struct StoreConfig {
    /// `sqlite:FILE` or `postgres://…`.
    pub(crate) url: String,
    /// Encrypts what must not lie in the database in clear text.
    #[expect(
        dead_code,
        reason = "read by the token service, which is not there yet"
    )]
    pub(crate) master_key: Option<Secret>,
}

impl fmt::Debug for StoreConfig {
    /// Without the URL, in which a password may stand.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StoreConfig").finish_non_exhaustive()
    }
}

/// `[tenants.NAME]`.
#[derive(Debug)]
pub(crate) struct Tenant {
    /// For people.
    #[expect(dead_code, reason = "shown by the console, which is not there yet")]
    pub(crate) display: String,
    /// Lists that are the union of what all sources say.
    pub(crate) union: Vec<Unit>,
    /// How often its connections and tokens together may ask over SCIM.
    pub(crate) rate: Rate,
}

impl Tenant {
    /// What a merge needs of it.
    pub(crate) fn merge_rules(&self) -> MergeRules {
        MergeRules {
            union: self.union.iter().cloned().collect(),
        }
    }
}

impl Config {
    /// Whether the file has a source of this name, of whatever kind.
    pub(crate) fn has_source(&self, name: &str) -> bool {
        self.sources.contains_key(name) || self.connections.contains_key(name)
    }

    /// Reads and checks a file.
    ///
    /// # Errors
    /// Everything that is wrong with it.
    pub(crate) fn load(
        path: &std::path::Path,
        environment: &Environment,
    ) -> Result<Self, Problems> {
        let text = std::fs::read_to_string(path).map_err(|e| {
            Problems::of_file(
                path,
                format!("the configuration cannot be read: {e}"),
                Some(
                    "name another with --config FILE, or write one with `rollcall init`".to_owned(),
                ),
            )
        })?;
        Self::parse(&text, path, environment)
    }

    /// Checks a text, as if it stood in the file `path`.
    ///
    /// # Errors
    /// Everything that is wrong with it.
    pub(crate) fn parse(
        text: &str,
        path: &std::path::Path,
        environment: &Environment,
    ) -> Result<Self, Problems> {
        Self::parse_known(text, path, environment).0
    }

    /// With every key that was asked for.
    fn parse_known(
        text: &str,
        path: &std::path::Path,
        environment: &Environment,
    ) -> (Result<Self, Problems>, std::collections::BTreeSet<String>) {
        let (parsed, errors) = toml::de::DeTable::parse_recoverable(text);
        let mut table = tree::of_table(parsed.get_ref());
        let shown = mask::covered(text, &table, !errors.is_empty());
        let desk = Desk::new(path, &shown, environment);
        for error in &errors {
            let place = Place::File(error.span().unwrap_or(0..0));
            desk.error(&place, error.message(), None);
        }
        for (variable, names, value) in environment.overrides() {
            if !tree::lay_over(&mut table, &names, value, variable) {
                let place = Place::Variable(variable.to_owned());
                desk.warning(&place, "overrides nothing that is configured", None);
            }
        }
        let config = read(Section::new(&desk, "", Place::File(0..0), &table));
        let (problems, known) = desk.into_problems();
        if problems.has_error() {
            return (Err(problems), known);
        }
        let config = Self {
            warnings: problems,
            ..config
        };
        (Ok(config), known)
    }
}

fn read(top: Section<'_>) -> Config {
    let desk = top.desk;
    let server = Server::read(top.section("server"));
    let store = read_store(top.section("store"));
    let schemas = Schemas::standard();
    let mut tenants: BTreeMap<String, Tenant> = top
        .named("tenants")
        .into_iter()
        .map(|(name, section)| (name.to_owned(), read_tenant(name, section, &schemas)))
        .collect();
    if tenants.is_empty() {
        let tenant = Tenant {
            display: TENANT_DEFAULT.to_owned(),
            union: Vec::new(),
            rate: Rate::OF_A_TENANT,
        };
        tenants.insert(TENANT_DEFAULT.to_owned(), tenant);
    }
    let folder = top.path("mappings");
    let custom_schemas = top.path("schemas");
    let mut sources = BTreeMap::new();
    let mut connections = BTreeMap::new();
    for (name, section) in top.named("sources") {
        if PushSource::is_one(&section) {
            let connection = PushSource::read(name, section, &tenants);
            connections.insert(name.to_owned(), Arc::new(connection));
        } else {
            let source = Source::read(name, section, &tenants, folder.as_deref());
            sources.insert(name.to_owned(), source);
        }
    }
    top.finish();
    Config {
        path: desk.path.to_owned(),
        server,
        store,
        tenants,
        sources,
        connections,
        schemas: custom_schemas,
        clock_offset: clock_offset(desk.environment),
        lease: lease(desk.environment),
        import_people: import_people(desk.environment),
        warnings: Problems::default(),
    }
}

fn clock_offset(environment: &Environment) -> time::Duration {
    environment
        .get("ROLLCALL_TEST_CLOCK_OFFSET")
        .and_then(|text| scalars::duration(text).ok())
        .and_then(|offset| time::Duration::try_from(offset).ok())
        .unwrap_or_default()
}

fn lease(environment: &Environment) -> Option<std::time::Duration> {
    environment
        .get("ROLLCALL_TEST_LEASE")
        .and_then(|text| scalars::duration(text).ok())
        .filter(|lease| !lease.is_zero())
}

fn import_people(environment: &Environment) -> Option<usize> {
    environment
        .get("ROLLCALL_TEST_IMPORT_PEOPLE")
        .and_then(|text| text.parse().ok())
        .filter(|people| *people > 0)
}

fn read_store(section: Section<'_>) -> StoreConfig {
    let url = store_url(&section).unwrap_or_else(|| STORE_URL_DEFAULT.to_owned());
    let store = StoreConfig {
        url,
        master_key: section.secret("master_key"),
    };
    section.finish();
    store
}

/// A text, or the place of a secret: the URL of a database may hold its password.
fn store_url(section: &Section<'_>) -> Option<String> {
    const KNOWN: [&str; 3] = ["sqlite:", "postgres://", "postgresql://"];
    let node = section.node("url")?;
    let url = match &node.value {
        tree::Value::Table(_) => section.secret("url")?.reveal().to_owned(),
        _ => section.text("url")?,
    };
    if !KNOWN.iter().any(|start| url.starts_with(start)) {
        section.error_at(
            "url",
            "the store's `url` is of no database that Rollcall knows".to_owned(),
            Some("write \"sqlite:FILE\" or \"postgres://user@host/database\"".to_owned()),
        );
    }
    let in_file = matches!(
        (&node.value, &node.place),
        (tree::Value::Text(_), Place::File(_))
    );
    if in_file && mask::password_of_url(&url).is_some() {
        section.error_at(
            "url",
            "the database's password must not stand in the configuration as it is".to_owned(),
            Some(
                "write url = { file = \"path\" } or { env = \"NAME\" }, with the whole URL in it"
                    .to_owned(),
            ),
        );
    }
    Some(url)
}

fn read_tenant(name: &str, section: Section<'_>, schemas: &Schemas) -> Tenant {
    let display = section.text("name").unwrap_or_else(|| name.to_owned());
    let mut union = Vec::new();
    for attribute in section.texts("union").unwrap_or_default() {
        match unit_of(&attribute, schemas) {
            Ok(unit) => union.push(unit),
            Err(why) => section.error_at("union", format!("{attribute}: {why}"), None),
        }
    }
    let limits = section.section("limits");
    let rate = Rate::read(&limits, Rate::OF_A_TENANT);
    limits.finish();
    section.finish();
    Tenant {
        display,
        union,
        rate,
    }
}

/// The unit of an attribute of users, or of groups.
fn unit_of(attribute: &str, schemas: &Schemas) -> Result<Unit, String> {
    let path = Path::parse(attribute).map_err(|e| e.to_string())?;
    let of = |kind| schemas.target(kind, &path);
    of(Kind::User)
        .or_else(|why| of(Kind::Group).map_err(|_| why))
        .map(|target| target.unit)
        .map_err(|e| e.to_string())
}
