//! Cells with resolved keys → series to be stored, with the checks on the way.
//!
//! Must not know: the store, files. Invariant: of two observations of one region, indicator and period none is chosen
//! silently; the only exception is `-` in the table of an office, which stands for a Verband that the Gemeinde has left.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use chrono::NaiveDate;

use super::{
    keys::{KeyJoin, Resolved},
    mapping::Mapping,
    reading::{Observed, Reading, SeriesCells},
    signs::looks_like_no_data,
};
use crate::{
    domain::{Column, Companions, Indicator, IndicatorKind, RegionKey, Slug, Status, Text},
    ingest::{Report, Severity},
    store::NewSeries,
};

/// Keys and regions are listed in a message up to this number.
const LISTED: usize = 20;

/// The regions that values are joined to, by ordinal.
#[derive(Debug)]
pub struct Regions {
    /// Slug of the level.
    pub level: Slug,
    /// Date of the edition.
    pub edition: NaiveDate,
    /// Keys.
    pub keys: Vec<RegionKey>,
    /// Somebody lives there.
    pub inhabited: Vec<bool>,
    /// It has a geometry; reference regions have none.
    pub bounded: Vec<bool>,
}

/// What one file says beside its cells.
#[derive(Debug)]
pub struct Context<'a> {
    /// The regions.
    pub regions: &'a Regions,
    /// What the keys of the file are.
    pub join: &'a KeyJoin,
    /// The indicators of the catalogue.
    pub indicators: &'a BTreeMap<Slug, Indicator>,
    /// The mapping.
    pub mapping: &'a Mapping,
}

/// Makes the series of a file. Problems are reported; if one rejects the file, the series must not be stored.
pub fn assemble(reading: &Reading, context: &Context<'_>, report: &mut Report) -> Vec<NewSeries> {
    report_keys(reading, context, report);
    let mut sums = Sums::default();
    let mut doubtful = Doubtful::default();
    let mut made = Vec::with_capacity(reading.series.len());
    let mut without_row: BTreeMap<Vec<u32>, Vec<String>> = BTreeMap::new();
    let mut joined = 0_u64;
    for cells in &reading.series {
        let Some(indicator) = context.indicators.get(&cells.indicator) else { continue };
        let placed = place(cells, reading, context, report);
        check_negatives(cells, indicator, report);
        joined += placed.iter().filter(|cell| **cell != 0).count() as u64;
        let inhabited_gaps = (0..placed.len() as u32)
            .filter(|at| placed[*at as usize] == 0 && context.regions.inhabited[*at as usize])
            .collect();
        without_row.entry(inhabited_gaps).or_default().push(format!("{} {}", cells.indicator, cells.period));
        let series = make(cells, &placed, indicator, reading, context, report);
        sums.check(made.len(), &series, cells, reading, context, report);
        doubtful.see(made.len(), cells, &placed, &series);
        made.push(series);
    }
    report.fact("observations", joined);
    report_gaps(&without_row, context, report);
    sums.report(report);
    doubtful.settle(&mut made, &sums, context.regions, report);
    mark_break(&mut made, context.mapping);
    made
}

/// A count is never negative, and -9999 is hardly ever a number: a mark for "no value" must be declared as one.
fn check_negatives(cells: &SeriesCells, indicator: &Indicator, report: &mut Report) {
    let count = indicator.kind == IndicatorKind::Count;
    let suspicious = |cell: &&Observed| cell.value < 0.0 && (count || looks_like_no_data(cell.value));
    let mut found = cells.cells.iter().filter(suspicious);
    let Some(first) = found.next() else { return };
    let line = Some(u64::from(first.line));
    let value = first.value;
    let hint = format!(
        "if it stands for no value, say \"{value}\" = \"missing\" under [signs] or sign_profile = \"database\" in the mapping"
    );
    let more = found.count();
    if count {
        let sentence = format!(
            "{} {}: {value} stands in a column of counts, and {more} more negative numbers; {hint}.",
            cells.indicator, cells.period
        );
        report.error(line, None, sentence);
    } else {
        let sentence = format!("{} {}: {value} was read as a number; {hint}.", cells.indicator, cells.period);
        report.warning(line, None, sentence);
    }
}

