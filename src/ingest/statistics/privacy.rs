//! Refuses columns that look like personal data: names, birth dates, streets.
//!
//! Must not know: what is imported. An atlas holds numbers about regions; single persons have no place in it.

use std::collections::BTreeSet;

use super::{
    mapping::normal_header,
    row::{Cell, Row, german_date},
};
use crate::ingest::Report;

/// Rows whose cells are looked at.
const SAMPLE_ROWS: u32 = 200;

/// A column is judged by its cells only if this many of them are filled.
const MIN_FILLED: u32 = 5;

/// Headers that name personal data, as [`normal_header`] writes them.
const PERSONAL_HEADERS: &[(&str, &str)] = &[
    ("vorname", "a person's name"),
    ("nachname", "a person's name"),
    ("familienname", "a person's name"),
    ("zuname", "a person's name"),
    ("geburtsname", "a person's name"),
    ("rufname", "a person's name"),
    ("firstname", "a person's name"),
    ("lastname", "a person's name"),
    ("surname", "a person's name"),
    ("namedeskindes", "a person's name"),
    ("geburtsdatum", "a birth date"),
    ("geburtstag", "a birth date"),
    ("gebdatum", "a birth date"),
    ("geb.datum", "a birth date"),
    ("dateofbirth", "a birth date"),
    ("birthdate", "a birth date"),
    ("birthday", "a birth date"),
    ("strasse", "a street"),
    ("str.", "a street"),
    ("strassehausnr.", "a street"),
    ("strassehausnummer", "a street"),
    ("strasseundhausnummer", "a street"),
    ("hausnummer", "a street"),
    ("street", "a street"),
    ("anschrift", "a street"),
    ("adresse", "a street"),
    ("wohnanschrift", "a street"),
];

/// Looks at the columns that are not read as key, period, indicator or number.
#[derive(Debug)]
pub struct Watch {
    columns: Vec<Watched>,
    rows: u32,
}

#[derive(Debug)]
struct Watched {
    column: usize,
    filled: u32,
    streets: u32,
    dates: BTreeSet<String>,
}

impl Watch {
    /// Watches these columns.
    pub fn new(columns: impl Iterator<Item = usize>) -> Self {
        let watched = |column| Watched { column, filled: 0, streets: 0, dates: BTreeSet::new() };
        Self { columns: columns.map(watched).collect(), rows: 0 }
    }

    /// Looks at a row; beyond the sample it does nothing.
    pub fn see(&mut self, row: Row<'_>) {
        if self.rows >= SAMPLE_ROWS {
            return;
        }
        self.rows += 1;
        for watched in &mut self.columns {
            let cell = row.cell(watched.column);
            if cell.is_blank() {
                continue;
            }
            let text = cell.text();
            watched.filled += 1;
            watched.streets += u32::from(is_street(&text));
            if matches!(cell, Cell::Date(_)) || german_date(&text).is_some() {
                watched.dates.insert(text.into_owned());
            }
        }
    }

    /// True once the sample is complete.
    pub const fn is_done(&self) -> bool {
        self.rows >= SAMPLE_ROWS
    }

    /// Reports columns whose cells look like streets or birth dates.
    pub fn judge(&self, header: &dyn Fn(usize) -> String, report: &mut Report) {
        for watched in self.columns.iter().filter(|w| w.filled >= MIN_FILLED) {
            let half = watched.filled / 2;
            if watched.streets > half {
                refuse(&header(watched.column), "a street", report);
            } else if watched.dates.len() as u32 > half.max(20) {
                refuse(&header(watched.column), "a birth date", report);
            }
        }
    }
}

/// Reports headers that name personal data.
pub fn check_headers(headers: &[String], report: &mut Report) {
    for header in headers {
        let normal = normal_header(header);
        if let Some((_, what)) = PERSONAL_HEADERS.iter().find(|(name, _)| *name == normal) {
            refuse(header, what, report);
        }
    }
}

/// What a header names of a single person; an address is none, for facilities have one.
pub fn names_person(header: &str) -> Option<&'static str> {
    let normal = normal_header(header);
    let found = PERSONAL_HEADERS.iter().find(|(name, what)| *name == normal && *what != "a street");
    found.map(|(_, what)| *what)
}

fn refuse(header: &str, what: &str, report: &mut Report) {
    report.error(
        None,
        Some(header),
        format!("This column looks like {what}; data on single persons are not imported: remove the column."),
    );
}

/// A word for a street and a house number at the end: `Lange Straße 12a`.
fn is_street(text: &str) -> bool {
    let Some((street, number)) = text.rsplit_once(' ') else { return false };
    let street = street.to_lowercase();
    number.starts_with(|c: char| c.is_ascii_digit())
        && number.len() <= 6
        && ["straße", "strasse", "str.", "weg", "platz", "allee", "gasse", "ring", "damm"]
            .iter()
            .any(|ending| street.ends_with(ending))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn streets_are_told_from_names_of_regions() {
        assert!(is_street("Lange Straße 12a"));
        assert!(is_street("Am Markt-Platz 1"));
        assert!(!is_street("Lüchow (Wendland), Stadt"));
        assert!(!is_street("Bezirk 3"));
    }

    #[test]
    fn headers_of_persons_are_refused_in_any_spelling() {
        for (header, refused) in
            [("Geburts-Datum", true), ("STRASSE", true), ("Straße", true), ("Name", false)]
        {
            let mut report = Report::new("x");
            check_headers(&[header.to_owned()], &mut report);
            assert_eq!(report.rejected(), refused, "{header}");
        }
    }
}
