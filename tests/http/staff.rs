//! The fixture atlas with people: one for each role, and whatever they bring to show who they are.

use std::collections::BTreeSet;

use chrono::TimeDelta;
use kommunalatlas::{
    access::{Gate, Manager, Membership, NewAccount, Owner, TokenRequest},
    clock,
    domain::{Role, Secret},
    store::AccessStore,
};

use crate::{
    app::{Answer, NO_SECRETS, TestApp, slug},
    hidden::settings,
};

pub const PASSWORD: &str = "fünf Störche im Moor";

/// Atlas, role, and the theme that it is limited to.
type Post = (&'static str, Role, Option<&'static str>);

/// The people: name, operator, (atlas, role, themes).
const PEOPLE: &[(&str, bool, &[Post])] = &[
    ("viewer", false, &[("a", Role::Viewer, None)]),
    ("editor", false, &[("a", Role::Editor, None)]),
    ("statistician", false, &[("a", Role::Statistician, None)]),
    ("publisher", false, &[("a", Role::Publisher, None)]),
    ("administrator", false, &[("a", Role::Administrator, None)]),
    ("other", false, &[("b", Role::Administrator, None)]),
    ("limited", false, &[("a", Role::Viewer, Some("another-theme"))]),
    ("operator", true, &[]),
];

/// The server with its people.
pub struct Staff {
    pub app: TestApp,
    pub gate: Gate,
}

impl Staff {
    pub async fn new() -> Self {
        let mut opened = Gate::closed();
        let gate = async |location: &str| {
            opened = Gate::open(AccessStore::open(location).await.unwrap(), settings());
            opened.clone()
        };
        let app = TestApp::guarded(NO_SECRETS, "http://localhost:8080", gate).await;
        let staff = Self { app, gate: opened };
        for (name, operator, memberships) in PEOPLE {
            staff.hire(name, *operator, memberships).await;
        }
        staff
    }

    pub async fn hire(&self, name: &str, operator: bool, memberships: &[Post]) {
        let memberships = memberships.iter().map(|(atlas, role, theme)| Membership {
            atlas: slug(atlas),
            roles: BTreeSet::from([*role]),
            themes: theme.map(|theme| BTreeSet::from([slug(theme)])),
        });
        let account = NewAccount {
            name: name.parse().unwrap(),
            display_name: name.to_owned(),
            password: Some(Secret::new(PASSWORD)),
            keeps_password: true,
            operator,
            memberships: memberships.collect(),
        };
        self.gate.add_person(&Manager::local("test"), &account, clock::now()).await.unwrap();
    }

    /// Adds a viewer of an atlas who has no password yet.
    pub async fn invite(&self, name: &str, atlas: &str) {
        let membership =
            Membership { atlas: slug(atlas), roles: BTreeSet::from([Role::Viewer]), themes: None };
        let account = NewAccount {
            name: name.parse().unwrap(),
            display_name: name.to_owned(),
            password: None,
            keeps_password: false,
            operator: false,
            memberships: vec![membership],
        };
        self.gate.add_person(&Manager::local("test"), &account, clock::now()).await.unwrap();
    }

    /// A header with a token of a person that is good for so many seconds.
    pub async fn bearer(&self, name: &str, seconds: i64) -> String {
        let owner = Owner::local("test", name.parse().unwrap());
        let good_for = Some(TimeDelta::seconds(seconds));
        let request =
            TokenRequest { label: "test".into(), operator: true, good_for, ..TokenRequest::default() };
        let (_, token) = self.gate.add_token(&owner, &request, clock::now()).await.unwrap();
        format!("Bearer {}", token.expose())
    }

    /// Signs in, and gives the cookie.
    pub async fn cookie(&self, name: &str) -> String {
        let body = serde_json::json!({ "name": name, "password": PASSWORD }).to_string();
        cookie_of(&self.post("/api/session", &[], &body).await)
    }

    pub async fn post(&self, path: &str, headers: &[(&str, &str)], body: &str) -> Answer {
        self.json("POST", path, headers, body).await
    }

    pub async fn json(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &str) -> Answer {
        let headers = [headers, &[("content-type", "application/json")]].concat();
        self.app.send(method, path, &headers, body).await
    }
}

/// Name and value of the cookie that an answer sets.
pub fn cookie_of(answer: &Answer) -> String {
    let set = answer.header("set-cookie");
    assert!(set.is_some(), "{} without cookie: {}", answer.status, String::from_utf8_lossy(&answer.body));
    set.unwrap_or_default().split(';').next().unwrap().to_owned()
}