/// Counts how keys were read, and reports those that are nowhere.
fn report_keys(reading: &Reading, context: &Context<'_>, report: &mut Report) {
    let join = context.join;
    let forms = join.forms.iter().map(|(form, count)| ((*form).to_owned(), (*count).into())).collect();
    let matched: HashSet<u32> = join.resolved.iter().filter_map(|r| region_of(*r)).collect();
    report.fact("keys", join.resolved.len());
    report.fact("matched", matched.len());
    report.fact("key_forms", serde_json::Value::Object(forms));
    if join.zeros_restored > 0 {
        report.fact("leading_zeros_restored", join.zeros_restored);
    }
    report.fact("keys_of_other_levels", join.other_levels);
    if reading.separated_keys > 0 {
        report.fact("keys_with_separators", reading.separated_keys);
    }
    let unknown: Vec<usize> =
        (0..join.resolved.len()).filter(|id| join.resolved[*id] == Resolved::Unknown).collect();
    if reading.official {
        report_unmatched(&unknown, reading, context, report);
        return;
    }
    for id in unknown {
        let (key, line) = &reading.keys.list()[id];
        report.error_with(Some(*line), reading.key_header().as_deref(), || {
            let near = super::settings::nearest(key, context.regions.keys.iter().map(RegionKey::as_str));
            format!(
                "The key '{key}' is not in level '{}', edition {}; near to it are {}.",
                context.regions.level,
                context.regions.edition,
                near.join(", ")
            )
        });
    }
}

/// In a table of an office, keys without boundary are to be expected: those with `-` only are dissolved regions.
fn report_unmatched(unknown: &[usize], reading: &Reading, context: &Context<'_>, report: &mut Report) {
    let mut alive = vec![false; context.join.resolved.len()];
    for cell in reading.series.iter().flat_map(|series| &series.cells) {
        alive[cell.key as usize] |= !cell.nothing;
    }
    let (with_values, dissolved): (Vec<usize>, Vec<usize>) = unknown.iter().partition(|id| alive[**id]);
    report.fact("unmatched", with_values.len());
    report.fact("dissolved", dissolved.len());
    let listed = |ids: &[usize]| {
        let keys: Vec<_> = ids.iter().take(LISTED).map(|id| &*reading.keys.list()[*id].0).collect();
        format!("{}{}", keys.join(", "), if ids.len() > LISTED { " …" } else { "" })
    };
    if let Some(first) = with_values.first() {
        let sentence = format!(
            "{} keys have values but no region in edition {}: {}",
            with_values.len(),
            context.regions.edition,
            listed(&with_values)
        );
        report.problem(Severity::Notice, Some(reading.keys.list()[*first].1), None, sentence);
    }
    if let Some(first) = dissolved.first() {
        let sentence = format!(
            "{} keys have no values and no region, so they are dissolved or not yet formed: {}",
            dissolved.len(),
            listed(&dissolved)
        );
        report.problem(Severity::Notice, Some(reading.keys.list()[*first].1), None, sentence);
    }
}

fn region_of(resolved: Resolved) -> Option<u32> {
    match resolved {
        Resolved::Region(ordinal, _) => Some(ordinal),
        _ => None,
    }
}

/// By ordinal: 1 + index of the region's cell, 0 where there is none. Reports regions with two cells.
fn place(cells: &SeriesCells, reading: &Reading, context: &Context<'_>, report: &mut Report) -> Vec<u32> {
    let mut placed = vec![0_u32; context.regions.keys.len()];
    for (index, cell) in cells.cells.iter().enumerate() {
        let Some(ordinal) = region_of(context.join.resolved[cell.key as usize]) else { continue };
        let slot = &mut placed[ordinal as usize];
        let before = (*slot as usize).checked_sub(1).map(|index| &cells.cells[index]);
        match before.map(|before| choose(before, cell, reading.official)) {
            None | Some(Choice::New) => *slot = index as u32 + 1,
            Some(Choice::Old) => {}
            Some(Choice::Conflict) => {
                report.error_with(Some(u64::from(cell.line)), reading.key_header().as_deref(), || {
                    format!(
                        "A second value of {} {} for '{}'; the first stands in line {}.",
                        cells.indicator,
                        cells.period,
                        context.regions.keys[ordinal as usize],
                        before.map_or(0, |before| before.line)
                    )
                });
            }
        }
    }
    placed
}

enum Choice {
    Old,
    New,
    Conflict,
}

