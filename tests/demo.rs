//! The demo and the starter catalogue: what they promise about their numbers, and that they are imported.

#![expect(clippy::unwrap_used, reason = "helpers of tests may fail the test")]
#![expect(clippy::float_cmp, reason = "the numbers compared are whole")]

#[path = "store_contract/places.rs"]
mod places;

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use kommunalatlas::{
    access::Editor,
    domain::{Indicator, IndicatorKind, Period, Provenance, Slug, Text},
    ingest::{
        NoProgress, Source, Target,
        boundaries::{BoundaryOptions, DEFAULT_TILE_BUDGET, import_boundaries},
        catalogue::{
            Catalogue, import_catalogue, import_catalogue_bytes, parse_catalogue, starter_catalogue,
        },
        statistics::{Mapping, ProfileOptions, ValuesOptions, import_values},
    },
    store::{NewAtlas, OpenMode, SeriesRow, Store},
};
use places::{Place, noon, with_store};

const LEVELS: [&str; 3] = ["gemeinde", "samtgemeinde", "kreis"];

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("demo")
}

fn file(name: &str) -> String {
    fs::read_to_string(folder().join(name)).unwrap()
}

fn catalogue() -> Catalogue {
    let (catalogue, report) =
        parse_catalogue(file("catalogue.toml").as_bytes(), "catalogue.toml", &Catalogue::default());
    assert!(report.problems.is_empty(), "{report}");
    catalogue
}

/// One line of the demo's CSV files.
struct Row {
    key: String,
    indicator: String,
    period: String,
    value: String,
    numerator: Option<f64>,
    denominator: Option<f64>,
}

impl Row {
    fn number(&self) -> Option<f64> {
        self.value.trim_end_matches('p').replace(',', ".").parse().ok()
    }
}

fn rows(level: &str) -> Vec<Row> {
    ["population-2015", "values"].iter().flat_map(|name| rows_of(&format!("{name}-{level}.csv"))).collect()
}

fn rows_of(name: &str) -> Vec<Row> {
    let mut reader = csv::ReaderBuilder::new().delimiter(b';').from_path(folder().join(name)).unwrap();
    let header: Vec<String> = reader.headers().unwrap().iter().map(str::to_owned).collect();
    assert_eq!(header, ["key", "indicator", "period", "value", "numerator", "denominator"]);
    let text = |record: &csv::StringRecord, at: usize| record[at].to_owned();
    let number = |record: &csv::StringRecord, at: usize| {
        (!record[at].is_empty()).then(|| record[at].parse::<i64>().unwrap() as f64)
    };
    let row = |r: csv::StringRecord| Row {
        key: text(&r, 0),
        indicator: text(&r, 1),
        period: text(&r, 2),
        value: text(&r, 3),
        numerator: number(&r, 4),
        denominator: number(&r, 5),
    };
    reader.records().map(|record| row(record.unwrap())).collect()
}

/// Properties of the boundaries of a level.
fn properties(name: &str) -> Vec<serde_json::Value> {
    let collection: serde_json::Value = serde_json::from_str(&file(name)).unwrap();
    let features = collection["features"].as_array().unwrap();
    features.iter().map(|feature| feature["properties"].clone()).collect()
}

#[test]
fn the_population_of_2015_is_the_official_one() {
    const OFFICIAL: &str = "03354001 1595, 03354002 2382, 03354003 294, 03354004 8932, 03354005 1397, 03354006 611, \
        03354007 625, 03354008 1204, 03354009 4904, 03354010 656, 03354011 1028, 03354012 745, 03354013 1363, \
        03354014 676, 03354015 1390, 03354016 631, 03354017 822, 03354018 9481, 03354019 1393, 03354020 439, \
        03354021 564, 03354022 1320, 03354023 1002, 03354024 942, 03354025 1228, 03354026 2866, 03354027 1638, \
        03354501 x, 03354502 x";
    let rows = rows_of("population-2015-gemeinde.csv");
    assert!(rows.iter().all(|r| r.indicator == "population" && r.period == "2015-12-31"));
    let written: Vec<String> = rows.iter().map(|r| format!("{} {}", r.key, r.value)).collect();
    assert_eq!(written.join(", "), OFFICIAL);
    assert_eq!(rows.iter().filter_map(Row::number).sum::<f64>(), 50_128.0);
    let kreis = rows_of("population-2015-kreis.csv");
    assert_eq!((kreis[0].key.as_str(), kreis[0].number()), ("03354", Some(50_128.0)));
}

