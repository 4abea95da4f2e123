//! Own tables, long and wide, of text files and sheets.
//!
//! Must not know: regions. Invariant: a row that is shorter than the header is reported, never padded: its values would
//! stand in the wrong columns.

use super::{
    drafts,
    header::{self, Footer, Header, JOIN, KeyColumns},
    mapping::{ColumnRef, KeyRef, LayoutKind, normal_header},
    privacy,
    reading::{Names, Observation, Reading, Settings},
    row::{Cell, Row, cell_period, parse_period},
    table::Table,
};
use crate::{
    domain::{Period, Slug},
    ingest::{Progress, Report, Severity},
};

/// Headers of keys that are understood without a mapping, as [`normal_header`] writes them.
pub const KEY: &[&str] = &[
    "key",
    "schluessel",
    "ags",
    "ars",
    "rs",
    "regionalschluessel",
    "gemeindeschluessel",
    "gebietsschluessel",
    "kreisschluessel",
    "schluesselnummer",
    "amtlichergemeindeschluessel",
    "amtlicherregionalschluessel",
    "amtlichergemeindeschluessel(ags)",
    "amtlicherregionalschluessel(ars)",
];
/// Headers of indicators.
pub const INDICATOR: &[&str] = &["indicator", "indikator"];
const PERIOD: &[&str] = &["period", "zeitraum", "stichtag", "jahr", "year"];
/// Headers of values.
pub const VALUE: &[&str] = &["value", "wert"];
const NUMERATOR: &[&str] = &["numerator", "zaehler"];
const DENOMINATOR: &[&str] = &["denominator", "nenner"];
const STATUS: &[&str] = &["status", "zeichen"];
const NOTE: &[&str] = &["note", "bemerkung", "anmerkung"];
/// Names of regions: for people, never read.
pub const NAME: &[&str] = &[
    "name",
    "gemeinde",
    "gemeindename",
    "samtgemeinde",
    "kreis",
    "gebiet",
    "gebietsname",
    "region",
    "regionname",
    "bezeichnung",
    "ort",
    "gemeinden",
    "kreise",
    "stadt",
    "stadt/gemeinde",
    "regionalebezeichnung",
];

/// Which column holds what.
#[derive(Debug, Default)]
struct Plan {
    kind: Option<LayoutKind>,
    key: Option<KeyColumns>,
    indicator: Option<usize>,
    period: Option<usize>,
    value: Option<usize>,
    ratio: [Option<usize>; 2],
    status: Option<usize>,
    note: Option<usize>,
    wide: Vec<WideColumn>,
}

/// A value column of a wide table.
#[derive(Debug, Clone)]
struct WideColumn {
    column: usize,
    ratio: [Option<usize>; 2],
    status: Option<usize>,
    /// A column beside it that seems to hold flags; all else in it is a remark.
    flags: Option<usize>,
    indicator: Slug,
    /// `None` where a column of periods says it.
    period: Option<Period>,
}

/// Reads a long or wide table. Problems are reported; what was understood stands in the reading.
pub fn read(table: &Table<'_>, settings: &Settings, report: &mut Report, progress: &dyn Progress) -> Reading {
    let mut reading = Reading::default();
    let Some(header) = header::find(table, settings) else {
        // What breaks a limit of tables is said first.
        table.each_row(report, progress, &mut |_, _, _| true);
        if !report.rejected() {
            report.error(None, None, "There is no header row in the file.");
        }
        return reading;
    };
    let parts: Vec<String> = header.stacks.concat();
    privacy::check_headers(&parts, report);
    reading.headers = header.names();
    reading.title.clone_from(&header.title);
    if header.line > 1 {
        report.fact("header_in_line", header.line);
    }
    let plan = match plan(&header, settings, &mut reading, report) {
        Ok(plan) => plan,
        Err(sentence) => {
            report.error(Some(header.line), None, sentence);
            return reading;
        }
    };
    let Some(key) = plan.key.clone() else { return reading };
    reading.key_column = key.columns().first().copied();
    let mut rows = RowReader::new(plan, key, reading.headers.len(), header.line);
    table.each_row(report, progress, &mut |line, row, report| {
        if line > header.line {
            rows.read(line, row, settings, &mut reading, report);
        }
        true
    });
    rows.watch.judge(&|column| reading.header(column), report);
    rows.finish(&reading, report);
    reading.finish(settings, report);
    reading
}

