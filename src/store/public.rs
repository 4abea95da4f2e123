//! The public part of a store: reading it through views, finding out what else a store would give away, and writing it to
//! a GeoPackage of its own.
//!
//! What is public is said once for each database, as views of the tables' own names (`migrations/sqlite/public_views.sql`
//! and the schema `kommunalatlas_public` of PostGIS). A GeoPackage is public if it is equal to what its views show.

use std::{collections::HashMap, path::Path};

use chrono::{DateTime, Utc};
use sqlx::{
    AssertSqlSafe, ConnectOptions as _, Connection as _, SqlSafeStr,
    sqlite::{SqliteJournalMode, SqlitePoolOptions},
};

use crate::store::{
    FileId, Id, OpenMode, Store, StoreError,
    open::file_options,
    shape::Shape,
    sql::{Cells, Param, Tx, params},
};

type Result<T> = std::result::Result<T, StoreError>;

const VIEWS: &str = include_str!("../../migrations/sqlite/public_views.sql");

/// Connections that see what the public may see of the file that lies at `path` now. Another one may take its place at any
/// time, whose row ids mean something else: no connection reads it, and those of this file stay open.
pub(super) fn through_views(readers: SqlitePoolOptions, path: &Path) -> SqlitePoolOptions {
    let place = |path: &Path| FileId::of(path).ok().map(FileId::place);
    let (path, meant) = (path.to_owned(), place(path));
    readers.idle_timeout(None).max_lifetime(None).after_connect(move |connection, _| {
        let is_meant = place(&path) == meant;
        Box::pin(async move {
            if !is_meant {
                return Err(sqlx::Error::Configuration("the file of the store was replaced".into()));
            }
            sqlx::raw_sql("PRAGMA temp_store = MEMORY").execute(&mut *connection).await?;
            sqlx::raw_sql(VIEWS).execute(connection).await.map(drop)
        })
    })
}

/// Opens all connections that the pool may have: later there may be another file.
pub(super) async fn open_all(store: &Store) -> sqlx::Result<()> {
    let Store::Sqlite(store) = store else { return Ok(()) };
    let readers = &store.readers.pool;
    let mut opened = Vec::new();
    for _ in 0..readers.options().get_max_connections() {
        opened.push(readers.acquire().await?);
    }
    Ok(())
}

impl Store {
    /// Tables with something in them that the public may not see and that this store would let a server read; empty if a
    /// public server may use it. For a store opened with [`OpenMode::Public`].
    ///
    /// # Errors
    /// If the database fails.
    pub async fn exposed_tables(&self) -> Result<Vec<String>> {
        let mut tx = self.begin_read().await?;
        match tx {
            Tx::Sqlite(_) => exposed_in_file(&mut tx).await,
            Tx::Postgres(_) => exposed_on_server(&mut tx).await,
        }
    }

    /// Writes a GeoPackage with what the public may see, and nothing else. Row ids are counted anew. To be asked of a store
    /// opened with [`OpenMode::Public`]; returns how many rows were written.
    ///
    /// # Errors
    /// If there is a file of that name already, or it cannot be written; then none is left behind.
    pub async fn export_public(&self, file: &Path, now: DateTime<Utc>) -> Result<usize> {
        let name =
            file.to_str().ok_or_else(|| StoreError::Invalid("the name of the file is not UTF-8".into()))?;
        if file.exists() {
            return Err(StoreError::Invalid(format!(
                "{name} exists already; choose another name or remove it"
            )));
        }
        let target = Self::open(name, OpenMode::Create, now).await?;
        let written = copy_all(self, &target).await;
        target.close().await;
        let written = match written {
            Ok(rows) => close_for_good(file).await.map(|()| rows),
            Err(error) => Err(error),
        };
        if written.is_err() {
            // What is half written must not be taken for a store; what went wrong is already known.
            let _ = std::fs::remove_file(file);
        }
        written
    }
}

/// Leaves a file that needs no other file beside it, so that whoever may not write can read it.
async fn close_for_good(file: &Path) -> Result<()> {
    let connection = file_options(file).journal_mode(SqliteJournalMode::Delete).connect().await?;
    Ok(connection.close().await?)
}

