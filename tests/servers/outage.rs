//! Without its database a server gives what it has, says so, and needs no help when the database is back.

use std::{
    sync::atomic::{AtomicBool, Ordering},
    thread,
    time::{Duration, Instant},
};

use serde_json::json;

use crate::{
    atlas::{self, SECRET, VALUES},
    client::{Answer, Client},
    cluster::Cluster,
    person::Person,
    server::Server,
};

/// After so long something hangs.
const HANGS: Duration = Duration::from_mins(1);

/// How long the database is away; `OUTAGE_SECONDS` says otherwise.
fn outage() -> Duration {
    let seconds = std::env::var("OUTAGE_SECONDS").ok().and_then(|seconds| seconds.parse().ok());
    Duration::from_secs(seconds.unwrap_or(10))
}

/// What everybody looks at, so that it is in memory.
fn warm() -> [String; 3] {
    [atlas::tile("day-care-rate/2020"), atlas::tile("population/2019"), VALUES.to_owned()]
}

/// How many answers to warm addresses a client gets until it is told to stop; each must be right.
fn keeps_reading(port: u16, stopped: &AtomicBool) -> usize {
    let (mut client, mut answers) = (Client::of(port), 0);
    let expected = warm().map(|path| client.get(&path).unwrap().body);
    while !stopped.load(Ordering::Acquire) {
        for (path, body) in warm().iter().zip(&expected) {
            let answer = client.get(path).unwrap();
            assert_eq!((answer.status, &answer.body), (200, body), "{path}");
            answers += 1;
        }
        thread::sleep(Duration::from_millis(2));
    }
    answers
}

fn comes_to_say(client: &mut Client, status: &str) -> Duration {
    let start = Instant::now();
    loop {
        let answer = client.get("/health/ready").unwrap();
        assert_eq!(answer.status, 200, "a server that is degraded still answers: {answer:?}");
        if answer.json() == json!({"status": status}) {
            return start.elapsed();
        }
        assert!(start.elapsed() < HANGS, "the server never says that it is {status}");
        thread::sleep(Duration::from_millis(20));
    }
}

fn is_turned_away(answer: &Answer, what: &str) {
    assert_eq!(answer.status, 503, "{what}: {}", answer.text());
    assert_eq!(answer.header("content-type"), Some("application/problem+json"), "{what}");
    assert!(answer.header("retry-after").is_some_and(|s| s.parse().is_ok_and(|s: u32| s > 0)), "{what}");
    assert_eq!(answer.json()["status"], 503, "{what}");
}

fn withdrawal() -> serde_json::Value {
    json!({
        "indicators": ["day-care-rate"], "levels": ["gemeinde"], "audience": "public",
        "decision": {"kind": "keep-open", "reason": "test", "until": "9999-12-31"},
    })
}

