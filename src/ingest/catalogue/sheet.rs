//! Reads the entries of a catalogue from a sheet: the first row names the columns, each further row is an indicator.
//!
//! Columns: `slug`, `title_de`, `title_en`, `theme`, `theme_title_de`, `theme_title_en`, `kind`, `unit_de`, `decimals`,
//! `per`, `polarity`, `part_of`, `numerator`, `denominator`, `denominator_rule`, `method`, `classes`, `breaks`,
//! `reference`, `threshold`, `palette`, `note_de` and the fields of the indicator sheet (`definition_de`, …). A text column without `_de` or `_en`
//! is German, but `numerator` and `denominator` without it are slugs of indicators.

use std::collections::BTreeMap;

use toml::Value;

use super::{
    document::Entries,
    entry::{Entry, Field},
};
use crate::ingest::{
    Report,
    statistics::{
        row::{self as tables, SheetCell},
        sheet::read_sheet,
    },
};

/// Rows of a catalogue are indicators; a municipality has some hundred.
const MAX_ROWS: usize = 10_000;
/// There are about fifty columns.
const MAX_COLUMNS: usize = 500;

const TEXTS: [&str; 3] = ["title", "unit", "note"];
const SHEET_TEXTS: [&str; 13] = [
    "definition",
    "calculation",
    "numerator",
    "denominator",
    "source",
    "population_basis",
    "place_principle",
    "reference_date",
    "interpretation",
    "limits",
    "contact",
    "licence",
    "update_cycle",
];
const PLAIN: [(&str, &str); 12] = [
    ("slug", "slug"),
    ("theme", "theme"),
    ("kind", "kind"),
    ("decimals", "decimals"),
    ("per", "per"),
    ("polarity", "polarity"),
    ("part_of", "part_of"),
    ("numerator", "numerator"),
    ("denominator", "denominator"),
    ("denominator_rule", "denominator_rule"),
    ("palette", "palette"),
    ("method", "classification.method"),
];
const NUMBERS: [(&str, &str); 4] = [
    ("classes", "classification.classes"),
    ("breaks", "classification.breaks"),
    ("reference", "classification.reference"),
    ("threshold", "classification.threshold"),
];

