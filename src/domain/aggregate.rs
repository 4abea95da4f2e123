//! Values of other regions, spans and quotients from those that are there: the arithmetic of successions, parents, pooled
//! years and denominator rules.
//!
//! Holds sums over parts. Must not know: which regions or periods these are; it sees ordinals and shares only.
//!
//! Invariant: a ratio is always Σ numerators / Σ denominators, never a mean of ratios; where a part is not known, the whole
//! is not known. Parts are summed in the order of their ordinals, so the same input gives the same bits.

use crate::domain::{Column, Companions, Indicator, IndicatorKind, Status};

/// Values with what stands beside them.
#[derive(Debug, Clone, Copy)]
pub struct Observations<'a> {
    /// Values and statuses.
    pub column: &'a Column,
    /// Numerators, denominators, contributors, raw signs.
    pub companions: &'a Companions,
}

/// Part `share` (above 0, at most 1) of the region `from` belongs to the region `to`; both by ordinal.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Link {
    /// Region that has values.
    pub from: u32,
    /// Region that gets one.
    pub to: u32,
    /// Part of the former that belongs to the latter.
    pub share: f64,
}

/// What the numbers are: it decides how parts are put together.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Quantity {
    kind: IndicatorKind,
    per: f64,
}

impl Quantity {
    /// Of an indicator. Means and scales are numerator / denominator without a factor.
    pub fn of(indicator: &Indicator) -> Self {
        let per = if indicator.kind.is_ratio() { indicator.per } else { 1.0 };
        Self { kind: indicator.kind, per }
    }

    fn is_count(self) -> bool {
        self.kind == IndicatorKind::Count
    }
}

/// One observation with its companions; NaN where unknown.
#[derive(Debug, Clone, Copy)]
struct Part {
    value: Option<f64>,
    status: Status,
    numerator: f64,
    denominator: f64,
    contributors: f64,
}

impl Part {
    const NONE: Self = Self {
        value: None,
        status: Status::Missing,
        numerator: f64::NAN,
        denominator: f64::NAN,
        contributors: f64::NAN,
    };

    fn without(status: Status) -> Self {
        Self { status, ..Self::NONE }
    }

    /// True if it can be put together with others: 0 of 0 is no ratio, but adds 0 to both sums.
    fn is_known(&self, quantity: Quantity) -> bool {
        let counts = !self.numerator.is_nan() && !self.denominator.is_nan();
        self.value.is_some() || (self.status == Status::NotMeaningful && !quantity.is_count() && counts)
    }
}

impl Observations<'_> {
    fn part(&self, ordinal: u32) -> Part {
        let at = ordinal as usize;
        let beside = |numbers: &Option<Vec<f64>>| {
            numbers.as_ref().and_then(|n| n.get(at)).copied().unwrap_or(f64::NAN)
        };
        Part {
            value: self.column.value(at),
            status: self.column.status(at),
            numerator: beside(&self.companions.numerators),
            denominator: beside(&self.companions.denominators),
            contributors: beside(&self.companions.contributors),
        }
    }
}

/// Puts results together, by ordinal.
struct Outcome {
    column: Column,
    numerators: Vec<f64>,
    denominators: Vec<f64>,
    contributors: Vec<f64>,
}

impl Outcome {
    fn new(len: usize) -> Self {
        let unknown = || vec![f64::NAN; len];
        Self {
            column: Column::missing(len),
            numerators: unknown(),
            denominators: unknown(),
            contributors: unknown(),
        }
    }

    fn set(&mut self, ordinal: usize, part: Part) {
        self.column.set(ordinal, part.value, part.status);
        self.numerators[ordinal] = part.numerator;
        self.denominators[ordinal] = part.denominator;
        self.contributors[ordinal] = part.contributors;
    }

    fn finish(self, raw_signs: Vec<(u32, String)>) -> (Column, Companions) {
        let known = |numbers: Vec<f64>| numbers.iter().any(|n| !n.is_nan()).then_some(numbers);
        let companions = Companions {
            numerators: known(self.numerators),
            denominators: known(self.denominators),
            contributors: known(self.contributors),
            raw_signs,
        };
        (self.column, companions)
    }
}

/// How much a status without a number weighs when parts are put together: secrecy goes before ignorance.
const fn gravity(status: Status) -> u8 {
    match status {
        Status::Suppressed => 7,
        Status::Unknown => 6,
        Status::Unreliable => 5,
        Status::NotMeaningful => 4,
        Status::NotYetAvailable => 3,
        Status::Missing => 2,
        Status::NotApplicable => 1,
        _ => 0,
    }
}

