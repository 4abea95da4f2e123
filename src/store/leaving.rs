//! Everything of one atlas: copied into a GeoPackage of its own, hashed, removed.
//!
//! Must not know: what the rows mean. Invariant: what is copied is read back and compared row by row before anybody is
//! told that it is complete, and an atlas is removed only as long as it is exactly what was copied.

use std::path::Path;

use chrono::{DateTime, Utc};
use geo::BoundingRect as _;
use serde::Serialize;

use crate::domain::Slug;
use crate::store::{
    AccessStore, Id, OpenMode, Store, StoreError,
    catalogue::atlas_id,
    shape::Shape,
    sql::{Param, Tx, params},
};

type Result<T> = std::result::Result<T, StoreError>;

/// Every table with rows of atlases; each comes after those that its rows refer to.
pub(super) const TABLES: [&str; 28] = [
    "atlas",
    "level",
    "theme",
    "source",
    "indicator",
    "import",
    "edition",
    "region",
    "region_parent",
    "edition_topology",
    "edition_zoom",
    "series",
    "current_series",
    "internal_classification",
    "release",
    "release_column",
    "succession",
    "facility_category",
    "facility",
    "source_profile",
    "delivery",
    "release_bundle",
    "bundle_event",
    "bundle_release",
    "release_certificate",
    "release_input",
    "agreement",
    "share",
];

/// Rows that are read at once.
const PAGE: usize = 500;

/// What one table holds of an atlas.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct TableContent {
    /// Its name.
    pub table: &'static str,
    /// How many rows.
    pub rows: u64,
    /// BLAKE3 over all of them, hexadecimal.
    pub hash: String,
}

/// What a store holds of an atlas.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct AtlasContent {
    /// Table by table.
    pub tables: Vec<TableContent>,
}

impl AtlasContent {
    /// How many rows there are.
    pub fn rows(&self) -> u64 {
        self.tables.iter().map(|table| table.rows).sum()
    }

    /// One hash over all tables, hexadecimal.
    pub fn hash(&self) -> String {
        let mut hash = blake3::Hasher::new();
        for TableContent { table, rows, hash: own } in &self.tables {
            hash.update(format!("{table} {rows} {own}\n").as_bytes());
        }
        hash.finalize().to_hex().to_string()
    }
}

impl Store {
    /// Copies everything of an atlas, and of no other, into a new GeoPackage, reads it back and compares it row by row.
    ///
    /// # Errors
    /// If there is no such atlas, if the file exists or cannot be made, or if what was read back is not what was copied.
    pub async fn export_atlas(&self, atlas: &Slug, file: &Path, now: DateTime<Utc>) -> Result<AtlasContent> {
        if file.exists() {
            return Err(StoreError::Exists { what: "file", name: file.display().to_string() });
        }
        let location =
            file.to_str().ok_or_else(|| StoreError::Invalid("the path of the export is not UTF-8".into()))?;
        let copy = Self::open(location, OpenMode::Create, now).await?;
        let copied = copy_atlas(self, &copy, atlas).await;
        copy.close().await;
        let copied = copied?;
        let copy = Self::open(location, OpenMode::ReadOnly, now).await?;
        let read_back = copy.atlas_content(atlas).await;
        copy.close().await;
        if read_back? != copied {
            return Err(StoreError::damaged("the export is not what was copied; nothing was removed"));
        }
        Ok(copied)
    }

    /// What the store holds of an atlas.
    ///
    /// # Errors
    /// If there is no such atlas.
    pub async fn atlas_content(&self, atlas: &Slug) -> Result<AtlasContent> {
        let mut tx = self.begin_read().await?;
        let atlas_id = atlas_id(&mut tx, atlas).await?;
        content(&mut tx, atlas_id).await
    }

    /// Removes an atlas if it is still what `expected` says, and ends what others lend to it. What deleted rows leave
    /// behind is erased by [`Store::erase`].
    ///
    /// # Errors
    /// If there is no such atlas, or if it was changed.
    pub async fn remove_atlas(
        &self,
        atlas: &Slug,
        expected: &AtlasContent,
        at: DateTime<Utc>,
        by: &str,
    ) -> Result<()> {
        let mut tx = self.begin_write().await?;
        let atlas_id = atlas_id(&mut tx, atlas).await?;
        if content(&mut tx, atlas_id).await? != *expected {
            return Err(StoreError::Changed { what: "atlas", name: atlas.to_string() });
        }
        let sql = "UPDATE share SET ended_at = $2, ended_by = $3 WHERE borrower = $1 AND ended_at IS NULL";
        tx.execute(sql, params![atlas, at, by]).await?;
        for table in TABLES.iter().rev() {
            tx.execute_text(format!("DELETE FROM {table} WHERE {} = $1", owner(table)), params![atlas_id])
                .await?;
        }
        tx.commit().await
    }
}

