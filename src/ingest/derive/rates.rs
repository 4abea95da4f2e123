//! Ratios whose numerator and denominator are indicators.

use chrono::{Datelike, NaiveDate};

use super::{
    current::{Current, Draft, Index},
    left_out, listed, notes,
};
use crate::{
    domain::{
        Column, Companions, DenominatorRule, Derivation, DerivationMethod, Indicator, Period, Slug, ratio,
    },
    ingest::{IngestError, Progress, Report},
    store::{Id, SeriesRow},
};

/// Ratios on all editions of a level, for all periods of their numerators that have the denominators which the rule of
/// the indicator asks for.
pub(super) async fn make<'c>(
    current: &'c Current<'_>,
    level: &Slug,
    wanted: &[Slug],
    report: &mut Report,
    progress: &dyn Progress,
) -> Result<Vec<Draft<'c>>, IngestError> {
    let ratios = ratios(current, wanted, report);
    let index = current.index();
    let (mut drafts, mut without) = (Vec::new(), Vec::new());
    for (done, (indicator, numerator, denominator)) in ratios.iter().enumerate() {
        progress.done(done as f64 / ratios.len() as f64);
        for edition in current.editions(level) {
            for row in current.on(edition, std::slice::from_ref(&numerator.slug)) {
                let here = index.get(&(&indicator.slug, edition.id, &row.period));
                if here.is_some_and(|here| !is_ratio(here.derivation.as_ref())) {
                    continue;
                }
                let rule = indicator.denominator_rule;
                let Some(below) = denominators(&index, &denominator.slug, edition.id, &row.period, rule)
                else {
                    without.push(format!("{} {}", indicator.slug, row.period));
                    continue;
                };
                let mut draft = Draft {
                    indicator,
                    edition,
                    period: row.period.clone(),
                    inputs: std::iter::once(row).chain(below.iter().copied()).collect(),
                    base: None,
                    method: DerivationMethod::Ratio,
                    column: Column::default(),
                    companions: Companions::default(),
                    value_notes: Vec::new(),
                    note: notes::ratio(numerator, denominator, rule),
                    break_before: row.break_before || below.iter().any(|row| row.break_before),
                };
                (draft.column, draft.companions) = quotient(current, indicator, row, &below).await?;
                drafts.push(draft);
            }
        }
    }
    if !without.is_empty() {
        let sentence = format!(
            "{} series have no denominator of the date that the rule asks for: {}.",
            without.len(),
            listed(&without)
        );
        left_out(report, sentence);
    }
    Ok(drafts)
}

/// The indicators that name both their parts. One that is asked for and does not is reported.
fn ratios<'c>(
    current: &'c Current<'_>,
    wanted: &[Slug],
    report: &mut Report,
) -> Vec<(&'c Indicator, &'c Indicator, &'c Indicator)> {
    let mut found = Vec::new();
    for indicator in &current.catalogue.indicators {
        let part = |slug: &Option<Slug>| slug.as_ref().and_then(|slug| current.indicator(slug));
        let parts = part(&indicator.numerator).zip(part(&indicator.denominator));
        match parts.filter(|_| indicator.kind.is_ratio()) {
            Some((above, below)) if wanted.is_empty() || wanted.contains(&indicator.slug) => {
                found.push((indicator, above, below));
            }
            None if wanted.contains(&indicator.slug) => {
                let sentence = format!(
                    "'{}' is no share or rate that names the indicators of its numerator and denominator; complete the \
                     catalogue.",
                    indicator.slug
                );
                report.error(None, None, sentence);
            }
            _ => {}
        }
    }
    found
}

fn is_ratio(derivation: Option<&Derivation>) -> bool {
    derivation.is_some_and(|d| d.method == DerivationMethod::Ratio)
}

async fn quotient(
    current: &Current<'_>,
    indicator: &Indicator,
    above: &SeriesRow,
    below: &[&SeriesRow],
) -> Result<(Column, Companions), IngestError> {
    let numerators = current.load(above).await?;
    let mut denominators = Vec::with_capacity(below.len());
    for row in below {
        denominators.push(current.store.column(row.id).await?);
    }
    let columns: Vec<&Column> = denominators.iter().collect();
    let contributors = numerators.companions.contributors.as_ref();
    Ok(ratio(&numerators.column, &columns, indicator.per, contributors))
}

/// The denominators that belong to a numerator of `period`: one, or two for the mean.
fn denominators<'c>(
    index: &Index<'c>,
    denominator: &'c Slug,
    edition: Id,
    period: &Period,
    rule: DenominatorRule,
) -> Option<Vec<&'c SeriesRow>> {
    let of = |period: Period| {
        index.iter().find(|((slug, id, at), _)| **slug == *denominator && *id == edition && **at == period)
    };
    let first = |periods: Vec<Option<Period>>| {
        periods.into_iter().flatten().find_map(|period| of(period).map(|(_, row)| *row))
    };
    let at_end_of = |year: i32| {
        first(vec![NaiveDate::from_ymd_opt(year, 12, 31).and_then(Period::date), Period::year(year)])
    };
    let (before, after) = (period.start().year() - 1, period.end().year());
    match rule {
        DenominatorRule::SameDate => {
            let year = Period::year(after).filter(|year| year.end() == period.end());
            first(vec![Some(period.clone()), Period::date(period.end()), year]).map(|row| vec![row])
        }
        DenominatorRule::PreviousYearEnd => at_end_of(before).map(|row| vec![row]),
        DenominatorRule::MeanOfTwo => Some(vec![at_end_of(before)?, at_end_of(after)?]),
    }
}
