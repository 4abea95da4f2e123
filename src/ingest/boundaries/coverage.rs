//! Coverage: the regions of a level should cover those of its parent level, and nothing else.
//!
//! Compared are the new boundaries with the stored ones of each parent level, and with those of each level whose parents
//! they are. Areas are those on the ellipsoid (see `to_equal_area`); the difference of two areas is what only one of them
//! covers.

use std::collections::HashMap;

use chrono::NaiveDate;
use geo::{Area, BooleanOps, unary_union};
use geo_types::MultiPolygon;
use serde_json::json;

use super::{
    options::BoundaryOptions,
    parents::{self, Parents},
};
use crate::{
    domain::{Region, RegionKey, Slug},
    geometry::to_equal_area,
    ingest::{IngestError, Progress, Report},
    store::{AtlasCatalogue, EditionRow, Store},
};

/// Levels are generalised differently, so their borders differ by this part of an area without anything being wrong.
const TOLERANCE: f64 = 0.01;

/// Regions named in the sentence of the report.
const MOST: usize = 5;

/// Stored boundaries of another level.
#[derive(Debug)]
pub(super) struct Stored {
    level: Slug,
    valid_on: NaiveDate,
    /// It is a parent level of the new boundaries; else its parents are on their level.
    is_parent: bool,
    regions: Vec<StoredRegion>,
}

#[derive(Debug)]
struct StoredRegion {
    key: RegionKey,
    name: String,
    /// Its parent on the level of the new boundaries.
    parent: Option<RegionKey>,
    geometry: MultiPolygon<f64>,
}

/// Reads the boundaries of all levels to compare with, each in the edition nearest in date.
pub(super) async fn load(
    store: &Store,
    catalogue: &AtlasCatalogue,
    options: &BoundaryOptions,
) -> Result<Vec<Stored>, IngestError> {
    let mut editions: Vec<(&EditionRow, bool)> = Vec::new();
    for rule in options.parents.iter().filter(|rule| rule.level != options.level) {
        editions.extend(parents::newest(catalogue, &rule.level, options.edition).map(|row| (row, true)));
    }
    for level in catalogue.levels.iter().filter(|level| level.slug != options.level) {
        let is_child = |row: &&EditionRow| {
            row.level == level.slug && row.parents.iter().any(|(parent, _)| *parent == options.level)
        };
        let distance = |row: &&EditionRow| (row.valid_on - options.edition).abs();
        let nearest = catalogue.editions.iter().filter(is_child).min_by_key(distance);
        editions.extend(nearest.map(|row| (row, false)));
    }
    let mut all = Vec::with_capacity(editions.len());
    for (row, is_parent) in editions {
        let geometries = store.region_geometries(row.id).await?;
        let regions = store.regions(row.id).await?.into_iter().zip(geometries);
        let region = |(stored, geometry): (crate::store::RegionRow, Option<_>)| {
            let parent = stored.parents.into_iter().find(|(level, _)| *level == options.level);
            let (key, name) = (stored.region.key, stored.region.name);
            Some(StoredRegion { key, name, parent: parent.map(|(_, key)| key), geometry: geometry? })
        };
        let (level, valid_on) = (row.level.clone(), row.valid_on);
        all.push(Stored { level, valid_on, is_parent, regions: regions.filter_map(region).collect() });
    }
    Ok(all)
}

/// A region of the upper level and those of the lower one that lie in it.
struct Family<'a> {
    key: &'a RegionKey,
    name: &'a str,
    geometry: &'a MultiPolygon<f64>,
    children: Vec<&'a MultiPolygon<f64>>,
}

/// How far a family's areas differ.
struct Difference<'a> {
    family: &'a Family<'a>,
    /// In m².
    area: f64,
    /// Part of the upper region's area.
    part: f64,
}

