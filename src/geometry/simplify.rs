//! Simplification of arcs from zoom to zoom, fine to coarse.
//!
//! After Visvalingam and Whyatt (*Line generalisation by repeated elimination of points*, 1993): the vertex that spans
//! the smallest triangle with its neighbours goes first. A vertex stays while its triangle holds a vertex of any arc,
//! so arcs never cross; junctions stay always, closed arcs keep three vertices, and two arcs never become the same
//! straight line.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap};

use super::grid::WORLD_BITS;
use super::rings::{Extent, Xy, cross};
use super::topology::ArcPoints;

/// Triangles up to this area are removed, in square units of the tile (4096 to its edge): one pixel of a tile drawn with 512
/// pixels. Nobody sees the difference, and tiles come out about as large as those of PostGIS, simplified to half a pixel.
const LEAST_AREA: f64 = 64.0;

/// Grid units per tile unit at a zoom, as a power of two.
pub(super) fn zoom_shift(zoom: u8) -> u32 {
    WORLD_BITS - 12 - u32::from(zoom)
}

/// A grid point in tile units of the whole world at a zoom. Every point is rounded once, by this.
pub(super) fn round_to_zoom(point: Xy, zoom: u8) -> Xy {
    let shift = zoom_shift(zoom);
    point.map(|value| ((i64::from(value) + (1 << (shift - 1))) >> shift) as i32)
}

/// The arcs while they lose vertices.
pub(super) struct Simplifier {
    arcs: ArcPoints,
    /// Neighbours along the arc among the vertices that are left, by index into all points.
    before: Vec<u32>,
    after: Vec<u32>,
    alive: Vec<bool>,
    /// How many arcs are one straight segment between these points.
    straight: HashMap<(Xy, Xy), u32>,
}

/// A vertex that could go, smallest triangle first; equal ones in order of their index.
type Candidate = Reverse<(u64, u32)>;

impl Simplifier {
    pub(super) fn new(arcs: ArcPoints) -> Self {
        let count = arcs.point_count();
        let mut before = vec![0; count];
        let mut after = vec![0; count];
        let mut straight = HashMap::new();
        for arc in 0..arcs.len() {
            let range = arcs.range(arc);
            for index in range.clone() {
                before[index] = index.max(range.start + 1) as u32 - 1;
                after[index] = (index + 1).min(range.end - 1) as u32;
            }
            if let [a, b] = *arcs.get(arc) {
                *straight.entry(ends(a, b)).or_default() += 1;
            }
        }
        Self { arcs, before, after, alive: vec![true; count], straight }
    }

    /// Removes vertices until none can go at this zoom. Zooms are asked for from fine to coarse.
    pub(super) fn simplify_to(&mut self, zoom: u8) {
        let unit = f64::from(1_u32 << zoom_shift(zoom));
        // Twice the area, as triangles are measured.
        let limit = (2.0 * LEAST_AREA * unit * unit) as u64;
        let index = VertexIndex::new(self.arcs.all(), &self.alive);
        for arc in 0..self.arcs.len() {
            self.simplify_arc(arc, limit, &index);
        }
    }

    fn simplify_arc(&mut self, arc: usize, limit: u64, index: &VertexIndex) {
        let range = self.arcs.range(arc);
        let (first, last) = (range.start, range.end - 1);
        let closed = self.arcs.all()[first] == self.arcs.all()[last];
        let inner = (first + 1..last).filter(|&vertex| self.alive[vertex]);
        let mut left = inner.clone().count();
        let mut queue: BinaryHeap<Candidate> = inner.map(|vertex| self.candidate(vertex)).collect();
        while let Some(Reverse((area, vertex))) = queue.pop() {
            if area >= limit || (closed && left <= 2) {
                break;
            }
            let vertex = vertex as usize;
            let outdated = !self.alive[vertex] || self.candidate(vertex) != Reverse((area, vertex as u32));
            if outdated || !self.may_go(vertex, left, index) {
                continue;
            }
            let (a, b) = (self.before[vertex] as usize, self.after[vertex] as usize);
            self.alive[vertex] = false;
            self.after[a] = b as u32;
            self.before[b] = a as u32;
            left -= 1;
            if left == 0 {
                let points = self.arcs.all();
                *self.straight.entry(ends(points[a], points[b])).or_default() += 1;
            }
            queue.extend([a, b].into_iter().filter(|&v| v != first && v != last).map(|v| self.candidate(v)));
        }
    }

    fn triangle(&self, vertex: usize) -> [Xy; 3] {
        let points = self.arcs.all();
        [points[self.before[vertex] as usize], points[vertex], points[self.after[vertex] as usize]]
    }

