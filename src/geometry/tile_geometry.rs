//! What one tile shows of an edition, in the tile's own integer coordinates.

/// The geometry of one tile.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TileGeometry {
    /// Every region that touches the tile or its buffer.
    pub regions: Vec<TileRegion>,
    /// Borders between regions and towards the outside.
    pub borders: Vec<TileLine>,
    /// Sum of the regions' surpluses.
    pub surplus: i64,
}

/// One region's part of a tile.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TileRegion {
    /// Rank of the region's key in its edition, from 0.
    pub ordinal: u32,
    /// Polygons, each its exterior ring and then its holes. Rings are not closed (no repeated point) and wound by the
    /// MVT specification 2.1: with y down, the exterior has a positive area by the surveyor's formula, holes a
    /// negative one. No ring has the area zero.
    pub polygons: Vec<Vec<Vec<[i32; 2]>>>,
    /// Twice the emitted area less twice the exact signed area, for instance of a minimum shape.
    pub surplus: i64,
}

/// Borders of one rank.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TileLine {
    /// 0 for a border of the level itself, i + 1 for one of its i-th parent level.
    pub rank: u8,
    /// Lines, clipped to the buffered box.
    pub lines: Vec<Vec<[i32; 2]>>,
}
