//! Series: packed columns, and which of them count.

use std::collections::{BTreeMap, HashMap, HashSet};

use chrono::NaiveDate;

use crate::domain::{Column, Companions, Period, Slug, Text};
use crate::store::{
    Id, ImportRecord, InternalClassification, NewSeries, SeriesRow, Store, StoreError,
    catalogue::{atlas_id, record_import},
    content, editions, restricted,
    sql::{Row, Tx, json, params},
};

type Result<T> = std::result::Result<T, StoreError>;

impl Store {
    /// Stores the series of one import, and the classes of the internal layers that follow from them, in one
    /// transaction. They become current in place of those before, which stay. Returns the id of the import.
    ///
    /// # Errors
    /// If atlas, indicator, edition or source do not exist, if a column is not as long as its edition, or if two series
    /// speak of the same indicator, edition and period.
    pub async fn insert_series(
        &self,
        atlas: &Slug,
        series: Vec<NewSeries>,
        import: &ImportRecord,
        internal: &[InternalClassification],
    ) -> Result<Id> {
        let mut tx = self.begin_write().await?;
        let atlas_id = atlas_id(&mut tx, atlas).await?;
        let import_id = insert_all(&mut tx, atlas_id, series, import, internal).await?;
        tx.commit().await?;
        Ok(import_id)
    }

    /// The column of a series.
    ///
    /// # Errors
    /// If there is no such series.
    pub async fn column(&self, series: Id) -> Result<Column> {
        let row = self.row("SELECT observations FROM series WHERE id = $1", params![series]).await?;
        let bytes = row.ok_or_else(|| StoreError::unknown("series", &series))?.cells().bytes()?;
        Column::from_bytes(&bytes).map_err(|e| StoreError::damaged(&e))
    }

    /// What stands beside the values of a series.
    ///
    /// # Errors
    /// If there is no such series.
    pub async fn companions(&self, series: Id) -> Result<Companions> {
        let sql = "SELECT numerators, denominators, contributors, raw_signs FROM series WHERE id = $1";
        let row = self.row(sql, params![series]).await?;
        let row = row.ok_or_else(|| StoreError::unknown("series", &series))?;
        let mut cells = row.cells();
        let mut numbers = || -> Result<Option<Vec<f64>>> {
            let bytes: Option<Vec<u8>> = cells.get()?;
            bytes.map(|b| Companions::numbers_from_bytes(&b).map_err(|e| StoreError::damaged(&e))).transpose()
        };
        let (numerators, denominators, contributors) = (numbers()?, numbers()?, numbers()?);
        Ok(Companions { numerators, denominators, contributors, raw_signs: cells.json()? })
    }

    /// The public remarks on single values of a series: (ordinal, text).
    ///
    /// # Errors
    /// If there is no such series.
    pub async fn value_notes(&self, series: Id) -> Result<Vec<(u32, Text)>> {
        let row = self.row("SELECT value_notes FROM series WHERE id = $1", params![series]).await?;
        row.ok_or_else(|| StoreError::unknown("series", &series))?.cells().json()
    }

    /// All current columns of an indicator on a level, by period, then date of the edition: what classes are made of.
    ///
    /// # Errors
    /// If there is no such atlas.
    pub async fn current_columns(
        &self,
        atlas: &Slug,
        indicator: &Slug,
        level: &Slug,
    ) -> Result<Vec<(Period, Id, Column)>> {
        let mut tx = self.begin_read().await?;
        let atlas_id = atlas_id(&mut tx, atlas).await?;
        let sql = "SELECT c.period, c.edition_id, s.observations FROM current_series c \
                   JOIN series s ON s.id = c.series_id JOIN edition e ON e.id = c.edition_id \
                   WHERE c.atlas_id = $1 AND c.indicator = $2 AND e.level = $3 ORDER BY e.valid_on";
        let rows = tx.rows(sql, params![atlas_id, indicator, level]).await?;
        let read = |row: &Row| {
            let mut cells = row.cells();
            let (period, edition) = (cells.parsed()?, cells.id()?);
            Ok((period, edition, Column::from_bytes(&cells.bytes()?).map_err(|e| StoreError::damaged(&e))?))
        };
        let mut columns = rows.iter().map(read).collect::<Result<Vec<(Period, Id, Column)>>>()?;
        columns.sort_by(|a, b| a.0.cmp(&b.0));
        Ok(columns)
    }
}

