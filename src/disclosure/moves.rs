//! Other tables that the public cannot tell from the true one.
//!
//! Holds the search for *moves*: whole-numbered changes of all variables that leave everything published as it is, keep every
//! count possible and move one statistic up or down. A move is the proof that the statistic may be that much larger or
//! smaller. Must not know: which statistics need such a proof.
//!
//! Invariant: a move that is handed out was checked in whole numbers, so that the linear solver, which calculates in floating
//! point, can miss a move but cannot invent one.

use std::{
    collections::{BTreeMap, BTreeSet},
    panic::{AssertUnwindSafe, catch_unwind},
    time::Duration,
};

use microlp::{ComparisonOp, OptimizationDirection, Problem, StopReason};

use super::system::{System, VarId};

/// Changes of variables, sorted, none of them 0.
pub(super) type Move = Vec<(VarId, i64)>;

/// What the public knows of a variable.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Status {
    /// Its value, for ever.
    Known,
    /// Its value, as long as it is not suppressed.
    Open,
    /// That it is suppressed.
    Closed,
    /// Nothing.
    Hidden,
}

/// What is looked for.
#[derive(Debug, Clone, Copy)]
pub(super) struct Aim {
    /// The variable to be moved.
    pub target: VarId,
    /// By how much; negative for down.
    pub by: i64,
    /// How far it must be moved at least for that to be of use.
    pub least: i64,
}

/// No variable is moved further than this many times the policy's numbers.
const FARTHEST: i64 = 4;
/// How many steps around the target a move is looked for, before all that hangs together is taken.
const REACHES: [usize; 6] = [1, 2, 3, 4, 6, 8];
/// In how many variables at most a move is looked for. What hangs together in more of them than this has moves nearby.
const MOST_VARIABLES: usize = 160;
/// How many open variables of an equation are tried first.
const FEW_TO_CLOSE: usize = 4;
/// In how many at most, where it may be necessary to withhold more.
const MOST_VARIABLES_TO_CLOSE: usize = 4_000;
/// How many linear programs may be solved to make one move whole-numbered.
const MOST_BRANCHES: usize = 60;
/// How often bounds are narrowed by all equations of a region before a linear program is made of them.
const ROUNDS: usize = 12;
/// How many steps of other variables one step of the target is worth, where a move is to go far.
const FAR_BEFORE_FEW: f64 = 1_000.0;
/// A linear program that takes longer runs in circles.
const LONGEST: Duration = Duration::from_secs(20);

/// Where whoever looks is counted themselves and so knows that there is somebody.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Units {
    /// Everywhere: one attacker who is stronger than any there can be. What is safe from this one is safe.
    Everywhere,
    /// In one variable, or in none.
    In(Option<VarId>),
}

/// What somebody may know and what it costs to withhold more.
pub(super) struct Field<'a> {
    pub system: &'a System,
    pub status: &'a [Status],
    /// What they know of themselves.
    pub units: Units,
    /// Everybody knows that no zero is withheld.
    pub zeros_public: bool,
    /// Largest number that matters: the policy's threshold or width.
    pub measure: i64,
}

