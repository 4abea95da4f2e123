//! Tests of the audit: tables with bounds counted by hand, and random ones judged by trying every base count.

use proptest::prelude::*;

use super::{Attacker, Audit, Interval, Reason, Which, audit};
use crate::{
    disclosure::{Cell, CellId, Form, Ratio, Show, Shown, Table},
    domain::Policy,
};

fn cell(terms: &[(u32, i64)]) -> Cell {
    Cell { form: Form::new(terms.iter().copied()), ..Cell::default() }
}

fn sum_of(bases: impl IntoIterator<Item = u32>) -> Cell {
    Cell { form: Form::new(bases.into_iter().map(|b| (b, 1))), ..Cell::default() }
}

/// Base counts, each a cell of its own, and their total, which is the last cell.
fn counts(base: &[u64]) -> Table {
    let n = base.len() as u32;
    let cells = (0..n).map(|b| sum_of([b])).chain([sum_of(0..n)]).collect();
    Table { base: base.to_vec(), cells, ..Table::default() }
}

fn interval(audit: &Audit, cell: CellId, attacker: Attacker) -> (Option<i64>, Option<i64>) {
    let bounds = audit.bounds.iter().find(|b| b.cell == cell).unwrap();
    let reach = bounds.by[attacker as usize];
    assert!(reach.proven);
    (reach.interval.lo, reach.interval.up)
}

fn zeros_secret(table: Table) -> Table {
    Table { policy: Policy { zeros_public: false, ..table.policy }, ..table }
}

#[test]
fn two_members_of_a_known_sum_are_at_most_the_sum() {
    let table = counts(&[1, 6, 9]);
    let found = audit(&table, &[0], &[0, 1], Which::Suppressed).unwrap();
    assert_eq!(interval(&found, 0, Attacker::A0), (Some(0), Some(7)));
    assert_eq!(interval(&found, 0, Attacker::A1), (Some(1), Some(6)));
    assert_eq!(interval(&found, 1, Attacker::A2), (Some(1), Some(6)));
    assert!(found.safe && found.reasons.is_empty());
    assert_eq!(found.narrowest(&[0]), Some(5));
}

#[test]
fn whoever_knows_their_own_unit_learns_about_the_others() {
    let table = zeros_secret(counts(&[1, 3, 0, 9]));
    let found = audit(&table, &[0, 2], &[0, 1, 2], Which::Suppressed).unwrap();
    assert_eq!(interval(&found, 0, Attacker::A1), (Some(0), Some(4)));
    // The one in the cell knows 1 to 4, the one in the neighbouring cell 0 to 3: equally narrow, the smaller end stands.
    assert_eq!(interval(&found, 0, Attacker::A2), (Some(0), Some(3)));
    // Nobody knows a unit in a cell of which the count is 0.
    assert_eq!(interval(&found, 2, Attacker::A2), (Some(0), Some(3)));
    assert!(found.safe);
}

#[test]
fn a_low_end_makes_a_table_unsafe_even_if_another_interval_is_narrower() {
    let mut table = zeros_secret(counts(&[2, 4, 0, 9]));
    table.policy = Policy { threshold: 6, width: 5, ..table.policy };
    let found = audit(&table, &[0], &[0, 1, 2], Which::Suppressed).unwrap();
    let low = Interval { lo: Some(0), up: Some(5) };
    assert_eq!(
        found.reasons,
        [Reason::Low { cell: 0, attacker: Attacker::A2, interval: low, threshold: 6 }],
        "the one in the neighbouring cell knows that no 6 is possible"
    );
}

#[test]
fn a_primary_cell_that_is_public_is_unsafe() {
    let mut table = counts(&[1, 6, 9]);
    let found = audit(&table, &[0], &[1], Which::Suppressed).unwrap();
    assert_eq!(found.reasons, [Reason::Public { cell: 0, earlier: false }]);
    table.cells[0].show = Show::Known;
    let found = audit(&table, &[0], &[0, 1], Which::Suppressed).unwrap();
    assert_eq!(found.reasons, [Reason::Public { cell: 0, earlier: true }]);
    assert_eq!(interval(&found, 0, Attacker::A0), (Some(1), Some(1)));
}

