//! The gate: who is asking.

use chrono::TimeDelta;
use kommunalatlas::{
    access::{AccessSettings, Credentials, Gate, Owner, Refused, SignIn, TokenRequest},
    domain::{Role, Secret},
};

use crate::{
    House, PASSWORD, account, add, by_cookie, by_header, member, name, nothing, on_both, places::noon, root,
    signs_in, slug,
};

fn owner(who: &str) -> Owner {
    Owner::local("root", name(who))
}

async fn token(gate: &Gate, who: &str, request: TokenRequest) -> (i64, Secret) {
    gate.add_token(&owner(who), &request, noon()).await.unwrap()
}

fn bearer(token: &Secret) -> String {
    format!("Bearer {}", token.expose())
}

fn basic(name: &str, password: &str) -> String {
    use base64::Engine as _;
    let text = format!("{name}:{password}");
    format!("Basic {}", base64::engine::general_purpose::STANDARD.encode(text))
}

on_both! {
    async fn nothing_and_a_strange_cookie_are_the_public_and_a_strange_header_is_refused(house: House) {
        let gate = house.gate();
        assert!(gate.authenticate(&nothing(noon())).await.unwrap().is_anonymous());
        let long = "0".repeat(64);
        for value in ["", "x", &long] {
            assert!(by_cookie(&gate, &Secret::new(value), noon()).await.is_anonymous());
        }
        for header in ["", "Bearer", "Bearer x", &format!("Bearer ka_{long}"), "Basic x", "Digest x"] {
            assert_eq!(by_header(&gate, header, noon()).await, Err(Refused::Unauthorized), "{header}");
        }
        assert!(by_header(&Gate::closed(), "Bearer x", noon()).await.is_err());
    }

    async fn a_token_is_taken_as_bearer_and_as_the_password_of_basic_and_a_password_is_not(house: House) {
        let gate = house.gate();
        add(&gate, "anna", vec![member("a", &[Role::Editor])]).await;
        add(&gate, "bert", Vec::new()).await;
        let (_, token) = token(&gate, "anna", TokenRequest::default()).await;
        for header in [bearer(&token), basic("anna", token.expose()), basic("Anna", token.expose())] {
            for _ in 0..2 {
                let access = by_header(&gate, &header, noon()).await.unwrap();
                assert_eq!(access.name(), Some("anna"));
                assert!(access.editor(&slug("a")).is_some());
            }
        }
        for header in [basic("bert", token.expose()), basic("anna", PASSWORD), basic("", token.expose())] {
            assert!(by_header(&gate, &header, noon()).await.is_err());
        }
    }

    async fn a_token_brings_no_more_than_its_limits_and_no_more_than_its_person(house: House) {
        let gate = house.gate();
        let mut anna = account("anna", vec![
            member("a", &[Role::Editor, Role::Publisher]),
            member("b", &[Role::Editor]),
        ]);
        anna.operator = true;
        gate.add_person(&root(), &anna, noon()).await.unwrap();
        let limited = TokenRequest {
            atlas: Some(slug("a")),
            roles: Some([Role::Editor, Role::Statistician].into()),
            ..TokenRequest::default()
        };
        let (_, limited) = token(&gate, "anna", limited).await;
        let access = by_header(&gate, &bearer(&limited), noon()).await.unwrap();
        assert!(access.editor(&slug("a")).is_some() && access.publisher(&slug("a")).is_none());
        assert!(access.editor(&slug("b")).is_none() && access.operator().is_none());
        assert!(!access.scope(&slug("a")).sees_restricted());
        let (_, reading) = token(&gate, "anna", TokenRequest { roles: Some([Role::Viewer].into()), ..TokenRequest::default() }).await;
        let access = by_header(&gate, &bearer(&reading), noon()).await.unwrap();
        assert!(access.editor(&slug("a")).is_none());
        assert_eq!(access.scope(&slug("b")).audience(), kommunalatlas::domain::Audience::Internal);
        let (_, operating) = token(&gate, "anna", TokenRequest { operator: true, ..TokenRequest::default() }).await;
        assert!(by_header(&gate, &bearer(&operating), noon()).await.unwrap().operator().is_some());
        gate.revoke(&root(), &name("anna"), (&slug("a"), Role::Editor), noon()).await.unwrap();
        assert!(by_header(&gate, &bearer(&limited), noon()).await.unwrap().editor(&slug("a")).is_none());
    }

    async fn a_token_ends_when_it_is_revoked_here_at_once_and_elsewhere_with_the_next_look(house: House) {
        let (here, elsewhere) = (house.gate(), house.gate());
        add(&here, "anna", vec![member("a", &[Role::Viewer])]).await;
        elsewhere.refresh().await.unwrap();
        let (number, token) = token(&here, "anna", TokenRequest::default()).await;
        for gate in [&here, &elsewhere] {
            assert!(by_header(gate, &bearer(&token), noon()).await.is_ok());
        }
        here.revoke_token(&owner("anna"), number, noon()).await.unwrap();
        assert!(by_header(&here, &bearer(&token), noon()).await.is_err());
        assert!(by_header(&elsewhere, &bearer(&token), noon()).await.is_ok(), "it was known a moment ago");
        elsewhere.refresh().await.unwrap();
        assert!(by_header(&elsewhere, &bearer(&token), noon()).await.is_err());
        assert!(here.revoke_token(&owner("anna"), number, noon()).await.is_err());
    }

    async fn a_token_ends_with_its_time_and_with_its_person(house: House) {
        let gate = house.gate();
        add(&gate, "anna", vec![member("a", &[Role::Viewer])]).await;
        let short = TokenRequest { good_for: Some(TimeDelta::seconds(20)), ..TokenRequest::default() };
        let (_, short) = token(&gate, "anna", short).await;
        assert!(by_header(&gate, &bearer(&short), noon()).await.is_ok());
        assert!(by_header(&gate, &bearer(&short), noon() + TimeDelta::seconds(20)).await.is_err());
        let (_, long) = token(&gate, "anna", TokenRequest::default()).await;
        assert!(by_header(&gate, &bearer(&long), noon()).await.is_ok());
        gate.set_disabled(&root(), &name("anna"), true, noon()).await.unwrap();
        assert!(by_header(&gate, &bearer(&long), noon()).await.is_err());
    }

    async fn lists_show_when_a_token_was_used_and_never_the_token(house: House) {
        let gate = house.gate();
        add(&gate, "anna", Vec::new()).await;
        let (_, secret) = token(&gate, "anna", TokenRequest { label: "QGIS".into(), ..TokenRequest::default() }).await;
        assert_eq!(gate.tokens(&owner("anna")).await.unwrap()[0].used_at, None);
        by_header(&gate, &bearer(&secret), noon()).await.unwrap();
        let row = gate.tokens(&owner("anna")).await.unwrap().remove(0);
        assert_eq!((row.label.as_str(), row.used_at), ("QGIS", Some(noon())));
        assert!(row.prefix.len() == 11 && secret.expose().starts_with(&row.prefix));
        assert!(!format!("{row:?} {secret:?}").contains(secret.expose()));
    }

    async fn a_verified_caller_is_not_asked_for_again_for_a_minute(house: House) {
        let gate = house.gate();
        add(&gate, "anna", vec![member("a", &[Role::Viewer])]).await;
        let (_, token) = token(&gate, "anna", TokenRequest::default()).await;
        by_header(&gate, &bearer(&token), noon()).await.unwrap();
        // Another server forbids it, and this one has not looked since.
        house.gate().set_disabled(&root(), &name("anna"), true, noon()).await.unwrap();
        assert!(by_header(&gate, &bearer(&token), noon() + TimeDelta::seconds(59)).await.is_ok());
        let later = by_header(&gate, &bearer(&token), noon() + TimeDelta::seconds(60)).await;
        assert_eq!(later, Err(Refused::Unauthorized));
    }

    async fn without_the_database_who_was_verified_shortly_before_is_let_in(house: House) {
        let gate = house.gate();
        add(&gate, "anna", vec![member("a", &[Role::Viewer])]).await;
        let (_, token) = token(&gate, "anna", TokenRequest::default()).await;
        by_header(&gate, &bearer(&token), noon()).await.unwrap();
        // The answer can only come from memory.
        house.store.close().await;
        let soon = noon() + TimeDelta::seconds(299);
        assert!(by_header(&gate, &bearer(&token), soon).await.is_ok());
        let late = by_header(&gate, &bearer(&token), noon() + TimeDelta::minutes(5)).await;
        assert_eq!(late, Err(Refused::Unavailable));
        assert!(gate.authenticate(&nothing(soon)).await.is_ok(), "the public needs no database");
    }

    async fn a_session_ends_when_it_is_idle_and_at_the_latest_after_its_time(house: House) {
        let gate = house.gate();
        add(&gate, "anna", vec![member("a", &[Role::Viewer])]).await;
        let idle = signs_in(&gate, "anna", noon()).await;
        assert!(by_cookie(&gate, &idle, noon() + TimeDelta::minutes(30)).await.is_anonymous());
        let used = signs_in(&gate, "anna", noon()).await;
        for minutes in (0..720).step_by(20) {
            let access = by_cookie(&gate, &used, noon() + TimeDelta::minutes(minutes)).await;
            assert!(!access.is_anonymous(), "after {minutes} minutes");
        }
        assert!(by_cookie(&gate, &used, noon() + TimeDelta::minutes(720)).await.is_anonymous());
    }

    async fn a_session_gets_a_new_secret_and_the_old_one_is_good_for_a_moment(house: House) {
        let gate = house.gate();
        add(&gate, "anna", vec![member("a", &[Role::Viewer])]).await;
        let old = signs_in(&gate, "anna", noon()).await;
        let at = noon() + TimeDelta::minutes(15);
        let cookie = format!("kommunalatlas={}", old.expose());
        let identify = async |now| {
            let credentials = Credentials { cookie: Some(cookie.as_bytes()), ..nothing(now) };
            gate.identify(&credentials).await.unwrap().session
        };
        let session = identify(noon()).await.unwrap();
        assert!(gate.renew(&session, noon()).await.unwrap().is_none(), "it is not time yet");
        let session = identify(at).await.unwrap();
        let new = gate.renew(&session, at).await.unwrap().unwrap();
        assert!(gate.renew(&session, at).await.unwrap().is_none(), "another request was quicker");
        assert!(!by_cookie(&gate, &new, at).await.is_anonymous());
        let session = identify(at + TimeDelta::seconds(59)).await.unwrap();
        assert!(!session.is_due(at + TimeDelta::hours(1)), "the old secret makes no new one");
        assert!(identify(at + TimeDelta::seconds(60)).await.is_none());
        assert!(!by_cookie(&gate, &new, at + TimeDelta::seconds(60)).await.is_anonymous());
        // A change of role makes it due at once.
        gate.grant(&root(), &name("anna"), (&slug("a"), Role::Editor), None, at).await.unwrap();
        let cookie = format!("kommunalatlas={}", new.expose());
        let credentials = Credentials { cookie: Some(cookie.as_bytes()), ..nothing(at) };
        let session = gate.identify(&credentials).await.unwrap().session.unwrap();
        assert!(session.is_due(at));
    }

    async fn a_proxy_is_believed_only_at_its_address(house: House) {
        let settings = AccessSettings {
            trusted_header: Some("x-remote-user".into()),
            trusted_proxies: vec!["10.0.0.0/8".parse().unwrap()],
            ..AccessSettings::default()
        };
        let gate = house.gate_with(settings);
        assert_eq!(gate.trusted_header(), Some("x-remote-user"));
        add(&gate, "anna", vec![member("a", &[Role::Viewer])]).await;
        let from = async |gate: &Gate, address: Option<&str>, who: &'static [u8]| {
            let address = address.map(|a| a.parse().unwrap());
            let credentials = Credentials { trusted: Some(who), address, ..nothing(noon()) };
            gate.authenticate(&credentials).await
        };
        assert_eq!(from(&gate, Some("10.1.2.3"), b"anna").await.unwrap().name(), Some("anna"));
        assert_eq!(from(&gate, Some("10.1.2.3"), b"nobody").await, Err(Refused::Unauthorized));
        for stranger in [Some("192.0.2.1"), None] {
            assert!(from(&gate, stranger, b"anna").await.unwrap().is_anonymous());
        }
        assert!(from(&house.gate(), Some("10.1.2.3"), b"anna").await.unwrap().is_anonymous(), "off by default");
        gate.set_disabled(&root(), &name("anna"), true, noon()).await.unwrap();
        assert_eq!(from(&gate, Some("10.1.2.3"), b"anna").await, Err(Refused::Unauthorized));
        let seen = |connection: &str, header: &'static str| {
            gate.client_address(connection.parse().unwrap(), Some(header.as_bytes())).to_string()
        };
        assert_eq!(seen("10.0.0.1", "1.1.1.1, 192.0.2.7, 10.0.0.2"), "192.0.2.7");
        assert_eq!(seen("192.0.2.1", "1.1.1.1"), "192.0.2.1");
        assert_eq!(seen("10.0.0.1", "nonsense"), "10.0.0.1");
    }

    async fn over_https_the_cookie_has_another_name(house: House) {
        let gate = house.gate_with(AccessSettings { secure: true, ..AccessSettings::default() });
        add(&gate, "anna", vec![member("a", &[Role::Viewer])]).await;
        let secret = signs_in(&gate, "anna", noon()).await;
        assert!(by_cookie(&gate, &secret, noon()).await.is_anonymous());
        let cookie = format!("{}={}", gate.settings().cookie_name(), secret.expose());
        let credentials = Credentials { cookie: Some(cookie.as_bytes()), ..nothing(noon()) };
        assert!(cookie.starts_with("__Host-") && !gate.authenticate(&credentials).await.unwrap().is_anonymous());
    }

    async fn a_closed_gate_lets_nobody_sign_in(house: House) {
        let gate = Gate::closed();
        let password = Secret::new(PASSWORD);
        let attempt = kommunalatlas::access::SignInAttempt {
            name: "anna", password: &password, factor: None, address: None,
        };
        let outcome: Result<SignIn, _> = gate.sign_in(&attempt, noon()).await;
        assert!(matches!(outcome, Err(kommunalatlas::access::AccessError::Closed)));
        assert!(gate.first_operator_token(noon()).await.unwrap().is_none());
        gate.prune(noon()).await.unwrap();
        gate.refresh().await.unwrap();
        assert!(gate.store().is_err() && house.store.people().await.unwrap().is_empty());
    }
}
