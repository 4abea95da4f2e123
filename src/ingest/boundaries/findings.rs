//! What the topology found, as facts and sentences of the report.

use serde_json::json;

use crate::{
    domain::Region,
    geometry::{Defect, TopologyReport},
    ingest::{Report, Severity},
};

/// Sentences on gaps and overlaps are written for the largest only; all of them are in the facts' sums.
const MOST: usize = 50;

/// Gaps wider than this, in metres, are lakes or land that is no region, not a fault of the file.
const SLIVER_WIDTH: f64 = 50.0;

/// Writes what was mended, and the gaps and overlaps between neighbours.
pub(super) fn write(found: &TopologyReport, regions: &[Region], report: &mut Report) {
    let name = |ordinal: u32| {
        regions.get(ordinal as usize).map_or_else(|| "?".to_owned(), |r| format!("{} ({})", r.key, r.name))
    };
    report.fact("repaired", found.repaired.len());
    report.fact("snapped", found.snapped);
    for repair in &found.repaired {
        let (severity, what) = sentence(repair.defect);
        let (lon, lat) = repair.place;
        let message = format!("The region {} {what} (near {lon:.5}° {lat:.5}°).", name(repair.ordinal));
        report.problem(severity, None, None, message);
    }
    let slivers = || found.gaps.iter().filter(|gap| gap.width < SLIVER_WIDTH);
    let sum = |areas: &mut dyn Iterator<Item = f64>| areas.sum::<f64>().round() as i64;
    report.fact(
        "gaps",
        json!({
            "slivers": slivers().count(),
            "slivers_m2": sum(&mut slivers().map(|gap| gap.area)),
            "wide": found.gaps.len() - slivers().count(),
            "all_m2": sum(&mut found.gaps.iter().map(|gap| gap.area)),
        }),
    );
    report.fact(
        "overlaps",
        json!({ "count": found.overlaps.len(), "m2": sum(&mut found.overlaps.iter().map(|overlap| overlap.area)) }),
    );
    for gap in slivers().take(MOST) {
        let neighbours =
            gap.neighbours.iter().take(4).map(|ordinal| name(*ordinal)).collect::<Vec<_>>().join(", ");
        let (lon, lat) = gap.place;
        let message =
            format!("A gap of {:.0} m² lies between {neighbours} (near {lon:.5}° {lat:.5}°).", gap.area);
        report.warning(None, None, message);
    }
    for overlap in found.overlaps.iter().take(MOST) {
        let [a, b] = overlap.ordinals.map(name);
        let (lon, lat) = overlap.place;
        let message =
            format!("The regions {a} and {b} overlap by {:.0} m² (near {lon:.5}° {lat:.5}°).", overlap.area);
        report.warning(None, None, message);
    }
    let unsaid = slivers().count().saturating_sub(MOST) + found.overlaps.len().saturating_sub(MOST);
    if unsaid > 0 {
        report.warning(
            None,
            None,
            format!("{unsaid} smaller gaps and overlaps are not listed; their areas are in the sums."),
        );
    }
}

fn sentence(defect: Defect) -> (Severity, &'static str) {
    match defect {
        Defect::EmptyRing => (Severity::Notice, "had a ring without area, which was left out"),
        Defect::Joined => (Severity::Notice, "had parts with common edges, which were joined"),
        Defect::Crossing => (Severity::Warning, "had crossing rings, which were repaired"),
        Defect::CrossingLeft => {
            (Severity::Warning, "has rings that still cross by some centimetres after the repair")
        }
        Defect::Lost => (Severity::Error, "has no area: its rings are empty or lines only"),
    }
}
