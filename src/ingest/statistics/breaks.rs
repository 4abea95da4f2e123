//! Breaks in the line of an indicator where its boundaries changed and no succession joins them.
//!
//! Must not know: files. Invariant: a break that the mapping declares is never taken back.

use std::collections::BTreeMap;

use crate::{
    domain::{Period, RegionKey, Slug},
    ingest::{IngestError, Report, Severity, classes::Columns},
    store::{AtlasCatalogue, EditionRow, Id, NewSeries, Store},
};

/// Marks each new series whose predecessor is stored on an edition with other keys, if no succession of the level lies
/// between the two, and says so.
///
/// # Errors
/// If the store fails.
pub async fn mark(
    store: &Store,
    catalogue: &AtlasCatalogue,
    series: &mut [NewSeries],
    edition: &EditionRow,
    keys: &[RegionKey],
    stored: &Columns,
    report: &mut Report,
) -> Result<(), IngestError> {
    let mut apart: BTreeMap<Id, bool> = BTreeMap::new();
    let first: Vec<(usize, Id)> = first_on_edition(series, edition.id, stored);
    for (index, other) in first {
        if let std::collections::btree_map::Entry::Vacant(unknown) = apart.entry(other) {
            let other = catalogue.editions.iter().find(|row| row.id == other);
            unknown.insert(match other {
                Some(other) => are_apart(store, catalogue, other, edition, keys).await?,
                None => false,
            });
        }
        if apart.get(&other).copied().unwrap_or(false) {
            series[index].break_before = true;
            let sentence = format!(
                "{} {} is on other boundaries than the period before, and no succession joins them: a break is shown.",
                series[index].indicator, series[index].period
            );
            report.problem(Severity::Notice, None, None, sentence);
        }
    }
    Ok(())
}

/// New series without a period before them on this edition, with the edition of the period before.
fn first_on_edition(series: &[NewSeries], edition: Id, stored: &Columns) -> Vec<(usize, Id)> {
    let mut earliest: BTreeMap<&Slug, &Period> = BTreeMap::new();
    for new in series {
        let period = earliest.entry(&new.indicator).or_insert(&new.period);
        *period = (*period).min(&new.period);
    }
    let before = |new: &NewSeries| {
        if earliest.get(&new.indicator) != Some(&&new.period) {
            return None;
        }
        let known = stored.get(&new.indicator)?.iter().filter(|(period, ..)| *period < new.period);
        // Of several editions with the same period one is this one, if it is among them.
        let last = known.max_by_key(|(period, id, _)| (period, *id == edition))?;
        Some(last.1).filter(|id| *id != edition)
    };
    series.iter().enumerate().filter_map(|(index, new)| Some((index, before(new)?))).collect()
}

/// True if two editions have other keys and nothing says what became of the regions.
async fn are_apart(
    store: &Store,
    catalogue: &AtlasCatalogue,
    a: &EditionRow,
    b: &EditionRow,
    keys: &[RegionKey],
) -> Result<bool, IngestError> {
    let (from, to) = (a.valid_on.min(b.valid_on), a.valid_on.max(b.valid_on));
    let successions = store.successions(&catalogue.atlas.slug).await?;
    let between = |date| from < date && date <= to;
    if successions.iter().any(|s| s.level == a.level && between(s.valid_on)) {
        return Ok(false);
    }
    let others = store.regions(a.id).await?;
    Ok(!others.iter().map(|row| &row.region.key).eq(keys))
}
