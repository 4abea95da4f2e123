//! Makes a release from series: rounded, classified from the rounded numbers.

use std::collections::{HashMap, hash_map::Entry};

use chrono::{DateTime, Utc};

use crate::{
    classification::classify,
    domain::{Column, Indicator, Period, Slug},
    release::{ReleaseError, ReleaseRequest},
    store::{AtlasCatalogue, Id, NewRelease, NewReleaseColumn, RegionRow, SeriesRow, Store, StoreError},
};

/// Every indicator of a request on every level, checked and ready to be stored. Nothing is written.
pub(super) async fn prepare(
    store: &Store,
    catalogue: &AtlasCatalogue,
    request: &ReleaseRequest,
    by: &str,
    now: DateTime<Utc>,
) -> Result<Vec<NewRelease>, ReleaseError> {
    let mut places = Places::new(store);
    let mut releases = Vec::new();
    for level in &request.levels {
        for slug in &request.indicators {
            let layer = Layer { catalogue, request, level, slug };
            releases.push(prepare_layer(&mut places, &layer, by, now).await?);
        }
    }
    Ok(releases)
}

/// One indicator of a request on one level.
struct Layer<'a> {
    catalogue: &'a AtlasCatalogue,
    request: &'a ReleaseRequest,
    level: &'a Slug,
    slug: &'a Slug,
}

async fn prepare_layer(
    places: &mut Places<'_>,
    layer: &Layer<'_>,
    by: &str,
    now: DateTime<Utc>,
) -> Result<NewRelease, ReleaseError> {
    let Layer { catalogue, request, level, slug } = *layer;
    let indicator = catalogue.indicators.iter().find(|i| i.slug == *slug);
    let indicator = indicator.ok_or_else(|| ReleaseError::UnknownIndicator(slug.clone()))?;
    let fields = indicator.sheet.missing_fields(indicator.kind);
    if !fields.is_empty() {
        return Err(ReleaseError::IncompleteSheet { indicator: slug.clone(), fields });
    }
    let series = chosen_series(catalogue, level, slug, &request.periods)?;
    let columns = columns(places.store, indicator, &series).await?;
    let mut numbers = Vec::new();
    for column in &columns {
        numbers.extend(numbers_of(&column.column, places.inhabited(column.edition).await?));
    }
    let periods = columns.iter().map(|c| c.period.clone()).collect();
    let classification = classify(&numbers, &indicator.classification, periods)
        .map_err(|error| ReleaseError::Classify(slug.clone(), error))?;
    Ok(NewRelease {
        indicator: slug.clone(),
        level: level.clone(),
        audience: request.audience,
        columns,
        classification,
        certificate: None,
        inputs: series.iter().map(|row| row.id).collect(),
        at: now,
        by: by.to_owned(),
    })
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

async fn columns(
    store: &Store,
    indicator: &Indicator,
    series: &[&SeriesRow],
) -> Result<Vec<NewReleaseColumn>, ReleaseError> {
    let mut columns = Vec::with_capacity(series.len());
    for row in series {
        columns.push(NewReleaseColumn {
            period: row.period.clone(),
            edition: row.edition,
            column: store.column(row.id).await?.rounded(indicator.decimals),
            note: row.note.clone(),
            break_before: row.break_before,
        });
    }
    Ok(columns)
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