fn choose(before: &Observed, now: &Observed, official: bool) -> Choice {
    match (official, before.nothing, now.nothing) {
        (true, true, _) => Choice::New,
        (true, false, true) => Choice::Old,
        // The same number twice, as for a kreisfreie Stadt that also has a row as a Gemeinde.
        (true, false, false)
            if before.value.to_bits() == now.value.to_bits() && before.status == now.status =>
        {
            Choice::Old
        }
        _ => Choice::Conflict,
    }
}

fn make(
    cells: &SeriesCells,
    placed: &[u32],
    indicator: &Indicator,
    reading: &Reading,
    context: &Context<'_>,
    report: &mut Report,
) -> NewSeries {
    let regions = context.regions;
    let mut column = Column::missing(placed.len());
    let absent = kreise_that_did_not_exist(cells, reading);
    let ratio_column = |part: usize| {
        let known = cells.ratios.iter().any(|ratio| !ratio[part].is_nan());
        known.then(|| vec![f64::NAN; placed.len()])
    };
    let (mut numerators, mut denominators) = (ratio_column(0), ratio_column(1));
    for (ordinal, slot) in placed.iter().enumerate() {
        let Some(index) = (*slot as usize).checked_sub(1) else { continue };
        let cell = &cells.cells[index];
        let mut value = (!cell.value.is_nan()).then_some(cell.value);
        let mut status = cell.status;
        if cell.nothing {
            let kreis = regions.keys[ordinal].as_str().get(..5);
            let existed = regions.bounded[ordinal] && !kreis.is_some_and(|kreis| absent.contains(kreis));
            (value, status) =
                if existed { (Some(0.0), Status::Valid) } else { (None, Status::NotApplicable) };
        }
        if let Some(ratio) = cells.ratios.get(index) {
            if let Some(numerators) = &mut numerators {
                numerators[ordinal] = ratio[0];
            }
            if let Some(denominators) = &mut denominators {
                denominators[ordinal] = ratio[1];
            }
            if indicator.kind.is_ratio() && (status.has_value() || status == Status::Missing) {
                (value, status) = derive(value, status, *ratio, indicator, cell.line, report);
            }
        }
        column.set(ordinal, value, status);
    }
    // The raw text of a cell that lost against another of the same region is not kept.
    let ordinal_of = |index: u32| {
        let ordinal = region_of(context.join.resolved[cells.cells[index as usize].key as usize])?;
        (placed[ordinal as usize] == index + 1).then_some(ordinal)
    };
    let mut raw_signs: Vec<(u32, String)> =
        cells.raw.iter().filter_map(|(index, text)| Some((ordinal_of(*index)?, text.to_string()))).collect();
    raw_signs.sort_unstable_by_key(|(ordinal, _)| *ordinal);
    let note = |(index, text): &(u32, Box<str>)| Some((ordinal_of(*index)?, Text::german(&**text)));
    NewSeries {
        indicator: cells.indicator.clone(),
        level: regions.level.clone(),
        edition: regions.edition,
        period: cells.period.clone(),
        column,
        companions: Companions { numerators, denominators, contributors: None, raw_signs },
        provenance: context.mapping.provenance.unwrap_or_default(),
        source: context.mapping.source.clone(),
        note: context.mapping.note.clone(),
        value_notes: cells.notes.iter().filter_map(note).collect(),
        break_before: false,
        derivation: None,
    }
}

/// Kreise whose own row carries `-`: before the reform that formed them, their Gemeinden carry `-` too.
fn kreise_that_did_not_exist<'a>(cells: &SeriesCells, reading: &'a Reading) -> HashSet<&'a str> {
    if !reading.official {
        return HashSet::new();
    }
    let kreis = |cell: &&Observed| cell.nothing && reading.keys.list()[cell.key as usize].0.len() == 5;
    cells.cells.iter().filter(kreis).map(|cell| &*reading.keys.list()[cell.key as usize].0).collect()
}

