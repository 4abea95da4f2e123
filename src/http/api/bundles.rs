//! Bundles: what is released in one act, step by step. Every step names the revision that the person has seen.

use axum::{
    extract::State,
    http::{HeaderMap, StatusCode},
    response::Response,
};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use crate::{
    access::Publisher,
    domain::{Audience, BundleState, Period, ReleaseRequest, Slug},
    http::{
        App, AppState,
        api::{
            admit::same_revision,
            answer::{self, Page},
            problem::Problem,
            releases::DecisionBody,
            request::{Caller, Document, PageParams, Params, Segments},
        },
    },
    release::{Decision, bundle},
    store::{BundleContent, BundleRow, Id, Stamp},
};

/// What is in a bundle.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct BundleBody {
    /// Name for people.
    title: String,
    /// Slugs of the indicators.
    #[schema(value_type = Vec<String>, min_items = 1)]
    indicators: Vec<Slug>,
    /// Slugs of the levels; every indicator must have values on each.
    #[schema(value_type = Vec<String>, min_items = 1)]
    levels: Vec<Slug>,
    /// Periods; all that there are if none is named.
    #[serde(default)]
    #[schema(value_type = Vec<String>)]
    periods: Vec<Period>,
    /// `public` or `internal`.
    #[schema(value_type = String, pattern = "^(public|internal)$")]
    audience: Audience,
    /// It is not released before.
    embargo_until: Option<DateTime<Utc>>,
}

/// Who did something, and when.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct StampBody {
    at: DateTime<Utc>,
    by: String,
}

/// A bundle as it stands.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct BundleView {
    /// Its number in this atlas.
    id: Id,
    /// `draft`, `checked`, `approved`, `released` or `withdrawn`.
    #[schema(value_type = String)]
    state: BundleState,
    /// Rises with every change; the same as its `ETag`.
    revision: i64,
    #[serde(flatten)]
    content: BundleBody,
    created: StampBody,
    checked: Option<StampBody>,
    approved: Option<StampBody>,
    released: Option<StampBody>,
    withdrawn: Option<StampBody>,
    /// What the last check found: problems that stand in the way, and what each layer would show.
    findings: Option<Value>,
}

impl From<Stamp> for StampBody {
    fn from(stamp: Stamp) -> Self {
        Self { at: stamp.at, by: stamp.by }
    }
}

impl From<BundleBody> for BundleContent {
    fn from(body: BundleBody) -> Self {
        let BundleBody { title, indicators, levels, periods, audience, embargo_until } = body;
        Self { title, request: ReleaseRequest { indicators, levels, periods, audience }, embargo_until }
    }
}

impl From<BundleContent> for BundleBody {
    fn from(content: BundleContent) -> Self {
        let ReleaseRequest { indicators, levels, periods, audience } = content.request;
        Self {
            title: content.title,
            indicators,
            levels,
            periods,
            audience,
            embargo_until: content.embargo_until,
        }
    }
}

impl From<BundleRow> for BundleView {
    fn from(row: BundleRow) -> Self {
        Self {
            id: row.id,
            state: row.state,
            revision: row.revision,
            content: row.content.into(),
            created: row.created.into(),
            checked: row.checked.map(Into::into),
            approved: row.approved.map(Into::into),
            released: row.released.map(Into::into),
            withdrawn: row.withdrawn.map(Into::into),
            findings: row.findings,
        }
    }
}

fn tag(row: &BundleRow) -> String {
    answer::tag(row.revision)
}

fn show_row(status: StatusCode, row: BundleRow) -> Response {
    let tag = tag(&row);
    answer::tagged(status, &tag, &BundleView::from(row))
}

/// The publisher that the caller is, and the bundle in the revision that the caller has seen.
async fn seen(
    app: &App,
    caller: &Caller,
    headers: &HeaderMap,
    (atlas, id): (&Slug, Id),
) -> Result<(Publisher, (Id, i64)), Problem> {
    let publisher = caller.publisher(atlas)?;
    let row = bundle::find(&app.store, &publisher, atlas, id).await?;
    same_revision(headers, &tag(&row))?;
    Ok((publisher, (id, row.revision)))
}