/// How little sure a number of this status is.
const fn doubt(status: Status) -> u8 {
    match status {
        Status::Revised => 1,
        Status::Derived | Status::Pooled => 2,
        Status::Preliminary => 3,
        Status::Limited => 4,
        Status::Estimated => 5,
        _ => 0,
    }
}

fn gravest(statuses: impl Iterator<Item = Status>) -> Status {
    statuses.max_by_key(|status| gravity(*status)).unwrap_or(Status::Missing)
}

/// The whole of several parts, each with its share. A part where the question does not arise (not applicable) adds
/// nothing; any other without a number takes the number from the whole.
fn combine(parts: &[(Part, f64)], quantity: Quantity) -> Part {
    let counted: Vec<&(Part, f64)> =
        parts.iter().filter(|(part, _)| part.status != Status::NotApplicable).collect();
    if counted.is_empty() {
        return Part::without(gravest(parts.iter().map(|(part, _)| part.status)));
    }
    let sum =
        |number: fn(&Part) -> f64| counted.iter().map(|(part, share)| share * number(part)).sum::<f64>();
    let mut unknown = counted.iter().filter(|(part, _)| !part.is_known(quantity)).peekable();
    if unknown.peek().is_some() {
        return Part::without(gravest(unknown.map(|(part, _)| part.status)));
    }
    let (numerator, denominator) = (sum(|p| p.numerator), sum(|p| p.denominator));
    let value = if quantity.is_count() {
        sum(|p| p.value.unwrap_or(f64::NAN))
    } else if denominator == 0.0 {
        return Part { numerator, denominator, ..Part::without(Status::NotMeaningful) };
    } else {
        // Multiplied first, so that 7 of 100 are 7 % and not 7.000000000000001 %.
        numerator * quantity.per / denominator
    };
    let estimated = counted.iter().any(|(part, share)| *share < 1.0 || part.status == Status::Estimated);
    let status = if estimated { Status::Estimated } else { Status::Derived };
    Part { value: Some(value), status, numerator, denominator, contributors: sum(|p| p.contributors) }
}

/// Values on other boundaries. A region that is wholly one region of before keeps its value, status and raw sign. The
/// count of another one is Σ share × count: exact and *derived* if only whole regions are joined, else *estimated* (and
/// not rounded, so that totals stay). Ratios are Σ share × numerators / Σ share × denominators if all of these are known.
/// A region without any link is missing.
pub fn carry(
    old: Observations<'_>,
    quantity: Quantity,
    links: &[Link],
    new_len: usize,
) -> (Column, Companions) {
    let mut result = Outcome::new(new_len);
    let mut raw_signs = Vec::new();
    for (to, group) in grouped(links, new_len) {
        if let [only] = group.as_slice()
            && is_whole(only.share)
        {
            result.set(to, old.part(only.from));
            let same = old.companions.raw_signs.iter().filter(|(at, _)| *at == only.from);
            raw_signs.extend(same.map(|(_, sign)| (to as u32, sign.clone())));
        } else if !group.is_empty() {
            let parts: Vec<_> = group.iter().map(|link| (old.part(link.from), link.share)).collect();
            result.set(to, combine(&parts, quantity));
        }
    }
    result.finish(raw_signs)
}

/// True for the share of a region that was not divided.
pub fn is_whole(share: f64) -> bool {
    share >= 1.0
}

/// Values of parents from those of their complete children; `links` are (child, parent) with the share 1. Children where
/// nobody lives may lack a value. A parent that has a number in `delivered` keeps that, and so does one whose sign there
/// says more than that nothing was delivered.
pub fn sum_parents(
    children: Observations<'_>,
    inhabited: &[bool],
    quantity: Quantity,
    links: &[Link],
    delivered: Option<Observations<'_>>,
    parents: usize,
) -> (Column, Companions) {
    let mut result = Outcome::new(parents);
    for (to, group) in grouped(links, parents) {
        let kept = delivered.map(|d| d.part(to as u32)).filter(|part| part.status != Status::Missing);
        let parts: Vec<_> = group
            .iter()
            .filter(|link| {
                let lives = inhabited.get(link.from as usize).copied().unwrap_or(true);
                lives || children.part(link.from).value.is_some()
            })
            .map(|link| (children.part(link.from), link.share))
            .collect();
        if let Some(part) = kept {
            result.set(to, part);
        } else if !parts.is_empty() {
            result.set(to, combine(&parts, quantity));
        }
    }
    result.finish(delivered.map(|d| d.companions.raw_signs.clone()).unwrap_or_default())
}

