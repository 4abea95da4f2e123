//! Rings of integer points: area, cleaning, tracing from edges, assembly into polygons.
//!
//! Orientation everywhere: a ring with positive [`area2`] encloses what it bounds; with x to the east and y to the
//! south that is the exterior ring of the MVT specification. Rings do not repeat their first point at the end.

use std::cmp::Ordering;
use std::collections::{HashMap, HashSet};

/// A point as (x, y).
pub(super) type Xy = [i32; 2];

/// Exterior ring, then holes.
pub(super) type Polygon = Vec<Vec<Xy>>;

/// Smallest and greatest coordinates.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Extent {
    pub(super) min: Xy,
    pub(super) max: Xy,
}

impl Extent {
    /// Holds nothing and grows with [`include`](Self::include).
    pub(super) const EMPTY: Self = Self { min: [i32::MAX; 2], max: [i32::MIN; 2] };

    pub(super) fn of<'a>(points: impl IntoIterator<Item = &'a Xy>) -> Self {
        let mut extent = Self::EMPTY;
        for point in points {
            extent.include(*point);
        }
        extent
    }

    pub(super) fn include(&mut self, point: Xy) {
        for axis in 0..2 {
            self.min[axis] = self.min[axis].min(point[axis]);
            self.max[axis] = self.max[axis].max(point[axis]);
        }
    }

    pub(super) fn join(&mut self, other: Self) {
        for axis in 0..2 {
            self.min[axis] = self.min[axis].min(other.min[axis]);
            self.max[axis] = self.max[axis].max(other.max[axis]);
        }
    }

    pub(super) fn meets(&self, other: &Self) -> bool {
        (0..2).all(|axis| self.min[axis] <= other.max[axis] && other.min[axis] <= self.max[axis])
    }

    pub(super) fn holds(&self, other: &Self) -> bool {
        (0..2).all(|axis| self.min[axis] <= other.min[axis] && other.max[axis] <= self.max[axis])
    }
}

/// Twice the signed area of the triangle a, b, c. Cannot overflow for coordinates from 0 to 2³¹−1.
pub(super) fn cross(a: Xy, b: Xy, c: Xy) -> i64 {
    let [abx, aby] = difference(a, b);
    let [acx, acy] = difference(a, c);
    abx * acy - aby * acx
}

/// Scalar product of ab and bc: negative where the path turns back.
pub(super) fn dot(a: Xy, b: Xy, c: Xy) -> i64 {
    let [abx, aby] = difference(a, b);
    let [bcx, bcy] = difference(b, c);
    abx * bcx + aby * bcy
}

fn difference(a: Xy, b: Xy) -> [i64; 2] {
    [i64::from(b[0]) - i64::from(a[0]), i64::from(b[1]) - i64::from(a[1])]
}

/// Twice the signed area of a ring (surveyor's formula). Wraps only for rings that wind several times around the world.
pub(super) fn area2(ring: &[Xy]) -> i64 {
    let Some(&origin) = ring.first() else { return 0 };
    ring.windows(2).fold(0, |sum: i64, edge| sum.wrapping_add(cross(origin, edge[0], edge[1])))
}

/// Drops repeated points and spikes (paths that go out and come back the same way), also across the ring's start.
/// Area is not changed. Fewer than three points are left of a ring without area.
pub(super) fn clean(ring: &mut Vec<Xy>) {
    drop_vertices(ring, |a, b, c| b == c || a == b || (cross(a, b, c) == 0 && dot(a, b, c) < 0));
}

