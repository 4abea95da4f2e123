//! Opening: what is there, what may be made, what is refused.

use kommunalatlas::{
    domain::{Audience, BundleState},
    store::{OpenMode, Store, StoreError},
};

use crate::{
    fixtures::{filled, slug},
    places::{Place, noon},
};

async fn open(location: &str, mode: OpenMode) -> Result<Store, StoreError> {
    Store::open(location, mode, noon()).await
}

async fn places() -> Vec<Place> {
    [Some(Place::file()), Place::server().await].into_iter().flatten().collect()
}

/// Runs a statement behind the store's back.
async fn tamper(place: &Place, sql: &'static str) {
    if place.location.starts_with("postgres") {
        use sqlx::{Connection, PgConnection};
        let mut connection = PgConnection::connect(&place.location).await.unwrap();
        sqlx::raw_sql(sql).execute(&mut connection).await.unwrap();
        connection.close().await.unwrap();
    } else {
        use sqlx::{Connection, SqliteConnection};
        let url = format!("sqlite://{}?mode=rwc", place.location);
        let mut connection = SqliteConnection::connect(&url).await.unwrap();
        sqlx::raw_sql(sql).execute(&mut connection).await.unwrap();
        connection.close().await.unwrap();
    }
}

/// Makes a store as the first version of the program made it.
async fn first_schema(place: &Place) {
    if place.location.starts_with("postgres") {
        tamper(place, "CREATE SCHEMA kommunalatlas").await;
        let script: &'static str = concat!(
            "SET search_path = kommunalatlas, public;\n",
            include_str!("../../migrations/postgres/0001_atlas.sql")
        );
        tamper(place, script).await;
        tamper(place, "UPDATE kommunalatlas.state SET schema_version = 1").await;
    } else {
        tamper(place, include_str!("../../migrations/sqlite/0001_atlas.sql")).await;
        tamper(place, "UPDATE state SET schema_version = 1").await;
    }
}

#[tokio::test]
async fn a_store_that_does_not_exist_is_not_made_unless_asked_for() {
    for place in places().await {
        for mode in [OpenMode::ReadWrite, OpenMode::ReadOnly] {
            assert!(matches!(open(&place.location, mode).await, Err(StoreError::NotFound(_))));
        }
        assert!(!std::path::Path::new(&place.location).exists());
        open(&place.location, OpenMode::Create).await.unwrap().close().await;
        open(&place.location, OpenMode::ReadWrite).await.unwrap().close().await;
        place.clear().await;
    }
}

#[tokio::test]
async fn what_was_written_is_there_after_opening_again() {
    for place in places().await {
        let store = place.open(OpenMode::Create).await;
        filled(&store).await;
        let hash = store.content_hash().await.unwrap();
        store.close().await;
        let store = place.open(OpenMode::ReadOnly).await;
        assert_eq!(store.content_hash().await.unwrap(), hash);
        assert!(matches!(store.set_open(&slug("wendland"), true).await, Err(StoreError::Database(_))));
        store.close().await;
        place.clear().await;
    }
}

#[tokio::test]
async fn a_newer_schema_is_refused_in_every_mode() {
    for place in places().await {
        place.open(OpenMode::Create).await.close().await;
        let server = place.location.starts_with("postgres");
        let raise = if server {
            "UPDATE kommunalatlas.state SET schema_version = 999"
        } else {
            "UPDATE state SET schema_version = 999"
        };
        tamper(&place, raise).await;
        for mode in [OpenMode::ReadWrite, OpenMode::ReadOnly, OpenMode::Create] {
            let error = open(&place.location, mode).await.unwrap_err();
            assert!(matches!(error, StoreError::Newer { found: 999, .. }), "{error}");
        }
        place.clear().await;
    }
}

#[tokio::test]
async fn an_older_file_is_copied_and_then_migrated() {
    let place = Place::file();
    first_schema(&place).await;
    assert!(matches!(
        open(&place.location, OpenMode::ReadOnly).await,
        Err(StoreError::Older { found: 1, .. })
    ));
    open(&place.location, OpenMode::ReadWrite).await.unwrap().close().await;
    let backup = format!("{}.backup-v1-20261122T120000Z", place.location);
    assert!(std::path::Path::new(&backup).exists());
    let old = open(&backup, OpenMode::ReadOnly).await;
    assert!(matches!(old, Err(StoreError::Older { found: 1, .. })));
    let store = place.open(OpenMode::ReadOnly).await;
    assert!(store.atlases().await.unwrap().is_empty());
}

#[tokio::test]
async fn an_older_database_is_migrated_on_purpose_only() {
    let Some(place) = Place::server().await else { return };
    first_schema(&place).await;
    let error = open(&place.location, OpenMode::ReadWrite).await.unwrap_err();
    assert!(matches!(error, StoreError::Older { found: 1, .. }), "{error}");
    let done = Store::migrate(&place.location, noon()).await.unwrap();
    assert_eq!((done.from, done.backup), (1, None));
    assert_eq!(Store::migrate(&place.location, noon()).await.unwrap().from, done.to);
    open(&place.location, OpenMode::ReadWrite).await.unwrap().close().await;
    place.clear().await;
}

