//! The same boundaries in every format and coordinate system; damaged files of every format.

use std::{
    fs,
    io::{Cursor, Write},
    path::{Path, PathBuf},
    sync::LazyLock,
};

use geo::Area;
use kommunalatlas::{ingest::boundaries::BoundaryOptions, store::RegionRow};
use proptest::prelude::*;
use zip::{ZipWriter, write::SimpleFileOptions};

use super::{Atlas, converted, gemeinden, options, samtgemeinden, shared};

fn gemeinde_options() -> BoundaryOptions {
    BoundaryOptions { filter: vec!["GF=4".parse().unwrap()], ..options("gemeinde") }
}

fn zipped(files: &[PathBuf]) -> Vec<u8> {
    let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
    for file in files {
        let name = file.file_name().unwrap().to_str().unwrap();
        writer.start_file(format!("daten/{name}"), SimpleFileOptions::default()).unwrap();
        writer.write_all(&fs::read(file).unwrap()).unwrap();
    }
    writer.finish().unwrap().into_inner()
}

fn parts_of_shapefile(shp: &Path) -> Vec<PathBuf> {
    ["shp", "shx", "dbf", "prj", "cpg"].iter().map(|e| shp.with_extension(e)).filter(|p| p.exists()).collect()
}

/// A GeoJSON collection as TopoJSON: every ring is an arc.
fn topojson(collection: &str) -> String {
    let json: serde_json::Value = serde_json::from_str(collection).unwrap();
    let mut arcs = Vec::new();
    let geometry = |feature: &serde_json::Value| {
        let mut ring = |ring: &serde_json::Value| {
            arcs.push(ring.clone());
            serde_json::json!([arcs.len() - 1])
        };
        let mut rings = |polygon: &serde_json::Value| {
            polygon.as_array().unwrap().iter().map(&mut ring).collect::<Vec<_>>()
        };
        let coordinates = &feature["geometry"]["coordinates"];
        let kind = feature["geometry"]["type"].as_str().unwrap();
        let numbers = match kind {
            "Polygon" => serde_json::json!(rings(coordinates)),
            _ => {
                serde_json::json!(coordinates.as_array().unwrap().iter().map(&mut rings).collect::<Vec<_>>())
            }
        };
        serde_json::json!({"type": kind, "properties": feature["properties"], "arcs": numbers})
    };
    let geometries: Vec<_> = json["features"].as_array().unwrap().iter().map(geometry).collect();
    let objects = serde_json::json!({"gebiete": {"type": "GeometryCollection", "geometries": geometries}});
    serde_json::json!({"type": "Topology", "objects": objects, "arcs": arcs}).to_string()
}

/// What must be the same whatever the format: keys, names, areas (in square degrees) and label points.
struct Content {
    rows: Vec<RegionRow>,
    areas: Vec<f64>,
}

async fn content(file: &Path, options: &BoundaryOptions) -> Content {
    let atlas = Atlas::new().await;
    let report = atlas.import(file, options).await;
    assert!(report.committed, "{report}");
    let edition = atlas.editions().await.remove(0).id;
    let geometries = atlas.store.region_geometries(edition).await.unwrap();
    let areas = geometries.iter().map(|g| g.as_ref().unwrap().unsigned_area()).collect();
    Content { rows: atlas.store.regions(edition).await.unwrap(), areas }
}

fn assert_same(found: &Content, expected: &Content, degrees: f64, file: &Path) {
    assert_eq!(found.rows.len(), expected.rows.len(), "{}", file.display());
    for (found, expected) in found.rows.iter().zip(&expected.rows) {
        assert_eq!(found.region, expected.region);
        let (a, b) = (found.label.unwrap(), expected.label.unwrap());
        // A label is placed to a hundredth of a region's size, so the order of vertices may move it a little.
        let near = (a.0 - b.0).hypot(a.1 - b.1);
        assert!(near < 0.01, "{}: {} moved by {near}°", file.display(), found.region.key);
    }
    for (found, expected) in found.areas.iter().zip(&expected.areas) {
        assert!((found - expected).abs() <= degrees, "{}: {found} {expected}", file.display());
    }
}

