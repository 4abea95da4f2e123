//! The structure of an own table: preamble, stacked header, column of the keys, footer.
//!
//! Must not know: which regions a key means, what a column is for. Invariant: a row that holds a number below the header
//! is never taken for a header or a footer; columns are identified by the whole stack above them.

use std::borrow::Cow;

use super::{
    columns::{INDICATOR, KEY, NAME, VALUE, find_column},
    drafts::is_unit,
    key_parts::{self, Part},
    keys::looks_official,
    mapping::{ColumnRef, KeyRef, normal_header},
    number::parse_cell,
    row::{Row, parse_period},
    settings::Settings,
    table::Table,
};
use crate::ingest::{NoProgress, Report};

/// Rows that are looked at to find the header.
const SAMPLE_ROWS: usize = 260;

/// Most rows before the header.
const MAX_PREAMBLE: usize = 60;

/// Most lines of a header: four of words, one of units, one with the numbers of the columns.
const MAX_LINES: usize = 6;

/// Joins the parts of a header stack.
pub const JOIN: &str = " | ";

/// The first words of a note below a table.
const NOTES: &[&str] = &[
    "quelle",
    "©",
    "(c)",
    "copyright",
    "stand:",
    "stand ",
    "anmerkung",
    "hinweis",
    "fußnote",
    "datenlizenz",
    "zeichenerklärung",
    "legende",
    "lizenz",
    "1)",
    "*)",
    "a)",
    "¹",
    "source:",
    "note:",
];

/// Labels of rows that sum up all regions.
const TOTALS: &[&str] = &["insgesamt", "summe", "gesamt", "gesamtsumme", "total", "zusammen"];

/// Where the key of a row stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum KeyColumns {
    /// In one column.
    One(usize),
    /// In several.
    Parts(Vec<Part>),
}

impl KeyColumns {
    /// The columns.
    pub fn columns(&self) -> Vec<usize> {
        match self {
            Self::One(column) => vec![*column],
            Self::Parts(parts) => parts.iter().map(|part| part.column).collect(),
        }
    }

    /// The key of a row, empty where there is none.
    ///
    /// # Errors
    /// A sentence, if parts of it do not fit together.
    pub fn read<'a>(&self, row: Row<'a>) -> Result<Cow<'a, str>, String> {
        match self {
            Self::One(column) => Ok(row.cell(*column).text()),
            Self::Parts(parts) => key_parts::compose(row, parts).map(Cow::Owned),
        }
    }
}

/// The header of a table.
#[derive(Debug, Default)]
pub struct Header {
    /// Line of its last row; the data begin behind it.
    pub line: u64,
    /// Lines before it that hold a text alone.
    pub title: Vec<String>,
    /// By column: its cells from top to bottom, without repetitions and the unit.
    pub stacks: Vec<Vec<String>>,
    /// By column: its unit, where a row of units stands below the header; empty where not. As many as stacks.
    pub units: Vec<String>,
    /// The key, where headers or cells tell it.
    pub key: Option<KeyColumns>,
}

impl Header {
    /// By column: the stack as one text.
    pub fn names(&self) -> Vec<String> {
        self.stacks.iter().map(|stack| stack.join(JOIN)).collect()
    }
}

/// A row of the sample.
struct Sampled {
    line: u64,
    cells: Vec<String>,
}

impl Sampled {
    fn cell(&self, column: usize) -> &str {
        self.cells.get(column).map_or("", String::as_str)
    }

    fn filled(&self) -> impl Iterator<Item = (usize, &str)> {
        self.cells
            .iter()
            .enumerate()
            .map(|(at, cell)| (at, cell.as_str()))
            .filter(|(_, cell)| !cell.is_empty())
    }
}

/// Finds the header of a table; `None` if it has no row with text.
pub fn find(table: &Table<'_>, settings: &Settings) -> Option<Header> {
    let rows = sample(table);
    let first = rows.first()?;
    if let Some(line) = settings.mapping.header_row {
        let last = rows.iter().position(|row| row.line >= line)?;
        let lines = settings.mapping.header_rows.unwrap_or(1).clamp(1, MAX_LINES as u64) as usize;
        let from = (last + 1).saturating_sub(lines);
        return Some(header(&rows, from, last, key_by_name(&rows[last].cells, settings), settings));
    }
    let near = || rows.iter().enumerate().take(MAX_PREAMBLE);
    let named = near().find_map(|(at, row)| Some((at, key_by_name(&row.cells, settings)?)));
    if let Some((at, key)) = named {
        let (from, to) = around_named(&rows, at, &key, settings);
        return Some(header(&rows, from, to, Some(key), settings));
    }
    if let Some((data, key)) = by_content(&rows, settings)
        && let Some((from, to)) = above_data(&rows, data, key, settings)
    {
        return Some(header(&rows, from, to, Some(KeyColumns::One(key)), settings));
    }
    let stacks: Vec<_> = first.cells.iter().map(|cell| vec![cell.clone()]).collect();
    let units = vec![String::new(); stacks.len()];
    Some(Header { line: first.line, stacks, units, ..Header::default() })
}

