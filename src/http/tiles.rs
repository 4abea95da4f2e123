//! Tiles and TileJSON.

use std::sync::Arc;

use axum::{
    extract::{Request, State},
    http::HeaderMap,
    response::Response,
};

use crate::{
    access::Access,
    atlas::{EditionEntry, LayerView, SeriesView, Version},
    domain::{Lang, Text},
    geometry::MAX_ZOOM,
    http::{
        App, AppState, HttpError,
        answer::{self, Keep},
        caller,
        path::{self, LayerQuery},
    },
    tile::{Encoding, Fields, TileJson},
};

/// What the headers of a tile depend on.
pub(super) struct TileHead {
    pub(super) encoding: Encoding,
    pub(super) etag: axum::http::HeaderValue,
    pub(super) keep: Keep,
}

impl TileHead {
    /// Bytes are given away for ever only where the address names them and the server knows that they are in force: one that
    /// is cut off from its store may have missed that they were taken back.
    pub(super) fn new(
        app: &App,
        headers: &HeaderMap,
        access: &Access,
        version: Version,
        asked: Option<&str>,
    ) -> Self {
        let encoding = answer::tile_encoding(headers);
        let named = asked.is_some_and(|v| v == version.to_string()) && !app.atlases.is_cut_off();
        Self { encoding, etag: answer::tile_etag(version, encoding), keep: Keep::of(access, named) }
    }
}

/// `/{atlas}/tiles/{level}/{indicator}/{period}/{z}/{x}/{y}`: values joined; period `all` has every period.
pub(super) async fn tile(State(app): AppState, request: Request) -> Result<Response, HttpError> {
    let access = caller(&request);
    let [atlas, _, level, indicator, period, z, x, y] = path::segments(request.uri())?;
    let coord = path::tile_coord(z, x, y)?;
    let query: LayerQuery = path::query(request.uri())?;
    let view = path::view(&app.atlases, &access, atlas)?;
    if period == "all" {
        let series = view.all_periods(level, indicator, query.edition).ok_or(HttpError::NotFound)?;
        return all_periods_tile(&app, &series, coord, request.headers(), &access, query.v.as_deref()).await;
    }
    let layer = path::layer(&view, (level, indicator, period), &query)?;
    if !layer.covers(coord) {
        return Err(HttpError::NotFound);
    }
    let head = TileHead::new(&app, request.headers(), &access, layer.version(), query.v.as_deref());
    if answer::holds(request.headers(), &head.etag) {
        return Ok(answer::unchanged(head.etag, head.keep));
    }
    Ok(answer::tile(layer.tile(coord, head.encoding).await?, head.encoding, head.etag, head.keep))
}

async fn all_periods_tile(
    app: &App,
    series: &SeriesView,
    coord: crate::geometry::TileCoord,
    headers: &HeaderMap,
    access: &Access,
    asked: Option<&str>,
) -> Result<Response, HttpError> {
    if !series.covers(coord).await? {
        return Err(HttpError::NotFound);
    }
    let head = TileHead::new(app, headers, access, series.version(), asked);
    if answer::holds(headers, &head.etag) {
        return Ok(answer::unchanged(head.etag, head.keep));
    }
    Ok(answer::tile(series.tile(coord, head.encoding).await?, head.encoding, head.etag, head.keep))
}

/// `/{atlas}/tiles/{level}/{z}/{x}/{y}`: geometry, key and name only.
pub(super) async fn boundary_tile(State(app): AppState, request: Request) -> Result<Response, HttpError> {
    let access = caller(&request);
    let [atlas, _, level, z, x, y] = path::segments(request.uri())?;
    let coord = path::tile_coord(z, x, y)?;
    let query: LayerQuery = path::query(request.uri())?;
    let view = path::view(&app.atlases, &access, atlas)?;
    let boundaries = view.boundaries(level, query.edition).ok_or(HttpError::NotFound)?;
    if !boundaries.covers(coord) {
        return Err(HttpError::NotFound);
    }
    let head = TileHead::new(&app, request.headers(), &access, boundaries.version(), query.v.as_deref());
    if answer::holds(request.headers(), &head.etag) {
        return Ok(answer::unchanged(head.etag, head.keep));
    }
    Ok(answer::tile(boundaries.tile(coord, head.encoding).await?, head.encoding, head.etag, head.keep))
}

