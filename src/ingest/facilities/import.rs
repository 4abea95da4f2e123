//! The import of facilities: file, categories and editions in; report and one transaction out.

use std::path::Path;

use serde_json::json;

use super::{
    compare::compare,
    coordinates::{Frame, locate},
    entry::{self, Entries},
    geojson,
    sums::{Regions, by_region},
    tables,
};
use crate::{
    domain::{Audience, FacilityCategory, Slug},
    geometry::Crs,
    ingest::{IngestError, Progress, Report, Source, Target, on_worker, record, statistics::database},
    store::{AtlasCatalogue, ForeignColumn, ForeignTable, Store},
};

/// Largest file that is read, in bytes.
const MAX_FILE: u64 = 128 << 20;

/// So many facilities stand in the report as they were understood.
const FIRST_ROWS: usize = 3;

/// What the editor says about a list of facilities.
#[derive(Debug, Clone, Default)]
pub struct FacilityOptions {
    /// The category of all of them, where the file does not say.
    pub category: Option<Slug>,
    /// The title of that category, if it is new.
    pub title: Option<String>,
    /// The system of the coordinates; recognised where absent.
    pub crs: Option<Crs>,
    /// Consent to publication is recorded for every facility of which the file does not say otherwise.
    pub consent: bool,
    /// The facilities are persons at home.
    pub personal: bool,
}

/// Imports a list of facilities from a file or a table of a database, of which a column of points gives the coordinates.
/// They replace all facilities of the categories that it names. Whatever is wrong with the content stands in the report,
/// with line and column; then, or in a dry run, nothing is stored.
///
/// # Errors
/// If the file cannot be read or the store fails.
pub async fn import_facilities(
    target: &Target<'_>,
    source: Source<'_>,
    options: &FacilityOptions,
) -> Result<Report, IngestError> {
    let mut report = source.begin();
    let mut options = options.clone();
    if report.rejected() {
        return Ok(report);
    }
    let bytes = match source {
        Source::File(file) => read_file(file, &mut report).await?,
        Source::Table(_, table) => {
            options.crs = options.crs.or_else(|| Crs::from_epsg(u32::try_from(table.srid?).ok()?));
            packed(table, &mut report)?
        }
    };
    let Some(bytes) = bytes else { return Ok(report) };
    import_bytes(target, bytes, &options, report).await
}

/// A table as the bytes of a file; one whose geometries are no points is reported.
fn packed(table: ForeignTable, report: &mut Report) -> Result<Option<Vec<u8>>, IngestError> {
    match with_coordinates(table) {
        Ok(table) => database::pack(&table).map(Some).map_err(|error| IngestError::Worker(error.to_string())),
        Err(sentence) => {
            report.error(None, None, sentence);
            Ok(None)
        }
    }
}

/// Points become two columns of numbers.
fn with_coordinates(mut table: ForeignTable) -> Result<ForeignTable, String> {
    let Some(points) = table.geometry.take() else { return Ok(table) };
    for (at, name) in ["x", "y"].into_iter().enumerate() {
        table.columns.push(ForeignColumn { name: name.into(), is_number: true });
        for (number, (row, point)) in (1..).zip(table.rows.iter_mut().zip(&points)) {
            let Some(point) = point else {
                row.push(None);
                continue;
            };
            let point =
                point_of(point).ok_or_else(|| format!("The geometry of row {number} is no point."))?;
            row.push(Some(point[at].to_string()));
        }
    }
    Ok(table)
}

/// Coordinates of a point in Well-Known Binary, as PostGIS writes it: little endian, type 1, x, y.
fn point_of(bytes: &[u8]) -> Option<[f64; 2]> {
    let rest = bytes.strip_prefix(&[1, 1, 0, 0, 0])?;
    let (x, y) = rest.split_first_chunk::<8>()?;
    Some([f64::from_le_bytes(*x), f64::from_le_bytes(y.try_into().ok()?)])
}