/// The rate from its counts. The given rate may differ from it by what rounding explains.
fn derive(
    given: Option<f64>,
    status: Status,
    [numerator, denominator]: [f64; 2],
    indicator: &Indicator,
    line: u32,
    report: &mut Report,
) -> (Option<f64>, Status) {
    if numerator.is_nan() || denominator.is_nan() {
        return (given, status);
    }
    if denominator == 0.0 {
        return (None, Status::NotMeaningful);
    }
    // Multiplied first, so that 7 of 100 are 7 % and not 7.000000000000001 %.
    let derived = numerator * indicator.per / denominator;
    if let Some(given) = given {
        let difference = (given - derived).abs();
        let sentence = || {
            format!(
                "{numerator} / {denominator} × {} is {derived}, but the value given is {given}",
                indicator.per
            )
        };
        // Half a whole unit is the coarsest rounding that tables show; beyond it, columns were confused.
        if difference > 0.5 + derived.abs() * 0.01 {
            let sentence = || format!("{}; one of the three is wrong.", sentence());
            report.error_with(Some(u64::from(line)), None, sentence);
        } else if difference > 0.5 * 10_f64.powi(-i32::from(indicator.decimals)) * (1.0 + 1e-9) {
            let sentence = || format!("{}; the derived one is stored.", sentence());
            report.problem_with(Severity::Warning, Some(u64::from(line)), None, sentence);
        }
    }
    (Some(derived), if status == Status::Missing { Status::Valid } else { status })
}

/// Reports inhabited regions without a row, once for all series that lack the same ones.
fn report_gaps(without_row: &BTreeMap<Vec<u32>, Vec<String>>, context: &Context<'_>, report: &mut Report) {
    let regions: BTreeSet<u32> = without_row.keys().flatten().copied().collect();
    report.fact("regions_without_row", regions.len());
    for (ordinals, series) in without_row.iter().filter(|(ordinals, _)| !ordinals.is_empty()) {
        let keys: Vec<_> =
            ordinals.iter().take(LISTED).map(|at| context.regions.keys[*at as usize].as_str()).collect();
        let shown: Vec<_> = series.iter().take(3).map(String::as_str).collect();
        report.warning(
            None,
            None,
            format!(
                "{} inhabited regions have no row in {} series ({}{}): {}{}",
                ordinals.len(),
                series.len(),
                shown.join(", "),
                if series.len() > shown.len() { " …" } else { "" },
                keys.join(", "),
                if ordinals.len() > LISTED { " …" } else { "" }
            ),
        );
    }
}

/// Compares the row of each Kreis with the sum of its regions.
#[derive(Debug, Default)]
struct Sums {
    compared: bool,
    equal: u64,
    different: u64,
    incomplete: u64,
    /// (index of the series, Kreis) where they differ.
    mismatches: HashSet<(usize, String)>,
}

impl Sums {
    fn check(
        &mut self,
        index: usize,
        series: &NewSeries,
        cells: &SeriesCells,
        reading: &Reading,
        context: &Context<'_>,
        report: &mut Report,
    ) {
        let is_count = |indicator: &Indicator| indicator.kind == IndicatorKind::Count;
        if !context.indicators.get(&cells.indicator).is_some_and(is_count) {
            return;
        }
        let is_kreis = |cell: &&Observed| {
            context.join.resolved[cell.key as usize] == Resolved::Larger
                && !cell.value.is_nan()
                && reading.keys.list()[cell.key as usize].0.len() == 5
        };
        let totals: Vec<&Observed> = cells.cells.iter().filter(is_kreis).collect();
        if totals.is_empty() {
            return;
        }
        self.compared = true;
        let parts = sums_by_kreis(&series.column, context.regions);
        for total in totals {
            let kreis = &*reading.keys.list()[total.key as usize].0;
            match parts.get(kreis) {
                None => {}
                Some(None) => self.incomplete += 1,
                Some(Some(sum)) if (sum - total.value).abs() <= 1e-6 * total.value.abs().max(1.0) => {
                    self.equal += 1;
                }
                Some(Some(sum)) => {
                    self.different += 1;
                    self.mismatches.insert((index, kreis.to_owned()));
                    if self.different <= LISTED as u64 {
                        let sentence = format!(
                            "{} {}: the row of Kreis {kreis} says {}, its regions in this edition sum to {sum}",
                            cells.indicator, cells.period, total.value
                        );
                        report.problem(Severity::Notice, Some(u64::from(total.line)), None, sentence);
                    }
                }
            }
        }
    }

    fn report(&self, report: &mut Report) {
        if self.compared {
            report.fact("kreis_sums_equal", self.equal);
            report.fact("kreis_sums_different", self.different);
            report.fact("kreis_sums_incomplete", self.incomplete);
        }
    }
}

