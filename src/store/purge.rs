//! Purge: what was imported by mistake is removed physically, with all that was made from it.
//!
//! Holds what hangs on an import, the deletion, and the erasing of what deleted rows leave behind. Must not know: how
//! classes are found.
//!
//! Invariant: the row of a purged import stays with kind, time and names of persons, but without file name and report.
//! Its hash stays too: it holds no value, and tells the same file when it comes again.
//!
//! A database keeps deleted rows where nobody looks: in free pages, in a write-ahead log, in a temporary copy. So every
//! connection to a GeoPackage overwrites what it deletes (`secure_delete`), and erasing rebuilds the file with its copy
//! in memory and cuts the log to nothing. In PostgreSQL the tables are written anew. What the file system, backups or
//! the log of PostgreSQL keep is out of reach; who purges is told.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap, HashSet},
    path::{Path, PathBuf},
    time::Duration,
};

use chrono::{DateTime, Utc};
use serde_json::Value;
use sqlx::{AssertSqlSafe, Connection, PgConnection, SqliteConnection};

use crate::domain::{Audience, Classification, Method, Period, Slug};
use crate::store::{
    Id, ImportRow, ImportedEdition, InternalClassification, Store, StoreError,
    catalogue::atlas_id,
    history::{self, find},
    leaving,
    open::{is_locked, patient},
    sql::{Row, Tx, json, params},
};

type Result<T> = std::result::Result<T, StoreError>;

/// All that goes with an import, as of one moment.
#[derive(Debug, Clone)]
pub struct PurgePlan {
    /// The import.
    pub import: ImportRow,
    /// How many series it brought.
    pub series: usize,
    /// How many series were derived from them.
    pub derived: usize,
    /// Layers that lose series, each with the series that will count.
    pub layers: Layers,
    /// Releases, in force or not, of the same indicators, editions and periods.
    pub releases: Vec<AffectedRelease>,
    /// Facilities.
    pub facilities: usize,
    /// Successions.
    pub successions: usize,
    /// The edition that it brought.
    pub edition: Option<ImportedEdition>,
    /// Other imports of a file with the same hash, which hold the same and stay.
    pub same_file: Vec<Id>,
    doomed: Vec<DoomedSeries>,
    generation: i64,
}

/// By indicator and level: series, edition and period of those that count.
pub type Layers = BTreeMap<(Slug, Slug), Vec<(Id, Id, Period)>>;

/// A release that may show purged numbers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AffectedRelease {
    /// Indicator's slug.
    pub indicator: Slug,
    /// Level's slug.
    pub level: Slug,
    /// Audience.
    pub audience: Audience,
    /// Its number.
    pub number: u32,
    /// It is what the audience sees at present.
    pub in_force: bool,
    id: Id,
}

/// A series that goes.
#[derive(Debug, Clone)]
struct DoomedSeries {
    id: Id,
    import: Id,
    indicator: Slug,
    level: Slug,
    edition: Id,
    period: Period,
}

/// What is left behind after the erasing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Erased {
    /// Why traces may be left, if other programs were in the way; purging the import again finishes it.
    pub hindrance: Option<String>,
    /// Copies of the store beside it, made before a migration. They may hold everything.
    pub backups: Vec<PathBuf>,
    /// The database server keeps a log of its own, which may hold everything until it is recycled.
    pub server_log: bool,
}

impl Store {
    /// What goes with an import.
    ///
    /// # Errors
    /// If the atlas has no such import.
    pub async fn purge_plan(&self, atlas: &Slug, import: Id) -> Result<PurgePlan> {
        let mut tx = self.begin_read().await?;
        let atlas_id = atlas_id(&mut tx, atlas).await?;
        let row = find(&mut tx, atlas_id, import).await?;
        let generation = tx.row("SELECT generation FROM state", params![]).await?;
        let generation = generation.ok_or_else(|| StoreError::damaged("no generation"))?.cells().get()?;
        let doomed = doomed(&mut tx, atlas_id, import).await?;
        let own = doomed.iter().filter(|s| s.import == import).count();
        let same = "SELECT id FROM import WHERE atlas_id = $1 AND id <> $2 AND file_hash = $3 AND purged_at IS NULL \
                    ORDER BY id";
        let same = tx.rows(same, params![atlas_id, import, &row.record.file_hash]).await?;
        Ok(PurgePlan {
            series: own,
            derived: doomed.len() - own,
            layers: remaining(&mut tx, atlas_id, &doomed).await?,
            releases: affected(&mut tx, atlas_id, &doomed).await?,
            facilities: count(&mut tx, "SELECT count(*) FROM facility WHERE import_id = $1", import).await?,
            successions: count(&mut tx, "SELECT count(*) FROM succession WHERE import_id = $1", import)
                .await?,
            edition: history::edition_of(&mut tx, import).await?,
            same_file: same.iter().map(|row| row.cells().id()).collect::<Result<_>>()?,
            import: row,
            doomed,
            generation,
        })
    }

