//! `disclosure recheck`: is what is public still safe?
//!
//! Must not know: SQL, rules.

use std::process::ExitCode;

use anyhow::Result;
use clap::Args;

use super::{
    StoreArg,
    run::{location, open},
};
use crate::{
    domain::{Audience, Slug},
    release::gate,
    store::OpenMode,
};

/// Unsafe: the same status as something rejected with a report.
const UNSAFE: u8 = 3;

#[derive(Debug, Args)]
pub(super) struct RecheckArgs {
    /// Of which atlas
    #[arg(long)]
    atlas: Slug,
    /// Only what is about this indicator
    indicator: Option<Slug>,
    #[command(flatten)]
    store: StoreArg,
}

/// Audits, and prints what was found as JSON.
pub(super) async fn run(arguments: RecheckArgs) -> Result<ExitCode> {
    let store = open(&location(arguments.store)?, OpenMode::ReadOnly).await?;
    let catalogue = store.catalogue(&arguments.atlas).await?;
    let found = gate::recheck(&store, &catalogue, Audience::Public, arguments.indicator.as_ref()).await?;
    println!("{}", serde_json::to_string_pretty(&found)?);
    Ok(if found.safe { ExitCode::SUCCESS } else { ExitCode::from(UNSAFE) })
}
