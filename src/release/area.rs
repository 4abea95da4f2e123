//! The public area of an atlas as a whole: opens, closes, what counts for it, and what is still missing.
//!
//! Invariant: it is never open with too few indicators unless somebody decided so, with a reason and a date.

use chrono::{DateTime, NaiveDate, Utc};
use serde::{Deserialize, Serialize};

use crate::{
    access::Publisher,
    domain::{Audience, Column, FacilityCategory, Slug},
    release::{
        ReleaseError,
        bundle::stamp,
        prepare::{Places, numbers_of},
    },
    store::{
        AreaChange, AreaDecision, AtlasCatalogue, NewRelease, ReleaseMark, ReleaseRow, Stamp, Store,
        StoreError,
    },
};

/// What becomes of an open public area in which fewer indicators would count than are required.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Decision {
    /// It is closed in the same moment.
    ClosePublicArea,
    /// It stays open for a while.
    KeepOpen {
        /// Why, in words for the record.
        reason: String,
        /// The last day on which it stays open.
        until: NaiveDate,
    },
}

/// Opens the public area of an atlas; the number of indicators that count.
///
/// # Errors
/// If too few indicators are released, or the atlas does not exist for this publisher.
pub async fn open(
    store: &Store,
    publisher: &Publisher,
    atlas: &Slug,
    now: DateTime<Utc>,
) -> Result<u32, ReleaseError> {
    let (count, required, since) = standing(store, publisher, atlas).await?;
    if count < required {
        return Err(ReleaseError::TooFewIndicators { count, required });
    }
    let decision = decided(AreaChange::Opened, (count, required), &stamp(publisher, now));
    store.decide_area(atlas, &decision, since).await?;
    Ok(count)
}

/// Closes the public area of an atlas.
///
/// # Errors
/// If the atlas does not exist for this publisher, or the store fails.
pub async fn close(
    store: &Store,
    publisher: &Publisher,
    atlas: &Slug,
    now: DateTime<Utc>,
) -> Result<(), ReleaseError> {
    let (count, required, since) = standing(store, publisher, atlas).await?;
    let decision = decided(AreaChange::Closed, (count, required), &stamp(publisher, now));
    Ok(store.decide_area(atlas, &decision, since).await?)
}

/// How many indicators count and how many must, as of which releases; for a publisher of the whole atlas only.
async fn standing(
    store: &Store,
    publisher: &Publisher,
    atlas: &Slug,
) -> Result<(u32, u32, ReleaseMark), ReleaseError> {
    check_whole(publisher, atlas)?;
    let since = store.release_mark(atlas).await?;
    let catalogue = store.catalogue(atlas).await?;
    Ok((counting_indicators(store, &catalogue).await?, catalogue.atlas.required_indicators, since))
}

/// Acts on the atlas as a whole are for publishers without limit to themes.
fn check_whole(publisher: &Publisher, atlas: &Slug) -> Result<(), ReleaseError> {
    if publisher.may(atlas, None) {
        return Ok(());
    }
    Err(StoreError::Unknown { what: "atlas", name: atlas.to_string() }.into())
}

fn decided(change: AreaChange, (count, required): (u32, u32), by: &Stamp) -> AreaDecision {
    AreaDecision { change, count, required, reason: None, until: None, at: by.at, by: by.by.clone() }
}

/// Closes public areas that were kept open with too few indicators up to a day that has passed. Returns their atlases.
///
/// # Errors
/// If the store fails.
pub async fn close_expired(store: &Store, now: DateTime<Utc>) -> Result<Vec<Slug>, ReleaseError> {
    let mut closed = Vec::new();
    for row in store.atlases().await?.into_iter().filter(|row| row.open) {
        let Some(kept) = store.area_decision(&row.slug).await? else { continue };
        let passed = kept.until.is_some_and(|until| until < now.date_naive());
        if kept.change != AreaChange::KeptOpen || !passed {
            continue;
        }
        let since = store.release_mark(&row.slug).await?;
        let catalogue = store.catalogue(&row.slug).await?;
        let count = counting_indicators(store, &catalogue).await?;
        if count < row.required_indicators {
            let by = Stamp { at: now, by: kept.by };
            let decision = decided(AreaChange::Closed, (count, row.required_indicators), &by);
            store.decide_area(&row.slug, &decision, since).await?;
            closed.push(row.slug);
        }
    }
    Ok(closed)
}

/// Too few indicators would count for an open public area.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Shortfall {
    /// How many would count.
    pub count: u32,
    /// How many are required.
    pub required: u32,
}

/// What is about to happen to public layers.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Change<'a> {
    /// Indicators and levels that are taken back.
    pub(super) gone: &'a [(Slug, Slug)],
    /// Releases that come, in place of those before them.
    pub(super) new: &'a [NewRelease],
}

