//! Bundles, withdrawals, decisions on the public area, settings.

use chrono::{DateTime, Utc};
use kommunalatlas::{
    domain::{Audience, BundleState, Policies, ReleaseRequest},
    store::{
        AreaChange, AreaDecision, AtlasSettings, BundleContent, BundleMove, Id, NewRelease, Publication,
        ReleaseMark, Stamp, Store, StoreError, Withdrawal,
    },
};
use serde_json::json;

use crate::{
    fixtures::{catalogue, filled, import, release, series, slug, withdrawn},
    places::{Place, noon, with_store},
};

fn content() -> BundleContent {
    BundleContent {
        title: "Frühjahr".into(),
        request: ReleaseRequest {
            indicators: vec![slug("quote"), slug("anteil")],
            levels: vec![slug("gemeinde")],
            periods: vec!["2023".parse().unwrap()],
            audience: Audience::Public,
        },
        embargo_until: None,
    }
}

fn stamp(by: &str) -> Stamp {
    Stamp { at: noon(), by: by.into() }
}

fn step(id: Id, revision: i64, action: &'static str, to: BundleState) -> BundleMove {
    BundleMove { id, revision, action, to, findings: None, stamp: stamp("bert") }
}

/// A bundle that is approved, in its third revision.
async fn approved(store: &Store, content: &BundleContent) -> Id {
    let atlas = slug("wendland");
    let id = store.create_bundle(&atlas, content, &stamp("anna")).await.unwrap();
    store.move_bundle(&atlas, &step(id, 1, "check", BundleState::Checked)).await.unwrap();
    store.move_bundle(&atlas, &step(id, 2, "approve", BundleState::Approved)).await.unwrap();
    id
}

fn publication(releases: &[NewRelease], since: ReleaseMark) -> Publication<'_> {
    Publication { releases, since, findings: json!({"problems": []}), area: None, stamp: stamp("bert") }
}

