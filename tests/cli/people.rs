//! People, tokens and the audit log, as an operator types it; and that no secret is said but where it is asked for.

use std::{
    io::{Read as _, Write as _},
    net::{TcpListener, TcpStream},
    process::Stdio,
    time::{Duration, Instant},
};

use crate::person::{Done, Person};

const PASSWORD: &str = "vier bunte esel";

fn done(done: Done, status: i32) -> Done {
    assert_eq!(done.status, Some(status), "{done:?}");
    done
}

fn adds(person: &Person, words: &str) -> Done {
    done(person.pipes(&format!("user add {words}"), &format!("{PASSWORD}\n")), 0)
}

/// What stands in the audit log, one line of JSON each, the oldest first.
fn log(person: &Person) -> Vec<serde_json::Value> {
    let text = person.succeeds("audit export");
    let mut rows: Vec<_> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    rows.reverse();
    rows
}

crate::on_both_stores! {
    fn people_are_added_listed_changed_and_removed(person: &Person) {
        person.succeeds("atlas create a");
        adds(person, "op --operator");
        adds(person, "Anna --display-name Anna --atlas a --role editor,viewer --themes health,education");
        let list = person.succeeds("user list");
        assert_eq!(list, "anna\tAnna\tactive\ta: viewer,editor (education,health)\nop\top\tactive, operator\t\n");
        person.succeeds("user role grant anna --atlas a --role publisher --themes all");
        person.succeeds("user role revoke anna --atlas a --role viewer,editor");
        person.succeeds("user disable anna");
        assert!(person.succeeds("user list").starts_with("anna\tAnna\tdisabled\ta: publisher\n"));
        person.succeeds("user enable anna");
        let token = done(person.types("user reset-password anna"), 0);
        assert_eq!(token.out.trim().len(), 64, "{token:?}");
        assert!(!token.err.contains(token.out.trim()));
        done(person.pipes("user set-password anna --keep", "neun grüne gänse\n"), 0);
        person.succeeds("user remove anna");
        assert!(!person.succeeds("user list").contains("anna"));
        let actions: Vec<String> = log(person).iter().map(|row| row["action"].as_str().unwrap().to_owned()).collect();
        assert_eq!(actions, [
            "person.added", "person.added", "role.granted", "role.themes-lifted", "role.revoked", "role.revoked",
            "person.disabled", "person.enabled", "person.password-reset", "person.password-set", "person.removed",
        ]);
        assert_eq!(person.succeeds("audit list --atlas a").lines().count(), 4);
        assert!(person.succeeds("audit export --format syslog").lines().all(|line| line.starts_with("<109>1 20")));
        assert_eq!(person.succeeds("audit prune --days 1"), "0 entries deleted\n");
    }

    fn what_cannot_be_done_is_said_in_a_sentence(person: &Person) {
        person.fails("user list", 1, &["there is no store"]);
        person.succeeds("atlas create a");
        adds(person, "op --operator");
        let short = done(person.pipes("user add bert", "kurz\n"), 1);
        assert!(short.err.contains("at least 12 characters") && !short.err.contains("kurz"), "{short:?}");
        let taken = done(person.pipes("user add op", &format!("{PASSWORD}\n")), 1);
        assert!(taken.err.contains("this user name is taken"), "{taken:?}");
        person.fails("user add bert", 1, &["no password was given"]);
        person.fails("user remove op", 1, &["last operator"]);
        person.fails("user remove bert", 1, &["there is no such person"]);
        person.fails("token add bert", 1, &["there is no such person"]);
        person.fails("user add bert --atlas a", 2, &["--role"]);
        person.fails("user add bert --atlas a --role king", 2, &["'king' is not a role", "publisher"]);
        person.fails("user role grant op", 2, &["--operator"]);
    }

    fn a_token_is_printed_once_and_listed_by_its_beginning(person: &Person) {
        person.succeeds("atlas create a");
        adds(person, "anna --atlas a --role editor");
        let made = done(person.types("token add anna --label QGIS --atlas a --role viewer --days 30"), 0);
        let token = made.out.trim();
        assert!(token.starts_with("ka_") && token.len() == 67 && !made.err.contains(token), "{made:?}");
        let list = person.succeeds("token list anna");
        assert!(list.contains(&token[..11]) && !list.contains(token), "{list}");
        assert!(list.contains("QGIS") && list.contains("a, viewer") && list.contains("never used"), "{list}");
        let number = list.split('\t').next().unwrap();
        person.succeeds(&format!("token remove anna {number}"));
        person.fails(&format!("token remove anna {number}"), 1, &["no such token"]);
        assert!(person.succeeds("token list").contains("revoked 20"));
    }
}

