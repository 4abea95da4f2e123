//! Facilities: tiles, TileJSON, styles, and all of them as `GeoJSON`.

use axum::{
    extract::{Request, State},
    response::Response,
};
use serde::Deserialize;

use crate::{
    atlas::{FacilityView, View},
    extract,
    geometry::MAX_ZOOM,
    http::{
        App, AppState, HttpError,
        answer::{self, Keep},
        caller,
        path::{self, LayerQuery},
        tiles::TileHead,
    },
    style::{ColourScheme, FacilityStyleInput, facility_style},
    tile::TileJson,
};

/// How a map is to look.
#[derive(Debug, Default, Deserialize)]
struct LookQuery {
    #[serde(default)]
    theme: ColourScheme,
}

/// The category that this caller sees.
fn category(view: &View, slug: &str) -> Result<FacilityView, HttpError> {
    view.facilities_of(slug).ok_or(HttpError::NotFound)
}

/// `/{atlas}/tiles/facilities/{category}/{z}/{x}/{y}`
pub(super) async fn tile(State(app): AppState, request: Request) -> Result<Response, HttpError> {
    let access = caller(&request);
    let [atlas, _, _, slug, z, x, y] = path::segments(request.uri())?;
    let coord = path::tile_coord(z, x, y)?;
    let query: LayerQuery = path::query(request.uri())?;
    let view = path::view(&app.atlases, &access, atlas)?;
    let facilities = category(&view, slug)?;
    if !facilities.covers(coord) {
        return Err(HttpError::NotFound);
    }
    let head = TileHead::new(&app, request.headers(), &access, facilities.version(), query.v.as_deref());
    if answer::holds(request.headers(), &head.etag) {
        return Ok(answer::unchanged(head.etag, head.keep));
    }
    Ok(answer::tile(facilities.tile(coord, head.encoding).await?, head.encoding, head.etag, head.keep))
}

/// `/{atlas}/tiles/facilities/{category}.json`
pub(super) async fn tilejson(State(app): AppState, request: Request) -> Result<Response, HttpError> {
    let [atlas, _, _, last] = path::segments(request.uri())?;
    let (view, facilities, query) = asked(&app, &request, (atlas, last))?;
    let entry = facilities.entry();
    let tiles = format!(
        "/{}/tiles/facilities/{}/{{z}}/{{x}}/{{y}}.mvt?v={}",
        view.slug(),
        entry.category.slug,
        entry.version
    );
    let b = entry.bounds;
    let document = TileJson::of_facilities(
        entry.category.title.get(query.lang),
        app.public_url.join(&tiles),
        [b.west, b.south, b.east, b.north],
        (entry.minzoom, MAX_ZOOM),
        query.lang,
    );
    let document = document.attributed(view.attribution());
    Ok(answer::json(Keep::of(&caller(&request), false), &document))
}

/// `/{atlas}/styles/facilities/{category}.json`
pub(super) async fn style(State(app): AppState, request: Request) -> Result<Response, HttpError> {
    let [atlas, _, _, last] = path::segments(request.uri())?;
    let (view, facilities, query) = asked(&app, &request, (atlas, last))?;
    let look: LookQuery = path::query(request.uri())?;
    let category = &facilities.entry().category;
    let tilejson = format!("/{}/tiles/facilities/{}.json", view.slug(), category.slug);
    let document = facility_style(&FacilityStyleInput {
        title: category.title.get(query.lang),
        tilejson_url: &app.public_url.join(&tilejson),
        glyphs_url: &app.public_url.join("/fonts/{fontstack}/{range}.pbf"),
        attribution: view.attribution(),
        scheme: look.theme,
    });
    let document = document.map_err(|error| HttpError::BadRequest(format!("{error}.")))?;
    Ok(answer::json(Keep::of(&caller(&request), false), &document))
}

/// `/{atlas}/facilities/{category}.json`: all that the caller sees of a category, as `GeoJSON`.
pub(super) async fn geojson(State(app): AppState, request: Request) -> Result<Response, HttpError> {
    let [atlas, _, last] = path::segments(request.uri())?;
    let (view, facilities, _) = asked(&app, &request, (atlas, last))?;
    let entry = facilities.entry();
    let categories = std::slice::from_ref(&entry.category);
    let document = extract::facilities::geojson(categories, &entry.facilities, view.audience());
    Ok(answer::json(Keep::of(&caller(&request), false), &document))
}

/// The category of a document's address, as the caller sees it.
fn asked(
    app: &App,
    request: &Request,
    (atlas, last): (&str, &str),
) -> Result<(View, FacilityView, LayerQuery), HttpError> {
    let access = caller(request);
    let query: LayerQuery = path::query(request.uri())?;
    let view = path::view(&app.atlases, &access, atlas)?;
    let facilities = category(&view, path::json_name(last)?)?;
    Ok((view, facilities, query))
}
