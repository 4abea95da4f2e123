//! Which statistics can be published without giving a primary one away exactly.
//!
//! Holds the elimination after Langsrud (`GaussSuppression`): going from the most valuable statistic to the least, one is
//! published unless a primary one would then be a multiple of what is published. Must not know: bounds, widths, attackers.
//!
//! Invariant: calculated modulo a prime of 61 bits, where whole numbers of the size met here behave as they do exactly. A
//! wrong answer would cost a suppression or be found by the interval pass, which is exact.

use std::collections::BTreeMap;

use super::system::{Standing, System, VarId};

const PRIME: u64 = (1 << 61) - 1;

/// A variable in terms of others, sorted by variable, no factor 0.
type Expression = Vec<(VarId, u64)>;

/// What the elimination finds.
pub(super) struct Outcome {
    /// Which variables must not be published, primary ones included.
    pub suppressed: Vec<bool>,
    /// Primary variables that follow from what is public anyway.
    pub determined: Vec<VarId>,
}

/// Goes through the variables of a system.
pub(super) fn eliminate(system: &System) -> Outcome {
    let mut echelon = Echelon::new(system);
    let determined = system.primary.iter().copied().filter(|p| echelon.is_determined(*p)).collect();
    let mut suppressed = vec![false; system.vars.len()];
    for (id, var) in system.vars.iter().enumerate() {
        if var.standing == Standing::Candidate {
            suppressed[id] = var.primary || echelon.gives_away(id).is_some();
            if !suppressed[id] {
                echelon.publish(id);
            }
        }
    }
    Outcome { suppressed, determined }
}

/// Equations solved for some of the variables (pivots) by others (free ones).
pub(super) struct Echelon<'a> {
    system: &'a System,
    /// Per pivot what it is.
    solved: Vec<Option<Expression>>,
    /// Per free variable the pivots it may occur in.
    pivots_of: Vec<Vec<VarId>>,
    /// What is known, which does not occur anywhere.
    known: Vec<bool>,
}

impl<'a> Echelon<'a> {
    fn new(system: &'a System) -> Self {
        let mut echelon = Self {
            system,
            solved: vec![None; system.vars.len()],
            pivots_of: vec![Vec::new(); system.vars.len()],
            known: system.vars.iter().map(|v| v.standing == Standing::Known).collect(),
        };
        for row in &system.rows {
            let terms = row.iter().map(|(var, factor)| (*var, modulo(*factor)));
            echelon.solve(terms.collect());
        }
        echelon
    }

    /// Takes an equation (the terms are 0 together, but for what is known) and solves it for its least valuable variable.
    fn solve(&mut self, terms: Expression) {
        let reduced = self.reduce(terms);
        let Some((pivot, factor)) = reduced.iter().copied().max_by_key(|(var, _)| self.pivot_key(*var))
        else {
            return;
        };
        let scale = product(PRIME - 1, inverse(factor));
        let rest = reduced.into_iter().filter(|(var, _)| *var != pivot);
        let expression: Expression = rest.map(|(var, f)| (var, product(f, scale))).collect();
        self.substitute(pivot, &expression);
        for (var, _) in &expression {
            self.pivots_of[*var].push(pivot);
        }
        self.solved[pivot] = Some(expression);
    }

    /// What follows from what is published of a system.
    pub(super) fn of(system: &'a System, is_published: impl Fn(VarId) -> bool) -> Self {
        let mut echelon = Self::new(system);
        (0..system.vars.len()).filter(|var| is_published(*var)).for_each(|var| echelon.publish(var));
        echelon
    }

    /// What is never published goes first, then what must stay secret, then what matters least.
    fn pivot_key(&self, var: VarId) -> (bool, bool, VarId) {
        let v = &self.system.vars[var];
        (v.standing == Standing::Hidden && !v.primary, v.primary, var)
    }

