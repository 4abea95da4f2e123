//! What members of an atlas see: staff, statisticians, those limited to themes, borrowers of another atlas.

use kommunalatlas::{
    access::{Access, Credentials, Gate, Owner, TokenRequest},
    domain::Role,
    store::ShareRow,
};

use crate::{
    app::{NO_SECRETS, Secrets, TestApp, fill, now, slug},
    hidden::{gate, member},
};

/// The caller whom a new token of a person stands for.
async fn caller(gate: &Gate, name: &str) -> Access {
    let owner = Owner::local("test", name.parse().unwrap());
    let (_, token) = gate.add_token(&owner, &TokenRequest::default(), now()).await.unwrap();
    let authorization = format!("Bearer {}", token.expose());
    let credentials = Credentials {
        authorization: Some(authorization.as_bytes()),
        cookie: None,
        trusted: None,
        address: None,
        now: now(),
    };
    gate.authenticate(&credentials).await.unwrap()
}

const ONE: Secrets = Secrets { extras: 1, ..NO_SECRETS };

#[tokio::test]
async fn a_restricted_series_and_what_was_derived_from_it_are_for_statisticians_only() {
    let app = TestApp::with(ONE, "http://localhost:8080").await;
    let people = [("staff", member(&[Role::Editor], None)), ("stat", member(&[Role::Statistician], None))];
    let gate = gate(app.store.path().unwrap(), &people).await;
    let staff = app.atlases.view(&caller(&gate, "staff").await, "a").unwrap();
    let statistician = app.atlases.view(&caller(&gate, "stat").await, "a").unwrap();
    let release = |view: &kommunalatlas::atlas::View, period| {
        view.layer("l", "secret-0", period, None).map(|layer| layer.layer().release)
    };
    assert_eq!((release(&staff, "2020"), release(&statistician, "2020")), (Some(Some(3)), Some(None)));
    assert_eq!((release(&staff, "2019..2020"), release(&statistician, "2019..2020")), (None, Some(None)));
    assert_eq!(staff.all_periods("l", "secret-0", None).unwrap().layers().len(), 1);
    let version =
        |view: &kommunalatlas::atlas::View, name| view.layer("l", name, "2020", None).unwrap().version();
    assert_ne!(version(&staff, "secret-0"), version(&statistician, "secret-0"));
    assert_eq!(version(&staff, "i"), version(&statistician, "i"), "equal bytes are kept once");
    assert_ne!(
        version(&staff, "i"),
        app.atlases.view(&Access::public(), "a").unwrap().layer("l", "i", "2020", None).unwrap().version()
    );
}

#[tokio::test]
async fn a_member_limited_to_themes_sees_of_the_rest_what_is_public() {
    let app = TestApp::with(ONE, "http://localhost:8080").await;
    let people = [("limited", member(&[Role::Statistician], Some(&["secret-theme"])))];
    let gate = gate(app.store.path().unwrap(), &people).await;
    let access = caller(&gate, "limited").await;
    let view = app.atlases.view(&access, "a").unwrap();
    assert!(view.layer("l", "secret-0", "2020", None).is_some());
    assert!(
        view.layer("l", "secret", "2020", None).is_none() && view.layer("l", "i", "2021", None).is_none()
    );
    let public = app.atlases.view(&Access::public(), "a").unwrap();
    let version = |view: &kommunalatlas::atlas::View| view.layer("l", "i", "2020", None).unwrap().version();
    assert_eq!(version(&view), version(&public));
    assert_eq!(view.boundaries("hidden", None).map(|b| b.version()), None);
    let keys = |view: &kommunalatlas::atlas::View| view.facilities().len();
    assert_eq!(keys(&view), keys(&public));
    app.store.close().await;
}

#[tokio::test]
async fn a_closed_atlas_exists_for_its_members_only() {
    let app = TestApp::with(ONE, "http://localhost:8080").await;
    let gate = gate(app.store.path().unwrap(), &[("staff", member(&[Role::Viewer], None))]).await;
    let staff = caller(&gate, "staff").await;
    assert!(app.atlases.view(&staff, "a").is_some() && app.atlases.view(&staff, "closed-0").is_none());
    assert_eq!(app.atlases.views(&staff).len(), 1);
}

