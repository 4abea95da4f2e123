//! The JSON API under `/api/`: signing in, people and rights, releases and disclosure control.
//!
//! Holds requests and answers. Must not know: SQL, rules of publication, how credentials are checked: the handlers ask
//! [`crate::release`], [`crate::access`] and [`crate::store`].
//!
//! Invariants: [`ROUTES`] says who may call what, and [`admit`] holds every request to it before its body is read. What a
//! caller may not see or do answers like what does not exist. Answers are for this caller only: nothing is kept by caches
//! or read by pages of other sites.

mod admit;
mod agreements;
mod answer;
mod area;
mod atlases;
mod audit;
mod bundles;
mod disclosure;
mod idempotency;
mod leaving;
mod oidc;
mod openapi;
mod people;
mod problem;
mod releases;
mod request;
mod routes;
mod session;
mod shares;
mod tokens;

use std::sync::Arc;

use axum::{
    Router,
    extract::{Request, State},
    http::{HeaderValue, header},
    middleware::{self, Next},
    response::{IntoResponse, Response},
};
use tower_http::csrf::{CsrfLayer, ProtectionError};

use crate::{
    http::{
        App, AppState, answer as common,
        api::{admit::Gateway, problem::Problem},
    },
    store::AuditEntry,
};

pub use admit::{Needs, Operation};
pub use problem::ProblemDocument;
pub(super) use routes::ROUTES;

impl App {
    /// Writes into the audit log what was done.
    async fn record(&self, entry: AuditEntry) -> Result<(), Problem> {
        Ok(self.gate.store()?.record(&entry).await?)
    }

    /// Takes what the store noted of an act over into the audit log. The act is done, and noted: where the log cannot be
    /// written now, it is written later.
    async fn collect(&self) {
        let Ok(people) = self.gate.store() else { return };
        if let Err(error) = people.collect(&self.store).await {
            tracing::warn!(
                error = &error as &dyn std::error::Error,
                "the audit log cannot be written now; what was done waits in the store"
            );
        }
    }
}

/// The router of the API.
pub(super) fn router(app: &Arc<App>) -> Router<Arc<App>> {
    let routes = ROUTES.iter().fold(Router::new(), |router, route| {
        let methods = (route.methods)().fallback(async || Problem::method_not_allowed());
        let gateway: Gateway = (app.clone(), route);
        router.route(route.pattern, methods.layer(middleware::from_fn_with_state(gateway, admit::admit)))
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
        common::close(headers);
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("private, no-store"));
        headers.insert(header::VARY, HeaderValue::from_static("authorization, cookie"));
    }
    response
}
