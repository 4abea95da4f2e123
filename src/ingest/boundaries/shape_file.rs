//! Shapefiles: `.shp` with its neighbours `.dbf`, `.prj`, `.cpg` and, if it is there, `.shx`.

use std::{
    fs::{self, File},
    io::{BufReader, ErrorKind},
    path::{Path, PathBuf},
};

use geo::{Contains, Coord, LineString, Polygon};
use shapefile::{PolygonRing, Shape as ShpShape, ShapeReader};

use super::{
    dbf,
    table::{DeclaredCrs, Feature, FeatureTable, ReadError, Shape},
};
use crate::geometry::Crs;

/// First bytes of a `.shp` file: the number 9994, big endian.
pub(super) const MAGIC: [u8; 4] = [0, 0, 0x27, 0x0A];

/// Reads the shapefile whose `.shp` is at `path`.
///
/// # Errors
/// If the `.shp` or `.dbf` is missing or damaged, or both disagree on the number of rows.
pub(super) fn read(path: &Path) -> Result<FeatureTable, ReadError> {
    let table = match beside(path, "dbf") {
        Some(dbf) => dbf::read(&fs::read(dbf)?, text_beside(path, "cpg")?.as_deref())?,
        None => {
            return Err(ReadError::content(
                None,
                "The .dbf file with keys and names is missing: it must lie beside the .shp under the same name.",
            ));
        }
    };
    let mut warnings = Vec::new();
    if table.undecodable > 0 {
        warnings.push(format!(
            "{} texts of the .dbf are not valid {}: the .cpg file beside it should name the right encoding.",
            table.undecodable, table.encoding
        ));
    }
    let crs = match text_beside(path, "prj")? {
        Some(wkt) => declared_crs(&wkt),
        None => DeclaredCrs::Nothing,
    };
    if crs == DeclaredCrs::Nothing {
        warnings.push("The .prj file with the coordinate system is missing or empty.".to_owned());
    }
    let shapes = shapes(path)?;
    if shapes.len() != table.rows.len() || table.rows.len() != table.promised {
        return Err(ReadError::content(
            None,
            format!(
                "The .shp has {} shapes, the .dbf has {} rows and announces {}: they do not belong together or one is cut.",
                shapes.len(),
                table.rows.len(),
                table.promised
            ),
        ));
    }
    let features = (1..)
        .zip(shapes.into_iter().zip(table.rows))
        .filter_map(|(number, (shape, values))| Some(Feature { number, values: values?, shape }))
        .collect();
    Ok(FeatureTable {
        format: "Shapefile",
        encoding: table.encoding.to_owned(),
        crs,
        fields: table.fields,
        features,
        warnings,
    })
}

/// What a `.prj` file says.
fn declared_crs(wkt: &str) -> DeclaredCrs {
    match Crs::from_wkt(wkt) {
        Some(crs) => DeclaredCrs::Known(crs),
        None if wkt.trim().is_empty() => DeclaredCrs::Nothing,
        None => DeclaredCrs::Foreign(wkt.split('"').nth(1).unwrap_or("?").chars().take(60).collect()),
    }
}

/// The neighbour with another extension, in lower or upper case.
fn beside(path: &Path, extension: &str) -> Option<PathBuf> {
    [extension.to_owned(), extension.to_uppercase()]
        .into_iter()
        .map(|extension| path.with_extension(extension))
        .find(|neighbour| neighbour.is_file())
}

/// Text of a neighbour, if it is there. These are names in ASCII, so other bytes are replaced.
fn text_beside(path: &Path, extension: &str) -> Result<Option<String>, ReadError> {
    let Some(neighbour) = beside(path, extension) else { return Ok(None) };
    Ok(Some(String::from_utf8_lossy(&fs::read(neighbour)?).into_owned()))
}

fn shapes(path: &Path) -> Result<Vec<Shape>, ReadError> {
    let open = |path: &Path| File::open(path).map(BufReader::new);
    let header_fault = |error| fault(error, None);
    let mut reader = match beside(path, "shx") {
        Some(index) => ShapeReader::with_shx(open(path)?, open(&index)?).map_err(header_fault)?,
        None => ShapeReader::new(open(path)?).map_err(header_fault)?,
    };
    (1..)
        .zip(reader.iter_shapes())
        .map(|(number, shape)| shape.map(from_shp).map_err(|error| fault(error, Some(number))))
        .collect()
}

fn fault(error: shapefile::Error, number: Option<u64>) -> ReadError {
    match error {
        shapefile::Error::IoError(io) if io.kind() == ErrorKind::UnexpectedEof => ReadError::content(
            number,
            "The .shp or .shx file ends in the middle: it was cut when it was copied.",
        ),
        shapefile::Error::IoError(io) => io.into(),
        other => ReadError::content(number, format!("The .shp file is damaged: {other}.")),
    }
}

