//! Which categories are a whole together.
//!
//! Holds the search for ways to divide a total: by sex, by age, by both. Must not know: regions, editions, rules.
//!
//! Invariant: categories are taken for a whole only if they add up to it wherever all of them are known. The catalogue says
//! that girls and under-threes are parts of all children; that the girls of all ages are the girls is found in the numbers.

use std::collections::{BTreeMap, HashMap};

use super::{
    deciding,
    facts::{FactId, Facts, Kind},
    relations::{Sheet, SheetKey},
};
use crate::{
    domain::{Indicator, Period, Slug},
    store::{AtlasCatalogue, Id},
};

/// More categories of one total than this are not searched for hidden sums; only those that name the same total are added.
const MOST: usize = 14;

/// So many places with a count must agree before a sum that no catalogue speaks of is believed.
const LEAST_PLACES: usize = 3;

type Sheets = BTreeMap<SheetKey, Sheet>;

/// Relates totals to their categories.
pub(super) fn relate(
    facts: &mut Facts,
    catalogue: &AtlasCatalogue,
    variables: &HashMap<String, u32>,
    sheets: &Sheets,
) {
    let mut kind = 0;
    for (members, declared) in families(catalogue, variables, sheets) {
        let found = sums(facts, &members, &declared, sheets);
        for (total, parts) in &found {
            apply(facts, sheets, *total, parts, kind, true);
            kind += 1;
        }
        for (total, parts) in &declared {
            let is_covered = |part: &&u32| found.iter().any(|(t, of)| t == total && of.contains(part));
            let left: Vec<u32> = parts.iter().filter(|part| !is_covered(part)).copied().collect();
            for part in left {
                apply(facts, sheets, *total, &[part], kind, false);
                kind += 1;
            }
        }
    }
}

/// Total and the variables that name it.
type Declared = Vec<(u32, Vec<u32>)>;

/// The variables of a family, and the parts of each total.
type Family = (Vec<u32>, BTreeMap<u32, Vec<u32>>);

/// Variables that hang together by naming their totals.
fn families(
    catalogue: &AtlasCatalogue,
    variables: &HashMap<String, u32>,
    sheets: &Sheets,
) -> Vec<(Vec<u32>, Declared)> {
    let indicators: HashMap<&Slug, &Indicator> = catalogue.indicators.iter().map(|i| (&i.slug, i)).collect();
    let has_sheet = |variable: &u32| sheets.keys().any(|(v, _, _)| v == variable);
    let number = |indicator: &Indicator| variables.get(&deciding(indicator)).copied().filter(has_sheet);
    let root = |indicator: &Indicator| {
        let mut at = indicator;
        // A catalogue whose totals name each other ends somewhere all the same.
        for _ in 0..10 {
            match at.part_of.as_ref().and_then(|total| indicators.get(total)) {
                Some(total) => at = total,
                None => break,
            }
        }
        at.slug.clone()
    };
    let mut families: BTreeMap<Slug, Family> = BTreeMap::new();
    for indicator in &catalogue.indicators {
        let Some(variable) = number(indicator) else { continue };
        let family = families.entry(root(indicator)).or_default();
        if !family.0.contains(&variable) {
            family.0.push(variable);
        }
        let total = indicator.part_of.as_ref().and_then(|slug| indicators.get(slug));
        if let Some(total) = total.and_then(|total| number(total)).filter(|total| *total != variable) {
            let parts = family.1.entry(total).or_default();
            if !parts.contains(&variable) {
                parts.push(variable);
            }
        }
    }
    families
        .into_values()
        .filter(|(members, _)| members.len() > 1)
        .map(|(members, declared)| (members, declared.into_iter().collect()))
        .collect()
}

/// The least sets of members that add up to another member in every place where all members are known.
fn sums(facts: &Facts, members: &[u32], declared: &Declared, sheets: &Sheets) -> Vec<(u32, Vec<u32>)> {
    let mut found = Vec::new();
    for (total, parts) in declared {
        let all: Vec<u32> = [*total].into_iter().chain(parts.iter().copied()).collect();
        let rows = common(facts, &all, sheets);
        if !rows.is_empty() && rows.iter().all(|row| row[0] == row[1..].iter().sum::<i64>()) {
            found.push((*total, parts.clone()));
        }
    }
    if members.len() > MOST {
        return found;
    }
    let mut rows = common(facts, members, sheets);
    rows.retain(|row| row.iter().any(|count| *count != 0));
    rows.sort_unstable_by_key(|row| std::cmp::Reverse(row.iter().sum::<i64>()));
    rows.dedup();
    for (at, total) in members.iter().enumerate() {
        if rows.iter().filter(|row| row[at] != 0).count() < LEAST_PLACES {
            continue;
        }
        let mut masks: Vec<u32> = Vec::new();
        let mut all: Vec<u32> = (1..1_u32 << members.len()).filter(|mask| mask & (1 << at) == 0).collect();
        all.sort_unstable_by_key(|mask| mask.count_ones());
        for mask in all {
            let adds_up = |row: &Vec<i64>| {
                let chosen = (0..members.len()).filter(|member| mask & (1 << member) != 0);
                chosen.map(|member| row[member]).sum::<i64>() == row[at]
            };
            if !masks.iter().any(|least| least & mask == *least) && rows.iter().all(adds_up) {
                masks.push(mask);
            }
        }
        for mask in masks {
            let parts: Vec<u32> =
                (0..members.len()).filter(|m| mask & (1 << m) != 0).map(|m| members[m]).collect();
            if !found
                .iter()
                .any(|(t, of)| t == total && of.len() == parts.len() && parts.iter().all(|p| of.contains(p)))
            {
                found.push((*total, parts));
            }
        }
    }
    found
}

/// The counts of some variables in each place where all of them are known.
fn common(facts: &Facts, variables: &[u32], sheets: &Sheets) -> Vec<Vec<i64>> {
    let Some(first) = variables.first() else { return Vec::new() };
    let mut rows = Vec::new();
    for (_, edition, period) in sheets.keys().filter(|(variable, _, _)| variable == first) {
        let of = |variable: &u32| sheets.get(&(*variable, *edition, period.clone()));
        let Some(together) = variables.iter().map(of).collect::<Option<Vec<&Sheet>>>() else { continue };
        for ordinal in 0..together[0].slots.len() {
            let row: Option<Vec<FactId>> = together.iter().map(|sheet| sheet.fact(ordinal)).collect();
            rows.extend(
                row.map(|row| row.into_iter().map(|fact| facts.key(fact).value).collect::<Vec<i64>>()),
            );
        }
    }
    rows
}

/// Notes a sum in every place where the total is known.
fn apply(facts: &mut Facts, sheets: &Sheets, total: u32, parts: &[u32], kind: u32, whole: bool) {
    let places: Vec<(Id, &Period)> = sheets
        .keys()
        .filter(|(v, _, _)| *v == total)
        .map(|(_, edition, period)| (*edition, period))
        .collect();
    for (edition, period) in places {
        let of = |variable: u32| sheets.get(&(variable, edition, period.clone()));
        let Some(sheet) = of(total) else { continue };
        let there: Vec<Option<&Sheet>> = parts.iter().map(|part| of(*part)).collect();
        for ordinal in 0..sheet.slots.len() {
            let Some(fact) = sheet.fact(ordinal) else { continue };
            let known: Vec<FactId> = there.iter().flatten().filter_map(|part| part.fact(ordinal)).collect();
            let complete = whole && known.len() == parts.len();
            facts.sum(fact, Kind::Categories(kind), known, complete);
        }
    }
}
