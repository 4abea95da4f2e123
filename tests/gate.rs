//! The gate of disclosure control on a small atlas: what it closes, and that no sequence of releases gives a secret away.
#![expect(clippy::unwrap_used, reason = "helpers of tests fail like tests")]

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Duration, NaiveDate, Utc};
use kommunalatlas::{
    access::Publisher,
    domain::{
        Audience, ClassRule, Column, Companions, Indicator, Level, Method, Policies, Policy, Provenance,
        Region, Slug, Status, Text, Theme,
    },
    release::{
        self, ReleaseError, ReleaseRequest,
        gate::{self, Rechecked},
        propose::{Way, propose},
    },
    store::{
        AtlasSettings, Bounds, ImportRecord, NewAtlas, NewEdition, NewRegion, NewSeries, OpenMode, Store,
        Succession,
    },
};

const KREIS: &str = "k";

fn slug(text: &str) -> Slug {
    text.parse().unwrap()
}

fn noon() -> DateTime<Utc> {
    "2026-11-22T12:00:00Z".parse().unwrap()
}

fn record(kind: &str) -> ImportRecord {
    ImportRecord {
        kind: kind.into(),
        file_name: "test".into(),
        file_hash: "00".into(),
        at: noon(),
        by: "anna".into(),
        report: serde_json::json!({}),
    }
}

fn edition(level: &str, date: &str, keys: &[&str]) -> NewEdition {
    let region = |(number, key): (usize, &&str)| NewRegion {
        region: Region {
            key: key.parse().unwrap(),
            name: (*key).to_owned(),
            short_name: None,
            inhabited: true,
        },
        geometry: None,
        label: Some((11.0 + number as f64 / 10.0, 53.0)),
        label_minzoom: 0,
        label_rank: 0,
        parents: if level == "gemeinde" { vec![(slug("kreis"), KREIS.parse().unwrap())] } else { vec![] },
    };
    NewEdition {
        level: slug(level),
        new_level: None,
        valid_on: date.parse().unwrap(),
        attribution: "© Test".into(),
        regions: keys.iter().enumerate().map(region).collect(),
        bounds: Bounds { west: 11.0, south: 53.0, east: 12.0, north: 54.0 },
        minzoom: 4,
        topology: vec![1],
        zooms: vec![(0, vec![0])],
        import: record("boundaries"),
    }
}

fn indicator(name: &str, kind: &str, more: &serde_json::Value) -> Indicator {
    let text = "Erfunden";
    let mut all = serde_json::json!({
        "slug": name, "title": name, "theme": "t", "kind": kind, "unit": "x", "decimals": 1,
        "sheet": {
            "definition": text, "calculation": text, "numerator": text, "denominator": text, "source": text,
            "reference_date": text, "contact": text, "licence": text,
        },
    });
    for (field, value) in more.as_object().unwrap() {
        all[field] = value.clone();
    }
    let rule = ClassRule { method: Method::Quantile, classes: 2, ..ClassRule::default() };
    Indicator { classification: rule, ..serde_json::from_value(all).unwrap() }
}

struct World {
    store: Store,
    acts: i64,
    _folder: tempfile::TempDir,
}

impl World {
    async fn new(gemeinden: &[&str], indicators: &[Indicator]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("a.gpkg");
        let store = Store::open(file.to_str().unwrap(), OpenMode::Create, noon()).await.unwrap();
        let atlas = slug("a");
        let new = NewAtlas {
            slug: atlas.clone(),
            title: Text::german("A"),
            required_indicators: 1,
            attribution: String::new(),
        };
        store.create_atlas(&new).await.unwrap();
        let level = |name: &str, position| Level {
            slug: slug(name),
            title: Text::german(name),
            position,
            public_boundaries: true,
        };
        store.put_levels(&atlas, &[level("kreis", 0), level("gemeinde", 1)]).await.unwrap();
        store.insert_edition(&atlas, &edition("kreis", "2015-12-31", &[KREIS])).await.unwrap();
        store.insert_edition(&atlas, &edition("gemeinde", "2015-12-31", gemeinden)).await.unwrap();
        let theme = Theme { slug: slug("t"), title: Text::german("T") };
        store.put_catalogue(&atlas, &[theme], &[], indicators, &record("catalogue")).await.unwrap();
        Self { store, acts: 0, _folder: folder }
    }

    async fn put(
        &self,
        (name, level, date, period): (&str, &str, &str, &str),
        values: &[f64],
        beside: Companions,
    ) {
        self.put_from((name, level, date, period), values, beside, Provenance::Exact).await;
    }

