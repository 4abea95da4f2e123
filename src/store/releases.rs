//! Releases: what an audience gets. Nothing in here reads a series.

use std::collections::{HashMap, HashSet};

use crate::domain::{Column, Slug};
use crate::store::{
    AreaDecision, EditionRow, Id, NewRelease, NewReleaseColumn, ReleaseColumnRow, ReleaseMark, ReleaseRow,
    Stamp, Store, StoreError,
    catalogue::atlas_id,
    content, editions,
    outbox::{self, Act},
    publication::{check_mark, decide},
    sql::{Row, Tx, json, params},
};

type Result<T> = std::result::Result<T, StoreError>;

impl Store {
    /// Stores a release and puts it in force in place of the one before. Its number is one more than that of the last
    /// release of the same indicator, level and audience, withdrawn or not. Returns its id.
    ///
    /// # Errors
    /// If atlas, indicator or level do not exist, if it has no column or two for the same edition and period, or if a
    /// column does not fit its edition.
    pub async fn publish(&self, atlas: &Slug, release: &NewRelease) -> Result<Id> {
        let mut tx = self.begin_write().await?;
        let atlas_id = atlas_id(&mut tx, atlas).await?;
        let ids = insert_all(&mut tx, atlas_id, std::slice::from_ref(release), "release.published").await?;
        tx.commit().await?;
        ids.first().copied().ok_or_else(|| StoreError::damaged("a release without id"))
    }

    /// Stores what an earlier release was as a new one, with what becomes of the public area.
    ///
    /// # Errors
    /// As for [`Store::publish`]; if releases were added or taken back since this was decided.
    pub async fn restore(
        &self,
        atlas: &Slug,
        release: &NewRelease,
        area: Option<&AreaDecision>,
        since: ReleaseMark,
    ) -> Result<()> {
        let mut tx = self.begin_write().await?;
        let atlas_id = atlas_id(&mut tx, atlas).await?;
        check_mark(&mut tx, atlas_id, since).await?;
        insert_all(&mut tx, atlas_id, std::slice::from_ref(release), "release.restored").await?;
        if let Some(decision) = area {
            decide(&mut tx, atlas_id, decision).await?;
        }
        tx.commit().await
    }

    /// The values of one period of a release.
    ///
    /// # Errors
    /// If there is no such column.
    pub async fn release_column(&self, column: Id) -> Result<Column> {
        let row = self.row("SELECT observations FROM release_column WHERE id = $1", params![column]).await?;
        let bytes = row.ok_or_else(|| StoreError::unknown("release column", &column))?.cells().bytes()?;
        Column::from_bytes(&bytes).map_err(|e| StoreError::damaged(&e))
    }
}

/// Stores releases and puts them in force, in the caller's transaction; `action` is what the audit log calls it.
pub(super) async fn insert_all(
    tx: &mut Tx,
    atlas_id: Id,
    releases: &[NewRelease],
    action: &'static str,
) -> Result<Vec<Id>> {
    let editions = editions::list(tx, atlas_id).await?;
    let mut ids = Vec::with_capacity(releases.len());
    for release in releases {
        let sql = "SELECT id FROM indicator WHERE atlas_id = $1 AND slug = $2";
        if tx.row(sql, params![atlas_id, &release.indicator]).await?.is_none() {
            return Err(StoreError::unknown("indicator", &release.indicator));
        }
        check_columns(release, &editions)?;
        ids.push(insert(tx, atlas_id, release, action).await?);
    }
    Ok(ids)
}

async fn insert(tx: &mut Tx, atlas_id: Id, release: &NewRelease, action: &'static str) -> Result<Id> {
    let number = next_number(tx, atlas_id, release).await?;
    supersede(tx, atlas_id, release).await?;
    let id = tx
        .insert(
            "INSERT INTO release (atlas_id, indicator, level, audience, number, in_force, released_at, released_by, \
             classification, certified) VALUES ($1, $2, $3, $4, $5, 1, $6, $7, $8, $9) RETURNING id",
            params![
                atlas_id,
                &release.indicator,
                &release.level,
                release.audience.as_str(),
                number,
                release.at,
                &release.by,
                json(&release.classification)?,
                release.certificate.is_some(),
            ],
        )
        .await?;
    for column in &release.columns {
        insert_column(tx, atlas_id, id, column).await?;
    }
    insert_grounds(tx, atlas_id, id, release).await?;
    let periods: Vec<String> = release.columns.iter().map(|column| column.period.to_string()).collect();
    let after = serde_json::json!({
        "audience": release.audience, "number": number, "periods": periods,
        "certified": release.certificate.is_some(),
    });
    let stamp = Stamp { at: release.at, by: release.by.clone() };
    let subject = format!("{}/{}", release.level, release.indicator);
    outbox::note(tx, atlas_id, Act { action, subject, before: None, after: Some(after), stamp: &stamp })
        .await?;
    Ok(id)
}

