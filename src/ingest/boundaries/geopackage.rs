//! GeoPackage files, read only. (The store's own file is `store`'s business; this reads what others wrote.)

use std::path::Path;

use sqlx::{
    AssertSqlSafe, Connection, Row, SqliteConnection, TypeInfo, ValueRef,
    sqlite::{SqliteConnectOptions, SqliteRow},
};

use super::{
    table::{DeclaredCrs, Feature, FeatureTable, ReadError, Shape},
    wkb,
};
use crate::geometry::Crs;

/// First bytes of every SQLite file.
pub(super) const MAGIC: &[u8] = b"SQLite format 3\0";

/// Steps of SQLite's machine that reading a file may take, and how many more for each of its bytes. A row of a table
/// takes some dozens; a view may take any number.
const FREE_STEPS: u64 = 200_000_000;
const STEPS_PER_BYTE: u64 = 10;

/// So often it is asked whether it may go on.
const STEPS_AT_A_TIME: u64 = 1_000_000;

/// What SQLite says when it may not.
const INTERRUPTED: &str = "interrupted";

/// Bytes that the values of a layer may have, and how many more for each byte of the file.
const FREE_BYTES: u64 = 16 << 20;
const BYTES_PER_BYTE: u64 = 4;

/// What a row needs beside its values, about.
const ROW_BYTES: f64 = 8.0;

/// A feature layer as the file registers it.
struct Layer {
    table: String,
    geometry: String,
    crs: DeclaredCrs,
}

/// Reads a layer of a GeoPackage; the only one if none is named.
///
/// # Errors
/// If the file is damaged or no GeoPackage, or the layer is not there or not clear.
pub(super) async fn read(path: &Path, layer: Option<&str>) -> Result<FeatureTable, ReadError> {
    read_layer(path, layer).await.map_err(|fault| match fault {
        Fault::Sql(sqlx::Error::Io(io)) => io.into(),
        Fault::Sql(sqlx::Error::Database(error)) if error.message() == INTERRUPTED => ReadError::content(
            None,
            "The layer takes too long to read: it is a view that calculates much; save it as a table.",
        ),
        Fault::Sql(error) => ReadError::content(None, format!("The GeoPackage is damaged: {error}.")),
        Fault::Content(message) => ReadError::content(None, message),
    })
}

#[derive(Debug)]
enum Fault {
    Sql(sqlx::Error),
    Content(String),
}

impl From<sqlx::Error> for Fault {
    fn from(error: sqlx::Error) -> Self {
        Self::Sql(error)
    }
}

async fn read_layer(path: &Path, layer: Option<&str>) -> Result<FeatureTable, Fault> {
    // `immutable` reads without locks and leaves no files behind, also where the folder cannot be written.
    let options = SqliteConnectOptions::new().filename(path).read_only(true).immutable(true);
    let mut connection = SqliteConnection::connect_with(&options).await?;
    let length = std::fs::metadata(path).map_err(sqlx::Error::Io)?.len();
    let mut left = (FREE_STEPS + length.saturating_mul(STEPS_PER_BYTE)) / STEPS_AT_A_TIME;
    connection.lock_handle().await?.set_progress_handler(STEPS_AT_A_TIME as i32, move || {
        left = left.saturating_sub(1);
        left > 0
    });
    let layer = choose(layers(&mut connection).await?, layer)?;
    let columns = columns(&mut connection, &layer.table).await?;
    let fields: Vec<String> = columns.into_iter().filter(|column| *column != layer.geometry).collect();
    let most = FREE_BYTES + length.saturating_mul(BYTES_PER_BYTE);
    let features = features(&mut connection, &layer, &fields, most).await?;
    connection.close().await?;
    Ok(FeatureTable {
        format: "GeoPackage",
        encoding: "UTF-8".to_owned(),
        crs: layer.crs,
        fields,
        features,
        warnings: unwritten_changes(path).into_iter().collect(),
    })
}

