//! What the benchmarks run on: a generated grid of regions, the demo, and all municipalities where their file is given.

use std::{
    collections::BTreeMap,
    fmt,
    fs::File,
    io::{BufReader, BufWriter, Write},
    path::{Path, PathBuf},
};

use anyhow::{Context, Result};
use geo_types::{Coord, LineString, MultiPolygon, Polygon};
use serde::{
    Deserializer,
    de::{MapAccess, SeqAccess, Visitor},
};
use serde_json::Value;

/// Regions along each side of the generated grid.
const SIDE: usize = 60;

/// A border between two corners of the grid has 2 to the power of this many pieces.
const BORDER_LEVELS: u32 = 5;

/// Width and height of a cell in degrees: about that of a German municipality.
const CELL: Coord<f64> = Coord { x: 0.09, y: 0.055 };

/// South-west corner of the grid in degrees.
const ORIGIN: Coord<f64> = Coord { x: 8.5, y: 50.5 };

/// One region as the geometry takes it.
pub struct InputRegion {
    pub key: String,
    pub name: String,
    pub polygons: MultiPolygon<f64>,
}

/// A boundary file and what is in it.
pub struct Input {
    pub name: &'static str,
    pub file: PathBuf,
    /// As the import's options want it: `FIELD=VALUE`.
    pub filter: Option<&'static str>,
    /// By key.
    pub regions: Vec<InputRegion>,
}

impl Input {
    /// The generated grid, also written to a file in `folder`.
    pub fn grid(folder: &Path) -> Result<Self> {
        let file = folder.join("grid.geojson");
        let regions = grid_regions();
        write(&file, &regions).context("cannot write the generated boundaries")?;
        Ok(Self { name: "grid", file, filter: None, regions })
    }

    /// The municipalities of the demo.
    pub fn demo() -> Result<Self> {
        let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("demo/gemeinden.geojson");
        Ok(Self { name: "demo", regions: read(&file, None)?, file, filter: None })
    }

    /// All municipalities, if `KOMMUNALATLAS_GERMANY` names their file.
    pub fn germany() -> Result<Option<Self>> {
        let Some(file) = std::env::var_os("KOMMUNALATLAS_GERMANY").map(PathBuf::from) else {
            return Ok(None);
        };
        // Parts with another GF are water.
        let regions = read(&file, Some(("GF", 4)))?;
        Ok(Some(Self { name: "germany", regions, file, filter: Some("GF=4") }))
    }

    /// Points of all rings.
    pub fn vertices(&self) -> usize {
        let rings = |p: &Polygon<f64>| {
            p.exterior().0.len() + p.interiors().iter().map(|ring| ring.0.len()).sum::<usize>()
        };
        self.regions.iter().flat_map(|r| &r.polygons.0).map(rings).sum()
    }
}

/// Deterministic noise in −1…1 for a place: a linear congruential step on mixed coordinates.
pub fn noise(parts: [usize; 4]) -> f64 {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    for part in parts {
        state = (state ^ part as u64)
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        state ^= state >> 29;
    }
    (state >> 11) as f64 / (1_u64 << 52) as f64 - 1.0
}

fn corner(column: usize, row: usize) -> Coord<f64> {
    let shift = |axis| 0.1 * noise([column, row, axis, 0]);
    Coord {
        x: ORIGIN.x + CELL.x * (column as f64 + shift(0)),
        y: ORIGIN.y + CELL.y * (row as f64 + shift(1)),
    }
}

/// The border from a corner to the next one to the east (`axis` 0) or north (1), both ends included: a line bent by
/// displacing midpoints, half as much at each level. Both regions beside it get these same points.
fn border(column: usize, row: usize, axis: usize) -> Vec<Coord<f64>> {
    let end = if axis == 0 { corner(column + 1, row) } else { corner(column, row + 1) };
    let mut line = vec![corner(column, row), end];
    let mut reach = 0.08;
    for _ in 0..BORDER_LEVELS {
        let bend = |(at, ends): (usize, &[Coord<f64>])| {
            let away = reach * noise([column, row, axis + 2, line.len() * 64 + at]);
            let side = if axis == 0 { Coord { x: 0.0, y: CELL.y } } else { Coord { x: CELL.x, y: 0.0 } };
            [ends[0], (ends[0] + ends[1]) / 2.0 + side * away]
        };
        let mut bent: Vec<_> = line.windows(2).enumerate().flat_map(bend).collect();
        bent.push(end);
        (line, reach) = (bent, reach / 2.0);
    }
    // As files write them.
    let rounded = |v: f64| (v * 1e6).round() / 1e6;
    line.into_iter().map(|c| Coord { x: rounded(c.x), y: rounded(c.y) }).collect()
}

