//! Geometry of all regions of an edition at once: the many neighbours that a comparison of levels or editions needs.

use geo_types::MultiPolygon;

use crate::store::{Id, Store, StoreError, shape::Shape, sql::params};

type Result<T> = std::result::Result<T, StoreError>;

impl Store {
    /// The full geometry of every region of an edition in degrees, by ordinal; `None` for reference regions. An edition
    /// that does not exist has no regions.
    ///
    /// # Errors
    /// If the database fails or holds something else than polygons.
    pub async fn region_geometries(&self, edition: Id) -> Result<Vec<Option<MultiPolygon<f64>>>> {
        let mut tx = self.begin_read().await?;
        let sql = "SELECT geom FROM region WHERE edition_id = $1 ORDER BY ordinal";
        let rows = tx.rows(sql, params![edition]).await?;
        let polygons = |shape: Shape| shape.try_into().map_err(|e: &str| StoreError::damaged(&e));
        rows.iter().map(|row| row.cells().get::<Option<Shape>>()?.map(polygons).transpose()).collect()
    }
}