    fn reduce(&self, terms: Expression) -> Expression {
        let mut sum: BTreeMap<VarId, u64> = BTreeMap::new();
        for (var, factor) in terms {
            if self.known[var] {
                continue;
            }
            match &self.solved[var] {
                None => add(&mut sum, var, factor),
                Some(expression) => {
                    for (free, f) in expression {
                        add(&mut sum, *free, product(*f, factor));
                    }
                }
            }
        }
        sum.into_iter().filter(|(_, f)| *f != 0).collect()
    }

    /// Replaces a free variable wherever it occurs.
    fn substitute(&mut self, var: VarId, by: &Expression) {
        for pivot in std::mem::take(&mut self.pivots_of[var]) {
            let Some(expression) = self.solved[pivot].take() else { continue };
            let factor = expression.iter().find(|(v, _)| *v == var).map(|(_, f)| *f);
            let Some(factor) = factor else {
                self.solved[pivot] = Some(expression);
                continue;
            };
            let mut sum: BTreeMap<VarId, u64> = expression.into_iter().filter(|(v, _)| *v != var).collect();
            for (free, f) in by {
                if !sum.contains_key(free) {
                    self.pivots_of[*free].push(pivot);
                }
                add(&mut sum, *free, product(*f, factor));
            }
            self.solved[pivot] = Some(sum.into_iter().filter(|(_, f)| *f != 0).collect());
        }
    }

    /// What is still unknown of a variable.
    fn residual(&self, var: VarId) -> Expression {
        match &self.solved[var] {
            _ if self.known[var] => Vec::new(),
            Some(expression) => expression.clone(),
            None => vec![(var, 1)],
        }
    }

    fn is_determined(&self, var: VarId) -> bool {
        self.residual(var).is_empty()
    }

    /// Publishes a variable.
    pub(super) fn publish(&mut self, var: VarId) {
        let residual = self.residual(var);
        if self.solved[var].is_some() {
            self.solve(residual);
        } else if !self.known[var] {
            self.known[var] = true;
            self.substitute(var, &Vec::new());
        }
    }

    /// A primary variable that would follow if this one were published.
    pub(super) fn gives_away(&self, var: VarId) -> Option<VarId> {
        let form = self.residual(var);
        let (first, _) = form.iter().min_by_key(|(var, _)| self.pivots_of[*var].len())?;
        if form.len() == 1 && self.system.vars[*first].primary {
            return Some(*first);
        }
        let mut primary = self.pivots_of[*first].iter().filter(|pivot| self.system.vars[**pivot].primary);
        primary.find(|pivot| self.solved[**pivot].as_ref().is_some_and(|e| are_parallel(e, &form))).copied()
    }
}

fn are_parallel(a: &Expression, b: &Expression) -> bool {
    let (Some((_, a0)), Some((_, b0))) = (a.first(), b.first()) else { return false };
    a.len() == b.len()
        && a.iter().zip(b).all(|((v, f), (w, g))| v == w && product(*f, *b0) == product(*g, *a0))
}

fn add(sum: &mut BTreeMap<VarId, u64>, var: VarId, factor: u64) {
    let entry = sum.entry(var).or_insert(0);
    *entry = ((u128::from(*entry) + u128::from(factor)) % u128::from(PRIME)) as u64;
}

fn modulo(factor: i64) -> u64 {
    i128::from(factor).rem_euclid(i128::from(PRIME)) as u64
}

fn product(a: u64, b: u64) -> u64 {
    (u128::from(a) * u128::from(b) % u128::from(PRIME)) as u64
}

/// By Fermat's little theorem.
fn inverse(a: u64) -> u64 {
    let (mut result, mut square, mut exponent) = (1, a, PRIME - 2);
    while exponent > 0 {
        if exponent & 1 == 1 {
            result = product(result, square);
        }
        square = product(square, square);
        exponent >>= 1;
    }
    result
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_times_its_inverse_is_one() {
        for a in [1, 2, 3, PRIME - 1, 1 << 60] {
            assert_eq!(product(a, inverse(a)), 1);
        }
        assert_eq!(modulo(-1), PRIME - 1);
    }
}
