//! Answers of the API: JSON, entity tags, pages of long lists.

use axum::{
    Json,
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

use crate::{
    http::api::{problem::Problem, request::PageParams},
    store::Id,
};

/// Part of a long list.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Page<T> {
    /// The entries, the latest first.
    entries: Vec<T>,
    /// What to send as `before` for the next page; `null` on the last one.
    next: Option<Id>,
}

impl<T> Page<T> {
    /// The page that was asked for, of a whole list with its row numbers, the highest first.
    pub(super) fn of(rows: impl IntoIterator<Item = (Id, T)>, params: &PageParams) -> Result<Self, Problem> {
        let limit = params.limit()? as usize;
        let before = params.before.unwrap_or(Id::MAX);
        let mut rows: Vec<(Id, T)> =
            rows.into_iter().filter(|(id, _)| *id < before).take(limit + 1).collect();
        let more = rows.len() > limit;
        rows.truncate(limit);
        let next = rows.last().map(|(id, _)| *id).filter(|_| more);
        Ok(Self { entries: rows.into_iter().map(|(_, entry)| entry).collect(), next })
    }
}

/// A document.
pub(super) fn json(document: &impl Serialize) -> Response {
    Json(document).into_response()
}

/// A document with another status than 200.
pub(super) fn with_status(status: StatusCode, document: &impl Serialize) -> Response {
    (status, Json(document)).into_response()
}

/// A document with the entity tag of its revision.
pub(super) fn tagged(status: StatusCode, tag: &str, document: &impl Serialize) -> Response {
    let mut response = (status, Json(document)).into_response();
    if let Ok(tag) = HeaderValue::from_str(tag) {
        response.headers_mut().insert(header::ETAG, tag);
    }
    response
}

/// The entity tag of a revision.
pub(super) fn tag(revision: i64) -> String {
    format!("\"{revision}\"")
}

/// The entity tag of what has no revision of its own: a hash of it.
pub(super) fn tag_of(document: &impl Serialize) -> Result<String, Problem> {
    let bytes = serde_json::to_vec(document).map_err(|error| Problem::internal(&error))?;
    Ok(format!("\"{}\"", &blake3::hash(&bytes).to_hex()[..16]))
}

/// A document as a value, for the audit log.
pub(super) fn value(document: &impl Serialize) -> Result<Value, Problem> {
    serde_json::to_value(document).map_err(|error| Problem::internal(&error))
}
