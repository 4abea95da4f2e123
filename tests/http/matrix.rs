//! The access matrix: every row of the route table, every method, every kind of caller.

use std::collections::BTreeSet;

use kommunalatlas::{
    access::{Manager, Owner},
    clock,
    domain::Role,
    http::{Operation, ROUTES, Route},
};

use crate::{
    app::{Answer, example},
    staff::Staff,
};

const METHODS: [&str; 7] = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"];

/// Callers with good credentials of their own, `session` by cookie and as administrator, the others by token.
const CALLERS: [&str; 10] = [
    "nobody",
    "viewer",
    "editor",
    "statistician",
    "publisher",
    "administrator",
    "other",
    "limited",
    "operator",
    "session",
];

const EVERYBODY: &[&str] = &CALLERS;
const SIGNED_IN: &[&str] = &[
    "viewer",
    "editor",
    "statistician",
    "publisher",
    "administrator",
    "other",
    "limited",
    "operator",
    "session",
];
const MEMBERS: &[&str] =
    &["viewer", "editor", "statistician", "publisher", "administrator", "limited", "session"];
const PUBLISHER: &[&str] = &["publisher"];
const ADMINISTRATOR: &[&str] = &["administrator", "session"];
/// Of the people of atlas `a`, whom the administrator of another atlas does not manage.
const MANAGERS: &[&str] = &["administrator", "session", "operator"];
const ANY_MANAGER: &[&str] = &["administrator", "session", "operator", "other"];
const OPERATOR: &[&str] = &["operator"];
const SESSION: &[&str] = &["session"];

/// Who may, written down a second time: the route table must not be changed by accident.
const EXPECTED: &[(&str, &str, &[&str])] = &[
    ("/api/openapi.json", "GET", EVERYBODY),
    ("/api/session", "GET", EVERYBODY),
    ("/api/session", "POST", EVERYBODY),
    ("/api/session", "DELETE", SESSION),
    ("/api/session/all", "GET", SESSION),
    ("/api/session/all", "DELETE", SESSION),
    ("/api/session/all/{session}", "DELETE", SESSION),
    ("/api/session/password", "PUT", SESSION),
    ("/api/session/second-factor", "POST", SESSION),
    ("/api/session/second-factor", "PUT", SESSION),
    ("/api/password", "POST", EVERYBODY),
    ("/api/first-operator", "POST", EVERYBODY),
    ("/api/oidc/login", "GET", EVERYBODY),
    ("/api/oidc/callback", "GET", EVERYBODY),
    ("/api/tokens", "GET", SESSION),
    ("/api/tokens", "POST", SESSION),
    ("/api/tokens/{token}", "DELETE", SESSION),
    ("/api/audit", "GET", OPERATOR),
    ("/api/people", "GET", ANY_MANAGER),
    ("/api/people", "POST", MANAGERS),
    ("/api/people/{person}", "DELETE", MANAGERS),
    ("/api/people/{person}/disabled", "PUT", MANAGERS),
    ("/api/people/{person}/operator", "PUT", OPERATOR),
    ("/api/people/{person}/password-reset", "POST", MANAGERS),
    ("/api/people/{person}/second-factor", "DELETE", MANAGERS),
    ("/api/people/{person}/tokens", "GET", MANAGERS),
    ("/api/people/{person}/tokens/{token}", "DELETE", MANAGERS),
    ("/api/atlases", "GET", SIGNED_IN),
    ("/api/atlases", "POST", OPERATOR),
    ("/api/atlases/{atlas}", "DELETE", ADMINISTRATOR),
    ("/api/atlases/{atlas}/export", "POST", ADMINISTRATOR),
    ("/api/atlases/{atlas}/members", "GET", ADMINISTRATOR),
    ("/api/atlases/{atlas}/members/{person}/roles/{role}", "PUT", MANAGERS),
    ("/api/atlases/{atlas}/members/{person}/roles/{role}", "DELETE", MANAGERS),
    ("/api/atlases/{atlas}/members/{person}/themes", "DELETE", ADMINISTRATOR),
    ("/api/atlases/{atlas}/settings", "GET", MEMBERS),
    ("/api/atlases/{atlas}/settings", "PUT", ADMINISTRATOR),
    ("/api/atlases/{atlas}/progress", "GET", PUBLISHER),
    ("/api/atlases/{atlas}/public-area", "PUT", PUBLISHER),
    ("/api/atlases/{atlas}/audit", "GET", ADMINISTRATOR),
    ("/api/atlases/{atlas}/bundles", "GET", PUBLISHER),
    ("/api/atlases/{atlas}/bundles", "POST", PUBLISHER),
    ("/api/atlases/{atlas}/bundles/{bundle}", "GET", PUBLISHER),
    ("/api/atlases/{atlas}/bundles/{bundle}", "PUT", PUBLISHER),
    ("/api/atlases/{atlas}/bundles/{bundle}/history", "GET", PUBLISHER),
    ("/api/atlases/{atlas}/bundles/{bundle}/check", "POST", PUBLISHER),
    ("/api/atlases/{atlas}/bundles/{bundle}/approve", "POST", PUBLISHER),
    ("/api/atlases/{atlas}/bundles/{bundle}/release", "POST", PUBLISHER),
    ("/api/atlases/{atlas}/bundles/{bundle}/withdraw", "POST", PUBLISHER),
    ("/api/atlases/{atlas}/releases", "GET", MEMBERS),
    ("/api/atlases/{atlas}/releases/{release}/certificate", "GET", MEMBERS),
    ("/api/atlases/{atlas}/withdrawals", "POST", PUBLISHER),
    ("/api/atlases/{atlas}/rollbacks", "POST", PUBLISHER),
    ("/api/atlases/{atlas}/agreements", "GET", ADMINISTRATOR),
    ("/api/atlases/{atlas}/agreements", "POST", ADMINISTRATOR),
    ("/api/atlases/{atlas}/agreements/{agreement}/file", "GET", ADMINISTRATOR),
    ("/api/atlases/{atlas}/disclosure/{level}/{indicator}", "GET", PUBLISHER),
    ("/api/atlases/{atlas}/disclosure/{level}/{indicator}/proposals", "GET", PUBLISHER),
    ("/api/atlases/{atlas}/shares", "GET", ADMINISTRATOR),
    ("/api/atlases/{atlas}/shares/{borrower}/{level}/{indicator}", "PUT", ADMINISTRATOR),
    ("/api/atlases/{atlas}/shares/{borrower}/{level}/{indicator}", "DELETE", ADMINISTRATOR),
];

