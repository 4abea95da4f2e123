//! FlatGeobuf (version 3).
//!
//! Of the crate at hand only the verified flatbuffer tables are used. Its own reader, made for files that one trusts,
//! panics on an index whose size does not fit a number and on rings that end before they begin.

use flatgeobuf::{
    Column, ColumnType, Geometry, GeometryType, Header, size_prefixed_root_as_feature,
    size_prefixed_root_as_header,
};
use geo_types::{Coord, LineString, Polygon};

use super::table::{DeclaredCrs, Feature, FeatureTable, ReadError, Shape, has_room, too_many_values};
use crate::geometry::Crs;

/// First bytes of every FlatGeobuf file; the fourth is the version.
pub(super) const MAGIC: &[u8] = b"fgb\x03fgb";

/// Magic bytes with the patch version behind them.
const MAGIC_LEN: usize = 8;

/// Bytes of a node of the index: four corners and an offset.
const NODE_LEN: u64 = 40;

/// Collections inside collections inside …: more than this is no real file.
const MAX_DEPTH: u32 = 4;

/// Reads a whole file.
///
/// # Errors
/// If the file is damaged or ends early.
pub(super) fn read(bytes: &[u8]) -> Result<FeatureTable, ReadError> {
    let mut rest = bytes.get(MAGIC_LEN..).ok_or_else(|| damaged("it has no header"))?;
    let header = take_table(&mut rest)?;
    let header =
        size_prefixed_root_as_header(header).map_err(|_| damaged("its header contradicts itself"))?;
    let index = index_len(&header).and_then(|len| usize::try_from(len).ok());
    rest = index.and_then(|len| rest.get(len..)).ok_or_else(|| damaged("it ends within its index"))?;
    let columns: Vec<Column<'_>> = header.columns().map(|c| c.iter().collect()).unwrap_or_default();
    let mut features = Vec::new();
    while !rest.is_empty() {
        if !has_room(features.len(), columns.len()) {
            return Err(too_many_values());
        }
        let number = features.len() as u64 + 1;
        features.push(feature(take_table(&mut rest)?, number, header.geometry_type(), &columns)?);
    }
    let promised = header.features_count();
    if promised > 0 && promised != features.len() as u64 {
        let found = features.len();
        return Err(damaged(&format!("it announces {promised} features and has {found}")));
    }
    Ok(FeatureTable {
        format: "FlatGeobuf",
        encoding: "UTF-8".to_owned(),
        crs: declared_crs(&header),
        fields: columns.iter().map(|column| column.name().to_owned()).collect(),
        features,
        warnings: Vec::new(),
    })
}

fn damaged(what: &str) -> ReadError {
    ReadError::content(None, format!("The FlatGeobuf file is damaged: {what}."))
}

/// The next flatbuffer with the four bytes of its length before it.
fn take_table<'a>(rest: &mut &'a [u8]) -> Result<&'a [u8], ReadError> {
    let cut = || damaged("it ends in the middle, it was cut when it was copied");
    let len = u32::from_le_bytes(*rest.first_chunk().ok_or_else(cut)?) as usize;
    let (table, behind) = rest.split_at_checked(len.saturating_add(4)).ok_or_else(cut)?;
    *rest = behind;
    Ok(table)
}

/// Length of the index in bytes: a packed tree of `features_count` leaves. `None` if it is no possible one.
fn index_len(header: &Header<'_>) -> Option<u64> {
    let (mut level, size) = (header.features_count(), u64::from(header.index_node_size()));
    if level == 0 || size == 0 {
        return Some(0);
    }
    if size < 2 {
        return None;
    }
    let mut nodes = level;
    while level > 1 {
        level = level.div_ceil(size);
        nodes = nodes.checked_add(level)?;
    }
    // A tree has a root, also above a single leaf.
    nodes.max(2).checked_mul(NODE_LEN)
}

fn declared_crs(header: &Header<'_>) -> DeclaredCrs {
    let Some(crs) = header.crs() else { return DeclaredCrs::Nothing };
    let is_epsg = crs.org().is_none_or(|org| org.is_empty() || org.eq_ignore_ascii_case("epsg"));
    let code = u32::try_from(crs.code()).ok().filter(|code| *code > 0);
    let by_code = code.filter(|_| is_epsg).and_then(Crs::from_epsg);
    let named = crs.name().or(crs.wkt()).unwrap_or_default();
    match by_code.or_else(|| crs.wkt().and_then(Crs::from_wkt)) {
        Some(crs) => DeclaredCrs::Known(crs),
        None if code.is_none() && named.is_empty() => DeclaredCrs::Nothing,
        None => {
            let name: String = named.chars().take(60).collect();
            DeclaredCrs::Foreign(format!("{} {name}", code.unwrap_or_default()).trim().to_owned())
        }
    }
}