    async fn put_from(
        &self,
        (name, level, date, period): (&str, &str, &str, &str),
        values: &[f64],
        companions: Companions,
        provenance: Provenance,
    ) {
        let mut column = Column::missing(values.len());
        for (at, value) in values.iter().enumerate() {
            column.set(at, Some(*value), Status::Valid);
        }
        let series = NewSeries {
            indicator: slug(name),
            level: slug(level),
            edition: date.parse::<NaiveDate>().unwrap(),
            period: period.parse().unwrap(),
            column,
            companions,
            provenance,
            source: None,
            note: None,
            value_notes: vec![],
            break_before: false,
            derivation: None,
        };
        self.store.insert_series(&slug("a"), vec![series], &record("values"), &[]).await.unwrap();
    }

    /// A share per Gemeinde of (numerator, denominator).
    async fn share(&self, name: &str, period: &str, parts: &[(f64, f64)]) {
        let values: Vec<f64> = parts.iter().map(|(a, b)| 100.0 * a / b).collect();
        let beside = Companions {
            numerators: Some(parts.iter().map(|p| p.0).collect()),
            denominators: Some(parts.iter().map(|p| p.1).collect()),
            ..Companions::default()
        };
        self.put((name, "gemeinde", "2015-12-31", period), &values, beside).await;
    }

    async fn release(
        &mut self,
        names: &[&str],
        levels: &[&str],
        periods: &[&str],
    ) -> Result<(), ReleaseError> {
        let request = ReleaseRequest {
            indicators: names.iter().map(|n| slug(n)).collect(),
            levels: levels.iter().map(|l| slug(l)).collect(),
            periods: periods.iter().map(|p| p.parse().unwrap()).collect(),
            audience: Audience::Public,
        };
        self.acts += 1;
        let now = noon() + Duration::hours(self.acts);
        release::release(&self.store, &Publisher::local("paula"), &slug("a"), &request, None, now)
            .await
            .map(|_| ())
    }

    /// What is public now of an indicator on a level for a period, on its newest edition there; `None` where it is closed.
    async fn shown(&self, name: &str, level: &str, period: &str) -> Vec<Option<f64>> {
        let catalogue = self.store.catalogue(&slug("a")).await.unwrap();
        let release =
            catalogue.releases.iter().find(|r| r.indicator == slug(name) && r.level == slug(level)).unwrap();
        let columns = release.columns.iter().filter(|c| c.period.to_string() == period);
        let column = self.store.release_column(columns.max_by_key(|c| c.edition).unwrap().id).await.unwrap();
        (0..column.len()).map(|at| column.value(at)).collect()
    }

    async fn recheck(&self) -> Rechecked {
        let catalogue = self.store.catalogue(&slug("a")).await.unwrap();
        gate::recheck(&self.store, &catalogue, Audience::Public, None).await.unwrap()
    }

    async fn is_safe(&self) -> bool {
        let found = self.recheck().await;
        println!("{found:?}");
        found.safe
    }

    /// Sets the policy for the public.
    async fn demand(&self, public: Policy) {
        let atlas = self.store.catalogue(&slug("a")).await.unwrap().atlas;
        let settings = AtlasSettings {
            policies: Policies { public, ..atlas.policies },
            four_eyes: atlas.four_eyes,
            indicators_due_on: atlas.indicators_due_on,
        };
        self.store.put_settings(&slug("a"), &settings).await.unwrap();
    }
}

fn count() -> Indicator {
    indicator("kinder", "count", &serde_json::json!({"decimals": 0}))
}

/// A count that an attacker does not know: region, year, and the value it has, because a correction makes it another one.
type Unknown = (String, i32, i64);

/// What was ever public: sums of unknowns, with what else is known of each.
#[derive(Default)]
struct Public {
    sums: BTreeSet<(Vec<Unknown>, i64)>,
    /// Sums that were withheld at some time.
    withheld: BTreeSet<Vec<Unknown>>,
    all: BTreeSet<Unknown>,
}

impl Public {
    fn learn(&mut self, mut parts: Vec<Unknown>, shown: Option<f64>) {
        parts.sort();
        self.all.extend(parts.iter().cloned());
        match shown {
            Some(value) => _ = self.sums.insert((parts, value as i64)),
            None => _ = self.withheld.insert(parts),
        }
    }