/// Drops the vertices b of a ring for which `superfluous(a, b, c)` holds, a and c being the neighbours at that time.
pub(super) fn drop_vertices(ring: &mut Vec<Xy>, superfluous: impl Fn(Xy, Xy, Xy) -> bool) {
    let mut kept: Vec<Xy> = Vec::with_capacity(ring.len());
    for &point in ring.iter() {
        while let [.., a, b] = kept[..] {
            if !superfluous(a, b, point) {
                break;
            }
            kept.pop();
        }
        if kept.last() != Some(&point) {
            kept.push(point);
        }
    }
    let mut start = 0;
    while kept.len() - start >= 3 {
        let last = kept.len() - 1;
        if kept[last] == kept[start] || superfluous(kept[last - 1], kept[last], kept[start]) {
            kept.pop();
        } else if superfluous(kept[last], kept[start], kept[start + 1]) {
            start += 1;
        } else {
            break;
        }
    }
    kept.drain(..start);
    if kept.len() < 3 {
        kept.clear();
    }
    *ring = kept;
}

/// Cuts a closed walk at every point that it visits twice, so that each ring visits a point once.
pub(super) fn split_at_repeats(walk: &[Xy]) -> Vec<Vec<Xy>> {
    let mut rings = Vec::new();
    let mut path: Vec<Xy> = Vec::with_capacity(walk.len());
    let mut position: HashMap<Xy, usize> = HashMap::with_capacity(walk.len());
    for &point in walk {
        if let Some(&start) = position.get(&point) {
            for gone in &path[start..] {
                position.remove(gone);
            }
            rings.push(path.split_off(start));
        }
        position.insert(point, path.len());
        path.push(point);
    }
    rings.push(path);
    rings.retain(|ring| ring.len() >= 3);
    rings
}

/// Joins directed edges into rings that visit each point once. What the edges bound lies on the same side of all of
/// them; edges that cannot be closed are dropped.
pub(super) fn trace(edges: &[(Xy, Xy)]) -> Vec<Vec<Xy>> {
    let mut leaving: HashMap<Xy, Vec<usize>> = HashMap::with_capacity(edges.len());
    for (index, edge) in edges.iter().enumerate() {
        leaving.entry(edge.0).or_default().push(index);
    }
    let mut used = vec![false; edges.len()];
    let mut rings = Vec::new();
    for first in 0..edges.len() {
        let mut walk = Vec::new();
        let mut next = Some(first);
        while let Some(index) = next.filter(|&index| !used[index]) {
            used[index] = true;
            let (from, at) = edges[index];
            walk.push(from);
            next = leaving.get(&at).and_then(|choices| {
                let free = choices.iter().copied().filter(|&choice| !used[choice]);
                free.min_by(|&a, &b| by_turn(at, from, edges[a].1, edges[b].1))
            });
        }
        rings.extend(split_at_repeats(&walk));
    }
    rings
}

/// Order of the ways from `at` to `a` and to `b`, counted from the way back to `from` with the enclosed side first.
fn by_turn(at: Xy, from: Xy, a: Xy, b: Xy) -> Ordering {
    let class = |to: Xy| match (cross(at, from, to).signum(), dot(from, at, to).signum()) {
        (-1, _) => 0,
        (0, 0 | 1) => 1,
        (1, _) => 2,
        _ => 3,
    };
    class(a).cmp(&class(b)).then_with(|| cross(at, a, b).cmp(&0))
}

/// Where a point lies with regard to a ring.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    Inside,
    Boundary,
    Outside,
}

/// Where `point` lies with regard to `ring` (ray to the east, exact).
pub(super) fn place(point: Xy, ring: &[Xy]) -> Place {
    let mut inside = false;
    let Some(mut a) = ring.last().copied() else { return Place::Outside };
    for &b in ring {
        let side = cross(a, b, point);
        let within = |axis: usize| (a[axis].min(b[axis])..=a[axis].max(b[axis])).contains(&point[axis]);
        if side == 0 && within(0) && within(1) {
            return Place::Boundary;
        }
        if (a[1] > point[1]) != (b[1] > point[1]) && (side > 0) == (b[1] > a[1]) {
            inside = !inside;
        }
        a = b;
    }
    if inside { Place::Inside } else { Place::Outside }
}

