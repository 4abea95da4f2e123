//! The largest whole-number value of a sum, where no closed form exists: linear relaxations by `microlp`, and branching.
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

use super::{
    component::Component,
    system::{Row, sum},
};

/// Relaxations solved for one end of one sum before it is given up as too hard.
pub(super) const NODES: usize = 2_000;

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
    Optimum(Vec<f64>),
    Failed,
}

/// Whether a value is attained.
enum Reached {
    Yes,
    No,
    /// The relaxations were used up, or the solver failed.
    Undecided,
}

/// The bounds of a branch.
#[derive(Clone)]
struct Branch {
    lower: Vec<i128>,
    upper: Vec<Option<i128>>,
}

/// The largest value of a sum in a component; `outer` bounds it if anything does, `inner` is attained by a witness.
///
/// The bound at hand is tried first, then the one of the relaxation, then one less, until one is attained.
pub(super) fn largest(
    component: &mut Component,
    terms: &[(u32, i64)],
    outer: Option<i128>,
    inner: i128,
) -> Found {
    let mut nodes = 1;
    if let Some(outer) = outer
        && matches!(reach(component, terms, outer, &mut nodes), Reached::Yes)
    {
        return Found::Exact(outer);
    }
    let root = Branch { lower: component.lower.clone(), upper: component.upper.clone() };
    component.spend();
    let mut goal = match farthest(component, &root, terms) {
        Relaxed::Unbounded => return Found::Unbounded,
        // The truth is a solution: that there is none is the solver's error.
        Relaxed::Infeasible | Relaxed::Failed => return Found::AtLeast(inner),
        Relaxed::Optimum(point) => {
            let value: f64 = terms.iter().map(|(v, f)| *f as f64 * point[*v as usize]).sum();
            let goal = (value + NEAR * value.abs().max(1.0)).floor() as i128;
            let whole = rounded(&point);
            if component.allows(&whole) {
                let attained = sum(terms, &whole);
                component.keep(whole);
                if attained >= goal {
                    return Found::Exact(attained);
                }
            }
            outer.map_or(goal, |outer| outer.min(goal))
        }
    };
    nodes = NODES;
    while goal > inner {
        match reach(component, terms, goal, &mut nodes) {
            Reached::Yes => return Found::Exact(goal),
            Reached::No => goal -= 1,
            Reached::Undecided => return Found::AtLeast(inner),
        }
    }
    Found::Exact(inner)
}

/// Relaxations solved for a value that would be enough.
const TRIES: usize = 40;

/// Looks a little for a solution of which the sum is `goal` or more, and keeps it.
pub(super) fn attain(component: &mut Component, terms: &[(u32, i64)], goal: i128) {
    let mut nodes = TRIES;
    reach(component, terms, goal, &mut nodes);
}

/// Looks for a solution of which the sum is `goal` or more, and keeps it. Each relaxation is the one nearest to the truth:
/// most counts stay as they are, and with them whole.
fn reach(component: &mut Component, terms: &[(u32, i64)], goal: i128, nodes: &mut usize) -> Reached {
    let demand = Row::at_least(terms.to_vec(), goal);
    let mut stack = vec![Branch { lower: component.lower.clone(), upper: component.upper.clone() }];
    while let Some(branch) = stack.pop() {
        if *nodes == 0 {
            return Reached::Undecided;
        }
        *nodes -= 1;
        component.spend();
        match nearest(component, &branch, &demand) {
            Relaxed::Infeasible => {}
            Relaxed::Unbounded | Relaxed::Failed => return Reached::Undecided,
            Relaxed::Optimum(point) => {
                let whole = rounded(&point);
                if component.allows(&whole) && sum(terms, &whole) >= goal {
                    component.keep(whole);
                    return Reached::Yes;
                }
                match halves(&branch, &point) {
                    Some((far, near)) => stack.extend([far, near]),
                    // Whole to the eye, and yet no solution.
                    None => return Reached::Undecided,
                }
            }
        }
    }
    Reached::No
}

