//! What the people who run a server see of it: metrics, health, the log, and what `check` finds.

use std::{
    fs::File,
    process::Stdio,
    thread,
    time::{Duration, Instant},
};

use crate::{
    atlas::{self, VALUES},
    client::Client,
    cluster::Cluster,
    person::Person,
    server::{Server, free_port},
};

/// After so long something hangs.
const HANGS: Duration = Duration::from_mins(1);

/// The value of a metric with these labels, if it is told.
fn metric(text: &str, name: &str) -> Option<f64> {
    let line = text.lines().find(|line| line.strip_prefix(name).is_some_and(|rest| rest.starts_with(' ')))?;
    line.rsplit(' ').next()?.parse().ok()
}

#[test]
fn metrics_are_counted_by_route_and_never_by_atlas_key_or_tile() {
    Person::with_file(|person| {
        atlas::prepare(person);
        let admin = free_port();
        let server = Server::start(person, &format!("--admin-listen 127.0.0.1:{admin}"));
        let (mut client, mut operator) = (Client::of(server.port), Client::of(admin));
        for _ in 0..3 {
            assert_eq!(client.get(&atlas::tile("day-care-rate/2020")).unwrap().status, 200);
        }
        assert_eq!(client.get("/nothing/here").unwrap().status, 404);
        let told = operator.get("/metrics").unwrap();
        assert_eq!(told.status, 200, "{told:?}");
        let text = told.text();
        let tiles = r#"route="/{atlas}/tiles/{level}/{indicator}/{period}/{z}/{x}/{y}""#;
        let requests = text
            .lines()
            .find(|line| line.starts_with("kommunalatlas_http_requests_total") && line.contains(tiles));
        assert!(requests.is_some_and(|line| line.ends_with(" 3")), "{text}");
        assert_eq!(metric(&text, "kommunalatlas_skeleton_builds_total"), Some(1.0), "{text}");
        assert_eq!(metric(&text, "kommunalatlas_store_reachable"), Some(1.0), "{text}");
        assert!(metric(&text, "kommunalatlas_generation").is_some_and(|g| g > 0.0), "{text}");
        assert!(text.contains("kommunalatlas_http_request_duration_seconds"), "{text}");
        for named in ["day-care-rate", "gemeinde", "atlas=\"a\"", "/nothing/here"] {
            assert!(!text.contains(named), "a label names {named}: {text}");
        }
        assert_eq!(client.get("/metrics").unwrap().status, 404, "the main listener tells nobody");
        for port in [server.port, admin] {
            let mut anybody = Client::of(port);
            assert_eq!(anybody.get("/health/live").unwrap().status, 200);
            assert_eq!(anybody.get("/health/ready").unwrap().json()["status"], "ready");
        }
        assert_eq!(server.stop(), Some(0));
    });
}

#[test]
fn a_request_has_an_id_that_the_log_repeats_and_no_secret_stands_there() {
    Person::with_file(|person| {
        atlas::prepare(person);
        let token = atlas::publisher(person);
        person.write("kommunalatlas.toml", "log_format = \"json\"\n");
        let (port, log) = (free_port(), person.path("log"));
        let listen = format!("127.0.0.1:{port}");
        let mut command = person.command(&["serve", "--listen", &listen, "--admin-listen", "off"]);
        command.env("RUST_LOG", "trace").stdout(Stdio::null()).stderr(File::create(&log).unwrap());
        let mut child = command.spawn().unwrap();
        let mut client = Client::with_token(port, &token);
        client.headers.push_str("X-Request-Id: asked-by-proxy-1\r\n");
        let start = Instant::now();
        let answer = loop {
            match client.get(VALUES) {
                Ok(answer) => break answer,
                Err(error) => assert!(start.elapsed() < HANGS, "{error}"),
            }
            thread::sleep(Duration::from_millis(20));
        };
        let other = Client::of(port).get(VALUES).unwrap();
        child.kill().unwrap();
        child.wait().unwrap();
        assert_eq!(answer.header("x-request-id"), Some("asked-by-proxy-1"));
        assert!(other.header("x-request-id").is_some_and(|id| !id.is_empty() && id != "asked-by-proxy-1"));
        let text = std::fs::read_to_string(log).unwrap();
        let lines: Vec<serde_json::Value> =
            text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
        assert!(lines.iter().any(|line| line.to_string().contains("asked-by-proxy-1")), "{text}");
        assert!(!text.contains(&token), "the token stands in the log");
    });
}

#[test]
fn check_tells_of_store_schema_files_and_database_as_one_document() {
    let names = |person: &Person| -> Vec<String> {
        let document: serde_json::Value =
            serde_json::from_str(&person.succeeds("check --report json")).unwrap();
        assert_eq!(document["healthy"], true, "{document}");
        assert!(document["content"].is_string() && document["generation"].is_i64(), "{document}");
        let checks = document["checks"].as_array().unwrap().iter();
        checks.map(|check| check["name"].as_str().unwrap().to_owned()).collect()
    };
    Person::with_file(|person| {
        atlas::prepare(person);
        let found = names(person);
        for name in ["configuration", "schema", "pages and fonts", "disk", "permissions"] {
            assert!(found.iter().any(|f| f == name), "{name} in {found:?}");
        }
    });
    let Some(cluster) = Cluster::new() else { return };
    let person = Person::with_store(cluster.url());
    atlas::prepare(&person);
    let found = names(&person);
    for name in ["PostgreSQL", "role", "clock"] {
        assert!(found.iter().any(|f| f == name), "{name} in {found:?}");
    }
}

#[test]
fn the_connection_to_the_database_is_encrypted_and_its_certificate_is_checked_if_asked_for() {
    let Some(cluster) = Cluster::new() else { return };
    Person::with_store(cluster.url()).prepares_atlas();
    let required = Person::with_store(format!("{}?sslmode=require", cluster.url()));
    required.fails("atlas list", 1, &["TLS"]);
    let certificate = cluster.offers_tls();
    let start = Instant::now();
    while required.types("atlas list").status != Some(0) {
        assert!(start.elapsed() < HANGS, "the database never encrypts");
        thread::sleep(Duration::from_millis(50));
    }
    let checked = format!("{}?sslmode=verify-full", cluster.url());
    let trusting = format!("{checked}&sslrootcert={}", certificate.display());
    assert!(Person::with_store(trusting).succeeds("atlas list").contains('a'));
    Person::with_store(checked).fails("atlas list", 1, &["certificate"]);
}
