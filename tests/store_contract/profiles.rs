//! Saved source profiles.

use kommunalatlas::{
    domain::Slug,
    store::{BesideValues, Id, SourceProfile, Store, StoreError},
};

use crate::{
    fixtures::*,
    places::{Place, noon, with_store},
};

fn profile(name: &str, mapping: &str) -> SourceProfile {
    SourceProfile {
        slug: slug(name),
        level: slug("gemeinde"),
        fingerprint: "00ff".into(),
        headers: vec!["Schlüssel".into(), String::new(), "Quote \"2023\"".into()],
        mapping: mapping.into(),
        saved_at: noon(),
        saved_by: "anna".into(),
    }
}

/// Saves a profile as an import does.
async fn save(store: &Store, atlas: &Slug, profile: &SourceProfile) -> Result<Id, StoreError> {
    let beside = BesideValues { profile: Some(profile.clone()), ..BesideValues::default() };
    store.insert_values(atlas, &beside, Vec::new(), &import("values"), &[]).await
}

contract! {
    async fn profiles_come_back_by_name_and_are_replaced_when_saved_again(store: Store) {
        filled(&store).await;
        let atlas = slug("wendland");
        let (kita, amt) = (profile("kita", "key = 1\n# ä\n"), profile("amt", ""));
        save(&store, &atlas, &kita).await.unwrap();
        save(&store, &atlas, &amt).await.unwrap();
        assert_eq!(store.profiles(&atlas).await.unwrap(), [amt.clone(), kita]);
        let again = SourceProfile { level: slug("kreis"), ..profile("kita", "key = 2\n") };
        save(&store, &atlas, &again).await.unwrap();
        assert_eq!(store.profiles(&atlas).await.unwrap(), [amt, again]);
    }

    async fn a_removed_profile_is_gone_and_leaves_no_trace_in_the_content(store: Store) {
        filled(&store).await;
        let (atlas, before) = (slug("wendland"), store.content_hash().await.unwrap());
        save(&store, &atlas, &profile("kita", "key = 1")).await.unwrap();
        assert_ne!(store.content_hash().await.unwrap(), before);
        store.remove_profile(&atlas, &slug("kita")).await.unwrap();
        assert!(store.profiles(&atlas).await.unwrap().is_empty());
        assert_eq!(store.content_hash().await.unwrap(), before);
        let twice = store.remove_profile(&atlas, &slug("kita")).await;
        assert!(matches!(twice, Err(StoreError::Unknown { .. })), "{twice:?}");
    }

    async fn a_profile_of_an_unknown_level_or_atlas_is_refused(store: Store) {
        filled(&store).await;
        let lost = SourceProfile { level: slug("nirgends"), ..profile("kita", "") };
        assert!(matches!(save(&store, &slug("wendland"), &lost).await, Err(StoreError::Unknown { .. })));
        let elsewhere = save(&store, &slug("nirgends"), &profile("kita", "")).await;
        assert!(matches!(elsewhere, Err(StoreError::Unknown { .. })), "{elsewhere:?}");
    }

    async fn a_profile_is_saved_with_its_values_or_not_at_all(store: Store) {
        filled(&store).await;
        let (atlas, before) = (slug("wendland"), store.content_hash().await.unwrap());
        let beside = BesideValues { profile: Some(profile("kita", "")), ..BesideValues::default() };
        let unknown = vec![series("nirgends", "2023", &[1.0; 3])];
        let failed = store.insert_values(&atlas, &beside, unknown, &import("values"), &[]).await;
        assert!(failed.is_err());
        assert_eq!(store.content_hash().await.unwrap(), before);
    }
}
