//! Classes of internal layers, found anew whenever series are stored.
//!
//! Holds what is stored of the indicators that change, and the classes over it and over what comes new. Must not know:
//! where the new series come from.
//!
//! Invariant: the classes of an indicator on a level speak of the inhabited regions of all its current series, the new ones
//! in place of those that they replace.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use crate::{
    classification::classify,
    domain::{Column, Indicator, Period, Slug},
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
        let mut made = Vec::with_capacity(self.columns.len());
        for (done, (slug, stored)) in self.columns.iter().enumerate() {
            progress.done(done as f64 / self.columns.len() as f64);
            let Some(indicator) = self.indicators.get(slug) else { continue };
            let new: BTreeMap<(Id, &Period), &Column> = series
                .iter()
                .filter(|new| new.indicator == *slug)
                .filter_map(|new| Some(((*self.editions.get(&new.edition)?, &new.period), &new.column)))
                .collect();
            let kept = stored.iter().map(|(period, edition, column)| ((*edition, period), column));
            let kept = kept.filter(|(place, _)| !new.contains_key(place));
            let mut values = Vec::new();
            let mut periods: Vec<Period> = Vec::new();
            for ((edition, period), column) in kept.chain(new.iter().map(|(place, column)| (*place, *column)))
            {
                let inhabited = self.inhabited.get(&edition).map_or(&[][..], Vec::as_slice);
                let numbers =
                    column.values().iter().zip(inhabited).filter(|(v, lives)| **lives && !v.is_nan());
                values.extend(numbers.map(|(value, _)| *value));
                periods.push(period.clone());
            }
            periods.sort();
            periods.dedup();
            match classify(&values, &indicator.classification, periods) {
                Ok(classification) => made.push(InternalClassification {
                    indicator: slug.clone(),
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
}
