//! A small atlas for tests: nine squares in two parents, one indicator released for 2020, the rest not.

use std::{path::Path, sync::Arc};

use axum::{Router, body::Body, http::Request};
use chrono::{DateTime, NaiveDate, Utc};
use http_body_util::BodyExt;
use kommunalatlas::{
    access::{Gate, Publisher},
    atlas::{Atlases, CacheSizes},
    classification::classify,
    domain::{
        Audience, ClassRule, Column, Companions, DenominatorRule, Facility, FacilityCategory, Indicator,
        IndicatorKind, Level, Method, Polarity, Provenance, Region, Role, Sheet, Slug, Status, Text, Theme,
    },
    geometry::{BuildOptions, GridPoint, TileCoord, build_edition},
    http::{App, PublicUrl, embedded_glyphs, router},
    release::{self, ReleaseRequest},
    store::{
        Bounds, ImportRecord, InternalClassification, NewAtlas, NewEdition, NewRegion, NewSeries, OpenMode,
        Store,
    },
};
use tempfile::TempDir;
use tower::ServiceExt;

use crate::hidden;

/// Everything in a fixture that no release shows; two fixtures that differ only here must look the same to the public.
#[derive(Debug, Clone, Copy)]
pub struct Secrets {
    /// Added to every unreleased number.
    pub offset: f64,
    /// Number of further closed atlases, internal imports and periods.
    pub extras: usize,
    /// Which of two ways the regions belong to the unreleased parent level.
    pub hidden_parents: usize,
}

pub const NO_SECRETS: Secrets = Secrets { offset: 0.0, extras: 0, hidden_parents: 0 };

/// A fixture atlas behind the router.
pub struct TestApp {
    pub router: Router,
    pub store: Store,
    pub atlases: Arc<Atlases>,
    _dir: TempDir,
}

/// An answer, read to its end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    pub status: u16,
    /// Sorted, without `date` and the id of the request.
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

impl Answer {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(n, _)| n == name).map(|(_, v)| v.as_str())
    }

    pub fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).unwrap()
    }
}

pub fn slug(text: &str) -> Slug {
    text.parse().unwrap()
}

pub fn now() -> DateTime<Utc> {
    "2026-01-02T03:04:05Z".parse().unwrap()
}

pub fn day() -> NaiveDate {
    "2020-12-31".parse().unwrap()
}

/// Where the middle square of the fixture lies, as a tile of zoom 9.
pub fn tile() -> TileCoord {
    TileCoord::containing(9, GridPoint::from_degrees(11.15, 53.05))
}

/// The path of a route's example, with the tile filled in.
pub fn example(path: &str) -> String {
    let t = tile();
    path.replace("{tile}", &format!("{}/{}/{}", t.z(), t.x(), t.y()))
}

pub fn record(kind: &str) -> ImportRecord {
    ImportRecord {
        kind: kind.into(),
        file_name: "fixture".into(),
        file_hash: "00".into(),
        at: now(),
        by: "test".into(),
        report: serde_json::json!({}),
    }
}

fn square(column: usize, row: usize, size: usize) -> geo_types::MultiPolygon<f64> {
    let at = |c: usize, r: usize| geo_types::coord! { x: 11.0 + 0.1 * c as f64, y: 53.0 + 0.05 * r as f64 };
    // Every corner of the small squares is a vertex of the large ones too.
    let mut ring = Vec::new();
    ring.extend((0..size).map(|i| at(column + i, row)));
    ring.extend((0..size).map(|i| at(column + size, row + i)));
    ring.extend((0..size).map(|i| at(column + size - i, row + size)));
    ring.extend((0..size).map(|i| at(column, row + size - i)));
    geo_types::MultiPolygon(vec![geo_types::Polygon::new(geo_types::LineString(ring), vec![])])
}

fn region(key: &str, geometry: geo_types::MultiPolygon<f64>, parents: Vec<(Slug, String)>) -> NewRegion {
    NewRegion {
        region: Region {
            key: key.parse().unwrap(),
            name: format!("Gebiet {key}"),
            short_name: None,
            inhabited: key != "09",
        },
        geometry: Some(geometry),
        label: None,
        label_minzoom: 0,
        label_rank: 0,
        parents: parents.into_iter().map(|(level, key)| (level, key.parse().unwrap())).collect(),
    }
}

