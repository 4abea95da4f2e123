//! People, their sessions and tokens, and the audit log: apart from the atlases.
//!
//! The GeoPackage is a file that people pass on; nothing about persons may be in it, so they are in a second file beside
//! it. In PostgreSQL they are in a schema of their own, on which a role for public data has no right.
//!
//! Must not know: how secrets are made and verified. Invariant: what changes somebody's rights raises `rights` and writes
//! the audit log in the same transaction.

use std::{
    fs::OpenOptions,
    io::ErrorKind,
    path::{Path, PathBuf},
    time::Duration,
};

use sqlx::{
    ConnectOptions as _, Connection as _, PgConnection, SqliteConnection,
    postgres::PgPoolOptions,
    sqlite::{SqliteJournalMode, SqlitePoolOptions},
};

use crate::store::{
    Limits, Store, StoreError,
    open::{
        MIGRATION_LOCK, connection_options, file_options, file_store, is_server, once_free, patient,
        server_store,
    },
    sql::{Param, Row, ServerTx, Tx, params},
};

type Result<T> = std::result::Result<T, StoreError>;

/// Steps of the schema of people, for both databases. One that was part of a version of this program is never changed.
const MIGRATIONS: [(&str, &str); 3] = [
    (
        include_str!("../../migrations/access/sqlite/0001_people.sql"),
        include_str!("../../migrations/access/postgres/0001_people.sql"),
    ),
    (
        include_str!("../../migrations/access/sqlite/0002_access.sql"),
        include_str!("../../migrations/access/postgres/0002_access.sql"),
    ),
    (
        include_str!("../../migrations/access/sqlite/0003_outbox.sql"),
        include_str!("../../migrations/access/postgres/0003_outbox.sql"),
    ),
];

/// The schema of people that this program reads and writes.
const KNOWN: i64 = MIGRATIONS.len() as i64;

/// People, sessions, tokens and the audit log of a store.
#[derive(Debug, Clone)]
pub struct AccessStore {
    database: Store,
}

impl AccessStore {
    /// Opens what belongs to the store at `location`, and makes it if there is none: the file `NAME.access.sqlite` beside
    /// the GeoPackage `NAME.gpkg`, which only its owner may read; or the schema `kommunalatlas_access` of the database.
    ///
    /// # Errors
    /// If it cannot be made, is something else, or has a newer schema.
    pub async fn open(location: &str) -> Result<Self> {
        Self::open_within(location, &Limits::default()).await
    }

    /// As [`AccessStore::open`], with limits of its own for those who wait.
    ///
    /// # Errors
    /// As [`AccessStore::open`].
    pub async fn open_within(location: &str, limits: &Limits) -> Result<Self> {
        let database = if is_server(location) {
            open_schema(location, limits).await?
        } else {
            open_file(beside(location), limits).await?
        };
        Ok(Self { database })
    }

    /// True if there is something that [`Self::open`] would open, not make.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn exists(location: &str) -> Result<bool> {
        if !is_server(location) {
            return Ok(beside(location).exists());
        }
        let mut connection =
            connection_options(location, "kommunalatlas_access", &Limits::default())?.connect().await?;
        let exists = sqlx::query_scalar(EXISTS).fetch_one(&mut connection).await?;
        connection.close().await?;
        Ok(exists)
    }

    /// Where the file lies, if it is one.
    pub fn path(&self) -> Option<&Path> {
        self.database.path()
    }

    /// A number that grows whenever somebody's rights change; while it stays the same, what is known of callers holds.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn rights(&self) -> Result<i64> {
        let row = self.database.row("SELECT rights FROM state", params![]).await?;
        row.ok_or_else(|| StoreError::damaged("no state of people"))?.cells().get()
    }

    /// Closes all connections.
    pub async fn close(&self) {
        self.database.close().await;
    }

    pub(super) async fn rows(&self, sql: &'static str, params: Vec<Param>) -> Result<Vec<Row>> {
        self.database.rows(sql, params).await
    }

    pub(super) async fn row(&self, sql: &'static str, params: Vec<Param>) -> Result<Option<Row>> {
        self.database.row(sql, params).await
    }

    pub(super) async fn begin_read(&self) -> Result<Tx> {
        self.database.begin_read().await
    }

    /// Begins to write something that changes nobody's rights.
    pub(super) async fn begin_write(&self) -> Result<Tx> {
        self.database.begin_write().await
    }

    /// Begins to write something after which servers must ask anew who may do what.
    pub(super) async fn begin_change_of_rights(&self) -> Result<Tx> {
        let mut tx = self.begin_write().await?;
        tx.execute("UPDATE state SET rights = rights + 1", params![]).await?;
        Ok(tx)
    }
}

/// The file of people beside a GeoPackage.
fn beside(location: &str) -> PathBuf {
    Path::new(location).with_extension("access.sqlite")
}

