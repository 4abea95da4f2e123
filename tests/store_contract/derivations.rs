//! Series made from others: how they are stored, and the way over three editions with a merger and a split.

use std::collections::BTreeMap;

use kommunalatlas::{
    access::Editor,
    domain::{
        ClassRule, Companions, Derivation, DerivationInput, DerivationMethod, Indicator, IndicatorKind,
        Level, Method, Slug, Status, Text,
    },
    ingest::{
        NoProgress, Report,
        derive::{Task, derive, outdated::outdated},
    },
    store::{ImportRecord, NewEdition, NewRegion, NewSeries, Store, StoreError, Succession},
};

use crate::{
    fixtures::*,
    places::{Place, noon, with_store},
};

const ATLAS: &str = "wendland";
/// Kreis to which every Gemeinde belongs.
const KREIS: &str = "K";
/// Gemeinden by edition: A and B become AB, C becomes C1 and C2.
const EDITIONS: [(&str, &[&str]); 3] =
    [("2014-12-31", &["A", "B", "C"]), ("2016-12-31", &["AB", "C"]), ("2018-12-31", &["AB", "C1", "C2"])];
/// Years and the edition for which each was delivered.
const YEARS: [(&str, usize); 6] =
    [("2013", 0), ("2014", 0), ("2015", 1), ("2016", 1), ("2017", 2), ("2018", 2)];

fn boundaries(level: &str, date: &str, keys: &[&str], parent: Option<&str>) -> NewEdition {
    let region = |(at, key): (usize, &&str)| {
        let mut new: NewRegion = edition(date).regions[0].clone();
        new.region.key = key.parse().unwrap();
        new.region.short_name = None;
        new.geometry = Some(square(11.0 + 0.1 * at as f64));
        new.parents = parent.map(|key| (slug("kreis"), key.parse().unwrap())).into_iter().collect();
        new
    };
    let regions = keys.iter().enumerate().map(region).collect();
    NewEdition { level: slug(level), regions, ..edition(date) }
}

fn counted(name: &str, kind: IndicatorKind) -> Indicator {
    let mut one = indicator(name);
    (one.kind, one.per, one.note) = (kind, 1000.0, None);
    one.denominator_rule = kommunalatlas::domain::DenominatorRule::SameDate;
    one.classification = ClassRule { method: Method::Quantile, classes: 3, ..ClassRule::default() };
    one
}

fn succession(date: &str, old: &str, new: &str, share: f64) -> Succession {
    Succession {
        level: slug("gemeinde"),
        valid_on: day(date),
        old_key: old.parse().unwrap(),
        new_key: new.parse().unwrap(),
        share,
    }
}

/// Births and children of a year that look like numbers of regions.
fn counts(year: &str, of: usize, factor: f64) -> Vec<f64> {
    let year: f64 = year.parse().unwrap();
    (0..EDITIONS[of].1.len()).map(|at| (factor * (37.0 + year - 2000.0 + 13.0 * at as f64)).floor()).collect()
}

fn delivered(name: &str, year: &str, of: usize, values: &[f64]) -> NewSeries {
    NewSeries { edition: day(EDITIONS[of].0), ..series(name, year, values) }
}