/// Compares the new boundaries with the stored ones and reports per pair of levels.
pub(super) fn check(
    stored: &[Stored],
    options: &BoundaryOptions,
    regions: &[Region],
    geometries: &[Option<MultiPolygon<f64>>],
    parents: &Parents,
    report: &mut Report,
    progress: &dyn Progress,
) {
    if stored.is_empty() {
        return;
    }
    progress.begin("comparing levels");
    let mut facts = serde_json::Map::new();
    for other in stored {
        let families = if other.is_parent {
            let of_region = parents
                .of_region
                .iter()
                .map(|parents| parents.iter().find(|(level, _)| *level == other.level).map(|(_, key)| key));
            let upper =
                other.regions.iter().map(|region| (&region.key, region.name.as_str(), &region.geometry));
            families(upper, of_region.zip(geometries.iter().map(Option::as_ref)))
        } else {
            let upper = regions.iter().zip(geometries);
            let upper = upper.filter_map(|(region, geometry)| {
                Some((&region.key, region.name.as_str(), geometry.as_ref()?))
            });
            families(upper, other.regions.iter().map(|child| (child.parent.as_ref(), Some(&child.geometry))))
        };
        let count = families.len().max(1) as f64;
        let differences: Vec<_> = families
            .iter()
            .enumerate()
            .map(|(done, family)| {
                progress.done(done as f64 / count);
                Difference::of(family)
            })
            .collect();
        facts.insert(other.level.to_string(), fact(other.valid_on, &differences));
        warn(other, options, differences, report);
    }
    report.fact("coverage", facts);
}

/// The upper regions that have any children. One without is no gap: an atlas can hold the Gemeinden of one Kreis and all
/// Kreise of the Land.
fn families<'a>(
    upper: impl Iterator<Item = (&'a RegionKey, &'a str, &'a MultiPolygon<f64>)>,
    lower: impl Iterator<Item = (Option<&'a RegionKey>, Option<&'a MultiPolygon<f64>>)>,
) -> Vec<Family<'a>> {
    let mut by_parent: HashMap<&RegionKey, Vec<&MultiPolygon<f64>>> = HashMap::new();
    for (parent, geometry) in lower {
        if let (Some(parent), Some(geometry)) = (parent, geometry) {
            by_parent.entry(parent).or_default().push(geometry);
        }
    }
    upper
        .filter_map(|(key, name, geometry)| {
            Some(Family { key, name, geometry, children: by_parent.remove(key)? })
        })
        .collect()
}

impl<'a> Difference<'a> {
    fn of(family: &'a Family<'a>) -> Self {
        let upper = to_equal_area(family.geometry);
        let children: Vec<_> = family.children.iter().map(|child| to_equal_area(child)).collect();
        let lower = unary_union(&children);
        let whole = upper.unsigned_area();
        let area = whole + lower.unsigned_area() - 2.0 * upper.intersection(&lower).unsigned_area();
        // Rounding can leave a little less than nothing.
        let area = area.max(0.0);
        Self { family, area, part: if whole > 0.0 { area / whole } else { 1.0 } }
    }
}

fn fact(edition: NaiveDate, differences: &[Difference<'_>]) -> serde_json::Value {
    let areas = || differences.iter().map(|difference| difference.area);
    json!({
        "edition": edition,
        "compared": differences.len(),
        "differing": differences.iter().filter(|difference| difference.part > TOLERANCE).count(),
        "largest_m2": areas().fold(0.0, f64::max).round() as i64,
        "all_m2": areas().sum::<f64>().round() as i64,
    })
}

/// Names the regions that differ most.
fn warn(
    other: &Stored,
    options: &BoundaryOptions,
    mut differences: Vec<Difference<'_>>,
    report: &mut Report,
) {
    let compared = differences.len();
    differences.retain(|difference| difference.part > TOLERANCE);
    if differences.is_empty() {
        return;
    }
    differences.sort_by(|a, b| b.area.total_cmp(&a.area));
    let named: Vec<String> = differences
        .iter()
        .take(MOST)
        .map(|Difference { family, area, part }| {
            let (km2, percent) = (area / 1e6, part * 100.0);
            format!("{} ({}) by {km2:.2} km² ({percent:.1} %)", family.key, family.name)
        })
        .collect();
    let (lower, upper) =
        if other.is_parent { (&options.level, &other.level) } else { (&other.level, &options.level) };
    let message = format!(
        "{} of {compared} regions of the level '{upper}' and the regions of '{lower}' in them do not cover the same area \
         (the stored boundaries are of {}): the largest differences are {}.",
        differences.len(),
        other.valid_on,
        named.join(", ")
    );
    report.warning(None, None, message);
}
