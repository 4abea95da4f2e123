//! The geometry of one tile, from the arcs of its zoom.

use std::collections::HashMap;
use std::sync::Arc;

use super::EXTENT;
use super::clip::{self, BOX};
use super::codec::DecodeError;
use super::grid::TileCoord;
use super::rings::{self, Extent, Polygon, Xy};
use super::topology::{ArcUse, Topology};
use super::zoom_arcs::ZoomArcs;

/// Half the side of the square that stands for a region too small for the zoom, in tile units: one pixel wide in a
/// tile drawn with 512 pixels.
const MINIMUM_HALF: i32 = 4;

/// The regions and borders of a tile, in tile coordinates, cut to the buffered box.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct TileGeometry {
    /// Regions in order of their ordinals.
    pub regions: Vec<TileRegion>,
    /// Borders in order of their ranks; the box's own edge is none.
    pub borders: Vec<TileLine>,
    /// Twice the area that was drawn beyond the regions' rounded geometry: the sum of the regions' surplus, and that of
    /// regions of which nothing is drawn here.
    pub surplus: i64,
}

/// A region's polygons in a tile.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TileRegion {
    /// Ordinal in the edition.
    pub ordinal: u32,
    /// Polygons of an exterior ring and its holes. Rings do not repeat their first point; an exterior has a positive
    /// area by the surveyor's formula, a hole a negative one (MVT 2.1, y to the south), none has no area.
    pub polygons: Vec<Vec<Vec<[i32; 2]>>>,
    /// Twice the drawn area less twice the exact signed area of the rounded geometry within the box.
    pub surplus: i64,
}

/// Border lines of one rank.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TileLine {
    /// Rank as given by [`Topology::border_ranks`].
    pub rank: u8,
    /// Lines of at least two points.
    pub lines: Vec<Vec<[i32; 2]>>,
}

/// The arcs of a zoom with all that is needed to cut tiles out of them.
#[derive(Debug)]
pub struct ZoomGeometry {
    topology: Arc<Topology>,
    zoom: ZoomArcs,
    arc_extents: Vec<Extent>,
    region_extents: Vec<Extent>,
}

impl ZoomGeometry {
    /// Joins the arcs of a zoom with their topology.
    ///
    /// # Errors
    /// If they do not belong together: numbers differ, or the arcs of a ring do not meet.
    pub fn new(topology: Arc<Topology>, zoom: ZoomArcs) -> Result<Self, DecodeError> {
        let arcs = zoom.arcs();
        if arcs.len() != topology.arc_count() {
            return Err(DecodeError::Mismatch);
        }
        if zoom.collapsed().last().is_some_and(|last| last.0 as usize >= topology.region_count()) {
            return Err(DecodeError::Mismatch);
        }
        let arc_extents: Vec<Extent> = arcs.iter().map(Extent::of).collect();
        let mut region_extents = Vec::with_capacity(topology.region_count());
        for ordinal in 0..topology.region_count() {
            let mut extent = Extent::EMPTY;
            for ring in topology.polygons(ordinal).iter().flatten() {
                if !is_closed(&zoom, ring) {
                    return Err(DecodeError::Mismatch);
                }
                ring.iter().for_each(|part| extent.join(arc_extents[part.arc()]));
            }
            region_extents.push(extent);
        }
        for &(ordinal, [x, y]) in zoom.collapsed() {
            let extent = &mut region_extents[ordinal as usize];
            extent.include([x - MINIMUM_HALF, y - MINIMUM_HALF]);
            extent.include([x + MINIMUM_HALF, y + MINIMUM_HALF]);
        }
        Ok(Self { topology, zoom, arc_extents, region_extents })
    }

    /// Zoom, 0 to 14.
    pub fn zoom(&self) -> u8 {
        self.zoom.zoom()
    }

