//! Several years of one indicator taken together.

use std::collections::BTreeMap;

use chrono::Datelike;

use super::{
    current::{Current, Draft, Loaded},
    notes,
};
use crate::{
    domain::{
        Derivation, DerivationMethod, Indicator, Observations, Period, PeriodKind, Quantity, Slug, pool,
    },
    ingest::{IngestError, Progress, Report},
    store::{EditionRow, SeriesRow},
};

/// Which years are taken together.
#[derive(Debug, Clone, Copy)]
pub(super) struct Span<'a> {
    /// How many.
    pub years: u32,
    /// The last one; every one where absent.
    pub to: Option<&'a Period>,
}

/// Pooled series on every edition that has as many years in a row.
pub(super) async fn make<'c>(
    current: &'c Current<'_>,
    level: &Slug,
    wanted: &[Slug],
    span: Span<'_>,
    report: &mut Report,
    progress: &dyn Progress,
) -> Result<Vec<Draft<'c>>, IngestError> {
    if !(2..=100).contains(&span.years) {
        report.error(None, None, format!("{} years cannot be taken together; say 2 to 100.", span.years));
        return Ok(Vec::new());
    }
    let mut drafts = Vec::new();
    for edition in current.editions(level) {
        for slug in wanted {
            let Some(indicator) = current.indicator(slug) else { continue };
            let rows = by_year(&current.on(edition, std::slice::from_ref(slug)));
            pools(current, (edition, indicator), &rows, span, &mut drafts).await?;
            progress.done(drafts.len() as f64 / (drafts.len() + 1) as f64);
        }
    }
    if drafts.is_empty() {
        let end = span.to.map(|to| format!(" that end with {to}")).unwrap_or_default();
        let sentence = format!(
            "No edition of '{level}' has values for {} years in a row{end}; derive the missing ones first, or take \
             fewer years.",
            span.years
        );
        report.error(None, None, sentence);
    }
    Ok(drafts)
}

/// The series of each year: that of the calendar year, else that of its only reference date.
fn by_year<'c>(rows: &[&'c SeriesRow]) -> BTreeMap<i32, &'c SeriesRow> {
    let year = |row: &SeriesRow| row.period.end().year();
    let of_kind = |kind: PeriodKind| rows.iter().copied().filter(move |row| row.period.kind() == kind);
    let mut found = BTreeMap::new();
    for row in of_kind(PeriodKind::Date) {
        if of_kind(PeriodKind::Date).filter(|other| year(other) == year(row)).count() == 1 {
            found.insert(year(row), row);
        }
    }
    found.extend(of_kind(PeriodKind::Year).map(|row| (year(row), row)));
    found
}

async fn pools<'c>(
    current: &'c Current<'_>,
    (edition, indicator): (&'c EditionRow, &'c Indicator),
    rows: &BTreeMap<i32, &'c SeriesRow>,
    span: Span<'_>,
    drafts: &mut Vec<Draft<'c>>,
) -> Result<(), IngestError> {
    let index = current.index();
    let ends = rows.keys().copied().filter(|year| span.to.is_none_or(|to| to.end().year() == *year));
    for last in ends {
        let first = last - span.years as i32 + 1;
        let Some(inputs) = (first..=last).map(|year| rows.get(&year).copied()).collect::<Option<Vec<_>>>()
        else {
            continue;
        };
        let Ok(period) = format!("{first}..{last}").parse::<Period>() else { continue };
        let here = index.get(&(&indicator.slug, edition.id, &period)).map(|row| row.derivation.as_ref());
        if here.is_some_and(|derivation| !is_pooled(derivation)) {
            continue;
        }
        let mut years: Vec<Loaded> = Vec::with_capacity(inputs.len());
        for row in &inputs {
            years.push(current.load(row).await?);
        }
        let observations: Vec<Observations<'_>> = years.iter().map(Loaded::observations).collect();
        let (column, companions) = pool(&observations, Quantity::of(indicator));
        drafts.push(Draft {
            indicator,
            edition,
            period,
            break_before: inputs.iter().any(|row| row.break_before),
            inputs,
            base: None,
            method: DerivationMethod::Pooled { years: span.years },
            column,
            companions,
            value_notes: Vec::new(),
            note: notes::pooled(span.years, first, last),
        });
    }
    Ok(())
}

fn is_pooled(derivation: Option<&Derivation>) -> bool {
    derivation.is_some_and(|d| matches!(d.method, DerivationMethod::Pooled { .. }))
}
