//! The flat file of GENESIS and the Regionalstatistik ("ffcsv", new form): one row per value, with the codes of all
//! its variables.
//!
//! Must not know: regions. Invariant: a row belongs to a series only if every variable that the mapping does not name
//! stands at its total (an empty attribute code); so categories are never added to their total.

use super::{
    mapping::SeriesRule,
    reading::{Names, Observation, Reading, Settings},
    row::{Cell, Row, cell_period},
    table::Table,
};
use crate::{
    domain::{Period, Slug},
    ingest::{Progress, Report},
};

/// Codes of variables that hold regions.
const REGION_VARIABLES: &[&str] =
    &["GEMEIN", "GEMEINDE", "KREISE", "KREIS", "REGBEZ", "DLAND", "DINSG", "VERBND", "GEMVRB", "AMTBEZ"];

/// True if a header row is that of the new form.
pub fn is_new_form(headers: &[String]) -> bool {
    let has = |name: &str| headers.iter().any(|h| h == name);
    has("statistics_code") && has("time") && has("value") && has("value_variable_code")
}

/// True if a header row is that of the old form.
pub fn is_old_form(headers: &[String]) -> bool {
    headers.iter().any(|h| h == "Statistik_Code") && headers.iter().any(|h| h == "Zeit")
}

/// The columns of the file.
struct Plan {
    width: usize,
    time: usize,
    value: usize,
    value_code: usize,
    quality: Option<usize>,
    /// Columns of code and attribute code of each variable.
    variables: Vec<(usize, usize)>,
    /// Which of the variables is the region; known from the first row.
    region: Option<usize>,
}

/// What a combination of codes is.
#[derive(Clone)]
enum Meaning {
    Series(Slug),
    NotWanted,
}

/// Reads a flat file.
pub fn read(table: &Table<'_>, settings: &Settings, report: &mut Report, progress: &dyn Progress) -> Reading {
    let mut reading = Reading::official();
    let mut rows: Option<RowReader> = None;
    for rule in &settings.mapping.series {
        if let Err(sentence) = settings.named_indicator(rule.indicator.as_str()) {
            report.error(None, None, sentence);
        }
    }
    table.each_row(report, progress, &mut |line, row, report| {
        if let Some(rows) = &mut rows {
            return rows.read(line, row, settings, &mut reading, report);
        }
        reading.headers = row.texts();
        match plan(&reading.headers) {
            Some(plan) => rows = Some(RowReader::new(plan)),
            None => report.error(Some(line), None, "Columns of the flat file of GENESIS are missing."),
        }
        rows.is_some()
    });
    if let Some(rows) = rows {
        rows.finish(settings, report);
    }
    reading.finish(settings, report);
    reading
}

fn plan(headers: &[String]) -> Option<Plan> {
    let find = |name: &str| headers.iter().position(|h| h == name);
    let variable = |n: usize| {
        Some((find(&format!("{n}_variable_code"))?, find(&format!("{n}_variable_attribute_code"))?))
    };
    Some(Plan {
        width: headers.len(),
        time: find("time")?,
        value: find("value")?,
        value_code: find("value_variable_code")?,
        quality: find("value_q"),
        variables: (1..=headers.len()).map_while(variable).collect(),
        region: None,
    })
}

struct RowReader {
    plan: Plan,
    combinations: Names,
    meanings: Vec<Meaning>,
    times: Names,
    periods: Vec<Option<Period>>,
    /// Value codes seen at the total of all variables, for a file without `[[series]]`.
    value_codes: Names,
    buffer: String,
}

impl RowReader {
    fn new(plan: Plan) -> Self {
        Self {
            plan,
            combinations: Names::default(),
            meanings: Vec::new(),
            times: Names::default(),
            periods: Vec::new(),
            value_codes: Names::default(),
            buffer: String::new(),
        }
    }

    /// Reads a row; false ends the reading.
    fn read(
        &mut self,
        line: u64,
        row: Row<'_>,
        settings: &Settings,
        reading: &mut Reading,
        report: &mut Report,
    ) -> bool {
        reading.rows += 1;
        if row.len() != self.plan.width {
            let sentence = format!("The row has {} columns, the header has {}.", row.len(), self.plan.width);
            report.error(Some(line), None, sentence);
            return true;
        }
        let Some(region) = self.plan.region.or_else(|| self.find_region(row, settings)) else {
            report.error(
                Some(line),
                None,
                "No variable of the file is known to hold regions; say region_variable = \"CODE\" in the mapping.",
            );
            return false;
        };
        self.plan.region = Some(region);
        let Meaning::Series(indicator) = self.meaning(line, row, region, settings) else {
            reading.left_out += 1;
            return true;
        };
        let Some(period) = self.period(line, row, report) else { return true };
        let Some(series) = reading.series_id(&indicator, &period, settings) else {
            reading.left_out += 1;
            return true;
        };
        let key = row.cell(self.plan.variables[region].1).text();
        let key = reading.keys.id(if key.is_empty() { "DG" } else { &key }, line);
        let value = (self.plan.value, row.cell(self.plan.value));
        // Without a value the quality column holds the sign.
        let value = match self.plan.quality {
            Some(quality) if value.1.is_blank() => (quality, row.cell(quality)),
            _ => value,
        };
        let seen = Observation {
            key,
            series,
            line,
            value: Some(value),
            ratio: [None, None],
            status: self.flag(row),
            note: "",
        };
        reading.observe(seen, settings, report);
        true
    }

