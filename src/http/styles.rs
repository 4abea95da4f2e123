//! MapLibre styles and legends, of the same classes and colours.

use std::sync::Arc;

use axum::{
    extract::{Request, State},
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
        caller,
        path::{self, LayerQuery},
    },
    style::{ColourScheme, MapInput, StyleInput, Tally, legend as make_legend, style as make_style},
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

/// `/{atlas}/styles/{level}/{indicator}/{period}.json`
pub(super) async fn style(State(app): AppState, request: Request) -> Result<Response, HttpError> {
    let access = caller(&request);
    let (view, map) = Map::read(&app, request.uri(), &access).await?;
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
        attribution: &layer.edition.row.attribution,
        classes_in_tiles: map.stored_classes,
    });
    let document = document.map_err(|error| HttpError::BadRequest(format!("{error}.")))?;
    Ok(answer::json(Keep::of(&access, false), &document))
}

/// `/{atlas}/legends/{level}/{indicator}/{period}.json`
pub(super) async fn legend(State(app): AppState, request: Request) -> Result<Response, HttpError> {
    let access = caller(&request);
    let (_, map) = Map::read(&app, request.uri(), &access).await?;
    let document = make_legend(&map.input()).map_err(|error| HttpError::BadRequest(format!("{error}.")))?;
    Ok(answer::json(Keep::of(&access, false), &document))
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
    async fn read(app: &Arc<App>, uri: &Uri, access: &Access) -> Result<(View, Self), HttpError> {
        let [atlas, _, level, indicator, last] = path::segments(uri)?;
        let query: LayerQuery = path::query(uri)?;
        let look: LookQuery = path::query(uri)?;
        let view = path::view(&app.atlases, access, atlas)?;
        let layer = path::layer(&view, (level, indicator, path::json_name(last)?), &query)?;
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
        Ok((view, Self { layer, query, look, classification, stored_classes, tally, note }))
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
        breaks: own.breaks.clone(),
    };
    if look.method.is_none() && look.classes.is_none() || rule == *own {
        return Ok(None);
    }
    let classes = classify(&numbers(), &rule, vec![layer.layer().period.clone()]);
    classes.map(Some).map_err(|error| HttpError::BadRequest(format!("{error}.")))
}
