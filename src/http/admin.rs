//! The listener for those who run the server: health and metrics.
//!
//! Must not know: what is in an atlas. Invariant: it listens at the loopback address unless told otherwise; what it says
//! (generations, sizes of caches, numbers of requests) is not for the public.

use std::sync::Arc;

use axum::{
    Router,
    extract::State,
    http::header,
    response::{IntoResponse, Response},
    routing::get,
};
use metrics::gauge;
use metrics_exporter_prometheus::{BuildError, Matcher, PrometheusBuilder, PrometheusHandle};
use serde_json::json;
use tokio::net::TcpListener;

use crate::{
    atlas::Atlases,
    http::health::{self, Stopping},
};

/// Upper bounds of the classes of durations, in seconds: tiles from memory take microseconds, cold ones milliseconds.
const DURATIONS: [f64; 12] = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0];

/// Begins to count. To be called before anything that counts is made.
///
/// # Errors
/// If somebody counts already.
pub fn count_metrics() -> Result<PrometheusHandle, BuildError> {
    let durations = Matcher::Suffix("_seconds".to_owned());
    PrometheusBuilder::new().set_buckets_for_metric(durations, &DURATIONS)?.install_recorder()
}

struct Admin {
    atlases: Arc<Atlases>,
    metrics: PrometheusHandle,
    stopping: Stopping,
}

/// Serves `/health/live`, `/health/ready` and `/metrics` for as long as the process lives.
///
/// # Errors
/// If the listener fails.
pub async fn serve_admin(
    listener: TcpListener,
    atlases: Arc<Atlases>,
    metrics: PrometheusHandle,
    stopping: Stopping,
) -> std::io::Result<()> {
    let router = Router::new()
        .route("/health/live", get(health::live))
        .route("/health/ready", get(ready))
        .route("/metrics", get(text))
        .with_state(Arc::new(Admin { atlases, metrics, stopping }));
    axum::serve(listener, router).await
}

/// As on the main listener, with how the catalogue stands to the store.
async fn ready(State(admin): State<Arc<Admin>>) -> Response {
    let (code, status) = health::readiness(&admin.atlases, Some(&admin.stopping));
    let standing = admin.atlases.standing();
    let document = json!({
        "status": status,
        "generation": standing.generation,
        "store_generation": standing.seen,
        "seconds_since_refresh": standing.since.as_secs_f64(),
        "replica_behind": standing.replica_behind.flatten(),
    });
    health::document(code, &document)
}

/// `/metrics` in the text format of Prometheus.
async fn text(State(admin): State<Arc<Admin>>) -> Response {
    note_state(&admin.atlases).await;
    admin.metrics.run_upkeep();
    ([(header::CONTENT_TYPE, "text/plain; version=0.0.4")], admin.metrics.render()).into_response()
}

/// What is not counted as it happens but looked at when somebody asks.
async fn note_state(atlases: &Arc<Atlases>) {
    gauge!("kommunalatlas_build_info", "version" => env!("CARGO_PKG_VERSION")).set(1.0);
    for cache in atlases.caches().await {
        gauge!("kommunalatlas_cache_entries", "cache" => cache.name).set(cache.entries as f64);
        gauge!("kommunalatlas_cache_bytes", "cache" => cache.name).set(cache.bytes as f64);
    }
    for pool in atlases.pools() {
        gauge!("kommunalatlas_pool_connections", "pool" => pool.name).set(f64::from(pool.size));
        gauge!("kommunalatlas_pool_idle_connections", "pool" => pool.name).set(f64::from(pool.idle));
        gauge!("kommunalatlas_pool_waiting", "pool" => pool.name).set(f64::from(pool.waiting));
    }
    let standing = atlases.standing();
    gauge!("kommunalatlas_generation").set(standing.generation as f64);
    gauge!("kommunalatlas_generations_behind").set((standing.seen - standing.generation).max(0) as f64);
    gauge!("kommunalatlas_seconds_since_refresh").set(standing.since.as_secs_f64());
    gauge!("kommunalatlas_store_reachable").set(if standing.cut_off { 0.0 } else { 1.0 });
    if let Some(behind) = standing.replica_behind {
        gauge!("kommunalatlas_replica_reachable").set(if behind.is_some() { 1.0 } else { 0.0 });
        gauge!("kommunalatlas_replica_generations_behind").set(behind.unwrap_or_default() as f64);
    }
}
