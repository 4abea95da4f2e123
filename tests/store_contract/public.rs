//! The public part of a store: what it shows, its export, and the rights of the public role.

use kommunalatlas::{
    domain::Audience,
    store::{AccessStore, OpenMode, Store},
};
use sqlx::{AssertSqlSafe, Connection, Executor, PgConnection, Row};

use crate::{
    fixtures::{edition, filled, release, slug},
    places::{Place, in_ci, noon},
};

/// A released indicator in an open atlas, beside an edition that no release uses.
async fn released(store: &Store) {
    let atlas = slug("wendland");
    let used = filled(store).await;
    store.insert_edition(&atlas, &edition("2022-12-31")).await.unwrap();
    store.publish(&atlas, &release(used, Audience::Public, &[1.0, 2.0, 3.0])).await.unwrap();
    store.set_open(&atlas, true).await.unwrap();
}

/// On both databases.
async fn on_both<F: Future<Output = ()>>(test: impl Fn(String) -> F) {
    for place in [Some(Place::file()), Place::server().await].into_iter().flatten() {
        let store = place.open(OpenMode::Create).await;
        released(&store).await;
        store.close().await;
        test(place.location.clone()).await;
        place.clear().await;
    }
}

async fn open(location: &str) -> Store {
    Store::open(location, OpenMode::Public, noon()).await.unwrap()
}

#[tokio::test]
async fn the_public_part_is_what_is_released_and_what_that_needs() {
    on_both(async |location| {
        let store = open(&location).await;
        let catalogue = store.catalogues().await.unwrap().remove(0);
        assert_eq!(catalogue.levels.iter().map(|l| l.slug.as_str()).collect::<Vec<_>>(), ["gemeinde"]);
        assert_eq!(catalogue.editions.len(), 1);
        assert!(catalogue.editions[0].parents.is_empty(), "their levels have no visible edition");
        assert_eq!(catalogue.indicators.iter().map(|i| i.slug.as_str()).collect::<Vec<_>>(), ["quote"]);
        assert_eq!(catalogue.themes.len(), 1);
        assert!(catalogue.sources.is_empty() && catalogue.series.is_empty());
        let columns = &catalogue.releases[0].columns;
        assert_eq!(store.release_column(columns[0].id).await.unwrap().value(2), Some(3.0));
        let regions = store.regions(catalogue.editions[0].id).await.unwrap();
        assert!(regions.len() == 3 && regions.iter().all(|r| r.parents.is_empty()));
        assert_eq!(store.topology(catalogue.editions[0].id).await.unwrap(), [1, 2, 3]);
        assert_eq!(store.purges().await.unwrap(), 0);
        assert!(store.generation().await.unwrap() > 0);
        assert!(store.set_open(&slug("wendland"), false).await.is_err());
        store.close().await;
    })
    .await;
}

#[tokio::test]
async fn both_databases_export_the_same_public_store_and_only_that_may_be_served() {
    let dir = tempfile::tempdir().unwrap();
    let hashes = std::cell::RefCell::new(Vec::new());
    on_both(async |location| {
        let store = open(&location).await;
        assert!(!store.exposed_tables().await.unwrap().is_empty(), "owner and full file may read everything");
        let file = dir.path().join(format!("public-{}.gpkg", hashes.borrow().len()));
        assert!(store.export_public(&file, noon()).await.unwrap() > 0);
        store.close().await;
        let public = open(file.to_str().unwrap()).await;
        assert_eq!(public.exposed_tables().await.unwrap(), Vec::<String>::new());
        let hash = public.content_hash().await.unwrap();
        hashes.borrow_mut().push(hash);
        public.close().await;
    })
    .await;
    let hashes = hashes.into_inner();
    assert!(hashes.iter().all(|hash| *hash == hashes[0]));
}

const ROLES: &str = include_str!("../../deploy/postgres/roles.sql");

/// An address with another role in place of the owner.
fn as_role(location: &str, role: &str) -> String {
    let (_, rest) = location.split_once('@').unwrap();
    format!("postgres://{role}@{rest}")
}

#[tokio::test]
async fn the_public_role_is_refused_every_internal_table() {
    let Some(place) = Place::server().await else { return };
    let store = place.open(OpenMode::Create).await;
    released(&store).await;
    store.close().await;
    AccessStore::open(&place.location).await.unwrap().close().await;
    let mut owner = PgConnection::connect(&place.location).await.unwrap();
    owner.execute(ROLES).await.unwrap();
    // Whatever is not in the schema for the public is internal, so that a new table or view is refused or fails here.
    let sql = "SELECT n.nspname || '.' || c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace \
               WHERE n.nspname LIKE 'kommunalatlas%' AND n.nspname <> 'kommunalatlas_public' \
               AND c.relkind IN ('r', 'p', 'v', 'm', 'f', 'S')";
    let tables: Vec<String> =
        owner.fetch_all(sql).await.unwrap().iter().map(|row| row.get::<String, _>(0)).collect();
    for schema in ["kommunalatlas.", "kommunalatlas_access."] {
        assert!(tables.iter().filter(|table| table.starts_with(schema)).count() > 10, "{tables:?}");
    }
    let Ok(mut public) = PgConnection::connect(&as_role(&place.location, "atlas_public")).await else {
        assert!(!in_ci(), "the role atlas_public is missing: run under tests/postgres.sh");
        return;
    };
    for table in &tables {
        let refused = public.execute(AssertSqlSafe(format!("SELECT 1 FROM {table}"))).await.unwrap_err();
        assert_eq!(refused.as_database_error().unwrap().code().unwrap(), "42501", "{table}: {refused}");
    }
    public.close().await.unwrap();
    let store = open(&as_role(&place.location, "atlas_public")).await;
    assert_eq!(store.exposed_tables().await.unwrap(), Vec::<String>::new());
    assert_eq!(store.catalogues().await.unwrap().len(), 1);
    store.close().await;
    let staff = open(&as_role(&place.location, "atlas_staff")).await;
    assert!(staff.exposed_tables().await.unwrap().contains(&"kommunalatlas.series".to_owned()));
    staff.close().await;
    let staff =
        Store::open(&as_role(&place.location, "atlas_staff"), OpenMode::ReadWrite, noon()).await.unwrap();
    staff.set_open(&slug("wendland"), false).await.unwrap();
    staff.close().await;
    owner.close().await.unwrap();
    place.clear().await;
}

#[tokio::test]
async fn views_and_tables_have_the_same_columns() {
    on_both(async |location| {
        if !location.starts_with("postgres") {
            return;
        }
        let mut owner = PgConnection::connect(&location).await.unwrap();
        let sql = "SELECT coalesce(v.table_name, t.table_name) || '.' || coalesce(v.column_name, t.column_name) \
                   FROM (SELECT * FROM information_schema.columns WHERE table_schema = 'kommunalatlas_public') v \
                   FULL JOIN (SELECT * FROM information_schema.columns WHERE table_schema = 'kommunalatlas' AND table_name IN \
                   (SELECT table_name FROM information_schema.views WHERE table_schema = 'kommunalatlas_public')) t \
                   ON t.table_name = v.table_name AND t.column_name = v.column_name \
                   WHERE t.column_name IS NULL OR v.column_name IS NULL";
        let rows = owner.fetch_all(sql).await.unwrap();
        let differing: Vec<String> = rows.iter().map(|row| row.get(0)).collect();
        assert_eq!(differing, Vec::<String>::new());
    })
    .await;
}