    /// Deletes what a plan names, in one transaction. `classes` are those of the layers that still have values; later
    /// imports' classes were made from purged numbers too and are replaced by them. What deleted rows leave behind is
    /// erased by [`Store::erase`].
    ///
    /// # Errors
    /// If the store was changed since the plan was made, if the plan has releases and they are not to go too, or if
    /// the edition is used.
    pub async fn purge(
        &self,
        atlas: &Slug,
        plan: &PurgePlan,
        classes: &[InternalClassification],
        with_releases: bool,
        by: &str,
        at: DateTime<Utc>,
    ) -> Result<()> {
        if !plan.releases.is_empty() && !with_releases {
            return Err(StoreError::Invalid(
                "releases may show the numbers: they must be withdrawn and removed with them".into(),
            ));
        }
        let mut tx = self.begin_write().await?;
        let atlas_id = atlas_id(&mut tx, atlas).await?;
        let row = tx.row("SELECT generation FROM state", params![]).await?;
        let generation: i64 = row.ok_or_else(|| StoreError::damaged("no generation"))?.cells().get()?;
        // Beginning to write has raised it by one.
        if generation != plan.generation + 1 {
            return Err(StoreError::Invalid("the store was changed meanwhile: purge again".into()));
        }
        for release in &plan.releases {
            remove_release(&mut tx, release, &plan.doomed).await?;
        }
        remove_series(&mut tx, atlas_id, plan).await?;
        replace_classes(&mut tx, atlas_id, plan, classes).await?;
        remove_facilities(&mut tx, atlas_id, plan.import.id).await?;
        tx.execute("DELETE FROM succession WHERE import_id = $1", params![plan.import.id]).await?;
        if let Some(edition) = &plan.edition {
            history::remove_edition(&mut tx, edition).await?;
        }
        clear_records(&mut tx, plan, by, at).await?;
        tx.commit().await
    }

    /// Erases what deleted rows have left behind in the store's own files.
    ///
    /// # Errors
    /// If the database fails. Other programs in the way are no error but a hindrance.
    pub async fn erase(&self) -> Result<Erased> {
        match self {
            Self::Sqlite(store) => {
                // A connection of its own, because its settings differ.
                let options = store.writer.connect_options();
                let mut connection = SqliteConnection::connect_with(&options).await?;
                let hindrance = erase_file(&mut connection, &store.path).await?;
                connection.close().await?;
                Ok(Erased { hindrance, backups: backups(&store.path)?, server_log: false })
            }
            Self::Postgres(store) => {
                // However long it takes to write the tables anew.
                let options = patient((*store.writer.connect_options()).clone());
                let mut connection = PgConnection::connect_with(&options).await?;
                let hindrance = erase_tables(&mut connection).await?;
                connection.close().await?;
                Ok(Erased { hindrance, backups: Vec::new(), server_log: true })
            }
        }
    }

    /// How many imports were purged. Whoever keeps values in memory forgets them when this number changes.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn purges(&self) -> Result<i64> {
        count_purges(&mut self.begin_read().await?).await
    }
}

/// How many imports were purged.
pub(super) async fn count_purges(tx: &mut Tx) -> Result<i64> {
    let row = tx.row("SELECT count(*) FROM import WHERE purged_at IS NOT NULL", params![]).await?;
    row.ok_or_else(|| StoreError::damaged("no count"))?.cells().get()
}

async fn count(tx: &mut Tx, sql: &'static str, import: Id) -> Result<usize> {
    let row = tx.row(sql, params![import]).await?;
    row.ok_or_else(|| StoreError::damaged("no count"))?.cells().small()
}

