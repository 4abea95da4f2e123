//! Values together with the indicators that they are the first of, and the profile of their source.

use crate::domain::Slug;
use crate::store::{
    BesideValues, Id, ImportRecord, InternalClassification, NewSeries, Store, StoreError, catalogue,
    profiles, series,
};

type Result<T> = std::result::Result<T, StoreError>;

impl Store {
    /// Stores new indicators, the themes that they need, their series and a profile in one transaction, as
    /// [`Store::insert_series`] does. Themes that exist stay as they are. Returns the id of the import.
    ///
    /// # Errors
    /// If an indicator exists already: it may have been completed meanwhile; if the level of the profile does not exist;
    /// and as for [`Store::insert_series`].
    pub async fn insert_values(
        &self,
        atlas: &Slug,
        new: &BesideValues,
        columns: Vec<NewSeries>,
        import: &ImportRecord,
        internal: &[InternalClassification],
    ) -> Result<Id> {
        let mut tx = self.begin_write().await?;
        let atlas_id = catalogue::atlas_id(&mut tx, atlas).await?;
        if !new.indicators.is_empty() {
            let sql = "SELECT slug FROM indicator WHERE atlas_id = $1";
            let existing = series::slugs(&mut tx, sql, atlas_id).await?;
            if let Some(taken) = new.indicators.iter().find(|one| existing.contains(one.slug.as_str())) {
                return Err(StoreError::Exists { what: "indicator", name: taken.slug.to_string() });
            }
            let themes =
                series::slugs(&mut tx, "SELECT slug FROM theme WHERE atlas_id = $1", atlas_id).await?;
            let missing: Vec<_> =
                new.themes.iter().filter(|theme| !themes.contains(theme.slug.as_str())).cloned().collect();
            catalogue::put_themes(&mut tx, atlas_id, &missing).await?;
            catalogue::put_indicators(&mut tx, atlas_id, &new.indicators).await?;
        }
        if let Some(profile) = &new.profile {
            profiles::put(&mut tx, atlas_id, profile).await?;
        }
        let import_id = series::insert_all(&mut tx, atlas_id, columns, import, internal).await?;
        tx.commit().await?;
        Ok(import_id)
    }
}
