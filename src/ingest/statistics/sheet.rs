//! Sheets of workbooks (XLSX, ODS, XLS) → rows.
//!
//! Holds what the three formats share: recognition by content, limits, and the collection of cells. Must not know: what
//! the columns mean.
//!
//! Invariant: neither a small file that expands to a huge one nor a cell far away from all others nor a size that a
//! file merely claims makes the program need more memory than its limits say. Sizes are counted while reading, never
//! believed.

mod archive;
mod compound;
mod number_format;
mod ods;
mod xls;
mod xlsx;
mod xml;

use self::{
    number_format::{Epoch, Shown},
    ods::Ods,
    xls::Xls,
    xlsx::Xlsx,
};
use super::{row::SheetCell, text::MAX_COLUMNS};

pub use archive::Archive;

/// Most bytes of memory that the cells and texts of a workbook may need.
const MAX_MEMORY: usize = 512 << 20;

/// Most rows of a sheet, as in Excel.
const MAX_ROWS: u64 = 1 << 20;

/// Why bytes are no sheet.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SheetError {
    /// The file or its content is damaged.
    #[error(
        "The workbook is damaged or no XLSX, ODS or XLS file ({0}); open it in a spreadsheet program and save it again."
    )]
    Damaged(String),
    /// Two members have the same name.
    #[error(
        "Two members of the ZIP file have the same name, so it is not clear which one counts; pack it anew, each under a name of its own."
    )]
    TwoMembers,
    /// It needs a password.
    #[error("The workbook is protected by a password; save it without one.")]
    Protected,
    /// It expands to too much.
    #[error(
        "The workbook expands to more than its limits allow; save the values alone in a new workbook or as CSV."
    )]
    TooLarge,
    /// Too many cells or columns.
    #[error(
        "The sheet has more than {MAX_COLUMNS} columns or more cells than can be held in memory; save it as CSV."
    )]
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

impl SheetError {
    /// A workbook whose content contradicts its format.
    pub(super) fn damaged(what: impl std::fmt::Display) -> Self {
        Self::Damaged(what.to_string())
    }
}

/// A sheet: rows with their number, from 1; empty rows are left out.
#[derive(Debug)]
pub struct Sheet {
    /// Its name.
    pub name: String,
    /// Its rows.
    pub rows: Vec<(u64, Vec<SheetCell>)>,
    /// Cells that are shown as a percentage: 0.123 is kept as the 12.3 that people see.
    pub percentages: u64,
}

/// Name of a sheet in the list of a workbook.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SheetName {
    /// The name.
    pub name: String,
    /// People do not see it.
    pub hidden: bool,
}

/// An open workbook.
#[derive(Debug)]
pub struct Workbook<'a> {
    kind: Kind<'a>,
    names: Vec<SheetName>,
}

#[derive(Debug)]
enum Kind<'a> {
    Xlsx(Box<Xlsx<'a>>),
    Ods(Box<Ods<'a>>),
    Xls(Box<Xls>),
}

/// True if the bytes begin as a compound file, which an XLS file is.
pub fn is_compound(bytes: &[u8]) -> bool {
    bytes.starts_with(compound::MAGIC)
}

/// True if the bytes begin as a ZIP file, which XLSX and ODS files are.
pub fn is_zip(bytes: &[u8]) -> bool {
    // An archive without members has the second signature only.
    bytes.starts_with(b"PK\x03\x04") || bytes.starts_with(b"PK\x05\x06")
}

impl<'a> Workbook<'a> {
    /// Opens a workbook; its format is recognised by its content.
    ///
    /// # Errors
    /// If it is damaged, protected or too large.
    pub fn open(bytes: &'a [u8]) -> Result<Self, SheetError> {
        if is_compound(bytes) {
            let (xls, names) = Xls::open(bytes)?;
            return Ok(Self { kind: Kind::Xls(Box::new(xls)), names });
        }
        let mut archive = Archive::open(bytes)?;
        if archive.is_spreadsheet_document() {
            let (ods, names) = Ods::open(archive)?;
            return Ok(Self { kind: Kind::Ods(Box::new(ods)), names });
        }
        let (xlsx, names) = Xlsx::open(archive)?;
        Ok(Self { kind: Kind::Xlsx(Box::new(xlsx)), names })
    }

    /// `xlsx`, `ods` or `xls`.
    pub const fn format(&self) -> &'static str {
        match self.kind {
            Kind::Xlsx(_) => "xlsx",
            Kind::Ods(_) => "ods",
            Kind::Xls(_) => "xls",
        }
    }

    /// Its sheets in their order.
    pub fn names(&self) -> &[SheetName] {
        &self.names
    }

    /// Reads a sheet.
    ///
    /// # Errors
    /// If there is none of that name, or it is damaged or too large.
    pub fn read(&mut self, name: &str) -> Result<Sheet, SheetError> {
        let Some(index) = self.names.iter().position(|sheet| sheet.name == name) else {
            let present: Vec<_> = self.names.iter().map(|sheet| sheet.name.as_str()).collect();
            return Err(SheetError::NoSheet { name: name.to_owned(), present: present.join(", ") });
        };
        let cells = match &mut self.kind {
            Kind::Xlsx(xlsx) => xlsx.read(index)?,
            Kind::Ods(ods) => ods.read(index)?,
            Kind::Xls(xls) => xls.read(index)?,
        };
        cells.finish(name)
    }
}