#[test]
fn what_nothing_bounds_is_unbounded() {
    let mut table = counts(&[1, 6]);
    let found = audit(&table, &[0], &[0, 1, 2], Which::Suppressed).unwrap();
    assert_eq!(interval(&found, 0, Attacker::A1), (Some(1), None));
    assert_eq!(interval(&found, 2, Attacker::A1), (Some(2), None));
    assert!(found.safe);
    table.cells.push(cell(&[(0, 1), (1, -1)]));
    let found = audit(&table, &[0], &[0, 1, 2, 3], Which::Suppressed).unwrap();
    assert_eq!(interval(&found, 3, Attacker::A0), (None, None));
}

#[test]
fn a_rounded_share_of_a_known_denominator_gives_its_numerator_away() {
    let mut table = counts(&[1, 33]);
    table.ratios = vec![Ratio {
        numerator: 0,
        denominator: 2,
        shown: Some(Shown { value: 2.9, decimals: 1, per: 100.0 }),
    }];
    let found = audit(&table, &[0], &[0, 1], Which::Suppressed).unwrap();
    assert_eq!(interval(&found, 0, Attacker::A0), (Some(1), Some(1)));
    table.ratios[0].shown = Some(Shown { value: 3.0, decimals: 0, per: 100.0 });
    let found = audit(&table, &[0], &[0, 1, 2], Which::Suppressed).unwrap();
    assert_eq!(interval(&found, 0, Attacker::A1), (Some(1), None), "its denominator may be anything, too");
    assert_eq!(interval(&found, 1, Attacker::A1), (Some(28), None), "at least 1 of 29");
    table.ratios[0].shown = Some(Shown { value: 4.0, decimals: 0, per: 100.0 });
    assert!(audit(&table, &[0], &[0, 1, 2], Which::Suppressed).is_err());
}

#[test]
fn what_is_never_published_is_attacked_like_what_is_suppressed() {
    let mut table = counts(&[1, 6, 9]);
    table.cells[1].show = Show::Never;
    let found = audit(&table, &[1], &[0], Which::Primary).unwrap();
    assert_eq!(interval(&found, 1, Attacker::A1), (Some(0), Some(6)), "that it is missing tells nothing");
    assert!(found.safe);
}

#[test]
fn whole_numbers_may_be_closer_than_fractions() {
    // 2x + 3y = 7 has two solutions in whole numbers from 0 on; the relaxation ends at 3.5.
    let mut table = counts(&[2, 1]);
    table.cells[2] = cell(&[(0, 2), (1, 3)]);
    let found = audit(&table, &[0], &[0, 1], Which::Suppressed).unwrap();
    assert_eq!(interval(&found, 0, Attacker::A0), (Some(2), Some(2)));
}

#[test]
fn the_larger_table_of_three_dimensions_has_no_closed_form_and_is_bounded_all_the_same() {
    // 3 × 3 × 3 counts with all sums over one direction known: the relaxation has vertices that are not whole.
    let base: Vec<u64> = (0..27).map(|n| [1, 0, 2, 1, 3, 0, 2, 1, 1][(n * 7 + n / 9) % 9]).collect();
    let at = |a: u32, b: u32, c: u32| 9 * a + 3 * b + c;
    let mut cells: Vec<Cell> = (0..27).map(|b| sum_of([b])).collect();
    for (x, y) in (0..3).flat_map(|x| (0..3).map(move |y| (x, y))) {
        cells.push(sum_of((0..3).map(|z| at(x, y, z))));
        cells.push(sum_of((0..3).map(|z| at(x, z, y))));
        cells.push(sum_of((0..3).map(|z| at(z, x, y))));
    }
    let table = Table { base, cells, ..Table::default() };
    let hidden: Vec<CellId> = (0..27).collect();
    let found = audit(&table, &[], &hidden, Which::Suppressed).unwrap();
    for bounds in &found.bounds {
        assert!(bounds.by.iter().all(|reach| reach.proven));
        let truth = table.value(bounds.cell);
        let a0 = bounds.by[0].interval;
        assert!(a0.lo.is_some_and(|lo| lo <= truth) && a0.up.is_some_and(|up| up >= truth));
    }
}