#[test]
fn every_level_has_each_region_once_per_indicator_and_period() {
    for (level, boundaries, key) in [
        ("gemeinde", "gemeinden.geojson", "AGS"),
        ("samtgemeinde", "samtgemeinden.geojson", "RS"),
        ("kreis", "kreis.geojson", "AGS"),
    ] {
        let keys: BTreeSet<String> =
            properties(boundaries).iter().map(|p| p[key].as_str().unwrap().to_owned()).collect();
        let mut series: BTreeMap<(String, String), Vec<String>> = BTreeMap::new();
        for row in rows(level) {
            assert!(row.period.parse::<Period>().is_ok(), "{}", row.period);
            series.entry((row.indicator, row.period)).or_default().push(row.key);
        }
        for (name, found) in &series {
            assert_eq!(found.len(), keys.len(), "{level} {name:?}");
            assert_eq!(&found.iter().cloned().collect::<BTreeSet<_>>(), &keys, "{level} {name:?}");
        }
        let mut periods: BTreeMap<&str, usize> = BTreeMap::new();
        for (indicator, _) in series.keys() {
            *periods.entry(indicator).or_default() += 1;
        }
        assert!(periods.len() >= 16 && periods.values().all(|n| *n == 6), "{level}: {periods:?}");
    }
}

#[test]
fn values_follow_from_numerators_and_denominators() {
    let indicators: BTreeMap<String, Indicator> =
        catalogue().indicators.into_iter().map(|i| (i.slug.to_string(), i)).collect();
    for row in LEVELS.into_iter().flat_map(rows) {
        let indicator = &indicators[&row.indicator];
        let place = format!("{} {} {}", row.key, row.indicator, row.period);
        if !indicator.kind.is_ratio() {
            assert_eq!((row.numerator, row.denominator), (None, None), "{place}");
            continue;
        }
        let (Some(value), Some(numerator), Some(denominator)) =
            (row.number(), row.numerator, row.denominator)
        else {
            assert!(row.number().is_none() && row.numerator.is_none(), "{place}");
            continue;
        };
        if indicator.kind == IndicatorKind::Share {
            assert!((0.0..=denominator).contains(&numerator), "{place}");
        }
        let half_a_unit = 0.5 / 10_f64.powi(i32::from(indicator.decimals)) + 1e-9;
        assert!((numerator / denominator * indicator.per - value).abs() <= half_a_unit, "{place}");
    }
}

/// A count, or numerator and denominator.
type Numbers = (Option<f64>, Option<f64>);

/// Numbers by indicator, period and key.
fn totals(level: &str) -> BTreeMap<(String, String, String), Numbers> {
    let whole = |row: &Row| match row.numerator {
        None if row.denominator.is_none() => (row.number(), None),
        numerator => (numerator, row.denominator),
    };
    rows(level)
        .into_iter()
        .map(|row| {
            let numbers = whole(&row);
            ((row.indicator, row.period, row.key), numbers)
        })
        .collect()
}

#[test]
fn the_samtgemeinden_and_the_kreis_are_the_sums_of_their_gemeinden() {
    let (gemeinden, kreis) = (totals("gemeinde"), totals("kreis"));
    let parents: BTreeMap<String, String> = properties("gemeinden.geojson")
        .iter()
        .map(|p| (p["AGS"].as_str().unwrap().to_owned(), p["RS"].as_str().unwrap()[..9].to_owned()))
        .collect();
    let mut compared = 0;
    for ((indicator, period, key), parent) in totals("samtgemeinde").iter().chain(&kreis) {
        let parts: Vec<_> = gemeinden
            .iter()
            .filter(|((i, p, k), _)| {
                i == indicator
                    && p == period
                    && (key == "03354" || parents[k] == *key)
                    && parents[k].starts_with("0335454")
            })
            .map(|(_, numbers)| *numbers)
            .collect();
        // Where a number is signed the sum cannot be seen, and means have none.
        if parts.is_empty() || indicator == "mean-age" || parts.iter().any(|(n, _)| n.is_none()) {
            continue;
        }
        let sum =
            |numbers: &dyn Fn(&Numbers) -> Option<f64>| -> f64 { parts.iter().filter_map(numbers).sum() };
        assert_eq!(parent.0, Some(sum(&|n| n.0)), "{indicator} {period} {key}");
        assert_eq!(parent.1.unwrap_or(0.0), sum(&|n| n.1), "{indicator} {period} {key}");
        compared += 1;
    }
    assert!(compared > 300, "{compared}");
}

