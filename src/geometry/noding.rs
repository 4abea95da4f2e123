//! Bringing the rings of neighbours to the same points: snapping, vertices on segments, and finding what crosses.

use std::collections::{BTreeMap, HashMap};

use super::rings::{self, Extent, Polygon, Xy, cross};

/// A directed edge and the region whose ring it belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct OwnedEdge {
    pub(super) from: Xy,
    pub(super) to: Xy,
    pub(super) region: u32,
}

/// All edges of all rings.
pub(super) fn owned_edges(regions: &[Vec<Polygon>]) -> Vec<OwnedEdge> {
    let mut edges = Vec::new();
    for (region, polygons) in regions.iter().enumerate() {
        for ring in polygons.iter().flatten() {
            let ends = ring.iter().zip(ring.iter().cycle().skip(1));
            edges.extend(ends.map(|(&from, &to)| OwnedEdge { from, to, region: region as u32 }));
        }
    }
    edges
}

/// The undirected form of an edge.
fn undirected(edge: &OwnedEdge) -> (Xy, Xy) {
    (edge.from.min(edge.to), edge.from.max(edge.to))
}

/// The edges that no other ring walks in the opposite direction: the outer boundary, gaps, and what does not match.
pub(super) fn one_sided(mut edges: Vec<OwnedEdge>) -> Vec<OwnedEdge> {
    edges.sort_unstable_by_key(|edge| (undirected(edge), *edge));
    let groups = edges.chunk_by(|a, b| undirected(a) == undirected(b));
    groups.filter(|group| group.iter().all(|edge| edge.from == group[0].from)).flatten().copied().collect()
}

/// A grid of square cells over segments, to find those near a point or near each other.
struct SegmentGrid {
    origin: Xy,
    shift: u32,
    /// Cell and index of the segment, sorted.
    entries: Vec<(u64, u32)>,
}

impl SegmentGrid {
    /// Segments are entered into every cell that they come within `margin` of.
    fn new(segments: &[(Xy, Xy)], margin: i64) -> Self {
        let extent = Extent::of(segments.iter().flat_map(|(a, b)| [a, b]));
        let mut grid =
            Self { origin: extent.min, shift: cell_bits(segments, &extent, margin), entries: Vec::new() };
        for (index, &(a, b)) in segments.iter().enumerate() {
            grid.enter(index as u32, a, b, margin);
        }
        grid.entries.sort_unstable();
        grid.entries.dedup();
        grid
    }

    fn cell(&self, value: i64, axis: usize) -> i64 {
        (value - i64::from(self.origin[axis])) >> self.shift
    }

    fn key(column: i64, row: i64) -> u64 {
        // Cells beside the extent (margin) have the coordinate −1.
        ((column + 1) as u64) << 32 | (row + 1) as u64
    }

    fn enter(&mut self, index: u32, a: Xy, b: Xy, margin: i64) {
        let [ax, ay, bx, by] = [a[0], a[1], b[0], b[1]].map(i64::from);
        let (left, right) = (ax.min(bx), ax.max(bx));
        let slope = if ax == bx { 0.0 } else { (by - ay) as f64 / (bx - ax) as f64 };
        for column in self.cell(left - margin, 0)..=self.cell(right + margin, 0) {
            // The part of the segment that can come near this column of cells, a unit wider for rounding.
            let start = (i64::from(self.origin[0]) + (column << self.shift) - margin).clamp(left, right);
            let end = (i64::from(self.origin[0]) + ((column + 1) << self.shift) + margin).clamp(left, right);
            let at = |x: i64| if ax == bx { None } else { Some(ay as f64 + slope * (x - ax) as f64) };
            let (y0, y1) = match (at(start), at(end)) {
                (Some(y0), Some(y1)) => (y0.min(y1).floor() as i64 - 1, y0.max(y1).ceil() as i64 + 1),
                _ => (ay.min(by), ay.max(by)),
            };
            for row in self.cell(y0 - margin, 1)..=self.cell(y1 + margin, 1) {
                self.entries.push((Self::key(column, row), index));
            }
        }
    }

