//! Import of themes, sources and indicators with their sheets, from TOML or from a sheet (CSV, XLSX).
//!
//! Holds the two file forms, which end in the same entries, and their checks. Must not know: values, releases.
//!
//! Invariant: [`parse_catalogue`] is pure, never panics and reports every problem at once, each with its line and field.

mod checks;
mod document;
mod entry;
mod sheet;
#[cfg(test)]
mod tests;

use std::path::Path;

use chrono::{DateTime, Utc};
use tokio::io::AsyncReadExt as _;

use self::{
    checks::Referable,
    document::Entries,
    entry::{Entry, FromEntry, Parsed},
};
use super::{IngestError, NoProgress, Report, file_name, on_worker, record, statistics::text};
use crate::{
    access::Editor,
    domain::{Indicator, Slug, Source, Theme},
    store::Store,
};

/// Themes, sources and indicators of a file or of an atlas.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Catalogue {
    /// Themes in their order.
    pub themes: Vec<Theme>,
    /// Sources.
    pub sources: Vec<Source>,
    /// Indicators in their order.
    pub indicators: Vec<Indicator>,
}

/// A catalogue is text that people write; more than this is another file.
const MAX_BYTES: usize = 16 * 1024 * 1024;

/// The catalogue that the project ships: indicators with complete sheets for monitoring how children grow up.
pub fn starter_catalogue() -> &'static str {
    include_str!("../../../catalogue/starter.toml")
}

/// Reads a catalogue. The form follows from the end of the file's name: `.toml`, `.csv` (also `.txt`, `.tsv`) or `.xlsx`.
///
/// Themes and indicators of `present`, the catalogue that the atlas has, may be referred to; what has the same slug is
/// replaced. If the report rejects the file, the catalogue holds the entries that could be read.
pub fn parse_catalogue(bytes: &[u8], file_name: &str, present: &Catalogue) -> (Catalogue, Report) {
    let mut report = Report::new(file_name);
    let entries = read_entries(bytes, file_name, &mut report);
    checks::duplicates(&entries, &mut report);
    let referable = Referable::new(&entries, present);
    for entry in &entries.indicators {
        referable.check(entry, &mut report);
    }
    let Entries { themes, sources, indicators } = entries;
    let themes = parse_all::<Theme>(themes, &mut report);
    let sources = parse_all::<Source>(sources, &mut report);
    let indicators = parse_all::<Indicator>(indicators, &mut report);
    for parsed in &indicators {
        checks::indicator(parsed, &mut report);
    }
    checks::cycles(&indicators, present, &mut report);
    report.fact("themes", themes.len());
    report.fact("sources", sources.len());
    report.fact("indicators", indicators.len());
    if !report.rejected() && themes.is_empty() && sources.is_empty() && indicators.is_empty() {
        report.error(None, None, "The file holds no theme, source or indicator.");
    }
    let catalogue =
        Catalogue { themes: values(themes), sources: values(sources), indicators: values(indicators) };
    (catalogue, report)
}

/// Imports a catalogue file into an atlas, or with `dry_run` only checks it. What it names is added or replaced; nothing
/// is deleted. All or nothing: if the report rejects the file, the store is not touched.
///
/// # Errors
/// If the file cannot be read, there is no such atlas or the store fails.
pub async fn import_catalogue(
    store: &Store,
    editor: &Editor,
    atlas: &Slug,
    file: &Path,
    dry_run: bool,
    now: DateTime<Utc>,
) -> Result<Report, IngestError> {
    let bytes = read_limited(file).await.map_err(|error| IngestError::file(file, error))?;
    import_catalogue_bytes(store, editor, atlas, (&file_name(file), bytes), dry_run, now).await
}

/// The bytes of a file; of a file that is too large one more than allowed, so that it is refused without being read.
async fn read_limited(file: &Path) -> std::io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    tokio::fs::File::open(file).await?.take(MAX_BYTES as u64 + 1).read_to_end(&mut bytes).await?;
    Ok(bytes)
}

/// Like [`import_catalogue`], with the name and the bytes of a file that is in memory.
///
/// # Errors
/// If there is no such atlas or the store fails.
pub async fn import_catalogue_bytes(
    store: &Store,
    editor: &Editor,
    atlas: &Slug,
    (file_name, bytes): (&str, Vec<u8>),
    dry_run: bool,
    now: DateTime<Utc>,
) -> Result<Report, IngestError> {
    let rows = store.catalogue(atlas).await.map_err(IngestError::store)?;
    let present = Catalogue { themes: rows.themes, sources: rows.sources, indicators: rows.indicators };
    let file_hash = blake3::hash(&bytes).to_hex().to_string();
    let name = file_name.to_owned();
    let (catalogue, mut report) = on_worker(&NoProgress, move |_| {
        let (catalogue, mut report) = parse_catalogue(&bytes, &name, &present);
        note_changes(&catalogue, &present, &mut report);
        (catalogue, report)
    })
    .await?;
    if dry_run || report.rejected() {
        return Ok(report);
    }
    let record = record("catalogue", file_hash, editor, now, &mut report);
    store
        .put_catalogue(atlas, &catalogue.themes, &catalogue.sources, &catalogue.indicators, &record)
        .await
        .map_err(IngestError::store)?;
    Ok(report)
}

/// Notes how many indicators are new and how many differ from those of the atlas.
fn note_changes(catalogue: &Catalogue, present: &Catalogue, report: &mut Report) {
    let stored = |new: &Indicator| present.indicators.iter().find(|old| old.slug == new.slug);
    let count = |which: &dyn Fn(&Indicator) -> bool| catalogue.indicators.iter().filter(|i| which(i)).count();
    report.fact("new indicators", count(&|new| stored(new).is_none()));
    report.fact("changed indicators", count(&|new| stored(new).is_some_and(|old| old != new)));
}

fn read_entries(bytes: &[u8], file_name: &str, report: &mut Report) -> Entries {
    if bytes.len() > MAX_BYTES {
        let message = format!("A catalogue has at most {} MB; this file is larger.", MAX_BYTES / 1024 / 1024);
        report.error(None, None, message);
        return Entries::default();
    }
    let extension =
        Path::new(file_name).extension().and_then(|e| e.to_str()).unwrap_or_default().to_lowercase();
    match extension.as_str() {
        "toml" => match std::str::from_utf8(bytes) {
            Ok(text) => document::read(text.trim_start_matches('\u{feff}'), report),
            Err(error) => {
                let line = bytes[..error.valid_up_to()].split(|b| *b == b'\n').count() as u64;
                report.error(Some(line), None, "TOML must be UTF-8; this line is not.");
                Entries::default()
            }
        },
        "csv" | "txt" | "tsv" => match text::decode(bytes) {
            Ok(decoded) => {
                report.fact("encoding", decoded.encoding);
                sheet::read_csv(&decoded.text, report)
            }
            Err(error) => {
                report.error(Some(error.line()), None, error.to_string());
                Entries::default()
            }
        },
        "xlsx" => sheet::read_xlsx(bytes, report),
        _ => {
            report.error(None, None, "The name of a catalogue must end in .toml, .csv, .txt, .tsv or .xlsx.");
            Entries::default()
        }
    }
}

fn parse_all<T: FromEntry>(entries: Vec<Entry>, report: &mut Report) -> Vec<Parsed<T>> {
    entries.into_iter().filter_map(|entry| entry.parse(report)).collect()
}

fn values<T>(parsed: Vec<Parsed<T>>) -> Vec<T> {
    parsed.into_iter().map(|p| p.value).collect()
}