/// An edition with its topology; labels are filled in.
pub fn edition(level: &str, mut regions: Vec<NewRegion>) -> NewEdition {
    let polygons: Vec<_> = regions.iter().map(|r| r.geometry.clone()).collect();
    let built = build_edition(&polygons, &BuildOptions::default(), &mut |_, _| {}).unwrap();
    for (region, label) in regions.iter_mut().zip(&built.labels) {
        if let Some(label) = label {
            region.label = Some(label.point.to_degrees());
            (region.label_minzoom, region.label_rank) = (label.minzoom, label.rank);
        }
    }
    NewEdition {
        level: slug(level),
        new_level: None,
        valid_on: day(),
        attribution: "© Vermessungsamt".into(),
        regions,
        bounds: Bounds { west: 11.0, south: 53.0, east: 11.3, north: 53.15 },
        minzoom: 0,
        topology: built.topology.to_bytes(),
        zooms: built.zooms.iter().map(|z| (z.zoom(), z.to_bytes())).collect(),
        import: record("boundaries"),
    }
}

pub fn small_regions(secrets: Secrets) -> Vec<NewRegion> {
    let place = |i: usize| (i % 3, i / 3);
    (0..9)
        .map(|i| {
            let (column, row) = place(i);
            let parents = vec![
                (slug("p"), if column == 0 { "P1".into() } else { "P2".into() }),
                (slug("hidden"), format!("H{}", (row + secrets.hidden_parents * column) % 3)),
            ];
            region(&format!("0{}", i + 1), square(column, row, 1), parents)
        })
        .collect()
}

fn hidden_regions() -> Vec<NewRegion> {
    (0..3).map(|i| region(&format!("H{i}"), square(0, i, 1), vec![])).collect()
}

fn parent_regions() -> Vec<NewRegion> {
    vec![region("P1", square(0, 0, 1), vec![]), region("P2", square(1, 1, 1), vec![])]
}

pub fn indicator(name: &str, kind: IndicatorKind) -> Indicator {
    let text = Text::german("Text");
    Indicator {
        slug: slug(name),
        title: Text::both(format!("Indikator {name}"), format!("Indicator {name}")),
        theme: slug("t"),
        kind,
        unit: Text::german("%"),
        decimals: 1,
        per: 100.0,
        polarity: Polarity::Neutral,
        part_of: None,
        numerator: None,
        denominator: None,
        denominator_rule: DenominatorRule::default(),
        sensitive: true,
        classification: ClassRule { method: Method::Quantile, classes: 3, ..ClassRule::default() },
        palette: None,
        note: Some(Text::both("Erfunden", "Made up")),
        sheet: Sheet {
            definition: text.clone(),
            calculation: text.clone(),
            numerator: text.clone(),
            denominator: text.clone(),
            source: text.clone(),
            reference_date: text.clone(),
            contact: text.clone(),
            licence: text,
            ..Sheet::default()
        },
    }
}

/// Values 1.25, 2.5 …; region 02 is suppressed, 03 is missing, 09 is uninhabited but has a number.
pub fn column(offset: f64) -> Column {
    let mut column = Column::missing(9);
    for i in 0..9 {
        column.set(i, Some(offset + 1.25 * (i + 1) as f64), Status::Valid);
    }
    column.set(1, None, Status::Suppressed);
    column.set(2, None, Status::Missing);
    column
}

/// The same numbers from the last region to the first.
fn reversed(column: &Column) -> Column {
    let mut reversed = column.clone();
    for at in 0..column.len() {
        reversed.set(at, column.value(column.len() - 1 - at), column.status(column.len() - 1 - at));
    }
    reversed
}

