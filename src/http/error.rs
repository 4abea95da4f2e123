//! Errors as problem documents (RFC 9457). Inner detail goes to the log, never to the client.

use axum::{
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};

use crate::{atlas::AtlasError, http::ProblemDocument};

/// Seconds after which whoever was not answered may ask again.
pub(super) const RETRY_AFTER: u64 = 5;

/// What can go wrong with a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HttpError {
    /// There is no such thing, or this caller may not know of it.
    NotFound,
    /// The request cannot be understood; the sentence says why and what to do.
    BadRequest(String),
    /// The credentials are wrong or have expired.
    Unauthorized,
    /// Only GET, HEAD and OPTIONS are understood.
    MethodNotAllowed,
    /// The database does not answer; what is in memory is served all the same.
    Unavailable,
    /// The server failed; the log says how.
    Internal,
}

impl From<AtlasError> for HttpError {
    fn from(error: AtlasError) -> Self {
        if error.is_passing() {
            tracing::debug!(
                error = &error as &dyn std::error::Error,
                "a request cannot be answered at present"
            );
            return Self::Unavailable;
        }
        tracing::error!(error = &error as &dyn std::error::Error, "a request failed");
        Self::Internal
    }
}

impl IntoResponse for HttpError {
    fn into_response(self) -> Response {
        let (status, detail) = match self {
            Self::NotFound => (StatusCode::NOT_FOUND, "There is nothing at this address.".to_owned()),
            Self::BadRequest(detail) => (StatusCode::BAD_REQUEST, detail),
            Self::Unauthorized => {
                (StatusCode::UNAUTHORIZED, "The credentials are wrong or have expired.".to_owned())
            }
            Self::MethodNotAllowed => {
                (StatusCode::METHOD_NOT_ALLOWED, "Use GET, HEAD or OPTIONS.".to_owned())
            }
            Self::Unavailable => {
                let detail = "This cannot be answered at present. Try again in a moment.";
                (StatusCode::SERVICE_UNAVAILABLE, detail.to_owned())
            }
            Self::Internal => {
                (StatusCode::INTERNAL_SERVER_ERROR, "The server failed; its log says how.".to_owned())
            }
        };
        let mut response = (status, axum::Json(ProblemDocument::of_status(status, detail))).into_response();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        super::answer::open(headers);
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
        headers.insert(header::VARY, super::answer::VARY);
        match status {
            StatusCode::UNAUTHORIZED => {
                headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("private, no-store"));
                headers.insert(
                    header::WWW_AUTHENTICATE,
                    HeaderValue::from_static("Bearer, Basic realm=\"Kommunalatlas\""),
                );
            }
            StatusCode::SERVICE_UNAVAILABLE => {
                headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
                headers.insert(header::RETRY_AFTER, HeaderValue::from(RETRY_AFTER));
            }
            StatusCode::METHOD_NOT_ALLOWED => {
                headers.insert(header::ALLOW, HeaderValue::from_static("GET, HEAD, OPTIONS"));
            }
            _ => {}
        }
        response
    }
}