/// A server with all of its log in a file.
struct Traced {
    child: std::process::Child,
    port: u16,
}

impl Traced {
    fn start(person: &Person) -> Self {
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let file = |name: &str| Stdio::from(std::fs::File::create(person.path(name)).unwrap());
        let child = person
            .command(&["serve", "--listen", &format!("127.0.0.1:{port}")])
            .env("RUST_LOG", "trace")
            .stdout(file("out.txt"))
            .stderr(file("err.txt"))
            .spawn()
            .unwrap();
        let mut server = Self { child, port };
        let start = Instant::now();
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            assert!(start.elapsed() < Duration::from_mins(1), "the server does not start");
            assert!(server.child.try_wait().unwrap().is_none(), "the server ended");
            std::thread::sleep(Duration::from_millis(20));
        }
        server
    }

    /// Sends a request as it stands; the answer as it comes.
    fn asks(&self, first: &str, headers: &str, body: &str) -> String {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).unwrap();
        let length = body.len();
        write!(
            stream,
            "{first} HTTP/1.0\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: {length}\r\n{headers}\r\n{body}"
        )
        .unwrap();
        let mut bytes = Vec::new();
        stream.read_to_end(&mut bytes).unwrap();
        String::from_utf8_lossy(&bytes).into_owned()
    }
}

impl Drop for Traced {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn no_secret_is_in_the_fullest_log_or_in_an_error_or_in_the_audit_log() {
    Person::with_file(|person| {
        person.succeeds("atlas create a");
        adds(person, "anna --atlas a --role editor --keep");
        let token = done(person.types("token add anna"), 0).out.trim().to_owned();
        let wrong_token = format!("ka_{}", "5ec7e7".repeat(11).get(..64).unwrap());
        let wrong_password = "ganz falsches wort";
        let cookie = "c00c1e".repeat(11).get(..64).unwrap().to_owned();
        let server = Traced::start(person);
        let mut said = String::new();
        for header in [
            format!("Authorization: Bearer {token}\r\n"),
            format!("Authorization: Bearer {wrong_token}\r\n"),
            format!("Cookie: kommunalatlas={cookie}\r\n"),
            format!("Authorization: Basic {wrong_password}\r\n"),
        ] {
            for path in ["/atlases.json", "/a/catalog.json", "/nowhere"] {
                said.push_str(&server.asks(&format!("GET {path}"), &header, ""));
            }
        }
        assert!(said.contains(" 401 ") && said.contains(" 200 "), "{said}");
        let origin = format!("Origin: http://localhost:{}\r\n", server.port);
        let mut issued = String::new();
        for (name, password) in [("anna", PASSWORD), ("anna", wrong_password), (wrong_password, "anna")] {
            let body = format!("{{\"name\": \"{name}\", \"password\": \"{password}\"}}");
            let answer = server.asks("POST /api/session", &origin, &body);
            match answer.split_once("kommunalatlas=") {
                Some((_, cookie)) => issued = cookie.chars().take(64).collect(),
                None => said.push_str(&answer),
            }
        }
        assert_eq!(issued.len(), 64, "{said}");
        let cookie_sent = format!("{origin}Cookie: kommunalatlas={issued}\r\n");
        said.push_str(&server.asks("GET /api/session", &cookie_sent, ""));
        let broken = format!("{{\"name\": \"anna\", \"password\": \"{wrong_password}\", \"x\": 1}}");
        said.push_str(&server.asks("POST /api/session", &origin, &broken));
        drop(server);
        for input in [PASSWORD, wrong_password] {
            let refused = person.pipes("user add anna", &format!("{input}\n"));
            said.push_str(&refused.out);
            said.push_str(&refused.err);
        }
        let one_time = person.types("user reset-password anna");
        said.push_str(&one_time.err);
        for file in ["out.txt", "err.txt"] {
            said.push_str(&std::fs::read_to_string(person.path(file)).unwrap());
        }
        assert!(said.contains("INFO"), "there is no log");
        said.push_str(&person.succeeds("audit export"));
        said.push_str(&person.succeeds("audit export --format syslog"));
        for secret in
            [&token, &wrong_token, PASSWORD, wrong_password, &cookie, one_time.out.trim(), "argon2id"]
        {
            assert!(!said.contains(secret), "{secret} in {said}");
        }
    });
}
