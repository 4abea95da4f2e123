//! Release: check, publish, withdraw; open and close the public area.
//!
//! Holds the rules of publication. Must not know: HTTP, files, how values came in.
//!
//! Invariant: what is released is rounded to the indicator's decimals and classified from those rounded numbers, so that
//! breaks, classes and ranks give away nothing more exact.

use std::collections::{HashMap, hash_map::Entry};

use chrono::{DateTime, Utc};

use crate::{
    access::Publisher,
    classification::{ClassifyError, classify},
    domain::{Audience, Column, FacilityCategory, Indicator, Period, Slug},
    store::{
        AtlasCatalogue, Id, NewRelease, NewReleaseColumn, RegionRow, ReleaseRow, SeriesRow, Store, StoreError,
    },
};

/// Why something cannot be released, withdrawn, opened or closed. Each text says what to do.
#[derive(Debug, thiserror::Error)]
pub enum ReleaseError {
    /// The store cannot be read or written.
    #[error("the store failed: {0}")]
    Store(#[from] StoreError),
    /// Numbers cannot be classified as the indicator wants it.
    #[error("the classes of '{0}' cannot be made: {1}")]
    Classify(Slug, #[source] ClassifyError),
    /// There is no such indicator.
    #[error("there is no indicator '{0}' in this atlas; `kommunalatlas check` lists them")]
    UnknownIndicator(Slug),
    /// There is no such level.
    #[error("there is no level '{0}' in this atlas")]
    UnknownLevel(Slug),
    /// There is no such category of facilities.
    #[error(
        "there is no category '{0}' of facilities in this atlas; `kommunalatlas facilities list` lists them"
    )]
    UnknownCategory(Slug),
    /// No series is stored for it.
    #[error("'{indicator}' has no values on level '{level}'{periods}; import them first")]
    NoValues {
        /// The indicator.
        indicator: Slug,
        /// The level.
        level: Slug,
        /// " for the periods …", or nothing.
        periods: String,
    },
    /// The indicator sheet has gaps.
    #[error("'{indicator}' cannot be released: its sheet lacks {}; complete the catalogue", fields.join(", "))]
    IncompleteSheet {
        /// The indicator.
        indicator: Slug,
        /// Names of the empty fields.
        fields: Vec<&'static str>,
    },
    /// It is not released.
    #[error("'{indicator}' is not released on level '{level}'")]
    NotReleased {
        /// The indicator.
        indicator: Slug,
        /// The level.
        level: Slug,
    },
    /// Too few indicators are released for an open public area.
    #[error(
        "{count} of {required} indicators are released with values for at least half of the inhabited regions of a \
         level; release {} more before opening", required - count
    )]
    TooFewIndicators {
        /// How many count.
        count: u32,
        /// How many are needed.
        required: u32,
    },
}

/// What is to be released.
#[derive(Debug, Clone)]
pub struct ReleaseRequest {
    /// Indicators.
    pub indicators: Vec<Slug>,
    /// On which level.
    pub level: Slug,
    /// Which periods; all that there are if empty.
    pub periods: Vec<Period>,
    /// To whom.
    pub audience: Audience,
}

/// One release as it was made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Released {
    /// Indicator.
    pub indicator: Slug,
    /// How many periods.
    pub periods: usize,
    /// It carries a certificate of disclosure control.
    pub certified: bool,
}

/// Releases indicators on a level. All of them are checked before the first is written.
///
/// # Errors
/// If an indicator or the level is unknown, has no values, or lacks its description.
pub async fn release(
    store: &Store,
    publisher: &Publisher,
    atlas: &Slug,
    request: &ReleaseRequest,
    now: DateTime<Utc>,
) -> Result<Vec<Released>, ReleaseError> {
    let catalogue = store.catalogue(atlas).await?;
    let mut places = Places::new(store);
    let mut releases = Vec::new();
    for slug in &request.indicators {
        releases.push(prepare(&mut places, publisher, &catalogue, request, slug, now).await?);
    }
    let mut released = Vec::new();
    for release in releases {
        store.publish(atlas, &release).await?;
        released.push(Released {
            periods: release.columns.len(),
            certified: release.certificate.is_some(),
            indicator: release.indicator,
        });
    }
    Ok(released)
}

