//! Pure geometry: grid, reprojection, planar topology, simplification, clipping, label points.
//!
//! Holds the way from polygons in degrees to the integer coordinates of a tile. Must not know: values, indicators,
//! files, SQL.
//!
//! Invariant: a border between two regions is one arc. It is simplified once per zoom and rounded once, so both sides
//! stay identical at every zoom.
//!
//! At import, [`Reprojector`] brings a file's coordinates to degrees. [`build_edition`] puts the regions on the grid,
//! repairs and matches them (`noding`), cuts their rings into arcs (`topology`), simplifies these from zoom 14 down to
//! 0 (`simplify`) and places label points (`labels`). [`Topology`] and one [`ZoomArcs`] per zoom are stored as bytes.
//! When a tile is asked for, [`ZoomGeometry`] cuts it out of the arcs of its zoom (`tile_geometry`, `clip`).

mod build;
mod clip;
mod codec;
mod crs;
mod equal_area;
mod grid;
mod labels;
mod noding;
mod ntv2;
mod report;
mod rings;
mod simplify;
#[cfg(test)]
mod tests;
mod tile_geometry;
mod topology;
mod zoom_arcs;

pub use build::{BuildOptions, BuiltEdition, GeometryError, Step, build_edition};
pub use codec::DecodeError;
pub use crs::{Crs, CrsError, CrsWarning, Reprojector};
pub use equal_area::to_equal_area;
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
