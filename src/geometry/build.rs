//! From the polygons of an edition to its topology, arcs per zoom, label points and report.

use std::collections::BTreeSet;

use geo::{BooleanOps, CoordsIter, MakeValid};
use geo_types::{LineString, MultiPolygon};

use super::MAX_ZOOM;
use super::grid::GridPoint;
use super::labels::{self, LabelPoint};
use super::noding;
use super::report::{self, Defect, Repair, TopologyReport, from_geo, to_geo, unit_length};
use super::rings::{self, Polygon, Xy};
use super::simplify::Simplifier;
use super::topology::{self, Topology};
use super::zoom_arcs::ZoomArcs;

/// How an edition is built.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct BuildOptions {
    /// Vertices of neighbours that do not match are moved together within this distance, in metres. 0: only equal
    /// points and vertices that lie on a neighbour's edge (to 3 cm) match.
    pub snap_tolerance_m: f64,
}

/// What is being done at the moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// Rings are cleaned and repaired.
    Repair,
    /// Common borders are found.
    Match,
    /// Gaps and overlaps are measured.
    Measure,
    /// Label points are placed.
    Label,
    /// Arcs are simplified, zoom by zoom.
    Simplify,
}

/// Everything that is stored of an edition's geometry.
#[derive(Debug, Clone)]
pub struct BuiltEdition {
    /// Which arcs bound which region.
    pub topology: Topology,
    /// The arcs' points at zooms 0 to 14, in this order.
    pub zooms: Vec<ZoomArcs>,
    /// Label point by ordinal; `None` for regions without geometry.
    pub labels: Vec<Option<LabelPoint>>,
    /// What was found and mended.
    pub report: TopologyReport,
}

/// Why an edition cannot be built.
#[derive(Debug, Clone, Copy, PartialEq, thiserror::Error)]
pub enum GeometryError {
    /// A coordinate is not finite or no position in degrees.
    #[error("The region {ordinal} has the coordinate {lon} {lat}, which is no position in degrees")]
    Coordinate {
        /// Region.
        ordinal: u32,
        /// Longitude.
        lon: f64,
        /// Latitude.
        lat: f64,
    },
    /// More regions or points than ordinals and indexes can count.
    #[error("The edition has too many points ({0})")]
    TooLarge(usize),
}

/// Most points of an edition, fifty times those of all German municipalities in full detail.
const MAX_POINTS: usize = 100_000_000;

/// Distance in grid units (1.9 cm at the equator) within which a vertex lies on an edge: two roundings.
const ON_EDGE: f64 = 1.5;

/// Builds the topology of an edition and everything that follows from it.
///
/// `regions` are geometries in degrees (WGS 84) by ordinal. Parts of one region that have common edges are joined.
/// `progress` is told the step and the part of it that is done, 0 to 1.
///
/// # Errors
/// If a coordinate is no position in degrees. Anything else that is wrong is mended and reported.
pub fn build_edition(
    regions: &[Option<MultiPolygon<f64>>],
    options: &BuildOptions,
    progress: &mut dyn FnMut(Step, f64),
) -> Result<BuiltEdition, GeometryError> {
    let mut report = TopologyReport::default();
    progress(Step::Repair, 0.0);
    let mut polygons = to_grid(regions, &mut report)?;
    repair(&mut polygons, &mut report);
    progress(Step::Match, 0.0);
    match_borders(&mut polygons, options, &mut report);
    progress(Step::Measure, 0.0);
    measure(&polygons, &mut report);
    for (ordinal, region) in regions.iter().enumerate() {
        if let (true, Some(region)) = (polygons[ordinal].is_empty(), region) {
            let place = region.coords_iter().next().map_or((0.0, 0.0), |c| (c.x, c.y));
            report.repaired.push(Repair { ordinal: ordinal as u32, defect: Defect::Lost, place });
        }
    }
    report.repaired.sort_by_key(|repair| repair.ordinal);
    progress(Step::Label, 0.0);
    let labels = labels::label_points(&polygons);
    let (topology, arcs) = topology::arcs_of(&polygons);
    drop(polygons);
    let mut simplifier = Simplifier::new(arcs);
    let mut zooms = Vec::with_capacity(usize::from(MAX_ZOOM) + 1);
    for zoom in (0..=MAX_ZOOM).rev() {
        progress(Step::Simplify, f64::from(MAX_ZOOM - zoom) / f64::from(MAX_ZOOM + 1));
        simplifier.simplify_to(zoom);
        zooms.push(ZoomArcs::new(zoom, &topology, simplifier.rounded(zoom), &labels));
    }
    zooms.reverse();
    progress(Step::Simplify, 1.0);
    Ok(BuiltEdition { topology, zooms, labels, report })
}