/// Reads the sheet `name`, or the first one.
///
/// # Errors
/// If the workbook is damaged, too large or has no such sheet.
pub fn read_sheet(bytes: &[u8], name: Option<&str>) -> Result<Sheet, SheetError> {
    let mut workbook = Workbook::open(bytes)?;
    let first = workbook.names.first().map(|sheet| sheet.name.clone());
    workbook.read(&name.map(str::to_owned).or(first).unwrap_or_default())
}

/// Memory that may still be used.
#[derive(Debug, Clone, Copy)]
struct Room(usize);

impl Room {
    /// Counts bytes that are about to be used.
    fn take(&mut self, bytes: usize) -> Result<(), SheetError> {
        self.0 = self.0.checked_sub(bytes).ok_or(SheetError::TooManyCells)?;
        Ok(())
    }

    /// Counts a text of that length; a small one needs more than its bytes.
    fn take_text(&mut self, length: usize) -> Result<(), SheetError> {
        self.take(length + 32)
    }
}

/// Collects the cells of a sheet within the limits.
#[derive(Debug)]
struct Cells {
    rows: Vec<(u64, Vec<SheetCell>)>,
    room: Room,
    percentages: u64,
    in_order: bool,
}

impl Cells {
    const fn new(room: Room) -> Self {
        Self { rows: Vec::new(), room, percentages: 0, in_order: true }
    }

    /// Notes a number as people see it.
    fn number(
        &mut self,
        row: u64,
        column: usize,
        value: f64,
        shown: Shown,
        epoch: Epoch,
    ) -> Result<(), SheetError> {
        self.percentages += u64::from(shown == Shown::Percent);
        self.set(row, column, shown.cell(value, epoch))
    }

    /// Notes a text; one of white space is none.
    fn text(&mut self, row: u64, column: usize, text: &str) -> Result<(), SheetError> {
        if text.trim().is_empty() {
            return Ok(());
        }
        self.room.take_text(text.len())?;
        self.set(row, column, SheetCell::Text(text.to_owned()))
    }

    /// Notes a cell by row and column, from 0.
    fn set(&mut self, row: u64, column: usize, cell: SheetCell) -> Result<(), SheetError> {
        if cell == SheetCell::Empty {
            return Ok(());
        }
        if column >= MAX_COLUMNS || row >= MAX_ROWS {
            return Err(SheetError::TooManyCells);
        }
        let line = row + 1;
        if self.rows.last().is_none_or(|(last, _)| *last != line) {
            self.in_order &= self.rows.last().is_none_or(|(last, _)| *last < line);
            self.room.take(size_of::<(u64, Vec<SheetCell>)>())?;
            if let Some((_, done)) = self.rows.last_mut() {
                done.shrink_to_fit();
            }
            self.rows.push((line, Vec::new()));
        }
        let Some((_, cells)) = self.rows.last_mut() else { return Ok(()) };
        if cells.len() <= column {
            self.room.take((column + 1 - cells.len()) * size_of::<SheetCell>())?;
            cells.resize(column + 1, SheetCell::Empty);
        }
        if cells[column] != SheetCell::Empty {
            return Err(SheetError::damaged(format!("row {line} has two cells in column {}", column + 1)));
        }
        cells[column] = cell;
        Ok(())
    }

    /// The sheet with its rows in order.
    fn finish(mut self, name: &str) -> Result<Sheet, SheetError> {
        if !self.in_order {
            self.rows.sort_by_key(|(line, _)| *line);
            if let Some(pair) = self.rows.windows(2).find(|pair| pair[0].0 == pair[1].0) {
                return Err(SheetError::damaged(format!("row {} stands in it twice", pair[0].0)));
            }
        }
        Ok(Sheet { name: name.to_owned(), rows: self.rows, percentages: self.percentages })
    }
}

#[cfg(test)]
mod tests;