/// Imports facilities from the bytes of a file; the report has been begun.
async fn import_bytes(
    target: &Target<'_>,
    bytes: Vec<u8>,
    options: &FacilityOptions,
    mut report: Report,
) -> Result<Report, IngestError> {
    let Target { store, editor, atlas, dry_run, now, progress } = *target;
    let catalogue = store.catalogue(atlas).await?;
    let known = store.facility_categories(atlas).await?;
    let file_hash = blake3::hash(&bytes).to_hex().to_string();
    let work = Work {
        bytes,
        options: options.clone(),
        frame: Frame::new(catalogue.editions.iter().map(|e| e.bounds).collect()),
        known,
        today: now.date_naive(),
    };
    let (entries, mut report) = on_worker(progress, move |progress| {
        let entries = work.run(&mut report, progress);
        (entries, report)
    })
    .await?;
    if report.rejected() {
        return Ok(report);
    }
    progress.begin("comparing with what is stored");
    report.fact("categories", compare(&entries, &store.facilities(atlas, Audience::Internal).await?));
    report.fact("first_rows", json!(entries.facilities.iter().take(FIRST_ROWS).collect::<Vec<_>>()));
    report_sums(store, &catalogue, &entries, &mut report).await?;
    if dry_run {
        return Ok(report);
    }
    progress.begin("storing");
    let record = record("facilities", file_hash, editor, now, &mut report);
    store.insert_facilities(atlas, &entries.categories, &entries.facilities, &record).await?;
    Ok(report)
}

/// The bytes of the file; a file that is too large is reported.
async fn read_file(file: &Path, report: &mut Report) -> Result<Option<Vec<u8>>, IngestError> {
    let metadata = tokio::fs::metadata(file).await.map_err(|e| IngestError::file(file, e))?;
    if metadata.len() > MAX_FILE {
        let sentence =
            format!("The file has {} bytes; at most {MAX_FILE} are read: split it.", metadata.len());
        report.error(None, None, sentence);
        return Ok(None);
    }
    tokio::fs::read(file).await.map(Some).map_err(|e| IngestError::file(file, e))
}

/// All that the worker thread needs.
struct Work {
    bytes: Vec<u8>,
    options: FacilityOptions,
    frame: Frame,
    known: Vec<FacilityCategory>,
    today: chrono::NaiveDate,
}

impl Work {
    fn run(&self, report: &mut Report, progress: &dyn Progress) -> Entries {
        progress.begin("reading");
        let text = self.bytes.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(&self.bytes).trim_ascii_start();
        let drafts = match text.first() {
            None => {
                report.error(None, None, "The file is empty; export it again.");
                None
            }
            Some(b'{' | b'[') if !database::is_packed(text) => geojson::read(&self.bytes, report),
            Some(_) => tables::read(&self.bytes, report, progress),
        };
        let Some(drafts) = drafts else { return Entries::default() };
        report.fact("rows", drafts.rows.len());
        let places = locate(&drafts, self.options.crs, &self.frame, report);
        let entries = entry::facilities(&drafts, &places, &self.options, &self.known, report);
        let ended = entries.facilities.iter().filter(|f| f.valid_until.is_some_and(|day| day < self.today));
        let ended = ended.count();
        if ended > 0 {
            let sentence =
                format!("{ended} facilities had ended before today; they are kept but never public.");
            report.warning(None, None, sentence);
        }
        entries
    }
}

/// Facts on the newest edition with the smallest regions: how many facilities and places lie in which region.
async fn report_sums(
    store: &Store,
    catalogue: &AtlasCatalogue,
    entries: &Entries,
    report: &mut Report,
) -> Result<(), IngestError> {
    // Editions stand in the order of levels and dates.
    let Some(edition) = catalogue.editions.last() else { return Ok(()) };
    let regions = Regions::read(store, edition.id).await?;
    let sums = by_region(&regions, &entries.facilities, &edition.level);
    report.fact("regions", sums);
    Ok(())
}
