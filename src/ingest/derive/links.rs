//! Successions, one after the other, → links between the regions of two editions.
//!
//! Must not know: the store, values. Invariant: shares of a region that is placed sum to 1, as far as the successions do.

use std::collections::{BTreeMap, HashMap};

use chrono::NaiveDate;

use crate::{
    domain::{Link, RegionKey},
    store::{RegionRow, Succession},
};

/// How regions of one edition are those of another.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Chain {
    /// From the one to the other.
    pub links: Vec<Link>,
    /// Inhabited regions of the one that are not in the other and of which no succession says what became.
    pub lost: Vec<RegionKey>,
    /// Inhabited regions of the other that nothing leads to.
    pub unfilled: Vec<RegionKey>,
}

/// Parts this near to a whole are a whole: 0.7 + 0.2 + 0.1 is not 1 in binary.
const ROUNDING: f64 = 1e-9;

/// Links from an earlier edition to a later one by the successions of their level after `from` and up to `to`.
pub(super) fn forward(
    (old, from): (&[RegionRow], NaiveDate),
    (new, to): (&[RegionRow], NaiveDate),
    successions: &[Succession],
) -> Chain {
    let mut places: Vec<BTreeMap<RegionKey, f64>> =
        old.iter().map(|row| BTreeMap::from([(row.region.key.clone(), 1.0)])).collect();
    let mut steps: BTreeMap<NaiveDate, HashMap<&RegionKey, Vec<&Succession>>> = BTreeMap::new();
    for one in successions.iter().filter(|one| from < one.valid_on && one.valid_on <= to) {
        steps.entry(one.valid_on).or_default().entry(&one.old_key).or_default().push(one);
    }
    for step in steps.values() {
        for place in &mut places {
            *place = moved(std::mem::take(place), step);
        }
    }
    let ordinals: HashMap<&RegionKey, u32> = new.iter().map(|row| &row.region.key).zip(0..).collect();
    let mut chain = Chain::default();
    for ((row, place), from) in old.iter().zip(&places).zip(0..) {
        let targets: Vec<_> =
            place.iter().filter_map(|(key, share)| Some((*ordinals.get(key)?, *share))).collect();
        if targets.len() < place.len() && row.counts() {
            chain.lost.push(row.region.key.clone());
        }
        chain.links.extend(targets.into_iter().map(|(to, share)| {
            let share = if share > 1.0 - ROUNDING { 1.0 } else { share };
            Link { from, to, share }
        }));
    }
    chain.unfilled = unfilled(new, &chain.links);
    chain
}

/// Where the parts of a region are after one more step.
fn moved(
    place: BTreeMap<RegionKey, f64>,
    step: &HashMap<&RegionKey, Vec<&Succession>>,
) -> BTreeMap<RegionKey, f64> {
    let mut next = BTreeMap::new();
    for (key, share) in place {
        match step.get(&key) {
            Some(parts) => {
                for part in parts {
                    *next.entry(part.new_key.clone()).or_insert(0.0) += share * part.share;
                }
            }
            None => *next.entry(key).or_insert(0.0) += share,
        }
    }
    next
}

/// Links from the later edition back to the earlier one: only regions that come from a single one can go back, and then
/// wholly. Merged regions cannot be parted again, so their predecessors stay without a value.
pub(super) fn backward(forward: &Chain, old: &[RegionRow], new: &[RegionRow]) -> Chain {
    let mut origins: Vec<Vec<u32>> = vec![Vec::new(); new.len()];
    for link in &forward.links {
        origins[link.to as usize].push(link.from);
    }
    // A region whose parts were joined with others is not the sum of those that are left.
    let mut mixed = vec![false; old.len()];
    for several in origins.iter().filter(|from| from.len() > 1) {
        for from in several {
            mixed[*from as usize] = true;
        }
    }
    let single = (0..).zip(&origins).filter_map(|(from, origin)| match origin.as_slice() {
        [only] if !mixed[*only as usize] => Some(Link { from, to: *only, share: 1.0 }),
        _ => None,
    });
    let links: Vec<Link> = single.collect();
    let unfilled = unfilled(old, &links);
    Chain { links, lost: Vec::new(), unfilled }
}

