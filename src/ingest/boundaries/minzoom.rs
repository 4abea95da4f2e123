//! The least zoom at which every tile of an edition fits the budget.

use std::sync::Arc;

use crate::{
    domain::{Column, Region, Status},
    geometry::{BuiltEdition, DecodeError, GridPoint, LabelPoint, TileCoord, ZoomGeometry},
    store::Bounds,
    tile::{Encoding, Join, LayerValues, RegionText, Skeleton, TileLabel},
};

/// Beyond this zoom the budget is not waited for: a region that fills it there has too many points by itself.
const LAST: u8 = 8;

/// A zoom and the size of its largest tile in bytes, with gzip.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct MinZoom {
    pub zoom: u8,
    pub largest: usize,
}

/// Encodes all tiles of zoom 0, 1, … until all of a zoom are within `budget`, at most up to zoom 8.
///
/// # Errors
/// If the edition contradicts itself.
pub(super) fn find(
    built: &BuiltEdition,
    regions: &[Region],
    border_ranks: &[u8],
    bounds: Bounds,
    budget: usize,
) -> Result<MinZoom, DecodeError> {
    let topology = Arc::new(built.topology.clone());
    let values = sample_values(regions.len());
    let mut found = MinZoom { zoom: LAST, largest: 0 };
    for arcs in built.zooms.iter().take(usize::from(LAST) + 1) {
        let geometry = ZoomGeometry::new(Arc::clone(&topology), arcs.clone())?;
        found = MinZoom { zoom: geometry.zoom(), largest: 0 };
        for tile in tiles(geometry.zoom(), bounds) {
            let labels = labels_in(tile, &built.labels);
            let text = |ordinal: u32| text_of(regions, ordinal);
            let skeleton = Skeleton::build(&geometry.tile(tile, border_ranks), &labels, &text);
            let join = Join::One(LayerValues { column: &values.0, classes: &values.1 });
            found.largest = found.largest.max(skeleton.encode(&join, Encoding::Gzip).len());
            if found.largest > budget && geometry.zoom() < LAST {
                break;
            }
        }
        if found.largest <= budget {
            break;
        }
    }
    Ok(found)
}

/// Numbers as irregular as real ones, so that they take as many bytes.
fn sample_values(regions: usize) -> (Column, Vec<u8>) {
    let mut column = Column::missing(regions);
    let mut classes = Vec::with_capacity(regions);
    for ordinal in 0..regions {
        let part = (ordinal as f64 * 0.618_033_988_75).fract();
        column.set(ordinal, Some((part * 10_000.0).round() / 100.0), Status::Valid);
        classes.push((part * 5.0) as u8);
    }
    (column, classes)
}

fn text_of(regions: &[Region], ordinal: u32) -> RegionText<'_> {
    regions.get(ordinal as usize).map_or(
        RegionText { key: "", name: "", short_name: None, inhabited: false },
        |region| RegionText {
            key: region.key.as_str(),
            name: &region.name,
            short_name: region.short_name.as_deref(),
            inhabited: region.inhabited,
        },
    )
}

/// The tiles of a zoom that a bounding box touches.
fn tiles(zoom: u8, bounds: Bounds) -> impl Iterator<Item = TileCoord> {
    let tile = |lon, lat| TileCoord::containing(zoom, GridPoint::from_degrees(lon, lat));
    let (first, last) = (tile(bounds.west, bounds.north), tile(bounds.east, bounds.south));
    (first.y()..=last.y())
        .flat_map(move |y| (first.x()..=last.x()).filter_map(move |x| TileCoord::new(zoom, x, y).ok()))
}

/// The labels that stand in a tile.
fn labels_in(tile: TileCoord, labels: &[Option<LabelPoint>]) -> Vec<TileLabel> {
    let shift = 31 - 12 - u32::from(tile.z());
    let within = |ordinal: usize, label: &LabelPoint| {
        (label.minzoom <= tile.z() && TileCoord::containing(tile.z(), label.point) == tile).then(|| {
            TileLabel {
                ordinal: ordinal as u32,
                x: (label.point.x >> shift) & 4095,
                y: (label.point.y >> shift) & 4095,
                rank: label.rank,
            }
        })
    };
    let labelled = labels.iter().enumerate().filter_map(|(i, label)| Some((i, label.as_ref()?)));
    labelled.filter_map(|(ordinal, label)| within(ordinal, label)).collect()
}
