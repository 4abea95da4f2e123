//! Reference regions: names for comparison, such as the Land or a neighbour, without geometry.
//!
//! A table (CSV or XLSX) with the columns `key`, `name` and perhaps `short_name`.

use std::{collections::HashSet, path::Path};

use super::{options::BoundaryOptions, regions::Draft};
use crate::{
    domain::{KeyError, Region, RegionKey},
    ingest::{
        IngestError, Progress, Report,
        plain_table::{self, PlainRow},
        statistics::normal_header,
    },
};

/// Largest file and most rows that are read: these are a handful of regions.
const MAX_BYTES: u64 = 16 << 20;
const MAX_ROWS: usize = 10_000;

/// What the columns may be called, without case and signs.
const KEY: [&str; 4] = ["key", "schluessel", "ags", "ars"];
const NAME: [&str; 2] = ["name", "bezeichnung"];
const SHORT_NAME: [&str; 2] = ["shortname", "kurzname"];

/// Places of the columns.
struct Columns {
    key: usize,
    name: usize,
    short_name: Option<usize>,
}

/// Reads the file that the options name. What is wrong with it is in the report under its own name.
///
/// # Errors
/// If the file cannot be opened or read.
pub(super) fn read(
    options: &BoundaryOptions,
    report: &mut Report,
    progress: &dyn Progress,
) -> Result<Vec<Region>, IngestError> {
    let Some(path) = &options.references else { return Ok(Vec::new()) };
    let bytes = bytes_of(path).map_err(|error| IngestError::file(path, error))?;
    let mut own = Report::new(path.file_name().unwrap_or_default().to_string_lossy());
    let regions = if bytes.len() as u64 > MAX_BYTES {
        own.error(None, None, "The file of reference regions is larger than 16 MiB.");
        Vec::new()
    } else {
        let table = plain_table::read(&bytes, columns, &mut own, progress);
        table.map(|(columns, rows)| regions(&columns, &rows, &mut own)).unwrap_or_default()
    };
    report.fact("references", regions.len());
    report.errors += own.errors;
    report.unlisted += own.unlisted;
    report.problems.extend(own.problems);
    Ok(regions)
}

fn bytes_of(path: &Path) -> std::io::Result<Vec<u8>> {
    use std::io::Read;
    let mut bytes = Vec::new();
    std::fs::File::open(path)?.take(MAX_BYTES + 1).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// The columns, if this row is the header.
fn columns(headers: &[String]) -> Option<Columns> {
    let normal: Vec<String> = headers.iter().map(|header| normal_header(header)).collect();
    let find = |names: &[&str]| normal.iter().position(|header| names.contains(&header.as_str()));
    Some(Columns { key: find(&KEY)?, name: find(&NAME)?, short_name: find(&SHORT_NAME) })
}

fn regions(columns: &Columns, rows: &[PlainRow], report: &mut Report) -> Vec<Region> {
    if rows.len() > MAX_ROWS {
        report.error(None, None, format!("There are more than {MAX_ROWS} reference regions."));
        return Vec::new();
    }
    let mut regions = Vec::with_capacity(rows.len());
    for row in rows {
        let sentence = |error: KeyError| format!("The key cannot be used: {error}.");
        let key = row.text(columns.key).parse::<RegionKey>();
        let Ok(key) = key.map_err(|error| report.error(Some(row.line), Some("key"), sentence(error))) else {
            continue;
        };
        let name = row.text(columns.name);
        if name.is_empty() {
            report.error(Some(row.line), Some("name"), format!("The reference region {key} has no name."));
            continue;
        }
        let short_name = columns.short_name.map(|column| row.text(column)).filter(|short| !short.is_empty());
        let short_name = short_name.filter(|short| *short != name).map(str::to_owned);
        regions.push(Region { key, name: name.to_owned(), short_name, inhabited: true });
    }
    regions
}

/// Adds the reference regions to those of the boundary file, by key. A key that is there already is reported.
pub(super) fn add(
    drafts: &mut Vec<Draft>,
    references: Vec<Region>,
    options: &BoundaryOptions,
    report: &mut Report,
) {
    let mut keys: HashSet<RegionKey> = drafts.iter().map(|draft| draft.region.key.clone()).collect();
    for region in references {
        if !keys.insert(region.key.clone()) {
            let message = format!("The reference region {} ({}) is there already.", region.key, region.name);
            report.error(None, None, message);
            continue;
        }
        let parents = vec![None; options.parents.len()];
        drafts.push(Draft { number: 0, region, parents, geometry: None });
    }
    drafts.sort_by(|a, b| a.region.key.cmp(&b.region.key));
}