#[test]
fn age_groups_add_up_and_links_agree_with_the_counts() {
    for level in LEVELS {
        let counts = totals(level);
        let at = |indicator: &str, period: &str, key: &str| {
            counts.get(&(indicator.to_owned(), period.to_owned(), key.to_owned())).and_then(|n| n.0)
        };
        for ((indicator, period, key), (number, denominator)) in &counts {
            match indicator.as_str() {
                "population-under-18" => {
                    let groups = ["under-3", "3-to-5", "6-to-9", "10-to-14", "15-to-17"];
                    let sum: Option<f64> =
                        groups.iter().map(|g| at(&format!("population-{g}"), period, key)).sum();
                    assert_eq!(*number, sum, "{level} {period} {key}");
                }
                "share-under-18" => assert_eq!(*denominator, at("population", period, key)),
                "daycare-rate-under-3" => {
                    let year: i32 = period[..4].parse().unwrap();
                    assert_eq!(*denominator, at("population-under-3", &format!("{}-12-31", year - 1), key));
                    assert_eq!(*number, at("daycare-under-3", period, key));
                }
                "sgb2-minors-share" => {
                    assert_eq!(*denominator, at("population-under-18", &format!("{period}-31"), key));
                    assert_eq!(*number, at("sgb2-minors", period, key));
                }
                _ => {}
            }
        }
    }
}

#[test]
fn uninhabited_regions_have_no_value_anywhere() {
    let mut seen = 0;
    for row in rows("gemeinde").into_iter().filter(|r| r.key == "03354501" || r.key == "03354502") {
        assert_eq!((row.value.as_str(), row.numerator, row.denominator), ("x", None, None));
        seen += 1;
    }
    assert!(seen > 100);
}

#[test]
fn every_indicator_of_the_demo_says_that_its_numbers_are_made_up() {
    let catalogue = catalogue();
    assert!(catalogue.indicators.len() >= 14);
    let kinds: BTreeSet<&str> = catalogue.indicators.iter().map(|i| i.kind.as_str()).collect();
    assert_eq!(kinds, BTreeSet::from(["count", "mean", "rate", "share"]));
    for Indicator { slug, note, sheet, .. } in &catalogue.indicators {
        let texts: [&Text; 3] = [note.as_ref().unwrap(), &sheet.source, &sheet.contact];
        for text in texts {
            assert!(text.de.to_lowercase().contains("erfunden"), "{slug}: {}", text.de);
            assert!(
                text.en.as_ref().unwrap().to_lowercase().replace('-', " ").contains("made up"),
                "{slug}: {text:?}"
            );
        }
    }
}

#[test]
fn the_manifest_names_files_and_indicators_that_are_there() {
    let manifest: toml::Table = file("demo.toml").parse().unwrap();
    let texts = |value: &toml::Value| -> Vec<String> {
        value.as_array().unwrap().iter().map(|v| v.as_str().unwrap().to_owned()).collect()
    };
    let mut files = vec![manifest["atlas"]["catalogue"].as_str().unwrap()];
    for level in manifest["levels"].as_array().unwrap() {
        files.push(level["boundaries"]["file"].as_str().unwrap());
    }
    for values in manifest["values"].as_array().unwrap() {
        files.extend(["file", "mapping"].map(|key| values[key].as_str().unwrap()));
        assert!(LEVELS.contains(&values["level"].as_str().unwrap()));
    }
    for facilities in manifest["facilities"].as_array().unwrap() {
        files.push(facilities["file"].as_str().unwrap());
    }
    for name in files {
        assert!(folder().join(name).is_file(), "{name}");
    }
    let known: BTreeSet<String> = catalogue().indicators.iter().map(|i| i.slug.to_string()).collect();
    let mut released = BTreeSet::new();
    for release in manifest["releases"].as_array().unwrap() {
        assert!(texts(&release["levels"]).iter().all(|level| LEVELS.contains(&level.as_str())));
        released.extend(texts(&release["indicators"]));
    }
    assert_eq!(released.len(), 12);
    assert!(released.is_subset(&known) && known.len() > released.len());
}

