//! Which arcs bound which region. The arcs' points are kept apart, one set per zoom ([`super::ZoomArcs`]).

use std::collections::HashMap;

use super::codec::{self, DecodeError, Reader};
use super::rings::{self, Polygon, Xy};

const MAGIC: &[u8] = b"KAtopo\x01";

/// An arc as a ring uses it: its index, and whether it is walked from its end to its start.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct ArcUse(u32);

impl ArcUse {
    pub(super) fn new(arc: u32, reversed: bool) -> Self {
        Self(arc << 1 | u32::from(reversed))
    }

    pub(super) fn arc(self) -> usize {
        (self.0 >> 1) as usize
    }

    pub(super) fn reversed(self) -> bool {
        self.0 & 1 == 1
    }
}

/// The rings of one polygon (exterior first) as arcs.
pub(super) type ArcPolygon = Vec<Vec<ArcUse>>;

/// The planar topology of an edition: every border is one arc, used by the region on each side of it.
///
/// What a ring bounds lies to the side of positive area (see [`super::TileRegion`]), so a region with a forward use of
/// an arc lies on one side of it and a region with a reversed use on the other.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Topology {
    regions: Vec<Vec<ArcPolygon>>,
    /// Per arc, the first region that uses it forwards and the first that uses it reversed.
    sides: Vec<[Option<u32>; 2]>,
}

impl Topology {
    pub(super) fn new(regions: Vec<Vec<ArcPolygon>>, arcs: usize) -> Self {
        let mut sides = vec![[None; 2]; arcs];
        for (ordinal, polygons) in regions.iter().enumerate() {
            for part in polygons.iter().flatten().flatten() {
                let side: &mut Option<u32> = &mut sides[part.arc()][usize::from(part.reversed())];
                side.get_or_insert(ordinal as u32);
            }
        }
        Self { regions, sides }
    }

    /// Number of regions, those without geometry included.
    pub fn region_count(&self) -> usize {
        self.regions.len()
    }

    /// Number of arcs.
    pub fn arc_count(&self) -> usize {
        self.sides.len()
    }

    /// The polygons of a region as arcs.
    pub(super) fn polygons(&self, ordinal: usize) -> &[ArcPolygon] {
        &self.regions[ordinal]
    }

    /// The regions on the two sides of an arc; `None` where there is none.
    pub fn sides(&self, arc: usize) -> [Option<u32>; 2] {
        self.sides.get(arc).copied().unwrap_or_default()
    }

    /// Approximate size in memory, in bytes.
    pub fn weight(&self) -> usize {
        let rings = self.regions.iter().flatten().flatten();
        let polygons: usize = self.regions.iter().map(Vec::len).sum();
        let arcs: usize = rings.map(|ring| 24 + ring.len() * 4).sum();
        self.regions.len() * 24 + polygons * 24 + arcs + self.sides.len() * 16
    }

    /// The rank of each arc as a border. `parents[i][ordinal]` is some id of the region's parent in the i-th parent
    /// level, nearest level first. Rank 0 separates regions of the same parents; i + 1 is given where the sides differ
    /// in parent level i, the farthest such level counts. The outer boundary has the farthest rank there is.
    pub fn border_ranks(&self, parents: &[Vec<Option<u32>>]) -> Vec<u8> {
        let parent = |level: &Vec<Option<u32>>, ordinal: u32| level.get(ordinal as usize).copied().flatten();
        let rank = |sides: &[Option<u32>; 2]| match *sides {
            [Some(a), Some(b)] => parents
                .iter()
                .rposition(|level| parent(level, a) != parent(level, b))
                .map_or(0, |level| level + 1),
            _ => parents.len(),
        };
        self.sides.iter().map(|sides| rank(sides).min(255) as u8).collect()
    }

    /// The topology as bytes for the store.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = MAGIC.to_vec();
        codec::put(&mut bytes, self.sides.len() as u64);
        codec::put(&mut bytes, self.regions.len() as u64);
        let mut last = 0;
        for polygons in &self.regions {
            codec::put(&mut bytes, polygons.len() as u64);
            for polygon in polygons {
                codec::put(&mut bytes, polygon.len() as u64);
                for ring in polygon {
                    codec::put(&mut bytes, ring.len() as u64);
                    for part in ring {
                        codec::put_signed(&mut bytes, i64::from(part.0) - last);
                        last = i64::from(part.0);
                    }
                }
            }
        }
        bytes
    }

    /// Reads what [`to_bytes`](Self::to_bytes) wrote.
    ///
    /// # Errors
    /// If the bytes are something else or damaged.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, DecodeError> {
        let mut reader = Reader::new(bytes, MAGIC, "a topology")?;
        let arcs = reader.count()?;
        let mut last = 0_i64;
        let mut regions = Vec::new();
        for _ in 0..reader.count()? {
            let mut polygons = Vec::new();
            for _ in 0..reader.count()? {
                let mut polygon = Vec::new();
                for _ in 0..reader.count()? {
                    polygon.push(read_ring(&mut reader, arcs, &mut last)?);
                }
                polygons.push(polygon);
            }
            regions.push(polygons);
        }
        reader.end()?;
        Ok(Self::new(regions, arcs))
    }
}

