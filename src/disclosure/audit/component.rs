//! Unknown counts that hang together by rows, and the smallest and largest value of sums of them.
//!
//! Holds a component, the nested sums that have a closed form, and the witnesses found so far. Must not know: cells,
//! attackers.
//!
//! Invariant: an end is *exact* only if a whole-number solution attains it and either bounds or the solver's finished search
//! exclude a better one. An end that is not exact is one that was attained: the true one is there or further out.

use std::collections::{HashMap, HashSet};

use super::{
    search::{self, Found},
    system::{Row, System, Terms, activity, sum},
};

/// One end of an interval.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct End {
    /// The value; `None` if there is no end.
    pub value: Option<i128>,
    /// Whether nothing further out is possible.
    pub exact: bool,
}

impl End {
    const fn exact(value: Option<i128>) -> Self {
        Self { value, exact: true }
    }

    fn plus(self, other: Self) -> Self {
        Self { value: self.value.zip(other.value).map(|(a, b)| a + b), exact: self.exact && other.exact }
    }

    fn times(self, factor: i128) -> Self {
        Self { value: self.value.map(|v| v * factor), exact: self.exact }
    }
}

/// Smallest and largest value of a sum.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Ends {
    pub lo: End,
    pub up: End,
}

impl Ends {
    pub(super) const fn point(value: i128) -> Self {
        Self { lo: End::exact(Some(value)), up: End::exact(Some(value)) }
    }

    pub(super) fn plus(self, other: Self) -> Self {
        Self { lo: self.lo.plus(other.lo), up: self.up.plus(other.up) }
    }
}

/// What a policy demands of a sum: its largest value is `above` the true one or more, and its ends are `width` apart.
#[derive(Debug, Clone, Copy)]
pub(super) struct Demand {
    pub above: i128,
    pub width: i128,
}

/// Relaxations, times the variables of each, that a component may cost before its other sums are only followed as far as
/// the policy demands. Where nobody demands anything, they are followed to the end.
const EFFORT: usize = 60_000;

/// Solutions that are kept for the sums to come.
const WITNESSES: usize = 400;

/// Unknown counts that hang together.
#[derive(Debug, Clone, Default)]
pub(super) struct Component {
    pub lower: Vec<i128>,
    pub upper: Vec<Option<i128>>,
    pub rows: Vec<Row>,
    /// Whole-number solutions; the first is the truth.
    pub witnesses: Vec<Vec<i128>>,
    /// If set, it is enough to know that sums meet it, once the effort is used up.
    pub demand: Option<Demand>,
    known: HashMap<Terms, Ends>,
    effort: usize,
}

impl Component {
    /// The components of a system, and for each variable its component and its place in it.
    pub(super) fn of(system: &System) -> (Vec<Self>, Vec<(u32, u32)>) {
        let mut root: Vec<u32> = (0..system.lower.len() as u32).collect();
        for row in &system.rows {
            for pair in row.terms.windows(2) {
                let (a, b) = (find(&mut root, pair[0].0), find(&mut root, pair[1].0));
                root[a.max(b) as usize] = a.min(b);
            }
        }
        let mut components: Vec<Self> = Vec::new();
        let mut place = vec![(0, 0); root.len()];
        for v in 0..root.len() {
            let r = find(&mut root, v as u32) as usize;
            if r == v {
                place[v].0 = components.len() as u32;
                components.push(Self { witnesses: vec![Vec::new()], ..Self::default() });
            }
            place[v].0 = place[r].0;
            let component = &mut components[place[v].0 as usize];
            place[v].1 = component.lower.len() as u32;
            component.lower.push(system.lower[v]);
            component.upper.push(system.upper[v]);
            component.witnesses[0].push(system.truth[v]);
        }
        for row in &system.rows {
            if let Some((first, _)) = row.terms.first() {
                let terms = row.terms.iter().map(|(v, f)| (place[*v as usize].1, *f)).collect();
                components[place[*first as usize].0 as usize].rows.push(Row { terms, ..*row });
            }
        }
        (components, place)
    }

    /// Several components as one, and where the variables of each begin in it.
    pub(super) fn joined(parts: &[&Self]) -> (Self, Vec<u32>) {
        let mut joined = Self { witnesses: vec![Vec::new()], ..Self::default() };
        let mut starts = Vec::new();
        for part in parts {
            let start = joined.lower.len() as u32;
            starts.push(start);
            joined.lower.extend(&part.lower);
            joined.upper.extend(&part.upper);
            joined.witnesses[0].extend(&part.witnesses[0]);
            joined.rows.extend(part.rows.iter().map(|row| Row { terms: shifted(&row.terms, start), ..*row }));
        }
        if let [only] = parts {
            joined.witnesses.clone_from(&only.witnesses);
        }
        joined.demand = parts.iter().find_map(|part| part.demand);
        joined.effort = parts.iter().map(|part| part.effort).max().unwrap_or(0);
        (joined, starts)
    }

