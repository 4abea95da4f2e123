//! Shares: what an atlas lends to another one of the same store. An ended share keeps its row.

use chrono::{DateTime, Utc};

use crate::domain::Slug;
use crate::store::{
    Store, StoreError,
    catalogue::atlas_id,
    series,
    sql::{Row, Tx, params},
};

type Result<T> = std::result::Result<T, StoreError>;

/// An indicator on a level, lent by one atlas to another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ShareRow {
    /// The atlas that it belongs to.
    pub lender: Slug,
    /// The atlas that may show it.
    pub borrower: Slug,
    /// Indicator of the lender.
    pub indicator: Slug,
    /// Level of the lender.
    pub level: Slug,
    /// The borrower may show in its public area what the lender has released.
    pub may_release: bool,
}

impl Store {
    /// Lends an indicator on a level, or changes what the borrower may do with it.
    ///
    /// # Errors
    /// If one of the atlases, the indicator or the level does not exist, if lender and borrower are the same, or if a slug
    /// would be too long at the borrower's.
    pub async fn grant_share(&self, share: &ShareRow, by: &str, now: DateTime<Utc>) -> Result<()> {
        let ShareRow { lender, borrower, indicator, level, may_release } = share;
        if lender == borrower {
            return Err(StoreError::Invalid("an atlas needs no share of its own data".into()));
        }
        for slug in [indicator, level] {
            if lender.of_lender(slug).is_none() {
                let what = format!("'{lender}--{slug}' is too long for a name in URLs");
                return Err(StoreError::Invalid(what));
            }
        }
        let mut tx = self.begin_write().await?;
        let lender_id = atlas_id(&mut tx, lender).await?;
        atlas_id(&mut tx, borrower).await?;
        let sql = "SELECT slug FROM indicator WHERE atlas_id = $1";
        if !series::slugs(&mut tx, sql, lender_id).await?.contains(indicator.as_str()) {
            return Err(StoreError::unknown("indicator", indicator));
        }
        let sql = "SELECT slug FROM level WHERE atlas_id = $1";
        if !series::slugs(&mut tx, sql, lender_id).await?.contains(level.as_str()) {
            return Err(StoreError::unknown("level", level));
        }
        tx.execute(
            "INSERT INTO share (atlas_id, borrower, indicator, level, may_release, granted_at, granted_by) \
             VALUES ($1, $2, $3, $4, $5, $6, $7) \
             ON CONFLICT (atlas_id, borrower, indicator, level) WHERE ended_at IS NULL \
             DO UPDATE SET may_release = excluded.may_release",
            params![lender_id, borrower, indicator, level, *may_release, now, by],
        )
        .await?;
        tx.commit().await
    }

    /// Ends a share; false if there was none in force.
    ///
    /// # Errors
    /// If there is no such lender.
    pub async fn end_share(&self, share: &ShareRow, by: &str, now: DateTime<Utc>) -> Result<bool> {
        let mut tx = self.begin_write().await?;
        let lender_id = atlas_id(&mut tx, &share.lender).await?;
        let ended = tx
            .execute(
                "UPDATE share SET ended_at = $5, ended_by = $6 WHERE atlas_id = $1 AND borrower = $2 \
                 AND indicator = $3 AND level = $4 AND ended_at IS NULL",
                params![lender_id, &share.borrower, &share.indicator, &share.level, now, by],
            )
            .await?;
        if ended > 0 {
            tx.commit().await?;
        }
        Ok(ended > 0)
    }

    /// All shares in force, by lender, borrower, indicator and level.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn shares_in_force(&self) -> Result<Vec<ShareRow>> {
        in_force(&mut self.begin_read().await?).await
    }
}

/// All shares in force, by lender, borrower, indicator and level.
pub(super) async fn in_force(tx: &mut Tx) -> Result<Vec<ShareRow>> {
    let sql = "SELECT a.slug, s.borrower, s.indicator, s.level, s.may_release FROM share s \
               JOIN atlas a ON a.id = s.atlas_id WHERE s.ended_at IS NULL \
               ORDER BY a.slug, s.borrower, s.indicator, s.level";
    tx.rows(sql, params![]).await?.iter().map(read).collect()
}

fn read(row: &Row) -> Result<ShareRow> {
    let mut cells = row.cells();
    Ok(ShareRow {
        lender: cells.parsed()?,
        borrower: cells.parsed()?,
        indicator: cells.parsed()?,
        level: cells.parsed()?,
        may_release: cells.flag()?,
    })
}
