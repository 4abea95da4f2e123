//! The delivery list and what answers it.

use kommunalatlas::store::{Delivery, Store, StoreError};

use crate::{
    fixtures::*,
    places::{Place, noon, with_store},
};

fn owed(department: &str, indicator: &str, due: &str) -> Delivery {
    Delivery {
        department: department.into(),
        indicator: slug(indicator),
        level: slug("gemeinde"),
        period: period("2023"),
        due_on: day(due),
    }
}

contract! {
    async fn what_is_owed_comes_back_by_department_and_date(store: Store) {
        filled(&store).await;
        let atlas = slug("wendland");
        let list = [owed("Jugendamt", "anteil", "2024-05-01"), owed("Amt Ä", "quote", "2024-06-01")];
        store.put_deliveries(&atlas, &list, Some(&import("deliveries"))).await.unwrap();
        let stored: Vec<_> = store.deliveries(&atlas).await.unwrap();
        assert_eq!(stored, [(list[1].clone(), None), (list[0].clone(), None)]);
        assert_eq!(store.imports(&atlas).await.unwrap()[0].record.kind, "deliveries");
        let later = owed("Schulamt", "anteil", "2024-07-01");
        store.put_deliveries(&atlas, std::slice::from_ref(&later), None).await.unwrap();
        assert_eq!(store.deliveries(&atlas).await.unwrap()[1], (later, None));
    }

    async fn the_current_series_answers_what_is_owed(store: Store) {
        let edition = filled(&store).await;
        let atlas = slug("wendland");
        store.put_deliveries(&atlas, &[owed("Amt", "quote", "2024-06-01")], None).await.unwrap();
        let other = vec![series("quote", "2022", &[1.0; 3]), series("anteil", "2023", &[1.0; 3])];
        store.insert_series(&atlas, other, &import("values"), &[]).await.unwrap();
        assert_eq!(store.deliveries(&atlas).await.unwrap()[0].1, None);
        let list = vec![series("quote", "2023", &[1.0; 3])];
        let id = store.insert_series(&atlas, list, &import("values"), &[]).await.unwrap();
        let answer = store.deliveries(&atlas).await.unwrap()[0].1.unwrap();
        assert_eq!((answer.edition, answer.at), (edition, noon()));
        assert_eq!(store.column(answer.series).await.unwrap(), column(&[1.0; 3]));
        store.undo_import(&atlas, id).await.unwrap();
        assert_eq!(store.deliveries(&atlas).await.unwrap()[0].1, None);
    }

    async fn deliveries_are_removed_one_by_one_or_all_of_a_period(store: Store) {
        filled(&store).await;
        let (atlas, level, when) = (slug("wendland"), slug("gemeinde"), period("2023"));
        let before = store.content_hash().await.unwrap();
        let list = [owed("Amt", "anteil", "2024-05-01"), owed("Amt", "quote", "2024-06-01")];
        store.put_deliveries(&atlas, &list, None).await.unwrap();
        assert_ne!(store.content_hash().await.unwrap(), before);
        let unknown = store.remove_deliveries(&atlas, &level, &when, &[slug("quote"), slug("nichts")]).await;
        assert!(matches!(unknown, Err(StoreError::Unknown { .. })), "{unknown:?}");
        assert_eq!(store.deliveries(&atlas).await.unwrap().len(), 2);
        assert_eq!(store.remove_deliveries(&atlas, &level, &when, &[slug("quote")]).await.unwrap(), 1);
        assert_eq!(store.remove_deliveries(&atlas, &level, &period("2022"), &[]).await.unwrap(), 0);
        assert_eq!(store.remove_deliveries(&atlas, &level, &when, &[]).await.unwrap(), 1);
        assert_eq!(store.content_hash().await.unwrap(), before);
    }

    async fn what_does_not_exist_cannot_be_owed(store: Store) {
        filled(&store).await;
        let good = owed("Amt", "quote", "2024-06-01");
        let before = store.content_hash().await.unwrap();
        for bad in [
            Delivery { indicator: slug("nichts"), ..good.clone() },
            Delivery { level: slug("nirgends"), ..good.clone() },
            Delivery { department: " ".into(), ..good.clone() },
        ] {
            let result = store.put_deliveries(&slug("wendland"), &[good.clone(), bad], None).await;
            assert!(matches!(result, Err(StoreError::Unknown { .. } | StoreError::Invalid(_))), "{result:?}");
        }
        assert_eq!(store.content_hash().await.unwrap(), before);
    }
}
