//! The independent audit: how far somebody who reads everything that was published can narrow down what was withheld.
//!
//! Holds the three attackers, what each of them knows, and the verdict. Must not know: how the suppression was found; it
//! shares the table with it and nothing else.
//!
//! Invariant: a table is called safe only if whole-number solutions were found, and checked in exact arithmetic, that put
//! every primary cell at or above the threshold and far enough apart. What could not be decided is not safe.

mod component;
mod known;
mod search;
mod system;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use self::{
    component::{Component, Demand, Ends},
    system::{Row, System, Terms, activity},
};
use super::{CellId, Interval, Show, Table, TableError};

/// Whose intervals are asked for. The verdict is always about the primary cells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Which {
    /// Those of the primary cells. Where that is much work, they are followed only as far as the policy demands: such an
    /// interval is attained, and not proven to be the widest.
    Primary,
    /// Those of every suppressed and every primary cell.
    Suppressed,
}

/// Somebody who wants to know.
///
/// All of them know every published cell and ratio, which cells there are, and that base counts are whole numbers from 0 on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Attacker {
    /// Knows no more than that.
    A0,
    /// Knows besides, where the policy publishes zeros, that no zero is withheld: a suppressed cell is 1 or more. If the
    /// pattern suppresses a zero all the same, the conclusion is drawn only for the cells for which it is right: from a
    /// wrong one nobody learns anything true. Where zeros are not public: the same as `A0`.
    A1,
    /// Knows what `A1` knows, and of one suppressed cell, because it counts a unit of their own, that it is 1 or more.
    /// There is one such attacker for each suppressed cell that is not 0; of their intervals for a cell the narrowest
    /// stands, of equally narrow ones the one with the smaller end. Where zeros are public this tells nothing new.
    A2,
}

impl Attacker {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::A0, Self::A1, Self::A2];
}

impl fmt::Display for Attacker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, f)
    }
}

/// What an attacker can find out about a cell.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Reach {
    /// The possible values: both ends are attained.
    pub interval: Interval,
    /// Whether the ends are proven; if not, the true ends are these or further out.
    pub proven: bool,
}

/// What the attackers can find out about a cell, in the order of [`Attacker::ALL`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bounds {
    /// The cell.
    pub cell: CellId,
    /// By attacker.
    pub by: [Reach; 3],
    /// Of all the attackers of the kind [`Attacker::A2`], the interval with the smallest end.
    pub lowest: Reach,
}

/// Why a table is not safe.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reason {
    /// A primary cell is public, now or by an earlier release.
    Public {
        /// The cell.
        cell: CellId,
        /// Whether it was so before.
        earlier: bool,
    },
    /// The largest possible value of a primary cell is below the threshold.
    Low {
        /// The cell.
        cell: CellId,
        /// Who can tell.
        attacker: Attacker,
        /// The possible values.
        interval: Interval,
        /// The threshold.
        threshold: u32,
    },
    /// The possible values of a primary cell are too close together.
    Narrow {
        /// The cell.
        cell: CellId,
        /// Who can tell.
        attacker: Attacker,
        /// The possible values.
        interval: Interval,
        /// The least distance of its ends.
        width: u32,
    },
    /// The search was given up before the possible values of a primary cell were proven.
    Undecided {
        /// The cell.
        cell: CellId,
        /// For whom.
        attacker: Attacker,
        /// The values that were found to be possible.
        interval: Interval,
    },
}

impl Reason {
    /// The cell that it is about.
    pub const fn cell(&self) -> CellId {
        match self {
            Self::Public { cell, .. }
            | Self::Low { cell, .. }
            | Self::Narrow { cell, .. }
            | Self::Undecided { cell, .. } => *cell,
        }
    }

    /// One sentence, with the cell called by its name.
    pub fn sentence(&self, name: &str) -> String {
        match self {
            Self::Public { earlier: false, .. } => {
                format!("Cell '{name}' must stay secret and is not suppressed.")
            }
            Self::Public { earlier: true, .. } => {
                format!("Cell '{name}' must stay secret and is public by an earlier release.")
            }
            Self::Low { attacker, interval, threshold, .. } => {
                format!(
                    "Attacker {attacker} narrows cell '{name}' down to {interval}: {threshold} is out of reach."
                )
            }
            Self::Narrow { attacker, interval, width, .. } => format!(
                "Attacker {attacker} narrows cell '{name}' down to {interval}: the ends must be {width} apart."
            ),
            Self::Undecided { attacker, interval, .. } => format!(
                "What attacker {attacker} finds out about cell '{name}' is too hard to decide within {} steps; at least \
                 {interval} is possible.",
                search::NODES
            ),
        }
    }
}