    /// The segments entered into the cell of a point.
    fn near(&self, point: Xy) -> impl Iterator<Item = u32> {
        let key = Self::key(self.cell(point[0].into(), 0), self.cell(point[1].into(), 1));
        let start = self.entries.partition_point(|entry| entry.0 < key);
        self.entries[start..].iter().take_while(move |entry| entry.0 == key).map(|entry| entry.1)
    }
}

/// Size of a cell as a power of two: about twice the mean edge, so that an edge lies in few cells and a cell holds few.
fn cell_bits(segments: &[(Xy, Xy)], extent: &Extent, margin: i64) -> u32 {
    let length = |(a, b): &(Xy, Xy)| (0..2).map(|axis| f64::from(a[axis].abs_diff(b[axis]))).sum::<f64>();
    let mean = segments.iter().map(length).sum::<f64>() / segments.len().max(1) as f64;
    let widest =
        (0..2).map(|axis| i64::from(extent.max[axis]) - i64::from(extent.min[axis])).max().unwrap_or(0);
    let least = (mean * 2.0).max(margin as f64 * 4.0).max(widest as f64 / 16_384.0).max(1.0);
    (least.log2().ceil() as u32).min(31)
}

/// Pairs of regions with an edge of one properly crossing an edge of the other, or lying on it without being equal. A
/// region paired with itself crosses itself. Each pair once, smaller ordinal first, with one place.
pub(super) fn crossings(edges: &[OwnedEdge]) -> BTreeMap<(u32, u32), Xy> {
    let mut sorted = edges.to_vec();
    sorted.sort_unstable_by_key(|edge| (undirected(edge), *edge));
    let groups: Vec<&[OwnedEdge]> = sorted.chunk_by(|a, b| undirected(a) == undirected(b)).collect();
    let segments: Vec<(Xy, Xy)> = groups.iter().map(|group| undirected(&group[0])).collect();
    let mut found = BTreeMap::new();
    let mut add = |a: &OwnedEdge, b: &OwnedEdge| {
        found.entry((a.region.min(b.region), a.region.max(b.region))).or_insert(a.from);
    };
    for group in &groups {
        for pair in group.windows(2).filter(|pair| pair[0].from == pair[1].from) {
            add(&pair[0], &pair[1]);
        }
    }
    let grid = SegmentGrid::new(&segments, 0);
    for cell in grid.entries.chunk_by(|a, b| a.0 == b.0) {
        for (position, &(_, i)) in cell.iter().enumerate() {
            for &(_, j) in &cell[position + 1..] {
                if cross_or_overlap(segments[i as usize], segments[j as usize]) {
                    for a in groups[i as usize] {
                        groups[j as usize].iter().for_each(|b| add(a, b));
                    }
                }
            }
        }
    }
    found
}

/// True if two segments cross inside both, or share more than a point.
fn cross_or_overlap((a, b): (Xy, Xy), (c, d): (Xy, Xy)) -> bool {
    if !Extent::of([&a, &b]).meets(&Extent::of([&c, &d])) {
        return false;
    }
    let sides = [cross(a, b, c), cross(a, b, d), cross(c, d, a), cross(c, d, b)].map(i64::signum);
    if sides == [0; 4] {
        // Collinear, and a ≤ b, c ≤ d in the order of points.
        return a.max(c) < b.min(d);
    }
    sides[0] * sides[1] < 0 && sides[2] * sides[3] < 0
}

