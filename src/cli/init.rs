//! `rollcall init`

use std::path::{Path, PathBuf};

use super::{CliError, Exit, Global, output};

#[derive(Debug, clap::Args)]
#[command(
    after_help = "Example:\n  rollcall init /etc/rollcall\n\nFiles that are there already are left as they are."
)]
pub(super) struct Args {
    /// The folder
    #[arg(default_value = ".")]
    folder: PathBuf,
}

/// The documented configuration, as it ships.
const CONFIGURATION: &str = include_str!("../../config/rollcall.toml");

pub(super) fn run(global: &Global, args: &Args) -> Result<Exit, CliError> {
    let mappings = args.folder.join("mappings");
    std::fs::create_dir_all(&mappings)?;
    let mut written = Vec::new();
    write_new(
        &args.folder.join("rollcall.toml"),
        CONFIGURATION,
        &mut written,
    )?;
    for (name, text) in crate::config::SHIPPED_MAPPINGS {
        write_new(&mappings.join(format!("{name}.toml")), text, &mut written)?;
    }
    if global.json {
        output::json(&serde_json::json!({ "written": written }))?;
        return Ok(Exit::Done);
    }
    for path in &written {
        output::line(format!("wrote {}", path.display()))?;
    }
    let configuration = args.folder.join("rollcall.toml");
    output::lines(&format!(
        "Edit {}: keep the sources that you have, delete the others.\nThen: rollcall --config {0} check --connect",
        configuration.display()
    ))?;
    Ok(Exit::Done)
}

fn write_new(path: &Path, text: &str, written: &mut Vec<PathBuf>) -> Result<(), CliError> {
    if path.exists() {
        output::remark(format!(
            "{} is there already, left as it is",
            path.display()
        ));
        return Ok(());
    }
    std::fs::write(path, text)?;
    written.push(path.to_owned());
    Ok(())
}
