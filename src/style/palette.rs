//! Palettes: the colours of classes, from `styles/palettes.toml`.

use std::{
    collections::{BTreeMap, HashMap},
    sync::LazyLock,
};

use serde::Deserialize;

use crate::{
    domain::Polarity,
    style::{ColourScheme, StyleError},
};

static PALETTES: LazyLock<Result<Palettes, String>> = LazyLock::new(|| {
    toml::from_str(include_str!("../../styles/palettes.toml")).map_err(|error| error.to_string())
});

#[derive(Deserialize)]
struct Palettes {
    defaults: HashMap<Polarity, String>,
    palettes: BTreeMap<String, Palette>,
}

/// A palette: its colours from low to high for 2 to 9 classes.
#[derive(Deserialize)]
pub(super) struct Palette {
    kind: Kind,
    /// One line of hexadecimal colours for each number of classes, beginning with two.
    colours: Vec<String>,
}

#[derive(Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Kind {
    /// From light to dark.
    Sequential,
    /// From one dark end over a light middle to the other.
    Diverging,
}

/// Names of all palettes, ascending.
pub fn palette_names() -> impl Iterator<Item = &'static str> {
    PALETTES.iter().flat_map(|palettes| palettes.palettes.keys().map(String::as_str))
}

impl Palette {
    /// The palette of this name; without a name the one for this polarity.
    pub(super) fn find(name: Option<&str>, polarity: Polarity) -> Result<&'static Self, StyleError> {
        let all = PALETTES.as_ref().map_err(|error| StyleError::Embedded(error.clone()))?;
        let name = name.or_else(|| all.defaults.get(&polarity).map(String::as_str)).unwrap_or_default();
        all.palettes.get(name).ok_or_else(|| StyleError::UnknownPalette(name.chars().take(80).collect()))
    }

    /// Colours for `k` classes from low to high.
    ///
    /// On a dark background a sequential palette runs from dark to light, so that high values stand out there too. The
    /// colour that would drown is left out where the palette has one more: the lightest, which hides white borders, or on
    /// a dark background the darkest. Of a diverging palette the first end is the burden: for indicators whose high
    /// numbers are good or neutral that is the low end.
    pub(super) fn ramp(
        &self,
        k: usize,
        polarity: Polarity,
        scheme: ColourScheme,
    ) -> Result<Vec<&str>, StyleError> {
        match k {
            0 => return Ok(Vec::new()),
            1 => return Ok(self.ramp(2, polarity, scheme)?.split_off(1)),
            _ => {}
        }
        let mut colours = self.line(k).ok_or(StyleError::TooManyClasses(k))?;
        if self.kind == Kind::Sequential {
            colours = self.line(k + 1).unwrap_or(colours);
            if scheme == ColourScheme::Dark {
                colours.reverse();
            }
            colours.drain(..colours.len() - k);
        } else if polarity == Polarity::Negative {
            colours.reverse();
        }
        Ok(colours)
    }

    /// The colour of symbols that tell by their size: strong against the background.
    pub(super) fn symbol_colour(&self, scheme: ColourScheme) -> Result<&str, StyleError> {
        let nine = self.line(9).ok_or(StyleError::TooManyClasses(9))?;
        let dark_sequential = self.kind == Kind::Sequential && scheme == ColourScheme::Dark;
        Ok(nine[if dark_sequential { 3 } else { 6 }])
    }

    fn line(&self, k: usize) -> Option<Vec<&str>> {
        let colours: Vec<&str> = self.colours.get(k.checked_sub(2)?)?.split_whitespace().collect();
        (colours.len() == k).then_some(colours)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_palette_has_colours_for_two_to_nine_classes() {
        let names: Vec<_> = palette_names().collect();
        assert!(names.len() > 20);
        for name in names {
            let palette = Palette::find(Some(name), Polarity::Neutral).unwrap();
            for scheme in [ColourScheme::Light, ColourScheme::Dark] {
                for k in 0..=9 {
                    let ramp = palette.ramp(k, Polarity::Neutral, scheme).unwrap();
                    assert_eq!(ramp.len(), k, "{name}");
                    assert!(ramp.iter().all(|c| c.len() == 7 && u32::from_str_radix(&c[1..], 16).is_ok()));
                }
                assert!(palette.symbol_colour(scheme).is_ok());
            }
        }
    }

    #[test]
    fn every_polarity_has_a_default() {
        for polarity in [Polarity::Positive, Polarity::Negative, Polarity::Neutral] {
            assert!(Palette::find(None, polarity).is_ok());
        }
    }

    #[test]
    fn an_unknown_palette_is_named_together_with_the_known_ones() {
        let error = Palette::find(Some("rainbow"), Polarity::Neutral).err().unwrap();
        let text = error.to_string();
        assert!(text.contains("'rainbow'") && text.contains("ylgnbu"), "{text}");
    }

    #[test]
    fn high_values_are_dark_on_a_light_background_and_light_on_a_dark_one() {
        let blues = Palette::find(Some("blues"), Polarity::Neutral).unwrap();
        let ramp = |scheme| blues.ramp(3, Polarity::Neutral, scheme).unwrap();
        assert_eq!(ramp(ColourScheme::Light), ["#bdd7e7", "#6baed6", "#2171b5"]);
        assert_eq!(ramp(ColourScheme::Dark), ["#6baed6", "#bdd7e7", "#eff3ff"]);
    }

    #[test]
    fn the_burden_keeps_its_end_of_a_diverging_palette() {
        let red_blue = Palette::find(Some("rdbu"), Polarity::Neutral).unwrap();
        let ramp = |polarity| red_blue.ramp(5, polarity, ColourScheme::Light).unwrap();
        assert_eq!(ramp(Polarity::Positive)[0], ramp(Polarity::Negative)[4]);
    }
}
