//! Signing in: passwords, second factors, failures, and what people do with their own account.

use chrono::{DateTime, TimeDelta, Utc};
use kommunalatlas::{
    access::{
        AccessError, AccessSettings, Credentials, ExternalIdentity, FactorKey, Gate, Session, SignIn,
        SignInAttempt, Stage,
    },
    domain::{Role, Secret},
};
use totp_rs::{Algorithm, TOTP};

use crate::{
    House, PASSWORD, account, add, by_cookie, member, name, nothing, on_both, places::noon, root, signs_in,
    slug, tries,
};

/// The session of a cookie.
async fn session(gate: &Gate, secret: &Secret, now: DateTime<Utc>) -> Option<Session> {
    let cookie = format!("kommunalatlas={}", secret.expose());
    let credentials = Credentials { cookie: Some(cookie.as_bytes()), ..nothing(now) };
    gate.identify(&credentials).await.unwrap().session
}

/// What an authenticator app shows.
fn code(secret: &Secret, at: DateTime<Utc>) -> Secret {
    let bytes = totp_rs::Secret::Encoded(secret.expose().to_owned()).to_bytes().unwrap();
    let totp = TOTP::new(Algorithm::SHA1, 6, 1, 30, bytes).unwrap();
    Secret::new(totp.generate(at.timestamp() as u64))
}

async fn with_code(gate: &Gate, code: &Secret, at: DateTime<Utc>) -> SignIn {
    let password = Secret::new(PASSWORD);
    let attempt = SignInAttempt { name: "anna", password: &password, factor: Some(code), address: None };
    gate.sign_in(&attempt, at).await.unwrap()
}

const fn refused(outcome: &SignIn) -> bool {
    matches!(outcome, SignIn::Refused)
}

