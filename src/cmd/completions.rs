//! `ws-mock completions`: prints a shell's completions of our command line.

use std::io::Write;

use crate::cli::{self, Cli};

pub(super) fn run(args: &cli::CompletionsArgs, out: &mut dyn Write) -> anyhow::Result<()> {
    // Into memory first: the generator panics when it cannot write.
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), "ws-mock", &mut script);
    out.write_all(&script)?;
    Ok(())
}