/// The result of an audit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Audit {
    /// Whether every primary cell is safe from every attacker.
    pub safe: bool,
    /// The intervals, by cell.
    pub bounds: Vec<Bounds>,
    /// Why it is not safe, by cell; empty if it is.
    pub reasons: Vec<Reason>,
}

impl Audit {
    /// The smallest width of an interval of a primary cell, over all attackers; `None` if all are unbounded.
    pub fn narrowest(&self, primary: &[CellId]) -> Option<i64> {
        let primary: BTreeSet<CellId> = primary.iter().copied().collect();
        let of_primary = self.bounds.iter().filter(|b| primary.contains(&b.cell));
        of_primary.flat_map(|b| b.by).filter_map(|reach| reach.interval.width()).min()
    }
}

/// Why a table cannot be audited.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AuditError {
    /// The table contradicts itself.
    #[error(transparent)]
    Table(#[from] TableError),
    /// A primary or suppressed cell is not there.
    #[error("there is no cell {0}")]
    UnknownCell(CellId),
    /// A count or a factor is larger than any in practice.
    #[error("the numbers of cell {0} are too large to be audited")]
    TooLarge(CellId),
    /// A shown ratio cannot be taken into account.
    #[error("ratio {0} has too many digits")]
    Digits(usize),
    /// A shown ratio is not that of its cells.
    #[error("ratio {0} is not its numerator divided by its denominator, rounded to its decimals")]
    WrongRatio(usize),
}

/// Audits a suppression pattern.
///
/// Known to everybody is every cell with [`Show::Known`], every [`Show::Candidate`] that is not in `suppressed`, and every
/// shown ratio. The intervals are those of the whole-number problem.
///
/// # Errors
/// If the table contradicts itself or its numbers are too large.
pub fn audit(
    table: &Table,
    primary: &[CellId],
    suppressed: &[CellId],
    which: Which,
) -> Result<Audit, AuditError> {
    table.check()?;
    if let Some(unknown) = primary.iter().chain(suppressed).find(|c| **c >= table.cells.len()) {
        return Err(AuditError::UnknownCell(*unknown));
    }
    let primary: BTreeSet<CellId> = primary.iter().copied().collect();
    let suppressed: BTreeSet<CellId> = suppressed.iter().copied().collect();
    let targets: BTreeSet<CellId> = match which {
        Which::Primary => primary.clone(),
        Which::Suppressed => primary.union(&suppressed).copied().collect(),
    };
    let (system, forms) = known::of(table, &targets, &suppressed)?;
    let demand = (which == Which::Primary).then_some(Demand {
        above: i128::from(table.policy.threshold),
        width: i128::from(table.policy.width),
    });
    let bounds = attack(table, Knowledge::of(system, demand), &forms, &targets, &suppressed);
    let reasons = verdict(table, &primary, &suppressed, &bounds);
    Ok(Audit { safe: reasons.is_empty(), bounds, reasons })
}

fn verdict(
    table: &Table,
    primary: &BTreeSet<CellId>,
    suppressed: &BTreeSet<CellId>,
    bounds: &[Bounds],
) -> Vec<Reason> {
    let policy = table.policy;
    let (threshold, width) = (policy.threshold, policy.width);
    let mut reasons = Vec::new();
    for Bounds { cell, by, lowest } in bounds.iter().filter(|b| primary.contains(&b.cell)) {
        let cell = *cell;
        let show = table.cells[cell].show;
        if show == Show::Known || show == Show::Candidate && !suppressed.contains(&cell) {
            reasons.push(Reason::Public { cell, earlier: show == Show::Known });
            continue;
        }
        let [a0, a1, a2] = by;
        // Of those who know one own unit, the narrowest interval is not always the lowest.
        let a2 = if lowest.interval.reaches(i64::from(threshold)) { a2 } else { lowest };
        for (attacker, Reach { interval, proven }) in Attacker::ALL.into_iter().zip([*a0, *a1, *a2]) {
            let (reaches, spans) = (interval.reaches(i64::from(threshold)), interval.spans(i64::from(width)));
            // Both ends are attained: what is far enough apart is so, even if more is possible.
            match (reaches && spans, proven, reaches) {
                (true, ..) => {}
                (false, false, _) => reasons.push(Reason::Undecided { cell, attacker, interval }),
                (false, true, false) => reasons.push(Reason::Low { cell, attacker, interval, threshold }),
                (false, true, true) => reasons.push(Reason::Narrow { cell, attacker, interval, width }),
            }
        }
    }
    reasons
}

