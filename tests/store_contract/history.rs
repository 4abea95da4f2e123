//! History: what an import brought, undoing every kind, purging.

use kommunalatlas::{
    access::{Editor, Publisher},
    domain::{Audience, Classification, Text},
    ingest::history::{difference, purge, undo},
    store::{Id, ImportRecord, NewSeries, Store, StoreError, Succession},
};

use crate::{
    fixtures::*,
    places::{Place, in_ci, noon, with_store},
};

async fn values(store: &Store, list: Vec<NewSeries>) -> Id {
    store.insert_series(&slug("wendland"), list, &import("values"), &[]).await.unwrap()
}

/// The imports of a kind, the earliest first.
async fn imports(store: &Store, kind: &str) -> Vec<Id> {
    let imports = store.imports(&slug("wendland")).await.unwrap();
    imports.iter().rev().filter(|i| i.record.kind == kind).map(|i| i.id).collect()
}

fn refused<T: std::fmt::Debug>(result: Result<T, StoreError>, word: &str) {
    let error = result.unwrap_err();
    assert!(matches!(error, StoreError::Invalid(_)) && error.to_string().contains(word), "{error}");
}

fn merger(share: f64) -> Succession {
    Succession {
        level: slug("gemeinde"),
        valid_on: day("2016-11-01"),
        old_key: "03354001".parse().unwrap(),
        new_key: "03354002".parse().unwrap(),
        share,
    }
}

