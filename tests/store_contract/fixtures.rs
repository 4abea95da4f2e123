//! A small atlas for tests: `wendland`, with two levels, two indicators and an edition of three regions.

use chrono::NaiveDate;
use geo_types::{MultiPolygon, polygon};
use kommunalatlas::{
    domain::{
        Audience, ClassRule, Classification, Column, Companions, DenominatorRule, Indicator, IndicatorKind,
        Level, Method, Period, Polarity, Provenance, Region, Sheet, Slug, Source, Status, Text, Theme,
    },
    store::{
        AtlasCatalogue, Bounds, Id, ImportRecord, InternalClassification, NewAtlas, NewEdition, NewRegion,
        NewRelease, NewReleaseColumn, NewSeries, Stamp, Store, Withdrawal,
    },
};

use crate::places::noon;

pub fn slug(text: &str) -> Slug {
    text.parse().unwrap()
}

pub fn period(text: &str) -> Period {
    text.parse().unwrap()
}

pub fn day(text: &str) -> NaiveDate {
    text.parse().unwrap()
}

pub fn import(kind: &str) -> ImportRecord {
    ImportRecord {
        kind: kind.into(),
        file_name: "datei.csv".into(),
        file_hash: "00ff".into(),
        at: noon(),
        by: "anna".into(),
        report: serde_json::json!({"z": 1, "a": ["ä", null, 2.5]}),
    }
}

pub fn indicator(name: &str) -> Indicator {
    Indicator {
        slug: slug(name),
        title: Text::both("Kinder ohne \"Platz\"", "Children"),
        theme: slug("bildung"),
        kind: IndicatorKind::Share,
        unit: Text::german("%"),
        decimals: 1,
        per: 100.0,
        polarity: Polarity::Negative,
        part_of: None,
        numerator: None,
        denominator: None,
        denominator_rule: DenominatorRule::MeanOfTwo,
        sensitive: true,
        classification: ClassRule {
            method: Method::Manual,
            classes: 3,
            breaks: vec![0.1, 1.0 / 3.0],
            ..ClassRule::default()
        },
        palette: Some(slug("blues")),
        note: Some(Text::german("illustrativ")),
        sheet: Sheet { definition: Text::both("Was?", "What?"), ..Sheet::default() },
    }
}

pub fn themes() -> Vec<Theme> {
    ["soziales", "bildung"].map(|name| Theme { slug: slug(name), title: Text::german(name) }).to_vec()
}

pub fn sources() -> Vec<Source> {
    vec![
        Source { slug: slug("lsn"), title: Text::german("Landesamt"), restricted: false, policies: None },
        Source {
            slug: slug("ba"),
            title: Text::both("Bundesagentur", "Agency"),
            restricted: true,
            policies: None,
        },
    ]
}

pub fn square(west: f64) -> MultiPolygon<f64> {
    MultiPolygon(vec![polygon![
        exterior: [(x: west, y: 53.0), (x: west + 0.1, y: 53.0), (x: west + 0.1, y: 53.1), (x: west, y: 53.1), (x: west, y: 53.0)],
        interiors: [[(x: west + 0.02, y: 53.02), (x: west + 0.02, y: 53.04), (x: west + 0.04, y: 53.04), (x: west + 0.02, y: 53.02)]],
    ]])
}

/// Three regions: two with geometry, one uninhabited; the last without geometry.
pub fn edition(date: &str) -> NewEdition {
    let region = |key: &str, west: Option<f64>| NewRegion {
        region: Region {
            key: key.parse().unwrap(),
            name: format!("Gebiet {key} Ä"),
            short_name: (key == "03354002").then(|| "kurz".to_owned()),
            inhabited: key != "03354501",
        },
        geometry: west.map(square),
        label: west.map(|w| (w + 0.05, 53.05)),
        label_minzoom: 7,
        label_rank: 3,
        parents: vec![
            (slug("kreis"), "03354".parse().unwrap()),
            (slug("verband"), format!("v{key}").parse().unwrap()),
        ],
    };
    NewEdition {
        level: slug("gemeinde"),
        new_level: None,
        valid_on: day(date),
        attribution: "© GeoBasis-DE / BKG".into(),
        regions: vec![region("03354002", Some(11.0)), region("03354501", Some(11.1)), region("09", None)],
        bounds: Bounds { west: 11.0, south: 53.0, east: 11.2, north: 53.1 },
        minzoom: 4,
        topology: vec![1, 2, 3],
        zooms: vec![(0, vec![0]), (14, vec![14, 14])],
        import: import("boundaries"),
    }
}

