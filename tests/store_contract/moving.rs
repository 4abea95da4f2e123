//! A store moves into another one of either kind, and back.

use kommunalatlas::{
    domain::Text,
    store::{NewAtlas, OpenMode, Store, StoreError},
};

use crate::{
    fixtures::slug,
    leaving::with_everything,
    places::{Place, noon, with_store},
};

fn new_atlas(name: &str) -> NewAtlas {
    NewAtlas {
        slug: slug(name),
        title: Text::german(name),
        required_indicators: 1,
        attribution: String::new(),
    }
}

/// An empty place of each kind.
async fn places() -> Vec<Place> {
    [Some(Place::file()), Place::server().await].into_iter().flatten().collect()
}

contract! {
    async fn a_store_says_the_same_in_a_place_of_either_kind_and_when_it_comes_back(store: Store) {
        with_everything(&store).await;
        let hash = store.content_hash().await.unwrap();
        for place in places().await {
            let copy = place.open(OpenMode::Create).await;
            let moved = copy.fill_from(&store, None, &|_, _| {}).await.unwrap();
            assert_eq!((&moved.content_hash, &copy.content_hash().await.unwrap()), (&hash, &hash));
            let atlas = slug("wendland");
            assert_eq!(copy.catalogue(&atlas).await.unwrap(), store.catalogue(&atlas).await.unwrap());
            assert_eq!(copy.release_history(&atlas).await.unwrap(), store.release_history(&atlas).await.unwrap());
            assert!(copy.generation().await.unwrap() > store.generation().await.unwrap());
            let home = Place::file();
            let back = home.open(OpenMode::Create).await;
            assert_eq!(back.fill_from(&copy, None, &|_, _| {}).await.unwrap(), moved);
            back.close().await;
            copy.close().await;
            place.clear().await;
        }
    }

    async fn a_place_with_anything_in_it_is_refused_and_stays_as_it_was(store: Store) {
        with_everything(&store).await;
        for place in places().await {
            let full = place.open(OpenMode::Create).await;
            full.create_atlas(&new_atlas("da")).await.unwrap();
            let (hash, generation) = (full.content_hash().await.unwrap(), full.generation().await.unwrap());
            let refused = full.fill_from(&store, None, &|_, _| {}).await.unwrap_err();
            assert!(matches!(refused, StoreError::NotEmpty { table: "atlas" }), "{refused}");
            assert_eq!((full.content_hash().await.unwrap(), full.generation().await.unwrap()), (hash, generation));
            full.close().await;
            place.clear().await;
        }
    }

    async fn an_id_of_something_that_was_removed_gets_no_second_meaning_elsewhere(store: Store) {
        let id = async |store: &Store, name| store.catalogue(&slug(name)).await.unwrap().atlas.id;
        store.create_atlas(&new_atlas("bleibt")).await.unwrap();
        store.create_atlas(&new_atlas("geht")).await.unwrap();
        let gone = id(&store, "geht").await;
        let content = store.atlas_content(&slug("geht")).await.unwrap();
        store.remove_atlas(&slug("geht"), &content, noon(), "anna").await.unwrap();
        for place in places().await {
            let copy = place.open(OpenMode::Create).await;
            copy.fill_from(&store, None, &|_, _| {}).await.unwrap();
            copy.create_atlas(&new_atlas("neu")).await.unwrap();
            assert!(id(&copy, "neu").await > gone);
            copy.close().await;
            place.clear().await;
        }
    }
}
