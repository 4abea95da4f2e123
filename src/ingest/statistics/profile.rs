//! Headers of files compared with those of saved profiles, and a saved mapping fitted to the next file.
//!
//! Must not know: the store, values. Invariant: a mapping is never used for a header that lacks a column that it names,
//! and a period that it fixes is never used for another year without somebody saying so.

use super::{
    columns::is_key_or_name,
    mapping::{ColumnRef, KeyRef, Mapping, normal_header},
    row::parse_period,
};
use crate::domain::Period;

/// Stands for a period in a header.
const PERIOD: char = '#';

/// Two headers are the same one renamed if they are at least this similar, 0 to 1.
const RENAMED: f64 = 0.6;

/// A header as profiles compare it: without case and spaces, every period replaced.
pub fn pattern(header: &str) -> String {
    let mut text = String::with_capacity(header.len());
    for (part, period) in parts(header) {
        match period {
            Some(_) => text.push(PERIOD),
            None => text.push_str(part),
        }
    }
    normal_header(&text)
}

/// The first period that a header names.
pub fn period_in(header: &str) -> Option<Period> {
    parts(header).find_map(|(_, period)| period)
}

/// A header cut into pieces, each either a period or not.
fn parts(header: &str) -> impl Iterator<Item = (&str, Option<Period>)> {
    let mut rest = header;
    std::iter::from_fn(move || {
        let first = rest.chars().next()?;
        let numeric = |c: char| c.is_ascii_digit();
        let end = if numeric(first) {
            let run = rest.find(|c: char| !numeric(c) && !"./-Q".contains(c)).unwrap_or(rest.len());
            let run = rest[..run].trim_end_matches(|c: char| !numeric(c)).len();
            if parse_period(&rest[..run]).is_some() { run } else { digits(rest) }
        } else {
            rest.find(numeric).unwrap_or(rest.len())
        };
        let (part, after) = rest.split_at(end);
        rest = after;
        Some((part, numeric(first).then(|| likely_period(part)).flatten()))
    })
}

/// Length of the digits at the beginning of a text.
fn digits(text: &str) -> usize {
    text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len())
}

/// A period of our time: `1200` in a header is a number of something.
fn likely_period(text: &str) -> Option<Period> {
    parse_period(text).filter(|period| {
        let year = chrono::Datelike::year(&period.start());
        (1900..2100).contains(&year)
    })
}

/// The patterns of a header in their order, columns of the same pattern side by side counted once: a table that has grown
/// by a year is still the same table.
pub fn patterns(headers: &[String]) -> Vec<String> {
    let mut patterns: Vec<String> =
        headers.iter().map(|h| pattern(h)).filter(|pattern| !pattern.is_empty()).collect();
    patterns.dedup();
    patterns
}

/// Recognises a header.
pub fn fingerprint(headers: &[String]) -> String {
    blake3::hash(patterns(headers).join("\u{1f}").as_bytes()).to_hex().to_string()
}

/// How a header differs from the saved one; columns as they are written.
#[derive(Debug, Default, PartialEq)]
pub struct Difference {
    /// Columns that are no longer there.
    pub gone: Vec<String>,
    /// Columns that were not there.
    pub came: Vec<String>,
    /// Columns that seem to be the same under another name: (before, now).
    pub renamed: Vec<(String, String)>,
    /// Columns that stand elsewhere among the others: (header, place before, place now), from 1.
    pub moved: Vec<(String, usize, usize)>,
    /// How much of the saved header is still there, 0 to 1; columns of keys and names, which every table has, and mere
    /// periods do not count.
    pub kept: f64,
}

