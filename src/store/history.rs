//! The history of imports: what each brought, what it replaced, and taking one back.
//!
//! Must not know: what a changed value means. Invariant: undoing deletes no value. What a series, a facility or a
//! succession counts for follows from the imports that were not undone; only boundaries that nothing uses are removed.

use std::collections::BTreeSet;

use chrono::NaiveDate;

use crate::domain::{Period, Slug};
use crate::store::{
    Id, ImportRow, Store, StoreError,
    catalogue::{SELECT_IMPORTS, atlas_id, read_import},
    compositions, editions,
    sql::{Row, Tx, params},
};

type Result<T> = std::result::Result<T, StoreError>;

/// A series that an import brought, and the one that it replaced.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImportedSeries {
    /// Row id.
    pub id: Id,
    /// The latest earlier series of the same indicator, edition and period whose import was not undone.
    pub before: Option<Id>,
    /// Indicator's slug.
    pub indicator: Slug,
    /// Level's slug.
    pub level: Slug,
    /// Edition's row id.
    pub edition: Id,
    /// Date of the edition.
    pub valid_on: NaiveDate,
    /// Period.
    pub period: Period,
    /// It is the one that counts.
    pub current: bool,
}

/// An edition that an import brought.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImportedEdition {
    /// Row id.
    pub id: Id,
    /// Its level's slug.
    pub level: Slug,
    /// Date of the boundaries.
    pub valid_on: NaiveDate,
    /// Number of regions.
    pub regions: u32,
}

impl Store {
    /// One import of an atlas.
    ///
    /// # Errors
    /// If the atlas has no such import.
    pub async fn import(&self, atlas: &Slug, import: Id) -> Result<ImportRow> {
        let mut tx = self.begin_read().await?;
        let atlas_id = atlas_id(&mut tx, atlas).await?;
        find(&mut tx, atlas_id, import).await
    }

    /// The series that an import brought, by indicator, level, edition and period.
    ///
    /// # Errors
    /// If the atlas has no such import.
    pub async fn imported_series(&self, atlas: &Slug, import: Id) -> Result<Vec<ImportedSeries>> {
        let mut tx = self.begin_read().await?;
        let atlas_id = atlas_id(&mut tx, atlas).await?;
        find(&mut tx, atlas_id, import).await?;
        series_of(&mut tx, import).await
    }

    /// The edition that an import brought, unless it was removed since.
    ///
    /// # Errors
    /// If the atlas has no such import.
    pub async fn imported_edition(&self, atlas: &Slug, import: Id) -> Result<Option<ImportedEdition>> {
        let mut tx = self.begin_read().await?;
        let atlas_id = atlas_id(&mut tx, atlas).await?;
        find(&mut tx, atlas_id, import).await?;
        edition_of(&mut tx, import).await
    }

    /// Takes an import back. Of each indicator, edition and period the latest series counts whose import was not undone;
    /// so it is with classes of internal layers, with facilities and with successions, and nothing of them is deleted.
    /// An edition is removed.
    ///
    /// # Errors
    /// If the atlas has no such import, if it was undone or purged before, if it brought a catalogue, or if it brought
    /// boundaries that series or releases use.
    pub async fn undo_import(&self, atlas: &Slug, import: Id) -> Result<()> {
        let mut tx = self.begin_write().await?;
        let atlas_id = atlas_id(&mut tx, atlas).await?;
        let row = find(&mut tx, atlas_id, import).await?;
        check_undo(&row)?;
        tx.execute("UPDATE import SET undone = 1 WHERE id = $1", params![import]).await?;
        match row.record.kind.as_str() {
            "values" => make_former_series_current(&mut tx, import).await?,
            "boundaries" | "composition" => {
                if let Some(edition) = edition_of(&mut tx, import).await? {
                    remove_edition(&mut tx, &edition).await?;
                }
            }
            // Those of the latest import count that was not undone: nothing else is to be done.
            _ => {}
        }
        tx.commit().await
    }
}

fn check_undo(row: &ImportRow) -> Result<()> {
    let ImportRow { id, undone, purged, record } = row;
    let refuse = |why: &str| Err(StoreError::Invalid(format!("import {id} {why}")));
    match record.kind.as_str() {
        _ if purged.is_some() => refuse("was purged: nothing of it is left to be undone"),
        _ if *undone => refuse("was undone before"),
        "values" | "boundaries" | "composition" | "facilities" | "successions" => Ok(()),
        "catalogue" => refuse("brought a catalogue, which cannot be undone: import the former file again"),
        kind => refuse(&format!("brought {kind}, which cannot be undone")),
    }
}

/// An import that must exist.
pub(super) async fn find(tx: &mut Tx, atlas_id: Id, import: Id) -> Result<ImportRow> {
    let rows = tx.rows(SELECT_IMPORTS, params![atlas_id, import]).await?;
    read_import(rows.first().ok_or_else(|| StoreError::unknown("import", &import))?)
}