    /// The flag beside a number, if it is one that says something about it.
    fn flag<'a>(&self, row: Row<'a>) -> &'a str {
        let Some(Cell::Text(text)) = self.plan.quality.map(|quality| row.cell(quality)) else { return "" };
        let flagged = matches!(text.trim(), "p" | "r" | "s") && !row.cell(self.plan.value).is_blank();
        if flagged { text.trim() } else { "" }
    }

    fn find_region(&self, row: Row<'_>, settings: &Settings) -> Option<usize> {
        self.plan.variables.iter().position(|(code, _)| {
            let code = row.cell(*code).text();
            settings.mapping.region_variable.as_deref().map_or_else(
                || REGION_VARIABLES.iter().any(|known| code.eq_ignore_ascii_case(known)),
                |named| code == named,
            )
        })
    }

    fn meaning(&mut self, line: u64, row: Row<'_>, region: usize, settings: &Settings) -> Meaning {
        self.buffer.clear();
        self.buffer.push_str(&row.cell(self.plan.value_code).text());
        for (index, (code, attribute)) in self.plan.variables.iter().enumerate() {
            if index != region {
                self.buffer.push('\u{1}');
                self.buffer.push_str(&row.cell(*code).text());
                self.buffer.push('\u{2}');
                self.buffer.push_str(&row.cell(*attribute).text());
            }
        }
        let id = self.combinations.id(&self.buffer, line) as usize;
        if id == self.meanings.len() {
            let combination = std::mem::take(&mut self.buffer);
            let (value, attributes) = split_combination(&combination);
            let meaning = self.decide(value, &attributes, line, settings);
            self.meanings.push(meaning);
            self.buffer = combination;
        }
        self.meanings[id].clone()
    }

    fn decide(
        &mut self,
        value: &str,
        attributes: &[(&str, &str)],
        line: u64,
        settings: &Settings,
    ) -> Meaning {
        if settings.mapping.series.is_empty() {
            let total = attributes.iter().all(|(_, attribute)| attribute.is_empty());
            let Some(indicator) = settings.fixed_indicator().filter(|_| total) else {
                self.value_codes.id(value, line);
                return Meaning::NotWanted;
            };
            self.value_codes.id(value, line);
            return Meaning::Series(indicator.clone());
        }
        let rule = settings.mapping.series.iter().find(|rule| fits(rule, value, attributes));
        rule.map_or(Meaning::NotWanted, |rule| Meaning::Series(rule.indicator.clone()))
    }

    fn period(&mut self, line: u64, row: Row<'_>, report: &mut Report) -> Option<Period> {
        let cell = row.cell(self.plan.time);
        let id = self.times.id(&cell.text(), line) as usize;
        if id == self.periods.len() {
            let period = cell_period(cell);
            if period.is_none() {
                report.error(Some(line), Some("time"), format!("'{}' is no period.", cell.text()));
            }
            self.periods.push(period);
        }
        self.periods[id].clone()
    }

    /// A file of several values needs a mapping that says which is meant.
    fn finish(&self, settings: &Settings, report: &mut Report) {
        if !settings.mapping.series.is_empty() {
            return;
        }
        let codes: Vec<_> = self.value_codes.list().iter().map(|(code, _)| &**code).collect();
        if settings.fixed_indicator().is_none() || codes.len() > 1 {
            report.error(
                None,
                Some("value_variable_code"),
                format!(
                    "The file holds the values {}; say in the mapping which is which indicator: [[series]] value = \"CODE\" indicator = \"SLUG\" (a file of one value needs --indicator only).",
                    codes.join(", ")
                ),
            );
        }
    }
}

fn split_combination(text: &str) -> (&str, Vec<(&str, &str)>) {
    let mut parts = text.split('\u{1}');
    let value = parts.next().unwrap_or_default();
    (value, parts.filter_map(|part| part.split_once('\u{2}')).collect())
}

/// True if a row of these codes belongs to the series of the rule.
fn fits(rule: &SeriesRule, value: &str, attributes: &[(&str, &str)]) -> bool {
    let wanted = |code: &str| rule.attributes.get(code).map_or("", String::as_str);
    rule.value.as_deref().is_none_or(|code| code == value)
        && attributes.iter().all(|(code, attribute)| wanted(code) == *attribute)
        && rule.attributes.keys().all(|code| attributes.iter().any(|(present, _)| present == code))
}