/// Rows whose object the fixture does not have: who may, is told that it does not exist.
const ABSENT: &[&str] = &[
    "/api/oidc/login",
    "/api/oidc/callback",
    "/api/atlases/{atlas}/agreements/{agreement}/file",
    "/api/atlases/{atlas}/releases/{release}/certificate",
    "/api/atlases/{atlas}/shares/{borrower}/{level}/{indicator}",
];

fn api_routes() -> impl Iterator<Item = &'static Route> {
    ROUTES.iter().filter(|route| route.pattern.starts_with("/api/"))
}

#[test]
fn every_operation_of_the_api_is_in_the_matrix() {
    let in_table: BTreeSet<(&str, &str)> =
        api_routes().flat_map(|route| route.operations.iter().map(|o| (route.pattern, o.method))).collect();
    let in_matrix: BTreeSet<(&str, &str)> =
        EXPECTED.iter().map(|(pattern, method, _)| (*pattern, *method)).collect();
    assert_eq!(in_table, in_matrix);
    assert_eq!(in_matrix.len(), EXPECTED.len(), "an operation is in the matrix twice");
}

/// What a caller sends to be known.
fn credentials(caller: &str, tokens: &[(&str, String)], cookie: Option<&str>) -> Vec<(&'static str, String)> {
    match caller {
        "nobody" => Vec::new(),
        "session" => cookie.map(|cookie| ("cookie", cookie.to_owned())).into_iter().collect(),
        _ => {
            let token = tokens.iter().find(|(name, _)| *name == caller).unwrap();
            vec![("authorization", token.1.clone())]
        }
    }
}

/// The path of an example with objects that exist.
async fn path_of(staff: &Staff, example: &str, headers: &[(&str, &str)], bundle: i64) -> String {
    if example.contains("/nobody") {
        // Whoever came before may have removed or changed the person.
        let person = "member".parse().unwrap();
        let _ = staff.gate.remove_person(&Manager::local("test"), &person, clock::now()).await;
        staff.invite("member", "a").await;
    }
    let mut number = bundle;
    if example.contains("/nobody/tokens/") {
        staff.bearer("member", 60).await;
        let owner = Owner::local("test", "member".parse().unwrap());
        number = staff.gate.tokens(&owner).await.unwrap().last().unwrap().id;
    } else if example.starts_with("/api/tokens/") {
        staff.bearer("session", 60).await;
        let owner = Owner::local("test", "session".parse().unwrap());
        number = staff.gate.tokens(&owner).await.unwrap().last().unwrap().id;
    } else if example.starts_with("/api/session/all/") {
        let sessions = staff.app.ask("GET", "/api/session/all", headers).await;
        number = serde_json::from_slice::<serde_json::Value>(&sessions.body).unwrap()[0]["id"]
            .as_i64()
            .unwrap_or(0);
    }
    example.replace("/nobody", "/member").replace("1000000", &number.to_string())
}

fn body_of(operation: Option<&Operation>, caller: &str) -> String {
    let body = operation.and_then(|o| o.body).unwrap_or_default();
    // Each caller makes a person and an atlas of its own.
    body.replace("\"berta\"", &format!("\"berta-{caller}\""))
        .replace("\"kreis\"", &format!("\"kreis-{caller}\""))
}

fn text(answer: &Answer) -> String {
    String::from_utf8_lossy(&answer.body).into_owned()
}

