//! The audit log: of an atlas for its administrators, of the platform for operators.

use axum::{extract::State, response::Response};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use crate::{
    domain::Slug,
    http::{
        App, AppState,
        api::{
            answer::{self, Page},
            problem::Problem,
            request::{Caller, PageParams, Params, Segments},
        },
    },
    store::{AuditFilter, AuditRow, Id},
};

/// Which entries, and in which form.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct AuditParams {
    /// By this person only.
    actor: Option<String>,
    /// Of this action only, such as `release.withdrawn`.
    action: Option<String>,
    /// From then on.
    since: Option<DateTime<Utc>>,
    /// At most so many entries, 1 to 500; 50 if it is not said.
    limit: Option<u32>,
    /// Only entries before this one: the `next` of the page before.
    before: Option<i64>,
}

/// An entry: who did what when to which object.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct AuditView {
    id: Id,
    at: DateTime<Utc>,
    actor: String,
    action: String,
    #[schema(value_type = Option<String>)]
    atlas: Option<Slug>,
    subject: Option<String>,
    /// What it was before.
    before: Option<Value>,
    /// What it is since.
    after: Option<Value>,
}

impl From<AuditRow> for AuditView {
    fn from(row: AuditRow) -> Self {
        let AuditRow { id, at, actor, action, atlas, subject, before, after } = row;
        Self { id, at, actor, action, atlas, subject, before, after }
    }
}

/// The audit log of an atlas, the latest first.
#[utoipa::path(get, path = "/api/atlases/{atlas}/audit", operation_id = "atlas_audit_log", tag = "audit", params(("atlas" = String, Path), AuditParams), responses((status = 200, description = "A page of entries", body = Page<AuditView>)))]
pub(super) async fn of_atlas(
    State(app): AppState,
    caller: Caller,
    Segments(atlas): Segments<Slug>,
    Params(params): Params<AuditParams>,
) -> Result<Response, Problem> {
    page(&app, &caller, Some(atlas), params).await
}

/// The audit log of what belongs to no atlas, the latest first.
#[utoipa::path(get, path = "/api/audit", operation_id = "audit_log", tag = "audit", params(AuditParams), responses((status = 200, description = "A page of entries", body = Page<AuditView>)))]
pub(super) async fn of_platform(
    State(app): AppState,
    caller: Caller,
    Params(params): Params<AuditParams>,
) -> Result<Response, Problem> {
    page(&app, &caller, None, params).await
}

async fn page(
    app: &App,
    caller: &Caller,
    atlas: Option<Slug>,
    params: AuditParams,
) -> Result<Response, Problem> {
    let AuditParams { actor, action, since, limit, before } = params;
    let params = PageParams { limit, before };
    let filter = AuditFilter { atlas, actor, action, since, ..AuditFilter::default() };
    app.collect().await;
    // One more than asked for says whether there is another page.
    let rows = app.gate.audit_log(&caller.manager()?, &filter, params.limit()? + 1, before).await?;
    Ok(answer::json(&Page::of(rows.into_iter().map(|row| (row.id, AuditView::from(row))), &params)?))
}
