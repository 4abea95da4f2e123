//! Tests of secondary suppression, judged by trying every table of small counts.

use proptest::prelude::*;

use super::*;
use crate::{
    disclosure::{Cell, Form, Ratio, Shown, primary},
    domain::Policy,
};

fn cell(terms: &[u32], rank: u32) -> Cell {
    Cell { form: Form::new(terms.iter().map(|b| (*b, 1))), rank, ..Cell::default() }
}

/// A cross table with its totals; base counts by row.
fn cross(rows: usize, columns: usize, counts: &[u64]) -> Table {
    let at = |r: usize, c: usize| (r * columns + c) as u32;
    let mut cells = Vec::new();
    for r in 0..rows {
        cells.extend((0..columns).map(|c| cell(&[at(r, c)], 2)));
        cells.push(cell(&(0..columns).map(|c| at(r, c)).collect::<Vec<_>>(), 1));
    }
    for c in 0..columns {
        cells.push(cell(&(0..rows).map(|r| at(r, c)).collect::<Vec<_>>(), 1));
    }
    cells.push(cell(&(0..(rows * columns) as u32).collect::<Vec<_>>(), 0));
    Table { base: counts.to_vec(), cells, ..Table::default() }
}

/// A tree of three levels: groups of base counts, their sums, and the sum of all.
fn tree(groups: &[Vec<u64>]) -> Table {
    let mut table = Table::default();
    let mut all = Vec::new();
    for group in groups {
        let first = table.base.len() as u32;
        table.base.extend(group);
        let members: Vec<u32> = (first..table.base.len() as u32).collect();
        table.cells.extend(members.iter().map(|b| cell(&[*b], 2)));
        table.cells.push(cell(&members, 1));
        all.extend(members);
    }
    table.cells.push(cell(&all, 0));
    table
}

fn primary_cells(table: &Table) -> Vec<CellId> {
    primary(table).into_iter().map(|p| p.cell).collect()
}

/// Every table of counts up to a number that an attacker without any knowledge cannot tell from the true one, as the values
/// of all cells.
fn worlds(table: &Table, suppressed: &BTreeSet<CellId>, most: u64) -> Vec<Vec<i64>> {
    let public = |c: &CellId| match table.cells[*c].show {
        Show::Known => true,
        Show::Candidate => !suppressed.contains(c),
        Show::Never => false,
    };
    let public: Vec<CellId> = (0..table.cells.len()).filter(public).collect();
    let mut found = Vec::new();
    let mut other = table.clone();
    other.base.fill(0);
    let count = other.base.len();
    fill(&mut other, 0, most, &mut |world, done| {
        // A cell is compared as soon as all of its base counts are chosen.
        let fits = |c: &CellId| {
            let last = table.cells[*c].form.terms().last().map_or(0, |(b, _)| *b as usize + 1);
            last != done || world.value(*c) == table.value(*c)
        };
        let fits = public.iter().all(fits);
        if fits && done == count {
            found.push((0..world.cells.len()).map(|c| world.value(c)).collect());
        }
        fits
    });
    found.retain(|values: &Vec<i64>| {
        table.ratios.iter().all(|ratio| {
            ratio.shown.is_none_or(|shown| {
                let (n, d) = (values[ratio.numerator] as f64, values[ratio.denominator] as f64);
                let half = 0.5 / 10_f64.powi(i32::from(shown.decimals));
                (n * shown.per - shown.value * d).abs() <= half * d + 1e-9
            })
        })
    });
    found
}

fn fill(table: &mut Table, at: usize, most: u64, visit: &mut dyn FnMut(&Table, usize) -> bool) {
    if at == table.base.len() {
        return;
    }
    for count in 0..=most {
        table.base[at] = count;
        if visit(table, at + 1) {
            fill(table, at + 1, most, visit);
        }
    }
    table.base[at] = 0;
}

/// Asserts the criterion for every primary cell and every attacker.
fn assert_safe(table: &Table, primary: &[CellId], suppression: &Suppression, most: u64) {
    let suppressed: BTreeSet<CellId> = suppression.suppressed.iter().copied().collect();
    let worlds = worlds(table, &suppressed, most);
    let counted: Vec<CellId> = suppressed.iter().copied().filter(|c| table.value(*c) >= 1).collect();
    let mut attackers: Vec<Vec<CellId>> = vec![Vec::new()];
    if table.policy.zeros_public {
        attackers.push(counted.clone());
    }
    attackers.extend(counted.iter().map(|c| vec![*c]));
    for (cell, at_least_one) in primary.iter().flat_map(|cell| attackers.iter().map(move |a| (cell, a))) {
        let possible = worlds.iter().filter(|w| at_least_one.iter().all(|c| w[*c] >= 1)).map(|w| w[*cell]);
        let (low, high) = (possible.clone().min().unwrap(), possible.max().unwrap());
        let policy = &table.policy;
        let wide = high >= i64::from(policy.threshold) && high - low >= i64::from(policy.width);
        assert!(wide, "cell {cell} is between {low} and {high}: {suppression:?} of {table:?}");
    }
}

