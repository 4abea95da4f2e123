//! Everything of one atlas: copied into a GeoPackage of its own, hashed, removed.
//!
//! Must not know: what the rows mean. Invariant: what is copied is read back and compared row by row before anybody is
//! told that it is complete, and an atlas is removed only as long as it is exactly what was copied.

use std::path::Path;

use chrono::{DateTime, Utc};
use serde::Serialize;

use crate::domain::Slug;
use crate::store::{
    AccessStore, Id, OpenMode, Store, StoreError, TableContent,
    catalogue::atlas_id,
    copying::{self, Rows, owner},
    sql::{Tx, params},
};

type Result<T> = std::result::Result<T, StoreError>;

/// Every table with rows of atlases; each comes after those that its rows refer to.
pub(super) const TABLES: [&str; 28] = [
    "atlas",
    "level",
    "theme",
    "source",
    "indicator",
    "import",
    "edition",
    "region",
    "region_parent",
    "edition_topology",
    "edition_zoom",
    "series",
    "current_series",
    "internal_classification",
    "release",
    "release_column",
    "succession",
    "facility_category",
    "facility",
    "source_profile",
    "delivery",
    "release_bundle",
    "bundle_event",
    "bundle_release",
    "release_certificate",
    "release_input",
    "agreement",
    "share",
];

/// What a store holds of an atlas.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct AtlasContent {
    /// Table by table.
    pub tables: Vec<TableContent>,
}

impl AtlasContent {
    /// How many rows there are.
    pub fn rows(&self) -> u64 {
        self.tables.iter().map(|table| table.rows).sum()
    }

    /// One hash over all tables, hexadecimal.
    pub fn hash(&self) -> String {
        let mut hash = blake3::Hasher::new();
        for TableContent { table, rows, hash: own } in &self.tables {
            hash.update(format!("{table} {rows} {own}\n").as_bytes());
        }
        hash.finalize().to_hex().to_string()
    }
}

impl Store {
    /// Copies everything of an atlas, and of no other, into a new GeoPackage, reads it back and compares it row by row.
    ///
    /// # Errors
    /// If there is no such atlas, if the file exists or cannot be made, or if what was read back is not what was copied.
    pub async fn export_atlas(&self, atlas: &Slug, file: &Path, now: DateTime<Utc>) -> Result<AtlasContent> {
        if file.exists() {
            return Err(StoreError::Exists { what: "file", name: file.display().to_string() });
        }
        let location =
            file.to_str().ok_or_else(|| StoreError::Invalid("the path of the export is not UTF-8".into()))?;
        let copy = Self::open(location, OpenMode::Create, now).await?;
        let copied = copy_atlas(self, &copy, atlas).await;
        copy.close().await;
        let copied = copied?;
        let copy = Self::open(location, OpenMode::ReadOnly, now).await?;
        let read_back = copy.atlas_content(atlas).await;
        copy.close().await;
        if read_back? != copied {
            return Err(StoreError::damaged("the export is not what was copied; nothing was removed"));
        }
        Ok(copied)
    }

    /// What the store holds of an atlas.
    ///
    /// # Errors
    /// If there is no such atlas.
    pub async fn atlas_content(&self, atlas: &Slug) -> Result<AtlasContent> {
        let mut tx = self.begin_read().await?;
        let atlas_id = atlas_id(&mut tx, atlas).await?;
        content(&mut tx, atlas_id).await
    }

    /// Removes an atlas if it is still what `expected` says, and ends what others lend to it. What deleted rows leave
    /// behind is erased by [`Store::erase`].
    ///
    /// # Errors
    /// If there is no such atlas, or if it was changed.
    pub async fn remove_atlas(
        &self,
        atlas: &Slug,
        expected: &AtlasContent,
        at: DateTime<Utc>,
        by: &str,
    ) -> Result<()> {
        let mut tx = self.begin_write().await?;
        let atlas_id = atlas_id(&mut tx, atlas).await?;
        if content(&mut tx, atlas_id).await? != *expected {
            return Err(StoreError::Changed { what: "atlas", name: atlas.to_string() });
        }
        let sql = "UPDATE share SET ended_at = $2, ended_by = $3 WHERE borrower = $1 AND ended_at IS NULL";
        tx.execute(sql, params![atlas, at, by]).await?;
        for table in TABLES.iter().rev() {
            tx.execute_text(format!("DELETE FROM {table} WHERE {} = $1", owner(table)), params![atlas_id])
                .await?;
        }
        tx.commit().await
    }
}

impl AccessStore {
    /// Takes every role in an atlas and every token for it away. The audit log keeps what it says of the atlas.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn forget_atlas(&self, atlas: &Slug) -> Result<()> {
        let mut tx = self.begin_change_of_rights().await?;
        tx.execute("DELETE FROM membership WHERE atlas = $1", params![atlas]).await?;
        tx.execute("DELETE FROM token WHERE atlas = $1", params![atlas]).await?;
        tx.commit().await
    }
}

async fn content(tx: &mut Tx, atlas_id: Id) -> Result<AtlasContent> {
    Ok(AtlasContent { tables: copying::content(tx, &TABLES, Rows::Of(atlas_id)).await? })
}

async fn copy_atlas(from: &Store, to: &Store, atlas: &Slug) -> Result<AtlasContent> {
    let (mut source, mut target) = (from.begin_read().await?, to.begin_write().await?);
    let atlas_id = atlas_id(&mut source, atlas).await?;
    let rows = Rows::Of(atlas_id);
    let tables = copying::copy(&mut source, &mut target, &TABLES, rows, &|_, _| {}).await?;
    target.commit().await?;
    Ok(AtlasContent { tables })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn no_table_with_rows_of_atlases_is_forgotten() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.gpkg");
        let now = "2026-11-22T12:00:00Z".parse().unwrap();
        let store = Store::open(path.to_str().unwrap(), OpenMode::Create, now).await.unwrap();
        let sql = "SELECT m.name FROM sqlite_master m JOIN pragma_table_info(m.name) c ON c.name = 'atlas_id' \
                   WHERE m.type = 'table' ORDER BY m.name";
        let found = store.rows(sql, params![]).await.unwrap();
        let mut found: Vec<String> = found.iter().map(|row| row.cells().text().unwrap()).collect();
        found.push("atlas".into());
        found.sort();
        let mut known = TABLES.to_vec();
        known.sort_unstable();
        assert_eq!(found, known);
        store.close().await;
    }
}
