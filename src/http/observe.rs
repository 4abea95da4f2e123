//! What is noted of each request: an id, counters and durations, a line in the log where something went wrong.
//!
//! Invariants: labels are patterns of routes and classes of statuses, never a tile, a key, an atlas or a person. The log
//! holds paths without their parameters, and no header.

use std::{sync::Arc, time::Instant};

use axum::{
    extract::{MatchedPath, Request},
    http::{HeaderMap, HeaderName, HeaderValue, StatusCode},
    middleware::Next,
    response::Response,
};
use metrics::{counter, histogram};
use tracing::Instrument as _;

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// Longest id of a request that is taken over.
const LONGEST_ID: usize = 64;

/// The label of requests that no route fits.
const NO_ROUTE: &str = "none";

/// Runs a request and notes what became of it. `prefix` is the path under which the routes lie.
pub(super) async fn observe(prefix: Arc<str>, request: Request, next: Next) -> Response {
    let start = Instant::now();
    let id = request_id(request.headers());
    let route = route(request.extensions().get::<MatchedPath>(), &prefix);
    let span = tracing::info_span!(
        "request",
        id = id.to_str().unwrap_or_default(),
        method = %request.method(),
        path = request.uri().path()
    );
    let mut response = next.run(request).instrument(span.clone()).await;
    let took = start.elapsed();
    let class = class(response.status());
    counter!("kommunalatlas_http_requests_total", "route" => route.clone(), "status" => class).increment(1);
    histogram!("kommunalatlas_http_request_duration_seconds", "route" => route).record(took);
    let (status, milliseconds) = (response.status().as_u16(), took.as_millis() as u64);
    if response.status().is_server_error() {
        span.in_scope(|| tracing::warn!(status, milliseconds, "the request failed"));
    } else {
        span.in_scope(|| tracing::debug!(status, milliseconds, "answered"));
    }
    response.headers_mut().insert(REQUEST_ID, id);
    response
}

/// The id that the request came with, if it is well-formed, else a new one.
fn request_id(headers: &HeaderMap) -> HeaderValue {
    let given = headers.get(REQUEST_ID).filter(|id| is_well_formed(id.as_bytes()));
    given.cloned().unwrap_or_else(|| {
        let mut random = [0; 8];
        // Without randomness the ids are equal, which harms nobody.
        let _ = getrandom::fill(&mut random);
        let text = format!("{:016x}", u64::from_be_bytes(random));
        HeaderValue::from_str(&text).unwrap_or(HeaderValue::from_static("none"))
    })
}

fn is_well_formed(id: &[u8]) -> bool {
    let fits = |b: &u8| b.is_ascii_alphanumeric() || b"-_.:/=+".contains(b);
    (1..=LONGEST_ID).contains(&id.len()) && id.iter().all(fits)
}

/// The pattern of a route as it stands in the table.
fn route(matched: Option<&MatchedPath>, prefix: &str) -> String {
    let Some(pattern) = matched.map(MatchedPath::as_str) else { return NO_ROUTE.to_owned() };
    match pattern.strip_prefix(prefix) {
        Some("") => "/".to_owned(),
        Some(pattern) => pattern.to_owned(),
        None => pattern.to_owned(),
    }
}

fn class(status: StatusCode) -> &'static str {
    match status.as_u16() {
        100..=199 => "1xx",
        200..=299 => "2xx",
        300..=399 => "3xx",
        400..=499 => "4xx",
        _ => "5xx",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_taken_over_only_if_it_is_well_formed() {
        let with = |id: &'static str| HeaderMap::from_iter([(REQUEST_ID, HeaderValue::from_static(id))]);
        assert_eq!(request_id(&with("a1-B2")), "a1-B2");
        let long = "x".repeat(LONGEST_ID + 1);
        for bad in ["", "a b", "a\"b", Box::leak(long.into_boxed_str())] {
            let made = request_id(&with(bad));
            assert!(made != bad && is_well_formed(made.as_bytes()), "{bad}");
        }
        assert_ne!(request_id(&HeaderMap::new()), request_id(&HeaderMap::new()));
    }
}
