//! What an attacker knows, as whole-number rows over unknown counts, and the exact reductions that make it small.
//!
//! Holds variables with bounds, rows `lo ≤ Σ factor × variable ≤ up`, and the true values. Must not know: cells, policies,
//! attackers, floating point.
//!
//! Invariant: every step keeps the set of whole-number solutions exactly as it is; the true values are always one of them.

use std::{cmp::Reverse, collections::BinaryHeap};

/// Terms of a row or an objective: variable and factor, sorted by variable.
pub(super) type Terms = Vec<(u32, i64)>;

/// `lo ≤ Σ factor × variable ≤ up`; an end that is `None` demands nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Row {
    pub terms: Terms,
    pub lo: Option<i128>,
    pub up: Option<i128>,
}

impl Row {
    pub(super) const fn equation(terms: Terms, value: i128) -> Self {
        Self { terms, lo: Some(value), up: Some(value) }
    }

    pub(super) const fn at_least(terms: Terms, lo: i128) -> Self {
        Self { terms, lo: Some(lo), up: None }
    }

    /// The value if it is an equation.
    fn value(&self) -> Option<i128> {
        self.lo.filter(|_| self.lo == self.up)
    }

    fn shift(&mut self, by: i128) {
        self.lo = self.lo.map(|n| n - by);
        self.up = self.up.map(|n| n - by);
    }

    /// Divides by the greatest common factor; ends move inwards to whole numbers.
    fn divide(&mut self) {
        let common = self.terms.iter().fold(0_i128, |a, (_, b)| gcd(a, i128::from(*b).abs()));
        if common > 1 {
            self.terms.iter_mut().for_each(|(_, factor)| *factor = (i128::from(*factor) / common) as i64);
            self.lo = self.lo.map(|n| ceil_div(n, common));
            self.up = self.up.map(|n| n.div_euclid(common));
        }
    }
}

/// The sum of terms at a point.
pub(super) fn sum(terms: &[(u32, i64)], point: &[i128]) -> i128 {
    terms.iter().map(|(v, factor)| i128::from(*factor) * point[*v as usize]).sum()
}

fn gcd(a: i128, b: i128) -> i128 {
    if b == 0 { a } else { gcd(b, a % b) }
}

fn ceil_div(a: i128, b: i128) -> i128 {
    -(-a).div_euclid(b)
}

/// Smallest and largest sum of terms within bounds; `None` where there is none.
pub(super) fn activity(
    terms: &[(u32, i64)],
    lower: &[i128],
    upper: &[Option<i128>],
) -> (Option<i128>, Option<i128>) {
    let (mut least, mut most) = (Some(0), Some(0));
    for (v, factor) in terms {
        let (v, factor) = (*v as usize, i128::from(*factor));
        let (at_lower, at_upper) = (Some(factor * lower[v]), upper[v].map(|u| factor * u));
        let (low, high) = if factor > 0 { (at_lower, at_upper) } else { (at_upper, at_lower) };
        least = least.zip(low).map(|(a, b)| a + b);
        most = most.zip(high).map(|(a, b)| a + b);
    }
    (least, most)
}

/// Bounds further out are not used, so that no sum leaves the range of its type.
const LARGE: i128 = 1_000_000_000_000_000;

/// Everything that is known about the unknown counts.
#[derive(Debug, Clone, Default)]
pub(super) struct System {
    pub lower: Vec<i128>,
    pub upper: Vec<Option<i128>>,
    pub truth: Vec<i128>,
    pub rows: Vec<Row>,
}

/// Rounds of tightening after which the bounds stay as they are: they are used as they are then, never wrong, only wider.
const ROUNDS: usize = 30;

impl System {
    /// Unknown counts of which nothing is known but that they are 0 or more.
    pub(super) fn new(truth: Vec<i128>) -> Self {
        Self { lower: vec![0; truth.len()], upper: vec![None; truth.len()], truth, rows: Vec::new() }
    }

    /// The value of a variable that has only one left.
    pub(super) fn fixed(&self, variable: u32) -> Option<i128> {
        let v = variable as usize;
        (self.upper[v] == Some(self.lower[v])).then_some(self.lower[v])
    }

    /// The constant and the unknown part of a form.
    pub(super) fn split(&self, terms: &[(u32, i64)]) -> (i128, Terms) {
        let mut constant = 0;
        let mut open = Vec::new();
        for (v, factor) in terms {
            match self.fixed(*v) {
                Some(value) => constant += i128::from(*factor) * value,
                None => open.push((*v, *factor)),
            }
        }
        (constant, open)
    }