#[test]
fn the_demo_is_small() {
    let files = fs::read_dir(folder()).unwrap().map(|entry| entry.unwrap().metadata().unwrap().len());
    assert!(files.sum::<u64>() < 1_000_000);
}

#[test]
fn the_generator_gives_the_committed_files() {
    let target = tempfile::tempdir().unwrap();
    let script = folder().join("generate.mjs");
    let status = match Command::new("node").arg(script).arg(target.path()).status() {
        Ok(status) => status,
        Err(error) => {
            println!("SKIPPED: node cannot be started ({error})");
            return;
        }
    };
    assert!(status.success());
    let mut written = 0;
    for entry in fs::read_dir(target.path()).unwrap() {
        let name = entry.unwrap().file_name();
        let made = fs::read_to_string(target.path().join(&name)).unwrap();
        assert!(made == fs::read_to_string(folder().join(&name)).unwrap(), "{} differs", name.display());
        written += 1;
    }
    assert_eq!(written, 7);
}

async fn atlas(store: &Store) -> Slug {
    let slug: Slug = "demo".parse().unwrap();
    let atlas = NewAtlas {
        slug: slug.clone(),
        title: Text::german("Vorführung"),
        required_indicators: 10,
        attribution: String::new(),
    };
    store.create_atlas(&atlas).await.unwrap();
    slug
}

async fn both_catalogues_are_stored_as_they_were_read(store: Store) {
    let (slug, editor) = (atlas(&store).await, Editor::local("anna"));
    let starter = starter_catalogue().as_bytes().to_vec();
    let report =
        import_catalogue_bytes(&store, &editor, &slug, ("starter.toml", starter.clone()), true, noon())
            .await
            .unwrap();
    assert!(!report.committed && store.catalogue(&slug).await.unwrap().indicators.is_empty());
    let report = import_catalogue_bytes(&store, &editor, &slug, ("starter.toml", starter), false, noon())
        .await
        .unwrap();
    assert!(report.committed && report.problems.is_empty(), "{report}");
    let (read, _) = parse_catalogue(starter_catalogue().as_bytes(), "starter.toml", &Catalogue::default());
    let stored = store.catalogue(&slug).await.unwrap();
    assert_eq!((stored.themes, stored.indicators), (read.themes, read.indicators));
    let path = folder().join("catalogue.toml");
    let report = import_catalogue(&store, &editor, &slug, &path, false, noon()).await.unwrap();
    assert!(report.committed, "{report}");
    assert_eq!(report.facts["new indicators"], 0);
    assert_eq!(report.facts["changed indicators"], report.facts["indicators"]);
}

async fn a_rejected_catalogue_leaves_the_store_as_it_was(store: Store) {
    let (slug, editor) = (atlas(&store).await, Editor::local("anna"));
    let before = store.catalogue(&slug).await.unwrap();
    let broken = starter_catalogue().replacen("kind = \"share\"", "kind = \"part\"", 1).into_bytes();
    let report = import_catalogue_bytes(&store, &editor, &slug, ("starter.toml", broken), false, noon())
        .await
        .unwrap();
    assert!(report.rejected() && !report.committed);
    assert_eq!(store.catalogue(&slug).await.unwrap(), before);
}

#[tokio::test]
async fn both_catalogues_are_stored_in_a_geopackage_as_they_were_read() {
    with_store(Some(Place::file()), both_catalogues_are_stored_as_they_were_read).await;
}

#[tokio::test]
async fn both_catalogues_are_stored_in_postgis_as_they_were_read() {
    with_store(Place::server().await, both_catalogues_are_stored_as_they_were_read).await;
}

#[tokio::test]
async fn a_rejected_catalogue_leaves_the_geopackage_as_it_was() {
    with_store(Some(Place::file()), a_rejected_catalogue_leaves_the_store_as_it_was).await;
}

