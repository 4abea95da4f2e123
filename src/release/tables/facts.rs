//! Counts as they are known of places and times, how they are made of each other, and the table that follows.
//!
//! Holds facts, their parts and the way from them to linear forms. Must not know: the store, columns, where counts come from.
//!
//! Invariant: a count of the same thing, level, region, period and value is one fact, whichever series, edition or release it
//! comes from; another value is another fact. Every equation that holds between facts is in the table, by the form of the
//! fact or by a cell of its own that is known.

use std::collections::{BTreeSet, HashMap};

use crate::{
    disclosure::{Cell, Form, Ratio, Show, Table},
    domain::Policy,
};

/// Place of a fact among all; it is its place among the cells of the table, too.
pub(super) type FactId = usize;

/// What is counted where and when, and how many there are; the numbers are places in lists of names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct FactKey {
    pub variable: u32,
    pub level: u32,
    pub region: u32,
    pub period: u32,
    pub value: i64,
}

/// Between what a whole and its parts are a relation; of each kind the best one counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) enum Kind {
    /// A region of an earlier edition or several that were joined.
    Succession,
    /// Regions of a smaller level.
    Regions(u32),
    /// Shorter spans of time.
    Periods,
    /// Categories that are a whole together; the number tells apart several ways to divide it.
    Categories(u32),
}

#[derive(Debug, Clone)]
struct Parts {
    kind: Kind,
    of: Vec<FactId>,
    /// What the parts lack; `None` where they are all of it.
    rest: Option<u64>,
}

#[derive(Debug)]
struct Fact {
    key: FactKey,
    show: Show,
    rank: u32,
    contributors: Option<u64>,
    /// It was estimated: sums of it are not sums of persons.
    inexact: bool,
    parts: Vec<Parts>,
}

/// What a whole and its parts turned out to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Sum {
    /// The parts are the whole, or leave something.
    Holds,
    /// The parts are more than the whole, or were estimated: no equation.
    Broken,
}

/// All facts.
#[derive(Debug, Default)]
pub(super) struct Facts {
    all: Vec<Fact>,
    ids: HashMap<FactKey, FactId>,
    ratios: BTreeSet<(FactId, FactId)>,
    /// What is added to each count of a variable that can be negative, and how far its sums may be off.
    variables: Vec<Variable>,
}

/// How the numbers of a variable are to be taken.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Variable {
    /// Its smallest number, if below 0: it is a balance and not a number of persons.
    pub least: i64,
    /// Its numbers are rounded sums of measures: sums may be off by one for each part.
    pub measured: bool,
}

impl Variable {
    /// What makes every number of a balance positive; far above the numbers, so that no rule for small counts applies.
    fn shift(self) -> i64 {
        if self.least >= 0 {
            return 0;
        }
        let mut shift: i64 = 1_000_000;
        while shift < self.least.saturating_neg().saturating_mul(100) {
            shift = shift.saturating_mul(10);
        }
        shift
    }
}

impl Facts {
    /// The fact of a key, new or known. The strongest way of showing it counts, the smallest rank and number of
    /// contributors.
    pub fn note(&mut self, key: FactKey, show: Show, rank: u32, contributors: Option<u64>) -> FactId {
        let at = key.variable as usize;
        if self.variables.len() <= at {
            self.variables.resize(at + 1, Variable::default());
        }
        self.variables[at].least = self.variables[at].least.min(key.value);
        if let Some(&id) = self.ids.get(&key) {
            let fact = &mut self.all[id];
            fact.show = stronger(fact.show, show);
            fact.rank = fact.rank.min(rank);
            fact.contributors = fact.contributors.into_iter().chain(contributors).min();
            return id;
        }
        let id = self.all.len();
        self.ids.insert(key, id);
        self.all.push(Fact { key, show, rank, contributors, inexact: false, parts: Vec::new() });
        id
    }

    /// Says that the numbers of a variable are rounded sums of measures.
    pub fn measured(&mut self, variable: u32) {
        let at = variable as usize;
        if self.variables.len() <= at {
            self.variables.resize(at + 1, Variable::default());
        }
        self.variables[at].measured = true;
    }

    /// Says that a fact was estimated.
    pub fn estimated(&mut self, fact: FactId) {
        self.all[fact].inexact = true;
    }

    /// Says that a share or rate is numerator / denominator.
    pub fn ratio(&mut self, numerator: FactId, denominator: FactId) {
        self.ratios.insert((numerator, denominator));
    }

    pub fn key(&self, fact: FactId) -> FactKey {
        self.all[fact].key
    }

    pub fn len(&self) -> usize {
        self.all.len()
    }

    /// Says that these facts are parts of a whole, all of them or (`complete` is false) those that are known.
    pub fn sum(&mut self, whole: FactId, kind: Kind, of: Vec<FactId>, complete: bool) -> Sum {
        if of.is_empty() || of.contains(&whole) {
            return Sum::Holds;
        }
        if self.all[whole].inexact || of.iter().any(|part| self.all[*part].inexact) {
            return Sum::Broken;
        }
        let variable = self.variables[self.all[whole].key.variable as usize];
        let known: i64 = of.iter().map(|part| self.all[*part].key.value).sum();
        let rest = self.all[whole].key.value - known;
        let tolerance = if variable.measured { of.len() as i64 + 1 } else { 0 };
        let exact = complete && rest.abs() <= tolerance;
        let rest = if exact { None } else { Some(rest) };
        // A balance has no remainder from 0 on, and parts that are more than the whole are not its parts.
        let rest = match rest.map(u64::try_from) {
            None => None,
            Some(Ok(rest)) if variable.least >= 0 => Some(rest),
            Some(_) => return Sum::Broken,
        };
        self.add(whole, Parts { kind, of, rest });
        Sum::Holds
    }

