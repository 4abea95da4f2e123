//! Several features of one region become one geometry.

use std::collections::HashMap;

use geo::{
    Area, BoundingRect, Intersects, MakeValid, MapCoords, Orient, Validation, orient::Direction, unary_union,
};
use geo_types::{Coord, MultiPolygon, Polygon, Rect};

/// One geometry made of several.
#[derive(Debug)]
pub(super) struct Dissolved {
    /// The geometry; its polygons have no common area.
    pub geometry: MultiPolygon<f64>,
    /// Area in m² that several features claimed.
    pub overlap: f64,
}

/// Areas below this, in m², are rounding.
const ROUNDING_AREA: f64 = 1.0;

/// Joins geometries in degrees. Polygons that lie apart stay as they are; those that may touch are united, and their
/// vertices are afterwards moved back to exactly where they were, so that they still match the neighbours'.
pub(super) fn dissolve(features: Vec<MultiPolygon<f64>>) -> Dissolved {
    let mut features = features;
    if features.len() == 1 {
        return Dissolved { geometry: features.remove(0), overlap: 0.0 };
    }
    let owned: Vec<(usize, Polygon<f64>)> =
        features.into_iter().enumerate().flat_map(|(i, f)| f.0.into_iter().map(move |p| (i, p))).collect();
    let mut result = Dissolved { geometry: MultiPolygon(Vec::new()), overlap: 0.0 };
    for cluster in clusters(&owned) {
        let several = cluster.iter().any(|i| owned[*i].0 != owned[cluster[0]].0);
        let polygons: Vec<Polygon<f64>> = cluster.iter().map(|i| owned[*i].1.clone()).collect();
        if several {
            unite(polygons, &mut result);
        } else {
            result.geometry.0.extend(polygons);
        }
    }
    result
}

/// Groups of polygons that hang together by their bounding boxes, each ascending.
fn clusters(polygons: &[(usize, Polygon<f64>)]) -> Vec<Vec<usize>> {
    let boxes: Vec<Option<Rect<f64>>> = polygons.iter().map(|(_, p)| p.bounding_rect()).collect();
    let mut order: Vec<usize> = (0..polygons.len()).filter(|i| boxes[*i].is_some()).collect();
    let west = |i: &usize| boxes[*i].map_or(f64::INFINITY, |b| b.min().x);
    order.sort_by(|a, b| west(a).total_cmp(&west(b)));
    let mut leader: Vec<usize> = (0..polygons.len()).collect();
    for (at, &i) in order.iter().enumerate() {
        let Some(here) = boxes[i] else { continue };
        let reached = order[at + 1..].iter().take_while(|j| west(j) <= here.max().x);
        for &j in reached {
            if boxes[j].is_some_and(|there| here.intersects(&there)) {
                let (a, b) = (find(&mut leader, i), find(&mut leader, j));
                leader[a.max(b)] = a.min(b);
            }
        }
    }
    let mut groups: Vec<Vec<usize>> = vec![Vec::new(); polygons.len()];
    for i in 0..polygons.len() {
        groups[find(&mut leader, i)].push(i);
    }
    groups.retain(|group| !group.is_empty());
    groups
}

fn find(leader: &mut [usize], mut i: usize) -> usize {
    while leader[i] != i {
        leader[i] = leader[leader[i]];
        i = leader[i];
    }
    i
}

fn unite(polygons: Vec<Polygon<f64>>, result: &mut Dissolved) {
    // A union loses area where rings cross themselves, and it takes the winding of the first ring for all.
    let valid: Vec<Polygon<f64>> =
        polygons.into_iter().flat_map(repaired).map(|polygon| polygon.orient(Direction::Default)).collect();
    let united = moved_back(&unary_union(&valid), &valid);
    let area = |polygons: &[Polygon<f64>]| polygons.iter().map(Polygon::unsigned_area).sum::<f64>();
    let overlap = (area(&valid) - area(&united.0)) * square_metres_per_square_degree(&united);
    result.overlap += Some(overlap).filter(|area| *area > ROUNDING_AREA).unwrap_or_default();
    result.geometry.0.extend(united.0);
}

fn repaired(polygon: Polygon<f64>) -> Vec<Polygon<f64>> {
    if polygon.is_valid() {
        return vec![polygon];
    }
    // What cannot be repaired here is left as it is; the topology mends or reports it.
    polygon.make_valid().map_or_else(|_| vec![polygon.clone()], |valid| valid.0)
}

/// The union works on a grid of its own, finer than this distance in degrees (0.2 mm).
const CELL: f64 = 2e-9;