/// A table and its views have the same columns, so the rows that are in one and not in the other can be counted.
async fn exposed_in_file(tx: &mut Tx) -> Result<Vec<String>> {
    let sql = "SELECT t.name, v.name FROM main.sqlite_master t LEFT JOIN temp.sqlite_master v ON v.name = t.name \
               WHERE t.type = 'table' AND t.name NOT LIKE 'gpkg\\_%' ESCAPE '\\' \
               AND t.name NOT LIKE 'sqlite\\_%' ESCAPE '\\' ORDER BY t.name";
    let mut exposed = Vec::new();
    for row in tx.rows(sql, params![]).await? {
        let mut cells = row.cells();
        let (table, view): (String, Option<String>) = (cells.text()?, cells.get()?);
        let hidden = match view {
            Some(_) => rows_beyond_view(tx, &table).await?,
            None => count(tx, format!("SELECT count(*) FROM main.{table}")).await?,
        };
        if hidden > 0 {
            exposed.push(format!("{table} ({hidden} rows)"));
        }
    }
    Ok(exposed)
}

async fn rows_beyond_view(tx: &mut Tx, table: &str) -> Result<i64> {
    let sql = "SELECT group_concat(name, ', ') FROM pragma_table_info($1, 'main')";
    let row =
        tx.row(sql, params![table]).await?.ok_or_else(|| StoreError::damaged("a table without columns"))?;
    let columns = row.cells().text()?;
    let rows = |schema: &str| format!("SELECT {columns} FROM {schema}.{table}");
    count(tx, format!("SELECT count(*) FROM ({} EXCEPT {})", rows("main"), rows("temp"))).await
}

async fn count(tx: &mut Tx, sql: String) -> Result<i64> {
    // Made of names that the database itself gave.
    let row = tx.row_of(AssertSqlSafe(sql).into_sql_str(), params![]).await?;
    row.ok_or_else(|| StoreError::damaged("no count"))?.cells().get()
}

/// What counts is the right, not whether there are rows. Whoever may become the owner of a table may read it.
async fn exposed_on_server(tx: &mut Tx) -> Result<Vec<String>> {
    let sql = "SELECT n.nspname || '.' || c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace \
               WHERE n.nspname LIKE 'kommunalatlas%' AND n.nspname <> 'kommunalatlas_public' \
               AND c.relkind IN ('r', 'p', 'v', 'm', 'f') \
               AND (has_any_column_privilege(c.oid, 'SELECT') OR pg_has_role(c.relowner, 'MEMBER')) ORDER BY 1";
    tx.rows(sql, params![]).await?.iter().map(|row| row.cells().text()).collect()
}

