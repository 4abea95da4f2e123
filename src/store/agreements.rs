//! Agreements on use between municipality and operator, kept with their atlas.
//!
//! Invariant: an agreement is never changed; a new version is another one.

use chrono::{DateTime, NaiveDate, Utc};
use serde::Serialize;

use crate::domain::Slug;
use crate::store::{
    Id, Store, StoreError,
    catalogue::atlas_id,
    sql::{Row, params},
};

type Result<T> = std::result::Result<T, StoreError>;

/// An agreement, without its file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Agreement {
    /// Its version, as written on it.
    pub version: String,
    /// When it was signed.
    pub signed_on: NaiveDate,
    /// Who signed it.
    pub signatory: String,
    /// Name of the file, without its folder.
    pub file_name: String,
    /// When it was put here.
    pub at: DateTime<Utc>,
    /// Who did that.
    pub by: String,
}

/// An agreement as listed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct AgreementRow {
    /// Row id, by which people name it.
    pub id: Id,
    /// BLAKE3 of the file's bytes, hexadecimal.
    pub file_hash: String,
    /// What is known of it.
    #[serde(flatten)]
    pub agreement: Agreement,
}

const SELECT: &str = "SELECT id, file_hash, version, signed_on, signatory, file_name, recorded_at, recorded_by \
                      FROM agreement WHERE atlas_id = $1 AND id = coalesce($2, id) ORDER BY id DESC";

impl Store {
    /// Keeps an agreement with its file; its id.
    ///
    /// # Errors
    /// If there is no such atlas.
    pub async fn put_agreement(&self, atlas: &Slug, agreement: &Agreement, file: &[u8]) -> Result<Id> {
        let mut tx = self.begin_write().await?;
        let atlas_id = atlas_id(&mut tx, atlas).await?;
        let id = tx
            .insert(
                "INSERT INTO agreement (atlas_id, version, signed_on, signatory, file_name, file_hash, document, \
                 recorded_at, recorded_by) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) RETURNING id",
                params![
                    atlas_id,
                    &agreement.version,
                    agreement.signed_on,
                    &agreement.signatory,
                    &agreement.file_name,
                    blake3::hash(file).to_hex().to_string(),
                    file.to_vec(),
                    agreement.at,
                    &agreement.by,
                ],
            )
            .await?;
        tx.commit().await?;
        Ok(id)
    }

    /// The agreements of an atlas, the latest first.
    ///
    /// # Errors
    /// If there is no such atlas.
    pub async fn agreements(&self, atlas: &Slug) -> Result<Vec<AgreementRow>> {
        let mut tx = self.begin_read().await?;
        let atlas_id = atlas_id(&mut tx, atlas).await?;
        let every: Option<i64> = None;
        tx.rows(SELECT, params![atlas_id, every]).await?.iter().map(read).collect()
    }

    /// An agreement with its file.
    ///
    /// # Errors
    /// If the atlas has no such agreement.
    pub async fn agreement(&self, atlas: &Slug, id: Id) -> Result<(AgreementRow, Vec<u8>)> {
        let mut tx = self.begin_read().await?;
        let atlas_id = atlas_id(&mut tx, atlas).await?;
        let row = tx.row(SELECT, params![atlas_id, id]).await?;
        let row = read(&row.ok_or_else(|| StoreError::unknown("agreement", &id))?)?;
        let file = tx.row("SELECT document FROM agreement WHERE id = $1", params![id]).await?;
        Ok((row, file.ok_or_else(|| StoreError::unknown("agreement", &id))?.cells().bytes()?))
    }
}

fn read(row: &Row) -> Result<AgreementRow> {
    let mut cells = row.cells();
    Ok(AgreementRow {
        id: cells.id()?,
        file_hash: cells.text()?,
        agreement: Agreement {
            version: cells.text()?,
            signed_on: cells.parsed()?,
            signatory: cells.text()?,
            file_name: cells.text()?,
            at: cells.parsed()?,
            by: cells.text()?,
        },
    })
}
