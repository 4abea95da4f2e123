//! Makes a release from series: rounded, classified from the rounded numbers.

use std::collections::{HashMap, hash_map::Entry};

use chrono::{DateTime, Utc};

use crate::{
    access::Publisher,
    classification::classify,
    domain::{Column, Indicator, Period, Slug},
    release::{ReleaseError, ReleaseRequest},
    store::{AtlasCatalogue, Id, NewRelease, NewReleaseColumn, RegionRow, SeriesRow, Store, StoreError},
};

pub(super) async fn prepare(
    places: &mut Places<'_>,
    publisher: &Publisher,
    catalogue: &AtlasCatalogue,
    request: &ReleaseRequest,
    slug: &Slug,
    now: DateTime<Utc>,
) -> Result<NewRelease, ReleaseError> {
    let indicator = catalogue.indicators.iter().find(|i| i.slug == *slug);
    let indicator = indicator.ok_or_else(|| ReleaseError::UnknownIndicator(slug.clone()))?;
    let fields = indicator.sheet.missing_fields(indicator.kind);
    if !fields.is_empty() {
        return Err(ReleaseError::IncompleteSheet { indicator: slug.clone(), fields });
    }
    let series = chosen_series(catalogue, request, slug)?;
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
        level: request.level.clone(),
        audience: request.audience,
        columns,
        classification,
        certificate: None,
        inputs: series.iter().map(|row| row.id).collect(),
        at: now,
        by: publisher.name().to_owned(),
    })
}

fn chosen_series<'a>(
    catalogue: &'a AtlasCatalogue,
    request: &ReleaseRequest,
    slug: &Slug,
) -> Result<Vec<&'a SeriesRow>, ReleaseError> {
    if !catalogue.levels.iter().any(|l| l.slug == request.level) {
        return Err(ReleaseError::UnknownLevel(request.level.clone()));
    }
    let on_level = |id: Id| catalogue.editions.iter().any(|e| e.id == id && e.level == request.level);
    let of_indicator = catalogue.series.iter().filter(|s| s.indicator == *slug && on_level(s.edition));
    let wanted = |s: &&SeriesRow| request.periods.is_empty() || request.periods.contains(&s.period);
    let series: Vec<&SeriesRow> = of_indicator.filter(wanted).collect();
    let absent = |p: &&Period| !series.iter().any(|s| s.period == **p);
    let absent: Vec<String> = request.periods.iter().filter(absent).map(ToString::to_string).collect();
    if series.is_empty() || !absent.is_empty() {
        let periods = if absent.is_empty() { String::new() } else { format!(" for {}", absent.join(", ")) };
        return Err(ReleaseError::NoValues {
            indicator: slug.clone(),
            level: request.level.clone(),
            periods,
        });
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