/// The series of an import, and those whose derivation names the hash of one that goes, and so on.
async fn doomed(tx: &mut Tx, atlas_id: Id, import: Id) -> Result<Vec<DoomedSeries>> {
    let sql = "SELECT s.id, s.import_id, s.indicator, e.level, s.edition_id, s.period, s.content_hash, s.derivation \
               FROM series s JOIN edition e ON e.id = s.edition_id \
               WHERE s.atlas_id = $1 AND (s.import_id = $2 OR s.derivation IS NOT NULL) ORDER BY s.id";
    let (mut doomed, mut hashes, mut derived) = (Vec::new(), Vec::new(), Vec::new());
    for row in tx.rows(sql, params![atlas_id, import]).await? {
        let (series, hash, derivation) = read_doomed(&row)?;
        if series.import == import {
            doomed.push(series);
            hashes.push(hash);
        } else if let Some(derivation) = derivation {
            derived.push((series, hash, derivation));
        }
    }
    let mut looked_at = 0;
    while let (Some(input), Some(hash)) = (doomed.get(looked_at).cloned(), hashes.get(looked_at).cloned()) {
        let (named, others): (Vec<_>, Vec<_>) =
            derived.into_iter().partition(|(_, _, derivation)| names(derivation, &input, &hash));
        derived = others;
        for (series, hash, _) in named {
            doomed.push(series);
            hashes.push(hash);
        }
        looked_at += 1;
    }
    Ok(doomed)
}

/// True if a derivation has a series among its inputs.
fn names(derivation: &Value, series: &DoomedSeries, hash: &str) -> bool {
    let inputs = derivation.get("inputs").and_then(Value::as_array);
    inputs.into_iter().flatten().any(|input| {
        input["hash"] == hash
            && input["indicator"] == series.indicator.as_str()
            && input["period"] == series.period.to_string()
    })
}

fn read_doomed(row: &Row) -> Result<(DoomedSeries, String, Option<Value>)> {
    let mut cells = row.cells();
    let series = DoomedSeries {
        id: cells.id()?,
        import: cells.id()?,
        indicator: cells.parsed()?,
        level: cells.parsed()?,
        edition: cells.id()?,
        period: cells.parsed()?,
    };
    let (hash, derivation): (_, Option<String>) = (cells.text()?, cells.get()?);
    let derivation = derivation.map(|text| serde_json::from_str(&text)).transpose();
    Ok((series, hash, derivation.map_err(|e| StoreError::damaged(&e))?))
}

/// Of each layer that loses series those that will count: the latest of each edition and period that stays and whose
/// import was not undone.
async fn remaining(tx: &mut Tx, atlas_id: Id, doomed: &[DoomedSeries]) -> Result<Layers> {
    let gone: HashSet<Id> = doomed.iter().map(|s| s.id).collect();
    let mut layers = Layers::new();
    for layer in doomed.iter().map(|s| (s.indicator.clone(), s.level.clone())).collect::<BTreeSet<_>>() {
        let sql = "SELECT s.id, s.edition_id, s.period FROM series s JOIN edition e ON e.id = s.edition_id \
                   JOIN import i ON i.id = s.import_id AND i.undone = 0 \
                   WHERE s.atlas_id = $1 AND s.indicator = $2 AND e.level = $3 ORDER BY s.id";
        let mut latest: HashMap<(Id, Period), Id> = HashMap::new();
        for row in tx.rows(sql, params![atlas_id, &layer.0, &layer.1]).await? {
            let mut cells = row.cells();
            let (id, edition, period) = (cells.id()?, cells.id()?, cells.parsed()?);
            if !gone.contains(&id) {
                latest.insert((edition, period), id);
            }
        }
        let mut series: Vec<_> =
            latest.into_iter().map(|((edition, period), id)| (id, edition, period)).collect();
        series.sort_by_key(|(id, ..)| *id);
        layers.insert(layer, series);
    }
    Ok(layers)
}

/// Releases name no series, so every release of the same indicator, edition and period counts, also former ones.
async fn affected(tx: &mut Tx, atlas_id: Id, doomed: &[DoomedSeries]) -> Result<Vec<AffectedRelease>> {
    let places: HashSet<(&str, Id, String)> =
        doomed.iter().map(|s| (s.indicator.as_str(), s.edition, s.period.to_string())).collect();
    let sql = "SELECT r.indicator, r.level, r.audience, r.number, r.in_force, r.id, c.edition_id, c.period \
               FROM release r JOIN release_column c ON c.release_id = r.id WHERE r.atlas_id = $1 ORDER BY r.id";
    let mut releases: Vec<AffectedRelease> = Vec::new();
    for row in tx.rows(sql, params![atlas_id]).await? {
        let mut cells = row.cells();
        let release = AffectedRelease {
            indicator: cells.parsed()?,
            level: cells.parsed()?,
            audience: cells.word()?,
            number: cells.small()?,
            in_force: cells.flag()?,
            id: cells.id()?,
        };
        let place = (release.indicator.as_str(), cells.id()?, cells.text()?);
        if places.contains(&place) && releases.last() != Some(&release) {
            releases.push(release);
        }
    }
    Ok(releases)
}

