//! One layer of a tile, cut so that values can be joined to it: geometry, keys and names encoded once, room for tags.

use std::collections::HashMap;

use super::{
    join::{Join, Joiner},
    wire::{self, tag},
};
use crate::geometry::EXTENT;

/// How a feature's geometry is to be read (`GeomType` of MVT).
#[derive(Debug, Clone, Copy)]
pub(super) enum Shape {
    Point = 1,
    Line = 2,
    Polygon = 3,
}

/// A layer whose features wait for the values of their regions.
#[derive(Debug)]
pub(super) struct Layer {
    shape: Shape,
    /// Version, name and extent as fields of the layer; empty if the layer has no feature, for then it is not written.
    prefix: Vec<u8>,
    /// Static keys and values as fields of the layer.
    table: Vec<u8>,
    keys: u32,
    values: u32,
    features: Vec<Feature>,
    /// Static tags of all features, one after the other.
    tags: Vec<u8>,
    /// Geometry commands of all features, one after the other.
    geometry: Vec<u8>,
}

/// The region that a feature shows.
#[derive(Debug, Clone, Copy)]
pub(super) struct Subject {
    pub ordinal: u32,
    /// Whether somebody lives there.
    pub inhabited: bool,
}

#[derive(Debug)]
struct Feature {
    /// None for a border: it has neither id nor values.
    subject: Option<Subject>,
    tags_end: u32,
    geometry_end: u32,
}

/// What a join adds to a layer: the tags of each feature and the keys and values that they need.
pub(super) struct Joined {
    tags: Vec<u8>,
    tags_ends: Vec<usize>,
    tail: Vec<u8>,
    /// Bytes of the layer without its own tag and length.
    len: usize,
}

/// Where the parts of a written layer lie in the tile.
pub(super) struct Places {
    /// Start of the layer.
    pub start: usize,
    /// Start of each feature's geometry.
    pub geometries: Vec<usize>,
    /// End of the static keys and values, where what the join added begins.
    pub table_end: usize,
}

impl Layer {
    /// The features' geometries, in their order.
    pub(super) fn geometries(&self) -> impl Iterator<Item = &[u8]> {
        let starts = std::iter::once(0).chain(self.features.iter().map(|f| f.geometry_end as usize));
        starts.zip(&self.features).map(|(start, f)| &self.geometry[start..f.geometry_end as usize])
    }

    /// The geometry commands of all features.
    pub(super) fn geometry(&self) -> &[u8] {
        &self.geometry
    }

    /// The regions of the features, in their order.
    pub(super) fn ordinals(&self) -> impl Iterator<Item = u32> {
        self.features.iter().filter_map(|f| f.subject).map(|s| s.ordinal)
    }

    /// Number of static values.
    pub(super) fn values(&self) -> u32 {
        self.values
    }

    /// Static keys and values as fields of the layer.
    pub(super) fn table(&self) -> &[u8] {
        &self.table
    }

    /// The layer with nothing joined to it, as part of a tile.
    pub(super) fn into_bytes(self) -> Vec<u8> {
        let joined = self.join(&Join::GeometryOnly);
        let mut bytes = Vec::with_capacity(self.written_len(&joined));
        self.write(&joined, &mut bytes);
        bytes
    }

    /// Bytes held on the heap.
    pub(super) fn weight(&self) -> usize {
        let bytes = [&self.prefix, &self.table, &self.tags, &self.geometry];
        bytes.iter().map(|b| b.capacity()).sum::<usize>() + self.features.capacity() * size_of::<Feature>()
    }

    /// The tags of every feature under a join.
    pub(super) fn join(&self, join: &Join<'_>) -> Joined {
        let mut joiner = Joiner::new(join, self.keys, self.values);
        let mut tags = Vec::with_capacity(self.tags.len() + self.features.len() * 8);
        let mut tags_ends = Vec::with_capacity(self.features.len());
        let mut len = self.prefix.len() + self.table.len();
        let mut from = (0, 0);
        for feature in &self.features {
            let start = tags.len();
            tags.extend_from_slice(&self.tags[from.0..feature.tags_end as usize]);
            if let Some(subject) = feature.subject {
                joiner.tags(subject, &mut tags);
            }
            tags_ends.push(tags.len());
            let geometry = feature.geometry_end as usize - from.1;
            len += wire::bytes_field_len(feature_len(feature.id(), tags.len() - start, geometry));
            from = (feature.tags_end as usize, feature.geometry_end as usize);
        }
        let tail = joiner.into_tail();
        Joined { tags, tags_ends, len: len + tail.len(), tail }
    }

    /// Bytes that [`Layer::write`] appends.
    pub(super) fn written_len(&self, joined: &Joined) -> usize {
        if self.features.is_empty() { 0 } else { wire::bytes_field_len(joined.len) }
    }

