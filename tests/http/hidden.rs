//! Everything that a store may hold besides what is released: planted by the number of secrets, so that two stores differ in
//! all of it. A test of `audience` holds this to the tables that there are.

use std::path::Path;

use chrono::TimeDelta;
use kommunalatlas::{
    access::{
        AccessSettings, Credentials, FactorKey, Gate, Manager, NewAccount, Owner, SignIn, SignInAttempt,
        TokenRequest,
    },
    domain::{
        Audience, BundleState, Companions, Derivation, DerivationInput, DerivationMethod, IndicatorKind,
        Level, Membership, PersonName, Policies, Policy, ReleaseRequest, Role, Secret, Source, Text, Theme,
    },
    store::{
        AccessStore, Agreement, AtlasSettings, BesideValues, BundleContent, BundleMove, Delivery, Id,
        NewRelease, NewReleaseColumn, NewSeries, Publication, ShareRow, SourceProfile, Stamp, Store,
        Succession, Withdrawal,
    },
};

use crate::app::{
    Secrets, column, day, edition, indicator, internal, now, record, series, slug, small_regions,
};

/// A secret number: no public byte may hold it.
pub fn secret(secrets: Secrets, n: usize) -> f64 {
    9_000_000.0 + 1000.0 * secrets.offset + 7.0 * n as f64
}

/// Plants what the public must not notice in the atlas `a`, and people beside the store.
pub async fn plant(store: &Store, secrets: Secrets) {
    for n in 0..secrets.extras {
        plant_series(store, secrets, n).await;
        plant_releases(store, secrets, n).await;
        plant_plans(store, n).await;
        plant_bundles(store, secrets, n).await;
        plant_papers(store, secrets, n).await;
        plant_purge(store, secrets, n).await;
    }
    if secrets.extras > 0 {
        plant_edition(store, secrets).await;
        plant_settings(store).await;
        plant_people(store, secrets).await;
    }
}

/// Restricted, derived and undone series, with companions, signs and notes.
async fn plant_series(store: &Store, secrets: Secrets, n: usize) {
    let a = slug("a");
    let theme = Theme { slug: slug("secret-theme"), title: Text::german("Thema secret") };
    let source =
        Source { slug: slug("bund"), title: Text::german("secret"), restricted: true, policies: None };
    let mut added = indicator(&format!("secret-{n}"), IndicatorKind::Count);
    added.theme = slug("secret-theme");
    store.put_catalogue(&a, &[theme], &[source], &[added], &record("catalogue")).await.unwrap();
    let number = secret(secrets, n);
    let name = format!("secret-{n}");
    let mut first = NewSeries { source: Some(slug("bund")), ..series(&name, "2020", column(number)) };
    first.companions = Companions {
        numerators: Some(vec![number + 1.0; 9]),
        denominators: Some(vec![number + 2.0; 9]),
        contributors: Some(vec![number + 3.0; 9]),
        raw_signs: vec![(1, format!("{}", number + 4.0))],
    };
    first.note = Some(Text::german(format!("secret note {}", number + 5.0)));
    first.value_notes = vec![(3, Text::german(format!("secret {}", number + 6.0)))];
    let input = DerivationInput {
        indicator: slug(&name),
        level: slug("l"),
        edition: day(),
        period: "2020".parse().unwrap(),
        hash: first.content_hash().unwrap(),
    };
    let derivation = Derivation { method: DerivationMethod::Pooled { years: 2 }, inputs: vec![input] };
    let mut derived = series(&name, "2019..2020", column(number));
    derived.derivation = Some(derivation);
    let classes = [internal(&name, &[&column(number)])];
    store.insert_series(&a, vec![first, derived], &record("values"), &classes).await.unwrap();
    let undone = vec![series(&name, "2018", column(number))];
    let import = store.insert_series(&a, undone, &record("values"), &[]).await.unwrap();
    store.undo_import(&a, import).await.unwrap();
}

