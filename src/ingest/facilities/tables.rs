//! Lists of facilities in text files and workbooks → drafts.
//!
//! Must not know: which categories there are, where coordinates lie on the earth.

use super::{
    columns::{Columns, Field, field_of},
    entry::{Draft, Drafts},
};
use crate::{
    domain::original,
    ingest::{
        Progress, Report,
        statistics::{
            database,
            number::{Decimal, parse_number},
            row::{Cell, Row},
            sheet::{Workbook, is_compound, is_zip},
            table::Table,
            text::{decode, find_delimiter},
        },
    },
};

/// The header is looked for in this many rows; above it stand titles.
const HEADER_WITHIN: usize = 30;

/// So many known headers make a row the header.
const KNOWN_HEADERS: usize = 3;

/// More facilities are no list of a municipality.
pub(super) const MAX_ROWS: usize = 200_000;

/// Reads a text file or workbook. Problems are reported; `None` if nothing could be understood.
pub(super) fn read(bytes: &[u8], report: &mut Report, progress: &dyn Progress) -> Option<Drafts> {
    if database::is_packed(bytes) {
        let sheet = database::unpack(bytes).map_err(|sentence| report.error(None, None, sentence)).ok()?;
        report.fact("format", "table of a database");
        return read_table(&Table::Sheet(sheet), report, progress);
    }
    if is_zip(bytes) || is_compound(bytes) {
        let read = Workbook::open(bytes).and_then(|mut workbook| {
            report.fact("format", workbook.format());
            let first = workbook.names().first().map(|sheet| sheet.name.clone()).unwrap_or_default();
            workbook.read(&first)
        });
        let sheet = read.map_err(|error| report.error(None, None, error.to_string())).ok()?;
        report.fact("sheet", sheet.name.as_str());
        return read_table(&Table::Sheet(sheet), report, progress);
    }
    let decoded = match decode(bytes) {
        Ok(decoded) => decoded,
        Err(error) => {
            report.error(Some(error.line()), None, error.to_string());
            return None;
        }
    };
    report.fact("format", "csv");
    report.fact("encoding", decoded.encoding);
    let Some(delimiter) = find_delimiter(&decoded.text) else {
        report.error(None, None, "This is no table: no line has more than one column.");
        return None;
    };
    report.fact("delimiter", char::from(delimiter).to_string());
    read_table(&Table::Text { text: &decoded.text, delimiter }, report, progress)
}

fn read_table(table: &Table<'_>, report: &mut Report, progress: &dyn Progress) -> Option<Drafts> {
    let mut columns: Option<Columns> = None;
    let mut rows = Vec::new();
    let mut seen = 0;
    table.each_row(report, progress, &mut |line, row, report| {
        let Some(columns) = &columns else {
            seen += 1;
            columns = header(row, line, report);
            return columns.is_some() || seen < HEADER_WITHIN;
        };
        if row.is_blank() {
            return true;
        }
        if rows.len() == MAX_ROWS {
            report.error(Some(line), None, format!("The list has more than {MAX_ROWS} facilities."));
            return false;
        }
        rows.push(draft(row, line, columns, report));
        true
    });
    let Some(columns) = columns else {
        let sentence = "No row looks like the header of a list of facilities; it needs columns such as category, id, \
                        name, lon and lat.";
        report.error(None, None, sentence);
        return None;
    };
    Some(Drafts { columns, rows, crs: None })
}

/// The columns, if this row is the header.
fn header(row: Row<'_>, line: u64, report: &mut Report) -> Option<Columns> {
    let headers = row.texts();
    let known = headers.iter().filter(|h| field_of(h).is_some()).count();
    (known >= KNOWN_HEADERS).then(|| Columns::read(&headers, Some(line), report))
}

