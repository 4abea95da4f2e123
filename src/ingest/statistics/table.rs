//! A table of any file, row by row, with its size limits.
//!
//! Must not know: what the columns mean.

use super::{
    row::Row,
    sheet::Sheet,
    text::{MAX_COLUMNS, RowReader},
};
use crate::ingest::{Progress, Report};

/// Most rows that are read.
const MAX_ROWS: u64 = 100_000_000;

/// A table of a text file or a workbook.
#[derive(Debug)]
pub enum Table<'a> {
    /// Decoded text and its delimiter.
    Text {
        /// The text.
        text: &'a str,
        /// Byte between columns.
        delimiter: u8,
    },
    /// Rows of a sheet.
    Sheet(Sheet),
}

impl Table<'_> {
    /// Calls `each` with line and row, from the first to the last or until it returns false. Lines without any text
    /// are passed over. What breaks a limit is reported and ends the reading.
    pub fn each_row(
        &self,
        report: &mut Report,
        progress: &dyn Progress,
        each: &mut dyn FnMut(u64, Row<'_>, &mut Report) -> bool,
    ) {
        match self {
            Self::Text { text, delimiter } => each_record(text, *delimiter, report, progress, each),
            Self::Sheet(sheet) => {
                for (line, cells) in &sheet.rows {
                    if !each(*line, Row::Sheet(cells), report) {
                        return;
                    }
                }
            }
        }
    }
}

fn each_record(
    text: &str,
    delimiter: u8,
    report: &mut Report,
    progress: &dyn Progress,
    each: &mut dyn FnMut(u64, Row<'_>, &mut Report) -> bool,
) {
    let mut reader = RowReader::new(text, delimiter);
    let mut record = csv::StringRecord::new();
    let mut lines = Lines::default();
    let mut rows = 0_u64;
    loop {
        match reader.read(&mut record) {
            Ok(true) => {}
            Ok(false) => return,
            Err(error) => return report.error(None, None, format!("The table cannot be read: {error}.")),
        }
        let start = record.position().map_or(0, csv::Position::byte);
        let line = lines.at(text, usize::try_from(start).unwrap_or(usize::MAX));
        rows += 1;
        if rows.is_multiple_of(65_536) {
            progress.done(reader.position() as f64 / text.len().max(1) as f64);
        }
        if record.len() > MAX_COLUMNS || rows > MAX_ROWS {
            let sentence = format!("The table has more than {MAX_COLUMNS} columns or {MAX_ROWS} rows.");
            return report.error(Some(line), None, sentence);
        }
        if !each(line, Row::Text(&record), report) {
            return;
        }
    }
}

/// Counts lines. The reader gives the place behind the record before, so blank lines before a record are passed here.
#[derive(Debug, Default)]
struct Lines {
    counted: usize,
    breaks: u64,
}

impl Lines {
    /// The line, from 1, of the first text at or behind `start`; starts ascend.
    fn at(&mut self, text: &str, start: usize) -> u64 {
        let rest = text.as_bytes().get(start..).unwrap_or_default();
        let blank = rest.iter().take_while(|b| matches!(b, b'\r' | b'\n')).count();
        let passed = text.as_bytes().get(self.counted..start + blank).unwrap_or_default();
        self.breaks += passed.split(|b| *b == b'\n').skip(1).count() as u64;
        self.counted += passed.len();
        self.breaks + 1
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ingest::NoProgress;

    #[test]
    fn a_row_behind_blank_lines_or_a_row_of_several_lines_has_its_own_line() {
        for text in ["a;b\n\n\"c\nd\";e\n\n\nf;g\n", "a;b\r\n\r\n\"c\r\nd\";e\r\n\r\n\r\nf;g"] {
            let mut lines = Vec::new();
            let table = Table::Text { text, delimiter: b';' };
            table.each_row(&mut Report::new("x"), &NoProgress, &mut |line, _, _| {
                lines.push(line);
                true
            });
            assert_eq!(lines, [1, 3, 7], "{text:?}");
        }
    }
}