/// Percentages of 10,000 persons each.
pub fn series(indicator: &str, period: &str, column: Column) -> NewSeries {
    let persons = |value: &f64| value * 100.0;
    let companions = Companions {
        numerators: Some(column.values().iter().map(persons).collect()),
        denominators: Some(
            column.values().iter().map(|value| if value.is_nan() { *value } else { 10_000.0 }).collect(),
        ),
        ..Companions::default()
    };
    NewSeries {
        indicator: slug(indicator),
        level: slug("l"),
        edition: day(),
        period: period.parse().unwrap(),
        column,
        companions,
        provenance: Provenance::Exact,
        source: None,
        note: None,
        value_notes: vec![],
        break_before: false,
        derivation: None,
    }
}

pub fn internal(indicator: &str, columns: &[&Column]) -> InternalClassification {
    let numbers: Vec<f64> = columns.iter().flat_map(|c| c.numbers()).collect();
    let rule = ClassRule { method: Method::Quantile, classes: 3, ..ClassRule::default() };
    let classification = classify(&numbers, &rule, vec![]).unwrap();
    InternalClassification { indicator: slug(indicator), level: slug("l"), classification }
}

/// Fills a store with the atlas `a`: levels p, l, hidden; indicators i (2020 released, 2021 not) and secret,
/// facilities.
pub async fn fill(store: &Store, name: &str, secrets: Secrets) {
    let atlas = slug(name);
    let new = NewAtlas {
        slug: atlas.clone(),
        title: Text::german("Atlas"),
        required_indicators: 1,
        attribution: "© Amt".into(),
    };
    store.create_atlas(&new).await.unwrap();
    let level = |name: &str, position| Level {
        slug: slug(name),
        title: Text::both(format!("Ebene {name}"), format!("Level {name}")),
        position,
        public_boundaries: name == "p",
    };
    store.put_levels(&atlas, &[level("p", 0), level("l", 1), level("hidden", 2)]).await.unwrap();
    store.insert_edition(&atlas, &edition("p", parent_regions())).await.unwrap();
    store.insert_edition(&atlas, &edition("hidden", hidden_regions())).await.unwrap();
    store.insert_edition(&atlas, &edition("l", small_regions(secrets))).await.unwrap();
    let theme = Theme { slug: slug("t"), title: Text::german("Thema") };
    let indicators = [indicator("i", IndicatorKind::Share), indicator("secret", IndicatorKind::Count)];
    store.put_catalogue(&atlas, &[theme], &[], &indicators, &record("catalogue")).await.unwrap();
    // The exact numbers differ by less than what a release keeps of them, the others in their order too.
    let (released, mut unreleased) = (column(secrets.offset / 10_000.0), column(100.0 + secrets.offset));
    if secrets.hidden_parents == 1 {
        unreleased = reversed(&unreleased);
    }
    let classes = [internal("i", &[&released, &unreleased]), internal("secret", &[&unreleased])];
    let mut all = vec![
        series("i", "2020", released),
        series("i", "2021", unreleased.clone()),
        series("secret", "2020", unreleased.clone()),
    ];
    all.extend((0..secrets.extras).map(|n| series("secret", &format!("{}", 2000 + n), unreleased.clone())));
    store.insert_series(&atlas, all, &record("values"), &classes).await.unwrap();
    fill_facilities(store, &atlas, secrets).await;
}

fn facility(category: &str, key: &str, lon: f64, publishable: bool) -> Facility {
    Facility {
        category: slug(category),
        key: key.into(),
        name: format!("Haus {key}"),
        operator: Some("Träger".into()),
        address: None,
        places: Some(40),
        valid_from: Some(day()),
        valid_until: None,
        publishable,
        lon,
        lat: 53.05,
    }
}

