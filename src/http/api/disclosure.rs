//! For those who release: why numbers are closed, and what would open more of them.
//!
//! The answers tell which numbers are small. Of restricted sources only statisticians get them.

use axum::{extract::State, response::Response};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{
    domain::{Audience, Period, Slug},
    http::{
        App, AppState,
        api::{
            answer,
            problem::Problem,
            request::{Caller, Params, Segments},
        },
    },
    release::{
        gate::{self, Closed},
        propose::{self, Proposal},
    },
    store::{AtlasCatalogue, SeriesRow},
};

/// For whom, and which periods.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct WhyParams {
    /// `public` (if it is not said) or `internal`.
    #[param(value_type = Option<String>)]
    audience: Option<Audience>,
    /// Of this period only.
    #[param(value_type = Option<String>)]
    period: Option<Period>,
}

/// A closed number.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct ClosedView {
    /// Key of the region, period, the rule that closes it, or the number that it protects.
    #[serde(flatten)]
    #[schema(value_type = Object)]
    closed: Closed,
}

/// Which numbers would be closed, and why.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct WhyView {
    /// How many numbers would be shown.
    shown: usize,
    closed: Vec<ClosedView>,
    /// What those should know who release.
    notices: Vec<String>,
}

/// A way to publish more.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct ProposalView {
    /// The way, how many regions it would open, and of how many.
    #[serde(flatten)]
    #[schema(value_type = Object)]
    proposal: Proposal,
}

/// The catalogue of an atlas, if the caller may know what is small in this indicator on this level.
async fn entitled(
    app: &App,
    caller: &Caller,
    (atlas, level, indicator): (&Slug, &Slug, &Slug),
) -> Result<AtlasCatalogue, Problem> {
    let publisher = caller.publisher(atlas)?;
    let catalogue = app.store.catalogue(atlas).await?;
    let theme = catalogue.indicators.iter().find(|i| i.slug == *indicator).map(|i| &i.theme);
    let within = theme.is_some_and(|theme| publisher.may(atlas, Some(theme)))
        && catalogue.levels.iter().any(|l| l.slug == *level);
    let mut series = series_of(&catalogue, level, indicator);
    let restricted = series.any(|row| row.restricted) && !caller.access.scope(atlas).sees_restricted();
    drop(series);
    if within && !restricted { Ok(catalogue) } else { Err(Problem::not_found()) }
}

fn series_of<'a>(
    catalogue: &'a AtlasCatalogue,
    level: &'a Slug,
    indicator: &'a Slug,
) -> impl Iterator<Item = &'a SeriesRow> {
    let on_level =
        |row: &SeriesRow| catalogue.editions.iter().any(|e| e.id == row.edition && e.level == *level);
    catalogue.series.iter().filter(move |row| row.indicator == *indicator && on_level(row))
}

/// Why numbers would be closed if the present series were released now.
#[utoipa::path(get, path = "/api/atlases/{atlas}/disclosure/{level}/{indicator}", operation_id = "why_closed", tag = "disclosure", params(("atlas" = String, Path), ("level" = String, Path), ("indicator" = String, Path), WhyParams), responses((status = 200, description = "What is closed", body = WhyView)))]
pub(super) async fn why(
    State(app): AppState,
    caller: Caller,
    Segments((atlas, level, indicator)): Segments<(Slug, Slug, Slug)>,
    Params(params): Params<WhyParams>,
) -> Result<Response, Problem> {
    let catalogue = entitled(&app, &caller, (&atlas, &level, &indicator)).await?;
    let wanted = |row: &&SeriesRow| params.period.as_ref().is_none_or(|period| *period == row.period);
    let series: Vec<&SeriesRow> = series_of(&catalogue, &level, &indicator).filter(wanted).collect();
    let audience = params.audience.unwrap_or(Audience::Public);
    let gated = gate::examine(&app.store, &catalogue, audience, &series).await?;
    let shown = gated.layers.iter().map(gate::GatedLayer::shown).sum();
    let closed = gated.layers.into_iter().flat_map(|layer| layer.closed).map(|closed| ClosedView { closed });
    Ok(answer::json(&WhyView { shown, closed: closed.collect(), notices: gated.notices }))
}

/// For whom.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct ProposalParams {
    /// `public` (if it is not said) or `internal`.
    #[param(value_type = Option<String>)]
    audience: Option<Audience>,
}

/// Which pool of years, larger level, total or merged category would open most, the best first.
#[utoipa::path(get, path = "/api/atlases/{atlas}/disclosure/{level}/{indicator}/proposals", operation_id = "propose", tag = "disclosure", params(("atlas" = String, Path), ("level" = String, Path), ("indicator" = String, Path), ProposalParams), responses((status = 200, description = "Ways to publish more", body = Vec<ProposalView>)))]
pub(super) async fn proposals(
    State(app): AppState,
    caller: Caller,
    Segments((atlas, level, indicator)): Segments<(Slug, Slug, Slug)>,
    Params(params): Params<ProposalParams>,
) -> Result<Response, Problem> {
    let catalogue = entitled(&app, &caller, (&atlas, &level, &indicator)).await?;
    let audience = params.audience.unwrap_or(Audience::Public);
    let proposals = propose::propose(&app.store, &catalogue, audience, &indicator, &level).await?;
    Ok(answer::json(&proposals.into_iter().map(|proposal| ProposalView { proposal }).collect::<Vec<_>>()))
}
