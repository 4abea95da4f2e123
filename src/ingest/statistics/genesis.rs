//! The table export of GENESIS ("GENESIS-Tabelle"): title lines, stacked header rows, data, footer.
//!
//! ```text
//! GENESIS-Tabelle: 12411-01-01-5
//! Bevölkerungsstand: Bevölkerung nach Geschlecht;;;;
//! ;;31.12.2015;31.12.2015;31.12.2015
//! ;;Insgesamt;männlich;weiblich
//! DG;Deutschland;82175684;40514123;41661561
//! __________
//! ```
//!
//! The date stands in the header, in a first column or in a title line of its own. Columns between name and values
//! classify the rows. A value column is identified by its whole stack, without the date.
//!
//! Must not know: regions.

use super::{
    drafts::{is_unit, split_unit},
    mapping::{ColumnRef, ColumnRule, normal_header},
    names::Names,
    reading::{Observation, Reading},
    row::{Row, parse_period},
    settings::Settings,
    table::Table,
};
use crate::{
    domain::{Period, Slug},
    ingest::{Progress, Report},
};

/// Most lines before the data.
const MAX_PREAMBLE: usize = 60;

/// Joins the parts of a header stack.
const JOIN: &str = " | ";

/// What the office calls the sum of all categories.
const TOTAL: &str = "Insgesamt";

/// True if a text is such an export.
pub fn is_table(text: &str) -> bool {
    text.trim_start().trim_start_matches('"').starts_with("GENESIS-Tabelle")
}

/// A value column.
#[derive(Debug)]
struct ValueColumn {
    column: usize,
    /// Header cells from top to bottom without the period and without repetitions.
    path: Vec<String>,
    /// The last of them, if it is a unit, else that of the title; empty where neither says one.
    unit: String,
    period: Option<Period>,
}

/// The build of the table, from its preamble and first data row.
#[derive(Debug)]
struct Build {
    width: usize,
    /// 0, or 1 behind a column of dates.
    key: usize,
    /// First value column.
    lead: usize,
    title_period: Option<Period>,
    /// `12411-01-01-5`.
    code: String,
    /// Lines above the table.
    title: Vec<String>,
    /// What the values are, where a title line says so: `Bevölkerungsstand (Anzahl)`.
    value_name: Option<String>,
    columns: Vec<ValueColumn>,
}

/// A value column that becomes a draft indicator, one for each class of rows.
#[derive(Debug)]
struct Drafted {
    column: usize,
    path: Vec<String>,
    unit: String,
    period: Option<Period>,
    /// By id of the class.
    slugs: Vec<Option<Slug>>,
}

/// A value column with what it is for.
#[derive(Debug)]
struct Selected {
    column: usize,
    ratio: [Option<usize>; 2],
    indicator: Slug,
    period: Option<Period>,
    row: String,
}

/// Reads a table.
pub fn read(table: &Table<'_>, settings: &Settings, report: &mut Report, progress: &dyn Progress) -> Reading {
    let mut reading = Reading::official();
    let mut preamble: Vec<Vec<String>> = Vec::new();
    let mut rows: Option<RowReader> = None;
    table.each_row(report, progress, &mut |line, row, report| {
        if row.cell(0).text().starts_with("_____") {
            return false;
        }
        if rows.is_none() {
            let Some(key) = key_column(row) else {
                if !row.is_blank() {
                    preamble.push(row.texts());
                }
                return preamble.len() <= MAX_PREAMBLE;
            };
            // The header says how wide the table is; the first data row may be the shifted one.
            let header = preamble.iter().rev().find(|header| header[0].is_empty());
            let build = build(&preamble, header.map_or(row.len(), Vec::len).max(key + 3), key);
            reading.headers = headers(&build);
            reading.title.clone_from(&build.title);
            match select(&build, settings, report) {
                Ok(selected) => rows = Some(RowReader::new(build, selected, settings)),
                Err(sentence) => {
                    report.error(Some(line), None, sentence);
                    return false;
                }
            }
        }
        if let Some(rows) = &mut rows {
            rows.read(line, row, settings, &mut reading, report);
        }
        !reading.is_over()
    });
    match &rows {
        Some(rows) => rows.finish(report),
        None if !report.rejected() => {
            report.error(None, None, "No data row with a key was found in the table.");
        }
        None => {}
    }
    reading.finish(settings, report);
    reading
}

/// The column of the key if this is a data row: the first, or the second behind a date.
fn key_column(row: Row<'_>) -> Option<usize> {
    let at = |column: usize| row.cell(column).text();
    if row.len() < 3 {
        return None;
    }
    if is_key(&at(0)) {
        return Some(0);
    }
    (parse_period(&at(0)).is_some() && is_key(&at(1))).then_some(1)
}

