//! Signing in and out, and one's own account.

use axum::Json;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::http::api::request::Caller;

/// Who is signed in.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub(super) struct Session {
    /// Name of the person; `null` for a caller who is not signed in.
    name: Option<String>,
    /// Makes atlases and their administrators.
    operator: bool,
}

/// Who is asking.
#[utoipa::path(get, path = "/api/session", operation_id = "show_session", tag = "session", responses((status = 200, description = "Who is signed in", body = Session)))]
pub(super) async fn show(caller: Caller) -> Json<Session> {
    Json(Session {
        name: caller.access.name().map(str::to_owned),
        operator: caller.access.operator().is_some(),
    })
}
