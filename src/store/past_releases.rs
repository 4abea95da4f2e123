//! What was ever released: the record from which disclosure control learns what is known already.

use chrono::{DateTime, Utc};

use crate::domain::{Audience, Column, Period, Provenance, Slug};
use crate::store::{
    Id, Store, StoreError,
    catalogue::atlas_id,
    sql::{Row, params},
};

type Result<T> = std::result::Result<T, StoreError>;

/// One period of a release, in force or not, with the series that it was made from.
#[derive(Debug, Clone, PartialEq)]
pub struct PastColumn {
    /// Row id of the release.
    pub release: Id,
    /// Indicator's slug.
    pub indicator: Slug,
    /// Level's slug.
    pub level: Slug,
    /// Audience.
    pub audience: Audience,
    /// The release is in force.
    pub in_force: bool,
    /// When it was released.
    pub at: DateTime<Utc>,
    /// Edition's row id.
    pub edition: Id,
    /// Period.
    pub period: Period,
    /// The series; of a release that does not name its series the latest that was there. `None` if it was purged.
    pub series: Option<Id>,
    /// What was shown.
    pub column: Column,
}

impl Store {
    /// Every column that was ever released in an atlas, the earliest release first.
    ///
    /// # Errors
    /// If there is no such atlas.
    pub async fn past_columns(&self, atlas: &Slug) -> Result<Vec<PastColumn>> {
        let mut tx = self.begin_read().await?;
        let atlas_id = atlas_id(&mut tx, atlas).await?;
        let sql = "SELECT r.id, r.indicator, r.level, r.audience, r.in_force, r.released_at, c.edition_id, c.period, \
                   coalesce(( \
                       SELECT max(s.id) FROM release_input i JOIN series s ON s.id = i.series_id \
                       WHERE i.release_id = r.id AND s.indicator = r.indicator AND s.edition_id = c.edition_id \
                       AND s.period = c.period \
                   ), ( \
                       SELECT max(s.id) FROM series s JOIN import m ON m.id = s.import_id \
                       WHERE s.atlas_id = r.atlas_id AND s.indicator = r.indicator AND s.edition_id = c.edition_id \
                       AND s.period = c.period AND m.imported_at <= r.released_at \
                   )), c.observations \
                   FROM release_column c JOIN release r ON r.id = c.release_id WHERE r.atlas_id = $1 ORDER BY r.id, c.id";
        tx.rows(sql, params![atlas_id]).await?.iter().map(read).collect()
    }

    /// How the numbers of a series came about, current or not.
    ///
    /// # Errors
    /// If there is no such series.
    pub async fn provenance(&self, series: Id) -> Result<Provenance> {
        let row = self.row("SELECT provenance FROM series WHERE id = $1", params![series]).await?;
        row.ok_or_else(|| StoreError::unknown("series", &series))?.cells().json()
    }
}

fn read(row: &Row) -> Result<PastColumn> {
    let mut cells = row.cells();
    Ok(PastColumn {
        release: cells.id()?,
        indicator: cells.parsed()?,
        level: cells.parsed()?,
        audience: cells.word()?,
        in_force: cells.flag()?,
        at: cells.parsed()?,
        edition: cells.id()?,
        period: cells.parsed()?,
        series: cells.get()?,
        column: Column::from_bytes(&cells.bytes()?).map_err(|e| StoreError::damaged(&e))?,
    })
}
