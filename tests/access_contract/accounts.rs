//! People as others manage them.

use chrono::TimeDelta;
use kommunalatlas::{
    access::{AccessError, Credentials, Gate, Manager, Owner, SignIn, TokenRequest},
    domain::{Role, Secret},
    store::AuditFilter,
};

use crate::{
    House, PASSWORD, account, add, by_cookie, member, name, nothing, on_both, places::noon, root, signs_in,
    slug, tries,
};

async fn manager(gate: &Gate, who: &str) -> Manager {
    let secret = signs_in(gate, who, noon()).await;
    by_cookie(gate, &secret, noon()).await.manager().unwrap()
}

async fn add_operator(gate: &Gate, who: &str) {
    let mut operator = account(who, Vec::new());
    operator.operator = true;
    gate.add_person(&root(), &operator, noon()).await.unwrap();
}

on_both! {
    async fn an_administrator_ends_tokens_for_the_atlas_and_no_others(house: House) {
        let gate = house.gate();
        add(&gate, "chef", vec![member("a", &[Role::Administrator])]).await;
        add(&gate, "anna", vec![member("a", &[Role::Editor])]).await;
        add(&gate, "bert", vec![member("a", &[Role::Viewer]), member("b", &[Role::Viewer])]).await;
        add(&gate, "carl", vec![member("b", &[Role::Viewer])]).await;
        let cookie = signs_in(&gate, "chef", noon()).await;
        let chef = by_cookie(&gate, &cookie, noon()).await.manager().unwrap();
        let token = async |who: &str, atlas: Option<&str>| {
            let request = TokenRequest { atlas: atlas.map(slug), ..TokenRequest::default() };
            gate.add_token(&Owner::local("root", name(who)), &request, noon()).await.unwrap()
        };
        let (annas, secret) = token("anna", None).await;
        let (berts, _) = token("bert", Some("a")).await;
        let (elsewhere, _) = token("bert", Some("b")).await;
        let (everywhere, _) = token("bert", None).await;
        let seen = async |who: &str| {
            let tokens = gate.tokens_of(&chef, &name(who)).await?;
            Ok::<_, AccessError>(tokens.into_iter().map(|token| token.id).collect::<Vec<_>>())
        };
        assert_eq!((seen("anna").await.unwrap(), seen("bert").await.unwrap()), (vec![annas], vec![berts]));
        assert!(matches!(seen("carl").await, Err(AccessError::UnknownPerson)));
        for id in [elsewhere, everywhere, annas] {
            let refused = gate.revoke_token_of(&chef, &name("bert"), id, noon()).await;
            assert!(matches!(refused, Err(AccessError::Unknown)), "{refused:?}");
        }
        gate.revoke_token_of(&chef, &name("bert"), berts, noon()).await.unwrap();
        gate.revoke_token_of(&chef, &name("anna"), annas, noon()).await.unwrap();
        let header = format!("Bearer {}", secret.expose());
        let credentials = Credentials { authorization: Some(header.as_bytes()), ..nothing(noon()) };
        assert!(gate.authenticate(&credentials).await.is_err());
        let again = gate.revoke_token_of(&chef, &name("anna"), annas, noon()).await;
        assert!(matches!(again, Err(AccessError::Unknown)), "{again:?}");
        let log = house.store.audit_log(&AuditFilter::default(), 2, None).await.unwrap();
        assert!(log.iter().all(|row| row.actor == "chef" && row.action == "token.revoked"), "{log:?}");
        assert_eq!(log[1].atlas, Some(slug("a")));
    }

    async fn a_name_is_taken_once_and_a_bad_password_is_refused(house: House) {
        let gate = house.gate();
        add(&gate, "anna", Vec::new()).await;
        let again = gate.add_person(&root(), &account("anna", Vec::new()), noon()).await;
        assert!(matches!(again, Err(AccessError::NameTaken)), "{again:?}");
        let mut short = account("bert", Vec::new());
        short.password = Some(Secret::new("kurz"));
        let refused = gate.add_person(&root(), &short, noon()).await;
        assert!(matches!(refused, Err(AccessError::Password(_))), "{refused:?}");
    }

    async fn roles_are_granted_and_revoked_and_count_at_once(house: House) {
        let gate = house.gate();
        add(&gate, "anna", Vec::new()).await;
        let secret = signs_in(&gate, "anna", noon()).await;
        assert!(by_cookie(&gate, &secret, noon()).await.editor(&slug("a")).is_none());
        let (anna, editor) = (name("anna"), slug("a"));
        let themes = Some([slug("health")].into());
        gate.grant(&root(), &anna, (&editor, Role::Editor), themes, noon()).await.unwrap();
        gate.grant(&root(), &anna, (&editor, Role::Publisher), None, noon()).await.unwrap();
        let access = by_cookie(&gate, &secret, noon()).await;
        let rights = access.editor(&slug("a")).unwrap();
        assert!(rights.may(&slug("a"), Some(&slug("health"))) && !rights.may(&slug("a"), Some(&slug("education"))));
        assert!(access.publisher(&slug("a")).is_some());
        gate.lift_themes(&root(), &anna, &slug("a"), noon()).await.unwrap();
        let rights = by_cookie(&gate, &secret, noon()).await.editor(&slug("a")).unwrap();
        assert!(rights.may(&slug("a"), Some(&slug("education"))));
        for role in [Role::Editor, Role::Publisher] {
            gate.revoke(&root(), &anna, (&slug("a"), role), noon()).await.unwrap();
        }
        assert!(house.store.person(&anna).await.unwrap().unwrap().memberships.is_empty());
        assert!(by_cookie(&gate, &secret, noon()).await.editor(&slug("a")).is_none());
    }

    async fn an_administrator_manages_the_people_of_the_own_atlas_and_nobody_else(house: House) {
        let gate = house.gate();
        add(&gate, "admin", vec![member("a", &[Role::Administrator])]).await;
        add(&gate, "anna", vec![member("a", &[Role::Viewer])]).await;
        add(&gate, "both", vec![member("a", &[Role::Viewer]), member("b", &[Role::Viewer])]).await;
        add(&gate, "other", vec![member("b", &[Role::Viewer])]).await;
        add_operator(&gate, "op").await;
        gate.grant(&root(), &name("op"), (&slug("a"), Role::Viewer), None, noon()).await.unwrap();
        let admin = manager(&gate, "admin").await;
        let seen = gate.people(&admin).await.unwrap();
        let names: Vec<&str> = seen.iter().map(|account| account.name.as_str()).collect();
        assert_eq!(names, ["admin", "anna", "both", "op"]);
        assert!(seen.iter().all(|account| account.memberships.iter().all(|m| m.atlas == slug("a"))));
        gate.set_disabled(&admin, &name("anna"), true, noon()).await.unwrap();
        for stranger in ["both", "other", "op", "nobody"] {
            let refused = gate.reset_password(&admin, &name(stranger), noon()).await;
            assert!(matches!(refused, Err(AccessError::UnknownPerson)), "{stranger}: {refused:?}");
        }
        gate.grant(&admin, &name("other"), (&slug("a"), Role::Editor), None, noon()).await.unwrap();
        let refused = gate.grant(&admin, &name("anna"), (&slug("b"), Role::Viewer), None, noon()).await;
        assert!(matches!(refused, Err(AccessError::NotEntitled)));
        assert!(gate.set_operator(&admin, &name("admin"), true, noon()).await.is_err());
        gate.add_person(&admin, &account("new", vec![member("a", &[Role::Editor])]), noon()).await.unwrap();
        for refused in [account("x", Vec::new()), account("y", vec![member("b", &[Role::Viewer])])] {
            assert!(gate.add_person(&admin, &refused, noon()).await.is_err());
        }
    }

    async fn an_operator_makes_administrators_and_no_other_role(house: House) {
        let gate = house.gate();
        add_operator(&gate, "op").await;
        add(&gate, "anna", Vec::new()).await;
        let op = manager(&gate, "op").await;
        gate.grant(&op, &name("anna"), (&slug("a"), Role::Administrator), None, noon()).await.unwrap();
        for role in [Role::Viewer, Role::Editor, Role::Statistician, Role::Publisher] {
            let refused = gate.grant(&op, &name("op"), (&slug("a"), role), None, noon()).await;
            assert!(matches!(refused, Err(AccessError::NotEntitled)));
        }
        let seen = gate.people(&op).await.unwrap();
        assert_eq!(seen.len(), 2);
        assert!(seen.iter().all(|account| account.memberships.is_empty()), "what they are is not the operator's");
    }

    async fn the_last_operator_stays(house: House) {
        let gate = house.gate();
        add_operator(&gate, "op").await;
        let op = name("op");
        for refused in [
            gate.remove_person(&root(), &op, noon()).await,
            gate.set_disabled(&root(), &op, true, noon()).await,
            gate.set_operator(&root(), &op, false, noon()).await,
        ] {
            assert!(matches!(refused, Err(AccessError::LastOperator)), "{refused:?}");
        }
        add_operator(&gate, "second").await;
        gate.remove_person(&root(), &op, noon()).await.unwrap();
    }

    async fn a_person_who_is_locked_out_is_out_at_once(house: House) {
        let gate = house.gate();
        add(&gate, "anna", vec![member("a", &[Role::Viewer])]).await;
        let secret = signs_in(&gate, "anna", noon()).await;
        assert!(!by_cookie(&gate, &secret, noon()).await.is_anonymous());
        gate.set_disabled(&root(), &name("anna"), true, noon()).await.unwrap();
        assert!(by_cookie(&gate, &secret, noon()).await.is_anonymous());
        assert!(matches!(tries(&gate, "anna", PASSWORD, "192.0.2.1", noon()).await, SignIn::Refused));
        gate.set_disabled(&root(), &name("anna"), false, noon()).await.unwrap();
        signs_in(&gate, "anna", noon()).await;
        gate.remove_person(&root(), &name("anna"), noon()).await.unwrap();
        assert!(matches!(tries(&gate, "anna", PASSWORD, "192.0.2.1", noon()).await, SignIn::Refused));
    }

    async fn a_password_is_reset_with_a_token_that_is_good_once(house: House) {
        let gate = house.gate();
        add(&gate, "anna", vec![member("a", &[Role::Viewer])]).await;
        let secret = signs_in(&gate, "anna", noon()).await;
        let token = gate.reset_password(&root(), &name("anna"), noon()).await.unwrap();
        assert!(by_cookie(&gate, &secret, noon()).await.is_anonymous(), "sessions end");
        assert!(matches!(tries(&gate, "anna", PASSWORD, "192.0.2.1", noon()).await, SignIn::Refused));
        let set = async |token: &Secret, password: &str, at| {
            gate.set_password_by_token(token, &Secret::new(password), at).await
        };
        assert!(matches!(set(&token, "kurz", noon()).await, Err(AccessError::Password(_))));
        let late = noon() + TimeDelta::hours(25);
        assert!(matches!(set(&token, "neun grüne gänse", late).await, Err(AccessError::WrongToken)));
        assert_eq!(set(&token, "neun grüne gänse", noon()).await.unwrap(), name("anna"));
        assert!(matches!(set(&token, "zehn grüne gänse", noon()).await, Err(AccessError::WrongToken)));
        let come = tries(&gate, "anna", "neun grüne gänse", "192.0.2.1", noon()).await;
        assert!(matches!(come, SignIn::SignedIn { .. }), "{come:?}");
    }

    async fn the_first_operator_comes_with_a_token_and_there_is_no_second_first(house: House) {
        let gate = house.gate();
        let earlier = gate.first_operator_token(noon()).await.unwrap().unwrap();
        let token = gate.first_operator_token(noon()).await.unwrap().unwrap();
        let (op, password) = (name("op"), Secret::new(PASSWORD));
        let claim = async |token: &Secret| gate.claim_first_operator(token, (&op, "Op"), &password, noon()).await;
        assert!(matches!(claim(&earlier).await, Err(AccessError::WrongToken)));
        let SignIn::SignedIn { secret, .. } = claim(&token).await.unwrap() else { panic!("not in") };
        assert!(by_cookie(&gate, &secret, noon()).await.operator().is_some());
        assert!(matches!(claim(&token).await, Err(AccessError::WrongToken)));
        assert!(gate.first_operator_token(noon()).await.unwrap().is_none());
        let reset = gate.set_password_by_token(&token, &password, noon()).await;
        assert!(matches!(reset, Err(AccessError::WrongToken)));
    }
}