on_both! {
    async fn the_right_password_lets_in_and_nothing_says_what_was_wrong(house: House) {
        let gate = house.gate();
        add(&gate, "anna", vec![member("a", &[Role::Editor])]).await;
        let secret = signs_in(&gate, " Anna", noon()).await;
        assert!(by_cookie(&gate, &secret, noon()).await.editor(&slug("a")).is_some());
        assert!(refused(&tries(&gate, "anna", "fünf bunte esel", "192.0.2.1", noon()).await));
        assert!(refused(&tries(&gate, "bert", PASSWORD, "192.0.2.1", noon()).await));
        assert!(refused(&tries(&gate, "§", PASSWORD, "192.0.2.1", noon()).await));
    }

    async fn somebody_unknown_costs_the_same_verification(house: House) {
        let gate = house.gate();
        add(&gate, "anna", Vec::new()).await;
        let mut seen = gate.verifications();
        gate.set_disabled(&root(), &name("anna"), true, noon()).await.unwrap();
        for (who, password) in [("anna", PASSWORD), ("bert", PASSWORD), ("no name", PASSWORD), ("bert", "")] {
            assert!(refused(&tries(&gate, who, password, "192.0.2.1", noon()).await));
            assert_eq!(gate.verifications(), seen + 1, "{who}");
            seen += 1;
        }
    }

    async fn failures_make_the_next_attempt_wait_longer_and_longer_for_known_and_unknown_names_alike(house: House) {
        let gate = house.gate();
        add(&gate, "anna", Vec::new()).await;
        let mut at = noon();
        for who in ["anna", "bert"] {
            let mut waits = Vec::new();
            for _ in 0..9 {
                while let SignIn::TooMany { retry_after } = tries(&gate, who, "falsch", "192.0.2.1", at).await {
                    waits.push(retry_after.num_seconds());
                    at += retry_after;
                }
            }
            assert_eq!(waits, [1, 2, 4], "{who}");
            let verified = gate.verifications();
            let blocked = tries(&gate, who, PASSWORD, "192.0.2.1", at).await;
            assert!(matches!(blocked, SignIn::TooMany { .. }), "{blocked:?}");
            assert_eq!(gate.verifications(), verified, "no work is done for it");
        }
    }

    async fn strangers_do_not_lock_somebody_out(house: House) {
        let gate = house.gate();
        add(&gate, "anna", Vec::new()).await;
        signs_in(&gate, "anna", noon()).await;
        for i in 0..40 {
            tries(&gate, "anna", "falsch", &format!("198.51.100.{i}"), noon()).await;
        }
        let elsewhere = tries(&gate, "anna", PASSWORD, "203.0.113.1", noon()).await;
        let SignIn::TooMany { retry_after } = elsewhere else { panic!("{elsewhere:?}") };
        assert!(retry_after <= TimeDelta::seconds(30), "a new address waits a moment");
        signs_in(&gate, "anna", noon()).await;
    }

    async fn an_office_behind_one_address_may_sign_in_all_day(house: House) {
        let gate = house.gate();
        add(&gate, "anna", Vec::new()).await;
        for i in 0..40 {
            signs_in(&gate, "anna", noon() + TimeDelta::minutes(i)).await;
        }
    }

    async fn a_second_factor_is_set_up_asked_for_and_each_code_good_once(house: House) {
        let gate = house.gate();
        add(&gate, "anna", vec![member("a", &[Role::Editor])]).await;
        let cookie = signs_in(&gate, "anna", noon()).await;
        let own = session(&gate, &cookie, noon()).await.unwrap();
        let enrolment = gate.enrol_second_factor(&own, "Atlas").await.unwrap();
        signs_in(&gate, "anna", noon()).await;
        let wrong = gate.confirm_second_factor(&own, &Secret::new("000000"), noon()).await;
        assert!(matches!(wrong, Err(AccessError::WrongCode)), "{wrong:?}");
        let first = code(&enrolment.secret, noon());
        let (recovery, renewed) = gate.confirm_second_factor(&own, &first, noon()).await.unwrap();
        assert!(session(&gate, &renewed, noon()).await.is_some());
        let asked = tries(&gate, "anna", PASSWORD, "192.0.2.1", noon()).await;
        assert!(matches!(asked, SignIn::SecondFactorNeeded), "{asked:?}");
        assert!(refused(&with_code(&gate, &first, noon()).await), "the code that confirmed it was used");
        let later = noon() + TimeDelta::seconds(30);
        let next = code(&enrolment.secret, later);
        assert!(matches!(with_code(&gate, &next, later).await, SignIn::SignedIn { .. }));
        assert!(refused(&with_code(&gate, &next, later).await));
        let typed = Secret::new(recovery[0].expose().to_uppercase());
        assert!(matches!(with_code(&gate, &typed, later).await, SignIn::SignedIn { .. }));
        assert!(refused(&with_code(&gate, &typed, later).await));
        gate.reset_second_factor(&root(), &name("anna"), later).await.unwrap();
        signs_in(&gate, "anna", later).await;
    }

    async fn second_factors_are_stored_sealed_and_bare_ones_are_sealed_when_a_server_starts(house: House) {
        let gate = house.gate();
        add(&gate, "anna", vec![member("a", &[Role::Editor])]).await;
        let cookie = signs_in(&gate, "anna", noon()).await;
        let own = session(&gate, &cookie, noon()).await.unwrap();
        let enrolment = gate.enrol_second_factor(&own, "Atlas").await.unwrap();
        gate.confirm_second_factor(&own, &code(&enrolment.secret, noon()), noon()).await.unwrap();
        let stored = async || house.store.person(&name("anna")).await.unwrap().unwrap().totp_secret.unwrap();
        assert!(!stored().await.expose().contains(enrolment.secret.expose()));
        // As the program stored it before there was a key.
        house.by_hand("UPDATE person SET totp_secret = 'GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ', totp_step = 0").await.unwrap();
        let bare = Secret::new("GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ");
        assert!(matches!(with_code(&gate, &code(&bare, noon()), noon()).await, SignIn::SignedIn { .. }));
        assert_eq!(gate.seal_second_factors().await.unwrap(), 1);
        assert_eq!(gate.seal_second_factors().await.unwrap(), 0);
        assert!(!stored().await.expose().contains(bare.expose()));
        let later = noon() + TimeDelta::minutes(1);
        assert!(matches!(with_code(&gate, &code(&bare, later), later).await, SignIn::SignedIn { .. }));
    }

    async fn another_key_or_none_opens_no_second_factor_and_is_named(house: House) {
        let gate = house.gate();
        add(&gate, "anna", vec![member("a", &[Role::Editor])]).await;
        let cookie = signs_in(&gate, "anna", noon()).await;
        let own = session(&gate, &cookie, noon()).await.unwrap();
        let none = house.gate_with(AccessSettings::default());
        assert!(matches!(none.enrol_second_factor(&own, "Atlas").await, Err(AccessError::FactorKey)));
        let enrolment = gate.enrol_second_factor(&own, "Atlas").await.unwrap();
        gate.confirm_second_factor(&own, &code(&enrolment.secret, noon()), noon()).await.unwrap();
        let another = AccessSettings { factor_key: Some(FactorKey::random().unwrap()), ..AccessSettings::default() };
        for gate in [none, house.gate_with(another)] {
            let error = gate.seal_second_factors().await.unwrap_err();
            assert!(error.to_string().contains("secret_key_file"), "{error}");
            let (password, code) = (Secret::new(PASSWORD), code(&enrolment.secret, noon()));
            let attempt = SignInAttempt { name: "anna", password: &password, factor: Some(&code), address: None };
            assert!(matches!(gate.sign_in(&attempt, noon()).await, Err(AccessError::FactorKey)));
        }
    }

    async fn asking_without_a_code_does_not_forgive_wrong_codes(house: House) {
        let gate = house.gate();
        add(&gate, "anna", Vec::new()).await;
        let cookie = signs_in(&gate, "anna", noon()).await;
        let own = session(&gate, &cookie, noon()).await.unwrap();
        let enrolment = gate.enrol_second_factor(&own, "Atlas").await.unwrap();
        gate.confirm_second_factor(&own, &code(&enrolment.secret, noon()), noon()).await.unwrap();
        let password = Secret::new(PASSWORD);
        let wrong = Secret::new("000000");
        let mut blocked = false;
        for i in 0..20 {
            let factor = (i % 2 == 0).then_some(&wrong);
            let address = Some("203.0.113.5".parse().unwrap());
            let attempt = SignInAttempt { name: "anna", password: &password, factor, address };
            blocked |= matches!(gate.sign_in(&attempt, noon()).await.unwrap(), SignIn::TooMany { .. });
        }
        assert!(blocked);
    }

    async fn the_powerful_need_a_second_factor_where_the_server_demands_it(house: House) {
        let key = Some(house.key.clone());
        let settings =
            AccessSettings { require_second_factor: true, factor_key: key, ..AccessSettings::default() };
        let gate = house.gate_with(settings);
        add(&gate, "anna", vec![member("a", &[Role::Administrator])]).await;
        add(&gate, "bert", vec![member("a", &[Role::Editor])]).await;
        let bert = signs_in(&gate, "bert", noon()).await;
        assert!(!by_cookie(&gate, &bert, noon()).await.is_anonymous());
        let anna = signs_in(&gate, "anna", noon()).await;
        assert!(by_cookie(&gate, &anna, noon()).await.is_anonymous());
        let own = session(&gate, &anna, noon()).await.unwrap();
        assert_eq!(own.stage(), Stage::SecondFactorDue);
        assert!(own.owner().is_none());
        let enrolment = gate.enrol_second_factor(&own, "Atlas").await.unwrap();
        let (_, renewed) = gate.confirm_second_factor(&own, &code(&enrolment.secret, noon()), noon()).await.unwrap();
        assert!(by_cookie(&gate, &renewed, noon()).await.administrator(&slug("a")).is_some());
    }

    async fn a_password_that_others_know_is_changed_first(house: House) {
        let gate = house.gate();
        let mut anna = account("anna", vec![member("a", &[Role::Viewer])]);
        anna.keeps_password = false;
        gate.add_person(&root(), &anna, noon()).await.unwrap();
        let cookie = signs_in(&gate, "anna", noon()).await;
        let other = signs_in(&gate, "anna", noon()).await;
        assert!(by_cookie(&gate, &cookie, noon()).await.is_anonymous());
        let own = session(&gate, &cookie, noon()).await.unwrap();
        assert_eq!(own.stage(), Stage::PasswordDue);
        let (present, new) = (Secret::new(PASSWORD), Secret::new("neun grüne gänse"));
        let wrong = gate.change_password(&own, &new, &present, noon()).await;
        assert!(matches!(wrong, Err(AccessError::WrongPassword)), "{wrong:?}");
        let weak = gate.change_password(&own, &present, &Secret::new("anna anna anna"), noon()).await;
        assert!(matches!(weak, Err(AccessError::Password(_))), "{weak:?}");
        let renewed = gate.change_password(&own, &present, &new, noon()).await.unwrap();
        assert!(!by_cookie(&gate, &renewed, noon()).await.is_anonymous());
        assert!(session(&gate, &other, noon()).await.is_none(), "other sessions end");
    }

    async fn sessions_are_listed_and_ended(house: House) {
        let gate = house.gate();
        add(&gate, "anna", vec![member("a", &[Role::Viewer])]).await;
        let (one, other) = (signs_in(&gate, "anna", noon()).await, signs_in(&gate, "anna", noon()).await);
        let own = session(&gate, &one, noon()).await.unwrap();
        let list = gate.sessions(&own, noon()).await.unwrap();
        assert_eq!(list.iter().map(|s| s.current).collect::<Vec<_>>(), [false, true]);
        gate.end_session(&own, list[0].id, noon()).await.unwrap();
        assert!(matches!(gate.end_session(&own, list[0].id, noon()).await, Err(AccessError::Unknown)));
        assert!(session(&gate, &other, noon()).await.is_none());
        assert!(session(&gate, &one, noon()).await.is_some());
        signs_in(&gate, "anna", noon()).await;
        assert_eq!(gate.sign_out_everywhere(&own, noon()).await.unwrap(), 2);
        assert!(session(&gate, &one, noon()).await.is_none());
    }

    async fn an_identity_provider_brings_people_and_what_they_are(house: House) {
        let gate = house.gate();
        add(&gate, "anna", vec![member("a", &[Role::Administrator])]).await;
        let mut identity = ExternalIdentity {
            issuer: "https://id.example".into(),
            subject: "4711".into(),
            name: "Anna".into(),
            display_name: "Anna M.".into(),
            memberships: vec![member("b", &[Role::Editor]), member("a", &[Role::Viewer])],
        };
        let enter = async |identity: &ExternalIdentity| {
            match gate.sign_in_external(identity, None, noon()).await.unwrap() {
                SignIn::SignedIn { secret, .. } => secret,
                other => panic!("{other:?}"),
            }
        };
        let first = enter(&identity).await;
        let access = by_cookie(&gate, &first, noon()).await;
        let called = access.name().unwrap().to_owned();
        assert!(called.starts_with("anna-"), "{called} is not the Anna of this server");
        assert!(access.editor(&slug("b")).is_some() && access.administrator(&slug("a")).is_none());
        let person = name(&called);
        let limit = Some([slug("health")].into());
        gate.grant(&root(), &person, (&slug("b"), Role::Editor), limit, noon()).await.unwrap();
        identity.memberships = vec![member("b", &[Role::Viewer])];
        let second = enter(&identity).await;
        let access = by_cookie(&gate, &second, noon()).await;
        assert_eq!(access.name(), Some(called.as_str()));
        assert!(access.editor(&slug("b")).is_none());
        assert!(!access.scope(&slug("b")).sees_theme(&slug("education")), "a limit to themes stays");
        assert!(by_cookie(&gate, &first, noon()).await.editor(&slug("b")).is_none());
        assert!(refused(&tries(&gate, &called, "", "192.0.2.1", noon()).await));
        gate.set_disabled(&root(), &name(&called), true, noon()).await.unwrap();
        assert!(refused(&gate.sign_in_external(&identity, None, noon()).await.unwrap()));
    }
}
