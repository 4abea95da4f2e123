//! Secondary suppression: what else must be withheld so that the primary statistics stay secret.
//!
//! Holds the order of the passes: elimination ([`super::gauss`]), widening by moves ([`super::moves`]), taking back what is not
//! needed. Must not know: the audit, which judges the result by other means; years, regions, indicators.
//!
//! Invariant: a result is handed out only if for every primary statistic there are two tables of whole numbers that the
//! public cannot tell from the true one, in which the statistic is at least the threshold and differs by at least the width.
//! So the sum of the suppressed members of an equation is never a small count either (rule R5).

use std::{
    cmp::Reverse,
    collections::{BTreeMap, BTreeSet},
};

use super::{
    certificate::Why,
    gauss::{self, Echelon},
    moves::{Aim, Field, Move, Status, Units, change_of},
    primary::Primary,
    system::{Standing, System, VarId},
    table::{CellId, Show, Table, TableError},
};

/// What must be withheld of a table.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Suppression {
    /// Candidates that must not be published, primary ones included, ascending.
    pub suppressed: Vec<CellId>,
    /// Those of them that are withheld for the sake of another, ascending, with the primary cell that they protect.
    pub secondary: Vec<(CellId, CellId)>,
}

impl Suppression {
    /// Why each suppressed cell is withheld, for staff.
    pub fn reasons(&self, primary: &[Primary]) -> Vec<(CellId, Why)> {
        let rules: BTreeMap<CellId, Why> =
            primary.iter().map(|p| (p.cell, Why::Primary { rule: p.rule })).collect();
        let secondary = |cell| {
            let found = self.secondary.binary_search_by_key(&cell, |(c, _)| *c).ok()?;
            Some(Why::Secondary { protects: self.secondary[found].1 })
        };
        let reason = |cell: &CellId| Some((*cell, secondary(*cell).or_else(|| rules.get(cell).copied())?));
        self.suppressed.iter().filter_map(reason).collect()
    }
}

/// Why a table cannot be protected.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ProtectError {
    /// The table names what is not in it.
    #[error(transparent)]
    Table(#[from] TableError),
    /// A primary cell is not in the table.
    #[error("cell {0} is to be protected and not in the table")]
    UnknownCell(CellId),
    /// A rounded number that is said to be public is not that of its ratio.
    #[error("the number shown for ratio {0} is not the one that its cells give")]
    Contradiction(usize),
    /// What is public already gives these primary cells away, or bounds them too closely.
    #[error("cells {0:?} cannot be protected: what is public already tells too much about them")]
    Impossible(Vec<CellId>),
}

/// Finds what must be withheld so that the primary cells stay secret. The primary cells themselves are withheld, too.
///
/// # Errors
/// If the table is wrong or what is public already tells too much.
pub fn protect(table: &Table, primary: &[CellId]) -> Result<Suppression, ProtectError> {
    protect_with(table, primary, &mut |_, _| ())
}

