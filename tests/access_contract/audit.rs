//! The audit log.

use chrono::TimeDelta;
use kommunalatlas::{
    access::{AccessError, AccessSettings, Manager},
    domain::{Role, Text},
    store::{AreaChange, AreaDecision, AuditEntry, AuditFilter, NewAtlas, OpenMode, Store},
};
use serde_json::json;

use crate::{House, add, by_header, member, name, on_both, places::noon, root, signs_in, slug, tries};

async fn manager(house: &House, who: &str) -> Manager {
    let gate = house.gate();
    let secret = signs_in(&gate, who, noon()).await;
    crate::by_cookie(&gate, &secret, noon()).await.manager().unwrap()
}

on_both! {
    async fn what_becomes_of_the_public_area_is_in_the_log_though_only_the_store_acted(house: House) {
        // As a program does that is cut off right after the act.
        let store = Store::open(&house.location, OpenMode::Create, noon()).await.unwrap();
        let atlas = NewAtlas {
            slug: slug("a"),
            title: Text::german("A"),
            required_indicators: 0,
            attribution: "©".into(),
        };
        store.create_atlas(&atlas).await.unwrap();
        let decision = AreaDecision {
            change: AreaChange::Opened,
            count: 0,
            required: 0,
            reason: None,
            until: None,
            at: noon(),
            by: "anna".into(),
        };
        let since = store.release_mark(&slug("a")).await.unwrap();
        store.decide_area(&slug("a"), &decision, since).await.unwrap();
        if house.location.starts_with("postgres") {
            assert_eq!(house.store.collect(&store).await.unwrap(), 0, "it was written in the transaction of the act");
        } else {
            assert_eq!(house.store.collect(&store).await.unwrap(), 1);
        }
        let log = house.store.audit_log(&AuditFilter::default(), 10, None).await.unwrap();
        assert_eq!(log.len(), 1);
        assert_eq!((log[0].actor.as_str(), log[0].action.as_str()), ("anna", "area.opened"));
        assert_eq!((log[0].at, log[0].atlas.clone()), (noon(), Some(slug("a"))));
        store.close().await;
    }

    async fn entries_come_back_as_they_were_the_latest_first(house: House) {
        let entry = AuditEntry::new(noon(), "anna", "release.published")
            .of_atlas(&slug("a"))
            .about("gemeinde/quote")
            .changing(None, Some(json!({ "number": 1 })));
        house.store.record(&entry).await.unwrap();
        for i in 0..5 {
            let at = noon() + TimeDelta::seconds(i);
            house.store.record(&AuditEntry::new(at, "bert", "x.y")).await.unwrap();
        }
        let all = house.store.audit_log(&AuditFilter::default(), 100, None).await.unwrap();
        assert_eq!(all.len(), 6);
        assert!(all.windows(2).all(|pair| pair[0].id > pair[1].id));
        assert_eq!((&all[5].actor, &all[5].after), (&entry.actor, &entry.after));
        assert_eq!((&all[5].subject, &all[5].before), (&entry.subject, &None));
        let page = house.store.audit_log(&AuditFilter::default(), 2, Some(all[1].id)).await.unwrap();
        assert_eq!(page, all[2..4]);
        let of = async |filter: AuditFilter| house.store.audit_log(&filter, 9, None).await.unwrap().len();
        assert_eq!(of(AuditFilter { atlas: Some(slug("a")), ..AuditFilter::default() }).await, 1);
        assert_eq!(of(AuditFilter { without_atlas: true, ..AuditFilter::default() }).await, 5);
        assert_eq!(of(AuditFilter { actor: Some("bert".into()), ..AuditFilter::default() }).await, 5);
        assert_eq!(of(AuditFilter { action: Some("x.z".into()), ..AuditFilter::default() }).await, 0);
        let since = Some(noon() + TimeDelta::seconds(3));
        assert_eq!(of(AuditFilter { since, ..AuditFilter::default() }).await, 2);
    }

    async fn the_database_itself_refuses_to_change_or_delete_entries(house: House) {
        house.store.record(&AuditEntry::new(noon(), "anna", "x.y")).await.unwrap();
        for sql in ["UPDATE audit SET actor = 'bert'", "DELETE FROM audit"] {
            let error = house.by_hand(sql).await.unwrap_err();
            assert!(error.to_string().contains("append-only"), "{sql}: {error}");
        }
        if house.location.starts_with("postgres") {
            assert!(house.by_hand("TRUNCATE audit").await.is_err());
        }
        assert_eq!(house.store.audit_log(&AuditFilter::default(), 9, None).await.unwrap().len(), 1);
    }

    async fn retention_deletes_what_is_old_and_says_so(house: House) {
        for days in [100, 50, 1] {
            let at = noon() - TimeDelta::days(days);
            house.store.record(&AuditEntry::new(at, "anna", "x.y")).await.unwrap();
        }
        let settings = AccessSettings { keep_log: Some(TimeDelta::days(60)), ..AccessSettings::default() };
        house.gate_with(settings).prune(noon()).await.unwrap();
        let left = house.store.audit_log(&AuditFilter::default(), 9, None).await.unwrap();
        let actions: Vec<&str> = left.iter().map(|row| row.action.as_str()).collect();
        assert_eq!(actions, ["audit.pruned", "x.y", "x.y"]);
        assert!(house.by_hand("DELETE FROM audit").await.is_err(), "the door is closed again");
    }

    async fn accounts_that_nobody_uses_are_removed_but_for_the_last_operator(house: House) {
        let long_ago = noon() - TimeDelta::days(400);
        let gate = house.gate();
        let mut old = crate::account("root-account", Vec::new());
        old.operator = true;
        gate.add_person(&root(), &old, long_ago).await.unwrap();
        gate.add_person(&root(), &crate::account("old", Vec::new()), long_ago).await.unwrap();
        gate.add_person(&root(), &crate::account("new", Vec::new()), noon()).await.unwrap();
        let keep = Some(TimeDelta::days(365));
        let settings = AccessSettings { keep_unused_accounts: keep, ..AccessSettings::default() };
        house.gate_with(settings).prune(noon()).await.unwrap();
        let people = gate.people(&root()).await.unwrap();
        let names: Vec<&str> = people.iter().map(|person| person.name.as_str()).collect();
        assert_eq!(names, ["new", "root-account"]);
    }

    async fn administrators_read_the_log_of_their_atlas_and_operators_what_belongs_to_none(house: House) {
        let gate = house.gate();
        add(&gate, "admin", vec![member("a", &[Role::Administrator])]).await;
        let mut operator = crate::account("op", Vec::new());
        operator.operator = true;
        gate.add_person(&root(), &operator, noon()).await.unwrap();
        gate.grant(&root(), &name("op"), (&slug("b"), Role::Viewer), None, noon()).await.unwrap();
        let (admin, op) = (manager(&house, "admin").await, manager(&house, "op").await);
        let of = |atlas: Option<&str>| AuditFilter { atlas: atlas.map(slug), ..AuditFilter::default() };
        let refused = gate.audit_log(&admin, &of(Some("b")), 9, None).await;
        assert!(matches!(refused, Err(AccessError::NotEntitled)));
        assert!(gate.audit_log(&admin, &of(None), 9, None).await.is_err());
        assert!(gate.audit_log(&op, &of(Some("b")), 9, None).await.is_err());
        assert!(gate.audit_log(&admin, &of(Some("a")), 9, None).await.unwrap().is_empty());
        let seen = gate.audit_log(&op, &of(None), 9, None).await.unwrap();
        assert!(!seen.is_empty() && seen.iter().all(|row| row.atlas.is_none()));
    }

    async fn no_secret_stands_in_the_log(house: House) {
        let gate = house.gate();
        add(&gate, "anna", vec![member("a", &[Role::Editor])]).await;
        let cookie = signs_in(&gate, "anna", noon()).await;
        // A password in the field of the name, and a wrong one in its own.
        tries(&gate, "ein geheimes wort", "noch ein geheimes", "192.0.2.9", noon()).await;
        tries(&gate, "anna", "noch ein geheimes", "192.0.2.9", noon()).await;
        assert!(by_header(&gate, "Bearer ka_geheim", noon()).await.is_err());
        let token = gate.reset_password(&root(), &name("anna"), noon()).await.unwrap();
        let log = format!("{:?}", house.store.audit_log(&AuditFilter::default(), 99, None).await.unwrap());
        for secret in [cookie.expose(), token.expose(), crate::PASSWORD, "geheim", "argon2"] {
            assert!(!log.contains(secret), "{secret}: {log}");
        }
        assert!(log.contains("session.refused") && log.contains("person.password-reset"));
    }
}