/// Three editions of Gemeinden in one Kreis, six years of births and children, and a rate that was delivered with its
/// counts.
async fn prepared(store: &Store) {
    filled(store).await;
    let atlas = slug(ATLAS);
    let mut rate = counted("geburtenrate", IndicatorKind::Rate);
    (rate.numerator, rate.denominator) = (Some(slug("geburten")), Some(slug("kinder")));
    let indicators = [
        counted("geburten", IndicatorKind::Count),
        counted("kinder", IndicatorKind::Count),
        rate,
        counted("gelieferte-rate", IndicatorKind::Rate),
    ];
    store.put_catalogue(&atlas, &[], &[], &indicators, &import("catalogue")).await.unwrap();
    store.insert_edition(&atlas, &boundaries("kreis", "2014-12-31", &[KREIS], None)).await.unwrap();
    for (date, keys) in EDITIONS {
        store.insert_edition(&atlas, &boundaries("gemeinde", date, keys, Some(KREIS))).await.unwrap();
    }
    let steps = [
        succession("2016-11-01", "A", "AB", 1.0),
        succession("2016-11-01", "B", "AB", 1.0),
        succession("2018-01-01", "C", "C1", 0.6),
        succession("2018-01-01", "C", "C2", 0.4),
    ];
    store.put_successions(&atlas, &steps, &import("successions")).await.unwrap();
    let mut list = Vec::new();
    for (year, of) in YEARS {
        let (births, children) = (counts(year, of, 3.0), counts(year, of, 71.0));
        let mut rate = delivered(
            "gelieferte-rate",
            year,
            of,
            &births.iter().zip(&children).map(|(b, c)| b * 1000.0 / c).collect::<Vec<_>>(),
        );
        rate.companions = Companions {
            numerators: Some(births.clone()),
            denominators: Some(children.clone()),
            ..Companions::default()
        };
        list.extend([
            delivered("geburten", year, of, &births),
            delivered("kinder", year, of, &children),
            rate,
        ]);
    }
    store.insert_series(&atlas, list, &import("values"), &[]).await.unwrap();
}

async fn run(store: &Store, task: Task) -> Report {
    let editor = Editor::local("anna");
    let report = derive(store, &editor, &slug(ATLAS), &task, false, noon(), &NoProgress).await.unwrap();
    assert!(!report.rejected(), "{report}");
    report
}

fn carried(to: Option<&str>) -> Task {
    Task::Editions { level: slug("gemeinde"), to: to.map(day), indicators: vec![] }
}

fn parents() -> Task {
    Task::Parents { level: slug("kreis"), from: slug("gemeinde"), indicators: vec![] }
}

fn rates(level: &str) -> Task {
    Task::Rates { level: slug(level), indicators: vec![] }
}

/// Values and statuses by key.
type Cells = BTreeMap<String, (Option<f64>, Status)>;

async fn cells(store: &Store, name: &str, year: &str, level: &str, date: &str) -> Cells {
    let catalogue = catalogue(store).await;
    let edition =
        catalogue.editions.iter().find(|e| e.level == slug(level) && e.valid_on == day(date)).unwrap();
    let row = catalogue
        .series
        .iter()
        .find(|s| s.indicator == slug(name) && s.period == period(year) && s.edition == edition.id);
    let row = row.unwrap_or_else(|| panic!("no {name} {year} on {level} {date}"));
    let column = store.column(row.id).await.unwrap();
    let regions = store.regions(edition.id).await.unwrap();
    let cell = |(at, row): (usize, &kommunalatlas::store::RegionRow)| {
        (row.region.key.to_string(), (column.value(at), column.status(at)))
    };
    regions.iter().enumerate().map(cell).collect()
}

fn total(cells: &Cells) -> f64 {
    cells.values().map(|(value, _)| value.unwrap()).sum()
}

fn close(a: f64, b: f64) -> bool {
    (a - b).abs() <= 1e-9 * a.abs().max(b.abs())
}

fn slugs(names: &[&str]) -> Vec<Slug> {
    names.iter().map(|name| slug(name)).collect()
}

