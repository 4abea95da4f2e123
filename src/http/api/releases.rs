//! Releases: what is and was in force, certificates, taking back, putting an earlier one in force again.

use std::collections::HashMap;

use axum::{
    extract::State,
    http::StatusCode,
    response::{IntoResponse, Response},
};
use chrono::NaiveDate;
use serde::{Deserialize, Serialize};
use serde_json::json;
use utoipa::ToSchema;

use crate::{
    access::Scope,
    domain::{Audience, ReleaseRequest, Slug},
    http::{
        App, AppState,
        api::{
            answer::{self, Page},
            problem::Problem,
            request::{Caller, Document, PageParams, Params, Segments},
        },
    },
    release::{self, Decision, Released},
    store::{Id, ReleaseRecord},
};

/// What becomes of an open public area in which too few indicators would count.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", tag = "kind")]
pub(super) enum DecisionBody {
    /// It is closed in the same moment.
    ClosePublicArea,
    /// It stays open for a while.
    KeepOpen {
        /// Why.
        reason: String,
        /// The last day on which it stays open.
        until: NaiveDate,
    },
}

impl From<DecisionBody> for Decision {
    fn from(body: DecisionBody) -> Self {
        match body {
            DecisionBody::ClosePublicArea => Self::ClosePublicArea,
            DecisionBody::KeepOpen { reason, until } => Self::KeepOpen { reason, until },
        }
    }
}

/// Which releases are listed.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct ReleaseParams {
    /// Of this indicator only.
    #[param(value_type = Option<String>)]
    indicator: Option<Slug>,
    /// Those in force only.
    #[serde(default)]
    #[param(value_type = Option<bool>)]
    in_force: bool,
    /// At most so many entries, 1 to 500; 50 if it is not said.
    limit: Option<u32>,
    /// Only entries before this one: the `next` of the page before.
    before: Option<i64>,
}

/// A release, in force or not.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct ReleaseView {
    /// Its number in this atlas.
    id: Id,
    /// Indicator, level, audience, number, who released it and took it back.
    #[serde(flatten)]
    #[schema(value_type = Object)]
    record: ReleaseRecord,
}

/// The releases that a member may know of: those of its themes, and of others what is public now.
async fn known(app: &App, scope: &Scope, atlas: &Slug) -> Result<Vec<ReleaseRecord>, Problem> {
    let catalogue = app.store.catalogue(atlas).await?;
    let themes: HashMap<&Slug, &Slug> = catalogue.indicators.iter().map(|i| (&i.slug, &i.theme)).collect();
    let mut records = app.store.release_history(atlas).await?;
    records.retain(|record| {
        let in_theme = themes.get(&record.indicator).is_some_and(|theme| scope.sees_theme(theme));
        in_theme || (record.in_force && record.audience == Audience::Public && catalogue.atlas.open)
    });
    Ok(records)
}

/// Releases, the latest first, with those that are no longer in force.
#[utoipa::path(get, path = "/api/atlases/{atlas}/releases", operation_id = "list_releases", tag = "releases", params(("atlas" = String, Path), ReleaseParams), responses((status = 200, description = "A page of releases", body = Page<ReleaseView>)))]
pub(super) async fn list(
    State(app): AppState,
    caller: Caller,
    Segments(atlas): Segments<Slug>,
    Params(params): Params<ReleaseParams>,
) -> Result<Response, Problem> {
    let mut records = known(&app, &caller.access.scope(&atlas), &atlas).await?;
    records.retain(|record| {
        params.indicator.as_ref().is_none_or(|slug| *slug == record.indicator)
            && (record.in_force || !params.in_force)
    });
    let page = PageParams { limit: params.limit, before: params.before };
    let rows = records.into_iter().map(|record| (record.id, ReleaseView { id: record.id, record }));
    Ok(answer::json(&Page::of(rows, &page)?))
}

