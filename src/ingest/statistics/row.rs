//! Rows of a table, from a text file or a sheet, as the layouts read them.
//!
//! Must not know: what the columns mean. Invariant: every row carries its line in the file, from 1.

use std::borrow::Cow;

use chrono::NaiveDate;

use crate::domain::Period;

/// A cell of a sheet.
#[derive(Debug, Clone, PartialEq, Default)]
pub enum SheetCell {
    /// Nothing.
    #[default]
    Empty,
    /// Text.
    Text(String),
    /// A number.
    Number(f64),
    /// A date.
    Date(NaiveDate),
    /// A formula that failed: `#DIV/0!`.
    Fault(String),
}

/// A cell of any table.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Cell<'a> {
    /// Text as it stands, perhaps empty.
    Text(&'a str),
    /// A number of a sheet.
    Number(f64),
    /// A date of a sheet.
    Date(NaiveDate),
    /// A formula that failed.
    Fault(&'a str),
}

/// A row of any table.
#[derive(Debug, Clone, Copy)]
pub enum Row<'a> {
    /// Of a text file.
    Text(&'a csv::StringRecord),
    /// Of a sheet.
    Sheet(&'a [SheetCell]),
}

impl<'a> Row<'a> {
    /// The cell of a column, from 0; empty beyond the end.
    pub fn cell(self, column: usize) -> Cell<'a> {
        match self {
            Self::Text(record) => Cell::Text(record.get(column).unwrap_or_default()),
            Self::Sheet(cells) => match cells.get(column) {
                None | Some(SheetCell::Empty) => Cell::Text(""),
                Some(SheetCell::Text(text)) => Cell::Text(text),
                Some(SheetCell::Number(number)) => Cell::Number(*number),
                Some(SheetCell::Date(date)) => Cell::Date(*date),
                Some(SheetCell::Fault(fault)) => Cell::Fault(fault),
            },
        }
    }

    /// Number of cells.
    pub fn len(self) -> usize {
        match self {
            Self::Text(record) => record.len(),
            Self::Sheet(cells) => cells.len(),
        }
    }

    /// True if every cell is empty.
    pub fn is_blank(self) -> bool {
        (0..self.len()).all(|column| self.cell(column).is_blank())
    }

    /// All cells as text.
    pub fn texts(self) -> Vec<String> {
        (0..self.len()).map(|column| self.cell(column).text().into_owned()).collect()
    }
}

impl<'a> Cell<'a> {
    /// The cell as text, without white space around it; whole numbers without decimals.
    pub fn text(self) -> Cow<'a, str> {
        match self {
            Self::Text(text) | Self::Fault(text) => Cow::Borrowed(text.trim()),
            Self::Number(number) => Cow::Owned(number.to_string()),
            Self::Date(date) => Cow::Owned(date.to_string()),
        }
    }

    /// True if nothing stands in it.
    pub fn is_blank(self) -> bool {
        matches!(self, Self::Text(text) if text.trim().is_empty())
    }
}

/// A period as tables write it: all slugs, and `31.12.2015`, `2015/16`, `2015/2016` (school or day-care year from
/// August to July).
pub fn parse_period(text: &str) -> Option<Period> {
    let text = text.trim();
    if let Ok(period) = text.parse() {
        return Some(period);
    }
    if let Some((first, last)) = text.split_once('/') {
        let year: i32 = first.parse().ok().filter(|_| first.len() == 4)?;
        let next = (year + 1).to_string();
        let follows = last == next || (last.len() == 2 && next.ends_with(last));
        return follows.then(|| format!("{year}-08..{next}-07").parse().ok()).flatten();
    }
    german_date(text).and_then(Period::date)
}

/// A date such as `31.12.2015` or `1.3.2024`.
pub fn german_date(text: &str) -> Option<NaiveDate> {
    let mut parts = text.split('.');
    let mut digits = |lengths: std::ops::RangeInclusive<usize>| {
        parts.next().filter(|p| lengths.contains(&p.len()) && p.bytes().all(|b| b.is_ascii_digit()))
    };
    let (day, month, year) = (digits(1..=2)?, digits(1..=2)?, digits(4..=4)?);
    if parts.next().is_some() {
        return None;
    }
    NaiveDate::from_ymd_opt(year.parse().ok()?, month.parse().ok()?, day.parse().ok()?)
}

/// The period of a cell.
pub fn cell_period(cell: Cell<'_>) -> Option<Period> {
    match cell {
        Cell::Text(text) => parse_period(text),
        Cell::Number(number) if number.fract() == 0.0 && (1000.0..3000.0).contains(&number) => {
            Period::year(number as i32)
        }
        Cell::Date(date) => Period::date(date),
        Cell::Number(_) | Cell::Fault(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn periods_are_read_as_tables_write_them() {
        for (text, slug) in [
            ("31.12.2015", "2015-12-31"),
            ("1.3.2024", "2024-03-01"),
            (" 2015 ", "2015"),
            ("2015/16", "2015-08..2016-07"),
            ("2015/2016", "2015-08..2016-07"),
            ("2019..2023", "2019..2023"),
        ] {
            assert_eq!(parse_period(text).map(|p| p.to_string()).as_deref(), Some(slug), "{text}");
        }
        for bad in ["", "12", "32.12.2015", "2015/17", "DG", "03354", "1.1.1.2015"] {
            assert_eq!(parse_period(bad), None, "{bad}");
        }
    }
}