contract! {
    async fn a_bundle_comes_back_with_all_that_happened_to_it(store: Store) {
        filled(&store).await;
        let atlas = slug("wendland");
        let id = approved(&store, &content()).await;
        let row = store.bundle(&atlas, id).await.unwrap();
        assert_eq!((row.content, row.state, row.revision), (content(), BundleState::Approved, 3));
        assert_eq!((row.created.by.as_str(), row.approved), ("anna", Some(stamp("bert"))));
        let events = store.bundle_history(&atlas, id).await.unwrap();
        let told: Vec<(&str, i64)> = events.iter().map(|e| (e.action.as_str(), e.revision)).collect();
        assert_eq!(told, [("create", 1), ("check", 2), ("approve", 3)]);
        assert!(matches!(store.bundle(&atlas, id + 1).await, Err(StoreError::Unknown { .. })));
    }

    async fn a_changed_bundle_is_a_draft_that_nobody_approved(store: Store) {
        filled(&store).await;
        let atlas = slug("wendland");
        let id = approved(&store, &content()).await;
        let other = BundleContent { embargo_until: Some(noon()), title: "Herbst".into(), ..content() };
        store.change_bundle(&atlas, (id, 3), &other, &stamp("anna")).await.unwrap();
        let row = store.bundles(&atlas).await.unwrap().remove(0);
        assert_eq!((row.content, row.state, row.revision), (other, BundleState::Draft, 4));
        assert_eq!((row.checked, row.approved, row.findings), (None, None, None));
    }

    async fn who_decided_on_an_older_revision_changes_nothing(store: Store) {
        filled(&store).await;
        let atlas = slug("wendland");
        let id = approved(&store, &content()).await;
        let late = store.change_bundle(&atlas, (id, 2), &content(), &stamp("anna")).await;
        assert!(matches!(late, Err(StoreError::Changed { .. })));
        let late = store.move_bundle(&atlas, &step(id, 2, "withdraw", BundleState::Withdrawn)).await;
        assert!(matches!(late, Err(StoreError::Changed { .. })));
        let row = store.bundle(&atlas, id).await.unwrap();
        assert_eq!((row.state, row.revision), (BundleState::Approved, 3));
    }

    async fn a_bundle_is_released_once_with_its_releases_or_not_at_all(store: Store) {
        let edition = filled(&store).await;
        let atlas = slug("wendland");
        let id = approved(&store, &content()).await;
        let since = store.release_mark(&atlas).await.unwrap();
        let mut bad = release(edition, Audience::Public, &[1.0; 3]);
        bad.indicator = slug("nichts");
        let half = [release(edition, Audience::Public, &[1.0; 3]), bad];
        assert!(store.publish_bundle(&atlas, (id, 3), &publication(&half, since)).await.is_err());
        assert!(catalogue(&store).await.releases.is_empty());
        assert_eq!(store.bundle(&atlas, id).await.unwrap().state, BundleState::Approved);
        let good = [release(edition, Audience::Public, &[1.0; 3])];
        store.publish_bundle(&atlas, (id, 3), &publication(&good, since)).await.unwrap();
        let again = store.publish_bundle(&atlas, (id, 3), &publication(&good, since)).await;
        assert!(matches!(again, Err(StoreError::Changed { .. })));
        let history = store.release_history(&atlas).await.unwrap();
        assert_eq!(history.len(), 1);
        assert_eq!((history[0].bundle, history[0].in_force, history[0].number), (Some(id), true, 1));
    }

    async fn releases_that_were_prepared_on_another_state_are_not_stored(store: Store) {
        let edition = filled(&store).await;
        let atlas = slug("wendland");
        let id = approved(&store, &content()).await;
        let since = store.release_mark(&atlas).await.unwrap();
        let releases = [release(edition, Audience::Public, &[1.0; 3])];
        store.publish(&atlas, &releases[0]).await.unwrap();
        let late = store.publish_bundle(&atlas, (id, 3), &publication(&releases, since)).await;
        assert!(matches!(late, Err(StoreError::Changed { .. })));
        assert_eq!(store.bundle(&atlas, id).await.unwrap().revision, 3);
        let now = store.release_mark(&atlas).await.unwrap();
        withdrawn(&store, &[(slug("quote"), slug("gemeinde"))], Audience::Public).await;
        assert_ne!(store.release_mark(&atlas).await.unwrap(), now);
    }

    async fn a_bundle_released_at_once_tells_every_step(store: Store) {
        let edition = filled(&store).await;
        let atlas = slug("wendland");
        let since = store.release_mark(&atlas).await.unwrap();
        let releases = [release(edition, Audience::Public, &[1.0; 3])];
        let id = store.publish_at_once(&atlas, &content(), &publication(&releases, since)).await.unwrap();
        let row = store.bundle(&atlas, id).await.unwrap();
        assert_eq!((row.state, row.released, row.revision), (BundleState::Released, Some(stamp("bert")), 4));
        assert_eq!(store.bundle_history(&atlas, id).await.unwrap().len(), 4);
    }

    async fn approved_bundles_are_due_from_the_end_of_their_embargo_on(store: Store) {
        filled(&store).await;
        let at = |text: &str| text.parse::<DateTime<Utc>>().unwrap();
        let embargo = Some(at("2027-03-01T10:00:00Z"));
        let id = approved(&store, &BundleContent { embargo_until: embargo, ..content() }).await;
        approved(&store, &content()).await;
        let atlas = slug("wendland");
        let waiting = BundleContent { embargo_until: embargo, ..content() };
        store.create_bundle(&atlas, &waiting, &stamp("anna")).await.unwrap();
        assert!(store.due_bundles(at("2027-03-01T09:59:59Z")).await.unwrap().is_empty());
        assert_eq!(store.due_bundles(at("2027-03-01T10:00:00Z")).await.unwrap(), [(atlas, id)]);
    }

    async fn a_withdrawal_closes_the_area_and_moves_the_bundle_in_one_transaction(store: Store) {
        let edition = filled(&store).await;
        let atlas = slug("wendland");
        let since = store.release_mark(&atlas).await.unwrap();
        let releases = [release(edition, Audience::Public, &[1.0; 3])];
        let id = store.publish_at_once(&atlas, &content(), &publication(&releases, since)).await.unwrap();
        store.set_open(&atlas, true).await.unwrap();
        let area = AreaDecision {
            change: AreaChange::Closed,
            count: 0,
            required: 10,
            reason: None,
            until: None,
            at: noon(),
            by: "bert".into(),
        };
        let layers = [(slug("quote"), slug("gemeinde"))];
        let take_back = |revision, since| Withdrawal {
            layers: &layers,
            audience: Audience::Public,
            area: Some(area.clone()),
            bundle: Some(step(id, revision, "withdraw", BundleState::Withdrawn)),
            since,
            stamp: stamp("bert"),
        };
        assert!(store.withdraw(&atlas, &take_back(4, since)).await.is_err(), "releases were added since");
        let since = store.release_mark(&atlas).await.unwrap();
        assert!(store.withdraw(&atlas, &take_back(3, since)).await.is_err(), "another revision");
        assert!(catalogue(&store).await.atlas.open);
        assert_eq!(store.withdraw(&atlas, &take_back(4, since)).await.unwrap(), 1);
        let after = catalogue(&store).await;
        assert!(!after.atlas.open && after.releases.is_empty());
        assert_eq!(store.area_decision(&atlas).await.unwrap(), Some(area.clone()));
        assert_eq!(store.bundle(&atlas, id).await.unwrap().state, BundleState::Withdrawn);
        assert_eq!(store.release_history(&atlas).await.unwrap()[0].withdrawn, Some(stamp("bert")));
    }

    async fn settings_are_changed_as_a_whole(store: Store) {
        filled(&store).await;
        let settings = AtlasSettings {
            policies: Policies::default().with("public.threshold", "5").unwrap(),
            four_eyes: true,
            indicators_due_on: Some("2027-06-30".parse().unwrap()),
        };
        store.put_settings(&slug("wendland"), &settings).await.unwrap();
        let atlas = catalogue(&store).await.atlas;
        assert_eq!(
            (atlas.policies, atlas.four_eyes, atlas.indicators_due_on),
            (settings.policies, true, settings.indicators_due_on)
        );
        assert!(store.put_settings(&slug("nirgends"), &settings).await.is_err());
    }

    async fn a_series_names_who_imported_it(store: Store) {
        filled(&store).await;
        let atlas = slug("wendland");
        store.insert_series(&atlas, vec![series("quote", "2023", &[1.0; 3])], &import("values"), &[]).await.unwrap();
        let id = catalogue(&store).await.series[0].id;
        assert_eq!(store.importers(&[id]).await.unwrap().into_iter().collect::<Vec<_>>(), ["anna"]);
        assert!(store.importers(&[id + 1]).await.is_err());
    }
}
