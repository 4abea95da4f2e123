//! Successions: what became of regions between editions.

use crate::domain::Slug;
use crate::store::{
    Id, ImportRecord, Store, StoreError, Succession,
    catalogue::{atlas_id, record_import},
    sql::{Row, Tx, params},
};

type Result<T> = std::result::Result<T, StoreError>;

impl Store {
    /// Adds successions; they count in place of earlier ones of the same keys and date, which stay. Returns the id of
    /// the import.
    ///
    /// # Errors
    /// If atlas or level do not exist, if a share is not above 0 and at most 1, or if the same keys and date are named
    /// twice.
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
            put(&mut tx, atlas_id, import_id, succession).await?;
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

async fn put(tx: &mut Tx, atlas_id: Id, import: Id, succession: &Succession) -> Result<()> {
    let Succession { level, valid_on, old_key, new_key, share } = succession;
    if !(*share > 0.0 && *share <= 1.0) {
        return Err(StoreError::Invalid(format!("{old_key} → {new_key}: the share {share} is not in 0 … 1")));
    }
    let sql = "SELECT id FROM level WHERE atlas_id = $1 AND slug = $2";
    if tx.row(sql, params![atlas_id, level]).await?.is_none() {
        return Err(StoreError::unknown("level", level));
    }
    let inserted = tx.execute(
        "INSERT INTO succession (atlas_id, import_id, level, valid_on, old_key, new_key, share) \
         VALUES ($1, $2, $3, $4, $5, $6, $7) \
         ON CONFLICT (atlas_id, level, valid_on, old_key, new_key, import_id) DO NOTHING",
        params![atlas_id, import, level, *valid_on, old_key, new_key, *share],
    );
    if inserted.await? == 0 {
        return Err(StoreError::Invalid(format!("{old_key} → {new_key} from {valid_on} on is named twice")));
    }
    Ok(())
}

/// The successions that count.
pub(super) async fn list(tx: &mut Tx, atlas_id: Id) -> Result<Vec<Succession>> {
    let sql = "SELECT s.level, s.valid_on, s.old_key, s.new_key, s.share FROM succession s \
               LEFT JOIN import i ON i.id = s.import_id WHERE s.atlas_id = $1 AND coalesce(i.undone, 0) = 0 \
               ORDER BY s.level, s.valid_on, s.old_key, s.new_key, s.id";
    let all = tx.rows(sql, params![atlas_id]).await?.iter().map(read).collect::<Result<Vec<_>>>()?;
    let mut latest: Vec<Succession> = Vec::with_capacity(all.len());
    for succession in all {
        match latest.last_mut() {
            Some(last) if same_regions(last, &succession) => *last = succession,
            _ => latest.push(succession),
        }
    }
    Ok(latest)
}

fn same_regions(a: &Succession, b: &Succession) -> bool {
    (&a.level, a.valid_on, &a.old_key, &a.new_key) == (&b.level, b.valid_on, &b.old_key, &b.new_key)
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
