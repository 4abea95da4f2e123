//! What the public sees, driven by the route table: no route can be left out.

use std::{collections::BTreeMap, path::Path};

use chrono::TimeDelta;
use kommunalatlas::{
    access::{Access, Gate, Owner, TokenRequest},
    clock,
    geometry::{GridPoint, TileCoord},
    http::ROUTES,
    tile::Encoding,
};
use sqlx::{AssertSqlSafe, Connection as _, SqliteConnection};

use crate::{
    app::{Answer, NO_SECRETS, Secrets, TestApp, column, example, tile},
    hidden::{STRANGER, secret, signs_in},
};

/// Tables of the atlases and of people.
const TABLES: usize = 30 + 11;

pub const OTHER: Secrets = Secrets { offset: 17.5, extras: 2, hidden_parents: 1 };

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

/// What the atlas shows to its staff: asked for first, so that whatever a cache keeps of it is there when the public asks.
async fn warm(app: &TestApp) {
    let view = app.atlases.view(&Access::local("test"), "a").unwrap();
    for (indicator, period) in [("i", "2020"), ("i", "2021"), ("secret", "2020")] {
        let layer = view.layer("l", indicator, period, None).unwrap();
        for encoding in [Encoding::Identity, Encoding::Gzip] {
            layer.tile(tile(), encoding).await.unwrap();
        }
        layer.rows().await.unwrap();
    }
    view.boundaries("l", None).unwrap().tile(tile(), Encoding::Identity).await.unwrap();
}

/// Parameters that addresses may have, good and bad.
const QUERIES: [&str; 20] = [
    "lang=en",
    "lang=fr",
    "edition=2020-12-31",
    "edition=2024-12-31",
    "edition=x",
    "release=1",
    "release=2",
    "v=0",
    "v={v}",
    "v={v}&edition=2020-12-31",
    "theme=dark",
    "theme=blue",
    "classes=3",
    "classes=99",
    "method=quantile",
    "method=equal-interval&classes=4",
    "method=guess",
    "palette=blues",
    "palette=nothing",
    "unknown=1&lang=de",
];

/// Methods and headers that a request may have.
const HEADERS: [(&str, &str, &str); 16] = [
    ("GET", "accept-encoding", "gzip, br"),
    ("GET", "accept-encoding", "br"),
    ("GET", "accept-encoding", "identity"),
    ("GET", "if-none-match", "*"),
    ("GET", "if-none-match", "\"0000000000000000\""),
    ("GET", "if-none-match", "{etag}"),
    ("HEAD", "if-none-match", "{etag}"),
    ("GET", "authorization", "Bearer wrong"),
    ("GET", "authorization", "Basic d3Jvbmc6d3Jvbmc="),
    ("GET", "cookie", "session=expired"),
    ("GET", "x-forwarded-host", "example.org"),
    ("HEAD", "accept", "*/*"),
    ("HEAD", "accept-encoding", "gzip"),
    ("OPTIONS", "origin", "https://example.org"),
    ("PUT", "accept", "*/*"),
    ("PATCH", "origin", "https://example.org"),
];

/// The version that the layer of a tile has, as its document names it.
async fn version(app: &TestApp) -> String {
    let document = app.get("/a/tiles/l/i/2020.json").await.json();
    let address = document["tiles"][0].as_str().unwrap();
    address.split("v=").nth(1).unwrap().split('&').next().unwrap().to_owned()
}

/// Both answers to a request, which must be the same; `x-request-id` may differ.
async fn same(one: &TestApp, other: &TestApp, method: &str, path: &str, headers: &[(&str, &str)]) -> Answer {
    let (mut a, mut b) = (one.ask(method, path, headers).await, other.ask(method, path, headers).await);
    for answer in [&mut a, &mut b] {
        answer.headers.retain(|(name, _)| name != "x-request-id");
    }
    assert_eq!(a, b, "{method} {path} {headers:?}");
    a
}

/// Asks two servers everything that anybody may ask; the number of requests.
pub async fn compare(one: &TestApp, other: &TestApp, prefix: &str) -> usize {
    let v = version(one).await;
    let mut asked = 0;
    for path in ROUTES.iter().flat_map(|r| r.examples).map(|p| example(p)) {
        let path = format!("{prefix}{path}");
        let plain = same(one, other, "GET", &path, &[]).await;
        let etag = plain.header("etag").unwrap_or_default().to_owned();
        for (method, name, value) in HEADERS {
            same(one, other, method, &path, &[(name, &value.replace("{etag}", &etag))]).await;
        }
        let bare = path.split('?').next().unwrap();
        for query in QUERIES {
            same(one, other, "GET", &format!("{bare}?{}", query.replace("{v}", &v)), &[]).await;
        }
        for suffix in [".mvt", ".pbf", ".json", ".csv", ".xml", ""] {
            let stem = bare.rsplit_once('.').map_or(bare, |(stem, _)| stem);
            same(one, other, "GET", &format!("{stem}{suffix}"), &[]).await;
        }
        asked += 1 + HEADERS.len() + QUERIES.len() + 6;
    }
    asked
}