/// Moves vertices of one-sided edges onto a vertex of another region within `tolerance` of them. Returns how many
/// places were moved.
pub(super) fn snap(regions: &mut [Vec<Polygon>], tolerance: &dyn Fn(Xy) -> f64) -> usize {
    let edges = one_sided(owned_edges(regions));
    let mut vertices: Vec<(Xy, u32)> =
        edges.iter().flat_map(|e| [(e.from, e.region), (e.to, e.region)]).collect();
    vertices.sort_unstable();
    vertices.dedup();
    let mut moved: HashMap<Xy, Xy> = HashMap::new();
    let mut fixed: std::collections::HashSet<Xy> = std::collections::HashSet::new();
    for (index, &(target, region)) in vertices.iter().enumerate() {
        if moved.contains_key(&target) {
            continue;
        }
        let reach = tolerance(target);
        let within = |point: Xy| f64::from(point[0].abs_diff(target[0])) <= reach;
        for &(point, other) in vertices[index + 1..].iter().take_while(|(point, _)| within(*point)) {
            let apart =
                f64::from(point[0].abs_diff(target[0])).hypot(f64::from(point[1].abs_diff(target[1])));
            let free = point != target && !moved.contains_key(&point) && !fixed.contains(&point);
            if other != region && apart <= reach && free {
                moved.insert(point, target);
                fixed.insert(target);
            }
        }
    }
    for ring in regions.iter_mut().flatten().flatten() {
        if ring.iter().any(|point| moved.contains_key(point)) {
            ring.iter_mut().for_each(|point| *point = moved.get(point).copied().unwrap_or(*point));
            rings::clean(ring);
        }
    }
    moved.len()
}

/// Inserts vertices of one region into one-sided edges of another that they lie on, within `tolerance`, until nothing
/// changes. Returns how many were inserted.
pub(super) fn node(regions: &mut [Vec<Polygon>], tolerance: &dyn Fn(Xy) -> f64) -> usize {
    /// A vertex inserted off the line can bring an edge near another vertex; more rounds have never been needed.
    const ROUNDS: usize = 4;
    let mut total = 0;
    for _ in 0..ROUNDS {
        let edges = one_sided(owned_edges(regions));
        let inserts = vertices_on_edges(&edges, tolerance);
        if inserts.is_empty() {
            break;
        }
        total += inserts.values().map(Vec::len).sum::<usize>();
        for ring in regions.iter_mut().flatten().flatten() {
            insert(ring, &inserts);
        }
    }
    total
}

/// Per directed edge the vertices to be inserted, in their order along it.
type Inserts = HashMap<(Xy, Xy), Vec<Xy>>;

fn vertices_on_edges(edges: &[OwnedEdge], tolerance: &dyn Fn(Xy) -> f64) -> Inserts {
    let segments: Vec<(Xy, Xy)> = edges.iter().map(|edge| (edge.from, edge.to)).collect();
    let margin = edges.iter().map(|edge| tolerance(edge.from)).fold(0.0, f64::max).ceil() as i64;
    let grid = SegmentGrid::new(&segments, margin);
    let mut vertices: Vec<(Xy, u32)> =
        edges.iter().flat_map(|e| [(e.from, e.region), (e.to, e.region)]).collect();
    vertices.sort_unstable();
    vertices.dedup();
    let mut inserts = Inserts::new();
    for (point, region) in vertices {
        for edge in grid.near(point).map(|index| &edges[index as usize]) {
            let (a, b) = (edge.from, edge.to);
            let between = dot_along(a, b, point) > 0 && dot_along(b, a, point) > 0;
            if edge.region == region || point == a || point == b || !between {
                continue;
            }
            let length = f64::from(a[0].abs_diff(b[0])).hypot(f64::from(a[1].abs_diff(b[1])));
            if cross(a, b, point).abs() as f64 <= tolerance(point) * length {
                inserts.entry((a, b)).or_default().push(point);
            }
        }
    }
    for (&(a, b), points) in &mut inserts {
        points.sort_unstable_by_key(|&point| dot_along(a, b, point));
        points.dedup();
    }
    inserts
}

/// How far along ab a point lies, times the length of ab.
fn dot_along(a: Xy, b: Xy, point: Xy) -> i64 {
    (0..2)
        .map(|axis| (i64::from(b[axis]) - i64::from(a[axis])) * (i64::from(point[axis]) - i64::from(a[axis])))
        .sum()
}

fn insert(ring: &mut Vec<Xy>, inserts: &Inserts) {
    let edges = || ring.iter().copied().zip(ring.iter().copied().cycle().skip(1));
    if !edges().any(|edge| inserts.contains_key(&edge)) {
        return;
    }
    let mut noded = Vec::with_capacity(ring.len() + 4);
    for edge in edges() {
        noded.push(edge.0);
        noded.extend(inserts.get(&edge).into_iter().flatten());
    }
    rings::clean(&mut noded);
    *ring = noded;
}