/// [`protect`] that tells how many of how many steps are done.
///
/// # Errors
/// Like [`protect`].
pub fn protect_with(
    table: &Table,
    primary: &[CellId],
    progress: &mut dyn FnMut(usize, usize),
) -> Result<Suppression, ProtectError> {
    let system = System::new(table, primary)?;
    let outcome = gauss::eliminate(&system);
    if !outcome.determined.is_empty() {
        return Err(ProtectError::Impossible(cells_of(&system, &outcome.determined)));
    }
    let only_primary: Vec<bool> = system.vars.iter().map(|v| v.primary).collect();
    let mut starts = vec![outcome.suppressed, only_primary];
    if system.vars.len() > MOST_VARIABLES_TO_TRY_TWICE {
        starts.truncate(1);
    }
    let (count, mut best, mut impossible) = (starts.len(), None::<Work<'_>>, Vec::new());
    for (i, start) in starts.iter().enumerate() {
        let mut work = Work::new(table, &system);
        let failed = work.run(start, &mut |done, of| progress(i * of + done, count * of));
        if !failed.is_empty() {
            impossible = failed;
        } else if best.as_ref().is_none_or(|b| work.total_cost() < b.total_cost()) {
            best = Some(work);
        }
    }
    best.map(|work| work.result(table, primary))
        .ok_or_else(|| ProtectError::Impossible(cells_of(&system, &impossible)))
}

/// Up to this size more than one way is tried: a table is also protected without what the elimination found, which sometimes
/// withholds less.
const MOST_VARIABLES_TO_TRY_TWICE: usize = 1_000;

fn cells_of(system: &System, vars: &[VarId]) -> Vec<CellId> {
    let primary = vars.iter().flat_map(|v| system.vars[*v].cells.iter().copied());
    let mut cells: Vec<CellId> = primary.collect();
    cells.sort_unstable();
    cells
}

/// How far a primary variable is proven to be movable: by moves that one or the other attacker cannot tell from the truth.
type Proof = Vec<Move>;

/// The state between the passes.
struct Work<'a> {
    system: &'a System,
    status: Vec<Status>,
    /// By variable; empty where it is not primary.
    proofs: Vec<Proof>,
    /// Moves that were found for a variable, by variable: one may still do when the proof does not any more.
    found: Vec<Vec<Move>>,
    /// How far away the last such moves upwards and downwards were found, by variable.
    reaches: Vec<[usize; 2]>,
    /// How often a variable was the reason why another one had to stay closed.
    needs: Vec<usize>,
    /// Primary variables whose proof used a variable at some time, by variable.
    users: Vec<Vec<VarId>>,
    /// The primary variable that a suppressed one was found to protect, by variable.
    protects: Vec<Option<VarId>>,
    threshold: i64,
    width: i64,
    zeros_public: bool,
    /// Nobody knows more by being counted: where zeros are public, of what is suppressed everybody knows that it is not 0.
    everybody_knows_the_same: bool,
}

impl<'a> Work<'a> {
    fn new(table: &Table, system: &'a System) -> Self {
        let status = system.vars.iter().map(|v| match v.standing {
            Standing::Known => Status::Known,
            Standing::Candidate => Status::Open,
            Standing::Hidden => Status::Hidden,
        });
        let count = system.vars.len();
        Self {
            system,
            status: status.collect(),
            proofs: vec![Proof::new(); count],
            found: vec![Vec::new(); count],
            reaches: vec![[0; 2]; count],
            needs: vec![0; count],
            users: vec![Vec::new(); count],
            protects: vec![None; count],
            threshold: i64::from(table.policy.threshold),
            width: i64::from(table.policy.width),
            zeros_public: table.policy.zeros_public,
            everybody_knows_the_same: table.policy.zeros_public
                && system.primary.iter().all(|v| system.vars[*v].standing != Standing::Hidden),
        }
    }

    /// All passes after the elimination. Returns the primary variables that cannot be protected.
    fn run(&mut self, start: &[bool], progress: &mut dyn FnMut(usize, usize)) -> Vec<VarId> {
        (0..start.len()).filter(|v| start[*v]).for_each(|v| self.close(v));
        let primary = &self.system.primary;
        let steps = 2 * primary.len();
        let mut impossible = Vec::new();
        for (done, var) in primary.iter().enumerate() {
            progress(done, steps);
            if !self.protect(*var) {
                impossible.push(*var);
            }
        }
        if impossible.is_empty() {
            self.take_back(&mut |done, of| progress(primary.len() + done * primary.len() / of, steps));
        }
        progress(steps, steps);
        impossible
    }

    /// Number of cells that are withheld, and how much they matter, which decides among equal numbers.
    fn total_cost(&self) -> (usize, f64) {
        let closed = || (0..self.status.len()).filter(|v| self.status[*v] == Status::Closed);
        let cells = closed().map(|v| self.system.vars[v].cells.len()).sum();
        (cells, closed().map(|v| self.cost(v)).sum())
    }