contract! {
    async fn the_difference_of_an_import_is_against_what_it_replaced(store: Store) {
        filled(&store).await;
        let atlas = slug("wendland");
        let first = values(&store, vec![series("quote", "2022", &[1.0, 2.0, 3.0]), series("quote", "2023", &[1.0; 3])]).await;
        let second = values(&store, vec![
            series("quote", "2022", &[1.0, 5.0, 6.0]),
            series("quote", "2023", &[1.0; 3]),
            series("anteil", "2023", &[1.0; 3]),
        ]).await;
        // A third import supersedes the second; its difference to the first stays the same.
        values(&store, vec![series("quote", "2022", &[9.0; 3])]).await;
        let found = difference(&store, &atlas, second, 1).await.unwrap();
        assert_eq!((found.brought, found.new, found.unchanged, found.changed, found.unlisted), (3, 1, 1, 2, 1));
        let region = &found.series[0].regions[0];
        assert_eq!((region.key.as_str(), region.before.value, region.after.value), ("03354501", Some(2.0), Some(5.0)));
        assert_eq!(difference(&store, &atlas, first, 10).await.unwrap().new, 2);
        assert!(difference(&store, &atlas, 999, 10).await.is_err());
    }

    async fn undoing_says_what_counts_now_and_which_release_is_outdated(store: Store) {
        let edition = filled(&store).await;
        let atlas = slug("wendland");
        let editor = Editor::local("anna");
        let first = values(&store, vec![series("quote", "2022", &[1.0; 3]), series("quote", "2023", &[1.0; 3])]).await;
        let second = values(&store, vec![series("quote", "2023", &[1.0; 3])]).await;
        store.publish(&atlas, &release(edition, Audience::Public, &[1.0; 3])).await.unwrap();
        // The release shows the same numbers before and after.
        let undone = undo(&store, &editor, &atlas, second).await.unwrap();
        assert_eq!((undone.taken_back, undone.restored, undone.replaced_before), (1, 1, 0));
        assert!(undone.outdated_releases.is_empty());
        let third = values(&store, vec![series("quote", "2023", &[1.0; 3])]).await;
        let undone = undo(&store, &editor, &atlas, first).await.unwrap();
        assert_eq!((undone.taken_back, undone.restored, undone.replaced_before), (1, 0, 1));
        assert_eq!(undone.outdated_releases, [(slug("quote"), slug("gemeinde"), Audience::Public)]);
        assert_eq!(current(&store, "quote", "2023").await.unwrap(), [1.0; 3]);
        assert!(store.imported_series(&atlas, third).await.unwrap()[0].current);
    }

    async fn boundaries_are_undone_unless_values_use_them(store: Store) {
        filled(&store).await;
        let atlas = slug("wendland");
        store.insert_edition(&atlas, &edition("2020-12-31")).await.unwrap();
        let of_first = imports(&store, "boundaries").await[0];
        let of_second = imports(&store, "boundaries").await[1];
        let brought = store.imported_edition(&atlas, of_second).await.unwrap().unwrap();
        assert_eq!((brought.valid_on, brought.regions), (day("2020-12-31"), 3));
        let undone = values(&store, vec![series("quote", "2023", &[1.0; 3])]).await;
        store.undo_import(&atlas, undone).await.unwrap();
        refused(store.undo_import(&atlas, of_first).await, "quote");
        store.undo_import(&atlas, of_second).await.unwrap();
        assert_eq!(catalogue(&store).await.editions.len(), 1);
        assert_eq!(store.imported_edition(&atlas, of_second).await.unwrap(), None);
        refused(store.undo_import(&atlas, of_second).await, "before");
        store.insert_edition(&atlas, &edition("2020-12-31")).await.unwrap();
    }

    async fn an_undone_succession_gives_way_to_the_one_before(store: Store) {
        filled(&store).await;
        let atlas = slug("wendland");
        let first = store.put_successions(&atlas, &[merger(0.5)], &import("successions")).await.unwrap();
        let second = store.put_successions(&atlas, &[merger(1.0)], &import("successions")).await.unwrap();
        store.undo_import(&atlas, second).await.unwrap();
        assert_eq!(store.successions(&atlas).await.unwrap(), [merger(0.5)]);
        store.undo_import(&atlas, first).await.unwrap();
        assert!(store.successions(&atlas).await.unwrap().is_empty());
        let twice = [merger(0.5), merger(0.5)];
        refused(store.put_successions(&atlas, &twice, &import("successions")).await, "twice");
    }

    async fn a_catalogue_cannot_be_undone(store: Store) {
        filled(&store).await;
        let catalogue = imports(&store, "catalogue").await[0];
        refused(store.undo_import(&slug("wendland"), catalogue).await, "former file");
    }

    async fn a_purged_import_leaves_its_row_and_what_was_there_before(store: Store) {
        filled(&store).await;
        let (atlas, editor) = (slug("wendland"), Editor::local("anna"));
        let first = values(&store, vec![series("quote", "2023", &[1.0; 3])]).await;
        let before = store.content_hash().await.unwrap();
        let second = values(&store, vec![series("quote", "2023", &[2.0; 3]), series("anteil", "2023", &[2.0; 3])]).await;
        let plan = store.purge_plan(&atlas, second).await.unwrap();
        assert_eq!((plan.series, plan.derived, plan.releases.len()), (2, 0, 0));
        // The fixture's imports all have the same hash.
        assert!(plan.same_file.contains(&first));
        let erased = purge(&store, &editor, None, &atlas, &plan, noon()).await.unwrap();
        assert_eq!(erased.hindrance, None);
        assert_eq!(store.content_hash().await.unwrap(), before);
        assert_eq!(store.purges().await.unwrap(), 1);
        let row = store.import(&atlas, second).await.unwrap();
        assert_eq!(row.purged, Some((noon(), "anna".to_owned())));
        assert_eq!((row.record.file_name.as_str(), row.record.report), ("", serde_json::Value::Null));
        refused(store.undo_import(&atlas, second).await, "purged");
        // Again: nothing to delete, but what is left behind is erased once more.
        let plan = store.purge_plan(&atlas, second).await.unwrap();
        purge(&store, &editor, None, &atlas, &plan, noon()).await.unwrap();
    }

    async fn a_plan_that_is_no_longer_true_is_not_carried_out(store: Store) {
        filled(&store).await;
        let atlas = slug("wendland");
        let first = values(&store, vec![series("quote", "2023", &[1.0; 3])]).await;
        let plan = store.purge_plan(&atlas, first).await.unwrap();
        store.set_open(&atlas, true).await.unwrap();
        refused(store.purge(&atlas, &plan, &[], false, "anna", noon()).await, "meanwhile");
        assert!(current(&store, "quote", "2023").await.is_some());
    }

    async fn releases_go_with_a_purged_import_only_when_asked_for(store: Store) {
        let edition = filled(&store).await;
        let atlas = slug("wendland");
        let (editor, publisher) = (Editor::local("anna"), Publisher::local("anna"));
        let id = values(&store, vec![series("quote", "2023", &[1.0; 3])]).await;
        store.publish(&atlas, &release(edition, Audience::Public, &[1.0; 3])).await.unwrap();
        store.publish(&atlas, &release(edition, Audience::Public, &[3.0; 3])).await.unwrap();
        let plan = store.purge_plan(&atlas, id).await.unwrap();
        assert_eq!(plan.releases.iter().map(|r| (r.number, r.in_force)).collect::<Vec<_>>(), [(1, false), (2, true)]);
        assert!(purge(&store, &editor, None, &atlas, &plan, noon()).await.is_err());
        assert!(current(&store, "quote", "2023").await.is_some());
        purge(&store, &editor, Some(&publisher), &atlas, &plan, noon()).await.unwrap();
        assert!(catalogue(&store).await.releases.is_empty());
        store.publish(&atlas, &release(edition, Audience::Public, &[3.0; 3])).await.unwrap();
        assert_eq!(catalogue(&store).await.releases[0].number, 3);
    }
}