/// `tests/mutations.sh` runs this test against programs that are broken on purpose.
#[tokio::test]
async fn stores_that_differ_only_in_unreleased_data_give_identical_answers_on_every_route() {
    let (one, _) = TestApp::peopled(NO_SECRETS).await;
    let (other, _) = TestApp::peopled(OTHER).await;
    warm(&one).await;
    warm(&other).await;
    println!("{} requests", compare(&one, &other, "").await);
}

/// Every row of every table of a database of ours, as text.
async fn rows(file: &Path) -> BTreeMap<String, Vec<String>> {
    let mut database = SqliteConnection::connect(&format!("sqlite://{}", file.display())).await.unwrap();
    let tables = "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'gpkg%' \
                  AND name NOT LIKE 'sqlite%'";
    let tables: Vec<String> = sqlx::query_scalar(tables).fetch_all(&mut database).await.unwrap();
    let mut all = BTreeMap::new();
    for table in tables {
        let columns =
            "SELECT group_concat('quote(' || name || ')', ' || ''|'' || ') FROM pragma_table_info($1)";
        let columns: String =
            sqlx::query_scalar(columns).bind(&table).fetch_one(&mut database).await.unwrap();
        let rows = AssertSqlSafe(format!("SELECT {columns} FROM {table} ORDER BY 1"));
        all.insert(table, sqlx::query_scalar(rows).fetch_all(&mut database).await.unwrap());
    }
    all
}

#[tokio::test]
async fn the_two_stores_differ_in_every_table_that_there_is() {
    let (one, one_gate) = TestApp::peopled(NO_SECRETS).await;
    let (other, other_gate) = TestApp::peopled(OTHER).await;
    let files = |app: &TestApp, gate: &Gate| {
        [app.store.path().unwrap().to_owned(), gate.store().unwrap().path().unwrap().to_owned()]
    };
    let mut tables = 0;
    for (one, other) in files(&one, &one_gate).iter().zip(files(&other, &other_gate)) {
        let (one, other) = (rows(one).await, rows(&other).await);
        for (table, rows) in &other {
            assert!(!rows.is_empty(), "{table} has no row: the fixture must plant some");
            assert_ne!(&one[table], rows, "{table}: the fixture must plant rows that differ");
            tables += 1;
        }
    }
    assert_eq!(
        tables, TABLES,
        "a table was added or removed: see that it has rows that differ, and count it"
    );
}

/// Methods and headers of somebody who is signed in.
const SIGNED_IN: [(&str, &str, &str); 5] = [
    ("GET", "accept", "*/*"),
    ("GET", "accept-encoding", "gzip, br"),
    ("GET", "if-none-match", "*"),
    ("HEAD", "accept", "*/*"),
    ("OPTIONS", "origin", "https://example.org"),
];

/// An answer without what says how long it may be kept.
fn unkept(mut answer: Answer) -> Answer {
    answer.headers.retain(|(name, _)| !["cache-control", "x-request-id"].contains(&name.as_str()));
    answer
}

#[tokio::test]
async fn somebody_without_rights_in_the_atlas_gets_what_nobody_gets_and_the_same_from_both_stores() {
    let mut answers = Vec::new();
    for secrets in [NO_SECRETS, OTHER] {
        let (app, gate) = TestApp::peopled(secrets).await;
        warm(&app).await;
        let owner = Owner::local("test", STRANGER.parse().unwrap());
        let (_, token) = gate.add_token(&owner, &TokenRequest::default(), clock::now()).await.unwrap();
        let token = format!("Bearer {}", token.expose());
        let cookie = signs_in(&gate, STRANGER, clock::now()).await;
        let mut of_store = Vec::new();
        for path in public_paths() {
            for (method, name, value) in SIGNED_IN {
                let nobody = unkept(app.ask(method, &path, &[(name, value)]).await);
                for credentials in [("authorization", token.as_str()), ("cookie", cookie.as_str())] {
                    let answer = app.ask(method, &path, &[(name, value), credentials]).await;
                    let kept = answer.header("cache-control");
                    // Letters and hatches are the same for everybody.
                    let open = ["/fonts/", "/sprites/"].iter().any(|start| path.starts_with(start));
                    let data = answer.status < 400 && path.contains('.') && !open;
                    if data && method != "OPTIONS" {
                        assert_eq!(kept, Some("private, no-store"), "{method} {path} by somebody");
                    }
                    assert_eq!(unkept(answer), nobody, "{method} {path} {name}: {value}, {}", credentials.0);
                }
                of_store.push((format!("{method} {path}"), nobody));
            }
        }
        answers.push(of_store);
    }
    println!("{} requests", answers[0].len());
    assert_eq!(answers[0], answers[1]);
}

