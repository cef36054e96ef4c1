//! `rollcall check [--connect] [SOURCE]`

use rollcall_connectors::{CheckStep, Connector, ReadRequest};
use rollcall_directory::contribution::{Mapped, MappedValue};
use rollcall_directory::entry::{Entry, Kind};
use rollcall_directory::schema::{Schemas, Unit};
use rollcall_mapping::{Context, Mapping};
use rollcall_store::{Store, StoreError};

use super::workspace::configuration;
use super::{CliError, Exit, Global, output};
use crate::config::present;
use crate::config::{Config, Level, Problems, PushSource, Source};
use crate::sync::{Clock, SystemClock};

#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  rollcall check\n  rollcall check --connect ad\n\nNothing is changed, neither here nor in a source."
)]
pub(super) struct Args {
    /// Only this source
    source: Option<String>,
    /// Also connect, sign in, read three entries and show them before and after mapping; try
    /// the store, too
    #[arg(long)]
    connect: bool,
}

/// Entries of each kind that are shown.
const SAMPLE_ENTRIES: usize = 3;

pub(super) async fn run(global: &Global, args: &Args) -> Result<Exit, CliError> {
    let config = configuration(global)?;
    let tenant = super::workspace::only_tenant(&config, global)?;
    let sources: Vec<&Source> = match &args.source {
        None => super::workspace::of_tenant(&config, tenant).collect(),
        Some(name) => vec![super::workspace::named(&config, tenant, name)?],
    };
    if !global.json {
        output::warnings(false, &config.warnings);
    }
    // All mistakes of all sources are told at once.
    let mut mistakes = Problems::default();
    let schemas = Schemas::from(&super::schema::of_files(&config)?);
    let mut readable = Vec::new();
    for source in &sources {
        match read(&config, source, &schemas) {
            Ok(read) => readable.push(read),
            Err(problems) => mistakes.add(problems),
        }
    }
    if mistakes.has_error() {
        return Err(mistakes.into());
    }
    let mut rows = Vec::new();
    let mut failed = false;
    for readable in &readable {
        let mut row = serde_json::json!({
            "source": readable.source.name,
            "kind": readable.source.kind.as_str(),
            "mapping": readable.source.mapping,
        });
        if args.connect {
            failed |= !connect(global, readable, &mut row).await?;
        } else if !global.json {
            output::folded(&format!(
                "{}: {} source, mapping {} ({})",
                readable.source.name,
                readable.source.kind.as_str(),
                readable.source.mapping,
                readable.mapping.description()
            ))?;
        }
        rows.push(row);
    }
    let mut store = serde_json::Value::Null;
    if args.connect {
        let outcome = try_store(&config).await;
        failed |= outcome.is_err();
        store = serde_json::json!({
            "ok": outcome.is_ok(),
            "outcome": outcome.as_ref().unwrap_or_else(|why| why),
        });
        if !global.json {
            output::line(output::bold("store"))?;
            let (mark, text) = match &outcome {
                Ok(text) => ("ok  ", text),
                Err(text) => ("FAIL", text),
            };
            output::folded(&format!("  {mark} {text}"))?;
            output::line("")?;
        }
    }
    let connections: Vec<_> = config
        .connections
        .values()
        .filter(|c| args.source.is_none() && tenant.is_none_or(|tenant| c.tenant == tenant))
        .collect();
    for connection in &connections {
        let profile = connection.settings.profile.as_str();
        rows.push(serde_json::json!({
            "source": connection.name,
            "kind": PushSource::KIND,
            "profile": profile,
        }));
        if !global.json {
            let name = &connection.name;
            output::folded(&format!("{name}: pushes over SCIM, profile {profile}"))?;
        }
    }
    if global.json {
        output::json(&serde_json::json!({
            "configuration": config.path,
            "ok": !failed,
            "store": store,
            "warnings": present::as_json(&config.warnings),
            "sources": rows,
        }))?;
    } else if !failed {
        output::line(format!(
            "{} is in order: {}, {}.",
            config.path.display(),
            output::count(sources.len() + connections.len(), "source", "sources"),
            output::count(config.tenants.len(), "tenant", "tenants"),
        ))?;
    }
    Ok(if failed { Exit::Failed } else { Exit::Done })
}

