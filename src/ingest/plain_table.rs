//! Small tables with a header of their own, from a text file or a workbook: one row, one list of texts.
//!
//! Must not know: what the columns mean.

use std::path::Path;

use super::{
    IngestError, Progress, Report,
    statistics::{
        sheet::read_sheet,
        table::Table,
        text::{decode, find_delimiter},
    },
};

/// The header is looked for in this many rows; above it stand titles.
const HEADER_WITHIN: usize = 30;

/// Larger files are no tables of regions.
const MAX_BYTES: u64 = 64 << 20;

/// Most cells that are kept.
const MAX_CELLS: usize = 2_000_000;

/// A row with its line in the file, from 1.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct PlainRow {
    pub line: u64,
    pub cells: Vec<String>,
}

impl PlainRow {
    /// The text of a column, from 0; empty beyond the end.
    pub(super) fn text(&self, column: usize) -> &str {
        self.cells.get(column).map_or("", |text| text.as_str())
    }
}

/// The bytes of a file; one that is too large is reported.
///
/// # Errors
/// If the file cannot be read.
pub(super) async fn load(file: &Path, report: &mut Report) -> Result<Option<Vec<u8>>, IngestError> {
    let size = tokio::fs::metadata(file).await.map_err(|e| IngestError::file(file, e))?.len();
    if size > MAX_BYTES {
        let sentence = format!("The file has {size} bytes; at most {MAX_BYTES} are read of such a table.");
        report.error(None, None, sentence);
        return Ok(None);
    }
    tokio::fs::read(file).await.map(Some).map_err(|e| IngestError::file(file, e))
}

/// Reads a table whose header is the first row of which `plan` makes something. Problems are reported; `None` if nothing
/// could be understood.
pub(super) fn read<P>(
    bytes: &[u8],
    plan: impl Fn(&[String]) -> Option<P>,
    report: &mut Report,
    progress: &dyn Progress,
) -> Option<(P, Vec<PlainRow>)> {
    const ZIP: &[u8] = b"PK\x03\x04";
    const COMPOUND: &[u8] = b"\xd0\xcf\x11\xe0";
    if bytes.starts_with(ZIP) || bytes.starts_with(COMPOUND) {
        let sheet =
            read_sheet(bytes, None).map_err(|error| report.error(None, None, error.to_string())).ok()?;
        report.fact("sheet", sheet.name.as_str());
        return rows(&Table::Sheet(sheet), plan, report, progress);
    }
    let decoded = decode(bytes).map_err(|e| report.error(Some(e.line()), None, e.to_string())).ok()?;
    report.fact("encoding", decoded.encoding);
    let Some(delimiter) = find_delimiter(&decoded.text) else {
        report.error(None, None, "This is no table: no line has two columns separated by ';', tab or ','.");
        return None;
    };
    report.fact("delimiter", char::from(delimiter).to_string());
    rows(&Table::Text { text: &decoded.text, delimiter }, plan, report, progress)
}

fn rows<P>(
    table: &Table<'_>,
    plan: impl Fn(&[String]) -> Option<P>,
    report: &mut Report,
    progress: &dyn Progress,
) -> Option<(P, Vec<PlainRow>)> {
    let (mut found, mut rows, mut seen, mut first) = (None, Vec::new(), 0, Vec::new());
    let mut room = MAX_CELLS;
    table.each_row(report, progress, &mut |line, row, report| {
        if row.is_blank() {
            return true;
        }
        let Some(left) = room.checked_sub(row.len()) else {
            report.error(Some(line), None, format!("The table has more than {MAX_CELLS} cells."));
            return false;
        };
        room = left;
        let cells = row.texts();
        if found.is_some() {
            rows.push(PlainRow { line, cells });
            return true;
        }
        seen += 1;
        found = plan(&cells);
        if first.is_empty() {
            first = cells;
        }
        found.is_some() || seen < HEADER_WITHIN
    });
    if found.is_none() && !report.rejected() {
        let sentence = format!(
            "No row has the headers that are needed; the first one has: {}.",
            first.iter().take(20).map(String::as_str).collect::<Vec<_>>().join(", ")
        );
        report.error(None, None, sentence);
    }
    Some((found.filter(|_| !report.rejected())?, rows))
}
