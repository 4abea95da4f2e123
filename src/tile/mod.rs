//! Tiles: skeletons, the splice of values, TileJSON.
//!
//! A [`Skeleton`] holds what a tile shows whatever the indicator: encoded geometry, keys, names. [`Skeleton::encode`]
//! joins a column of values to it: it copies the geometry and writes ids, tags and values around it. A gzip answer
//! takes the geometry as bits that were coded once.
//!
//! Holds the encoding. Must not know: who is asking, where values come from.
//!
//! Invariant: a spliced tile decodes to the same features as a tile encoded in one piece.

mod commands;
mod facilities;
mod gzip;
mod huffman;
mod join;
mod layer;
mod repeats;
mod skeleton;
mod tilejson;
mod wire;

pub use facilities::{TileFacility, facility_tile};
pub use join::{Join, LayerValues, NO_CLASS};
pub use skeleton::{Encoding, RegionText, Skeleton, TileLabel};
pub use tilejson::{Fields, TileJson, VectorLayer};