    fn field(&self, units: Units) -> Field<'_> {
        let measure = self.threshold.max(self.width).max(1);
        Field { system: self.system, status: &self.status, units, zeros_public: self.zeros_public, measure }
    }

    /// Withholds a variable, and with a denominator the numerators of shares that would tell it.
    fn close(&mut self, var: VarId) {
        if self.status[var] != Status::Open {
            return;
        }
        self.status[var] = Status::Closed;
        for numerator in &self.system.numerators_of[var] {
            // 0 % is the same of any denominator.
            if !(self.zeros_public && self.system.vars[*numerator].value == 0) {
                self.close(*numerator);
            }
        }
    }

    /// Whether a variable is withheld because a share would tell its denominator.
    fn follows_its_denominator(&self, var: VarId) -> bool {
        self.denominators(var).any(|d| self.status[d] == Status::Closed)
    }

    fn denominators(&self, var: VarId) -> impl Iterator<Item = VarId> + '_ {
        self.system.denominators_of[var].iter().copied()
    }

    /// The least upward change that reaches the threshold.
    fn least_up(&self, var: VarId) -> i64 {
        (self.threshold - self.system.vars[var].value).max(0)
    }

    /// How far the moves at hand take a variable that leave somebody in `own`, if that is where whoever looks is counted.
    fn reach(&self, var: VarId, own: Option<VarId>) -> (i64, i64) {
        let is_possible =
            |m: &&Move| own.is_none_or(|own| self.system.vars[own].value + change_of(m, own) >= 1);
        let changes = self.proofs[var].iter().filter(is_possible).map(|m| change_of(m, var));
        changes.fold((0, 0), |(down, up), by| (down.min(by), up.max(by)))
    }

    fn is_enough(&self, var: VarId, (down, up): (i64, i64)) -> bool {
        up >= self.least_up(var) && up - down >= self.width
    }

    /// Whom the moves at hand do not deceive enough, if there is somebody, by where they are counted.
    fn seen_through(&self, var: VarId) -> Option<Units> {
        let field = self.field(Units::In(None));
        let is_emptied =
            |(v, by): &&(VarId, i64)| self.system.vars[*v].value + by < 1 && field.may_hold_an_own_unit(*v);
        let emptied: BTreeSet<VarId> =
            self.proofs[var].iter().flatten().filter(is_emptied).map(|(v, _)| *v).collect();
        let mut attackers = std::iter::once(None).chain(emptied.into_iter().map(Some));
        attackers.find(|own| !self.is_enough(var, self.reach(var, *own))).map(Units::In)
    }

    fn is_proven(&self, var: VarId) -> bool {
        self.seen_through(var).is_none()
    }

    /// Looks for the moves that prove a variable protected as things stand: first for such as deceive everybody at once, then
    /// for one attacker after the other.
    fn prove(&mut self, var: VarId) -> bool {
        if self.is_proven(var) || self.recall(var) {
            return true;
        }
        self.look(var, Units::Everywhere);
        if self.everybody_knows_the_same {
            return self.is_proven(var);
        }
        let mut asked = BTreeSet::new();
        while let Some(units) = self.seen_through(var).filter(|units| asked.insert(*units)) {
            self.look(var, units);
        }
        self.is_proven(var)
    }

    /// Looks for moves up and, if they are not enough, down.
    fn look(&mut self, var: VarId, units: Units) {
        let (low, _) = self.field(units).room(var);
        let wanted = self.least_up(var).max(self.width);
        // What it cannot shrink it must grow.
        let least = self.least_up(var).max(self.width + low).max(1);
        let own = match units {
            Units::Everywhere => None,
            Units::In(own) => own,
        };
        if self.reach(var, own).1 < wanted {
            self.look_for(Aim { target: var, by: wanted, least }, units);
        }
        let (down, up) = self.reach(var, own);
        let rest = self.width - up;
        if up >= self.least_up(var) && -down < rest && -rest >= low {
            self.look_for(Aim { target: var, by: -rest, least: rest }, units);
        }
    }

    fn look_for(&mut self, aim: Aim, units: Units) {
        let side = usize::from(aim.by < 0);
        if let Some((found, reach)) = self.field(units).farthest(aim, self.reaches[aim.target][side]) {
            self.reaches[aim.target][side] = reach;
            self.learn(aim.target, &found);
        }
    }

    /// Whether moves that were found earlier and that are possible as things stand prove a variable protected.
    fn recall(&mut self, var: VarId) -> bool {
        let is_possible = |change: &&Move| change.iter().all(|(v, _)| self.status[*v] != Status::Open);
        self.proofs[var] = self.found[var].iter().filter(is_possible).cloned().collect();
        self.is_proven(var)
    }

    /// Uses a move as a proof for its target and for other primary variables that it moves.
    fn learn(&mut self, target: VarId, change: &Move) {
        for (var, _) in change {
            if self.system.vars[*var].primary && (*var == target || !self.is_proven(*var)) {
                self.proofs[*var].push(change.clone());
                self.found[*var].push(change.clone());
                for (used, _) in change {
                    if self.users[*used].last() != Some(var) {
                        self.users[*used].push(*var);
                    }
                }
            }
        }
    }

    /// Proves a variable protected; withholds the cheapest others for it if that is needed: for everybody at once, or else
    /// for one attacker after the other.
    fn protect(&mut self, var: VarId) -> bool {
        if self.prove(var) {
            return true;
        }
        self.withhold(var, Units::Everywhere);
        let mut asked = BTreeSet::new();
        while !self.prove(var) {
            let Some(units) = self.seen_through(var).filter(|units| asked.insert(*units)) else {
                return false;
            };
            self.withhold(var, units);
        }
        true
    }

    /// Withholds the cheapest cells that let a variable move far enough, if there are such.
    fn withhold(&mut self, var: VarId, units: Units) {
        let least = self.least_up(var);
        let all_up = least.max(self.width);
        let splits = [(all_up, 0), (least, (self.width - least).max(0))];
        let splits = splits.into_iter().take(if least < all_up { 2 } else { 1 });
        let mut best: Option<(f64, Vec<Move>)> = None;
        for (up, down) in splits {
            let aims = [up, -down].into_iter().filter(|by| *by != 0);
            let aims = aims.map(|by| Aim { target: var, by, least: by.abs() });
            let moves: Option<Vec<Move>> = aims.map(|aim| self.cheapest(aim, units)).collect();
            let Some(moves) = moves else { continue };
            let cost = self.cost_of(&moves);
            if best.as_ref().is_none_or(|(least, _)| cost < *least) {
                best = Some((cost, moves));
            }
            if self.is_large() {
                break;
            }
        }
        for change in best.into_iter().flat_map(|(_, moves)| moves) {
            for (used, _) in &change {
                if self.status[*used] == Status::Open {
                    self.protects[*used] = Some(var);
                    self.close(*used);
                }
            }
            self.learn(var, &change);
        }
    }

    /// The cheapest move, where a variable costs the same however far it is moved: repeated with the costs spread over what
    /// was moved the last time.
    fn cheapest(&self, aim: Aim, units: Units) -> Option<Move> {
        let field = self.field(units);
        let by = aim.by.abs();
        let per_unit = |var: VarId| {
            let (down, up) = field.room(var);
            self.cost(var) / by.min(down.abs().max(up)).max(1) as f64
        };
        let first = field.cheapest(aim, &per_unit)?;
        if self.is_large() {
            return Some(first);
        }
        let spread = |var: VarId| match change_of(&first, var).abs() {
            0 => self.cost(var),
            moved => self.cost(var) / moved as f64,
        };
        let second = field.cheapest(aim, &spread)?;
        let (a, b) =
            (self.cost_of(std::slice::from_ref(&first)), self.cost_of(std::slice::from_ref(&second)));
        Some(if b < a { second } else { first })
    }

    /// Whether the table is so large that the first way found has to do.
    fn is_large(&self) -> bool {
        self.system.vars.len() > MOST_VARIABLES_TO_TRY_TWICE
    }

    /// What it costs to withhold a variable: one per cell, and up to as much again for the most valuable.
    fn cost(&self, var: VarId) -> f64 {
        let cells = self.system.vars[var].cells.len() as f64;
        cells * (2.0 - var as f64 / self.system.vars.len() as f64)
    }

    fn cost_of(&self, moves: &[Move]) -> f64 {
        let used = moves.iter().flatten().map(|(var, _)| *var).filter(|v| self.status[*v] == Status::Open);
        let used: BTreeSet<VarId> = used.collect();
        used.into_iter().map(|v| self.cost(v)).sum()
    }

    /// Publishes, from the most valuable on, what need not be withheld.
    fn take_back(&mut self, progress: &mut dyn FnMut(usize, usize)) {
        let is_published = |var: VarId| matches!(self.status[var], Status::Known | Status::Open);
        let mut published = Echelon::of(self.system, is_published);
        for var in 0..self.status.len() {
            progress(var, self.status.len());
            if self.status[var] != Status::Closed || self.system.vars[var].primary {
                continue;
            }
            if let Some(secret) = published.gives_away(var) {
                self.protects[var] = Some(secret);
            } else {
                self.try_to_open(var);
                if self.status[var] == Status::Open {
                    published.publish(var);
                }
            }
        }
    }

    fn try_to_open(&mut self, var: VarId) {
        if self.follows_its_denominator(var) {
            let protects = self
                .denominators(var)
                .find_map(|d| if self.system.vars[d].primary { Some(d) } else { self.protects[d] });
            self.protects[var] = protects;
            return;
        }
        self.status[var] = Status::Open;
        let uses = |change: &Move| change_of(change, var) != 0;
        let users: BTreeSet<VarId> = self.users[var].iter().copied().collect();
        let mut lost = Vec::new();
        for user in users {
            if self.proofs[user].iter().any(uses) {
                lost.push((user, self.proofs[user].clone()));
                self.proofs[user].retain(|change| !uses(change));
            }
        }
        // Those first who needed others before.
        lost.sort_by_key(|(user, _)| Reverse(self.needs[*user]));
        if let Some(user) = lost.iter().map(|(user, _)| *user).find(|user| !self.prove(*user)) {
            self.needs[user] += 1;
            self.status[var] = Status::Closed;
            self.protects[var] = Some(user);
            for (user, proof) in lost {
                self.proofs[user] = proof;
            }
        }
    }

    fn result(&self, table: &Table, primary: &[CellId]) -> Suppression {
        let secret: BTreeSet<CellId> = primary.iter().copied().collect();
        let secret_of = |var: VarId| self.system.vars[var].cells.iter().copied().find(|c| secret.contains(c));
        let mut result = Suppression::default();
        for (id, var) in
            self.system.vars.iter().enumerate().filter(|(id, _)| self.status[*id] == Status::Closed)
        {
            // A cell that is the same number as a primary one protects that.
            let protects = if var.primary { Some(id) } else { self.protects[id] }.and_then(secret_of);
            let shown = var.cells.iter().copied().filter(|c| table.cells[*c].show == Show::Candidate);
            for cell in shown {
                result.suppressed.push(cell);
                let protects = protects.filter(|_| !secret.contains(&cell));
                result.secondary.extend(protects.map(|protects| (cell, protects)));
            }
        }
        result.suppressed.sort_unstable();
        result.secondary.sort_unstable();
        result
    }
}

#[cfg(test)]
#[path = "protect_tests.rs"]
mod tests;
