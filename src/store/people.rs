//! The second file of an embedded store: people, tokens and the audit log, beside the GeoPackage.
//!
//! The GeoPackage is a file that people pass on; nothing about persons may be in it.

use std::{
    fs::OpenOptions,
    io::ErrorKind,
    path::{Path, PathBuf},
};

use sqlx::{
    SqliteConnection, SqlitePool,
    sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions},
};

use crate::store::{StoreError, open::once_free};

/// The schema of this file that the program reads and writes.
const KNOWN: i64 = 1;

const SCHEMA: &str = include_str!("../../migrations/access/0001_people.sql");

/// The file with people, tokens and the audit log.
#[derive(Debug, Clone)]
pub struct AccessStore {
    pool: SqlitePool,
    path: PathBuf,
}

impl AccessStore {
    /// Opens `NAME.access.sqlite` beside the GeoPackage `NAME.gpkg`, and makes it if there is none. Only the owner may
    /// read a file made here.
    ///
    /// # Errors
    /// If the file cannot be made, is something else, or has a newer schema.
    pub async fn open_beside(geopackage: &Path) -> Result<Self, StoreError> {
        let path = geopackage.with_extension("access.sqlite");
        make_private_file(&path)
            .map_err(|source| StoreError::File { path: path.display().to_string(), source })?;
        let options = SqliteConnectOptions::new().filename(&path).foreign_keys(true);
        let options = options.journal_mode(SqliteJournalMode::Wal);
        let pool = SqlitePoolOptions::new().max_connections(2);
        let pool = once_free(|| pool.clone().connect_with(options.clone())).await?;
        let mut tx = pool.begin_with("BEGIN IMMEDIATE").await?;
        match version(&mut tx).await? {
            None => sqlx::raw_sql(SCHEMA).execute(&mut *tx).await.map(drop)?,
            Some(found) if found > KNOWN => return Err(StoreError::Newer { found, known: KNOWN }),
            Some(_) => {}
        }
        tx.commit().await?;
        Ok(Self { pool, path })
    }

    /// Where the file lies.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Closes all connections.
    pub async fn close(&self) {
        self.pool.close().await;
    }
}

/// The schema of the file; `None` if it is empty.
async fn version(connection: &mut SqliteConnection) -> Result<Option<i64>, StoreError> {
    let tables: i64 =
        sqlx::query_scalar("SELECT count(*) FROM sqlite_master").fetch_one(&mut *connection).await?;
    if tables == 0 {
        return Ok(None);
    }
    Ok(Some(sqlx::query_scalar("SELECT access_version FROM state").fetch_one(connection).await?))
}

/// Makes an empty file that only its owner may read, before anything is written to it.
fn make_private_file(path: &Path) -> std::io::Result<()> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    match options.open(path) {
        Err(error) if error.kind() != ErrorKind::AlreadyExists => Err(error),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn people_live_in_a_file_of_their_own_that_only_its_owner_reads() {
        let dir = tempfile::tempdir().unwrap();
        let geopackage = dir.path().join("atlas.gpkg");
        for _ in 0..2 {
            let store = AccessStore::open_beside(&geopackage).await.unwrap();
            assert_eq!(store.path(), dir.path().join("atlas.access.sqlite"));
            store.close().await;
        }
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            let mode = dir.path().join("atlas.access.sqlite").metadata().unwrap().permissions().mode();
            assert_eq!(mode & 0o777, 0o600);
        }
    }

    #[tokio::test]
    async fn a_newer_file_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let geopackage = dir.path().join("atlas.gpkg");
        let store = AccessStore::open_beside(&geopackage).await.unwrap();
        sqlx::query("UPDATE state SET access_version = 7").execute(&store.pool).await.unwrap();
        store.close().await;
        let error = AccessStore::open_beside(&geopackage).await.unwrap_err();
        assert!(matches!(error, StoreError::Newer { found: 7, .. }), "{error}");
    }
}