/// Takes a release out of force and removes its purged columns. Its row stays, so that its number is not used again,
/// but without classes, which are made of values, and without certificate.
async fn remove_release(tx: &mut Tx, release: &AffectedRelease, doomed: &[DoomedSeries]) -> Result<()> {
    let none = Classification {
        method: Method::Manual,
        breaks: Vec::new(),
        counts: Vec::new(),
        gvf: 0.0,
        base_periods: Vec::new(),
    };
    tx.execute(
        "UPDATE release SET in_force = 0, classification = $2, certified = 0 WHERE id = $1",
        params![release.id, json(&none)?],
    )
    .await?;
    tx.execute("DELETE FROM release_certificate WHERE release_id = $1", params![release.id]).await?;
    for series in doomed.iter().filter(|s| s.indicator == release.indicator) {
        tx.execute(
            "DELETE FROM release_column WHERE release_id = $1 AND edition_id = $2 AND period = $3",
            params![release.id, series.edition, &series.period],
        )
        .await?;
    }
    Ok(())
}

async fn remove_series(tx: &mut Tx, atlas_id: Id, plan: &PurgePlan) -> Result<()> {
    for series in &plan.doomed {
        tx.execute("DELETE FROM current_series WHERE series_id = $1", params![series.id]).await?;
        tx.execute("DELETE FROM release_input WHERE series_id = $1", params![series.id]).await?;
        tx.execute("DELETE FROM series WHERE id = $1", params![series.id]).await?;
    }
    for ((indicator, _), remaining) in &plan.layers {
        for (series, edition, period) in remaining {
            tx.execute(
                "INSERT INTO current_series (atlas_id, indicator, edition_id, period, series_id) \
                 VALUES ($1, $2, $3, $4, $5) ON CONFLICT (atlas_id, indicator, edition_id, period) DO NOTHING",
                params![atlas_id, indicator, *edition, period, *series],
            )
            .await?;
        }
    }
    Ok(())
}

/// Breaks are values: those that this and later imports made may show what goes.
async fn replace_classes(
    tx: &mut Tx,
    atlas_id: Id,
    plan: &PurgePlan,
    classes: &[InternalClassification],
) -> Result<()> {
    let import = plan.import.id;
    tx.execute("DELETE FROM internal_classification WHERE import_id = $1", params![import]).await?;
    for (indicator, level) in plan.layers.keys() {
        let new = classes.iter().find(|c| c.indicator == *indicator && c.level == *level);
        let Some(new) = new else {
            tx.execute(
                "DELETE FROM internal_classification \
                 WHERE atlas_id = $1 AND indicator = $2 AND level = $3 AND import_id > $4",
                params![atlas_id, indicator, level, import],
            )
            .await?;
            continue;
        };
        tx.execute(
            "UPDATE internal_classification SET classification = $5 \
             WHERE atlas_id = $1 AND indicator = $2 AND level = $3 AND import_id > $4",
            params![atlas_id, indicator, level, import, json(&new.classification)?],
        )
        .await?;
    }
    Ok(())
}

/// Removes the facilities of an import, and categories of which then none is left: their titles came from the file.
async fn remove_facilities(tx: &mut Tx, atlas_id: Id, import: Id) -> Result<()> {
    let categories =
        tx.rows("SELECT DISTINCT category FROM facility WHERE import_id = $1", params![import]).await?;
    tx.execute("DELETE FROM facility WHERE import_id = $1", params![import]).await?;
    for row in categories {
        tx.execute(
            "DELETE FROM facility_category WHERE atlas_id = $1 AND slug = $2 AND NOT EXISTS \
             (SELECT 1 FROM facility f WHERE f.atlas_id = $1 AND f.category = $2)",
            params![atlas_id, row.cells().text()?],
        )
        .await?;
    }
    Ok(())
}

/// Takes file name and report from the record of the import, and from those of derived series that are gone.
async fn clear_records(tx: &mut Tx, plan: &PurgePlan, by: &str, at: DateTime<Utc>) -> Result<()> {
    let derived: BTreeSet<Id> =
        plan.doomed.iter().map(|s| s.import).filter(|i| *i != plan.import.id).collect();
    for import in derived {
        tx.execute("UPDATE import SET report = 'null' WHERE id = $1", params![import]).await?;
        tx.execute(
            "UPDATE import SET file_name = '', purged_at = $2, purged_by = $3 WHERE id = $1 \
             AND NOT EXISTS (SELECT 1 FROM series s WHERE s.import_id = $1)",
            params![import, at, by],
        )
        .await?;
    }
    tx.execute(
        "UPDATE import SET file_name = '', report = 'null', purged_at = $2, purged_by = $3 WHERE id = $1",
        params![plan.import.id, at, by],
    )
    .await?;
    Ok(())
}

