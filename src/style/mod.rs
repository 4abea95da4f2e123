//! Styles: MapLibre style JSON from templates, legends, palettes, glyphs.
//!
//! Holds what a map looks like. Must not know: values beyond the stored classification, who is asking.
//!
//! Invariant: every style uses only the forms that QGIS 3.22 reads.
