//! Problem documents of the JSON API (RFC 9457): what went wrong, and which field of the request is to blame.

use std::error::Error;

use axum::{
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use chrono::TimeDelta;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{
    access::{AccessError, OidcError},
    http::error::RETRY_AFTER,
    release::ReleaseError,
    store::StoreError,
};

/// What is wrong with one field of a request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct FieldError {
    /// JSON pointer into the body (RFC 6901), or the name of a parameter after a `?`.
    #[schema(example = "/indicators/0")]
    pub pointer: String,
    /// A sentence.
    pub detail: String,
}

/// The document of every answer that is no success.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ProblemDocument {
    /// Which kind of problem; `about:blank` where the status says it all.
    #[serde(rename = "type")]
    #[schema(example = "urn:kommunalatlas:problem:stale")]
    pub kind: String,
    /// The kind in words.
    pub title: String,
    /// The status of the answer.
    pub status: u16,
    /// What happened here, and what to do.
    pub detail: String,
    /// The fields to blame, if there are any.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub errors: Vec<FieldError>,
}

impl ProblemDocument {
    /// A problem whose status says it all.
    pub(in crate::http) fn of_status(status: StatusCode, detail: String) -> Self {
        Self {
            kind: "about:blank".to_owned(),
            title: status.canonical_reason().unwrap_or("Problem").to_owned(),
            status: status.as_u16(),
            detail,
            errors: Vec::new(),
        }
    }
}

/// A request that was not done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Problem {
    status: StatusCode,
    kind: Option<(&'static str, &'static str)>,
    detail: String,
    errors: Vec<FieldError>,
    retry_after: Option<u64>,
}

impl Problem {
    fn new(status: StatusCode, detail: impl Into<String>) -> Self {
        Self { status, kind: None, detail: detail.into(), errors: Vec::new(), retry_after: None }
    }

    fn of_kind(mut self, kind: &'static str, title: &'static str) -> Self {
        self.kind = Some((kind, title));
        self
    }

    /// There is no such thing, or this caller may not know of it.
    pub(super) fn not_found() -> Self {
        Self::new(StatusCode::NOT_FOUND, "There is nothing at this address.")
    }

    /// Nobody is signed in.
    pub(super) fn unauthorized() -> Self {
        Self::new(StatusCode::UNAUTHORIZED, "Sign in, or send a token.")
    }

    /// Name, password, code or one-time token are wrong.
    pub(super) fn refused(detail: &str) -> Self {
        Self::new(StatusCode::UNAUTHORIZED, detail).of_kind("refused", "Refused")
    }

    /// Name and password are right, the code of the second factor is missing.
    pub(super) fn second_factor() -> Self {
        let detail = "Send the code of the second factor, or a recovery code, as 'code'.";
        Self::new(StatusCode::UNAUTHORIZED, detail).of_kind("second-factor", "Second factor needed")
    }

    /// Too many failures; how long until another attempt is looked at.
    pub(super) fn too_many(retry_after: TimeDelta) -> Self {
        let seconds = u64::try_from(retry_after.num_seconds()).unwrap_or_default() + 1;
        let detail = format!("Too many attempts; try again in {seconds} s.");
        let mut problem = Self::new(StatusCode::TOO_MANY_REQUESTS, detail);
        problem.retry_after = Some(seconds);
        problem
    }

    /// The page of another site sent this.
    pub(super) fn cross_site() -> Self {
        let detail = "This comes from a page of another site; only pages of this server may do that.";
        Self::new(StatusCode::FORBIDDEN, detail).of_kind("cross-site", "Cross-site request")
    }

    /// The method is not understood here.
    pub(super) fn method_not_allowed() -> Self {
        Self::new(StatusCode::METHOD_NOT_ALLOWED, "This method is not understood at this address.")
    }

    /// The request is no JSON or otherwise cannot be read.
    pub(super) fn malformed(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, detail)
    }

    /// The body is of another media type.
    pub(super) fn media_type(expected: &str) -> Self {
        Self::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, format!("Send the body as {expected}."))
    }

    /// The body is too large.
    pub(super) fn too_large(limit: usize) -> Self {
        let detail = format!("The body may have at most {limit} bytes.");
        Self::new(StatusCode::PAYLOAD_TOO_LARGE, detail)
    }

    /// A field cannot be used.
    pub(super) fn field(pointer: impl Into<String>, detail: impl Into<String>) -> Self {
        let detail = detail.into();
        let mut problem = Self::new(StatusCode::UNPROCESSABLE_ENTITY, detail.clone());
        problem.errors.push(FieldError { pointer: pointer.into(), detail });
        problem.of_kind("invalid", "Invalid field")
    }

    /// What is asked contradicts the present state.
    pub(super) fn conflict(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::CONFLICT, detail).of_kind("conflict", "Conflict")
    }

    /// Somebody else changed it meanwhile.
    pub(super) fn stale() -> Self {
        let detail = "It was changed since you read it; read it again and repeat the change.";
        Self::new(StatusCode::PRECONDITION_FAILED, detail).of_kind("stale", "Changed meanwhile")
    }

    /// The revision that is to be changed was not named.
    pub(super) fn revision_needed() -> Self {
        let detail = "Say which revision you change: send its ETag as If-Match.";
        Self::new(StatusCode::PRECONDITION_REQUIRED, detail).of_kind("revision-needed", "Revision needed")
    }

    /// The key was used for another request.
    pub(super) fn key_reused() -> Self {
        let detail = "This Idempotency-Key was used for another request; choose a new one.";
        Self::new(StatusCode::UNPROCESSABLE_ENTITY, detail).of_kind("key-reused", "Key used before")
    }

    /// A login by the identity provider that cannot be ended here.
    pub(super) fn no_such_login(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, detail).of_kind("no-such-login", "No such login")
    }

    /// Somebody whom the server needs does not answer.
    pub(super) fn unavailable(detail: impl Into<String>) -> Self {
        let mut problem = Self::new(StatusCode::SERVICE_UNAVAILABLE, detail);
        problem.retry_after = Some(RETRY_AFTER);
        problem.of_kind("unavailable", "Unavailable at present")
    }

    /// The database does not answer.
    pub(super) fn no_store() -> Self {
        Self::unavailable("The database does not answer at present; nothing was done. Try again in a moment.")
    }

    /// The server failed; the log says how.
    pub(super) fn internal(error: &(dyn Error + 'static)) -> Self {
        tracing::error!(error, "a request of the API failed");
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, "The server failed; its log says how.")
    }

    /// The document as it is sent.
    fn document(self) -> ProblemDocument {
        let mut document = ProblemDocument::of_status(self.status, self.detail);
        if let Some((kind, title)) = self.kind {
            document.kind = format!("urn:kommunalatlas:problem:{kind}");
            title.clone_into(&mut document.title);
        }
        document.errors = self.errors;
        document
    }
}