fn attack(
    table: &Table,
    mut knowledge: Knowledge,
    forms: &BTreeMap<CellId, Terms>,
    targets: &BTreeSet<CellId>,
    suppressed: &BTreeSet<CellId>,
) -> Vec<Bounds> {
    let a0: Vec<Ends> = targets.iter().map(|cell| knowledge.ends(&forms[cell])).collect();
    // Of a cell that is never published, its absence tells nothing.
    let withheld = suppressed.iter().filter(|cell| table.cells[**cell].show == Show::Candidate);
    let mut a1 = a0.clone();
    if table.policy.zeros_public {
        let at_least_one: Vec<&Terms> =
            withheld.filter(|cell| table.value(**cell) >= 1).map(|cell| &forms[cell]).collect();
        if knowledge.learn(&at_least_one) {
            a1 = targets.iter().map(|cell| knowledge.ends(&forms[cell])).collect();
        }
    }
    let own = suppressed.union(targets).filter(|cell| table.cells[**cell].show != Show::Known);
    let own: BTreeSet<CellId> = own.filter(|cell| table.value(**cell) >= 1).copied().collect();
    let a2 = knowledge.with_one_own_unit(&own, targets, forms, &a1);
    let ends = targets.iter().zip(a0).zip(a1).zip(a2);
    let bounds = ends.map(|(((cell, a0), a1), a2)| Bounds {
        cell: *cell,
        by: [a0, a1, a2.narrowest].map(reach),
        lowest: reach(a2.lowest),
    });
    bounds.collect()
}

fn reach(ends: Ends) -> Reach {
    let whole = |end: Option<i128>| end.and_then(|n| i64::try_from(n).ok());
    let interval = Interval { lo: whole(ends.lo.value), up: whole(ends.up.value) };
    Reach { interval, proven: ends.lo.exact && ends.up.exact }
}

/// What an attacker knows, by component.
struct Knowledge {
    system: System,
    rows_of: Vec<Vec<u32>>,
    components: Vec<Component>,
    /// For each variable its component and its place in it.
    place: Vec<(u32, u32)>,
    demand: Option<Demand>,
}

/// What those who know one own unit find out about a cell.
#[derive(Clone, Copy)]
struct OwnUnit {
    narrowest: Ends,
    lowest: Ends,
}

/// A form as a constant and its parts in components.
struct Parts {
    constant: i128,
    in_component: BTreeMap<u32, Terms>,
}

impl Knowledge {
    fn of(mut system: System, demand: Option<Demand>) -> Self {
        system.reduce();
        let rows_of = system.rows_of();
        let (mut components, place) = Component::of(&system);
        for component in &mut components {
            component.demand = demand;
        }
        Self { system, rows_of, components, place, demand }
    }

    fn parts(&self, form: &Terms) -> Parts {
        let (constant, open) = self.system.simplify(form, &self.rows_of);
        let mut in_component: BTreeMap<u32, Terms> = BTreeMap::new();
        for (v, factor) in open {
            let (component, own) = self.place[v as usize];
            in_component.entry(component).or_default().push((own, factor));
        }
        Parts { constant, in_component }
    }

    fn ends(&mut self, form: &Terms) -> Ends {
        let parts = self.parts(form);
        let start = Ends::point(parts.constant);
        parts
            .in_component
            .iter()
            .fold(start, |sum, (c, terms)| sum.plus(self.components[*c as usize].ends(terms)))
    }

    /// Learns that these forms are 1 or more. Says whether that is news.
    fn learn(&mut self, forms: &[&Terms]) -> bool {
        let mut system = self.system.clone();
        for form in forms {
            let (constant, open) = system.simplify(form, &self.rows_of);
            system.rows.push(Row::at_least(open, 1 - constant));
        }
        let learned = Self::of(system, self.demand);
        let news = learned.system.rows != self.system.rows || learned.system.lower != self.system.lower;
        if news {
            *self = learned;
        }
        news
    }

