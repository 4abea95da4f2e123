//! What was read from a file: keys, series and their cells, with lines. All layouts write into a [`Reading`].
//!
//! Must not know: which regions an edition has, what is stored. Invariant: memory grows with the rows of the file, not
//! with the product of keys and series, and no further than the limits say: then the reading is over.

use std::{
    borrow::Cow,
    collections::{BTreeMap, HashMap},
};

use super::{
    drafts::Drafts,
    names::{MAX_NAMES, Names},
    number::{self, CellValue, Decimal, Form, Writing},
    row::{Cell, Row},
    settings::Settings,
    signs::SignProfile,
};
use crate::{
    domain::{Period, Slug, Status},
    ingest::Report,
};

/// Most different series of a file.
const MAX_SERIES: usize = 50_000;

/// Most memory that the cells of a file may need, in units of a plain number.
const MAX_CELLS: u32 = 12_000_000;

/// One cell of a series.
#[derive(Debug, Clone, Copy)]
pub struct Observed {
    /// The number, NaN where there is none.
    pub value: f64,
    /// Id of the key.
    pub key: u32,
    /// Line in the file.
    pub line: u32,
    /// Status; *missing* for `-`, whose meaning depends on the region.
    pub status: Status,
    /// The cell holds `-`.
    pub nothing: bool,
}

/// The cells of one indicator and period.
#[derive(Debug)]
pub struct SeriesCells {
    /// Indicator.
    pub indicator: Slug,
    /// Period.
    pub period: Period,
    /// Cells in the order of the file.
    pub cells: Vec<Observed>,
    /// Numerator and denominator of each cell, NaN where unknown; empty if the file has none.
    pub ratios: Vec<[f64; 2]>,
    /// Texts that are no plain numbers: (index of the cell, text).
    pub raw: Vec<(u32, Box<str>)>,
    /// Public remarks: (index of the cell, text).
    pub notes: Vec<(u32, Box<str>)>,
}

impl SeriesCells {
    /// Appends cells whose key ids are to be replaced by those at their place in `ids`. Returns how many cells there
    /// were before.
    fn append(&mut self, behind: Self, ids: &[u32]) -> u32 {
        let before = self.cells.len();
        self.cells
            .extend(behind.cells.into_iter().map(|cell| Observed { key: ids[cell.key as usize], ..cell }));
        if !behind.ratios.is_empty() {
            self.ratios.resize(before, [f64::NAN; 2]);
            self.ratios.extend(behind.ratios);
        }
        let before = before as u32;
        self.raw.extend(behind.raw.into_iter().map(|(cell, text)| (cell + before, text)));
        self.notes.extend(behind.notes.into_iter().map(|(cell, text)| (cell + before, text)));
        before
    }
}

/// Which number of an observation.
#[derive(Debug, Clone, Copy)]
enum Slot {
    Value,
    Ratio(usize),
}

