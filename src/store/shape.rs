//! Geometry as the two databases keep it: a GeoPackage blob with its envelope, or EWKB for PostGIS.

use geo::BoundingRect;
use geo_types::{Geometry, MultiPolygon};
use geozero::{
    CoordDimensions, ToGeo, ToWkb,
    wkb::{Ewkb, GpkgWkb, WkbDialect},
};
use sqlx::{
    Database, Decode, Encode, Postgres, Sqlite, Type,
    encode::IsNull,
    error::BoxDynError,
    postgres::{PgArgumentBuffer, PgTypeInfo},
    sqlite::{SqliteArgumentsBuffer, SqliteTypeInfo},
};

/// Every geometry is stored in degrees, WGS 84.
const SRID: i32 = 4326;

/// A geometry on its way to or from a database.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Shape(pub(super) Geometry<f64>);

impl Shape {
    /// The shape of a region; an empty multipolygon counts as none.
    pub(super) fn of_region(polygons: Option<&MultiPolygon<f64>>) -> Option<Self> {
        polygons.filter(|p| !p.0.is_empty()).map(|p| Self(Geometry::MultiPolygon(p.clone())))
    }

    /// Bytes of the GeoPackage: header with the envelope (x before y, least before greatest), then WKB.
    fn geopackage(&self) -> Result<Vec<u8>, BoxDynError> {
        let bounds = self.0.bounding_rect().ok_or("a geometry without coordinates")?;
        let envelope = vec![bounds.min().x, bounds.max().x, bounds.min().y, bounds.max().y];
        Ok(self.0.to_wkb_dialect(WkbDialect::Geopackage, CoordDimensions::xy(), Some(SRID), envelope)?)
    }
}

impl TryFrom<Shape> for MultiPolygon<f64> {
    type Error = &'static str;

    fn try_from(shape: Shape) -> Result<Self, Self::Error> {
        match shape.0 {
            Geometry::MultiPolygon(polygons) => Ok(polygons),
            Geometry::Polygon(polygon) => Ok(Self(vec![polygon])),
            _ => Err("a region's geometry is no multipolygon"),
        }
    }
}

impl Type<Sqlite> for Shape {
    fn type_info() -> SqliteTypeInfo {
        <Vec<u8> as Type<Sqlite>>::type_info()
    }
}

impl Encode<'_, Sqlite> for Shape {
    fn encode_by_ref(&self, buffer: &mut SqliteArgumentsBuffer) -> Result<IsNull, BoxDynError> {
        <Vec<u8> as Encode<'_, Sqlite>>::encode(self.geopackage()?, buffer)
    }
}

impl<'r> Decode<'r, Sqlite> for Shape {
    fn decode(value: <Sqlite as Database>::ValueRef<'r>) -> Result<Self, BoxDynError> {
        let bytes = <Vec<u8> as Decode<'r, Sqlite>>::decode(value)?;
        Ok(Self(GpkgWkb(bytes).to_geo()?))
    }
}

impl Type<Postgres> for Shape {
    fn type_info() -> PgTypeInfo {
        PgTypeInfo::with_name("geometry")
    }
}

impl Encode<'_, Postgres> for Shape {
    fn encode_by_ref(&self, buffer: &mut PgArgumentBuffer) -> Result<IsNull, BoxDynError> {
        buffer.extend_from_slice(&self.0.to_ewkb(CoordDimensions::xy(), Some(SRID))?);
        Ok(IsNull::No)
    }
}

impl<'r> Decode<'r, Postgres> for Shape {
    fn decode(value: <Postgres as Database>::ValueRef<'r>) -> Result<Self, BoxDynError> {
        Ok(Self(Ewkb(value.as_bytes()?).to_geo()?))
    }
}

#[cfg(test)]
mod tests {
    use geo_types::polygon;

    use super::*;

    #[test]
    fn a_geopackage_blob_has_magic_srid_and_envelope() {
        let square = polygon![(x: 1.0, y: 10.0), (x: 3.0, y: 10.0), (x: 3.0, y: 20.0), (x: 1.0, y: 10.0)];
        let bytes =
            Shape::of_region(Some(&MultiPolygon(vec![square.clone()]))).unwrap().geopackage().unwrap();
        assert_eq!(&bytes[..4], [b'G', b'P', 0, 0b0000_0011]);
        assert_eq!(i32::from_le_bytes(bytes[4..8].try_into().unwrap()), 4326);
        let envelope: Vec<f64> =
            bytes[8..40].as_chunks::<8>().0.iter().map(|b| f64::from_le_bytes(*b)).collect();
        assert_eq!(envelope, [1.0, 3.0, 10.0, 20.0]);
        assert_eq!(GpkgWkb(bytes).to_geo().unwrap(), Geometry::MultiPolygon(MultiPolygon(vec![square])));
    }

    #[test]
    fn an_empty_multipolygon_counts_as_no_geometry() {
        assert_eq!(Shape::of_region(Some(&MultiPolygon(vec![]))), None);
    }
}
