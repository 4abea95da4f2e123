//! Pure geometry: grid, reprojection, planar topology, simplification, clipping, label points.
//!
//! Holds the way from polygons in degrees to the integer coordinates of a tile. Must not know: values, indicators,
//! files, SQL.
//!
//! Invariant: a border between two regions is one arc. It is simplified once per zoom and rounded once, so both sides
//! stay identical at every zoom.

mod build;
mod clip;
mod codec;
mod crs;
mod grid;
mod labels;
mod noding;
mod ntv2;
mod report;
mod rings;
mod simplify;
mod tile_geometry;
mod topology;
mod zoom_arcs;

pub use build::{BuildOptions, BuiltEdition, GeometryError, Step, build_edition};
pub use codec::DecodeError;
pub use crs::{Crs, CrsError, CrsWarning, Reprojector};
pub use grid::{GridPoint, TileCoord, TileCoordError};
pub use labels::LabelPoint;
pub use report::{Defect, Gap, Overlap, Repair, TopologyReport};
pub use tile_geometry::{TileGeometry, TileLine, TileRegion, ZoomGeometry};
pub use topology::Topology;
pub use zoom_arcs::ZoomArcs;

/// Points per tile edge in the tile's own coordinates.
pub const EXTENT: i32 = 4096;

/// Width of the strip around a tile, in tile coordinates, that its geometry also covers.
pub const BUFFER: i32 = 64;

/// Greatest zoom for which arcs are stored and tiles are served.
pub const MAX_ZOOM: u8 = 14;
