//! Facilities: categories, what is current, what the public may see, undoing.

use kommunalatlas::{
    domain::{Audience, Facility, FacilityCategory, Text},
    store::{Id, Store, StoreError},
};

use crate::{
    fixtures::*,
    places::{Place, in_ci, with_store},
};

fn category(name: &str) -> FacilityCategory {
    FacilityCategory {
        slug: slug(name),
        title: Text::both("Kitas", "Day-care"),
        public: false,
        personal: false,
    }
}

fn facility(of: &str, key: &str) -> Facility {
    Facility {
        category: slug(of),
        key: key.into(),
        name: format!("Haus {key} Ä"),
        operator: Some("Stadt".into()),
        address: None,
        places: Some(40),
        valid_from: Some(day("2019-08-01")),
        valid_until: None,
        publishable: true,
        lon: 11.15,
        lat: 52.97,
    }
}

async fn put(
    store: &Store,
    categories: &[FacilityCategory],
    facilities: &[Facility],
) -> Result<Id, StoreError> {
    store.insert_facilities(&slug("wendland"), categories, facilities, &import("facilities")).await
}

async fn keys(store: &Store, audience: Audience) -> Vec<String> {
    let facilities = store.facilities(&slug("wendland"), audience).await.unwrap();
    facilities.into_iter().map(|f| f.key).collect()
}

contract! {
    async fn facilities_come_back_by_category_and_key_as_they_were(store: Store) {
        filled(&store).await;
        let categories = [category("schule"), category("kita")];
        let mut bare = facility("kita", "K1");
        (bare.operator, bare.places, bare.valid_from, bare.publishable) = (None, None, None, false);
        let list = [facility("kita", "K2"), bare, facility("schule", "S1")];
        put(&store, &categories, &list).await.unwrap();
        let [k2, k1, s1] = list;
        assert_eq!(store.facilities(&slug("wendland"), Audience::Internal).await.unwrap(), [s1, k1, k2]);
        assert_eq!(store.facility_categories(&slug("wendland")).await.unwrap(), categories);
        assert!(matches!(
            store.facilities(&slug("nirgends"), Audience::Internal).await,
            Err(StoreError::Unknown { .. })
        ));
    }

    async fn an_import_replaces_its_categories_only_and_undoing_brings_the_rows_before_back(store: Store) {
        filled(&store).await;
        let atlas = slug("wendland");
        let untouched = store.content_hash().await.unwrap();
        let categories = [category("kita"), category("schule")];
        let first = put(&store, &categories, &[facility("kita", "K1"), facility("schule", "S1")]).await.unwrap();
        let before = store.content_hash().await.unwrap();
        assert_ne!(before, untouched);
        let second = put(&store, &[], &[facility("kita", "K2")]).await.unwrap();
        assert_eq!(keys(&store, Audience::Internal).await, ["K2", "S1"]);
        store.undo_import(&atlas, second).await.unwrap();
        assert_eq!(keys(&store, Audience::Internal).await, ["K1", "S1"]);
        assert_eq!(store.content_hash().await.unwrap(), before);
        store.undo_import(&atlas, first).await.unwrap();
        assert!(keys(&store, Audience::Internal).await.is_empty());
        assert_eq!(store.content_hash().await.unwrap(), untouched);
    }

    async fn the_public_sees_what_is_consented_to_of_public_categories_and_had_not_ended(store: Store) {
        filled(&store).await;
        let atlas = slug("wendland");
        let mut refused = facility("kita", "K2");
        refused.publishable = false;
        let mut ended = facility("kita", "K3");
        ended.valid_until = Some(day("2020-07-31"));
        let mut ending = facility("kita", "K4");
        ending.valid_until = Some(day("2099-07-31"));
        let list = [facility("kita", "K1"), refused, ended, ending, facility("schule", "S1")];
        put(&store, &[category("kita"), category("schule")], &list).await.unwrap();
        assert!(keys(&store, Audience::Public).await.is_empty());
        let public = FacilityCategory { public: true, ..category("kita") };
        store.put_facility_categories(&atlas, &[public]).await.unwrap();
        assert_eq!(keys(&store, Audience::Public).await, ["K1", "K4"]);
        assert_eq!(keys(&store, Audience::Internal).await.len(), 5);
    }

    async fn what_comes_into_a_public_category_waits_until_it_is_published_again(store: Store) {
        filled(&store).await;
        let atlas = slug("wendland");
        put(&store, &[category("kita")], &[facility("kita", "K1"), facility("kita", "K2")]).await.unwrap();
        let public = FacilityCategory { public: true, ..category("kita") };
        store.put_facility_categories(&atlas, std::slice::from_ref(&public)).await.unwrap();
        let mut refused = facility("kita", "K2");
        refused.publishable = false;
        put(&store, std::slice::from_ref(&public), &[facility("kita", "K1"), refused, facility("kita", "K3")]).await.unwrap();
        assert_eq!(keys(&store, Audience::Public).await, ["K1"], "consent is taken back at once, not given");
        assert!(store.facilities(&atlas, Audience::Internal).await.unwrap()[2].publishable);
        store.put_facility_categories(&atlas, &[public]).await.unwrap();
        assert_eq!(keys(&store, Audience::Public).await, ["K1", "K3"]);
    }

    async fn an_unknown_category_and_a_key_that_comes_twice_are_refused(store: Store) {
        filled(&store).await;
        let before = (store.content_hash().await.unwrap(), store.generation().await.unwrap());
        assert!(matches!(put(&store, &[], &[facility("kita", "K1")]).await, Err(StoreError::Unknown { .. })));
        let twice = [facility("kita", "K1"), facility("kita", "K1")];
        assert!(matches!(put(&store, &[category("kita")], &twice).await, Err(StoreError::Invalid(_))));
        assert_eq!((store.content_hash().await.unwrap(), store.generation().await.unwrap()), before);
    }
}

#[tokio::test]
async fn gdal_opens_facilities_as_points() {
    let place = Place::file();
    let store = place.open(kommunalatlas::store::OpenMode::Create).await;
    filled(&store).await;
    put(&store, &[category("kita")], &[facility("kita", "K1")]).await.unwrap();
    store.close().await;
    let output =
        match std::process::Command::new("ogrinfo").args(["-al", &place.location, "facility"]).output() {
            Ok(output) => output,
            Err(error) => {
                assert!(!in_ci(), "ogrinfo cannot be run: {error}");
                println!("SKIPPED: ogrinfo cannot be run: {error}");
                return;
            }
        };
    let text = String::from_utf8(output.stdout).unwrap();
    assert_eq!(String::from_utf8(output.stderr).unwrap(), "", "{text}");
    for expected in
        ["Geometry: Point", "Feature Count: 1", "POINT (11.15 52.97)", "name (String) = Haus K1 Ä"]
    {
        assert!(text.contains(expected), "{expected}\n{text}");
    }
}
