//! Properties that hold for every partition of the plane.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use geo_types::{Coord, LineString, MultiPolygon, Polygon};
use proptest::prelude::*;

use super::clip::{self, BOX};
use super::noding::{self, OwnedEdge};
use super::rings::{self, Xy};
use super::simplify::Simplifier;
use super::topology::{self, Topology};
use super::{
    BuildOptions, BuiltEdition, Defect, GridPoint, TileCoord, TileGeometry, ZoomArcs, ZoomGeometry,
    build_edition,
};

const BOX_AREA2: i64 = 2 * 4224 * 4224;

/// A perturbed grid of regions with wiggly shared borders. Some regions have an enclave, some are missing, some
/// islands lie outside, and ring starts and directions are arbitrary.
#[derive(Debug, Clone)]
struct Partition {
    columns: i32,
    rows: i32,
    /// Points between the corners of a border.
    detail: i32,
    /// Width of a cell in degrees.
    cell: f64,
    seed: u64,
}

fn partitions() -> impl Strategy<Value = Partition> {
    (1..6, 1..6, 0..12, prop_oneof![Just(0.001), Just(0.02), Just(0.4)], any::<u64>())
        .prop_map(|(columns, rows, detail, cell, seed)| Partition { columns, rows, detail, cell, seed })
}

