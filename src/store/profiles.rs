//! Saved source profiles: mappings that are used again for the next file with the same header.
//!
//! Must not know: what a mapping means, how headers are compared. Invariant: a name stands for one mapping of an atlas;
//! saving it again replaces what was there.

use chrono::{DateTime, Utc};

use crate::domain::Slug;
use crate::store::{
    Id, Store, StoreError,
    catalogue::atlas_id,
    sql::{Row, Tx, json, params},
};

type Result<T> = std::result::Result<T, StoreError>;

/// A mapping that was saved for the files of one source.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SourceProfile {
    /// Name.
    pub slug: Slug,
    /// Level of the regions of its files.
    pub level: Slug,
    /// Hash of the header without dates; equal for the next file of the same source.
    pub fingerprint: String,
    /// The header of the file with which it was saved, by column.
    pub headers: Vec<String>,
    /// The mapping file (TOML) as it was written.
    pub mapping: String,
    /// When it was saved.
    pub saved_at: DateTime<Utc>,
    /// By whom.
    pub saved_by: String,
}

impl Store {
    /// All profiles of an atlas by name.
    ///
    /// # Errors
    /// If there is no such atlas.
    pub async fn profiles(&self, atlas: &Slug) -> Result<Vec<SourceProfile>> {
        let mut tx = self.begin_read().await?;
        let atlas_id = atlas_id(&mut tx, atlas).await?;
        list(&mut tx, atlas_id).await
    }

    /// Removes a profile. What was imported with it stays.
    ///
    /// # Errors
    /// If there is no such atlas or profile.
    pub async fn remove_profile(&self, atlas: &Slug, profile: &Slug) -> Result<()> {
        let mut tx = self.begin_write().await?;
        let atlas_id = atlas_id(&mut tx, atlas).await?;
        let sql = "DELETE FROM source_profile WHERE atlas_id = $1 AND slug = $2";
        if tx.execute(sql, params![atlas_id, profile]).await? == 0 {
            return Err(StoreError::unknown("profile", profile));
        }
        tx.commit().await
    }
}

/// Writes a profile in place of the one of the same name.
pub(super) async fn put(tx: &mut Tx, atlas_id: Id, profile: &SourceProfile) -> Result<()> {
    let sql = "SELECT id FROM level WHERE atlas_id = $1 AND slug = $2";
    if tx.row(sql, params![atlas_id, &profile.level]).await?.is_none() {
        return Err(StoreError::unknown("level", &profile.level));
    }
    tx.execute(
        "INSERT INTO source_profile (atlas_id, slug, level, fingerprint, headers, mapping, saved_at, saved_by) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8) \
         ON CONFLICT (atlas_id, slug) DO UPDATE SET level = excluded.level, \
         fingerprint = excluded.fingerprint, headers = excluded.headers, mapping = excluded.mapping, \
         saved_at = excluded.saved_at, saved_by = excluded.saved_by",
        params![
            atlas_id,
            &profile.slug,
            &profile.level,
            &profile.fingerprint,
            json(&profile.headers)?,
            &profile.mapping,
            profile.saved_at,
            &profile.saved_by,
        ],
    )
    .await?;
    Ok(())
}

pub(super) async fn list(tx: &mut Tx, atlas_id: Id) -> Result<Vec<SourceProfile>> {
    let sql = "SELECT slug, level, fingerprint, headers, mapping, saved_at, saved_by FROM source_profile \
               WHERE atlas_id = $1 ORDER BY slug";
    tx.rows(sql, params![atlas_id]).await?.iter().map(read).collect()
}

fn read(row: &Row) -> Result<SourceProfile> {
    let mut cells = row.cells();
    Ok(SourceProfile {
        slug: cells.parsed()?,
        level: cells.parsed()?,
        fingerprint: cells.text()?,
        headers: cells.json()?,
        mapping: cells.text()?,
        saved_at: cells.parsed()?,
        saved_by: cells.text()?,
    })
}