/// A release of an indicator that the public does not know, with a certificate.
async fn release(store: &Store, secrets: Secrets, n: usize, audience: Audience) -> NewRelease {
    let (number, name) = (secret(secrets, n), slug(&format!("secret-{n}")));
    let catalogue = store.catalogue(&slug("a")).await.unwrap();
    let edition = catalogue.editions.iter().find(|e| e.level == slug("l") && e.valid_on == day()).unwrap();
    let series = catalogue.series.iter().filter(|s| s.indicator == name).map(|s| s.id);
    NewRelease {
        indicator: name.clone(),
        level: slug("l"),
        audience,
        columns: vec![NewReleaseColumn {
            period: "2020".parse().unwrap(),
            edition: edition.id,
            column: column(number),
            note: Some(Text::german("secret")),
            break_before: false,
        }],
        classification: internal("secret", &[&column(number)]).classification,
        certificate: Some(serde_json::json!({"secret": number, "threshold": 3})),
        inputs: series.collect(),
        at: now(),
        by: "secret-person".into(),
    }
}

/// An internal release that superseded another one, and one that was public and was withdrawn.
async fn plant_releases(store: &Store, secrets: Secrets, n: usize) {
    let a = slug("a");
    for audience in [Audience::Internal, Audience::Internal, Audience::Public] {
        store.publish(&a, &release(store, secrets, n, audience).await).await.unwrap();
    }
    let withdrawal = Withdrawal {
        layers: &[(slug(&format!("secret-{n}")), slug("l"))],
        audience: Audience::Public,
        area: None,
        bundle: None,
        since: store.release_mark(&a).await.unwrap(),
        stamp: stamp(),
    };
    assert_eq!(store.withdraw(&a, &withdrawal).await.unwrap(), 1);
}

fn stamp() -> Stamp {
    Stamp { at: now(), by: "secret".into() }
}

/// What a bundle of this audience holds that is never due.
fn content(secrets: Secrets, n: usize, audience: Audience) -> BundleContent {
    BundleContent {
        title: format!("secret {}", secret(secrets, n)),
        request: ReleaseRequest {
            indicators: vec![slug(&format!("secret-{n}"))],
            levels: vec![slug("l")],
            periods: vec![],
            audience,
        },
        embargo_until: Some(now() + TimeDelta::days(100_000)),
    }
}

/// A bundle in each state, and one that brought an internal release.
async fn plant_bundles(store: &Store, secrets: Secrets, n: usize) {
    let a = slug("a");
    let content = |audience| content(secrets, n, audience);
    for state in [BundleState::Draft, BundleState::Checked, BundleState::Approved, BundleState::Withdrawn] {
        let id: Id = store.create_bundle(&a, &content(Audience::Public), &stamp()).await.unwrap();
        let step = BundleMove {
            id,
            revision: 1,
            action: "check",
            to: state,
            findings: Some(serde_json::json!({"problems": ["secret"]})),
            stamp: stamp(),
        };
        store.move_bundle(&a, &step).await.unwrap();
    }
    let releases = [release(store, secrets, n, Audience::Internal).await];
    let publication = Publication {
        releases: &releases,
        since: store.release_mark(&a).await.unwrap(),
        findings: serde_json::json!({"problems": []}),
        area: None,
        stamp: stamp(),
    };
    store.publish_at_once(&a, &content(Audience::Internal), &publication).await.unwrap();
}