fn grid_regions() -> Vec<InputRegion> {
    let region = |number: usize| {
        let (column, row) = (number % SIDE, number / SIDE);
        let (south, east) = (border(column, row, 0), border(column + 1, row, 1));
        let (north, west) = (border(column, row + 1, 0), border(column, row, 1));
        let backwards = |line: Vec<Coord<f64>>| line.into_iter().rev();
        let mut ring: Vec<_> =
            south.into_iter().chain(east).chain(backwards(north)).chain(backwards(west)).collect();
        ring.dedup();
        // Five digits for the block of ten by ten that serves as a parent, three for the region in it.
        let block = row / 10 * 100 + column / 10;
        InputRegion {
            key: format!("{block:05}{:03}", row % 10 * 10 + column % 10),
            name: format!("Gemeinde {column}-{row}"),
            polygons: MultiPolygon(vec![Polygon::new(LineString(ring), vec![])]),
        }
    };
    let mut regions: Vec<_> = (0..SIDE * SIDE).map(region).collect();
    regions.sort_by(|a, b| a.key.cmp(&b.key));
    regions
}

fn write(file: &Path, regions: &[InputRegion]) -> Result<()> {
    let mut out = BufWriter::new(File::create(file)?);
    write!(out, r#"{{"type":"FeatureCollection","features":["#)?;
    for (at, region) in regions.iter().enumerate() {
        let rings: Vec<Vec<[f64; 2]>> =
            region.polygons.0.iter().map(|p| p.exterior().0.iter().map(|c| [c.x, c.y]).collect()).collect();
        let feature = serde_json::json!({
            "type": "Feature",
            "properties": { "AGS": region.key, "GEN": region.name },
            "geometry": { "type": "Polygon", "coordinates": rings },
        });
        write!(out, "{}{feature}", if at == 0 { "\n" } else { ",\n" })?;
    }
    writeln!(out, "]}}")?;
    Ok(out.flush()?)
}

/// Reads the features of a file by the key `AGS`: a collection, or a bare array of features and collections.
fn read(file: &Path, filter: Option<(&str, u64)>) -> Result<Vec<InputRegion>> {
    let mut regions: BTreeMap<String, InputRegion> = BTreeMap::new();
    let mut take = |feature: &Value| {
        let properties = &feature["properties"];
        let wanted = filter.is_none_or(|(field, value)| properties[field] == value);
        let Some(key) = properties["AGS"].as_str().filter(|_| wanted) else { return };
        let region = regions.entry(key.to_owned()).or_insert_with(|| InputRegion {
            key: key.to_owned(),
            name: properties["GEN"].as_str().unwrap_or(key).to_owned(),
            polygons: MultiPolygon(vec![]),
        });
        region.polygons.0.extend(polygons(&feature["geometry"]));
    };
    let reader = BufReader::new(File::open(file).with_context(|| format!("cannot read {}", file.display()))?);
    serde_json::Deserializer::from_reader(reader)
        .deserialize_any(Features(&mut take))
        .with_context(|| format!("{} is not the expected GeoJSON", file.display()))?;
    Ok(regions.into_values().collect())
}

/// Hands on features one by one, so that a large file is never in memory as a whole.
struct Features<'a>(&'a mut dyn FnMut(&Value));

impl<'de> Visitor<'de> for Features<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("features")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut units: A) -> Result<(), A::Error> {
        while let Some(unit) = units.next_element::<Value>()? {
            match unit["features"].as_array() {
                Some(features) => features.iter().for_each(&mut *self.0),
                None => (self.0)(&unit),
            }
        }
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<(), A::Error> {
        while let Some((name, value)) = members.next_entry::<String, Value>()? {
            if name == "features" {
                value.as_array().into_iter().flatten().for_each(&mut *self.0);
            }
        }
        Ok(())
    }
}

/// Polygons of a geometry; what is none is left out.
fn polygons(geometry: &Value) -> Vec<Polygon<f64>> {
    let list = |value: &Value| value.as_array().cloned().unwrap_or_default();
    let number = |value: &Value| value.as_f64().unwrap_or_default();
    let line = |value: &Value| {
        LineString(list(value).iter().map(|c| Coord { x: number(&c[0]), y: number(&c[1]) }).collect())
    };
    let polygon = |value: &Value| {
        let mut lines: Vec<_> = list(value).iter().map(line).collect();
        (!lines.is_empty()).then(|| Polygon::new(lines.remove(0), lines))
    };
    match geometry["type"].as_str() {
        Some("Polygon") => polygon(&geometry["coordinates"]).into_iter().collect(),
        Some("MultiPolygon") => list(&geometry["coordinates"]).iter().filter_map(polygon).collect(),
        _ => Vec::new(),
    }
}