#[test]
fn a_server_without_its_database_serves_what_it_has_and_recovers_by_itself() {
    let Some(cluster) = Cluster::new() else { return };
    let person = Person::with_store(cluster.url());
    atlas::prepare(&person);
    let token = atlas::publisher(&person);
    let server = Server::start(&person, "--public-url http://localhost --admin-listen off");
    let (mut client, mut staff) = (Client::of(server.port), Client::with_token(server.port, &token));
    for path in warm() {
        assert_eq!(client.get(&path).unwrap().status, 200, "{path}");
    }
    let internal = staff.get(VALUES).unwrap();
    assert!(internal.text().contains(SECRET), "{}", internal.text());
    comes_to_say(&mut client, "ready");
    let stopped = AtomicBool::new(false);
    let answers: usize = thread::scope(|scope| {
        let readers: Vec<_> = (0..4).map(|_| scope.spawn(|| keeps_reading(server.port, &stopped))).collect();
        thread::sleep(Duration::from_millis(300));
        cluster.stop();
        let start = Instant::now();
        comes_to_say(&mut client, "degraded");
        assert_eq!(client.get("/health/live").unwrap().status, 200);
        // What is in memory: for the public, and for staff who were there a moment ago.
        assert_eq!(staff.get(VALUES).unwrap().body, internal.body);
        let version = client.get(atlas::TILEJSON).unwrap().json()["tiles"][0].as_str().unwrap().to_owned();
        let named = format!("{}?{}", atlas::tile("day-care-rate/2020"), version.split_once('?').unwrap().1);
        let tile = client.get(&named).unwrap();
        assert_eq!(tile.header("cache-control"), Some("no-cache"), "it may have been taken back: {tile:?}");
        // What is not.
        is_turned_away(&client.get(&atlas::tile_of("day-care-rate/2020", 11)).unwrap(), "a cold tile");
        let mut unknown = Client::with_token(server.port, &format!("ka_{}", "0".repeat(64)));
        is_turned_away(&unknown.get(VALUES).unwrap(), "somebody who was not there before");
        is_turned_away(&staff.post("/api/atlases/a/withdrawals", &withdrawal()).unwrap(), "a write");
        is_turned_away(&staff.get("/api/atlases/a/releases").unwrap(), "a question to the database");
        thread::sleep(outage().saturating_sub(start.elapsed()));
        cluster.start();
        println!("ready {:?} after the database was back", comes_to_say(&mut client, "ready"));
        assert_eq!(client.get(&atlas::tile_of("day-care-rate/2020", 11)).unwrap().status, 200);
        assert_eq!(unknown.get(VALUES).unwrap().status, 401);
        stopped.store(true, Ordering::Release);
        let answers = readers.into_iter().map(|reader| reader.join().unwrap()).sum();
        assert_eq!(staff.post("/api/atlases/a/withdrawals", &withdrawal()).unwrap().status, 204);
        assert_eq!(client.get(VALUES).unwrap().status, 404);
        answers
    });
    println!("{answers} warm answers, none of them wrong, while the database was away for {:?}", outage());
    assert_eq!(server.stop(), Some(0));
}

#[test]
fn a_database_that_is_slow_costs_its_askers_an_error_and_nobody_else_anything() {
    const ASKERS: usize = 150;
    let Some(cluster) = Cluster::new() else { return };
    let person = Person::with_store(cluster.url());
    atlas::prepare(&person);
    person.write(
        "kommunalatlas.toml",
        "database_statement_seconds = 1\ndatabase_acquire_seconds = 1\ndatabase_connections = 2\n",
    );
    let server = Server::start(&person, "--public-url http://localhost --admin-listen off");
    let mut client = Client::of(server.port);
    for path in warm() {
        assert_eq!(client.get(&path).unwrap().status, 200, "{path}");
    }
    // Nobody reads arcs or columns while somebody holds these tables.
    let held = thread::scope(|scope| {
        let lock = "BEGIN; LOCK TABLE kommunalatlas.edition_zoom, kommunalatlas.release_column IN ACCESS EXCLUSIVE MODE; \
                    SELECT pg_sleep(6); COMMIT";
        let holder = scope.spawn(|| cluster.tamper(lock));
        thread::sleep(Duration::from_millis(500));
        let askers: Vec<_> = (0..ASKERS)
            .map(|number| {
                let path = atlas::tile_of("population/2020", 11 + (number % 4) as u8);
                scope.spawn(move || Client::of(server.port).get(&path).unwrap())
            })
            .collect();
        for path in warm() {
            assert_eq!(client.get(&path).unwrap().status, 200, "{path}");
        }
        for asker in askers {
            is_turned_away(&asker.join().unwrap(), "a cold tile");
        }
        let held = !holder.is_finished();
        holder.join().unwrap();
        held
    });
    assert!(held, "the database answered before the askers were turned away");
    for zoom in 11..15 {
        assert_eq!(client.get(&atlas::tile_of("population/2020", zoom)).unwrap().status, 200);
    }
}