/// How long the write-ahead log waits for readers, in milliseconds. A server's take a few; who reads longer than this
/// must end first.
const READERS_END: &str = "PRAGMA busy_timeout = 5000";

/// Rebuilds the file and cuts its write-ahead log; what was in the way, if anything.
async fn erase_file(connection: &mut SqliteConnection, path: &Path) -> Result<Option<String>> {
    // The rebuilt copy must not lie in a temporary file.
    for sql in ["PRAGMA temp_store = MEMORY", READERS_END] {
        sqlx::query(sql).execute(&mut *connection).await?;
    }
    let erased = rebuild(connection).await;
    let mut log = path.as_os_str().to_owned();
    log.push("-wal");
    let left = std::fs::metadata(&log).map_or(0, |file| file.len());
    match erased {
        Ok(true) if left == 0 => Ok(None),
        Err(error) if !is_locked(&error) => Err(error.into()),
        _ => Ok(Some(
            "another program reads or writes the store, so its write-ahead log may still hold what was deleted: stop the \
             server and purge again"
                .into(),
        )),
    }
}

/// True if the write-ahead log was cut.
async fn rebuild(connection: &mut SqliteConnection) -> sqlx::Result<bool> {
    sqlx::query("VACUUM").execute(&mut *connection).await?;
    let checkpoint = sqlx::query_as::<_, (i64, i64, i64)>("PRAGMA wal_checkpoint(TRUNCATE)");
    Ok(checkpoint.fetch_one(connection).await?.0 == 0)
}

/// Copies of a file that migrations made beside it.
fn backups(path: &Path) -> Result<Vec<PathBuf>> {
    let failed = |source| StoreError::File { path: path.display().to_string(), source };
    let folder = path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let Some(name) = path.file_name() else { return Ok(Vec::new()) };
    let start = format!("{}.backup-", name.to_string_lossy());
    let mut backups = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(failed)? {
        let entry = entry.map_err(failed)?;
        if entry.file_name().to_string_lossy().starts_with(&start) {
            backups.push(entry.path());
        }
    }
    backups.sort();
    Ok(backups)
}

/// How long PostgreSQL waits for others, and how often it is asked whether they are gone.
const WAIT: Duration = Duration::from_secs(30);
const PAUSE: Duration = Duration::from_millis(200);

/// Writes the tables anew; what was in the way, if anything.
async fn erase_tables(connection: &mut PgConnection) -> Result<Option<String>> {
    if !old_readers_are_gone(connection).await? {
        return Ok(Some(
            "a session has been reading since before the deletion, so deleted rows must be kept for it: end it and purge \
             again"
                .into(),
        ));
    }
    sqlx::query(AssertSqlSafe(format!("SET lock_timeout = '{}s'", WAIT.as_secs())))
        .execute(&mut *connection)
        .await?;
    // The statistics of the planner hold examples of values; the owner of the database may write them anew too.
    let own = leaving::TABLES.iter().map(|table| format!("VACUUM (FULL, ANALYZE) {table}"));
    for sql in own.chain(["VACUUM FULL pg_catalog.pg_statistic".to_owned()]) {
        match sqlx::query(AssertSqlSafe(sql)).execute(&mut *connection).await {
            Err(sqlx::Error::Database(error)) if error.code().is_some_and(|code| code == "55P03") => {
                return Ok(Some(
                    "another session holds a table of the store, so deleted rows are still in its file: stop the servers \
                     and purge again"
                        .into(),
                ));
            }
            other => other.map(drop)?,
        }
    }
    // Only some roles may; without it the server does so itself within minutes.
    if sqlx::query("CHECKPOINT").execute(connection).await.is_err() {
        tracing::debug!("the role may not run CHECKPOINT");
    }
    Ok(None)
}

/// Waits until no session of this database still sees what was deleted before this moment.
async fn old_readers_are_gone(connection: &mut PgConnection) -> Result<bool> {
    let now: String = sqlx::query_scalar("SELECT now()::text").fetch_one(&mut *connection).await?;
    for _ in 0..WAIT.as_millis() / PAUSE.as_millis() {
        let left: i64 = sqlx::query_scalar(
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid() \
             AND backend_xmin IS NOT NULL AND xact_start < $1::timestamptz",
        )
        .bind(&now)
        .fetch_one(&mut *connection)
        .await?;
        if left == 0 {
            return Ok(true);
        }
        tokio::time::sleep(PAUSE).await;
    }
    Ok(false)
}
