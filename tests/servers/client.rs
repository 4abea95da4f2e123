//! A client that keeps its connection, and notices when something goes wrong with it.

use std::{
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::TcpStream,
    time::Duration,
};

/// After so long something hangs. Nothing is said about how long it should take.
const HANGS: Duration = Duration::from_mins(1);

/// A connection to a server, opened when needed.
pub struct Client {
    port: u16,
    stream: Option<BufReader<TcpStream>>,
    /// Lines to send with each request.
    pub headers: String,
}

/// An answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    pub status: u16,
    /// Names in lower case.
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

impl Answer {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(n, _)| n == name).map(|(_, value)| value.as_str())
    }

    pub fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }
}

impl Client {
    pub fn of(port: u16) -> Self {
        Self { port, stream: None, headers: String::new() }
    }

    /// One that sends a token.
    pub fn with_token(port: u16, token: &str) -> Self {
        Self { headers: format!("Authorization: Bearer {token}\r\n"), ..Self::of(port) }
    }

    pub fn get(&mut self, path: &str) -> std::io::Result<Answer> {
        self.ask("GET", path, "")
    }

    /// Sends JSON.
    pub fn post(&mut self, path: &str, body: &serde_json::Value) -> std::io::Result<Answer> {
        self.ask("POST", path, &body.to_string())
    }

    /// Asks once. A connection that the server closed while nobody used it is opened again, as browsers do.
    pub fn ask(&mut self, method: &str, path: &str, body: &str) -> std::io::Result<Answer> {
        let kept = self.stream.is_some();
        match self.once(method, path, body) {
            Err(_) if kept => self.once(method, path, body),
            answer => answer,
        }
    }

    fn once(&mut self, method: &str, path: &str, body: &str) -> std::io::Result<Answer> {
        let mut stream = if let Some(stream) = self.stream.take() {
            stream
        } else {
            let stream = TcpStream::connect(("127.0.0.1", self.port))?;
            stream.set_read_timeout(Some(HANGS))?;
            stream.set_nodelay(true)?;
            BufReader::new(stream)
        };
        let length = body.len();
        let request = format!(
            "{method} {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: {length}\r\n{}\r\n{body}",
            self.headers
        );
        stream.get_mut().write_all(request.as_bytes())?;
        let answer = read(&mut stream)?;
        if !answer.header("connection").is_some_and(|value| value.eq_ignore_ascii_case("close")) {
            self.stream = Some(stream);
        }
        Ok(answer)
    }
}

fn read(stream: &mut BufReader<TcpStream>) -> std::io::Result<Answer> {
    let bad = || std::io::Error::from(std::io::ErrorKind::UnexpectedEof);
    let mut line = || -> std::io::Result<String> {
        let mut line = String::new();
        if stream.read_line(&mut line)? == 0 { Err(bad()) } else { Ok(line.trim_end().to_owned()) }
    };
    let status: u16 = line()?.split(' ').nth(1).and_then(|status| status.parse().ok()).ok_or_else(bad)?;
    let mut headers = Vec::new();
    loop {
        let line = line()?;
        let Some((name, value)) = line.split_once(':') else { break };
        headers.push((name.to_lowercase(), value.trim().to_owned()));
    }
    let mut answer = Answer { status, headers, body: Vec::new() };
    if answer.header("transfer-encoding") == Some("chunked") {
        answer.body = chunks(stream)?;
    } else if let Some(length) = answer.header("content-length").and_then(|length| length.parse().ok()) {
        answer.body = vec![0; length];
        stream.read_exact(&mut answer.body)?;
    }
    Ok(answer)
}

fn chunks(stream: &mut BufReader<TcpStream>) -> std::io::Result<Vec<u8>> {
    let mut body = Vec::new();
    loop {
        let mut size = String::new();
        stream.read_line(&mut size)?;
        let size = usize::from_str_radix(size.trim(), 16).map_err(std::io::Error::other)?;
        let mut chunk = vec![0; size + 2];
        stream.read_exact(&mut chunk)?;
        if size == 0 {
            return Ok(body);
        }
        body.extend_from_slice(&chunk[..size]);
    }
}