/// Finds the columns by the mapping, else by their headers.
fn plan(
    header: &Header,
    settings: &Settings,
    reading: &mut Reading,
    report: &mut Report,
) -> Result<Plan, String> {
    let mapping = &settings.mapping;
    let headers = &header.names();
    let role = |given: Option<&ColumnRef>, names: &[&str]| match given {
        Some(given) => find_column(headers, given).map(Some),
        None => find_named(headers, names),
    };
    let mut plan = Plan {
        key: Some(key_columns(header, headers, settings)?),
        indicator: role(mapping.indicator_column.as_ref(), INDICATOR)?,
        period: role(mapping.period_column.as_ref(), PERIOD)?,
        value: role(mapping.value.as_ref(), VALUE)?,
        ratio: [
            role(mapping.numerator.as_ref(), NUMERATOR)?,
            role(mapping.denominator.as_ref(), DENOMINATOR)?,
        ],
        status: role(mapping.status.as_ref(), STATUS)?,
        note: role(mapping.value_note.as_ref(), NOTE)?,
        ..Plan::default()
    };
    let has_value = plan.value.is_some() || plan.ratio.iter().all(Option::is_some);
    let kind = mapping.layout.unwrap_or(if has_value && mapping.columns.is_empty() {
        LayoutKind::Long
    } else {
        LayoutKind::Wide
    });
    plan.kind = Some(kind);
    report.fact("layout", kind.as_str());
    if kind == LayoutKind::Long {
        check_long(&plan, has_value, headers, settings)?;
    } else {
        plan.wide = wide_columns(&plan, header, settings, reading, report)?;
    }
    Ok(plan)
}

/// The key by the mapping, else as the header was found by it.
fn key_columns(header: &Header, headers: &[String], settings: &Settings) -> Result<KeyColumns, String> {
    let unknown = || {
        format!(
            "No column of keys was found among {}; name one 'key', 'AGS' or 'Schlüssel', or say key = … in the mapping.",
            listed(headers)
        )
    };
    match &settings.mapping.key {
        Some(KeyRef::One(reference)) => find_column(headers, reference).map(KeyColumns::One),
        Some(KeyRef::Parts(references)) => header::mapped_parts(headers, references).ok_or_else(|| {
            format!(
                "The columns of the key are not all found among {}; name those of Land, Regierungsbezirk, Kreis, Verband and Gemeinde in this order.",
                listed(headers)
            )
        }),
        None => match find_named(headers, KEY)? {
            Some(column) => Ok(KeyColumns::One(column)),
            None => header.key.clone().ok_or_else(unknown),
        },
    }
}

fn check_long(plan: &Plan, has_value: bool, headers: &[String], settings: &Settings) -> Result<(), String> {
    if !has_value {
        return Err(format!(
            "No column of values was found among {}; name one 'value' or 'Wert', or say value = … in the mapping.",
            listed(headers)
        ));
    }
    if plan.indicator.is_none() && settings.fixed_indicator().is_none() {
        return Err(
            "No column says which indicator the values are; name it with --indicator or in the mapping."
                .into(),
        );
    }
    if plan.period.is_none() && settings.fixed_period().is_none() {
        return Err(
            "No column says which period the values are of; name it with --period or in the mapping.".into(),
        );
    }
    Ok(())
}

/// The value columns of a wide table: those of the mapping, else every header that is a period or an indicator.
fn wide_columns(
    plan: &Plan,
    header: &Header,
    settings: &Settings,
    reading: &mut Reading,
    report: &mut Report,
) -> Result<Vec<WideColumn>, String> {
    let headers = &header.names();
    let mut columns = mapped_columns(plan, headers, settings)?;
    if columns.is_empty() || settings.drafting {
        recognised_columns(plan, header, settings, reading, &mut columns, report)?;
    }
    if columns.is_empty() {
        return Err(format!(
            "No column of values was found among {}: a header must be a period (with --indicator) or an indicator (with --period), or a mapping must say what it is; with --draft-indicators unknown columns become indicators.",
            listed(headers)
        ));
    }
    Ok(columns)
}

