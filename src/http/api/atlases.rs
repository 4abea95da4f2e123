//! The atlases of a server.

use axum::{extract::State, http::StatusCode, response::Response};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{
    domain::{Audience, Slug, Text},
    http::{
        AppState,
        api::{
            answer,
            problem::Problem,
            request::{Caller, Document},
        },
    },
    store::NewAtlas,
};

/// An atlas as listed.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct AtlasView {
    /// Name in addresses.
    #[schema(value_type = String)]
    slug: Slug,
    /// Name for people, in German and perhaps English.
    #[schema(value_type = Object)]
    title: Text,
    /// Its public area is open.
    open: bool,
    /// How many indicators must be released before it may open.
    required_indicators: u32,
}

/// The atlases that the caller is a member of; for operators all.
#[utoipa::path(get, path = "/api/atlases", operation_id = "list_atlases", tag = "atlases", responses((status = 200, description = "Atlases", body = Vec<AtlasView>)))]
pub(super) async fn list(State(app): AppState, caller: Caller) -> Result<Response, Problem> {
    let all = caller.access.operator().is_some();
    let mut rows = app.store.atlases().await?;
    rows.retain(|row| all || caller.access.scope(&row.slug).audience() == Audience::Internal);
    let views = rows.into_iter().map(|row| AtlasView {
        slug: row.slug,
        title: row.title,
        open: row.open,
        required_indicators: row.required_indicators,
    });
    Ok(answer::json(&views.collect::<Vec<_>>()))
}

/// An atlas to be.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct NewAtlasBody {
    /// Name in addresses: 1 to 64 of `a-z`, `0-9` and `-`.
    #[schema(value_type = String)]
    slug: Slug,
    /// Name for people: German, or `{"de": …, "en": …}`.
    #[schema(value_type = Object)]
    title: Text,
    /// How many indicators must be released before it may open.
    required_indicators: u32,
    /// Attribution of its maps.
    attribution: String,
}

/// Makes an atlas. Its first administrator is a member who is given that role.
#[utoipa::path(post, path = "/api/atlases", operation_id = "create_atlas", tag = "atlases", request_body = NewAtlasBody, responses((status = 201, description = "It is made", body = NewAtlasBody)))]
pub(super) async fn create(
    State(app): AppState,
    caller: Caller,
    Document(body): Document<NewAtlasBody>,
) -> Result<Response, Problem> {
    caller.operator()?;
    let NewAtlasBody { slug, title, required_indicators, attribution } = &body;
    let new = NewAtlas {
        slug: slug.clone(),
        title: title.clone(),
        required_indicators: *required_indicators,
        attribution: attribution.clone(),
    };
    app.store.create_atlas(&new).await?;
    let entry = caller.entry("atlas.created")?.of_atlas(slug);
    app.record(entry.changing(None, Some(answer::value(&body)?))).await?;
    Ok(answer::with_status(StatusCode::CREATED, &body))
}