/// Whether the store can be used; nothing is made or brought up to date. The URL is not shown:
/// it may hold a password.
async fn try_store(config: &Config) -> Result<String, String> {
    let url = super::workspace::beside(&config.path, &config.store.url);
    if let Some(file) = url.strip_prefix("sqlite:")
        && !std::path::Path::new(file).exists()
    {
        return Ok(format!(
            "{file} is not there yet: the first command that needs it makes it"
        ));
    }
    match Store::open_read_only(&url).await {
        Ok(_) => Ok("it can be used".to_owned()),
        Err(StoreError::OlderSchema { .. }) => {
            Ok("it can be used; the next command brings its schema up to date".to_owned())
        }
        Err(error) => Err(error.to_string()),
    }
}

/// A source of which everything is right that can be known without connecting.
struct Readable<'a> {
    source: &'a Source,
    mapping: Mapping,
    text: String,
    connector: Box<dyn Connector>,
    context: Context,
}

/// Settings, mapping, and the mapping's examples.
fn read<'a>(
    config: &Config,
    source: &'a Source,
    schemas: &Schemas,
) -> Result<Readable<'a>, Problems> {
    let loaded = source.load_mapping(schemas);
    let (connector, (mapping, text)) = match (source.open(), loaded) {
        (Ok(connector), Ok(loaded)) => (connector, loaded),
        (Err(mut problems), Err(more)) => {
            problems.add(more);
            return Err(problems);
        }
        (Err(problems), Ok(_)) | (Ok(_), Err(problems)) => return Err(problems),
    };
    let context = context(config);
    let examples = mapping.run_examples(&context);
    if !examples.is_empty() {
        let path = &source.mapping_path;
        return Err(Problems::of_mapping(Level::Error, path, &text, examples));
    }
    Ok(Readable {
        source,
        mapping,
        text,
        connector,
        context,
    })
}

/// Tries a source step by step, and shows what it gives. Whether it works.
async fn connect(
    global: &Global,
    readable: &Readable<'_>,
    row: &mut serde_json::Value,
) -> Result<bool, CliError> {
    let steps = readable.connector.check().await;
    for CheckStep { step, outcome, .. } in &steps {
        tracing::debug!(source = readable.source.name, step, ?outcome, "checked");
    }
    let mut ok = steps.iter().all(|s| s.outcome.is_ok());
    if !global.json {
        output::line(output::bold(&readable.source.name))?;
        print_steps(&steps)?;
    }
    row["steps"] = steps.iter().map(step_json).collect();
    if ok {
        match look(global, readable, row).await {
            Ok(()) => {}
            Err(error @ (CliError::Output(_) | CliError::Json(_))) => return Err(error),
            Err(error) => {
                // One source that fails must not keep the others from being tried.
                ok = false;
                row["error"] = error.to_string().into();
                if !global.json {
                    output::error(false, &error);
                }
            }
        }
    }
    row["ok"] = ok.into();
    Ok(ok)
}

/// The source's schema against the mapping, and some entries before and after mapping.
async fn look(
    global: &Global,
    readable: &Readable<'_>,
    row: &mut serde_json::Value,
) -> Result<(), CliError> {
    let Readable {
        source, mapping, ..
    } = readable;
    let mut warnings = Problems::default();
    if let Some(schema) = readable.connector.schema().await? {
        let unknown = mapping.check_against(&schema.attributes);
        let path = &source.mapping_path;
        let problems = Problems::of_mapping(Level::Warning, path, &readable.text, unknown);
        warnings.add(problems);
    }
    warnings.add(administrators(readable).await?);
    row["warnings"] = present::as_json(&warnings);
    if !global.json {
        output::warnings(false, &warnings);
    }
    let entries = sample(source, mapping, readable.connector.as_ref()).await?;
    let mut shown = Vec::new();
    for entry in &entries {
        if global.json {
            shown.push(super::map::entry_json(entry, mapping, &readable.context));
        } else {
            super::map::print_entry(entry, mapping, &readable.context)?;
        }
    }
    row["entries"] = shown.into();
    if !global.json {
        if entries.is_empty() {
            output::folded(
                "  no entries: look at the filter, the base or the address of the source",
            )?;
        }
        output::line("")?;
    }
    Ok(())
}

