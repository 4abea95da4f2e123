//! Facilities over HTTP: what the public gets, and only that.

use fast_mvt::{MvtFeatureRef, MvtReaderRef};
use kommunalatlas::geometry::{GridPoint, TileCoord};

use crate::app::TestApp;

fn path(lon: f64, lat: f64, z: u8) -> String {
    let tile = TileCoord::containing(z, GridPoint::from_degrees(lon, lat));
    format!("/a/tiles/facilities/kita/{}/{}/{}.mvt", tile.z(), tile.x(), tile.y())
}

#[tokio::test]
async fn a_tile_holds_the_visible_facilities_with_ids_that_do_not_count_hidden_ones() {
    let app = TestApp::new().await;
    let answer = app.get(&path(11.15, 53.05, 0)).await;
    assert_eq!(answer.status, 200);
    let reader = MvtReaderRef::new(&answer.body).unwrap();
    let layers: Vec<_> = reader.layers().collect();
    assert_eq!(layers.iter().map(|l| l.name()).collect::<Vec<_>>(), ["facilities"]);
    let ids: Vec<_> = layers[0].features().map(MvtFeatureRef::id).collect();
    assert_eq!(ids, [Some(1), Some(2)]);
    for feature in layers[0].features() {
        let keys: Vec<_> = feature.properties().map(|p| p.unwrap().0.to_owned()).collect();
        assert_eq!(keys, ["key", "name", "category", "operator", "places", "valid_from"]);
    }
}

#[tokio::test]
async fn tiles_are_versioned_like_all_others() {
    let app = TestApp::new().await;
    let document = app.get("/a/tiles/facilities/kita.json").await.json();
    assert_eq!((&document["minzoom"], &document["maxzoom"]), (&0.into(), &14.into()));
    assert_eq!(document["vector_layers"][0]["id"], "facilities");
    let template = document["tiles"][0].as_str().unwrap().strip_prefix("http://localhost:8080").unwrap();
    let tile = template.replace("{z}", "0").replace("{x}", "0").replace("{y}", "0");
    let answer = app.get(&tile).await;
    assert!(answer.header("cache-control").unwrap().contains("immutable"));
    let etag = answer.header("etag").unwrap();
    assert_eq!(app.ask("GET", &tile, &[("if-none-match", etag)]).await.status, 304);
    assert_eq!(app.get(&path(11.2, 53.05, 14)).await.status, 204);
    assert_eq!(app.get(&path(9.0, 50.0, 14)).await.status, 404);
}

#[tokio::test]
async fn catalogue_style_and_geojson_name_what_is_public() {
    let app = TestApp::new().await;
    let listed = app.get("/a/catalog.json?lang=en").await.json()["facilities"].clone();
    assert_eq!(listed.as_array().unwrap().len(), 1);
    assert_eq!((&listed[0]["slug"], &listed[0]["count"]), (&"kita".into(), &2.into()));
    assert_eq!((&listed[0]["title"], &listed[0]["visibility"]), (&"Category kita".into(), &"public".into()));
    let style = app.get("/a/styles/facilities/kita.json?theme=dark").await.json();
    assert_eq!(style["sources"]["atlas"]["url"], "http://localhost:8080/a/tiles/facilities/kita.json");
    let features = app.get("/a/facilities/kita.json").await.json()["features"].clone();
    let keys: Vec<_> = features.as_array().unwrap().iter().map(|f| f["properties"]["key"].clone()).collect();
    assert_eq!(keys, ["K2", "K4"]);
    assert!(features[0]["properties"].get("consent").is_none());
    assert_eq!(app.get("/a/facilities/kita.csv").await.status, 404);
    assert_eq!(app.get("/a/styles/facilities/kita.json?theme=blue").await.status, 400);
}
