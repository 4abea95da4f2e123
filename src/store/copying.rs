//! Rows of tables as they are, from one database into another: read page by page, hashed, written.
//!
//! Must not know: what the rows mean, which tables there are. Invariant: a table says the same and has the same hash on
//! both databases, so that what was written can be compared with what was read.

use geo::{BoundingRect as _, CoordsIter as _};
use serde::Serialize;

use crate::store::{
    Id, StoreError,
    shape::Shape,
    sql::{Param, Tx, params},
};

type Result<T> = std::result::Result<T, StoreError>;

/// Most rows that are read at once.
const PAGE: usize = 500;

/// Bytes of a page below which the next one has more rows, and above which it has fewer.
const PAGE_BYTES: std::ops::Range<usize> = 1 << 20..8 << 20;

/// What one table holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct TableContent {
    /// Its name.
    pub table: &'static str,
    /// How many rows.
    pub rows: u64,
    /// BLAKE3 over all of them, hexadecimal.
    pub hash: String,
}

/// Which rows of a table are meant.
#[derive(Debug, Clone, Copy)]
pub(super) enum Rows {
    /// All of them.
    All,
    /// Those of an atlas.
    Of(Id),
}

impl Rows {
    /// The condition for rows of a table, and the value for `$1`.
    fn condition(self, table: &str) -> (String, Id) {
        match self {
            Self::All => ("$1 = 0".into(), 0),
            Self::Of(atlas) => (format!("{} = $1", owner(table)), atlas),
        }
    }
}

/// The column that names the atlas.
pub(super) fn owner(table: &str) -> &'static str {
    if table == "atlas" { "id" } else { "atlas_id" }
}

