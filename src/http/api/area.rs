//! An atlas as a whole: its settings, how far it is on its way to a public area, and whether that is open.

use axum::{
    extract::State,
    http::{HeaderMap, StatusCode},
    response::Response,
};
use chrono::NaiveDate;
use serde::{Deserialize, Serialize};
use serde_json::json;
use utoipa::ToSchema;

use crate::{
    domain::{Policies, Slug},
    http::{
        App, AppState,
        api::{
            admit::same_revision,
            answer,
            problem::Problem,
            request::{Caller, Document, Segments},
        },
    },
    release,
    store::AtlasSettings,
};

/// What administrators set.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct SettingsBody {
    /// What disclosure control demands for `public` and `internal` releases: `threshold`, `width`, `min_denominator`,
    /// `zeros_public`, `dominance_k`, `rounding_base`.
    #[schema(value_type = Object)]
    policies: Policies,
    /// Who imported values may not release them.
    four_eyes: bool,
    /// By when the required number of indicators must be released.
    indicators_due_on: Option<NaiveDate>,
}

async fn present(app: &App, atlas: &Slug) -> Result<SettingsBody, Problem> {
    let row = app.store.catalogue(atlas).await?.atlas;
    let (policies, four_eyes, indicators_due_on) = (row.policies, row.four_eyes, row.indicators_due_on);
    Ok(SettingsBody { policies, four_eyes, indicators_due_on })
}

/// The settings of an atlas.
#[utoipa::path(get, path = "/api/atlases/{atlas}/settings", operation_id = "show_settings", tag = "atlases", params(("atlas" = String, Path)), responses((status = 200, description = "The settings", body = SettingsBody)))]
pub(super) async fn settings(
    State(app): AppState,
    Segments(atlas): Segments<Slug>,
) -> Result<Response, Problem> {
    let body = present(&app, &atlas).await?;
    Ok(answer::tagged(StatusCode::OK, &answer::tag_of(&body)?, &body))
}

/// Changes the settings of an atlas. What is released stays as it is; the next release follows the new policy.
#[utoipa::path(put, path = "/api/atlases/{atlas}/settings", operation_id = "change_settings", tag = "atlases", params(("atlas" = String, Path)), request_body = SettingsBody, responses((status = 200, description = "The settings", body = SettingsBody)))]
pub(super) async fn change_settings(
    State(app): AppState,
    caller: Caller,
    headers: HeaderMap,
    Segments(atlas): Segments<Slug>,
    Document(body): Document<SettingsBody>,
) -> Result<Response, Problem> {
    let administrator = caller.administrator(&atlas)?;
    let before = present(&app, &atlas).await?;
    same_revision(&headers, &answer::tag_of(&before)?)?;
    let SettingsBody { policies, four_eyes, indicators_due_on } = body;
    let settings = AtlasSettings { policies, four_eyes, indicators_due_on };
    release::change_settings(&app.store, &administrator, &atlas, &settings).await?;
    let entry = caller.entry("atlas.settings")?.of_atlas(&atlas);
    app.record(entry.changing(Some(answer::value(&before)?), Some(answer::value(&body)?))).await?;
    Ok(answer::tagged(StatusCode::OK, &answer::tag_of(&body)?, &body))
}

/// "7 of 10 released": which indicators count for the public area, which do not and why, and how much time is left.
#[utoipa::path(get, path = "/api/atlases/{atlas}/progress", operation_id = "show_progress", tag = "atlases", params(("atlas" = String, Path)), responses((status = 200, description = "How far the atlas is", body = serde_json::Value)))]
pub(super) async fn progress(
    State(app): AppState,
    caller: Caller,
    Segments(atlas): Segments<Slug>,
) -> Result<Response, Problem> {
    let publisher = caller.publisher(&atlas)?;
    let progress = release::progress(&app.store, &publisher, &atlas, caller.now.date_naive()).await?;
    Ok(answer::json(&progress))
}

/// Whether the public area is open.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct AreaBody {
    /// True opens it, false closes it.
    open: bool,
}

/// Opens or closes the public area as a whole.
#[utoipa::path(put, path = "/api/atlases/{atlas}/public-area", operation_id = "put_public_area", tag = "atlases", params(("atlas" = String, Path)), request_body = AreaBody, responses((status = 200, description = "It is so, with how many indicators count", body = serde_json::Value)))]
pub(super) async fn put_public_area(
    State(app): AppState,
    caller: Caller,
    Segments(atlas): Segments<Slug>,
    Document(body): Document<AreaBody>,
) -> Result<Response, Problem> {
    let publisher = caller.publisher(&atlas)?;
    if body.open {
        release::open(&app.store, &publisher, &atlas, caller.now).await?;
    } else {
        release::close(&app.store, &publisher, &atlas, caller.now).await?;
    }
    app.collect().await;
    Ok(answer::json(&json!({"open": body.open, "decision": app.store.area_decision(&atlas).await?})))
}
