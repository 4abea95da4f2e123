//! Two servers behind nginx, as `deploy/nginx/kommunalatlas.conf` has it: they are restarted one after the other, and nobody
//! notices.

use std::{
    fmt::Write as _,
    fs,
    path::Path,
    process::{Child, Command},
    sync::atomic::{AtomicBool, Ordering},
    thread,
    time::{Duration, Instant},
};

use crate::{
    atlas::{self, SECRET, TILEJSON, VALUES},
    client::Client,
    cluster::Cluster,
    person::Person,
    server::{Server, free_port},
};

/// How often each server is restarted.
const ROUNDS: usize = 3;

/// After so long something hangs.
const HANGS: Duration = Duration::from_mins(1);

/// Where the example has its files, and what they are called by the test.
const EXAMPLE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/deploy/nginx/kommunalatlas.conf");

/// nginx with the example, stopped when dropped.
struct Proxy {
    child: Child,
    port: u16,
}

impl Proxy {
    fn start(folder: &Path, servers: [u16; 2]) -> Self {
        let port = free_port();
        let example = fs::read_to_string(EXAMPLE).unwrap();
        let mut adapted = example.clone();
        for (from, to) in [
            ("127.0.0.1:8080", format!("127.0.0.1:{}", servers[0])),
            ("127.0.0.1:8081", format!("127.0.0.1:{}", servers[1])),
            ("listen 80;", format!("listen 127.0.0.1:{port};")),
            ("/var/cache/nginx", folder.display().to_string()),
        ] {
            assert!(adapted.contains(from), "the example has no {from}");
            adapted = adapted.replace(from, &to);
        }
        fs::write(folder.join("kommunalatlas.conf"), adapted).unwrap();
        let mut main =
            format!("daemon off;\npid {0}/nginx.pid;\nerror_log {0}/error.log;\n", folder.display());
        if fs::metadata("/proc/self").is_ok_and(|process| std::os::unix::fs::MetadataExt::uid(&process) == 0)
        {
            main.push_str("user root;\n");
        }
        let folders = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
            .map(|name| format!("{name}_temp_path {}/{name};\n", folder.display()))
            .concat();
        writeln!(
            main,
            "events {{}}\nhttp {{\naccess_log {0}/access.log;\n{folders}include {0}/kommunalatlas.conf;\n}}",
            folder.display()
        )
        .unwrap();
        let file = folder.join("nginx.conf");
        fs::write(&file, main).unwrap();
        let nginx = |arguments: &[&str]| {
            let mut command = Command::new("/usr/sbin/nginx");
            command
                .arg("-p")
                .arg(folder)
                .arg("-c")
                .arg(&file)
                .arg("-e")
                .arg(folder.join("error.log"))
                .args(arguments);
            command
        };
        let tested = nginx(&["-t"]).output().unwrap();
        assert!(tested.status.success(), "{}", String::from_utf8_lossy(&tested.stderr));
        let proxy = Self { child: nginx(&[]).spawn().unwrap(), port };
        let start = Instant::now();
        while Client::of(port).get("/karten/health/live").is_err() {
            assert!(start.elapsed() < HANGS, "nginx does not answer");
            thread::sleep(Duration::from_millis(20));
        }
        proxy
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        // The first process ends those that it started.
        let _ = Command::new("kill").arg(self.child.id().to_string()).status();
        let _ = self.child.wait();
    }
}

fn in_base(path: &str) -> String {
    format!("/karten{path}")
}

/// How many answers somebody gets; none may be a failure, and each must be right for who asks.
fn keeps_reading(port: u16, token: Option<&str>, stopped: &AtomicBool) -> usize {
    let mut client = token.map_or_else(|| Client::of(port), |token| Client::with_token(port, token));
    let mut answers = 0;
    while !stopped.load(Ordering::Acquire) {
        let values = client.get(&in_base(VALUES)).unwrap();
        assert_eq!(values.status, 200, "{}", values.text());
        assert_eq!(values.text().contains(SECRET), token.is_some(), "{}", values.text());
        let tilejson = client.get(&in_base(TILEJSON)).unwrap();
        assert_eq!(tilejson.status, 200, "{}", tilejson.text());
        let template = tilejson.json()["tiles"][0].as_str().unwrap().to_owned();
        let query = template.split_once('?').unwrap().1;
        let tile = client.get(&in_base(&format!("{}?{query}", atlas::tile("day-care-rate/2020")))).unwrap();
        assert_eq!(tile.status, 200, "{tile:?}");
        let kept = tile.header("cache-control").unwrap();
        assert_eq!(kept == "private, no-store", token.is_some(), "{kept}");
        answers += 3;
        thread::sleep(Duration::from_millis(2));
    }
    answers
}