/// A non-empty write-ahead log means that another program has changes that are not in the file itself.
fn unwritten_changes(path: &Path) -> Option<String> {
    let mut log = path.as_os_str().to_owned();
    log.push("-wal");
    let len = std::fs::metadata(log).ok()?.len();
    (len > 0).then(|| {
        "Another program holds the GeoPackage open and has changes that are not read here: close it there and import again."
            .to_owned()
    })
}

async fn layers(connection: &mut SqliteConnection) -> Result<Vec<Layer>, Fault> {
    let rows = sqlx::query(
        "SELECT g.table_name, g.column_name, s.organization, s.organization_coordsys_id, s.srs_name, s.definition \
         FROM gpkg_geometry_columns g LEFT JOIN gpkg_spatial_ref_sys s ON s.srs_id = g.srs_id ORDER BY 1",
    )
    .fetch_all(connection)
    .await
    .map_err(|error| match error {
        sqlx::Error::Database(what) if what.message().contains("no such table") => {
            Fault::Content("This is an SQLite file but no GeoPackage: it registers no layer.".to_owned())
        }
        other => Fault::Sql(other),
    })?;
    rows.iter()
        .map(|row| Ok(Layer { table: row.try_get(0)?, geometry: row.try_get(1)?, crs: declared_crs(row)? }))
        .collect()
}

fn declared_crs(row: &SqliteRow) -> Result<DeclaredCrs, Fault> {
    let organization: Option<String> = row.try_get(2)?;
    let code: Option<i64> = row.try_get(3)?;
    let name: Option<String> = row.try_get(4)?;
    let definition: Option<String> = row.try_get(5)?;
    let (Some(organization), Some(code)) = (organization, code) else { return Ok(DeclaredCrs::Nothing) };
    // The srs ids 0 and −1 mean "unknown" by the specification.
    if code <= 0 {
        return Ok(DeclaredCrs::Nothing);
    }
    let by_code = if organization.eq_ignore_ascii_case("epsg") {
        u32::try_from(code).ok().and_then(Crs::from_epsg)
    } else {
        definition.as_deref().and_then(Crs::from_wkt)
    };
    let foreign = || {
        DeclaredCrs::Foreign(format!("{organization}:{code} {}", name.unwrap_or_default()).trim().to_owned())
    };
    Ok(by_code.map_or_else(foreign, DeclaredCrs::Known))
}

fn choose(mut layers: Vec<Layer>, wanted: Option<&str>) -> Result<Layer, Fault> {
    let names = layers.iter().map(|layer| layer.table.as_str()).collect::<Vec<_>>().join(", ");
    let found = match wanted {
        Some(name) => layers.iter().position(|layer| layer.table == name),
        None if layers.len() == 1 => Some(0),
        None => None,
    };
    match (found, wanted) {
        (Some(index), _) => Ok(layers.swap_remove(index)),
        (None, _) if names.is_empty() => {
            Err(Fault::Content("The GeoPackage has no feature layer.".to_owned()))
        }
        (None, Some(name)) => {
            Err(Fault::Content(format!("The GeoPackage has no layer '{name}', only {names}.")))
        }
        (None, None) => Err(Fault::Content(format!(
            "The GeoPackage has several layers, so name one of them with --layer: {names}."
        ))),
    }
}

async fn columns(connection: &mut SqliteConnection, table: &str) -> Result<Vec<String>, Fault> {
    let columns: Vec<String> = sqlx::query_scalar("SELECT name FROM pragma_table_info($1)")
        .bind(table)
        .fetch_all(connection)
        .await?;
    if columns.is_empty() {
        return Err(Fault::Content(format!(
            "The GeoPackage registers the layer '{table}' but has no such table."
        )));
    }
    Ok(columns)
}