    /// Tightens bounds, puts in what is fixed and takes rows out of others that contain them, until nothing changes.
    pub(super) fn reduce(&mut self) {
        for _ in 0..ROUNDS {
            let tightened = self.tighten();
            self.substitute();
            if !self.subtract() && !tightened {
                break;
            }
        }
    }

    /// Bounds of each variable that follow from one row and the bounds of its others. Says whether any moved.
    fn tighten(&mut self) -> bool {
        let mut any = false;
        for _ in 0..ROUNDS {
            let mut moved = false;
            let rows = std::mem::take(&mut self.rows);
            for row in &rows {
                moved |= self.tighten_by(row);
            }
            self.rows = rows;
            any |= moved;
            if !moved {
                break;
            }
        }
        any
    }

    fn tighten_by(&mut self, row: &Row) -> bool {
        let (least, open_low) = self.finite_part(&row.terms, true);
        let (most, open_high) = self.finite_part(&row.terms, false);
        let mut moved = false;
        for (variable, factor) in &row.terms {
            let (v, a) = (*variable as usize, i128::from(*factor));
            let (low_end, high_end) = if a > 0 {
                (Some(self.lower[v]), self.upper[v])
            } else {
                (self.upper[v], Some(self.lower[v]))
            };
            // The others' least and largest sum, if they have one.
            let others = |total: i128, open: usize, own: Option<i128>| match own {
                Some(own) if open == 0 => Some(total - a * own),
                None if open == 1 => Some(total),
                _ => None,
            };
            let room = row.up.zip(others(least, open_low, low_end)).map(|(up, o)| up - o);
            let need = row.lo.zip(others(most, open_high, high_end)).map(|(lo, o)| lo - o);
            let (up, lo) = if a > 0 {
                (room.map(|r| r.div_euclid(a)), need.map(|n| ceil_div(n, a)))
            } else {
                (need.map(|n| (-n).div_euclid(-a)), room.map(|r| ceil_div(-r, -a)))
            };
            if let Some(up) = up
                && up <= LARGE
                && self.upper[v].is_none_or(|u| up < u)
            {
                self.upper[v] = Some(up);
                moved = true;
            }
            if let Some(lo) = lo
                && lo <= LARGE
                && lo > self.lower[v]
            {
                self.lower[v] = lo;
                moved = true;
            }
            // The sums above stay right when a bound moves, only wider than need be; the next round has the new ones.
            debug_assert!(self.lower[v] <= self.truth[v] && self.upper[v].is_none_or(|u| u >= self.truth[v]));
        }
        moved
    }

    /// The least (or largest) sum of the terms that have one, and how many have none.
    fn finite_part(&self, terms: &[(u32, i64)], least: bool) -> (i128, usize) {
        let mut total = 0;
        let mut open = 0;
        for (v, factor) in terms {
            let v = *v as usize;
            let end = if (*factor > 0) == least { Some(self.lower[v]) } else { self.upper[v] };
            match end {
                Some(end) => total += i128::from(*factor) * end,
                None => open += 1,
            }
        }
        (total, open)
    }

    /// Puts fixed variables into the rows, and drops rows that say nothing any more.
    fn substitute(&mut self) {
        let mut rows = std::mem::take(&mut self.rows);
        rows.retain_mut(|row| {
            let (constant, open) = self.split(&row.terms);
            row.shift(constant);
            row.terms = open;
            row.divide();
            !self.says_nothing(row)
        });
        self.rows = rows;
    }

    fn says_nothing(&self, row: &Row) -> bool {
        let (least, most) = activity(&row.terms, &self.lower, &self.upper);
        row.lo.is_none_or(|lo| least.is_some_and(|l| l >= lo))
            && row.up.is_none_or(|up| most.is_some_and(|m| m <= up))
    }

