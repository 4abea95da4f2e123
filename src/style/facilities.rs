//! The style of a category of facilities: circles and names.

use serde_json::{Value, json};

use crate::{
    domain::Polarity,
    style::{
        ColourScheme, StyleError,
        palette::Palette,
        symbols::Look,
        template::{Filling, fill},
    },
};

/// What a style of facilities is made from.
#[derive(Debug, Clone, Copy)]
pub struct FacilityStyleInput<'a> {
    /// Title of the category.
    pub title: &'a str,
    /// Absolute URL of its TileJSON.
    pub tilejson_url: &'a str,
    /// Absolute URL of the glyphs with `{fontstack}` and `{range}`.
    pub glyphs_url: &'a str,
    /// Whom to credit.
    pub attribution: &'a str,
    /// Light or dark.
    pub scheme: ColourScheme,
}

/// The MapLibre style of a category: layers `background`, `facilities-far`, `facilities` and `labels`; the source is
/// `atlas`. Radii are constants, one layer for far and one for near, because QGIS 3.22 draws radii interpolated over the
/// zoom as dots.
///
/// # Errors
/// If a file that is built into the program is damaged.
pub fn facility_style(input: &FacilityStyleInput<'_>) -> Result<Value, StyleError> {
    let look = Look::of(input.scheme)?;
    let color = Palette::find(None, Polarity::Neutral)?.symbol_colour(input.scheme)?;
    let tokens = [
        ("title", json!(input.title)),
        ("attribution", json!(input.attribution)),
        ("tilejson", json!(input.tilejson_url)),
        ("glyphs", json!(input.glyphs_url)),
        ("background", json!(look.background)),
        ("color", json!(color)),
        ("circle-outline", json!(look.circle_outline)),
        ("text", json!(look.text)),
        ("halo", json!(look.halo)),
    ];
    let tokens = tokens.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
    fill(include_str!("../../styles/facilities.json"), &Filling { tokens, lists: Vec::new() })
}
