//! Style documents: a MapLibre style (version 8) for one map, filled from the templates in `styles/`.
//!
//! Only forms that QGIS 3.22 reads: one layer per class, status and rank with plain filters, colours as constants,
//! `interpolate` over the zoom for widths and sizes.

use serde_json::{Value, json};

use crate::{
    domain::{Classification, IndicatorKind},
    style::{
        Legend, MapInput, StyleError, legend,
        sprite::Hatches,
        status_label,
        symbols::Look,
        template::{Filling, Tokens, fill},
    },
};

/// What a style is made from.
#[derive(Debug, Clone, Copy)]
pub struct StyleInput<'a> {
    /// The facts of the map.
    pub map: MapInput<'a>,
    /// Titles of the borders by rank: the level of the map, then its visible parents from near to far.
    pub borders: &'a [&'a str],
    /// Absolute URL of the layer's TileJSON.
    pub tilejson_url: &'a str,
    /// Absolute URL of the glyphs with `{fontstack}` and `{range}`.
    pub glyphs_url: &'a str,
    /// Absolute URL of the sprites, without scale and suffix.
    pub sprite_url: &'a str,
    /// Whom to credit for boundaries and data.
    pub attribution: &'a str,
    /// True if the tiles' `class` is of this very classification. Otherwise, when somebody asks for other classes, the
    /// layers filter by `value`.
    pub classes_in_tiles: bool,
}

/// The MapLibre style of a map: coloured regions, or for counts circles in proportion.
///
/// Layers are `background`, `regions-uninhabited`, `regions-STATUS`, `regions-STATUS-hatch`, `regions-class-N` or `regions-fill` with
/// `circles-class-N`, `borders-N-casing`, `borders-N` and `labels`; the source is `atlas`. The legend stands in the
/// metadata as `kommunalatlas:legend`.
///
/// # Errors
/// If the palette is unknown, or there are more classes than it has colours for.
pub fn style(input: &StyleInput<'_>) -> Result<Value, StyleError> {
    let template = match input.map.kind {
        IndicatorKind::Count => include_str!("../../styles/circles.json"),
        IndicatorKind::Share | IndicatorKind::Rate | IndicatorKind::Mean | IndicatorKind::Index => {
            include_str!("../../styles/choropleth.json")
        }
    };
    let look = Look::of(input.map.scheme)?;
    let legend = legend(&input.map)?;
    let classes = classes(input, &legend);
    let borders = borders(input.borders, &look);
    let statuses = statuses(input, &look);
    let hatches = Hatches::read()?;
    let is_hatched =
        |status: &Tokens| status["status"].as_str().is_some_and(|name| hatches.of(name, &look).is_some());
    let filling = Filling {
        tokens: tokens([
            ("title", json!(input.map.title)),
            ("legend", json!(legend)),
            ("attribution", json!(input.attribution)),
            ("tilejson", json!(input.tilejson_url)),
            ("glyphs", json!(input.glyphs_url)),
            ("sprite", json!(input.sprite_url)),
            ("background", json!(look.background)),
            ("land", json!(look.land)),
            ("text", json!(look.text)),
            ("halo", json!(look.halo)),
            ("circle-outline", json!(look.circle_outline)),
            ("casing", json!(look.casing)),
            ("uninhabited", json!(look.uninhabited())),
        ]),
        lists: vec![
            ("hatch", statuses.iter().filter(|status| is_hatched(status)).cloned().collect()),
            ("status", statuses),
            // Small circles lie on large ones.
            ("class-descending", classes.iter().rev().cloned().collect()),
            ("class", classes),
            ("parent", borders.iter().skip(1).cloned().collect()),
            ("border", borders),
        ],
    };
    fill(template, &filling)
}

fn tokens<const N: usize>(entries: [(&str, Value); N]) -> Tokens {
    entries.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}

fn classes(input: &StyleInput<'_>, legend: &Legend) -> Vec<Tokens> {
    let classification = input.map.classification;
    let filter = |class: u8| {
        if input.classes_in_tiles {
            json!(["==", "class", class])
        } else {
            range_filter(classification, usize::from(class))
        }
    };
    let of_class = legend.classes.iter().map(|class| {
        tokens([
            ("class", json!(class.class)),
            ("label", json!(class.label)),
            ("color", json!(class.color)),
            ("radius", json!(class.radius)),
            ("filter", filter(class.class)),
        ])
    });
    of_class.collect()
}

/// The regions of a class by their value. The outer classes are open, as in [`Classification::class_of`]; a region
/// without a class in the tile (nobody lives there) has none here either.
fn range_filter(classification: &Classification, class: usize) -> Value {
    let mut conditions = vec![json!("all"), json!(["has", "class"])];
    if class > 0 {
        // "Greater than" is no form that QGIS reads, so it is said with the next number that a double can be.
        conditions.push(json!([">=", "value", classification.breaks[class].next_up()]));
    }
    if class + 1 < classification.classes() {
        conditions.push(json!(["<=", "value", classification.breaks[class + 1]]));
    }
    Value::Array(conditions)
}

fn statuses(input: &StyleInput<'_>, look: &Look) -> Vec<Tokens> {
    let of_status = input.map.tally.statuses.iter().map(|(status, _)| {
        tokens([
            ("status", json!(status.as_str())),
            ("label", json!(status_label(*status, input.map.lang))),
            ("color", json!(look.status(*status))),
        ])
    });
    of_status.collect()
}

/// Borders by rank: those of the map's own level are drawn even if they have no title.
fn borders(titles: &[&str], look: &Look) -> Vec<Tokens> {
    let of_rank = (0..titles.len().max(1)).filter_map(|rank| {
        let border = look.border(rank)?;
        Some(tokens([
            ("rank", json!(rank)),
            ("label", json!(titles.get(rank).copied().unwrap_or_default())),
            ("color", json!(border.color)),
            ("far", json!(border.far)),
            ("near", json!(border.near)),
            ("casing-far", json!(border.far + 1.0)),
            ("casing-near", json!(border.near + 2.0)),
        ]))
    });
    of_rank.collect()
}
