//! The JSON API under `/api/`: signing in, people and rights, releases and disclosure control.
//!
//! Holds requests and answers. Must not know: SQL, rules of publication, how credentials are checked: the handlers ask
//! [`crate::release`], [`crate::access`] and [`crate::store`].
//!
//! Invariants: [`ROUTES`] says who may call what, and [`admit`] holds every request to it before its body is read. What a
//! caller may not see or do answers like what does not exist. Answers are for this caller only: nothing is kept by caches
//! or read by pages of other sites.

mod admit;
mod openapi;
mod problem;
mod request;
mod session;

use std::sync::Arc;

use axum::{
    Router,
    extract::{Request, State},
    http::{HeaderValue, header},
    middleware::{self, Next},
    response::{IntoResponse, Response},
    routing::get,
};
use tower_http::csrf::{CsrfLayer, ProtectionError};

use crate::http::{App, AppState, Compression, Route, answer, api::problem::Problem};

pub use admit::{Needs, Operation};

/// The routes of the API.
pub(super) const ROUTES: &[Route] = &[
    Route {
        pattern: "/api/openapi.json",
        examples: &["/api/openapi.json"],
        operations: &[Operation::get(Needs::Anybody)],
        methods: || get(openapi::description),
        compression: Compression::Own,
    },
    Route {
        pattern: "/api/session",
        examples: &["/api/session"],
        operations: &[Operation::get(Needs::Anybody)],
        methods: || get(session::show),
        compression: Compression::Own,
    },
];

/// The router of the API.
pub(super) fn router(app: &App) -> Router<Arc<App>> {
    let routes = ROUTES.iter().fold(Router::new(), |router, route| {
        let methods = (route.methods)().fallback(async || Problem::method_not_allowed());
        router.route(route.pattern, methods.layer(middleware::from_fn_with_state(route, admit::admit)))
    });
    routes.layer(same_site(app.public_url.origin()))
}

/// Refuses what a page of another site sends with the cookie of the person before it.
fn same_site(origin: &str) -> CsrfLayer<impl Fn(ProtectionError) -> Response + Clone + use<>> {
    let layer = CsrfLayer::new();
    let layer = layer.clone().add_trusted_origin(origin).unwrap_or_else(|error| {
        tracing::warn!(%error, "requests are compared with the address they were sent to only");
        layer
    });
    layer.with_rejection_response(|_| Problem::cross_site().into_response())
}

/// Closes the answers of the API, whoever made them: no cache keeps them, no page of another site reads them.
pub(super) async fn seal(State(app): AppState, request: Request, next: Next) -> Response {
    let path = request.uri().path();
    let within = path.strip_prefix(app.public_url.prefix()).is_some_and(|path| path.starts_with("/api/"));
    let mut response = next.run(request).await;
    if within {
        let headers = response.headers_mut();
        answer::close(headers);
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("private, no-store"));
        headers.insert(header::VARY, HeaderValue::from_static("authorization, cookie"));
    }
    response
}
