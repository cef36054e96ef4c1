//! `rollcall check [--connect] [SOURCE]`

use rollcall_connectors::{CheckStep, ReadRequest};
use rollcall_directory::entry::Kind;
use rollcall_mapping::Context;

use super::workspace::{configuration, problems_text};
use super::{CliError, Exit, Global, output};
use crate::config::{Config, Problems, Source};
use crate::sync::{Clock, SystemClock};

#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  rollcall check\n  rollcall check --connect ad\n\nNothing is changed, neither here nor in a source."
)]
pub(super) struct Args {
    /// Only this source
    source: Option<String>,
    /// Also connect, sign in, read three entries and show them before and after mapping
    #[arg(long)]
    connect: bool,
}

/// Entries of each kind that are shown.
const SAMPLE_ENTRIES: usize = 3;

pub(super) async fn run(global: &Global, args: &Args) -> Result<Exit, CliError> {
    let config = configuration(global)?;
    if !config.warnings.0.is_empty() && !global.json {
        output::remark(problems_text(global, &config.warnings));
    }
    let sources: Vec<&Source> = match &args.source {
        None => config.sources.values().collect(),
        Some(name) => vec![config.sources.get(name).ok_or_else(|| {
            let known: Vec<&str> = config.sources.keys().map(String::as_str).collect();
            CliError::Usage(format!(
                "there is no source {name}; the configuration has {}",
                known.join(", ")
            ))
        })?],
    };
    let mut rows = Vec::new();
    let mut failed = false;
    for source in sources {
        let checked = check(global, &config, source, args.connect).await?;
        failed |= !checked.ok;
        rows.push(checked.json);
    }
    if global.json {
        output::json(&serde_json::json!({
            "configuration": config.path,
            "ok": !failed,
            "sources": rows,
        }))?;
    } else if !failed {
        output::line(format!(
            "{} is in order: {} sources, {} tenants.",
            config.path.display(),
            config.sources.len(),
            config.tenants.len()
        ))?;
    }
    Ok(if failed { Exit::Failed } else { Exit::Done })
}

struct Checked {
    ok: bool,
    json: serde_json::Value,
}

async fn check(
    global: &Global,
    config: &Config,
    source: &Source,
    connect: bool,
) -> Result<Checked, CliError> {
    let schemas = rollcall_directory::schema::Schemas::standard();
    let (mapping, text) = source
        .load_mapping(&schemas)
        .map_err(|p| CliError::Configuration(problems_text(global, &p)))?;
    let context = context(config);
    let examples = mapping.run_examples(&context);
    if !examples.is_empty() {
        let problems = Problems::of_mapping(&source.mapping_path, &text, examples);
        return Err(CliError::Configuration(problems_text(global, &problems)));
    }
    let mut json = serde_json::json!({
        "source": source.name,
        "kind": source.kind.as_str(),
        "mapping": source.mapping,
    });
    if !connect {
        if !global.json {
            output::line(format!(
                "{}: {} source, mapping {} ({})",
                source.name,
                source.kind.as_str(),
                source.mapping,
                mapping.description()
            ))?;
        }
        return Ok(Checked { ok: true, json });
    }
    let connector = source.open()?;
    let steps = connector.check().await;
    let ok = steps.iter().all(|s| s.outcome.is_ok());
    if !global.json {
        output::line(output::bold(&source.name))?;
        print_steps(&steps)?;
    }
    json["steps"] = steps.iter().map(step_json).collect();
    if !ok {
        return Ok(Checked { ok, json });
    }
    if let Some(schema) = connector.schema().await? {
        let unknown = mapping.check_against(&schema.attributes);
        if !unknown.is_empty() && !global.json {
            let problems = Problems::of_mapping(&source.mapping_path, &text, unknown);
            output::remark(problems_text(global, &problems));
        }
    }
    let entries = sample(source, &mapping, connector.as_ref()).await?;
    let mut shown = Vec::new();
    for entry in &entries {
        if global.json {
            shown.push(super::map::entry_json(entry, &mapping, &context));
        } else {
            super::map::print_entry(entry, &mapping, &context)?;
        }
    }
    json["entries"] = shown.into();
    Ok(Checked { ok, json })
}

/// The first entries of each kind.
async fn sample(
    source: &Source,
    mapping: &rollcall_mapping::Mapping,
    connector: &dyn rollcall_connectors::Connector,
) -> Result<Vec<rollcall_directory::entry::Entry>, CliError> {
    let mut request: ReadRequest = crate::sync::request(
        mapping,
        source.user_filter.as_deref(),
        source.group_filter.as_deref(),
    );
    request.sample = Some(SAMPLE_ENTRIES);
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
    let (verdict, entries) = tokio::join!(connector.read(&request, sender), collect);
    if let rollcall_connectors::Verdict::Failed { because } = verdict {
        return Err(CliError::Failed(format!(
            "source {}: {because}",
            source.name
        )));
    }
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
        output::line(format!(
            "  {mark} {}: {} ({} ms)",
            step.step,
            output::clean(text),
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