impl Field<'_> {
    /// The move that takes the target as far as it goes, at most by the aim, and the place among [`REACHES`] at which it was
    /// found; `None` if it cannot be moved at all. Nearer than `first`, such a place, nothing is looked for.
    pub fn farthest(&self, aim: Aim, first: usize) -> Option<(Move, usize)> {
        let mut best: Option<(Move, usize)> = None;
        let mut size = 0;
        let reaches = REACHES.into_iter().chain([usize::MAX]).enumerate().skip(first);
        for (place, reach) in reaches {
            let region = self.region(aim.target, reach, 0);
            if region.len() == size || (size > 0 && region.len() > MOST_VARIABLES) {
                break;
            }
            size = region.len();
            let found = self.program(&region, aim, None).and_then(|p| p.best(self, aim));
            let moved = |m: &Move| change_of(m, aim.target).abs();
            if let Some(found) = found.filter(|f| best.as_ref().is_none_or(|(b, _)| moved(f) > moved(b))) {
                best = Some((found, place));
            }
            if best.as_ref().is_some_and(|(m, _)| moved(m) == aim.by.abs()) {
                break;
            }
        }
        best
    }

    /// A cheap move of exactly the aim, for which open variables may be closed at their cost.
    pub fn cheapest(&self, aim: Aim, cost: &dyn Fn(VarId) -> f64) -> Option<Move> {
        // First with few others of each equation, of which there may be hundreds.
        let few = REACHES.into_iter().map(|reach| (reach, FEW_TO_CLOSE));
        let all = REACHES.into_iter().chain([usize::MAX]).map(|reach| (reach, usize::MAX));
        let mut size = 0;
        for (reach, others) in few.chain(all) {
            let region = self.region(aim.target, reach, others);
            if region.len() <= size {
                continue;
            }
            if size > 0 && region.len() > MOST_VARIABLES_TO_CLOSE {
                return None;
            }
            size = region.len();
            let found = self.program(&region, aim, Some(cost)).and_then(|p| p.best(self, aim));
            if found.is_some() {
                return found;
            }
        }
        None
    }

    /// How much a variable may shrink and grow. A suppressed count is at least 1 if it truly is for those who know that:
    /// where zeros are public everybody does, elsewhere whoever is counted in it.
    pub fn room(&self, var: VarId) -> (i64, i64) {
        let v = &self.system.vars[var];
        let far = FARTHEST * self.measure;
        let is_candidate = matches!(self.status[var], Status::Closed | Status::Open);
        let is_counted_in = match self.units {
            Units::Everywhere => self.may_hold_an_own_unit(var),
            Units::In(own) => own == Some(var),
        };
        let (low, high) = v.room;
        let is_there = v.value >= 1 && (is_counted_in || self.zeros_public && is_candidate);
        let low = if is_there { low.max(1 - v.value) } else { low };
        (low.max(-far), high.min(far))
    }

    /// Whether somebody may know of a variable that it is not 0, because they are counted in it.
    pub fn may_hold_an_own_unit(&self, var: VarId) -> bool {
        let v = &self.system.vars[var];
        let is_asked_for = matches!(self.status[var], Status::Closed | Status::Open)
            || self.status[var] == Status::Hidden && v.primary;
        v.value >= 1 && !v.cells.is_empty() && is_asked_for
    }

    fn is_free(&self, var: VarId) -> bool {
        matches!(self.status[var], Status::Closed | Status::Hidden)
    }

    /// The variables that can move within some steps of a variable, a step being an equation or a margin; of each at most
    /// `others` that are open, the least valuable of those that can make room.
    fn region(&self, start: VarId, reach: usize, others: usize) -> Vec<VarId> {
        let mut region = BTreeSet::from([start]);
        let mut seen = BTreeSet::new();
        let mut last = vec![start];
        for _ in 0..reach {
            let rows = last.iter().flat_map(|v| self.system.rows_of[*v].iter().copied());
            let new: Vec<usize> = rows.filter(|row| seen.insert(*row)).collect();
            let mut next = Vec::new();
            let mut reach_for = |members: Vec<VarId>| {
                let open =
                    members.iter().filter(|v| self.status[**v] == Status::Open && self.makes_room(**v));
                let near = members.iter().filter(|v| self.is_free(**v)).chain(open.rev().take(others));
                next.extend(near.copied().filter(|v| region.insert(*v)));
            };
            for row in new {
                reach_for(self.system.rows[row].iter().map(|(v, _)| *v).collect());
            }
            for margin in last.iter().flat_map(|v| &self.system.margins_of[*v]) {
                reach_for(self.system.margins[*margin].terms.iter().map(|(v, _)| *v).collect());
            }
            if next.is_empty() {
                break;
            }
            last = next;
        }
        if (1..usize::MAX).contains(&others) {
            self.close_gaps(&mut region, &seen);
        }
        region.into_iter().collect()
    }

    fn makes_room(&self, var: VarId) -> bool {
        let (low, high) = self.room(var);
        low.abs().max(high) >= self.measure
    }

    /// Adds open variables that join two equations of a region: the fourth corner of a rectangle.
    fn close_gaps(&self, region: &mut BTreeSet<VarId>, rows: &BTreeSet<usize>) {
        let moved: BTreeSet<usize> =
            region.iter().flat_map(|v| self.system.rows_of[*v].iter().copied()).collect();
        for row in rows {
            for (var, _) in &self.system.rows[*row] {
                let of_region = self.system.rows_of[*var].iter().filter(|r| moved.contains(r)).count();
                if self.status[*var] == Status::Open && of_region > 1 {
                    region.insert(*var);
                }
            }
        }
    }

    /// The linear program of an aim over a region; `None` if the bounds alone show that nothing is possible.
    fn program(&self, region: &[VarId], aim: Aim, cost: Option<&dyn Fn(VarId) -> f64>) -> Option<Program> {
        let exact = cost.is_some();
        let rooms = region.iter().map(|var| match self.room(*var) {
            (low, high) if *var != aim.target => (low, high),
            (_, high) if aim.by > 0 => (if exact { aim.by } else { 0 }, aim.by.min(high)),
            (low, _) => (aim.by.max(low), if exact { aim.by } else { 0 }),
        });
        let mut bounds: BTreeMap<VarId, (i64, i64)> = region.iter().copied().zip(rooms).collect();
        let rows: BTreeSet<usize> =
            region.iter().flat_map(|v| self.system.rows_of[*v].iter().copied()).collect();
        self.narrow(&mut bounds, &rows)?;
        let (low, high) = *bounds.get(&aim.target)?;
        if low.abs().max(high) < aim.least {
            return None;
        }
        let variables: Vec<VarId> = bounds.keys().copied().collect();
        let place = |var: &VarId| variables.binary_search(var).ok();
        let rows = rows.into_iter().map(|r| {
            let terms = self.system.rows[r].iter().filter_map(|(v, f)| Some((place(v)?, *f as f64)));
            terms.collect::<Vec<_>>()
        });
        let margins: BTreeSet<usize> =
            variables.iter().flat_map(|v| self.system.margins_of[*v].iter().copied()).collect();
        let margins = margins.into_iter().map(|m| {
            let margin = &self.system.margins[m];
            let scale = margin.terms.iter().map(|(_, f)| f.unsigned_abs()).max().unwrap_or(1).max(1) as f64;
            let terms = margin.terms.iter().filter_map(|(v, f)| Some((place(v)?, *f as f64 / scale)));
            (terms.collect::<Vec<_>>(), margin.room as f64 / scale)
        });
        let costs = variables.iter().map(|v| match cost {
            Some(cost) if self.status[*v] == Status::Open => cost(*v),
            _ => 0.0,
        });
        Some(Program {
            target: place(&aim.target)?,
            exact,
            upward: aim.by > 0,
            rows: rows.filter(|row| !row.is_empty()).collect(),
            margins: margins.collect(),
            costs: costs.collect(),
            bounds: bounds.into_values().collect(),
            variables,
        })
    }

    /// Narrows bounds by equations in which nothing else moves, and drops what cannot move; `None` if an equation cannot hold.
    fn narrow(&self, bounds: &mut BTreeMap<VarId, (i64, i64)>, rows: &BTreeSet<usize>) -> Option<()> {
        // Least and most of a term.
        let span = |factor: i64, (low, high): (i64, i64)| {
            if factor > 0 { (factor * low, factor * high) } else { (factor * high, factor * low) }
        };
        let mut is_narrowed = true;
        for _ in 0..ROUNDS {
            if !std::mem::take(&mut is_narrowed) {
                break;
            }
            for row in rows {
                let row = &self.system.rows[*row];
                let (mut least, mut most) = (0, 0);
                for (var, factor) in row {
                    let (a, b) = span(*factor, bounds.get(var).copied().unwrap_or_default());
                    (least, most) = (least + a, most + b);
                }
                for (var, factor) in row {
                    let Some(ends) = bounds.get_mut(var) else { continue };
                    let (a, b) = span(*factor, *ends);
                    // The term makes up for what the others are together.
                    let (from, to) = (b - most, a - least);
                    let (from, to) = if *factor > 0 { (from, to) } else { (-to, -from) };
                    let size = factor.abs();
                    let narrower = (ends.0.max(-(-from).div_euclid(size)), ends.1.min(to.div_euclid(size)));
                    if narrower.0 > narrower.1 {
                        return None;
                    }
                    if narrower != *ends {
                        *ends = narrower;
                        let (c, d) = span(*factor, narrower);
                        (least, most) = (least - a + c, most - b + d);
                        is_narrowed = true;
                    }
                }
            }
        }
        bounds.retain(|_, ends| *ends != (0, 0));
        Some(())
    }

    /// Whether the public cannot tell a table from the true one, in whole numbers.
    fn allows(&self, change: &Move) -> bool {
        let by = |var: VarId| i128::from(change_of(change, var));
        let rows: BTreeSet<usize> =
            change.iter().flat_map(|(v, _)| self.system.rows_of[*v].iter().copied()).collect();
        let margins: BTreeSet<usize> =
            change.iter().flat_map(|(v, _)| self.system.margins_of[*v].iter().copied()).collect();
        change.iter().all(|(v, z)| (self.room(*v).0..=self.room(*v).1).contains(z))
            && rows
                .iter()
                .all(|r| self.system.rows[*r].iter().map(|(v, f)| i128::from(*f) * by(*v)).sum::<i128>() == 0)
            && margins.iter().all(|m| {
                let margin = &self.system.margins[*m];
                margin.terms.iter().map(|(v, f)| f * by(*v)).sum::<i128>() <= margin.room
            })
    }
}