    /// Adds a row that the truth obeys; solutions that do not are forgotten.
    pub(super) fn demand(&mut self, row: Row) {
        self.witnesses.retain(|w| obeys(&row, w));
        self.known.clear();
        self.rows.push(row);
    }

    /// Smallest and largest value of a sum.
    pub(super) fn ends(&mut self, terms: &[(u32, i64)]) -> Ends {
        let none = End { value: None, exact: false };
        self.ends_within(terms, Ends { lo: none, up: none })
    }

    /// Smallest and largest value of a sum of which it is known that it is not outside of `outer`, as far as that is exact.
    pub(super) fn ends_within(&mut self, terms: &[(u32, i64)], outer: Ends) -> Ends {
        if let Some(known) = self.known.get(terms) {
            return *known;
        }
        let tired = self.demand.filter(|_| self.effort >= EFFORT);
        let ends = if let Some((lo, up)) = self.nested(terms) {
            Ends { lo: End::exact(lo), up: End::exact(up) }
        } else if let Some(ends) = tired.and_then(|demand| self.meets(terms, demand)) {
            ends
        } else {
            let negative: Terms = terms.iter().map(|(v, f)| (*v, -f)).collect();
            Ends {
                lo: self.largest(&negative, outer.lo.times(-1)).times(-1),
                up: self.largest(terms, outer.up),
            }
        };
        self.known.insert(terms.to_vec(), ends);
        ends
    }

    /// Two values of a sum that meet a demand, if solutions at hand or near the truth have them.
    fn meets(&mut self, terms: &[(u32, i64)], demand: Demand) -> Option<Ends> {
        let truth = sum(terms, self.witnesses.first()?);
        for again in [true, false] {
            let (lo, up) = self
                .witnesses
                .iter()
                .map(|w| sum(terms, w))
                .fold((truth, truth), |(lo, up), value| (lo.min(value), up.max(value)));
            let goal = (lo + demand.width).max(truth + demand.above);
            if up >= goal {
                let attained = |value| End { value: Some(value), exact: false };
                return Some(Ends { lo: attained(lo), up: attained(up) });
            }
            if again {
                search::attain(self, terms, goal);
            }
        }
        None
    }

    /// Counts a relaxation.
    pub(super) fn spend(&mut self) {
        self.effort += self.lower.len();
    }

    /// The largest value of a sum by search.
    fn largest(&mut self, terms: &[(u32, i64)], outer: End) -> End {
        let proven = outer.value.filter(|_| outer.exact);
        let outer = activity(terms, &self.lower, &self.upper).1.into_iter().chain(proven).min();
        let inner = self.witnesses.iter().map(|w| sum(terms, w)).max();
        if outer.is_some() && outer == inner {
            return End::exact(outer);
        }
        match search::largest(self, terms, outer, inner.unwrap_or(i128::MIN)) {
            Found::Unbounded => End::exact(None),
            Found::Exact(value) => End::exact(Some(value)),
            Found::AtLeast(value) => End { value: Some(value), exact: false },
        }
    }

    /// Keeps a solution for the sums to come.
    pub(super) fn keep(&mut self, witness: Vec<i128>) {
        if self.witnesses.len() < WITNESSES {
            self.witnesses.push(witness);
        }
    }

    /// Takes over the solutions of the same component with a further demand.
    pub(super) fn take_over(&mut self, other: Self) {
        let known: HashSet<&Vec<i128>> = self.witnesses.iter().collect();
        let new: Vec<_> = other.witnesses.into_iter().filter(|w| !known.contains(w)).collect();
        for witness in new {
            self.keep(witness);
        }
        self.effort = self.effort.max(other.effort);
    }

    /// Whether a point obeys every bound and row.
    pub(super) fn allows(&self, point: &[i128]) -> bool {
        let bounds = self.lower.iter().zip(&self.upper).zip(point);
        bounds.into_iter().all(|((lo, up), x)| lo <= x && up.is_none_or(|up| *x <= up))
            && self.rows.iter().all(|row| obeys(row, point))
    }

    /// Smallest and largest value where the rows and the sum are nested or disjoint plain sums: then they form a tree, every
    /// sum takes each whole number between its ends, and two passes give them.
    fn nested(&self, terms: &[(u32, i64)]) -> Option<(Option<i128>, Option<i128>)> {
        let (_, factor) = terms.first()?;
        if terms.iter().any(|(_, f)| f != factor)
            || !self.rows.iter().all(|r| r.terms.iter().all(|(_, f)| *f == 1))
        {
            return None;
        }
        let (lo, up) = Nest::new(self, terms)?.ends_of_target();
        let factor = i128::from(*factor);
        let (a, b) = (lo.map(|n| n * factor), up.map(|n| n * factor));
        Some(if factor > 0 { (a, b) } else { (b, a) })
    }
}

pub(super) fn shifted(terms: &[(u32, i64)], by: u32) -> Terms {
    terms.iter().map(|(v, f)| (v + by, *f)).collect()
}