impl AccessStore {
    /// Takes every role in an atlas and every token for it away. The audit log keeps what it says of the atlas.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn forget_atlas(&self, atlas: &Slug) -> Result<()> {
        let mut tx = self.begin_change_of_rights().await?;
        tx.execute("DELETE FROM membership WHERE atlas = $1", params![atlas]).await?;
        tx.execute("DELETE FROM token WHERE atlas = $1", params![atlas]).await?;
        tx.commit().await
    }
}

/// The column that names the atlas.
fn owner(table: &str) -> &'static str {
    if table == "atlas" { "id" } else { "atlas_id" }
}

async fn content(tx: &mut Tx, atlas_id: Id) -> Result<AtlasContent> {
    let mut tables = Vec::with_capacity(TABLES.len());
    for name in TABLES {
        let columns = columns(tx, name).await?;
        let mut sum = Sum::default();
        let mut pages = Pages::of(name, &columns, atlas_id);
        while let Some(rows) = pages.next(tx).await? {
            for row in &rows {
                sum.take(row);
            }
        }
        tables.push(sum.of(name));
    }
    Ok(AtlasContent { tables })
}

async fn copy_atlas(from: &Store, to: &Store, atlas: &Slug) -> Result<AtlasContent> {
    let (mut source, mut target) = (from.begin_read().await?, to.begin_write().await?);
    let atlas_id = atlas_id(&mut source, atlas).await?;
    let mut tables = Vec::with_capacity(TABLES.len());
    for name in TABLES {
        let columns = columns(&mut source, name).await?;
        let mut sum = Sum::default();
        let mut pages = Pages::of(name, &columns, atlas_id);
        while let Some(rows) = pages.next(&mut source).await? {
            for row in rows {
                sum.take(&row);
                target.execute_text(insertion(name, &columns), row).await?;
            }
        }
        set_extent(&mut target, name, &sum).await?;
        tables.push(sum.of(name));
    }
    target.commit().await?;
    Ok(AtlasContent { tables })
}

fn insertion(table: &str, columns: &[Column]) -> String {
    let names: Vec<String> = columns.iter().map(Column::quoted).collect();
    let places: Vec<String> = (1..=columns.len()).map(|n| format!("${n}")).collect();
    format!("INSERT INTO {table} ({}) VALUES ({})", names.join(", "), places.join(", "))
}

/// GeoPackage readers zoom to the extent that the file claims for a layer.
async fn set_extent(target: &mut Tx, table: &'static str, sum: &Sum) -> Result<()> {
    if let Some(bounds) = sum.bounds {
        let (least, greatest) = (bounds.min(), bounds.max());
        let sql =
            "UPDATE gpkg_contents SET min_x = $2, min_y = $3, max_x = $4, max_y = $5 WHERE table_name = $1";
        target.execute(sql, params![table, least.x, least.y, greatest.x, greatest.y]).await?;
    }
    Ok(())
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Int,
    Real,
    Text,
    Bytes,
    Shape,
}

#[derive(Debug, Clone)]
struct Column {
    name: String,
    kind: Kind,
}

impl Column {
    fn quoted(&self) -> String {
        format!("\"{}\"", self.name)
    }
}

/// The columns of a table, the id first, then by name: the same on both databases.
async fn columns(tx: &mut Tx, table: &'static str) -> Result<Vec<Column>> {
    let sql = match tx {
        Tx::Sqlite(_) => "SELECT name, type FROM pragma_table_info($1)",
        Tx::Postgres(_) => {
            "SELECT column_name::text, udt_name::text FROM information_schema.columns \
             WHERE table_schema = 'kommunalatlas' AND table_name = $1"
        }
    };
    let mut columns = Vec::new();
    for row in tx.rows(sql, params![table]).await? {
        let mut cells = row.cells();
        let (name, declared) = (cells.text()?, cells.text()?);
        let kind = match declared.to_lowercase().as_str() {
            "integer" | "int8" => Kind::Int,
            "double" | "float8" => Kind::Real,
            "text" => Kind::Text,
            "blob" | "bytea" => Kind::Bytes,
            "geometry" | "multipolygon" | "point" => Kind::Shape,
            other => return Err(StoreError::damaged(&format!("{table}.{name} is of the kind {other}"))),
        };
        columns.push(Column { name, kind });
    }
    columns.sort_by(|a, b| (a.name != "id", &a.name).cmp(&(b.name != "id", &b.name)));
    Ok(columns)
}

