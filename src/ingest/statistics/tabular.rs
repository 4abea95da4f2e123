//! Own tables, long and wide, of text files and sheets.
//!
//! Must not know: regions, which column means what. Invariant: it cannot be told from the result whether a table was read
//! from beginning to end or as two halves at once.

use std::panic::resume_unwind;

use super::{
    columns::plan,
    header, privacy,
    reading::Reading,
    rows::RowReader,
    settings::Settings,
    table::{Part, Table},
};
use crate::ingest::{NoProgress, Progress, Report};

/// Texts of fewer bytes are not read as two halves: they are not worth a thread.
const LONG: usize = 1 << 20;

/// Reads a long or wide table. Problems are reported; what was understood stands in the reading.
pub fn read(table: &Table<'_>, settings: &Settings, report: &mut Report, progress: &dyn Progress) -> Reading {
    read_by_halves(table, LONG, settings, report, progress)
}

/// As [`read`], where texts of at least `long` bytes are read as two halves.
fn read_by_halves(
    table: &Table<'_>,
    long: usize,
    settings: &Settings,
    report: &mut Report,
    progress: &dyn Progress,
) -> Reading {
    let mut reading = Reading::default();
    let Some(header) = header::find(table, settings) else {
        // What breaks a limit of tables is said first.
        table.each_row(report, progress, &mut |_, _, _| true);
        if !report.rejected() {
            report.error(None, None, "There is no header row in the file.");
        }
        return reading;
    };
    let parts: Vec<String> = header.stacks.concat();
    privacy::check_headers(&parts, report);
    reading.headers = header.names();
    reading.title.clone_from(&header.title);
    if header.line > 1 {
        report.fact("header_in_line", header.line);
    }
    let plan = match plan(&header, settings, &mut reading, report) {
        Ok(plan) => plan,
        Err(sentence) => {
            report.error(Some(header.line), None, sentence);
            return reading;
        }
    };
    let Some(key) = plan.key.clone() else { return reading };
    reading.key_column = key.columns().first().copied();
    let rows = RowReader::new(plan, key, reading.headers.len(), header.line);
    let data = Data { table, header: header.line, settings };
    let (rows, mut reading) = match data.read_halves(long, &rows, &reading, progress) {
        Some(both) => both,
        None => data.read_all(rows, reading, report, progress),
    };
    rows.finish(&reading, report);
    reading.finish(settings, report);
    reading
}

/// The rows of a table below its header.
struct Data<'a> {
    table: &'a Table<'a>,
    /// Line of the header.
    header: u64,
    settings: &'a Settings,
}

