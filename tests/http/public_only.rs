//! A server with nothing but what is public answers as the full one does.

use kommunalatlas::{
    access::Gate,
    http::ROUTES,
    store::{OpenMode, Store, StoreError},
};

use crate::{
    app::{TestApp, example, now},
    audience::{OTHER, compare},
};

async fn exported(full: &TestApp) -> TestApp {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("public.gpkg");
    let public = Store::open(full.store.path().unwrap().to_str().unwrap(), OpenMode::Public, now()).await;
    assert!(public.unwrap().export_public(&file, now()).await.unwrap() > 0);
    let store = Store::open(file.to_str().unwrap(), OpenMode::Public, now()).await.unwrap();
    TestApp::over(dir, store, "http://localhost:8080", Gate::closed()).await
}

#[tokio::test]
async fn a_public_store_gives_the_same_bytes_on_every_route() {
    let full = TestApp::with(OTHER, "http://localhost:8080").await;
    let public = exported(&full).await;
    assert!(compare(&full, &public, "").await > ROUTES.len());
}

#[tokio::test]
async fn a_full_store_exposes_what_a_public_one_does_not() {
    let full = TestApp::with(OTHER, "http://localhost:8080").await;
    let location = full.store.path().unwrap().to_str().unwrap().to_owned();
    let opened = Store::open(&location, OpenMode::Public, now()).await.unwrap();
    let exposed = opened.exposed_tables().await.unwrap().join(", ");
    for table in [
        "atlas",
        "edition",
        "facility",
        "import",
        "indicator",
        "region_parent",
        "release",
        "release_bundle",
        "release_certificate",
        "series",
        "share",
        "source",
        "succession",
        "delivery",
    ] {
        assert!(exposed.contains(&format!("{table} (")), "{table} is not named: {exposed}");
    }
    let public = exported(&full).await;
    assert!(public.store.exposed_tables().await.unwrap().is_empty());
    assert!(public.get(&example("/a/tiles/l/i/2020/{tile}.mvt")).await.status == 200);
}

#[tokio::test]
async fn two_stores_with_the_same_public_part_export_the_same_content() {
    let one = exported(&TestApp::with(OTHER, "http://localhost:8080").await).await;
    let other = exported(&TestApp::new().await).await;
    assert_eq!(one.store.content_hash().await.unwrap(), other.store.content_hash().await.unwrap());
}

#[tokio::test]
async fn an_export_overwrites_nothing() {
    let full = TestApp::new().await;
    let path = full.store.path().unwrap().to_owned();
    let public = Store::open(path.to_str().unwrap(), OpenMode::Public, now()).await.unwrap();
    let result = public.export_public(&path, now()).await;
    assert!(matches!(result, Err(StoreError::Invalid(_))));
}
