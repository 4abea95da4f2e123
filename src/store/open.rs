//! Opening a store: where it lies, whether this program can work with it, how its connections behave.

use std::{
    borrow::Cow,
    ffi::OsString,
    path::{Path, PathBuf},
    time::Duration,
};

use chrono::{DateTime, Utc};
use sqlx::{
    ConnectOptions, Connection, PgPool, SqliteConnection, SqlitePool,
    postgres::{PgConnectOptions, PgPoolOptions},
    sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous},
};

use crate::store::{
    Migrated, StoreError, public, schema,
    sql::{Param, Reader, Row, Tx, params},
};

type Result<T> = std::result::Result<T, StoreError>;

/// The store of one server: atlases with their boundaries, series and releases.
#[derive(Debug, Clone)]
pub enum Store {
    /// One GeoPackage file.
    Sqlite(SqliteStore),
    /// A schema of its own in a PostgreSQL database with PostGIS.
    Postgres(PostgresStore),
}

/// A GeoPackage file.
#[derive(Debug, Clone)]
pub struct SqliteStore {
    readers: SqlitePool,
    pub(super) writer: SqlitePool,
    pub(super) path: PathBuf,
}

/// A PostGIS database.
#[derive(Debug, Clone)]
pub struct PostgresStore {
    readers: PgPool,
    pub(super) writer: PgPool,
}

/// What a store is opened for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OpenMode {
    /// Reads and writes an existing store. A file with an older schema is migrated, after a copy of it was made; a
    /// server's database must be migrated on purpose, because other servers may be using it.
    ReadWrite,
    /// Only reads; nothing can be written through it.
    ReadOnly,
    /// Only reads, and only what the public may see: as if nothing else had ever been put into the store.
    Public,
    /// As `ReadWrite`, but makes the store if there is none, and migrates a database too.
    Create,
}

impl OpenMode {
    fn reads_only(self) -> bool {
        matches!(self, Self::ReadOnly | Self::Public)
    }
}

/// The schema of a database that a mode reads: that of the tables, or that of the views for the public.
fn schema_of(mode: OpenMode) -> &'static str {
    if mode == OpenMode::Public { "kommunalatlas_public" } else { "kommunalatlas" }
}

/// A writer waits this long for another process, for instance for the import of all boundaries of Germany.
const BUSY_TIMEOUT: Duration = Duration::from_mins(1);

/// A writer waits this long for the writers before it in the same process.
const WRITER_TIMEOUT: Duration = Duration::from_mins(5);

/// Reads are short and rare behind the caches: a few connections are enough. Writers come one after the other anyway, so
/// they share one connection of their own; however many of them wait, readers do not.
const READERS: u32 = 4;

/// After a large import the write-ahead log is cut back to this many bytes.
const JOURNAL_LIMIT: &str = "33554432";

/// Serialises migrations of several servers; an arbitrary number that must not change ("kommunal" in ASCII).
pub(super) const MIGRATION_LOCK: i64 = 0x6b6f_6d6d_756e_616c;

impl Store {
    /// Opens the store at `location`: the path of a GeoPackage, or `postgres://…`. `now` names the backup copy, should
    /// one be made.
    ///
    /// # Errors
    /// If there is no store and none may be made, if something else lies there, or if its schema is newer than this
    /// program or older and must not be migrated by this mode.
    pub async fn open(location: &str, mode: OpenMode, now: DateTime<Utc>) -> Result<Self> {
        let migrates = mode == OpenMode::Create || (mode == OpenMode::ReadWrite && !is_server(location));
        if migrates && (mode == OpenMode::Create || Path::new(location).exists()) {
            Self::migrate(location, now).await?;
        }
        if is_server(location) {
            let options = server_options(location, schema_of(mode)).await?;
            let read_only = options.clone().options([("default_transaction_read_only", "on")]);
            let options = if mode.reads_only() { read_only } else { options };
            check_server(&options, location, schema_of(mode)).await?;
            let writer = PgPoolOptions::new().max_connections(1).acquire_timeout(WRITER_TIMEOUT);
            let writer = writer.connect_lazy_with(options.clone());
            let readers = PgPoolOptions::new().max_connections(READERS).connect_with(options).await?;
            return Ok(Self::Postgres(PostgresStore { readers, writer }));
        }
        let path = PathBuf::from(location);
        schema::check(found_in_file(&path).await?.ok_or_else(|| StoreError::NotFound(location.into()))?)?;
        let options = file_options(&path).read_only(mode.reads_only());
        let options = if mode.reads_only() { options } else { options.journal_mode(SqliteJournalMode::Wal) };
        let writer = SqlitePoolOptions::new().max_connections(1).acquire_timeout(WRITER_TIMEOUT);
        let writer = writer.connect_lazy_with(options.clone());
        let readers = SqlitePoolOptions::new().max_connections(READERS).test_before_acquire(false);
        let is_public = mode == OpenMode::Public;
        let readers = if is_public { public::through_views(readers, &path) } else { readers };
        let readers = once_free(|| readers.clone().connect_with(options.clone())).await?;
        if is_public {
            public::open_all(&readers).await?;
        }
        Ok(Self::Sqlite(SqliteStore { readers, writer, path }))
    }