impl Data<'_> {
    fn read_all(
        &self,
        mut rows: RowReader,
        mut reading: Reading,
        report: &mut Report,
        progress: &dyn Progress,
    ) -> (RowReader, Reading) {
        self.table.each_row(report, progress, &mut |line, row, report| {
            if line > self.header {
                rows.read(line, row, self.settings, &mut reading, report);
            }
            !reading.is_over()
        });
        (rows, reading)
    }

    /// Reads both halves of a long text at once. `None` if it is no long text, or if there is anything to report: what is
    /// reported, and in which order, can depend on all rows before. Then it is read from the beginning.
    fn read_halves(
        &self,
        long: usize,
        rows: &RowReader,
        reading: &Reading,
        progress: &dyn Progress,
    ) -> Option<(RowReader, Reading)> {
        let [first, second] = self.table.halves(long).filter(|_| !self.settings.drafting)?;
        let break_at = second.lines_before();
        if break_at <= self.header {
            return None;
        }
        let of_first = (rows.again(self.header), reading.like());
        let of_second = (rows.again(break_at), reading.like());
        let (before, behind) = std::thread::scope(|scope| {
            let behind = scope.spawn(|| self.read_half(&second, of_second, &NoProgress));
            let before = self.read_half(&first, of_first, progress);
            (before, behind.join().unwrap_or_else(|panic| resume_unwind(panic)))
        });
        let ((rows, reading), (rows_behind, reading_behind)) = before.zip(behind)?;
        Some((rows.join(rows_behind, break_at)?, reading.join(reading_behind, self.settings)?))
    }

    fn read_half(
        &self,
        half: &Part<'_>,
        (mut rows, mut reading): (RowReader, Reading),
        progress: &dyn Progress,
    ) -> Option<(RowReader, Reading)> {
        let mut report = Report::default();
        let whole = half.each_row(&mut report, progress, &mut |line, row, report| {
            if line > self.header {
                rows.read(line, row, self.settings, &mut reading, report);
            }
            report.problems.is_empty() && !reading.is_over()
        });
        (whole && report.problems.is_empty()).then_some((rows, reading))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn settings() -> Settings {
        let slugs = ["a", "b"].map(|slug| slug.parse().unwrap());
        Settings { known: slugs.into_iter().collect(), ..Settings::plain() }
    }

    /// All that can be told of a reading.
    fn shown(text: &str, long: usize) -> String {
        let table = Table::Text { text, delimiter: b';' };
        let mut report = Report::new("test");
        let read = read_by_halves(&table, long, &settings(), &mut report, &NoProgress);
        let Reading { keys, series, rows, left_out, signs, first, separated_keys, .. } = &read;
        format!(
            "{report} {:?} {series:?} {rows} {left_out} {signs:?} {first:?} {separated_keys} {}",
            keys.list(),
            read.decimal_found(&settings())
        )
    }

    /// True if the halves of a text are joined, and nothing is read twice.
    fn is_joined(text: &str) -> bool {
        let table = Table::Text { text, delimiter: b';' };
        let header = header::find(&table, &settings()).unwrap();
        let mut reading = Reading::default();
        reading.headers = header.names();
        let plan = plan(&header, &settings(), &mut reading, &mut Report::default()).unwrap();
        let key = plan.key.clone().unwrap();
        let rows = RowReader::new(plan, key, reading.headers.len(), header.line);
        let data = Data { table: &table, header: header.line, settings: &settings() };
        data.read_halves(0, &rows, &reading, &NoProgress).is_some()
    }

    /// A long table in which most things occur that a half could get wrong; `odd` stands in its middle.
    fn table(odd: &str) -> String {
        let mut text = "key;indicator;period;value;numerator;denominator;note\n".to_owned();
        for at in 0..600 {
            let (key, year, value) = (at % 170, 2000 + at / 100, at * 7 % 100);
            let line = match at % 50 {
                3 => format!("{key};a;{year};-;;;\n"),
                5 => format!("{key};b;{year};{value},5;1;2;\n"),
                7 => format!("03 3 {key};a;{year};1.234;;;\n"),
                11 => ";;;;;;\n".to_owned(),
                13 => "Insgesamt;;;;;;\n\n".to_owned(),
                17 => format!("{key};a;{year};{value};;;\"zwei\nZeilen; und mehr\"\n"),
                _ => format!("{key};a;{year};{value};;;\n"),
            };
            text += if at == 305 { odd } else { "" };
            text += &line;
        }
        text
    }

    #[test]
    fn a_long_table_is_read_as_two_halves_and_says_the_same() {
        let text = table("");
        assert!(is_joined(&text));
        assert_eq!(shown(&text, 0), shown(&text, usize::MAX));
    }

    #[test]
    fn what_is_wrong_is_reported_with_the_same_lines() {
        for odd in [
            "1;c;2001;1;;;\n",
            "1;a;2001;x y;;;\n",
            "1;a;2001\n",
            "1;a;\"2001;1;;;\n",
            "Quelle: x\n\n",
            "1;a;2001;1;;;\"\n",
        ] {
            let text = table(odd);
            assert_eq!(shown(&text, 0), shown(&text, usize::MAX), "{odd}");
        }
    }

    proptest! {
        #[test]
        fn halves_say_what_the_whole_says(
            rows in proptest::collection::vec("(0[1-4]|9 9|);[ab];20[01]0;([0-9]{1,3}([.,][0-9]{1,3})?|-|/|);(\"[x\n;]{0,3}\"|[xy\"]{0,2})", 0..30),
            ends in proptest::collection::vec("(\r?\n){1,2}", 30),
        ) {
            let mut text = "key;indicator;period;value;note\n".to_owned();
            // The sample of columns that may hold personal data is complete before the halves part.
            let enough = if rows.len() % 2 == 0 { 230 } else { 3 };
            text += &"1;a;2000;1;\n".repeat(enough);
            for (row, end) in rows.iter().zip(&ends) {
                text = text + row + end;
            }
            prop_assert_eq!(shown(&text, 0), shown(&text, usize::MAX));
        }
    }
}