/// `/{atlas}/tiles/{level}/{indicator}/{period}.json`: TileJSON of a layer, or of all its periods.
pub(super) async fn tilejson(State(app): AppState, request: Request) -> Result<Response, HttpError> {
    let access = caller(&request);
    let [atlas, _, level, indicator, last] = path::segments(request.uri())?;
    let period = path::json_name(last)?;
    let query: LayerQuery = path::query(request.uri())?;
    let view = path::view(&app.atlases, &access, atlas)?;
    let document = if period == "all" {
        let series = view.all_periods(level, indicator, query.edition).ok_or(HttpError::NotFound)?;
        all_periods_document(&app, atlas, &series, query.lang).await?
    } else {
        layer_document(&app, atlas, &path::layer(&view, (level, indicator, period), &query)?, query.lang)
    };
    Ok(answer::json(Keep::of(&access, false), &document))
}

/// `/{atlas}/tiles/{level}.json`: TileJSON of the boundaries.
pub(super) async fn boundary_tilejson(State(app): AppState, request: Request) -> Result<Response, HttpError> {
    let access = caller(&request);
    let [atlas, _, last] = path::segments(request.uri())?;
    let query: LayerQuery = path::query(request.uri())?;
    let view = path::view(&app.atlases, &access, atlas)?;
    let boundaries = view.boundaries(path::json_name(last)?, query.edition).ok_or(HttpError::NotFound)?;
    let edition = boundaries.edition();
    let place = Place {
        edition,
        name: edition.level.title.get(query.lang).to_owned(),
        path: format!("/{atlas}/tiles/{}", edition.level.slug),
        version: boundaries.version(),
        minzoom: edition.row.minzoom,
    };
    let document = document(&app, place, Fields::GeometryOnly, query.lang);
    Ok(answer::json(Keep::of(&access, false), &document))
}

/// "Title, period" in a language.
fn layer_name(title: &Text, period: &str, lang: Lang) -> String {
    format!("{}, {period}", title.get(lang))
}

/// TileJSON of one period.
fn layer_document(app: &Arc<App>, atlas: &str, view: &LayerView, lang: Lang) -> TileJson {
    let layer = view.layer();
    let slugs = (&layer.edition.level.slug, &layer.indicator.slug, &layer.period);
    let place = Place {
        edition: &layer.edition,
        name: layer_name(&layer.indicator.title, &layer.period.to_string(), lang),
        path: format!("/{atlas}/tiles/{}/{}/{}", slugs.0, slugs.1, slugs.2),
        version: view.version(),
        minzoom: layer.edition.row.minzoom,
    };
    document(app, place, Fields::One, lang).described(description(view, lang))
}

async fn all_periods_document(
    app: &Arc<App>,
    atlas: &str,
    series: &SeriesView,
    lang: Lang,
) -> Result<TileJson, HttpError> {
    let first = &series.layers()[0];
    let layer = first.layer();
    let slugs: Vec<String> = series.layers().iter().map(|l| l.layer().period.to_string()).collect();
    let place = Place {
        edition: &layer.edition,
        name: layer_name(&layer.indicator.title, &slugs.join(", "), lang),
        path: format!("/{atlas}/tiles/{}/{}/all", layer.edition.level.slug, layer.indicator.slug),
        version: series.version(),
        minzoom: series.minzoom().await?,
    };
    Ok(document(app, place, Fields::All(&slugs), lang).described(description(first, lang)))
}

/// Unit and remarks, for whoever adds the tiles to a map of their own.
fn description(view: &LayerView, lang: Lang) -> String {
    let layer = view.layer();
    let notes = layer.notes.iter().map(|n| n.get(lang));
    std::iter::once(layer.indicator.unit.get(lang))
        .chain(notes)
        .filter(|t| !t.is_empty())
        .collect::<Vec<_>>()
        .join(". ")
}

/// Where a tileset is and what it is called.
struct Place<'a> {
    edition: &'a EditionEntry,
    name: String,
    path: String,
    version: Version,
    minzoom: u8,
}

fn document(app: &Arc<App>, place: Place<'_>, fields: Fields<'_>, lang: Lang) -> TileJson {
    let row = &place.edition.row;
    // The newest edition needs no parameter only as long as it is the newest: the address names it always.
    let tiles = format!("{}/{{z}}/{{x}}/{{y}}.mvt?v={}&edition={}", place.path, place.version, row.valid_on);
    let bounds = [row.bounds.west, row.bounds.south, row.bounds.east, row.bounds.north];
    TileJson::new(place.name, app.public_url.join(&tiles), bounds, (place.minzoom, MAX_ZOOM), fields, lang)
        .attributed(row.attribution.clone())
}
