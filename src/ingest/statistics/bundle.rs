//! A ZIP file with several tables: each is read as a file of its own, all are stored together or not at all.
//!
//! Must not know: what the tables mean. Invariant: of two values of one region, indicator and period in different tables
//! none is chosen silently; different regions of one series may come from different tables.

use std::collections::HashMap;

use super::{
    MAX_FILE,
    sheet::{Archive, is_zip},
};
use crate::{
    domain::{Period, Slug, Status},
    ingest::{Report, expansion},
    store::NewSeries,
};

/// Most bytes that all tables of a ZIP file may expand to.
const MAX_EXPANDED: u64 = 1 << 30;

/// After so many tables with errors the others are not read: each of them may be a workbook that takes long to be refused.
const MAX_FAILED: usize = 10;

/// Ends of the names of tables. A ZIP file among them is opened to be refused with its reason.
const ENDINGS: [&str; 8] = ["csv", "txt", "tsv", "xlsx", "xlsm", "ods", "xls", "zip"];

/// Most values of all series of a file, with the regions that have none.
pub const MAX_VALUES: usize = 64_000_000;

/// True if the bytes are a ZIP file that is no workbook.
pub fn is_bundle(bytes: &[u8]) -> bool {
    // What is no ZIP file beyond its first bytes is a damaged workbook, more likely than a damaged ZIP of tables.
    is_zip(bytes) && Archive::open(bytes).is_ok_and(|mut archive| !archive.is_workbook())
}

/// Reads all tables of a ZIP file with `each`, which writes into the report of its table.
pub fn read(
    bytes: &[u8],
    report: &mut Report,
    each: &mut dyn FnMut(&[u8], &mut Report) -> Vec<NewSeries>,
) -> Vec<NewSeries> {
    report.fact("format", "zip");
    let mut archive = match Archive::open(bytes) {
        Ok(archive) => archive,
        Err(error) => {
            report.error(None, None, error.to_string());
            return Vec::new();
        }
    };
    let tables = tables(&archive, report);
    let sizes: Vec<u64> = tables.iter().map(|(index, _)| archive.size(*index)).collect();
    let expanded = sizes.iter().fold(0_u64, |sum, size| sum.saturating_add(*size));
    let is_too_much = expanded > expansion::limit(bytes.len() as u64, MAX_EXPANDED);
    if is_too_much || sizes.iter().any(|size| *size > MAX_FILE) {
        let sentence = format!(
            "The tables of the ZIP file expand to {expanded} bytes, more than is read at once or a large multiple of its size; unpack it and import them one by one."
        );
        report.error(None, None, sentence);
        return Vec::new();
    }
    let mut union = Union::default();
    let mut facts = serde_json::Map::new();
    let mut failed = 0;
    for (index, name) in tables {
        if failed == MAX_FAILED {
            let sentence = format!("{MAX_FAILED} tables have errors; those from '{name}' on were not read.");
            report.error(None, None, sentence);
            break;
        }
        let mut of_table = Report::new(&name);
        match archive.expand(index, MAX_FILE) {
            Err(error) => of_table.error(None, None, error.to_string()),
            Ok(table) if is_bundle(&table) => {
                of_table.error(None, None, "This is a ZIP file inside a ZIP file; unpack it first.");
            }
            Ok(table) => {
                let series = each(&table, &mut of_table);
                union.add(series, &mut of_table);
            }
        }
        failed += usize::from(of_table.rejected());
        facts.insert(name, of_table.facts.clone().into());
        report.absorb(of_table);
    }
    if facts.is_empty() {
        report.error(None, None, "The ZIP file holds no table.");
    }
    report.fact("files", serde_json::Value::Object(facts));
    union.series
}

/// Number and name of each table; other members are named in the report.
fn tables(archive: &Archive<'_>, report: &mut Report) -> Vec<(usize, String)> {
    let mut tables = Vec::new();
    for (index, name) in archive.members() {
        if is_litter(&name) {
            continue;
        }
        let name: String = name.chars().map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect();
        if is_table(&name) {
            tables.push((index, name));
        } else {
            let ends = ENDINGS[..ENDINGS.len() - 1].join(", .");
            report.warning(None, None, format!("'{name}' was not read; tables are called .{ends}."));
        }
    }
    tables
}

/// Files that operating systems leave behind.
fn is_litter(name: &str) -> bool {
    let file = name.rsplit(['/', '\\']).next().unwrap_or(name);
    name.starts_with("__MACOSX/") || matches!(file, ".DS_Store" | "Thumbs.db" | "desktop.ini")
}