fn rounded(point: &[f64]) -> Vec<i128> {
    point.iter().map(|x| x.round() as i128).collect()
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

/// The point of the relaxation at which the sum is largest.
fn farthest(component: &Component, branch: &Branch, terms: &[(u32, i64)]) -> Relaxed {
    let mut factors = vec![0.0; branch.lower.len()];
    for (v, f) in terms {
        factors[*v as usize] = *f as f64;
    }
    let mut problem = Problem::new(OptimizationDirection::Maximize);
    let mut variables = Vec::with_capacity(factors.len());
    for (v, factor) in factors.iter().enumerate() {
        variables.push(problem.add_var(*factor, (0.0, room(branch.lower[v], branch.upper[v]))));
    }
    for row in &component.rows {
        constrain(&mut problem, row, &branch.lower, |v| [(variables[v], 1.0), (variables[v], 0.0)]);
    }
    solve(&mut problem, |value| {
        variables.iter().zip(&branch.lower).map(|(v, from)| *from as f64 + value(*v)).collect()
    })
}

/// The point of the relaxation that obeys `demand` and has the least sum of differences to the truth. Each count is the
/// truth and what is added and taken away: nothing is the best start, and the solver has to repair only what the demand and
/// the branch break.
fn nearest(component: &Component, branch: &Branch, demand: &Row) -> Relaxed {
    let mut problem = Problem::new(OptimizationDirection::Minimize);
    let mut middle = Vec::with_capacity(branch.lower.len());
    let mut variables = Vec::with_capacity(branch.lower.len());
    for (v, truth) in component.witnesses[0].iter().enumerate() {
        let (lower, upper) = (branch.lower[v], branch.upper[v]);
        if upper.is_some_and(|up| up < lower) {
            return Relaxed::Infeasible;
        }
        let from = upper.map_or(*truth, |up| up.min(*truth)).max(lower);
        middle.push(from);
        let more = problem.add_var(1.0, (0.0, room(from, upper)));
        variables.push((more, problem.add_var(1.0, (0.0, room(lower, Some(from))))));
    }
    for row in component.rows.iter().chain([demand]) {
        constrain(&mut problem, row, &middle, |v| [(variables[v].0, 1.0), (variables[v].1, -1.0)]);
    }
    solve(&mut problem, |value| {
        variables
            .iter()
            .zip(&middle)
            .map(|((more, less), from)| *from as f64 + value(*more) - value(*less))
            .collect()
    })
}

fn room(from: i128, to: Option<i128>) -> f64 {
    to.map_or(f64::INFINITY, |to| (to - from) as f64)
}

/// Adds a row over variables that count from `start`; `parts` gives the solver's variables of one, with signs.
fn constrain(
    problem: &mut Problem,
    row: &Row,
    start: &[i128],
    parts: impl Fn(usize) -> [(Variable, f64); 2],
) {
    let scale = row.terms.iter().map(|(_, f)| f.unsigned_abs()).max().unwrap_or(1) as f64;
    let sides = || -> Vec<(Variable, f64)> {
        let parts = row
            .terms
            .iter()
            .flat_map(|(v, f)| parts(*v as usize).map(|(x, sign)| (x, sign * *f as f64 / scale)));
        parts.filter(|(_, factor)| *factor != 0.0).collect()
    };
    let begun = sum(&row.terms, start);
    let end = |n: i128| (n - begun) as f64 / scale;
    if row.lo == row.up {
        row.lo.into_iter().for_each(|value| problem.add_constraint(sides(), ComparisonOp::Eq, end(value)));
        return;
    }
    row.lo.into_iter().for_each(|lo| problem.add_constraint(sides(), ComparisonOp::Ge, end(lo)));
    row.up.into_iter().for_each(|up| problem.add_constraint(sides(), ComparisonOp::Le, end(up)));
}

/// Solves a relaxation; `point` makes the counts from the values of its variables.
fn solve(problem: &mut Problem, point: impl Fn(&dyn Fn(Variable) -> f64) -> Vec<f64>) -> Relaxed {
    problem.set_time_limit(LONGEST);
    // The solver says of itself that it may panic on hard problems; here that is a search without a result.
    match catch_unwind(AssertUnwindSafe(|| problem.solve())) {
        Ok(Ok(solution)) if *solution.stop_reason() == StopReason::Finished => {
            Relaxed::Optimum(point(&|variable| solution[variable]))
        }
        Ok(Err(microlp::Error::Infeasible)) => Relaxed::Infeasible,
        Ok(Err(microlp::Error::Unbounded)) => Relaxed::Unbounded,
        _ => Relaxed::Failed,
    }
}