fn mapped_columns(plan: &Plan, headers: &[String], settings: &Settings) -> Result<Vec<WideColumn>, String> {
    let optional = |reference: &Option<ColumnRef>| {
        reference.as_ref().map(|reference| find_column(headers, reference)).transpose()
    };
    settings
        .mapping
        .columns
        .iter()
        .map(|rule| {
            let column = find_column(headers, &rule.column)?;
            let header = headers.get(column).map_or("", String::as_str);
            let indicator = rule.indicator.as_ref().or(settings.fixed_indicator()).ok_or_else(|| {
                format!("The mapping does not say which indicator column {} is.", rule.column)
            })?;
            let period = rule.period.clone().or_else(|| header.split(JOIN).find_map(parse_period));
            let period = period.or_else(|| settings.fixed_period().cloned());
            if period.is_none() && plan.period.is_none() {
                return Err(format!("The mapping does not say which period column {} is of.", rule.column));
            }
            Ok(WideColumn {
                column,
                ratio: [optional(&rule.numerator)?, optional(&rule.denominator)?],
                status: optional(&rule.status)?,
                flags: None,
                indicator: settings.named_indicator(indicator.as_str())?,
                period,
            })
        })
        .collect()
}

/// Adds the columns whose headers are periods or indicators, and drafts for all others if they are wanted.
fn recognised_columns(
    plan: &Plan,
    header: &Header,
    settings: &Settings,
    reading: &mut Reading,
    columns: &mut Vec<WideColumn>,
    report: &mut Report,
) -> Result<(), String> {
    let mut used = plan.key.as_ref().map(KeyColumns::columns).unwrap_or_default();
    used.extend([plan.period, plan.indicator, plan.status, plan.note].into_iter().flatten());
    used.extend(columns.iter().flat_map(|c| [Some(c.column), c.ratio[0], c.ratio[1], c.status]).flatten());
    let title_period = header.title.iter().find_map(|line| parse_period(line));
    let last_key = plan.key.as_ref().and_then(|key| key.columns().into_iter().max()).unwrap_or(0);
    for (column, stack) in header.stacks.iter().enumerate() {
        if stack.is_empty() || used.contains(&column) || is_name(stack) {
            continue;
        }
        let period = stack.iter().find_map(|part| parse_period(part));
        let path: Vec<String> = stack.iter().filter(|part| parse_period(part).is_none()).cloned().collect();
        let name = path.join(JOIN);
        let fixed = settings.fixed_indicator().filter(|_| period.is_some());
        let known = if path.is_empty() { None } else { settings.find_indicator(&name) };
        let shown = stack.join(JOIN);
        let indicator = match (known, fixed) {
            (Some(indicator), _) => indicator,
            (None, Some(fixed)) => settings.named_indicator(fixed.as_str())?,
            (None, None) if settings.drafting && column > last_key => {
                let number = header.stacks[..column].iter().filter(|other| *other == stack).count() + 1;
                let Some(slug) = draft(header, column, path, number, reading, settings) else { continue };
                slug
            }
            (None, None) if period.is_some() => {
                return Err(format!(
                    "Column '{shown}' is a period; name the indicator with --indicator or in the mapping, or make one with --draft-indicators."
                ));
            }
            (None, None) => {
                report.warning(
                    None,
                    Some(&shown),
                    "This column is neither a period nor an indicator and was not read.",
                );
                continue;
            }
        };
        let fixed = settings.fixed_period().or(title_period.as_ref()).filter(|_| plan.period.is_none());
        let period = period.or_else(|| fixed.cloned());
        if period.is_none() && plan.period.is_none() {
            return Err(format!(
                "Column '{shown}' is an indicator; name the period with --period or in the mapping."
            ));
        }
        let flags = flag_column(header, column);
        columns.push(WideColumn { column, ratio: [None, None], status: None, flags, indicator, period });
    }
    Ok(())
}

fn is_name(stack: &[String]) -> bool {
    stack.iter().any(|part| NAME.contains(&normal_header(part).as_str())) && stack.len() == 1
}

