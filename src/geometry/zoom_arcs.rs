//! The arcs of one zoom as they are stored.

use super::codec::{self, DecodeError, Reader};
use super::labels::LabelPoint;
use super::rings::Xy;
use super::simplify::round_to_zoom;
use super::topology::{ArcPoints, Topology, region_area2};
use super::{EXTENT, MAX_ZOOM};

const MAGIC: &[u8] = b"KAarcs\x01";

/// Regions whose rounded area is below this, in square tile units, are drawn as a minimum shape: a quarter of a pixel
/// of a tile drawn with 512 pixels.
const COLLAPSED: i64 = 16;

/// The arcs of one zoom, simplified, rounded to the zoom's grid (4096 units to the tile), and the regions that are too
/// small for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ZoomArcs {
    zoom: u8,
    arcs: ArcPoints,
    /// Regions without a visible area at this zoom, ascending, and where their minimum shapes are centred.
    collapsed: Vec<(u32, Xy)>,
}

impl ZoomArcs {
    pub(super) fn new(zoom: u8, topology: &Topology, arcs: ArcPoints, labels: &[Option<LabelPoint>]) -> Self {
        let collapsed = labels.iter().enumerate().filter_map(|(ordinal, label)| {
            let point = (*label)?.point;
            let small = region_area2(topology, &arcs, ordinal) < 2 * COLLAPSED;
            small.then(|| (ordinal as u32, round_to_zoom([point.x, point.y], zoom)))
        });
        let collapsed = collapsed.collect();
        Self { zoom, arcs, collapsed }
    }

    /// Zoom, 0 to 14.
    pub fn zoom(&self) -> u8 {
        self.zoom
    }

    /// Number of points of all arcs.
    pub fn point_count(&self) -> usize {
        self.arcs.point_count()
    }

    /// Number of regions that are drawn as a minimum shape at this zoom.
    pub fn collapsed_count(&self) -> usize {
        self.collapsed.len()
    }

    pub(super) fn arcs(&self) -> &ArcPoints {
        &self.arcs
    }

    pub(super) fn collapsed(&self) -> &[(u32, Xy)] {
        &self.collapsed
    }

    /// The arcs as bytes for the store: coordinates as differences to the point before.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = MAGIC.to_vec();
        bytes.push(self.zoom);
        codec::put(&mut bytes, self.arcs.len() as u64);
        codec::put(&mut bytes, self.arcs.point_count() as u64);
        let mut last = [0; 2];
        for arc in self.arcs.iter() {
            codec::put(&mut bytes, arc.len() as u64);
            arc.iter().for_each(|&point| put_point(&mut bytes, &mut last, point));
        }
        codec::put(&mut bytes, self.collapsed.len() as u64);
        for &(ordinal, point) in &self.collapsed {
            codec::put(&mut bytes, u64::from(ordinal));
            put_point(&mut bytes, &mut last, point);
        }
        bytes
    }

    /// Reads what [`to_bytes`](Self::to_bytes) wrote.
    ///
    /// # Errors
    /// If the bytes are something else or damaged.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, DecodeError> {
        let mut reader = Reader::new(bytes, MAGIC, "arcs of a zoom")?;
        let zoom = u8::try_from(reader.unsigned()?).map_err(|_| DecodeError::Value)?;
        if zoom > MAX_ZOOM {
            return Err(DecodeError::Value);
        }
        let count = reader.count()?;
        let mut arcs = ArcPoints::with_capacity(count, reader.count()?);
        let world = EXTENT << zoom;
        let mut last = [0; 2];
        let mut points = Vec::new();
        for _ in 0..count {
            points.clear();
            let length = reader.count()?;
            if length < 2 {
                return Err(DecodeError::Value);
            }
            for _ in 0..length {
                points.push(read_point(&mut reader, &mut last, world)?);
            }
            arcs.push(points.iter().copied());
        }
        let mut collapsed = Vec::new();
        for _ in 0..reader.count()? {
            collapsed.push((reader.number()?, read_point(&mut reader, &mut last, world)?));
        }
        reader.end()?;
        if collapsed.windows(2).any(|pair| pair[0].0 >= pair[1].0) {
            return Err(DecodeError::Value);
        }
        Ok(Self { zoom, arcs, collapsed })
    }
}

fn put_point(bytes: &mut Vec<u8>, last: &mut Xy, point: Xy) {
    for axis in 0..2 {
        codec::put_signed(bytes, i64::from(point[axis]) - i64::from(last[axis]));
    }
    *last = point;
}

fn read_point(reader: &mut Reader<'_>, last: &mut Xy, world: i32) -> Result<Xy, DecodeError> {
    for value in last.iter_mut() {
        *value = reader.coordinate(*value)?;
        if !(0..=world).contains(value) {
            return Err(DecodeError::Value);
        }
    }
    Ok(*last)
}
