//! What was found and mended while the topology of an edition was built.

use std::collections::BTreeMap;

use geo::{Area, BooleanOps, InteriorPoint, MapCoords};
use geo_types::{Coord, LineString, MultiPolygon};

use super::grid::{GridPoint, WORLD_BITS};
use super::noding::OwnedEdge;
use super::rings::{self, Extent, Place, Polygon, Xy};

/// Length of the equator in metres (WGS 84), the width of the Web Mercator world.
const EQUATOR: f64 = 40_075_016.685_578_49;

/// What was wrong with a region's geometry and has been mended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Defect {
    /// A ring with fewer than three different points or without area was left out.
    EmptyRing,
    /// Rings crossed themselves or each other and were resolved by the even-odd rule.
    Crossing,
    /// Rings still cross after the repair, by less than a few centimetres.
    CrossingLeft,
    /// Several parts had common edges and were joined along them.
    Joined,
    /// Nothing was left of the geometry: the region has none.
    Lost,
}

/// A defect and its place.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Repair {
    /// Region.
    pub ordinal: u32,
    /// What was wrong.
    pub defect: Defect,
    /// Longitude and latitude in degrees.
    pub place: (f64, f64),
}

/// A part of the plane that is enclosed by regions but belongs to none: a sliver, or a lake that is no region.
#[derive(Debug, Clone, PartialEq)]
pub struct Gap {
    /// Regions around it, ascending.
    pub neighbours: Vec<u32>,
    /// Area in m².
    pub area: f64,
    /// Mean width in m: twice the area by the perimeter. Slivers are long and narrow.
    pub width: f64,
    /// Longitude and latitude in degrees of a point in it or on its edge.
    pub place: (f64, f64),
}

/// An area that two regions both claim.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Overlap {
    /// The regions, smaller ordinal first.
    pub ordinals: [u32; 2],
    /// Area in m².
    pub area: f64,
    /// Longitude and latitude in degrees of a point in it or on its edge.
    pub place: (f64, f64),
}

/// What was found and mended while the topology was built.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct TopologyReport {
    /// Mended geometries, in order of ordinals.
    pub repaired: Vec<Repair>,
    /// Places where a vertex was moved onto a neighbour's within the tolerance.
    pub snapped: usize,
    /// Vertices inserted where one region's vertex lies on another's edge.
    pub noded: usize,
    /// Gaps, largest first.
    pub gaps: Vec<Gap>,
    /// Overlaps, largest first.
    pub overlaps: Vec<Overlap>,
}

impl TopologyReport {
    pub(super) fn repair(&mut self, ordinal: usize, defect: Defect, place: Xy) {
        self.repaired.push(Repair { ordinal: ordinal as u32, defect, place: degrees(place) });
    }
}

/// Longitude and latitude of a grid point.
pub(super) fn degrees(point: Xy) -> (f64, f64) {
    GridPoint { x: point[0], y: point[1] }.to_degrees()
}

/// Length of a grid unit in metres at a point, on the sphere (0.3 % at most from the ellipsoid).
pub(super) fn unit_length(point: Xy) -> f64 {
    EQUATOR / 2_f64.powi(WORLD_BITS as i32) * degrees(point).1.to_radians().cos()
}

/// Finds the gaps: what one-sided edges enclose from outside.
pub(super) fn gaps(edges: &[OwnedEdge]) -> Vec<Gap> {
    let mut owners: BTreeMap<(Xy, Xy), u32> = BTreeMap::new();
    for edge in edges {
        owners.insert((edge.to, edge.from), edge.region);
    }
    let outside: Vec<(Xy, Xy)> = owners.keys().copied().collect();
    let (polygons, _outer) = rings::assemble(rings::trace(&outside));
    let mut gaps: Vec<Gap> = polygons.iter().map(|polygon| gap(polygon, &owners)).collect();
    gaps.sort_by(|a, b| b.area.total_cmp(&a.area));
    gaps
}

fn gap(polygon: &Polygon, owners: &BTreeMap<(Xy, Xy), u32>) -> Gap {
    let edges = rings::edges_of(polygon);
    let mut neighbours: Vec<u32> = edges.iter().filter_map(|edge| owners.get(edge)).copied().collect();
    neighbours.sort_unstable();
    neighbours.dedup();
    let place = polygon[0][0];
    let unit = unit_length(place);
    let length = |(a, b): &(Xy, Xy)| f64::from(a[0].abs_diff(b[0])).hypot(f64::from(a[1].abs_diff(b[1])));
    let perimeter: f64 = edges.iter().map(length).sum();
    let area2: i64 = polygon.iter().map(|ring| rings::area2(ring)).sum();
    let area = area2 as f64 / 2.0 * unit * unit;
    Gap { neighbours, area, width: 2.0 * area / (perimeter * unit), place: degrees(place) }
}