/// A public category `kita` with two facilities that may be shown and others that may not, and a hidden one.
async fn fill_facilities(store: &Store, atlas: &Slug, secrets: Secrets) {
    let category = |name: &str, public| FacilityCategory {
        slug: slug(name),
        title: Text::both(format!("Art {name}"), format!("Category {name}")),
        public,
        personal: false,
    };
    let categories = [category("secret-place", false), category("kita", true)];
    let mut facilities = vec![facility("kita", "K2", 11.15, true), facility("kita", "K4", 11.25, true)];
    let mut ended = facility("kita", "secret-ended", 11.16, true);
    ended.valid_until = Some(day());
    facilities.push(ended);
    for n in 0..=secrets.extras {
        let lon = 11.1 + secrets.offset / 1e6;
        facilities.push(facility("kita", &format!("A-secret-{n}"), lon, false));
        facilities.push(facility("kita", &format!("K3-secret-{n}"), lon, false));
        facilities.push(facility("secret-place", &format!("S-secret-{n}"), lon, true));
    }
    store.insert_facilities(atlas, &categories, &facilities, &record("facilities")).await.unwrap();
}

async fn release_and_open(store: &Store) {
    let publisher = Publisher::local("test");
    let request = ReleaseRequest {
        indicators: vec![slug("i")],
        levels: vec![slug("l")],
        periods: vec!["2020".parse().unwrap()],
        audience: Audience::Public,
    };
    release::release(store, &publisher, &slug("a"), &request, None, now()).await.unwrap();
    release::open(store, &publisher, &slug("a"), now()).await.unwrap();
}

impl TestApp {
    pub async fn new() -> Self {
        Self::with(NO_SECRETS, "http://localhost:8080").await
    }

    pub async fn with(secrets: Secrets, public_url: &str) -> Self {
        Self::guarded(secrets, public_url, async |_| Gate::closed()).await
    }

    /// With a gate that is made for the location of the store.
    pub async fn guarded(secrets: Secrets, public_url: &str, gate: impl AsyncFnOnce(&str) -> Gate) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("test.gpkg");
        let store = Store::open(file.to_str().unwrap(), OpenMode::Create, now()).await.unwrap();
        for n in 0..secrets.extras {
            fill(&store, &format!("closed-{n}"), secrets).await;
        }
        fill(&store, "a", secrets).await;
        release_and_open(&store).await;
        hidden::plant(&store, secrets).await;
        let gate = gate(file.to_str().unwrap()).await;
        Self::over(dir, store, public_url, gate).await
    }

    /// With people, of whom one asks and is nothing in the atlas.
    pub async fn peopled(secrets: Secrets) -> (Self, Gate) {
        let mut opened = Gate::closed();
        let gate = async |location: &str| {
            let mut elsewhere = hidden::member(&[Role::Administrator], None);
            elsewhere.atlas = slug("elsewhere");
            opened = hidden::gate(Path::new(location), &[(hidden::STRANGER, elsewhere)]).await;
            opened.clone()
        };
        let app = Self::guarded(secrets, "http://localhost:8080", gate).await;
        (app, opened)
    }

    /// A server over a store in a folder, for people whom a gate knows.
    pub async fn over(dir: TempDir, store: Store, public_url: &str, gate: Gate) -> Self {
        let atlases = Atlases::open(store.clone(), CacheSizes::default()).await.unwrap();
        let app = App {
            store: store.clone(),
            atlases: atlases.clone(),
            public_url: PublicUrl::parse(public_url).unwrap(),
            glyphs: embedded_glyphs().unwrap(),
            gate,
        };
        Self { router: router(Arc::new(app)), store, atlases, _dir: dir }
    }

    pub async fn get(&self, path: &str) -> Answer {
        self.ask("GET", path, &[]).await
    }

    pub async fn ask(&self, method: &str, path: &str, headers: &[(&str, &str)]) -> Answer {
        self.send(method, path, headers, "").await
    }

    pub async fn send(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &str) -> Answer {
        let mut request = Request::builder().method(method).uri(path);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let response =
            self.router.clone().oneshot(request.body(Body::from(body.to_owned())).unwrap()).await.unwrap();
        let status = response.status().as_u16();
        let mut headers: Vec<_> = response
            .headers()
            .iter()
            .map(|(n, v)| (n.to_string(), v.to_str().unwrap().to_owned()))
            .filter(|(n, _)| n != "date" && n != "x-request-id")
            .collect();
        headers.sort();
        let body = response.into_body().collect().await.unwrap().to_bytes().to_vec();
        Answer { status, headers, body }
    }
}