    /// Makes the store at `location` if there is none, or brings it to the schema of this program. A file is copied to
    /// `NAME.backup-vN-TIME` before it is changed. Does nothing if the schema is already the right one.
    ///
    /// # Errors
    /// If something else lies there, or if its schema is newer than this program.
    pub async fn migrate(location: &str, now: DateTime<Utc>) -> Result<Migrated> {
        if is_server(location) {
            migrate_server(location).await
        } else {
            migrate_file(Path::new(location), now).await
        }
    }

    /// Waits for running statements, then closes all connections.
    pub async fn close(&self) {
        match self {
            Self::Sqlite(store) => {
                store.readers.close().await;
                store.writer.close().await;
            }
            Self::Postgres(store) => {
                store.readers.close().await;
                store.writer.close().await;
            }
        }
    }

    /// The GeoPackage, if the store is one.
    pub fn path(&self) -> Option<&Path> {
        match self {
            Self::Sqlite(store) => Some(&store.path),
            Self::Postgres(_) => None,
        }
    }

    /// True if the database lets this role pass by row security. A server should not run with such a role.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn is_superuser(&self) -> Result<bool> {
        match self {
            Self::Sqlite(_) => Ok(false),
            Self::Postgres(_) => {
                let sql = "SELECT CASE WHEN rolsuper OR rolbypassrls THEN 1::bigint ELSE 0 END FROM pg_roles \
                           WHERE rolname = current_user";
                self.row(sql, params![]).await?.ok_or_else(|| StoreError::damaged("no role"))?.cells().flag()
            }
        }
    }

    /// A number that every write raises; two equal numbers mean that nothing was written in between.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn generation(&self) -> Result<i64> {
        let row = self.row("SELECT generation FROM state", params![]).await?;
        row.ok_or_else(|| StoreError::damaged("no generation"))?.cells().get()
    }

    /// All rows of a single query.
    pub(super) async fn rows(&self, sql: &'static str, params: Vec<Param>) -> Result<Vec<Row>> {
        let mut reader = match self {
            Self::Sqlite(store) => Reader::Sqlite(store.readers.acquire().await?),
            Self::Postgres(store) => Reader::Postgres(store.readers.acquire().await?),
        };
        reader.rows(sql, params).await
    }

    /// The first row of a single query, if there is one.
    pub(super) async fn row(&self, sql: &'static str, params: Vec<Param>) -> Result<Option<Row>> {
        Ok(self.rows(sql, params).await?.into_iter().next())
    }

    /// Begins to read; all that follows sees the same state.
    pub(super) async fn begin_read(&self) -> Result<Tx> {
        Ok(match self {
            Self::Sqlite(store) => Tx::Sqlite(store.readers.begin().await?),
            Self::Postgres(store) => Tx::Postgres(
                store.readers.begin_with("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY").await?,
            ),
        })
    }

    /// Begins to write what no catalogue shows: other servers need not read theirs anew.
    pub(super) async fn begin_unseen_write(&self) -> Result<Tx> {
        Ok(match self {
            Self::Sqlite(store) => Tx::Sqlite(store.writer.begin_with("BEGIN IMMEDIATE").await?),
            Self::Postgres(store) => Tx::Postgres(store.writer.begin().await?),
        })
    }

    /// Begins to write. Raising the generation first makes writers of other processes wait too, on both databases.
    pub(super) async fn begin_write(&self) -> Result<Tx> {
        let mut tx = self.begin_unseen_write().await?;
        tx.execute("UPDATE state SET generation = generation + 1", params![]).await?;
        if let Tx::Postgres(_) = tx {
            tx.execute("NOTIFY kommunalatlas", params![]).await?;
        }
        Ok(tx)
    }
}

pub(super) fn is_server(location: &str) -> bool {
    location.starts_with("postgres://") || location.starts_with("postgresql://")
}

pub(super) fn file_options(path: &Path) -> SqliteConnectOptions {
    SqliteConnectOptions::new()
        .filename(path)
        .foreign_keys(true)
        .busy_timeout(BUSY_TIMEOUT)
        .synchronous(SqliteSynchronous::Full)
        .pragma("journal_size_limit", JOURNAL_LIMIT)
        // What is deleted is overwritten; `purge` relies on it.
        .pragma("secure_delete", "ON")
        .disable_statement_logging()
}