fn draft(row: Row<'_>, line: u64, columns: &Columns, report: &mut Report) -> Draft {
    let mut draft = Draft::new(line);
    for (field, place) in columns.iter() {
        let cell = row.cell(place);
        if let Cell::Fault(fault) = cell {
            let sentence = format!("The formula of this cell failed ({fault}); mend it in the workbook.");
            report.error(Some(line), Some(columns.header(field)), sentence);
            continue;
        }
        draft.set(field, original(&cell.text()));
    }
    draft.point = point(&draft, columns, report);
    draft
}

/// The coordinate of a row. None at all is told later, with all others that have none.
fn point(draft: &Draft, columns: &Columns, report: &mut Report) -> Option<(f64, f64)> {
    let mut number = |field| {
        let text = draft.get(field)?;
        let number = coordinate(text);
        if number.is_none() {
            let shown: String = text.chars().take(40).collect();
            let sentence = format!("'{shown}' is no coordinate such as 11.15 or 603123,4.");
            report.error(Some(draft.line), Some(columns.header(field)), sentence);
        }
        number
    };
    let (x, y) = (number(Field::X), number(Field::Y));
    x.zip(y)
}

/// A coordinate as people write it: `11.15`, `11,15°`, `603 123,4`, `5.870.123`. A single point or comma separates
/// decimals, for `11.150` is a longitude.
fn coordinate(text: &str) -> Option<f64> {
    let plain: String = text.chars().filter(|c| !c.is_whitespace() && *c != '°').collect();
    let count = |sign| plain.matches(sign).count();
    if plain.len() > 48 {
        return None;
    }
    if count(',') + count('.') <= 1 {
        let digits = plain.replace(',', ".");
        let is_number = digits.chars().all(|c| c.is_ascii_digit() || matches!(c, '.' | '-' | '+'));
        return digits.parse().ok().filter(|n: &f64| is_number && n.is_finite());
    }
    let comma_decides = plain.rfind(',') > plain.rfind('.') || count('.') > 1;
    let decimal = if comma_decides { Decimal::Comma } else { Decimal::Point };
    parse_number(&plain, Some(decimal)).map(|(number, _)| number)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::ingest::NoProgress;

    #[test]
    fn coordinates_are_read_as_people_write_them() {
        for (text, number) in [
            ("11.15", 11.15),
            ("11.150", 11.15),
            ("11,15°", 11.15),
            ("603 123,4", 603_123.4),
            ("5.870.123", 5_870_123.0),
            ("5.870.123,25", 5_870_123.25),
            ("5,870,123.25", 5_870_123.25),
            ("32603123", 32_603_123.0),
            ("-3.5", -3.5),
        ] {
            assert_eq!(coordinate(text), Some(number), "{text}");
        }
        for bad in ["", "x", "inf", "NaN", "1e5", "1.2.3", "11° 15' O"] {
            assert_eq!(coordinate(bad), None, "{bad}");
        }
    }

    #[test]
    fn the_header_may_stand_below_titles() {
        let mut report = Report::new("f");
        let text = "Kitas im Landkreis;;;\n;;;\nNr;Name;Rechtswert;Hochwert\n1;Haus;603123,4;5870123\n";
        let drafts = read(text.as_bytes(), &mut report, &NoProgress).unwrap();
        assert_eq!(drafts.rows[0].point, Some((603_123.4, 5_870_123.0)), "{report}");
        assert_eq!((drafts.rows[0].line, drafts.rows[0].get(Field::Name)), (4, Some("Haus")));
    }

    proptest! {
        #[test]
        fn arbitrary_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            let _ = read(&bytes, &mut Report::new("f"), &NoProgress);
        }

        #[test]
        fn mutated_lists_never_panic(at in 0_usize..90, with in any::<u8>()) {
            let mut bytes = b"id;name;lon;lat;plaetze;consent\n1;Haus;11,15;52,97;40;ja\n2;=Haus;11,2;52,9;-;nein\n".to_vec();
            let at = at % bytes.len();
            bytes[at] = with;
            let _ = read(&bytes, &mut Report::new("f"), &NoProgress);
        }
    }
}
