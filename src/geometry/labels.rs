//! Label points: where a region's name goes, and from which zoom.

use std::collections::HashMap;

use geo::InteriorPoint;
use polylabel::polylabel;

use super::grid::{GridPoint, WORLD_BITS};
use super::report::{to_geo, unit_length};
use super::rings::{self, Place, Polygon, Xy};

/// Zoom at which every label is shown at the latest; collisions are left to the renderer from there.
const LAST_LABEL_ZOOM: u8 = 10;

/// Distance between labels of the same zoom, in pixels of a tile drawn with 512 pixels.
const SPACING: f64 = 70.0;

/// Where a region's label goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LabelPoint {
    /// A point in the region, far from its edges: the pole of inaccessibility of its largest polygon.
    pub point: GridPoint,
    /// First zoom, 0 to 10, at which the label keeps its distance from all labels of lower rank.
    pub minzoom: u8,
    /// 0 is the most important region, by area; equal areas by ordinal.
    pub rank: u32,
}

/// The label points of regions on the grid; `None` for regions without polygons.
pub(super) fn label_points(regions: &[Vec<Polygon>]) -> Vec<Option<LabelPoint>> {
    let mut ranked: Vec<(f64, usize, Xy)> = Vec::new();
    for (ordinal, polygons) in regions.iter().enumerate() {
        let Some(largest) = polygons.iter().max_by_key(|polygon| polygon_area2(polygon)) else { continue };
        let unit = unit_length(largest[0][0]);
        let area: i64 = polygons.iter().map(polygon_area2).sum();
        ranked.push((area as f64 * unit * unit, ordinal, point_in(largest)));
    }
    ranked.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
    let places: Vec<Xy> = ranked.iter().map(|&(_, _, place)| place).collect();
    let minzooms = minzooms(&places);
    let mut labels = vec![None; regions.len()];
    for (rank, (&(_, ordinal, [x, y]), minzoom)) in ranked.iter().zip(minzooms).enumerate() {
        labels[ordinal] = Some(LabelPoint { point: GridPoint { x, y }, minzoom, rank: rank as u32 });
    }
    labels
}

fn polygon_area2(polygon: &Polygon) -> i64 {
    polygon.iter().map(|ring| rings::area2(ring)).sum()
}

/// A point inside a polygon, far from its edges if it can be found.
fn point_in(polygon: &Polygon) -> Xy {
    let origin = polygon[0][0];
    let geometry = to_geo(std::slice::from_ref(polygon), origin);
    // A hundredth of the side of a square of the same area: finer than a label is placed.
    let tolerance = (polygon_area2(polygon).max(1) as f64).sqrt() / 100.0;
    let pole = geometry.0.first().and_then(|polygon| polylabel(polygon, &tolerance.max(0.5)).ok());
    let candidates = [pole, geometry.interior_point()];
    let on_grid = candidates.into_iter().flatten().map(|p| {
        [(p.x().round() as i32).saturating_add(origin[0]), (p.y().round() as i32).saturating_add(origin[1])]
    });
    let inside = |point: &Xy| {
        rings::place(*point, &polygon[0]) == Place::Inside
            && polygon[1..].iter().all(|hole| rings::place(*point, hole) != Place::Inside)
    };
    // A polygon without a grid point inside has its corner.
    on_grid.into_iter().find(inside).unwrap_or(origin)
}

/// Places labels greedily in their order at zoom 0, then those that are left at zoom 1, and so on.
fn minzooms(places: &[Xy]) -> Vec<u8> {
    let mut minzooms = vec![LAST_LABEL_ZOOM; places.len()];
    for zoom in 0..LAST_LABEL_ZOOM {
        let spacing = SPACING * 2_f64.powi(WORLD_BITS as i32 - 9 - i32::from(zoom));
        let cell = |point: Xy| point.map(|value| (f64::from(value) / spacing).floor() as i64);
        let mut placed: HashMap<[i64; 2], Vec<Xy>> = HashMap::new();
        let near =
            |a: Xy, b: Xy| f64::from(a[0].abs_diff(b[0])).hypot(f64::from(a[1].abs_diff(b[1]))) < spacing;
        let earlier = (0..places.len()).filter(|&index| minzooms[index] < zoom);
        earlier.for_each(|index| placed.entry(cell(places[index])).or_default().push(places[index]));
        for (minzoom, &place) in minzooms.iter_mut().zip(places).filter(|(minzoom, _)| **minzoom >= zoom) {
            let [column, row] = cell(place);
            let around = (-1..=1).flat_map(|dx| (-1..=1).map(move |dy| [column + dx, row + dy]));
            let crowded =
                around.filter_map(|cell| placed.get(&cell)).flatten().any(|&other| near(place, other));
            if !crowded {
                *minzoom = zoom;
                placed.entry([column, row]).or_default().push(place);
            }
        }
    }
    minzooms
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_label_lies_in_the_largest_polygon_and_not_in_its_hole() {
        let ring = |x: i32, side: i32| vec![[x, 0], [x + side, 0], [x + side, side], [x, side]];
        let hole = vec![[100, 100], [100, 900], [900, 900], [900, 100]];
        let regions = vec![vec![vec![ring(5000, 100)], vec![ring(0, 1000), hole.clone()]], vec![]];
        let labels = label_points(&regions);
        let point = labels[0].unwrap().point;
        assert_eq!(rings::place([point.x, point.y], &ring(0, 1000)), Place::Inside);
        assert_eq!(rings::place([point.x, point.y], &hole), Place::Outside);
        assert_eq!(labels[1], None);
    }

    #[test]
    fn large_regions_come_first_and_equal_ones_by_ordinal() {
        let square = |x: i32, side: i32| vec![vec![vec![[x, 0], [x + side, 0], [x + side, side], [x, side]]]];
        let labels = label_points(&[square(0, 1000), square(2000, 1000), square(4000, 5000)]);
        let ranks: Vec<u32> = labels.iter().map(|label| label.unwrap().rank).collect();
        assert_eq!(ranks, [1, 2, 0]);
    }

    #[test]
    fn labels_of_one_zoom_keep_their_distance() {
        let places: Vec<Xy> =
            (0..400).map(|i| [1 << 30 | ((i % 20) * 900_000), 1 << 30 | ((i / 20) * 700_000)]).collect();
        let minzooms = minzooms(&places);
        for zoom in 0..LAST_LABEL_ZOOM {
            let shown: Vec<&Xy> =
                places.iter().zip(&minzooms).filter(|(_, m)| **m <= zoom).map(|(p, _)| p).collect();
            for (i, a) in shown.iter().enumerate() {
                for b in &shown[i + 1..] {
                    let apart = f64::from(a[0] - b[0]).hypot(f64::from(a[1] - b[1]));
                    assert!(apart * 2_f64.powi(i32::from(zoom) - 22) >= SPACING);
                }
            }
        }
        assert!(minzooms.contains(&0));
    }
}