/// The rows of a table that belong to an atlas, by id.
struct Pages<'a> {
    sql: String,
    columns: &'a [Column],
    atlas_id: Id,
    after: Option<Id>,
}

impl<'a> Pages<'a> {
    fn of(table: &str, columns: &'a [Column], atlas_id: Id) -> Self {
        let names: Vec<String> = columns.iter().map(Column::quoted).collect();
        let (names, owner) = (names.join(", "), owner(table));
        let sql =
            format!("SELECT {names} FROM {table} WHERE {owner} = $1 AND id > $2 ORDER BY id LIMIT {PAGE}");
        Self { sql, columns, atlas_id, after: Some(0) }
    }

    async fn next(&mut self, tx: &mut Tx) -> Result<Option<Vec<Vec<Param>>>> {
        let Some(after) = self.after else { return Ok(None) };
        let mut page = Vec::new();
        for row in tx.rows_of_text(self.sql.clone(), params![self.atlas_id, after]).await? {
            let mut cells = row.cells();
            let read = |column: &Column| {
                Ok(match column.kind {
                    Kind::Int => Param::Int(cells.get()?),
                    Kind::Real => Param::Real(cells.get()?),
                    Kind::Text => Param::Text(cells.get()?),
                    Kind::Bytes => Param::Bytes(cells.get()?),
                    Kind::Shape => Param::Shape(cells.get()?),
                })
            };
            page.push(self.columns.iter().map(read).collect::<Result<Vec<Param>>>()?);
        }
        self.after = match page.last().and_then(|row| row.first()) {
            Some(Param::Int(id)) if page.len() == PAGE => *id,
            _ => None,
        };
        Ok(Some(page))
    }
}

/// Counts and hashes rows; each cell is preceded by its kind, and NULL differs from what is empty.
#[derive(Default)]
struct Sum {
    rows: u64,
    hash: blake3::Hasher,
    bounds: Option<geo_types::Rect<f64>>,
}

impl Sum {
    fn take(&mut self, row: &[Param]) {
        self.rows += 1;
        for cell in row {
            match cell {
                Param::Int(Some(number)) => self.part(b'i', &number.to_le_bytes()),
                Param::Real(Some(number)) => self.part(b'r', &number.to_le_bytes()),
                Param::Text(Some(text)) => self.part(b't', text.as_bytes()),
                Param::Bytes(Some(bytes)) => self.part(b'b', bytes),
                Param::Shape(Some(shape)) => self.shape(shape),
                Param::Int(None)
                | Param::Real(None)
                | Param::Text(None)
                | Param::Bytes(None)
                | Param::Shape(None) => self.part(b'n', &[]),
            }
        }
    }

    fn part(&mut self, kind: u8, bytes: &[u8]) {
        self.hash.update(&[kind]);
        self.hash.update(&(bytes.len() as u64).to_le_bytes());
        self.hash.update(bytes);
    }

    fn shape(&mut self, shape: &Shape) {
        // The debug form tells parts, rings and every coordinate in full.
        self.part(b's', format!("{:?}", shape.0).as_bytes());
        let (Some(own), known) = (shape.0.bounding_rect(), self.bounds) else { return };
        let join = |a: geo_types::Rect<f64>| {
            let (a, b, c, d) = (a.min(), own.min(), a.max(), own.max());
            geo_types::Rect::new((a.x.min(b.x), a.y.min(b.y)), (c.x.max(d.x), c.y.max(d.y)))
        };
        self.bounds = Some(known.map_or(own, join));
    }

    fn of(self, table: &'static str) -> TableContent {
        TableContent { table, rows: self.rows, hash: self.hash.finalize().to_hex().to_string() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn no_table_with_rows_of_atlases_is_forgotten() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.gpkg");
        let now = "2026-11-22T12:00:00Z".parse().unwrap();
        let store = Store::open(path.to_str().unwrap(), OpenMode::Create, now).await.unwrap();
        let sql = "SELECT m.name FROM sqlite_master m JOIN pragma_table_info(m.name) c ON c.name = 'atlas_id' \
                   WHERE m.type = 'table' ORDER BY m.name";
        let found = store.rows(sql, params![]).await.unwrap();
        let mut found: Vec<String> = found.iter().map(|row| row.cells().text().unwrap()).collect();
        found.push("atlas".into());
        found.sort();
        let mut known = TABLES.to_vec();
        known.sort_unstable();
        assert_eq!(found, known);
        store.close().await;
    }
}