/// Compares the saved header with that of a file.
pub fn difference(saved: &[String], present: &[String]) -> Difference {
    let (before, now) = (columns(saved), columns(present));
    let mut difference = Difference::default();
    let gone: Vec<&Column<'_>> =
        before.iter().filter(|b| !now.iter().any(|n| n.pattern == b.pattern)).collect();
    let mut came: Vec<&Column<'_>> =
        now.iter().filter(|n| !before.iter().any(|b| b.pattern == n.pattern)).collect();
    let (mut kept, mut counted) = (0.0, 0.0);
    for old in gone {
        let similarity = |new: &&Column<'_>| strsim::normalized_levenshtein(&old.pattern, &new.pattern);
        let nearest = came.iter().copied().max_by(|a, b| similarity(a).total_cmp(&similarity(b)));
        let nearest = nearest.filter(|new| similarity(new) >= RENAMED);
        if let Some(new) = nearest {
            came.retain(|other| other.place != new.place);
            difference.renamed.push((old.header.to_owned(), new.header.to_owned()));
        } else {
            difference.gone.push(old.header.to_owned());
        }
        if old.tells() {
            counted += 1.0;
            kept += nearest.map_or(0.0, |new| similarity(&new));
        }
    }
    difference.came = came.into_iter().map(|new| new.header.to_owned()).collect();
    let stayed = |columns: &[Column<'_>], others: &[Column<'_>]| -> Vec<String> {
        let there = columns.iter().filter(|c| others.iter().any(|o| o.pattern == c.pattern));
        there.map(|c| c.pattern.clone()).collect()
    };
    let (order_before, order_now) = (stayed(&before, &now), stayed(&now, &before));
    for (at, name) in order_before.iter().enumerate() {
        let (old, new) =
            (before.iter().find(|c| c.pattern == *name), now.iter().find(|c| c.pattern == *name));
        let (Some(old), Some(new)) = (old, new) else { continue };
        if old.tells() {
            counted += 1.0;
            kept += 1.0;
        }
        if order_now.get(at) != Some(name) {
            difference.moved.push((new.header.to_owned(), old.place, new.place));
        }
    }
    difference.kept = if counted > 0.0 { kept / counted } else { 0.0 };
    difference
}

/// A column of a header; of columns with the same pattern the first.
struct Column<'a> {
    header: &'a str,
    pattern: String,
    place: usize,
}

impl Column<'_> {
    /// True if the column says something about the source.
    fn tells(&self) -> bool {
        !is_key_or_name(&self.pattern) && self.pattern.chars().any(|c| c != PERIOD)
    }
}

fn columns(headers: &[String]) -> Vec<Column<'_>> {
    let mut columns: Vec<Column<'_>> = Vec::with_capacity(headers.len());
    for (index, header) in headers.iter().enumerate() {
        let pattern = pattern(header);
        if !pattern.is_empty() && !columns.iter().any(|c| c.pattern == pattern) {
            columns.push(Column { header, pattern, place: index + 1 });
        }
    }
    columns
}

impl std::fmt::Display for Difference {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let quoted = |names: &[String]| {
            let shown = names.iter().take(20).map(|name| format!("'{name}'")).collect::<Vec<_>>().join(", ");
            format!("{shown}{}", if names.len() > 20 { " …" } else { "" })
        };
        let mut parts = Vec::new();
        if !self.gone.is_empty() {
            parts.push(format!("gone: {}", quoted(&self.gone)));
        }
        if !self.came.is_empty() {
            parts.push(format!("new: {}", quoted(&self.came)));
        }
        let renamed = self.renamed.iter().take(20).map(|(old, new)| format!("'{old}' is now '{new}'"));
        parts.extend(renamed);
        let moved = self.moved.iter().take(20);
        parts.extend(moved.map(|(header, old, new)| format!("'{header}' moved from {old} to {new}")));
        if parts.is_empty() {
            parts.push("none but in columns that stand there several times".into());
        }
        f.write_str(&parts.join("; "))
    }
}

/// A saved mapping made ready for the next file.
#[derive(Debug, PartialEq)]
pub struct Fitted {
    /// The mapping.
    pub mapping: Mapping,
    /// The period that was asked for is in the mapping; it must not also choose among the file's periods.
    pub period_used: bool,
}

