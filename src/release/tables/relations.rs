//! Which counts are sums of which: regions, spans of time, joined regions.
//!
//! Holds the latest sheet of counts of each variable, edition and period, and the sums between sheets. Must not know: columns,
//! rules, who knows what.
//!
//! Invariant: a sum is looked for among sheets that were the latest at the same time.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use chrono::Datelike;

use super::{
    categories,
    facts::{FactId, Facts, Kind, Sum},
    layers::Material,
};
use crate::{
    domain::{Period, PeriodKind, RegionKey, Slug},
    store::{EditionRow, Id, RegionRow},
};

/// What is known of one region.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Slot {
    /// Nothing was delivered.
    Unknown,
    /// There is nothing to be counted.
    Nothing,
    /// A count.
    Fact(FactId),
}

/// The counts of a variable, edition and period by ordinal.
#[derive(Debug, Clone)]
pub(super) struct Sheet {
    pub slots: Vec<Slot>,
}

impl Sheet {
    pub fn fact(&self, ordinal: usize) -> Option<FactId> {
        match self.slots.get(ordinal) {
            Some(Slot::Fact(fact)) => Some(*fact),
            _ => None,
        }
    }
}

/// Variable, edition, period.
pub(super) type SheetKey = (u32, Id, Period);

/// How the regions of one edition are made of those of another: by ordinal of the whole.
struct Links {
    whole: Id,
    parts: Id,
    kind: Kind,
    /// The edition of the whole is the one that those parts belong to, so that what they lack means something.
    belongs: bool,
    of: Vec<Vec<usize>>,
}

pub(super) struct Relations<'a> {
    material: &'a Material<'a>,
    latest: BTreeMap<SheetKey, Sheet>,
    touched: BTreeSet<SheetKey>,
    links: Vec<Links>,
    broken: BTreeMap<Kind, usize>,
}

impl<'a> Relations<'a> {
    pub fn new(material: &'a Material<'a>) -> Self {
        let links = links(material);
        Self { material, latest: BTreeMap::new(), touched: BTreeSet::new(), links, broken: BTreeMap::new() }
    }

    /// The latest counts of a variable, edition and period. What an indicator knows and another one of the same counts does
    /// not stays.
    pub fn put(&mut self, variable: u32, edition: Id, period: &Period, mut sheet: Sheet) {
        let key = (variable, edition, period.clone());
        if let Some(before) = self.latest.get(&key) {
            for (slot, old) in sheet.slots.iter_mut().zip(&before.slots) {
                if *slot == Slot::Unknown {
                    *slot = *old;
                }
            }
        }
        self.latest.insert(key.clone(), sheet);
        self.touched.insert(key);
    }

    /// Finds the sums between sheets of which one is new.
    pub fn relate(&mut self, facts: &mut Facts, variables: &HashMap<String, u32>) {
        let touched = std::mem::take(&mut self.touched);
        let mut broken: BTreeMap<Kind, usize> = BTreeMap::new();
        let mut places: BTreeSet<(u32, Period)> = BTreeSet::new();
        let mut rows: BTreeSet<(u32, Id)> = BTreeSet::new();
        for (variable, edition, period) in touched {
            places.insert((variable, period));
            rows.insert((variable, edition));
        }
        let denominators: HashSet<u32> = variables
            .iter()
            .filter(|(name, _)| name.ends_with("/denominator"))
            .map(|(_, number)| *number)
            .collect();
        for (variable, period) in places.iter().filter(|(variable, _)| !denominators.contains(variable)) {
            for links in &self.links {
                let sheet = |edition| self.latest.get(&(*variable, edition, period.clone()));
                if let (Some(whole), Some(parts)) = (sheet(links.whole), sheet(links.parts)) {
                    let failed = self.regions(facts, links, whole, parts);
                    *broken.entry(links.kind).or_default() += failed;
                }
            }
        }
        for (variable, edition) in rows {
            *broken.entry(Kind::Periods).or_default() += self.periods(facts, variable, edition);
        }
        for (kind, count) in broken.into_iter().filter(|(_, count)| *count > 0) {
            *self.broken.entry(kind).or_default() += count;
        }
    }

    /// Finds the sums over categories, when everything is there.
    pub fn relate_categories(&mut self, facts: &mut Facts, variables: &HashMap<String, u32>) {
        categories::relate(facts, self.material.catalogue, variables, &self.latest);
    }

