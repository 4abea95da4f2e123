//! A workbook → the table that is meant: the sheet that the mapping names, else the first in which a table is
//! recognised.
//!
//! Must not know: file formats, what the columns mean. Invariant: which sheets were not read is said in the report.

use super::{
    reading::Reading,
    settings::Settings,
    sheet::{Sheet, SheetError, Workbook},
    table::Table,
    tabular,
};
use crate::ingest::{Progress, Report, Severity};

/// Sheets are listed in a message up to this number.
const LISTED: usize = 20;

/// Reads the table of a workbook. Problems are reported; `None` if nothing could be understood.
pub fn understand(
    bytes: &[u8],
    settings: &Settings,
    report: &mut Report,
    progress: &dyn Progress,
) -> Option<Reading> {
    let read = Workbook::open(bytes).and_then(|mut workbook| {
        report.fact("format", workbook.format());
        choose(&mut workbook, settings, report, progress)
    });
    read.unwrap_or_else(|error| {
        report.error(None, None, error.to_string());
        None
    })
}

fn choose(
    workbook: &mut Workbook<'_>,
    settings: &Settings,
    report: &mut Report,
    progress: &dyn Progress,
) -> Result<Option<Reading>, SheetError> {
    if let Some(name) = &settings.mapping.sheet {
        let sheet = workbook.read(name)?;
        return Ok(Some(read(sheet, settings, report, progress)));
    }
    let visible = workbook.names().iter().filter(|sheet| !sheet.hidden);
    let candidates: Vec<String> = visible.map(|sheet| sheet.name.clone()).collect();
    let mut first = None;
    for name in &candidates {
        let sheet = workbook.read(name)?;
        if sheet.rows.is_empty() {
            continue;
        }
        // What is wrong with a sheet of remarks is of no interest if another sheet is the table.
        let mut trial = report.clone();
        let reading = read(sheet, settings, &mut trial, progress);
        if trial.facts.contains_key("layout") {
            *report = trial;
            report_others(workbook, name, report);
            return Ok(Some(reading));
        }
        first.get_or_insert((reading, trial));
    }
    if let Some((reading, trial)) = first {
        *report = trial;
        return Ok(Some(reading));
    }
    report.error(None, None, "There is no table in the workbook: its visible sheets are empty.");
    Ok(None)
}

fn read(sheet: Sheet, settings: &Settings, report: &mut Report, progress: &dyn Progress) -> Reading {
    report.fact("sheet", sheet.name.as_str());
    if sheet.percentages > 0 {
        report.fact("percentages", sheet.percentages);
        let sentence = format!(
            "{} cells are shown as percentages and were read as they are shown: 0.123 as 12.3.",
            sheet.percentages
        );
        report.problem(Severity::Notice, None, None, sentence);
    }
    tabular::read(&Table::Sheet(sheet), settings, report, progress)
}

fn report_others(workbook: &Workbook<'_>, name: &str, report: &mut Report) {
    let others: Vec<_> = workbook
        .names()
        .iter()
        .filter(|sheet| sheet.name != name)
        .map(|sheet| format!("'{}'", sheet.name))
        .collect();
    if others.is_empty() {
        return;
    }
    let sentence = format!(
        "Only the sheet '{name}' was read, not {}{}; say sheet = … in the mapping to read another.",
        others[..others.len().min(LISTED)].join(", "),
        if others.len() > LISTED { " …" } else { "" }
    );
    report.problem(Severity::Notice, None, None, sentence);
}
