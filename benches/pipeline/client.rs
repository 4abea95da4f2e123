//! A small HTTP/1.1 client on plain sockets: it should cost as little as possible beside the server it measures.

use std::{
    io::{Read, Write},
    net::{SocketAddr, TcpStream},
};

use anyhow::{Context, Result, bail, ensure};

/// One kept-alive connection. At most one request is under way on it.
pub struct Connection {
    stream: TcpStream,
    buffer: Vec<u8>,
}

impl Connection {
    /// Connects.
    pub fn open(address: SocketAddr) -> Result<Self> {
        let stream = TcpStream::connect(address)?;
        stream.set_nodelay(true)?;
        Ok(Self { stream, buffer: vec![0; 1 << 20] })
    }

    /// Asks for a path.
    pub fn send(&mut self, path: &str) -> Result<()> {
        let request = format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nAccept-Encoding: gzip\r\n\r\n");
        Ok(self.stream.write_all(request.as_bytes())?)
    }

    /// Reads the answer to the end; the bytes of its body. Anything but 200 is an error.
    pub fn receive(&mut self) -> Result<usize> {
        let mut filled = 0;
        let (head, body) = loop {
            filled += self.read_more(filled)?;
            if let Some(end) = self.buffer[..filled].windows(4).position(|w| w == b"\r\n\r\n") {
                break (end + 4, content_length(&self.buffer[..end])?);
            }
        };
        if head + body > self.buffer.len() {
            self.buffer.resize(head + body, 0);
        }
        while filled < head + body {
            filled += self.read_more(filled)?;
        }
        ensure!(filled == head + body, "the server sent more than was asked for");
        Ok(body)
    }

    fn read_more(&mut self, filled: usize) -> Result<usize> {
        let read = self.stream.read(&mut self.buffer[filled..])?;
        ensure!(read > 0, "the server closed the connection");
        Ok(read)
    }
}

fn content_length(head: &[u8]) -> Result<usize> {
    let text = std::str::from_utf8(head)?;
    let status = text.lines().next().unwrap_or_default();
    if !status.starts_with("HTTP/1.1 200") {
        bail!("the server answered {status}");
    }
    let length = text.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("content-length").then(|| value.trim().parse().ok())?
    });
    length.context("an answer has no length")
}

/// Seconds of processor time that all threads but the calling one have had so far; `None` where the system does not
/// tell. The calling thread is the client, so a difference is what the server spent.
pub fn processor_of_others() -> Option<f64> {
    let me = std::fs::read_link("/proc/thread-self").ok()?;
    let nanoseconds = |task: std::fs::DirEntry| -> Option<u64> {
        if Some(task.file_name().as_os_str()) == me.file_name() {
            return None;
        }
        let text = std::fs::read_to_string(task.path().join("schedstat")).ok()?;
        text.split_whitespace().next()?.parse().ok()
    };
    let tasks = std::fs::read_dir("/proc/self/task").ok()?;
    let total: u64 = tasks.flatten().filter_map(nanoseconds).sum();
    (total > 0).then_some(total as f64 / 1e9)
}
