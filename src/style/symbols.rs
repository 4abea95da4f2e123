//! Symbols: the colour of every class and status and the radius of every circle. Style and legend take them from here.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::{
    domain::{Classification, IndicatorKind, Polarity, Status},
    style::{StyleError, palette::Palette},
};

/// Whether the map has a light or a dark background: the `theme` of a style's URL, which is no theme of the atlas.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ColourScheme {
    /// For paper and bright pages.
    #[default]
    Light,
    /// For dark pages.
    Dark,
}

impl ColourScheme {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Light, Self::Dark];

    /// The name used in URLs.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Light => "light",
            Self::Dark => "dark",
        }
    }
}

impl std::str::FromStr for ColourScheme {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        Self::ALL
            .into_iter()
            .find(|scheme| scheme.as_str() == text)
            .ok_or_else(|| format!("'{}' is not a theme: use light or dark", text.escape_debug()))
    }
}

/// Radius of the circle of the highest class, in pixels.
const MAX_RADIUS: f64 = 26.0;

/// Least radius, in pixels: what a finger or pointer can still hit and an eye can see.
const MIN_RADIUS: f64 = 3.0;

/// What the classes of a map look like.
pub(super) struct Symbols {
    /// Colours of the classes, ascending.
    pub(super) colours: Vec<String>,
    /// Radii of the circles in pixels, ascending; only for counts.
    pub(super) radii: Option<Vec<f64>>,
}

impl Symbols {
    /// Counts get circles of one colour, everything else gets coloured regions.
    pub(super) fn new(
        kind: IndicatorKind,
        classification: &Classification,
        palette: Option<&str>,
        polarity: Polarity,
        scheme: ColourScheme,
    ) -> Result<Self, StyleError> {
        let palette = Palette::find(palette, polarity)?;
        let k = classification.classes();
        if kind == IndicatorKind::Count {
            let colour = palette.symbol_colour(scheme)?.to_owned();
            return Ok(Self { colours: vec![colour; k], radii: Some(radii(&classification.breaks)) });
        }
        let colours = palette.ramp(k, polarity, scheme)?;
        Ok(Self { colours: colours.into_iter().map(str::to_owned).collect(), radii: None })
    }
}

/// Radii whose circles' areas are in proportion to the middle of each class, to a tenth of a pixel.
fn radii(breaks: &[f64]) -> Vec<f64> {
    let middles: Vec<f64> = breaks.windows(2).map(|class| class[0].midpoint(class[1]).max(0.0)).collect();
    let largest = middles.last().copied().unwrap_or_default();
    let radius =
        |middle: &f64| if largest > 0.0 { MAX_RADIUS * (middle / largest).sqrt() } else { MIN_RADIUS };
    middles.iter().map(radius).map(|r| (r.max(MIN_RADIUS) * 10.0).round() / 10.0).collect()
}

/// The colours of a light or dark map that do not depend on classes, from `styles/light.json` and `styles/dark.json`.
#[derive(Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(super) struct Look {
    /// Behind everything.
    pub(super) background: String,
    /// Regions under circles.
    pub(super) land: String,
    /// Names.
    pub(super) text: String,
    /// Around names.
    pub(super) halo: String,
    /// Around circles.
    pub(super) circle_outline: String,
    /// Under the borders of parents.
    pub(super) casing: String,
    /// Lines of the hatches.
    pub(super) hatch: String,
    borders: Vec<BorderLook>,
    statuses: BTreeMap<String, String>,
}

/// How borders of one rank are drawn.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct BorderLook {
    /// Colour of the line.
    pub(super) color: String,
    /// Width in pixels at zoom 5.
    pub(super) far: f64,
    /// Width in pixels at zoom 12.
    pub(super) near: f64,
}

impl Look {
    pub(super) fn of(scheme: ColourScheme) -> Result<Self, StyleError> {
        let file = match scheme {
            ColourScheme::Light => include_str!("../../styles/light.json"),
            ColourScheme::Dark => include_str!("../../styles/dark.json"),
        };
        serde_json::from_str(file).map_err(|error| StyleError::Embedded(error.to_string()))
    }

    /// Colour of the regions with this status; that of *missing* if the file has none.
    pub(super) fn status(&self, status: Status) -> &str {
        self.statuses.get(status.as_str()).map_or_else(|| self.named("missing"), String::as_str)
    }

    /// Colour of the regions where nobody lives.
    pub(super) fn uninhabited(&self) -> &str {
        self.named("uninhabited")
    }

    /// The look of a rank; ranks beyond the last look like the last.
    pub(super) fn border(&self, rank: usize) -> Option<&BorderLook> {
        self.borders.get(rank).or(self.borders.last())
    }

    fn named(&self, status: &str) -> &str {
        self.statuses.get(status).unwrap_or(&self.background)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Relative luminance of a colour by WCAG 2.1.
    fn luminance(colour: &str) -> f64 {
        let channel = |at: usize| {
            let c = f64::from(u8::from_str_radix(&colour[at..at + 2], 16).unwrap()) / 255.0;
            if c <= 0.040_45 { c / 12.92 } else { ((c + 0.055) / 1.055).powf(2.4) }
        };
        0.2126 * channel(1) + 0.7152 * channel(3) + 0.0722 * channel(5)
    }

    fn contrast(a: &str, b: &str) -> f64 {
        let (a, b) = (luminance(a), luminance(b));
        (a.max(b) + 0.05) / (a.min(b) + 0.05)
    }

    #[test]
    fn the_greys_of_different_statuses_can_be_told_apart() {
        for scheme in ColourScheme::ALL {
            let look = Look::of(scheme).unwrap();
            let greys = [
                look.uninhabited(),
                look.status(Status::NotApplicable),
                look.status(Status::Missing),
                look.status(Status::Unknown),
                look.status(Status::Suppressed),
            ];
            for pair in greys.windows(2) {
                assert!(contrast(pair[0], pair[1]) > 1.14, "{} {pair:?}", scheme.as_str());
            }
        }
    }

    #[test]
    fn every_status_without_a_number_has_a_grey_of_its_own_in_both_files() {
        for scheme in ColourScheme::ALL {
            let look = Look::of(scheme).unwrap();
            for status in Status::ALL.into_iter().filter(|status| !status.has_value()) {
                assert!(look.statuses.contains_key(status.as_str()), "{status:?}");
            }
        }
    }

    #[test]
    fn names_can_be_read_on_their_halo() {
        for scheme in ColourScheme::ALL {
            let look = Look::of(scheme).unwrap();
            assert!(contrast(&look.text, &look.halo) > 7.0);
        }
    }

    #[test]
    fn circles_grow_in_area_with_the_middle_of_their_class() {
        assert_eq!(radii(&[0.0, 200.0, 600.0, 1000.0]), [9.2, 18.4, 26.0]);
        assert_eq!(radii(&[0.0, 0.0]), [3.0]);
        assert_eq!(radii(&[-5.0, -2.0, -1.0]), [3.0, 3.0]);
        assert_eq!(radii(&[]), [] as [f64; 0]);
    }
}