    /// Approximate size in memory in bytes, without the topology, which the zooms share.
    pub fn weight(&self) -> usize {
        let extents = self.arc_extents.len() + self.region_extents.len();
        size_of::<Self>()
            + self.zoom.arcs().weight()
            + extents * size_of::<Extent>()
            + self.zoom.collapsed().len() * 12
    }

    /// The geometry of a tile; empty if the tile is of another zoom. `border_ranks` are by arc, missing ones count as
    /// 0.
    pub fn tile(&self, tile: TileCoord, border_ranks: &[u8]) -> TileGeometry {
        if tile.z() != self.zoom() {
            return TileGeometry::default();
        }
        let mut window = Window::new(self, tile);
        let mut geometry = TileGeometry::default();
        for ordinal in 0..self.topology.region_count() {
            if !self.region_extents[ordinal].meets(&window.extent) {
                continue;
            }
            let (polygons, surplus) = window.region(ordinal);
            geometry.surplus += surplus;
            if !polygons.is_empty() {
                geometry.regions.push(TileRegion { ordinal: ordinal as u32, polygons, surplus });
            }
        }
        geometry.borders = window.borders(border_ranks);
        geometry
    }
}

/// True if each arc of a ring begins where the one before ends.
fn is_closed(zoom: &ZoomArcs, ring: &[ArcUse]) -> bool {
    let ends = |part: &ArcUse| {
        let points = zoom.arcs().get(part.arc());
        let (first, last) = (points.first(), points.last());
        if part.reversed() { (last, first) } else { (first, last) }
    };
    ring.iter().zip(ring.iter().cycle().skip(1)).all(|(part, next)| ends(part).1 == ends(next).0)
}

/// The box of a tile, and the arcs clamped to it.
struct Window<'a> {
    geometry: &'a ZoomGeometry,
    /// The tile's corner in the units of the zoom.
    origin: Xy,
    /// The buffered box in the units of the zoom.
    extent: Extent,
    /// Clamped arcs in tile coordinates, each made once, and where they lie: start and end, or [`NOT_MADE`].
    paths: Vec<Xy>,
    made: Vec<(u32, u32)>,
}

const NOT_MADE: (u32, u32) = (u32::MAX, u32::MAX);

impl<'a> Window<'a> {
    fn new(geometry: &'a ZoomGeometry, tile: TileCoord) -> Self {
        let origin = [tile.x(), tile.y()].map(|index| index as i32 * EXTENT);
        let shifted = |corner: Xy| [corner[0] + origin[0], corner[1] + origin[1]];
        let extent = Extent { min: shifted(BOX.min), max: shifted(BOX.max) };
        let made = vec![NOT_MADE; geometry.arc_extents.len()];
        Self { geometry, origin, extent, paths: Vec::new(), made }
    }

    fn local(&self, point: Xy) -> Xy {
        [point[0] - self.origin[0], point[1] - self.origin[1]]
    }

    /// The clamped path of an arc in its stored direction.
    fn path(&mut self, arc: usize) -> &[Xy] {
        if self.made[arc] == NOT_MADE {
            let points = self.geometry.zoom.arcs().get(arc);
            let extent = &self.geometry.arc_extents[arc];
            let start = self.paths.len();
            let mut paths = std::mem::take(&mut self.paths);
            if self.lies_beyond_one_side(extent) {
                let ends = [points[0], points[points.len() - 1]];
                clip::clamp_path(ends.into_iter().map(|point| self.local(point)), &mut paths);
            } else {
                clip::clamp_path(points.iter().map(|&point| self.local(point)), &mut paths);
            }
            self.paths = paths;
            self.made[arc] = (start as u32, self.paths.len() as u32);
        }
        let (start, end) = self.made[arc];
        &self.paths[start as usize..end as usize]
    }

    /// Of an arc beyond one side of the box only the ends matter: clamped, it runs along that side.
    fn lies_beyond_one_side(&self, extent: &Extent) -> bool {
        (0..2).any(|axis| {
            extent.max[axis] <= self.extent.min[axis] || extent.min[axis] >= self.extent.max[axis]
        })
    }

