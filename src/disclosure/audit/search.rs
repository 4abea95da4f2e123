//! The largest whole-number value of a sum, where no closed form exists: linear relaxation by `microlp`, branching on the
//! variable that is furthest from whole.
//!
//! Must not know: cells, attackers, how the component came about.
//!
//! Invariant: floating point only says where to look. A value counts when a whole-number point attains it that was checked
//! in exact arithmetic; so an error of the solver can make an interval too narrow, never too wide, and an unsafe table
//! cannot pass as safe by one.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    time::Duration,
};

use microlp::{ComparisonOp, OptimizationDirection, Problem, StopReason, Variable};

use super::{component::Component, system::sum};

/// Relaxations solved for one end of one sum before it is given up as too hard.
pub(super) const NODES: usize = 3_000;

/// A relaxation that takes longer runs in circles.
const LONGEST: Duration = Duration::from_secs(20);

/// How far from a whole number a value of the solver may be to be taken for it.
const NEAR: f64 = 1e-6;

/// What a search came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Found {
    /// The sum grows without end.
    Unbounded,
    /// The largest value.
    Exact(i128),
    /// A value that is attained, when the search was given up.
    AtLeast(i128),
}

enum Relaxed {
    Infeasible,
    Unbounded,
    Optimum(f64, Vec<f64>),
    Failed,
}

/// The bounds of a branch.
#[derive(Clone)]
struct Branch {
    lower: Vec<i128>,
    upper: Vec<Option<i128>>,
}

/// The largest value of a sum in a component; `outer` bounds it if anything does, `inner` is attained by a witness.
pub(super) fn largest(
    component: &mut Component,
    terms: &[(u32, i64)],
    outer: Option<i128>,
    inner: i128,
) -> Found {
    let mut best = inner;
    let mut outer = outer;
    let mut stack = vec![Branch { lower: component.lower.clone(), upper: component.upper.clone() }];
    for node in 0..NODES {
        let Some(branch) = stack.pop() else { return Found::Exact(best) };
        match relax(component, &branch, terms) {
            // The truth is a solution: that there is none is the solver's error.
            Relaxed::Infeasible if node == 0 => return Found::AtLeast(best),
            Relaxed::Infeasible => {}
            Relaxed::Unbounded if node == 0 => return Found::Unbounded,
            Relaxed::Unbounded | Relaxed::Failed => return Found::AtLeast(best),
            Relaxed::Optimum(value, point) => {
                let limit = (value + NEAR * value.abs().max(1.0)).floor() as i128;
                if node == 0 {
                    outer = Some(outer.map_or(limit, |o| o.min(limit)));
                }
                if limit <= best {
                    continue;
                }
                let whole: Vec<i128> = point.iter().map(|x| x.round() as i128).collect();
                if component.allows(&whole) {
                    best = best.max(sum(terms, &whole));
                    component.keep(whole);
                    if Some(best) == outer {
                        return Found::Exact(best);
                    }
                    if limit <= best {
                        continue;
                    }
                }
                match halves(&branch, &point) {
                    Some((far, near)) => stack.extend([far, near]),
                    // Whole to the eye, but no solution, or less than what the solver says it is worth.
                    None => return Found::AtLeast(best),
                }
            }
        }
    }
    if stack.is_empty() { Found::Exact(best) } else { Found::AtLeast(best) }
}

/// Two branches at the variable that is furthest from whole, the nearer one last.
fn halves(branch: &Branch, point: &[f64]) -> Option<(Branch, Branch)> {
    let distance = |x: f64| (x - x.round()).abs();
    let (v, x) = point.iter().copied().enumerate().max_by(|a, b| distance(a.1).total_cmp(&distance(b.1)))?;
    if distance(x) < NEAR {
        return None;
    }
    let (mut below, mut above) = (branch.clone(), branch.clone());
    below.upper[v] = Some(x.floor() as i128);
    above.lower[v] = x.ceil() as i128;
    Some(if x - x.floor() < 0.5 { (above, below) } else { (below, above) })
}

/// The linear relaxation. Variables are counted from their lower bound, which keeps the numbers small.
fn relax(component: &Component, branch: &Branch, terms: &[(u32, i64)]) -> Relaxed {
    let mut factors = vec![0.0; branch.lower.len()];
    terms.iter().for_each(|(v, f)| factors[*v as usize] = *f as f64);
    let mut problem = Problem::new(OptimizationDirection::Maximize);
    problem.set_time_limit(LONGEST);
    let mut variables: Vec<Variable> = Vec::with_capacity(factors.len());
    for (v, factor) in factors.iter().enumerate() {
        let room = branch.upper[v].map_or(f64::INFINITY, |up| (up - branch.lower[v]) as f64);
        if room < 0.0 {
            return Relaxed::Infeasible;
        }
        variables.push(problem.add_var(*factor, (0.0, room)));
    }
    for row in &component.rows {
        let scale = row.terms.iter().map(|(_, f)| f.unsigned_abs()).max().unwrap_or(1) as f64;
        let sides =
            || row.terms.iter().map(|(v, f)| (variables[*v as usize], *f as f64 / scale)).collect::<Vec<_>>();
        let start = sum(&row.terms, &branch.lower);
        let end = |n: i128| (n - start) as f64 / scale;
        match (row.lo, row.up) {
            (Some(lo), Some(up)) if lo == up => problem.add_constraint(sides(), ComparisonOp::Eq, end(lo)),
            (lo, up) => {
                if let Some(lo) = lo {
                    problem.add_constraint(sides(), ComparisonOp::Ge, end(lo));
                }
                if let Some(up) = up {
                    problem.add_constraint(sides(), ComparisonOp::Le, end(up));
                }
            }
        }
    }
    // The solver says of itself that it may panic on hard problems; here that is a search without a result.
    match catch_unwind(AssertUnwindSafe(|| problem.solve())) {
        Ok(Ok(solution)) if *solution.stop_reason() == StopReason::Finished => {
            let point: Vec<f64> =
                variables.iter().zip(&branch.lower).map(|(v, lower)| *lower as f64 + solution[*v]).collect();
            let value = terms.iter().map(|(v, f)| *f as f64 * point[*v as usize]).sum();
            Relaxed::Optimum(value, point)
        }
        Ok(Err(microlp::Error::Infeasible)) => Relaxed::Infeasible,
        Ok(Err(microlp::Error::Unbounded)) => Relaxed::Unbounded,
        _ => Relaxed::Failed,
    }
}