/// Moves each vertex to the original one that it came from, if there is one.
fn moved_back(united: &MultiPolygon<f64>, originals: &[Polygon<f64>]) -> MultiPolygon<f64> {
    let cell = |c: Coord<f64>| ((c.x / CELL).floor() as i64, (c.y / CELL).floor() as i64);
    let rings = originals.iter().flat_map(|p| std::iter::once(p.exterior()).chain(p.interiors()));
    let places: HashMap<(i64, i64), Coord<f64>> =
        rings.flat_map(|ring| &ring.0).map(|c| (cell(*c), *c)).collect();
    let distance = |a: Coord<f64>, b: Coord<f64>| (a.x - b.x).hypot(a.y - b.y);
    united.map_coords(|coord| {
        let (column, row) = cell(coord);
        let near = (-1..=1).flat_map(|dx| (-1..=1).map(move |dy| (column + dx, row + dy)));
        near.filter_map(|place| places.get(&place).copied())
            .min_by(|a, b| distance(*a, coord).total_cmp(&distance(*b, coord)))
            .unwrap_or(coord)
    })
}

/// On the sphere, near enough for a report.
fn square_metres_per_square_degree(place: &MultiPolygon<f64>) -> f64 {
    const METRES_PER_DEGREE: f64 = 111_320.0;
    let latitude = place.bounding_rect().map_or(0.0, |b| b.center().y);
    METRES_PER_DEGREE * METRES_PER_DEGREE * latitude.to_radians().cos()
}

#[cfg(test)]
mod tests {
    use geo_types::polygon;
    use proptest::prelude::*;

    use super::*;

    fn square(x: f64, y: f64, size: f64) -> MultiPolygon<f64> {
        let (e, n) = (x + size, y + size);
        polygon![(x: x, y: y), (x: e, y: y), (x: e, y: n), (x: x, y: n)].into()
    }

    #[test]
    fn parts_that_lie_apart_stay_as_they_are() {
        let result = dissolve(vec![square(9.0, 52.0, 0.1), square(9.5, 52.0, 0.1)]);
        assert_eq!(result.geometry.0, [square(9.0, 52.0, 0.1).0, square(9.5, 52.0, 0.1).0].concat());
        assert!(result.overlap.abs() < f64::EPSILON);
    }

    #[test]
    fn parts_that_touch_become_one_and_keep_their_vertices() {
        let (a, b) = (square(9.123_456_789_012, 52.0, 0.1), square(9.223_456_789_012, 52.0, 0.1));
        let corners: Vec<Coord<f64>> = a.0.iter().chain(&b.0).flat_map(|p| p.exterior().0.clone()).collect();
        let result = dissolve(vec![a, b]);
        assert_eq!(result.geometry.0.len(), 1);
        assert!(result.geometry.0[0].exterior().0.iter().all(|c| corners.contains(c)));
        assert!(result.overlap < ROUNDING_AREA);
    }

    #[test]
    fn an_overlap_counts_once_and_is_measured() {
        let result = dissolve(vec![square(9.0, 52.0, 0.1), square(9.05, 52.0, 0.1)]);
        assert_eq!(result.geometry.0.len(), 1);
        assert!((result.geometry.unsigned_area() - 0.015).abs() < 1e-9);
        assert!((result.overlap / 38.1e6 - 1.0).abs() < 0.01, "{}", result.overlap);
    }

    #[test]
    fn a_hole_that_another_feature_fills_is_closed() {
        let ring = Polygon::new(
            square(9.0, 52.0, 0.3).0[0].exterior().clone(),
            vec![square(9.1, 52.1, 0.1).0[0].exterior().clone()],
        );
        let result = dissolve(vec![ring.into(), square(9.1, 52.1, 0.1)]);
        assert_eq!(result.geometry.0.len(), 1);
        assert!(result.geometry.0[0].interiors().is_empty());
    }

    proptest! {
        #[test]
        fn the_area_of_squares_without_overlap_is_kept(cells in proptest::collection::btree_set((0_u8..6, 0_u8..6), 1..12)) {
            let features: Vec<_> = cells
                .iter()
                .map(|(x, y)| square(9.0 + f64::from(*x) / 64.0, 52.0 + f64::from(*y) / 64.0, 1.0 / 64.0))
                .collect();
            let expected = cells.len() as f64 / 4096.0;
            let result = dissolve(features);
            prop_assert!((result.geometry.unsigned_area() - expected).abs() < 1e-9);
            prop_assert!(result.overlap < ROUNDING_AREA);
        }
    }
}