/// Several years of one edition taken together. A pooled count is the sum of the years (a stock such as the population is
/// not pooled but used as a denominator, in person-years); a pooled ratio is Σ numerators / Σ denominators. A region that
/// lacks one year has no value.
pub fn pool(years: &[Observations<'_>], quantity: Quantity) -> (Column, Companions) {
    let len = years.iter().map(|year| year.column.len()).min().unwrap_or(0);
    let mut result = Outcome::new(len);
    for ordinal in 0..len {
        let parts: Vec<_> = years.iter().map(|year| (year.part(ordinal as u32), 1.0)).collect();
        // A year in which the region did not exist is a year that is missing.
        let absent = parts.iter().any(|(part, _)| part.status == Status::NotApplicable);
        let mut whole = if absent { Part::without(Status::NotApplicable) } else { combine(&parts, quantity) };
        if whole.status == Status::Derived {
            whole.status = Status::Pooled;
        }
        result.set(ordinal, whole);
    }
    result.finish(Vec::new())
}

/// Numerators over denominators. The denominator is the mean of `denominators`, of which there are one or two. The number
/// is as little sure as the least sure of what it is made of.
pub fn ratio(
    numerators: &Column,
    denominators: &[&Column],
    per: f64,
    contributors: Option<&Vec<f64>>,
) -> (Column, Companions) {
    let len = numerators.len();
    let mut result = Outcome::new(len);
    for ordinal in 0..len {
        let all = || std::iter::once(&numerators).chain(denominators);
        let without = || all().filter(|c| c.value(ordinal).is_none()).map(|c| c.status(ordinal));
        if without().next().is_some() {
            result.set(ordinal, Part::without(gravest(without())));
            continue;
        }
        let sum: f64 = denominators.iter().filter_map(|c| c.value(ordinal)).sum();
        let denominator = sum / denominators.len() as f64;
        let numerator = numerators.value(ordinal).unwrap_or(f64::NAN);
        let status = all().map(|c| c.status(ordinal)).max_by_key(|s| doubt(*s)).unwrap_or(Status::Valid);
        let contributors = contributors.and_then(|c| c.get(ordinal)).copied().unwrap_or(f64::NAN);
        let (value, status) = if denominator == 0.0 {
            (None, Status::NotMeaningful)
        } else {
            (Some(numerator * per / denominator), status)
        };
        result.set(ordinal, Part { value, status, numerator, denominator, contributors });
    }
    result.finish(Vec::new())
}

/// Links by the region that gets a value, each group by the ordinal of its parts. Links beyond the end are passed over.
fn grouped(links: &[Link], len: usize) -> impl Iterator<Item = (usize, Vec<Link>)> {
    let mut groups: Vec<Vec<Link>> = vec![Vec::new(); len];
    for link in links {
        if let Some(group) = groups.get_mut(link.to as usize) {
            group.push(*link);
        }
    }
    for group in &mut groups {
        group.sort_by_key(|link| link.from);
    }
    groups.into_iter().enumerate()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const COUNT: Quantity = Quantity { kind: IndicatorKind::Count, per: 1.0 };
    const RATE: Quantity = Quantity { kind: IndicatorKind::Rate, per: 1000.0 };

    fn column(cells: &[(f64, Status)]) -> Column {
        let mut column = Column::missing(cells.len());
        for (at, (value, status)) in cells.iter().enumerate() {
            column.set(at, Some(*value), *status);
        }
        column
    }

    fn valid(values: &[f64]) -> Column {
        column(&values.iter().map(|v| (*v, Status::Valid)).collect::<Vec<_>>())
    }

    fn of<'a>(column: &'a Column, companions: &'a Companions) -> Observations<'a> {
        Observations { column, companions }
    }

    fn link(from: u32, to: u32, share: f64) -> Link {
        Link { from, to, share }
    }

    #[test]
    fn a_merger_is_exact_a_split_is_estimated_and_all_else_stays_as_it_was() {
        let old = column(&[
            (10.0, Status::Valid),
            (20.0, Status::Preliminary),
            (30.0, Status::Limited),
            (7.0, Status::Valid),
        ]);
        let companions = Companions { raw_signs: vec![(2, "(30)".into())], ..Companions::default() };
        let links = [link(1, 0, 1.0), link(0, 0, 1.0), link(2, 1, 1.0), link(3, 2, 0.6), link(3, 3, 0.4)];
        let (new, beside) = carry(of(&old, &companions), COUNT, &links, 5);
        assert_eq!((new.value(0), new.status(0)), (Some(30.0), Status::Derived));
        assert_eq!((new.value(1), new.status(1)), (Some(30.0), Status::Limited));
        assert_eq!(beside.raw_signs, [(1, "(30)".to_owned())]);
        assert_eq!((new.value(2), new.status(2)), (Some(0.6 * 7.0), Status::Estimated));
        assert_eq!((new.value(3), new.status(3)), (Some(0.4 * 7.0), Status::Estimated));
        assert_eq!((new.value(4), new.status(4)), (None, Status::Missing));
    }

    #[test]
    fn one_part_without_a_number_takes_it_from_the_whole_and_the_gravest_sign_stays() {
        let old = column(&[(1.0, Status::Valid), (0.0, Status::Missing), (0.0, Status::Suppressed)]);
        let links = [link(0, 0, 1.0), link(1, 0, 1.0), link(2, 0, 1.0), link(0, 1, 1.0), link(1, 1, 1.0)];
        let (new, _) = carry(of(&old, &Companions::default()), COUNT, &links, 2);
        assert_eq!((new.value(0), new.status(0)), (None, Status::Suppressed));
        assert_eq!((new.value(1), new.status(1)), (None, Status::Missing));
    }

    #[test]
    fn a_part_where_the_question_does_not_arise_adds_nothing() {
        let old = column(&[(5.0, Status::Valid), (0.0, Status::NotApplicable)]);
        let (new, _) = carry(of(&old, &Companions::default()), COUNT, &[link(0, 0, 1.0), link(1, 0, 1.0)], 1);
        assert_eq!(new.value(0), Some(5.0));
    }

    #[test]
    fn a_rate_without_counts_survives_only_where_nothing_changed() {
        let old = valid(&[10.0, 20.0, 30.0]);
        let links = [link(0, 0, 1.0), link(1, 0, 1.0), link(2, 1, 1.0)];
        let (new, _) = carry(of(&old, &Companions::default()), RATE, &links, 2);
        assert_eq!((new.value(0), new.value(1)), (None, Some(30.0)));
    }

    #[test]
    fn a_parent_needs_all_children_where_somebody_lives_and_a_delivered_value_wins() {
        let children = column(&[
            (1.0, Status::Valid),
            (0.0, Status::Missing),
            (3.0, Status::Valid),
            (0.0, Status::Suppressed),
        ]);
        let links = [link(0, 0, 1.0), link(1, 0, 1.0), link(2, 1, 1.0), link(3, 1, 1.0), link(2, 2, 1.0)];
        let none = Companions::default();
        let delivered = column(&[(0.0, Status::Missing), (0.0, Status::Missing), (99.0, Status::Valid)]);
        let inhabited = [true, false, true, true];
        let (sums, _) =
            sum_parents(of(&children, &none), &inhabited, COUNT, &links, Some(of(&delivered, &none)), 3);
        assert_eq!((sums.value(0), sums.status(0)), (Some(1.0), Status::Derived));
        assert_eq!((sums.value(1), sums.status(1)), (None, Status::Suppressed));
        assert_eq!((sums.value(2), sums.status(2)), (Some(99.0), Status::Valid));
    }

    #[test]
    fn pooled_rates_are_ratios_of_sums_and_need_every_year() {
        let (first, second) =
            (valid(&[50.0, 10.0]), column(&[(25.0, Status::Valid), (0.0, Status::Missing)]));
        let counts = |numerators: [f64; 2], denominators: [f64; 2]| Companions {
            numerators: Some(numerators.to_vec()),
            denominators: Some(denominators.to_vec()),
            ..Companions::default()
        };
        let (a, b) = (counts([5.0, 1.0], [100.0, 100.0]), counts([5.0, f64::NAN], [200.0, f64::NAN]));
        let (pooled, beside) = pool(&[of(&first, &a), of(&second, &b)], RATE);
        assert_eq!(pooled.value(0), Some(10.0 * 1000.0 / 300.0));
        assert_eq!((pooled.value(1), pooled.status(1)), (None, Status::Missing));
        assert_eq!(beside.denominators.as_ref().map(|d| d[0]), Some(300.0));
        let (pooled, _) = pool(&[of(&first, &a), of(&first, &a)], COUNT);
        assert_eq!((pooled.value(0), pooled.status(0)), (Some(100.0), Status::Pooled));
    }

    #[test]
    fn a_quotient_is_as_little_sure_as_its_parts_and_never_of_nothing() {
        let numerators = column(&[(3.0, Status::Valid), (3.0, Status::Estimated), (3.0, Status::Valid)]);
        let (before, after) = (valid(&[100.0, 100.0, 0.0]), valid(&[200.0, 200.0, 0.0]));
        let (rates, beside) = ratio(&numerators, &[&before, &after], 100.0, None);
        assert_eq!((rates.value(0), rates.status(0)), (Some(2.0), Status::Valid));
        assert_eq!((rates.value(1), rates.status(1)), (Some(2.0), Status::Estimated));
        assert_eq!((rates.value(2), rates.status(2)), (None, Status::NotMeaningful));
        assert_eq!(beside.denominators.as_deref(), Some(&[150.0, 150.0, 0.0][..]));
    }

    /// Counts with any partition of each old region among the new ones.
    fn tables() -> impl Strategy<Value = (Vec<f64>, Vec<f64>, Vec<Link>)> {
        (1_usize..12, 1_u32..6).prop_flat_map(|(old, new)| {
            let counts = || proptest::collection::vec((0_u32..100_000).prop_map(f64::from), old);
            let shares = proptest::collection::vec((0..new, 0..new, 1_u32..100), old);
            (counts(), counts(), shares).prop_map(|(numerators, denominators, shares)| {
                let parts = |(from, (a, b, percent)): (u32, (u32, u32, u32))| {
                    let share = f64::from(percent) / 100.0;
                    if a == b {
                        vec![link(from, a, 1.0)]
                    } else {
                        vec![link(from, a, share), link(from, b, 1.0 - share)]
                    }
                };
                let links = (0..).zip(shares).flat_map(parts).collect();
                (numerators, denominators, links)
            })
        })
    }

    fn close(a: f64, b: f64) -> bool {
        (a - b).abs() <= 1e-9 * a.abs().max(b.abs()).max(1.0)
    }

    proptest! {
        #[test]
        fn totals_are_preserved((counts, _, links) in tables()) {
            let none = Companions::default();
            let (new, _) = carry(of(&valid(&counts), &none), COUNT, &links, 6);
            let (before, after): (f64, f64) = (counts.iter().sum(), new.numbers().sum());
            prop_assert!(close(before, after), "{before} became {after}");
        }

        #[test]
        fn a_carried_rate_is_the_rate_of_carried_counts((numerators, denominators, links) in tables()) {
            let (counts, base) = (valid(&numerators), valid(&denominators));
            let (rate, beside) = ratio(&counts, &[&base], 1000.0, None);
            let (carried, _) = carry(of(&rate, &beside), RATE, &links, 6);
            let none = Companions::default();
            let carried_counts = carry(of(&counts, &none), COUNT, &links, 6).0;
            let carried_base = carry(of(&base, &none), COUNT, &links, 6).0;
            let (expected, _) = ratio(&carried_counts, &[&carried_base], 1000.0, None);
            for at in 0..6 {
                match (carried.value(at), expected.value(at)) {
                    (Some(a), Some(b)) => prop_assert!(close(a, b), "{a} and {b}"),
                    (a, b) => prop_assert_eq!(a, b),
                }
            }
        }

        #[test]
        fn the_order_of_the_links_changes_no_bit((counts, _, links) in tables(), seed in any::<prop::sample::Index>()) {
            let none = Companions::default();
            let mut turned = links.clone();
            turned.rotate_left(seed.index(links.len()));
            turned.reverse();
            let old = valid(&counts);
            prop_assert_eq!(carry(of(&old, &none), COUNT, &links, 6).0, carry(of(&old, &none), COUNT, &turned, 6).0);
        }

        #[test]
        fn any_links_and_columns_never_panic(
            values in proptest::collection::vec((any::<f64>(), 0..13_usize), 0..8),
            links in proptest::collection::vec((0..10_u32, 0..10_u32, any::<f64>()), 0..20),
        ) {
            let cells: Vec<_> = values.iter().map(|(v, s)| (*v, Status::ALL[*s])).collect();
            let links: Vec<_> = links.into_iter().map(|(from, to, share)| link(from, to, share)).collect();
            let (old, none) = (column(&cells), Companions::default());
            let _ = carry(of(&old, &none), COUNT, &links, 5);
            let _ = sum_parents(of(&old, &none), &[true], RATE, &links, None, 5);
            let _ = pool(&[of(&old, &none)], RATE);
        }
    }
}
