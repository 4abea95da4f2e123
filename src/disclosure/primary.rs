//! The primary rules: which statistics must stay secret for their own sake.
//!
//! Holds rules R1 to R4 of disclosure control; R5, on implied sums, is a demand on everything that is published together and
//! is met by [`super::protect()`]. Must not know: what else is suppressed for them.
//!
//! Invariant: what is public already is never primary, and where zeros are public, no zero is.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::table::{Cell, CellId, Ratio, Show, Table};
use crate::domain::Policy;

/// Why a statistic must stay secret for its own sake.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Rule {
    /// A count, or the number of households it comes from, is above 0 and below the threshold.
    R1,
    /// The complement of a share is above 0 and below the threshold, or its denominator is too small.
    R2,
    /// All of them have the trait, or none has and zeros are not public.
    R3,
    /// A sum has too few contributors, or one of them has too large a part of it.
    R4,
    /// The sum of what is suppressed in one published equation would be such a count.
    R5,
}

/// A statistic that must stay secret for its own sake.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Primary {
    /// The statistic.
    pub cell: CellId,
    /// The first rule that closes it.
    pub rule: Rule,
}

/// What must stay secret for its own sake in a table that was checked, by cell.
pub fn primary(table: &Table) -> Vec<Primary> {
    let mut rules: BTreeMap<CellId, Rule> = BTreeMap::new();
    let mut close = |cell: CellId, rule: Rule| {
        let known = table.cells.get(cell).is_none_or(|c| c.show == Show::Known);
        let public_zero = table.policy.zeros_public && table.value(cell) == 0;
        // A complement of 0 is closed by its numerator (R3); on its own it is as public as any other zero.
        if !known && !public_zero {
            rules.entry(cell).and_modify(|r| *r = rule.min(*r)).or_insert(rule);
        }
    };
    for (id, cell) in table.cells.iter().enumerate() {
        if let Some(rule) = of_cell(cell, table.value(id), &table.policy) {
            close(id, rule);
        }
    }
    for ratio in &table.ratios {
        if let Some(rule) = of_ratio(ratio, table) {
            close(ratio.numerator, rule);
        }
    }
    rules.into_iter().map(|(cell, rule)| Primary { cell, rule }).collect()
}

fn of_cell(cell: &Cell, value: i64, policy: &Policy) -> Option<Rule> {
    let threshold = u64::from(policy.threshold);
    let few = |number: u64| number > 0 && number < threshold;
    if u64::try_from(value).is_ok_and(few) {
        return Some(Rule::R1);
    }
    if cell.contributors.is_some_and(few) {
        // Where single contributions are known, it is a sum of amounts and not a count.
        return Some(if cell.largest.is_some() { Rule::R4 } else { Rule::R1 });
    }
    let largest_part = policy.dominance_k?;
    (cell.largest? as f64 > largest_part * value as f64).then_some(Rule::R4)
}

fn of_ratio(ratio: &Ratio, table: &Table) -> Option<Rule> {
    let (part, whole) = (table.value(ratio.numerator), table.value(ratio.denominator));
    // Of nobody nothing can be told.
    if whole <= 0 {
        return None;
    }
    let few = |number: i64| number > 0 && number < i64::from(table.policy.threshold);
    if few(part) || few(whole.saturating_sub(part)) || whole < i64::from(table.policy.min_denominator) {
        return Some(Rule::R2);
    }
    (part == whole || part == 0).then_some(Rule::R3)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::disclosure::Form;

    fn table(base: &[u64], policy: Policy) -> Table {
        let cells = (0..base.len()).map(|b| Cell { form: Form::new([(b as u32, 1)]), ..Cell::default() });
        Table { base: base.to_vec(), cells: cells.collect(), ratios: Vec::new(), policy }
    }

    fn rules(table: &Table) -> Vec<(CellId, Rule)> {
        primary(table).into_iter().map(|p| (p.cell, p.rule)).collect()
    }

    fn ratio(numerator: CellId, denominator: CellId) -> Ratio {
        Ratio { numerator, denominator, shown: None }
    }

    #[test]
    fn counts_from_one_to_below_the_threshold_are_secret_and_zeros_are_not() {
        assert_eq!(rules(&table(&[0, 1, 2, 3], Policy::default())), [(1, Rule::R1), (2, Rule::R1)]);
    }

    #[test]
    fn three_siblings_are_one_household() {
        let mut siblings = table(&[3, 3], Policy::default());
        siblings.cells[0].contributors = Some(1);
        siblings.cells[1].contributors = Some(3);
        assert_eq!(rules(&siblings), [(0, Rule::R1)]);
    }

    #[test]
    fn a_dominated_sum_is_secret() {
        let mut sums = table(&[100, 100], Policy { dominance_k: Some(0.8), ..Policy::default() });
        sums.cells[0].largest = Some(81);
        sums.cells[1].largest = Some(80);
        assert_eq!(rules(&sums), [(0, Rule::R4)]);
        sums.cells[1].contributors = Some(2);
        assert_eq!(rules(&sums), [(0, Rule::R4), (1, Rule::R4)]);
    }

    #[test]
    fn a_share_is_secret_by_its_complement_its_denominator_and_at_one_hundred_percent() {
        let mut shares = table(&[38, 40, 20, 29, 50, 50], Policy::default());
        shares.ratios = vec![ratio(0, 1), ratio(2, 3), ratio(4, 5)];
        assert_eq!(rules(&shares), [(0, Rule::R2), (2, Rule::R2), (4, Rule::R3)]);
    }

    #[test]
    fn zero_percent_is_secret_unless_zeros_are_public() {
        let mut shares = table(&[0, 40, 0, 5], Policy::default());
        shares.ratios = vec![ratio(0, 1), ratio(2, 3)];
        assert_eq!(rules(&shares), []);
        shares.policy.zeros_public = false;
        assert_eq!(rules(&shares), [(0, Rule::R3), (2, Rule::R2)]);
    }

    #[test]
    fn what_is_public_is_not_primary_and_what_is_never_shown_can_be() {
        let mut counts = table(&[2, 2], Policy::default());
        counts.cells[0].show = Show::Known;
        counts.cells[1].show = Show::Never;
        assert_eq!(rules(&counts), [(1, Rule::R1)]);
    }

    #[test]
    fn of_nobody_nothing_can_be_told() {
        let mut empty = table(&[0, 0], Policy { zeros_public: false, ..Policy::default() });
        empty.ratios = vec![ratio(0, 1)];
        assert_eq!(rules(&empty), []);
    }
}
