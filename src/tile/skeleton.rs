//! The skeleton of a tile: everything about it that does not depend on indicator and period.

use std::collections::BTreeMap;

use super::{
    commands,
    gzip::{self, Frozen},
    join::Join,
    layer::{Layer, LayerBuilder, Shape, StaticValue, Subject},
};
use crate::geometry::{TileGeometry, TileLine};

/// A label point that stands in this tile.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TileLabel {
    /// Region that it labels.
    pub ordinal: u32,
    /// Place in tile coordinates.
    pub x: i32,
    /// Place in tile coordinates, downwards.
    pub y: i32,
    /// 0 is the most important.
    pub rank: u32,
}

/// What a tile says of a region whatever the indicator.
#[derive(Debug, Clone, Copy)]
pub struct RegionText<'a> {
    /// Official or own key.
    pub key: &'a str,
    /// Full name.
    pub name: &'a str,
    /// Name for labels, if it differs.
    pub short_name: Option<&'a str>,
    /// False for a region without people: it is drawn, but has no class.
    pub inhabited: bool,
}

/// How the bytes of a tile are to be packed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Encoding {
    /// Plain MVT.
    Identity,
    /// The same bytes in gzip format.
    Gzip,
}

/// One tile of an edition, ready to be joined with any column of values.
#[derive(Debug)]
pub struct Skeleton {
    ordinals: Vec<u32>,
    /// The whole `borders` layer; empty if there is none.
    borders: Vec<u8>,
    regions: Layer,
    labels: Layer,
    /// What was compressed in advance; absent in small tiles, where compressing all costs less than splicing.
    frozen: Option<Frozen>,
}

impl Skeleton {
    /// The skeleton of a tile. `text` gives key and names of a region by its ordinal.
    pub fn build<'a>(
        geometry: &TileGeometry,
        labels: &[TileLabel],
        text: &dyn Fn(u32) -> RegionText<'a>,
    ) -> Self {
        let borders = border_layer(&geometry.borders).into_bytes();
        let regions = region_layer(geometry, text);
        let frozen = Frozen::new(&borders, &regions);
        let mut ordinals: Vec<u32> = regions.ordinals().chain(labels.iter().map(|l| l.ordinal)).collect();
        ordinals.sort_unstable();
        ordinals.dedup();
        ordinals.shrink_to_fit();
        Self { ordinals, borders, regions, labels: label_layer(labels, text), frozen }
    }

    /// True if there is nothing to draw.
    pub fn is_empty(&self) -> bool {
        self.borders.is_empty() && self.ordinals.is_empty()
    }

    /// Bytes of memory that the skeleton takes.
    pub fn weight(&self) -> usize {
        size_of::<Self>()
            + self.ordinals.capacity() * size_of::<u32>()
            + self.borders.capacity()
            + self.regions.weight()
            + self.labels.weight()
            + self.frozen.as_ref().map_or(0, Frozen::weight)
    }

    /// Regions that the tile shows or labels, ascending.
    pub fn ordinals(&self) -> &[u32] {
        &self.ordinals
    }

    /// The tile with values joined to its regions and labels.
    ///
    /// A region beyond the end of a column has the status *missing*.
    pub fn encode(&self, join: &Join<'_>, encoding: Encoding) -> Vec<u8> {
        let (regions, labels) = (self.regions.join(join), self.labels.join(join));
        let len = self.borders.len() + self.regions.written_len(&regions) + self.labels.written_len(&labels);
        let mut tile = Vec::with_capacity(len);
        tile.extend_from_slice(&self.borders);
        let places = self.regions.write(&regions, &mut tile);
        self.labels.write(&labels, &mut tile);
        match (encoding, join, &self.frozen) {
            (Encoding::Identity, ..) => tile,
            // The tags of many periods outweigh the geometry, so nothing is gained by its being coded already.
            (Encoding::Gzip, Join::All(_), _) => gzip::compress(&tile, gzip::MANY_PERIODS_LEVEL),
            (Encoding::Gzip, _, Some(frozen)) => frozen.gzip(&tile, &self.regions, &places),
            (Encoding::Gzip, _, None) => gzip::compress(&tile, gzip::SMALL_TILE_LEVEL),
        }
    }
}

/// The `borders` layer: one feature per rank, parents last so that they are drawn above.
fn border_layer(lines: &[TileLine]) -> Layer {
    let mut by_rank: BTreeMap<u8, Vec<&TileLine>> = BTreeMap::new();
    for line in lines {
        by_rank.entry(line.rank).or_default().push(line);
    }
    let mut layer = LayerBuilder::new("borders", Shape::Line);
    for (rank, lines) in by_rank {
        let attributes = [("rank", StaticValue::Uint(u64::from(rank)))];
        layer.feature(None, attributes, |out| commands::lines(out, lines.iter().flat_map(|l| &l.lines)));
    }
    layer.finish()
}

fn region_layer<'a>(geometry: &TileGeometry, text: &dyn Fn(u32) -> RegionText<'a>) -> Layer {
    let mut layer = LayerBuilder::new("regions", Shape::Polygon);
    for region in &geometry.regions {
        let RegionText { key, name, inhabited, .. } = text(region.ordinal);
        let attributes = [("key", StaticValue::Text(key)), ("name", StaticValue::Text(name))];
        let subject = Subject { ordinal: region.ordinal, inhabited };
        layer.feature(Some(subject), attributes, |out| commands::polygons(out, &region.polygons));
    }
    layer.finish()
}

fn label_layer<'a>(labels: &[TileLabel], text: &dyn Fn(u32) -> RegionText<'a>) -> Layer {
    let mut layer = LayerBuilder::new("labels", Shape::Point);
    for label in labels {
        let RegionText { key, name, short_name, inhabited } = text(label.ordinal);
        let attributes = [
            Some(("key", StaticValue::Text(key))),
            Some(("name", StaticValue::Text(name))),
            short_name.map(|short| ("short_name", StaticValue::Text(short))),
            Some(("rank", StaticValue::Uint(u64::from(label.rank)))),
        ];
        let subject = Subject { ordinal: label.ordinal, inhabited };
        layer.feature(Some(subject), attributes.into_iter().flatten(), |out| {
            commands::point(out, label.x, label.y);
        });
    }
    layer.finish()
}
