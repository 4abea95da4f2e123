//! Migrations: the same numbers and names for both databases.

use std::path::PathBuf;

use crate::store::{
    StoreError,
    sql::{Tx, params},
};

/// A step of the schema. Its number is its place in [`MIGRATIONS`], from 1.
struct Migration {
    sqlite: &'static str,
    postgres: &'static str,
}

macro_rules! migration {
    ($name:literal) => {
        Migration {
            sqlite: include_str!(concat!("../../migrations/sqlite/", $name, ".sql")),
            postgres: include_str!(concat!("../../migrations/postgres/", $name, ".sql")),
        }
    };
}

/// A migration that was part of a version of this program is never changed.
const MIGRATIONS: &[Migration] = &[
    migration!("0001_atlas"),
    migration!("0002_places"),
    migration!("0003_import"),
    migration!("0004_release"),
    migration!("0005_access"),
    migration!("0006_gis"),
];

/// The schema that this program reads and writes.
pub(super) const KNOWN: i64 = MIGRATIONS.len() as i64;

/// What a migration did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Migrated {
    /// Schema before; 0 for a new store.
    pub from: i64,
    /// Schema now.
    pub to: i64,
    /// Copy of the file as it was before, if there was something to lose.
    pub backup: Option<PathBuf>,
}

/// Refuses a schema that this program cannot work with.
pub(super) fn check(found: i64) -> Result<(), StoreError> {
    match found {
        newer if newer > KNOWN => Err(StoreError::Newer { found, known: KNOWN }),
        older if older < KNOWN => Err(StoreError::Older { found, known: KNOWN }),
        _ => Ok(()),
    }
}

/// Brings the schema from version `from` (0 = nothing there) to [`KNOWN`], in the caller's transaction.
pub(super) async fn migrate(tx: &mut Tx, from: i64) -> Result<(), StoreError> {
    let done = usize::try_from(from).map_err(|e| StoreError::damaged(&e))?;
    for migration in MIGRATIONS.iter().skip(done) {
        tx.script(migration.sqlite, migration.postgres).await?;
    }
    tx.execute("UPDATE state SET schema_version = $1, generation = generation + 1", params![KNOWN]).await?;
    Ok(())
}
