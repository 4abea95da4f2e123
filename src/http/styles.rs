//! MapLibre styles and legends, of the same classes and colours.

use std::sync::Arc;

use axum::{
    extract::{Path, Request, State},
    http::Uri,
    response::Response,
};
use serde::Deserialize;

use crate::{
    access::Access,
    atlas::{LayerView, View},
    classification::classify,
    domain::{ClassRule, Classification, Lang, Method},
    http::{
        App, AppState, HttpError,
        answer::{self, Keep},
        caller, pages,
        path::{self, LayerQuery},
    },
    style::{
        ColourScheme, MapInput, PixelRatio, StyleError, StyleInput, Tally, legend as make_legend, legend_png,
        legend_svg, sprite_image, sprite_index, style as make_style,
    },
};

/// How a map is to look.
#[derive(Debug, Default, Deserialize)]
struct LookQuery {
    #[serde(default)]
    theme: Theme,
    method: Option<Method>,
    classes: Option<u8>,
    palette: Option<String>,
}

#[derive(Debug, Default, Clone, Copy, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Theme {
    #[default]
    Light,
    Dark,
}

/// Pixels of a legend's image for one of its SVG: sharp on dense screens and in print.
const LEGEND_SCALE: u8 = 2;

/// In which form a legend is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Suffix {
    Json,
    Svg,
    Png,
}

impl Suffix {
    fn parse(text: &str) -> Result<Self, HttpError> {
        match text {
            "json" => Ok(Self::Json),
            "svg" => Ok(Self::Svg),
            "png" => Ok(Self::Png),
            _ => Err(HttpError::NotFound),
        }
    }
}

/// `/{atlas}/styles/{level}/{indicator}/{period}.json`
pub(super) async fn style(State(app): AppState, request: Request) -> Result<Response, HttpError> {
    let access = caller(&request);
    let (view, map, suffix) = Map::read(&app, request.uri(), &access).await?;
    if suffix != Suffix::Json {
        return Err(HttpError::NotFound);
    }
    let layer = map.layer.layer();
    let title = |level: &crate::domain::Text| level.get(map.query.lang).to_owned();
    let borders: Vec<String> = std::iter::once(title(&layer.edition.level.title))
        .chain(layer.edition.parents.iter().map(|(_, t)| title(t)))
        .collect();
    let borders: Vec<&str> = borders.iter().map(String::as_str).collect();
    let slugs = (&layer.edition.level.slug, &layer.indicator.slug, &layer.period);
    let tilejson = format!("/{}/tiles/{}/{}/{}.json", view.slug(), slugs.0, slugs.1, slugs.2);
    let document = make_style(&StyleInput {
        map: map.input(),
        borders: &borders,
        tilejson_url: &app.public_url.join(&format!("{tilejson}?edition={}", layer.edition.row.valid_on)),
        glyphs_url: &app.public_url.join("/fonts/{fontstack}/{range}.pbf"),
        sprite_url: &app.public_url.join(&format!("/sprites/{}", map.input().scheme.as_str())),
        attribution: &layer.edition.row.attribution,
        classes_in_tiles: map.stored_classes,
    });
    let document = document.map_err(|error| HttpError::BadRequest(format!("{error}.")))?;
    Ok(answer::json(Keep::of(&access, false), &document))
}

/// `/{atlas}/legends/{level}/{indicator}/{period}.json|svg|png`
pub(super) async fn legend(State(app): AppState, request: Request) -> Result<Response, HttpError> {
    let access = caller(&request);
    let (_, map, suffix) = Map::read(&app, request.uri(), &access).await?;
    let refused = |error: StyleError| HttpError::BadRequest(format!("{error}."));
    let input = map.input();
    let document = make_legend(&input).map_err(refused)?;
    let keep = Keep::of(&access, false);
    if suffix == Suffix::Json {
        return Ok(answer::json(keep, &document));
    }
    let svg = legend_svg(&document, input.scheme, input.lang).map_err(refused)?;
    if suffix == Suffix::Svg {
        return Ok(answer::text("image/svg+xml", keep, svg));
    }
    let drawn = tokio::task::spawn_blocking(move || {
        let fonts = pages::embedded_fonts();
        legend_png(&svg, LEGEND_SCALE, fonts.iter().map(Vec::as_slice))
    });
    let png = drawn.await.map_err(|_| HttpError::Internal)?.map_err(refused)?;
    Ok(answer::text("image/png", keep, png))
}