/// By the end of the name: a ZIP file often has a description of its tables beside them.
fn is_table(name: &str) -> bool {
    let file = name.rsplit(['/', '\\']).next().unwrap_or(name);
    file.rsplit_once('.')
        .is_none_or(|(_, ending)| ENDINGS.iter().any(|known| ending.eq_ignore_ascii_case(known)))
}

/// The series of several tables.
#[derive(Default)]
struct Union {
    series: Vec<NewSeries>,
    /// By indicator and period: index of the series, and for each region the number of its table from 1, or 0.
    places: HashMap<(Slug, Period), (usize, Vec<u32>)>,
    tables: Vec<String>,
    values: usize,
}

impl Union {
    fn add(&mut self, series: Vec<NewSeries>, report: &mut Report) {
        self.tables.push(report.file.clone());
        let table = self.tables.len() as u32;
        for new in series {
            let key = (new.indicator.clone(), new.period.clone());
            if let Some((index, origins)) = self.places.get_mut(&key) {
                let series = &mut self.series[*index];
                let twice: Vec<u32> = merge(series, &new, origins, table);
                if let Some(first) = twice.first() {
                    let other = &self.tables[origins[*first as usize] as usize - 1];
                    report.error(None, None, twice_sentence(&new, twice.len(), other));
                }
                continue;
            }
            self.values += new.column.len();
            if self.values > MAX_VALUES {
                return report.error(
                    None,
                    None,
                    "The tables have more series than can be held; import them one by one.",
                );
            }
            let present = occupied(&new);
            let origins = present.iter().map(|present| if *present { table } else { 0 }).collect();
            self.places.insert(key, (self.series.len(), origins));
            self.series.push(new);
        }
    }
}

fn twice_sentence(new: &NewSeries, count: usize, other: &str) -> String {
    format!(
        "{} {}: values of {count} regions stand here and in '{other}'; leave one of the two out.",
        new.indicator, new.period
    )
}

/// Which regions a series says something about.
fn occupied(series: &NewSeries) -> Vec<bool> {
    let column = &series.column;
    let mut present: Vec<bool> = (0..column.len())
        .map(|at| column.value(at).is_some() || column.status(at) != Status::Missing)
        .collect();
    let texts = series.companions.raw_signs.iter().map(|(at, _)| *at);
    for at in texts.chain(series.value_notes.iter().map(|(at, _)| *at)) {
        if let Some(present) = present.get_mut(at as usize) {
            *present = true;
        }
    }
    for numbers in [&series.companions.numerators, &series.companions.denominators].into_iter().flatten() {
        for (present, number) in present.iter_mut().zip(numbers) {
            *present |= !number.is_nan();
        }
    }
    present
}

/// Takes what `new` says into `series`; the regions of which both speak are left as they are and returned.
fn merge(series: &mut NewSeries, new: &NewSeries, origins: &mut [u32], table: u32) -> Vec<u32> {
    let present = occupied(new);
    let (twice, taken): (Vec<u32>, Vec<u32>) = (0..present.len() as u32)
        .filter(|at| present[*at as usize])
        .partition(|at| origins[*at as usize] != 0);
    for at in taken.iter().map(|at| *at as usize) {
        series.column.set(at, new.column.value(at), new.column.status(at));
        origins[at] = table;
    }
    let is_taken = |at: &u32| taken.binary_search(at).is_ok();
    let signs = new.companions.raw_signs.iter().filter(|(at, _)| is_taken(at));
    series.companions.raw_signs.extend(signs.cloned());
    series.companions.raw_signs.sort_unstable_by_key(|(at, _)| *at);
    series.value_notes.extend(new.value_notes.iter().filter(|(at, _)| is_taken(at)).cloned());
    merge_numbers(&mut series.companions.numerators, new.companions.numerators.as_ref(), &taken);
    merge_numbers(&mut series.companions.denominators, new.companions.denominators.as_ref(), &taken);
    twice
}

fn merge_numbers(into: &mut Option<Vec<f64>>, from: Option<&Vec<f64>>, taken: &[u32]) {
    let Some(from) = from else { return };
    let into = into.get_or_insert_with(|| vec![f64::NAN; from.len()]);
    for at in taken.iter().map(|at| *at as usize) {
        into[at] = from[at];
    }
}