/// Keys have 2 to 12 digits, but never four: that is a year.
fn is_key(text: &str) -> bool {
    text == "DG"
        || ((2..=12).contains(&text.len()) && text.len() != 4 && text.bytes().all(|b| b.is_ascii_digit()))
}

fn build(preamble: &[Vec<String>], width: usize, key: usize) -> Build {
    let is_header = |row: &&Vec<String>| row.len() == width && row[0].is_empty();
    let headers: Vec<_> = preamble.iter().filter(is_header).collect();
    let alone = |row: &&Vec<String>| row[1..].iter().all(String::is_empty);
    let title_period =
        preamble.iter().filter(|row| !row.is_empty()).filter(alone).find_map(|row| parse_period(&row[0]));
    let title: Vec<String> =
        preamble.iter().filter(|row| !row.is_empty()).filter(alone).map(|row| row[0].clone()).collect();
    let code = title.first().and_then(|line| line.split_once(':')).map_or("", |(_, code)| code.trim());
    let unit_line = headers.len() > 1
        && headers.last().is_some_and(|row| row.iter().filter(|cell| !cell.is_empty()).all(|c| is_unit(c)));
    let named = if unit_line { None } else { title.iter().rev().find_map(|line| split_unit(line)) };
    let empty = |column: &usize| headers.iter().all(|row| row[*column].is_empty());
    // Key and name never have a header; a table whose header is missing has them all the same.
    let lead = (0..width).take_while(empty).count().clamp(key + 2, width.max(key + 2));
    let lead = if headers.is_empty() { key + 2 } else { lead };
    let columns = (lead..width)
        .map(|column| {
            let cells = headers.iter().map(|row| row[column].trim()).filter(|cell| !cell.is_empty());
            let mut path: Vec<String> = Vec::new();
            let mut period = None;
            for cell in cells {
                match parse_period(cell) {
                    Some(found) if period.is_none() => period = Some(found),
                    _ => path.push(cell.to_owned()),
                }
            }
            path.dedup();
            let own = if unit_line { path.last().cloned() } else { None };
            let unit = own.or_else(|| named.map(|(_, unit)| unit.to_owned())).unwrap_or_default();
            ValueColumn { column, path, unit, period }
        })
        .collect();
    let code = code.to_owned();
    let value_name = named.map(|(name, _)| name.to_owned());
    Build { width, key, lead, title_period, code, title, value_name, columns }
}

/// Names of all columns for messages.
fn headers(build: &Build) -> Vec<String> {
    let mut headers = vec![String::new(); build.lead];
    headers[build.key] = "key".into();
    headers.extend(build.columns.iter().map(|column| column.path.join(JOIN)));
    headers
}

/// The columns that are read, by the mapping or, for one indicator, the totals.
fn select(build: &Build, settings: &Settings, report: &mut Report) -> Result<Vec<Selected>, String> {
    let selected = if settings.mapping.columns.is_empty() {
        if settings.drafting && settings.fixed_indicator().is_none() {
            return Ok(Vec::new());
        }
        select_totals(build, settings)?
    } else {
        let mut selected = Vec::new();
        for rule in &settings.mapping.columns {
            selected.extend(select_by_rule(build, rule, settings)?);
        }
        selected
    };
    let mut names: Vec<String> = Vec::new();
    for chosen in &selected {
        let path = build.columns.iter().find(|c| c.column == chosen.column).map(|c| c.path.join(JOIN));
        let name = format!("{} = {}", chosen.indicator, path.unwrap_or_default());
        if !names.contains(&name) {
            names.push(name);
        }
    }
    report.fact("columns", names);
    Ok(selected)
}

/// For each period the column with most "Insgesamt" in its stack, the first of equals.
fn select_totals(build: &Build, settings: &Settings) -> Result<Vec<Selected>, String> {
    let indicator = settings.fixed_indicator().ok_or_else(|| {
        format!(
            "Name the indicator with --indicator, or the columns in a mapping, or make indicators of all columns with --draft-indicators; the table has: {}.",
            listed_paths(build)
        )
    })?;
    let indicator = settings.named_indicator(indicator.as_str())?;
    let totals = |column: &ValueColumn| column.path.iter().filter(|part| *part == TOTAL).count();
    let mut best: Vec<&ValueColumn> = Vec::new();
    for column in &build.columns {
        match best.iter_mut().find(|chosen| chosen.period == column.period) {
            Some(chosen) if totals(column) > totals(chosen) => *chosen = column,
            Some(_) => {}
            None => best.push(column),
        }
    }
    Ok(best
        .into_iter()
        .map(|column| Selected {
            column: column.column,
            ratio: [None, None],
            indicator: indicator.clone(),
            period: column.period.clone(),
            row: TOTAL.into(),
        })
        .collect())
}

