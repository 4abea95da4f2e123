//! Opening a store: where it lies, whether this program can work with it, how its connections behave.

use std::{
    borrow::Cow,
    error::Error,
    ffi::OsString,
    path::{Path, PathBuf},
    sync::{Arc, atomic::AtomicI64},
    time::Duration,
};

use chrono::{DateTime, Utc};
use sqlx::{
    ConnectOptions, Connection, PgConnection, PgPool, Postgres, SqlStr, Sqlite, SqliteConnection, SqlitePool,
    Transaction,
    postgres::{PgConnectOptions, PgPoolOptions},
    sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous},
};

use crate::store::{
    Migrated, StoreError,
    limits::Limits,
    public,
    readers::{self, PoolState, Readers, in_time},
    replica::Replica,
    schema,
    sql::{Param, Reader, Row, ServerTx, Tx, params},
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
    pub(super) readers: Readers<Sqlite>,
    pub(super) writer: SqlitePool,
    pub(super) path: PathBuf,
}

/// A PostGIS database.
#[derive(Debug, Clone)]
pub struct PostgresStore {
    readers: Readers<Postgres>,
    pub(super) writer: PgPool,
    /// Answers instead of the database where it is as new as anything that was seen here.
    pub(super) replica: Option<Replica>,
    /// The latest generation that was seen or written through this store and its clones.
    pub(super) newest: Arc<AtomicI64>,
    pub(super) limits: Limits,
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
pub(super) fn schema_of(mode: OpenMode) -> &'static str {
    if mode == OpenMode::Public { "kommunalatlas_public" } else { "kommunalatlas" }
}

/// A writer waits this long for another process, for instance for the import of all boundaries of Germany.
const BUSY_TIMEOUT: Duration = Duration::from_mins(1);

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
        Self::open_within(location, mode, now, &Limits::default()).await
    }

    /// As [`Store::open`], with limits of its own for those who wait.
    ///
    /// # Errors
    /// As [`Store::open`].
    pub async fn open_within(
        location: &str,
        mode: OpenMode,
        now: DateTime<Utc>,
        limits: &Limits,
    ) -> Result<Self> {
        let migrates = mode == OpenMode::Create || (mode == OpenMode::ReadWrite && !is_server(location));
        if migrates && (mode == OpenMode::Create || Path::new(location).exists()) {
            Self::migrate(location, now).await?;
        }
        if is_server(location) {
            let options = server_options(location, schema_of(mode), limits).await?;
            let read_only = options.clone().options([("default_transaction_read_only", "on")]);
            let options = if mode.reads_only() { read_only } else { options };
            check_server(&options, location, schema_of(mode), limits).await?;
            return server_store(options, limits).await;
        }
        let path = PathBuf::from(location);
        schema::check(found_in_file(&path).await?.ok_or_else(|| StoreError::NotFound(location.into()))?)?;
        let options = file_options(&path).read_only(mode.reads_only());
        let options = if mode.reads_only() { options } else { options.journal_mode(SqliteJournalMode::Wal) };
        let is_public = mode == OpenMode::Public;
        let readers = SqlitePoolOptions::new();
        let readers = if is_public { public::through_views(readers, &path) } else { readers };
        let store = pools_of_file(path, options, readers, limits).await?;
        if is_public {
            public::open_all(&store).await?;
        }
        Ok(store)
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
                store.readers.pool.close().await;
                store.writer.close().await;
            }
            Self::Postgres(store) => {
                store.readers.pool.close().await;
                store.writer.close().await;
                if let Some(replica) = &store.replica {
                    replica.readers.pool.close().await;
                }
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

    /// The pools of connections as they are at present.
    pub fn pools(&self) -> Vec<PoolState> {
        match self {
            Self::Sqlite(store) => {
                vec![store.readers.state("readers"), readers::state("writer", &store.writer)]
            }
            Self::Postgres(store) => {
                let replica = store.replica.iter().map(|replica| replica.readers.state("replica"));
                let own = [store.readers.state("readers"), readers::state("writer", &store.writer)];
                own.into_iter().chain(replica).collect()
            }
        }
    }

    /// All rows of a single query.
    pub(super) async fn rows(&self, sql: &'static str, params: Vec<Param>) -> Result<Vec<Row>> {
        if let Some(mut tx) = self.begin_on_replica().await {
            return tx.rows(sql, params).await;
        }
        self.primary_rows(sql, params).await
    }

    /// The first row of a single query, if there is one.
    pub(super) async fn row(&self, sql: &'static str, params: Vec<Param>) -> Result<Option<Row>> {
        Ok(self.rows(sql, params).await?.into_iter().next())
    }

    /// As [`Store::rows`], never from a replica.
    pub(super) async fn primary_rows(&self, sql: &'static str, params: Vec<Param>) -> Result<Vec<Row>> {
        let mut reader = match self {
            Self::Sqlite(store) => Reader::Sqlite(store.readers.acquire().await?),
            Self::Postgres(store) => Reader::Postgres(store.readers.acquire().await?, store.limits.silence()),
        };
        reader.rows(sql, params).await
    }

    /// Begins to read; all that follows sees the same state.
    pub(super) async fn begin_read(&self) -> Result<Tx> {
        if let Some(tx) = self.begin_on_replica().await {
            return Ok(tx);
        }
        Ok(match self {
            Self::Sqlite(store) => {
                Tx::Sqlite(Transaction::begin(store.readers.acquire().await?, None).await?)
            }
            Self::Postgres(store) => store.begin_snapshot(&store.readers).await?,
        })
    }

    /// Begins to write what no catalogue shows: other servers need not read theirs anew.
    pub(super) async fn begin_unseen_write(&self) -> Result<Tx> {
        Ok(match self {
            Self::Sqlite(store) => Tx::Sqlite(store.writer.begin_with("BEGIN IMMEDIATE").await?),
            Self::Postgres(store) => {
                let limit = store.limits.write + store.limits.silence();
                Tx::Postgres(ServerTx::new(in_time(limit, store.writer.begin()).await?, limit))
            }
        })
    }

    /// Begins to write. Raising the generation first makes writers of other processes wait too, on both databases.
    pub(super) async fn begin_write(&self) -> Result<Tx> {
        let mut tx = self.begin_unseen_write().await?;
        match self {
            Self::Sqlite(_) => tx.raise_generation(&Arc::default()).await?,
            Self::Postgres(store) => tx.raise_generation(&store.newest).await?,
        }
        Ok(tx)
    }
}

