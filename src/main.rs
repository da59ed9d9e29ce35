//! The `reconcile` binary: hands the command line over and ends with its exit code.

use std::process::ExitCode;

fn main() -> ExitCode {
    reconcile::cli::main(std::env::args_os())
}
