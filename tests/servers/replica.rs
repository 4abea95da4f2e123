//! Reading from a replica that is behind: nobody goes back in time, and whoever writes reads what was written.

use std::{
    sync::atomic::{AtomicBool, Ordering},
    thread,
    time::{Duration, Instant},
};

use crate::{
    atlas::{self, TILEJSON},
    client::Client,
    cluster::Cluster,
    person::Person,
    server::{Server, free_port},
};

/// How far the replica is behind.
const DELAY: &str = "10s";

/// After so long something hangs.
const HANGS: Duration = Duration::from_mins(2);

/// Releases and withdrawals while the replica is behind.
const DECISIONS: usize = 24;

/// The version that a server shows, another one for each release. `None` where nothing is released.
fn shown(client: &mut Client) -> Option<String> {
    let answer = client.get(TILEJSON).unwrap();
    assert!(matches!(answer.status, 200 | 404), "{answer:?}");
    (answer.status == 200).then(|| answer.json()["tiles"][0].as_str().unwrap().to_owned())
}

/// What a server shows until the reader is told to stop, one after the other, and how many answers that were.
fn sees(port: u16, stopped: &AtomicBool) -> (Vec<String>, usize) {
    let (mut client, mut seen, mut answers) = (Client::of(port), Vec::new(), 0);
    while !stopped.load(Ordering::Acquire) {
        if let Some(version) = shown(&mut client).filter(|version| seen.last() != Some(version)) {
            seen.push(version);
        }
        answers += 1;
        thread::sleep(Duration::from_millis(2));
    }
    (seen, answers)
}

/// A number among the metrics of a server.
fn metric(admin: u16, name: &str) -> f64 {
    let text = Client::of(admin).get("/metrics").unwrap().text();
    let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' ').map(str::to_owned));
    line.unwrap_or_else(|| panic!("{name} is missing: {text}")).parse().unwrap()
}

#[test]
fn with_a_replica_ten_seconds_behind_nobody_goes_back_and_staff_read_what_they_wrote() {
    let Some(primary) = Cluster::new() else { return };
    let person = Person::with_store(primary.url());
    atlas::prepare(&person);
    let token = atlas::publisher(&person);
    let replica = primary.replica(DELAY);
    let admins = [free_port(), free_port()];
    let servers = admins.map(|admin| {
        let flags = format!(
            "--public-url http://localhost --admin-listen 127.0.0.1:{admin} --read-url {}",
            replica.url()
        );
        Server::start(&person, &flags)
    });
    let mut staff = [0, 1].map(|at: usize| Client::with_token(servers[at].port, &token));
    let stopped = AtomicBool::new(false);
    let mut released = vec![shown(&mut Client::of(servers[0].port)).unwrap()];
    let seen: Vec<(Vec<String>, usize)> = thread::scope(|scope| {
        let readers: Vec<_> =
            servers.iter().map(|server| scope.spawn(|| sees(server.port, &stopped))).collect();
        for number in 0..DECISIONS {
            let state = [Some(0), None, Some(1)][number % 3];
            let client = &mut staff[number % 2];
            atlas::decide(client, state);
            assert_eq!(atlas::is_public(client), state.is_some(), "whoever decides does not see it");
            let public = shown(&mut Client::of(servers[number % 2].port));
            assert_eq!(public.is_some(), state.is_some(), "the public of this server does not see it");
            released.extend(public);
            let releases = client.get("/api/atlases/a/releases?in_force=true").unwrap().text();
            assert_eq!(releases.contains("day-care-rate"), state.is_some(), "{releases}");
            thread::sleep(Duration::from_millis(100));
        }
        let behind = metric(admins[0], "kommunalatlas_replica_generations_behind");
        assert!(behind > 0.0, "the replica was not behind");
        println!("the replica is {behind} writes behind");
        stopped.store(true, Ordering::Release);
        readers.into_iter().map(|reader| reader.join().unwrap()).collect()
    });
    for (versions, answers) in &seen {
        let place = |version: &String| released.iter().position(|one| one == version).unwrap();
        assert!(versions.iter().map(place).is_sorted(), "a server went back in time");
        println!("{DECISIONS} decisions, {answers} answers of {} versions, none went back", versions.len());
    }

    // Where the replica has come up, it answers alone what is not in memory.
    let start = Instant::now();
    while metric(admins[1], "kommunalatlas_replica_generations_behind") > 0.0 {
        assert!(start.elapsed() < HANGS, "the replica never comes up");
        thread::sleep(Duration::from_millis(200));
    }
    primary.stop();
    let cold = Client::of(servers[1].port).get(&atlas::tile_of("population/2020", 12)).unwrap();
    assert_eq!(cold.status, 200, "{}", cold.text());
}

#[test]
fn a_database_that_follows_nobody_is_not_read_as_a_replica() {
    let Some(primary) = Cluster::new() else { return };
    let person = Person::with_store(primary.url());
    person.prepares_atlas();
    let admin = free_port();
    let server =
        Server::start(&person, &format!("--admin-listen 127.0.0.1:{admin} --read-url {}", primary.url()));
    assert_eq!(Client::of(server.port).get("/health/ready").unwrap().status, 200);
    let start = Instant::now();
    while !Client::of(admin).get("/metrics").unwrap().text().contains("kommunalatlas_replica_reachable 0") {
        assert!(start.elapsed() < HANGS, "the server reads from what follows nobody");
        thread::sleep(Duration::from_millis(50));
    }
    let with_replica =
        person.command(&["check"]).env("KOMMUNALATLAS_READ_URL", primary.url()).output().unwrap();
    assert_eq!(with_replica.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&with_replica.stdout).contains("replica: PROBLEM"), "{with_replica:?}");
}