fn protected(table: &Table) -> Suppression {
    protect(table, &primary_cells(table)).unwrap()
}

#[test]
fn nothing_secret_needs_nothing_withheld() {
    assert_eq!(protected(&tree(&[vec![3, 4], vec![5, 0]])), Suppression::default());
    assert_eq!(protect(&Table::default(), &[]), Ok(Suppression::default()));
}

#[test]
fn one_secret_member_of_a_sum_takes_another_one_with_it() {
    let table = tree(&[vec![2, 9, 7, 30], vec![12, 8]]);
    let suppression = protected(&table);
    assert_eq!(suppression.suppressed, [0, 2]);
    assert_eq!(suppression.secondary, [(2, 0)]);
    assert_safe(&table, &[0], &suppression, 40);
}

#[test]
fn two_secret_members_whose_sum_is_a_small_count_take_a_third() {
    let table = tree(&[vec![1, 1, 7, 30], vec![12, 8]]);
    assert_eq!(protected(&table).suppressed, [0, 1, 2]);
}

#[test]
fn two_in_each_row_and_column_are_not_protection() {
    let counts = [30, 47, 64, 89, 90, 124, 5, 31, 92, 100, 59, 85, 800, 991, 651, 685];
    let table = cross(4, 4, &counts);
    let primary: Vec<CellId> = [(0, 0), (0, 1), (0, 2), (1, 0), (1, 2), (2, 1), (2, 3), (3, 1), (3, 3)]
        .into_iter()
        .map(|(r, c)| r * 5 + c)
        .collect();
    let suppression = protect(&table, &primary).unwrap();
    assert_eq!(suppression.secondary.len(), 1);
}

#[test]
fn what_is_known_already_makes_protection_impossible() {
    let mut table = tree(&[vec![2, 9]]);
    table.cells[1].show = Show::Known;
    table.cells[2].show = Show::Known;
    assert_eq!(protect(&table, &[0]), Err(ProtectError::Impossible(vec![0])));
    table.cells[0].show = Show::Known;
    assert_eq!(protect(&table, &[0]), Err(ProtectError::Impossible(vec![0])));
}

#[test]
fn a_denominator_below_the_threshold_bounds_its_numerator_too_closely() {
    // Two children, one of them poor; that there are two is public.
    let mut table = Table { base: vec![1, 1], ..Table::default() };
    table.cells = vec![cell(&[0], 1), cell(&[0, 1], 1)];
    table.cells[1].show = Show::Known;
    assert_eq!(protect(&table, &[0]), Err(ProtectError::Impossible(vec![0])));
}

#[test]
fn a_rounded_rate_that_was_public_bounds_its_numerator() {
    // 2.9 % of 34 is exactly 1.
    let mut table = Table { base: vec![1, 33], ..Table::default() };
    table.cells = vec![cell(&[0], 1), cell(&[0, 1], 1)];
    table.cells[1].show = Show::Known;
    assert!(protect(&table, &[0]).is_ok());
    let shown = |value: f64| Some(Shown { value, decimals: 1, per: 100.0 });
    table.ratios = vec![Ratio { numerator: 0, denominator: 1, shown: shown(2.9) }];
    assert_eq!(protect(&table, &[0]), Err(ProtectError::Impossible(vec![0])));
    table.ratios[0].shown = shown(3.9);
    assert_eq!(protect(&table, &[0]), Err(ProtectError::Contradiction(0)));
}

#[test]
fn a_withheld_denominator_takes_the_share_with_it() {
    let mut table = tree(&[vec![2, 9]]);
    table.base.push(5);
    table.cells.push(cell(&[2], 2));
    table.ratios = vec![Ratio { numerator: 4, denominator: 1, shown: None }];
    let suppression = protect(&table, &[0]).unwrap();
    assert_eq!(suppression.suppressed, [0, 1, 4]);
    assert_eq!(suppression.secondary, [(1, 0), (4, 0)]);
}

