//! One theme, source or indicator as read from a file, field by field, before it becomes a domain type.
//!
//! Holds which fields there are and how each is checked on its own, so that all mistakes of an entry are reported at
//! once. Must not know: file formats, other entries.

use serde::de::DeserializeOwned;
use toml::Value;

use crate::{
    domain::{DenominatorRule, Indicator, IndicatorKind, Method, Polarity, Slug, Source, Text, Theme},
    ingest::Report,
};

/// One value with its place.
#[derive(Debug, Clone)]
pub(super) struct Field {
    /// Path in the domain type: `title`, `sheet.definition`, `classification.classes`.
    pub path: String,
    /// How the file calls it.
    pub shown: String,
    /// Line or row.
    pub line: u64,
    /// What stands there.
    pub value: Value,
}

/// The fields of one theme, source or indicator.
#[derive(Debug, Clone, Default)]
pub(super) struct Entry {
    /// Line or row in which it begins.
    pub line: u64,
    /// Its fields in the order of the file.
    pub fields: Vec<Field>,
}

/// An entry that became a domain type, with its places for later complaints.
#[derive(Debug)]
pub(super) struct Parsed<T> {
    pub value: T,
    pub entry: Entry,
}

/// What an entry may contain.
pub(super) struct FieldRule {
    path: &'static str,
    required: bool,
    check: fn(&Value) -> Result<(), String>,
}

const fn required(path: &'static str, check: fn(&Value) -> Result<(), String>) -> FieldRule {
    FieldRule { path, required: true, check }
}

const fn optional(path: &'static str, check: fn(&Value) -> Result<(), String>) -> FieldRule {
    FieldRule { path, required: false, check }
}

/// The fields of a [`Theme`].
pub(super) const THEME: &[FieldRule] = &[required("slug", is::<Slug>), required("title", is_name)];

/// The fields of a [`Source`].
pub(super) const SOURCE: &[FieldRule] = &[
    required("slug", is::<Slug>),
    required("title", is_name),
    optional("restricted", is::<bool>),
    optional("policies.public.threshold", is::<u32>),
    optional("policies.public.width", is::<u32>),
    optional("policies.public.min_denominator", is::<u32>),
    optional("policies.public.zeros_public", is::<bool>),
    optional("policies.internal.threshold", is::<u32>),
    optional("policies.internal.width", is::<u32>),
    optional("policies.internal.min_denominator", is::<u32>),
    optional("policies.internal.zeros_public", is::<bool>),
];

/// The fields of an [`Indicator`].
pub(super) const INDICATOR: &[FieldRule] = &[
    required("slug", is::<Slug>),
    required("title", is_name),
    required("theme", is::<Slug>),
    required("kind", is_kind),
    required("unit", is_text),
    optional("decimals", is_decimals),
    optional("per", is_positive),
    optional("polarity", is_polarity),
    optional("part_of", is::<Slug>),
    optional("numerator", is::<Slug>),
    optional("denominator", is::<Slug>),
    optional("denominator_rule", is_denominator_rule),
    optional("sensitive", is::<bool>),
    optional("classification.method", is_method),
    optional("classification.classes", is_class_number),
    optional("classification.breaks", is_breaks),
    optional("classification.reference", is_number),
    optional("classification.threshold", is_share),
    optional("palette", is::<Slug>),
    optional("note", is_text),
    optional("sheet.definition", is_text),
    optional("sheet.calculation", is_text),
    optional("sheet.numerator", is_text),
    optional("sheet.denominator", is_text),
    optional("sheet.source", is_text),
    optional("sheet.population_basis", is_text),
    optional("sheet.place_principle", is_text),
    optional("sheet.reference_date", is_text),
    optional("sheet.interpretation", is_text),
    optional("sheet.limits", is_text),
    optional("sheet.contact", is_text),
    optional("sheet.licence", is_text),
    optional("sheet.update_cycle", is_text),
];

/// A domain type that is made from an entry.
pub(super) trait FromEntry: DeserializeOwned {
    /// What it may contain.
    const FIELDS: &'static [FieldRule];
}

impl FromEntry for Theme {
    const FIELDS: &'static [FieldRule] = THEME;
}

impl FromEntry for Source {
    const FIELDS: &'static [FieldRule] = SOURCE;
}

impl FromEntry for Indicator {
    const FIELDS: &'static [FieldRule] = INDICATOR;
}

impl Entry {
    /// The field of a path.
    pub fn field(&self, path: &str) -> Option<&Field> {
        self.fields.iter().find(|f| f.path == path)
    }

    /// The slug as written, valid or not.
    pub fn slug(&self) -> Option<&str> {
        self.field("slug").and_then(|f| f.value.as_str())
    }

    /// Reports a mistake in a field, or in the entry as a whole where the field is not written.
    pub fn error(&self, path: &str, report: &mut Report, message: impl Into<String>) {
        let (line, shown) = self.place(path);
        report.error(Some(line), Some(shown), message);
    }

    /// Reports something doubtful in a field, or in the entry as a whole where the field is not written.
    pub fn warning(&self, path: &str, report: &mut Report, message: impl Into<String>) {
        let (line, shown) = self.place(path);
        report.warning(Some(line), Some(shown), message);
    }

