//! The delivery list: who owes which indicator by when, and which series answers it.
//!
//! Must not know: how complete a series is, what day it is. Invariant: an indicator is owed once per level and period.

use chrono::{DateTime, NaiveDate, Utc};
use serde::Serialize;

use crate::domain::{Period, Slug};
use crate::store::{
    Id, ImportRecord, Store, StoreError,
    catalogue::{atlas_id, record_import},
    sql::{Row, Tx, params},
};

type Result<T> = std::result::Result<T, StoreError>;

/// A department owes an indicator.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Delivery {
    /// Who owes it, as people call the department.
    pub department: String,
    /// Indicator.
    pub indicator: Slug,
    /// On which level.
    pub level: Slug,
    /// For which period.
    pub period: Period,
    /// The last day on which it is in time.
    #[serde(rename = "due")]
    pub due_on: NaiveDate,
}

/// The current series that answers a delivery, on the newest edition that has one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Delivered {
    /// The series.
    pub series: Id,
    /// Its edition.
    pub edition: Id,
    /// When it was imported.
    pub at: DateTime<Utc>,
}

impl Store {
    /// Adds deliveries, or changes department and date of those of the same indicator, level and period. A list that
    /// comes from a file brings the record of its import, stored in the same transaction.
    ///
    /// # Errors
    /// If atlas, indicator or level do not exist, or a department has no name.
    pub async fn put_deliveries(
        &self,
        atlas: &Slug,
        deliveries: &[Delivery],
        import: Option<&ImportRecord>,
    ) -> Result<()> {
        let mut tx = self.begin_write().await?;
        let atlas_id = atlas_id(&mut tx, atlas).await?;
        if let Some(import) = import {
            record_import(&mut tx, atlas_id, import).await?;
        }
        for delivery in deliveries {
            put(&mut tx, atlas_id, delivery).await?;
        }
        tx.commit().await
    }

    /// All deliveries by department, date, level, indicator and period, with the series that answers each. A series that
    /// was made from others answers none.
    ///
    /// # Errors
    /// If there is no such atlas.
    pub async fn deliveries(&self, atlas: &Slug) -> Result<Vec<(Delivery, Option<Delivered>)>> {
        let mut tx = self.begin_read().await?;
        let atlas_id = atlas_id(&mut tx, atlas).await?;
        let sql = "SELECT e.level, c.indicator, c.period, s.id, c.edition_id, i.imported_at FROM current_series c \
                   JOIN series s ON s.id = c.series_id JOIN edition e ON e.id = c.edition_id \
                   JOIN import i ON i.id = s.import_id \
                   JOIN delivery d ON d.atlas_id = c.atlas_id AND d.indicator = c.indicator \
                   AND d.period = c.period AND d.level = e.level \
                   WHERE c.atlas_id = $1 AND s.derivation IS NULL ORDER BY e.valid_on";
        let mut answers = std::collections::HashMap::new();
        for row in &tx.rows(sql, params![atlas_id]).await? {
            let mut cells = row.cells();
            let what: (Slug, Slug, Period) = (cells.parsed()?, cells.parsed()?, cells.parsed()?);
            let series = Delivered { series: cells.id()?, edition: cells.id()?, at: cells.parsed()? };
            answers.insert(what, series);
        }
        let with_answer = |delivery: Delivery| {
            let what = (delivery.level.clone(), delivery.indicator.clone(), delivery.period.clone());
            let answer = answers.get(&what).copied();
            (delivery, answer)
        };
        Ok(list(&mut tx, atlas_id).await?.into_iter().map(with_answer).collect())
    }

    /// Removes what is owed for a level and a period: the indicators named, or all. Returns how many there were.
    ///
    /// # Errors
    /// If there is no such atlas, or if one of the indicators is not owed; then nothing is removed.
    pub async fn remove_deliveries(
        &self,
        atlas: &Slug,
        level: &Slug,
        period: &Period,
        indicators: &[Slug],
    ) -> Result<u64> {
        let mut tx = self.begin_write().await?;
        let atlas_id = atlas_id(&mut tx, atlas).await?;
        let mut removed = 0;
        if indicators.is_empty() {
            let sql = "DELETE FROM delivery WHERE atlas_id = $1 AND level = $2 AND period = $3";
            removed = tx.execute(sql, params![atlas_id, level, period]).await?;
        }
        for indicator in indicators {
            let sql =
                "DELETE FROM delivery WHERE atlas_id = $1 AND level = $2 AND period = $3 AND indicator = $4";
            let count = tx.execute(sql, params![atlas_id, level, period, indicator]).await?;
            if count == 0 {
                return Err(StoreError::unknown("delivery", &format!("{indicator} {level} {period}")));
            }
            removed += count;
        }
        tx.commit().await?;
        Ok(removed)
    }
}

async fn put(tx: &mut Tx, atlas_id: Id, delivery: &Delivery) -> Result<()> {
    let Delivery { department, indicator, level, period, due_on } = delivery;
    if department.trim().is_empty() {
        return Err(StoreError::Invalid(format!("nobody is named who owes '{indicator}'")));
    }
    let known = [
        ("indicator", "SELECT 1 FROM indicator WHERE atlas_id = $1 AND slug = $2", indicator),
        ("level", "SELECT 1 FROM level WHERE atlas_id = $1 AND slug = $2", level),
    ];
    for (what, sql, slug) in known {
        if tx.row(sql, params![atlas_id, slug]).await?.is_none() {
            return Err(StoreError::unknown(what, slug));
        }
    }
    tx.execute(
        "INSERT INTO delivery (atlas_id, indicator, level, period, department, due_on) \
         VALUES ($1, $2, $3, $4, $5, $6) \
         ON CONFLICT (atlas_id, indicator, level, period) DO UPDATE SET department = excluded.department, \
         due_on = excluded.due_on",
        params![atlas_id, indicator, level, period, department.trim(), *due_on],
    )
    .await?;
    Ok(())
}

pub(super) async fn list(tx: &mut Tx, atlas_id: Id) -> Result<Vec<Delivery>> {
    let sql = "SELECT department, indicator, level, period, due_on FROM delivery WHERE atlas_id = $1";
    let rows = tx.rows(sql, params![atlas_id]).await?;
    let mut deliveries = rows.iter().map(read).collect::<Result<Vec<Delivery>>>()?;
    // Sorted here: the databases would order names of departments by different rules.
    deliveries.sort_by(|a, b| {
        let key = |d: &Delivery| (d.due_on, d.level.to_string(), d.indicator.to_string(), d.period.clone());
        (&a.department, key(a)).cmp(&(&b.department, key(b)))
    });
    Ok(deliveries)
}

fn read(row: &Row) -> Result<Delivery> {
    let mut cells = row.cells();
    Ok(Delivery {
        department: cells.text()?,
        indicator: cells.parsed()?,
        level: cells.parsed()?,
        period: cells.parsed()?,
        due_on: cells.parsed()?,
    })
}