/// How far a move takes a variable.
pub(super) fn change_of(change: &Move, var: VarId) -> i64 {
    change.binary_search_by_key(&var, |(v, _)| *v).map_or(0, |i| change[i].1)
}

/// A linear program over the variables of a region.
struct Program {
    variables: Vec<VarId>,
    target: usize,
    exact: bool,
    upward: bool,
    rows: Vec<Vec<(usize, f64)>>,
    margins: Vec<(Vec<(usize, f64)>, f64)>,
    costs: Vec<f64>,
    bounds: Vec<(i64, i64)>,
}

impl Program {
    /// The best move that is found by branching on a variable that is not whole, within a limit.
    fn best(&self, field: &Field<'_>, aim: Aim) -> Option<Move> {
        let mut open = vec![self.bounds.clone()];
        let mut best: Option<Move> = None;
        for _ in 0..MOST_BRANCHES {
            let Some(bounds) = open.pop() else { break };
            let Some(values) = self.solve(&bounds) else { continue };
            let reached = best.as_ref().map_or(0, |m| change_of(m, aim.target).abs());
            if values[self.target].abs() + 1e-6 < (reached + 1).max(aim.least) as f64 {
                continue;
            }
            let broken = |value: &f64| (value - value.round()).abs();
            let worst =
                (0..values.len()).max_by(|a, b| broken(&values[*a]).total_cmp(&broken(&values[*b])))?;
            if broken(&values[worst]) < 1e-6 {
                let change =
                    self.variables.iter().zip(&values).map(|(var, value)| (*var, value.round() as i64));
                let change: Move = change.filter(|(_, z)| *z != 0).collect();
                if field.allows(&change) {
                    let all = self.exact || change_of(&change, aim.target) == aim.by;
                    best = Some(change);
                    if all {
                        break;
                    }
                }
                continue;
            }
            let below = values[worst].floor() as i64;
            let (low, high) = bounds[worst];
            let mut with = |low: i64, high: i64| {
                if low <= high {
                    let mut narrower = bounds.clone();
                    narrower[worst] = (low, high);
                    open.push(narrower);
                }
            };
            with(low, below);
            with(below + 1, high);
        }
        best
    }

