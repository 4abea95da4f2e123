//! An atlas leaves: agreements, the complete export, the removal.

use kommunalatlas::{
    domain::Audience,
    store::{Agreement, NewAtlas, OpenMode, Store, StoreError},
};

use crate::{
    fixtures::{catalogue, filled, import, release, series, slug, withdrawn},
    places::{Place, noon, with_store},
};

fn agreement() -> Agreement {
    Agreement {
        version: "1.2".into(),
        signed_on: "2026-10-01".parse().unwrap(),
        signatory: "Landrätin".into(),
        file_name: "vereinbarung.pdf".into(),
        at: noon(),
        by: "anna".into(),
    }
}

/// An atlas with a bit of everything, and another one beside it.
pub async fn with_everything(store: &Store) {
    let edition = filled(store).await;
    let atlas = slug("wendland");
    store
        .insert_series(&atlas, vec![series("quote", "2023", &[1.0; 3])], &import("values"), &[])
        .await
        .unwrap();
    store.publish(&atlas, &release(edition, Audience::Public, &[1.0; 3])).await.unwrap();
    withdrawn(store, &[(slug("quote"), slug("gemeinde"))], Audience::Public).await;
    store.put_agreement(&atlas, &agreement(), b"%PDF-1.7").await.unwrap();
    let other = NewAtlas {
        slug: slug("nachbar"),
        title: kommunalatlas::domain::Text::german("Nachbar"),
        required_indicators: 1,
        attribution: String::new(),
    };
    store.create_atlas(&other).await.unwrap();
}

contract! {
    async fn an_agreement_comes_back_with_its_file(store: Store) {
        filled(&store).await;
        let atlas = slug("wendland");
        let id = store.put_agreement(&atlas, &agreement(), b"%PDF-1.7").await.unwrap();
        let rows = store.agreements(&atlas).await.unwrap();
        assert_eq!((rows.len(), &rows[0].agreement), (1, &agreement()));
        let (row, file) = store.agreement(&atlas, id).await.unwrap();
        assert_eq!((row, file.as_slice()), (rows[0].clone(), b"%PDF-1.7".as_slice()));
        assert!(matches!(store.agreement(&atlas, id + 1).await, Err(StoreError::Unknown { .. })));
    }

    async fn an_export_holds_the_atlas_complete_and_no_other(store: Store) {
        with_everything(&store).await;
        let atlas = slug("wendland");
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("wendland.gpkg");
        let content = store.export_atlas(&atlas, &file, noon()).await.unwrap();
        assert_eq!(content, store.atlas_content(&atlas).await.unwrap());
        let copy = Store::open(file.to_str().unwrap(), OpenMode::ReadOnly, noon()).await.unwrap();
        let names: Vec<String> =
            copy.atlases().await.unwrap().iter().map(|row| row.slug.to_string()).collect();
        assert_eq!(names, ["wendland"]);
        assert_eq!(copy.catalogue(&atlas).await.unwrap(), catalogue(&store).await);
        assert_eq!(copy.release_history(&atlas).await.unwrap(), store.release_history(&atlas).await.unwrap());
        assert_eq!(copy.agreements(&atlas).await.unwrap(), store.agreements(&atlas).await.unwrap());
        copy.close().await;
        let again = store.export_atlas(&atlas, &file, noon()).await;
        assert!(matches!(again, Err(StoreError::Exists { .. })), "no file is overwritten");
    }

    async fn an_atlas_is_removed_only_as_it_was_taken_out(store: Store) {
        with_everything(&store).await;
        let atlas = slug("wendland");
        let before = store.atlas_content(&atlas).await.unwrap();
        store.set_open(&atlas, true).await.unwrap();
        let late = store.remove_atlas(&atlas, &before, noon(), "anna").await;
        assert!(matches!(late, Err(StoreError::Changed { .. })));
        let neighbour = store.atlas_content(&slug("nachbar")).await.unwrap();
        let now = store.atlas_content(&atlas).await.unwrap();
        store.remove_atlas(&atlas, &now, noon(), "anna").await.unwrap();
        let left: Vec<String> =
            store.atlases().await.unwrap().iter().map(|row| row.slug.to_string()).collect();
        assert_eq!(left, ["nachbar"]);
        assert_eq!(store.atlas_content(&slug("nachbar")).await.unwrap(), neighbour);
        assert_eq!(store.erase().await.unwrap().hindrance, None);
    }
}
