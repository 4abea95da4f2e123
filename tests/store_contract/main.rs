//! The contract of the store: every method, with the same test bodies, on a GeoPackage and on PostGIS.

#![cfg(test)]

mod fixtures;
mod opening;
mod places;

use std::{future::poll_fn, pin::pin, task::Poll};

use fixtures::*;
use kommunalatlas::{
    domain::{Audience, Companions, Level, Provenance, Status, Text},
    store::{NewAtlas, OpenMode, Store, StoreError, Succession},
};
use places::{Place, in_ci, noon, with_store};

/// Writes each test twice: module `sqlite` and module `postgres`.
macro_rules! contract {
    ($(async fn $name:ident($store:ident: Store) $body:block)*) => {
        $(async fn $name($store: Store) $body)*
        mod sqlite {
            use super::*;
            $(#[tokio::test]
            async fn $name() {
                with_store(Some(Place::file()), super::$name).await;
            })*
        }
        mod postgres {
            use super::*;
            $(#[tokio::test]
            async fn $name() {
                with_store(Place::server().await, super::$name).await;
            })*
        }
    };
}

mod bundles;
mod deliveries;
mod derivations;
mod drafts;
mod facilities;
mod geometries;
mod gis;
mod history;
mod leaving;
mod moving;
mod past_releases;
mod profiles;
mod public;
mod zone;