fn obeys(row: &Row, point: &[i128]) -> bool {
    let value = sum(&row.terms, point);
    row.lo.is_none_or(|lo| value >= lo) && row.up.is_none_or(|up| value <= up)
}

fn find(root: &mut [u32], mut v: u32) -> u32 {
    while root[v as usize] != v {
        root[v as usize] = root[root[v as usize] as usize];
        v = root[v as usize];
    }
    v
}

type Pair = (Option<i128>, Option<i128>);

fn plus(a: Pair, b: Pair) -> Pair {
    (a.0.zip(b.0).map(|(x, y)| x + y), a.1.zip(b.1).map(|(x, y)| x + y))
}

fn within(a: Pair, b: Pair) -> Pair {
    (a.0.into_iter().chain(b.0).max(), a.1.into_iter().chain(b.1).min())
}

/// Sums that are nested or disjoint, as a tree. Node 0 is the sum asked for, the others are the rows; they stand after the
/// sums that contain them.
struct Nest {
    /// Nodes from the outermost inwards.
    order: Vec<usize>,
    parent: Vec<Option<usize>>,
    /// The sums of the variables that are in no inner node.
    own: Vec<Pair>,
    demanded: Vec<Pair>,
}

impl Nest {
    fn new(component: &Component, target: &[(u32, i64)]) -> Option<Self> {
        let sets: Vec<&[(u32, i64)]> =
            std::iter::once(target).chain(component.rows.iter().map(|r| r.terms.as_slice())).collect();
        let mut order: Vec<usize> = (0..sets.len()).collect();
        order.sort_by_key(|s| std::cmp::Reverse(sets[*s].len()));
        let mut parent = vec![None; sets.len()];
        // The innermost set so far of each variable: all variables of a set must be in the same one.
        let mut inner: Vec<Option<usize>> = vec![None; component.lower.len()];
        for s in &order {
            let (first, _) = sets[*s].first()?;
            parent[*s] = inner[*first as usize];
            for (v, _) in sets[*s] {
                if inner[*v as usize].replace(*s) != parent[*s] {
                    return None;
                }
            }
        }
        let mut own = vec![(Some(0), Some(0)); sets.len()];
        for (v, set) in inner.iter().enumerate() {
            if let Some(set) = set {
                own[*set] = plus(own[*set], (Some(component.lower[v]), component.upper[v]));
            }
        }
        let rows = component.rows.iter().map(|row| (row.lo, row.up));
        Some(Self { order, parent, own, demanded: std::iter::once((None, None)).chain(rows).collect() })
    }

    fn ends_of_target(&self) -> Pair {
        let mut inside = self.own.clone();
        for s in self.order.iter().rev() {
            inside[*s] = within(inside[*s], self.demanded[*s]);
            if let Some(parent) = self.parent[*s] {
                inside[parent] = plus(inside[parent], inside[*s]);
            }
        }
        self.outside(0, &inside)
    }

    /// The ends of a node given those of the nodes around it: the parent's less the least and most of all beside it.
    fn outside(&self, node: usize, inside: &[Pair]) -> Pair {
        let Some(parent) = self.parent[node] else { return inside[node] };
        let around = self.outside(parent, inside);
        let beside = (0..self.parent.len()).filter(|s| *s != node && self.parent[*s] == Some(parent));
        let beside = beside.fold(self.own[parent], |sum, s| plus(sum, inside[s]));
        let room = (around.0.zip(beside.1).map(|(a, b)| a - b), around.1.zip(beside.0).map(|(a, b)| a - b));
        within(inside[node], room)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn component(rows: Vec<Row>, truth: Vec<i128>) -> Component {
        Component {
            lower: vec![0; truth.len()],
            upper: vec![None; truth.len()],
            rows,
            witnesses: vec![truth],
            ..Component::default()
        }
    }

    fn ones(variables: impl IntoIterator<Item = u32>) -> Terms {
        variables.into_iter().map(|v| (v, 1)).collect()
    }

    #[test]
    fn nested_sums_have_a_closed_form() {
        let rows =
            vec![Row::equation(ones(0..4), 9), Row::at_least(ones(0..2), 4), Row::at_least(ones(2..3), 1)];
        let component = component(rows, vec![2, 2, 3, 2]);
        assert_eq!(component.nested(&ones(0..2)), Some((Some(4), Some(8))));
        assert_eq!(component.nested(&ones(3..4)), Some((Some(0), Some(4))));
        assert_eq!(component.nested(&[(0, -2)]), Some((Some(-16), Some(0))));
        assert_eq!(component.nested(&ones(1..3)), None, "these sums cross");
    }

    #[test]
    fn crossing_sums_are_searched() {
        // A 2×2 table with all its margins: one degree of freedom.
        let rows = [[0, 1], [2, 3], [0, 2]].map(|pair| Row::equation(ones(pair), 4)).to_vec();
        let mut component = component(rows, vec![1, 3, 3, 1]);
        let ends = component.ends(&ones([0, 3]));
        assert_eq!((ends.lo, ends.up), (End::exact(Some(0)), End::exact(Some(8))));
    }
}