fn share(may_release: bool) -> ShareRow {
    ShareRow { lender: slug("a"), borrower: slug("b"), indicator: slug("i"), level: slug("l"), may_release }
}

#[tokio::test]
async fn what_is_lent_is_shown_as_foreign_until_the_lender_ends_it() {
    let app = TestApp::new().await;
    fill(&app.store, "b", NO_SECRETS).await;
    app.store.set_open(&slug("b"), true).await.unwrap();
    let seen = || {
        let local = Access::local("test");
        let view = app.atlases.view(&local, "b").unwrap();
        let layer = view.layer("a--l", "a--i", "2021", None)?;
        Some((layer.note(kommunalatlas::domain::Lang::De), layer.layer().edition.parents.len()))
    };
    app.store.grant_share(&share(false), "test", now()).await.unwrap();
    app.atlases.refresh().await.unwrap();
    // Drawn with the borders of the level that the lender shows to everybody, and not with those of its hidden one.
    assert_eq!(seen(), Some((Some("Daten des Atlas „Atlas“. Erfunden".into()), 1)));
    let view = app.atlases.view(&Access::local("test"), "b").unwrap();
    assert!(view.layer("a--l", "a--secret", "2020", None).is_none(), "only what was lent");
    let row = view.layer("a--l", "a--i", "2021", None).unwrap().rows().await.unwrap();
    assert_eq!(row[0].value, Some(101.25));
    assert!(app.store.end_share(&share(false), "test", now()).await.unwrap());
    assert!(!app.store.end_share(&share(false), "test", now()).await.unwrap());
    app.atlases.refresh().await.unwrap();
    assert_eq!(seen(), None);
}

#[tokio::test]
async fn a_borrower_shows_the_public_what_the_lender_released_and_only_if_it_may() {
    let app = TestApp::new().await;
    fill(&app.store, "b", NO_SECRETS).await;
    app.store.set_open(&slug("b"), true).await.unwrap();
    app.atlases.refresh().await.unwrap();
    let before = app.get("/b/catalog.json").await;
    app.store.grant_share(&share(false), "test", now()).await.unwrap();
    app.atlases.refresh().await.unwrap();
    assert_eq!(app.get("/b/catalog.json").await, before, "lent to staff is nothing to the public");
    app.store.grant_share(&share(true), "test", now()).await.unwrap();
    app.atlases.refresh().await.unwrap();
    assert_eq!(app.get("/b/values/a--l/a--i/2020.json").await.status, 200);
    assert_eq!(app.get("/b/values/a--l/a--i/2021.json").await.status, 404);
    let listed = app.get("/b/catalog.json").await.json();
    assert_eq!(listed["indicators"][0]["slug"], "a--i");
    assert_eq!(listed["indicators"][0]["sheet"]["source"], "Atlas: Text");
    app.store.set_open(&slug("a"), false).await.unwrap();
    app.atlases.refresh().await.unwrap();
    assert_eq!(app.get("/b/values/a--l/a--i/2020.json").await.status, 404);
}

#[tokio::test]
async fn a_closed_lender_lends_no_borders_but_those_of_levels_that_it_lends() {
    let app = TestApp::new().await;
    fill(&app.store, "b", NO_SECRETS).await;
    app.store.set_open(&slug("a"), false).await.unwrap();
    app.store.grant_share(&share(false), "test", now()).await.unwrap();
    app.atlases.refresh().await.unwrap();
    let view = app.atlases.view(&Access::local("test"), "b").unwrap();
    assert!(view.layer("a--l", "a--i", "2021", None).unwrap().layer().edition.parents.is_empty());
}

#[tokio::test]
async fn a_share_names_what_exists_and_no_share_is_of_oneself() {
    let app = TestApp::with(ONE, "http://localhost:8080").await;
    let with = |change: fn(&mut ShareRow)| {
        let mut row = ShareRow { borrower: slug("closed-0"), ..share(false) };
        change(&mut row);
        row
    };
    for bad in [
        with(|s| s.borrower = slug("a")),
        with(|s| s.borrower = slug("nowhere")),
        with(|s| s.indicator = slug("nothing")),
        with(|s| s.level = slug("nothing")),
    ] {
        assert!(app.store.grant_share(&bad, "test", now()).await.is_err(), "{bad:?}");
    }
}
