//! `atlas agreement …` and `atlas leave`: the agreement on use, and taking an atlas out of the store.
//!
//! Must not know: SQL, what an export holds.

use std::{
    path::{Path, PathBuf},
    process::ExitCode,
};

use anyhow::{Context as _, Result, bail};
use chrono::NaiveDate;
use clap::{Args, Subcommand};
use serde_json::json;

use super::{
    StoreArg,
    import::ReportForm,
    recorded::record,
    run::{administrator, location, open},
};
use crate::{
    clock,
    domain::Slug,
    release::{self, Protocol},
    store::{AccessStore, Agreement, AgreementRow, Id, OpenMode, Store},
};

#[derive(Debug, Subcommand)]
pub(super) enum AgreementCommand {
    /// Keep an agreement with the atlas
    Add {
        /// The file, at most 10 MiB
        file: PathBuf,
        /// Of which atlas
        #[arg(long)]
        atlas: Slug,
        /// Its version, as written on it
        #[arg(long)]
        version: String,
        /// When it was signed
        #[arg(long, value_name = "DATE")]
        signed: NaiveDate,
        /// Who signed it
        #[arg(long)]
        signatory: String,
        #[command(flatten)]
        store: StoreArg,
    },
    /// List the agreements of an atlas, the latest first
    List {
        /// Of which atlas
        #[arg(long)]
        atlas: Slug,
        /// Form of the answer
        #[arg(long, value_enum, default_value = "text")]
        report: ReportForm,
        #[command(flatten)]
        store: StoreArg,
    },
    /// Write the file of an agreement
    Show {
        /// Number of the agreement, as listed
        agreement: Id,
        /// Of which atlas
        #[arg(long)]
        atlas: Slug,
        /// The file to write; it must not exist
        #[arg(long, value_name = "FILE")]
        to: PathBuf,
        #[command(flatten)]
        store: StoreArg,
    },
}

#[derive(Debug, Args)]
pub(super) struct LeaveArgs {
    /// Name in URLs
    slug: Slug,
    /// The folder for the export; it must be empty or not exist
    #[arg(long, value_name = "DIR")]
    export: PathBuf,
    /// Remove the atlas from the store after the export
    #[arg(long, requires = "confirm")]
    delete: bool,
    /// The name of the atlas once more, so that no other is removed
    #[arg(long, value_name = "SLUG", requires = "delete")]
    confirm: Option<Slug>,
    #[command(flatten)]
    store: StoreArg,
}

/// `atlas agreement …`
pub(super) async fn agreement(command: AgreementCommand) -> Result<()> {
    match command {
        AgreementCommand::Add { file, atlas, version, signed, signatory, store } => {
            let location = location(store)?;
            let store = open(&location, OpenMode::ReadWrite).await?;
            let document = read_bounded(&file)?;
            let (administrator, name) = (administrator(), name_of(&file));
            let by = administrator.name().to_owned();
            let agreement =
                Agreement { version, signed_on: signed, signatory, file_name: name, at: clock::now(), by };
            let id = release::keep_agreement(&store, &administrator, &atlas, &agreement, &document).await?;
            record(&location, "agreement.kept", &atlas, id.to_string(), Some(json!(agreement))).await?;
            println!("agreement {id} is kept with {atlas}");
        }
        AgreementCommand::List { atlas, report, store } => {
            let store = open(&location(store)?, OpenMode::ReadOnly).await?;
            let rows = store.agreements(&atlas).await?;
            match report {
                ReportForm::Text => print!("{}", rows.iter().map(line).collect::<String>()),
                ReportForm::Json => println!("{}", json!(rows)),
            }
        }
        AgreementCommand::Show { agreement, atlas, to, store } => {
            let store = open(&location(store)?, OpenMode::ReadOnly).await?;
            let (row, document) = store.agreement(&atlas, agreement).await?;
            write_new(&to, &document)?;
            print!("{}", line(&row));
        }
    }
    Ok(())
}

