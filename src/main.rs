//! The `reconcile` binary: hands the command line over and ends with its exit code.

use std::process::ExitCode;

/// Rows are many small texts, made by one thread and dropped by another.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    // A huge page is kept as a whole for one small text in it: of what was read and dropped a third more
    // memory would stay. On systems without them there is nothing to turn off.
    let _ = rustix::thread::disable_transparent_huge_pages(true);
    reconcile::cli::main(std::env::args_os())
}
