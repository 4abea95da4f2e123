//! Releases and withdraws.

use chrono::{DateTime, Utc};

use crate::{
    access::Publisher,
    domain::{Audience, Slug},
    release::{ReleaseError, ReleaseRequest, Released, prepare::prepare},
    store::{ReleaseRow, Store},
};

/// Releases indicators on levels. All of them are checked before the first is written, and all are written or none.
///
/// # Errors
/// If an indicator or a level is unknown, has no values, or lacks its description.
pub async fn release(
    store: &Store,
    publisher: &Publisher,
    atlas: &Slug,
    request: &ReleaseRequest,
    now: DateTime<Utc>,
) -> Result<Vec<Released>, ReleaseError> {
    let catalogue = store.catalogue(atlas).await?;
    let releases = prepare(store, &catalogue, request, publisher.name(), now).await?;
    store.publish_all(atlas, &releases).await?;
    Ok(releases.iter().map(Released::of).collect())
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
