//! Styles: MapLibre style JSON from templates, legends, palettes, glyphs, sprites.
//!
//! Holds what a map looks like. Must not know: values beyond the stored classification, who is asking.
//!
//! Invariant: every style uses only the forms that QGIS 3.22 reads. Colours and radii come from one place
//! (`symbols`), so that style and legend cannot differ.

mod document;
mod facilities;
mod glyphs;
mod legend;
mod legend_picture;
mod number;
mod palette;
mod period;
mod sprite;
mod symbols;
mod template;

pub use document::{StyleInput, style};
pub use facilities::{FacilityStyleInput, facility_style};
pub use glyphs::{GlyphError, GlyphRange, Glyphs};
pub use legend::{Legend, LegendClass, LegendStatus, MapInput, Tally, legend, status_label};
pub use legend_picture::{legend_png, legend_svg};
pub use number::format_number;
pub use palette::palette_names;
pub use period::format_period;
pub use sprite::{Hatch, PixelRatio, sprite_image, sprite_index};
pub use symbols::ColourScheme;

/// Why there is no style or legend.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StyleError {
    /// A palette that is not in `styles/palettes.toml`.
    #[error("'{0}' is not a palette: use one of {known}", known = palette_names().collect::<Vec<_>>().join(", "))]
    UnknownPalette(String),
    /// More classes than palettes have colours for.
    #[error("there are no colours for {0} classes")]
    TooManyClasses(usize),
    /// A file that is built into the program cannot be read; its tests read all of them.
    #[error("built-in file of the styles is damaged: {0}")]
    Embedded(String),
}
