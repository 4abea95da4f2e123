//! Editions of regions that are composed of those of another edition.

use crate::domain::{RegionKey, Slug};
use crate::store::{
    Id, ImportedEdition, NewEdition, Store, StoreError,
    catalogue::atlas_id,
    content, editions,
    sql::{Tx, json, params},
};

type Result<T> = std::result::Result<T, StoreError>;

impl Store {
    /// Stores an edition and makes its regions parents of the regions of `parts`, of which `keys` names for each ordinal
    /// the region that it belongs to. Of an edition that is there already only these parents are written. A level that is
    /// made comes to stand before all levels of its position and behind it. Returns the id of the edition.
    ///
    /// # Errors
    /// As [`Store::insert_edition`]; and if `parts` is no edition of the atlas or has another number of regions.
    pub async fn insert_composition(
        &self,
        atlas: &Slug,
        edition: &NewEdition,
        parts: Id,
        keys: &[Option<RegionKey>],
    ) -> Result<Id> {
        let mut tx = self.begin_write().await?;
        let atlas_id = atlas_id(&mut tx, atlas).await?;
        let rows = editions::list(&mut tx, atlas_id).await?;
        let Some(row) = rows.iter().find(|row| row.id == parts) else {
            return Err(StoreError::unknown("edition", &parts));
        };
        if row.regions as usize != keys.len() {
            return Err(StoreError::Invalid(format!("the edition of the parts has {} regions", row.regions)));
        }
        if let Some(level) = &edition.new_level {
            let sql = "UPDATE level SET position = position + 1 WHERE atlas_id = $1 AND position >= $2 \
                       AND NOT EXISTS (SELECT 1 FROM level l WHERE l.atlas_id = $1 AND l.slug = $3)";
            tx.execute(sql, params![atlas_id, level.position, &level.slug]).await?;
        }
        let (id, _) = editions::insert(&mut tx, atlas_id, edition).await?;
        link(&mut tx, (atlas_id, parts), &edition.level, keys).await?;
        let mut parents = row.parents.clone();
        parents.retain(|(level, _)| *level != edition.level);
        parents.push((edition.level.clone(), hash(&mut tx, parts, &edition.level).await?));
        parents.sort();
        tx.execute("UPDATE edition SET parents = $2 WHERE id = $1", params![parts, json(&parents)?]).await?;
        tx.commit().await?;
        Ok(id)
    }
}

const DELETE_PARENTS: &str = "DELETE FROM region_parent WHERE edition_id = $1 AND parent_level = $2";

/// Writes the parents of a level anew.
async fn link(
    tx: &mut Tx,
    (atlas_id, parts): (Id, Id),
    level: &Slug,
    keys: &[Option<RegionKey>],
) -> Result<()> {
    tx.execute(DELETE_PARENTS, params![parts, level]).await?;
    let rows = keys
        .iter()
        .zip(0_i64..)
        .filter_map(|(key, ordinal)| key.as_ref().map(|key| params![atlas_id, parts, ordinal, level, key]));
    tx.insert_rows("region_parent (atlas_id, edition_id, ordinal, parent_level, parent_key)", 5, rows).await
}

/// The hash of who belongs to whom, as an edition that is imported with its parents has it.
async fn hash(tx: &mut Tx, parts: Id, level: &Slug) -> Result<String> {
    let sql = "SELECT r.key, p.parent_key FROM region_parent p \
               JOIN region r ON r.edition_id = p.edition_id AND r.ordinal = p.ordinal \
               WHERE p.edition_id = $1 AND p.parent_level = $2";
    let mut pairs: Vec<(RegionKey, RegionKey)> = Vec::new();
    for row in tx.rows(sql, params![parts, level]).await? {
        let mut cells = row.cells();
        pairs.push((cells.parsed()?, cells.parsed()?));
    }
    content::of_parent_pairs(pairs.iter().map(|(key, parent)| (key, parent)).collect())
}

/// Takes back what [`Store::insert_composition`] wrote to the parts of an edition, before that is removed. Of an edition
/// that was not composed nothing is taken: the parents of its regions' children came with the import of the children.
pub(super) async fn unlink(tx: &mut Tx, composed: &ImportedEdition) -> Result<()> {
    // The parts are those of the same date that were there before and have parents among the composed regions.
    let sql = "SELECT p.id, p.parents FROM edition e JOIN import i ON i.id = e.import_id AND i.kind = 'composition' \
               JOIN edition p ON p.atlas_id = e.atlas_id AND p.valid_on = e.valid_on AND p.id < e.id \
               WHERE e.id = $1 AND EXISTS (SELECT 1 FROM region_parent x \
               JOIN region r ON r.edition_id = e.id AND r.key = x.parent_key \
               WHERE x.edition_id = p.id AND x.parent_level = e.level)";
    for row in tx.rows(sql, params![composed.id]).await? {
        let mut cells = row.cells();
        let (parts, mut parents): (Id, Vec<(Slug, String)>) = (cells.id()?, cells.json()?);
        parents.retain(|(level, _)| *level != composed.level);
        tx.execute(DELETE_PARENTS, params![parts, &composed.level]).await?;
        tx.execute("UPDATE edition SET parents = $2 WHERE id = $1", params![parts, json(&parents)?]).await?;
    }
    Ok(())
}