impl Change<'_> {
    /// True if a release stays in force.
    fn leaves(&self, release: &ReleaseRow) -> bool {
        let gone = self.gone.iter().any(|(i, l)| release.indicator == *i && release.level == *l);
        let replaced = |n: &NewRelease| release.indicator == n.indicator && release.level == n.level;
        !gone && !self.new.iter().any(replaced)
    }
}

/// Whether a change would leave an open public area with fewer indicators than before and than are required.
pub(super) async fn shortfall(
    store: &Store,
    catalogue: &AtlasCatalogue,
    change: Change<'_>,
    audience: Audience,
) -> Result<Option<Shortfall>, StoreError> {
    if !catalogue.atlas.open || audience != Audience::Public {
        return Ok(None);
    }
    let (count, required) = (counting(store, catalogue, change).await?, catalogue.atlas.required_indicators);
    if count >= required || count >= counting_indicators(store, catalogue).await? {
        return Ok(None);
    }
    Ok(Some(Shortfall { count, required }))
}

/// What is decided about the public area where too few indicators would count; `None` where enough do.
///
/// # Errors
/// If nothing is decided, or the decision has no reason or a day that has passed.
pub(super) fn decision_on(
    shortfall: Option<Shortfall>,
    decision: Option<&Decision>,
    by: &Stamp,
) -> Result<Option<AreaDecision>, ReleaseError> {
    let Some(Shortfall { count, required }) = shortfall else { return Ok(None) };
    match decision {
        None => Err(ReleaseError::DecisionNeeded { count, required }),
        Some(Decision::ClosePublicArea) => Ok(Some(decided(AreaChange::Closed, (count, required), by))),
        Some(Decision::KeepOpen { reason, until }) => {
            if reason.trim().is_empty() || *until < by.at.date_naive() {
                return Err(ReleaseError::DecisionNeeded { count, required });
            }
            let kept = decided(AreaChange::KeptOpen, (count, required), by);
            Ok(Some(AreaDecision { reason: Some(reason.clone()), until: Some(*until), ..kept }))
        }
    }
}

/// Shows a category of facilities to the public, or takes it back.
///
/// # Errors
/// If there is no such category.
pub async fn set_category_public(
    store: &Store,
    publisher: &Publisher,
    atlas: &Slug,
    category: &Slug,
    public: bool,
) -> Result<(), ReleaseError> {
    check_whole(publisher, atlas)?;
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
    counting(store, catalogue, Change::default()).await
}

/// How many would count after a change.
async fn counting(store: &Store, catalogue: &AtlasCatalogue, change: Change<'_>) -> Result<u32, StoreError> {
    let mut places = Places::new(store);
    let mut counting: Vec<&Slug> = Vec::new();
    let stays = |r: &&ReleaseRow| r.audience == Audience::Public && change.leaves(r);
    for release in catalogue.releases.iter().filter(stays) {
        if !counting.contains(&&release.indicator) && best_coverage(&mut places, release).await?.is_enough() {
            counting.push(&release.indicator);
        }
    }
    for release in change.new {
        if !counting.contains(&&release.indicator) && shows_enough(&mut places, release).await? {
            counting.push(&release.indicator);
        }
    }
    Ok(counting.len() as u32)
}

/// For how many of the inhabited regions a release shows a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Coverage {
    pub(super) shown: usize,
    pub(super) of: usize,
}

impl Coverage {
    fn of(column: &Column, inhabited: &[bool]) -> Self {
        let shown = numbers_of(column, inhabited).len();
        Self { shown, of: inhabited.iter().filter(|i| **i).count() }
    }

    pub(super) const fn is_enough(self) -> bool {
        self.of > 0 && 2 * self.shown >= self.of
    }
}

/// The coverage of the period of a release that shows most; ends with the first that is enough.
pub(super) async fn best_coverage(
    places: &mut Places<'_>,
    release: &ReleaseRow,
) -> Result<Coverage, StoreError> {
    let mut best = Coverage { shown: 0, of: 0 };
    for row in &release.columns {
        let column = places.store.release_column(row.id).await?;
        let coverage = Coverage::of(&column, places.inhabited(row.edition).await?);
        if best.of == 0 || coverage.shown * best.of > best.shown * coverage.of {
            best = coverage;
        }
        if best.is_enough() {
            break;
        }
    }
    Ok(best)
}

/// True if some period of a release that is to be shows enough.
async fn shows_enough(places: &mut Places<'_>, release: &NewRelease) -> Result<bool, StoreError> {
    for new in &release.columns {
        if Coverage::of(&new.column, places.inhabited(new.edition).await?).is_enough() {
            return Ok(true);
        }
    }
    Ok(false)
}
