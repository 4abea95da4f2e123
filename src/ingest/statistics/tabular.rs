//! Own tables, long and wide, of text files and sheets.
//!
//! Must not know: regions. Invariant: a row that is shorter than the header is reported, never padded: its values would
//! stand in the wrong columns.

use super::{
    mapping::{ColumnRef, LayoutKind, normal_header},
    privacy,
    reading::{Names, Observation, Reading, Settings},
    row::{Cell, Row, cell_period, parse_period},
    table::Table,
};
use crate::{
    domain::{Period, Slug},
    ingest::{Progress, Report},
};

/// Headers that are understood without a mapping, as [`normal_header`] writes them.
const KEY: &[&str] = &[
    "key",
    "schluessel",
    "ags",
    "ars",
    "rs",
    "regionalschluessel",
    "gemeindeschluessel",
    "gebietsschluessel",
    "kreisschluessel",
];
const INDICATOR: &[&str] = &["indicator", "indikator"];
const PERIOD: &[&str] = &["period", "zeitraum", "stichtag", "jahr", "year"];
const VALUE: &[&str] = &["value", "wert"];
const NUMERATOR: &[&str] = &["numerator", "zaehler"];
const DENOMINATOR: &[&str] = &["denominator", "nenner"];
const STATUS: &[&str] = &["status", "zeichen"];
const NOTE: &[&str] = &["note", "bemerkung", "anmerkung"];
/// Names of regions: for people, never read.
const NAME: &[&str] = &[
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
];

/// Which column holds what.
#[derive(Debug, Default)]
struct Plan {
    kind: Option<LayoutKind>,
    key: usize,
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
    indicator: Slug,
    /// `None` where a column of periods says it.
    period: Option<Period>,
}

/// Reads a long or wide table. Problems are reported; what was understood stands in the reading.
pub fn read(table: &Table<'_>, settings: &Settings, report: &mut Report, progress: &dyn Progress) -> Reading {
    let mut reading = Reading::default();
    let mut rows: Option<RowReader> = None;
    table.each_row(report, progress, &mut |line, row, report| {
        if let Some(rows) = &mut rows {
            rows.read(line, row, settings, &mut reading, report);
            return true;
        }
        if settings.mapping.header_row.map_or_else(|| row.is_blank(), |header| line < header) {
            return true;
        }
        reading.headers = row.texts();
        privacy::check_headers(&reading.headers, report);
        match plan(&reading.headers, settings, report) {
            Ok(plan) => {
                reading.key_column = Some(plan.key);
                rows = Some(RowReader::new(plan, reading.headers.len()));
            }
            Err(sentence) => report.error(Some(line), None, sentence),
        }
        rows.is_some()
    });
    match rows {
        Some(rows) => rows.watch.judge(&|column| reading.header(column), report),
        None if !report.rejected() => report.error(None, None, "There is no header row in the file."),
        None => {}
    }
    reading.finish(settings, report);
    reading
}