/// The first rows that hold any text.
fn sample(table: &Table<'_>) -> Vec<Sampled> {
    let mut rows: Vec<Sampled> = Vec::new();
    // What is wrong with the table is reported when it is read.
    let mut unheard = Report::new("");
    table.each_row(&mut unheard, &NoProgress, &mut |line, row, _| {
        if !row.is_blank() {
            rows.push(Sampled { line, cells: row.texts() });
        }
        rows.len() < SAMPLE_ROWS
    });
    rows
}

/// The key by the cells of a row that may be the header.
fn key_by_name(cells: &[String], settings: &Settings) -> Option<KeyColumns> {
    let filled = cells.iter().filter(|cell| !cell.is_empty()).count();
    if filled < 2 {
        return None;
    }
    match &settings.mapping.key {
        Some(KeyRef::One(ColumnRef::Number(_))) => None,
        Some(KeyRef::One(header)) => find_column(cells, header).ok().map(KeyColumns::One),
        Some(KeyRef::Parts(references)) => mapped_parts(cells, references),
        None => {
            let is_key = |cell: &String| KEY.contains(&normal_header(cell).as_str());
            let one = cells.iter().position(is_key).map(KeyColumns::One);
            one.or_else(|| key_parts::recognise(cells).map(KeyColumns::Parts))
        }
    }
}

/// The parts of the key that a mapping names.
pub fn mapped_parts(headers: &[String], references: &[ColumnRef]) -> Option<KeyColumns> {
    let columns: Vec<usize> =
        references.iter().map(|reference| find_column(headers, reference).ok()).collect::<Option<_>>()?;
    let names: Vec<&str> = columns.iter().map(|column| headers[*column].as_str()).collect();
    let kinds = key_parts::kinds_of_mapped(&names)?;
    let part = |(column, kind)| Part { column, kind };
    Some(KeyColumns::Parts(columns.into_iter().zip(kinds).map(part).collect()))
}

/// First and last row of the header around the row that names the key.
fn around_named(rows: &[Sampled], at: usize, key: &KeyColumns, settings: &Settings) -> (usize, usize) {
    let named = &rows[at];
    let is_one_of =
        |names: &[&str]| named.cells.iter().any(|cell| names.contains(&normal_header(cell).as_str()));
    if is_one_of(VALUE) || is_one_of(INDICATOR) {
        // Long tables have one line of headers; what stands below it is data.
        return (at, at);
    }
    let mut to = at;
    while to + 1 < rows.len() && to - at + 1 < MAX_LINES && is_lower_line(named, &rows[to + 1], key, settings)
    {
        to += 1;
    }
    let leading = first_value_column(named, key);
    (first_line(rows, at, to, leading, settings), to)
}

/// The first column behind the key that is not a name.
fn first_value_column(named: &Sampled, key: &KeyColumns) -> usize {
    let columns = key.columns();
    let last = columns.iter().copied().max().unwrap_or(0);
    let is_name = |column: &usize| NAME.contains(&normal_header(named.cell(*column)).as_str());
    (last + 1..named.cells.len()).find(|column| !is_name(column)).unwrap_or(last + 1)
}

/// A further line of a header whose key stands in an upper one: units, years or sub-headings, none of them a value.
fn is_lower_line(named: &Sampled, row: &Sampled, key: &KeyColumns, settings: &Settings) -> bool {
    if key.columns().iter().any(|column| !row.cell(*column).is_empty()) {
        return is_numbering(row);
    }
    let is_name = |column: usize| NAME.contains(&normal_header(named.cell(column)).as_str());
    let periods = row.filled().all(|(_, cell)| parse_period(cell).is_some()) && row.filled().count() > 1;
    row.filled().all(|(column, cell)| !is_name(column) && (periods || !is_value(cell, settings)))
}