pub fn column(values: &[f64]) -> Column {
    let mut column = Column::missing(values.len());
    for (i, value) in values.iter().enumerate() {
        column.set(i, Some(*value), Status::Valid);
    }
    column
}

pub fn series(name: &str, when: &str, values: &[f64]) -> NewSeries {
    NewSeries {
        indicator: slug(name),
        level: slug("gemeinde"),
        edition: day("2015-12-31"),
        period: period(when),
        column: column(values),
        companions: Companions::default(),
        provenance: Provenance::Exact,
        source: None,
        note: None,
        value_notes: vec![],
        break_before: false,
        derivation: None,
    }
}

pub fn classes(upper: f64) -> Classification {
    Classification {
        method: Method::FisherJenks,
        breaks: vec![0.1, 0.1 + 0.2, upper],
        counts: vec![1, 2],
        gvf: 1.0 / 3.0,
        base_periods: vec![period("2022"), period("2023")],
    }
}

pub fn internal(name: &str, upper: f64) -> InternalClassification {
    InternalClassification { indicator: slug(name), level: slug("gemeinde"), classification: classes(upper) }
}

pub fn release(edition: Id, audience: Audience, values: &[f64]) -> NewRelease {
    NewRelease {
        indicator: slug("quote"),
        level: slug("gemeinde"),
        audience,
        columns: ["2023", "2022"]
            .map(|when| NewReleaseColumn {
                period: period(when),
                edition,
                column: column(values),
                note: (when == "2023").then(|| Text::german("vorläufig")),
                break_before: when == "2023",
            })
            .to_vec(),
        classification: classes(9.0),
        inputs: Vec::new(),
        certificate: None,
        at: noon(),
        by: "paula".into(),
    }
}

/// An atlas `wendland` with two levels, a catalogue and an edition. Returns the edition's id.
pub async fn filled(store: &Store) -> Id {
    let atlas = slug("wendland");
    store
        .create_atlas(&NewAtlas {
            slug: atlas.clone(),
            title: Text::both("Wendland", "The Wendland"),
            required_indicators: 10,
            attribution: "© Landkreis".into(),
        })
        .await
        .unwrap();
    let level = |name: &str, position| Level {
        slug: slug(name),
        title: Text::german(name),
        position,
        public_boundaries: position == 0,
    };
    store.put_levels(&atlas, &[level("gemeinde", 1), level("kreis", 0)]).await.unwrap();
    let indicators = [indicator("quote"), indicator("anteil")];
    store.put_catalogue(&atlas, &themes(), &sources(), &indicators, &import("catalogue")).await.unwrap();
    store.insert_edition(&atlas, &edition("2015-12-31")).await.unwrap()
}

pub async fn catalogue(store: &Store) -> AtlasCatalogue {
    store.catalogue(&slug("wendland")).await.unwrap()
}

/// Values of the current series of an indicator and period.
pub async fn current(store: &Store, name: &str, when: &str) -> Option<Vec<f64>> {
    let catalogue = catalogue(store).await;
    let row = catalogue.series.iter().find(|s| s.indicator.as_str() == name && s.period == period(when))?;
    Some(store.column(row.id).await.unwrap().values().to_vec())
}

/// Takes layers back; how many were in force.
pub async fn withdrawn(store: &Store, layers: &[(Slug, Slug)], audience: Audience) -> u64 {
    let atlas = slug("wendland");
    let since = store.release_mark(&atlas).await.unwrap();
    let stamp = Stamp { at: noon(), by: "paula".into() };
    let withdrawal = Withdrawal { layers, audience, area: None, bundle: None, since, stamp };
    store.withdraw(&atlas, &withdrawal).await.unwrap()
}
