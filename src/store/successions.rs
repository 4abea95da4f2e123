//! Successions: what became of regions between editions.

use crate::domain::Slug;
use crate::store::{
    Id, ImportRecord, Store, StoreError, Succession,
    catalogue::{atlas_id, record_import},
    sql::{Row, Tx, params},
};

type Result<T> = std::result::Result<T, StoreError>;

impl Store {
    /// Adds successions, or changes the share of those that are there. Returns the id of the import.
    ///
    /// # Errors
    /// If atlas or level do not exist, or if a share is not above 0 and at most 1.
    pub async fn put_successions(
        &self,
        atlas: &Slug,
        successions: &[Succession],
        import: &ImportRecord,
    ) -> Result<Id> {
        let mut tx = self.begin_write().await?;
        let atlas_id = atlas_id(&mut tx, atlas).await?;
        let import_id = record_import(&mut tx, atlas_id, import).await?;
        for succession in successions {
            put(&mut tx, atlas_id, succession).await?;
        }
        tx.commit().await?;
        Ok(import_id)
    }

    /// All successions of an atlas by level, date and keys.
    ///
    /// # Errors
    /// If there is no such atlas.
    pub async fn successions(&self, atlas: &Slug) -> Result<Vec<Succession>> {
        let mut tx = self.begin_read().await?;
        let atlas_id = atlas_id(&mut tx, atlas).await?;
        list(&mut tx, atlas_id).await
    }
}

async fn put(tx: &mut Tx, atlas_id: Id, succession: &Succession) -> Result<()> {
    let Succession { level, valid_on, old_key, new_key, share } = succession;
    if !(*share > 0.0 && *share <= 1.0) {
        return Err(StoreError::Invalid(format!("{old_key} → {new_key}: the share {share} is not in 0 … 1")));
    }
    let sql = "SELECT id FROM level WHERE atlas_id = $1 AND slug = $2";
    if tx.row(sql, params![atlas_id, level]).await?.is_none() {
        return Err(StoreError::unknown("level", level));
    }
    tx.execute(
        "INSERT INTO succession (atlas_id, level, valid_on, old_key, new_key, share) VALUES ($1, $2, $3, $4, $5, $6) \
         ON CONFLICT (atlas_id, level, valid_on, old_key, new_key) DO UPDATE SET share = excluded.share",
        params![atlas_id, level, *valid_on, old_key, new_key, *share],
    )
    .await?;
    Ok(())
}

pub(super) async fn list(tx: &mut Tx, atlas_id: Id) -> Result<Vec<Succession>> {
    let sql = "SELECT level, valid_on, old_key, new_key, share FROM succession WHERE atlas_id = $1 \
               ORDER BY level, valid_on, old_key, new_key";
    tx.rows(sql, params![atlas_id]).await?.iter().map(read).collect()
}

fn read(row: &Row) -> Result<Succession> {
    let mut cells = row.cells();
    Ok(Succession {
        level: cells.parsed()?,
        valid_on: cells.parsed()?,
        old_key: cells.parsed()?,
        new_key: cells.parsed()?,
        share: cells.get()?,
    })
}