contract! {
    async fn a_series_says_how_it_was_made_and_from_what(store: Store) {
        filled(&store).await;
        let atlas = slug(ATLAS);
        let mut new = series("quote", "2022", &[1.0; 3]);
        new.source = Some(slug("ba"));
        let plain = new.content_hash().unwrap();
        new.derivation = Some(Derivation {
            method: DerivationMethod::Parents { from: slug("gemeinde"), filled: Some(vec![1]) },
            inputs: vec![DerivationInput {
                indicator: slug("anteil"),
                level: slug("gemeinde"),
                edition: day("2015-12-31"),
                period: period("2022"),
                hash: "00ff".into(),
            }],
        });
        store.insert_series(&atlas, vec![new.clone()], &import("values"), &[]).await.unwrap();
        let row = catalogue(&store).await.series.remove(0);
        assert_eq!((&row.derivation, &row.source), (&new.derivation, &new.source));
        assert_eq!(row.content_hash, new.content_hash().unwrap());
        assert_ne!(row.content_hash, plain);
    }

    async fn a_composition_makes_an_edition_and_the_parents_of_its_parts_together(store: Store) {
        let parts = filled(&store).await;
        let atlas = slug(ATLAS);
        let (mut north, date) = (boundaries("sozialraum", "2015-12-31", &["N", "S"], None), "2015-12-31");
        let level = Level { slug: slug("sozialraum"), title: Text::german("Sozialräume"), position: 1, public_boundaries: false };
        north.new_level = Some(level);
        let key = |key: &str| Some(key.parse().unwrap());
        let before = store.content_hash().await.unwrap();
        let short = store.insert_composition(&atlas, &north, parts, &[key("N")]).await;
        assert!(matches!(short, Err(StoreError::Invalid(_))));
        assert!(matches!(store.insert_composition(&atlas, &north, 99, &[]).await, Err(StoreError::Unknown { .. })));
        assert_eq!(store.content_hash().await.unwrap(), before);

        let keys = [key("N"), key("S"), None];
        let id = store.insert_composition(&atlas, &north, parts, &keys).await.unwrap();
        let after = catalogue(&store).await;
        assert_eq!(after.levels.iter().map(|l| l.slug.as_str()).collect::<Vec<_>>(), ["kreis", "sozialraum", "gemeinde"]);
        let row = after.editions.iter().find(|e| e.id == parts).unwrap();
        assert_eq!(row.parents.iter().map(|(l, _)| l.as_str()).collect::<Vec<_>>(), ["kreis", "sozialraum", "verband"]);
        let of: Vec<_> = store.regions(parts).await.unwrap().into_iter().map(|r| r.parents).collect();
        assert!(of[0].contains(&(slug("sozialraum"), "N".parse().unwrap())));
        assert!(of[2].iter().all(|(level, _)| level.as_str() != "sozialraum") && of[2].len() == 2);

        assert_eq!(store.insert_composition(&atlas, &north, parts, &keys).await.unwrap(), id);
        assert_eq!(catalogue(&store).await.editions, after.editions);
        assert_eq!(catalogue(&store).await.levels, after.levels);
        assert_eq!(store.insert_edition(&atlas, &edition(date)).await.unwrap(), parts, "the same boundaries as before");
    }

    async fn an_undone_composition_leaves_no_parents_at_its_parts_and_takes_no_others(store: Store) {
        let parts = filled(&store).await;
        let atlas = slug(ATLAS);
        let mut north = boundaries("sozialraum", "2015-12-31", &["N", "S"], None);
        let title = Text::german("Sozialräume");
        north.new_level = Some(Level { slug: slug("sozialraum"), title, position: 1, public_boundaries: false });
        north.import.kind = "composition".into();
        let key = |key: &str| Some(key.parse().unwrap());
        let keys = [key("N"), key("S"), None];
        let (regions, parents) = (store.regions(parts).await.unwrap(), catalogue(&store).await.editions[0].parents.clone());
        store.insert_composition(&atlas, &north, parts, &keys).await.unwrap();
        assert_ne!(store.regions(parts).await.unwrap(), regions);
        let import = store.imports(&atlas).await.unwrap()[0].id;
        store.undo_import(&atlas, import).await.unwrap();
        assert_eq!(store.regions(parts).await.unwrap(), regions);
        let after = catalogue(&store).await.editions;
        assert_eq!((after.len(), &after[0].parents), (1, &parents));

        // The parents of ordinary boundaries came with their children, and stay.
        let kreis = boundaries("kreis", "2015-12-31", &["03354"], None);
        store.insert_edition(&atlas, &NewEdition { new_level: None, ..kreis }).await.unwrap();
        let import = store.imports(&atlas).await.unwrap()[0].id;
        store.undo_import(&atlas, import).await.unwrap();
        assert_eq!(store.regions(parts).await.unwrap(), regions);
    }

    async fn counts_add_up_to_the_same_kreis_in_every_year_over_a_merger_and_a_split(store: Store) {
        prepared(&store).await;
        run(&store, parents()).await;
        let report = run(&store, carried(None)).await;
        assert!(report.committed, "{report}");
        run(&store, carried(Some("2016-12-31"))).await;
        run(&store, carried(Some("2014-12-31"))).await;
        for name in ["geburten", "kinder"] {
            let factor = if name == "geburten" { 3.0 } else { 71.0 };
            for (year, of) in YEARS {
                let expected: f64 = counts(year, of, factor).iter().sum();
                let kreis = cells(&store, name, year, "kreis", "2014-12-31").await;
                assert_eq!(kreis[KREIS], (Some(expected), Status::Derived), "{name} {year}");
                for (date, _) in &EDITIONS[1..] {
                    let of_edition = cells(&store, name, year, "gemeinde", date).await;
                    assert!(close(total(&of_edition), expected), "{name} {year} on {date}: {of_edition:?}");
                }
            }
        }
        let births = counts("2013", 0, 3.0);
        let now = cells(&store, "geburten", "2013", "gemeinde", "2018-12-31").await;
        assert_eq!(now["AB"], (Some(births[0] + births[1]), Status::Derived));
        assert_eq!(now["C1"], (Some(0.6 * births[2]), Status::Estimated));
        assert_eq!(now["C2"], (Some(0.4 * births[2]), Status::Estimated));
        let middle = cells(&store, "geburten", "2013", "gemeinde", "2016-12-31").await;
        assert_eq!(middle["C"], (Some(births[2]), Status::Valid), "nothing happened to it until then");
        let back = counts("2018", 2, 3.0);
        let middle = cells(&store, "geburten", "2018", "gemeinde", "2016-12-31").await;
        assert_eq!(middle["C"], (Some(back[1] + back[2]), Status::Derived));
        let first = cells(&store, "geburten", "2018", "gemeinde", "2014-12-31").await;
        assert_eq!(first["A"], (None, Status::Missing), "a merger cannot be undone");
    }

    async fn rates_equal_those_from_summed_numerators_and_denominators(store: Store) {
        prepared(&store).await;
        run(&store, carried(None)).await;
        run(&store, parents()).await;
        run(&store, rates("gemeinde")).await;
        run(&store, rates("kreis")).await;
        let newest = EDITIONS[2].0;
        for (year, of) in YEARS {
            let births = cells(&store, "geburten", year, "gemeinde", newest).await;
            let children = cells(&store, "kinder", year, "gemeinde", newest).await;
            for name in ["geburtenrate", "gelieferte-rate"] {
                let rate = cells(&store, name, year, "gemeinde", newest).await;
                for (key, (value, status)) in &rate {
                    let expected = births[key].0.unwrap() * 1000.0 / children[key].0.unwrap();
                    assert!(close(value.unwrap(), expected), "{name} {year} {key}");
                    assert_eq!(*status, births[key].1, "{name} {year} {key}");
                }
                let (value, _) = cells(&store, name, year, "kreis", "2014-12-31").await[KREIS];
                let sum = |factor| counts(year, of, factor).iter().sum::<f64>();
                assert!(close(value.unwrap(), sum(3.0) * 1000.0 / sum(71.0)), "{name} {year}");
            }
        }
    }

    async fn deriving_again_stores_nothing_and_what_changed_is_made_anew(store: Store) {
        prepared(&store).await;
        let (atlas, pooled) = (slug(ATLAS), || Task::Pooled {
            level: slug("gemeinde"),
            indicators: slugs(&["gelieferte-rate"]),
            years: 5,
            to: None,
        });
        let sums = || Task::Parents {
            level: slug("kreis"),
            from: slug("gemeinde"),
            indicators: slugs(&["geburten", "kinder"]),
        };
        for task in [carried(None), sums(), rates("gemeinde"), rates("kreis"), pooled()] {
            assert!(run(&store, task).await.committed);
        }
        let (before, imports) = (store.content_hash().await.unwrap(), store.imports(&atlas).await.unwrap().len());
        for task in [carried(None), sums(), rates("gemeinde"), rates("kreis"), pooled()] {
            let report = run(&store, task).await;
            assert!(!report.committed && report.facts["series_unchanged"].as_u64() > Some(0), "{report}");
        }
        assert_eq!((store.content_hash().await.unwrap(), store.imports(&atlas).await.unwrap().len()), (before, imports));
        assert!(outdated(&catalogue(&store).await).is_empty());

        let corrected = vec![delivered("geburten", "2013", 0, &[1.0, 2.0, 10.0])];
        store.insert_series(&atlas, corrected, &import("values"), &[]).await.unwrap();
        let old: Vec<String> =
            outdated(&catalogue(&store).await).iter().map(|o| format!("{} {}", o.indicator, o.command)).collect();
        assert_eq!(old, [
            "geburten derive editions --atlas wendland --level gemeinde --to 2018-12-31",
            "geburten derive parents --atlas wendland --level kreis --from gemeinde",
            "geburtenrate derive rates --atlas wendland --level gemeinde",
            "geburtenrate derive rates --atlas wendland --level kreis",
        ]);
        for task in [carried(None), sums(), rates("gemeinde"), rates("kreis")] {
            assert!(run(&store, task).await.committed);
        }
        assert!(outdated(&catalogue(&store).await).is_empty());
        assert_eq!(cells(&store, "geburten", "2013", "kreis", "2014-12-31").await[KREIS].0, Some(13.0));
    }

    async fn a_delivered_series_stays_and_only_its_gaps_are_filled(store: Store) {
        prepared(&store).await;
        let atlas = slug(ATLAS);
        let own = vec![
            delivered("geburten", "2013", 2, &[7.0, 8.0, 9.0]),
            NewSeries { level: slug("kreis"), edition: day("2014-12-31"), note: Some(Text::german("Amtlich.")), ..series("geburten", "2013", &[1000.0]) },
            NewSeries { level: slug("kreis"), edition: day("2014-12-31"), note: Some(Text::german("Amtlich.")), ..series("geburten", "2014", &[f64::NAN]) },
        ];
        store.insert_series(&atlas, own, &import("values"), &[]).await.unwrap();
        run(&store, carried(None)).await;
        run(&store, parents()).await;
        assert!(close(total(&cells(&store, "geburten", "2013", "gemeinde", "2018-12-31").await), 24.0));
        assert_eq!(cells(&store, "geburten", "2013", "kreis", "2014-12-31").await[KREIS], (Some(1000.0), Status::Valid));
        let filled = cells(&store, "geburten", "2014", "kreis", "2014-12-31").await[KREIS];
        assert_eq!(filled, (Some(counts("2014", 0, 3.0).iter().sum()), Status::Derived));
        let rows = catalogue(&store).await.series;
        let row = rows.iter().find(|r| matches!(&r.derivation, Some(d) if d.method == DerivationMethod::Parents { from: slug("gemeinde"), filled: Some(vec![0]) }));
        let note = row.unwrap().note.clone().unwrap();
        assert_eq!(note.de, "Amtlich. Fehlende Werte ergänzt: Summe vollständiger Werte der Ebene gemeinde.");
        assert!(!run(&store, parents()).await.committed, "filled once");
    }

    async fn without_a_succession_nothing_is_carried_and_that_is_said(store: Store) {
        prepared(&store).await;
        let atlas = slug(ATLAS);
        store.insert_edition(&atlas, &boundaries("gemeinde", "2020-12-31", &["AB", "C1", "D"], None)).await.unwrap();
        let report = run(&store, carried(None)).await;
        assert!(!report.committed, "{report}");
        assert!(report.problems.iter().any(|p| p.message.contains("no succession says what became") && p.message.contains("C2, D")), "{report}");
    }

    async fn an_import_of_derived_series_can_be_undone(store: Store) {
        prepared(&store).await;
        let before = store.content_hash().await.unwrap();
        run(&store, carried(None)).await;
        let last: ImportRecord = store.imports(&slug(ATLAS)).await.unwrap()[0].record.clone();
        assert_eq!((last.kind.as_str(), last.file_name.as_str()), ("values", "derive editions --level gemeinde"));
        let id = store.imports(&slug(ATLAS)).await.unwrap()[0].id;
        store.undo_import(&slug(ATLAS), id).await.unwrap();
        assert_eq!(store.content_hash().await.unwrap(), before);
    }
}