/// An agreement on use, a draft indicator, and a profile of a source.
async fn plant_papers(store: &Store, secrets: Secrets, n: usize) {
    let a = slug("a");
    let number = secret(secrets, n);
    let agreement = Agreement {
        version: format!("secret {number}"),
        signed_on: day(),
        signatory: "secret".into(),
        file_name: "secret.pdf".into(),
        at: now(),
        by: "secret".into(),
    };
    store.put_agreement(&a, &agreement, format!("secret {number}").as_bytes()).await.unwrap();
    let name = format!("secret-draft-{n}");
    let mut draft = indicator(&name, IndicatorKind::Count);
    draft.theme = slug("secret-drafts");
    let beside = BesideValues {
        themes: vec![Theme { slug: slug("secret-drafts"), title: Text::german("secret") }],
        indicators: vec![draft],
        profile: Some(SourceProfile {
            slug: slug(&format!("secret-{n}")),
            level: slug("l"),
            fingerprint: "secret".into(),
            headers: vec![format!("secret {number}")],
            mapping: "secret = true".into(),
            saved_at: now(),
            saved_by: "secret".into(),
        }),
    };
    let columns = vec![series(&name, "2020", column(number))];
    let classes = [internal(&name, &[&column(number)])];
    store.insert_values(&a, &beside, columns, &record("values"), &classes).await.unwrap();
}

/// An import that was purged.
async fn plant_purge(store: &Store, secrets: Secrets, n: usize) {
    let (a, name) = (slug("a"), format!("secret-draft-{n}"));
    let numbers = column(secret(secrets, n));
    let mistaken = vec![series(&name, "2017", numbers.clone())];
    let import = store.insert_series(&a, mistaken, &record("values"), &[]).await.unwrap();
    let plan = store.purge_plan(&a, import).await.unwrap();
    let classes = [internal(&name, &[&numbers])];
    store.purge(&a, &plan, &classes, false, "secret", now()).await.unwrap();
}

/// What administrators set, and a level without regions.
async fn plant_settings(store: &Store) {
    let a = slug("a");
    let strict = Policy { threshold: 17, ..Policy::default() };
    let settings = AtlasSettings {
        policies: Policies { public: strict, internal: strict },
        four_eyes: true,
        indicators_due_on: Some(day()),
    };
    store.put_settings(&a, &settings).await.unwrap();
    let level = Level {
        slug: slug("secret-level"),
        title: Text::german("secret"),
        position: 3,
        public_boundaries: true,
    };
    let mut levels = store.catalogue(&a).await.unwrap().levels;
    levels.push(level);
    store.put_levels(&a, &levels).await.unwrap();
}

/// Deliveries, successions, shares.
async fn plant_plans(store: &Store, n: usize) {
    let a = slug("a");
    let period = format!("{}", 2030 + n);
    let delivery = Delivery {
        department: "secret".into(),
        indicator: slug("i"),
        level: slug("l"),
        period: period.parse().unwrap(),
        due_on: day(),
    };
    store.put_deliveries(&a, &[delivery], None).await.unwrap();
    let succession = Succession {
        level: slug("l"),
        valid_on: day(),
        old_key: format!("9{n}").parse().unwrap(),
        new_key: "01".parse().unwrap(),
        share: 0.5,
    };
    store.put_successions(&a, &[succession], &record("successions")).await.unwrap();
    let closed = slug(&format!("closed-{n}"));
    for (lender, borrower) in [(a.clone(), closed.clone()), (closed, a)] {
        let share =
            ShareRow { lender, borrower, indicator: slug("secret"), level: slug("l"), may_release: n == 0 };
        store.grant_share(&share, "secret", now()).await.unwrap();
    }
}

/// Newer boundaries that no release uses.
async fn plant_edition(store: &Store, secrets: Secrets) {
    let mut newer = edition("l", small_regions(secrets));
    newer.valid_on = "2024-12-31".parse().unwrap();
    for region in &mut newer.regions {
        region.region.name = format!("secret {}", region.region.key);
    }
    store.insert_edition(&slug("a"), &newer).await.unwrap();
}

/// A member of the atlas.
pub fn member(roles: &[Role], themes: Option<&[&str]>) -> Membership {
    Membership {
        atlas: slug("a"),
        roles: roles.iter().copied().collect(),
        themes: themes.map(|list| list.iter().map(|theme| slug(theme)).collect()),
    }
}

const PASSWORD: &str = "correct horse battery staple 17";

