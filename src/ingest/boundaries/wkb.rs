//! Polygons out of Well-Known Binary, as a GeoPackage holds it.
//!
//! Own code, because the readers at hand trust the counts in the bytes (a few damaged bytes ask for 64 GB) and descend
//! into nested collections without a limit. Heights and measures are skipped. ISO and extended type numbers are
//! understood (OGC 06-103r4, clause 8; the high bits are PostGIS's).

use geo_types::{Coord, LineString, Polygon};

use super::table::Shape;

/// Collections inside collections inside …: more than this is no real file.
const MAX_DEPTH: u32 = 4;

/// Bytes that end early or contradict themselves.
#[derive(Debug, PartialEq, Eq)]
struct Damaged;

/// The shape in a GeoPackage geometry blob (OGC 12-128r18, clause 2.1.3).
pub(super) fn geopackage_shape(blob: &[u8]) -> Shape {
    let Some(start) = header_len(blob) else {
        return Shape::Unusable("is no GeoPackage geometry".to_owned());
    };
    shape(&blob[start..])
}

/// The shape in Well-Known Binary.
pub(super) fn shape(bytes: &[u8]) -> Shape {
    let mut polygons = Vec::new();
    match (Bytes { rest: bytes, little: true }).geometry(&mut polygons, 0) {
        Ok(None) => Shape::from_polygons(polygons),
        Ok(Some(other)) => Shape::Unusable(format!("is a {other}, but regions must be polygons")),
        Err(Damaged) => Shape::Unusable("is damaged: its bytes end early or make no sense".to_owned()),
    }
}

/// Length of the blob's header: magic, version, flags, SRS id, envelope.
fn header_len(blob: &[u8]) -> Option<usize> {
    let [b'G', b'P', _version, flags, ..] = blob else { return None };
    let envelope = match (flags >> 1) & 7 {
        0 => 0,
        1 => 4,
        2 | 3 => 6,
        4 => 8,
        _ => return None,
    };
    let len = 8 + 8 * envelope;
    (blob.len() >= len).then_some(len)
}

struct Bytes<'a> {
    rest: &'a [u8],
    little: bool,
}

impl Bytes<'_> {
    fn take<const N: usize>(&mut self) -> Result<[u8; N], Damaged> {
        let (head, rest) = self.rest.split_first_chunk::<N>().ok_or(Damaged)?;
        self.rest = rest;
        Ok(*head)
    }

    fn number(&mut self) -> Result<u32, Damaged> {
        let bytes = self.take()?;
        Ok(if self.little { u32::from_le_bytes(bytes) } else { u32::from_be_bytes(bytes) })
    }

    fn double(&mut self) -> Result<f64, Damaged> {
        let bytes = self.take()?;
        Ok(if self.little { f64::from_le_bytes(bytes) } else { f64::from_be_bytes(bytes) })
    }

    /// A count of things that need at least `size` bytes each, so that it can be trusted for an allocation.
    fn count(&mut self, size: usize) -> Result<usize, Damaged> {
        let count = self.number()? as usize;
        if count.saturating_mul(size) > self.rest.len() { Err(Damaged) } else { Ok(count) }
    }

    /// Adds the polygons of a geometry; or names what it is instead.
    fn geometry(
        &mut self,
        polygons: &mut Vec<Polygon<f64>>,
        depth: u32,
    ) -> Result<Option<&'static str>, Damaged> {
        if depth > MAX_DEPTH {
            return Err(Damaged);
        }
        let [order] = self.take::<1>()?;
        self.little = order != 0;
        let code = self.number()?;
        if code & 0x2000_0000 != 0 {
            self.number()?;
        }
        let (extended, iso) = (code & 0xC000_0000, (code & 0x0FFF_FFFF) / 1000);
        let dimensions =
            2 + extended.count_ones() as usize + [0, 1, 1, 2].get(iso as usize).ok_or(Damaged)?;
        match (code & 0x0FFF_FFFF) % 1000 {
            3 => polygons.push(self.polygon(dimensions)?),
            6 | 7 | 12 => {
                for _ in 0..self.count(5)? {
                    if let Some(other) = self.geometry(polygons, depth + 1)? {
                        return Ok(Some(other));
                    }
                }
            }
            1 | 4 => return Ok(Some("point")),
            2 | 5 => return Ok(Some("line")),
            8..=11 | 13 | 14 => return Ok(Some("curve or surface of arcs")),
            _ => return Err(Damaged),
        }
        Ok(None)
    }

    fn polygon(&mut self, dimensions: usize) -> Result<Polygon<f64>, Damaged> {
        let rings = self.count(4)?;
        let mut rings = (0..rings).map(|_| self.ring(dimensions)).collect::<Result<Vec<_>, _>>()?.into_iter();
        let exterior = rings.next().unwrap_or_else(|| LineString(Vec::new()));
        Ok(Polygon::new(exterior, rings.collect()))
    }

    fn ring(&mut self, dimensions: usize) -> Result<LineString<f64>, Damaged> {
        let points = self.count(8 * dimensions)?;
        let mut ring = Vec::with_capacity(points);
        for _ in 0..points {
            ring.push(Coord { x: self.double()?, y: self.double()? });
            for _ in 2..dimensions {
                self.double()?;
            }
        }
        Ok(LineString(ring))
    }
}

#[cfg(test)]
mod tests {
    use geo_types::{Geometry, MultiPolygon, point, polygon};
    use geozero::{CoordDimensions, ToWkb};
    use proptest::prelude::*;

    use super::*;

    fn blob(geometry: &Geometry<f64>) -> Vec<u8> {
        geometry.to_gpkg_wkb(CoordDimensions::xy(), Some(25832), vec![1.0, 2.0, 3.0, 4.0]).unwrap()
    }

    fn ring() -> Polygon<f64> {
        polygon!(exterior: [(x: 0.0, y: 0.0), (x: 9.0, y: 0.0), (x: 9.0, y: 9.0), (x: 0.0, y: 0.0)],
                 interiors: [[(x: 5.0, y: 1.0), (x: 6.0, y: 1.0), (x: 6.0, y: 2.0), (x: 5.0, y: 1.0)]])
    }

    #[test]
    fn polygons_come_back_as_another_writer_wrote_them() {
        let several = MultiPolygon(vec![ring(), ring()]);
        assert_eq!(geopackage_shape(&blob(&several.clone().into())), Shape::Polygons(several));
    }

    #[test]
    fn a_point_is_named_as_one() {
        let shape = geopackage_shape(&blob(&point!(x: 1.0, y: 2.0).into()));
        assert!(matches!(shape, Shape::Unusable(why) if why.contains("point")));
    }

    #[test]
    fn a_count_beyond_the_bytes_is_damage_and_not_an_allocation() {
        let mut bytes = blob(&ring().into());
        let rings = 8 + 32 + 5;
        bytes[rings..rings + 4].copy_from_slice(&u32::MAX.to_le_bytes());
        assert!(matches!(geopackage_shape(&bytes), Shape::Unusable(why) if why.contains("damaged")));
    }

    proptest! {
        #[test]
        fn damaged_blobs_never_panic(at in 0_usize..200, byte in any::<u8>(), cut in 0_usize..300) {
            let mut bytes = blob(&MultiPolygon(vec![ring(), ring()]).into());
            let len = bytes.len();
            bytes[at % len] = byte;
            bytes.truncate(cut);
            geopackage_shape(&bytes);
        }
    }
}