async fn features(
    connection: &mut SqliteConnection,
    layer: &Layer,
    fields: &[String],
    most: u64,
) -> Result<Vec<Feature>, Fault> {
    let names: Vec<String> =
        std::iter::once(&layer.geometry).chain(fields).map(|name| quoted(name)).collect();
    let (columns, table) = (names.join(", "), quoted(&layer.table));
    // The names come from the file's own schema and are quoted. What a view makes is measured before it is held.
    let lengths: Vec<String> = names.iter().map(|name| format!("coalesce(length({name}), 0)")).collect();
    let sql = format!("SELECT count(*), total({}) FROM {table}", lengths.join(" + "));
    let (rows, bytes): (i64, f64) = sqlx::query_as(AssertSqlSafe(sql)).fetch_one(&mut *connection).await?;
    if bytes + rows as f64 * ROW_BYTES > most as f64 {
        let message = format!(
            "The layer has {rows} rows with {bytes} bytes, many times as much as the file: it is a view that repeats what \
             is in it; save it as a table."
        );
        return Err(Fault::Content(message));
    }
    let sql = format!("SELECT {columns} FROM {table} LIMIT {rows}");
    let rows = sqlx::query(AssertSqlSafe(sql)).fetch_all(connection).await?;
    let feature = |(number, row): (u64, SqliteRow)| {
        let values = (1..=fields.len()).map(|i| text(&row, i)).collect::<Result<_, _>>()?;
        Ok(Feature { number, values, shape: shape(&row)? })
    };
    (1..).zip(rows).map(feature).collect()
}

fn shape(row: &SqliteRow) -> Result<Shape, Fault> {
    if row.try_get_raw(0)?.is_null() {
        return Ok(Shape::Missing);
    }
    Ok(row.try_get_unchecked::<Vec<u8>, _>(0).map(|blob| wkb::geopackage_shape(&blob))?)
}

/// A value as text; what is neither text nor number is none.
fn text(row: &SqliteRow, index: usize) -> Result<Option<Box<str>>, Fault> {
    let raw = row.try_get_raw(index)?;
    if raw.is_null() {
        return Ok(None);
    }
    let kind = raw.type_info().name().to_owned();
    Ok(match kind.as_str() {
        "INTEGER" | "BOOLEAN" => Some(row.try_get_unchecked::<i64, _>(index)?.to_string().into()),
        "REAL" => Some(row.try_get_unchecked::<f64, _>(index)?.to_string().into()),
        "BLOB" => None,
        _ => Some(row.try_get_unchecked::<String, _>(index)?.into()),
    })
}

fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is said of a GeoPackage whose only layer is this view.
    async fn refusal(view: &str) -> String {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("view.gpkg");
        let options = SqliteConnectOptions::new().filename(&path).create_if_missing(true);
        let mut connection = SqliteConnection::connect_with(&options).await.unwrap();
        let sql = format!(
            "CREATE TABLE gpkg_spatial_ref_sys (srs_id, organization, organization_coordsys_id, srs_name, definition); \
             CREATE TABLE gpkg_geometry_columns (table_name TEXT, column_name TEXT, srs_id); \
             INSERT INTO gpkg_geometry_columns VALUES ('layer', 'geom', 0); CREATE VIEW layer AS {view}"
        );
        sqlx::raw_sql(AssertSqlSafe(sql)).execute(&mut connection).await.unwrap();
        connection.close().await.unwrap();
        match read(&path, None).await {
            Ok(table) => format!("{} features", table.features.len()),
            Err(ReadError::Content { message, .. }) => message,
            Err(ReadError::Io(error)) => error.to_string(),
        }
    }

    #[tokio::test]
    async fn a_view_is_read_unless_it_takes_endless_time_or_memory() {
        let all = |to: &str| {
            format!(
                "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n{to}) SELECT NULL AS geom, i FROM n"
            )
        };
        assert_eq!(refusal(&all(" WHERE i < 1000")).await, "1000 features");
        assert!(refusal(&all("")).await.contains("takes too long"));
        assert!(refusal(&all(" WHERE i < 3000000")).await.contains("many times as much"));
        assert!(refusal("SELECT zeroblob(100000000) AS geom, 1 AS key").await.contains("many times as much"));
    }
}
