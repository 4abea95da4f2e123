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
    let layer = choose(layers(&mut connection).await?, layer)?;
    let columns = columns(&mut connection, &layer.table).await?;
    let fields: Vec<String> = columns.into_iter().filter(|column| *column != layer.geometry).collect();
    let features = features(&mut connection, &layer, &fields).await?;
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
) -> Result<Vec<Feature>, Fault> {
    let columns = std::iter::once(&layer.geometry)
        .chain(fields)
        .map(|name| quoted(name))
        .collect::<Vec<_>>()
        .join(", ");
    let sql = format!("SELECT {columns} FROM {}", quoted(&layer.table));
    // The names come from the file's own schema and are quoted.
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
