//! `rollcall explain NAME`

use rollcall_directory::entry::Kind;

use super::{CliError, Exit, Global, output, workspace::Workspace};
use crate::sync::{Explanation, Saying, explain, find};

#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  rollcall explain ada.lovelace\n  rollcall explain ada@example.org\n  rollcall explain --group Engineering"
)]
pub(super) struct Args {
    /// userName, e-mail address, SCIM id, externalId or display name
    name: String,
    /// It is a group
    #[arg(long)]
    group: bool,
}

pub(super) async fn run(global: &Global, args: &Args) -> Result<Exit, CliError> {
    let workspace = Workspace::open(global).await?;
    let tenant = workspace.tenant(global).await?;
    let kind = if args.group { Kind::Group } else { Kind::User };
    let found = find(&workspace.store, tenant.id, kind, &args.name).await?;
    if found.is_empty() {
        return Err(CliError::Usage(format!(
            "there is no {kind} {}; see `rollcall {kind} list`",
            args.name
        )));
    }
    let voices = workspace.voices(&tenant).await?;
    let mut all = Vec::new();
    for resource in &found {
        all.push(explain(&workspace.store, resource, &voices, &workspace.schemas).await?);
    }
    if global.json {
        output::json(&all)?;
    } else {
        for explanation in &all {
            print(explanation)?;
        }
    }
    Ok(Exit::Done)
}

pub(super) fn print(explained: &Explanation) -> std::io::Result<()> {
    let state = if explained.active {
        "active"
    } else {
        "not active"
    };
    output::line(format!(
        "{}  {}  {}  id {}",
        output::bold(&explained.name),
        explained.kind,
        state,
        explained.id
    ))?;
    if let Some(because) = &explained.because {
        output::line(format!("  not active because {because}"))?;
    }
    output::line("\nEntries")?;
    for entry in &explained.entries {
        let gone = entry
            .gone_since
            .map(|at| format!(", {} since {}", entry.presence.as_str(), output::time(at)))
            .unwrap_or_default();
        output::folded(&format!(
            "  {} ({}): key {}, {}, last changed by run {}{gone}",
            entry.source,
            priority(entry.priority),
            entry.key,
            &entry.locator,
            entry.run
        ))?;
    }
    output::line("\nValues")?;
    for value in &explained.values {
        let shown = value
            .value
            .as_ref()
            .map_or_else(|| "(none)".to_owned(), ToString::to_string);
        let unit = output::short(value.unit.as_str());
        output::folded(&format!("  {unit} = {}", &shown))?;
        for saying in &value.said_by {
            print_saying("from", saying, false)?;
        }
        for saying in &value.overruled {
            print_saying("not ", saying, true)?;
        }
    }
    if !explained.groups.is_empty() {
        output::line("\nGroups")?;
        for membership in &explained.groups {
            output::line(format!(
                "  {} (by {})",
                &membership.group,
                membership.sources.join(", ")
            ))?;
        }
    }
    if !explained.dangling.is_empty() {
        output::line("\nNames that nobody here has")?;
        for name in &explained.dangling {
            output::line(format!("  {name}"))?;
        }
    }
    Ok(())
}

/// A source that is no longer configured speaks last.
fn priority(number: u32) -> String {
    match number {
        u32::MAX => "speaks last".to_owned(),
        number => format!("priority {number}"),
    }
}

fn print_saying(word: &str, saying: &Saying, with_value: bool) -> std::io::Result<()> {
    let value = if with_value {
        format!(": {}", &saying.value.to_string())
    } else {
        String::new()
    };
    output::folded(&format!("      {word} {}{value}", saying.source))?;
    for line in &saying.lines {
        output::folded(&format!("           {}", output::short(line)))?;
    }
    Ok(())
}