/// Sum of the regions of each Kreis; `None` if an inhabited one has no number.
fn sums_by_kreis<'a>(column: &Column, regions: &'a Regions) -> HashMap<&'a str, Option<f64>> {
    let mut sums: HashMap<&str, Option<f64>> = HashMap::new();
    for (ordinal, key) in regions.keys.iter().enumerate() {
        let Some(kreis) = key.as_str().get(..5).filter(|kreis| kreis.len() < key.as_str().len()) else {
            continue;
        };
        let sum = sums.entry(kreis).or_insert(Some(0.0));
        match column.value(ordinal) {
            Some(value) => *sum = sum.map(|sum| sum + value),
            None if regions.inhabited[ordinal] => *sum = None,
            None => {}
        }
    }
    sums
}

/// `-` at inhabited regions that have a number above zero in another period of the file: did they exist?
#[derive(Debug, Default)]
struct Doubtful {
    /// By indicator: (index of the series, ordinal) of `-` read as zero.
    zeros: BTreeMap<Slug, Vec<(usize, u32)>>,
    /// By indicator: regions with a number above zero.
    numbers: BTreeMap<Slug, HashSet<u32>>,
}

impl Doubtful {
    fn see(&mut self, index: usize, cells: &SeriesCells, placed: &[u32], series: &NewSeries) {
        let zeros = self.zeros.entry(cells.indicator.clone()).or_default();
        let numbers = self.numbers.entry(cells.indicator.clone()).or_default();
        for (ordinal, slot) in placed.iter().enumerate() {
            let Some(cell) = (*slot as usize).checked_sub(1) else { continue };
            match series.column.value(ordinal) {
                Some(_) if cells.cells[cell].nothing => zeros.push((index, ordinal as u32)),
                Some(value) if value > 0.0 => _ = numbers.insert(ordinal as u32),
                _ => {}
            }
        }
    }

    /// Where the row of the Kreis is not the sum of its regions, the people of such a region are counted in one that
    /// was dissolved since: it did not exist yet, and `-` is *not applicable*. The others stay zero and are reported.
    fn settle(self, made: &mut [NewSeries], sums: &Sums, regions: &Regions, report: &mut Report) {
        let mut not_formed = 0_u64;
        for (indicator, mut zeros) in self.zeros {
            let numbers = self.numbers.get(&indicator);
            zeros.retain(|(_, ordinal)| {
                regions.inhabited[*ordinal as usize]
                    && numbers.is_some_and(|numbers| numbers.contains(ordinal))
            });
            zeros.retain(|(index, ordinal)| {
                let kreis = regions.keys[*ordinal as usize].as_str().get(..5).unwrap_or_default();
                let absent = sums.mismatches.contains(&(*index, kreis.to_owned()));
                if absent {
                    made[*index].column.set(*ordinal as usize, None, Status::NotApplicable);
                    not_formed += 1;
                }
                !absent
            });
            report_zeros(&indicator, &zeros, made, regions, report);
        }
        if not_formed > 0 {
            report.fact("not_yet_formed", not_formed);
        }
    }
}

fn report_zeros(
    indicator: &Slug,
    zeros: &[(usize, u32)],
    made: &[NewSeries],
    regions: &Regions,
    report: &mut Report,
) {
    if zeros.is_empty() {
        return;
    }
    let name = |(index, ordinal): &(usize, u32)| {
        format!("{} {}", regions.keys[*ordinal as usize], made[*index].period)
    };
    let shown: Vec<_> = zeros.iter().take(LISTED).map(name).collect();
    report.warning(
        None,
        None,
        format!(
            "{indicator}: '-' was read as zero {} times at regions that have numbers in other periods; if they did not exist yet, say \"-\" = \"not-applicable\" under [signs]: {}{}",
            zeros.len(),
            shown.join(", "),
            if zeros.len() > LISTED { " …" } else { "" }
        ),
    );
}

/// A break declared by the mapping lies before the first period of each indicator.
pub fn mark_break(series: &mut [NewSeries], mapping: &Mapping) {
    if !mapping.break_before {
        return;
    }
    // Those of several tables were marked each by itself.
    for one in series.iter_mut() {
        one.break_before = false;
    }
    let mut first: BTreeMap<Slug, usize> = BTreeMap::new();
    for (index, one) in series.iter().enumerate() {
        let earliest = first.entry(one.indicator.clone()).or_insert(index);
        if one.period < series[*earliest].period {
            *earliest = index;
        }
    }
    for index in first.into_values() {
        series[index].break_before = true;
    }
}
