//! Stores for tests, each of its own, on both databases.

use std::{
    future::Future,
    sync::atomic::{AtomicU32, Ordering},
};

use chrono::{DateTime, Utc};
use kommunalatlas::store::{OpenMode, Store};
use sqlx::{AssertSqlSafe, Connection, Executor, PgConnection};

/// The moment at which every test runs.
pub fn noon() -> DateTime<Utc> {
    "2026-11-22T12:00:00Z".parse().unwrap()
}

/// A place for a store, where there is none yet.
pub struct Place {
    pub location: String,
    _dir: Option<tempfile::TempDir>,
    database: Option<String>,
}

impl Place {
    pub fn file() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let location = dir.path().join("atlas.gpkg").to_str().unwrap().to_owned();
        Self { location, _dir: Some(dir), database: None }
    }

    /// A new database; `None` where no server was given, which is a failure in continuous integration.
    pub async fn server() -> Option<Self> {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let Ok(server) = std::env::var("KOMMUNALATLAS_TEST_POSTGRES") else {
            assert!(!in_ci(), "KOMMUNALATLAS_TEST_POSTGRES is not set: run under tests/postgres.sh");
            println!(
                "PostGIS is SKIPPED: KOMMUNALATLAS_TEST_POSTGRES is not set, run under tests/postgres.sh"
            );
            return None;
        };
        let name = format!("test_{}_{}", std::process::id(), NUMBER.fetch_add(1, Ordering::Relaxed));
        on_server(&server, format!("CREATE DATABASE {name} TEMPLATE atlas_template")).await;
        let (base, _) = server.rsplit_once('/').unwrap();
        Some(Self { location: format!("{base}/{name}"), _dir: None, database: Some(name) })
    }

    pub async fn open(&self, mode: OpenMode) -> Store {
        Store::open(&self.location, mode, noon()).await.unwrap()
    }

    /// Frees what the place holds on a server.
    pub async fn clear(self) {
        if let (Some(name), Ok(server)) = (self.database, std::env::var("KOMMUNALATLAS_TEST_POSTGRES")) {
            on_server(&server, format!("DROP DATABASE {name} WITH (FORCE)")).await;
        }
    }
}

/// True where a skipped test is a failed one.
pub fn in_ci() -> bool {
    std::env::var("CI").is_ok_and(|v| v == "true")
}

async fn on_server(server: &str, sql: String) {
    let mut connection = PgConnection::connect(server).await.unwrap();
    connection.execute(AssertSqlSafe(sql)).await.unwrap();
    connection.close().await.unwrap();
}

/// Runs a test with a new store in a place.
pub async fn with_store<F: Future<Output = ()>>(place: Option<Place>, test: impl FnOnce(Store) -> F) {
    let Some(place) = place else { return };
    let store = place.open(OpenMode::Create).await;
    test(store.clone()).await;
    store.close().await;
    place.clear().await;
}
