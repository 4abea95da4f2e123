//! Lists of facilities in, out and in again; sums per region.

#![expect(clippy::unwrap_used, reason = "helpers of tests may fail the test")]

use std::path::PathBuf;

use chrono::{DateTime, Utc};
use geo_types::{MultiPolygon, polygon};
use kommunalatlas::{
    access::Editor,
    domain::{
        Audience, ClassRule, DenominatorRule, Indicator, IndicatorKind, Level, Polarity, Region, Sheet, Slug,
        Status, Text, Theme,
    },
    extract,
    ingest::{
        NoProgress, Report, Source, Target,
        facilities::{FacilityOptions, SumOptions, import_facilities, sum_facilities},
    },
    store::{Bounds, ImportRecord, NewAtlas, NewEdition, NewRegion, OpenMode, Store},
};
use tempfile::TempDir;

const LIST: &str = "Art;Nr;Name;Träger;Plätze;Anschrift;Rechtswert;Hochwert;gültig ab;Zustimmung\n\
    Kita;1;\"Kita \"\"Nord\"\"; Haus 2\";Stadt;40;Lange Str. 1, 29439 Lüchow;644400;5870900;1.8.2019;ja\n\
    Kita;2;'=Kita;-e.V.;;;650000;5871000;;nein\n\
    Schule;1;Grundschule;;;;640000;5872000;;\n";

fn slug(text: &str) -> Slug {
    text.parse().unwrap()
}

fn now() -> DateTime<Utc> {
    "2026-01-02T03:04:05Z".parse().unwrap()
}

fn editor() -> Editor {
    Editor::local("test")
}

struct Place {
    folder: TempDir,
    store: Store,
}

fn region(key: &str, west: f64) -> NewRegion {
    let area =
        polygon![(x: west, y: 52.8), (x: west + 0.2, y: 52.8), (x: west + 0.2, y: 53.2), (x: west, y: 53.2)];
    NewRegion {
        region: Region {
            key: key.parse().unwrap(),
            name: format!("Gebiet {key}"),
            short_name: None,
            inhabited: true,
        },
        geometry: Some(MultiPolygon(vec![area])),
        label: None,
        label_minzoom: 0,
        label_rank: 0,
        parents: Vec::new(),
    }
}

fn record(kind: &str) -> ImportRecord {
    ImportRecord {
        kind: kind.into(),
        file_name: "x".into(),
        file_hash: "00".into(),
        at: now(),
        by: "test".into(),
        report: serde_json::json!({}),
    }
}

fn count(name: &str) -> Indicator {
    Indicator {
        slug: slug(name),
        title: Text::german(name),
        theme: slug("t"),
        kind: if name == "rate" { IndicatorKind::Rate } else { IndicatorKind::Count },
        unit: Text::german(""),
        decimals: 0,
        per: 1.0,
        polarity: Polarity::Neutral,
        part_of: None,
        numerator: None,
        denominator: None,
        denominator_rule: DenominatorRule::default(),
        sensitive: true,
        classification: ClassRule::default(),
        palette: None,
        note: None,
        sheet: Sheet::default(),
    }
}

impl Place {
    /// An atlas `a` with two regions between 11.0° and 11.4°.
    async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("store.gpkg");
        let store = Store::open(file.to_str().unwrap(), OpenMode::Create, now()).await.unwrap();
        let atlas = NewAtlas {
            slug: slug("a"),
            title: Text::german("A"),
            required_indicators: 0,
            attribution: String::new(),
        };
        store.create_atlas(&atlas).await.unwrap();
        let level = Level { slug: slug("l"), title: Text::german("L"), position: 0, public_boundaries: true };
        let edition = NewEdition {
            level: slug("l"),
            new_level: Some(level),
            valid_on: "2020-12-31".parse().unwrap(),
            attribution: String::new(),
            regions: vec![region("01", 11.0), region("02", 11.2)],
            bounds: Bounds { west: 11.0, south: 52.8, east: 11.4, north: 53.2 },
            minzoom: 0,
            topology: vec![],
            zooms: vec![],
            import: record("boundaries"),
        };
        store.insert_edition(&slug("a"), &edition).await.unwrap();
        let theme = Theme { slug: slug("t"), title: Text::german("T") };
        let indicators = ["kitas", "places", "rate"].map(count);
        store.put_catalogue(&slug("a"), &[theme], &[], &indicators, &record("catalogue")).await.unwrap();
        Self { folder, store }
    }

    fn file(&self, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
        let path = self.folder.path().join(name);
        std::fs::write(&path, content).unwrap();
        path
    }

    async fn import(&self, name: &str, content: impl AsRef<[u8]>, options: FacilityOptions) -> Report {
        let file = self.file(name, content);
        let (editor, atlas) = (editor(), slug("a"));
        let target = Target {
            store: &self.store,
            editor: &editor,
            atlas: &atlas,
            dry_run: false,
            now: now(),
            progress: &NoProgress,
        };
        import_facilities(&target, Source::File(&file), &options).await.unwrap()
    }

    async fn hash(&self) -> String {
        self.store.content_hash().await.unwrap()
    }

    async fn exported(&self) -> [(&'static str, Vec<u8>); 2] {
        let facilities = self.store.facilities(&slug("a"), Audience::Internal).await.unwrap();
        let categories = self.store.facility_categories(&slug("a")).await.unwrap();
        let csv = extract::facilities::csv(&categories, &facilities).unwrap();
        let json = extract::facilities::geojson(&categories, &facilities, Audience::Internal);
        [("out.csv", csv), ("out.geojson", serde_json::to_vec(&json).unwrap())]
    }
}