impl From<StoreError> for Problem {
    /// What the caller named and does not exist is not found; what contradicts the store is a conflict.
    fn from(error: StoreError) -> Self {
        match &error {
            StoreError::Unknown { .. } => Self::not_found(),
            StoreError::Changed { .. } => Self::stale(),
            StoreError::Exists { .. } | StoreError::Invalid(_) => {
                Self::conflict(sentence(&error.to_string()))
            }
            StoreError::Unavailable(_) | StoreError::Unreachable(_) => {
                tracing::debug!(
                    error = &error as &dyn Error,
                    "a request of the API cannot be answered at present"
                );
                Self::no_store()
            }
            _ => Self::internal(&error),
        }
    }
}

impl From<AccessError> for Problem {
    fn from(error: AccessError) -> Self {
        let text = sentence(&error.to_string());
        match error {
            AccessError::Closed
            | AccessError::UnknownPerson
            | AccessError::Unknown
            | AccessError::NotEntitled => Self::not_found(),
            AccessError::Name(_) => Self::field("/name", text),
            AccessError::Password(_) => Self::field("/password", text),
            AccessError::WrongPassword => Self::field("/present", text),
            AccessError::WrongCode => Self::field("/code", text),
            AccessError::WrongToken => Self::field("/token", text),
            AccessError::TooMany { retry_after } => Self::too_many(retry_after),
            AccessError::NameTaken | AccessError::LastOperator => Self::conflict(text),
            AccessError::Store(error) => error.into(),
            AccessError::FactorKey | AccessError::NoRandomness | AccessError::Stopping => {
                Self::internal(&error)
            }
        }
    }
}

impl From<OidcError> for Problem {
    fn from(error: OidcError) -> Self {
        let text = sentence(&error.to_string());
        match error {
            OidcError::NoProvider => Self::not_found(),
            OidcError::Unavailable => Self::unavailable(text),
            OidcError::ReturnTo => Self::field("?return_to", text),
            OidcError::NotBegun => Self::no_such_login(text),
            OidcError::Refused => Self::refused(&text),
            OidcError::Access(error) => error.into(),
        }
    }
}

impl From<ReleaseError> for Problem {
    fn from(error: ReleaseError) -> Self {
        let text = sentence(&error.to_string());
        match error {
            ReleaseError::Store(error) => error.into(),
            ReleaseError::UnknownIndicator(_) => Self::field("/indicators", text),
            ReleaseError::UnknownLevel(_) => Self::field("/levels", text),
            ReleaseError::EmptyBundle | ReleaseError::UnfitAgreement => Self::field("", text),
            ReleaseError::Policy(_) => Self::field("/policies", text),
            ReleaseError::UnknownCategory(_) => Self::not_found(),
            _ => Self::conflict(text),
        }
    }
}

/// A text of an error as a sentence: upper-case letter first, full stop last.
pub(super) fn sentence(text: &str) -> String {
    let mut letters = text.chars();
    let first = letters.next().map(char::to_uppercase).into_iter().flatten();
    let mut sentence: String = first.chain(letters).collect();
    if !sentence.ends_with('.') {
        sentence.push('.');
    }
    sentence
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let (status, retry_after) = (self.status, self.retry_after);
        let mut response = (status, axum::Json(self.document())).into_response();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        if status == StatusCode::UNAUTHORIZED {
            // No `Basic`: a browser would ask for a password in a window of its own.
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        if let Some(seconds) = retry_after {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        response
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_problem_names_type_title_status_detail_and_the_field() {
        let document = Problem::field("/audience", "Write 'public' or 'internal'.").document();
        assert_eq!(
            serde_json::to_value(document).unwrap(),
            serde_json::json!({
                "type": "urn:kommunalatlas:problem:invalid",
                "title": "Invalid field",
                "status": 422,
                "detail": "Write 'public' or 'internal'.",
                "errors": [{"pointer": "/audience", "detail": "Write 'public' or 'internal'."}],
            })
        );
    }

    #[test]
    fn an_error_becomes_a_sentence() {
        assert_eq!(sentence("there is no level 'ä'"), "There is no level 'ä'.");
        assert_eq!(sentence(""), ".");
    }
}
