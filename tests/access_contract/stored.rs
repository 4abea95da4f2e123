//! What the store of people keeps.

use chrono::TimeDelta;
use kommunalatlas::store::{AttemptLimit, AuditEntry, Idempotency};

use crate::{House, on_both, places::noon};

fn limit(subject: &str, free: u32) -> AttemptLimit {
    AttemptLimit { subject: subject.into(), free, longest: TimeDelta::minutes(15), shared: false }
}

on_both! {
    async fn a_request_is_answered_once_for_each_key_and_person(house: House) {
        let store = &house.store;
        let begin = async |person: &str, body: &str| {
            store.begin_request(person, "key", "POST /api/x", body, noon()).await.unwrap()
        };
        assert_eq!(begin("anna", "body").await, Idempotency::New);
        assert_eq!(begin("anna", "body").await, Idempotency::UnderWay);
        assert_eq!(begin("bert", "body").await, Idempotency::New);
        store.finish_request("anna", "key", 201, b"made").await.unwrap();
        assert_eq!(begin("anna", "body").await, Idempotency::Done { status: 201, body: b"made".to_vec() });
        assert_eq!(begin("anna", "other").await, Idempotency::Other);
        store.give_up_request("bert", "key").await.unwrap();
        assert_eq!(begin("bert", "body").await, Idempotency::New);
        let later = noon() + TimeDelta::minutes(11);
        let again = store.begin_request("bert", "key", "POST /api/x", "body", later).await.unwrap();
        assert_eq!(again, Idempotency::New, "the server that had begun it has ended");
        let later = noon() + TimeDelta::days(2);
        let again = store.begin_request("anna", "key", "POST /api/x", "body", later).await.unwrap();
        assert_eq!(again, Idempotency::New);
    }

    async fn attempts_at_the_same_time_do_not_pass_together(house: House) {
        let limits = [limit("person:1", 3)];
        let tries: Vec<_> = (0..8)
            .map(|_| {
                let (store, limits) = (house.store.clone(), limits.clone());
                tokio::spawn(async move { store.begin_attempt(&limits, noon()).await.unwrap() })
            })
            .collect();
        let mut passed = 0;
        for one in tries {
            passed += u32::from(one.await.unwrap().is_none());
        }
        assert_eq!(passed, 4);
    }

    async fn an_attempt_that_was_no_failure_is_taken_back(house: House) {
        let limits = [limit("person:1", 1)];
        for _ in 0..5 {
            assert_eq!(house.store.begin_attempt(&limits, noon()).await.unwrap(), None);
            house.store.take_back_attempt(&limits, noon()).await.unwrap();
        }
        assert_eq!(house.store.begin_attempt(&limits, noon()).await.unwrap(), None);
        assert_eq!(house.store.begin_attempt(&limits, noon()).await.unwrap(), None);
        let until = house.store.begin_attempt(&limits, noon()).await.unwrap();
        assert_eq!(until, Some(noon() + TimeDelta::seconds(1)));
        let later = noon() + TimeDelta::days(2);
        assert_eq!(house.store.begin_attempt(&limits, later).await.unwrap(), None, "forgotten");
    }

    async fn others_at_the_database_have_no_right(house: House) {
        if house.location.starts_with("postgres") {
            // Division by zero tells one answer from the other.
            let sql = "SELECT 1 / (CASE WHEN has_schema_privilege('public', 'kommunalatlas_access', 'USAGE, CREATE') \
                       THEN 0 ELSE 1 END)";
            house.by_hand(sql).await.unwrap();
            assert!(house.by_hand("SELECT 1 / (CASE WHEN true THEN 0 ELSE 1 END)").await.is_err());
        }
    }

    async fn what_changes_no_rights_leaves_their_number(house: House) {
        let before = house.store.rights().await.unwrap();
        house.store.record(&AuditEntry::new(noon(), "anna", "x.y")).await.unwrap();
        house.store.begin_attempt(&[limit("person:1", 3)], noon()).await.unwrap();
        assert_eq!(house.store.rights().await.unwrap(), before);
    }
}
