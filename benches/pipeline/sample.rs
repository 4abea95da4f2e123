//! One tile of an input, in the form that both encoders take.

use std::{collections::BTreeMap, sync::Arc};

use anyhow::{Context, Result};
use kommunalatlas::{
    geometry::{BuiltEdition, EXTENT, GridPoint, LabelPoint, TileCoord, TileGeometry, ZoomGeometry},
    tile::{RegionText, TileLabel},
};

use crate::input::Input;

/// Regions that the measured tile should have: those of a dense tile of Germany at zoom 8.
const WANTED_REGIONS: usize = 236;

/// Least zoom at which a tile is measured; below it regions are a few pixels wide.
pub const LEAST_ZOOM: u8 = 5;

/// Geometry, labels and texts of one tile.
pub struct Sample {
    pub geometry: TileGeometry,
    pub labels: Vec<TileLabel>,
    texts: Vec<(String, String)>,
}

impl Sample {
    /// Text of a region.
    pub fn text(&self, ordinal: u32) -> RegionText<'_> {
        let (key, name) = &self.texts[ordinal as usize];
        RegionText { key, name, short_name: None, inhabited: true }
    }
}

/// Where a sample is cut out, again and again.
pub struct Cutter {
    zoom: ZoomGeometry,
    ranks: Vec<u8>,
    labels: Vec<TileLabel>,
    pub coord: TileCoord,
}

impl Cutter {
    /// Prepares the tile of an edition whose number of labels is nearest to [`WANTED_REGIONS`].
    pub fn new(input: &Input, built: &BuiltEdition) -> Result<Self> {
        let coord = densest(built.labels.iter().flatten().map(|l| l.point), LEAST_ZOOM)
            .context("no region of the input has an area")?;
        let topology = Arc::new(built.topology.clone());
        let arcs = built.zooms.iter().find(|z| z.zoom() == coord.z()).context("a zoom is missing")?;
        let zoom = ZoomGeometry::new(topology.clone(), arcs.clone())?;
        Ok(Self {
            zoom,
            ranks: topology.border_ranks(&[parents(input)]),
            labels: labels(built, coord),
            coord,
        })
    }

    /// Cuts the geometry out.
    pub fn geometry(&self) -> TileGeometry {
        self.zoom.tile(self.coord, &self.ranks)
    }

    /// The whole sample.
    pub fn sample(&self, input: &Input) -> Sample {
        let texts = input.regions.iter().map(|r| (r.key.clone(), r.name.clone())).collect();
        Sample { geometry: self.geometry(), labels: self.labels.clone(), texts }
    }
}

/// The tile, from `minzoom` on, whose number of label points is nearest to that of a dense tile; the first of equals.
pub fn densest(labels: impl Iterator<Item = GridPoint>, minzoom: u8) -> Option<TileCoord> {
    let mut counts: BTreeMap<TileCoord, usize> = BTreeMap::new();
    for point in labels {
        for z in minzoom..=12 {
            *counts.entry(TileCoord::containing(z, point)).or_default() += 1;
        }
    }
    counts.into_iter().min_by_key(|(coord, count)| (count.abs_diff(WANTED_REGIONS), *coord)).map(|(c, _)| c)
}

/// For each region a number for the first five digits of its key: the district.
fn parents(input: &Input) -> Vec<Option<u32>> {
    input.regions.iter().map(|r| r.key.get(..5).and_then(|prefix| prefix.parse().ok())).collect()
}

fn labels(built: &BuiltEdition, coord: TileCoord) -> Vec<TileLabel> {
    // Grid units per unit of the tile, as a power of two.
    let shift = 31 - 12 - u32::from(coord.z());
    let inside = |(ordinal, label): (usize, &Option<LabelPoint>)| {
        let label = (*label).filter(|l| TileCoord::containing(coord.z(), l.point) == coord)?;
        Some(TileLabel {
            ordinal: ordinal as u32,
            x: (label.point.x >> shift) - coord.x() as i32 * EXTENT,
            y: (label.point.y >> shift) - coord.y() as i32 * EXTENT,
            rank: label.rank,
        })
    };
    built.labels.iter().enumerate().filter_map(inside).collect()
}