/// Measures the overlaps of pairs of regions that cross, and of regions that lie wholly within another.
pub(super) fn overlaps(
    regions: &[Vec<Polygon>],
    crossing: &BTreeMap<(u32, u32), Xy>,
    one_sided: &[OwnedEdge],
) -> Vec<Overlap> {
    let mut pairs: Vec<(u32, u32)> = crossing.keys().copied().filter(|(a, b)| a != b).collect();
    pairs.extend(enclosed(regions, one_sided));
    pairs.sort_unstable();
    pairs.dedup();
    let mut overlaps: Vec<Overlap> = pairs.into_iter().filter_map(|(a, b)| overlap(regions, a, b)).collect();
    overlaps.sort_by(|a, b| b.area.total_cmp(&a.area));
    overlaps
}

/// Pairs of a region whose outer boundary touches no neighbour, and a region around it without a hole for it.
fn enclosed(regions: &[Vec<Polygon>], one_sided: &[OwnedEdge]) -> Vec<(u32, u32)> {
    let owners: BTreeMap<(Xy, Xy), u32> = one_sided.iter().map(|e| ((e.from, e.to), e.region)).collect();
    let edges: Vec<(Xy, Xy)> = owners.keys().copied().collect();
    let extents: Vec<Extent> = regions.iter().map(|r| Extent::of(r.iter().flatten().flatten())).collect();
    let mut pairs = Vec::new();
    for ring in rings::trace(&edges).iter().filter(|ring| rings::area2(ring) > 0) {
        let Some(&owner) = owners.get(&(ring[0], ring[1])) else { continue };
        let point = Extent::of(&ring[..1]);
        for (other, polygons) in regions.iter().enumerate() {
            if extents[other].holds(&point) && other as u32 != owner && holds(polygons, ring[0]) {
                pairs.push((owner.min(other as u32), owner.max(other as u32)));
            }
        }
    }
    pairs
}

fn holds(polygons: &[Polygon], point: Xy) -> bool {
    let inside = |ring: &Vec<Xy>| rings::place(point, ring) == Place::Inside;
    polygons.iter().any(|polygon| inside(&polygon[0]) && !polygon[1..].iter().any(inside))
}

fn overlap(regions: &[Vec<Polygon>], a: u32, b: u32) -> Option<Overlap> {
    let [first, second] = [a, b].map(|ordinal| &regions[ordinal as usize]);
    let origin = *first.first()?.first()?.first()?;
    let shared = to_geo(first, origin).intersection(&to_geo(second, origin));
    let inside = shared.interior_point()?;
    let at = |value: f64, axis: usize| (value + f64::from(origin[axis])).round() as i32;
    let place = [at(inside.x(), 0), at(inside.y(), 1)];
    let unit = unit_length(place);
    let area = shared.unsigned_area() * unit * unit;
    (area > 0.0).then(|| Overlap { ordinals: [a, b], area, place: degrees(place) })
}

/// Polygons as `geo` wants them, relative to `origin` so that nothing is lost in floating point.
pub(super) fn to_geo(polygons: &[Polygon], origin: Xy) -> MultiPolygon<f64> {
    let coord = |point: &Xy| Coord {
        x: f64::from(point[0]) - f64::from(origin[0]),
        y: f64::from(point[1]) - f64::from(origin[1]),
    };
    let line = |ring: &Vec<Xy>| LineString::new(ring.iter().map(coord).collect());
    let polygon =
        |rings: &Polygon| geo_types::Polygon::new(line(&rings[0]), rings[1..].iter().map(line).collect());
    MultiPolygon::new(polygons.iter().filter(|rings| !rings.is_empty()).map(polygon).collect())
}

/// The inverse of [`to_geo`], rounded to the grid and cleaned.
pub(super) fn from_geo(geometry: &MultiPolygon<f64>, origin: Xy) -> Vec<Polygon> {
    let moved =
        geometry.map_coords(|c| Coord { x: c.x + f64::from(origin[0]), y: c.y + f64::from(origin[1]) });
    let ring =
        |line: &LineString<f64>| line.0.iter().map(|c| [c.x.round() as i32, c.y.round() as i32]).collect();
    let polygon =
        |p: &geo_types::Polygon<f64>| std::iter::once(p.exterior()).chain(p.interiors()).map(ring).collect();
    moved.0.iter().map(polygon).collect()
}