/// A random table: up to five base counts up to 4, all their sums bounded by a known total.
fn tables() -> impl Strategy<Value = (Table, Vec<CellId>)> {
    let form = prop::collection::vec(-1_i64..3, 5);
    (
        prop::collection::vec(0_u64..5, 2..6),
        prop::collection::vec((form, prop::bool::weighted(0.6)), 1..7),
        prop::bool::ANY,
    )
        .prop_map(|(base, cells, zeros_public)| {
            let n = base.len();
            let mut table = counts(&base);
            let mut suppressed: Vec<CellId> = (0..n).collect();
            for (form, hidden) in cells {
                let terms: Vec<(u32, i64)> =
                    form.into_iter().take(n).enumerate().map(|(b, f)| (b as u32, f)).collect();
                if hidden {
                    suppressed.push(table.cells.len());
                }
                table.cells.push(cell(&terms));
            }
            table.policy.zeros_public = zeros_public;
            if zeros_public {
                suppressed.retain(|c| table.value(*c) != 0);
            }
            (table, suppressed)
        })
}

/// Every table with these public cells, as the values of all cells.
fn worlds(table: &Table, suppressed: &[CellId]) -> Vec<Vec<i64>> {
    let total: u64 = table.base.iter().sum();
    let n = table.base.len();
    let mut worlds = Vec::new();
    let mut world = vec![0_u64; n];
    loop {
        let value = |c: &Cell| c.form.terms().iter().map(|(b, f)| world[*b as usize] as i64 * f).sum::<i64>();
        let values: Vec<i64> = table.cells.iter().map(value).collect();
        if (0..values.len()).all(|c| suppressed.contains(&c) || values[c] == table.value(c)) {
            worlds.push(values);
        }
        let Some(next) = world.iter().position(|x| *x < total) else { return worlds };
        world[next] += 1;
        world[..next].fill(0);
    }
}

fn ends<'a>(cell: CellId, worlds: impl Iterator<Item = &'a Vec<i64>> + Clone) -> (Option<i64>, Option<i64>) {
    let values = worlds.map(|w| w[cell]);
    (values.clone().min(), values.max())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]

    #[test]
    fn bounds_are_those_of_all_tables_that_look_the_same((table, suppressed) in tables()) {
        let found = audit(&table, &[], &suppressed, Which::Suppressed).unwrap();
        let a0 = worlds(&table, &suppressed);
        let one = |w: &Vec<i64>| !table.policy.zeros_public || suppressed.iter().all(|c| table.value(*c) < 1 || w[*c] >= 1);
        let a1: Vec<Vec<i64>> = a0.iter().filter(|w| one(w)).cloned().collect();
        for cell in &suppressed {
            prop_assert_eq!(interval(&found, *cell, Attacker::A0), ends(*cell, a0.iter()));
            prop_assert_eq!(interval(&found, *cell, Attacker::A1), ends(*cell, a1.iter()));
            let own = suppressed.iter().filter(|own| table.value(**own) >= 1);
            let knowing = own.map(|own| ends(*cell, a1.iter().filter(|w| w[*own] >= 1)));
            let narrowest = knowing.chain([ends(*cell, a1.iter())]).min_by_key(|(lo, up)| (up.unwrap() - lo.unwrap(), *up));
            prop_assert_eq!(Some(interval(&found, *cell, Attacker::A2)), narrowest);
        }
    }

    #[test]
    fn other_names_and_another_order_change_nothing((table, suppressed) in tables(), turn in 0_usize..7) {
        let n = table.cells.len();
        let moved = |c: CellId| (c + turn) % n;
        let bases = table.base.len() as u32;
        let mut other = table.clone();
        other.base.reverse();
        for (c, content) in table.cells.iter().enumerate() {
            let form = Form::new(content.form.terms().iter().map(|(b, f)| (bases - 1 - b, *f)));
            other.cells[moved(c)] = Cell { form, ..content.clone() };
        }
        let elsewhere: Vec<CellId> = suppressed.iter().rev().map(|c| moved(*c)).collect();
        let (one, two) = (
            audit(&table, &[], &suppressed, Which::Suppressed).unwrap(),
            audit(&other, &[], &elsewhere, Which::Suppressed).unwrap(),
        );
        for cell in &suppressed {
            for attacker in Attacker::ALL {
                prop_assert_eq!(interval(&one, *cell, attacker), interval(&two, moved(*cell), attacker));
            }
        }
    }

    #[test]
    fn a_primary_cell_that_is_shown_after_all_is_noticed((table, suppressed) in tables()) {
        let primary = suppressed[..suppressed.len().min(2)].to_vec();
        prop_assume!(!primary.is_empty());
        let found = audit(&table, &primary, &suppressed[1..], Which::Primary).unwrap();
        prop_assert!(!found.safe);
        let noticed = Reason::Public { cell: primary[0], earlier: false };
        prop_assert!(found.reasons.contains(&noticed));
    }
}