/// A number, as its bytes stand in a packed column and as text, and names that occur nowhere else.
const NUMBER: f64 = 48_151.623_42;
const WORDS: [&str; 6] =
    ["48151.62342", "Kanarienheim", "kanarien-datei", "Kanariensatz", "Kanariengemeinde", "Kanarienzeichen"];

fn canaries() -> Vec<Vec<u8>> {
    let words = WORDS.iter().map(|word| word.as_bytes().to_vec());
    words.chain([NUMBER.to_le_bytes().to_vec(), NUMBER.to_be_bytes().to_vec()]).collect()
}

/// Which of the canaries a folder's files hold, whatever their names.
fn found_in(folder: &std::path::Path) -> Vec<usize> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let Ok(bytes) = std::fs::read(&path) else { continue };
        let held = |canary: &Vec<u8>| bytes.windows(canary.len()).any(|window| window == canary);
        found.extend(canaries().iter().enumerate().filter(|(_, canary)| held(canary)).map(|(at, _)| at));
    }
    found.sort_unstable();
    found.dedup();
    found
}

/// Imports canaries by values, classes, boundaries, facilities and records; ids of the imports, the last first.
async fn with_canaries(store: &Store) -> Vec<Id> {
    filled(store).await;
    let atlas = slug("wendland");
    let record = |kind: &str| ImportRecord {
        file_name: "kanarien-datei.csv".into(),
        report: serde_json::json!({"facts": {"first_values": [NUMBER]}, "note": "Kanarienheim"}),
        ..import(kind)
    };
    let mut boundaries = edition("2020-12-31");
    boundaries.regions[0].region.name = "Kanariengemeinde".into();
    boundaries.import = record("boundaries");
    store.insert_edition(&atlas, &boundaries).await.unwrap();
    let mut new = series("quote", "2023", &[1.0, NUMBER, 2.0]);
    new.companions.numerators = Some(vec![NUMBER; 3]);
    new.companions.raw_signs = vec![(1, "Kanarienzeichen".into())];
    new.note = Some(Text::german("Kanariensatz"));
    new.value_notes = vec![(1, Text::german("Kanarienheim"))];
    let classes = |breaks: Vec<f64>| {
        let mut classes = internal("quote", 1.0);
        classes.classification = Classification { breaks, ..classes.classification };
        classes
    };
    let first = store
        .insert_series(&atlas, vec![new], &record("values"), &[classes(vec![1.0, NUMBER])])
        .await
        .unwrap();
    // A later, harmless import of the same indicator: its classes know the canary.
    let later = vec![series("quote", "2022", &[4.0, 5.0, 6.0])];
    store.insert_series(&atlas, later, &import("values"), &[classes(vec![1.0, 4.0, NUMBER])]).await.unwrap();
    let mut many = store.imports(&atlas).await.unwrap();
    many.retain(|row| row.record.file_name.starts_with("kanarien"));
    assert_eq!(many[0].id, first);
    many.iter().map(|row| row.id).collect()
}