    fn place<'a>(&'a self, path: &'a str) -> (u64, &'a str) {
        self.field(path).map_or((self.line, path), |f| (f.line, &f.shown))
    }

    /// Makes the domain type, or reports every field that stands against it.
    pub fn parse<T: FromEntry>(self, report: &mut Report) -> Option<Parsed<T>> {
        let before = report.errors;
        for field in &self.fields {
            match T::FIELDS.iter().find(|rule| rule.path == field.path) {
                None => self.error(&field.path, report, unknown_field(&field.path, T::FIELDS)),
                Some(rule) => {
                    if let Err(message) = (rule.check)(&field.value) {
                        self.error(&field.path, report, message);
                    }
                }
            }
        }
        for rule in T::FIELDS.iter().filter(|rule| rule.required && self.field(rule.path).is_none()) {
            self.error(rule.path, report, format!("'{}' is missing.", rule.path));
        }
        if report.errors > before {
            return None;
        }
        match Value::Table(self.table()).try_into::<T>() {
            Ok(value) => Some(Parsed { value, entry: self }),
            Err(error) => {
                report.error(Some(self.line), None, error.message());
                None
            }
        }
    }

    /// The fields as a nested table, as the domain types are deserialised.
    fn table(&self) -> toml::Table {
        let mut table = toml::Table::new();
        for field in &self.fields {
            match field.path.split_once('.') {
                None => {
                    table.insert(field.path.clone(), field.value.clone());
                }
                Some((outer, inner)) => {
                    let nested =
                        table.entry(outer).or_insert_with(|| Value::Table(toml::Table::new())).as_table_mut();
                    if let Some(nested) = nested {
                        nested.insert(inner.to_owned(), field.value.clone());
                    }
                }
            }
        }
        table
    }
}

fn unknown_field(path: &str, rules: &[FieldRule]) -> String {
    let name = path.rsplit('.').next().unwrap_or(path);
    match rules.iter().find(|rule| rule.path.rsplit('.').next() == Some(name)) {
        Some(rule) => format!("'{path}' is not a field here; did you mean '{}'?", rule.path),
        None => format!("'{path}' is not a known field."),
    }
}

fn is<T: DeserializeOwned>(value: &Value) -> Result<(), String> {
    value.clone().try_into::<T>().map(drop).map_err(|error| error.message().to_owned())
}

/// A text in German and perhaps English.
fn is_text(value: &Value) -> Result<(), String> {
    let fits = match value {
        Value::String(_) => true,
        Value::Table(table) => {
            table.contains_key("de")
                && table.iter().all(|(lang, v)| (lang == "de" || lang == "en") && v.is_str())
        }
        _ => false,
    };
    if fits {
        Ok(())
    } else {
        Err("Write a text, or { de = \"…\", en = \"…\" } with at least the German text.".into())
    }
}

/// A text whose German wording is not empty.
fn is_name(value: &Value) -> Result<(), String> {
    is_text(value)?;
    match value.clone().try_into::<Text>() {
        Ok(text) if !text.is_empty() => Ok(()),
        _ => Err("The German title is empty.".into()),
    }
}

fn is_one_of<T: DeserializeOwned>(value: &Value, names: &str) -> Result<(), String> {
    let written = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    is::<T>(value).map_err(|_| format!("'{written}' is not possible here: use {names}."))
}

fn is_kind(value: &Value) -> Result<(), String> {
    is_one_of::<IndicatorKind>(value, "count, share, rate, mean or index")
}

fn is_polarity(value: &Value) -> Result<(), String> {
    is_one_of::<Polarity>(value, "positive, negative or neutral")
}

fn is_denominator_rule(value: &Value) -> Result<(), String> {
    is_one_of::<DenominatorRule>(value, "same-date, previous-year-end or mean-of-two")
}

fn is_method(value: &Value) -> Result<(), String> {
    let names = Method::ALL.map(Method::as_str).join(", ");
    is_one_of::<Method>(value, &format!("one of {names}"))
}

fn is_decimals(value: &Value) -> Result<(), String> {
    match value.as_integer() {
        Some(0..=6) => Ok(()),
        _ => Err(format!("{value} decimals are not possible: use 0 to 6.")),
    }
}

fn is_class_number(value: &Value) -> Result<(), String> {
    match value.as_integer() {
        Some(2..=9) => Ok(()),
        _ => Err(format!("{value} classes are not possible: use 2 to 9.")),
    }
}

/// The number that a value is, whole or not.
pub(super) fn number(value: &Value) -> Option<f64> {
    value.as_float().or_else(|| value.as_integer().map(|i| i as f64)).filter(|n| n.is_finite())
}

fn is_positive(value: &Value) -> Result<(), String> {
    match number(value) {
        Some(n) if n > 0.0 => Ok(()),
        _ => Err(format!("{value} is not possible: use a number above 0, such as 100 or 1000.")),
    }
}

fn is_number(value: &Value) -> Result<(), String> {
    number(value).map(|_| ()).ok_or_else(|| format!("{value} is not a number such as 12.5."))
}

fn is_share(value: &Value) -> Result<(), String> {
    match number(value) {
        Some(share) if (0.0..=1.0).contains(&share) => Ok(()),
        _ => Err(format!("{value} is not a share: use a number between 0 and 1, such as 0.4.")),
    }
}

fn is_breaks(value: &Value) -> Result<(), String> {
    let numbers: Option<Vec<f64>> = value.as_array().and_then(|list| list.iter().map(number).collect());
    match numbers {
        None => Err("The breaks must be a list of numbers.".into()),
        Some(breaks) if breaks.is_sorted_by(|a, b| a < b) => Ok(()),
        Some(_) => Err("The breaks must ascend, each number once.".into()),
    }
}
