//! The public zone: what is public, in a file that is replaced and in a database that is brought up to date.

use kommunalatlas::{
    domain::Audience,
    store::{FileId, OpenMode, Store, StoreError},
};

use crate::{
    fixtures::{filled, release, slug, withdrawn},
    places::{Place, noon},
};

/// Releases in an open atlas.
async fn released(store: &Store) {
    let edition = filled(store).await;
    store.publish(&slug("wendland"), &release(edition, Audience::Public, &[1.0, 2.0, 3.0])).await.unwrap();
    store.set_open(&slug("wendland"), true).await.unwrap();
}

async fn withdraws(store: &Store) {
    withdrawn(store, &[(slug("quote"), slug("gemeinde"))], Audience::Public).await;
}

/// The store at a place as the public sees it.
async fn public(location: &str) -> Store {
    Store::open(location, OpenMode::Public, noon()).await.unwrap()
}

async fn hash_of(location: &str) -> String {
    let store = public(location).await;
    let hash = store.public_hash().await.unwrap();
    store.close().await;
    hash
}

/// On both databases: the location of a store with releases, and the store.
async fn on_both<F: Future<Output = ()>>(test: impl Fn(String, Store) -> F) {
    for place in [Some(Place::file()), Place::server().await].into_iter().flatten() {
        let store = place.open(OpenMode::Create).await;
        released(&store).await;
        test(place.location.clone(), store.clone()).await;
        store.close().await;
        place.clear().await;
    }
}

#[tokio::test]
async fn a_file_is_replaced_as_a_whole_and_those_who_read_the_old_one_go_on() {
    on_both(async |location, store| {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("public.gpkg");
        let name = file.to_str().unwrap();
        let source = public(&location).await;
        assert!(source.publish_to_file(&file, noon()).await.unwrap() > 0);
        assert_eq!(hash_of(name).await, hash_of(&location).await);
        let (reader, first) = (public(name).await, FileId::of(&file).unwrap());
        let column = reader.catalogues().await.unwrap()[0].releases[0].columns[0].id;
        withdraws(&store).await;
        std::fs::write(folder.path().join(".public.gpkg.unfinished"), "left behind").unwrap();
        source.publish_to_file(&file, noon()).await.unwrap();
        assert_ne!(FileId::of(&file).unwrap(), first);
        assert_eq!(hash_of(name).await, hash_of(&location).await);
        let now = public(name).await;
        assert!(now.catalogues().await.unwrap()[0].releases.is_empty());
        assert_eq!(now.exposed_tables().await.unwrap(), Vec::<String>::new());
        let readers = (0..8).map(|_| reader.release_column(column));
        for read in readers {
            assert_eq!(read.await.unwrap().value(2), Some(3.0), "the old file is read on");
        }
        let left: Vec<_> =
            std::fs::read_dir(folder.path()).unwrap().map(|e| e.unwrap().file_name()).collect();
        assert_eq!(left, ["public.gpkg"]);
        for store in [reader, now, source] {
            store.close().await;
        }
    })
    .await;
}

#[tokio::test]
async fn a_database_follows_what_is_public_and_only_rows_that_differ_are_written() {
    let Some(zone) = Place::server().await else { return };
    let target = zone.open(OpenMode::Create).await;
    on_both(async |location, store| {
        let source = public(&location).await;
        let publish = async || source.publish_to_server(&target).await.unwrap();
        let up_to_date = async || assert_eq!(hash_of(&zone.location).await, hash_of(&location).await);
        assert!(publish().await > 0);
        up_to_date().await;
        let of = async |store: &Store| store.catalogues().await.unwrap()[0].releases[0].columns[0].id;
        let reader = public(&zone.location).await;
        assert_eq!(of(&reader).await, of(&source).await, "ids keep their meaning");
        assert_eq!(reader.release_column(of(&reader).await).await.unwrap().value(2), Some(3.0));
        reader.close().await;
        assert_eq!(publish().await, 0);
        withdraws(&store).await;
        assert!(publish().await > 0);
        up_to_date().await;
        store.set_open(&slug("wendland"), false).await.unwrap();
        publish().await;
        up_to_date().await;
        assert!(target.atlases().await.unwrap().is_empty());
        source.close().await;
    })
    .await;
    target.close().await;
    zone.clear().await;
}

#[tokio::test]
async fn a_database_with_atlases_of_its_own_is_no_public_zone() {
    on_both(async |location, store| {
        let (source, before) = (public(&location).await, store.content_hash().await.unwrap());
        let refused = source.publish_to_server(&store).await.unwrap_err();
        assert!(matches!(&refused, StoreError::Invalid(text) if text.contains("'wendland'")), "{refused}");
        assert_eq!(store.content_hash().await.unwrap(), before);
        source.close().await;
    })
    .await;
}
