//! Where the coordinates of a list lie: which system they are in, and whether its axes are swapped.
//!
//! Must not know: what stands at these places.
//!
//! Invariant: a system is taken only if it was given or if no other puts the points into the atlas; axes are never
//! swapped silently.

use super::{
    columns::Field,
    entry::{Draft, Drafts},
};
use crate::{
    geometry::{Crs, Reprojector},
    ingest::{Report, boundaries::grid_file},
    store::Bounds,
};

/// Systems that German lists are in, by EPSG code.
const CANDIDATES: [u32; 10] = [4326, 25832, 25833, 4647, 5650, 31466, 31467, 31468, 3035, 3857];

/// Where the points of an atlas without boundaries must lie.
const GERMANY: Bounds = Bounds { west: 5.8, south: 47.2, east: 15.1, north: 55.1 };

/// Facilities may lie outside the atlas by so many degrees before its system is doubted.
const MARGIN: f64 = 0.3;

/// The area of an atlas.
#[derive(Debug)]
pub(super) struct Frame {
    editions: Vec<Bounds>,
}

impl Frame {
    /// The area of these editions.
    pub(super) fn new(editions: Vec<Bounds>) -> Self {
        Self { editions }
    }

    fn holds(&self, (lon, lat): (f64, f64), margin: f64) -> bool {
        let inside = |b: &Bounds| {
            (b.west - margin..=b.east + margin).contains(&lon)
                && (b.south - margin..=b.north + margin).contains(&lat)
        };
        if self.editions.is_empty() { inside(&GERMANY) } else { self.editions.iter().any(inside) }
    }
}

/// Brings every point of the list to degrees. Problems are reported; facilities without a place get none.
pub(super) fn locate(
    drafts: &Drafts,
    given: Option<Crs>,
    frame: &Frame,
    report: &mut Report,
) -> Vec<Option<(f64, f64)>> {
    let points: Vec<(f64, f64)> = drafts.rows.iter().filter_map(|d| d.point).collect();
    if points.is_empty() {
        return vec![None; drafts.rows.len()];
    }
    let Some(crs) = choose(&points, given.or(drafts.crs), frame, report) else {
        return vec![None; drafts.rows.len()];
    };
    let how = match (given, drafts.crs) {
        (Some(_), _) => "given",
        (None, Some(_)) => "of the file",
        (None, None) => "recognised by where the points lie",
    };
    report.fact("crs", format!("{} ({how})", crs.name()));
    let grid = crs.wants_grid().then(grid_file::find).flatten();
    let way = match Reprojector::new(crs, grid.as_deref()) {
        Ok(way) => way,
        Err(error) => {
            report.error(None, None, format!("The coordinates cannot be read: {error}."));
            return vec![None; drafts.rows.len()];
        }
    };
    if let Some(warning) = way.warning() {
        report.warning(None, None, sentence(&warning.to_string()));
    }
    drafts.rows.iter().map(|draft| place(draft, drafts, &way, frame, report)).collect()
}

/// The words of another module as a sentence.
fn sentence(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map_or_else(String::new, |first| format!("{}{}.", first.to_uppercase(), letters.as_str()))
}

fn place(
    draft: &Draft,
    drafts: &Drafts,
    way: &Reprojector,
    frame: &Frame,
    report: &mut Report,
) -> Option<(f64, f64)> {
    let (x, y) = draft.point?;
    let column = drafts.crs.map_or_else(|| drafts.columns.header(Field::X), |_| "geometry");
    let found = way.to_degrees(x, y).ok();
    if let Some(found) = found.filter(|found| frame.holds(*found, 0.0)) {
        return Some(found);
    }
    if way.to_degrees(y, x).is_ok_and(|swapped| frame.holds(swapped, 0.0)) {
        let sentence =
            format!("The two coordinates {x} and {y} are swapped: the first must be east or longitude.");
        report.error(Some(draft.line), Some(column), sentence);
        return None;
    }
    if found.is_some() {
        let sentence = format!("The point {x} {y} lies outside the boundaries of the atlas.");
        report.warning(Some(draft.line), Some(column), sentence);
    } else {
        let sentence = format!("The coordinate {x} {y} does not lie on the earth in this system.");
        report.error(Some(draft.line), Some(column), sentence);
    }
    found
}

