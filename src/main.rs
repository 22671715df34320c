//! argv in, exit code out: everything else is the library's.

use std::process::ExitCode;

/// A server allocates and frees much in small pieces on all cores.
#[cfg(feature = "mimalloc")]
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    rescind::cli::run()
}