contract! {
    async fn a_new_store_is_empty(store: Store) {
        assert!(store.atlases().await.unwrap().is_empty());
        assert!(store.catalogues().await.unwrap().is_empty());
        assert!(!store.is_superuser().await.unwrap());
    }

    async fn an_atlas_is_made_closed_and_can_be_opened(store: Store) {
        filled(&store).await;
        let row = store.atlases().await.unwrap().remove(0);
        assert_eq!((row.title, row.open, row.required_indicators), (Text::both("Wendland", "The Wendland"), false, 10));
        store.set_open(&slug("wendland"), true).await.unwrap();
        assert!(catalogue(&store).await.atlas.open);
        assert!(matches!(store.set_open(&slug("nirgends"), true).await, Err(StoreError::Unknown { .. })));
    }

    async fn a_second_atlas_of_the_same_slug_and_reserved_slugs_are_refused(store: Store) {
        let named = |name: &str| NewAtlas {
            slug: slug(name),
            title: Text::german("x"),
            required_indicators: 1,
            attribution: String::new(),
        };
        store.create_atlas(&named("a")).await.unwrap();
        assert!(matches!(store.create_atlas(&named("a")).await, Err(StoreError::Exists { .. })));
        assert!(matches!(store.create_atlas(&named("api")).await, Err(StoreError::Invalid(_))));
    }

    async fn the_catalogue_comes_back_as_it_was_in_its_order(store: Store) {
        filled(&store).await;
        let catalogue = catalogue(&store).await;
        assert_eq!(catalogue.themes, themes());
        assert_eq!(catalogue.sources, sources());
        assert_eq!(catalogue.indicators, [indicator("quote"), indicator("anteil")]);
        assert_eq!(catalogue.levels.iter().map(|l| l.slug.as_str()).collect::<Vec<_>>(), ["kreis", "gemeinde"]);
    }

    async fn a_later_catalogue_changes_and_adds_but_deletes_nothing(store: Store) {
        filled(&store).await;
        let mut changed = indicator("anteil");
        changed.decimals = 3;
        changed.part_of = Some(slug("neu"));
        let mut new = indicator("neu");
        new.note = None;
        let both = [changed.clone(), new.clone()];
        store.put_catalogue(&slug("wendland"), &[], &[], &both, &import("catalogue")).await.unwrap();
        assert_eq!(catalogue(&store).await.indicators, [indicator("quote"), changed, new]);
    }

    async fn an_indicator_that_names_what_does_not_exist_is_refused(store: Store) {
        filled(&store).await;
        let before = store.content_hash().await.unwrap();
        let generation = store.generation().await.unwrap();
        let mut of_nothing = indicator("neu");
        of_nothing.part_of = Some(slug("nichts"));
        let mut no_theme = indicator("neu");
        no_theme.theme = slug("nichts");
        for bad in [of_nothing, no_theme] {
            let list = [indicator("gut"), bad];
            let result = store.put_catalogue(&slug("wendland"), &[], &[], &list, &import("catalogue")).await;
            assert!(matches!(result, Err(StoreError::Unknown { .. })));
        }
        assert_eq!(store.content_hash().await.unwrap(), before);
        assert_eq!(store.generation().await.unwrap(), generation);
    }

    async fn an_edition_comes_back_with_regions_parents_and_geometry(store: Store) {
        let id = filled(&store).await;
        let new = edition("2015-12-31");
        let row = catalogue(&store).await.editions.remove(0);
        assert_eq!((row.id, row.regions, row.minzoom, row.bounds), (id, 3, 4, new.bounds));
        assert_eq!((row.valid_on, row.attribution), (new.valid_on, new.attribution.clone()));
        assert_eq!(row.parents.iter().map(|(level, _)| level.as_str()).collect::<Vec<_>>(), ["kreis", "verband"]);
        let regions = store.regions(id).await.unwrap();
        for ((row, new), ordinal) in regions.iter().zip(&new.regions).zip(0..) {
            assert_eq!((&row.region, &row.parents, row.label), (&new.region, &new.parents, new.label));
            assert_eq!((row.label_minzoom, row.label_rank), (7, 3));
            assert_eq!(store.region_geometry(id, ordinal).await.unwrap(), new.geometry);
        }
        assert_eq!(regions.len(), 3);
        assert_eq!(store.topology(id).await.unwrap(), [1, 2, 3]);
        assert_eq!(store.zoom_arcs(id, 14).await.unwrap(), [14, 14]);
        assert!(matches!(store.zoom_arcs(id, 7).await, Err(StoreError::Unknown { .. })));
        assert!(matches!(store.topology(id + 99).await, Err(StoreError::Unknown { .. })));
        assert!(matches!(store.region_geometry(id, 3).await, Err(StoreError::Unknown { .. })));
    }

    async fn an_edition_is_immutable_but_may_be_imported_again(store: Store) {
        let id = filled(&store).await;
        let atlas = slug("wendland");
        let generation = store.generation().await.unwrap();
        assert_eq!(store.insert_edition(&atlas, &edition("2015-12-31")).await.unwrap(), id);
        assert_eq!(store.generation().await.unwrap(), generation);
        let mut renamed = edition("2015-12-31");
        renamed.regions[0].region.name = "Anders".into();
        assert!(matches!(store.insert_edition(&atlas, &renamed).await, Err(StoreError::Exists { .. })));
        let mut moved = edition("2015-12-31");
        moved.regions[0].parents.clear();
        assert!(matches!(store.insert_edition(&atlas, &moved).await, Err(StoreError::Exists { .. })));
        assert_ne!(store.insert_edition(&atlas, &edition("2016-12-31")).await.unwrap(), id);
    }

    async fn the_hash_of_an_edition_does_not_depend_on_its_parents(store: Store) {
        filled(&store).await;
        let mut other = edition("2015-12-31");
        other.regions[0].parents.clear();
        let atlas = NewAtlas {
            slug: slug("zwei"),
            title: Text::german("Zwei"),
            required_indicators: 1,
            attribution: String::new(),
        };
        store.create_atlas(&atlas).await.unwrap();
        let level = Level { slug: slug("gemeinde"), title: Text::german("G"), position: 0, public_boundaries: false };
        store.put_levels(&atlas.slug, &[level]).await.unwrap();
        store.insert_edition(&atlas.slug, &other).await.unwrap();
        let editions: Vec<_> = store.catalogues().await.unwrap().into_iter().flat_map(|c| c.editions).collect();
        assert_eq!(editions[0].content_hash, editions[1].content_hash);
        assert_ne!(editions[0].parents, editions[1].parents);
    }

    async fn an_edition_brings_a_new_level_with_it_or_neither_is_stored(store: Store) {
        filled(&store).await;
        let atlas = slug("wendland");
        let position = catalogue(&store).await.levels.len() as i64;
        let level = Level { slug: slug("ortsteil"), title: Text::german("Ortsteile"), position, public_boundaries: false };
        let before = store.content_hash().await.unwrap();
        let mut new = edition("2020-12-31");
        new.level = level.slug.clone();
        new.new_level = Some(level.clone());
        let name = std::mem::replace(&mut new.regions[2].region.name, "\0".into());
        assert!(store.insert_edition(&atlas, &new).await.is_err());
        assert_eq!(store.content_hash().await.unwrap(), before);
        new.regions[2].region.name = name;
        store.insert_edition(&atlas, &new).await.unwrap();
        assert_eq!(catalogue(&store).await.levels.last(), Some(&level));
    }

    async fn an_edition_needs_its_level_and_sorted_keys(store: Store) {
        filled(&store).await;
        let mut bad = edition("2020-12-31");
        bad.level = slug("ortsteil");
        assert!(matches!(store.insert_edition(&slug("wendland"), &bad).await, Err(StoreError::Unknown { .. })));
        let mut bad = edition("2020-12-31");
        bad.regions.swap(0, 1);
        assert!(matches!(store.insert_edition(&slug("wendland"), &bad).await, Err(StoreError::Invalid(_))));
    }

    async fn what_a_database_would_change_without_a_word_is_refused(store: Store) {
        filled(&store).await;
        let before = store.content_hash().await.unwrap();
        let mut nameless = edition("2020-12-31");
        nameless.regions[2].region.name = "a\0b".into();
        let mut endless = edition("2020-12-31");
        endless.bounds.east = f64::NAN;
        for bad in [nameless, endless] {
            assert!(matches!(store.insert_edition(&slug("wendland"), &bad).await, Err(StoreError::Invalid(_))));
        }
        assert_eq!(store.content_hash().await.unwrap(), before);
    }

    async fn a_series_comes_back_with_all_that_stands_beside_it(store: Store) {
        let edition = filled(&store).await;
        let mut new = series("quote", "2022-08..2023-07", &[1.5, -0.0, f64::NAN]);
        new.column.set(2, None, Status::Suppressed);
        new.companions = Companions {
            numerators: Some(vec![3.0, f64::NAN, 0.1]),
            denominators: None,
            contributors: Some(vec![1.0, 2.0, 3.0]),
            raw_signs: vec![(2, "*".into())],
        };
        new.provenance = Provenance::Rounded { base: 3.0 };
        new.source = Some(slug("ba"));
        new.note = Some(Text::both("Hinweis", "Note"));
        new.value_notes = vec![(1, Text::german("geschätzt"))];
        new.break_before = true;
        store.insert_series(&slug("wendland"), vec![new.clone()], &import("values"), &[]).await.unwrap();
        let row = catalogue(&store).await.series.remove(0);
        assert_eq!((row.indicator, row.edition, row.period), (new.indicator, edition, new.period));
        assert_eq!((row.provenance, row.note), (new.provenance, new.note));
        assert!(row.restricted && row.break_before);
        assert_eq!(store.column(row.id).await.unwrap(), new.column);
        let companions = store.companions(row.id).await.unwrap();
        assert!(companions.numerators.as_ref().unwrap()[1].is_nan());
        assert_eq!((companions.denominators, companions.contributors), (None, new.companions.contributors));
        assert_eq!(companions.raw_signs, new.companions.raw_signs);
        assert_eq!(store.value_notes(row.id).await.unwrap(), new.value_notes);
        assert!(matches!(store.column(row.id + 99).await, Err(StoreError::Unknown { .. })));
        assert!(matches!(store.companions(row.id + 99).await, Err(StoreError::Unknown { .. })));
    }

    async fn a_new_series_replaces_the_one_before_and_undoing_brings_it_back(store: Store) {
        filled(&store).await;
        let atlas = slug("wendland");
        let first = vec![series("quote", "2022", &[1.0; 3]), series("quote", "2023", &[2.0; 3])];
        let first = store.insert_series(&atlas, first, &import("values"), &[internal("quote", 5.0)]).await.unwrap();
        let before = store.content_hash().await.unwrap();
        let second = vec![series("quote", "2023", &[3.0; 3]), series("anteil", "2023", &[4.0; 3])];
        let second = store.insert_series(&atlas, second, &import("values"), &[internal("quote", 6.0)]).await.unwrap();
        assert_eq!(current(&store, "quote", "2023").await.unwrap(), [3.0; 3]);
        assert_eq!(current(&store, "quote", "2022").await.unwrap(), [1.0; 3]);
        assert_eq!(catalogue(&store).await.internal_classifications, [internal("quote", 6.0)]);

        store.undo_import(&atlas, second).await.unwrap();
        assert_eq!(current(&store, "quote", "2023").await.unwrap(), [2.0; 3]);
        assert_eq!(current(&store, "anteil", "2023").await, None);
        assert_eq!(catalogue(&store).await.internal_classifications, [internal("quote", 5.0)]);
        assert_eq!(store.content_hash().await.unwrap(), before);

        let imports = store.imports(&atlas).await.unwrap();
        assert_eq!(imports.iter().map(|i| (i.id, i.undone)).take(2).collect::<Vec<_>>(), [(second, true), (first, false)]);
        assert_eq!(imports[0].record, import("values"));
        assert!(matches!(store.undo_import(&atlas, second).await, Err(StoreError::Invalid(_))));
        assert!(matches!(store.undo_import(&atlas, 9999).await, Err(StoreError::Unknown { .. })));
        assert!(matches!(store.undo_import(&atlas, imports.last().unwrap().id).await, Err(StoreError::Invalid(_))));
    }

    async fn imports_may_be_undone_in_any_order(store: Store) {
        filled(&store).await;
        let atlas = slug("wendland");
        let mut ids = Vec::new();
        for value in [1.0, 2.0, 3.0] {
            let list = vec![series("quote", "2023", &[value; 3])];
            ids.push(store.insert_series(&atlas, list, &import("values"), &[]).await.unwrap());
        }
        store.undo_import(&atlas, ids[1]).await.unwrap();
        assert_eq!(current(&store, "quote", "2023").await.unwrap(), [3.0; 3]);
        store.undo_import(&atlas, ids[2]).await.unwrap();
        assert_eq!(current(&store, "quote", "2023").await.unwrap(), [1.0; 3]);
        store.undo_import(&atlas, ids[0]).await.unwrap();
        assert_eq!(current(&store, "quote", "2023").await, None);
    }

    async fn an_import_with_one_bad_series_stores_nothing(store: Store) {
        filled(&store).await;
        let atlas = slug("wendland");
        let before = (store.content_hash().await.unwrap(), store.generation().await.unwrap());
        let mut no_source = series("quote", "2023", &[1.0; 3]);
        no_source.source = Some(slug("niemand"));
        let mut no_edition = series("quote", "2023", &[1.0; 3]);
        no_edition.edition = day("1999-12-31");
        let mut long = series("quote", "2023", &[1.0; 3]);
        long.companions.numerators = Some(vec![1.0; 4]);
        for bad in [
            series("nichts", "2023", &[1.0; 3]),
            series("quote", "2023", &[1.0; 4]),
            series("quote", "2022", &[1.0; 3]),
            no_source,
            no_edition,
            long,
        ] {
            let list = vec![series("quote", "2022", &[1.0; 3]), bad];
            let result = store.insert_series(&atlas, list, &import("values"), &[]).await;
            assert!(matches!(result, Err(StoreError::Unknown { .. } | StoreError::Invalid(_))), "{result:?}");
        }
        assert_eq!((store.content_hash().await.unwrap(), store.generation().await.unwrap()), before);
    }

    async fn current_columns_are_read_for_classes_by_period(store: Store) {
        let edition = filled(&store).await;
        let atlas = slug("wendland");
        let list = vec![series("quote", "2023", &[2.0; 3]), series("quote", "2022", &[1.0; 3])];
        store.insert_series(&atlas, list, &import("values"), &[]).await.unwrap();
        let columns = store.current_columns(&atlas, &slug("quote"), &slug("gemeinde")).await.unwrap();
        assert_eq!(columns, [
            (period("2022"), edition, column(&[1.0; 3])),
            (period("2023"), edition, column(&[2.0; 3])),
        ]);
        assert!(store.current_columns(&atlas, &slug("quote"), &slug("kreis")).await.unwrap().is_empty());
    }

    async fn a_release_comes_back_and_supersedes_the_one_before(store: Store) {
        let edition = filled(&store).await;
        let atlas = slug("wendland");
        store.publish(&atlas, &release(edition, Audience::Public, &[1.0; 3])).await.unwrap();
        let mut second = release(edition, Audience::Public, &[2.0; 3]);
        second.certificate = Some(serde_json::json!({"safe": true}));
        let id = store.publish(&atlas, &second).await.unwrap();
        store.publish(&atlas, &release(edition, Audience::Internal, &[3.0; 3])).await.unwrap();

        let releases = catalogue(&store).await.releases;
        assert_eq!(releases.iter().map(|r| (r.audience, r.number)).collect::<Vec<_>>(), [
            (Audience::Public, 2),
            (Audience::Internal, 1),
        ]);
        let row = &releases[0];
        assert_eq!((row.id, &row.classification, row.certified, row.at), (id, &second.classification, true, noon()));
        let columns: Vec<_> = row.columns.iter().map(|c| (c.period.clone(), c.edition, c.break_before)).collect();
        assert_eq!(columns, [(period("2022"), edition, false), (period("2023"), edition, true)]);
        assert_eq!(row.columns[1].note, Some(Text::german("vorläufig")));
        assert_eq!(store.release_column(row.columns[0].id).await.unwrap(), column(&[2.0; 3]));
        assert!(matches!(store.release_column(9999).await, Err(StoreError::Unknown { .. })));
    }

    async fn a_withdrawn_release_is_gone_and_its_number_is_not_used_again(store: Store) {
        let edition = filled(&store).await;
        let (atlas, quote, level) = (slug("wendland"), slug("quote"), slug("gemeinde"));
        let before = store.content_hash().await.unwrap();
        store.publish(&atlas, &release(edition, Audience::Public, &[1.0; 3])).await.unwrap();
        let layers = [(quote, level)];
        assert_eq!(withdrawn(&store, &layers, Audience::Internal).await, 0);
        assert_eq!(withdrawn(&store, &layers, Audience::Public).await, 1);
        assert_eq!(withdrawn(&store, &layers, Audience::Public).await, 0);
        assert!(catalogue(&store).await.releases.is_empty());
        assert_eq!(store.content_hash().await.unwrap(), before);
        store.publish(&atlas, &release(edition, Audience::Public, &[1.0; 3])).await.unwrap();
        assert_eq!(catalogue(&store).await.releases[0].number, 2);
    }

    async fn a_release_that_does_not_fit_is_refused(store: Store) {
        let edition = filled(&store).await;
        let good = || release(edition, Audience::Public, &[1.0; 3]);
        let mut unknown = good();
        unknown.indicator = slug("nichts");
        let mut elsewhere = good();
        elsewhere.level = slug("kreis");
        let mut empty = good();
        empty.columns.clear();
        let mut twice = good();
        twice.columns[1].period = period("2023");
        let before = store.content_hash().await.unwrap();
        for bad in [unknown, elsewhere, empty, twice, release(edition, Audience::Public, &[1.0; 2])] {
            let result = store.publish(&slug("wendland"), &bad).await;
            assert!(matches!(result, Err(StoreError::Unknown { .. } | StoreError::Invalid(_))), "{result:?}");
        }
        assert_eq!(store.content_hash().await.unwrap(), before);
    }

    async fn breaks_come_back_to_the_last_bit(store: Store) {
        filled(&store).await;
        let mut classes = internal("quote", 1.0);
        let mut state = 1_u64;
        classes.classification.breaks = std::iter::repeat_with(|| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 11) as f64 / 1e9
        })
        .take(500)
        .collect();
        let list = vec![series("quote", "2023", &[1.0; 3])];
        store.insert_series(&slug("wendland"), list, &import("values"), std::slice::from_ref(&classes)).await.unwrap();
        assert_eq!(catalogue(&store).await.internal_classifications, [classes]);
    }

    async fn every_write_raises_the_generation_once(store: Store) {
        let edition = filled(&store).await;
        let (atlas, quote, level) = (slug("wendland"), slug("quote"), slug("gemeinde"));
        let mut generation = store.generation().await.unwrap();
        let mut raised = async |what: &str| {
            let now = store.generation().await.unwrap();
            assert_eq!(now, generation + 1, "{what}");
            generation = now;
        };
        store.set_open(&atlas, true).await.unwrap();
        raised("open").await;
        let list = vec![series("quote", "2023", &[1.0; 3]), series("quote", "2022", &[1.0; 3])];
        let id = store.insert_series(&atlas, list, &import("values"), &[]).await.unwrap();
        raised("series").await;
        store.undo_import(&atlas, id).await.unwrap();
        raised("undo").await;
        store.publish(&atlas, &release(edition, Audience::Public, &[1.0; 3])).await.unwrap();
        raised("publish").await;
        withdrawn(&store, &[(quote, level)], Audience::Public).await;
        raised("withdraw").await;
        store.put_catalogue(&atlas, &themes(), &[], &[], &import("catalogue")).await.unwrap();
        raised("catalogue").await;
        store.put_levels(&atlas, &[]).await.unwrap();
        raised("levels").await;
        store.put_successions(&atlas, &[], &import("successions")).await.unwrap();
        raised("successions").await;
        store.insert_edition(&atlas, &fixtures::edition("2017-12-31")).await.unwrap();
        raised("edition").await;
    }

    async fn writers_wait_for_each_other(store: Store) {
        filled(&store).await;
        let write = |i: u32| {
            let store = store.clone();
            tokio::spawn(async move {
                let list = vec![series("quote", &format!("{}", 2000 + i), &[f64::from(i); 3])];
                store.insert_series(&slug("wendland"), list, &import("values"), &[]).await.unwrap();
            })
        };
        let before = store.generation().await.unwrap();
        for task in (0..12).map(write).collect::<Vec<_>>() {
            task.await.unwrap();
        }
        assert_eq!(catalogue(&store).await.series.len(), 12);
        assert_eq!(store.generation().await.unwrap(), before + 12);
    }

    async fn readers_go_on_while_writers_wait(store: Store) {
        filled(&store).await;
        let (atlas, record) = (slug("wendland"), import("values"));
        let list = (0..1000).map(|i| series("quote", &format!("{}", 1800 + i), &[1.0; 3])).collect();
        let mut long = pin!(store.insert_series(&atlas, list, &record, &[]));
        // The long import has begun and is then left alone, with many others behind it.
        let mut polled = 0;
        poll_fn(|context| {
            polled += 1;
            assert!(long.as_mut().poll(context).is_pending());
            if polled == 10 { Poll::Ready(()) } else { Poll::Pending }
        })
        .await;
        let waiting: Vec<_> = (0..10)
            .map(|_| {
                let store = store.clone();
                tokio::spawn(async move { store.set_open(&slug("wendland"), true).await })
            })
            .collect();
        tokio::task::yield_now().await;
        let seen = catalogue(&store).await;
        assert!(seen.series.is_empty() && !seen.atlas.open);
        long.await.unwrap();
        for task in waiting {
            task.await.unwrap().unwrap();
        }
        let seen = catalogue(&store).await;
        assert!(seen.series.len() == 1000 && seen.atlas.open);
    }

    async fn an_import_that_is_dropped_midway_never_happened(store: Store) {
        filled(&store).await;
        let before = (store.content_hash().await.unwrap(), store.generation().await.unwrap());
        // An import of 1000 series waits for the database much more often than any of these numbers, even where answers
        // come while nobody asks.
        for polls in [1, 3, 10, 30] {
            let list = (0..1000).map(|i| series("quote", &format!("{}", 1800 + i), &[1.0; 3])).collect();
            let (atlas, record) = (slug("wendland"), import("values"));
            let mut whole = pin!(store.insert_series(&atlas, list, &record, &[]));
            let mut polled = 0;
            poll_fn(|context| {
                polled += 1;
                assert!(whole.as_mut().poll(context).is_pending());
                if polled == polls { Poll::Ready(()) } else { Poll::Pending }
            })
            .await;
        }
        assert_eq!((store.content_hash().await.unwrap(), store.generation().await.unwrap()), before);
        store.set_open(&slug("wendland"), true).await.unwrap();
    }

    async fn successions_are_kept_and_can_be_corrected(store: Store) {
        filled(&store).await;
        let atlas = slug("wendland");
        let new = |share| Succession {
            level: slug("gemeinde"),
            valid_on: day("2016-11-01"),
            old_key: "03354001".parse().unwrap(),
            new_key: "03354002".parse().unwrap(),
            share,
        };
        let before = store.content_hash().await.unwrap();
        store.put_successions(&atlas, &[new(0.5)], &import("successions")).await.unwrap();
        store.put_successions(&atlas, &[new(1.0)], &import("successions")).await.unwrap();
        assert_eq!(store.successions(&atlas).await.unwrap(), [new(1.0)]);
        assert_ne!(store.content_hash().await.unwrap(), before);
        for share in [0.0, 1.5, f64::NAN] {
            let result = store.put_successions(&atlas, &[new(share)], &import("successions")).await;
            assert!(matches!(result, Err(StoreError::Invalid(_))));
        }
    }
}

