//! Coming in by an identity provider, as far as it needs none, and by the header of a proxy. The flow with a real provider:
//! `tests/oidc.sh`.

use std::net::SocketAddr;

use axum::{body::Body, extract::ConnectInfo, http::Request};
use kommunalatlas::{
    access::{AccessSettings, Gate, Manager, Membership, NewAccount, OidcSettings, RoleNames},
    clock,
    domain::{Role, Secret},
    store::AccessStore,
};
use tower::ServiceExt;

use crate::app::{NO_SECRETS, TestApp, slug};

async fn server(settings: AccessSettings) -> (TestApp, Gate) {
    let mut opened = Gate::closed();
    let gate = async |location: &str| {
        opened = Gate::open(AccessStore::open(location).await.unwrap(), settings);
        opened.clone()
    };
    let app = TestApp::guarded(NO_SECRETS, "http://localhost:8080/karten", gate).await;
    (app, opened)
}

fn provider(issuer: String) -> AccessSettings {
    let oidc = OidcSettings {
        issuer,
        client_id: "atlas".into(),
        client_secret: Secret::new("0123456789abcdef"),
        roles_claim: "roles".into(),
        roles: RoleNames::default(),
        scopes: Vec::new(),
        roots: None,
    };
    AccessSettings { oidc: Some(oidc), ..AccessSettings::default() }
}

#[tokio::test]
async fn without_a_provider_there_is_no_login_by_one() {
    let (app, _) = server(AccessSettings::default()).await;
    for path in ["/karten/api/oidc/login", "/karten/api/oidc/callback?state=x&code=y"] {
        assert_eq!(app.get(path).await.status, 404, "{path}");
    }
}

#[cfg(feature = "oidc")]
#[tokio::test]
async fn a_provider_that_does_not_answer_stops_its_own_login_only() {
    // A port that nobody listens at: it was free a moment ago.
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let (app, _) = server(provider(format!("http://{free}"))).await;
    for _ in 0..2 {
        let answer = app.get("/karten/api/oidc/login?return_to=/karten/a").await;
        assert_eq!((answer.status, answer.header("retry-after")), (503, Some("5")));
        assert_eq!(answer.json()["type"], "urn:kommunalatlas:problem:unavailable");
        assert!(!String::from_utf8_lossy(&answer.body).contains("127.0.0.1"), "no detail");
        assert!(answer.header("set-cookie").is_none());
    }
    assert_eq!(app.get("/karten/api/session").await.status, 200);
    assert_eq!(app.get("/karten/a/catalog.json").await.status, 200);
}

#[cfg(feature = "oidc")]
#[tokio::test]
async fn only_a_login_that_this_browser_began_is_ended() {
    let (app, _) = server(provider("http://127.0.0.1:9".into())).await;
    for cookie in ["", "kommunalatlas-login=", "kommunalatlas-login=x.y", "kommunalatlas-login=e30.00"] {
        for query in ["", "?state=x", "?state=x&code=y", "?error=access_denied&state=x&session_state=z"] {
            let path = format!("/karten/api/oidc/callback{query}");
            let answer = app.ask("GET", &path, &[("cookie", cookie)]).await;
            assert_eq!(answer.status, 400, "{path} with {cookie}");
            assert_eq!(answer.json()["type"], "urn:kommunalatlas:problem:no-such-login");
            assert!(answer.header("set-cookie").is_none());
        }
    }
}

#[cfg(feature = "oidc")]
#[tokio::test]
async fn a_login_leads_back_to_this_server_only() {
    let (app, _) = server(provider("http://127.0.0.1:9".into())).await;
    for bad in ["//evil.example", "https://evil.example", "/%5Cevil.example", "evil", "/%0D%0Ax", ""] {
        let answer = app.get(&format!("/karten/api/oidc/login?return_to={bad}")).await;
        assert_eq!(answer.status, 422, "{bad}");
        assert_eq!(answer.json()["errors"][0]["pointer"], "?return_to");
    }
}

#[tokio::test]
async fn a_proxy_that_is_believed_names_the_person_and_nobody_else_does() {
    let settings = AccessSettings {
        trusted_header: Some("x-remote-user".into()),
        trusted_proxies: vec!["10.0.0.0/8".parse().unwrap()],
        ..AccessSettings::default()
    };
    let (app, gate) = server(settings).await;
    let account = NewAccount {
        name: "anna".parse().unwrap(),
        display_name: "Anna".into(),
        password: None,
        keeps_password: false,
        operator: false,
        memberships: vec![Membership { atlas: slug("a"), roles: [Role::Viewer].into(), themes: None }],
    };
    gate.add_person(&Manager::local("test"), &account, clock::now()).await.unwrap();
    let status = async |from: Option<&str>, header: &str, name: &str| {
        let mut request = Request::builder().uri("/karten/a/values/l/secret.json").header(header, name);
        if let Some(from) = from {
            let from: SocketAddr = from.parse().unwrap();
            request = request.extension(ConnectInfo(from));
        }
        let request = request.body(Body::empty()).unwrap();
        app.router.clone().oneshot(request).await.unwrap().status().as_u16()
    };
    assert_eq!(status(Some("10.0.0.7:1000"), "X-Remote-User", "anna").await, 200);
    assert_eq!(status(Some("10.0.0.7:1000"), "X-Remote-User", "nobody").await, 401);
    assert_eq!(status(Some("10.0.0.7:1000"), "X-Forwarded-User", "anna").await, 404);
    for stranger in [Some("192.0.2.1:1000"), Some("127.0.0.1:1000"), None] {
        assert_eq!(status(stranger, "X-Remote-User", "anna").await, 404, "{stranger:?}");
    }
    let (app, _) = server(AccessSettings::default()).await;
    let request = Request::builder().uri("/karten/api/session").header("X-Remote-User", "anna");
    let from: SocketAddr = "10.0.0.7:1000".parse().unwrap();
    let answer = app.router.oneshot(request.extension(ConnectInfo(from)).body(Body::empty()).unwrap()).await;
    assert_eq!(answer.unwrap().status(), 200, "off by default: an ordinary caller");
}
