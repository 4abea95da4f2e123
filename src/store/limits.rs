//! How long a store may keep its callers waiting.
//!
//! Holds durations and numbers. Must not know: who waits. Invariant: every wait for a database has an end, so that a slow
//! one costs its callers an error and never the server.

use std::time::Duration;

/// How long a store may keep its callers waiting, and how many of them may wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Connections for reading; one more is kept for writing, and one for looking for changes.
    pub connections: u32,
    /// Until a database server lets us in.
    pub connect: Duration,
    /// Until a connection for reading is free.
    pub acquire: Duration,
    /// Until a statement that reads, or one step of a write, is done.
    pub statement: Duration,
    /// Until the writers before are done.
    pub write: Duration,
}

impl Default for Limits {
    /// For a command, which somebody waits for anyway: the import of all boundaries of Germany may be before it.
    fn default() -> Self {
        Self {
            connections: 4,
            connect: Duration::from_secs(10),
            acquire: Duration::from_secs(30),
            statement: Duration::from_mins(10),
            write: Duration::from_mins(5),
        }
    }
}

impl Limits {
    /// For a server, whose callers come again: better an error soon than an answer late.
    pub const fn of_server() -> Self {
        Self {
            connections: 8,
            connect: Duration::from_secs(5),
            acquire: Duration::from_secs(2),
            statement: Duration::from_secs(10),
            write: Duration::from_secs(10),
        }
    }
}