    fn ring(&mut self, uses: &[ArcUse]) -> Vec<Xy> {
        let mut ring = Vec::new();
        for part in uses {
            let path = self.path(part.arc());
            let but_last = path.len().saturating_sub(1);
            if part.reversed() {
                ring.extend(path.iter().rev().take(but_last));
            } else {
                ring.extend(&path[..but_last]);
            }
        }
        ring
    }

    /// A region's polygons in the box and their surplus.
    fn region(&mut self, ordinal: usize) -> (Vec<Polygon>, i64) {
        let geometry = self.geometry;
        let topology = &geometry.topology;
        let clamped: Vec<Polygon> = topology
            .polygons(ordinal)
            .iter()
            .map(|polygon| polygon.iter().map(|ring| self.ring(ring)).collect())
            .collect();
        let collapsed = geometry.zoom.collapsed();
        if let Ok(index) = collapsed.binary_search_by_key(&(ordinal as u32), |entry| entry.0) {
            let exact: i64 = clamped.iter().flatten().map(|ring| rings::area2(ring)).sum();
            let shape = clip::square_in_box(self.local(collapsed[index].1), MINIMUM_HALF);
            let drawn = shape.as_ref().map_or(0, |ring| rings::area2(ring));
            return (shape.into_iter().map(|ring| vec![ring]).collect(), drawn - exact);
        }
        let mut polygons = Vec::new();
        let mut surplus = 0;
        for polygon in clamped {
            let (parts, more) = clip::polygons_of(polygon);
            polygons.extend(parts);
            surplus += more;
        }
        (polygons, surplus)
    }

    fn borders(&mut self, ranks: &[u8]) -> Vec<TileLine> {
        let mut by_rank: Vec<Vec<Vec<Xy>>> = Vec::new();
        for arc in 0..self.geometry.arc_extents.len() {
            let extent = self.geometry.arc_extents[arc];
            if !extent.meets(&self.extent) || self.lies_beyond_one_side(&extent) {
                continue;
            }
            let rank = usize::from(ranks.get(arc).copied().unwrap_or(0));
            if by_rank.len() <= rank {
                by_rank.resize(rank + 1, Vec::new());
            }
            by_rank[rank].extend(clip::inner_pieces(self.path(arc)));
        }
        let lines = by_rank.into_iter().enumerate().filter(|(_, lines)| !lines.is_empty());
        lines.map(|(rank, lines)| TileLine { rank: rank as u8, lines: join_lines(lines) }).collect()
    }
}

/// Joins lines where the ends of exactly two of them meet.
fn join_lines(lines: Vec<Vec<Xy>>) -> Vec<Vec<Xy>> {
    let mut at: HashMap<Xy, Vec<usize>> = HashMap::with_capacity(lines.len() * 2);
    for (index, line) in lines.iter().enumerate() {
        for end in line.first().into_iter().chain(line.last()) {
            at.entry(*end).or_default().push(index);
        }
    }
    let mut used = vec![false; lines.len()];
    let mut joined = Vec::new();
    for first in 0..lines.len() {
        if used[first] {
            continue;
        }
        used[first] = true;
        let mut line = lines[first].clone();
        for _ in 0..2 {
            while let Some(next) = line.last().and_then(|end| at.get(end)).and_then(|around| match around[..]
            {
                [a, b] => [a, b].into_iter().find(|&index| !used[index]),
                _ => None,
            }) {
                used[next] = true;
                let forward = lines[next].first() == line.last();
                let rest = &lines[next];
                if forward {
                    line.extend(&rest[1..]);
                } else {
                    line.extend(rest[..rest.len() - 1].iter().rev());
                }
            }
            line.reverse();
        }
        joined.push(line);
    }
    joined
}
