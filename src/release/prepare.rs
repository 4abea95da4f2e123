//! Makes a release from series: through the gate, then classified from what is left.

use std::collections::{HashMap, hash_map::Entry};

use chrono::{DateTime, Utc};

use crate::{
    classification::classify,
    domain::{Classification, Column, Period, Slug},
    release::{
        ReleaseError, ReleaseRequest,
        gate::{self, GatedLayer},
    },
    store::{AtlasCatalogue, Id, NewRelease, RegionRow, SeriesRow, Store, StoreError},
};

/// Every indicator of a request on every level, checked, protected and ready to be stored. Nothing is written.
pub(super) async fn prepare(
    store: &Store,
    catalogue: &AtlasCatalogue,
    request: &ReleaseRequest,
    by: &str,
    now: DateTime<Utc>,
) -> Result<Vec<NewRelease>, ReleaseError> {
    let mut series = Vec::new();
    for slug in &request.indicators {
        let indicator = catalogue.indicators.iter().find(|i| i.slug == *slug);
        let indicator = indicator.ok_or_else(|| ReleaseError::UnknownIndicator(slug.clone()))?;
        let fields = indicator.sheet.missing_fields(indicator.kind);
        if !fields.is_empty() {
            return Err(ReleaseError::IncompleteSheet { indicator: slug.clone(), fields });
        }
        for level in &request.levels {
            series.extend(chosen_series(catalogue, level, slug, &request.periods)?);
        }
    }
    let gated = gate::examine(store, catalogue, request.audience, &series).await?;
    let certificate = serde_json::json!(gated.certificate);
    let mut places = Places::new(store);
    let mut releases = Vec::new();
    for layer in gated.layers {
        let classification = classes(&mut places, catalogue, &layer).await?;
        releases.push(NewRelease {
            indicator: layer.indicator,
            level: layer.level,
            audience: request.audience,
            columns: layer.columns,
            classification,
            certificate: Some(certificate.clone()),
            inputs: layer.inputs,
            at: now,
            by: by.to_owned(),
        });
    }
    Ok(releases)
}

/// Classes from what is shown.
async fn classes(
    places: &mut Places<'_>,
    catalogue: &AtlasCatalogue,
    layer: &GatedLayer,
) -> Result<Classification, ReleaseError> {
    let indicator = catalogue.indicators.iter().find(|i| i.slug == layer.indicator);
    let indicator = indicator.ok_or_else(|| ReleaseError::UnknownIndicator(layer.indicator.clone()))?;
    let mut numbers = Vec::new();
    for column in &layer.columns {
        numbers.extend(numbers_of(&column.column, places.inhabited(column.edition).await?));
    }
    let periods = layer.columns.iter().map(|c| c.period.clone()).collect();
    classify(&numbers, &indicator.classification, periods)
        .map_err(|error| ReleaseError::Classify(layer.indicator.clone(), error))
}

/// The current series of an indicator on a level.
pub(super) fn series_of<'a>(catalogue: &'a AtlasCatalogue, level: &Slug, slug: &Slug) -> Vec<&'a SeriesRow> {
    let on_level = |id: Id| catalogue.editions.iter().any(|e| e.id == id && e.level == *level);
    catalogue.series.iter().filter(|s| s.indicator == *slug && on_level(s.edition)).collect()
}

/// The current series of an indicator on a level for the periods; for all that there are if none is named.
pub(super) fn chosen_series<'a>(
    catalogue: &'a AtlasCatalogue,
    level: &Slug,
    slug: &Slug,
    periods: &[Period],
) -> Result<Vec<&'a SeriesRow>, ReleaseError> {
    if !catalogue.levels.iter().any(|l| l.slug == *level) {
        return Err(ReleaseError::UnknownLevel(level.clone()));
    }
    let wanted = |s: &&SeriesRow| periods.is_empty() || periods.contains(&s.period);
    let series: Vec<&SeriesRow> = series_of(catalogue, level, slug).into_iter().filter(wanted).collect();
    let absent = |p: &&Period| !series.iter().any(|s| s.period == **p);
    let absent: Vec<String> = periods.iter().filter(absent).map(ToString::to_string).collect();
    if series.is_empty() || !absent.is_empty() {
        let periods = if absent.is_empty() { String::new() } else { format!(" for {}", absent.join(", ")) };
        return Err(ReleaseError::NoValues { indicator: slug.clone(), level: level.clone(), periods });
    }
    Ok(series)
}

/// Which regions count, because somebody lives there and they are on the map, of the editions that were asked for: each is read once.
pub(super) struct Places<'a> {
    pub(super) store: &'a Store,
    read: HashMap<Id, Vec<bool>>,
}

impl<'a> Places<'a> {
    pub(super) fn new(store: &'a Store) -> Self {
        Self { store, read: HashMap::new() }
    }

    /// By ordinal: does the region count?
    pub(super) async fn inhabited(&mut self, edition: Id) -> Result<&[bool], StoreError> {
        match self.read.entry(edition) {
            Entry::Occupied(read) => Ok(read.into_mut()),
            Entry::Vacant(free) => {
                let regions = self.store.regions(edition).await?;
                Ok(free.insert(regions.iter().map(RegionRow::counts).collect()))
            }
        }
    }
}

pub(super) fn numbers_of(column: &Column, inhabited: &[bool]) -> Vec<f64> {
    let places = inhabited.iter().enumerate().filter(|(_, inhabited)| **inhabited);
    places.filter_map(|(ordinal, _)| column.value(ordinal)).collect()
}