/// The examples of all routes outside the API, with each of the parameters that addresses may have.
fn public_paths() -> Vec<String> {
    let mut paths = Vec::new();
    for path in ROUTES.iter().filter(|r| !r.pattern.starts_with("/api/")).flat_map(|r| r.examples) {
        let path = example(path);
        let bare = path.split('?').next().unwrap().to_owned();
        paths.extend(QUERIES.iter().map(|query| format!("{bare}?{}", query.replace("{v}", "0"))));
        paths.push(path);
    }
    paths
}

#[tokio::test]
async fn a_session_that_has_ended_counts_as_none_on_every_route() {
    let (app, gate) = TestApp::peopled(OTHER).await;
    let long_ago = clock::now() - TimeDelta::days(2);
    let cookie = signs_in(&gate, STRANGER, long_ago).await;
    for path in ROUTES.iter().flat_map(|r| r.examples).map(|p| example(p)) {
        for (method, name, value) in SIGNED_IN {
            let nobody = app.ask(method, &path, &[(name, value)]).await;
            let answer = app.ask(method, &path, &[(name, value), ("cookie", &cookie)]).await;
            assert_eq!(answer, nobody, "{method} {path} {name}: {value}");
        }
    }
}

#[tokio::test]
async fn they_do_so_below_a_path_prefix_too() {
    let one = TestApp::with(NO_SECRETS, "https://atlas.example.org/karten").await;
    let other = TestApp::with(OTHER, "https://atlas.example.org/karten").await;
    for path in ROUTES.iter().flat_map(|r| r.examples).map(|p| example(p)) {
        same(&one, &other, "GET", &format!("/karten{path}"), &[]).await;
    }
}

/// All bytes of an answer that a reader can make sense of: headers, the body, and numbers decoded from tiles.
fn readable(answer: &Answer) -> String {
    let mut text = format!("{:?} {}", answer.headers, String::from_utf8_lossy(&answer.body));
    if answer.header("content-type") == Some("application/vnd.mapbox-vector-tile")
        && let Ok(reader) = fast_mvt::MvtReaderRef::new(&answer.body)
    {
        for feature in reader.layers().flat_map(|layer| layer.features().collect::<Vec<_>>()) {
            let properties: Vec<_> = feature.properties().map(|p| format!("{:?}", p.unwrap())).collect();
            text.push_str(&properties.join(" "));
        }
    }
    text
}

#[tokio::test]
async fn fifty_secret_numbers_are_in_no_public_byte() {
    let secrets = Secrets { offset: 54_321.875, extras: 7, ..OTHER };
    let app = TestApp::with(secrets, "http://localhost:8080").await;
    warm(&app).await;
    // Of each planted series the first value and what stands beside it; unreleased periods; exact numbers before rounding.
    let numbers = (0..secrets.extras).flat_map(|n| (0..8).map(move |i| secret(secrets, n) + f64::from(i)));
    let mut numbers: Vec<f64> = numbers.collect();
    numbers.extend(column(100.0 + secrets.offset).numbers());
    numbers.extend(column(secrets.offset / 10_000.0).numbers());
    assert!(numbers.len() >= 50);
    let words: Vec<String> = numbers.iter().map(ToString::to_string).collect();
    let mut paths: Vec<String> = ROUTES.iter().flat_map(|r| r.examples).map(|p| example(p)).collect();
    let corner = GridPoint::from_degrees(11.15, 53.05);
    for z in 0..=14 {
        let t = TileCoord::containing(z, corner);
        let t = format!("{}/{}/{}.mvt", t.z(), t.x(), t.y());
        for layer in ["l", "l/i/2020", "l/i/all", "l/secret/2020", "facilities/kita"] {
            paths.push(format!("/a/tiles/{layer}/{t}"));
        }
    }
    for path in paths {
        let text = readable(&app.get(&path).await);
        for word in &words {
            assert!(!text.contains(word.as_str()), "{path} holds {word}: {text}");
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
    // The description of the API says "secret" of passwords; it is the same for every store.
    let innocent = |path: &String| !path.contains("secret") && path != "/api/openapi.json";
    for path in ROUTES.iter().flat_map(|r| r.examples).map(|p| example(p)).filter(innocent) {
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