#[test]
fn a_cell_that_is_the_same_number_goes_with_the_primary_one() {
    // A Samtgemeinde with one Gemeinde.
    let mut table = tree(&[vec![2, 9, 12]]);
    table.cells.push(cell(&[0], 1));
    let suppression = protect(&table, &[0]).unwrap();
    assert_eq!(suppression.suppressed, [0, 1, 5]);
    assert_eq!(suppression.secondary, [(1, 0), (5, 0)]);
}

#[test]
fn pools_of_years_that_overlap_are_one_system() {
    // Years 0..4 are secret; the pools 0..=2 and 1..=3 would give the difference of years 0 and 3 away, 0..=1 and 2..=3 more.
    let mut table = Table { base: vec![2, 5, 7, 1], ..Table::default() };
    table.cells = (0..4).map(|b| cell(&[b], 2)).collect();
    table.cells.extend([cell(&[0, 1, 2], 1), cell(&[1, 2, 3], 1), cell(&[0, 1, 2, 3], 0)]);
    let suppression = protected(&table);
    assert_safe(&table, &[0, 3], &suppression, 16);
}

#[test]
fn reasons_name_the_rule_or_what_is_protected() {
    let table = tree(&[vec![2, 9, 7, 30]]);
    let primary = primary(&table);
    let reasons = protected(&table).reasons(&primary);
    let expected =
        [(0, Why::Primary { rule: crate::disclosure::Rule::R1 }), (2, Why::Secondary { protects: 0 })];
    assert_eq!(reasons, expected);
}

#[test]
fn progress_ends_where_it_says_it_does() {
    let table = tree(&[vec![2, 9], vec![1, 8, 7]]);
    let mut last = (0, 1);
    protect_with(&table, &primary_cells(&table), &mut |done, of| {
        assert!(done <= of);
        last = (done, of);
    })
    .unwrap();
    assert_eq!(last.0, last.1);
}

/// The same table with its cells and base counts in another order; `cells[new] = old`.
fn shuffled(table: &Table, base: &[usize], cells: &[usize]) -> Table {
    let place_of_base: BTreeMap<usize, u32> =
        base.iter().enumerate().map(|(new, old)| (*old, new as u32)).collect();
    let moved = |old: &usize| {
        let terms = table.cells[*old].form.terms().iter().map(|(b, f)| (place_of_base[&(*b as usize)], *f));
        Cell { form: Form::new(terms), ..table.cells[*old].clone() }
    };
    Table {
        base: base.iter().map(|old| table.base[*old]).collect(),
        cells: cells.iter().map(moved).collect(),
        ..table.clone()
    }
}

fn policies() -> impl Strategy<Value = Policy> {
    (any::<bool>(), 2..5_u32, 1..4_u32).prop_map(|(zeros_public, threshold, width)| Policy {
        threshold,
        width,
        zeros_public,
        ..Policy::default()
    })
}

fn groups() -> impl Strategy<Value = Vec<Vec<u64>>> {
    prop::collection::vec(prop::collection::vec(0..7_u64, 1..4), 1..4)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100))]

    #[test]
    fn trees_are_protected_against_every_attacker(groups in groups(), policy in policies()) {
        let mut table = tree(&groups);
        table.policy = policy;
        prop_assume!(table.base.len() <= 6);
        assert_safe(&table, &primary_cells(&table), &protected(&table), 10);
    }

    #[test]
    fn cross_tables_are_protected_against_every_attacker(
        counts in prop::collection::vec(0..6_u64, 6),
        policy in policies(),
    ) {
        let table = Table { policy, ..cross(2, 3, &counts) };
        assert_safe(&table, &primary_cells(&table), &protected(&table), 9);
    }

    #[test]
    fn relabelling_changes_nothing_but_labels(
        (counts, base, cells) in (
            prop::collection::hash_set(0..40_u64, 6),
            Just((0..6).collect::<Vec<usize>>()).prop_shuffle(),
            Just((0..12).collect::<Vec<usize>>()).prop_shuffle(),
        ),
    ) {
        // Counts that differ from each other: among equal ones there is a choice.
        let table = cross(2, 3, &counts.into_iter().collect::<Vec<_>>());
        let other = shuffled(&table, &base, &cells);
        let named = |c: Vec<CellId>| c.into_iter().map(|new| cells[new]).collect::<BTreeSet<_>>();
        let one = protect(&table, &primary_cells(&table)).map(|s| s.suppressed.into_iter().collect::<BTreeSet<_>>());
        let two = protect(&other, &primary_cells(&other)).map(|s| named(s.suppressed));
        prop_assert_eq!(one.ok(), two.ok());
    }
}