#[tokio::test]
async fn a_catalogue_for_an_atlas_that_is_not_there_is_refused() {
    let place = Place::file();
    let store = place.open(OpenMode::Create).await;
    let (editor, slug) = (Editor::local("anna"), "nowhere".parse().unwrap());
    let result =
        import_catalogue_bytes(&store, &editor, &slug, ("a.toml", b"".to_vec()), false, noon()).await;
    assert!(result.is_err());
    store.close().await;
}

/// Imports the boundaries as the manifest says.
async fn import_levels(store: &Store, editor: &Editor, atlas: &Slug, manifest: &toml::Table) {
    for level in manifest["levels"].as_array().unwrap() {
        let boundaries = &level["boundaries"];
        let text = |key: &str| boundaries[key].as_str().unwrap();
        let parents = boundaries.get("parents").and_then(|p| p.as_array()).cloned().unwrap_or_default();
        let options = BoundaryOptions {
            level: level["slug"].as_str().unwrap().parse().unwrap(),
            level_title: level["title"].clone().try_into().unwrap(),
            key_field: text("key").into(),
            name_field: text("name").into(),
            short_name_field: Some(text("short_name").into()),
            filter: vec![],
            edition: text("edition").parse().unwrap(),
            parents: parents.iter().map(|p| p.as_str().unwrap().parse().unwrap()).collect(),
            crs: None,
            inhabited: Some(text("inhabited").parse().unwrap()),
            uninhabited_keys: vec![],
            attribution: text("attribution").into(),
            layer: None,
            references: None,
            snap_tolerance_m: 0.0,
            tile_budget: DEFAULT_TILE_BUDGET,
        };
        let path = folder().join(text("file"));
        let target = Target { store, editor, atlas, dry_run: false, now: noon(), progress: &NoProgress };
        let report = import_boundaries(&target, Source::File(&path), &options).await.unwrap();
        println!("{report}");
        assert!(report.committed && report.problems.is_empty(), "{report}");
    }
}

#[tokio::test]
async fn boundaries_and_values_of_the_demo_are_imported_without_problems() {
    with_store(Some(Place::file()), |store| async move {
        let (slug, editor) = (atlas(&store).await, Editor::local("anna"));
        let path = folder().join("catalogue.toml");
        assert!(import_catalogue(&store, &editor, &slug, &path, false, noon()).await.unwrap().committed);
        let manifest: toml::Table = file("demo.toml").parse().unwrap();
        import_levels(&store, &editor, &slug, &manifest).await;
        for values in manifest["values"].as_array().unwrap() {
            let text = |key: &str| values[key].as_str().unwrap();
            let options = ValuesOptions {
                level: text("level").parse().unwrap(),
                edition: None,
                mapping: Some(Mapping::parse(&file(text("mapping"))).unwrap()),
                indicator: None,
                period: None,
                drafts: None,
                profile: ProfileOptions::default(),
            };
            let path = folder().join(text("file"));
            let target = Target {
                store: &store,
                editor: &editor,
                atlas: &slug,
                dry_run: false,
                now: noon(),
                progress: &NoProgress,
            };
            let report = import_values(&target, Source::File(&path), &options).await.unwrap();
            assert!(report.committed && report.problems.is_empty(), "{report}");
        }
        let stored = store.catalogue(&slug).await.unwrap();
        assert_eq!(stored.series.len(), 3 * 6 * stored.indicators.len());
        let gemeinden = stored.editions.iter().find(|e| e.level.as_str() == "gemeinde").unwrap();
        let regions = store.regions(gemeinden.id).await.unwrap();
        let uninhabited: Vec<_> =
            regions.iter().filter(|r| !r.region.inhabited).map(|r| r.region.key.as_str()).collect();
        assert_eq!((regions.len(), uninhabited), (29, vec!["03354501", "03354502"]));
        let is_real = |series: &&SeriesRow| series.provenance == Provenance::Exact;
        let real: Vec<_> = stored.series.iter().filter(is_real).collect();
        assert_eq!(real.len(), 3);
        assert!(
            real.iter().all(|s| s.indicator.as_str() == "population" && s.period.to_string() == "2015-12-31")
        );
    })
    .await;
}