async fn make_former_series_current(tx: &mut Tx, import: Id) -> Result<()> {
    tx.execute(
        "DELETE FROM current_series WHERE series_id IN (SELECT id FROM series WHERE import_id = $1)",
        params![import],
    )
    .await?;
    tx.execute(
        "INSERT INTO current_series (atlas_id, indicator, edition_id, period, series_id) \
         SELECT s.atlas_id, s.indicator, s.edition_id, s.period, max(s.id) FROM series u \
         JOIN series s ON s.atlas_id = u.atlas_id AND s.indicator = u.indicator \
         AND s.edition_id = u.edition_id AND s.period = u.period \
         JOIN import i ON i.id = s.import_id AND i.undone = 0 \
         WHERE u.import_id = $1 AND NOT EXISTS (SELECT 1 FROM current_series c WHERE c.atlas_id = u.atlas_id \
         AND c.indicator = u.indicator AND c.edition_id = u.edition_id AND c.period = u.period) \
         GROUP BY s.atlas_id, s.indicator, s.edition_id, s.period",
        params![import],
    )
    .await?;
    Ok(())
}

/// The series of an import with those that they replaced.
pub(super) async fn series_of(tx: &mut Tx, import: Id) -> Result<Vec<ImportedSeries>> {
    let sql = "SELECT s.id, (SELECT max(b.id) FROM series b JOIN import i ON i.id = b.import_id AND i.undone = 0 \
               WHERE b.atlas_id = s.atlas_id AND b.indicator = s.indicator AND b.edition_id = s.edition_id \
               AND b.period = s.period AND b.id < s.id), s.indicator, e.level, e.id, e.valid_on, s.period, \
               (SELECT count(*) FROM current_series c WHERE c.series_id = s.id) \
               FROM series s JOIN edition e ON e.id = s.edition_id WHERE s.import_id = $1 \
               ORDER BY s.indicator, e.level, e.valid_on, s.id";
    let mut series =
        tx.rows(sql, params![import]).await?.iter().map(read_series).collect::<Result<Vec<_>>>()?;
    series.sort_by(|a, b| {
        let key = |s: &ImportedSeries| (s.indicator.clone(), s.level.clone(), s.valid_on);
        key(a).cmp(&key(b)).then_with(|| a.period.cmp(&b.period))
    });
    Ok(series)
}

fn read_series(row: &Row) -> Result<ImportedSeries> {
    let mut cells = row.cells();
    Ok(ImportedSeries {
        id: cells.id()?,
        before: cells.get()?,
        indicator: cells.parsed()?,
        level: cells.parsed()?,
        edition: cells.id()?,
        valid_on: cells.parsed()?,
        period: cells.parsed()?,
        current: cells.flag()?,
    })
}

/// The edition of an import.
pub(super) async fn edition_of(tx: &mut Tx, import: Id) -> Result<Option<ImportedEdition>> {
    let sql = "SELECT id, level, valid_on, regions FROM edition WHERE import_id = $1";
    let row = tx.row(sql, params![import]).await?;
    row.map(|row| {
        let mut cells = row.cells();
        Ok(ImportedEdition {
            id: cells.id()?,
            level: cells.parsed()?,
            valid_on: cells.parsed()?,
            regions: cells.small()?,
        })
    })
    .transpose()
}

/// Removes an edition with its regions. If it was composed, its parts lose the parents that they got with it.
///
/// Refuses with a sentence that names them if series, also superseded ones, or releases use it.
pub(super) async fn remove_edition(tx: &mut Tx, edition: &ImportedEdition) -> Result<()> {
    let users = users(tx, edition.id).await?;
    if !users.is_empty() {
        return Err(StoreError::Invalid(format!(
            "the boundaries of '{}' of {} cannot be removed: {} have values on them; purge the imports of those values first",
            edition.level,
            edition.valid_on,
            listed(&users)
        )));
    }
    compositions::unlink(tx, edition).await?;
    for sql in [
        "DELETE FROM edition_zoom WHERE edition_id = $1",
        "DELETE FROM edition_topology WHERE edition_id = $1",
        "DELETE FROM region_parent WHERE edition_id = $1",
        "DELETE FROM region WHERE edition_id = $1",
        "DELETE FROM edition WHERE id = $1",
    ] {
        tx.execute(sql, params![edition.id]).await?;
    }
    editions::shrink_extent(tx).await
}

/// What uses an edition: indicators with series, and releases.
async fn users(tx: &mut Tx, edition: Id) -> Result<BTreeSet<String>> {
    let sql = "SELECT 'the indicator ' || indicator FROM series WHERE edition_id = $1 UNION \
               SELECT 'release ' || r.number || ' (' || r.audience || ') of ' || r.indicator \
               FROM release_column c JOIN release r ON r.id = c.release_id WHERE c.edition_id = $1";
    tx.rows(sql, params![edition]).await?.iter().map(|row| row.cells().text()).collect()
}

/// The first names of a list, and how many more there are.
fn listed(names: &BTreeSet<String>) -> String {
    const SHOWN: usize = 10;
    let shown = names.iter().take(SHOWN).map(String::as_str).collect::<Vec<_>>().join(", ");
    match names.len().saturating_sub(SHOWN) {
        0 => shown,
        more => format!("{shown} and {more} more"),
    }
}
