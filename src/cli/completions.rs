//! `reconcile completions SHELL`: a completion script for a shell.

use clap::CommandFactory;
use clap_complete::Shell;

use super::{Cli, Error, Outcome};

#[derive(Debug, clap::Args)]
pub struct Args {
    /// The shell to complete in
    shell: Shell,
}

pub fn run(args: &Args) -> Result<Outcome, Error> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), "reconcile", &mut script);
    super::output::print(&String::from_utf8_lossy(&script))?;
    Ok(Outcome::Fine)
}
