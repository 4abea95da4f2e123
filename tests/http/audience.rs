//! What the public sees, driven by the route table: no route can be left out.

use crate::app::{Answer, NO_SECRETS, Secrets, TestApp, example};
use kommunalatlas::http::ROUTES;

const OTHER: Secrets = Secrets { offset: 17.5, extras: 2, hidden_parents: 1 };

#[test]
fn every_route_has_examples() {
    for route in ROUTES {
        assert!(
            !route.examples.is_empty(),
            "{} needs an example, so that the audience tests ask for it",
            route.pattern
        );
    }
}

#[tokio::test]
async fn stores_that_differ_only_in_unreleased_data_give_identical_answers_on_every_route() {
    let one = TestApp::with(NO_SECRETS, "http://localhost:8080").await;
    let other = TestApp::with(OTHER, "http://localhost:8080").await;
    for route in ROUTES {
        for path in route.examples.iter().map(|p| example(p)) {
            for (method, headers) in [
                ("GET", vec![]),
                ("GET", vec![("accept-encoding", "gzip, br")]),
                ("HEAD", vec![]),
                ("OPTIONS", vec![]),
                ("GET", vec![("authorization", "Bearer wrong")]),
            ] {
                let (a, b) =
                    (one.ask(method, &path, &headers).await, other.ask(method, &path, &headers).await);
                assert_eq!(a, b, "{method} {path} {headers:?}");
            }
        }
    }
}

#[tokio::test]
async fn what_is_hidden_answers_exactly_like_what_does_not_exist() {
    let app = TestApp::with(OTHER, "http://localhost:8080").await;
    let pairs = [
        ("/closed-0", "/nothing"),
        ("/closed-0/catalog.json", "/nothing/catalog.json"),
        ("/a/tiles/hidden.json", "/a/tiles/nothing.json"),
        ("/a/tiles/hidden/{tile}.mvt", "/a/tiles/nothing/{tile}.mvt"),
        ("/a/tiles/l/secret/2020.json", "/a/tiles/l/nothing/2020.json"),
        ("/a/tiles/l/i/2021/{tile}.mvt", "/a/tiles/l/i/1999/{tile}.mvt"),
        ("/a/styles/l/secret/2020.json", "/a/styles/l/nothing/2020.json"),
        ("/a/legends/l/i/2021.json", "/a/legends/l/i/1999.json"),
        ("/a/values/l/secret.json", "/a/values/l/nothing.json"),
        ("/a/values/l/i/2021.csv", "/a/values/l/i/1999.csv"),
        ("/a/tiles/facilities/secret-place.json", "/a/tiles/facilities/nothing.json"),
        ("/a/tiles/facilities/secret-place/{tile}.mvt", "/a/tiles/facilities/nothing/{tile}.mvt"),
        ("/a/styles/facilities/secret-place.json", "/a/styles/facilities/nothing.json"),
        ("/a/facilities/secret-place.json", "/a/facilities/nothing.json"),
        ("/a/values/l/i/2020.json?release=99", "/a/values/l/i/1999.json?release=99"),
    ];
    for (hidden, absent) in pairs {
        let (hidden, absent): (Answer, Answer) =
            (app.get(&example(hidden)).await, app.get(&example(absent)).await);
        assert_eq!(hidden.status, 404);
        assert_eq!(hidden, absent);
    }
}

#[tokio::test]
async fn unreleased_numbers_and_names_are_in_no_public_answer() {
    let app = TestApp::with(Secrets { offset: 7777.0, ..OTHER }, "http://localhost:8080").await;
    for path in ROUTES.iter().flat_map(|r| r.examples).map(|p| example(p)).filter(|p| !p.contains("secret")) {
        let text = String::from_utf8_lossy(&app.get(&path).await.body).into_owned();
        for word in ["7878", "7877", "secret", "closed-", "2021", "hidden", "Ebene hidden"] {
            assert!(!text.contains(word), "{path} contains {word}: {text}");
        }
    }
}

#[tokio::test]
async fn a_bad_token_is_refused_on_every_route_that_shows_data() {
    let app = TestApp::new().await;
    for route in ROUTES.iter().filter(|r| r.pattern.contains("{atlas}") || r.pattern == "/atlases.json") {
        for path in route.examples.iter().map(|p| example(p)) {
            let answer = app.ask("GET", &path, &[("authorization", "Bearer wrong")]).await;
            assert_eq!(
                (answer.status, answer.header("cache-control")),
                (401, Some("private, no-store")),
                "{path}"
            );
        }
    }
}

#[tokio::test]
async fn an_unknown_cookie_counts_as_none() {
    let app = TestApp::new().await;
    let plain = app.get("/a/catalog.json").await;
    assert_eq!(app.ask("GET", "/a/catalog.json", &[("cookie", "session=expired")]).await, plain);
}