#[tokio::test]
async fn every_format_and_system_gives_the_same_regions() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    let json = path("a.geojson");
    fs::write(&json, gemeinden()).unwrap();
    let options = gemeinde_options();
    let expected = content(&json, &options).await;
    let mut exact = vec![path("a.topojson")];
    fs::write(&exact[0], topojson(&gemeinden())).unwrap();
    for (name, arguments) in [
        ("a.fgb", ["-f", "FlatGeobuf"].as_slice()),
        ("unindexed.fgb", &["-f", "FlatGeobuf", "-lco", "SPATIAL_INDEX=NO"]),
        ("a.geojsonl", &["-f", "GeoJSONSeq"]),
        ("a.geojsons", &["-f", "GeoJSONSeq", "-lco", "RS=YES"]),
        ("a.gpkg", &[]),
        ("a.shp", &["-lco", "ENCODING=UTF-8"]),
    ] {
        if !converted(&json, &path(name), arguments) {
            return;
        }
        exact.push(path(name));
    }
    for name in ["a.fgb", "a.geojsons", "a.gpkg", "a.topojson"] {
        exact.push(path(&format!("{name}.zip")));
        fs::write(exact.last().unwrap(), zipped(&[path(name)])).unwrap();
    }
    exact.push(path("shp.zip"));
    fs::write(exact.last().unwrap(), zipped(&parts_of_shapefile(&path("a.shp")))).unwrap();
    for file in &exact {
        // The name says nothing.
        let nameless = if file.extension().is_some_and(|e| e == "shp") { file.clone() } else { path("x") };
        if *file != nameless {
            fs::copy(file, &nameless).unwrap();
        }
        assert_same(&content(&nameless, &options).await, &expected, 1e-9, file);
    }
    let has_grid = Path::new("/usr/share/proj/BETA2007.gsb").exists();
    for epsg in [4326, 4258, 25832, 25833, 4647, 5650, 31466, 31467, 31468, 3035, 3857] {
        if (31466..=31468).contains(&epsg) && !has_grid {
            println!("skipped: EPSG:{epsg}, since BETA2007.gsb is not installed");
            continue;
        }
        for (format, ending) in [("GPKG", "gpkg"), ("FlatGeobuf", "fgb"), ("ESRI Shapefile", "shp")] {
            let file = path(&format!("crs-{epsg}.{ending}"));
            assert!(converted(&json, &file, &["-f", format, "-t_srs", &format!("EPSG:{epsg}")]));
            assert_same(&content(&file, &options).await, &expected, 1e-7, &file);
        }
    }
}

