//! Reference regions on the whole way: boundaries, values, release, what the public is served.

use std::sync::Arc;

use axum::{body::Body, http::Request};
use http_body_util::BodyExt;
use kommunalatlas::{
    access::{Gate, Publisher},
    atlas::{Atlases, CacheSizes},
    domain::Audience,
    http::{App, PublicUrl, embedded_glyphs, router},
    ingest::{
        Source,
        boundaries::BoundaryOptions,
        catalogue::{import_catalogue_bytes, starter_catalogue},
        statistics::{ProfileOptions, ValuesOptions, import_values},
    },
    release::{self, ReleaseRequest},
};
use tower::ServiceExt;

use super::{Atlas, gemeinden, now, options, slug};

const VALUES: &str = "key;indicator;period;value\nDG;population;2016-12-31;82000000\n03;population;2016-12-31;7900000\n\
                      03354001;population;2016-12-31;10\n03354005;population;2016-12-31;20\n\
                      03354501;population;2016-12-31;30\n";

#[tokio::test]
async fn a_reference_region_has_a_value_in_tables_and_counts_for_no_class_and_no_legend() {
    let atlas = Atlas::new().await;
    let json = atlas.file("gem.geojson", gemeinden());
    let references = atlas.file("ref.csv", "key;name\nDG;Deutschland\n03;Niedersachsen\n");
    let options = BoundaryOptions {
        filter: vec!["GF=4".parse().unwrap()],
        references: Some(references),
        ..options("gemeinde")
    };
    assert!(atlas.import(&json, &options).await.committed);
    let name = slug("wendland");
    let starter = ("starter.toml", starter_catalogue().as_bytes().to_vec());
    import_catalogue_bytes(&atlas.store, &atlas.editor, &name, starter, false, now()).await.unwrap();
    let values = ValuesOptions {
        level: slug("gemeinde"),
        edition: None,
        mapping: None,
        indicator: None,
        period: None,
        drafts: None,
        profile: ProfileOptions::default(),
    };
    let file = atlas.file("values.csv", VALUES);
    let source = Source::File(&file);
    let report = import_values(&atlas.target(&name, false), source, &values).await.unwrap();
    assert!(report.committed, "{report}");
    let request = ReleaseRequest {
        indicators: vec![slug("population")],
        levels: vec![slug("gemeinde")],
        periods: Vec::new(),
        audience: Audience::Public,
    };
    let publisher = Publisher::local("test");
    release::release(&atlas.store, &publisher, &name, &request, None, now()).await.unwrap();
    atlas.store.set_open(&name, true).await.unwrap();
    let atlases = Atlases::open(atlas.store.clone(), CacheSizes::default()).await.unwrap();
    let public_url = PublicUrl::parse("http://localhost:8080").unwrap();
    let router = router(Arc::new(App {
        store: atlas.store.clone(),
        atlases,
        public_url,
        glyphs: embedded_glyphs().unwrap(),
        gate: Gate::closed(),
    }));
    let get = async |path: &str| -> serde_json::Value {
        let request = Request::builder().uri(path).body(Body::empty()).unwrap();
        let response = router.clone().oneshot(request).await.unwrap();
        let bytes = response.into_body().collect().await.unwrap().to_bytes();
        serde_json::from_slice(&bytes).unwrap()
    };
    let table = get("/wendland/values/gemeinde/population/2016-12-31.json").await;
    let rows: Vec<_> = table["rows"].as_array().unwrap().iter().collect();
    let germany = rows.iter().find(|row| row["key"] == "DG").unwrap();
    assert_eq!((&germany["value"], &germany["reference"]), (&82_000_000.0.into(), &true.into()), "{table}");
    assert!(germany["class"].is_null(), "{table}");
    assert_eq!(rows.iter().filter(|row| row["class"].is_number()).count(), 3, "{table}");
    let legend = get("/wendland/legends/gemeinde/population/2016-12-31.json").await;
    let counts = |part: &str| -> u64 {
        let entries = legend[part].as_array().into_iter().flatten();
        entries.filter_map(|entry| entry["count"].as_u64()).sum()
    };
    assert_eq!((counts("classes"), counts("statuses")), (3, 0), "{legend}");
}