async fn prepare(
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
struct Places<'a> {
    store: &'a Store,
    read: HashMap<Id, Vec<bool>>,
}

impl<'a> Places<'a> {
    fn new(store: &'a Store) -> Self {
        Self { store, read: HashMap::new() }
    }

    /// By ordinal: does the region count?
    async fn inhabited(&mut self, edition: Id) -> Result<&[bool], StoreError> {
        match self.read.entry(edition) {
            Entry::Occupied(read) => Ok(read.into_mut()),
            Entry::Vacant(free) => {
                let regions = self.store.regions(edition).await?;
                Ok(free.insert(regions.iter().map(RegionRow::counts).collect()))
            }
        }
    }
}

fn numbers_of(column: &Column, inhabited: &[bool]) -> Vec<f64> {
    let places = inhabited.iter().enumerate().filter(|(_, inhabited)| **inhabited);
    places.filter_map(|(ordinal, _)| column.value(ordinal)).collect()
}

/// Takes indicators back from an audience on a level.
///
/// # Errors
/// If one of them is not released there; then none is withdrawn.
pub async fn withdraw(
    store: &Store,
    _: &Publisher,
    atlas: &Slug,
    indicators: &[Slug],
    level: &Slug,
    audience: Audience,
) -> Result<(), ReleaseError> {
    let catalogue = store.catalogue(atlas).await?;
    for indicator in indicators {
        let in_force =
            |r: &ReleaseRow| r.indicator == *indicator && r.level == *level && r.audience == audience;
        if !catalogue.releases.iter().any(in_force) {
            return Err(ReleaseError::NotReleased { indicator: indicator.clone(), level: level.clone() });
        }
    }
    for indicator in indicators {
        store.withdraw(atlas, indicator, level, audience).await?;
    }
    Ok(())
}

/// Opens the public area of an atlas; the number of indicators that count.
///
/// # Errors
/// If too few indicators are released.
pub async fn open(store: &Store, _: &Publisher, atlas: &Slug) -> Result<u32, ReleaseError> {
    let catalogue = store.catalogue(atlas).await?;
    let count = counting_indicators(store, &catalogue).await?;
    let required = catalogue.atlas.required_indicators;
    if count < required {
        return Err(ReleaseError::TooFewIndicators { count, required });
    }
    store.set_open(atlas, true).await?;
    Ok(count)
}

/// Closes the public area of an atlas.
///
/// # Errors
/// If the store fails.
pub async fn close(store: &Store, _: &Publisher, atlas: &Slug) -> Result<(), ReleaseError> {
    Ok(store.set_open(atlas, false).await?)
}

/// Shows a category of facilities to the public, or takes it back.
///
/// # Errors
/// If there is no such category.
pub async fn set_category_public(
    store: &Store,
    _: &Publisher,
    atlas: &Slug,
    category: &Slug,
    public: bool,
) -> Result<(), ReleaseError> {
    let categories = store.facility_categories(atlas).await?;
    let found = categories.into_iter().find(|c| c.slug == *category);
    let found = found.ok_or_else(|| ReleaseError::UnknownCategory(category.clone()))?;
    Ok(store.put_facility_categories(atlas, &[FacilityCategory { public, ..found }]).await?)
}

/// How many public indicators show a value for at least half of the inhabited regions of some level.
///
/// # Errors
/// If the store cannot be read.
pub async fn counting_indicators(store: &Store, catalogue: &AtlasCatalogue) -> Result<u32, StoreError> {
    let mut places = Places::new(store);
    let mut counting: Vec<&Slug> = Vec::new();
    for release in catalogue.releases.iter().filter(|r| r.audience == Audience::Public) {
        if !counting.contains(&&release.indicator) && covers_half(&mut places, release).await? {
            counting.push(&release.indicator);
        }
    }
    Ok(counting.len() as u32)
}

async fn covers_half(places: &mut Places<'_>, release: &ReleaseRow) -> Result<bool, StoreError> {
    for row in &release.columns {
        let column = places.store.release_column(row.id).await?;
        let inhabited = places.inhabited(row.edition).await?;
        let all = inhabited.iter().filter(|i| **i).count();
        if all > 0 && 2 * numbers_of(&column, inhabited).len() >= all {
            return Ok(true);
        }
    }
    Ok(false)
}