/// The schema of a file; `None` if there is no file or an empty one.
async fn found_in_file(path: &Path) -> Result<Option<i64>> {
    if !path.exists() {
        return Ok(None);
    }
    let not_a_store = || StoreError::NotAStore(path.display().to_string());
    let found = once_free(|| {
        let options = file_options(path);
        async move {
            let mut connection = options.connect().await?;
            let found = schema_of_file(&mut connection).await;
            connection.close().await?;
            found
        }
    });
    match found.await {
        Ok(Found::Nothing) => Ok(None),
        Ok(Found::Schema(version)) => Ok(Some(version)),
        Ok(Found::Stranger) => Err(not_a_store()),
        Err(error) if is_no_database(&error) => Err(not_a_store()),
        Err(error) => Err(error.into()),
    }
}

enum Found {
    Nothing,
    Stranger,
    Schema(i64),
}

async fn schema_of_file(connection: &mut SqliteConnection) -> sqlx::Result<Found> {
    let tables: i64 =
        sqlx::query_scalar("SELECT count(*) FROM sqlite_master").fetch_one(&mut *connection).await?;
    let ours: i64 = sqlx::query_scalar(
        "SELECT count(*) FROM pragma_table_info('state') WHERE name IN ('schema_version', 'generation')",
    )
    .fetch_one(&mut *connection)
    .await?;
    match (tables, ours) {
        (0, _) => Ok(Found::Nothing),
        (_, 2) => Ok(Found::Schema(
            sqlx::query_scalar("SELECT schema_version FROM state").fetch_one(connection).await?,
        )),
        _ => Ok(Found::Stranger),
    }
}

/// SQLite's result code 26: the file is no database.
fn is_no_database(error: &sqlx::Error) -> bool {
    result_code(error).is_some_and(|code| code == "26")
}

/// SQLite's result code 5, or one of its extended forms: another connection holds the file.
pub(super) fn is_locked(error: &sqlx::Error) -> bool {
    result_code(error).is_some_and(|code| code.parse::<u32>().is_ok_and(|code| code & 0xff == 5))
}

fn result_code(error: &sqlx::Error) -> Option<Cow<'_, str>> {
    error.as_database_error().and_then(sqlx::error::DatabaseError::code)
}

/// Repeats an attempt to connect until the file is free, for as long as a writer would wait. Turning the write-ahead log on,
/// and off with the last connection, needs the file alone; where two programs do so at once, SQLite answers "locked"
/// immediately instead of waiting, because it fears a deadlock.
pub(super) async fn once_free<T, F>(attempt: impl Fn() -> F) -> sqlx::Result<T>
where
    F: Future<Output = sqlx::Result<T>>,
{
    const PAUSE: Duration = Duration::from_millis(20);
    for _ in 0..BUSY_TIMEOUT.as_millis() / PAUSE.as_millis() {
        match attempt().await {
            Err(error) if is_locked(&error) => tokio::time::sleep(PAUSE).await,
            result => return result,
        }
    }
    attempt().await
}

async fn migrate_file(path: &Path, now: DateTime<Utc>) -> Result<Migrated> {
    let before = found_in_file(path).await?;
    if before == Some(schema::KNOWN) {
        return Ok(Migrated { from: schema::KNOWN, to: schema::KNOWN, backup: None });
    }
    if let Some(found) = before.filter(|v| *v > schema::KNOWN) {
        return Err(StoreError::Newer { found, known: schema::KNOWN });
    }
    let options = file_options(path).create_if_missing(true).journal_mode(SqliteJournalMode::Wal);
    let one = SqlitePoolOptions::new().max_connections(1);
    let pool = once_free(|| one.clone().connect_with(options.clone())).await?;
    let backup = match before {
        Some(version) => Some(back_up(&pool, path, version, now).await?),
        None => None,
    };
    let mut tx = pool.begin_with("BEGIN IMMEDIATE").await?;
    // Another process may have been quicker since the file was looked at.
    let from = match schema_of_file(&mut tx).await? {
        Found::Schema(version) => version,
        _ => 0,
    };
    let mut tx = Tx::Sqlite(tx);
    if from < schema::KNOWN {
        schema::migrate(&mut tx, from).await?;
    }
    tx.commit().await?;
    pool.close().await;
    Ok(Migrated { from, to: schema::KNOWN, backup })
}

/// Copies the database, with all that is still in its write-ahead log.
async fn back_up(pool: &SqlitePool, path: &Path, version: i64, now: DateTime<Utc>) -> Result<PathBuf> {
    let mut name = OsString::from(path);
    name.push(format!(".backup-v{version}-{}", now.format("%Y%m%dT%H%M%SZ")));
    let backup = PathBuf::from(name);
    let text = backup
        .to_str()
        .ok_or_else(|| StoreError::Invalid(format!("the path '{}' is not UTF-8", path.display())))?;
    sqlx::query("VACUUM INTO $1").bind(text).execute(pool).await?;
    Ok(backup)
}