/// A column without header right of a value holds its flags.
fn flag_column(header: &Header, column: usize) -> Option<usize> {
    let next = header.stacks.get(column + 1)?;
    let names = |text: &String| STATUS.contains(&normal_header(text).as_str());
    (next.is_empty() || next.last().is_some_and(names)).then_some(column + 1)
}

/// The draft of a column: the table's title stands for a header that is only a period.
fn draft(
    header: &Header,
    column: usize,
    mut path: Vec<String>,
    number: usize,
    reading: &mut Reading,
    settings: &Settings,
) -> Option<Slug> {
    let mut unit = header.units[column].clone();
    if path.is_empty() {
        path.push(header.title.first().cloned().unwrap_or_else(|| settings.file.clone()));
    }
    if unit.is_empty()
        && let Some(last) = path.last_mut()
        && let Some((name, found)) = drafts::split_unit(last)
    {
        found.clone_into(&mut unit);
        *last = name.to_owned();
    }
    if number > 1 {
        path.push(number.to_string());
    }
    reading.draft(&drafts::code_of_file(&settings.file), &path, &unit, settings)
}

/// The column that a mapping means.
///
/// # Errors
/// A sentence, if there is none or more than one.
pub fn find_column(headers: &[String], reference: &ColumnRef) -> Result<usize, String> {
    match reference {
        ColumnRef::Number(number) => match number.checked_sub(1) {
            Some(column) if column < headers.len() => Ok(column),
            _ => Err(format!("There is no column {number}; the header has {}.", headers.len())),
        },
        ColumnRef::Header(header) => find_named(headers, &[&normal_header(header)])?
            .ok_or_else(|| format!("There is no column '{header}' among {}.", listed(headers))),
    }
}

fn find_named(headers: &[String], names: &[&str]) -> Result<Option<usize>, String> {
    let whole = |header: &str| normal_header(header);
    let last = |header: &str| normal_header(header.rsplit(JOIN).next().unwrap_or(header));
    // Names are in order of preference: a column 'key' wins over a column 'AGS'; the whole stack over its last line.
    for (form, name) in names
        .iter()
        .map(|name| (&whole as &dyn Fn(&str) -> String, name))
        .chain(names.iter().map(|name| (&last as &dyn Fn(&str) -> String, name)))
    {
        let mut found = headers.iter().enumerate().filter(|(_, header)| form(header) == *name);
        match (found.next(), found.next()) {
            (Some((column, _)), None) => return Ok(Some(column)),
            (Some((first, header)), Some((second, _))) => {
                return Err(format!(
                    "Columns {} and {} are both called '{header}'; give the number of the right one in the mapping.",
                    first + 1,
                    second + 1
                ));
            }
            (None, _) => {}
        }
    }
    Ok(None)
}

/// Headers for a message.
pub fn listed(headers: &[String]) -> String {
    let shown: Vec<_> = headers.iter().filter(|h| !h.is_empty()).take(30).map(|h| format!("'{h}'")).collect();
    shown.join(", ")
}

/// Reads the rows behind the header.
struct RowReader {
    plan: Plan,
    key: KeyColumns,
    footer: Footer,
    /// Line of the first row without a key, and how many there are.
    keyless: Option<(u64, u64)>,
    width: usize,
    watch: privacy::Watch,
    indicator_names: Names,
    indicators: Vec<Option<Slug>>,
    period_names: Names,
    periods: Vec<Option<Period>>,
    /// By (indicator, period) id.
    series: Vec<Vec<SeriesState>>,
}

/// What is known of the series of an indicator and a period.
#[derive(Debug, Clone, Copy)]
enum SeriesState {
    NotAsked,
    NotWanted,
    Is(u32),
}

impl RowReader {
    fn new(plan: Plan, key: KeyColumns, width: usize, header: u64) -> Self {
        let mut used: Vec<Option<usize>> = key.columns().into_iter().map(Some).collect();
        used.extend([plan.indicator, plan.period, plan.value, plan.ratio[0], plan.ratio[1]]);
        used.extend(plan.wide.iter().flat_map(|c| [Some(c.column), c.ratio[0], c.ratio[1], c.status]));
        let watch = privacy::Watch::new((0..width).filter(|column| !used.contains(&Some(*column))));
        let mut footer = Footer::default();
        footer.begin(header);
        Self {
            plan,
            key,
            footer,
            keyless: None,
            width,
            watch,
            indicator_names: Names::default(),
            indicators: Vec::new(),
            period_names: Names::default(),
            periods: Vec::new(),
            series: Vec::new(),
        }
    }

