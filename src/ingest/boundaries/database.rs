//! Features out of a table of a PostGIS database.
//!
//! Must not know: how the table was read.

use super::{
    table::{DeclaredCrs, Feature, FeatureTable, ReadError, Shape},
    wkb,
};
use crate::{geometry::Crs, store::ForeignTable};

/// The features of a table that was read.
///
/// # Errors
/// If it has no column with geometries.
pub(super) fn features(table: ForeignTable) -> Result<FeatureTable, ReadError> {
    let Some(geometry) = table.geometry else {
        return Err(ReadError::content(None, "The table has no column with geometries."));
    };
    let crs = match table.srid {
        None => DeclaredCrs::Nothing,
        Some(code) => u32::try_from(code)
            .ok()
            .and_then(Crs::from_epsg)
            .map_or_else(|| DeclaredCrs::Foreign(format!("EPSG:{code}")), DeclaredCrs::Known),
    };
    let rows = (1..).zip(table.rows.into_iter().zip(geometry));
    let features = rows.map(|(number, (row, shape))| Feature {
        number,
        values: row.into_iter().map(|cell| cell.map(Into::into)).collect(),
        shape: shape.map_or(Shape::Missing, |bytes| wkb::shape(&bytes)),
    });
    Ok(FeatureTable {
        format: "PostGIS",
        encoding: "UTF-8".to_owned(),
        crs,
        fields: table.columns.into_iter().map(|column| column.name).collect(),
        features: features.collect(),
        warnings: Vec::new(),
    })
}