/// The series and classes of one import, with its record.
pub(super) async fn insert_all(
    tx: &mut Tx,
    atlas_id: Id,
    series: Vec<NewSeries>,
    import: &ImportRecord,
    internal: &[InternalClassification],
) -> Result<Id> {
    let import_id = record_import(tx, atlas_id, import).await?;
    let known = Known::read(tx, atlas_id).await?;
    let mut seen = HashSet::new();
    for new in series {
        let edition = known.edition_of(&new)?;
        if !seen.insert((new.indicator.clone(), edition, new.period.clone())) {
            let what = format!("two series of '{}' for {} on one edition", new.indicator, new.period);
            return Err(StoreError::Invalid(what));
        }
        insert_one(tx, atlas_id, import_id, edition, new).await?;
    }
    for classes in internal {
        known.indicator(&classes.indicator)?;
        known.level(&classes.level)?;
        insert_classes(tx, atlas_id, import_id, classes).await?;
    }
    Ok(import_id)
}

/// What a series may name, read once per import.
struct Known {
    indicators: HashSet<String>,
    levels: HashSet<String>,
    sources: HashSet<String>,
    editions: HashMap<(Slug, NaiveDate), (Id, usize)>,
}

impl Known {
    async fn read(tx: &mut Tx, atlas_id: Id) -> Result<Self> {
        let editions = editions::list(tx, atlas_id).await?;
        Ok(Self {
            indicators: slugs(tx, "SELECT slug FROM indicator WHERE atlas_id = $1", atlas_id).await?,
            levels: slugs(tx, "SELECT slug FROM level WHERE atlas_id = $1", atlas_id).await?,
            sources: slugs(tx, "SELECT slug FROM source WHERE atlas_id = $1", atlas_id).await?,
            editions: editions
                .into_iter()
                .map(|e| ((e.level, e.valid_on), (e.id, e.regions as usize)))
                .collect(),
        })
    }

    fn indicator(&self, slug: &Slug) -> Result<()> {
        let known = self.indicators.contains(slug.as_str());
        known.then_some(()).ok_or_else(|| StoreError::unknown("indicator", slug))
    }

    fn level(&self, slug: &Slug) -> Result<()> {
        let known = self.levels.contains(slug.as_str());
        known.then_some(()).ok_or_else(|| StoreError::unknown("level", slug))
    }

    /// The edition of a series whose other names are known too and whose columns are as long as it.
    fn edition_of(&self, series: &NewSeries) -> Result<Id> {
        self.indicator(&series.indicator)?;
        if let Some(source) = series.source.as_ref().filter(|s| !self.sources.contains(s.as_str())) {
            return Err(StoreError::unknown("source", source));
        }
        let key = (series.level.clone(), series.edition);
        let Some((edition, regions)) = self.editions.get(&key) else {
            return Err(StoreError::unknown("edition", &format!("{} {}", series.level, series.edition)));
        };
        let companions = &series.companions;
        let beside = [&companions.numerators, &companions.denominators, &companions.contributors];
        let lengths = beside.into_iter().flatten().map(Vec::len).chain([series.column.len()]);
        let ordinals = companions.raw_signs.iter().map(|r| r.0).chain(series.value_notes.iter().map(|n| n.0));
        if lengths.into_iter().any(|l| l != *regions) || ordinals.into_iter().any(|o| o as usize >= *regions)
        {
            let what = format!(
                "a column of '{}' for {} does not fit its edition of {regions} regions",
                series.indicator, series.period
            );
            return Err(StoreError::Invalid(what));
        }
        Ok(*edition)
    }
}

pub(super) async fn slugs(tx: &mut Tx, sql: &'static str, atlas_id: Id) -> Result<HashSet<String>> {
    tx.rows(sql, params![atlas_id]).await?.iter().map(|row| row.cells().text()).collect()
}

