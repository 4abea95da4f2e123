//! A table of any file, row by row, with its size limits.
//!
//! Must not know: what the columns mean.

use super::{
    row::Row,
    sheet::Sheet,
    text::{MAX_COLUMNS, MAX_ROW, RowReader},
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
            Self::Text { text, delimiter } => {
                let whole =
                    Part { text, delimiter: *delimiter, length: text.len(), lines_before: 0, is_whole: true };
                whole.each_row(report, progress, each);
            }
            Self::Sheet(sheet) => {
                for (line, cells) in &sheet.rows {
                    if !each(*line, Row::Sheet(cells), report) || !report.goes_on_behind(*line) {
                        return;
                    }
                }
            }
        }
    }

    /// The two halves of a text of at least `long` bytes; `None` if no row begins near its middle.
    pub fn halves(&self, long: usize) -> Option<[Part<'_>; 2]> {
        let Self::Text { text, delimiter } = self else { return None };
        if text.len() < long {
            return None;
        }
        let middle = middle(text)?;
        let (first, second) = text.split_at(middle);
        let lines = first.bytes().map(|byte| u64::from(byte == b'\n')).sum();
        let part = |text, length, lines_before| Part {
            text,
            delimiter: *delimiter,
            length,
            lines_before,
            is_whole: false,
        };
        Some([part(text, first.len(), 0), part(second, second.len(), lines)])
    }
}

/// A part of a text that begins with a row.
#[derive(Debug)]
pub struct Part<'a> {
    /// From the beginning of the part to the end of the whole text.
    text: &'a str,
    delimiter: u8,
    /// Bytes of the part.
    length: usize,
    /// Complete lines before it.
    lines_before: u64,
    /// It is all of the text. Limits that depend on the whole are kept by reading the whole.
    is_whole: bool,
}

impl Part<'_> {
    /// Complete lines before the part.
    pub const fn lines_before(&self) -> u64 {
        self.lines_before
    }

    /// As [`Table::each_row`] for the rows of this part; false if they were not read to the end, or if the part does not
    /// end where a row ends, because a quoted cell goes on there.
    pub fn each_row(
        &self,
        report: &mut Report,
        progress: &dyn Progress,
        each: &mut dyn FnMut(u64, Row<'_>, &mut Report) -> bool,
    ) -> bool {
        let mut reader = RowReader::new(self.text, self.delimiter);
        let mut record = csv::StringRecord::new();
        let mut lines = Lines { counted: 0, breaks: self.lines_before };
        let mut rows = 0_u64;
        loop {
            let at = usize::try_from(reader.position()).unwrap_or(usize::MAX);
            let left = self.text.as_bytes().get(at..self.length).unwrap_or_default();
            if left.iter().all(|byte| matches!(byte, b'\r' | b'\n')) {
                return at <= self.length;
            }
            match reader.read(&mut record) {
                Ok(true) => {}
                Ok(false) => return true,
                Err(error) => {
                    report.error(None, None, format!("The table cannot be read: {error}."));
                    return false;
                }
            }
            let start = record.position().map_or(0, csv::Position::byte);
            let line = lines.at(self.text, usize::try_from(start).unwrap_or(usize::MAX));
            rows += 1;
            if !self.is_whole && (rows > MAX_ROWS / 2 || record.as_slice().len() > MAX_ROW / 2) {
                return false;
            }
            if rows.is_multiple_of(65_536) {
                progress.done(reader.position() as f64 / self.length.max(1) as f64);
            }
            if record.len() > MAX_COLUMNS || rows > MAX_ROWS {
                let sentence = format!("The table has more than {MAX_COLUMNS} columns or {MAX_ROWS} rows.");
                report.error(Some(line), None, sentence);
                return false;
            }
            if !each(line, Row::Text(&record), report) || !report.goes_on_behind(line) {
                return false;
            }
        }
    }
}

/// Where the second half of a text begins: behind a line end near the middle that is not inside quotes, if quotes stand
/// in pairs. Whether they do, shows when the first half is read.
fn middle(text: &str) -> Option<usize> {
    let (before, behind) = text.as_bytes().split_at(text.len() / 2);
    let mut quoted = before.iter().fold(false, |quoted, byte| quoted ^ (*byte == b'"'));
    for (at, byte) in behind.iter().enumerate() {
        match byte {
            b'"' => quoted = !quoted,
            b'\n' if !quoted => {
                let at = before.len() + at + 1;
                // At the beginning of a text this is no part of the first cell.
                return (at < text.len() && !text[at..].starts_with('\u{feff}')).then_some(at);
            }
            _ => {}
        }
    }
    None
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
    use proptest::prelude::*;

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

    /// Line and cells of each row of a part; `None` if it was not read to its end.
    fn rows(part: &Part<'_>) -> Option<Vec<(u64, Vec<String>)>> {
        let mut rows = Vec::new();
        let whole = part.each_row(&mut Report::default(), &NoProgress, &mut |line, row, _| {
            rows.push((line, row.texts()));
            true
        });
        whole.then_some(rows)
    }

    proptest! {
        #[test]
        fn two_halves_have_the_rows_of_the_whole_or_are_refused(text in "[ab;\"\n\r]{0,40}") {
            let table = Table::Text { text: &text, delimiter: b';' };
            if let Some(halves) = table.halves(0)
                && let Some(both) = halves.each_ref().map(rows).into_iter().collect::<Option<Vec<_>>>()
            {
                let whole = Part { text: &text, delimiter: b';', length: text.len(), lines_before: 0, is_whole: true };
                prop_assert_eq!(both.concat(), rows(&whole).unwrap());
            }
        }
    }
}