fn feature(
    table: &[u8],
    number: u64,
    kind: GeometryType,
    columns: &[Column<'_>],
) -> Result<Feature, ReadError> {
    let fault = |what: &str| {
        ReadError::content(Some(number), format!("The FlatGeobuf file is damaged: the feature {what}."))
    };
    let feature =
        size_prefixed_root_as_feature(table).map_err(|_| fault("contradicts itself or ends early"))?;
    let own: Option<Vec<Column<'_>>> = feature.columns().map(|columns| columns.iter().collect());
    let columns = match &own {
        Some(own) if own.len() == columns.len() => own,
        Some(_) => return Err(fault("has other fields than the file")),
        None => columns,
    };
    let properties = feature.properties().map(|bytes| bytes.bytes()).unwrap_or_default();
    let values = values(properties, columns).ok_or_else(|| fault("has properties that make no sense"))?;
    let mut reader = Reader { polygons: Vec::new(), left: table.len() / 16 };
    let shape = match feature.geometry() {
        None => Shape::Missing,
        Some(geometry) => match reader.geometry(&geometry, kind, 0) {
            Ok(()) => Shape::from_polygons(reader.polygons),
            Err(why) => Shape::Unusable(why),
        },
    };
    Ok(Feature { number, values, shape })
}

/// Values by field: the number of a column, then its value. `None` if the bytes end early or name another column.
fn values(mut bytes: &[u8], columns: &[Column<'_>]) -> Option<Vec<Option<Box<str>>>> {
    fn take<const N: usize>(bytes: &mut &[u8]) -> Option<[u8; N]> {
        let (head, rest) = bytes.split_first_chunk::<N>()?;
        *bytes = rest;
        Some(*head)
    }
    let mut values = vec![None; columns.len()];
    while !bytes.is_empty() {
        let column = usize::from(u16::from_le_bytes(take(&mut bytes)?));
        let text = match columns.get(column)?.type_() {
            ColumnType::Byte => i8::from_le_bytes(take(&mut bytes)?).to_string(),
            ColumnType::UByte => u8::from_le_bytes(take(&mut bytes)?).to_string(),
            ColumnType::Bool => (take::<1>(&mut bytes)? != [0]).to_string(),
            ColumnType::Short => i16::from_le_bytes(take(&mut bytes)?).to_string(),
            ColumnType::UShort => u16::from_le_bytes(take(&mut bytes)?).to_string(),
            ColumnType::Int => i32::from_le_bytes(take(&mut bytes)?).to_string(),
            ColumnType::UInt => u32::from_le_bytes(take(&mut bytes)?).to_string(),
            ColumnType::Long => i64::from_le_bytes(take(&mut bytes)?).to_string(),
            ColumnType::ULong => u64::from_le_bytes(take(&mut bytes)?).to_string(),
            ColumnType::Float => f32::from_le_bytes(take(&mut bytes)?).to_string(),
            ColumnType::Double => f64::from_le_bytes(take(&mut bytes)?).to_string(),
            kind @ (ColumnType::String | ColumnType::Json | ColumnType::DateTime | ColumnType::Binary) => {
                let len = u32::from_le_bytes(take(&mut bytes)?) as usize;
                let (text, rest) = bytes.split_at_checked(len)?;
                bytes = rest;
                if kind == ColumnType::Binary {
                    continue;
                }
                std::str::from_utf8(text).ok()?.to_owned()
            }
            _ => return None,
        };
        values[column] = Some(text.into());
    }
    Some(values)
}

/// Collects the polygons of a feature.
struct Reader {
    polygons: Vec<Polygon<f64>>,
    /// How many more positions may be taken: tables can share their contents, so a small feature could expand.
    left: usize,
}

impl Reader {
    fn geometry(&mut self, geometry: &Geometry<'_>, kind: GeometryType, depth: u32) -> Result<(), String> {
        let kind = if kind == GeometryType::Unknown { geometry.type_() } else { kind };
        let is_collection = matches!(kind, GeometryType::MultiPolygon | GeometryType::GeometryCollection);
        if kind == GeometryType::Polygon {
            return self.polygon(geometry);
        }
        if !is_collection {
            let name = kind.variant_name().unwrap_or("shape of unknown kind");
            return Err(format!("is a {name}, but regions must be polygons"));
        }
        if depth > MAX_DEPTH {
            return Err("is damaged: collections lie in each other without end".to_owned());
        }
        for part in geometry.parts().into_iter().flatten() {
            // The parts of a multipolygon need not say that they are polygons.
            let of_part = match (kind, part.type_()) {
                (GeometryType::MultiPolygon, _) => GeometryType::Polygon,
                (_, of_part) => of_part,
            };
            self.geometry(&part, of_part, depth + 1)?;
        }
        Ok(())
    }

    /// A polygon: all positions in a row, and where each ring ends; a single ring need not say so.
    fn polygon(&mut self, geometry: &Geometry<'_>) -> Result<(), String> {
        let damaged = || "is damaged: its rings do not fit its coordinates".to_owned();
        let Some(xy) = geometry.xy() else { return Ok(()) };
        let positions = xy.len() / 2;
        self.left = self.left.checked_sub(positions).ok_or_else(damaged)?;
        let position = |i: usize| Coord { x: xy.get(2 * i), y: xy.get(2 * i + 1) };
        let ends: Vec<usize> = match geometry.ends() {
            Some(ends) if !ends.is_empty() => ends.iter().map(|end| end as usize).collect(),
            _ => vec![positions],
        };
        let mut rings = Vec::with_capacity(ends.len());
        let mut start = 0;
        for end in ends {
            if end < start || end > positions {
                return Err(damaged());
            }
            rings.push(LineString((start..end).map(position).collect()));
            start = end;
        }
        let mut rings = rings.into_iter();
        let exterior = rings.next().unwrap_or_else(|| LineString(Vec::new()));
        self.polygons.push(Polygon::new(exterior, rings.collect()));
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::LazyLock;

    use flatgeobuf::{FgbCrs, FgbWriter, FgbWriterOptions};
    use geo::Area;
    use geo_types::{MultiPolygon, point, polygon};
    use geozero::{ColumnValue, PropertyProcessor};
    use proptest::prelude::*;

    use super::*;

    fn ring(x: f64) -> Polygon<f64> {
        polygon!(exterior: [(x: x, y: 0.0), (x: x + 9.0, y: 0.0), (x: x + 9.0, y: 9.0), (x: x, y: 0.0)],
                 interiors: [[(x: x + 5.0, y: 1.0), (x: x + 6.0, y: 1.0), (x: x + 6.0, y: 2.0), (x: x + 5.0, y: 1.0)]])
    }

    /// A file with a polygon, a multipolygon and a point.
    fn file(write_index: bool) -> Vec<u8> {
        let crs = FgbCrs { code: 25832, ..FgbCrs::default() };
        let options = FgbWriterOptions {
            write_index,
            crs,
            promote_to_multi: false,
            detect_type: false,
            ..FgbWriterOptions::default()
        };
        let mut writer = FgbWriter::create_with_options("a", GeometryType::Unknown, options).unwrap();
        writer.add_column("AGS", ColumnType::String, |_, _| {});
        writer.add_column("EWZ", ColumnType::Int, |_, _| {});
        let shapes: [geo_types::Geometry; 3] = [
            ring(0.0).into(),
            MultiPolygon(vec![ring(20.0), ring(40.0)]).into(),
            point!(x: 1.0, y: 2.0).into(),
        ];
        for (number, shape) in shapes.into_iter().enumerate() {
            writer
                .add_feature_geom(shape, |feature| {
                    feature.property(0, "AGS", &ColumnValue::String(&format!("0{number}"))).unwrap();
                    feature.property(1, "EWZ", &ColumnValue::Int(-3)).unwrap();
                })
                .unwrap();
        }
        let mut bytes = Vec::new();
        writer.write(&mut bytes).unwrap();
        bytes
    }

    #[test]
    fn a_file_of_another_writer_comes_back_with_and_without_an_index() {
        for write_index in [true, false] {
            let table = read(&file(write_index)).unwrap();
            assert_eq!(
                (table.fields.as_slice(), table.crs),
                (["AGS", "EWZ"].map(String::from).as_slice(), DeclaredCrs::Known(Crs::Utm32))
            );
            // An index orders the features along a curve.
            let mut found: Vec<_> =
                table.features.iter().map(|f| (f.text(0).unwrap(), f.text(1).unwrap(), &f.shape)).collect();
            found.sort_unstable_by_key(|(key, ..)| *key);
            assert_eq!(found[0], ("00", "-3", &Shape::Polygons(MultiPolygon(vec![ring(0.0)]))));
            assert!(
                matches!(found[1].2, Shape::Polygons(p) if p.0.len() == 2 && (p.unsigned_area() - 80.0).abs() < 1e-9)
            );
            assert!(matches!(found[2].2, Shape::Unusable(why) if why.contains("Point")));
        }
    }

    #[test]
    fn a_cut_file_is_refused() {
        let bytes = file(true);
        for cut in [4, 10, 60, bytes.len() - 1] {
            assert!(read(&bytes[..cut]).unwrap_err().to_string().contains("damaged"), "{cut}");
        }
    }

    proptest! {
        #[test]
        fn arbitrary_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            let _ = read(&[MAGIC, &[0], &bytes].concat());
        }

        #[test]
        fn damaged_files_never_panic(changes in proptest::collection::vec((0_usize..4000, any::<u8>()), 1..4), cut in 0_usize..4000) {
            static FILES: LazyLock<[Vec<u8>; 2]> = LazyLock::new(|| [file(true), file(false)]);
            let mut bytes = FILES[cut % 2].clone();
            let len = bytes.len();
            for (at, byte) in changes {
                bytes[at % len] = byte;
            }
            let _ = read(&bytes);
            bytes.truncate(cut);
            let _ = read(&bytes);
        }
    }
}
