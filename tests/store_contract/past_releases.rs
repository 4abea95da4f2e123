//! What was ever released, with the series that it was made from.

use kommunalatlas::{
    domain::{Audience, Provenance},
    store::{Store, StoreError},
};

use crate::{
    fixtures::*,
    places::{Place, with_store},
};

contract! {
    async fn everything_that_was_ever_released_is_there_with_its_series(store: Store) {
        let edition = filled(&store).await;
        let atlas = slug("wendland");
        let both = |values: &[f64]| vec![series("quote", "2022", values), series("quote", "2023", values)];
        store.insert_series(&atlas, both(&[1.25; 3]), &import("values"), &[]).await.unwrap();
        let old: Vec<_> = catalogue(&store).await.series.iter().map(|row| (row.period.clone(), row.id)).collect();
        let of = |when: &str| old.iter().find(|(p, _)| *p == period(when)).map(|(_, id)| *id);
        let mut first = release(edition, Audience::Public, &[1.0; 3]);
        first.inputs = old.iter().map(|(_, id)| *id).collect();
        store.publish(&atlas, &first).await.unwrap();
        store.insert_series(&atlas, both(&[2.25; 3]), &import("values"), &[]).await.unwrap();
        store.publish(&atlas, &release(edition, Audience::Public, &[2.0; 3])).await.unwrap();

        let past = store.past_columns(&atlas).await.unwrap();
        let seen: Vec<_> = past.iter().map(|p| (p.period.to_string(), p.in_force, p.column.value(0))).collect();
        assert_eq!(seen, [
            ("2023".to_owned(), false, Some(1.0)),
            ("2022".to_owned(), false, Some(1.0)),
            ("2023".to_owned(), true, Some(2.0)),
            ("2022".to_owned(), true, Some(2.0)),
        ]);
        assert_eq!((past[0].series, past[1].series), (of("2023"), of("2022")));
        assert!(past[2].series.is_some_and(|id| Some(id) != of("2023")));
        assert_eq!(store.provenance(past[0].series.unwrap()).await.unwrap(), Provenance::Exact);
        assert!(matches!(store.provenance(9999).await, Err(StoreError::Unknown { .. })));
        assert!(matches!(store.past_columns(&slug("nowhere")).await, Err(StoreError::Unknown { .. })));
    }
}
