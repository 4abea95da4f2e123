//! Which column of an own table holds what: by its mapping, else by its headers.
//!
//! Must not know: rows, regions. Invariant: a column that could be two things is asked about, never chosen.

use super::{
    drafts,
    header::{self, Header, JOIN, KeyColumns},
    mapping::{ColumnRef, KeyRef, LayoutKind, normal_header},
    reading::Reading,
    row::parse_period,
    settings::Settings,
};
use crate::{
    domain::{Period, Slug},
    ingest::Report,
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
#[derive(Debug, Clone, Default)]
pub struct Plan {
    /// The keys.
    pub key: Option<KeyColumns>,
    /// Names of indicators.
    pub indicator: Option<usize>,
    /// Periods.
    pub period: Option<usize>,
    /// Values of a long table.
    pub value: Option<usize>,
    /// Numerators and denominators of a long table.
    pub ratio: [Option<usize>; 2],
    /// Statuses, signs or flags of a long table.
    pub status: Option<usize>,
    /// Remarks of a long table.
    pub note: Option<usize>,
    /// The value columns of a wide table; none in a long one.
    pub wide: Vec<WideColumn>,
}

/// A value column of a wide table.
#[derive(Debug, Clone)]
pub struct WideColumn {
    /// The column.
    pub column: usize,
    /// Its numerators and denominators.
    pub ratio: [Option<usize>; 2],
    /// Its statuses, signs or flags.
    pub status: Option<usize>,
    /// A column beside it that seems to hold flags; all else in it is a remark.
    pub flags: Option<usize>,
    /// Whose values they are.
    pub indicator: Slug,
    /// `None` where a column of periods says it.
    pub period: Option<Period>,
}

/// Finds the columns by the mapping, else by their headers.
///
/// # Errors
/// A sentence, if the columns do not say what the values are.
pub fn plan(
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

/// True for a header, as [`normal_header`] writes it, that stands over keys or names of regions.
pub fn is_key_or_name(normal: &str) -> bool {
    KEY.contains(&normal) || NAME.contains(&normal)
}
