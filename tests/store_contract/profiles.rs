//! Saved source profiles.

use kommunalatlas::store::{SourceProfile, Store, StoreError};

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

contract! {
    async fn profiles_come_back_by_name_and_are_replaced_when_saved_again(store: Store) {
        filled(&store).await;
        let atlas = slug("wendland");
        let (kita, amt) = (profile("kita", "key = 1\n# ä\n"), profile("amt", ""));
        store.put_profile(&atlas, &kita).await.unwrap();
        store.put_profile(&atlas, &amt).await.unwrap();
        assert_eq!(store.profiles(&atlas).await.unwrap(), [amt.clone(), kita]);
        let again = SourceProfile { level: slug("kreis"), ..profile("kita", "key = 2\n") };
        store.put_profile(&atlas, &again).await.unwrap();
        assert_eq!(store.profiles(&atlas).await.unwrap(), [amt, again]);
    }

    async fn a_removed_profile_is_gone_and_leaves_no_trace_in_the_content(store: Store) {
        filled(&store).await;
        let (atlas, before) = (slug("wendland"), store.content_hash().await.unwrap());
        store.put_profile(&atlas, &profile("kita", "key = 1")).await.unwrap();
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
        assert!(matches!(store.put_profile(&slug("wendland"), &lost).await, Err(StoreError::Unknown { .. })));
        let elsewhere = store.put_profile(&slug("nirgends"), &profile("kita", "")).await;
        assert!(matches!(elsewhere, Err(StoreError::Unknown { .. })), "{elsewhere:?}");
    }
}
