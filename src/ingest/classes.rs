//! Classes of internal layers, found anew whenever series are stored.
//!
//! Holds what is stored of the indicators that change, and the classes over it and over what comes new. Must not know:
//! where the new series come from.
//!
//! Invariant: the classes of an indicator on a level speak of the inhabited regions of all its current series, the new ones
//! in place of those that they replace.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    num::NonZero,
    panic::resume_unwind,
    sync::atomic::{AtomicUsize, Ordering},
    thread::available_parallelism,
};

use crate::{
    classification::{ClassifyError, classify},
    domain::{Classification, Column, Indicator, Period, Slug},
    ingest::{IngestError, Progress, Report},
    store::{AtlasCatalogue, Id, InternalClassification, NewSeries, RegionRow, Store},
};

/// Current columns of a level by indicator: period, edition, values.
pub(super) type Columns = BTreeMap<Slug, Vec<(Period, Id, Column)>>;

/// What is stored of some indicators on a level, and all that their classes are made of.
pub(super) struct Stored {
    level: Slug,
    /// Current columns.
    pub columns: Columns,
    /// Which regions of the editions that they speak of are inhabited.
    inhabited: HashMap<Id, Vec<bool>>,
    indicators: BTreeMap<Slug, Indicator>,
    editions: HashMap<chrono::NaiveDate, Id>,
}

impl Stored {
    /// Reads what is stored of the indicators of new series, which are all of one level.
    ///
    /// # Errors
    /// If the store fails.
    pub(super) async fn read(
        store: &Store,
        catalogue: &AtlasCatalogue,
        level: &Slug,
        series: &[NewSeries],
    ) -> Result<Self, IngestError> {
        let of_level = catalogue.editions.iter().filter(|edition| edition.level == *level);
        let editions: HashMap<_, _> = of_level.map(|edition| (edition.valid_on, edition.id)).collect();
        let wanted: BTreeSet<&Slug> = series.iter().map(|new| &new.indicator).collect();
        let mut columns = Columns::new();
        for indicator in &wanted {
            let current = store.current_columns(&catalogue.atlas.slug, indicator, level).await?;
            columns.insert((*indicator).clone(), current);
        }
        let new = series.iter().filter_map(|new| editions.get(&new.edition));
        let used: BTreeSet<Id> =
            columns.values().flatten().map(|(_, id, _)| id).chain(new).copied().collect();
        let mut inhabited = HashMap::new();
        for edition in used {
            let regions = store.regions(edition).await?;
            inhabited.insert(edition, regions.iter().map(RegionRow::counts).collect());
        }
        let indicators = catalogue.indicators.iter().filter(|indicator| wanted.contains(&indicator.slug));
        let indicators = indicators.map(|indicator| (indicator.slug.clone(), indicator.clone())).collect();
        Ok(Self { level: level.clone(), columns, inhabited, indicators, editions })
    }

    /// Classes of each indicator over all its periods. Values that have none are reported.
    pub(super) fn classes(
        &self,
        series: &[NewSeries],
        report: &mut Report,
        progress: &dyn Progress,
    ) -> Vec<InternalClassification> {
        let wanted: Vec<_> =
            self.columns.keys().filter_map(|slug| Some((slug, self.indicators.get(slug)?))).collect();
        let next = AtomicUsize::new(0);
        // Each worker takes the next indicator that nobody has taken; what it finds is kept with its number.
        let work = || {
            let mut found = Vec::new();
            loop {
                let at = next.fetch_add(1, Ordering::Relaxed);
                let Some((_, indicator)) = wanted.get(at) else { return found };
                progress.done(at as f64 / wanted.len() as f64);
                found.push((at, self.classes_of(indicator, series)));
            }
        };
        let helpers = available_parallelism().map_or(1, NonZero::get).min(wanted.len()).saturating_sub(1);
        let mut found = std::thread::scope(|scope| {
            let helpers: Vec<_> = (0..helpers).map(|_| scope.spawn(work)).collect();
            let mut found = work();
            for helper in helpers {
                found.extend(helper.join().unwrap_or_else(|panic| resume_unwind(panic)));
            }
            found
        });
        found.sort_unstable_by_key(|(at, _)| *at);
        let mut made = Vec::with_capacity(found.len());
        for ((slug, _), (_, classes)) in wanted.iter().zip(found) {
            match classes {
                Ok(classification) => made.push(InternalClassification {
                    indicator: (*slug).clone(),
                    level: self.level.clone(),
                    classification,
                }),
                Err(error) => {
                    report.error(None, None, format!("The values of '{slug}' have no classes: {error}."));
                }
            }
        }
        made
    }

    /// Classes of one indicator over all its periods.
    fn classes_of(
        &self,
        indicator: &Indicator,
        series: &[NewSeries],
    ) -> Result<Classification, ClassifyError> {
        let stored = self.columns.get(&indicator.slug).map_or(&[][..], Vec::as_slice);
        let new: BTreeMap<(Id, &Period), &Column> = series
            .iter()
            .filter(|new| new.indicator == indicator.slug)
            .filter_map(|new| Some(((*self.editions.get(&new.edition)?, &new.period), &new.column)))
            .collect();
        let kept = stored.iter().map(|(period, edition, column)| ((*edition, period), column));
        let kept = kept.filter(|(place, _)| !new.contains_key(place));
        let mut values = Vec::new();
        let mut periods: Vec<Period> = Vec::new();
        for ((edition, period), column) in kept.chain(new.iter().map(|(place, column)| (*place, *column))) {
            let inhabited = self.inhabited.get(&edition).map_or(&[][..], Vec::as_slice);
            let numbers = column.values().iter().zip(inhabited).filter(|(v, lives)| **lives && !v.is_nan());
            values.extend(numbers.map(|(value, _)| *value));
            periods.push(period.clone());
        }
        periods.sort();
        periods.dedup();
        classify(&values, &indicator.classification, periods)
    }
}
