//! Two servers on one database: what one releases or takes back, both show within a second, whole and nothing else.

use std::{
    collections::HashMap,
    sync::{
        Mutex,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use serde_json::Value;

use crate::{
    atlas::{self, SECRET, TILEJSON, VALUES},
    client::{Answer, Client},
    cluster::Cluster,
    person::Person,
    server::Server,
};

/// Releases and withdrawals.
const DECISIONS: usize = 200;

/// After so long every server must show what is in force.
const STALE: Duration = Duration::from_secs(1);

/// The number of a release, or none.
type State = Option<usize>;

/// When which state was decided: a decision is in force from some moment between its two.
#[derive(Debug, Clone, Copy)]
struct Decision {
    state: State,
    begun: Instant,
    done: Option<Instant>,
}

/// What was valid when, and what every answer is compared with.
struct Checker {
    decisions: Mutex<Vec<Decision>>,
    /// What each state looks like.
    documents: HashMap<State, Value>,
    /// Tiles that were given away for ever, by address: each address has one content.
    forever: Mutex<HashMap<String, Vec<u8>>>,
    stopped: AtomicBool,
}

/// What a reader found.
#[derive(Debug, Default)]
struct Tally {
    answers: usize,
    forever: usize,
    /// The longest time after a decision at which an answer did not know of it.
    delay: Duration,
}

/// The numbers of a document, without the version's name and number.
fn content(answer: &Answer) -> Value {
    if answer.status == 404 { Value::Null } else { answer.json()["rows"].clone() }
}

impl Checker {
    /// The state that an answer shows; a mixture is none.
    fn state_of(&self, content: &Value) -> State {
        let found = self.documents.iter().find(|(_, document)| *document == content);
        *found.unwrap_or_else(|| panic!("this was never in force as a whole: {content}")).0
    }

    /// How long ago a state had ended when the question was asked; nothing if it was valid then or later.
    fn staleness(&self, state: State, asked: Instant, answered: Instant) -> Duration {
        let decisions = self.decisions.lock().unwrap();
        let ends = decisions.iter().enumerate().filter(|(_, d)| d.state == state && d.begun <= answered);
        let staleness = ends.map(|(at, _)| {
            let end = decisions.get(at + 1).and_then(|next| next.done);
            end.map_or(Duration::ZERO, |end| asked.saturating_duration_since(end))
        });
        staleness.min().expect("a state is not shown before it is decided")
    }

    fn check(&self, answer: &Answer, asked: Instant, tally: &mut Tally) {
        tally.answers += 1;
        assert!(matches!(answer.status, 200 | 404), "{answer:?}");
        assert!(!answer.text().contains(SECRET), "an internal number is shown: {}", answer.text());
        let stale = self.staleness(self.state_of(&content(answer)), asked, Instant::now());
        tally.delay = tally.delay.max(stale);
    }

    /// Reads values, then by the address that one server gives a tile from the other.
    fn read(&self, ports: [u16; 2]) -> Tally {
        let (mut one, mut other) = (Client::of(ports[0]), Client::of(ports[1]));
        let mut tally = Tally::default();
        while !self.stopped.load(Ordering::Acquire) {
            let asked = Instant::now();
            let values = one.get(VALUES).unwrap();
            self.check(&values, asked, &mut tally);
            let tilejson = one.get(TILEJSON).unwrap();
            tally.answers += 1;
            if tilejson.status == 200 {
                let template = tilejson.json()["tiles"][0].as_str().unwrap().to_owned();
                let query = template.split_once('?').unwrap().1.to_owned();
                self.tile(&mut other, &query, &mut tally);
            }
            thread::sleep(Duration::from_millis(3));
        }
        tally
    }

    /// Bytes that may be kept for ever are the same for ever, whichever server gives them away.
    fn tile(&self, client: &mut Client, query: &str, tally: &mut Tally) {
        let address = format!("{}?{query}", atlas::tile("day-care-rate/2020"));
        let tile = client.get(&address).unwrap();
        tally.answers += 1;
        assert!(matches!(tile.status, 200 | 404), "{tile:?}");
        if !tile.header("cache-control").unwrap().contains("immutable") {
            return;
        }
        tally.forever += 1;
        let mut forever = self.forever.lock().unwrap();
        let first = forever.entry(address.clone()).or_insert_with(|| tile.body.clone());
        assert_eq!(*first, tile.body, "{address} was given away for ever with two contents");
    }
}

/// Decides again and again, on one server and the other; whoever decides sees it at once.
fn decide(checker: &Checker, ports: [u16; 2], token: &str) {
    let mut clients = ports.map(|port| Client::with_token(port, token));
    for number in 0..DECISIONS {
        let state = [None, Some(0), None, Some(1), Some(0), Some(1)][number % 6];
        let begun = Instant::now();
        checker.decisions.lock().unwrap().push(Decision { state, begun, done: None });
        let client = &mut clients[number / 3 % 2];
        atlas::decide(client, state);
        checker.decisions.lock().unwrap().last_mut().unwrap().done = Some(Instant::now());
        assert_eq!(atlas::is_public(client), state.is_some(), "whoever decides does not see it");
        // Most decisions follow each other quickly, some stand for a while.
        let pause =
            if number % 20 == 19 { STALE + Duration::from_millis(500) } else { Duration::from_millis(60) };
        thread::sleep(pause);
    }
}

#[test]
fn two_servers_show_every_release_and_withdrawal_whole_and_within_a_second() {
    let Some(cluster) = Cluster::new() else { return };
    let person = Person::with_store(cluster.url());
    atlas::prepare(&person);
    let token = atlas::publisher(&person);
    let servers =
        [(); 2].map(|()| Server::start(&person, "--public-url http://localhost --admin-listen off"));
    let ports = [servers[0].port, servers[1].port];
    let mut client = Client::with_token(ports[0], &token);
    let mut documents = HashMap::from([(None, Value::Null)]);
    for number in 0..atlas::RELEASED.len() {
        atlas::decide(&mut client, Some(number));
        documents.insert(Some(number), content(&Client::of(ports[0]).get(VALUES).unwrap()));
    }
    assert_ne!(documents[&Some(0)], documents[&Some(1)]);
    let now = Instant::now();
    let first = Decision { state: Some(1), begun: now, done: Some(now) };
    let checker = Checker {
        decisions: Mutex::new(vec![first]),
        documents,
        forever: Mutex::default(),
        stopped: AtomicBool::new(false),
    };
    thread::sleep(STALE);
    let tallies: Vec<Tally> = thread::scope(|scope| {
        let orders = [[ports[0], ports[1]], [ports[1], ports[0]]];
        let readers: Vec<_> =
            orders.into_iter().cycle().take(4).map(|ports| scope.spawn(|| checker.read(ports))).collect();
        decide(&checker, ports, &token);
        checker.stopped.store(true, Ordering::Release);
        readers.into_iter().map(|reader| reader.join().unwrap()).collect()
    });
    let sum = |of: fn(&Tally) -> usize| tallies.iter().map(of).sum::<usize>();
    let delay = tallies.iter().map(|tally| tally.delay).max().unwrap();
    println!(
        "{DECISIONS} decisions, {} answers, {} of them for ever, the latest old answer {delay:?} after a decision",
        sum(|t| t.answers),
        sum(|t| t.forever)
    );
    assert!(sum(|t| t.forever) > 0 && sum(|t| t.answers) > DECISIONS, "{tallies:?}");
    assert!(delay <= STALE, "an answer was old {delay:?} after a decision");
}