    /// What each attacker knows to be 1 or more. A0 nothing; A1, where zeros are public, whatever is withheld; A2 besides one
    /// sum that was withheld or one count, in which they are counted themselves.
    fn attackers(&self, zeros_public: bool) -> Vec<Vec<Vec<Unknown>>> {
        let is_there = |parts: &&Vec<Unknown>| parts.iter().any(|(_, _, value)| *value > 0);
        let withheld: Vec<Vec<Unknown>> = self.withheld.iter().filter(is_there).cloned().collect();
        let single = self.all.iter().map(|unknown| vec![unknown.clone()]);
        let own: BTreeSet<Vec<Unknown>> = withheld.iter().cloned().chain(single).collect();
        let a1 = if zeros_public { withheld } else { Vec::new() };
        let a2 = own.into_iter().filter(|own| is_there(&own) && !a1.contains(own));
        let a2 = a2.map(|own| a1.iter().cloned().chain([own]).collect());
        [Vec::new(), a1.clone()].into_iter().chain(a2).collect()
    }

    /// The smallest and the largest number that an unknown can be, by trying all, for somebody who knows that some sums are 1
    /// or more.
    fn interval(&self, of: &Unknown, present: &[Vec<Unknown>]) -> (i64, i64) {
        let unknowns: Vec<&Unknown> = self.all.iter().collect();
        let place: BTreeMap<&Unknown, usize> = unknowns.iter().enumerate().map(|(at, u)| (*u, at)).collect();
        let sums: Vec<(Vec<usize>, i64)> = self
            .sums
            .iter()
            .map(|(parts, total)| (parts.iter().map(|u| place[u]).collect(), *total))
            .collect();
        let present: Vec<Vec<usize>> =
            present.iter().map(|parts| parts.iter().map(|u| place[u]).collect()).collect();
        // Only what is tied to the unknown matters, and the closest first.
        let mut order = vec![place[of]];
        let mut next = 0;
        while next < order.len() {
            let current = order[next];
            let tied = sums.iter().map(|(parts, _)| parts).chain(&present);
            for parts in tied.filter(|parts| parts.contains(&current)) {
                for part in parts {
                    if !order.contains(part) {
                        order.push(*part);
                    }
                }
            }
            next += 1;
        }
        let single =
            |at: usize| sums.iter().find(|(parts, _)| parts.as_slice() == [at]).map(|(_, total)| *total);
        order.sort_by_key(|at| (single(*at).is_none(), *at != place[of]));
        let possible: Vec<i64> =
            (0..=12).filter(|value| fits((&sums, &present), &order, place[of], *value)).collect();
        (*possible.first().unwrap(), *possible.last().unwrap())
    }
}

/// Sums that are known, and sums that are known to be 1 or more.
type Known<'a> = (&'a [(Vec<usize>, i64)], &'a [Vec<usize>]);

/// Whether there are counts from 0 on with these sums, in which one of them has this value.
fn fits(known: Known<'_>, order: &[usize], target: usize, value: i64) -> bool {
    fn go(
        (sums, present): Known<'_>,
        order: &[usize],
        at: usize,
        chosen: &mut BTreeMap<usize, i64>,
        fixed: (usize, i64),
    ) -> bool {
        let Some(unknown) = order.get(at) else { return true };
        let mut most = 12;
        let mut exactly = None;
        for (parts, total) in sums.iter().filter(|(parts, _)| parts.contains(unknown)) {
            let rest = total - parts.iter().filter_map(|part| chosen.get(part)).sum::<i64>();
            most = most.min(rest);
            if parts.iter().all(|part| part == unknown || chosen.contains_key(part)) {
                if exactly.is_some_and(|value| value != rest) {
                    return false;
                }
                exactly = Some(rest);
            }
        }
        let fixed_here = (fixed.0 == *unknown).then_some(fixed.1);
        for value in 0..=most {
            let fitting = exactly.is_none_or(|e| e == value) && fixed_here.is_none_or(|f| f == value);
            if !fitting {
                continue;
            }
            chosen.insert(*unknown, value);
            let is_empty = |parts: &&Vec<usize>| parts.iter().all(|part| chosen.get(part) == Some(&0));
            let is_absent = present.iter().any(|parts| parts.contains(unknown) && is_empty(&parts));
            if !is_absent && go((sums, present), order, at + 1, chosen, fixed) {
                return true;
            }
            chosen.remove(unknown);
        }
        false
    }
    go(known, order, 0, &mut BTreeMap::new(), (target, value))
}

