//! Glyphs of the map labels.

use axum::{
    extract::{Path, State},
    response::Response,
};

use crate::http::{
    AppState, HttpError,
    answer::{self, Keep},
    path,
};

/// `/fonts/{fontstack}/{start}-{end}.pbf`
pub(super) async fn range(
    State(app): AppState,
    Path((stack, last)): Path<(String, String)>,
) -> Result<Response, HttpError> {
    let (range, suffix) = path::split_suffix(&last)?;
    if suffix != "pbf" {
        return Err(HttpError::NotFound);
    }
    let range = range.parse().map_err(|_| HttpError::NotFound)?;
    let glyphs = app.glyphs.range(&stack, range).map_err(|_| HttpError::NotFound)?;
    Ok(answer::text("application/x-protobuf", Keep::Revalidate, glyphs))
}
