//! `rollcall map --source S --entry DN|key`, or `--file FILE`

use std::path::PathBuf;

use rollcall_directory::entry::{Entry, Kind, Value};
use rollcall_directory::schema::Schemas;
use rollcall_mapping::{Context, Mapping, Outcome};

use super::workspace::configuration;
use super::{CliError, Exit, Global, output};
use crate::config::Source;

#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Args {
    /// The source
    #[arg(long, short)]
    source: String,
    /// The entry's key, or its place: a DN, `line 12`
    #[arg(long, short, required_unless_present = "file")]
    entry: Option<String>,
    /// Map what stands in this file (LDIF, JSON, or the source's own CSV; `-`: standard
    /// input) instead of asking the source
    #[arg(long, short, value_name = "FILE", conflicts_with = "entry")]
    file: Option<PathBuf>,
    /// Look among groups only; JSON and CSV of --file are groups
    #[arg(long)]
    group: bool,
}

const EXAMPLES: &str = "\
Examples:
  rollcall map --source ad --entry 'CN=Ada,OU=People,DC=example,DC=com'
  rollcall map --source hr --entry 1001
  rollcall map --source hr --entry g7 --group
  rollcall map --source people --entry 'line 12'
  ldapsearch -LLL -x '(uid=ada)' '*' '+' | rollcall map --source ldap --file -

Nothing is changed, neither here nor in the source.";

pub(super) async fn run(global: &Global, args: &Args) -> Result<Exit, CliError> {
    let config = configuration(global)?;
    let tenant = super::workspace::only_tenant(&config, global)?;
    let source = super::workspace::named(&config, tenant, &args.source)?;
    let (mapping, _) = source.load_mapping(&Schemas::standard())?;
    let context = super::check::context(&config);
    let entries = match (&args.file, &args.entry) {
        (Some(path), _) => super::entry_file::read(source, &mapping, path, args.group).await?,
        (None, Some(name)) => vec![find(source, &mapping, name, args.group).await?],
        (None, None) => Vec::new(),
    };
    if global.json {
        let shown = |entry| entry_json(entry, &mapping, &context);
        match (&args.file, entries.as_slice()) {
            (None, [only]) => output::json(&shown(only))?,
            (_, all) => output::json(&all.iter().map(shown).collect::<Vec<_>>())?,
        }
        return Ok(Exit::Done);
    }
    for entry in &entries {
        print_entry(entry, &mapping, &context)?;
    }
    Ok(Exit::Done)
}

/// One entry of the source itself.
async fn find(
    source: &Source,
    mapping: &Mapping,
    name: &str,
    only_groups: bool,
) -> Result<Entry, CliError> {
    let connector = source.open()?;
    let request = crate::sync::request(
        mapping,
        source.user_filter.as_deref(),
        source.group_filter.as_deref(),
    );
    for kind in [Kind::User, Kind::Group] {
        if mapping.kind(kind).is_none() || (only_groups && kind == Kind::User) {
            continue;
        }
        if let Some(entry) = connector.find(&request, kind, name).await? {
            return Ok(entry);
        }
    }
    Err(CliError::Usage(format!(
        "source {} has no entry {name}; name it by its key, or by its place (a DN, `line 12`)",
        source.name
    )))
}

/// How many values of one attribute people are shown; programs get all.
const VALUES_SHOWN: usize = 10;

/// How many values are not shown, in words.
fn more_than_shown(values: usize) -> Option<String> {
    let more = values.checked_sub(VALUES_SHOWN).filter(|more| *more > 0)?;
    Some(format!("… and {more} more"))
}

/// An entry before and after mapping.
pub(super) fn print_entry(
    entry: &Entry,
    mapping: &Mapping,
    context: &Context,
) -> Result<(), CliError> {
    output::line(format!(
        "\n{} {}",
        output::bold(&format!("{} {}", entry.kind, &entry.locator.to_string())),
        match &entry.key {
            Ok(key) => format!("(key {key})"),
            Err(error) => format!("(no key: {error})"),
        }
    ))?;
    for attribute in entry.attributes.iter() {
        if attribute.values.is_empty() {
            output::line(format!("    {}: (none)", attribute.name))?;
        }
        for value in attribute.values.iter().take(VALUES_SHOWN) {
            output::folded(&format!(
                "    {}: {}",
                attribute.name,
                shown(&attribute.name, value)
            ))?;
        }
        if let Some(more) = more_than_shown(attribute.values.len()) {
            output::line(format!("    {}: {more}", attribute.name))?;
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
                .take(VALUES_SHOWN)
                .map(ToString::to_string)
                .chain(more_than_shown(values.len()))
                .collect::<Vec<_>>()
                .join(", "),
            Outcome::Empty => "(none)".to_owned(),
            Outcome::Silent(why) => format!("says nothing: {why}"),
            Outcome::Failed(why) => format!("FAILS: {why}"),
        };
        output::folded(&format!(
            "    line {}: {} = {}  →  {}",
            line.line,
            output::short(&line.target),
            line.expression,
            &outcome
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
            format!("{cut}{more}")
        }
    }
}
