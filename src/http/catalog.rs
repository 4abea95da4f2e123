//! `catalog.json` and the list of atlases.

use axum::{
    extract::{Request, State},
    response::Response,
};
use serde_json::{Map, Value, json};

use crate::{
    atlas::{EditionEntry, FacilityEntry, View},
    domain::{Indicator, Lang, Sheet, Text},
    geometry::MAX_ZOOM,
    http::{
        AppState, HttpError,
        answer::{self, Keep},
        caller,
        path::{self, LayerQuery},
    },
};

/// `/atlases.json`: the atlases that this caller sees.
pub(super) async fn atlases(State(app): AppState, request: Request) -> Result<Response, HttpError> {
    let access = caller(&request);
    let query: LayerQuery = path::query(request.uri())?;
    let entry = |view: &View| {
        let levels: Vec<&str> = view.levels().iter().map(|l| l.title.get(query.lang)).collect();
        json!({"slug": view.slug(), "title": view.title().get(query.lang), "indicators": view.indicators().len(), "levels": levels})
    };
    let atlases: Vec<Value> = app.atlases.views(&access).iter().map(entry).collect();
    Ok(answer::json(Keep::of(&access, false), &json!({ "atlases": atlases })))
}

/// `/{atlas}/catalog.json`: themes, indicators with sheets, levels, editions, periods, bounds.
pub(super) async fn catalog(State(app): AppState, request: Request) -> Result<Response, HttpError> {
    let access = caller(&request);
    let [atlas, _] = path::segments(request.uri())?;
    let query: LayerQuery = path::query(request.uri())?;
    let view = path::view(&app.atlases, &access, atlas)?;
    Ok(answer::json(Keep::of(&access, false), &document(&view, query.lang)))
}

fn document(view: &View, lang: Lang) -> Value {
    // The place among the visible levels: the stored one would tell how many others there are.
    let levels = view.levels().iter().enumerate().map(|(position, level)| {
        let editions: Vec<Value> = view.editions(level.slug.as_str()).iter().map(|e| edition(e)).collect();
        json!({"slug": level.slug, "title": level.title.get(lang), "position": position, "editions": editions})
    });
    let themes = view.themes().map(|t| json!({"slug": t.slug, "title": t.title.get(lang)}));
    json!({
        "atlas": view.slug(),
        "title": view.title().get(lang),
        "attribution": view.attribution(),
        "audience": view.audience(),
        "levels": levels.collect::<Vec<_>>(),
        "themes": themes.collect::<Vec<_>>(),
        "indicators": view.indicators().iter().map(|i| indicator(view, i, lang)).collect::<Vec<_>>(),
        "facilities": view.facilities().iter().map(|f| facilities(f, lang)).collect::<Vec<_>>(),
    })
}

fn edition(edition: &EditionEntry) -> Value {
    let b = edition.row.bounds;
    json!({
        "date": edition.row.valid_on,
        "bounds": [b.west, b.south, b.east, b.north],
        "minzoom": edition.row.minzoom,
        "maxzoom": MAX_ZOOM,
        "regions": edition.row.regions,
        "attribution": edition.row.attribution,
    })
}

fn facilities(entry: &FacilityEntry, lang: Lang) -> Value {
    let b = entry.bounds;
    json!({
        "slug": entry.category.slug,
        "title": entry.category.title.get(lang),
        "count": entry.facilities.len(),
        "bounds": [b.west, b.south, b.east, b.north],
        "minzoom": entry.minzoom,
        "maxzoom": MAX_ZOOM,
        "visibility": if entry.category.public { "public" } else { "internal" },
    })
}

fn indicator(view: &View, indicator: &Indicator, lang: Lang) -> Value {
    let mut levels = Map::new();
    let mut periods = Vec::new();
    for place in view.levels_of(&indicator.slug) {
        let mut of_level: Vec<_> = place.layers.iter().map(|l| &l.period).collect();
        of_level.dedup();
        let newest = place.layers.iter().map(|l| l.edition.row.valid_on).max();
        let visibility = if place.public { "public" } else { "internal" };
        let entry = json!({"periods": of_level, "edition": newest, "visibility": visibility});
        levels.insert(place.level.slug.to_string(), entry);
        periods.extend(of_level);
    }
    periods.sort();
    periods.dedup();
    let mut document = json!({
        "slug": indicator.slug,
        "title": indicator.title.get(lang),
        "theme": indicator.theme,
        "unit": indicator.unit.get(lang),
        "kind": indicator.kind,
        "decimals": indicator.decimals,
        "polarity": indicator.polarity,
        "levels": levels,
        "periods": periods,
        "sheet": sheet(&indicator.sheet, lang),
    });
    if let Some(note) = &indicator.note {
        document["note"] = note.get(lang).into();
    }
    document
}

/// The indicator sheet in one language, without empty fields.
fn sheet(sheet: &Sheet, lang: Lang) -> Value {
    let fields: [(&str, &Text); 13] = [
        ("definition", &sheet.definition),
        ("calculation", &sheet.calculation),
        ("numerator", &sheet.numerator),
        ("denominator", &sheet.denominator),
        ("source", &sheet.source),
        ("population_basis", &sheet.population_basis),
        ("place_principle", &sheet.place_principle),
        ("reference_date", &sheet.reference_date),
        ("interpretation", &sheet.interpretation),
        ("limits", &sheet.limits),
        ("contact", &sheet.contact),
        ("licence", &sheet.licence),
        ("update_cycle", &sheet.update_cycle),
    ];
    let filled = fields.into_iter().filter(|(_, text)| !text.is_empty());
    filled.map(|(name, text)| (name.to_owned(), Value::from(text.get(lang)))).collect::<Map<_, _>>().into()
}