    fn read(
        &mut self,
        line: u64,
        row: Row<'_>,
        settings: &Settings,
        reading: &mut Reading,
        report: &mut Report,
    ) {
        if row.is_blank() || self.footer.reached(line, row, &self.key, settings) {
            return;
        }
        reading.rows += 1;
        self.watch.see(row);
        if let Some(sentence) = self.shifted(row) {
            return report.error(Some(line), None, sentence);
        }
        let key = match self.key.read(row) {
            Ok(key) => key,
            Err(sentence) => {
                let header = reading.key_header();
                return report.error(Some(line), header.as_deref(), sentence);
            }
        };
        if (key.is_empty() && !self.has_values(row)) || (header::is_total(row) && !settings.keys.knows(&key))
        {
            self.keyless = Some(self.keyless.map_or((line, 1), |(first, count)| (first, count + 1)));
            return;
        }
        if key.is_empty() {
            let header = reading.key_header();
            return report.error(Some(line), header.as_deref(), "The key is empty in a row that is not.");
        }
        let key = reading.key_id(&key, line, settings);
        if self.plan.wide.is_empty() {
            self.read_long(line, key, row, settings, reading, report);
        } else {
            self.read_wide(line, key, row, settings, reading, report);
        }
    }

    /// True if any of the columns that are read as values holds something.
    fn has_values(&self, row: Row<'_>) -> bool {
        let long = [self.plan.value, self.plan.ratio[0], self.plan.ratio[1]];
        let wide = self.plan.wide.iter().map(|wide| Some(wide.column));
        long.into_iter().chain(wide).flatten().any(|column| !row.cell(column).is_blank())
    }

    /// Reports what was passed over.
    fn finish(&self, reading: &Reading, report: &mut Report) {
        self.footer.finish(report);
        if let Some((line, count)) = self.keyless {
            let sentence =
                format!("{count} rows without a key, headings or sums, were not read; this is the first.");
            report.problem(Severity::Notice, Some(line), reading.key_header().as_deref(), sentence);
        }
    }

    /// A text row must be as wide as its header; what is beyond must be empty. Sheets end rows at the last cell.
    fn shifted(&self, row: Row<'_>) -> Option<String> {
        let short = matches!(row, Row::Text(_)) && row.len() < self.width;
        let long = (self.width..row.len()).any(|column| !row.cell(column).is_blank());
        (short || long).then(|| {
            format!(
                "The row has {} columns, the header has {}; a delimiter is missing or too many, so the values would stand in the wrong columns.",
                row.len(),
                self.width
            )
        })
    }

    fn read_long(
        &mut self,
        line: u64,
        key: u32,
        row: Row<'_>,
        settings: &Settings,
        reading: &mut Reading,
        report: &mut Report,
    ) {
        let Some(indicator) = self.indicator_id(line, row, settings, reading, report) else { return };
        let Some(period) = self.period_id(line, row, settings, reading, report) else { return };
        let Some(series) = self.series_id(indicator, period, settings, reading) else {
            reading.left_out += 1;
            return;
        };
        let pair = |column: Option<usize>| column.map(|column| (column, row.cell(column)));
        let text = |column: Option<usize>| match column.map(|column| row.cell(column)) {
            Some(Cell::Text(text)) => text.trim(),
            _ => "",
        };
        let seen = Observation {
            key,
            series,
            line,
            value: pair(self.plan.value),
            ratio: self.plan.ratio.map(pair),
            status: text(self.plan.status),
            note: text(self.plan.note),
        };
        reading.observe(seen, settings, report);
    }

