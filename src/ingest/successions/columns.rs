//! Which column of a table of successions says what.
//!
//! Must not know: editions.

use chrono::NaiveDate;

use super::Entry;
use crate::{
    domain::RegionKey,
    ingest::{
        Report,
        plain_table::PlainRow,
        statistics::{normal_header, row::german_date},
    },
};

/// Columns by number, from 0, and what the headers themselves say.
#[derive(Debug, PartialEq)]
pub(super) struct Columns {
    headers: Vec<String>,
    old: usize,
    new: usize,
    share: Option<usize>,
    valid_on: Option<usize>,
    /// Date of the later edition, where it stands in the header of the keys.
    in_header: Option<NaiveDate>,
}

impl Columns {
    /// The columns, if this row is the header.
    pub(super) fn find(headers: &[String]) -> Option<Self> {
        let normal: Vec<String> = headers.iter().map(|header| normal_header(header)).collect();
        let find = |fits: &dyn Fn(&str) -> bool| normal.iter().position(|header| fits(header));
        let (old, new, in_header) = named(&normal).or_else(|| dated(headers, &normal))?;
        let share = find(&|h| h.contains("umsteige") && h.contains("bevoelkerung"))
            .or_else(|| find(&|h| h.contains("umsteige")))
            .or_else(|| find(&|h| matches!(h, "anteil" | "share" | "faktor" | "gewicht" | "weight")));
        let valid_on = find(&|h| {
            let word = h.trim_end_matches(|c: char| !c.is_alphanumeric());
            matches!(
                word,
                "datum"
                    | "date"
                    | "gueltigab"
                    | "datum/gueltigab"
                    | "validon"
                    | "validfrom"
                    | "stichtag"
                    | "wirksamab"
                    | "ab"
            )
        });
        Some(Self { headers: headers.to_vec(), old, new, share, valid_on, in_header })
    }

    /// The date that the header says for all rows.
    pub(super) fn date(&self) -> Option<NaiveDate> {
        self.in_header
    }

    /// True if each row has its date.
    pub(super) fn has_dates(&self) -> bool {
        self.valid_on.is_some()
    }

    /// What was taken for what, for the report.
    pub(super) fn named(&self) -> serde_json::Value {
        let name = |column: usize| self.headers.get(column).cloned().unwrap_or_default();
        serde_json::json!({
            "old": name(self.old),
            "new": name(self.new),
            "share": self.share.map(name),
            "date": self.valid_on.map(name).or(self.in_header.map(|date| date.to_string())),
        })
    }

    /// The succession of a row; `None` if it has a mistake, which is then reported, or says that nothing goes over.
    pub(super) fn entry(
        &self,
        row: &PlainRow,
        date: Option<NaiveDate>,
        report: &mut Report,
    ) -> Option<Entry> {
        let header = |column: usize| self.headers.get(column).map(String::as_str);
        let mut wrong =
            |column: usize, sentence: String| report.error(Some(row.line), header(column), sentence);
        let mut key = |column: usize| {
            row.text(column).parse::<RegionKey>().map_err(|error| wrong(column, format!("{error}."))).ok()
        };
        let (old, new) = (key(self.old), key(self.new));
        let share = match self.share {
            None => Some(1.0),
            Some(column) => share(row.text(column)).or_else(|| {
                let sentence =
                    format!("'{}' is no share from 0 to 1, such as 0,6 or 60 %.", row.text(column));
                wrong(column, sentence);
                None
            }),
        };
        let valid_on = match self.valid_on {
            None => date,
            Some(column) => {
                let text = row.text(column);
                day(text).or_else(|| {
                    wrong(column, format!("'{text}' is no date such as 01.11.2016 or 2016-11-01."));
                    None
                })
            }
        };
        let entry = Entry { line: row.line, valid_on: valid_on?, old: old?, new: new?, share: share? };
        (entry.share > 0.0).then_some(entry)
    }
}

/// Columns that are called old and new.
fn named(normal: &[String]) -> Option<(usize, usize, Option<NaiveDate>)> {
    let is_key = |header: &str| ["schluessel", "key", "ags", "ars"].iter().any(|word| header.contains(word));
    let of = |words: [&str; 2]| {
        let ends = |h: &str| words.iter().any(|w| h.starts_with(w) || h.ends_with(w));
        normal
            .iter()
            .position(|h| !h.contains("umsteige") && ((is_key(h) && ends(h)) || words.contains(&h.as_str())))
    };
    let (old, new) = (of(["alt", "old"])?, of(["neu", "new"])?);
    (old != new).then_some((old, new, None))
}

/// Columns of keys whose headers hold the dates of two editions.
fn dated(headers: &[String], normal: &[String]) -> Option<(usize, usize, Option<NaiveDate>)> {
    let columns = headers.iter().zip(normal).enumerate();
    let keys = columns.filter(|(_, (_, normal))| !normal.contains("name") && !normal.contains("umsteige"));
    let mut dates: Vec<(NaiveDate, usize)> =
        keys.filter_map(|(column, (header, _))| Some((date_in(header)?, column))).collect();
    dates.sort_unstable();
    match dates.as_slice() {
        [(first, old), (second, new)] if first < second => Some((*old, *new, Some(*second))),
        _ => None,
    }
}

/// A German date anywhere in a text.
fn date_in(text: &str) -> Option<NaiveDate> {
    let parts = text.split(|c: char| !c.is_ascii_digit() && c != '.');
    parts.map(|part| part.trim_matches('.')).find_map(german_date)
}

/// `0,6`, `0.6` or `60 %`; from 0 to 1.
fn share(text: &str) -> Option<f64> {
    let (number, factor) = match text.strip_suffix('%') {
        Some(percent) => (percent.trim_end(), 0.01),
        None => (text, 1.0),
    };
    let number: f64 = number.replace(',', ".").parse().ok()?;
    Some(number * factor).filter(|share| (0.0..=1.0).contains(share))
}

fn day(text: &str) -> Option<NaiveDate> {
    german_date(text).or_else(|| text.parse().ok())
}