/// Answers with the bundle after a step.
async fn stepped(app: &App, row: BundleRow) -> Response {
    app.collect().await;
    show_row(StatusCode::OK, row)
}

/// Bundles, the latest first.
#[utoipa::path(get, path = "/api/atlases/{atlas}/bundles", operation_id = "list_bundles", tag = "bundles", params(("atlas" = String, Path), PageParams), responses((status = 200, description = "A page of bundles", body = Page<BundleView>)))]
pub(super) async fn list(
    State(app): AppState,
    caller: Caller,
    Segments(atlas): Segments<Slug>,
    Params(page): Params<PageParams>,
) -> Result<Response, Problem> {
    let rows = bundle::list(&app.store, &caller.publisher(&atlas)?, &atlas).await?;
    let rows = rows.into_iter().map(|row| (row.id, BundleView::from(row)));
    Ok(answer::json(&Page::of(rows, &page)?))
}

/// Makes a draft.
#[utoipa::path(post, path = "/api/atlases/{atlas}/bundles", operation_id = "create_bundle", tag = "bundles", params(("atlas" = String, Path)), request_body = BundleBody, responses((status = 201, description = "The draft", body = BundleView)))]
pub(super) async fn create(
    State(app): AppState,
    caller: Caller,
    Segments(atlas): Segments<Slug>,
    Document(body): Document<BundleBody>,
) -> Result<Response, Problem> {
    let publisher = caller.publisher(&atlas)?;
    let row = bundle::create(&app.store, &publisher, &atlas, &body.into(), caller.now).await?;
    app.collect().await;
    Ok(show_row(StatusCode::CREATED, row))
}

/// One bundle.
#[utoipa::path(get, path = "/api/atlases/{atlas}/bundles/{bundle}", operation_id = "show_bundle", tag = "bundles", params(("atlas" = String, Path), ("bundle" = i64, Path)), responses((status = 200, description = "The bundle", body = BundleView)))]
pub(super) async fn show(
    State(app): AppState,
    caller: Caller,
    Segments((atlas, id)): Segments<(Slug, Id)>,
) -> Result<Response, Problem> {
    let row = bundle::find(&app.store, &caller.publisher(&atlas)?, &atlas, id).await?;
    Ok(show_row(StatusCode::OK, row))
}

/// All that happened to a bundle, the earliest first.
#[utoipa::path(get, path = "/api/atlases/{atlas}/bundles/{bundle}/history", operation_id = "bundle_history", tag = "bundles", params(("atlas" = String, Path), ("bundle" = i64, Path)), responses((status = 200, description = "Steps with who and when", body = Vec<Value>)))]
pub(super) async fn history(
    State(app): AppState,
    caller: Caller,
    Segments((atlas, id)): Segments<(Slug, Id)>,
) -> Result<Response, Problem> {
    let row = bundle::find(&app.store, &caller.publisher(&atlas)?, &atlas, id).await?;
    Ok(answer::json(&app.store.bundle_history(&atlas, row.id).await?))
}

/// Puts other content into a bundle that is not released; it is a draft afterwards.
#[utoipa::path(put, path = "/api/atlases/{atlas}/bundles/{bundle}", operation_id = "change_bundle", tag = "bundles", params(("atlas" = String, Path), ("bundle" = i64, Path)), request_body = BundleBody, responses((status = 200, description = "The draft", body = BundleView)))]
pub(super) async fn change(
    State(app): AppState,
    caller: Caller,
    headers: HeaderMap,
    Segments((atlas, id)): Segments<(Slug, Id)>,
    Document(body): Document<BundleBody>,
) -> Result<Response, Problem> {
    let (publisher, at) = seen(&app, &caller, &headers, (&atlas, id)).await?;
    let row = bundle::change(&app.store, &publisher, &atlas, at, &body.into(), caller.now).await?;
    Ok(stepped(&app, row).await)
}