/// Fits a saved mapping to a file: columns by their pattern, fixed periods by the years that the headers name or by
/// `period`.
///
/// # Errors
/// A sentence for each column that is not there, and one if nothing says which period the file is of.
pub fn fit(
    mapping: &Mapping,
    saved: &[String],
    present: &[String],
    period: Option<&Period>,
) -> Result<Fitted, Vec<String>> {
    let mut fitted = mapping.clone();
    let mut finder = Finder { saved, present, problems: Vec::new() };
    finder.find_all(&mut fitted);
    let fixes_period = fitted.columns.is_empty() && fitted.period.is_some();
    // Fixed periods that no header of this file speaks about.
    let mut open: Vec<&mut Option<Period>> = Vec::new();
    for rule in &mut fitted.columns {
        let header = index_of(&rule.column, saved).map_or("", |index| &saved[index]);
        if rule.period.is_none() && mapping.period_column.is_none() && parse_period(header).is_none() {
            rule.period.clone_from(&mapping.period);
        }
        match (&rule.period, finder.find(&mut rule.column)) {
            (Some(fixed), Some(years)) => rule.period = fixed.years_later(years),
            (Some(_), None) => open.push(&mut rule.period),
            (None, _) => {}
        }
    }
    if fixes_period {
        open.push(&mut fitted.period);
    }
    let period_used = !open.is_empty();
    let mut problems = finder.problems;
    if let Err(sentence) = settle(open, period) {
        problems.push(sentence);
    }
    if problems.is_empty() { Ok(Fitted { mapping: fitted, period_used }) } else { Err(problems) }
}

/// Finds the columns of a mapping in the header of another file.
struct Finder<'a> {
    saved: &'a [String],
    present: &'a [String],
    problems: Vec<String>,
}

impl Finder<'_> {
    /// Turns a reference to the saved header into one to the present header. Returns how many years the present column is
    /// after the saved one, if both headers name a period.
    fn find(&mut self, reference: &mut ColumnRef) -> Option<i32> {
        match place(reference, self.saved, self.present) {
            Ok(found) => {
                let (old, new) = found?;
                if !matches!(reference, ColumnRef::Header(header) if *header == self.present[new]) {
                    *reference = ColumnRef::Number(new + 1);
                }
                years_between(&self.saved[old], &self.present[new])
            }
            Err(sentence) => {
                self.problems.push(sentence);
                None
            }
        }
    }

    /// All references but those of the value columns themselves.
    fn find_all(&mut self, mapping: &mut Mapping) {
        let single = [
            &mut mapping.period_column,
            &mut mapping.indicator_column,
            &mut mapping.value,
            &mut mapping.numerator,
            &mut mapping.denominator,
            &mut mapping.status,
            &mut mapping.value_note,
        ];
        let beside = mapping
            .columns
            .iter_mut()
            .flat_map(|rule| [&mut rule.numerator, &mut rule.denominator, &mut rule.status]);
        let keys = mapping.key.iter_mut().flat_map(KeyRef::columns_mut);
        for reference in keys.chain(single.into_iter().chain(beside).flatten()) {
            self.find(reference);
        }
    }
}

/// Puts the period that was asked for in place of the fixed ones, the last of which it is; the others keep their
/// distance in years.
fn settle(open: Vec<&mut Option<Period>>, asked: Option<&Period>) -> Result<(), String> {
    let Some(last) = open.iter().filter_map(|period| period.as_ref()).max().cloned() else { return Ok(()) };
    let Some(asked) = asked else {
        return Err(format!(
            "The profile was saved for {last}, and no header says of which period this file is; say it with --period."
        ));
    };
    let single = open.iter().all(|period| period.as_ref() == Some(&last));
    let year = |period: &Period| chrono::Datelike::year(&period.start());
    let years = year(asked) - year(&last);
    if !single && last.years_later(years).as_ref() != Some(asked) {
        return Err(format!(
            "The profile was saved for several periods up to {last}; --period {asked} is not the same some years later."
        ));
    }
    for period in open {
        *period =
            if single { Some(asked.clone()) } else { period.as_ref().and_then(|p| p.years_later(years)) };
    }
    Ok(())
}

/// Where a column stands in a header, by its whole text or its number.
fn index_of(reference: &ColumnRef, headers: &[String]) -> Option<usize> {
    match reference {
        ColumnRef::Number(number) => number.checked_sub(1).filter(|index| *index < headers.len()),
        ColumnRef::Header(header) => {
            let wanted = normal_header(header);
            headers.iter().position(|header| normal_header(header) == wanted)
        }
    }
}