/// The certificate of disclosure control of a release.
#[utoipa::path(get, path = "/api/atlases/{atlas}/releases/{release}/certificate", operation_id = "show_certificate", tag = "releases", params(("atlas" = String, Path), ("release" = i64, Path)), responses((status = 200, description = "The certificate", body = serde_json::Value)))]
pub(super) async fn certificate(
    State(app): AppState,
    caller: Caller,
    Segments((atlas, id)): Segments<(Slug, Id)>,
) -> Result<Response, Problem> {
    let records = known(&app, &caller.access.scope(&atlas), &atlas).await?;
    let record = records.iter().find(|record| record.id == id).ok_or_else(Problem::not_found)?;
    let (certificate, _) = app.store.release_grounds(record.id).await?;
    certificate.map(|document| answer::json(&document)).ok_or_else(Problem::not_found)
}

/// What is taken back, from whom.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct WithdrawalBody {
    /// Slugs of the indicators.
    #[schema(value_type = Vec<String>, min_items = 1)]
    indicators: Vec<Slug>,
    /// Slugs of the levels.
    #[schema(value_type = Vec<String>, min_items = 1)]
    levels: Vec<Slug>,
    /// `public` or `internal`.
    #[schema(value_type = String, pattern = "^(public|internal)$")]
    audience: Audience,
    /// Needed if too few indicators would count for an open public area.
    decision: Option<DecisionBody>,
}

/// Takes releases back. Copies that were already handed out cannot be recalled.
#[utoipa::path(post, path = "/api/atlases/{atlas}/withdrawals", operation_id = "withdraw", tag = "releases", params(("atlas" = String, Path)), request_body = WithdrawalBody, responses((status = 204, description = "They are withdrawn")))]
pub(super) async fn withdraw(
    State(app): AppState,
    caller: Caller,
    Segments(atlas): Segments<Slug>,
    Document(body): Document<WithdrawalBody>,
) -> Result<Response, Problem> {
    let publisher = caller.publisher(&atlas)?;
    let WithdrawalBody { indicators, levels, audience, decision } = body;
    let decision = decision.map(Decision::from);
    let request = ReleaseRequest { indicators, levels, periods: Vec::new(), audience };
    release::withdraw(&app.store, &publisher, &atlas, &request, decision.as_ref(), caller.now).await?;
    app.collect().await;
    Ok(StatusCode::NO_CONTENT.into_response())
}

/// Which earlier release comes back.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct RollbackBody {
    /// Slug of the indicator.
    #[schema(value_type = String)]
    indicator: Slug,
    /// Slug of the level.
    #[schema(value_type = String)]
    level: Slug,
    /// `public` or `internal`.
    #[schema(value_type = String, pattern = "^(public|internal)$")]
    audience: Audience,
    /// The number of the release.
    number: u32,
    /// Needed if too few indicators would count for an open public area.
    decision: Option<DecisionBody>,
}

/// Puts an earlier release in force again, as a new release.
#[utoipa::path(post, path = "/api/atlases/{atlas}/rollbacks", operation_id = "roll_back", tag = "releases", params(("atlas" = String, Path)), request_body = RollbackBody, responses((status = 200, description = "What is in force now", body = serde_json::Value)))]
pub(super) async fn roll_back(
    State(app): AppState,
    caller: Caller,
    Segments(atlas): Segments<Slug>,
    Document(body): Document<RollbackBody>,
) -> Result<Response, Problem> {
    let publisher = caller.publisher(&atlas)?;
    let layer = (&body.indicator, &body.level, body.audience);
    let (which, decision) = ((layer, body.number), body.decision.map(Decision::from));
    let released =
        release::rollback(&app.store, &publisher, &atlas, which, decision.as_ref(), caller.now).await?;
    app.collect().await;
    let Released { indicator, level, periods, certified } = released;
    Ok(answer::json(
        &json!({"indicator": indicator, "level": level, "periods": periods, "certified": certified}),
    ))
}