#[tokio::test]
async fn the_official_kreise_are_the_same_in_every_format() {
    let Some(shared) = shared() else {
        println!("skipped: there is no folder with real files");
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let shp = shared.join("data/de-vg5000-2021/VG5000_KRS.shp");
    let options = BoundaryOptions { filter: vec!["GF=9".parse().unwrap()], ..options("kreis") };
    let expected = content(&shp, &options).await;
    assert_eq!(expected.rows.len(), 401);
    let zip = folder.path().join("vg5000.zip");
    let all =
        ["GEM", "KRS", "LAN"].map(|n| parts_of_shapefile(&shp.with_file_name(format!("VG5000_{n}.shp"))));
    fs::write(&zip, zipped(&all.concat())).unwrap();
    let atlas = Atlas::new().await;
    let report = atlas.run(&zip, &options, true).await;
    assert!(report.problems[0].message.contains("VG5000_GEM, VG5000_KRS, VG5000_LAN"), "{report}");
    let named = BoundaryOptions { layer: Some("VG5000_KRS".into()), ..options.clone() };
    assert_same(&content(&zip, &named).await, &expected, 0.0, &zip);
    let mut files = Vec::new();
    for (name, arguments) in [
        ("k.fgb", ["-nlt", "PROMOTE_TO_MULTI", "-t_srs", "EPSG:25832"].as_slice()),
        ("k.gpkg", &["-nlt", "PROMOTE_TO_MULTI", "-t_srs", "EPSG:3035"]),
        ("k.geojsonl", &["-f", "GeoJSONSeq", "-t_srs", "EPSG:4326", "-lco", "COORDINATE_PRECISION=9"]),
        ("k.geojson", &["-t_srs", "EPSG:4326", "-lco", "COORDINATE_PRECISION=9"]),
    ] {
        if !converted(&shp, &folder.path().join(name), arguments) {
            return;
        }
        files.push(folder.path().join(name));
    }
    let topology = folder.path().join("k.topojson");
    fs::write(&topology, topojson(&fs::read_to_string(folder.path().join("k.geojson")).unwrap())).unwrap();
    files.push(topology);
    for file in files {
        assert_same(&content(&file, &options).await, &expected, 1e-6, &file);
    }
}

#[tokio::test]
async fn levels_that_do_not_cover_each_other_are_reported_in_both_directions() {
    let atlas = Atlas::new().await;
    let parents = atlas.file("sg.geojson", samtgemeinden());
    atlas.import(&parents, &options("samtgemeinde")).await;
    let children = BoundaryOptions {
        parents: vec!["samtgemeinde=prefix 9 of ARS".parse().unwrap()],
        ..gemeinde_options()
    };
    let report = atlas.import(&atlas.file("gem.geojson", gemeinden()), &children).await;
    assert!(report.committed, "{report}");
    let fact = &report.facts["coverage"]["samtgemeinde"];
    assert_eq!((fact["compared"].as_u64(), fact["differing"].as_u64()), (Some(2), Some(1)), "{report}");
    // The Samtgemeinde Gartow is one square of a tenth of a degree, its Gemeinde two.
    let square = 74.6e6;
    assert!((fact["largest_m2"].as_f64().unwrap() / square - 1.0).abs() < 0.01, "{fact}");
    let says = |report: &kommunalatlas::ingest::Report| {
        report
            .problems
            .iter()
            .any(|p| p.message.contains("033545403 (Gartow)") && p.message.contains("100.0 %"))
    };
    assert!(says(&report), "{report}");
    let later = BoundaryOptions { edition: "2020-12-31".parse().unwrap(), ..options("samtgemeinde") };
    let report = atlas.import(&parents, &later).await;
    assert_eq!(report.facts["coverage"]["gemeinde"]["differing"], 1, "{report}");
    assert!(says(&report), "{report}");
}

#[tokio::test]
async fn reference_regions_are_in_the_edition_without_geometry_or_nothing_is_stored() {
    let atlas = Atlas::new().await;
    let before = atlas.store.content_hash().await.unwrap();
    let json = atlas.file("gem.geojson", gemeinden());
    let with = |name: &str, table: &str| BoundaryOptions {
        references: Some(atlas.file(name, table)),
        ..gemeinde_options()
    };
    let bad = with("bad.csv", "key;name\n03;\na b;x\n03354001;Bergen\n");
    let report = atlas.import(&json, &bad).await;
    let places: Vec<_> = report.problems.iter().map(|p| (p.file.as_str(), p.line)).collect();
    assert_eq!(places[..2], [("bad.csv", Some(2)), ("bad.csv", Some(3))], "{report}");
    assert!(report.rejected() && report.problems.iter().any(|p| p.message.contains("03354001")), "{report}");
    assert!(atlas.import(&json, &with("head.csv", "a;b\n1;2\n")).await.rejected());
    assert_eq!(atlas.store.content_hash().await.unwrap(), before);
    let good = with("good.csv", "Schlüssel;Name;Kurzname\nDG;Deutschland;\n03;Niedersachsen;NDS\n");
    let report = atlas.import(&json, &good).await;
    assert!(report.committed, "{report}");
    assert_eq!((&report.facts["references"], &report.facts["regions"]), (&2.into(), &3.into()));
    let rows = atlas.regions("gemeinde").await;
    let keys: Vec<_> = rows.iter().map(|row| (row.region.key.as_str(), row.is_reference())).collect();
    assert_eq!(
        keys,
        [("03", true), ("03354001", false), ("03354005", false), ("03354501", false), ("DG", true)]
    );
    assert_eq!(rows[0].region.short_name.as_deref(), Some("NDS"));
    assert!(!rows[0].counts() && rows[1].counts());
}

/// A small valid file of each format: name and bytes of each part, the first being the one that is imported.
type Sample = Vec<(String, Vec<u8>)>;

/// Made once; without GDAL only those that need none.
static SAMPLES: LazyLock<Vec<Sample>> = LazyLock::new(|| {
    let folder = tempfile::tempdir().unwrap();
    let json = folder.path().join("a.geojson");
    fs::write(&json, gemeinden()).unwrap();
    let one = |name: &str, bytes: Vec<u8>| vec![(name.to_owned(), bytes)];
    let mut samples = vec![
        one("a.geojson", gemeinden().into_bytes()),
        one("a.topojson", topojson(&gemeinden()).into_bytes()),
        one("a.zip", zipped(std::slice::from_ref(&json))),
    ];
    for name in ["a.fgb", "a.gpkg", "a.shp"] {
        let file = folder.path().join(name);
        if converted(&json, &file, &[]) {
            let parts = if name == "a.shp" { parts_of_shapefile(&file) } else { vec![file] };
            let read =
                |p: &PathBuf| (p.file_name().unwrap().to_str().unwrap().to_owned(), fs::read(p).unwrap());
            samples.push(parts.iter().map(read).collect());
        }
    }
    samples
});

/// One atlas for all cases, so that a long run does not make a store per case.
static TARGET: LazyLock<(tokio::runtime::Runtime, Atlas, String)> = LazyLock::new(|| {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let (atlas, hash) = runtime.block_on(async {
        let atlas = Atlas::new().await;
        let hash = atlas.store.content_hash().await.unwrap();
        (atlas, hash)
    });
    (runtime, atlas, hash)
});

/// A dry run over some files; true if nothing was stored. A panic within is an error of the import, which fails here.
fn dry_run_stores_nothing(files: &Sample) -> bool {
    let (runtime, atlas, before) = &*TARGET;
    let folder = tempfile::tempdir().unwrap();
    for (name, bytes) in files {
        fs::write(folder.path().join(name), bytes).unwrap();
    }
    let file = folder.path().join(&files[0].0);
    runtime.block_on(async {
        let report = atlas.run(&file, &gemeinde_options(), true).await;
        assert!(!report.committed);
        atlas.store.content_hash().await.unwrap() == *before
    })
}

proptest! {
    // `PROPTEST_CASES` asks for more.
    #[test]
    fn any_bytes_are_refused_without_a_panic(start in 0_usize..8, bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
        let starts: [&[u8]; 8] = [
            b"", b"{\"type\":\"Feature\"", b"{\"type\":\"Topology\"", b"SQLite format 3\0", b"fgb\x03fgb\0",
            b"PK\x03\x04", &[0, 0, 0x27, 0x0A], b"\x1e[",
        ];
        let file = ("a".to_owned(), [starts[start], &bytes].concat());
        prop_assert!(dry_run_stores_nothing(&vec![file]));
    }

    #[test]
    fn mutations_of_valid_files_never_panic(
        which in any::<proptest::sample::Index>(),
        part in any::<proptest::sample::Index>(),
        changes in proptest::collection::vec((any::<proptest::sample::Index>(), any::<u8>()), 1..6),
        cut in proptest::option::weighted(0.2, any::<proptest::sample::Index>()),
    ) {
        let mut files = which.get(&SAMPLES).clone();
        let at = part.index(files.len());
        let bytes = &mut files[at].1;
        for (place, byte) in changes {
            let place = place.index(bytes.len());
            bytes[place] = byte;
        }
        if let Some(cut) = cut {
            bytes.truncate(cut.index(bytes.len()));
        }
        prop_assert!(dry_run_stores_nothing(&files));
    }
}