/// The system of the points: the one that was said, or the only one that puts most of them into the atlas.
fn choose(points: &[(f64, f64)], said: Option<Crs>, frame: &Frame, report: &mut Report) -> Option<Crs> {
    let candidates: Vec<Crs> = match said {
        Some(crs) => vec![crs],
        None => CANDIDATES.into_iter().filter_map(Crs::from_epsg).collect(),
    };
    let fitting = |swapped: bool| -> Vec<Crs> {
        candidates.iter().copied().filter(|crs| fits(*crs, points, swapped, frame)).collect()
    };
    let names = |list: &[Crs]| list.iter().map(|crs| crs.name()).collect::<Vec<_>>().join(" and ");
    let (straight, swapped) = (fitting(false), fitting(true));
    let (x, y) = points[0];
    let sentence = match (straight.as_slice(), swapped.as_slice(), said) {
        ([crs], ..) => return Some(*crs),
        ([], [_, ..], _) => format!(
            "East and north (longitude and latitude) are swapped: the points lie in the atlas only when the second \
             coordinate is taken for the first ({}); swap the headers of the two columns.",
            names(&swapped)
        ),
        ([], [], Some(crs)) => format!(
            "In {} most of the points, such as {x} {y}, lie far outside the atlas; give the right system with --crs.",
            crs.name()
        ),
        ([], [], None) => format!(
            "The system of the coordinates, such as {x} {y}, cannot be recognised: in none of {} do they lie in the \
             atlas; give it with --crs.",
            names(&candidates)
        ),
        _ => format!("The coordinates may be in {}; say which with --crs.", names(&straight)),
    };
    report.error(None, None, sentence);
    None
}

/// True if more than half of the points lie in the frame.
fn fits(crs: Crs, points: &[(f64, f64)], swapped: bool, frame: &Frame) -> bool {
    let Ok(way) = Reprojector::new(crs, None) else { return false };
    let inside = |(x, y): &&(f64, f64)| {
        let (x, y) = if swapped { (*y, *x) } else { (*x, *y) };
        way.to_degrees(x, y).is_ok_and(|found| frame.holds(found, MARGIN))
    };
    points.iter().filter(inside).count() * 2 > points.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wendland() -> Frame {
        Frame::new(vec![Bounds { west: 10.8, south: 52.8, east: 11.6, north: 53.3 }])
    }

    fn chosen(points: &[(f64, f64)], said: Option<Crs>, frame: &Frame) -> Result<Crs, String> {
        let mut report = Report::new("f");
        choose(points, said, frame, &mut report).ok_or_else(|| report.problems[0].message.clone())
    }

    #[test]
    fn the_system_is_recognised_by_where_the_points_lie() {
        for (point, epsg) in [
            ((11.15, 52.97), 4326),
            ((644_400.0, 5_870_900.0), 25832),
            ((241_800.0, 5_875_500.0), 25833),
            ((32_644_400.0, 5_870_900.0), 4647),
            ((3_644_500.0, 5_872_800.0), 31467),
            ((4_443_000.0, 5_870_700.0), 31468),
            ((1_241_200.0, 6_977_000.0), 3857),
        ] {
            let expected = Crs::from_epsg(epsg);
            if let Some(expected) = expected {
                assert_eq!(chosen(&[point], None, &wendland()), Ok(expected), "{point:?}");
            }
        }
    }

    #[test]
    fn swapped_axes_are_refused_and_not_swapped() {
        for said in [None, Some(Crs::Wgs84)] {
            let refused = chosen(&[(52.97, 11.15)], said, &wendland()).unwrap_err();
            assert!(refused.contains("swapped"), "{refused}");
        }
        let refused = chosen(&[(5_870_900.0, 644_400.0)], None, &wendland()).unwrap_err();
        assert!(refused.contains("swapped"), "{refused}");
    }

    #[test]
    fn what_may_be_two_systems_or_none_is_asked_about() {
        let germany = Frame::new(Vec::new());
        let refused = chosen(&[(450_000.0, 5_870_900.0)], None, &germany).unwrap_err();
        assert!(refused.contains("EPSG:25832 and EPSG:25833"), "{refused}");
        assert!(chosen(&[(5.0, 5.0)], None, &wendland()).unwrap_err().contains("--crs"));
        assert!(chosen(&[(5.0, 5.0)], Some(Crs::Wgs84), &wendland()).unwrap_err().contains("--crs"));
    }
}
