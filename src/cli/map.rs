//! `rollcall map --source S --entry DN|key`

use rollcall_directory::entry::{Entry, Kind, Value};
use rollcall_mapping::{Context, Mapping, Outcome};

use super::workspace::{configuration, problems_text};
use super::{CliError, Exit, Global, output};

#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  rollcall map --source ad --entry 'CN=Ada,OU=People,DC=example,DC=com'\n  rollcall map --source hr --entry 1001\n  rollcall map --source hr --entry g7 --group\n  rollcall map --source people --entry 'line 12'"
)]
pub(super) struct Args {
    /// The source
    #[arg(long, short)]
    source: String,
    /// The entry's key, or its place: a DN, `line 12`
    #[arg(long, short)]
    entry: String,
    /// Look among groups only
    #[arg(long)]
    group: bool,
}

pub(super) async fn run(global: &Global, args: &Args) -> Result<Exit, CliError> {
    let config = configuration(global)?;
    let source = config.sources.get(&args.source).ok_or_else(|| {
        let known: Vec<&str> = config.sources.keys().map(String::as_str).collect();
        CliError::Usage(format!(
            "there is no source {}; the configuration has {}",
            args.source,
            known.join(", ")
        ))
    })?;
    let schemas = rollcall_directory::schema::Schemas::standard();
    let (mapping, _) = source
        .load_mapping(&schemas)
        .map_err(|p| CliError::Configuration(problems_text(global, &p)))?;
    let connector = source.open()?;
    let request = crate::sync::request(
        &mapping,
        source.user_filter.as_deref(),
        source.group_filter.as_deref(),
    );
    let kinds: &[Kind] = if args.group {
        &[Kind::Group]
    } else {
        &[Kind::User, Kind::Group]
    };
    let context = super::check::context(&config);
    for kind in kinds {
        if mapping.kind(*kind).is_none() {
            continue;
        }
        if let Some(entry) = connector.find(&request, *kind, &args.entry).await? {
            if global.json {
                output::json(&entry_json(&entry, &mapping, &context))?;
            } else {
                print_entry(&entry, &mapping, &context)?;
            }
            return Ok(Exit::Done);
        }
    }
    Err(CliError::Failed(format!(
        "source {} has no entry {}; name it by its key, or by its place (a DN, `line 12`)",
        args.source, args.entry
    )))
}

/// An entry before and after mapping.
pub(super) fn print_entry(
    entry: &Entry,
    mapping: &Mapping,
    context: &Context,
) -> Result<(), CliError> {
    output::line(format!(
        "\n{} {}",
        output::bold(&format!(
            "{} {}",
            entry.kind,
            output::clean(&entry.locator.to_string())
        )),
        match &entry.key {
            Ok(key) => format!("(key {key})"),
            Err(error) => format!("(no key: {error})"),
        }
    ))?;
    for attribute in entry.attributes.iter() {
        for value in &attribute.values {
            output::line(format!(
                "    {}: {}",
                attribute.name,
                shown(&attribute.name, value)
            ))?;
        }
    }
    for flaw in &entry.flaws {
        output::line(format!("    ! {flaw}"))?;
    }
    output::line(format!("  becomes, by {}.toml:", mapping.name()))?;
    for line in mapping.trace(entry, context) {
        let outcome = match &line.outcome {
            Outcome::Values(values) => values
                .iter()
                .map(ToString::to_string)
                .collect::<Vec<_>>()
                .join(", "),
            Outcome::Empty => "(none)".to_owned(),
            Outcome::Silent(why) => format!("says nothing: {why}"),
            Outcome::Failed(why) => format!("FAILS: {why}"),
        };
        output::line(format!(
            "    {:>4}  {} = {}  →  {}",
            line.line,
            line.target,
            line.expression,
            output::clean(&outcome)
        ))?;
    }
    Ok(())
}

pub(super) fn entry_json(entry: &Entry, mapping: &Mapping, context: &Context) -> serde_json::Value {
    let attributes: serde_json::Map<String, serde_json::Value> = entry
        .attributes
        .iter()
        .map(|a| {
            let values: Vec<String> = a.values.iter().map(|v| shown(&a.name, v)).collect();
            (a.name.to_string(), values.into())
        })
        .collect();
    let lines: Vec<serde_json::Value> = mapping
        .trace(entry, context)
        .into_iter()
        .map(|line| {
            let (outcome, values, because) = match line.outcome {
                Outcome::Values(values) => ("values", values, None),
                Outcome::Empty => ("empty", Vec::new(), None),
                Outcome::Silent(why) => ("silent", Vec::new(), Some(why)),
                Outcome::Failed(why) => ("failed", Vec::new(), Some(why)),
            };
            serde_json::json!({
                "line": line.line,
                "target": line.target,
                "expression": line.expression,
                "outcome": outcome,
                "values": values,
                "because": because,
            })
        })
        .collect();
    serde_json::json!({
        "kind": entry.kind,
        "key": entry.key.as_ref().ok(),
        "locator": entry.locator.to_string(),
        "attributes": attributes,
        "flaws": entry.flaws,
        "lines": lines,
    })
}

/// A value for people: octets by their number, passwords not at all.
fn shown(name: &str, value: &Value) -> String {
    const CHARS_MAX: usize = 120;
    if name.to_lowercase().contains("password") || name.to_lowercase().contains("secret") {
        return "(hidden)".to_owned();
    }
    match value {
        Value::Bytes(bytes) => format!("({} octets)", bytes.len()),
        Value::Text(text) | Value::Json(text) => {
            let cut: String = text.chars().take(CHARS_MAX).collect();
            let more = if cut.len() < text.len() { "…" } else { "" };
            output::clean(&format!("{cut}{more}"))
        }
    }
}