fn select_by_rule(build: &Build, rule: &ColumnRule, settings: &Settings) -> Result<Vec<Selected>, String> {
    let indicator = rule
        .indicator
        .as_ref()
        .or(settings.fixed_indicator())
        .ok_or_else(|| format!("The mapping does not say which indicator column {} is.", rule.column))?;
    let indicator = settings.named_indicator(indicator.as_str())?;
    let beside = |reference: &Option<ColumnRef>, period: &Option<Period>| match reference {
        None => Ok(None),
        Some(reference) => matching(build, reference)
            .map(|found| found.iter().find(|c| c.period == *period).map(|c| c.column)),
    };
    matching(build, &rule.column)?
        .into_iter()
        .filter(|column| rule.period.is_none() || column.period.is_none() || rule.period == column.period)
        .map(|column| {
            Ok(Selected {
                column: column.column,
                ratio: [beside(&rule.numerator, &column.period)?, beside(&rule.denominator, &column.period)?],
                indicator: indicator.clone(),
                period: rule.period.clone().or_else(|| column.period.clone()),
                row: rule.row.clone().unwrap_or_else(|| TOTAL.into()),
            })
        })
        .collect()
}

/// The columns that a mapping means: the number, or those whose stack is the header, at most one per period. A stack
/// may be given without its last part (the unit), or by parts that fit one column only.
fn matching<'a>(build: &'a Build, reference: &ColumnRef) -> Result<Vec<&'a ValueColumn>, String> {
    let header = match reference {
        ColumnRef::Number(number) => {
            let found: Vec<_> = build.columns.iter().filter(|c| c.column + 1 == *number).collect();
            return if found.is_empty() {
                Err(format!(
                    "Column {number} is no value column; these are {} to {}.",
                    build.lead + 1,
                    build.width
                ))
            } else {
                Ok(found)
            };
        }
        ColumnRef::Header(header) => header,
    };
    let wanted: Vec<String> = header.split('|').map(normal_header).collect();
    let normal = |path: &[String]| path.iter().map(|part| normal_header(part)).collect::<Vec<_>>();
    let tests: [&dyn Fn(&ValueColumn) -> bool; 3] = [
        &|column| normal(&column.path) == wanted,
        &|column| column.path.split_last().is_some_and(|(_, path)| normal(path) == wanted),
        &|column| {
            let mut parts = normal(&column.path).into_iter();
            wanted.iter().all(|part| parts.any(|p| p == *part))
        },
    ];
    for test in tests {
        let found: Vec<_> = build.columns.iter().filter(|column| test(column)).collect();
        if found.iter().enumerate().any(|(i, c)| found[..i].iter().any(|other| other.period == c.period)) {
            return Err(format!(
                "'{header}' fits several columns; give the whole stack: {}.",
                found.iter().map(|c| format!("'{}'", c.path.join(JOIN))).collect::<Vec<_>>().join(", ")
            ));
        }
        if !found.is_empty() {
            return Ok(found);
        }
    }
    Err(format!("No column is called '{header}'; the table has: {}.", listed_paths(build)))
}

fn listed_paths(build: &Build) -> String {
    let mut paths: Vec<String> = Vec::new();
    for column in &build.columns {
        let path = format!("'{}'", column.path.join(JOIN));
        if !paths.contains(&path) {
            paths.push(path);
        }
    }
    paths.truncate(60);
    paths.join(", ")
}

/// The columns that become drafts: all that are not selected, unless one indicator was asked for.
fn drafted(build: &Build, selected: &[Selected], settings: &Settings) -> Vec<Drafted> {
    if !settings.drafting || settings.fixed_indicator().is_some() {
        return Vec::new();
    }
    let free = |column: &&ValueColumn| !selected.iter().any(|chosen| chosen.column == column.column);
    let twin = |one: &ValueColumn, other: &ValueColumn| {
        one.column < other.column && one.path == other.path && one.period == other.period
    };
    let draft = |column: &ValueColumn| {
        let mut path = column.path.clone();
        if path.last() == Some(&column.unit) {
            path.pop();
        }
        if let Some(name) = &build.value_name {
            path.insert(0, name.clone());
        }
        let twins = build.columns.iter().filter(|other| twin(other, column)).count();
        if twins > 0 {
            path.push((twins + 1).to_string());
        }
        let (column, unit, period) = (column.column, column.unit.clone(), column.period.clone());
        Drafted { column, path, unit, period, slugs: Vec::new() }
    };
    build.columns.iter().filter(free).map(draft).collect()
}