fn check_columns(release: &NewRelease, editions: &[EditionRow]) -> Result<()> {
    if release.columns.is_empty() {
        return Err(StoreError::Invalid(format!("a release of '{}' without any period", release.indicator)));
    }
    let mut seen = HashSet::new();
    for column in &release.columns {
        let edition = editions.iter().find(|e| e.id == column.edition && e.level == release.level);
        let edition = edition
            .ok_or_else(|| StoreError::unknown("edition", &format!("of level '{}'", release.level)))?;
        if column.column.len() != edition.regions as usize {
            let what = format!("the released column of {} does not fit its edition", column.period);
            return Err(StoreError::Invalid(what));
        }
        if !seen.insert((column.edition, &column.period)) {
            return Err(StoreError::Invalid(format!("two released columns for {}", column.period)));
        }
    }
    Ok(())
}

async fn next_number(tx: &mut Tx, atlas_id: Id, release: &NewRelease) -> Result<i64> {
    let sql = "SELECT coalesce(max(number), 0) + 1 FROM release \
               WHERE atlas_id = $1 AND indicator = $2 AND level = $3 AND audience = $4";
    let params = params![atlas_id, &release.indicator, &release.level, release.audience.as_str()];
    tx.row(sql, params).await?.ok_or_else(|| StoreError::damaged("no number"))?.cells().get()
}

/// Takes the release in force, if there is one, out of force: another takes its place.
async fn supersede(tx: &mut Tx, atlas_id: Id, by: &NewRelease) -> Result<()> {
    tx.execute(
        "UPDATE release SET in_force = 0 \
         WHERE atlas_id = $1 AND indicator = $2 AND level = $3 AND audience = $4 AND in_force = 1",
        params![atlas_id, &by.indicator, &by.level, by.audience.as_str()],
    )
    .await?;
    Ok(())
}

async fn insert_column(tx: &mut Tx, atlas_id: Id, release: Id, column: &NewReleaseColumn) -> Result<()> {
    tx.execute(
        "INSERT INTO release_column (atlas_id, release_id, edition_id, period, period_start, period_end, break_before, \
         content_hash, note_de, note_en, observations) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)",
        params![
            atlas_id,
            release,
            column.edition,
            &column.period,
            column.period.start(),
            column.period.end(),
            column.break_before,
            content::of_release_column(column)?,
            column.note.as_ref().map(|n| n.de.as_str()),
            column.note.as_ref().and_then(|n| n.en.as_deref()),
            column.column.to_bytes(),
        ],
    )
    .await?;
    Ok(())
}

/// The certificate, and the series that the release was made from.
async fn insert_grounds(tx: &mut Tx, atlas_id: Id, id: Id, release: &NewRelease) -> Result<()> {
    if let Some(certificate) = &release.certificate {
        let sql = "INSERT INTO release_certificate (atlas_id, release_id, document) VALUES ($1, $2, $3)";
        tx.execute(sql, params![atlas_id, id, json(certificate)?]).await?;
    }
    for series in &release.inputs {
        let sql = "INSERT INTO release_input (atlas_id, release_id, series_id) VALUES ($1, $2, $3)";
        tx.execute(sql, params![atlas_id, id, *series]).await?;
    }
    Ok(())
}

/// The periods of a release, without values.
pub(super) async fn columns_of(tx: &mut Tx, release: Id) -> Result<Vec<ReleaseColumnRow>> {
    let sql = "SELECT release_id, id, period, edition_id, content_hash, note_de, note_en, break_before \
               FROM release_column WHERE release_id = $1 ORDER BY id";
    let rows = tx.rows(sql, params![release]).await?;
    rows.iter().map(|row| Ok(read_column(row)?.1)).collect()
}

/// The releases of an atlas that are in force, with their columns but without values.
pub(super) async fn list_in_force(tx: &mut Tx, atlas_id: Id) -> Result<Vec<ReleaseRow>> {
    let sql = "SELECT c.release_id, c.id, c.period, c.edition_id, c.content_hash, c.note_de, c.note_en, c.break_before \
               FROM release_column c JOIN release r ON r.id = c.release_id WHERE r.atlas_id = $1 AND r.in_force = 1";
    let mut columns: HashMap<Id, Vec<ReleaseColumnRow>> = HashMap::new();
    for row in tx.rows(sql, params![atlas_id]).await? {
        let (release, column) = read_column(&row)?;
        columns.entry(release).or_default().push(column);
    }
    let sql = "SELECT id, indicator, level, audience, number, classification, certified, released_at FROM release \
               WHERE atlas_id = $1 AND in_force = 1";
    let rows = tx.rows(sql, params![atlas_id]).await?;
    rows.iter().map(|row| read_release(row, &mut columns)).collect()
}

fn read_column(row: &Row) -> Result<(Id, ReleaseColumnRow)> {
    let mut cells = row.cells();
    let release = cells.id()?;
    let column = ReleaseColumnRow {
        id: cells.id()?,
        period: cells.parsed()?,
        edition: cells.id()?,
        content_hash: cells.text()?,
        note: cells.wording_if_any()?,
        break_before: cells.flag()?,
    };
    Ok((release, column))
}

fn read_release(row: &Row, columns: &mut HashMap<Id, Vec<ReleaseColumnRow>>) -> Result<ReleaseRow> {
    let mut cells = row.cells();
    let id = cells.id()?;
    Ok(ReleaseRow {
        id,
        indicator: cells.parsed()?,
        level: cells.parsed()?,
        audience: cells.word()?,
        number: cells.small()?,
        classification: cells.json()?,
        certified: cells.flag()?,
        at: cells.parsed()?,
        columns: columns.remove(&id).unwrap_or_default(),
    })
}