    /// What those should know who release.
    pub fn notices(&self) -> Vec<String> {
        let total: usize = self.broken.values().sum();
        if total == 0 {
            return Vec::new();
        }
        vec![format!(
            "In {total} places parts are more than their whole, or were estimated; no conclusion is drawn from these sums."
        )]
    }

    /// Sums over regions; how many do not hold.
    fn regions(&self, facts: &mut Facts, links: &Links, whole: &Sheet, parts: &Sheet) -> usize {
        let inhabited = |ordinal: usize| {
            let rows = self.material.regions.get(&links.parts);
            rows.and_then(|rows| rows.get(ordinal)).is_none_or(|row| row.region.inhabited)
        };
        let mut broken = 0;
        for (ordinal, of) in links.of.iter().enumerate().filter(|(_, of)| !of.is_empty()) {
            let Some(total) = whole.fact(ordinal) else { continue };
            let known: Vec<FactId> = of.iter().filter_map(|part| parts.fact(*part)).collect();
            let is_unknown = |part: &&usize| {
                !matches!(parts.slots.get(**part), Some(Slot::Fact(_) | Slot::Nothing)) && inhabited(**part)
            };
            let complete = !of.iter().any(|part| is_unknown(&part));
            if known.is_empty() || !(complete || links.belongs) {
                continue;
            }
            if facts.sum(total, links.kind, known, complete) == Sum::Broken {
                broken += 1;
            }
        }
        broken
    }

    /// Sums over shorter spans of time; how many do not hold.
    fn periods(&self, facts: &mut Facts, variable: u32, edition: Id) -> usize {
        let there: Vec<(&Period, &Sheet)> = self
            .latest
            .iter()
            .filter(|((v, e, _), _)| *v == variable && *e == edition)
            .map(|((_, _, period), sheet)| (period, sheet))
            .collect();
        let mut broken = 0;
        for (whole, sheet) in &there {
            let Some((parts, complete)) = spans(whole, &there) else { continue };
            for ordinal in 0..sheet.slots.len() {
                let Some(total) = sheet.fact(ordinal) else { continue };
                let known: Vec<FactId> = parts.iter().filter_map(|part| part.fact(ordinal)).collect();
                let complete = complete && known.len() == parts.len();
                let is_pool = whole.kind() == PeriodKind::Pool;
                if known.is_empty() || !(complete || is_pool) {
                    continue;
                }
                if facts.sum(total, Kind::Periods, known, complete) == Sum::Broken {
                    broken += 1;
                }
            }
        }
        broken
    }
}

/// The shorter spans that make up a longer one, and whether they are all of it: years of a pool, else other pools and years
/// that do not overlap; quarters or months of a year only where all are there, since a stock has no parts.
fn spans<'s>(whole: &Period, there: &[(&Period, &'s Sheet)]) -> Option<(Vec<&'s Sheet>, bool)> {
    let inside = |p: &Period| p != whole && whole.start() <= p.start() && p.end() <= whole.end();
    let of_kind = |kind: PeriodKind| there.iter().filter(move |(p, _)| p.kind() == kind && inside(p));
    match whole.kind() {
        PeriodKind::Year => {
            let quarters: Vec<&Sheet> = of_kind(PeriodKind::Quarter).map(|(_, sheet)| *sheet).collect();
            let months: Vec<&Sheet> = of_kind(PeriodKind::Month).map(|(_, sheet)| *sheet).collect();
            match (quarters.len(), months.len()) {
                (4, _) => Some((quarters, true)),
                (_, 12) => Some((months, true)),
                _ => None,
            }
        }
        PeriodKind::Pool => {
            let mut years: BTreeMap<i32, &Sheet> = BTreeMap::new();
            for (period, sheet) in of_kind(PeriodKind::Date) {
                let same =
                    of_kind(PeriodKind::Date).filter(|(other, _)| other.end().year() == period.end().year());
                if same.count() == 1 {
                    years.insert(period.end().year(), sheet);
                }
            }
            years.extend(of_kind(PeriodKind::Year).map(|(period, sheet)| (period.end().year(), *sheet)));
            let span = whole.start().year()..=whole.end().year();
            if span.clone().all(|year| years.contains_key(&year)) {
                return Some((years.into_values().collect(), true));
            }
            let mut free: BTreeSet<i32> = span.collect();
            let mut parts = Vec::new();
            let mut pools: Vec<&(&Period, &Sheet)> = of_kind(PeriodKind::Pool).collect();
            pools.sort_by_key(|(period, _)| (period.start().year() - period.end().year(), period.start()));
            for (period, sheet) in pools {
                let covered: Vec<i32> = (period.start().year()..=period.end().year()).collect();
                if covered.iter().all(|year| free.contains(year)) {
                    free.retain(|year| !covered.contains(year));
                    parts.push(*sheet);
                }
            }
            let rest: Vec<&Sheet> =
                years.iter().filter(|(year, _)| free.contains(year)).map(|(_, s)| *s).collect();
            let complete = rest.len() == free.len();
            parts.extend(rest);
            (!parts.is_empty()).then_some((parts, complete))
        }
        _ => None,
    }
}