async fn purge_all(store: &Store, imports: &[Id]) {
    let atlas = slug("wendland");
    let (editor, publisher) = (Editor::local("anna"), Publisher::local("anna"));
    for id in imports {
        let plan = store.purge_plan(&atlas, *id).await.unwrap();
        let erased = purge(store, &editor, Some(&publisher), &atlas, &plan, noon()).await.unwrap();
        assert_eq!(erased.hindrance, None);
    }
    assert_eq!(current(store, "quote", "2022").await.unwrap(), [4.0, 5.0, 6.0]);
    let classes = catalogue(store).await.internal_classifications.remove(0).classification;
    assert!(classes.breaks.iter().all(|b| *b <= 6.0), "{classes:?}");
}

#[tokio::test]
async fn after_a_purge_no_byte_of_the_file_its_log_or_its_folder_holds_what_was_removed() {
    let place = Place::file();
    let folder = std::path::Path::new(&place.location).parent().unwrap();
    let store = place.open(kommunalatlas::store::OpenMode::Create).await;
    let ids = with_canaries(&store).await;
    let edition = catalogue(&store).await.editions[0].id;
    let mut released = release(edition, Audience::Public, &[NUMBER; 3]);
    // Only of the year of the import: what another year shows did not come from there.
    released.columns.retain(|column| column.period.to_string() == "2023");
    store.publish(&slug("wendland"), &released).await.unwrap();
    assert_eq!(found_in(folder), [0, 1, 2, 3, 4, 5, 6]);
    purge_all(&store, &ids).await;
    // With the connections still open: the log and its index are there.
    assert_eq!(found_in(folder), [0_usize; 0]);
    store.close().await;
    assert_eq!(found_in(folder), [0_usize; 0]);
}

#[tokio::test]
async fn after_a_purge_no_file_of_the_database_holds_what_was_removed() {
    use sqlx::Connection as _;
    let Some(place) = Place::server().await else { return };
    let store = place.open(kommunalatlas::store::OpenMode::Create).await;
    let ids = with_canaries(&store).await;
    // Only the owner of the server may ask where its files are, and make it write them.
    let location = place.location.replace("//atlas@", "//postgres@");
    let mut owner = match sqlx::PgConnection::connect(&location).await {
        Ok(owner) => owner,
        Err(error) => {
            assert!(!in_ci(), "the files of the server cannot be found: {error}");
            println!("SKIPPED: the files of the server cannot be found: {error}");
            return;
        }
    };
    let folder: String = sqlx::query_scalar(
        "SELECT current_setting('data_directory') || '/base/' || oid FROM pg_database WHERE datname = current_database()",
    )
    .fetch_one(&mut owner)
    .await
    .unwrap();
    let folder = std::path::PathBuf::from(folder);
    sqlx::raw_sql("ANALYZE; CHECKPOINT").execute(&mut owner).await.unwrap();
    if std::fs::read_dir(&folder).is_err() {
        assert!(!in_ci(), "the files of the server cannot be read");
        println!("SKIPPED: the files of the server cannot be read");
        return;
    }
    assert_eq!(found_in(&folder), [0, 1, 2, 3, 4, 5, 6]);
    purge_all(&store, &ids).await;
    sqlx::raw_sql("CHECKPOINT").execute(&mut owner).await.unwrap();
    assert_eq!(found_in(&folder), [0_usize; 0]);
    owner.close().await.unwrap();
    store.close().await;
    place.clear().await;
}

#[tokio::test]
async fn a_reader_of_the_file_hinders_the_erasing_which_can_be_finished_later() {
    use sqlx::Connection as _;
    let place = Place::file();
    let store = place.open(kommunalatlas::store::OpenMode::Create).await;
    let ids = with_canaries(&store).await;
    let url = format!("sqlite://{}", place.location);
    let mut other = sqlx::SqliteConnection::connect(&url).await.unwrap();
    sqlx::query("BEGIN").execute(&mut other).await.unwrap();
    sqlx::query("SELECT * FROM series").fetch_all(&mut other).await.unwrap();
    let (atlas, editor) = (slug("wendland"), Editor::local("anna"));
    let plan = store.purge_plan(&atlas, ids[0]).await.unwrap();
    let hindrance = purge(&store, &editor, None, &atlas, &plan, noon()).await.unwrap().hindrance;
    assert!(hindrance.unwrap().contains("stop the server"));
    other.close().await.unwrap();
    purge_all(&store, &ids).await;
    let folder = std::path::Path::new(&place.location).parent().unwrap();
    assert_eq!(found_in(folder), [0_usize; 0]);
}
