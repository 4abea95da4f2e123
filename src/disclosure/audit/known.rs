//! From a table to what everybody knows about it.
//!
//! Holds the step from cells and ratios to rows. Must not know: attackers, intervals.
//!
//! Invariant: a base count that no cell tells from another one is one variable with it, and every published number is in a
//! row.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::{
    AuditError,
    system::{Row, System, Terms, sum},
};
use crate::disclosure::{CellId, Ratio, Show, Shown, Table};

/// Larger base counts do not occur: there are fewer people.
const LARGEST_COUNT: u64 = 1_000_000_000_000;

/// Largest factor in a row; with it every sum stays in the range of its type.
const LARGEST_FACTOR: i128 = 1_000_000_000_000_000;

/// What is known, and the forms of the targets and the suppressed cells over its variables.
pub(super) fn of(
    table: &Table,
    targets: &BTreeSet<CellId>,
    suppressed: &BTreeSet<CellId>,
) -> Result<(System, BTreeMap<CellId, Terms>), AuditError> {
    let in_ratio =
        table.ratios.iter().filter(|r| r.shown.is_some()).flat_map(|r| [r.numerator, r.denominator]);
    let mut used: Vec<bool> = table.cells.iter().map(|cell| cell.show != Show::Never).collect();
    targets.iter().chain(suppressed).copied().chain(in_ratio).for_each(|cell| used[cell] = true);
    let (variable_of, truth) = variables(table, &used)?;
    let form = |cell: CellId| terms(table, cell, &variable_of);
    let mut system = System::new(truth);
    for (cell, content) in table.cells.iter().enumerate() {
        let known = match content.show {
            Show::Known => true,
            Show::Candidate => !suppressed.contains(&cell),
            Show::Never => false,
        };
        if known {
            system.rows.push(Row::equation(form(cell), i128::from(table.value(cell))));
        }
    }
    for (r, ratio) in table.ratios.iter().enumerate() {
        if let Some(shown) = ratio.shown {
            for row in rounded(r, *ratio, shown, &form)? {
                if row.lo.is_some_and(|lo| sum(&row.terms, &system.truth) < lo) {
                    return Err(AuditError::WrongRatio(r));
                }
                system.rows.push(row);
            }
        }
    }
    let forms = targets.union(suppressed).map(|cell| (*cell, form(*cell))).collect();
    Ok((system, forms))
}

/// The variable of a base count, if it has one, and whether the base count is the first of it.
type Place = Option<(u32, bool)>;

/// The variable of each base count and the true values. Base counts that every used cell holds equally often are one
/// variable; those in no used cell have none.
fn variables(table: &Table, used: &[bool]) -> Result<(Vec<Place>, Vec<i128>), AuditError> {
    let mut columns: Vec<Vec<(u32, i64)>> = vec![Vec::new(); table.base.len()];
    for (cell, content) in table.cells.iter().enumerate().filter(|(cell, _)| used[*cell]) {
        for (base, factor) in content.form.terms() {
            if i128::from(*factor).abs() > LARGEST_FACTOR || table.base[*base as usize] > LARGEST_COUNT {
                return Err(AuditError::TooLarge(cell));
            }
            columns[*base as usize].push((cell as u32, *factor));
        }
    }
    let mut variable_of = vec![None; columns.len()];
    let mut truth = Vec::new();
    let mut seen: HashMap<Vec<(u32, i64)>, u32> = HashMap::new();
    for (base, column) in columns.into_iter().enumerate().filter(|(_, column)| !column.is_empty()) {
        let count = i128::from(table.base[base]);
        let next = truth.len() as u32;
        let variable = *seen.entry(column).or_insert(next);
        variable_of[base] = Some((variable, variable == next));
        if variable == next {
            truth.push(count);
        } else {
            truth[variable as usize] += count;
        }
    }
    Ok((variable_of, truth))
}

/// A cell's form over the variables: of base counts that are one variable, the first stands for all.
fn terms(table: &Table, cell: CellId, variable_of: &[Place]) -> Terms {
    let own = table.cells[cell].form.terms().iter();
    let mut terms: Terms = own
        .filter_map(|(base, factor)| match variable_of[*base as usize] {
            Some((variable, true)) => Some((variable, *factor)),
            _ => None,
        })
        .collect();
    terms.sort_unstable_by_key(|(variable, _)| *variable);
    terms
}

/// What a rounded ratio says: numerator × per lies between the denominator times (the number ± half a unit of its last
/// decimal). Both ends are possible, because nobody says how halves were rounded.
fn rounded(
    r: usize,
    ratio: Ratio,
    shown: Shown,
    form: &impl Fn(CellId) -> Terms,
) -> Result<[Row; 2], AuditError> {
    let digits = || AuditError::Digits(r);
    let (value, places) = decimal(shown.value).ok_or_else(digits)?;
    let (per, per_places) = decimal(shown.per).filter(|(per, _)| *per > 0).ok_or_else(digits)?;
    let decimals = u32::from(shown.decimals);
    if decimals > 12 {
        return Err(digits());
    }
    // Everything times 2 × 10^scale is whole.
    let scale = places.max(decimals);
    let middle = 2 * value * 10_i128.pow(scale - places);
    let half = 10_i128.pow(scale - decimals);
    let numerator = per * 2 * 10_i128.pow(scale);
    let denominator = |end: i128| end * 10_i128.pow(per_places);
    let row = |num: i128, den: i128| -> Result<Row, AuditError> {
        let mut sums: BTreeMap<u32, i128> = BTreeMap::new();
        for (cell, times) in [(ratio.numerator, num), (ratio.denominator, den)] {
            for (v, factor) in form(cell) {
                *sums.entry(v).or_default() += i128::from(factor).checked_mul(times).ok_or_else(digits)?;
            }
        }
        if sums.values().any(|factor| factor.abs() > LARGEST_FACTOR) {
            return Err(digits());
        }
        let terms = sums.into_iter().filter(|(_, factor)| *factor != 0);
        Ok(Row::at_least(terms.map(|(v, factor)| (v, factor as i64)).collect(), 0))
    };
    Ok([row(numerator, -denominator(middle - half))?, row(-numerator, denominator(middle + half))?])
}

/// A number as it is written: its digits as a whole number, and how many of them are decimals.
fn decimal(number: f64) -> Option<(i128, u32)> {
    let text = number.to_string();
    if text.len() > 18 {
        return None;
    }
    let (whole, part) = text.split_once('.').unwrap_or((&text, ""));
    Some((format!("{whole}{part}").parse().ok()?, part.len() as u32))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_is_taken_as_it_is_written() {
        assert_eq!(decimal(2.9), Some((29, 1)));
        assert_eq!(decimal(100.0), Some((100, 0)));
        assert_eq!(decimal(-0.05), Some((-5, 2)));
        assert_eq!(decimal(f64::NAN), None);
        assert_eq!(decimal(f64::INFINITY), None);
        assert_eq!(decimal(1e300), None);
    }
}