fn read_ring(reader: &mut Reader<'_>, arcs: usize, last: &mut i64) -> Result<Vec<ArcUse>, DecodeError> {
    let mut ring = Vec::new();
    for _ in 0..reader.count()? {
        let value = last.checked_add(reader.signed()?).ok_or(DecodeError::Value)?;
        let part = u32::try_from(value).map(ArcUse).map_err(|_| DecodeError::Value)?;
        if part.arc() >= arcs {
            return Err(DecodeError::Value);
        }
        *last = value;
        ring.push(part);
    }
    Ok(ring)
}

/// The points of arcs, one after the other.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct ArcPoints {
    points: Vec<Xy>,
    ends: Vec<u32>,
}

impl ArcPoints {
    pub(super) fn with_capacity(arcs: usize, points: usize) -> Self {
        Self { points: Vec::with_capacity(points), ends: Vec::with_capacity(arcs) }
    }

    pub(super) fn push(&mut self, arc: impl IntoIterator<Item = Xy>) {
        self.points.extend(arc);
        self.ends.push(self.points.len() as u32);
    }

    pub(super) fn len(&self) -> usize {
        self.ends.len()
    }

    pub(super) fn point_count(&self) -> usize {
        self.points.len()
    }

    pub(super) fn range(&self, arc: usize) -> std::ops::Range<usize> {
        let start = if arc == 0 { 0 } else { self.ends[arc - 1] as usize };
        start..self.ends[arc] as usize
    }

    pub(super) fn get(&self, arc: usize) -> &[Xy] {
        &self.points[self.range(arc)]
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &[Xy]> {
        (0..self.len()).map(|arc| self.get(arc))
    }

    pub(super) fn all(&self) -> &[Xy] {
        &self.points
    }

    pub(super) fn weight(&self) -> usize {
        self.points.len() * 8 + self.ends.len() * 4
    }

    /// The points of a ring, without repeating the points at which arcs meet.
    pub(super) fn ring(&self, uses: &[ArcUse]) -> Vec<Xy> {
        let mut ring = Vec::new();
        for part in uses {
            let points = self.get(part.arc());
            let but_last = points.len().saturating_sub(1);
            if part.reversed() {
                ring.extend(points.iter().rev().take(but_last));
            } else {
                ring.extend(&points[..but_last]);
            }
        }
        ring
    }
}

/// Cuts the regions' rings into arcs at junctions: points where other than two edges meet.
///
/// A ring without a junction (island, enclave) becomes one closed arc that starts at its smallest point, so that both
/// sides agree on it.
pub(super) fn arcs_of(regions: &[Vec<Polygon>]) -> (Topology, ArcPoints) {
    let junctions = Junctions::of(regions);
    let mut arcs = ArcPoints::default();
    // An arc is found again by its first edge, or by its last edge walked backwards.
    let mut known: HashMap<(Xy, Xy), ArcUse> = HashMap::new();
    let mut arc_uses = |ring: &Vec<Xy>| -> Vec<ArcUse> {
        let Some(start) = junctions.first_on(ring) else { return Vec::new() };
        let n = ring.len();
        let mut uses = Vec::new();
        let mut from = 0;
        while from < n {
            let at = |step: usize| ring[(start + step) % n];
            let to = (from + 1..n).find(|&step| junctions.contains(at(step))).unwrap_or(n);
            let first = (at(from), at(from + 1));
            let part = known.get(&first).copied().unwrap_or_else(|| {
                let arc = arcs.len() as u32;
                arcs.push((from..=to).map(at));
                known.insert((at(to), at(to - 1)), ArcUse::new(arc, true));
                known.insert(first, ArcUse::new(arc, false));
                ArcUse::new(arc, false)
            });
            uses.push(part);
            from = to;
        }
        uses
    };
    let uses = regions
        .iter()
        .map(|polygons| polygons.iter().map(|polygon| polygon.iter().map(&mut arc_uses).collect()).collect())
        .collect();
    let topology = Topology::new(uses, arcs.len());
    (topology, arcs)
}

/// The points at which other than two edges meet.
struct Junctions(std::collections::HashSet<Xy>);

impl Junctions {
    fn of(regions: &[Vec<Polygon>]) -> Self {
        let mut edges: Vec<(Xy, Xy)> = Vec::new();
        for ring in regions.iter().flatten().flatten() {
            for (&a, &b) in ring.iter().zip(ring.iter().cycle().skip(1)) {
                edges.push((a, b));
                edges.push((b, a));
            }
        }
        edges.sort_unstable();
        edges.dedup();
        let odd = edges.chunk_by(|a, b| a.0 == b.0).filter(|around| around.len() != 2);
        Self(odd.map(|around| around[0].0).collect())
    }

    fn contains(&self, point: Xy) -> bool {
        self.0.contains(&point)
    }

    /// Where a ring's first arc starts: at a junction, else at the smallest point.
    fn first_on(&self, ring: &[Xy]) -> Option<usize> {
        let junction = ring.iter().position(|&point| self.contains(point));
        junction.or_else(|| (0..ring.len()).min_by_key(|&index| ring[index]))
    }
}

/// Twice the signed area of a region at the precision of `arcs`.
pub(super) fn region_area2(topology: &Topology, arcs: &ArcPoints, ordinal: usize) -> i64 {
    let rings = topology.polygons(ordinal).iter().flatten();
    rings.map(|uses| rings::area2(&arcs.ring(uses))).fold(0, i64::wrapping_add)
}
