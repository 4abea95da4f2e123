//! What an import changed, taking it back, and purging it.
//!
//! Must not know: files, how the store finds what hangs on an import. Invariant: of the values only one pair of columns
//! is in memory at a time, and what is listed is bounded; all is counted.

use std::collections::{BTreeSet, HashMap, hash_map::Entry};

use chrono::{DateTime, NaiveDate, Utc};
use serde::Serialize;

use crate::{
    access::{Editor, Publisher},
    classification::{ClassifyError, classify},
    domain::{Audience, Column, Period, RegionKey, Slug, Status},
    store::{
        AtlasCatalogue, Erased, Id, ImportedSeries, InternalClassification, PurgePlan, SeriesRow, Store,
        StoreError,
    },
};

/// Why an import could not be looked at, undone or purged.
#[derive(Debug, thiserror::Error)]
pub enum HistoryError {
    /// The store refuses with a sentence, or fails.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The values that stay cannot be classified.
    #[error("the values of '{0}' that stay have no classes: {1}")]
    Classes(Slug, #[source] ClassifyError),
}

/// What an import of values changed.
#[derive(Debug, Serialize)]
pub struct Difference {
    /// The import.
    pub import: Id,
    /// Series that changed anything, until the limit of regions is reached.
    pub series: Vec<SeriesDifference>,
    /// How many series it brought.
    pub brought: usize,
    /// How many of them replaced none.
    pub new: usize,
    /// How many say the same as those that they replaced.
    pub unchanged: usize,
    /// How many regions changed in all series that replaced one.
    pub changed: u64,
    /// How many of the changed regions are not listed.
    pub unlisted: u64,
}

/// What a series changed against the one that it replaced.
#[derive(Debug, Serialize)]
pub struct SeriesDifference {
    /// Indicator's slug.
    pub indicator: Slug,
    /// Level's slug.
    pub level: Slug,
    /// Date of the boundaries.
    pub edition: NaiveDate,
    /// Period.
    pub period: Period,
    /// How many regions changed.
    pub changed: usize,
    /// Regions by key, until the limit is reached.
    pub regions: Vec<RegionDifference>,
}

/// What changed for a region.
#[derive(Debug, Serialize)]
pub struct RegionDifference {
    /// Its key.
    pub key: RegionKey,
    /// What was there.
    pub before: Cell,
    /// What the import brought.
    pub after: Cell,
}

/// An observation.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Cell {
    /// The number, if there is one.
    pub value: Option<f64>,
    /// Its status.
    pub status: Status,
}

impl Cell {
    fn of(column: &Column, ordinal: usize) -> Self {
        Self { value: column.value(ordinal), status: column.status(ordinal) }
    }
}

/// Compares the series of an import with those that they replaced, superseded ones included. At most `limit` regions
/// are listed.
///
/// # Errors
/// If the atlas has no such import or the store fails.
pub async fn difference(
    store: &Store,
    atlas: &Slug,
    import: Id,
    limit: usize,
) -> Result<Difference, HistoryError> {
    let series = store.imported_series(atlas, import).await?;
    let mut difference = Difference {
        import,
        series: Vec::new(),
        brought: series.len(),
        new: series.iter().filter(|s| s.before.is_none()).count(),
        unchanged: 0,
        changed: 0,
        unlisted: 0,
    };
    let mut keys: HashMap<Id, Vec<RegionKey>> = HashMap::new();
    let mut room = limit;
    for one in series {
        let Some(before) = one.before else { continue };
        let (before, after) = (store.column(before).await?, store.column(one.id).await?);
        let changed: Vec<usize> =
            (0..after.len()).filter(|at| Cell::of(&before, *at) != Cell::of(&after, *at)).collect();
        if changed.is_empty() {
            difference.unchanged += 1;
            continue;
        }
        let listed = changed.len().min(room);
        room -= listed;
        difference.changed += changed.len() as u64;
        difference.unlisted += (changed.len() - listed) as u64;
        if listed == 0 {
            continue;
        }
        let keys = match keys.entry(one.edition) {
            Entry::Occupied(known) => known.into_mut(),
            Entry::Vacant(new) => {
                let regions = store.regions(one.edition).await?;
                new.insert(regions.into_iter().map(|r| r.region.key).collect())
            }
        };
        let region = |at: &usize| {
            let key = keys.get(*at)?.clone();
            Some(RegionDifference { key, before: Cell::of(&before, *at), after: Cell::of(&after, *at) })
        };
        difference.series.push(SeriesDifference {
            indicator: one.indicator,
            level: one.level,
            edition: one.valid_on,
            period: one.period,
            changed: changed.len(),
            regions: changed[..listed].iter().filter_map(region).collect(),
        });
    }
    Ok(difference)
}

/// What came of undoing an import.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub struct Undone {
    /// The import.
    pub import: Id,
    /// What it had brought.
    pub kind: String,
    /// Series of it that no longer count.
    pub taken_back: usize,
    /// Former series that count again.
    pub restored: usize,
    /// Series of it that a later import had replaced already: those of the later one go on counting.
    pub replaced_before: usize,
    /// Releases in force with numbers that are not the current ones: (indicator, level, audience).
    pub outdated_releases: Vec<(Slug, Slug, Audience)>,
}

