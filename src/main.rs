//! The binary.

use std::process::ExitCode;

use kommunalatlas::cli::{Cli, run};

fn main() -> ExitCode {
    let cli = Cli::from_arguments();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let result = runtime.map_err(anyhow::Error::from).and_then(|runtime| runtime.block_on(run(cli)));
    result.unwrap_or_else(|error| {
        eprintln!("error: {error:#}");
        ExitCode::FAILURE
    })
}
