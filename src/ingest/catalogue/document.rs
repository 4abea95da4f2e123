//! Reads the entries of a catalogue from TOML, each field with its line.

use serde::Deserialize as _;
use toml::{
    Spanned, Value,
    de::{DeTable, DeValue, ValueDeserializer},
};

use super::entry::{Entry, Field};
use crate::ingest::Report;

/// The entries of a file, not yet checked.
#[derive(Debug, Default)]
pub(super) struct Entries {
    pub themes: Vec<Entry>,
    pub sources: Vec<Entry>,
    pub indicators: Vec<Entry>,
}

/// Tables whose fields are checked one by one, as `sheet.definition`.
const NESTED: [&str; 2] = ["sheet", "classification"];

/// Offsets at which the lines of a text begin.
struct Lines(Vec<usize>);

impl Lines {
    fn of(text: &str) -> Self {
        Self(std::iter::once(0).chain(text.match_indices('\n').map(|(at, _)| at + 1)).collect())
    }

    /// Number of the line, from 1, in which an offset lies.
    fn line(&self, offset: usize) -> u64 {
        self.0.partition_point(|start| *start <= offset) as u64
    }
}

/// Reads a TOML document. After a mistake in the syntax nothing else is looked at, because every later complaint could
/// be a consequence.
pub(super) fn read(text: &str, report: &mut Report) -> Entries {
    let lines = Lines::of(text);
    let (document, mistakes) = DeTable::parse_recoverable(text);
    for mistake in &mistakes {
        let line = mistake.span().map(|span| lines.line(span.start));
        report.error(line, None, format!("This is not valid TOML: {}.", mistake.message()));
    }
    let mut entries = Entries::default();
    if !mistakes.is_empty() {
        return entries;
    }
    for (name, value) in document.into_inner() {
        let target = match name.get_ref().as_ref() {
            "themes" => &mut entries.themes,
            "sources" => &mut entries.sources,
            "indicators" => &mut entries.indicators,
            other => {
                let message =
                    format!("'{other}' is not known here: use [[themes]], [[sources]] and [[indicators]].");
                report.error(Some(lines.line(name.span().start)), Some(other), message);
                continue;
            }
        };
        if let DeValue::Array(list) = value.into_inner() {
            for item in list {
                target.extend(entry(item, &lines, name.get_ref(), report));
            }
        } else {
            let message = format!("Write [[{0}]] before each of the {0}.", name.get_ref());
            report.error(Some(lines.line(name.span().start)), Some(name.get_ref()), message);
        }
    }
    entries
}

fn entry(item: Spanned<DeValue<'_>>, lines: &Lines, list: &str, report: &mut Report) -> Option<Entry> {
    let line = lines.line(item.span().start);
    let DeValue::Table(table) = item.into_inner() else {
        report.error(Some(line), Some(list), format!("Each of the {list} must be a table of fields."));
        return None;
    };
    let mut entry = Entry { line, fields: Vec::new() };
    add_fields(&mut entry, "", table, lines, report);
    entry.fields.sort_by_key(|field| field.line);
    Some(entry)
}

fn add_fields(entry: &mut Entry, prefix: &str, table: DeTable<'_>, lines: &Lines, report: &mut Report) {
    for (name, value) in table {
        let path = format!("{prefix}{}", name.get_ref());
        let line = lines.line(name.span().start);
        if prefix.is_empty() && NESTED.contains(&path.as_str()) {
            match value.into_inner() {
                DeValue::Table(nested) => add_fields(entry, &format!("{path}."), nested, lines, report),
                _ => report.error(Some(line), Some(&path), format!("'{path}' must be a table of fields.")),
            }
            continue;
        }
        match Value::deserialize(ValueDeserializer::from(value)) {
            Ok(value) => entry.fields.push(Field { shown: path.clone(), path, line, value }),
            Err(error) => report.error(Some(line), Some(&path), error.message()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_found_by_its_offset() {
        let lines = Lines::of("ab\ncd\n\nx");
        assert_eq!([0, 2, 3, 6, 7].map(|at| lines.line(at)), [1, 1, 2, 3, 4]);
    }
}