/// Where the column that a mapping means stands in both headers; `None` if it is not by its whole text in the saved one,
/// so that the reading has to find it. Of several columns with one pattern, the first remains the first.
fn place(
    reference: &ColumnRef,
    saved: &[String],
    present: &[String],
) -> Result<Option<(usize, usize)>, String> {
    let Some(old) = index_of(reference, saved) else { return Ok(None) };
    let wanted = pattern(&saved[old]);
    if wanted.is_empty() {
        return Ok(Some((old, old)).filter(|_| old < present.len()));
    }
    let group = |headers: &[String]| -> Vec<usize> {
        (0..headers.len()).filter(|index| pattern(&headers[*index]) == wanted).collect()
    };
    let (before, now) = (group(saved), group(present));
    let same_text = || now.iter().find(|new| normal_header(&present[**new]) == normal_header(&saved[old]));
    let rank = before.iter().position(|index| *index == old).unwrap_or_default();
    let found = if before.len() == now.len() { now.get(rank) } else { same_text() };
    match (found, now.len()) {
        (Some(new), _) => Ok(Some((old, *new))),
        (None, 0) => Err(format!("The column '{}' that the mapping names is not there.", saved[old])),
        (None, _) => Err(format!(
            "Which column is '{}'? There are: {}.",
            saved[old],
            now.iter().map(|index| format!("'{}'", present[*index])).collect::<Vec<_>>().join(", ")
        )),
    }
}