    /// Keeps every way to divide a whole exactly, and of others the last of each kind.
    fn add(&mut self, whole: FactId, parts: Parts) {
        let there = &mut self.all[whole].parts;
        let same_kind = |p: &Parts| p.kind == parts.kind;
        let has_exact = there.iter().any(|p| same_kind(p) && p.rest.is_none());
        if parts.rest.is_some() && has_exact || there.iter().any(|p| p.of == parts.of && p.rest == parts.rest)
        {
            return;
        }
        there.retain(|p| !same_kind(p) || p.rest.is_none());
        there.push(parts);
    }

    /// The table of all facts. Cells after those of the facts are remainders and equations.
    pub fn table(&self, policy: Policy) -> Table {
        let mut forms =
            Forms { facts: self, done: vec![None; self.all.len()], base: Vec::new(), extra: Vec::new() };
        for fact in 0..self.all.len() {
            forms.of(fact);
        }
        let Forms { done, base, extra, .. } = forms;
        let cells = self.all.iter().zip(done).map(|(fact, form)| Cell {
            form: form.unwrap_or_default(),
            show: fact.show,
            contributors: fact.contributors,
            largest: None,
            rank: fact.rank,
        });
        let ratio =
            |&(numerator, denominator): &(FactId, FactId)| Ratio { numerator, denominator, shown: None };
        let ratios = self.ratios.iter().map(ratio).collect();
        Table { base, cells: cells.chain(extra).collect(), ratios, policy }
    }

    pub fn show(&self, fact: FactId) -> Show {
        self.all[fact].show
    }
}

/// The way of showing that gives away more.
fn stronger(a: Show, b: Show) -> Show {
    match (a, b) {
        (Show::Known, _) | (_, Show::Known) => Show::Known,
        (Show::Candidate, _) | (_, Show::Candidate) => Show::Candidate,
        _ => Show::Never,
    }
}

/// Linear forms on their way.
struct Forms<'a> {
    facts: &'a Facts,
    done: Vec<Option<Form>>,
    base: Vec<u64>,
    extra: Vec<Cell>,
}

impl Forms<'_> {
    /// The form of a fact: that of its parts, or a base count of its own. Parts are smaller in one way or another, so this
    /// ends; a fact that is met again on the way down counts as a base count there.
    fn of(&mut self, fact: FactId) -> Form {
        if let Some(form) = &self.done[fact] {
            return form.clone();
        }
        let parts = &self.facts.all[fact].parts;
        let first =
            parts.iter().position(|p| p.rest.is_none()).or(if parts.is_empty() { None } else { Some(0) });
        let Some(first) = first else {
            let form = self.leaf(fact);
            self.done[fact] = Some(form.clone());
            return form;
        };
        // Whoever comes back here on the way down finds a base count.
        let open = self.leaf(fact);
        self.done[fact] = Some(open.clone());
        let form = self.sum(&parts[first]);
        let circular = form.terms().iter().any(|term| open.terms().first() == Some(term));
        if !circular {
            self.done[fact] = Some(form.clone());
        }
        let form = if circular { open } else { form };
        for (at, other) in parts.iter().enumerate() {
            if at != first || circular {
                self.equation(&form, other);
            }
        }
        form
    }

    fn leaf(&mut self, fact: FactId) -> Form {
        let key = self.facts.all[fact].key;
        let shift = self.facts.variables[key.variable as usize].shift();
        self.count(u64::try_from(key.value + shift).unwrap_or_default())
    }

    fn count(&mut self, value: u64) -> Form {
        self.base.push(value);
        Form::new([((self.base.len() - 1) as u32, 1)])
    }

    /// The sum of parts and what they lack. What they lack can be computed by whoever sees whole and parts: it is protected
    /// like a count of its own.
    fn sum(&mut self, parts: &Parts) -> Form {
        let mut terms: Vec<(u32, i64)> = Vec::new();
        for part in &parts.of {
            terms.extend(self.of(*part).terms());
        }
        if let Some(rest) = parts.rest {
            let form = self.count(rest);
            terms.extend(form.terms());
            self.extra.push(Cell { form, show: Show::Never, ..Cell::default() });
        }
        Form::new(terms)
    }

    /// Another way to divide a whole of this form: a difference that everybody knows, unless it vanishes by itself.
    fn equation(&mut self, whole: &Form, parts: &Parts) {
        let sum = self.sum(parts);
        let minus = sum.terms().iter().map(|(base, factor)| (*base, -factor));
        let form = Form::new(whole.terms().iter().copied().chain(minus));
        if !form.terms().is_empty() {
            self.extra.push(Cell { form, show: Show::Known, ..Cell::default() });
        }
    }
}
