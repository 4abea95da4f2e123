//! Indicators that are made together with their first series.

use kommunalatlas::{
    domain::{Indicator, Text, Theme},
    store::{BesideValues, Store, StoreError},
};

use crate::{
    fixtures::*,
    places::{Place, with_store},
};

fn drafts(name: &str) -> BesideValues {
    let draft = Indicator { theme: slug("unsortiert"), ..indicator(name) };
    let theme = |name: &str| Theme { slug: slug(name), title: Text::german("Unsortiert") };
    BesideValues {
        themes: vec![theme("unsortiert"), theme("bildung")],
        indicators: vec![draft],
        profile: None,
    }
}

contract! {
    async fn drafts_come_with_their_theme_and_series_in_one_transaction(store: Store) {
        filled(&store).await;
        let atlas = slug("wendland");
        let new = drafts("entwurf");
        let list = vec![series("entwurf", "2023", &[1.0; 3])];
        store.insert_values(&atlas, &new, list, &import("values"), &[internal("entwurf", 5.0)]).await.unwrap();
        assert_eq!(current(&store, "entwurf", "2023").await.unwrap(), [1.0; 3]);
        let catalogue = catalogue(&store).await;
        assert!(catalogue.indicators.contains(&new.indicators[0]));
        assert!(catalogue.themes.contains(&new.themes[0]));
        // A theme that exists keeps its title.
        assert!(themes().iter().all(|theme| catalogue.themes.contains(theme)));
    }

    async fn a_draft_never_replaces_an_indicator_and_nothing_is_left_of_a_refused_one(store: Store) {
        filled(&store).await;
        let atlas = slug("wendland");
        let before = store.content_hash().await.unwrap();
        let list = || vec![series("quote", "2023", &[1.0; 3])];
        let taken = store.insert_values(&atlas, &drafts("quote"), list(), &import("values"), &[]).await;
        assert!(matches!(taken, Err(StoreError::Exists { what: "indicator", .. })));
        let unknown = vec![series("nirgends", "2023", &[1.0; 3])];
        let failed = store.insert_values(&atlas, &drafts("entwurf"), unknown, &import("values"), &[]).await;
        assert!(failed.is_err());
        assert_eq!(store.content_hash().await.unwrap(), before);
        assert_eq!(store.imports(&atlas).await.unwrap().len(), catalogue_imports());
    }
}

/// Imports that a filled atlas has: catalogue and edition.
fn catalogue_imports() -> usize {
    2
}
