//! `export …`: data out, in the forms that come in again.
//!
//! Must not know: SQL, how files are written.

use std::{path::PathBuf, process::ExitCode};

use anyhow::{Context as _, Result, bail};
use clap::{Args, Subcommand};

use super::{
    StoreArg, audience, moving,
    run::{location, open},
};
use crate::{
    clock,
    domain::{Audience, Slug},
    extract,
    store::OpenMode,
};

#[derive(Debug, Subcommand)]
pub(super) enum ExportCommand {
    /// Facilities as CSV or GeoJSON, as `import facilities` reads them
    Facilities(FacilitiesArgs),
    /// A store with what is public and nothing else, for `serve --public-only`
    Public(PublicArgs),
    /// Everything of the store into another one that is empty: from a GeoPackage to PostGIS and back
    Store(moving::MovingArgs),
}

#[derive(Debug, Args)]
pub(super) struct PublicArgs {
    /// The GeoPackage to write
    file: PathBuf,
    #[command(flatten)]
    store: StoreArg,
}

#[derive(Debug, Args)]
pub(super) struct FacilitiesArgs {
    /// The file to write; its ending, .csv, .geojson or .json, says the form
    file: PathBuf,
    /// Of which atlas
    #[arg(long)]
    atlas: Slug,
    /// Only this category
    #[arg(long)]
    category: Option<Slug>,
    /// What this audience sees
    #[arg(long, value_parser = audience, default_value = "internal")]
    audience: Audience,
    #[command(flatten)]
    store: StoreArg,
}

/// Runs one of the commands.
pub(super) async fn run(command: ExportCommand) -> Result<ExitCode> {
    match command {
        ExportCommand::Facilities(arguments) => facilities(arguments).await,
        ExportCommand::Public(arguments) => public(arguments).await,
        ExportCommand::Store(arguments) => moving::export(arguments).await,
    }
}

async fn public(arguments: PublicArgs) -> Result<ExitCode> {
    let store = open(&location(arguments.store)?, OpenMode::Public).await?;
    let rows = store.export_public(&arguments.file, clock::now()).await?;
    println!("{rows} rows of what is public written to {}", arguments.file.display());
    Ok(ExitCode::SUCCESS)
}

async fn facilities(arguments: FacilitiesArgs) -> Result<ExitCode> {
    let FacilitiesArgs { file, atlas, category, audience, store } = arguments;
    let store = open(&location(store)?, OpenMode::ReadOnly).await?;
    let mut facilities = store.facilities(&atlas, audience).await?;
    facilities.retain(|f| category.as_ref().is_none_or(|c| *c == f.category));
    if facilities.is_empty() {
        bail!("there are no such facilities; `kommunalatlas facilities list` says which there are");
    }
    let categories = store.facility_categories(&atlas).await?;
    let bytes = match file.extension().and_then(std::ffi::OsStr::to_str) {
        Some("csv") => extract::facilities::csv(&categories, &facilities)?,
        Some("geojson" | "json") => {
            serde_json::to_vec_pretty(&extract::facilities::geojson(&categories, &facilities, audience))?
        }
        _ => bail!("name a file that ends in .csv or .geojson"),
    };
    std::fs::write(&file, bytes).with_context(|| format!("cannot write {}", file.display()))?;
    println!("{} facilities written to {}", facilities.len(), file.display());
    Ok(ExitCode::SUCCESS)
}