/// Groups that the guard `administrators` names and that the source does not have.
async fn administrators(readable: &Readable<'_>) -> Result<Problems, CliError> {
    let Readable {
        source, mapping, ..
    } = readable;
    let names = &source.guards.administrators;
    let mut problems = Problems::default();
    if names.is_empty() || mapping.kind(Kind::Group).is_none() {
        return Ok(problems);
    }
    let mut request = request_of(source, mapping);
    request.users = None;
    let groups = entries(source, readable.connector.as_ref(), &request).await?;
    let called: Vec<String> = groups
        .iter()
        .filter_map(|entry| mapping.evaluate(entry, &readable.context).ok())
        .flat_map(|mapped| display_names(&mapped))
        .collect();
    for name in names {
        let there = called
            .iter()
            .any(|c| c.to_lowercase() == name.to_lowercase());
        if !there {
            problems.add(source.unknown_administrators(name, &called));
        }
    }
    Ok(problems)
}

/// How a group may be called: a source may list several names.
fn display_names(mapped: &Mapped) -> Vec<String> {
    match mapped.said.get(&Unit::from_canonical("displayName")) {
        Some(MappedValue::Choice(names)) => names
            .iter()
            .filter_map(|name| Some(name.as_str()?.to_owned()))
            .collect(),
        _ => Vec::new(),
    }
}

fn request_of(source: &Source, mapping: &Mapping) -> ReadRequest {
    crate::sync::request(
        mapping,
        source.user_filter.as_deref(),
        source.group_filter.as_deref(),
    )
}

/// The first entries of each kind.
async fn sample(
    source: &Source,
    mapping: &Mapping,
    connector: &dyn Connector,
) -> Result<Vec<Entry>, CliError> {
    let mut request = request_of(source, mapping);
    request.sample = Some(SAMPLE_ENTRIES);
    let entries = entries(source, connector, &request).await?;
    let mut kept = Vec::new();
    for kind in [Kind::User, Kind::Group] {
        kept.extend(
            entries
                .iter()
                .filter(|e| e.kind == kind)
                .take(SAMPLE_ENTRIES)
                .cloned(),
        );
    }
    Ok(kept)
}

/// What a source gives, read to its end or to the end of the sample.
async fn entries(
    source: &Source,
    connector: &dyn Connector,
    request: &ReadRequest,
) -> Result<Vec<Entry>, CliError> {
    let (sender, mut receiver) = tokio::sync::mpsc::channel::<rollcall_connectors::Batch>(
        rollcall_connectors::Batch::IN_FLIGHT_MAX,
    );
    let collect = async {
        let mut entries = Vec::new();
        while let Some(batch) = receiver.recv().await {
            entries.extend(batch.entries);
        }
        entries
    };
    let (verdict, entries) = tokio::join!(connector.read(request, sender), collect);
    if let rollcall_connectors::Verdict::Failed { because } = verdict {
        return Err(CliError::Failed(format!(
            "source {}: {because}",
            source.name
        )));
    }
    Ok(entries)
}

/// Now, in UTC: examples and samples are only looked at.
pub(super) fn context(config: &Config) -> Context {
    Context {
        now: SystemClock {
            offset: config.clock_offset,
        }
        .now(),
        zone_offset: time::UtcOffset::UTC,
    }
}

fn print_steps(steps: &[CheckStep]) -> std::io::Result<()> {
    for step in steps {
        let (mark, text) = match &step.outcome {
            Ok(text) => ("ok  ", text),
            Err(text) => ("FAIL", text),
        };
        output::folded(&format!(
            "  {mark} {}: {} ({} ms)",
            step.step,
            text,
            step.took.as_millis()
        ))?;
    }
    Ok(())
}

fn step_json(step: &CheckStep) -> serde_json::Value {
    serde_json::json!({
        "step": step.step,
        "ok": step.outcome.is_ok(),
        "outcome": step.outcome.as_ref().unwrap_or_else(|e| e),
        "milliseconds": u64::try_from(step.took.as_millis()).unwrap_or(u64::MAX),
    })
}
