//! Parents of regions, resolved against the editions of the parent levels in the store.

use std::collections::HashSet;

use chrono::NaiveDate;

use super::{options::BoundaryOptions, regions::Draft};
use crate::{
    domain::{RegionKey, Slug},
    ingest::{IngestError, Report},
    store::{AtlasCatalogue, EditionRow, Store},
};

/// The edition of a parent level against which keys are resolved.
#[derive(Debug)]
pub(super) struct ParentEdition {
    level: Slug,
    valid_on: NaiveDate,
    /// Greater = smaller regions = nearer to the children.
    position: i64,
    keys: HashSet<RegionKey>,
}

/// Reads the parent editions that the options name, by rule. A level without any is reported.
pub(super) async fn load(
    store: &Store,
    catalogue: &AtlasCatalogue,
    options: &BoundaryOptions,
    report: &mut Report,
) -> Result<Vec<ParentEdition>, IngestError> {
    let mut editions = Vec::new();
    for rule in &options.parents {
        if rule.level == options.level {
            report.error(None, None, format!("The level '{}' cannot be its own parent.", rule.level));
            continue;
        }
        let level = catalogue.levels.iter().find(|level| level.slug == rule.level);
        let Some((level, edition)) = level.zip(newest(catalogue, &rule.level, options.edition)) else {
            let message = format!(
                "There are no boundaries of the parent level '{}' yet: import them first.",
                rule.level
            );
            report.error(None, None, message);
            continue;
        };
        let keys = store.regions(edition.id).await?.into_iter().map(|row| row.region.key).collect();
        let (level, position) = (level.slug.clone(), level.position);
        editions.push(ParentEdition { level, valid_on: edition.valid_on, position, keys });
    }
    Ok(editions)
}

/// The newest edition that is not after `date`, else the first after it.
pub(super) fn newest<'a>(
    catalogue: &'a AtlasCatalogue,
    level: &Slug,
    date: NaiveDate,
) -> Option<&'a EditionRow> {
    let of_level = || catalogue.editions.iter().filter(|edition| edition.level == *level);
    let before = of_level().filter(|edition| edition.valid_on <= date).max_by_key(|edition| edition.valid_on);
    before.or_else(|| of_level().min_by_key(|edition| edition.valid_on))
}

/// Parents of each region by ordinal, and for the borders the same as numbers.
#[derive(Debug)]
pub(super) struct Parents {
    /// Level and key of the parents of each region.
    pub of_region: Vec<Vec<(Slug, RegionKey)>>,
    /// Per parent level, nearest first: some number of each region's parent.
    pub numbers: Vec<Vec<Option<u32>>>,
}

/// Resolves what the drafts say of their parents. A key that the parent level does not have is reported.
pub(super) fn resolve(drafts: &[Draft], editions: &[ParentEdition], report: &mut Report) -> Parents {
    let mut parents = Parents { of_region: vec![Vec::new(); drafts.len()], numbers: Vec::new() };
    let mut facts = serde_json::Map::new();
    let mut nearest_first: Vec<usize> = (0..editions.len()).collect();
    nearest_first.sort_by_key(|rule| std::cmp::Reverse(editions[*rule].position));
    for rule in nearest_first {
        let edition = &editions[rule];
        let keys: Vec<Option<RegionKey>> =
            drafts.iter().map(|draft| parent_of(draft, rule, edition)).collect();
        let matched = keys.iter().flatten().count();
        let bounded = drafts.iter().filter(|draft| draft.geometry.is_some()).count();
        report_unmatched(drafts, rule, edition, &keys, report);
        let fact = serde_json::json!({ "edition": edition.valid_on, "matched": matched, "without": bounded - matched });
        facts.insert(edition.level.to_string(), fact);
        let mut known: Vec<&RegionKey> = keys.iter().flatten().collect();
        known.sort_unstable();
        known.dedup();
        let number = |key: &RegionKey| known.binary_search(&key).ok().map(|i| i as u32);
        parents.numbers.push(keys.iter().map(|key| key.as_ref().and_then(number)).collect());
        for (of_region, key) in parents.of_region.iter_mut().zip(keys) {
            of_region.extend(key.map(|key| (edition.level.clone(), key)));
        }
    }
    if !facts.is_empty() {
        report.fact("parents", facts);
    }
    parents
}

fn parent_of(draft: &Draft, rule: usize, edition: &ParentEdition) -> Option<RegionKey> {
    edition.keys.get(draft.parents.get(rule)?.as_deref()?).cloned()
}

fn report_unmatched(
    drafts: &[Draft],
    rule: usize,
    edition: &ParentEdition,
    keys: &[Option<RegionKey>],
    report: &mut Report,
) {
    let written = |draft: &Draft| draft.parents.get(rule).cloned().flatten();
    let example = || edition.keys.iter().min().map(ToString::to_string).unwrap_or_default();
    if keys.iter().all(Option::is_none) && !drafts.is_empty() {
        let message = format!(
            "No region has a parent on the level '{}': its keys look like '{}', those found here like '{}'.",
            edition.level,
            example(),
            drafts.iter().find_map(written).unwrap_or_default()
        );
        report.error(None, None, message);
        return;
    }
    for (draft, key) in drafts.iter().zip(keys) {
        if let (None, Some(parent)) = (key, written(draft)) {
            let message = format!(
                "The region {} ({}) has no parent: the level '{}' of {} has no '{parent}'.",
                draft.region.key, draft.region.name, edition.level, edition.valid_on
            );
            report.warning(Some(draft.number), None, message);
        }
    }
}
