//! All geometries of an edition at once.

use kommunalatlas::store::Store;

use crate::{
    fixtures::*,
    places::{Place, with_store},
};

contract! {
    async fn the_geometries_of_an_edition_come_back_by_ordinal_and_none_for_reference_regions(store: Store) {
        let id = filled(&store).await;
        let expected: Vec<_> = edition("2015-12-31").regions.into_iter().map(|new| new.geometry).collect();
        assert_eq!(store.region_geometries(id).await.unwrap(), expected);
        assert!(store.region_geometries(id + 99).await.unwrap().is_empty());
    }
}