fn unfilled(rows: &[RegionRow], links: &[Link]) -> Vec<RegionKey> {
    let mut filled = vec![false; rows.len()];
    for link in links {
        filled[link.to as usize] = true;
    }
    let empty = rows.iter().zip(filled).filter(|(row, filled)| !filled && row.counts());
    empty.map(|(row, _)| row.region.key.clone()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::Region;

    fn regions(keys: &[&str]) -> Vec<RegionRow> {
        let row = |key: &&str| RegionRow {
            region: Region {
                key: key.parse().unwrap(),
                name: (*key).to_owned(),
                short_name: None,
                inhabited: !key.starts_with('w'),
            },
            label: Some((11.0, 53.0)),
            label_minzoom: 0,
            label_rank: 0,
            parents: Vec::new(),
        };
        keys.iter().map(row).collect()
    }

    fn day(text: &str) -> NaiveDate {
        text.parse().unwrap()
    }

    fn table(rows: &[(&str, &str, &str, f64)]) -> Vec<Succession> {
        let one = |(date, old, new, share): &(&str, &str, &str, f64)| Succession {
            level: "gemeinde".parse().unwrap(),
            valid_on: day(date),
            old_key: old.parse().unwrap(),
            new_key: new.parse().unwrap(),
            share: *share,
        };
        rows.iter().map(one).collect()
    }

    fn shown(chain: &Chain, old: &[&str], new: &[&str]) -> Vec<String> {
        let link = |l: &Link| format!("{} {} {:.3}", old[l.from as usize], new[l.to as usize], l.share);
        chain.links.iter().map(link).collect()
    }

    #[test]
    fn several_successions_are_followed_in_the_order_of_their_dates() {
        let (old, new) = (["a", "b", "c", "w"], ["abc", "c2", "d"]);
        let steps = table(&[
            ("2018-01-01", "c", "c2", 0.4),
            ("2018-01-01", "ab", "abc", 1.0),
            ("2018-01-01", "c", "abc", 0.6),
            ("2016-01-01", "a", "ab", 1.0),
            ("2016-01-01", "b", "ab", 1.0),
            ("2020-01-01", "c2", "gone", 1.0),
        ]);
        let (old_rows, new_rows) = (regions(&old), regions(&new));
        let chain = forward((&old_rows, day("2014-12-31")), (&new_rows, day("2018-12-31")), &steps);
        assert_eq!(shown(&chain, &old, &new), ["a abc 1.000", "b abc 1.000", "c abc 0.600", "c c2 0.400"]);
        assert_eq!((chain.lost.len(), &*chain.unfilled), (0, &["d".parse().unwrap()][..]));
    }

    #[test]
    fn a_region_of_which_nothing_is_said_is_lost() {
        let (old, new) = (regions(&["a", "b"]), regions(&["a"]));
        let chain = forward((&old, day("2014-12-31")), (&new, day("2016-12-31")), &[]);
        assert_eq!(chain.lost, ["b".parse().unwrap()]);
    }

    #[test]
    fn a_split_can_be_undone_exactly_and_a_merger_cannot() {
        let (old, new) = (["a", "b", "c"], ["ab", "c1", "c2"]);
        let steps = table(&[
            ("2016-01-01", "a", "ab", 1.0),
            ("2016-01-01", "b", "ab", 1.0),
            ("2016-01-01", "c", "c1", 0.7),
            ("2016-01-01", "c", "c2", 0.3),
        ]);
        let (old_rows, new_rows) = (regions(&old), regions(&new));
        let there = forward((&old_rows, day("2014-12-31")), (&new_rows, day("2016-12-31")), &steps);
        let back = backward(&there, &old_rows, &new_rows);
        assert_eq!(shown(&back, &new, &old), ["c1 c 1.000", "c2 c 1.000"]);
        assert_eq!(back.unfilled, ["a".parse().unwrap(), "b".parse().unwrap()]);
    }
}