    /// Takes each equation out of every row that contains it, smallest first: of a hierarchy, what is left are sums of
    /// unknown counts that have no count in common. Says whether any row changed.
    fn subtract(&mut self) -> bool {
        let mut rows_of: Vec<Vec<u32>> = vec![Vec::new(); self.lower.len()];
        let mut queue = BinaryHeap::new();
        for (r, row) in self.rows.iter().enumerate() {
            row.terms.iter().for_each(|(v, _)| rows_of[*v as usize].push(r as u32));
            if row.value().is_some() {
                queue.push(Reverse((row.terms.len(), r)));
            }
        }
        let mut any = false;
        while let Some(Reverse((length, small))) = queue.pop() {
            if self.rows[small].terms.len() != length || length == 0 {
                continue;
            }
            let taken = self.rows[small].clone();
            let Some(value) = taken.value() else { continue };
            let Some(rarest) = taken.terms.iter().map(|(v, _)| *v as usize).min_by_key(|v| rows_of[*v].len())
            else {
                continue;
            };
            for r in rows_of[rarest].clone() {
                let r = r as usize;
                if r == small {
                    continue;
                }
                let Some(factor) = contained(&taken.terms, &self.rows[r].terms) else { continue };
                let row = &mut self.rows[r];
                remove(&mut row.terms, &taken.terms);
                row.shift(i128::from(factor) * value);
                any = true;
                if row.value().is_some() {
                    queue.push(Reverse((row.terms.len(), r)));
                }
            }
        }
        self.rows.retain(|row| !row.terms.is_empty());
        any
    }

    /// The constant and the unknown part of a form after every equation that it contains is taken out of it.
    /// `rows_of` is [`System::rows_of`].
    pub(super) fn simplify(&self, terms: &[(u32, i64)], rows_of: &[Vec<u32>]) -> (i128, Terms) {
        let (mut constant, mut open) = self.split(terms);
        let mut rows: Vec<u32> =
            open.iter().flat_map(|(v, _)| rows_of[*v as usize].iter().copied()).collect();
        rows.sort_unstable();
        rows.dedup();
        for r in rows {
            let row = &self.rows[r as usize];
            if let (Some(value), Some(factor)) = (row.value(), contained(&row.terms, &open)) {
                remove(&mut open, &row.terms);
                constant += i128::from(factor) * value;
            }
        }
        (constant, open)
    }

    /// The rows of each variable.
    pub(super) fn rows_of(&self) -> Vec<Vec<u32>> {
        let mut rows_of = vec![Vec::new(); self.lower.len()];
        for (r, row) in self.rows.iter().enumerate() {
            row.terms.iter().for_each(|(v, _)| rows_of[*v as usize].push(r as u32));
        }
        rows_of
    }
}

/// How often `small` is contained in `large`: `large` holds each of its variables with that multiple of its factor.
fn contained(small: &[(u32, i64)], large: &[(u32, i64)]) -> Option<i64> {
    if small.is_empty() || small.len() > large.len() {
        return None;
    }
    let mut times = None;
    for (v, factor) in small {
        let at = large.binary_search_by_key(v, |(w, _)| *w).ok()?;
        let own = large[at].1;
        if own % factor != 0 || *times.get_or_insert(own / factor) != own / factor {
            return None;
        }
    }
    times
}

fn remove(terms: &mut Terms, taken: &[(u32, i64)]) {
    terms.retain(|(v, _)| taken.binary_search_by_key(v, |(w, _)| *w).is_err());
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ones(variables: impl IntoIterator<Item = u32>) -> Terms {
        variables.into_iter().map(|v| (v, 1)).collect()
    }

    #[test]
    fn a_known_total_with_known_members_leaves_the_sum_of_the_unknown_ones() {
        let mut system = System::new(vec![1, 2, 3, 4]);
        system.rows =
            vec![Row::equation(ones(0..4), 10), Row::equation(ones(2..3), 3), Row::equation(ones(2..4), 7)];
        system.reduce();
        assert_eq!(system.rows, [Row::equation(ones(0..2), 3)]);
        assert_eq!(system.simplify(&ones(0..4), &system.rows_of()), (10, vec![]));
        assert_eq!((system.fixed(3), system.upper[0]), (Some(4), Some(3)));
    }

    #[test]
    fn bounds_follow_from_factors_of_either_sign() {
        let mut system = System::new(vec![2, 3]);
        system.rows = vec![Row { terms: vec![(0, 3), (1, -2)], lo: Some(0), up: Some(1) }];
        system.upper[1] = Some(4);
        system.reduce();
        assert_eq!((system.lower[0], system.upper[0]), (0, Some(3)));
    }

    #[test]
    fn a_row_with_a_common_factor_is_divided_and_its_ends_move_inwards() {
        let mut row = Row { terms: vec![(0, 4), (1, 6)], lo: Some(-3), up: Some(7) };
        row.divide();
        assert_eq!(row, Row { terms: vec![(0, 2), (1, 3)], lo: Some(-1), up: Some(3) });
    }
}