async fn open_file(path: PathBuf, limits: &Limits) -> Result<Store> {
    make_private_file(&path)
        .map_err(|source| StoreError::File { path: path.display().to_string(), source })?;
    let options = file_options(&path).journal_mode(SqliteJournalMode::Wal);
    let one = SqlitePoolOptions::new().max_connections(1);
    let pool = once_free(|| one.clone().connect_with(options.clone())).await?;
    let mut tx = pool.begin_with("BEGIN IMMEDIATE").await?;
    let found = version_of_file(&mut tx).await?;
    migrate(Tx::Sqlite(tx), found).await?;
    pool.close().await;
    file_store(path, limits).await
}

/// The schema of the file; 0 if it is empty.
async fn version_of_file(connection: &mut SqliteConnection) -> Result<i64> {
    let tables: i64 =
        sqlx::query_scalar("SELECT count(*) FROM sqlite_master").fetch_one(&mut *connection).await?;
    if tables == 0 {
        return Ok(0);
    }
    Ok(sqlx::query_scalar("SELECT access_version FROM state").fetch_one(connection).await?)
}

/// Whether a database has people.
const EXISTS: &str = "SELECT to_regclass('kommunalatlas_access.state') IS NOT NULL";

async fn open_schema(location: &str, limits: &Limits) -> Result<Store> {
    let options = connection_options(location, "kommunalatlas_access", limits)?;
    let pool = PgPoolOptions::new().max_connections(1).acquire_timeout(limits.connect);
    let pool = pool.connect_with(patient(options.clone())).await;
    let pool = pool.map_err(|error| StoreError::Unreachable(Box::new(error)))?;
    let mut tx = pool.begin().await?;
    sqlx::query("SELECT pg_advisory_xact_lock($1)").bind(MIGRATION_LOCK).execute(&mut *tx).await?;
    let found = version_of_schema(&mut tx).await?;
    migrate(Tx::Postgres(ServerTx::new(tx, Duration::MAX)), found).await?;
    pool.close().await;
    server_store(options, limits).await
}

/// The version of the database's schema; makes an empty one if there is none.
async fn version_of_schema(connection: &mut PgConnection) -> Result<i64> {
    if sqlx::query_scalar(EXISTS).fetch_one(&mut *connection).await? {
        return Ok(sqlx::query_scalar("SELECT access_version FROM state").fetch_one(connection).await?);
    }
    let schemas = "SELECT count(*) FROM pg_namespace WHERE nspname = 'kommunalatlas_access'";
    if sqlx::query_scalar::<_, i64>(schemas).fetch_one(&mut *connection).await? == 0 {
        sqlx::query("CREATE SCHEMA kommunalatlas_access").execute(connection).await?;
    }
    Ok(0)
}

/// Brings the schema from version `found` (0 = nothing there) to the known one. No copy is made before: copies of secrets
/// would lie about, and the first schema never held anything.
async fn migrate(mut tx: Tx, found: i64) -> Result<()> {
    if found > KNOWN {
        return Err(StoreError::Newer { found, known: KNOWN });
    }
    if found < KNOWN {
        let done = usize::try_from(found).map_err(|e| StoreError::damaged(&e))?;
        for (sqlite, postgres) in MIGRATIONS.iter().skip(done) {
            tx.script(sqlite, postgres).await?;
        }
        tx.execute("UPDATE state SET access_version = $1", params![KNOWN]).await?;
    }
    tx.commit().await
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
    use sqlx::ConnectOptions as _;

    use super::*;

    #[tokio::test]
    async fn people_live_in_a_file_of_their_own_that_only_its_owner_reads() {
        let dir = tempfile::tempdir().unwrap();
        let geopackage = dir.path().join("atlas.gpkg");
        for _ in 0..2 {
            let store = AccessStore::open(geopackage.to_str().unwrap()).await.unwrap();
            assert_eq!(store.path(), Some(dir.path().join("atlas.access.sqlite").as_path()));
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
    async fn a_file_of_the_first_schema_is_brought_up_to_date_and_a_newer_one_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let geopackage = dir.path().join("atlas.gpkg");
        let path = dir.path().join("atlas.access.sqlite");
        let options = file_options(&path).create_if_missing(true);
        let mut connection = options.connect().await.unwrap();
        sqlx::raw_sql(MIGRATIONS[0].0).execute(&mut connection).await.unwrap();
        drop(connection);
        let store = AccessStore::open(geopackage.to_str().unwrap()).await.unwrap();
        assert_eq!(store.rights().await.unwrap(), 1);
        let mut tx = store.begin_write().await.unwrap();
        tx.execute("UPDATE state SET access_version = 7", params![]).await.unwrap();
        tx.commit().await.unwrap();
        store.close().await;
        let error = AccessStore::open(geopackage.to_str().unwrap()).await.unwrap_err();
        assert!(matches!(error, StoreError::Newer { found: 7, .. }), "{error}");
    }
}