fn to_grid(
    regions: &[Option<MultiPolygon<f64>>],
    report: &mut TopologyReport,
) -> Result<Vec<Vec<Polygon>>, GeometryError> {
    let mut polygons = Vec::with_capacity(regions.len());
    let mut points = regions.len();
    for (ordinal, region) in regions.iter().enumerate() {
        let mut parts = Vec::new();
        for polygon in region.iter().flat_map(|region| &region.0) {
            let mut part: Polygon = Vec::new();
            for line in std::iter::once(polygon.exterior()).chain(polygon.interiors()) {
                points += line.0.len();
                part.push(ring_on_grid(line, ordinal)?);
            }
            parts.push(part);
        }
        if points > MAX_POINTS {
            return Err(GeometryError::TooLarge(points));
        }
        tidy(ordinal, &mut parts, report);
        polygons.push(parts);
    }
    Ok(polygons)
}

fn ring_on_grid(line: &LineString<f64>, ordinal: usize) -> Result<Vec<Xy>, GeometryError> {
    let on_grid = |c: &geo_types::Coord<f64>| {
        // A little beyond the poles and the date line is rounding.
        if c.x.abs() <= 180.000_001 && c.y.abs() <= 90.000_001 {
            let point = GridPoint::from_degrees(c.x, c.y);
            Ok([point.x, point.y])
        } else {
            Err(GeometryError::Coordinate { ordinal: ordinal as u32, lon: c.x, lat: c.y })
        }
    };
    line.0.iter().map(on_grid).collect()
}

/// Cleans the rings of a region, winds exteriors positively and holes negatively, and leaves out what has no area.
fn tidy(ordinal: usize, polygons: &mut Vec<Polygon>, report: &mut TopologyReport) {
    for polygon in polygons.iter_mut() {
        let mut kept = Vec::with_capacity(polygon.len());
        for (index, mut ring) in std::mem::take(polygon).into_iter().enumerate() {
            let place = ring.first().copied();
            rings::clean(&mut ring);
            // A ring without points has no area; one with points and no area is a bow tie, and will be repaired.
            if ring.is_empty() {
                if let Some(place) = place {
                    report.repair(ordinal, Defect::EmptyRing, place);
                }
                if index == 0 {
                    break;
                }
                continue;
            }
            if (rings::area2(&ring) > 0) != (index == 0) {
                ring.reverse();
            }
            kept.push(ring);
        }
        *polygon = kept;
    }
    polygons.retain(|polygon| !polygon.is_empty());
}

/// Resolves regions whose rings cross.
fn repair(regions: &mut [Vec<Polygon>], report: &mut TopologyReport) {
    /// Rounding a repaired ring to the grid can make it cross again, once in a while.
    const ROUNDS: usize = 3;
    for (ordinal, place) in noding::dissolve(regions) {
        report.repair(ordinal as usize, Defect::Joined, place);
    }
    let mut mended = BTreeSet::new();
    for round in 0..=ROUNDS {
        let crossing = noding::crossings(&noding::owned_edges(regions));
        let own = crossing
            .iter()
            .filter(|((a, b), _)| a == b)
            .map(|((ordinal, _), place)| (*ordinal as usize, *place));
        let own: Vec<(usize, Xy)> = own.collect();
        for (ordinal, place) in own {
            if round == ROUNDS {
                report.repair(ordinal, Defect::CrossingLeft, place);
                continue;
            }
            if mended.insert(ordinal) {
                report.repair(ordinal, Defect::Crossing, place);
            }
            regions[ordinal] = made_valid(&regions[ordinal]);
            tidy(ordinal, &mut regions[ordinal], report);
        }
        if mended.is_empty() {
            break;
        }
    }
}

/// A region's polygons without crossings: each resolved by the even-odd rule, then united.
fn made_valid(polygons: &[Polygon]) -> Vec<Polygon> {
    let Some(&origin) = polygons.iter().flatten().flatten().next() else { return Vec::new() };
    let geometry = to_geo(polygons, origin);
    let parts = geometry.0.into_iter().map(|polygon| {
        // A polygon that cannot be triangulated stays as it is; it will be reported as still crossing.
        polygon.make_valid().unwrap_or_else(|_| MultiPolygon::new(vec![polygon]))
    });
    let united = parts.reduce(|all, part| all.union(&part));
    united.map(|geometry| from_geo(&geometry, origin)).unwrap_or_default()
}

/// Snaps and nodes, and joins parts of a region that have come to share edges.
fn match_borders(regions: &mut [Vec<Polygon>], options: &BuildOptions, report: &mut TopologyReport) {
    let snap = |point: Xy| options.snap_tolerance_m.max(0.0) / unit_length(point);
    if options.snap_tolerance_m > 0.0 {
        report.snapped = noding::snap(regions, &snap);
        for (ordinal, polygons) in regions.iter_mut().enumerate() {
            tidy(ordinal, polygons, report);
        }
    }
    report.noded = noding::node(regions, &|point| snap(point).max(ON_EDGE));
    for (ordinal, polygons) in regions.iter_mut().enumerate() {
        tidy(ordinal, polygons, report);
    }
}

fn measure(regions: &[Vec<Polygon>], report: &mut TopologyReport) {
    let edges = noding::owned_edges(regions);
    let crossing = noding::crossings(&edges);
    let one_sided = noding::one_sided(edges);
    report.gaps = report::gaps(&one_sided);
    report.overlaps = report::overlaps(regions, &crossing, &one_sided);
}