    fn candidate(&self, vertex: usize) -> Candidate {
        let [a, b, c] = self.triangle(vertex);
        Reverse((cross(a, b, c).unsigned_abs(), vertex as u32))
    }

    fn may_go(&self, vertex: usize, left: usize, index: &VertexIndex) -> bool {
        let triangle = self.triangle(vertex);
        let [a, _, c] = triangle;
        let doubles = left == 1 && self.straight.contains_key(&ends(a, c));
        a != c && !doubles && !index.any_in(self.arcs.all(), &self.alive, triangle)
    }

    /// The arcs as they are now, not rounded.
    #[cfg(test)]
    pub(super) fn left(&self) -> ArcPoints {
        let mut left = ArcPoints::default();
        for arc in 0..self.arcs.len() {
            let range = self.arcs.range(arc).filter(|&index| self.alive[index]);
            left.push(range.map(|index| self.arcs.all()[index]));
        }
        left
    }

    /// The arcs as they are now, on the grid of the zoom, without repeated points, spikes and points on straight lines.
    pub(super) fn rounded(&self, zoom: u8) -> ArcPoints {
        let mut rounded =
            ArcPoints::with_capacity(self.arcs.len(), self.alive.iter().filter(|alive| **alive).count());
        let mut points: Vec<Xy> = Vec::new();
        for arc in 0..self.arcs.len() {
            points.clear();
            for index in self.arcs.range(arc).filter(|&index| self.alive[index]) {
                let point = round_to_zoom(self.arcs.all()[index], zoom);
                while let [.., a, b] = points[..] {
                    if cross(a, b, point) != 0 {
                        break;
                    }
                    points.pop();
                }
                if points.last() != Some(&point) || points.is_empty() {
                    points.push(point);
                }
            }
            let end = self.arcs.range(arc).end - 1;
            let end = round_to_zoom(self.arcs.all()[end], zoom);
            if points.len() == 1 {
                points.push(end);
            }
            rounded.push(points.iter().copied());
        }
        rounded
    }
}

fn ends(a: Xy, b: Xy) -> (Xy, Xy) {
    (a.min(b), a.max(b))
}

/// The vertices left at the beginning of a zoom, in rows from north to south and by x within a row.
struct VertexIndex {
    top: i64,
    height: i64,
    /// Where each row starts in `order`, and the end.
    starts: Vec<u32>,
    order: Vec<u32>,
}

impl VertexIndex {
    fn new(points: &[Xy], alive: &[bool]) -> Self {
        let mut order: Vec<u32> = (0..points.len() as u32).filter(|&index| alive[index as usize]).collect();
        let extent = Extent::of(order.iter().map(|&index| &points[index as usize]));
        let top = i64::from(extent.min[1]);
        let span = (i64::from(extent.max[1]) - top).max(0) + 1;
        // As many rows as a row holds vertices, roughly.
        let rows = (order.len() as f64).sqrt().ceil().max(1.0) as i64 * 4;
        let height = (span / rows).max(1);
        let row = |index: u32| (i64::from(points[index as usize][1]) - top) / height;
        order.sort_unstable_by_key(|&index| (row(index), points[index as usize][0], index));
        let count = (span / height + 1) as usize;
        let mut starts = vec![0_u32; count + 1];
        for &index in &order {
            starts[row(index) as usize + 1] += 1;
        }
        for index in 0..count {
            starts[index + 1] += starts[index];
        }
        Self { top, height, starts, order }
    }

    /// True if a vertex that is left, other than the corners, lies in the triangle or on its edge.
    fn any_in(&self, points: &[Xy], alive: &[bool], [a, b, c]: [Xy; 3]) -> bool {
        let extent = Extent::of([&a, &b, &c]);
        let row = |y: i32| ((i64::from(y) - self.top) / self.height) as usize;
        let orientation = cross(a, b, c).signum();
        let holds = |p: Xy| {
            let sides = [cross(a, b, p), cross(b, c, p), cross(c, a, p)].map(i64::signum);
            p != a && p != b && p != c && sides.iter().all(|&side| side == 0 || side == orientation)
        };
        (row(extent.min[1])..=row(extent.max[1])).any(|row| {
            let range = &self.order[self.starts[row] as usize..self.starts[row + 1] as usize];
            let from = range.partition_point(|&index| points[index as usize][0] < extent.min[0]);
            range[from..]
                .iter()
                .map(|&index| index as usize)
                .take_while(|&index| points[index][0] <= extent.max[0])
                .filter(|&index| alive[index])
                .map(|index| points[index])
                .any(|p| p[1] >= extent.min[1] && p[1] <= extent.max[1] && holds(p))
        })
    }
}