/// What a cell of a table holds.
#[derive(Debug, Clone, Copy)]
pub(super) enum Kind {
    /// The row's own id, which gets a new number.
    Own,
    /// The id of a row of this table.
    Of(&'static str),
    Int,
    Real,
    Text,
    Bytes,
    Shape,
}

/// A table to copy: its name, how its columns are read and written, what they hold.
pub(super) struct Table {
    pub(super) name: &'static str,
    pub(super) columns: &'static str,
    pub(super) select: &'static str,
    pub(super) insert: &'static str,
    pub(super) kinds: &'static [Kind],
}

macro_rules! table {
    ($name:literal: $($column:literal $kind:expr),+ $(,)?) => {
        Table {
            name: $name,
            columns: table!(@list $($column),+),
            // The rows about purges have ids below zero: they tell servers to forget, and are not for a file.
            select: concat!("SELECT ", table!(@list $($column),+), " FROM ", $name, " WHERE id > 0 ORDER BY id"),
            insert: concat!($name, " (", table!(@list $($column),+), ")"),
            kinds: &[$($kind),+],
        }
    };
    (@list $first:literal $(, $rest:literal)*) => { concat!($first $(, ", ", $rest)*) };
}

use Kind::{Bytes, Int, Of, Own, Real, Shape as Geometry, Text};

/// In an order in which each row finds those that it points to. `import` has the one row that editions and facilities need.
pub(super) const TABLES: &[Table] = &[
    table!("atlas": "id" Own, "slug" Text, "title_de" Text, "title_en" Text, "open" Int, "required_indicators" Int,
        "attribution" Text, "policies" Text, "four_eyes" Int),
    table!("import": "id" Own, "atlas_id" Of("atlas"), "kind" Text, "file_name" Text, "file_hash" Text,
        "imported_at" Text, "imported_by" Text, "undone" Int, "report" Text),
    table!("level": "id" Own, "atlas_id" Of("atlas"), "slug" Text, "title_de" Text, "title_en" Text, "position" Int,
        "public_boundaries" Int),
    table!("theme": "id" Own, "atlas_id" Of("atlas"), "slug" Text, "title_de" Text, "title_en" Text, "position" Int),
    table!("indicator": "id" Own, "atlas_id" Of("atlas"), "slug" Text, "title_de" Text, "title_en" Text,
        "position" Int, "theme" Text, "kind" Text, "unit_de" Text, "unit_en" Text, "decimals" Int, "per" Real,
        "polarity" Text, "denominator_rule" Text, "classification" Text, "palette" Text, "note_de" Text,
        "note_en" Text, "sheet" Text, "sensitive" Int),
    table!("edition": "id" Own, "atlas_id" Of("atlas"), "level" Text, "valid_on" Text, "attribution" Text,
        "west" Real, "south" Real, "east" Real, "north" Real, "minzoom" Int, "regions" Int, "content_hash" Text,
        "parents" Text, "import_id" Of("import")),
    table!("region": "id" Own, "geom" Geometry, "atlas_id" Of("atlas"), "edition_id" Of("edition"), "ordinal" Int,
        "key" Text, "name" Text, "short_name" Text, "inhabited" Int, "label_lon" Real, "label_lat" Real,
        "label_minzoom" Int, "label_rank" Int),
    table!("region_parent": "id" Own, "atlas_id" Of("atlas"), "edition_id" Of("edition"), "ordinal" Int,
        "parent_level" Text, "parent_key" Text),
    table!("edition_topology": "id" Own, "atlas_id" Of("atlas"), "edition_id" Of("edition"), "topology" Bytes),
    table!("edition_zoom": "id" Own, "atlas_id" Of("atlas"), "edition_id" Of("edition"), "zoom" Int, "arcs" Bytes),
    table!("release": "id" Own, "atlas_id" Of("atlas"), "indicator" Text, "level" Text, "audience" Text,
        "number" Int, "in_force" Int, "released_at" Text, "released_by" Text, "classification" Text,
        "certified" Int),
    table!("release_column": "id" Own, "atlas_id" Of("atlas"), "release_id" Of("release"),
        "edition_id" Of("edition"), "period" Text, "period_start" Text, "period_end" Text, "break_before" Int,
        "content_hash" Text, "note_de" Text, "note_en" Text, "observations" Bytes),
    table!("facility_category": "id" Own, "atlas_id" Of("atlas"), "slug" Text, "title_de" Text, "title_en" Text,
        "position" Int, "public" Int, "personal" Int),
    table!("facility": "id" Own, "geom" Geometry, "atlas_id" Of("atlas"), "import_id" Of("import"),
        "category" Text, "key" Text, "name" Text, "operator" Text, "address" Text, "places" Int, "valid_from" Text,
        "valid_until" Text, "publishable" Int),
    table!("share": "id" Own, "atlas_id" Of("atlas"), "borrower" Text, "indicator" Text, "level" Text,
        "may_release" Int, "granted_at" Text, "granted_by" Text),
];

async fn copy_all(source: &Store, target: &Store) -> Result<usize> {
    let mut from = source.begin_read().await?;
    let mut to = target.begin_write().await?;
    let mut ids: HashMap<(&str, Id), Id> = HashMap::new();
    let mut written = 0;
    for table in TABLES {
        let mut rows = Vec::new();
        for row in from.rows(table.select, params![]).await? {
            let mut cells = row.cells();
            let mut renumbered = Vec::with_capacity(table.kinds.len());
            let number = rows.len() as Id + 1;
            for kind in table.kinds {
                renumbered.push(copied(*kind, &mut cells, table.name, number, &mut ids)?);
            }
            rows.push(renumbered);
        }
        written += rows.len();
        to.insert_rows(table.insert, table.kinds.len(), rows).await?;
    }
    extents(&mut to).await?;
    to.commit().await?;
    Ok(written)
}

/// A cell as it is written, with new numbers for ids.
fn copied(
    kind: Kind,
    cells: &mut Cells<'_>,
    table: &'static str,
    number: Id,
    ids: &mut HashMap<(&'static str, Id), Id>,
) -> Result<Param> {
    Ok(match kind {
        Own => {
            ids.insert((table, cells.id()?), number);
            Param::Int(Some(number))
        }
        Of(other) => {
            let new = ids.get(&(other, cells.id()?)).copied();
            Param::Int(Some(new.ok_or_else(|| StoreError::damaged("a row that points to none"))?))
        }
        Int => Param::Int(cells.get()?),
        Real => Param::Real(cells.get()?),
        Text => Param::Text(cells.get()?),
        Bytes => Param::Bytes(cells.get()?),
        Geometry => Param::Shape(cells.get::<Option<Shape>>()?),
    })
}

/// GeoPackage readers zoom to the extent that the file claims for a layer.
async fn extents(to: &mut Tx) -> Result<()> {
    to.execute(
        "UPDATE gpkg_contents SET min_x = (SELECT min(west) FROM edition), min_y = (SELECT min(south) FROM edition), \
         max_x = (SELECT max(east) FROM edition), max_y = (SELECT max(north) FROM edition) WHERE table_name = 'region'",
        params![],
    )
    .await
    .map(drop)
}
