//! Sheets of workbooks (XLSX) → rows.
//!
//! Must not know: what the columns mean. Invariant: neither a small file that expands to a huge one nor a cell far
//! away from all others makes the program need more memory than its limits say.

use std::io::{Cursor, Read};

use calamine::{DataRef, Reader, Xlsx};
use chrono::NaiveDate;

use super::{row::SheetCell, text::MAX_COLUMNS};

/// Most bytes that the parts of a workbook may expand to.
const MAX_EXPANDED: u64 = 1 << 30;

/// Most cells of a sheet that are read.
const MAX_CELLS: usize = 20_000_000;

/// Why bytes are no sheet.
#[derive(Debug, thiserror::Error)]
pub enum SheetError {
    /// The zip file or its content is damaged.
    #[error(
        "The workbook is damaged or no XLSX file ({0}); open it in a spreadsheet program and save it again."
    )]
    Damaged(String),
    /// It expands to too much.
    #[error("The workbook expands to more than 1 GB; save the values alone in a new workbook or as CSV.")]
    TooLarge,
    /// Too many cells or columns.
    #[error("The sheet has more than {MAX_COLUMNS} columns or {MAX_CELLS} cells; save it as CSV.")]
    TooManyCells,
    /// No sheet of that name.
    #[error("There is no sheet '{name}'; the workbook has: {present}.")]
    NoSheet {
        /// Name asked for.
        name: String,
        /// Names that there are.
        present: String,
    },
}

/// A sheet: rows with their number, from 1; empty rows are left out.
#[derive(Debug)]
pub struct Sheet {
    /// Its name.
    pub name: String,
    /// Its rows.
    pub rows: Vec<(u64, Vec<SheetCell>)>,
}

/// Reads the sheet `name`, or the first one.
///
/// # Errors
/// If the workbook is damaged, too large or has no such sheet.
pub fn read_sheet(bytes: &[u8], name: Option<&str>) -> Result<Sheet, SheetError> {
    check_expansion(bytes)?;
    let damaged = |error: &dyn std::fmt::Display| SheetError::Damaged(error.to_string());
    let mut workbook = Xlsx::new(Cursor::new(bytes)).map_err(|e| damaged(&e))?;
    let names = workbook.sheet_names();
    let name = match name {
        Some(name) if names.iter().any(|n| n == name) => name.to_owned(),
        None if !names.is_empty() => names[0].clone(),
        _ => {
            let name = name.unwrap_or_default().to_owned();
            return Err(SheetError::NoSheet { name, present: names.join(", ") });
        }
    };
    let mut cells = workbook.worksheet_cells_reader(&name).map_err(|e| damaged(&e))?;
    let mut rows: Vec<(u64, Vec<SheetCell>)> = Vec::new();
    let mut room = MAX_CELLS;
    while let Some(cell) = cells.next_cell().map_err(|e| damaged(&e))? {
        let value = sheet_cell(cell.get_value());
        if value == SheetCell::Empty {
            continue;
        }
        let (row, column) = cell.get_position();
        let line = u64::from(row) + 1;
        if rows.last().is_none_or(|(last, _)| *last != line) {
            rows.push((line, Vec::new()));
        }
        let Some((_, cells)) = rows.last_mut() else { continue };
        let column = column as usize;
        if cells.len() <= column {
            room = room.checked_sub(column + 1 - cells.len()).ok_or(SheetError::TooManyCells)?;
            if column >= MAX_COLUMNS {
                return Err(SheetError::TooManyCells);
            }
            cells.resize(column + 1, SheetCell::Empty);
        }
        cells[column] = value;
    }
    Ok(Sheet { name, rows })
}

/// Expands every part once, counting: what a zip file says of its sizes need not be true.
fn check_expansion(bytes: &[u8]) -> Result<(), SheetError> {
    let damaged = |error: &dyn std::fmt::Display| SheetError::Damaged(error.to_string());
    let mut archive = zip::ZipArchive::new(Cursor::new(bytes)).map_err(|e| damaged(&e))?;
    let mut left = MAX_EXPANDED;
    for index in 0..archive.len() {
        let part = archive.by_index(index).map_err(|e| damaged(&e))?;
        let size = std::io::copy(&mut part.take(left + 1), &mut std::io::sink()).map_err(|e| damaged(&e))?;
        left = left.checked_sub(size).ok_or(SheetError::TooLarge)?;
    }
    Ok(())
}

fn sheet_cell(data: &DataRef<'_>) -> SheetCell {
    match data {
        DataRef::Empty => SheetCell::Empty,
        DataRef::Int(number) => SheetCell::Number(*number as f64),
        DataRef::Float(number) => SheetCell::Number(*number),
        DataRef::String(text) | DataRef::DurationIso(text) => text_cell(text),
        DataRef::SharedString(text) => text_cell(text),
        DataRef::Bool(value) => SheetCell::Text(value.to_string()),
        DataRef::DateTime(time) => {
            let (year, month, day, ..) = time.to_ymd_hms_milli();
            NaiveDate::from_ymd_opt(year.into(), month.into(), day.into())
                .filter(|_| time.is_datetime())
                .map_or_else(|| SheetCell::Number(time.as_f64()), SheetCell::Date)
        }
        DataRef::DateTimeIso(text) => {
            text.get(..10).and_then(|day| day.parse().ok()).map_or_else(|| text_cell(text), SheetCell::Date)
        }
        DataRef::Error(error) => SheetCell::Fault(error.to_string()),
    }
}

fn text_cell(text: &str) -> SheetCell {
    if text.trim().is_empty() { SheetCell::Empty } else { SheetCell::Text(text.to_owned()) }
}