/// The request was turned away because of who asks.
fn denied(answer: &Answer, caller: &str) -> bool {
    match answer.status {
        401 => caller == "nobody" && text(answer).contains("Sign in, or send a token."),
        404 => caller != "nobody" && text(answer).contains("There is nothing at this address."),
        _ => false,
    }
}

async fn new_bundle(staff: &Staff, publisher: &str) -> i64 {
    let body = api_routes()
        .find(|route| route.pattern.ends_with("/bundles"))
        .and_then(|route| route.operations.iter().find_map(|o| o.body))
        .unwrap();
    let answer = staff.post("/api/atlases/a/bundles", &[("authorization", publisher)], body).await;
    assert_eq!(answer.status, 201, "{}", text(&answer));
    answer.json()["id"].as_i64().unwrap()
}

#[tokio::test]
async fn the_api_does_for_each_caller_what_the_matrix_says() {
    let staff = Staff::new().await;
    staff.hire("session", false, &[("a", Role::Administrator, None)]).await;
    let mut tokens = Vec::new();
    for caller in &CALLERS[1..9] {
        tokens.push((*caller, staff.bearer(caller, 3600).await));
    }
    let bundle = new_bundle(&staff, &tokens[3].1).await;
    let mut cookie = None;
    for route in api_routes() {
        for method in METHODS {
            let listed = if method == "HEAD" { "GET" } else { method };
            let entry =
                EXPECTED.iter().find(|(pattern, method, _)| *pattern == route.pattern && *method == listed);
            for caller in CALLERS {
                if caller == "session" && (cookie.is_none() || route.pattern.starts_with("/api/session")) {
                    // Those requests end sessions or change their secrets.
                    cookie = Some(staff.cookie("session").await);
                }
                let credentials = credentials(caller, &tokens, cookie.as_deref());
                let mut headers: Vec<(&str, &str)> =
                    credentials.iter().map(|(n, v)| (*n, v.as_str())).collect();
                let path = path_of(&staff, route.examples[0], &headers, bundle).await;
                headers.push(("if-match", "*"));
                let operation = route.operations.iter().find(|o| o.method == listed);
                let answer = staff.json(method, &path, &headers, &body_of(operation, caller)).await;
                let what = format!("{method} {path} by {caller}: {} {}", answer.status, text(&answer));
                let Some((_, _, allowed)) = entry else {
                    assert_eq!(answer.status, 405, "{what}");
                    continue;
                };
                assert!(answer.status < 500, "{what}");
                if method == "HEAD" {
                    let (refused, absent) = (answer.status >= 400, ABSENT.contains(&route.pattern));
                    assert!(refused != allowed.contains(&caller) || (absent && refused), "{what}");
                } else if allowed.contains(&caller) {
                    assert!(!denied(&answer, caller) || ABSENT.contains(&route.pattern), "{what}");
                } else {
                    assert!(denied(&answer, caller), "{what}");
                }
            }
        }
    }
}

#[tokio::test]
async fn a_wrong_or_expired_token_is_refused_on_every_route_with_every_method() {
    let staff = Staff::new().await;
    let expired = staff.bearer("administrator", -1).await;
    let unknown = format!("{}x", &expired[..expired.len() - 1]);
    for route in ROUTES {
        for path in route.examples.iter().map(|path| example(path)) {
            for method in METHODS {
                for token in [expired.as_str(), unknown.as_str(), "Bearer wrong", "Basic eDp5", "Digest x"] {
                    let answer = staff.app.ask(method, &path, &[("authorization", token)]).await;
                    assert_eq!(answer.status, 401, "{method} {path} with {token}");
                    assert_eq!(answer.header("cache-control"), Some("private, no-store"), "{method} {path}");
                }
            }
        }
    }
}

#[tokio::test]
async fn maps_and_values_show_members_more_and_others_exactly_what_the_public_sees() {
    let staff = Staff::new().await;
    let mut tokens = Vec::new();
    for caller in &CALLERS[1..9] {
        tokens.push((*caller, staff.bearer(caller, 3600).await));
    }
    for route in ROUTES.iter().filter(|route| !route.pattern.starts_with("/api/")) {
        for path in route.examples.iter().map(|path| example(path)) {
            for method in METHODS {
                let public = staff.app.ask(method, &path, &[]).await;
                for (caller, token) in &tokens {
                    let answer = staff.app.ask(method, &path, &[("authorization", token)]).await;
                    let what = format!(
                        "{method} {path} by {caller}: {} for the public {}",
                        answer.status, public.status
                    );
                    if ["other", "operator"].contains(caller) || method == "OPTIONS" {
                        assert_eq!((answer.status, &answer.body), (public.status, &public.body), "{what}");
                    } else {
                        let more = public.status == 404 && answer.status < 300;
                        assert!(answer.status == public.status || more, "{what}");
                    }
                }
            }
        }
    }
    for (caller, token) in &tokens {
        let answer = staff.app.ask("GET", "/a/values/l/secret.json", &[("authorization", token)]).await;
        assert_eq!(answer.status == 200, MEMBERS.contains(caller) && *caller != "limited", "{caller}");
    }
}