/// Looks whether a bundle can be released: sheets, values, disclosure control. `findings` says what stands in the way.
#[utoipa::path(post, path = "/api/atlases/{atlas}/bundles/{bundle}/check", operation_id = "check_bundle", tag = "bundles", params(("atlas" = String, Path), ("bundle" = i64, Path)), responses((status = 200, description = "The bundle, checked or still a draft", body = BundleView)))]
pub(super) async fn check(
    State(app): AppState,
    caller: Caller,
    headers: HeaderMap,
    Segments((atlas, id)): Segments<(Slug, Id)>,
) -> Result<Response, Problem> {
    let (publisher, at) = seen(&app, &caller, &headers, (&atlas, id)).await?;
    let (row, _) = bundle::check(&app.store, &publisher, &atlas, at, caller.now).await?;
    Ok(stepped(&app, row).await)
}

/// Decides that a checked bundle be released.
#[utoipa::path(post, path = "/api/atlases/{atlas}/bundles/{bundle}/approve", operation_id = "approve_bundle", tag = "bundles", params(("atlas" = String, Path), ("bundle" = i64, Path)), responses((status = 200, description = "The approved bundle", body = BundleView)))]
pub(super) async fn approve(
    State(app): AppState,
    caller: Caller,
    headers: HeaderMap,
    Segments((atlas, id)): Segments<(Slug, Id)>,
) -> Result<Response, Problem> {
    let (publisher, at) = seen(&app, &caller, &headers, (&atlas, id)).await?;
    let row = bundle::approve(&app.store, &publisher, &atlas, at, caller.now).await?;
    Ok(stepped(&app, row).await)
}

/// What becomes of the public area when a bundle is released or withdrawn.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct StepBody {
    /// Needed if too few indicators would count for an open public area.
    decision: Option<DecisionBody>,
}

/// Releases an approved bundle whose embargo, if it has one, is over.
#[utoipa::path(post, path = "/api/atlases/{atlas}/bundles/{bundle}/release", operation_id = "release_bundle", tag = "bundles", params(("atlas" = String, Path), ("bundle" = i64, Path)), request_body = StepBody, responses((status = 200, description = "The released bundle", body = BundleView)))]
pub(super) async fn release(
    State(app): AppState,
    caller: Caller,
    headers: HeaderMap,
    Segments((atlas, id)): Segments<(Slug, Id)>,
    Document(body): Document<StepBody>,
) -> Result<Response, Problem> {
    let (publisher, at) = seen(&app, &caller, &headers, (&atlas, id)).await?;
    let decision = body.decision.map(Decision::from);
    let released = bundle::release(&app.store, &publisher, &atlas, at, decision.as_ref(), caller.now).await;
    // A bundle that could not be released became a draft, which is an act too.
    app.collect().await;
    released?;
    let row = bundle::find(&app.store, &publisher, &atlas, id).await?;
    Ok(show_row(StatusCode::OK, row))
}

/// Takes the releases of a bundle back, or gives it up if it was not yet released.
#[utoipa::path(post, path = "/api/atlases/{atlas}/bundles/{bundle}/withdraw", operation_id = "withdraw_bundle", tag = "bundles", params(("atlas" = String, Path), ("bundle" = i64, Path)), request_body = StepBody, responses((status = 200, description = "The withdrawn bundle", body = BundleView)))]
pub(super) async fn withdraw(
    State(app): AppState,
    caller: Caller,
    headers: HeaderMap,
    Segments((atlas, id)): Segments<(Slug, Id)>,
    Document(body): Document<StepBody>,
) -> Result<Response, Problem> {
    let (publisher, at) = seen(&app, &caller, &headers, (&atlas, id)).await?;
    let decision = body.decision.map(Decision::from);
    let row = bundle::withdraw(&app.store, &publisher, &atlas, at, decision.as_ref(), caller.now).await?;
    Ok(stepped(&app, row).await)
}
