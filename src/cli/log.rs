//! The log, on standard error. `serve` always writes one; the other commands only when the
//! environment asks for it, since their answer says what they did. `RUST_LOG` goes before
//! the level of the configuration.

use tracing_subscriber::EnvFilter;

use super::{CliError, output};
use crate::config::{Environment, Log, LogFormat};

/// What says more than a level: `debug`, `rollcall=trace,hyper=info`.
const FILTER: &str = "RUST_LOG";
/// The configuration's own level, set for one process.
const LEVEL: &str = "ROLLCALL_SERVER__LOG__LEVEL";

/// The log of every command but `serve`.
pub(super) fn of_command() -> Result<(), CliError> {
    let environment = Environment::of_process();
    for variable in [FILTER, LEVEL] {
        if let Some(text) = environment.get(variable).filter(|text| !text.is_empty()) {
            start(filter(variable, text)?, LogFormat::Text);
            break;
        }
    }
    Ok(())
}

/// The log of `serve`.
pub(super) fn of_server(log: Log) -> Result<(), CliError> {
    let environment = Environment::of_process();
    let filter = match environment.get(FILTER).filter(|text| !text.is_empty()) {
        Some(text) => filter(FILTER, text)?,
        None => EnvFilter::default().add_directive(log.level.into()),
    };
    start(filter, log.format);
    Ok(())
}

fn filter(variable: &str, text: &str) -> Result<EnvFilter, CliError> {
    EnvFilter::try_new(text).map_err(|e| {
        CliError::Usage(format!(
            "the variable {variable} is no filter of the log ({e}): write a level, like debug, or levels of parts, like rollcall=debug,hyper=warn"
        ))
    })
}

fn start(filter: EnvFilter, format: LogFormat) {
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(output::colours(output::Stream::Err));
    // A second subscriber in one process is refused; the first one stays.
    let _ = match format {
        LogFormat::Json => builder.json().try_init(),
        LogFormat::Text => builder.try_init(),
    };
}