/// The numbers of the columns, 1 2 3 …, as a line of the header.
fn is_numbering(row: &Sampled) -> bool {
    row.cells.len() > 2
        && row.filled().count() > 2
        && row.filled().all(|(at, cell)| cell == (at + 1).to_string())
}

fn is_value(cell: &str, settings: &Settings) -> bool {
    parse_cell(cell, &settings.mapping.writing()).is_some()
}

/// Goes up from row `at` as long as the row above belongs to the header that ends in row `to`.
fn first_line(rows: &[Sampled], at: usize, to: usize, leading: usize, settings: &Settings) -> usize {
    let mut from = at;
    while from > 0 && to - from + 1 < MAX_LINES {
        let above = &rows[from - 1];
        let adjacent = above.line + 1 == rows[from].line;
        let spans = above.filled().any(|(column, _)| column >= leading);
        let text = above.filled().all(|(_, cell)| parse_period(cell).is_some() || !is_value(cell, settings));
        if !(adjacent && spans && text) {
            break;
        }
        from -= 1;
    }
    from
}

/// First data row and column of the keys, by what the cells look like: at least four fifths of the cells below are
/// official keys or keys of the edition, and at least half are known to it.
fn by_content(rows: &[Sampled], settings: &Settings) -> Option<(usize, usize)> {
    let width = rows.iter().map(|row| row.cells.len()).max()?;
    let wanted = match settings.mapping.key {
        Some(KeyRef::One(ColumnRef::Number(number))) => number.checked_sub(1)?..number,
        _ => 0..width,
    };
    let mut best: Option<(usize, usize, usize)> = None;
    for column in wanted.start..wanted.end.min(width) {
        let Some((data, regions)) = keys_of_column(rows, column, settings) else { continue };
        if best.is_none_or(|(most, ..)| regions > most) {
            best = Some((regions, data, column));
        }
    }
    best.map(|(_, data, column)| (data, column))
}

/// First data row of a column of keys, and how many of its cells are regions of the level.
fn keys_of_column(rows: &[Sampled], column: usize, settings: &Settings) -> Option<(usize, usize)> {
    let data = rows.iter().take(MAX_PREAMBLE).position(|row| {
        let cell = row.cell(column);
        !cell.is_empty() && row.filled().count() > 1 && !is_numbering(row) && settings.keys.knows(cell)
    })?;
    // Notes below the table stand alone in their row.
    let cells = || rows[data..].iter().filter(|row| row.filled().count() > 1).map(|row| row.cell(column));
    let (mut filled, mut alike, mut known, mut regions) = (0, 0, 0, 0);
    for cell in cells().filter(|cell| !cell.is_empty()) {
        let knows = settings.keys.knows(cell);
        filled += 1;
        known += usize::from(knows);
        regions += usize::from(knows && settings.keys.is_region(cell));
        alike += usize::from(knows || looks_official(&settings.keys.canonical(cell)));
    }
    (alike * 5 >= filled * 4 && known * 2 >= filled && regions > 0).then_some((data, regions))
}

/// First and last row of the header above the first data row.
fn above_data(rows: &[Sampled], data: usize, key: usize, settings: &Settings) -> Option<(usize, usize)> {
    let mut to = data.checked_sub(1)?;
    let leading = if rows[to].filled().any(|(column, _)| column > key) { key + 1 } else { 0 };
    if is_numbering(&rows[to]) {
        to = to.checked_sub(1)?;
    }
    Some((first_line(rows, to, to, leading, settings), to))
}

/// The header of rows `from` to `to`.
fn header(rows: &[Sampled], from: usize, to: usize, key: Option<KeyColumns>, settings: &Settings) -> Header {
    let line = rows[to].line;
    let mut lines: Vec<Vec<String>> =
        rows[from..=to].iter().filter(|row| !is_numbering(row)).map(|row| row.cells.clone()).collect();
    let width = rows[from..=to].iter().map(|row| row.cells.len()).max().unwrap_or(0);
    for cells in &mut lines {
        cells.resize(width, String::new());
    }
    let mut units = vec![String::new(); width];
    if lines.len() > 1 && lines.last().is_some_and(|cells| is_unit_line(cells)) {
        units = lines.pop().unwrap_or_default();
    }
    fill(&mut lines, &units, key.as_ref());
    let stack = |column: usize| {
        let mut stack: Vec<String> =
            lines.iter().map(|cells| cells[column].clone()).filter(|cell| !cell.is_empty()).collect();
        stack.dedup();
        stack
    };
    let alone = |row: &&Sampled| row.filled().count() == 1;
    let title =
        rows[..from].iter().filter(alone).flat_map(|row| row.filled().map(|(_, cell)| cell.to_owned()));
    let mut header =
        Header { line, title: title.collect(), stacks: (0..width).map(stack).collect(), units, key };
    if header.key.is_none()
        && let Some(KeyRef::One(reference)) = &settings.mapping.key
    {
        header.key = find_column(&header.names(), reference).ok().map(KeyColumns::One);
    }
    header
}