/// Drops the edges that a region walks in both directions, between parts of itself, and joins what is left. Returns
/// the ordinals of the regions that were changed, with the place of such an edge.
pub(super) fn dissolve(regions: &mut [Vec<Polygon>]) -> Vec<(u32, Xy)> {
    let mut changed = Vec::new();
    for (ordinal, polygons) in regions.iter_mut().enumerate() {
        let edges = rings::edges_of(polygons.iter().flatten());
        let known: std::collections::HashSet<(Xy, Xy)> = edges.iter().copied().collect();
        let (inner, outer): (Vec<_>, Vec<_>) =
            edges.into_iter().partition(|(a, b)| known.contains(&(*b, *a)));
        let Some(&(place, _)) = inner.first() else { continue };
        let (joined, orphans) = rings::assemble(rings::trace(&outer));
        // Only parts that overlap can leave a hole without an exterior; they are better left to the repair.
        if !orphans.is_empty() {
            continue;
        }
        *polygons = joined;
        changed.push((ordinal as u32, place));
    }
    changed
}

#[cfg(test)]
mod tests {
    use super::*;

    fn square(x: i32, y: i32, side: i32) -> Polygon {
        vec![vec![[x, y], [x + side, y], [x + side, y + side], [x, y + side]]]
    }

    #[test]
    fn a_vertex_on_a_neighbours_edge_is_inserted_there() {
        let mut regions = vec![vec![square(0, 0, 100)], vec![square(100, 0, 50)], vec![square(100, 50, 50)]];
        assert_eq!(node(&mut regions, &|_| 1.0), 1);
        assert!(regions[0][0][0].contains(&[100, 50]));
        assert_eq!(one_sided(owned_edges(&regions)).len(), 3 + 2 + 2);
    }

    #[test]
    fn several_vertices_are_inserted_in_their_order_along_the_edge() {
        let mut regions = vec![
            vec![square(0, 0, 90)],
            vec![square(90, 0, 30)],
            vec![square(90, 30, 30)],
            vec![square(90, 60, 30)],
        ];
        assert_eq!(node(&mut regions, &|_| 1.0), 2);
        assert_eq!(regions[0][0][0], [[0, 0], [90, 0], [90, 30], [90, 60], [90, 90], [0, 90]]);
    }

    #[test]
    fn borders_that_nearly_coincide_are_snapped_only_when_asked() {
        let mut regions = vec![vec![square(0, 0, 100)], vec![square(103, 1, 100)]];
        let before = regions.clone();
        assert_eq!(snap(&mut regions, &|_| 0.0), 0);
        assert_eq!(regions, before);
        assert!(snap(&mut regions, &|_| 5.0) > 0);
        assert_eq!(one_sided(owned_edges(&regions)).len(), 6);
    }

    #[test]
    fn crossing_and_doubled_edges_are_found_and_touching_ones_are_not() {
        let regions = vec![
            vec![square(0, 0, 100)],
            vec![square(50, 50, 100)],
            vec![square(150, 150, 10)],
            vec![square(100, -10, 10)],
        ];
        let found: Vec<_> = crossings(&owned_edges(&regions)).into_keys().collect();
        assert_eq!(found, [(0, 1)]);
        let bow = vec![vec![vec![vec![[0, 0], [100, 100], [100, 0], [0, 100]]]]];
        assert_eq!(crossings(&owned_edges(&bow)).into_keys().collect::<Vec<_>>(), [(0, 0)]);
    }

    #[test]
    fn parts_of_one_region_are_joined_along_their_common_edges() {
        let mut regions = vec![vec![square(0, 0, 100), square(100, 0, 100)], vec![square(0, 100, 100)]];
        assert_eq!(dissolve(&mut regions).len(), 1);
        assert_eq!(regions[0].len(), 1);
        assert_eq!(rings::area2(&regions[0][0][0]), 40_000);
    }
}