fn line(row: &AgreementRow) -> String {
    let Agreement { version, signed_on, signatory, file_name, .. } = &row.agreement;
    format!(
        "{}\tversion {version}\tsigned {signed_on} by {signatory}\t{file_name}\t{}\n",
        row.id, row.file_hash
    )
}

fn name_of(file: &Path) -> String {
    file.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default()
}

/// A file that may be kept; a larger one is not even read.
fn read_bounded(file: &Path) -> Result<Vec<u8>> {
    let shown = file.display();
    let size = std::fs::metadata(file).with_context(|| format!("cannot read {shown}"))?.len();
    if size > release::MAX_AGREEMENT as u64 {
        bail!("{shown} is larger than 10 MiB");
    }
    std::fs::read(file).with_context(|| format!("cannot read {shown}"))
}

fn write_new(file: &Path, bytes: &[u8]) -> Result<()> {
    use std::io::Write as _;
    let mut options = std::fs::OpenOptions::new();
    let written = options.write(true).create_new(true).open(file).and_then(|mut new| new.write_all(bytes));
    written.with_context(|| format!("cannot write {}", file.display()))
}

/// `atlas leave`
pub(super) async fn leave(arguments: LeaveArgs) -> Result<ExitCode> {
    let LeaveArgs { slug, export, delete, confirm, store } = arguments;
    if confirm.as_ref().is_some_and(|confirm| *confirm != slug) {
        bail!("--confirm names another atlas: nothing was done");
    }
    let location = location(store)?;
    let store = open(&location, OpenMode::ReadWrite).await?;
    prepare_folder(&export)?;
    let (administrator, now) = (administrator(), clock::now());
    let file = export.join(format!("{slug}.gpkg"));
    let people = AccessStore::open(&location).await?;
    let (mut protocol, beside) =
        release::take_out((&store, &people), &administrator, &slug, &file, now).await?;
    println!("{} rows are in {}, read back and equal", protocol.content.rows(), file.display());
    write_new(&export.join("people.json"), &serde_json::to_vec_pretty(&beside.people)?)?;
    write_new(&export.join("audit.jsonl"), beside.log.as_bytes())?;
    if delete {
        protocol = release::remove((&store, &people), &administrator, protocol).await?;
    }
    people.close().await;
    write_new(&export.join("protocol.json"), &serde_json::to_vec_pretty(&protocol)?)?;
    let action = if delete { "atlas.removed" } else { "atlas.exported" };
    record(&location, action, &slug, slug.to_string(), Some(json!(protocol))).await?;
    finish(&store, &protocol).await
}

async fn finish(store: &Store, protocol: &Protocol) -> Result<ExitCode> {
    store.close().await;
    if !protocol.removed {
        println!("nothing was removed; --delete --confirm {} removes it", protocol.atlas);
        return Ok(ExitCode::SUCCESS);
    }
    println!("{} was removed; the protocol lies beside the export", protocol.atlas);
    for backup in &protocol.backups {
        println!("  this copy may still hold it: {backup}");
    }
    if protocol.server_log {
        println!("  the log and the archives of the database server may hold it until they are recycled");
    }
    println!("  backups, exports and copies that others have taken may still hold it");
    if let Some(hindrance) = &protocol.hindrance {
        bail!("the rows are deleted, but not erased yet: {hindrance}");
    }
    Ok(ExitCode::SUCCESS)
}

fn prepare_folder(folder: &Path) -> Result<()> {
    let shown = folder.display();
    std::fs::create_dir_all(folder).with_context(|| format!("cannot make the folder {shown}"))?;
    let mut entries = std::fs::read_dir(folder).with_context(|| format!("cannot read the folder {shown}"))?;
    if entries.next().is_some() {
        bail!("the folder {shown} is not empty: name a new one");
    }
    Ok(())
}