struct RowReader {
    build: Build,
    selected: Vec<Selected>,
    drafted: Vec<Drafted>,
    class_names: Names,
    /// Classes of rows that were seen, for the message if none was the right one.
    classes: Vec<String>,
    used: u64,
}

impl RowReader {
    fn new(build: Build, selected: Vec<Selected>, settings: &Settings) -> Self {
        let drafted = drafted(&build, &selected, settings);
        Self { build, selected, drafted, class_names: Names::default(), classes: Vec::new(), used: 0 }
    }

    fn read(
        &mut self,
        line: u64,
        row: Row<'_>,
        settings: &Settings,
        reading: &mut Reading,
        report: &mut Report,
    ) {
        reading.rows += 1;
        if row.len() != self.build.width {
            let sentence = format!(
                "The row has {} columns, the table has {}; values may have moved to the wrong column.",
                row.len(),
                self.build.width
            );
            return report.error(Some(line), None, sentence);
        }
        let key_text = row.cell(self.build.key).text();
        if !is_key(&key_text) {
            let sentence = format!("'{key_text}' is no key.");
            return report.error(Some(line), Some("key"), sentence);
        }
        let of_row = (self.build.key == 1).then(|| parse_period(&row.cell(0).text())).flatten();
        if self.build.key == 1 && of_row.is_none() {
            return report.error(Some(line), Some("1"), "There is no date in the column of dates.");
        }
        let class = self.class(row);
        let key = reading.key_id(&key_text, line, settings);
        let class_id = self.class_names.id(class.as_deref().unwrap_or_default(), line) as usize;
        for at in 0..self.drafted.len() {
            self.draft(at, class_id, class.as_deref(), reading, settings);
        }
        let selected = self.selected.iter().map(|chosen| {
            let fits = class.as_ref().is_none_or(|class| *class == chosen.row);
            (chosen.column, chosen.ratio, fits.then_some(&chosen.indicator), &chosen.period)
        });
        let drafted = self.drafted.iter().map(|draft| {
            let slug = draft.slugs.get(class_id).and_then(Option::as_ref);
            (draft.column, [None, None], slug, &draft.period)
        });
        for (column, ratio, indicator, period) in selected.chain(drafted) {
            let Some(indicator) = indicator else {
                reading.left_out += 1;
                continue;
            };
            let period = of_row.as_ref().or(period.as_ref()).or(self.build.title_period.as_ref());
            let Some(period) = period.or_else(|| settings.fixed_period()) else {
                return report.error(
                    Some(line),
                    None,
                    "The table does not say which period its values are of; name it with --period.",
                );
            };
            self.used += 1;
            let Some(series) = reading.series_id(indicator, period, settings) else {
                reading.left_out += 1;
                continue;
            };
            let seen = Observation::of_columns(row, line, (key, series), column, ratio);
            reading.observe(seen, settings, report);
        }
    }

    /// Makes the draft of a column for a class, when its first row comes.
    fn draft(
        &mut self,
        at: usize,
        class_id: usize,
        class: Option<&str>,
        reading: &mut Reading,
        settings: &Settings,
    ) {
        let drafted = &mut self.drafted[at];
        if drafted.slugs.len() > class_id {
            return;
        }
        let mut path = drafted.path.clone();
        path.extend(class.map(str::to_owned));
        let slug = reading.draft(&self.build.code, &path, &drafted.unit, settings);
        drafted.slugs.resize(class_id, None);
        drafted.slugs.push(slug);
    }

    /// The text of the classifying columns; `None` if the table has none.
    fn class(&mut self, row: Row<'_>) -> Option<String> {
        let between = self.build.key + 2..self.build.lead;
        if between.is_empty() {
            return None;
        }
        let class = between.map(|column| row.cell(column).text().into_owned()).collect::<Vec<_>>().join(JOIN);
        if self.classes.len() < 40 && !self.classes.contains(&class) {
            self.classes.push(class.clone());
        }
        Some(class)
    }

    fn finish(&self, report: &mut Report) {
        if self.used == 0 && !self.classes.is_empty() {
            report.error(
                None,
                None,
                format!(
                    "No row is classified as the mapping (or '{TOTAL}') says; say row = … under [[columns]]: {}.",
                    self.classes.iter().map(|c| format!("'{c}'")).collect::<Vec<_>>().join(", ")
                ),
            );
        }
    }
}
