//! Boundary files of all kinds, from the file to the stored edition.
#![expect(clippy::unwrap_used, reason = "helpers of tests fail like tests")]

mod formats;
mod references;

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use chrono::{DateTime, NaiveDate, Utc};
use kommunalatlas::{
    access::Editor,
    domain::{Slug, Text},
    ingest::{
        NoProgress, Report, Source, Target,
        boundaries::{BoundaryOptions, DEFAULT_TILE_BUDGET, import_boundaries},
    },
    store::{EditionRow, NewAtlas, OpenMode, RegionRow, Store},
};

struct Atlas {
    store: Store,
    editor: Editor,
    folder: tempfile::TempDir,
}

fn slug(text: &str) -> Slug {
    text.parse().unwrap()
}

fn now() -> DateTime<Utc> {
    "2026-11-22T12:00:00Z".parse().unwrap()
}

fn date(text: &str) -> NaiveDate {
    text.parse().unwrap()
}

fn options(level: &str) -> BoundaryOptions {
    BoundaryOptions {
        level: slug(level),
        level_title: Text::german(level),
        key_field: "AGS".into(),
        name_field: "GEN".into(),
        short_name_field: None,
        filter: vec![],
        edition: date("2016-12-31"),
        parents: vec![],
        crs: None,
        inhabited: None,
        uninhabited_keys: vec![],
        attribution: "© Test".into(),
        layer: None,
        references: None,
        snap_tolerance_m: 0.0,
        tile_budget: DEFAULT_TILE_BUDGET,
    }
}

impl Atlas {
    async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let location = folder.path().join("atlas.gpkg");
        let store = Store::open(location.to_str().unwrap(), OpenMode::Create, now()).await.unwrap();
        let atlas = NewAtlas {
            slug: slug("wendland"),
            title: Text::german("Wendland"),
            required_indicators: 10,
            attribution: String::new(),
        };
        store.create_atlas(&atlas).await.unwrap();
        Self { store, editor: Editor::local("test"), folder }
    }

    fn file(&self, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
        let path = self.folder.path().join(name);
        fs::write(&path, content).unwrap();
        path
    }

    async fn import(&self, file: &Path, options: &BoundaryOptions) -> Report {
        self.run(file, options, false).await
    }

    async fn run(&self, file: &Path, options: &BoundaryOptions, dry_run: bool) -> Report {
        let atlas = slug("wendland");
        let target = self.target(&atlas, dry_run);
        import_boundaries(&target, Source::File(file), options).await.unwrap()
    }

    fn target<'a>(&'a self, atlas: &'a Slug, dry_run: bool) -> Target<'a> {
        let Self { store, editor, .. } = self;
        Target { store, editor, atlas, dry_run, now: now(), progress: &NoProgress }
    }

    async fn editions(&self) -> Vec<EditionRow> {
        self.store.catalogue(&slug("wendland")).await.unwrap().editions
    }

    async fn regions(&self, level: &str) -> Vec<RegionRow> {
        let editions = self.editions().await;
        let edition = editions.iter().find(|edition| edition.level.as_str() == level).unwrap();
        self.store.regions(edition.id).await.unwrap()
    }
}

