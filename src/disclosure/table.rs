//! What is to be published, as linear forms over base counts.

use crate::domain::Policy;

/// Place of a cell in [`Table::cells`].
pub type CellId = usize;

/// A sum of base counts, each times a whole number. Sorted by base count; none stands twice, none is taken 0 times.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub struct Form(Vec<(u32, i64)>);

impl Form {
    /// The form of these terms (place in [`Table::base`], factor) in any order; terms of the same base count are added.
    pub fn new(terms: impl IntoIterator<Item = (u32, i64)>) -> Self {
        let mut terms: Vec<(u32, i64)> = terms.into_iter().collect();
        terms.sort_unstable_by_key(|(base, _)| *base);
        let mut sums: Vec<(u32, i64)> = Vec::with_capacity(terms.len());
        for (base, factor) in terms {
            match sums.last_mut() {
                Some((last, sum)) if *last == base => *sum += factor,
                _ => sums.push((base, factor)),
            }
        }
        sums.retain(|(_, factor)| *factor != 0);
        Self(sums)
    }

    /// Its terms: place in [`Table::base`] and factor.
    pub fn terms(&self) -> &[(u32, i64)] {
        &self.0
    }
}

/// What the public gets of a cell.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Show {
    /// It is published, unless it is suppressed.
    #[default]
    Candidate,
    /// It is public already, by an earlier release or because everybody may know it; suppressing it changes nothing.
    Known,
    /// It is never published; it is there to be protected, such as the complement of a numerator.
    Never,
}

/// One statistic.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Cell {
    /// Which base counts it adds up.
    pub form: Form,
    /// What the public gets of it.
    pub show: Show,
    /// How many households, facilities … it comes from, where that is not the count itself.
    pub contributors: Option<u64>,
    /// The largest single contribution, where that is known.
    pub largest: Option<u64>,
    /// How much it matters: of two cells the one with the smaller number is suppressed later. 0 = a total of all.
    pub rank: u32,
}

/// A share or rate: numerator / denominator × `per`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Ratio {
    /// The cell above the line.
    pub numerator: CellId,
    /// The cell below it.
    pub denominator: CellId,
    /// The number as it is shown, or was; it bounds the numerator even where both cells are suppressed. `None` where the
    /// ratio is shown exactly when its numerator is.
    pub shown: Option<Shown>,
}

/// A rounded number that is public.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Shown {
    /// The number.
    pub value: f64,
    /// Its decimals: it may be off by half a unit of the last one.
    pub decimals: u8,
    /// 100 for percent.
    pub per: f64,
}

/// Statistics that belong together: what is to be published, what is public already, and what must be protected.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Table {
    /// The true base counts.
    pub base: Vec<u64>,
    /// The statistics.
    pub cells: Vec<Cell>,
    /// Shares and rates of two of them.
    pub ratios: Vec<Ratio>,
    /// What is demanded.
    pub policy: Policy,
}

/// Why a table cannot be judged.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TableError {
    /// A form names a base count that is not there.
    #[error("cell {cell} names base count {base}, and there are only {count}")]
    UnknownBase {
        /// The cell.
        cell: CellId,
        /// The base count it names.
        base: u32,
        /// How many there are.
        count: usize,
    },
    /// A ratio names a cell that is not there.
    #[error("ratio {ratio} names cell {cell}, and there are only {count}")]
    UnknownCell {
        /// The ratio.
        ratio: usize,
        /// The cell it names.
        cell: CellId,
        /// How many there are.
        count: usize,
    },
    /// A sum does not fit into 63 bits.
    #[error("the value of cell {0} is too large to be calculated")]
    TooLarge(CellId),
}

impl Table {
    /// Checks that every name in the table is that of something in it and that every value can be calculated.
    ///
    /// # Errors
    /// The first thing that is wrong.
    pub fn check(&self) -> Result<(), TableError> {
        for (id, cell) in self.cells.iter().enumerate() {
            let unknown = cell.form.terms().iter().find(|(base, _)| *base as usize >= self.base.len());
            if let Some((base, _)) = unknown {
                return Err(TableError::UnknownBase { cell: id, base: *base, count: self.base.len() });
            }
            self.checked_value(id).ok_or(TableError::TooLarge(id))?;
        }
        for (id, ratio) in self.ratios.iter().enumerate() {
            let unknown = [ratio.numerator, ratio.denominator].into_iter().find(|c| *c >= self.cells.len());
            if let Some(cell) = unknown {
                return Err(TableError::UnknownCell { ratio: id, cell, count: self.cells.len() });
            }
        }
        Ok(())
    }

    /// The true value of a cell of a table that was checked.
    pub fn value(&self, cell: CellId) -> i64 {
        self.checked_value(cell).unwrap_or_default()
    }

    fn checked_value(&self, cell: CellId) -> Option<i64> {
        let terms = self.cells.get(cell)?.form.terms();
        terms.iter().try_fold(0_i64, |sum, (base, factor)| {
            let count = i64::try_from(*self.base.get(*base as usize)?).ok()?;
            sum.checked_add(count.checked_mul(*factor)?)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_form_adds_terms_of_one_base_count_and_drops_what_cancels() {
        assert_eq!(Form::new([(3, 1), (1, 2), (3, 1), (0, 1), (0, -1)]).terms(), [(1, 2), (3, 2)]);
    }

    #[test]
    fn a_table_that_names_what_is_not_there_is_refused() {
        let cell = |base| Cell { form: Form::new([(base, 1)]), ..Cell::default() };
        let mut table = Table { base: vec![4], cells: vec![cell(0)], ..Table::default() };
        assert_eq!((table.check(), table.value(0)), (Ok(()), 4));
        table.ratios = vec![Ratio { numerator: 0, denominator: 7, shown: None }];
        assert!(matches!(table.check(), Err(TableError::UnknownCell { cell: 7, .. })));
        table.cells.push(cell(9));
        assert!(matches!(table.check(), Err(TableError::UnknownBase { cell: 1, base: 9, .. })));
    }
}