/// Makes polygons of rings: those with positive area are exteriors, the others holes of the smallest exterior around
/// them. A hole without an exterior is given back beside them.
pub(super) fn assemble(rings: Vec<Vec<Xy>>) -> (Vec<Polygon>, Vec<Vec<Xy>>) {
    let (exteriors, holes): (Vec<_>, Vec<_>) =
        rings.into_iter().filter(|ring| area2(ring) != 0).partition(|ring| area2(ring) > 0);
    let extents: Vec<Extent> = exteriors.iter().map(Extent::of).collect();
    let mut polygons: Vec<Polygon> = exteriors.into_iter().map(|ring| vec![ring]).collect();
    let mut orphans = Vec::new();
    for hole in holes {
        let extent = Extent::of(&hole);
        let around = (0..polygons.len())
            .filter(|&index| extents[index].holds(&extent) && lies_in(&hole, &polygons[index][0]))
            .min_by_key(|&index| area2(&polygons[index][0]));
        match around {
            Some(index) => polygons[index].push(hole),
            None => orphans.push(hole),
        }
    }
    (polygons, orphans)
}

/// True if `inner`, which does not cross `outer`, lies in it; its first point off the boundary decides.
fn lies_in(inner: &[Xy], outer: &[Xy]) -> bool {
    let places = inner.iter().map(|&point| place(point, outer));
    places.into_iter().find(|&place| place != Place::Boundary) != Some(Place::Outside)
}

/// The directed edges of rings, each once.
pub(super) fn edges_of<'a>(rings: impl IntoIterator<Item = &'a Vec<Xy>>) -> Vec<(Xy, Xy)> {
    let mut seen = HashSet::new();
    rings
        .into_iter()
        .flat_map(|ring| ring.iter().copied().zip(ring.iter().copied().cycle().skip(1)))
        .filter(|edge| seen.insert(*edge))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spikes_and_repeated_points_go_and_the_area_stays() {
        let mut ring = vec![[0, 0], [0, 0], [10, 0], [20, 0], [10, 0], [10, 10], [0, 10], [-5, 10], [0, 10]];
        let before = area2(&ring);
        clean(&mut ring);
        assert_eq!(ring, [[0, 0], [10, 0], [10, 10], [0, 10]]);
        assert_eq!(area2(&ring), before);
        let mut line = vec![[0, 0], [5, 5], [9, 9]];
        clean(&mut line);
        assert!(line.is_empty());
    }

    #[test]
    fn a_spike_at_the_start_of_a_ring_goes_too() {
        let mut ring = vec![[-5, 0], [0, 0], [10, 0], [10, 10], [0, 10], [0, 0]];
        clean(&mut ring);
        assert_eq!(area2(&ring), 200);
        assert_eq!(ring.len(), 4);
    }

    #[test]
    fn edges_become_exteriors_and_holes_even_where_they_touch() {
        let outer = vec![[0, 0], [10, 0], [10, 10], [0, 10]];
        let touching_hole = vec![[0, 0], [2, 6], [6, 2]];
        let corner_neighbour = vec![[10, 10], [20, 10], [20, 20]];
        assert!(area2(&touching_hole) < 0);
        let edges = edges_of([&outer, &touching_hole, &corner_neighbour]);
        let (polygons, orphans) = assemble(trace(&edges));
        assert!(orphans.is_empty());
        let mut sizes: Vec<_> = polygons.iter().map(|p| (p.len(), area2(&p[0]))).collect();
        sizes.sort_unstable();
        assert_eq!(sizes, [(1, 100), (2, 200)]);
    }

    #[test]
    fn a_point_lies_in_on_or_outside_a_ring() {
        let ring = [[0, 0], [10, 0], [10, 10], [5, 5], [0, 10]];
        assert_eq!(place([5, 4], &ring), Place::Inside);
        assert_eq!(place([5, 5], &ring), Place::Boundary);
        assert_eq!(place([5, 6], &ring), Place::Outside);
        assert_eq!(place([11, 0], &ring), Place::Outside);
        assert_eq!(place([3, 0], &ring), Place::Boundary);
    }
}