    /// Appends the joined layer to a tile: version, name and extent, the features, the static keys and values, those
    /// of the join. Nothing if there is no feature.
    pub(super) fn write(&self, joined: &Joined, tile: &mut Vec<u8>) -> Places {
        let start = tile.len();
        let mut geometries = Vec::with_capacity(self.features.len());
        if !self.features.is_empty() {
            tile.push(tag::TILE_LAYER);
            wire::varint(tile, joined.len as u64);
        }
        tile.extend_from_slice(&self.prefix);
        let mut tags_start = 0;
        for ((feature, geometry), &tags_end) in
            self.features.iter().zip(self.geometries()).zip(&joined.tags_ends)
        {
            head(tile, feature.id(), self.shape, &joined.tags[tags_start..tags_end], geometry.len());
            geometries.push(tile.len());
            tile.extend_from_slice(geometry);
            tags_start = tags_end;
        }
        tile.extend_from_slice(&self.table);
        let table_end = tile.len();
        tile.extend_from_slice(&joined.tail);
        Places { start, geometries, table_end }
    }
}

impl Feature {
    /// It does not depend on the store's own ids, so it may be public.
    fn id(&self) -> Option<u64> {
        self.subject.map(|s| u64::from(s.ordinal) + 1)
    }
}

/// Bytes of a feature without its own tag and length.
fn feature_len(id: Option<u64>, tags: usize, geometry: usize) -> usize {
    id.map_or(0, |id| 1 + wire::varint_len(id))
        + wire::bytes_field_len(tags)
        + 2
        + wire::bytes_field_len(geometry)
}

/// Appends all of a feature that stands before its geometry commands.
fn head(out: &mut Vec<u8>, id: Option<u64>, shape: Shape, tags: &[u8], geometry: usize) {
    out.push(tag::LAYER_FEATURE);
    wire::varint(out, feature_len(id, tags.len(), geometry) as u64);
    if let Some(id) = id {
        out.push(tag::FEATURE_ID);
        wire::varint(out, id);
    }
    wire::bytes_field(out, tag::FEATURE_TAGS, tags);
    out.extend_from_slice(&[tag::FEATURE_TYPE, shape as u8, tag::FEATURE_GEOMETRY]);
    wire::varint(out, geometry as u64);
}

/// Collects the features of a [`Layer`].
pub(super) struct LayerBuilder<'a> {
    layer: Layer,
    keys: HashMap<&'static str, u32>,
    values: HashMap<StaticValue<'a>, u32>,
}

/// A value that every join shares.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum StaticValue<'a> {
    Text(&'a str),
    Uint(u64),
}

impl<'a> LayerBuilder<'a> {
    pub(super) fn new(name: &str, shape: Shape) -> Self {
        let layer = Layer {
            shape,
            prefix: prefix(name),
            table: Vec::new(),
            keys: 0,
            values: 0,
            features: Vec::new(),
            tags: Vec::new(),
            geometry: Vec::new(),
        };
        Self { layer, keys: HashMap::new(), values: HashMap::new() }
    }

    /// Adds a feature, unless its geometry has nothing that can be drawn.
    pub(super) fn feature(
        &mut self,
        subject: Option<Subject>,
        attributes: impl IntoIterator<Item = (&'static str, StaticValue<'a>)>,
        geometry: impl FnOnce(&mut Vec<u8>),
    ) {
        let start = self.layer.geometry.len();
        geometry(&mut self.layer.geometry);
        if self.layer.geometry.len() == start {
            return;
        }
        for (key, value) in attributes {
            let (key, value) = (self.key(key), self.value(value));
            wire::varint(&mut self.layer.tags, u64::from(key));
            wire::varint(&mut self.layer.tags, u64::from(value));
        }
        self.layer.features.push(Feature {
            subject,
            tags_end: self.layer.tags.len() as u32,
            geometry_end: self.layer.geometry.len() as u32,
        });
    }

    pub(super) fn finish(self) -> Layer {
        let mut layer = self.layer;
        layer.keys = self.keys.len() as u32;
        layer.values = self.values.len() as u32;
        if layer.features.is_empty() {
            layer.prefix.clear();
        }
        for bytes in [&mut layer.prefix, &mut layer.table, &mut layer.tags, &mut layer.geometry] {
            bytes.shrink_to_fit();
        }
        layer.features.shrink_to_fit();
        layer
    }

    fn key(&mut self, key: &'static str) -> u32 {
        let next = self.keys.len() as u32;
        *self.keys.entry(key).or_insert_with(|| {
            wire::bytes_field(&mut self.layer.table, tag::LAYER_KEY, key.as_bytes());
            next
        })
    }

    fn value(&mut self, value: StaticValue<'a>) -> u32 {
        let next = self.values.len() as u32;
        *self.values.entry(value).or_insert_with(|| {
            match value {
                StaticValue::Text(text) => wire::string_value(&mut self.layer.table, text),
                StaticValue::Uint(number) => wire::uint_value(&mut self.layer.table, number),
            }
            next
        })
    }
}

/// Version, name and extent as fields of a layer.
fn prefix(name: &str) -> Vec<u8> {
    let mut out = vec![tag::LAYER_VERSION, 2];
    wire::bytes_field(&mut out, tag::LAYER_NAME, name.as_bytes());
    out.push(tag::LAYER_EXTENT);
    wire::varint(&mut out, u64::from(EXTENT.unsigned_abs()));
    out
}
