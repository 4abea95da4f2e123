//! The rows of an own table → observations, by the columns that were found.
//!
//! Must not know: regions. Invariant: a row that is shorter than the header is reported, never padded: its values would
//! stand in the wrong columns.

use super::{
    columns::Plan,
    drafts,
    header::{self, Footer, KeyColumns},
    names::Names,
    privacy,
    reading::{Observation, Reading},
    row::{Cell, Row, cell_period},
    settings::Settings,
};
use crate::{
    domain::{Period, Slug},
    ingest::{Report, Severity},
};

/// Most different periods of a table; the series are kept by indicator and period.
const MAX_PERIODS: usize = 10_000;

/// Reads the rows behind the header.
pub struct RowReader {
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
    /// A reader of the rows behind line `header` of a table of that width; nothing but blank rows stands between.
    pub fn new(plan: Plan, key: KeyColumns, width: usize, header: u64) -> Self {
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

    /// Reads a row into `reading`.
    pub fn read(
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

    /// A reader of the same columns that has read nothing, of the rows behind a line.
    pub fn again(&self, line: u64) -> Self {
        Self::new(self.plan.clone(), self.key.clone(), self.width, line)
    }

    /// The reader of the rows up to here and of those behind, which begin behind line `break_at`; `None` if the one
    /// behind would have read otherwise if it had known those before.
    pub fn join(self, behind: Self, break_at: u64) -> Option<Self> {
        let within = self.periods.len() + behind.periods.len() <= MAX_PERIODS;
        let knew_enough = within
            && self.watch.is_done()
            && !self.footer.is_reached()
            && self.footer.last_line() == break_at;
        let keyless = match (self.keyless, behind.keyless) {
            (Some((first, count)), Some((_, more))) => Some((first, count + more)),
            (before, behind) => before.or(behind),
        };
        knew_enough.then_some(Self { keyless, footer: behind.footer, ..self })
    }

    /// Reports what was passed over, and columns that look like personal data.
    pub fn finish(&self, reading: &Reading, report: &mut Report) {
        self.watch.judge(&|column| reading.header(column), report);
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
        reading: &mut Reading,
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
        if self.periods.len() > MAX_PERIODS {
            reading.end(
                Some(line),
                format!("The table has more than {MAX_PERIODS} periods; is their column the right one?"),
            );
            return None;
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