/// What a column holds.
#[derive(Debug, Clone, PartialEq)]
enum Column {
    /// A slug, a word or a number, and its path.
    Plain(&'static str),
    /// One language of a text, and the path of the text.
    Text { path: String, lang: &'static str },
    /// One language of the title of the row's theme.
    ThemeTitle(&'static str),
    /// Nothing that is known.
    Unknown,
}

fn column(name: &str) -> Column {
    if let Some((_, path)) = PLAIN.iter().chain(&NUMBERS).find(|(plain, _)| *plain == name) {
        return Column::Plain(path);
    }
    let (base, lang) = match (name.strip_suffix("_de"), name.strip_suffix("_en")) {
        (_, Some(base)) => (base, "en"),
        (Some(base), _) => (base, "de"),
        _ => (name, "de"),
    };
    match base {
        "theme_title" => Column::ThemeTitle(lang),
        _ if TEXTS.contains(&base) => Column::Text { path: base.to_owned(), lang },
        _ if SHEET_TEXTS.contains(&base) => Column::Text { path: format!("sheet.{base}"), lang },
        _ => Column::Unknown,
    }
}

/// One row with its number in the file.
struct Row {
    line: u64,
    cells: Vec<String>,
}

/// Reads a CSV file whose columns are parted by `;`, tab or `,`.
pub(super) fn read_csv(text: &str, report: &mut Report) -> Entries {
    let first = text.lines().find(|line| !line.trim().is_empty()).unwrap_or_default();
    let known = |delimiter: char| {
        first.split(delimiter).filter(|name| column(&column_name(name)) != Column::Unknown).count()
    };
    // The delimiter is the one by which the first line falls into the most known names.
    let delimiter = [';', '\t', ','].into_iter().rev().max_by_key(|d| known(*d)).unwrap_or(';');
    report.fact("delimiter", if delimiter == '\t' { "tab".to_owned() } else { delimiter.to_string() });
    let mut rows = Vec::new();
    let mut reader = csv::ReaderBuilder::new()
        .delimiter(delimiter as u8)
        .has_headers(false)
        .flexible(true)
        .from_reader(text.as_bytes());
    for record in reader.records() {
        match record {
            Ok(record) => rows.push(Row {
                line: record.position().map_or(0, csv::Position::line),
                cells: record.iter().map(str::to_owned).collect(),
            }),
            Err(error) => {
                let line = error.position().map(csv::Position::line);
                report.error(line, None, format!("This line cannot be read as CSV: {error}."));
                return Entries::default();
            }
        }
        if too_large(rows.len(), rows.last().map_or(0, |row| row.cells.len()), report) {
            return Entries::default();
        }
    }
    entries(rows, report)
}

/// Reads the first worksheet of an XLSX file.
pub(super) fn read_xlsx(bytes: &[u8], report: &mut Report) -> Entries {
    let sheet = match read_sheet(bytes, None) {
        Ok(sheet) => sheet,
        Err(error) => {
            report.error(None, None, error.to_string());
            return Entries::default();
        }
    };
    report.fact("worksheet", sheet.name.as_str());
    let columns = sheet.rows.iter().map(|(_, cells)| cells.len()).max().unwrap_or(0);
    if too_large(sheet.rows.len(), columns, report) {
        return Entries::default();
    }
    let mut rows = Vec::with_capacity(sheet.rows.len());
    for (line, cells) in sheet.rows {
        for cell in &cells {
            if let SheetCell::Fault(fault) = cell {
                report.error(Some(line), None, format!("A formula of this row failed ({fault})."));
            }
        }
        let cells = tables::Row::Sheet(&cells).texts();
        rows.push(Row { line, cells });
    }
    entries(rows, report)
}

fn too_large(rows: usize, columns: usize, report: &mut Report) -> bool {
    let too_large = rows > MAX_ROWS || columns > MAX_COLUMNS;
    if too_large {
        report.error(
            Some(rows as u64),
            None,
            format!("A catalogue has at most {MAX_ROWS} rows and {MAX_COLUMNS} columns; this file has more."),
        );
    }
    too_large
}

fn column_name(cell: &str) -> String {
    cell.trim().trim_matches('"').to_lowercase().replace([' ', '-'], "_")
}

fn entries(rows: Vec<Row>, report: &mut Report) -> Entries {
    let mut rows = rows.into_iter().filter(|row| row.cells.iter().any(|cell| !cell.trim().is_empty()));
    let Some(header) = rows.next() else {
        report.error(None, None, "The sheet is empty: its first row must name the columns.");
        return Entries::default();
    };
    let names: Vec<String> = header.cells.iter().map(|cell| column_name(cell)).collect();
    let columns = columns(&names, header.line, report);
    let mut entries = Entries::default();
    let mut themes: BTreeMap<String, Entry> = BTreeMap::new();
    for row in rows {
        let entry = indicator(&row, &names, &columns, report);
        if let Some(theme) = theme(&row, &columns, &entry)
            && let Some(slug) = theme.slug()
        {
            add_theme(&mut themes, slug.to_owned(), theme, &mut entries, report);
        }
        entries.indicators.push(entry);
    }
    entries
}

/// The meaning of each column; reports names that are unknown or stand there twice.
fn columns(names: &[String], line: u64, report: &mut Report) -> Vec<Column> {
    let mut seen: Vec<Column> = Vec::with_capacity(names.len());
    for name in names {
        let column = column(name);
        if column == Column::Unknown && !name.is_empty() {
            report.error(Some(line), Some(name), format!("'{name}' is not a known column."));
        } else if column != Column::Unknown && seen.contains(&column) {
            report.error(Some(line), Some(name), format!("The column '{name}' stands there twice."));
        }
        seen.push(column);
    }
    seen
}

fn indicator(row: &Row, names: &[String], columns: &[Column], report: &mut Report) -> Entry {
    if row.cells.iter().skip(columns.len()).any(|cell| !cell.trim().is_empty()) {
        let message = format!("This row has more than the {} cells that the first row names.", columns.len());
        report.error(Some(row.line), None, message);
    }
    let mut entry = Entry { line: row.line, fields: Vec::new() };
    for ((cell, column), name) in row.cells.iter().map(|cell| cell.trim()).zip(columns).zip(names) {
        if cell.is_empty() {
            continue;
        }
        match column {
            Column::Plain(path) => {
                entry.fields.push(Field {
                    path: (*path).to_owned(),
                    shown: name.clone(),
                    line: row.line,
                    value: plain(path, cell),
                });
            }
            Column::Text { path, lang } => add_text(&mut entry, path, name, lang, cell, row.line),
            Column::ThemeTitle(_) | Column::Unknown => {}
        }
    }
    entry
}

fn add_text(entry: &mut Entry, path: &str, shown: &str, lang: &str, text: &str, line: u64) {
    let position = entry.fields.iter().position(|field| field.path == path).unwrap_or_else(|| {
        let value = Value::Table(toml::Table::new());
        entry.fields.push(Field { path: path.to_owned(), shown: shown.to_owned(), line, value });
        entry.fields.len() - 1
    });
    if let Value::Table(langs) = &mut entry.fields[position].value {
        langs.insert(lang.to_owned(), Value::String(text.to_owned()));
    }
}

/// The cell as the type that its field has. What cannot be read stays text and is refused by the check of the field.
fn plain(path: &str, cell: &str) -> Value {
    let value = match path {
        "decimals" | "classification.classes" => cell.parse().ok().map(Value::Integer),
        "per" | "classification.reference" | "classification.threshold" => number(cell).map(Value::Float),
        "classification.breaks" => {
            let parts = cell.split([';', ' ', '|']).filter(|part| !part.is_empty());
            parts.map(|part| number(part).map(Value::Float)).collect::<Option<Vec<_>>>().map(Value::Array)
        }
        _ => None,
    };
    value.unwrap_or_else(|| Value::String(cell.to_owned()))
}

/// A number with decimal comma or point and without thousands.
fn number(text: &str) -> Option<f64> {
    text.replace(',', ".").parse().ok()
}

/// The theme of a row, if the row gives its title.
fn theme(row: &Row, columns: &[Column], indicator: &Entry) -> Option<Entry> {
    let slug = indicator.field("theme")?;
    let mut theme = Entry { line: row.line, fields: Vec::new() };
    for (cell, column) in row.cells.iter().map(|cell| cell.trim()).zip(columns) {
        if let Column::ThemeTitle(lang) = column
            && !cell.is_empty()
        {
            add_text(&mut theme, "title", "theme_title", lang, cell, row.line);
        }
    }
    theme.field("title")?;
    theme.fields.insert(0, Field { path: "slug".into(), ..slug.clone() });
    Some(theme)
}

/// Themes come in the order in which the rows name them first; every row may repeat the title, but not change it.
fn add_theme(
    themes: &mut BTreeMap<String, Entry>,
    slug: String,
    theme: Entry,
    entries: &mut Entries,
    report: &mut Report,
) {
    match themes.get(&slug) {
        None => {
            entries.themes.push(theme.clone());
            themes.insert(slug, theme);
        }
        Some(first) => {
            let title = |entry: &Entry| entry.field("title").map(|field| field.value.clone());
            if title(first) != title(&theme) {
                let message = format!("The theme '{slug}' has another title in line {}.", first.line);
                theme.error("title", report, message);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_numerator_without_language_is_a_slug_and_with_one_a_text() {
        assert_eq!(column("numerator"), Column::Plain("numerator"));
        assert_eq!(column("numerator_en"), Column::Text { path: "sheet.numerator".into(), lang: "en" });
        assert_eq!(column("definition"), Column::Text { path: "sheet.definition".into(), lang: "de" });
    }

    #[test]
    fn numbers_are_read_with_a_decimal_comma() {
        let breaks = Value::Array(vec![Value::Float(1.5), Value::Float(2.0)]);
        assert_eq!(plain("classification.breaks", "1,5; 2"), breaks);
        assert_eq!(plain("decimals", "1"), Value::Integer(1));
        assert_eq!(plain("decimals", "one"), Value::String("one".into()));
    }
}