/// All pairs of editions between which sums may hold.
fn links(material: &Material<'_>) -> Vec<Links> {
    let editions: Vec<&EditionRow> =
        material.catalogue.editions.iter().filter(|e| material.regions.contains_key(&e.id)).collect();
    let mut all = Vec::new();
    for (number, level) in material.catalogue.levels.iter().enumerate() {
        for parts in editions.iter().filter(|e| e.level == level.slug) {
            for whole in &editions {
                if parts.parents.iter().any(|(parent, _)| *parent == whole.level) {
                    all.push(by_parents(material, whole, parts, Kind::Regions(number as u32)));
                } else if whole.level == parts.level && parts.valid_on < whole.valid_on {
                    all.push(by_successions(material, whole, parts));
                }
            }
        }
    }
    all
}

fn ordinals(rows: &[RegionRow]) -> HashMap<&RegionKey, usize> {
    rows.iter().enumerate().map(|(at, row)| (&row.region.key, at)).collect()
}

/// The parts of each region of a larger level. Regions with a part that belongs to several of them have none.
fn by_parents(material: &Material<'_>, whole: &EditionRow, parts: &EditionRow, kind: Kind) -> Links {
    let (wholes, rows) = (&material.regions[&whole.id], &material.regions[&parts.id]);
    let places = ordinals(wholes);
    let mut of = vec![Vec::new(); wholes.len()];
    let mut shared = BTreeSet::new();
    for (ordinal, row) in rows.iter().enumerate() {
        let keys = row.parents.iter().filter(|(level, _)| *level == whole.level);
        let parents: Vec<usize> = keys.filter_map(|(_, key)| places.get(key).copied()).collect();
        if parents.len() > 1 {
            shared.extend(parents);
        } else {
            for parent in parents {
                of[parent].push(ordinal);
            }
        }
    }
    for parent in shared {
        of[parent].clear();
    }
    let belongs = edition_above(material, &whole.level, parts).is_some_and(|e| e == whole.id);
    Links { whole: whole.id, parts: parts.id, kind, belongs, of }
}

/// The edition of a level that the regions of another level belong to: the last before them, else the first.
fn edition_above(material: &Material<'_>, level: &Slug, parts: &EditionRow) -> Option<Id> {
    let above = || material.catalogue.editions.iter().filter(|e| e.level == *level);
    let before = above().filter(|e| e.valid_on <= parts.valid_on).max_by_key(|e| e.valid_on);
    before.or_else(|| above().min_by_key(|e| e.valid_on)).map(|e| e.id)
}

/// The regions of an earlier edition that were joined into one of a later edition, all of them wholly.
fn by_successions(material: &Material<'_>, whole: &EditionRow, parts: &EditionRow) -> Links {
    let (wholes, rows) = (&material.regions[&whole.id], &material.regions[&parts.id]);
    let places = ordinals(rows);
    let between = |date| parts.valid_on < date && date <= whole.valid_on;
    let steps: Vec<_> =
        material.successions.iter().filter(|s| s.level == whole.level && between(s.valid_on)).collect();
    let moved: HashSet<&RegionKey> = steps.iter().map(|s| &s.old_key).collect();
    let of = wholes.iter().map(|row| {
        let key = &row.region.key;
        let from: Vec<_> = steps.iter().filter(|s| s.new_key == *key).collect();
        if from.is_empty() || from.iter().any(|s| s.share < 1.0) {
            return Vec::new();
        }
        let stayed = Some(key).filter(|key| !moved.contains(key));
        from.iter().map(|s| &s.old_key).chain(stayed).filter_map(|key| places.get(key).copied()).collect()
    });
    let of = of.collect();
    Links { whole: whole.id, parts: parts.id, kind: Kind::Succession, belongs: false, of }
}
