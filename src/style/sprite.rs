//! Sprites: the hatches of regions without a number, as an image and its index (`styles/hatches.json`).
//!
//! A hatch lies over the grey of its status, so that it tells statuses apart without colour and without luminance. Its
//! tile repeats without a seam: lines go on beyond its edges and are cut there.

use std::collections::BTreeMap;

use resvg::{
    tiny_skia::{Pixmap, Transform},
    usvg::{Options, Tree},
};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use crate::style::{ColourScheme, StyleError, symbols::Look};

/// Pixels of the image for one pixel of the map.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PixelRatio {
    /// Ordinary screens.
    One,
    /// Screens of twice the density: `@2x`.
    Two,
}

impl PixelRatio {
    const fn factor(self) -> u32 {
        match self {
            Self::One => 1,
            Self::Two => 2,
        }
    }
}

/// Lines over a colour: a square that repeats to all sides.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Hatch {
    /// Edge of the square in pixels.
    pub size: u32,
    /// Width of the lines in pixels.
    pub width: u32,
    /// The lines as SVG path data; they go on beyond the square and are to be cut there.
    pub path: String,
    /// Colour of the lines, `#rrggbb`.
    pub color: String,
}

/// The hatches of `styles/hatches.json`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Hatches {
    /// Edge of a tile in pixels.
    size: u32,
    /// Width of the lines in pixels.
    width: u32,
    /// SVG path data by name of the status.
    lines: BTreeMap<String, String>,
}

impl Hatches {
    pub(super) fn read() -> Result<Self, StyleError> {
        serde_json::from_str(include_str!("../../styles/hatches.json"))
            .map_err(|error| StyleError::Embedded(error.to_string()))
    }

    /// The hatch of a status, by its name, if it has one.
    pub(super) fn of(&self, status: &str, look: &Look) -> Option<Hatch> {
        let path = self.lines.get(status)?.clone();
        Some(Hatch { size: self.size, width: self.width, path, color: look.hatch.clone() })
    }

    /// All tiles side by side, as SVG.
    fn drawing(&self, colour: &str) -> String {
        let (size, width) = (self.size, self.width);
        let tile = |(path, at): (&String, u32)| {
            let x = at * size;
            format!(
                r#"<svg x="{x}" width="{size}" height="{size}" overflow="hidden"><path d="{path}"/></svg>"#
            )
        };
        let tiles = self.lines.values().zip(0..).map(tile).collect::<Vec<_>>().concat();
        format!(
            r#"<svg xmlns="http://www.w3.org/2000/svg" width="{}" height="{size}"><g fill="none" stroke="{colour}" stroke-width="{width}">{tiles}</g></svg>"#,
            size * self.lines.len() as u32
        )
    }
}

/// The index of the sprite image: name of a status → its place in the image, in pixels of the image.
///
/// # Errors
/// If a file that is built into the program is damaged.
pub fn sprite_index(ratio: PixelRatio) -> Result<Value, StyleError> {
    let hatches = Hatches::read()?;
    let (edge, factor) = (hatches.size * ratio.factor(), ratio.factor());
    let places = hatches.lines.keys().zip(0..).map(|(name, at): (_, u32)| {
        let place = json!({ "x": at * edge, "y": 0, "width": edge, "height": edge, "pixelRatio": factor });
        (name.clone(), place)
    });
    Ok(Value::Object(places.collect::<Map<_, _>>()))
}

/// The sprite image as PNG, transparent between the lines.
///
/// # Errors
/// If a file that is built into the program is damaged.
pub fn sprite_image(scheme: ColourScheme, ratio: PixelRatio) -> Result<Vec<u8>, StyleError> {
    let hatches = Hatches::read()?;
    let look = Look::of(scheme)?;
    let damaged = |error: &dyn std::fmt::Display| StyleError::Embedded(error.to_string());
    let tree = Tree::from_str(&hatches.drawing(&look.hatch), &Options::default()).map_err(|e| damaged(&e))?;
    let edge = hatches.size * ratio.factor();
    let image = Pixmap::new(edge * hatches.lines.len() as u32, edge);
    let mut image = image.ok_or_else(|| damaged(&"a hatch of no size"))?;
    let scale = ratio.factor() as f32;
    resvg::render(&tree, Transform::from_scale(scale, scale), &mut image.as_mut());
    image.encode_png().map_err(|e| damaged(&e))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::Status;

    fn pixels(scheme: ColourScheme, ratio: PixelRatio) -> Pixmap {
        Pixmap::decode_png(&sprite_image(scheme, ratio).unwrap()).unwrap()
    }

    #[test]
    fn statuses_that_must_not_be_confused_are_hatched_differently() {
        let hatches = Hatches::read().unwrap();
        let of = |status: Status| hatches.lines.get(status.as_str());
        let hatched = [Status::Suppressed, Status::Missing, Status::NotApplicable].map(of);
        assert!(hatched.iter().all(Option::is_some));
        assert!(hatched[0] != hatched[1] && hatched[1] != hatched[2] && hatched[0] != hatched[2]);
    }

    #[test]
    fn the_index_lies_inside_its_image_at_both_ratios() {
        for (ratio, edge) in [(PixelRatio::One, 8), (PixelRatio::Two, 16)] {
            let image = pixels(ColourScheme::Light, ratio);
            let index = sprite_index(ratio).unwrap();
            let places = index.as_object().unwrap();
            assert_eq!((image.width(), image.height()), (edge * places.len() as u32, edge));
            for place in places.values() {
                assert_eq!(place["width"], edge);
                assert!(place["x"].as_u64().unwrap() + u64::from(edge) <= u64::from(image.width()));
            }
        }
    }

    #[test]
    fn each_hatch_leaves_most_of_the_grey_below_it_and_repeats_without_a_seam() {
        for scheme in ColourScheme::ALL {
            let image = pixels(scheme, PixelRatio::Two);
            let alpha = |x: u32, y: u32| image.pixel(x, y).unwrap().alpha();
            for tile in 0..image.width() / 16 {
                let at = |x: u32, y: u32| alpha(tile * 16 + x, y);
                let all: u32 = (0..256).map(|i| u32::from(at(i % 16, i / 16))).sum();
                assert!(all > 255 && all < 256 * 255 / 3, "tile {tile} of {scheme:?}: {all}");
            }
            // The diagonal of "suppressed" goes on where the tile begins anew: its columns are shifted copies.
            let at = sprite_index(PixelRatio::Two).unwrap()["suppressed"]["x"].as_u64().unwrap() as u32;
            for x in 0..16 {
                for y in 0..16 {
                    let next = alpha(at + (x + 1) % 16, (y + 15) % 16);
                    assert!(alpha(at + x, y).abs_diff(next) <= 1, "{x},{y}");
                }
            }
        }
    }
}
