//! `rollcall completions SHELL`

use clap::CommandFactory;

use super::{Arguments, CliError, Exit};

#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  rollcall completions bash > /etc/bash_completion.d/rollcall")]
pub(super) struct Args {
    /// The shell
    shell: clap_complete::Shell,
}

pub(super) fn run(args: &Args) -> Result<Exit, CliError> {
    let mut text = Vec::new();
    clap_complete::generate(args.shell, &mut Arguments::command(), "rollcall", &mut text);
    std::io::Write::write_all(&mut std::io::stdout(), &text)?;
    Ok(Exit::Done)
}
