//! Pure geometry: grid, reprojection, planar topology, simplification, clipping, label points.
//!
//! Holds the way from polygons in degrees to the integer coordinates of a tile. Must not know: values, indicators,
//! files, SQL.
//!
//! Invariant: a border between two regions is one arc. It is simplified once per zoom and rounded once, so both sides
//! stay identical at every zoom.

mod crs;
mod grid;
mod ntv2;

pub use crs::{Crs, CrsError, CrsWarning, Reprojector};
pub use grid::{GridPoint, TileCoord, TileCoordError};

/// Points per tile edge in the tile's own coordinates.
pub const EXTENT: i32 = 4096;

/// Width of the strip around a tile, in tile coordinates, that its geometry also covers.
pub const BUFFER: i32 = 64;

/// Greatest zoom for which arcs are stored and tiles are served.
pub const MAX_ZOOM: u8 = 14;