    /// For each target the narrowest interval over all who know that one cell of `own` is 1 or more.
    fn with_one_own_unit(
        &mut self,
        own: &BTreeSet<CellId>,
        targets: &BTreeSet<CellId>,
        forms: &BTreeMap<CellId, Terms>,
        a1: &[Ends],
    ) -> Vec<OwnUnit> {
        let mut found: Vec<OwnUnit> =
            a1.iter().map(|ends| OwnUnit { narrowest: *ends, lowest: *ends }).collect();
        let parts: Vec<Parts> = targets.iter().map(|cell| self.parts(&forms[cell])).collect();
        let mut in_component: BTreeMap<u32, Vec<usize>> = BTreeMap::new();
        for (t, part) in parts.iter().enumerate() {
            part.in_component.keys().for_each(|c| in_component.entry(*c).or_default().push(t));
        }
        for cell in own {
            let part = self.parts(&forms[cell]);
            if self.at_least_one_anyway(&part) {
                continue;
            }
            let touched: BTreeSet<usize> =
                part.in_component.keys().filter_map(|c| in_component.get(c)).flatten().copied().collect();
            let mut joined = Joined::new(self, &part);
            for t in touched {
                let ends = joined.ends(self, &parts[t], a1[t]);
                if key(ends) < key(found[t].narrowest) {
                    found[t].narrowest = ends;
                }
                if ends.up.value.is_some_and(|up| found[t].lowest.up.value.is_none_or(|least| up < least)) {
                    found[t].lowest = ends;
                }
            }
            joined.give_back(self);
        }
        found
    }

    /// Whether everybody knows already that this is 1 or more.
    fn at_least_one_anyway(&mut self, part: &Parts) -> bool {
        let mut bounds = part.in_component.iter().map(|(c, terms)| {
            let component = &self.components[*c as usize];
            activity(terms, &component.lower, &component.upper).0
        });
        let least = bounds.try_fold(part.constant, |sum, own| own.map(|own| sum + own));
        if least.is_some_and(|n| n >= 1) {
            return true;
        }
        let start = Ends::point(part.constant);
        let ends = part
            .in_component
            .iter()
            .fold(start, |sum, (c, terms)| sum.plus(self.components[*c as usize].ends(terms)));
        ends.lo.exact && ends.lo.value.is_some_and(|n| n >= 1)
    }
}

/// Order of intervals: the narrower first, of equally narrow ones the one with the smaller end, then the larger beginning.
fn key(ends: Ends) -> (i128, i128, i128) {
    let (lo, up) = (ends.lo.value, ends.up.value);
    let width = lo.zip(up).map_or(i128::MAX, |(lo, up)| up - lo);
    (width, up.unwrap_or(i128::MAX), -lo.unwrap_or(i128::MIN + 1))
}

/// The components that a cell touches as one, with the knowledge that the cell is 1 or more.
struct Joined {
    component: Component,
    /// Where the variables of each component begin in it.
    starts: BTreeMap<u32, u32>,
}

impl Joined {
    fn new(knowledge: &Knowledge, part: &Parts) -> Self {
        let members: Vec<&Component> =
            part.in_component.keys().map(|c| &knowledge.components[*c as usize]).collect();
        let (mut component, starts) = Component::joined(&members);
        let starts: BTreeMap<u32, u32> = part.in_component.keys().copied().zip(starts).collect();
        let terms =
            part.in_component.iter().flat_map(|(c, terms)| component::shifted(terms, starts[c])).collect();
        component.demand(Row::at_least(terms, 1 - part.constant));
        Self { component, starts }
    }

    fn ends(&mut self, knowledge: &mut Knowledge, of: &Parts, without: Ends) -> Ends {
        let mut inside = Terms::new();
        let mut ends = Ends::point(of.constant);
        let mut outer = Ends::point(0);
        for (c, terms) in &of.in_component {
            let own = knowledge.components[*c as usize].ends(terms);
            match self.starts.get(c) {
                Some(start) => {
                    inside.extend(component::shifted(terms, *start));
                    outer = outer.plus(own);
                }
                None => ends = ends.plus(own),
            }
        }
        if inside.is_empty() { without } else { ends.plus(self.component.ends_within(&inside, outer)) }
    }

    /// Solutions found here are solutions without the additional knowledge, too.
    fn give_back(self, knowledge: &mut Knowledge) {
        if let (1, Some(c)) = (self.starts.len(), self.starts.keys().next()) {
            knowledge.components[*c as usize].take_over(self.component);
        }
    }
}

#[cfg(test)]
#[path = "../audit_tests.rs"]
mod tests;