fn is_unit_line(cells: &[String]) -> bool {
    let mut filled = cells.iter().filter(|cell| !cell.is_empty()).peekable();
    filled.peek().is_some() && filled.all(|cell| is_unit(cell))
}

/// Continues merged cells: an empty cell of an upper line is the one to its left, where a lower line has text in both
/// columns and no line above begins something new.
fn fill(lines: &mut [Vec<String>], units: &[String], key: Option<&KeyColumns>) {
    let keys = key.map(KeyColumns::columns).unwrap_or_default();
    let own = lines.to_vec();
    for at in 0..lines.len() {
        let below = |column: usize| {
            own[at + 1..].iter().any(|cells| !cells[column].is_empty()) || !units[column].is_empty()
        };
        for column in 1..lines[at].len() {
            let begins = own[..at].iter().any(|cells| !cells[column].is_empty());
            let merged = lines[at][column].is_empty()
                && below(column)
                && below(column - 1)
                && !begins
                && !keys.contains(&column)
                && !(keys.contains(&(column - 1)) && keys.len() == 1);
            if merged {
                let left = lines[at][column - 1].clone();
                lines[at][column] = left;
            }
        }
    }
}

/// Tells the end of the data: a line of underscores, a note, or a text alone behind a blank row.
#[derive(Debug, Default)]
pub struct Footer {
    last_line: u64,
    began: Option<u64>,
    keys_behind: u64,
}

impl Footer {
    /// True if this row, or one before it, ends the data. Blank rows are not shown to it.
    pub fn reached(&mut self, line: u64, row: Row<'_>, key: &KeyColumns, settings: &Settings) -> bool {
        let gap = line > self.last_line + 1;
        self.last_line = line;
        if self.began.is_some() {
            let known = key.read(row).is_ok_and(|key| !key.is_empty() && settings.keys.knows(&key));
            self.keys_behind += u64::from(known && filled(row).take(2).count() > 1);
            return true;
        }
        let Some(first) = filled(row).next() else { return false };
        let text = row.cell(first).text();
        let alone = filled(row).take(2).count() == 1;
        let note = || {
            let lower = text.trim_start_matches('"').to_lowercase();
            NOTES.iter().any(|word| lower.starts_with(word))
        };
        let is_key = || looks_official(&settings.keys.canonical(&text)) || settings.keys.knows(&text);
        if text.starts_with("____") || (alone && (gap || note()) && !is_key() && !is_value(&text, settings)) {
            self.began = Some(line);
        }
        self.began.is_some()
    }

    /// True once the data have ended.
    pub const fn is_reached(&self) -> bool {
        self.began.is_some()
    }

    /// Line of the last row that was shown.
    pub const fn last_line(&self) -> u64 {
        self.last_line
    }

    /// Says where the header ended.
    pub fn begin(&mut self, line: u64) {
        self.last_line = line;
    }

    /// Reports where the data ended, and rows with keys behind it.
    pub fn finish(&self, report: &mut Report) {
        let Some(line) = self.began else { return };
        report.fact("footer_from_line", line);
        if self.keys_behind > 0 {
            let sentence = format!(
                "The data end here, but {} rows with keys follow; put a second table into a file of its own.",
                self.keys_behind
            );
            report.error(Some(line), None, sentence);
        }
    }
}

fn filled(row: Row<'_>) -> impl Iterator<Item = usize> {
    (0..row.len()).filter(move |column| !row.cell(*column).is_blank())
}

/// True if the first text of a row says that it sums up all regions.
pub fn is_total(row: Row<'_>) -> bool {
    filled(row).next().is_some_and(|column| {
        let text = row.cell(column).text();
        TOTALS.iter().any(|total| text.eq_ignore_ascii_case(total))
    })
}
