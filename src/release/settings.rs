//! What administrators set for an atlas: what disclosure control demands, four eyes, the date for the indicators.

use crate::{
    access::Administrator,
    domain::Slug,
    release::ReleaseError,
    store::{AtlasSettings, Store, StoreError},
};

/// Changes the settings of an atlas. What is released stays as it is; the next release follows the new policy.
///
/// # Errors
/// If the atlas does not exist for this administrator, or a policy demands what makes no sense.
pub async fn change_settings(
    store: &Store,
    administrator: &Administrator,
    atlas: &Slug,
    settings: &AtlasSettings,
) -> Result<(), ReleaseError> {
    check_administrator(administrator, atlas)?;
    settings.policies.check()?;
    Ok(store.put_settings(atlas, settings).await?)
}

/// What is not this administrator's does not exist.
pub(super) fn check_administrator(administrator: &Administrator, atlas: &Slug) -> Result<(), ReleaseError> {
    if administrator.may(atlas) {
        return Ok(());
    }
    Err(StoreError::Unknown { what: "atlas", name: atlas.to_string() }.into())
}