/// How many years the period of a header is after that of another; `None` if one of them names none.
fn years_between(before: &str, now: &str) -> Option<i32> {
    let year = |header: &str| period_in(header).map(|period| chrono::Datelike::year(&period.start()));
    Some(year(now)? - year(before)?)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn headers(list: &[&str]) -> Vec<String> {
        list.iter().map(|header| (*header).to_owned()).collect()
    }

    fn mapping(text: &str) -> Mapping {
        Mapping::parse(text).unwrap()
    }

    fn periods(fitted: &Fitted) -> Vec<String> {
        fitted.mapping.columns.iter().map(|c| c.period.as_ref().unwrap().to_string()).collect()
    }

    #[test]
    fn periods_in_headers_become_a_placeholder() {
        for (header, expected) in [
            ("Quote 2023", "quote#"),
            ("Stand: 31.12.2023", "stand:#"),
            ("2023", "#"),
            ("Schuljahr 2022/23", "schuljahr#"),
            ("2023-Q2 Fälle", "#faelle"),
            ("unter 3 Jahre", "unter3jahre"),
            ("Alter 18-25", "alter1825"),
            ("12411-01-01-5", "1241101015"),
            ("je 1000", "je1000"),
            ("Plätze_2021.", "plaetze#."),
        ] {
            assert_eq!(pattern(header), expected, "{header}");
        }
        assert_eq!(period_in("Quote am 1.3.2024").map(|p| p.to_string()).as_deref(), Some("2024-03-01"));
    }

    #[test]
    fn a_file_of_the_next_year_has_the_same_fingerprint() {
        let saved = headers(&["AGS", "Name", "2021", "2022"]);
        assert_eq!(fingerprint(&saved), fingerprint(&headers(&["ags", "NAME", "2021", "2022", "2023", ""])));
        assert_ne!(fingerprint(&saved), fingerprint(&headers(&["Name", "AGS", "2021", "2022"])));
    }

    #[test]
    fn a_difference_names_what_went_came_moved_and_was_renamed() {
        let saved = headers(&["AGS", "Kinder 2022", "Plätze 2022", "Bemerkung", "Träger"]);
        let now = headers(&["Plätze 2023", "AGS", "Kinder 2023", "Bemerkungen", "Ort"]);
        let found = difference(&saved, &now);
        assert_eq!(found.gone, ["Träger"]);
        assert_eq!(found.came, ["Ort"]);
        assert_eq!(found.renamed, [("Bemerkung".into(), "Bemerkungen".into())]);
        assert_eq!(found.moved.len(), 3, "{found:?}");
        assert!(found.kept > 0.5 && found.kept < 1.0, "{found:?}");
        assert!(found.to_string().contains("'Bemerkung' is now 'Bemerkungen'"), "{found}");
    }

    #[test]
    fn keys_names_and_years_alone_make_no_similarity() {
        let found = difference(&headers(&["AGS", "Name", "2021"]), &headers(&["AGS", "Name", "Einwohner"]));
        assert!(found.kept < f64::EPSILON, "{found:?}");
    }

    #[test]
    fn columns_and_periods_follow_the_years_of_the_headers() {
        let saved = headers(&["AGS", "Quote 2022", "Quote 2023"]);
        let rules = mapping(
            "key = \"AGS\"\nindicator = \"q\"\n[[columns]]\ncolumn = \"Quote 2022\"\nperiod = \"2022-03-01\"\n\
             [[columns]]\ncolumn = 3\nperiod = \"2023-03-01\"\n",
        );
        let fitted = fit(&rules, &saved, &headers(&["Quote 2023", "Quote 2024", "AGS"]), None).unwrap();
        assert_eq!(periods(&fitted), ["2023-03-01", "2024-03-01"]);
        assert_eq!(fitted.mapping.columns[0].column, ColumnRef::Number(1));
        assert_eq!(fitted.mapping.columns[1].column, ColumnRef::Number(2));
        assert_eq!(fitted.mapping.key, Some(KeyRef::One(ColumnRef::Header("AGS".into()))));
        assert!(!fitted.period_used);
    }

    #[test]
    fn a_fixed_period_is_not_used_again_without_a_word() {
        let saved = headers(&["AGS", "Quote"]);
        let rules = mapping("indicator = \"q\"\nperiod = \"2022\"\n[[columns]]\ncolumn = \"Quote\"\n");
        let problems = fit(&rules, &saved, &saved, None).unwrap_err();
        assert!(problems[0].contains("--period"), "{problems:?}");
        let fitted = fit(&rules, &saved, &saved, "2023".parse().ok().as_ref()).unwrap();
        assert_eq!(periods(&fitted), ["2023"]);
        assert!(fitted.period_used);
        let long = mapping("indicator = \"q\"\nperiod = \"2022\"\nvalue = \"Quote\"\n");
        assert!(fit(&long, &saved, &saved, None).is_err());
        let fitted = fit(&long, &saved, &saved, "2023".parse().ok().as_ref()).unwrap();
        assert_eq!(fitted.mapping.period, "2023".parse().ok());
    }

    #[test]
    fn the_period_asked_for_is_the_last_of_several_fixed_ones() {
        let saved = headers(&["AGS", "alt", "neu"]);
        let rules = mapping(
            "indicator = \"q\"\n[[columns]]\ncolumn = \"alt\"\nperiod = \"2019-03-01\"\n\
             [[columns]]\ncolumn = \"neu\"\nperiod = \"2020-03-01\"\n",
        );
        let fitted = fit(&rules, &saved, &saved, "2021-03-01".parse().ok().as_ref()).unwrap();
        assert_eq!(periods(&fitted), ["2020-03-01", "2021-03-01"]);
        assert!(fit(&rules, &saved, &saved, "2021".parse().ok().as_ref()).is_err());
    }

    #[test]
    fn a_column_that_is_not_there_is_named() {
        let saved = headers(&["AGS", "Kinder"]);
        let rules = mapping("indicator = \"q\"\n[[columns]]\ncolumn = \"Kinder\"\n");
        let problems = fit(&rules, &saved, &headers(&["AGS", "Personen"]), None).unwrap_err();
        assert_eq!(problems, ["The column 'Kinder' that the mapping names is not there."]);
    }

    proptest! {
        #[test]
        fn any_headers_are_compared_without_panic(
            saved in proptest::collection::vec("[a-zÄß0-9./ Q-]{0,14}", 0..6),
            present in proptest::collection::vec("\\PC{0,14}", 0..6),
        ) {
            let found = difference(&saved, &present);
            prop_assert!((0.0..=1.0).contains(&found.kept));
            let rules = mapping("[[columns]]\ncolumn = 2\nnumerator = \"a\"\nperiod = \"2020\"\n");
            let _ = fit(&rules, &saved, &present, None);
            prop_assert_eq!(fingerprint(&saved) == fingerprint(&present), patterns(&saved) == patterns(&present));
        }
    }
}