impl PostgresStore {
    /// Begins to read from one of its databases; all that follows sees the same state.
    pub(super) async fn begin_snapshot(&self, readers: &Readers<Postgres>) -> Result<Tx> {
        let (limit, connection) = (self.limits.silence(), readers.acquire().await?);
        let begin = SqlStr::from_static("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY");
        let tx = in_time(limit, Transaction::begin(connection, Some(begin))).await?;
        Ok(Tx::Postgres(ServerTx::new(tx, limit)))
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

/// How connections to a server behave, whatever they are for. A server that lost its client lets go of what the client
/// had locked within a minute or so.
pub(super) fn connection_options(
    location: &str,
    search_path: &str,
    limits: &Limits,
) -> Result<PgConnectOptions> {
    let options: PgConnectOptions = location
        .parse()
        .map_err(|_| StoreError::Unusable("the postgres:// address of the store cannot be read".into()))?;
    let milliseconds = |limit: Duration| limit.as_millis().to_string();
    let options = options.application_name("kommunalatlas").disable_statement_logging().options([
        ("statement_timeout", milliseconds(limits.statement)),
        ("lock_timeout", milliseconds(limits.write)),
        ("tcp_keepalives_idle", "30".to_owned()),
        ("tcp_keepalives_interval", "10".to_owned()),
        ("tcp_keepalives_count", "3".to_owned()),
    ]);
    Ok(if search_path.is_empty() { options } else { options.options([("search_path", search_path)]) })
}

/// A migration takes as long as it takes, and waits for one that is under way.
pub(super) fn patient(options: PgConnectOptions) -> PgConnectOptions {
    options.options([("statement_timeout", "0"), ("lock_timeout", "0")])
}

/// A single connection.
pub(super) async fn connect(options: &PgConnectOptions, limits: &Limits) -> Result<PgConnection> {
    let connection = tokio::time::timeout(limits.connect, options.connect()).await;
    let unreachable = |error: Box<dyn Error + Send + Sync>| StoreError::Unreachable(error);
    connection.map_err(|late| unreachable(Box::new(late)))?.map_err(|error| unreachable(Box::new(error)))
}

/// Our schema and that of PostGIS.
pub(super) async fn search_path(location: &str, schema: &str, limits: &Limits) -> Result<String> {
    let mut connection = connect(&connection_options(location, "", limits)?, limits).await?;
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
    Ok(format!("{schema},{postgis}"))
}

/// Connection options with the search path set to our schema and that of PostGIS.
async fn server_options(location: &str, schema: &str, limits: &Limits) -> Result<PgConnectOptions> {
    connection_options(location, &search_path(location, schema, limits).await?, limits)
}

async fn schema_of_server(connection: &mut PgConnection, schema: &str) -> sqlx::Result<Option<i64>> {
    let sql = "SELECT EXISTS (SELECT 1 FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace \
               WHERE n.nspname = $1 AND c.relname = 'state')";
    let exists: bool = sqlx::query_scalar(sql).bind(schema).fetch_one(&mut *connection).await?;
    if !exists {
        return Ok(None);
    }
    sqlx::query_scalar("SELECT schema_version FROM state").fetch_one(connection).await.map(Some)
}

async fn check_server(
    options: &PgConnectOptions,
    location: &str,
    schema: &str,
    limits: &Limits,
) -> Result<()> {
    let mut connection = connect(options, limits).await?;
    let found = schema_of_server(&mut connection, schema).await?;
    connection.close().await?;
    // The address may hold a password: only what follows the last '@' is repeated.
    let shown = location.rsplit('@').next().unwrap_or_default();
    schema::check(found.ok_or_else(|| StoreError::NotFound(shown.into()))?)
}

async fn migrate_server(location: &str) -> Result<Migrated> {
    let schema = schema_of(OpenMode::Create);
    let limits = Limits::default();
    let options = server_options(location, schema, &limits).await?;
    let pool = PgPoolOptions::new().max_connections(1).connect_with(patient(options)).await?;
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
    let mut tx = Tx::Postgres(ServerTx::new(tx, Duration::MAX));
    if from < schema::KNOWN {
        schema::migrate(&mut tx, from).await?;
    }
    tx.commit().await?;
    pool.close().await;
    Ok(Migrated { from, to: schema::KNOWN, backup: None })
}

/// A file whose schema the caller has seen to, as a store: what surrounds the people of a GeoPackage.
pub(super) async fn file_store(path: PathBuf, limits: &Limits) -> Result<Store> {
    let options = file_options(&path).journal_mode(SqliteJournalMode::Wal);
    pools_of_file(path, options, SqlitePoolOptions::new(), limits).await
}

/// Writers come one after the other anyway, so they share one connection of their own; however many of them wait, readers
/// do not.
async fn pools_of_file(
    path: PathBuf,
    options: SqliteConnectOptions,
    readers: SqlitePoolOptions,
    limits: &Limits,
) -> Result<Store> {
    let writer = SqlitePoolOptions::new().max_connections(1).acquire_timeout(limits.write);
    let writer = writer.connect_lazy_with(options.clone());
    let readers = readers.max_connections(limits.connections).acquire_timeout(limits.acquire);
    let readers = readers.test_before_acquire(false);
    let readers = once_free(|| readers.clone().connect_with(options.clone())).await?;
    Ok(Store::Sqlite(SqliteStore { readers: Readers::new(readers), writer, path }))
}

/// A schema of a database that the caller has seen to, as a store.
pub(super) async fn server_store(options: PgConnectOptions, limits: &Limits) -> Result<Store> {
    let writer = readers::of_server(1, limits.write).connect_lazy_with(options.clone());
    let readers = readers::of_server(limits.connections, limits.acquire).connect_with(options).await?;
    Ok(Store::Postgres(PostgresStore {
        readers: Readers::new(readers),
        writer,
        replica: None,
        newest: Arc::default(),
        limits: *limits,
    }))
}