async fn insert_one(tx: &mut Tx, atlas_id: Id, import_id: Id, edition: Id, new: NewSeries) -> Result<()> {
    let bytes = |numbers: Option<&Vec<f64>>| numbers.map(|n| Companions::numbers_to_bytes(n));
    let companions = &new.companions;
    let series_id = tx
        .insert(
            "INSERT INTO series (atlas_id, import_id, indicator, edition_id, period, period_start, period_end, source, \
             break_before, content_hash, provenance, note_de, note_en, observations, numerators, denominators, \
             contributors, raw_signs, value_notes, derivation) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, \
             $12, $13, $14, $15, $16, $17, $18, $19, $20) RETURNING id",
            params![
                atlas_id,
                import_id,
                &new.indicator,
                edition,
                &new.period,
                new.period.start(),
                new.period.end(),
                new.source.as_ref(),
                new.break_before,
                content::of_series(&new)?,
                json(&new.provenance)?,
                new.note.as_ref().map(|n| n.de.as_str()),
                new.note.as_ref().and_then(|n| n.en.as_deref()),
                new.column.to_bytes(),
                bytes(companions.numerators.as_ref()),
                bytes(companions.denominators.as_ref()),
                bytes(companions.contributors.as_ref()),
                json(&companions.raw_signs)?,
                json(&new.value_notes)?,
                new.derivation.as_ref().map(json).transpose()?.as_deref(),
            ],
        )
        .await?;
    tx.execute(
        "INSERT INTO current_series (atlas_id, indicator, edition_id, period, series_id) \
         VALUES ($1, $2, $3, $4, $5) \
         ON CONFLICT (atlas_id, indicator, edition_id, period) DO UPDATE SET series_id = excluded.series_id",
        params![atlas_id, &new.indicator, edition, &new.period, series_id],
    )
    .await?;
    Ok(())
}

async fn insert_classes(
    tx: &mut Tx,
    atlas_id: Id,
    import_id: Id,
    classes: &InternalClassification,
) -> Result<()> {
    tx.execute(
        "INSERT INTO internal_classification (atlas_id, import_id, indicator, level, classification) \
         VALUES ($1, $2, $3, $4, $5)",
        params![atlas_id, import_id, &classes.indicator, &classes.level, json(&classes.classification)?],
    )
    .await?;
    Ok(())
}

/// The current series of an atlas, without their columns.
pub(super) async fn list_current(tx: &mut Tx, atlas_id: Id) -> Result<Vec<SeriesRow>> {
    let sql = "SELECT s.id, s.indicator, s.edition_id, s.period, s.content_hash, s.provenance, \
               s.source, s.note_de, s.note_en, s.break_before, s.derivation \
               FROM current_series c \
               JOIN series s ON s.id = c.series_id WHERE c.atlas_id = $1";
    let rows = tx.rows(sql, params![atlas_id]).await?;
    let restricted = restricted::ids(tx, atlas_id).await?;
    rows.iter().map(|row| read_series(row, &restricted)).collect()
}

fn read_series(row: &Row, restricted: &HashSet<Id>) -> Result<SeriesRow> {
    let mut cells = row.cells();
    let id = cells.id()?;
    Ok(SeriesRow {
        id,
        indicator: cells.parsed()?,
        edition: cells.id()?,
        period: cells.parsed()?,
        content_hash: cells.text()?,
        provenance: cells.json()?,
        source: cells.parsed_if_any()?,
        restricted: restricted.contains(&id),
        note: cells.wording_if_any()?,
        break_before: cells.flag()?,
        derivation: cells.json_if_any()?,
    })
}

/// The classes of internal layers that count: of each indicator and level those of the latest import not undone.
pub(super) async fn list_classifications(tx: &mut Tx, atlas_id: Id) -> Result<Vec<InternalClassification>> {
    let sql = "SELECT c.indicator, c.level, c.classification FROM internal_classification c \
               JOIN import i ON i.id = c.import_id AND i.undone = 0 WHERE c.atlas_id = $1 ORDER BY c.id";
    let rows = tx.rows(sql, params![atlas_id]).await?;
    let mut latest = BTreeMap::new();
    for row in &rows {
        let mut cells = row.cells();
        latest.insert((cells.text()?, cells.text()?), row);
    }
    let read = |row: &&Row| {
        let mut cells = row.cells();
        Ok(InternalClassification {
            indicator: cells.parsed()?,
            level: cells.parsed()?,
            classification: cells.json()?,
        })
    };
    latest.values().map(read).collect()
}
