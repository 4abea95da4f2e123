//! `export store` and `import store`: everything of a store into another one, of either kind.
//!
//! Must not know: SQL, which tables there are.

use std::{
    path::{Path, PathBuf},
    process::ExitCode,
};

use anyhow::{Context as _, Result};
use clap::Args;
use serde_json::json;

use super::{
    StoreArg,
    progress::Bar,
    recorded,
    run::{location, open, user},
};
use crate::{
    clock,
    ingest::Progress as _,
    store::{AccessStore, AuditEntry, Moved, OpenMode, TableContent},
};

#[derive(Debug, Args)]
pub(super) struct MovingArgs {
    /// The other store: a GeoPackage file, or postgres://… as its owner
    #[arg(value_name = "FILE|URL")]
    other: String,
    /// Leave people, sessions, tokens and the audit log where they are
    #[arg(long)]
    without_people: bool,
    #[command(flatten)]
    store: StoreArg,
}

/// `export store`
pub(super) async fn export(arguments: MovingArgs) -> Result<ExitCode> {
    let store = location(arguments.store)?;
    let moved = run(&store, &arguments.other, !arguments.without_people).await?;
    record(&store, "store.exported", &moved).await
}

/// `import store`
pub(super) async fn import(arguments: MovingArgs) -> Result<ExitCode> {
    let store = location(arguments.store)?;
    let moved = run(&arguments.other, &store, !arguments.without_people).await?;
    record(&store, "store.imported", &moved).await
}

async fn record(location: &str, action: &str, moved: &Moved) -> Result<ExitCode> {
    let after = json!({ "content": moved.content_hash, "with_people": !moved.people.is_empty() });
    let entry = AuditEntry::new(clock::now(), user(), action).changing(None, Some(after));
    recorded::write(location, &entry).await?;
    Ok(ExitCode::SUCCESS)
}

/// Copies a store; what was made for a copy that failed is removed.
async fn run(from: &str, to: &str, with_people: bool) -> Result<Moved> {
    let is_new = !to.contains("://") && !Path::new(to).exists();
    let bar = Bar::new();
    let moved = copy(from, to, with_people, &bar).await;
    bar.finish();
    if moved.is_err() && is_new {
        remove(Path::new(to));
    }
    let moved = moved?;
    let rows = |tables: &[TableContent]| tables.iter().map(|table| table.rows).sum::<u64>();
    println!("{} rows are copied, read back and equal (content {})", rows(&moved.tables), moved.content_hash);
    if with_people {
        println!("{} rows of people and the audit log too", rows(&moved.people));
    }
    Ok(moved)
}

async fn copy(from: &str, to: &str, with_people: bool, bar: &Bar) -> Result<Moved> {
    let source = open(from, OpenMode::ReadOnly).await?;
    let target = open(to, OpenMode::Create).await?;
    let people = if with_people && AccessStore::exists(from).await? {
        let open = "cannot open the store of people";
        Some((AccessStore::open(from).await.context(open)?, AccessStore::open(to).await.context(open)?))
    } else {
        None
    };
    let told = |table: &'static str, rows: u64| bar.begin(&format!("{table}: {rows}"));
    let both = people.as_ref().map(|(from, to)| (from, to));
    let moved = target.fill_from(&source, both, &told).await;
    target.close().await;
    source.close().await;
    if let Some((from, to)) = people {
        from.close().await;
        to.close().await;
    }
    Ok(moved?)
}

/// Removes a GeoPackage that was made in vain, and the people beside it. What is left behind all the same is refused as "not
/// empty" or is empty.
fn remove(file: &Path) {
    let people = file.with_extension("access.sqlite");
    for path in [file, &people] {
        for end in ["", "-wal", "-shm"] {
            let mut name = path.as_os_str().to_owned();
            name.push(end);
            let _ = std::fs::remove_file(PathBuf::from(name));
        }
    }
}
