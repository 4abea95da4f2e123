//! Everything that a store may hold besides what is released: planted by the number of secrets, so that two stores differ in
//! all of it.

use std::path::Path;

use kommunalatlas::{
    access::{AccessSettings, Gate, Manager, NewAccount},
    domain::{
        Audience, Companions, Derivation, DerivationInput, DerivationMethod, IndicatorKind, Membership,
        ReleaseRequest, Role, Secret, Source, Text, Theme,
    },
    store::{
        AccessStore, BundleContent, Delivery, NewRelease, NewReleaseColumn, NewSeries, ShareRow, Stamp,
        Store, Succession,
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
        plant_plans(store, secrets, n).await;
    }
    if secrets.extras > 0 {
        plant_edition(store, secrets).await;
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

/// An internal release with a certificate, of an indicator that the public does not know.
async fn plant_releases(store: &Store, secrets: Secrets, n: usize) {
    let a = slug("a");
    let number = secret(secrets, n);
    let catalogue = store.catalogue(&a).await.unwrap();
    let edition = catalogue.editions.iter().find(|e| e.level == slug("l") && e.valid_on == day()).unwrap();
    let release = NewRelease {
        indicator: slug(&format!("secret-{n}")),
        level: slug("l"),
        audience: Audience::Internal,
        columns: vec![NewReleaseColumn {
            period: "2020".parse().unwrap(),
            edition: edition.id,
            column: column(number),
            note: Some(Text::german("secret")),
            break_before: false,
        }],
        classification: internal("secret", &[&column(number)]).classification,
        certificate: Some(serde_json::json!({"secret": number, "threshold": 3})),
        inputs: vec![],
        at: now(),
        by: "secret-person".into(),
    };
    store.publish(&a, &release).await.unwrap();
}

/// Deliveries, successions, bundles, shares.
async fn plant_plans(store: &Store, secrets: Secrets, n: usize) {
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
    let content = BundleContent {
        title: format!("secret {}", secret(secrets, n)),
        request: ReleaseRequest {
            indicators: vec![slug("secret")],
            levels: vec![slug("l")],
            periods: vec![],
            audience: Audience::Public,
        },
        embargo_until: None,
    };
    store.create_bundle(&a, &content, &Stamp { at: now(), by: "secret".into() }).await.unwrap();
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

/// A gate with these people, by name; nobody has a password.
pub async fn gate(geopackage: &Path, people: &[(&str, Membership)]) -> Gate {
    let access = AccessStore::open(geopackage.to_str().unwrap()).await.unwrap();
    let gate = Gate::open(access, AccessSettings::default());
    for (name, membership) in people {
        let account = NewAccount {
            name: name.parse().unwrap(),
            display_name: (*name).into(),
            password: Some(Secret::new("correct horse battery staple 17")),
            keeps_password: true,
            operator: false,
            memberships: vec![membership.clone()],
        };
        gate.add_person(&Manager::local("test"), &account, now()).await.unwrap();
    }
    gate
}

async fn plant_people(store: &Store, secrets: Secrets) {
    let names: Vec<String> = (0..secrets.extras).map(|n| format!("secret-{n}")).collect();
    let people: Vec<_> = names.iter().map(|name| (name.as_str(), member(&[Role::Editor], None))).collect();
    gate(store.path().unwrap(), &people).await;
}