#[tokio::test]
async fn what_comes_out_goes_in_again_unchanged() {
    let place = Place::new().await;
    let report = place.import("list.csv", LIST, FacilityOptions::default()).await;
    assert!(report.committed, "{report}");
    assert!(report.facts["crs"].as_str().unwrap().starts_with("EPSG:25832"), "{report}");
    let hash = place.hash().await;
    for (name, bytes) in place.exported().await {
        let report = place.import(name, &bytes, FacilityOptions::default()).await;
        assert!(report.committed, "{report}");
        assert_eq!(place.hash().await, hash, "{name}");
        assert_eq!(report.facts["categories"][0]["unchanged"], 2, "{report}");
        let other = Place::new().await;
        assert!(other.import(name, &bytes, FacilityOptions::default()).await.committed);
        assert_eq!(other.hash().await, hash, "{name} in an empty atlas");
    }
    let csv = String::from_utf8(place.exported().await[0].1.clone()).unwrap();
    assert!(csv.starts_with("\u{feff}category;") && csv.contains(";'=Kita;'-e.V.;"), "{csv}");
}

#[tokio::test]
async fn both_encodings_of_a_list_say_the_same() {
    let (one, other) = (Place::new().await, Place::new().await);
    assert!(one.import("list.csv", LIST, FacilityOptions::default()).await.committed);
    let latin: Vec<u8> = LIST.chars().map(|c| u8::try_from(u32::from(c)).unwrap()).collect();
    assert!(other.import("list.csv", latin, FacilityOptions::default()).await.committed);
    assert_eq!(one.hash().await, other.hash().await);
}

#[tokio::test]
async fn a_list_with_any_error_changes_nothing_and_an_import_says_what_changes() {
    let place = Place::new().await;
    place.import("list.csv", LIST, FacilityOptions::default()).await;
    let hash = place.hash().await;
    let swapped = LIST.replace("Rechtswert;Hochwert", "Hochwert;Rechtswert");
    let twice = LIST.replace("Kita;2;", "Kita;1;");
    let personal = LIST.replace("Träger", "Geburtsdatum");
    for (bad, word) in [(swapped, "swapped"), (twice, "line 2 too"), (personal, "birth date")] {
        let report = place.import("list.csv", &bad, FacilityOptions::default()).await;
        assert!(report.rejected() && report.to_string().contains(word), "{report}");
        assert_eq!(place.hash().await, hash);
    }
    let later = LIST.replace(";40;", ";45;").replace("Kita;2;", "Kita;3;");
    let report = place.import("list.csv", &later, FacilityOptions::default()).await;
    let kita = &report.facts["categories"][0];
    let numbers = ["new", "changed", "gone", "unchanged", "publishable"].map(|n| kita[n].as_u64().unwrap());
    assert_eq!(numbers, [1, 1, 1, 0, 1], "{report}");
}

#[tokio::test]
async fn sums_per_region_become_series_of_counts() {
    let place = Place::new().await;
    place.import("list.csv", LIST, FacilityOptions::default()).await;
    let options = |count: &str, period: &str| SumOptions {
        level: slug("l"),
        edition: None,
        category: slug("kita"),
        count: Some(slug(count)),
        places: Some(slug("places")),
        period: period.parse().unwrap(),
    };
    let sum = async |count: &str, period: &str| {
        sum_facilities(&place.store, &editor(), &slug("a"), &options(count, period), false, now())
            .await
            .unwrap()
    };
    assert!(sum("kitas", "2019-07-31").await.committed);
    let report = sum("kitas", "2023-12-31").await;
    assert!(report.committed, "{report}");
    let catalogue = place.store.catalogue(&slug("a")).await.unwrap();
    let mut columns = Vec::new();
    for row in &catalogue.series {
        columns.push((row.indicator.as_str(), place.store.column(row.id).await.unwrap()));
    }
    let values = |n: usize| (columns[n].0, columns[n].1.value(0), columns[n].1.value(1));
    assert_eq!(values(0), ("kitas", Some(0.0), Some(1.0)));
    assert_eq!(values(1), ("kitas", Some(1.0), Some(1.0)));
    assert_eq!(values(3), ("places", Some(40.0), None));
    assert_eq!(columns[3].1.status(1), Status::Unknown);
    let refused = sum("rate", "2023-12-31").await;
    assert!(refused.rejected() && refused.to_string().contains("no count"), "{refused}");
}
