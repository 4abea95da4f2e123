//! A running server and plain requests to it.

use std::{
    io::{Read as _, Write as _},
    net::{TcpListener, TcpStream},
    process::{Child, Stdio},
    time::{Duration, Instant},
};

use crate::person::Person;

/// `serve` of a person, stopped when dropped.
pub struct Server {
    child: Child,
    pub port: u16,
}

/// An answer.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub head: String,
    pub body: Vec<u8>,
}

/// After so long something hangs. Nothing is said about how long it should take.
const HANGS: Duration = Duration::from_mins(1);

impl Server {
    /// Starts it and waits until it answers.
    pub fn start(person: &Person, flags: &str) -> Self {
        // Another program may take the port before the server does; then the server ends, and another port is tried.
        let mut started = (0..5).filter_map(|_| Self::start_at(person, free_port(), flags));
        started.next().expect("the server starts")
    }

    /// Starts it at a port and waits until it answers; `None` if it ends instead.
    pub fn start_at(person: &Person, port: u16, flags: &str) -> Option<Self> {
        let listen = format!("127.0.0.1:{port}");
        let mut words = vec!["serve", "--listen", &listen];
        words.extend(flags.split_whitespace());
        let child = person.command(&words).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        let mut server = Self { child, port };
        server.answers().then_some(server)
    }

    fn answers(&mut self) -> bool {
        let start = Instant::now();
        while start.elapsed() < HANGS && self.child.try_wait().unwrap().is_none() {
            if TcpStream::connect(("127.0.0.1", self.port)).is_ok() {
                return true;
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        false
    }

    /// Asks for a path.
    pub fn get(&self, path: &str) -> Answer {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).unwrap();
        write!(stream, "GET {path} HTTP/1.0\r\nHost: localhost\r\n\r\n").unwrap();
        let mut bytes = Vec::new();
        stream.read_to_end(&mut bytes).unwrap();
        let end = bytes.windows(4).position(|w| w == b"\r\n\r\n").unwrap();
        let head = String::from_utf8(bytes[..end].to_vec()).unwrap();
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        Answer { status, head, body: bytes[end + 4..].to_vec() }
    }

    /// Asks again and again until the status is the one waited for.
    pub fn comes_to(&self, path: &str, status: u16) -> Answer {
        let start = Instant::now();
        loop {
            let answer = self.get(path);
            if answer.status == status {
                println!("{path}: {status} after {:?}", start.elapsed());
                return answer;
            }
            assert!(start.elapsed() < HANGS, "{path} never answers {status}: {answer:?}");
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// Asks it to stop, as a service manager does; its exit status.
    pub fn stop(mut self) -> Option<i32> {
        let kill = std::process::Command::new("kill").arg(self.child.id().to_string()).status().unwrap();
        assert!(kill.success());
        self.child.wait().unwrap().code()
    }
}

/// A port that nobody listens at.
pub fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Answer {
    /// The body as JSON.
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).unwrap()
    }

    /// True if these bytes stand in the body.
    pub fn holds(&self, text: &str) -> bool {
        self.body.windows(text.len()).any(|window| window == text.as_bytes())
    }
}