    fn read_wide(
        &mut self,
        line: u64,
        key: u32,
        row: Row<'_>,
        settings: &Settings,
        reading: &mut Reading,
        report: &mut Report,
    ) {
        let of_row = if self.plan.wide.iter().any(|c| c.period.is_none()) {
            let Some(id) = self.period_id(line, row, settings, reading, report) else { return };
            self.periods[id as usize].clone()
        } else {
            None
        };
        for wide in &self.plan.wide {
            let Some(period) = wide.period.as_ref().or(of_row.as_ref()) else { continue };
            let Some(series) = reading.series_id(&wide.indicator, period, settings) else {
                reading.left_out += 1;
                continue;
            };
            let mut seen = Observation::of_columns(row, line, (key, series), wide.column, wide.ratio);
            let text = |column: Option<usize>| match column.map(|column| row.cell(column)) {
                Some(Cell::Text(text)) => text.trim(),
                _ => "",
            };
            let is_flag = |flag: &&str| settings.mapping.sign_profile.flag(flag).is_some();
            seen.status = match text(wide.status) {
                "" => Some(text(wide.flags)).filter(is_flag).unwrap_or_default(),
                status => status,
            };
            reading.observe(seen, settings, report);
        }
    }

    /// The id of the row's indicator; an unknown one is reported once.
    fn indicator_id(
        &mut self,
        line: u64,
        row: Row<'_>,
        settings: &Settings,
        reading: &mut Reading,
        report: &mut Report,
    ) -> Option<u32> {
        let text = match (self.plan.indicator, settings.fixed_indicator()) {
            (Some(column), _) => row.cell(column).text(),
            (None, Some(slug)) => slug.as_str().into(),
            (None, None) => return None,
        };
        let id = self.indicator_names.id(&text, line);
        if id as usize == self.indicators.len() {
            let mut indicator = settings.find_indicator(&text);
            if indicator.is_none() && settings.drafting {
                let path = [text.clone().into_owned()];
                indicator = reading.draft(&drafts::code_of_file(&settings.file), &path, "", settings);
            }
            if indicator.is_none() {
                let header = self.plan.indicator.map(|column| reading.header(column));
                report.error_with(Some(line), header.as_deref(), || settings.unknown_indicator(&text));
            }
            self.indicators.push(indicator);
        }
        self.indicators[id as usize].as_ref().map(|_| id)
    }

    /// The id of the row's period; a text that is none is reported once.
    fn period_id(
        &mut self,
        line: u64,
        row: Row<'_>,
        settings: &Settings,
        reading: &Reading,
        report: &mut Report,
    ) -> Option<u32> {
        let (id, period) = if let Some(column) = self.plan.period {
            let cell = row.cell(column);
            let id = self.period_names.id(&cell.text(), line);
            (id, (id as usize == self.periods.len()).then(|| cell_period(cell)))
        } else {
            let id = self.period_names.id("", line);
            (id, (id as usize == self.periods.len()).then(|| settings.fixed_period().cloned()))
        };
        if let Some(period) = period {
            if period.is_none() {
                let header = self.plan.period.map(|column| reading.header(column));
                let text = self.period_names.list()[id as usize].0.chars().take(40).collect::<String>();
                report.error(
                    Some(line),
                    header.as_deref(),
                    format!("'{text}' is no period; write 2023, 31.12.2023, 2023-Q2, 2023/24 or 2019..2023."),
                );
            }
            self.periods.push(period);
        }
        self.periods[id as usize].as_ref().map(|_| id)
    }

    fn series_id(
        &mut self,
        indicator: u32,
        period: u32,
        settings: &Settings,
        reading: &mut Reading,
    ) -> Option<u32> {
        let (i, p) = (indicator as usize, period as usize);
        if self.series.len() <= i {
            self.series.resize(i + 1, Vec::new());
        }
        if self.series[i].len() <= p {
            self.series[i].resize(p + 1, SeriesState::NotAsked);
        }
        match self.series[i][p] {
            SeriesState::NotAsked => {}
            SeriesState::NotWanted => return None,
            SeriesState::Is(id) => return Some(id),
        }
        let (Some(slug), Some(span)) = (&self.indicators[i], &self.periods[p]) else { return None };
        let id = reading.series_id(slug, span, settings);
        self.series[i][p] = id.map_or(SeriesState::NotWanted, SeriesState::Is);
        id
    }
}

/// True for a header, as [`normal_header`] writes it, that stands over keys or names of regions.
pub fn is_key_or_name(normal: &str) -> bool {
    KEY.contains(&normal) || NAME.contains(&normal)
}
