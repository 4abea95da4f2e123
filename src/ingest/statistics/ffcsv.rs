//! The flat file of GENESIS and the Regionalstatistik ("ffcsv"): rows with the codes of all their variables.
//!
//! In the new form a row has one value, whose code stands in `value_variable_code`; in the old form a row has one column
//! per value, called `CODE__Label__Unit`, perhaps with a column of signs and flags, `CODE__Label__q`.
//!
//! Must not know: regions. Invariant: a row belongs to a series only if every variable that the mapping does not name
//! stands at its total (an empty attribute code); so categories are never added to their total.

use super::{
    mapping::SeriesRule,
    names::Names,
    reading::{Observation, Reading},
    row::{Cell, Row, cell_period},
    settings::Settings,
    table::Table,
};
use crate::{
    domain::{Period, Slug},
    ingest::{Progress, Report},
};

/// Codes of variables that hold regions.
const REGION_VARIABLES: &[&str] =
    &["GEMEIN", "GEMEINDE", "KREISE", "KREIS", "REGBEZ", "DLAND", "DINSG", "VERBND", "GEMVRB", "AMTBEZ"];

/// Names of the columns of one form.
struct Form {
    time: &'static str,
    /// Ends of the names of the columns of a variable and its attribute, behind the number of the variable.
    variable: [&'static str; 2],
    /// Code and label of the statistics, and the end of the name of the column with the label of an attribute.
    labels: [&'static str; 3],
}

const NEW: Form = Form {
    time: "time",
    variable: ["_variable_code", "_variable_attribute_code"],
    labels: ["statistics_code", "statistics_label", "_variable_attribute_label"],
};
const OLD: Form = Form {
    time: "Zeit",
    variable: ["_Merkmal_Code", "_Auspraegung_Code"],
    labels: ["Statistik_Code", "Statistik_Label", "_Auspraegung_Label"],
};

/// Between code, label and unit in the header of a value column of the old form.
const JOIN: &str = "__";

/// End of the header of a column of signs and flags of the old form.
const QUALITY: &str = "__q";

fn is_new_form(headers: &[String]) -> bool {
    let has = |name: &str| headers.iter().any(|h| h == name);
    has("statistics_code") && has("time") && has("value") && has("value_variable_code")
}

/// True if a header row is that of a flat file.
pub fn is_flat_file(headers: &[String]) -> bool {
    let has = |name: &str| headers.iter().any(|h| h == name);
    is_new_form(headers) || (has("Statistik_Code") && has("Zeit"))
}

/// A column of values.
#[derive(Debug)]
struct ValueColumn {
    column: usize,
    /// Column of signs and flags.
    quality: Option<usize>,
    code: Code,
}

/// Which value a column holds.
#[derive(Debug)]
enum Code {
    /// The one whose code stands in another column.
    Column(usize),
    /// Always the same: its code and the header of its column.
    Fixed(String, String),
}

/// The columns of the file.
struct Plan {
    width: usize,
    time: usize,
    time_name: &'static str,
    values: Vec<ValueColumn>,
    /// Columns of code and attribute code of each variable.
    variables: Vec<(usize, usize)>,
    /// Which of the variables is the region; known from the first row.
    region: Option<usize>,
    labels: Labels,
}

/// Columns of words, for drafts.
#[derive(Debug, Default)]
struct Labels {
    statistics: Option<usize>,
    title: Option<usize>,
    value: Option<usize>,
    unit: Option<usize>,
    /// Attribute of each variable.
    attributes: Vec<Option<usize>>,
}

impl Plan {
    /// The draft indicator of a row: the value's label and the attributes that are no total.
    fn draft(
        &self,
        index: usize,
        row: Row<'_>,
        region: usize,
        reading: &mut Reading,
        settings: &Settings,
    ) -> Option<Slug> {
        let text = |column: Option<usize>| column.map(|column| row.cell(column).text().into_owned());
        let code = |column: usize| row.cell(column).text().into_owned();
        let (name, unit) = match &self.values[index].code {
            Code::Column(column) => {
                let name = text(self.labels.value).unwrap_or_else(|| code(*column));
                (name, text(self.labels.unit).unwrap_or_default())
            }
            Code::Fixed(_, header) => {
                let mut words = header.split(JOIN).skip(1).map(str::to_owned);
                (words.next().unwrap_or_default(), words.next().unwrap_or_default())
            }
        };
        let mut path = vec![name];
        for (index, (_, attribute)) in self.variables.iter().enumerate() {
            if index != region && !row.cell(*attribute).is_blank() {
                let label = text(self.labels.attributes[index]).filter(|label| !label.is_empty());
                path.push(label.unwrap_or_else(|| code(*attribute)));
            }
        }
        if reading.title.is_empty() {
            reading.title =
                [text(self.labels.statistics), text(self.labels.title)].into_iter().flatten().collect();
        }
        let statistics = text(self.labels.statistics).unwrap_or_default();
        reading.draft(&statistics, &path, &unit, settings)
    }
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
            return rows.read(line, row, settings, &mut reading, report) && !reading.is_over();
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
    let (form, values) = if is_new_form(headers) {
        let code = Code::Column(find("value_variable_code")?);
        (NEW, vec![ValueColumn { column: find("value")?, quality: find("value_q"), code }])
    } else {
        (OLD, value_columns(headers))
    };
    let [variable, attribute] = form.variable;
    let columns = |n: usize| Some((find(&format!("{n}{variable}"))?, find(&format!("{n}{attribute}"))?));
    let variables: Vec<(usize, usize)> = (1..=headers.len()).map_while(columns).collect();
    let [statistics, title, attribute_label] = form.labels;
    let label = |n: usize| find(&format!("{n}{attribute_label}"));
    let labels = Labels {
        statistics: find(statistics),
        title: find(title),
        value: find("value_variable_label"),
        unit: find("value_unit"),
        attributes: (1..=variables.len()).map(label).collect(),
    };
    Some(Plan {
        width: headers.len(),
        time: find(form.time)?,
        time_name: form.time,
        values: Some(values).filter(|values| !values.is_empty())?,
        variables,
        region: None,
        labels,
    })
}

/// The value columns of the old form.
fn value_columns(headers: &[String]) -> Vec<ValueColumn> {
    let values = headers.iter().enumerate().filter(|(_, header)| !header.ends_with(QUALITY));
    let made = values.filter_map(|(column, header)| {
        let (code, _) = header.split_once(JOIN)?;
        let named = header.rsplit_once(JOIN).map(|(name, _)| format!("{name}{QUALITY}"));
        let quality = headers.iter().position(|other| named.as_ref() == Some(other));
        Some(ValueColumn { column, quality, code: Code::Fixed(code.to_owned(), header.clone()) })
    });
    made.collect()
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
        for index in 0..self.plan.values.len() {
            self.read_value(index, line, row, region, settings, reading, report);
        }
        true
    }

    #[expect(clippy::too_many_arguments, reason = "the place in the file and what all layouts write into")]
    fn read_value(
        &mut self,
        index: usize,
        line: u64,
        row: Row<'_>,
        region: usize,
        settings: &Settings,
        reading: &mut Reading,
        report: &mut Report,
    ) {
        let Meaning::Series(indicator) = self.meaning(index, line, row, region, reading, settings) else {
            reading.left_out += 1;
            return;
        };
        let Some(period) = self.period(line, row, report) else { return };
        let Some(series) = reading.series_id(&indicator, &period, settings) else {
            reading.left_out += 1;
            return;
        };
        let key = row.cell(self.plan.variables[region].1).text();
        let key = reading.keys.id(if key.is_empty() { "DG" } else { &key }, line);
        let column = &self.plan.values[index];
        let quality = column.quality.map(|quality| (quality, row.cell(quality)));
        let value = (column.column, row.cell(column.column));
        // Without a value the quality column holds the sign.
        let (value, status) = match quality {
            Some(sign) if value.1.is_blank() => (sign, ""),
            Some((_, Cell::Text(text))) => (value, flag(value.1, text.trim())),
            _ => (value, ""),
        };
        let seen =
            Observation { key, series, line, value: Some(value), ratio: [None, None], status, note: "" };
        reading.observe(seen, settings, report);
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

    fn meaning(
        &mut self,
        index: usize,
        line: u64,
        row: Row<'_>,
        region: usize,
        reading: &mut Reading,
        settings: &Settings,
    ) -> Meaning {
        self.buffer.clear();
        match &self.plan.values[index].code {
            Code::Column(column) => self.buffer.push_str(&row.cell(*column).text()),
            Code::Fixed(_, header) => self.buffer.push_str(header),
        }
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
            let names = match &self.plan.values[index].code {
                Code::Column(_) => [value.to_owned(), value.to_owned()],
                Code::Fixed(code, header) => [code.clone(), header.clone()],
            };
            let mut meaning = self.decide(&names, &attributes, line, settings);
            if matches!(meaning, Meaning::NotWanted)
                && settings.drafting
                && settings.fixed_indicator().is_none()
            {
                meaning =
                    self.plan.draft(index, row, region, reading, settings).map_or(meaning, Meaning::Series);
            }
            self.meanings.push(meaning);
            self.buffer = combination;
        }
        self.meanings[id].clone()
    }

    fn decide(
        &mut self,
        names: &[String; 2],
        attributes: &[(&str, &str)],
        line: u64,
        settings: &Settings,
    ) -> Meaning {
        if settings.mapping.series.is_empty() {
            let total = attributes.iter().all(|(_, attribute)| attribute.is_empty());
            // The header tells two units of one value apart.
            self.value_codes.id(&names[1], line);
            let indicator = settings.fixed_indicator().filter(|_| total);
            return indicator.map_or(Meaning::NotWanted, |slug| Meaning::Series(slug.clone()));
        }
        let rule = settings.mapping.series.iter().find(|rule| fits(rule, names, attributes));
        rule.map_or(Meaning::NotWanted, |rule| Meaning::Series(rule.indicator.clone()))
    }

    fn period(&mut self, line: u64, row: Row<'_>, report: &mut Report) -> Option<Period> {
        let cell = row.cell(self.plan.time);
        let id = self.times.id(&cell.text(), line) as usize;
        if id == self.periods.len() {
            let period = cell_period(cell);
            if period.is_none() {
                report.error(
                    Some(line),
                    Some(self.plan.time_name),
                    format!("'{}' is no period.", cell.text()),
                );
            }
            self.periods.push(period);
        }
        self.periods[id].clone()
    }

    /// A file of several values needs a mapping that says which is meant.
    fn finish(&self, settings: &Settings, report: &mut Report) {
        if self.combinations.is_full() || self.times.is_full() {
            report.error(
                None,
                None,
                "The file has more combinations of codes than can be told apart; split it.",
            );
        }
        let drafting = settings.drafting && settings.fixed_indicator().is_none();
        if !settings.mapping.series.is_empty() || drafting {
            return;
        }
        let codes: Vec<_> = self.value_codes.list().iter().map(|(code, _)| &**code).collect();
        if settings.fixed_indicator().is_none() || codes.len() > 1 {
            report.error(
                None,
                Some("value_variable_code"),
                format!(
                    "The file holds the values {}; say in the mapping which is which indicator: [[series]] value = \"CODE\" indicator = \"SLUG\" (a file of one value needs --indicator only; --draft-indicators makes indicators of all).",
                    codes.join(", ")
                ),
            );
        }
    }
}

/// What the quality column says about a number: preliminary, revised, estimated or of limited value. A final number (`e`)
/// and a hyphen beside a zero need no words, and beside a sign nothing more is said.
fn flag<'a>(value: Cell<'_>, quality: &'a str) -> &'a str {
    let is_number = match value {
        Cell::Text(text) => text.bytes().any(|byte| byte.is_ascii_digit()),
        Cell::Number(_) => true,
        Cell::Date(_) | Cell::Fault(_) => false,
    };
    match quality {
        _ if !is_number => "",
        "e" | "-" => "",
        "()" | "( )" => "limited",
        other => other,
    }
}

fn split_combination(text: &str) -> (&str, Vec<(&str, &str)>) {
    let mut parts = text.split('\u{1}');
    let value = parts.next().unwrap_or_default();
    (value, parts.filter_map(|part| part.split_once('\u{2}')).collect())
}

/// True if a row of these codes belongs to the series of the rule.
fn fits(rule: &SeriesRule, names: &[String; 2], attributes: &[(&str, &str)]) -> bool {
    let wanted = |code: &str| rule.attributes.get(code).map_or("", String::as_str);
    rule.value.as_ref().is_none_or(|value| names.contains(value))
        && attributes.iter().all(|(code, attribute)| wanted(code) == *attribute)
        && rule.attributes.keys().all(|code| attributes.iter().any(|(present, _)| present == code))
}