impl Partition {
    /// A number from 0 to 1 that depends on the seed and the arguments only (`SplitMix64`).
    fn random(&self, parts: [i32; 4]) -> f64 {
        let mut state = self.seed;
        for part in parts {
            state = state.wrapping_add(0x9e37_79b9_7f4a_7c15).wrapping_add(part as u64);
            state = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            state = (state ^ (state >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
            state ^= state >> 31;
        }
        (state >> 11) as f64 / (1_u64 << 53) as f64
    }

    fn point(&self, x: f64, y: f64) -> Coord<f64> {
        Coord { x: 10.0 + x * self.cell, y: 51.0 + y * self.cell }
    }

    fn corner(&self, i: i32, j: i32) -> (f64, f64) {
        let off = |axis| (self.random([i, j, axis, 1]) - 0.5) * 0.4;
        (f64::from(i) + off(0), f64::from(j) + off(1))
    }

    /// The border from a corner to the next one to the east or north, both ends included.
    fn border(&self, i: i32, j: i32, east: bool) -> Vec<Coord<f64>> {
        let (from, to) =
            (self.corner(i, j), if east { self.corner(i + 1, j) } else { self.corner(i, j + 1) });
        let count = self.detail + 1;
        (0..=count)
            .map(|step| {
                let part = f64::from(step) / f64::from(count);
                let wiggle = if step == 0 || step == count {
                    0.0
                } else {
                    self.random([i, j, step, east.into()]) - 0.5
                };
                let (x, y) = (from.0 + (to.0 - from.0) * part, from.1 + (to.1 - from.1) * part);
                let side = wiggle * 0.2 * (1.0 - (2.0 * part - 1.0).abs());
                if east { self.point(x, y + side) } else { self.point(x + side, y) }
            })
            .collect()
    }

    fn cell_ring(&self, i: i32, j: i32) -> LineString<f64> {
        let mut ring = self.border(i, j, true);
        ring.extend(&self.border(i + 1, j, false)[1..]);
        ring.extend(self.border(i, j + 1, true).iter().rev().skip(1));
        ring.extend(self.border(i, j, false).iter().rev().skip(1));
        self.turned(ring, i, j)
    }

    /// The ring with another start, and for some the other way round.
    fn turned(&self, mut ring: Vec<Coord<f64>>, i: i32, j: i32) -> LineString<f64> {
        ring.pop();
        let start = (self.random([i, j, 0, 2]) * ring.len() as f64) as usize;
        let start = start.min(ring.len() - 1);
        ring.rotate_left(start);
        if self.random([i, j, 0, 3]) < 0.5 {
            ring.reverse();
        }
        ring.push(ring[0]);
        LineString::new(ring)
    }

    fn square(&self, x: f64, y: f64, side: f64, i: i32, j: i32) -> LineString<f64> {
        let ends = [(0.0, 0.0), (1.0, 0.0), (1.0, 1.0), (0.3, 1.1), (0.0, 1.0), (0.0, 0.0)];
        self.turned(ends.iter().map(|(dx, dy)| self.point(x + dx * side, y + dy * side)).collect(), i, j)
    }

    fn regions(&self) -> Vec<Option<MultiPolygon<f64>>> {
        let mut regions = Vec::new();
        for i in 0..self.columns {
            for j in 0..self.rows {
                let kind = self.random([i, j, 0, 4]);
                if kind < 0.1 {
                    continue;
                }
                let mut holes = Vec::new();
                if kind > 0.7 {
                    let (x, y, side) = (f64::from(i) + 0.4, f64::from(j) + 0.4, 0.02 + kind * 0.15);
                    holes.push(self.square(x, y, side, i, j));
                    regions.push(Some(Polygon::new(self.square(x, y, side, j, i), vec![]).into()));
                }
                regions.push(Some(Polygon::new(self.cell_ring(i, j), holes).into()));
            }
        }
        let islands = (0..3)
            .map(|n| Polygon::new(self.square(-2.0, f64::from(n), 0.1 * f64::from(n + 1), n, -1), vec![]));
        regions.push(Some(MultiPolygon::new(islands.collect())));
        regions.push(None);
        regions
    }

    fn build(&self) -> BuiltEdition {
        build_edition(&self.regions(), &BuildOptions::default(), &mut |_, _| {}).unwrap()
    }
}

fn zooms(built: &BuiltEdition) -> impl Iterator<Item = ZoomGeometry> {
    let topology = Arc::new(built.topology.clone());
    built.zooms.iter().map(move |arcs| ZoomGeometry::new(Arc::clone(&topology), arcs.clone()).unwrap())
}

/// Tiles at a zoom that hold a label, and their neighbours, at most a hundred.
fn tiles(built: &BuiltEdition, zoom: u8) -> Vec<TileCoord> {
    let mut tiles = Vec::new();
    for label in built.labels.iter().flatten() {
        let centre = TileCoord::containing(zoom, label.point);
        for (dx, dy) in [(0, 0), (1, 0), (0, 1), (-1, 0), (0, -1)] {
            let shifted = (centre.x().checked_add_signed(dx), centre.y().checked_add_signed(dy));
            if let (Some(x), Some(y)) = shifted {
                tiles.extend(TileCoord::new(zoom, x, y));
            }
        }
    }
    tiles.sort_unstable();
    tiles.dedup();
    tiles.truncate(100);
    tiles
}

fn outer_ranks(topology: &Topology) -> Vec<u8> {
    topology.border_ranks(&[vec![Some(0); topology.region_count()]])
}

fn drawn_area2(tile: &TileGeometry) -> i64 {
    tile.regions
        .iter()
        .flat_map(|region| region.polygons.iter().flatten())
        .map(|ring| rings::area2(ring))
        .sum()
}

fn on_box(a: Xy, b: Xy) -> bool {
    (0..2).any(|axis| a[axis] == b[axis] && (a[axis] == BOX.min[axis] || a[axis] == BOX.max[axis]))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    #[test]
    fn no_region_is_lost_at_any_zoom(partition in partitions()) {
        let built = partition.build();
        prop_assert!(built.report.repaired.iter().all(|repair| repair.defect != Defect::Lost));
        for zoom in zooms(&built) {
            for (ordinal, label) in built.labels.iter().enumerate() {
                let Some(label) = label else { continue };
                let tile = zoom.tile(TileCoord::containing(zoom.zoom(), label.point), &[]);
                let there = tile.regions.iter().any(|region| region.ordinal as usize == ordinal);
                prop_assert!(there, "region {} at zoom {}", ordinal, zoom.zoom());
            }
        }
    }

    #[test]
    fn areas_add_up_exactly_where_regions_cover_the_whole_tile(partition in partitions()) {
        let built = partition.build();
        let ranks = outer_ranks(&built.topology);
        for zoom in zooms(&built) {
            for coord in tiles(&built, zoom.zoom()) {
                let tile = zoom.tile(coord, &ranks);
                let of_regions: i64 = tile.regions.iter().map(|region| region.surplus).sum();
                let dropped = tile.surplus - of_regions;
                prop_assert!(dropped.abs() < 2000, "{} {:?}", dropped, coord);
                let all_there = built.zooms[usize::from(zoom.zoom())].collapsed_count() == 0;
                if all_there && !tile.regions.is_empty() && tile.borders.iter().all(|line| line.rank == 0) {
                    prop_assert_eq!(drawn_area2(&tile) - tile.surplus, BOX_AREA2, "{:?}", coord);
                }
            }
        }
    }

    #[test]
    fn both_sides_of_a_border_have_the_same_points(partition in partitions()) {
        let built = partition.build();
        let ranks = outer_ranks(&built.topology);
        for zoom in zooms(&built).filter(|zoom| built.zooms[usize::from(zoom.zoom())].collapsed_count() == 0) {
            for coord in tiles(&built, zoom.zoom()) {
                let tile = zoom.tile(coord, &ranks);
                if tile.surplus != 0 {
                    continue;
                }
                let rings: Vec<&Vec<Xy>> = tile.regions.iter().flat_map(|r| r.polygons.iter().flatten()).collect();
                let edges: HashSet<(Xy, Xy)> = rings::edges_of(rings).into_iter().collect();
                let mut outer: HashSet<(Xy, Xy)> = HashSet::new();
                for line in tile.borders.iter().filter(|line| line.rank == 1).flat_map(|line| &line.lines) {
                    line.windows(2).for_each(|edge| outer.extend([(edge[0], edge[1]), (edge[1], edge[0])]));
                }
                for &(a, b) in edges.iter().filter(|(a, b)| !on_box(*a, *b)) {
                    let shared = edges.contains(&(b, a)) || outer.contains(&(a, b));
                    prop_assert!(shared, "{:?} {:?} in {:?}", a, b, coord);
                }
            }
        }
    }

    #[test]
    fn rings_are_wound_by_the_specification_and_lie_in_the_box(partition in partitions()) {
        let built = partition.build();
        for zoom in zooms(&built) {
            for coord in tiles(&built, zoom.zoom()) {
                let tile = zoom.tile(coord, &[]);
                for polygon in tile.regions.iter().flat_map(|region| &region.polygons) {
                    prop_assert!(!polygon.is_empty());
                    for (index, ring) in polygon.iter().enumerate() {
                        prop_assert!(ring.len() >= 3 && ring.first() != ring.last());
                        prop_assert!(ring.iter().flatten().all(|value| (-64..=4160).contains(value)));
                        prop_assert_eq!(rings::area2(ring) > 0, index == 0);
                        prop_assert!(rings::area2(ring) != 0);
                    }
                }
                for line in tile.borders.iter().flat_map(|line| &line.lines) {
                    prop_assert!(line.len() >= 2);
                    prop_assert!(line.windows(2).all(|edge| !on_box(edge[0], edge[1])));
                }
            }
        }
    }

    #[test]
    fn areas_are_kept_within_the_tolerance(partition in partitions()) {
        let built = partition.build();
        let exact = &built.zooms[14];
        for arcs in &built.zooms {
            // Half a pixel along the perimeter, in tile units of the finest zoom.
            let unit = 1_i64 << (14 - arcs.zoom());
            for ordinal in 0..built.topology.region_count() {
                let area = |arcs: &ZoomArcs| topology::region_area2(&built.topology, arcs.arcs(), ordinal) / 2;
                let perimeter: f64 = built.topology.polygons(ordinal).iter().flatten().flatten()
                    .flat_map(|part| exact.arcs().get(part.arc()).windows(2))
                    .map(|edge| f64::from(edge[1][0] - edge[0][0]).hypot(f64::from(edge[1][1] - edge[0][1])))
                    .sum();
                let change = (area(arcs) * unit * unit - area(exact)).abs() as f64;
                prop_assert!(change <= (perimeter + 100.0 * unit as f64) * 8.0 * unit as f64, "{} at {}", change, arcs.zoom());
            }
        }
    }

    #[test]
    fn simplified_arcs_never_cross(partition in partitions()) {
        let regions = partition.regions();
        let on_grid = |line: &LineString<f64>| {
            let mut ring: Vec<Xy> = line.0.iter().map(|c| GridPoint::from_degrees(c.x, c.y)).map(|p| [p.x, p.y]).collect();
            rings::clean(&mut ring);
            ring
        };
        let polygon = |p: &Polygon<f64>| std::iter::once(p.exterior()).chain(p.interiors()).map(on_grid).collect();
        let regions: Vec<Vec<rings::Polygon>> =
            regions.iter().map(|region| region.iter().flatten().map(polygon).collect()).collect();
        let (topology, arcs) = topology::arcs_of(&regions);
        let mut simplifier = Simplifier::new(arcs);
        for zoom in (0..=14).rev() {
            simplifier.simplify_to(zoom);
            let left = simplifier.left();
            let mut edges = Vec::new();
            for (arc, points) in left.iter().enumerate() {
                edges.extend(points.windows(2).map(|e| OwnedEdge { from: e[0], to: e[1], region: arc as u32 }));
            }
            let crossings = noding::crossings(&edges);
            prop_assert!(crossings.is_empty(), "zoom {}: {:?}", zoom, crossings);
            for ordinal in 0..topology.region_count() {
                for ring in topology.polygons(ordinal).iter().flatten() {
                    prop_assert!(left.ring(ring).len() >= 3);
                }
            }
        }
    }

    #[test]
    fn stored_geometry_comes_back_as_it_was(partition in partitions()) {
        let built = partition.build();
        prop_assert_eq!(&Topology::from_bytes(&built.topology.to_bytes()).unwrap(), &built.topology);
        for arcs in &built.zooms {
            prop_assert_eq!(&ZoomArcs::from_bytes(&arcs.to_bytes()).unwrap(), arcs);
        }
    }

    #[test]
    fn damaged_bytes_are_an_error_or_something_else_but_no_panic(
        partition in partitions(),
        place in any::<prop::sample::Index>(),
        byte in any::<u8>(),
        cut in any::<prop::sample::Index>(),
    ) {
        let built = partition.build();
        let damaged = |mut bytes: Vec<u8>| {
            // Only unchanged bytes are surely too short: a changed count may fit what is left of them.
            let short = bytes[..cut.index(bytes.len())].to_vec();
            let place = place.index(bytes.len());
            bytes[place] = byte;
            (bytes, short)
        };
        let (changed, short) = damaged(built.topology.to_bytes());
        prop_assert!(Topology::from_bytes(&short).is_err());
        let topology = Topology::from_bytes(&changed).unwrap_or(built.topology.clone());
        for arcs in &built.zooms {
            let (changed, short) = damaged(arcs.to_bytes());
            prop_assert!(ZoomArcs::from_bytes(&short).is_err());
            let Ok(arcs) = ZoomArcs::from_bytes(&changed) else { continue };
            let coords = tiles(&built, arcs.zoom());
            let Ok(zoom) = ZoomGeometry::new(Arc::new(topology.clone()), arcs) else { continue };
            coords.into_iter().take(10).for_each(|coord| drop(zoom.tile(coord, &[])));
        }
    }
}

proptest! {
    #[test]
    fn arbitrary_bytes_are_an_error_and_no_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        prop_assert!(Topology::from_bytes(&bytes).is_err());
        prop_assert!(ZoomArcs::from_bytes(&bytes).is_err());
        for magic in [b"KAtopo\x01", b"KAarcs\x01"] {
            let bytes: Vec<u8> = magic.iter().chain(&bytes).copied().collect();
            let _ = (Topology::from_bytes(&bytes), ZoomArcs::from_bytes(&bytes));
        }
    }

    #[test]
    fn clipping_keeps_the_signed_area_of_any_polygon(
        points in proptest::collection::vec((-6000..10_000_i32, -6000..10_000_i32), 3..40),
    ) {
        let ring: Vec<Xy> = points.iter().map(|&(x, y)| [x, y]).chain([[points[0].0, points[0].1]]).collect();
        let clamp = |points: &[Xy]| {
            let mut path = Vec::new();
            clip::clamp_path(points.iter().copied(), &mut path);
            path
        };
        let forward = clamp(&ring);
        let backward = clamp(&ring.iter().rev().copied().collect::<Vec<_>>());
        let difference = rings::area2(&forward) + rings::area2(&backward);
        prop_assert!(difference.abs() <= 4224 * 4 * ring.len() as i64);
        let mut closed = forward;
        closed.pop();
        let exact = rings::area2(&closed);
        let (polygons, surplus) = clip::polygons_of(vec![closed]);
        let drawn: i64 = polygons.iter().flatten().map(|ring| rings::area2(ring)).sum();
        prop_assert_eq!(drawn - surplus, exact);
    }

    #[test]
    fn random_geometry_is_built_without_panic(
        rings in proptest::collection::vec(proptest::collection::vec((0..60_u8, 0..60_u8), 0..12), 0..6),
        tolerance in prop_oneof![Just(0.0), Just(5.0), Just(5000.0)],
    ) {
        let line = |points: &Vec<(u8, u8)>| {
            LineString::new(points.iter().map(|&(x, y)| Coord { x: f64::from(x) * 0.01, y: 50.0 + f64::from(y) * 0.01 }).collect())
        };
        let regions: Vec<_> = rings.iter().map(|ring| Some(Polygon::new(line(ring), vec![]).into())).collect();
        let built = build_edition(&regions, &BuildOptions { snap_tolerance_m: tolerance }, &mut |_, _| {}).unwrap();
        let ranks = outer_ranks(&built.topology);
        for zoom in zooms(&built) {
            for coord in tiles(&built, zoom.zoom()) {
                zoom.tile(coord, &ranks);
            }
        }
    }
}

#[test]
fn overlaps_gaps_and_repairs_are_reported() {
    let polygon = |points: &[(f64, f64)]| {
        let ring =
            points.iter().map(|&(x, y)| Coord { x: 10.0 + x / 1000.0, y: 51.0 + y / 1000.0 }).collect();
        Some(MultiPolygon::from(Polygon::new(LineString::new(ring), vec![])))
    };
    let regions = [
        polygon(&[(0.0, 0.0), (10.0, 0.0), (10.0, 10.0), (0.0, 10.0)]),
        // Overlaps the first by a tenth, and leaves a gap between itself and the next.
        polygon(&[(9.0, 0.0), (20.0, 0.0), (15.0, 5.0), (20.0, 10.0), (9.0, 10.0)]),
        polygon(&[(20.0, 0.0), (30.0, 0.0), (30.0, 10.0), (20.0, 10.0)]),
        // A bow tie, and a line.
        polygon(&[(40.0, 0.0), (50.0, 10.0), (50.0, 0.0), (40.0, 10.0)]),
        polygon(&[(60.0, 0.0), (70.0, 0.0), (60.0, 0.0)]),
        // Lies wholly within the third.
        polygon(&[(24.0, 4.0), (26.0, 4.0), (26.0, 6.0), (24.0, 6.0)]),
    ];
    let built = build_edition(&regions, &BuildOptions::default(), &mut |_, _| {}).unwrap();
    let defects: Vec<(u32, Defect)> = built.report.repaired.iter().map(|r| (r.ordinal, r.defect)).collect();
    assert_eq!(defects, [(3, Defect::Crossing), (4, Defect::EmptyRing), (4, Defect::Lost)]);
    // A thousandth of a degree is 70 m by 111 m here.
    let pairs: HashMap<[u32; 2], f64> = built.report.overlaps.iter().map(|o| (o.ordinals, o.area)).collect();
    assert_eq!(pairs.len(), 2, "{pairs:?}");
    assert!((pairs[&[0, 1]] / 78_000.0 - 1.0).abs() < 0.02, "{pairs:?}");
    assert!((pairs[&[2, 5]] / 31_200.0 - 1.0).abs() < 0.02, "{pairs:?}");
    assert_eq!(built.report.gaps.len(), 1);
    assert_eq!(built.report.gaps[0].neighbours, [1, 2]);
    assert!((built.report.gaps[0].area / 195_000.0 - 1.0).abs() < 0.02, "{:?}", built.report.gaps);
    assert!(built.labels[4].is_none() && built.labels[3].is_some());
}

#[test]
fn positions_that_are_none_are_refused() {
    let ring = LineString::from(vec![(9.0, 50.0), (500_000.0, 50.0), (9.0, 51.0)]);
    let regions = [Some(MultiPolygon::from(Polygon::new(ring, vec![])))];
    assert!(build_edition(&regions, &BuildOptions::default(), &mut |_, _| {}).is_err());
}

#[test]
fn the_farthest_parent_level_that_differs_gives_the_rank_of_a_border() {
    let square = |x: f64| {
        let ring = vec![(x, 50.0), (x + 1.0, 50.0), (x + 1.0, 51.0), (x, 51.0)];
        Some(MultiPolygon::from(Polygon::new(LineString::from(ring), vec![])))
    };
    let regions: Vec<_> = [8.0, 9.0, 10.0, 11.0].map(square).to_vec();
    let built = build_edition(&regions, &BuildOptions::default(), &mut |_, _| {}).unwrap();
    let near = vec![Some(1), Some(1), Some(2), Some(3)];
    let far = vec![Some(1), Some(1), Some(1), None];
    let ranks = built.topology.border_ranks(&[near, far]);
    let between = |a: u32, b: u32| {
        let arc = (0..ranks.len()).find(|&arc| {
            let sides = built.topology.sides(arc);
            sides == [Some(a), Some(b)] || sides == [Some(b), Some(a)]
        });
        ranks[arc.unwrap()]
    };
    assert_eq!([between(0, 1), between(1, 2), between(2, 3)], [0, 1, 2]);
    let outer = (0..ranks.len()).filter(|&arc| built.topology.sides(arc).contains(&None));
    assert!(outer.into_iter().all(|arc| ranks[arc] == 2));
}

#[test]
fn a_region_too_small_for_a_zoom_is_drawn_as_a_square_and_its_surplus_recorded() {
    let square = |x: f64, side: f64| {
        let ring = vec![(x, 50.0), (x + side, 50.0), (x + side, 50.0 + side), (x, 50.0 + side)];
        Some(MultiPolygon::from(Polygon::new(LineString::from(ring), vec![])))
    };
    let built =
        build_edition(&[square(9.0, 0.001), square(9.1, 1.0)], &BuildOptions::default(), &mut |_, _| {});
    let built = built.unwrap();
    let small = built.labels[0].unwrap().point;
    for zoom in zooms(&built) {
        let tile = zoom.tile(TileCoord::containing(zoom.zoom(), small), &[]);
        let region = &tile.regions[0];
        assert_eq!(region.ordinal, 0);
        let drawn: i64 = region.polygons.iter().flatten().map(|ring| rings::area2(ring)).sum();
        if built.zooms[usize::from(zoom.zoom())].collapsed_count() == 0 {
            assert_eq!(region.surplus, 0);
        } else {
            assert_eq!(drawn, 2 * 64);
            assert!((2 * 48..=2 * 64).contains(&region.surplus));
        }
    }
    assert!(built.zooms[3].collapsed_count() > 0 && built.zooms[14].collapsed_count() == 0);
}

#[test]
fn borders_that_nearly_coincide_become_one_arc_if_a_tolerance_is_given() {
    let polygon = |points: &[(f64, f64)]| {
        Some(MultiPolygon::from(Polygon::new(LineString::from(points.to_vec()), vec![])))
    };
    // The second polygon's border lies 0.4 m to the east and has a vertex that the first lacks.
    let regions = [
        polygon(&[(9.0, 50.0), (9.1, 50.0), (9.1, 50.1), (9.0, 50.1)]),
        polygon(&[(9.100_006, 50.0), (9.2, 50.0), (9.2, 50.1), (9.100_006, 50.1), (9.100_005, 50.05)]),
    ];
    let shared = |snap_tolerance_m: f64| {
        let built = build_edition(&regions, &BuildOptions { snap_tolerance_m }, &mut |_, _| {}).unwrap();
        let both =
            (0..built.topology.arc_count()).filter(|&arc| !built.topology.sides(arc).contains(&None)).count();
        (both, built.report.snapped > 0, built.report.gaps.len())
    };
    assert_eq!(shared(0.0), (0, false, 0));
    assert_eq!(shared(1.0), (1, true, 0));
}