/// Connection options with the search path set to our schema and that of PostGIS.
async fn server_options(location: &str, schema: &str) -> Result<PgConnectOptions> {
    let options: PgConnectOptions = location
        .parse()
        .map_err(|_| StoreError::Unusable("the postgres:// address of the store cannot be read".into()))?;
    let options = options.application_name("kommunalatlas").disable_statement_logging();
    let mut connection = options.connect().await.map_err(|e| StoreError::Unreachable(Box::new(e)))?;
    let postgis: Option<String> = sqlx::query_scalar(
        "SELECT quote_ident(n.nspname) FROM pg_extension e JOIN pg_namespace n ON n.oid = e.extnamespace \
         WHERE e.extname = 'postgis'",
    )
    .fetch_optional(&mut connection)
    .await?;
    connection.close().await?;
    let postgis = postgis.ok_or_else(|| {
        StoreError::Unusable(
            "the database has no PostGIS: let its administrator run CREATE EXTENSION postgis".into(),
        )
    })?;
    Ok(options.options([("search_path", format!("{schema},{postgis}"))]))
}

async fn schema_of_server(connection: &mut sqlx::PgConnection, schema: &str) -> sqlx::Result<Option<i64>> {
    let sql = "SELECT EXISTS (SELECT 1 FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace \
               WHERE n.nspname = $1 AND c.relname = 'state')";
    let exists: bool = sqlx::query_scalar(sql).bind(schema).fetch_one(&mut *connection).await?;
    if !exists {
        return Ok(None);
    }
    sqlx::query_scalar("SELECT schema_version FROM state").fetch_one(connection).await.map(Some)
}

async fn check_server(options: &PgConnectOptions, location: &str, schema: &str) -> Result<()> {
    let mut connection = options.connect().await?;
    let found = schema_of_server(&mut connection, schema).await?;
    connection.close().await?;
    // The address may hold a password: only what follows the last '@' is repeated.
    let shown = location.rsplit('@').next().unwrap_or_default();
    schema::check(found.ok_or_else(|| StoreError::NotFound(shown.into()))?)
}

async fn migrate_server(location: &str) -> Result<Migrated> {
    let schema = schema_of(OpenMode::Create);
    let options = server_options(location, schema).await?;
    let pool = PgPoolOptions::new().max_connections(1).connect_with(options).await?;
    let mut tx = pool.begin().await?;
    sqlx::query("SELECT pg_advisory_xact_lock($1)").bind(MIGRATION_LOCK).execute(&mut *tx).await?;
    let from = schema_of_server(&mut tx, schema).await?.unwrap_or(0);
    if from > schema::KNOWN {
        return Err(StoreError::Newer { found: from, known: schema::KNOWN });
    }
    let schemas: i64 =
        sqlx::query_scalar("SELECT count(*) FROM pg_namespace WHERE nspname = 'kommunalatlas'")
            .fetch_one(&mut *tx)
            .await?;
    if schemas == 0 {
        sqlx::query("CREATE SCHEMA kommunalatlas").execute(&mut *tx).await?;
    }
    let mut tx = Tx::Postgres(tx);
    if from < schema::KNOWN {
        schema::migrate(&mut tx, from).await?;
    }
    tx.commit().await?;
    pool.close().await;
    Ok(Migrated { from, to: schema::KNOWN, backup: None })
}

/// A file whose schema the caller has seen to, as a store: what surrounds the people of a GeoPackage.
pub(super) async fn file_store(path: PathBuf) -> Result<Store> {
    let options = file_options(&path).journal_mode(SqliteJournalMode::Wal);
    let writer = SqlitePoolOptions::new().max_connections(1).acquire_timeout(WRITER_TIMEOUT);
    let writer = writer.connect_lazy_with(options.clone());
    let readers = SqlitePoolOptions::new().max_connections(READERS).test_before_acquire(false);
    let readers = once_free(|| readers.clone().connect_with(options.clone())).await?;
    Ok(Store::Sqlite(SqliteStore { readers, writer, path }))
}

/// A schema of a database that the caller has seen to, as a store.
pub(super) async fn server_store(options: PgConnectOptions) -> Result<Store> {
    let writer = PgPoolOptions::new().max_connections(1).acquire_timeout(WRITER_TIMEOUT);
    let writer = writer.connect_lazy_with(options.clone());
    let readers = PgPoolOptions::new().max_connections(READERS).connect_with(options).await?;
    Ok(Store::Postgres(PostgresStore { readers, writer }))
}