#[tokio::test]
async fn the_content_hash_is_the_same_on_both_databases() {
    let file = Place::file();
    let Some(server) = Place::server().await else { return };
    let mut hashes = Vec::new();
    for place in [&file, &server] {
        let store = place.open(OpenMode::Create).await;
        // Row ids differ between the two: one has had another atlas first, whose import was rejected.
        if place.location.starts_with("postgres") {
            let _ = store.put_catalogue(&slug("nichts"), &[], &[], &[], &import("catalogue")).await;
        }
        let edition = filled(&store).await;
        let list = vec![series("quote", "2023", &[1.25, 2.0, -3.5]), series("anteil", "2022", &[0.1; 3])];
        store
            .insert_series(&slug("wendland"), list, &import("values"), &[internal("quote", 7.0)])
            .await
            .unwrap();
        store.publish(&slug("wendland"), &release(edition, Audience::Public, &[1.0; 3])).await.unwrap();
        hashes.push(store.content_hash().await.unwrap());
        store.close().await;
    }
    assert_eq!(hashes[0], hashes[1]);
    server.clear().await;
}

#[tokio::test]
async fn gdal_lists_the_layers_of_the_file_without_a_warning() {
    let place = Place::file();
    let store = place.open(OpenMode::Create).await;
    filled(&store).await;
    store.close().await;
    let output = match std::process::Command::new("ogrinfo").args(["-al", "-so", &place.location]).output() {
        Ok(output) => output,
        Err(error) => {
            assert!(!in_ci(), "ogrinfo cannot be run: {error}");
            println!("SKIPPED: ogrinfo cannot be run: {error}");
            return;
        }
    };
    let text = String::from_utf8(output.stdout).unwrap();
    assert_eq!(String::from_utf8(output.stderr).unwrap(), "", "{text}");
    assert!(output.status.success());
    for expected in [
        "Layer name: region",
        "Geometry: Multi Polygon",
        "Feature Count: 3",
        "Extent: (11.000000, 53.000000) - (11.200000, 53.100000)",
        "Layer name: indicator",
        "Layer name: facility",
    ] {
        assert!(text.contains(expected), "{expected}\n{text}");
    }
    assert!(!text.contains("Warning"), "{text}");
}