fn from_shp(shape: ShpShape) -> Shape {
    match shape {
        ShpShape::NullShape => Shape::Missing,
        ShpShape::Polygon(polygon) => from_rings(polygon.into_inner(), |p| Coord { x: p.x, y: p.y }),
        ShpShape::PolygonM(polygon) => from_rings(polygon.into_inner(), |p| Coord { x: p.x, y: p.y }),
        ShpShape::PolygonZ(polygon) => from_rings(polygon.into_inner(), |p| Coord { x: p.x, y: p.y }),
        other => Shape::Unusable(format!("is a {}, but regions must be polygons", other.shapetype())),
    }
}

/// Polygons of a shape's rings. The format says by the direction what is a hole, but not of which ring: the holes go to
/// the smallest exterior that holds their first point, and a hole outside of everything is taken as an area.
fn from_rings<P>(rings: Vec<PolygonRing<P>>, coord: impl Fn(P) -> Coord<f64>) -> Shape {
    let (mut polygons, mut holes) = (Vec::new(), Vec::new());
    for ring in rings {
        let is_hole = matches!(ring, PolygonRing::Inner(_));
        let line = LineString(ring.into_inner().into_iter().map(&coord).collect());
        if is_hole { holes.push(line) } else { polygons.push(Polygon::new(line, Vec::new())) }
    }
    let exteriors = polygons.len();
    for hole in holes {
        match owner(&polygons[..exteriors], &hole) {
            Some(owner) => polygons[owner].interiors_push(hole),
            None => polygons.push(Polygon::new(hole, Vec::new())),
        }
    }
    Shape::from_polygons(polygons)
}

fn owner(exteriors: &[Polygon<f64>], hole: &LineString<f64>) -> Option<usize> {
    use geo::{Area, BoundingRect, Intersects};
    if exteriors.len() <= 1 {
        return (!exteriors.is_empty()).then_some(0);
    }
    // A hole may touch its exterior in a point, so one that lies inside decides.
    let holds = |exterior: &Polygon<f64>| {
        let ring = Polygon::new(exterior.exterior().clone(), Vec::new());
        let near = exterior.bounding_rect().is_some_and(|b| hole.0.first().is_some_and(|c| b.intersects(c)));
        near && (hole.0.iter().any(|c| ring.contains(c)) || hole.0.iter().all(|c| ring.intersects(c)))
    };
    let area = |i: &usize| exteriors[*i].unsigned_area();
    (0..exteriors.len()).filter(|i| holds(&exteriors[*i])).min_by(|a, b| area(a).total_cmp(&area(b)))
}

#[cfg(test)]
mod tests {
    use geo::Area;
    use proptest::prelude::*;
    use shapefile::{Point, Polygon as ShpPolygon, ShapeWriter};

    use super::*;

    fn square(x: f64, y: f64, size: f64) -> Vec<Point> {
        [(0.0, 0.0), (0.0, 1.0), (1.0, 1.0), (1.0, 0.0), (0.0, 0.0)]
            .map(|(dx, dy)| Point::new(x + dx * size, y + dy * size))
            .to_vec()
    }

    fn area(shape: &Shape) -> f64 {
        match shape {
            Shape::Polygons(polygons) => polygons.unsigned_area(),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn holes_go_to_the_exterior_around_them_whatever_their_order() {
        let outer = |x| PolygonRing::Outer(square(x, 0.0, 10.0));
        let hole = PolygonRing::Inner(square(2.0, 2.0, 1.0));
        let shape = from_shp(ShpShape::Polygon(ShpPolygon::with_rings(vec![hole, outer(0.0), outer(20.0)])));
        let Shape::Polygons(polygons) = &shape else { panic!("{shape:?}") };
        assert_eq!(polygons.0.iter().map(|p| p.interiors().len()).collect::<Vec<_>>(), [1, 0]);
        assert!((area(&shape) - 199.0).abs() < 1e-9);
    }

    #[test]
    fn a_ring_in_the_wrong_direction_outside_of_everything_is_an_area() {
        let shape =
            from_rings(vec![PolygonRing::Inner(square(0.0, 0.0, 2.0))], |p: Point| Coord { x: p.x, y: p.y });
        assert!((area(&shape) - 4.0).abs() < 1e-9);
    }

    #[test]
    fn points_are_refused_with_their_name() {
        let shape = from_shp(ShpShape::Point(Point::new(1.0, 2.0)));
        assert!(matches!(shape, Shape::Unusable(why) if why.contains("Point")));
    }

    /// Bytes of a `.shp` with two squares.
    fn shp() -> Vec<u8> {
        let mut bytes = std::io::Cursor::new(Vec::new());
        let mut writer = ShapeWriter::new(&mut bytes);
        for x in [0.0, 20.0] {
            writer.write_shape(&ShpPolygon::new(PolygonRing::Outer(square(x, 0.0, 10.0)))).unwrap();
        }
        drop(writer);
        bytes.into_inner()
    }

    proptest! {
        #[test]
        fn damaged_shapes_never_panic(changes in proptest::collection::vec((0_usize..400, any::<u8>()), 1..4), cut in 0_usize..500) {
            let mut bytes = shp();
            let len = bytes.len();
            for (at, byte) in changes {
                bytes[at % len] = byte;
            }
            bytes.truncate(cut);
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join("a.shp");
            fs::write(&path, bytes).unwrap();
            let _ = shapes(&path);
        }
    }
}