/// One observation as a layout found it.
#[derive(Debug, Clone, Copy)]
pub struct Observation<'a> {
    /// Id of the key.
    pub key: u32,
    /// Id of the series.
    pub series: u32,
    /// Line in the file.
    pub line: u64,
    /// Column of the value and the cell; `None` where the file has only numerator and denominator.
    pub value: Option<(usize, Cell<'a>)>,
    /// Numerator and denominator.
    pub ratio: [Option<(usize, Cell<'a>)>; 2],
    /// Status by name, sign or flag; empty where none.
    pub status: &'a str,
    /// Public remark; empty where none.
    pub note: &'a str,
}

impl<'a> Observation<'a> {
    /// The observation in one column of a row, perhaps with the columns of its numerator and denominator.
    pub fn of_columns(
        row: Row<'a>,
        line: u64,
        (key, series): (u32, u32),
        value: usize,
        ratio: [Option<usize>; 2],
    ) -> Self {
        let pair = |column: usize| (column, row.cell(column));
        Self {
            key,
            series,
            line,
            value: Some(pair(value)),
            ratio: ratio.map(|column| column.map(pair)),
            status: "",
            note: "",
        }
    }
}

/// Evidence for the decimal sign of one column: lines where it was plain.
#[derive(Debug, Default, Clone)]
struct Evidence {
    comma: Option<u64>,
    point: Option<u64>,
}

/// A number of two readings: series, cell, slot, column, line.
type Ambiguous = (u32, u32, Slot, usize, u64);

/// Everything that was read from a file.
#[derive(Debug, Default)]
pub struct Reading {
    /// Distinct keys.
    pub keys: Names,
    /// Series in the order in which they appeared.
    pub series: Vec<SeriesCells>,
    /// Data rows.
    pub rows: u64,
    /// Rows or cells that were not asked for.
    pub left_out: u64,
    /// Counts of signs.
    pub signs: BTreeMap<String, u64>,
    /// Sentences on the first observations as they were understood.
    pub first: Vec<String>,
    /// Headers, for messages; by column.
    pub headers: Vec<String>,
    /// Column of the keys, for messages, where the layout has one.
    pub key_column: Option<usize>,
    /// Lines above the table, for drafts of its indicators.
    pub title: Vec<String>,
    /// Draft indicators.
    pub drafts: Drafts,
    /// The file comes from an office in its own format; keys without boundary are to be expected.
    pub official: bool,
    /// Keys that stood with spaces or points between their parts.
    pub separated_keys: u64,
    /// Line and sentence of the limit that was passed, unless it is one of those of all cells and keys.
    end: Option<(Option<u64>, String)>,
    /// Cells that were stored; raw texts count more.
    used: u32,
    series_ids: HashMap<Slug, Vec<(Period, u32)>>,
    evidence: Vec<Evidence>,
    ambiguous: Vec<Ambiguous>,
}

/// Most different signs that are counted.
const MAX_SIGNS: usize = 100;

/// How many observations are shown as understood.
const FIRST_SHOWN: usize = 3;

impl Reading {
    /// An empty reading of a file in an office's own format.
    pub fn official() -> Self {
        Self { official: true, ..Self::default() }
    }

    /// A reading of the same file into which nothing was read yet.
    pub fn like(&self) -> Self {
        Self {
            headers: self.headers.clone(),
            key_column: self.key_column,
            title: self.title.clone(),
            official: self.official,
            ..Self::default()
        }
    }

    /// The id of a series; `None` (and counted) if only another indicator or period was asked for.
    pub fn series_id(&mut self, indicator: &Slug, period: &Period, settings: &Settings) -> Option<u32> {
        let unwanted = settings.indicator.as_ref().is_some_and(|wanted| wanted != indicator)
            || settings.period.as_ref().is_some_and(|wanted| wanted != period);
        if unwanted {
            return None;
        }
        self.id_of(indicator, period)
    }

    fn id_of(&mut self, indicator: &Slug, period: &Period) -> Option<u32> {
        let known = self.series_ids.get(indicator).and_then(|list| list.iter().find(|(p, _)| p == period));
        if let Some((_, id)) = known {
            return Some(*id);
        }
        if self.series.len() >= MAX_SERIES {
            let sentence =
                format!("The file has more than {MAX_SERIES} series; is the period column the right one?");
            self.end(None, sentence);
            return None;
        }
        let id = self.series.len() as u32;
        self.series_ids.entry(indicator.clone()).or_default().push((period.clone(), id));
        self.series.push(SeriesCells {
            indicator: indicator.clone(),
            period: period.clone(),
            cells: Vec::new(),
            ratios: Vec::new(),
            raw: Vec::new(),
            notes: Vec::new(),
        });
        Some(id)
    }

    /// The id of a key as it stands in the file.
    pub fn key_id(&mut self, text: &str, line: u64, settings: &Settings) -> u32 {
        match settings.keys.canonical(text) {
            Cow::Borrowed(key) => self.keys.id(key, line),
            Cow::Owned(key) => {
                self.separated_keys += 1;
                self.keys.id(&key, line)
            }
        }
    }

    /// The slug of the draft indicator of a column.
    pub fn draft(&mut self, code: &str, path: &[String], unit: &str, settings: &Settings) -> Option<Slug> {
        self.drafts.named(code, path, unit, settings)
    }

    /// Notes an observation, or its problem.
    pub fn observe(&mut self, seen: Observation<'_>, settings: &Settings, report: &mut Report) {
        if self.is_over() {
            return;
        }
        let cell = self.series[seen.series as usize].cells.len() as u32;
        let mut ratio = [f64::NAN; 2];
        for (slot, source) in seen.ratio.iter().enumerate() {
            let Some((column, source)) = *source else { continue };
            match number(source, settings) {
                Some(CellValue::Number { value, form, .. }) => {
                    ratio[slot] = value;
                    self.note_form(form, (seen.series, cell, Slot::Ratio(slot), column, seen.line));
                }
                // Of a numerator or denominator only the number is kept; `-` is an empty set.
                Some(CellValue::Nothing) => ratio[slot] = 0.0,
                Some(CellValue::Sign(_)) => {}
                None => return self.refuse(seen.line, column, source, report),
            }
        }
        let mut observed = Observed {
            value: f64::NAN,
            key: seen.key,
            line: u32::try_from(seen.line).unwrap_or(u32::MAX),
            status: Status::Missing,
            nothing: false,
        };
        let mut sign = String::new();
        if let Some((column, source)) = seen.value {
            match number(source, settings).or_else(|| self.percentage(source, seen.series, settings)) {
                Some(CellValue::Number { value, status, form }) => {
                    (observed.value, observed.status) = (value, status);
                    if status != Status::Valid {
                        sign = source.text().into_owned();
                    }
                    self.note_form(form, (seen.series, cell, Slot::Value, column, seen.line));
                }
                Some(CellValue::Nothing) => {
                    observed.nothing = true;
                    sign = source.text().into_owned();
                }
                Some(CellValue::Sign(status)) => {
                    observed.status = status;
                    sign = source.text().into_owned();
                }
                None => return self.refuse(seen.line, column, source, report),
            }
        }
        if !seen.status.is_empty()
            && let Err(sentence) =
                apply_status(&mut observed, &mut sign, seen.status, &settings.mapping.writing())
        {
            report.error(Some(seen.line), None, sentence);
            return;
        }
        self.store(seen, observed, ratio, sign);
        let series = &self.series[seen.series as usize];
        if series.cells.len() > settings.keys.most_rows() {
            let sentence = format!(
                "{} {} has more than {} values, more than the edition can have regions; does the file repeat its rows, or is the column of the keys or of the periods another one?",
                series.indicator,
                series.period,
                settings.keys.most_rows()
            );
            self.end(Some(seen.line), sentence);
        }
    }

    /// Ends the reading because of a limit.
    pub fn end(&mut self, line: Option<u64>, sentence: String) {
        self.end.get_or_insert((line, sentence));
    }

    /// True once a limit is passed: the file is rejected, and nothing more is to be read of it.
    pub const fn is_over(&self) -> bool {
        self.used > MAX_CELLS || self.keys.is_full() || self.end.is_some()
    }

    fn store(&mut self, seen: Observation<'_>, observed: Observed, ratio: [f64; 2], sign: String) {
        let has_text = !sign.is_empty() || !seen.note.is_empty();
        self.used = self.used.saturating_add(if has_text { 3 } else { 1 });
        if self.first.len() < FIRST_SHOWN {
            let series = &self.series[seen.series as usize];
            let value = seen.value.map_or_else(String::new, |(_, cell)| cell.text().into_owned());
            let understood = if observed.nothing { "nothing".to_owned() } else { observed.value.to_string() };
            let key = self.keys.list().get(seen.key as usize).map_or("", |(key, _)| &**key);
            self.first.push(format!(
                "line {}: key {key}, {} {}: '{value}' = {understood}, {}",
                seen.line,
                series.indicator,
                series.period,
                observed.status.as_str()
            ));
        }
        let series = &mut self.series[seen.series as usize];
        let index = series.cells.len() as u32;
        if !sign.is_empty() {
            if let Some(count) = self.signs.get_mut(&sign) {
                *count += 1;
            } else if self.signs.len() < MAX_SIGNS {
                self.signs.insert(sign.clone(), 1);
            }
            series.raw.push((index, sign.into()));
        }
        if seen.ratio.iter().any(Option::is_some) {
            series.ratios.resize(series.cells.len(), [f64::NAN; 2]);
            series.ratios.push(ratio);
        }
        if !seen.note.is_empty() {
            series.notes.push((index, seen.note.into()));
        }
        series.cells.push(observed);
    }

    /// `12,3 %` in a column of percentages.
    fn percentage(&self, cell: Cell<'_>, series: u32, settings: &Settings) -> Option<CellValue> {
        let Cell::Text(text) = cell else { return None };
        let text = text.trim().strip_suffix('%')?;
        let indicator = &self.series[series as usize].indicator;
        (settings.percent.contains(indicator) || self.drafts.is_percent(indicator))
            .then(|| number::parse_cell(text, &settings.mapping.writing()))?
            .filter(|value| matches!(value, CellValue::Number { .. }))
    }

    fn refuse(&self, line: u64, column: usize, cell: Cell<'_>, report: &mut Report) {
        let header = self.header(column);
        let sentence = match cell {
            Cell::Fault(fault) => {
                format!("The formula in this cell failed ({fault}); correct it or leave the cell empty.")
            }
            Cell::Date(date) => {
                format!("A date ({date}) stands where a number is expected; is the column the right one?")
            }
            Cell::Text(_) | Cell::Number(_) => format!(
                "'{}' is neither a number nor a known sign; correct it or say under [signs] of the mapping what it means.",
                cell.text().chars().take(60).collect::<String>()
            ),
        };
        report.error(Some(line), Some(&header), sentence);
    }

    /// The name of a column for messages.
    pub fn header(&self, column: usize) -> String {
        match self.headers.get(column) {
            Some(header) if !header.is_empty() => header.clone(),
            _ => (column + 1).to_string(),
        }
    }

    /// The name of the column of the keys for messages.
    pub fn key_header(&self) -> Option<String> {
        self.key_column.map(|column| self.header(column))
    }

    fn note_form(&mut self, form: Form, place: Ambiguous) {
        if form == Form::Neutral {
            return;
        }
        let (_, _, _, column, line) = place;
        if self.evidence.len() <= column {
            self.evidence.resize(column + 1, Evidence::default());
        }
        match form {
            Form::Comma => _ = self.evidence[column].comma.get_or_insert(line),
            Form::Point => _ = self.evidence[column].point.get_or_insert(line),
            Form::Ambiguous => self.ambiguous.push(place),
            Form::Neutral => {}
        }
    }

    /// What one reading of all rows would be, if `behind` read those behind the rows of this one; `None` if a limit is
    /// near, which only one reading keeps exactly. Neither has been finished.
    pub fn join(mut self, behind: Self, settings: &Settings) -> Option<Self> {
        if behind.is_over() {
            return None;
        }
        self.used = self.used.saturating_add(behind.used);
        let ids: Vec<u32> = behind.keys.list().iter().map(|(key, line)| self.keys.id(key, *line)).collect();
        // Of each series of the other: its id here, and how many cells it had here before.
        let mut places = Vec::with_capacity(behind.series.len());
        for series in behind.series {
            let id = self.id_of(&series.indicator, &series.period)?;
            places.push((id, self.series[id as usize].append(series, &ids)));
        }
        for (sign, count) in behind.signs {
            *self.signs.entry(sign).or_insert(0) += count;
        }
        self.evidence.resize(self.evidence.len().max(behind.evidence.len()), Evidence::default());
        for (evidence, other) in self.evidence.iter_mut().zip(behind.evidence) {
            evidence.comma = evidence.comma.or(other.comma);
            evidence.point = evidence.point.or(other.point);
        }
        self.ambiguous.extend(behind.ambiguous.into_iter().map(|(series, cell, slot, column, line)| {
            let (id, before) = places[series as usize];
            (id, cell + before, slot, column, line)
        }));
        self.first.extend(behind.first);
        self.first.truncate(FIRST_SHOWN);
        self.rows += behind.rows;
        self.left_out += behind.left_out;
        self.separated_keys += behind.separated_keys;
        let most = self.series.iter().map(|series| series.cells.len()).max().unwrap_or(0);
        let within = !self.is_over() && self.signs.len() < MAX_SIGNS && most <= settings.keys.most_rows();
        within.then_some(self)
    }

    /// Checks what can be checked only after the last row. Called once.
    pub fn finish(&mut self, settings: &Settings, report: &mut Report) {
        if let Some((line, sentence)) = &self.end {
            report.error(*line, None, sentence.as_str());
        }
        if self.used > MAX_CELLS || self.keys.is_full() {
            let sentence = format!(
                "The file has more than {MAX_CELLS} values or {MAX_NAMES} different keys, more than can be held; split it."
            );
            report.error(None, None, sentence);
        }
        self.settle_decimals(settings, report);
    }

    /// Settles numbers of two readings by their column, or reports them.
    fn settle_decimals(&mut self, settings: &Settings, report: &mut Report) {
        if settings.mapping.decimal.is_some() {
            return;
        }
        for (column, evidence) in self.evidence.iter().enumerate() {
            if let (Some(comma), Some(point)) = (evidence.comma, evidence.point) {
                report.error(
                    Some(point),
                    Some(&self.header(column)),
                    format!(
                        "The point separates decimals here, but in line {comma} the comma does; write all numbers of a column the same way."
                    ),
                );
            }
        }
        for (series, cell, slot, column, line) in std::mem::take(&mut self.ambiguous) {
            let evidence = self.evidence.get(column).cloned().unwrap_or_default();
            let header = self.header(column);
            let series = &mut self.series[series as usize];
            let number = match slot {
                Slot::Value => series.cells.get_mut(cell as usize).map(|c| &mut c.value),
                Slot::Ratio(part) => series.ratios.get_mut(cell as usize).map(|r| &mut r[part]),
            };
            let Some(number) = number else { continue };
            match (evidence.comma, evidence.point) {
                (None, Some(_)) => *number /= 1000.0,
                (Some(_), _) => {}
                (None, None) => report.error(
                    Some(line),
                    Some(&header),
                    format!(
                        "This number can be {number} or {}; say decimal = \",\" or decimal = \".\" in the mapping.",
                        *number / 1000.0
                    ),
                ),
            }
        }
    }

    /// Which decimal sign the columns showed, for the report.
    pub fn decimal_found(&self, settings: &Settings) -> &'static str {
        let comma = self.evidence.iter().any(|e| e.comma.is_some());
        let point = self.evidence.iter().any(|e| e.point.is_some());
        match (settings.mapping.decimal, comma, point) {
            (Some(Decimal::Comma), ..) => "comma (as the mapping says)",
            (Some(Decimal::Point), ..) => "point (as the mapping says)",
            (None, true, true) => "comma and point",
            (None, true, false) => "comma",
            (None, false, true) => "point",
            (None, false, false) => "none seen",
        }
    }
}

/// What a value cell says, but for percent signs.
fn number(cell: Cell<'_>, settings: &Settings) -> Option<CellValue> {
    let writing = settings.mapping.writing();
    match cell {
        Cell::Text(text) => number::parse_cell(text, &writing),
        Cell::Number(value) => {
            if (!writing.own.is_empty() || writing.profile.has_numbers())
                && let Some(sign) = writing.sign(&cell.text())
            {
                return Some(sign);
            }
            let status = Status::Valid;
            value.is_finite().then_some(CellValue::Number { value: value + 0.0, status, form: Form::Neutral })
        }
        // `#NV` and the like, if the source uses them for what is missing.
        Cell::Fault(text) => writing.sign(text.trim()),
        Cell::Date(_) => None,
    }
}

/// Applies what a status column says: the name of a status, a sign or a flag.
fn apply_status(
    observed: &mut Observed,
    sign: &mut String,
    text: &str,
    writing: &Writing<'_>,
) -> Result<(), String> {
    let named = Status::ALL.into_iter().find(|status| status.as_str() == text);
    // Names and flags of the usual legend are understood whatever the signs of the cells are.
    let flag = || writing.profile.flag(text).or_else(|| SignProfile::Din.flag(text));
    let status = match named.or_else(flag) {
        Some(status) => status,
        None => match writing.sign(text) {
            Some(CellValue::Sign(status)) => status,
            Some(CellValue::Nothing) if observed.value.is_nan() => {
                observed.nothing = true;
                text.clone_into(sign);
                return Ok(());
            }
            _ => return Err(format!("'{text}' is no status; use valid, missing, suppressed … or a sign.")),
        },
    };
    match (status.has_value(), observed.value.is_nan() && !observed.nothing) {
        (true, true) if status == Status::Valid && observed.status != Status::Missing => Ok(()),
        (true, true) => Err(format!("The status is '{text}', but there is no number.")),
        (false, false) => Err(format!("The status is '{text}', but there is a number.")),
        _ => {
            observed.status = status;
            if sign.is_empty() && status != Status::Valid {
                text.clone_into(sign);
            }
            Ok(())
        }
    }
}