/// A square of a tenth of a degree, `x` and `y` tenths from 11° east, 53° north.
fn square(x: u32, y: u32) -> String {
    let (w, s) = (11.0 + f64::from(x) / 10.0, 53.0 + f64::from(y) / 10.0);
    let (e, n) = (11.0 + f64::from(x + 1) / 10.0, 53.0 + f64::from(y + 1) / 10.0);
    format!(r#"{{"type":"Polygon","coordinates":[[[{w},{s}],[{e},{s}],[{e},{n}],[{w},{n}],[{w},{s}]]]}}"#)
}

fn feature(properties: &str, geometry: &str) -> String {
    format!(r#"{{"type":"Feature","properties":{{{properties}}},"geometry":{geometry}}}"#)
}

fn gemeinden() -> String {
    let gemeinde = |ags: &str, ars: &str, name: &str, gf: u32, x| {
        feature(&format!(r#""AGS":"{ags}","ARS":"{ars}","GEN":"{name}","GF":{gf}"#), &square(x, 0))
    };
    let features = [
        gemeinde("03354005", "033545403005", "Gartow", 4, 1),
        gemeinde("03354001", "033545402001", "Bergen", 4, 0),
        gemeinde("03354005", "033545403005", "Gartow", 4, 2),
        gemeinde("03354501", "033549501501", "Gartow", 4, 3),
        gemeinde("03354001", "033545402001", "Elbe", 2, 4),
    ];
    format!(r#"{{"type":"FeatureCollection","features":[{}]}}"#, features.join(","))
}

fn samtgemeinden() -> String {
    let features = [
        feature(r#""AGS":"033545402","GEN":"Lüchow""#, &square(0, 0)),
        feature(r#""AGS":"033545403","GEN":"Gartow""#, &square(1, 0)),
    ];
    format!("[{}]", features.join(","))
}

#[tokio::test]
async fn rows_of_one_key_become_one_region_and_parents_are_found_by_the_prefix_of_another_field() {
    let atlas = Atlas::new().await;
    let report = atlas.import(&atlas.file("sg.geojson", samtgemeinden()), &options("samtgemeinde")).await;
    assert!(report.committed, "{report}");
    let options = BoundaryOptions {
        filter: vec!["GF=4".parse().unwrap()],
        parents: vec!["samtgemeinde=prefix 9 of ARS".parse().unwrap()],
        uninhabited_keys: vec!["03354501".parse().unwrap()],
        ..options("gemeinde")
    };
    let report = atlas.import(&atlas.file("gem.geojson", gemeinden()), &options).await;
    assert!(report.committed, "{report}");
    assert_eq!(report.facts["features"], 5);
    assert_eq!(report.facts["filtered_out"], 1);
    assert_eq!(report.facts["dissolved"], 1);
    assert_eq!(report.facts["parents"]["samtgemeinde"]["matched"], 2);
    let regions = atlas.regions("gemeinde").await;
    let keys: Vec<&str> = regions.iter().map(|row| row.region.key.as_str()).collect();
    assert_eq!(keys, ["03354001", "03354005", "03354501"]);
    assert_eq!(regions[1].parents[0].1.as_str(), "033545403");
    assert!(regions[2].parents.is_empty() && !regions[2].region.inhabited);
    assert!(
        report.problems.iter().any(|p| p.message.contains("03354501") && p.message.contains("no parent"))
    );
}

#[tokio::test]
async fn a_dry_run_says_the_same_and_stores_nothing() {
    let atlas = Atlas::new().await;
    let before = atlas.store.content_hash().await.unwrap();
    let file = atlas.file("sg.geojson", samtgemeinden());
    let report = atlas.run(&file, &options("samtgemeinde"), true).await;
    assert!(!report.rejected() && !report.committed, "{report}");
    assert_eq!(report.facts["minzoom"], 0);
    assert_eq!(atlas.store.content_hash().await.unwrap(), before);
}

#[tokio::test]
async fn a_bad_file_is_rejected_with_a_sentence_and_nothing_is_stored() {
    let atlas = Atlas::new().await;
    let before = atlas.store.content_hash().await.unwrap();
    let one = |properties: &str, geometry: &str| format!("[{}]", feature(properties, geometry));
    let named = r#""AGS":"1","GEN":"A""#;
    let metres = r#"{"type":"Polygon","coordinates":[[[600000,5800000],[610000,5800000],[610000,5810000],[600000,5800000]]]}"#;
    let exchanged = r#"{"type":"Polygon","coordinates":[[[53,11],[53.1,11],[53.1,11.1],[53,11]]]}"#;
    let line = r#"{"type":"Polygon","coordinates":[[[11,53],[11.1,53],[11,53]]]}"#;
    let two_names =
        format!("[{},{}]", feature(named, &square(0, 0)), feature(r#""AGS":"1","GEN":"B""#, &square(1, 0)));
    let cases: Vec<(&str, Vec<u8>, &str)> = vec![
        ("empty", vec![], "empty"),
        ("blank", vec![b' '; 5000], "neither"),
        ("noise", (0..200_000_u32).map(|i| (i.wrapping_mul(2_654_435_761) >> 24) as u8).collect(), "neither"),
        ("archive", b"PK\x03\x04broken".to_vec(), "zip"),
        ("page", b"<html>".to_vec(), "XML"),
        ("other json", br#"{"a":[1,2,3]}"#.to_vec(), "no GeoJSON"),
        ("cut", gemeinden().as_bytes()[..700].to_vec(), "cut"),
        ("cut geopackage", [b"SQLite format 3\0".as_slice(), &[7; 5000]].concat(), "damaged"),
        ("cut shapefile", vec![0, 0, 0x27, 0x0A, 0, 0], ".dbf"),
        ("no features", br#"{"type":"FeatureCollection","features":[]}"#.to_vec(), "no features"),
        ("no key", one(r#""AGS":null,"GEN":"A""#, &square(0, 0)).into_bytes(), "no key"),
        ("bad key", one(r#""AGS":"a b","GEN":"A""#, &square(0, 0)).into_bytes(), "not a region key"),
        ("no geometry", one(named, "null").into_bytes(), "no geometry"),
        ("a point", one(named, r#"{"type":"Point","coordinates":[11,53]}"#).into_bytes(), "Point"),
        ("no area", one(named, line).into_bytes(), "no area"),
        ("metres", one(named, metres).into_bytes(), "EPSG:25832"),
        ("exchanged axes", one(named, exchanged).into_bytes(), "exchanged"),
        ("two names", two_names.into_bytes(), "two regions"),
        ("other fields", one(r#""id":"1","name":"A""#, &square(0, 0)).into_bytes(), "the file has id, name"),
    ];
    for (name, content, says) in cases {
        let report = atlas.import(&atlas.file(name, content), &options("gemeinde")).await;
        assert!(report.rejected() && !report.committed, "{name}: {report}");
        assert!(report.problems.iter().any(|p| p.message.contains(says)), "{name}: {report}");
    }
    assert_eq!(atlas.store.content_hash().await.unwrap(), before);
}

#[tokio::test]
async fn all_problems_are_reported_at_once_with_their_features() {
    let atlas = Atlas::new().await;
    let content = format!(
        "[{},{},{}]",
        feature(r#""AGS":"","GEN":"A""#, &square(0, 0)),
        feature(r#""AGS":"2","GEN":"B""#, &square(1, 0)),
        feature(r#""AGS":"3","GEN":"C""#, "null")
    );
    let report = atlas.import(&atlas.file("a.geojson", content), &options("gemeinde")).await;
    let places: Vec<_> = report.problems.iter().map(|p| (p.line, p.column.as_deref())).collect();
    assert_eq!(places, [(Some(1), Some("AGS")), (Some(3), None)]);
}

#[tokio::test]
async fn a_parent_level_must_be_there_and_must_match() {
    let atlas = Atlas::new().await;
    let gemeinden = atlas.file("gem.geojson", gemeinden());
    let with = |rule: &str| BoundaryOptions {
        filter: vec!["GF=4".parse().unwrap()],
        parents: vec![rule.parse().unwrap()],
        ..options("gemeinde")
    };
    let report = atlas.import(&gemeinden, &with("samtgemeinde=prefix 9 of ARS")).await;
    assert!(report.problems[0].message.contains("import them first"), "{report}");
    atlas.import(&atlas.file("sg.geojson", samtgemeinden()), &options("samtgemeinde")).await;
    let report = atlas.import(&gemeinden, &with("samtgemeinde=prefix 5")).await;
    assert!(report.rejected() && report.problems[0].message.contains("033545402"), "{report}");
    let report = atlas.import(&gemeinden, &with("gemeinde=prefix 5")).await;
    assert!(report.problems[0].message.contains("its own parent"), "{report}");
}

#[tokio::test]
async fn other_boundaries_of_the_same_date_are_refused_and_the_same_file_again_is_not() {
    let atlas = Atlas::new().await;
    let file = atlas.file("sg.geojson", samtgemeinden());
    assert!(atlas.import(&file, &options("samtgemeinde")).await.committed);
    assert!(atlas.import(&file, &options("samtgemeinde")).await.committed);
    let other = samtgemeinden().replace("Gartow", "Wartow");
    let report = atlas.import(&atlas.file("other.geojson", other), &options("samtgemeinde")).await;
    assert!(report.rejected() && !report.committed, "{report}");
    assert_eq!(atlas.editions().await.len(), 1);
}

/// Converts a file with GDAL's program; false if that is not installed.
fn converted(from: &Path, to: &Path, arguments: &[&str]) -> bool {
    let status = Command::new("ogr2ogr").args(arguments).arg(to).arg(from).status();
    let Ok(status) = status else {
        println!("skipped: ogr2ogr is not installed");
        return false;
    };
    assert!(status.success());
    true
}

#[tokio::test]
async fn geopackages_and_shapefiles_give_the_same_regions_as_the_geojson_they_were_made_of() {
    let atlas = Atlas::new().await;
    let json = atlas.file("gem.geojson", gemeinden());
    let options = BoundaryOptions { filter: vec!["GF=4".parse().unwrap()], ..options("gemeinde") };
    let expected = atlas.run(&json, &options, true).await;
    let folder = atlas.folder.path();
    for (name, srs, encoding) in
        [("a.gpkg", "EPSG:25832", ""), ("b.shp", "EPSG:25833", "ISO-8859-1"), ("c.shp", "EPSG:3857", "UTF-8")]
    {
        let file = folder.join(name);
        let encoding = format!("ENCODING={encoding}");
        let mut arguments = vec!["-t_srs", srs];
        if name.ends_with("shp") {
            arguments.extend(["-lco", &encoding]);
        }
        if !converted(&json, &file, &arguments) {
            return;
        }
        let report = atlas.run(&file, &options, true).await;
        assert!(!report.rejected(), "{report}");
        assert_eq!(report.facts["crs"], srs);
        for fact in ["features", "filtered_out", "dissolved", "regions"] {
            assert_eq!(report.facts[fact], expected.facts[fact], "{name} {fact}");
        }
        let bounds =
            |report: &Report| serde_json::from_value::<[f64; 4]>(report.facts["bounds"].clone()).unwrap();
        let pairs = bounds(&report).into_iter().zip(bounds(&expected));
        assert!(pairs.into_iter().all(|(a, b)| (a - b).abs() < 1e-6), "{report}");
    }
    let part = folder.join("b.dbf");
    assert!(!atlas.run(&part, &options, true).await.rejected());
    fs::remove_file(part).unwrap();
    let report = atlas.run(&folder.join("b.shp"), &options, true).await;
    assert!(report.problems[0].message.contains(".dbf"), "{report}");
    fs::remove_file(folder.join("c.prj")).unwrap();
    let report = atlas.run(&folder.join("c.shp"), &options, true).await;
    assert!(report.problems.iter().any(|p| p.message.contains("EPSG:3857")), "{report}");
    let shp = fs::read(folder.join("c.shp")).unwrap();
    fs::write(folder.join("c.shp"), &shp[..shp.len() - 40]).unwrap();
    let report = atlas.run(&folder.join("c.shp"), &options, true).await;
    assert!(report.problems[0].message.contains("ends in the middle"), "{report}");
}

#[tokio::test]
async fn of_several_layers_one_must_be_named() {
    let atlas = Atlas::new().await;
    let collection = format!(r#"{{"type":"FeatureCollection","features":{}}}"#, samtgemeinden());
    let (json, file) = (atlas.file("gem.geojson", collection), atlas.folder.path().join("two.gpkg"));
    let more = ["-nln", "second", "-update"];
    if !converted(&json, &file, &["-nln", "first"]) || !converted(&json, &file, &more) {
        return;
    }
    let report = atlas.run(&file, &options("gemeinde"), true).await;
    assert!(report.problems[0].message.contains("first, second"), "{report}");
    let layer = |name: &str| BoundaryOptions { layer: Some(name.to_owned()), ..options("gemeinde") };
    assert!(!atlas.run(&file, &layer("second"), true).await.rejected());
    let report = atlas.run(&file, &layer("third"), true).await;
    assert!(report.problems[0].message.contains("no layer 'third'"), "{report}");
    let cut = fs::read(&file).unwrap();
    let report = atlas.run(&atlas.file("cut.gpkg", &cut[..cut.len() / 2]), &layer("second"), true).await;
    assert!(report.rejected(), "{report}");
}

/// Folder with real files, if there is one on this machine.
fn shared() -> Option<PathBuf> {
    let named = std::env::var_os("KOMMUNALATLAS_SHARED").map(PathBuf::from);
    let folder = named.unwrap_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared"));
    folder.join("data").is_dir().then_some(folder)
}

#[tokio::test]
async fn the_official_shapefile_of_the_kreise_is_read_in_gauss_krueger() {
    let Some(shared) = shared() else {
        println!("skipped: there is no folder with real files");
        return;
    };
    let atlas = Atlas::new().await;
    let file = shared.join("data/de-vg5000-2021/VG5000_KRS.shp");
    let options = BoundaryOptions { filter: vec!["GF=9".parse().unwrap()], ..options("kreis") };
    let report = atlas.import(&file, &options).await;
    assert!(report.committed, "{report}");
    assert_eq!(report.facts["crs"], "EPSG:31467");
    assert_eq!(report.facts["regions"], 401);
    let regions = atlas.regions("kreis").await;
    let göttingen = regions.iter().find(|row| row.region.key.as_str() == "03159").unwrap();
    assert_eq!(göttingen.region.name, "Göttingen");
    let (lon, lat) = göttingen.label.unwrap();
    assert!((9.3..10.8).contains(&lon) && (51.2..51.9).contains(&lat));
}