/// `/sprites/{light|dark}[@2x].json|png`
pub(super) async fn sprite(Path(file): Path<String>) -> Result<Response, HttpError> {
    let (name, suffix) = path::split_suffix(&file)?;
    let (scheme, ratio) = match name.strip_suffix("@2x") {
        Some(scheme) => (scheme, PixelRatio::Two),
        None => (name, PixelRatio::One),
    };
    let scheme: ColourScheme = scheme.parse().map_err(|_| HttpError::NotFound)?;
    let damaged = |error: StyleError| {
        tracing::error!(%error, "a sprite could not be drawn");
        HttpError::Internal
    };
    match suffix {
        "json" => Ok(answer::json(Keep::Revalidate, &sprite_index(ratio).map_err(damaged)?)),
        "png" => {
            let image = sprite_image(scheme, ratio).map_err(damaged)?;
            Ok(answer::text("image/png", Keep::Revalidate, image))
        }
        _ => Err(HttpError::NotFound),
    }
}

/// A layer with the classes and look that were asked for.
struct Map {
    layer: LayerView,
    query: LayerQuery,
    look: LookQuery,
    classification: Arc<Classification>,
    stored_classes: bool,
    tally: Tally,
    note: Option<String>,
}

impl Map {
    async fn read(app: &Arc<App>, uri: &Uri, access: &Access) -> Result<(View, Self, Suffix), HttpError> {
        let [atlas, _, level, indicator, last] = path::segments(uri)?;
        let query: LayerQuery = path::query(uri)?;
        let look: LookQuery = path::query(uri)?;
        let view = path::view(&app.atlases, access, atlas)?;
        let (period, suffix) = path::split_suffix(last)?;
        let suffix = Suffix::parse(suffix)?;
        let layer = path::layer(&view, (level, indicator, period), &query)?;
        let column = layer.column().await?;
        let inhabited = layer.inhabited().await?;
        let asked = asked_classes(&look, &layer, &|| {
            let places = inhabited.iter().enumerate().filter(|(_, inhabited)| **inhabited == Some(true));
            places.filter_map(|(ordinal, _)| column.value(ordinal)).collect()
        })?;
        let stored_classes = asked.is_none();
        let classification = asked.map_or_else(|| layer.layer().classification.clone(), Arc::new);
        let tally = Tally::of(&column, &classification, |ordinal| inhabited.get(ordinal).copied().flatten());
        let note = layer.note(query.lang);
        Ok((view, Self { layer, query, look, classification, stored_classes, tally, note }, suffix))
    }

    fn input(&self) -> MapInput<'_> {
        let layer = self.layer.layer();
        let indicator = &layer.indicator;
        let lang: Lang = self.query.lang;
        MapInput {
            title: indicator.title.get(lang),
            unit: indicator.unit.get(lang),
            kind: indicator.kind,
            decimals: indicator.decimals,
            period: &layer.period,
            classification: &self.classification,
            tally: &self.tally,
            palette: self
                .look
                .palette
                .as_deref()
                .or(indicator.palette.as_ref().map(crate::domain::Slug::as_str)),
            polarity: indicator.polarity,
            source: indicator.sheet.source.get(lang),
            note: self.note.as_deref(),
            lang,
            scheme: match self.look.theme {
                Theme::Light => ColourScheme::Light,
                Theme::Dark => ColourScheme::Dark,
            },
        }
    }
}

/// Other classes than the stored ones, of this period's values, if somebody asks for them.
fn asked_classes(
    look: &LookQuery,
    layer: &LayerView,
    numbers: &dyn Fn() -> Vec<f64>,
) -> Result<Option<Classification>, HttpError> {
    let own = &layer.layer().indicator.classification;
    let rule = ClassRule {
        method: look.method.unwrap_or(own.method),
        classes: look.classes.unwrap_or(own.classes),
        ..own.clone()
    };
    if look.method.is_none() && look.classes.is_none() || rule == *own {
        return Ok(None);
    }
    let classes = classify(&numbers(), &rule, vec![layer.layer().period.clone()]);
    classes.map(Some).map_err(|error| HttpError::BadRequest(format!("{error}.")))
}