/// Settings with a key for second factors.
pub fn settings() -> AccessSettings {
    AccessSettings { factor_key: Some(FactorKey::random().unwrap()), ..AccessSettings::default() }
}

/// Somebody who is nothing yet.
fn account(name: &str) -> NewAccount {
    NewAccount {
        name: name.parse().unwrap(),
        display_name: name.into(),
        password: Some(Secret::new(PASSWORD)),
        keeps_password: true,
        operator: false,
        memberships: Vec::new(),
    }
}

/// A gate with these people, by name.
pub async fn gate(geopackage: &Path, people: &[(&str, Membership)]) -> Gate {
    let access = AccessStore::open(geopackage.to_str().unwrap()).await.unwrap();
    let gate = Gate::open(access, settings());
    for (name, membership) in people {
        let account = NewAccount { memberships: vec![membership.clone()], ..account(name) };
        gate.add_person(&Manager::local("test"), &account, now()).await.unwrap();
    }
    gate
}

/// Who asks in both stores, and is nothing in the atlas.
pub const STRANGER: &str = "stranger";

/// People with all that belongs to them: sessions, tokens, second factors, failures, requests under way.
async fn plant_people(store: &Store, secrets: Secrets) {
    let names: Vec<String> = (0..secrets.extras).map(|n| format!("secret-{n}")).collect();
    let people: Vec<_> = names.iter().map(|name| (name.as_str(), member(&[Role::Editor], None))).collect();
    let gate = gate(store.path().unwrap(), &people).await;
    let access = gate.store().unwrap();
    for name in &names {
        let person: PersonName = name.parse().unwrap();
        gate.add_token(&Owner::local("secret", person), &TokenRequest::default(), now()).await.unwrap();
        signs_in(&gate, name, now()).await;
        let wrong = Secret::new("secret wrong");
        let address = Some("192.0.2.7".parse().unwrap());
        let attempt = SignInAttempt { name, password: &wrong, factor: None, address };
        assert!(matches!(gate.sign_in(&attempt, now()).await.unwrap(), SignIn::Refused));
        access.begin_request(name, "secret", "POST /secret", "secret", now()).await.unwrap();
        set_up_factor(&gate, name).await;
        let waiting = NewAccount { name: format!("{name}-new").parse().unwrap(), ..account(name) };
        let waiting = NewAccount { password: None, ..waiting };
        gate.add_person(&Manager::local("secret"), &waiting, now()).await.unwrap();
    }
    gate.set_operator(&Manager::local("secret"), &names[0].parse().unwrap(), true, now()).await.unwrap();
}

/// Signs in from an address; the cookie.
pub async fn signs_in(gate: &Gate, name: &str, at: chrono::DateTime<chrono::Utc>) -> String {
    let password = Secret::new(PASSWORD);
    let address = Some("192.0.2.8".parse().unwrap());
    let attempt = SignInAttempt { name, password: &password, factor: None, address };
    let SignIn::SignedIn { secret, .. } = gate.sign_in(&attempt, at).await.unwrap() else {
        unreachable!("{name} does not come in")
    };
    format!("{}={}", gate.settings().cookie_name(), secret.expose())
}

async fn set_up_factor(gate: &Gate, name: &str) {
    let cookie = signs_in(gate, name, now()).await;
    let credentials = Credentials {
        authorization: None,
        cookie: Some(cookie.as_bytes()),
        trusted: None,
        address: None,
        now: now(),
    };
    let session = gate.identify(&credentials).await.unwrap().session.unwrap();
    let enrolment = gate.enrol_second_factor(&session, "secret").await.unwrap();
    let bytes = totp_rs::Secret::Encoded(enrolment.secret.expose().into()).to_bytes().unwrap();
    let totp = totp_rs::TOTP::new(totp_rs::Algorithm::SHA1, 6, 0, 30, bytes).unwrap();
    let code = Secret::new(totp.generate(now().timestamp().unsigned_abs()));
    gate.confirm_second_factor(&session, &code, now()).await.unwrap();
}