/// Takes an import back.
///
/// # Errors
/// If it cannot be undone, with a sentence why, or the store fails.
pub async fn undo(store: &Store, _: &Editor, atlas: &Slug, import: Id) -> Result<Undone, HistoryError> {
    let kind = store.import(atlas, import).await?.record.kind;
    let series = store.imported_series(atlas, import).await?;
    store.undo_import(atlas, import).await?;
    let current: Vec<ImportedSeries> = series.into_iter().filter(|s| s.current).collect();
    let catalogue = store.catalogue(atlas).await?;
    let counts = |s: &&ImportedSeries| current_series(&catalogue, s).is_some();
    Ok(Undone {
        import,
        kind,
        taken_back: current.len(),
        restored: current.iter().filter(counts).count(),
        replaced_before: store.imported_series(atlas, import).await?.len() - current.len(),
        outdated_releases: outdated_releases(store, &catalogue, &current).await?,
    })
}

/// The series that counts at the place of another one.
fn current_series(catalogue: &AtlasCatalogue, place: &ImportedSeries) -> Option<Id> {
    let here = |s: &&SeriesRow| {
        s.indicator == place.indicator && s.edition == place.edition && s.period == place.period
    };
    catalogue.series.iter().find(here).map(|s| s.id)
}

/// Releases in force that show, at the places of these series, a number that is not the current one.
async fn outdated_releases(
    store: &Store,
    catalogue: &AtlasCatalogue,
    places: &[ImportedSeries],
) -> Result<Vec<(Slug, Slug, Audience)>, StoreError> {
    let mut found = BTreeSet::new();
    let decimals: HashMap<&Slug, u8> = catalogue.indicators.iter().map(|i| (&i.slug, i.decimals)).collect();
    for release in &catalogue.releases {
        let name = (release.indicator.clone(), release.level.clone(), release.audience);
        for place in places.iter().filter(|p| p.indicator == release.indicator) {
            let here =
                release.columns.iter().find(|c| c.edition == place.edition && c.period == place.period);
            let Some(column) = here.filter(|_| !found.contains(&name)) else { continue };
            let released = store.release_column(column.id).await?;
            let now = match current_series(catalogue, place) {
                Some(series) => store.column(series).await?,
                None => Column::missing(released.len()),
            };
            let now = now.rounded(decimals.get(&release.indicator).copied().unwrap_or_default());
            let differs = |at: usize| released.value(at).is_some_and(|number| now.value(at) != Some(number));
            if (0..released.len()).any(differs) {
                found.insert(name.clone());
            }
        }
    }
    Ok(found.into_iter().collect())
}

/// Removes an import and all that was made from it, and erases what that leaves behind. An import that was purged before
/// is only erased again. Releases that may show its numbers are withdrawn and removed with it if `publisher` is given.
///
/// # Errors
/// If releases may show its numbers and there is no `publisher`, if its boundaries are used, or if the store fails.
pub async fn purge(
    store: &Store,
    editor: &Editor,
    publisher: Option<&Publisher>,
    atlas: &Slug,
    plan: &PurgePlan,
    now: DateTime<Utc>,
) -> Result<Erased, HistoryError> {
    if plan.import.purged.is_none() {
        let catalogue = store.catalogue(atlas).await?;
        let classes = remaining_classes(store, &catalogue, plan).await?;
        store.purge(atlas, plan, &classes, publisher.is_some(), editor.name(), now).await?;
    }
    Ok(store.erase().await?)
}

/// Classes of the layers that lose series, from those that stay.
async fn remaining_classes(
    store: &Store,
    catalogue: &AtlasCatalogue,
    plan: &PurgePlan,
) -> Result<Vec<InternalClassification>, HistoryError> {
    let mut inhabited: HashMap<Id, Vec<bool>> = HashMap::new();
    let mut classes = Vec::new();
    for ((slug, level), series) in &plan.layers {
        let Some(indicator) = catalogue.indicators.iter().find(|i| i.slug == *slug) else { continue };
        if series.is_empty() {
            continue;
        }
        let (mut numbers, mut periods) = (Vec::new(), Vec::new());
        for (id, edition, period) in series {
            let lives = match inhabited.entry(*edition) {
                Entry::Occupied(known) => known.into_mut(),
                Entry::Vacant(new) => {
                    let regions = store.regions(*edition).await?;
                    new.insert(regions.iter().map(|r| r.region.inhabited).collect())
                }
            };
            let column = store.column(*id).await?;
            let values =
                column.values().iter().zip(lives).filter(|(value, lives)| **lives && !value.is_nan());
            numbers.extend(values.map(|(value, _)| *value));
            periods.push(period.clone());
        }
        periods.sort();
        periods.dedup();
        let classification = classify(&numbers, &indicator.classification, periods)
            .map_err(|error| HistoryError::Classes(slug.clone(), error))?;
        classes.push(InternalClassification {
            indicator: slug.clone(),
            level: level.clone(),
            classification,
        });
    }
    Ok(classes)
}