/// Somebody who makes something again and again: a token of one's own, which is taken back. How many writes were done.
fn keeps_writing(port: u16, token: &str, stopped: &AtomicBool) -> usize {
    let (mut client, mut writes) = (Client::with_token(port, token), 0);
    while !stopped.load(Ordering::Acquire) {
        let body = serde_json::json!({"title": "Bündel", "indicators": ["population"], "levels": ["gemeinde"], "periods": [], "audience": "public"});
        let made = client.post(&in_base("/api/atlases/a/bundles"), &body).unwrap();
        assert_eq!(made.status, 201, "{}", made.text());
        writes += 1;
        thread::sleep(Duration::from_millis(50));
    }
    writes
}

#[test]
fn two_servers_behind_nginx_are_restarted_one_after_the_other_without_a_failed_request() {
    let Some(cluster) = Cluster::new() else { return };
    let person = Person::with_store(cluster.url());
    atlas::prepare(&person);
    let token = atlas::publisher(&person);
    person.write("kommunalatlas.toml", "stop_delay_seconds = 1\ntrusted_proxies = [\"127.0.0.1\"]\n");
    let flags = "--public-url http://localhost/karten --admin-listen off";
    let mut servers = [(); 2].map(|()| Some(Server::start(&person, flags)));
    let ports = [0, 1].map(|at: usize| servers[at].as_ref().unwrap().port);
    let folder = tempfile::tempdir().unwrap();
    let proxy = Proxy::start(folder.path(), ports);
    let stopped = AtomicBool::new(false);
    let (port, told) = (proxy.port, &stopped);
    let (answers, writes) = thread::scope(|scope| {
        let readers: Vec<_> = [None, None, None, Some(token.as_str())]
            .into_iter()
            .map(|token| scope.spawn(move || keeps_reading(port, token, told)))
            .collect();
        let writer = scope.spawn(|| keeps_writing(proxy.port, &token, &stopped));
        for _ in 0..ROUNDS {
            for (server, port) in servers.iter_mut().zip(ports) {
                thread::sleep(Duration::from_millis(300));
                assert_eq!(server.take().unwrap().stop(), Some(0), "a server did not stop in order");
                thread::sleep(Duration::from_millis(300));
                *server = Some(Server::start_at(&person, port, flags).expect("the server starts again"));
            }
        }
        stopped.store(true, Ordering::Release);
        let answers: usize = readers.into_iter().map(|reader| reader.join().unwrap()).sum();
        (answers, writer.join().unwrap())
    });
    let log = fs::read_to_string(folder.path().join("access.log")).unwrap();
    let failed = log.lines().filter(|line| line.contains("\" 5")).count();
    println!("{} restarts, {answers} reads and {writes} writes, {failed} failed", 2 * ROUNDS);
    assert_eq!(failed, 0, "nginx answered 5xx");
}

#[test]
fn nginx_keeps_what_is_public_and_named_and_nothing_else() {
    let Some(cluster) = Cluster::new() else { return };
    let person = Person::with_store(cluster.url());
    atlas::prepare(&person);
    let token = atlas::publisher(&person);
    let server = Server::start(&person, "--public-url http://localhost/karten --admin-listen off");
    let folder = tempfile::tempdir().unwrap();
    let proxy = Proxy::start(folder.path(), [server.port, server.port]);
    let (mut public, mut staff) = (Client::of(proxy.port), Client::with_token(proxy.port, &token));
    let address = |client: &mut Client| {
        let template =
            client.get(&in_base(TILEJSON)).unwrap().json()["tiles"][0].as_str().unwrap().to_owned();
        in_base(&format!("{}?{}", atlas::tile("day-care-rate/2020"), template.split_once('?').unwrap().1))
    };
    let (open, internal) = (address(&mut public), address(&mut staff));
    assert_ne!(open, internal);
    let tile = public.get(&open).unwrap();
    let inner = staff.get(&internal).unwrap();
    assert!(tile.status == 200 && inner.status == 200 && tile.body != inner.body);
    // Who has no token gets nothing internal out of the cache, whatever the address.
    assert_eq!(public.get(&internal).unwrap().body, tile.body);
    assert_eq!(staff.get(&open).unwrap().body, inner.body);
    assert_eq!(public.get(&open).unwrap().body, tile.body);
    // What was taken back is gone a few seconds later, though browsers may keep it for a year.
    let mut direct = Client::with_token(proxy.port, &token);
    let decision = serde_json::json!({"kind": "keep-open", "reason": "test", "until": "9999-12-31"});
    let body = serde_json::json!({
        "indicators": ["day-care-rate"], "levels": ["gemeinde"], "audience": "public", "decision": decision,
    });
    assert_eq!(direct.post(&in_base("/api/atlases/a/withdrawals"), &body).unwrap().status, 204);
    let start = Instant::now();
    while public.get(&open).unwrap().status != 404 {
        assert!(start.elapsed() < HANGS, "nginx gives away for ever what was taken back");
        thread::sleep(Duration::from_millis(100));
    }
    println!("taken back everywhere after {:?}", start.elapsed());
}
