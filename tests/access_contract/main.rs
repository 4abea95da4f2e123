//! The contract of the store of people and of the gate before it: the same test bodies, on a file and on PostgreSQL.

#![cfg(test)]

mod accounts;
mod audit;
mod gate;
#[expect(dead_code, reason = "shared with the tests of the store, which need more of it")]
#[path = "../store_contract/places.rs"]
mod places;
mod sign_in;
mod stored;

use std::future::Future;

use chrono::{DateTime, Utc};
use kommunalatlas::{
    access::{
        Access, AccessSettings, Credentials, FactorKey, Gate, Manager, Membership, NewAccount, Refused,
        SignIn, SignInAttempt,
    },
    domain::{PersonName, Role, Secret, Slug},
    store::AccessStore,
};
use places::{Place, noon};

/// Writes each test twice: module `file` and module `database`.
macro_rules! on_both {
    ($(async fn $name:ident($house:ident: House) $body:block)*) => {
        $(async fn $name($house: House) $body)*
        mod file {
            $(#[tokio::test]
            async fn $name() {
                crate::with_house(Some(crate::places::Place::file()), super::$name).await;
            })*
        }
        mod database {
            $(#[tokio::test]
            async fn $name() {
                crate::with_house(crate::places::Place::server().await, super::$name).await;
            })*
        }
    };
}
pub(crate) use on_both;

/// A store of people in a place of its own.
struct House {
    pub store: AccessStore,
    pub location: String,
    pub key: FactorKey,
}

async fn with_house<F: Future<Output = ()>>(place: Option<Place>, test: impl FnOnce(House) -> F) {
    let Some(place) = place else { return };
    let store = AccessStore::open(&place.location).await.unwrap();
    let key = FactorKey::random().unwrap();
    test(House { store: store.clone(), location: place.location.clone(), key }).await;
    store.close().await;
    place.clear().await;
}

impl House {
    pub fn gate(&self) -> Gate {
        self.gate_with(AccessSettings { factor_key: Some(self.key.clone()), ..AccessSettings::default() })
    }

    pub fn gate_with(&self, settings: AccessSettings) -> Gate {
        Gate::open(self.store.clone(), settings)
    }

    /// Runs a statement past the program, as somebody with a database tool would.
    pub async fn by_hand(&self, sql: &'static str) -> Result<(), sqlx::Error> {
        use sqlx::Connection as _;
        if self.location.starts_with("postgres") {
            let mut connection = sqlx::PgConnection::connect(&self.location).await?;
            sqlx::raw_sql("SET search_path = kommunalatlas_access").execute(&mut connection).await?;
            sqlx::raw_sql(sql).execute(&mut connection).await.map(drop)
        } else {
            let path = self.store.path().unwrap().to_str().unwrap();
            let mut connection = sqlx::SqliteConnection::connect(&format!("sqlite://{path}")).await?;
            sqlx::raw_sql(sql).execute(&mut connection).await.map(drop)
        }
    }
}

const PASSWORD: &str = "vier bunte esel";

fn slug(text: &str) -> Slug {
    text.parse().unwrap()
}

fn name(text: &str) -> PersonName {
    text.parse().unwrap()
}

fn root() -> Manager {
    Manager::local("root")
}

fn member(atlas: &str, roles: &[Role]) -> Membership {
    Membership { atlas: slug(atlas), roles: roles.iter().copied().collect(), themes: None }
}

fn account(who: &str, memberships: Vec<Membership>) -> NewAccount {
    NewAccount {
        name: name(who),
        display_name: who.to_owned(),
        password: Some(Secret::new(PASSWORD)),
        keeps_password: true,
        operator: false,
        memberships,
    }
}

/// Adds a person with the usual password.
async fn add(gate: &Gate, who: &str, memberships: Vec<Membership>) {
    gate.add_person(&root(), &account(who, memberships), noon()).await.unwrap();
}

/// Tries to sign in from an address.
async fn tries(gate: &Gate, who: &str, password: &str, from: &str, at: DateTime<Utc>) -> SignIn {
    let password = Secret::new(password);
    let address = Some(from.parse().unwrap());
    let attempt = SignInAttempt { name: who, password: &password, factor: None, address };
    gate.sign_in(&attempt, at).await.unwrap()
}

/// Signs in with the usual password; the cookie's value.
async fn signs_in(gate: &Gate, who: &str, at: DateTime<Utc>) -> Secret {
    match tries(gate, who, PASSWORD, "192.0.2.1", at).await {
        SignIn::SignedIn { secret, .. } => secret,
        other => panic!("{other:?}"),
    }
}

/// Credentials of a request without any.
fn nothing(now: DateTime<Utc>) -> Credentials<'static> {
    Credentials { authorization: None, cookie: None, trusted: None, address: None, now }
}

async fn by_cookie(gate: &Gate, secret: &Secret, now: DateTime<Utc>) -> Access {
    let cookie = format!("theme=dark; kommunalatlas={}", secret.expose());
    let credentials = Credentials { cookie: Some(cookie.as_bytes()), ..nothing(now) };
    gate.authenticate(&credentials).await.unwrap()
}

async fn by_header(gate: &Gate, header: &str, now: DateTime<Utc>) -> Result<Access, Refused> {
    let credentials = Credentials { authorization: Some(header.as_bytes()), ..nothing(now) };
    gate.authenticate(&credentials).await
}
