//! The public area of an atlas as a whole: opens, closes, and what counts for it.

use crate::{
    access::Publisher,
    domain::{Audience, FacilityCategory, Slug},
    release::{
        ReleaseError,
        prepare::{Places, numbers_of},
    },
    store::{AtlasCatalogue, ReleaseRow, Store, StoreError},
};

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