/// Counts by Gemeinde and year.
type Truth = BTreeMap<(&'static str, i32), i64>;

fn truth() -> Truth {
    let rows = [("a", [1, 4, 2]), ("b", [5, 6, 7]), ("c", [9, 8, 3]), ("d", [2, 2, 2]), ("e", [12, 0, 11])];
    let cells = rows
        .into_iter()
        .flat_map(|(key, counts)| (2020..).zip(counts).map(move |(year, count)| ((key, year), count)));
    cells.collect()
}

const OLD: [&str; 5] = ["a", "b", "c", "d", "e"];

fn total(truth: &Truth, keys: &[&'static str], years: std::ops::RangeInclusive<i32>) -> f64 {
    years.flat_map(|year| keys.iter().map(move |key| truth[&(*key, year)])).sum::<i64>() as f64
}

async fn store_counts(world: &World, truth: &Truth, period: &str, years: std::ops::RangeInclusive<i32>) {
    let values: Vec<f64> = OLD.iter().map(|key| total(truth, &[*key], years.clone())).collect();
    world.put(("kinder", "gemeinde", "2015-12-31", period), &values, Companions::default()).await;
    let all = [total(truth, &OLD, years)];
    world.put(("kinder", "kreis", "2015-12-31", period), &all, Companions::default()).await;
}

async fn read_public(
    world: &World,
    public: &mut Public,
    truth: &Truth,
    period: &str,
    years: std::ops::RangeInclusive<i32>,
) {
    let unknowns = |keys: &[&'static str]| -> Vec<Unknown> {
        let cell = |key: &&'static str, year| ((*key).to_owned(), year, truth[&(*key, year)]);
        years.clone().flat_map(|year| keys.iter().map(move |key| cell(key, year))).collect()
    };
    for (key, shown) in OLD.iter().zip(world.shown("kinder", "gemeinde", period).await) {
        public.learn(unknowns(&[*key]), shown);
    }
    public.learn(unknowns(&OLD), world.shown("kinder", "kreis", period).await[0]);
}

fn nothing_can_be_computed(public: &Public, zeros_public: bool, act: &str) {
    for unknown in public.all.iter().filter(|(_, _, value)| (1..3).contains(value)) {
        for present in public.attackers(zeros_public) {
            let (least, most) = public.interval(unknown, &present);
            assert!(
                most >= 3 && most - least >= 3,
                "{act}: {unknown:?} is in {least} … {most} for who knows {present:?}"
            );
        }
    }
}

#[tokio::test]
async fn no_count_can_be_computed_from_everything_that_was_ever_public() {
    sequence(true).await;
}

#[tokio::test]
async fn no_count_can_be_computed_where_zeros_are_withheld_either() {
    sequence(false).await;
}

/// Release, correction, second release with overlapping pools, new edition.
async fn sequence(zeros_public: bool) {
    let mut world = World::new(&OLD, &[count()]).await;
    world.demand(Policy { zeros_public, ..Policy::default() }).await;
    let (mut truth, mut public) = (truth(), Public::default());
    let levels = ["kreis", "gemeinde"];
    store_counts(&world, &truth, "2020", 2020..=2020).await;
    store_counts(&world, &truth, "2021", 2021..=2021).await;
    world.release(&["kinder"], &levels, &["2020", "2021"]).await.unwrap();
    read_public(&world, &mut public, &truth, "2020", 2020..=2020).await;
    read_public(&world, &mut public, &truth, "2021", 2021..=2021).await;
    nothing_can_be_computed(&public, zeros_public, "first release");

    truth.insert(("c", 2020), 10);
    store_counts(&world, &truth, "2020", 2020..=2020).await;
    world.release(&["kinder"], &levels, &["2020", "2021"]).await.unwrap();
    read_public(&world, &mut public, &truth, "2020", 2020..=2020).await;
    nothing_can_be_computed(&public, zeros_public, "correction");

    store_counts(&world, &truth, "2022", 2022..=2022).await;
    store_counts(&world, &truth, "2020..2022", 2020..=2022).await;
    store_counts(&world, &truth, "2021..2022", 2021..=2022).await;
    world.release(&["kinder"], &levels, &[]).await.unwrap();
    for (period, years) in [("2022", 2022..=2022), ("2020..2022", 2020..=2022), ("2021..2022", 2021..=2022)] {
        read_public(&world, &mut public, &truth, period, years).await;
    }
    nothing_can_be_computed(&public, zeros_public, "overlapping pools");

    let new = ["ab", "c", "d", "e"];
    world.store.insert_edition(&slug("a"), &edition("gemeinde", "2022-12-31", &new)).await.unwrap();
    let merged = |old: &str| Succession {
        level: slug("gemeinde"),
        valid_on: "2022-11-01".parse().unwrap(),
        old_key: old.parse().unwrap(),
        new_key: "ab".parse().unwrap(),
        share: 1.0,
    };
    world
        .store
        .put_successions(&slug("a"), &[merged("a"), merged("b")], &record("successions"))
        .await
        .unwrap();
    let parts: [&[&'static str]; 4] = [&["a", "b"], &["c"], &["d"], &["e"]];
    let values: Vec<f64> = parts.iter().map(|keys| total(&truth, keys, 2022..=2022)).collect();
    world.put(("kinder", "gemeinde", "2022-12-31", "2022"), &values, Companions::default()).await;
    world.release(&["kinder"], &["gemeinde"], &["2022"]).await.unwrap();
    for (keys, shown) in parts.iter().zip(world.shown("kinder", "gemeinde", "2022").await) {
        public.learn(keys.iter().map(|key| ((*key).to_owned(), 2022, truth[&(*key, 2022)])).collect(), shown);
    }
    nothing_can_be_computed(&public, zeros_public, "new edition");
    assert!(world.is_safe().await);
}

#[tokio::test]
async fn a_share_is_closed_with_its_count_and_its_complement() {
    let share = indicator("quote", "share", &serde_json::json!({"numerator": "kinder"}));
    let mut world = World::new(&["a", "b", "c"], &[count(), share]).await;
    world.share("quote", "2020", &[(39.0, 40.0), (20.0, 50.0), (9.0, 20.0)]).await;
    world.put(("kinder", "gemeinde", "2015-12-31", "2020"), &[39.0, 20.0, 9.0], Companions::default()).await;
    world.release(&["kinder", "quote"], &["gemeinde"], &[]).await.unwrap();
    assert_eq!(world.shown("quote", "gemeinde", "2020").await, [None, Some(40.0), None]);
    assert_eq!(world.shown("kinder", "gemeinde", "2020").await, [None, Some(20.0), None]);
    let catalogue = world.store.catalogue(&slug("a")).await.unwrap();
    assert!(catalogue.releases.iter().all(|release| release.certified));
    assert!(world.is_safe().await);
}

#[tokio::test]
async fn a_category_is_closed_where_the_other_one_could_be_computed() {
    let part =
        |name: &str| indicator(name, "count", &serde_json::json!({"decimals": 0, "part_of": "kinder"}));
    let mut world = World::new(&["a", "b"], &[count(), part("jungen"), part("maedchen")]).await;
    for (name, values) in [("kinder", [20.0, 30.0]), ("jungen", [19.0, 14.0]), ("maedchen", [1.0, 16.0])] {
        world.put((name, "gemeinde", "2015-12-31", "2020"), &values, Companions::default()).await;
    }
    world.release(&["kinder"], &["gemeinde"], &[]).await.unwrap();
    world.release(&["jungen"], &["gemeinde"], &[]).await.unwrap();
    assert_eq!(world.shown("kinder", "gemeinde", "2020").await, [Some(20.0), Some(30.0)]);
    assert_eq!(world.shown("jungen", "gemeinde", "2020").await, [None, Some(14.0)]);
}

#[tokio::test]
async fn numbers_without_counts_beside_them_are_refused_and_those_of_no_persons_are_not() {
    let share =
        |name: &str, sensitive: bool| indicator(name, "share", &serde_json::json!({"sensitive": sensitive}));
    let mut world =
        World::new(&["a", "b"], &[share("quote", true), share("wald", false), share("probe", true)]).await;
    for name in ["quote", "wald"] {
        world.put((name, "gemeinde", "2015-12-31", "2020"), &[1.0, 2.0], Companions::default()).await;
    }
    let place = ("probe", "gemeinde", "2015-12-31", "2020");
    world.put_from(place, &[1.0, 2.0], Companions::default(), Provenance::Survey).await;
    let refused = world.release(&["quote"], &["gemeinde"], &[]).await.unwrap_err().to_string();
    assert!(refused.contains("numerator and denominator"), "{refused}");
    world.release(&["wald", "probe"], &["gemeinde"], &[]).await.unwrap();
    assert_eq!(world.shown("wald", "gemeinde", "2020").await, [Some(1.0), Some(2.0)]);
    assert_eq!(world.shown("probe", "gemeinde", "2020").await, [Some(1.0), Some(2.0)]);
}

#[tokio::test]
async fn counts_are_rounded_where_the_policy_wants_it() {
    let mut world = World::new(&["a", "b"], &[count()]).await;
    world.demand(Policy { rounding_base: Some(5), ..Policy::default() }).await;
    world.put(("kinder", "gemeinde", "2015-12-31", "2020"), &[12.0, 18.0], Companions::default()).await;
    world.release(&["kinder"], &["gemeinde"], &[]).await.unwrap();
    assert_eq!(world.shown("kinder", "gemeinde", "2020").await, [Some(10.0), Some(20.0)]);
}

#[tokio::test]
async fn years_taken_together_are_proposed_where_single_years_are_too_small() {
    let share = indicator("quote", "share", &serde_json::json!({}));
    let world = World::new(&["a", "b", "c"], &[share]).await;
    for year in ["2020", "2021", "2022"] {
        world.share("quote", year, &[(5.0, 15.0), (4.0, 12.0), (20.0, 50.0)]).await;
    }
    let catalogue = world.store.catalogue(&slug("a")).await.unwrap();
    let found =
        propose(&world.store, &catalogue, Audience::Public, &slug("quote"), &slug("gemeinde")).await.unwrap();
    assert!(matches!(&found[0].way, Way::Pool { years: 3, .. }), "{found:?}");
    assert_eq!((found[0].open, found.last().unwrap().open), (3, 1));
}

#[tokio::test]
async fn a_check_demands_what_was_demanded_at_the_release() {
    let mut world = World::new(&["a", "b", "c"], &[count()]).await;
    world.demand(Policy { threshold: 5, ..Policy::default() }).await;
    world.put(("kinder", "gemeinde", "2015-12-31", "2020"), &[4.0, 9.0, 30.0], Companions::default()).await;
    world.release(&["kinder"], &["gemeinde"], &[]).await.unwrap();
    world.demand(Policy::default()).await;
    let found = world.recheck().await;
    assert_eq!((found.safe, found.policy.threshold, found.primary), (true, 5, 1));
}

#[tokio::test]
async fn a_denominator_that_bounds_its_numerator_by_itself_stops_no_release_and_no_check() {
    let share = indicator("quote", "share", &serde_json::json!({}));
    let mut world = World::new(&["a", "b"], &[share]).await;
    // One of three: nothing could protect that, so that the complement is left out and the share stays closed.
    world.share("quote", "2020", &[(1.0, 3.0), (20.0, 50.0)]).await;
    world.release(&["quote"], &["gemeinde"], &[]).await.unwrap();
    assert_eq!(world.shown("quote", "gemeinde", "2020").await, [None, Some(40.0)]);
    assert!(world.is_safe().await);
}

#[tokio::test]
async fn age_groups_taken_together_are_proposed_if_they_are_parts_of_one_division() {
    let part =
        |name: &str| indicator(name, "count", &serde_json::json!({"decimals": 0, "part_of": "kinder"}));
    let names = ["u3", "u6", "u10", "jungen"];
    let mut indicators = vec![count()];
    indicators.extend(names.map(part));
    let world = World::new(&["a", "b", "c", "d"], &indicators).await;
    let columns = [[1.0, 2.0, 9.0, 5.0], [4.0, 5.0, 8.0, 7.0], [6.0, 9.0, 7.0, 5.0], [3.0, 9.0, 8.0, 4.0]];
    for (name, values) in names.iter().zip(&columns) {
        world.put((name, "gemeinde", "2015-12-31", "2020"), values, Companions::default()).await;
    }
    let all: Vec<f64> = (0..4).map(|at| columns[..3].iter().map(|c| c[at]).sum()).collect();
    world.put(("kinder", "gemeinde", "2015-12-31", "2020"), &all, Companions::default()).await;
    let catalogue = world.store.catalogue(&slug("a")).await.unwrap();
    let found =
        propose(&world.store, &catalogue, Audience::Public, &slug("u3"), &slug("gemeinde")).await.unwrap();
    let open = |name: &str| {
        let merged = found.iter().find(|p| matches!(&p.way, Way::Merged { with, .. } if *with == slug(name)));
        merged.map(|p| p.open)
    };
    assert_eq!((open("u6"), open("u10"), open("jungen")), (Some(4), Some(4), None), "{found:?}");
    let alone = found.iter().find(|p| matches!(p.way, Way::Alone { .. })).unwrap();
    assert!(alone.open < 4, "{found:?}");
}
