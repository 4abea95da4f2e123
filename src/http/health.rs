//! Whether the server lives, is ready, or is about to stop.
//!
//! `/health/live` answers 200 as long as the process answers at all. `/health/ready` answers with a JSON document:
//!
//! | status | document | meaning |
//! |---|---|---|
//! | 200 | `{"status":"ready"}` | everything works |
//! | 200 | `{"status":"degraded"}` | the store does not answer: what is in memory is served, the rest is 503 |
//! | 503 | `{"status":"stopping"}` | the server ends soon: send it nothing new |
//!
//! Degraded is 200 on purpose: where the database is away, it is away for all servers, and a balancer that took all of them
//! out would turn a part that is missing into nothing at all.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use axum::{
    extract::{Request, State},
    http::{HeaderValue, StatusCode, header},
    middleware::Next,
    response::{IntoResponse, Response},
};

use crate::{
    atlas::Atlases,
    http::{AppState, answer},
};

/// Says that a server is about to stop; clones say the same.
#[derive(Debug, Clone, Default)]
pub struct Stopping(Arc<AtomicBool>);

impl Stopping {
    /// From now on the server is not ready, and its answers end their connections; it still answers.
    pub fn begin(&self) {
        self.0.store(true, Ordering::Release);
    }

    fn has_begun(&self) -> bool {
        self.0.load(Ordering::Acquire)
    }
}

/// How ready a server is, and the status of the answer that says so.
pub(super) fn readiness(atlases: &Arc<Atlases>, stopping: Option<&Stopping>) -> (StatusCode, &'static str) {
    if stopping.is_some_and(Stopping::has_begun) {
        (StatusCode::SERVICE_UNAVAILABLE, "stopping")
    } else if atlases.is_cut_off() {
        (StatusCode::OK, "degraded")
    } else {
        (StatusCode::OK, "ready")
    }
}

/// `/health/live`: the process answers.
pub(super) async fn live() -> Response {
    document(StatusCode::OK, &serde_json::json!({"status": "live"}))
}

/// `/health/ready`
pub(super) async fn ready(State(app): AppState, request: Request) -> Response {
    let (code, status) = readiness(&app.atlases, request.extensions().get::<Stopping>());
    document(code, &serde_json::json!({"status": status}))
}

pub(super) fn document(status: StatusCode, document: &serde_json::Value) -> Response {
    let mut response = (status, axum::Json(document)).into_response();
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    answer::open(response.headers_mut());
    response
}

/// Lets handlers know whether the server stops. While it does, each answer is the last of its connection, so that proxies
/// hold none that is closed under them.
pub(super) async fn mark_stopping(
    State(stopping): State<Stopping>,
    mut request: Request,
    next: Next,
) -> Response {
    request.extensions_mut().insert(stopping.clone());
    let mut response = next.run(request).await;
    if stopping.has_begun() {
        response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
    }
    response
}