/// Finds the columns by the mapping, else by their headers.
fn plan(headers: &[String], settings: &Settings, report: &mut Report) -> Result<Plan, String> {
    let mapping = &settings.mapping;
    let role = |given: Option<&ColumnRef>, names: &[&str]| match given {
        Some(given) => find_column(headers, given).map(Some),
        None => find_named(headers, names),
    };
    let key = role(mapping.key.as_ref(), KEY)?.ok_or_else(|| {
        format!(
            "No column of keys was found among {}; name one 'key', 'AGS' or 'Schlüssel', or say key = … in the mapping.",
            listed(headers)
        )
    })?;
    let mut plan = Plan {
        key,
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
        plan.wide = wide_columns(&plan, headers, settings, report)?;
    }
    Ok(plan)
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
    headers: &[String],
    settings: &Settings,
    report: &mut Report,
) -> Result<Vec<WideColumn>, String> {
    let columns = if settings.mapping.columns.is_empty() {
        recognised_columns(plan, headers, settings, report)?
    } else {
        mapped_columns(plan, headers, settings)?
    };
    if columns.is_empty() {
        return Err(format!(
            "No column of values was found among {}: a header must be a period (with --indicator) or an indicator (with --period), or a mapping must say what it is.",
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
            let period = rule.period.clone().or_else(|| parse_period(header));
            let period = period.or_else(|| settings.fixed_period().cloned());
            if period.is_none() && plan.period.is_none() {
                return Err(format!("The mapping does not say which period column {} is of.", rule.column));
            }
            Ok(WideColumn {
                column,
                ratio: [optional(&rule.numerator)?, optional(&rule.denominator)?],
                indicator: settings.named_indicator(indicator.as_str())?,
                period,
            })
        })
        .collect()
}

fn recognised_columns(
    plan: &Plan,
    headers: &[String],
    settings: &Settings,
    report: &mut Report,
) -> Result<Vec<WideColumn>, String> {
    let mut columns = Vec::new();
    let used = [Some(plan.key), plan.period, plan.indicator, plan.status, plan.note];
    for (column, header) in headers.iter().enumerate() {
        if header.is_empty() || used.contains(&Some(column)) || NAME.contains(&normal_header(header).as_str())
        {
            continue;
        }
        if let Some(period) = parse_period(header) {
            let indicator = settings.fixed_indicator().ok_or_else(|| {
                format!(
                    "Column '{header}' is a period; name the indicator with --indicator or in the mapping."
                )
            })?;
            columns.push((column, settings.named_indicator(indicator.as_str())?, Some(period)));
        } else if let Ok(indicator) = settings.named_indicator(header) {
            let period = settings.fixed_period().filter(|_| plan.period.is_none()).cloned();
            if period.is_none() && plan.period.is_none() {
                return Err(format!(
                    "Column '{header}' is an indicator; name the period with --period or in the mapping."
                ));
            }
            columns.push((column, indicator, period));
        } else {
            report.warning(
                None,
                Some(header),
                "This column is neither a period nor an indicator and was not read.",
            );
        }
    }
    let wide = |(column, indicator, period)| WideColumn { column, ratio: [None, None], indicator, period };
    Ok(columns.into_iter().map(wide).collect())
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
    // Names are in order of preference: a column 'key' wins over a column 'AGS'.
    for name in names {
        let mut found = headers.iter().enumerate().filter(|(_, header)| normal_header(header) == *name);
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
    fn new(plan: Plan, width: usize) -> Self {
        let mut used =
            vec![Some(plan.key), plan.indicator, plan.period, plan.value, plan.ratio[0], plan.ratio[1]];
        used.extend(plan.wide.iter().flat_map(|c| [Some(c.column), c.ratio[0], c.ratio[1]]));
        let watch = privacy::Watch::new((0..width).filter(|column| !used.contains(&Some(*column))));
        Self {
            plan,
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
        if row.is_blank() {
            return;
        }
        reading.rows += 1;
        self.watch.see(row);
        if let Some(sentence) = self.shifted(row) {
            return report.error(Some(line), None, sentence);
        }
        let key = row.cell(self.plan.key).text();
        if key.is_empty() {
            let header = reading.header(self.plan.key);
            return report.error(Some(line), Some(&header), "The key is empty in a row that is not.");
        }
        let key = reading.keys.id(&key, line);
        if self.plan.wide.is_empty() {
            self.read_long(line, key, row, settings, reading, report);
        } else {
            self.read_wide(line, key, row, settings, reading, report);
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
            let pair = |column: usize| (column, row.cell(column));
            let seen = Observation {
                key,
                series,
                line,
                value: Some(pair(wide.column)),
                ratio: wide.ratio.map(|column| column.map(pair)),
                status: "",
                note: "",
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
        reading: &Reading,
        report: &mut Report,
    ) -> Option<u32> {
        let text = match (self.plan.indicator, settings.fixed_indicator()) {
            (Some(column), _) => row.cell(column).text(),
            (None, Some(slug)) => slug.as_str().into(),
            (None, None) => return None,
        };
        let id = self.indicator_names.id(&text, line);
        if id as usize == self.indicators.len() {
            let indicator = settings.find_indicator(&text);
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