/// Makes a store as the last version without certificates left it: an open atlas with a public and an internal release.
async fn third_schema(place: &Place) {
    let rows = "
        INSERT INTO atlas (id, slug, title_de, open, required_indicators, attribution) VALUES (7, 'a', 'A', 1, 1, '');
        INSERT INTO level (atlas_id, slug, title_de, position, public_boundaries) VALUES (7, 'l', 'L', 0, 0);
        INSERT INTO theme (atlas_id, slug, title_de, position) VALUES (7, 't', 'T', 0);
        INSERT INTO indicator (atlas_id, slug, title_de, position, theme, kind, unit_de, decimals, per, polarity,
            denominator_rule, classification, sheet)
            VALUES (7, 'i', 'I', 0, 't', 'count', 'x', 0, 100, 'neutral', 'same-date', '{}', '{}');
        INSERT INTO release (atlas_id, indicator, level, audience, number, in_force, released_at, released_by,
            classification) VALUES
            (7, 'i', 'l', 'public', 1, 0, '2026-01-01T00:00:00Z', 'paula', '{}'),
            (7, 'i', 'l', 'public', 2, 1, '2026-02-01T00:00:00Z', 'paula', '{}'),
            (7, 'i', 'l', 'internal', 1, 1, '2026-03-01T00:00:00Z', 'paula', '{}');";
    if place.location.starts_with("postgres") {
        tamper(place, "CREATE SCHEMA kommunalatlas").await;
        for script in [
            include_str!("../../migrations/postgres/0001_atlas.sql"),
            include_str!("../../migrations/postgres/0002_places.sql"),
            include_str!("../../migrations/postgres/0003_import.sql"),
            rows,
            "UPDATE state SET schema_version = 3",
        ] {
            let script = format!("SET search_path = kommunalatlas, public;\n{script}");
            tamper(place, Box::leak(script.into_boxed_str())).await;
        }
    } else {
        for script in [
            include_str!("../../migrations/sqlite/0001_atlas.sql"),
            include_str!("../../migrations/sqlite/0002_places.sql"),
            include_str!("../../migrations/sqlite/0003_import.sql"),
            rows,
            "UPDATE state SET schema_version = 3",
        ] {
            tamper(place, script).await;
        }
    }
}

#[tokio::test]
async fn releases_from_before_certificates_become_drafts_and_their_public_areas_close() {
    for place in places().await {
        third_schema(&place).await;
        let done = Store::migrate(&place.location, noon()).await.unwrap();
        let server = place.location.starts_with("postgres");
        assert_eq!((done.from, done.backup.is_some()), (3, !server));
        let store = place.open(OpenMode::ReadWrite).await;
        let catalogue = store.catalogue(&slug("a")).await.unwrap();
        assert!(!catalogue.atlas.open && catalogue.releases.is_empty());
        let bundles = store.bundles(&slug("a")).await.unwrap();
        let told: Vec<_> = bundles.iter().map(|b| (b.state, b.content.request.audience)).collect();
        assert_eq!(told, [(BundleState::Draft, Audience::Internal), (BundleState::Draft, Audience::Public)]);
        assert_eq!(bundles[1].content.request.indicators, [slug("i")]);
        assert_eq!(bundles[1].created.by, "paula");
        assert_eq!(store.bundle_history(&slug("a"), bundles[1].id).await.unwrap().len(), 1);
        assert!(store.release_history(&slug("a")).await.unwrap().iter().all(|r| !r.in_force && !r.certified));
        store.close().await;
        place.clear().await;
    }
}

#[tokio::test]
async fn several_programs_may_make_the_same_store_at_once() {
    // Many files, because a file was locked for one of them in a few of a hundred times only.
    let files = (0..40).map(|_| Place::file());
    for place in files.chain(places().await) {
        let open_one = || {
            let location = place.location.clone();
            tokio::spawn(async move { open(&location, OpenMode::Create).await.unwrap().close().await })
        };
        for task in (0..4).map(|_| open_one()).collect::<Vec<_>>() {
            task.await.unwrap();
        }
        place.clear().await;
    }
}

#[tokio::test]
async fn something_else_is_not_taken_for_a_store() {
    let place = Place::file();
    std::fs::write(&place.location, "key;value\n".repeat(500)).unwrap();
    let other = Place::file();
    tamper(&other, "CREATE TABLE gpkg_contents (table_name TEXT)").await;
    for place in [place, other] {
        for mode in [OpenMode::ReadWrite, OpenMode::ReadOnly, OpenMode::Create] {
            let error = open(&place.location, mode).await.unwrap_err();
            assert!(matches!(error, StoreError::NotAStore(_)), "{error}");
        }
    }
}

#[tokio::test]
async fn an_error_text_holds_no_password() {
    let error = open("postgres://anna:geheim@127.0.0.1:1/x", OpenMode::ReadWrite).await.unwrap_err();
    assert!(matches!(error, StoreError::Unreachable(_)), "{error:?}");
    assert!(!format!("{error} {error:?}").contains("geheim"));
}