    /// Each variable is what it grows and what it shrinks: no change at all is the start, and what needs not move does not.
    fn solve(&self, bounds: &[(i64, i64)]) -> Option<Vec<f64>> {
        let mut problem = Problem::new(OptimizationDirection::Minimize);
        let mut parts = Vec::with_capacity(bounds.len());
        for (i, (low, high)) in bounds.iter().enumerate() {
            let (low, high) = (*low as f64, *high as f64);
            let (up, down) = if self.exact {
                (self.costs[i], self.costs[i])
            } else if i == self.target {
                if self.upward {
                    (-FAR_BEFORE_FEW, FAR_BEFORE_FEW)
                } else {
                    (FAR_BEFORE_FEW, -FAR_BEFORE_FEW)
                }
            } else {
                (1.0, 1.0)
            };
            let up = problem.add_var(up, (low.max(0.0), high.max(0.0)));
            parts.push((up, problem.add_var(down, ((-high).max(0.0), (-low).max(0.0)))));
        }
        let terms = |row: &[(usize, f64)]| {
            let both = |(i, f): &(usize, f64)| [(parts[*i].0, *f), (parts[*i].1, -*f)];
            row.iter().flat_map(both).collect::<Vec<_>>()
        };
        for row in &self.rows {
            problem.add_constraint(terms(row), ComparisonOp::Eq, 0.0);
        }
        for (row, room) in &self.margins {
            problem.add_constraint(terms(row), ComparisonOp::Le, *room);
        }
        problem.set_time_limit(LONGEST);
        // The solver panics on some numerically hard programs; then it has found nothing.
        let solution = catch_unwind(AssertUnwindSafe(|| problem.solve())).ok()?.ok()?;
        if *solution.stop_reason() == StopReason::Limit {
            return None;
        }
        Some(parts.iter().map(|(up, down)| solution.var_value(*up) - solution.var_value(*down)).collect())
    }
}