/// Somebody who is told how many rows of which table were copied.
pub(super) type Told<'a> = &'a (dyn Fn(&'static str, u64) + Sync);

/// What each of the tables holds of these rows.
pub(super) async fn content(tx: &mut Tx, tables: &[&'static str], rows: Rows) -> Result<Vec<TableContent>> {
    let mut contents = Vec::with_capacity(tables.len());
    for name in tables {
        let columns = columns(tx, name).await?;
        let mut sum = Sum::default();
        let mut pages = Pages::of(name, &columns, rows);
        while let Some(page) = pages.next(tx).await? {
            sum.take_all(&page);
        }
        contents.push(sum.of(name));
    }
    Ok(contents)
}

/// Copies these rows of each of the tables, ids included; `target` has none of them. Returns what was read.
pub(super) async fn copy(
    source: &mut Tx,
    target: &mut Tx,
    tables: &[&'static str],
    rows: Rows,
    told: Told<'_>,
) -> Result<Vec<TableContent>> {
    let mut contents = Vec::with_capacity(tables.len());
    for name in tables {
        let columns = columns(source, name).await?;
        let into = into(target, name, &columns);
        let mut sum = Sum::default();
        let mut pages = Pages::of(name, &columns, rows);
        while let Some(page) = pages.next(source).await? {
            sum.take_all(&page);
            target.insert_rows(&into, columns.len(), page).await?;
            told(name, sum.rows);
        }
        set_extent(target, name, &sum).await?;
        contents.push(sum.of(name));
    }
    Ok(contents)
}

/// `table (column, …)`, where ids come along too.
fn into(target: &Tx, table: &str, columns: &[Column]) -> String {
    let names: Vec<String> = columns.iter().map(Column::quoted).collect();
    let ids = match target {
        Tx::Sqlite(_) => "",
        Tx::Postgres(_) => " OVERRIDING SYSTEM VALUE",
    };
    format!("{table} ({}){ids}", names.join(", "))
}

/// GeoPackage readers zoom to the extent that the file claims for a layer.
async fn set_extent(target: &mut Tx, table: &'static str, sum: &Sum) -> Result<()> {
    if let (Some(bounds), Tx::Sqlite(_)) = (sum.bounds, &target) {
        let (least, greatest) = (bounds.min(), bounds.max());
        let sql =
            "UPDATE gpkg_contents SET min_x = $2, min_y = $3, max_x = $4, max_y = $5 WHERE table_name = $1";
        target.execute(sql, params![table, least.x, least.y, greatest.x, greatest.y]).await?;
    }
    Ok(())
}

/// The highest id that a table ever gave, also to rows that are gone: no id gets a second meaning.
pub(super) async fn last_id(tx: &mut Tx, table: &'static str) -> Result<Id> {
    let row = match tx {
        Tx::Sqlite(_) => tx.row("SELECT seq FROM sqlite_sequence WHERE name = $1", params![table]).await?,
        Tx::Postgres(_) => {
            let name = sequence(tx, table).await?;
            let sql = format!("SELECT CASE WHEN is_called THEN last_value ELSE 0 END FROM {name}");
            tx.rows_of_text(sql, params![]).await?.into_iter().next()
        }
    };
    let given = row.map_or(Ok(0), |row| row.cells().id())?;
    let greatest = format!("SELECT coalesce(max(id), 0) FROM {table}");
    let row = tx.rows_of_text(greatest, params![]).await?.into_iter().next();
    Ok(given.max(row.map_or(Ok(0), |row| row.cells().id())?))
}

/// Has the table give ids beyond `last` only.
pub(super) async fn begin_ids_behind(tx: &mut Tx, table: &'static str, last: Id) -> Result<()> {
    if last == 0 {
        return Ok(());
    }
    match tx {
        Tx::Sqlite(_) => {
            let sql = "UPDATE sqlite_sequence SET seq = max(seq, $2) WHERE name = $1";
            if tx.execute(sql, params![table, last]).await? == 0 {
                let sql = "INSERT INTO sqlite_sequence (name, seq) VALUES ($1, $2)";
                tx.execute(sql, params![table, last]).await?;
            }
        }
        Tx::Postgres(_) => {
            let name = sequence(tx, table).await?;
            tx.rows("SELECT setval($1::text::regclass, $2)", params![name, last]).await?;
        }
    }
    Ok(())
}

/// The sequence that gives a table its ids.
async fn sequence(tx: &mut Tx, table: &'static str) -> Result<String> {
    let row = tx.row("SELECT pg_get_serial_sequence($1, 'id')", params![table]).await?;
    let name: Option<String> = row.map_or(Ok(None), |row| row.cells().get())?;
    name.ok_or_else(|| StoreError::damaged(&format!("the ids of {table} are given by nothing")))
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
             WHERE table_schema = current_schema() AND table_name = $1"
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

/// Rows of a table by id, a page after the other. How many rows a page has follows from how large the last one was.
struct Pages<'a> {
    sql: String,
    columns: &'a [Column],
    /// For `$1`.
    of: Id,
    after: Option<Id>,
    size: usize,
}

impl<'a> Pages<'a> {
    fn of(table: &str, columns: &'a [Column], rows: Rows) -> Self {
        let names: Vec<String> = columns.iter().map(Column::quoted).collect();
        let (condition, of) = rows.condition(table);
        let names = names.join(", ");
        let sql = format!("SELECT {names} FROM {table} WHERE {condition} AND id > $2 ORDER BY id LIMIT $3");
        Self { sql, columns, of, after: Some(0), size: 1 }
    }

    async fn next(&mut self, tx: &mut Tx) -> Result<Option<Vec<Vec<Param>>>> {
        let Some(after) = self.after else { return Ok(None) };
        let mut page = Vec::new();
        let size = self.size as i64;
        for row in tx.rows_of_text(self.sql.clone(), params![self.of, after, size]).await? {
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
            Some(Param::Int(id)) if page.len() == self.size => *id,
            _ => None,
        };
        let bytes: usize = page.iter().flatten().map(weight).sum();
        if bytes < PAGE_BYTES.start {
            self.size = (self.size * 4).min(PAGE);
        } else if bytes > PAGE_BYTES.end {
            self.size = (self.size / 4).max(1);
        }
        Ok(Some(page))
    }
}

/// About how many bytes of memory a cell needs.
fn weight(cell: &Param) -> usize {
    8 + match cell {
        Param::Text(Some(text)) => text.len(),
        Param::Bytes(Some(bytes)) => bytes.len(),
        Param::Shape(Some(shape)) => size_of::<geo_types::Coord>() * shape.0.coords_count(),
        _ => 0,
    }
}

/// Hash of a row.
pub(super) fn hash_of(row: &[Param]) -> blake3::Hash {
    let mut sum = Sum::default();
    sum.take(row);
    sum.hash.finalize()
}

/// Counts and hashes rows; each cell is preceded by its kind, and NULL differs from what is empty.
#[derive(Default)]
struct Sum {
    rows: u64,
    hash: blake3::Hasher,
    bounds: Option<geo_types::Rect<f64>>,
}

impl Sum {
    fn take_all(&mut self, rows: &[Vec<Param>]) {
        for row in rows {
            self.take(row);
        }
    }

    fn take(&mut self, row: &[Param]) {
        self.rows += 1;
        for cell in row {
            match cell {
                Param::Int(Some(number)) => self.part(b'i', &number.to_le_bytes()),
                // A GeoPackage keeps no sign of zero.
                Param::Real(Some(number)) => self.part(b'r', &(number + 0.0).to_le_bytes()),
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
