//! The `reconcile` binary: hands the command line over and ends with its exit code.

use std::process::ExitCode;

/// Rows are many small texts, made by one thread and dropped by another.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    reconcile::cli::main(std::env::args_os())
}
