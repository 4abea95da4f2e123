//! A PostgreSQL of a test's own, which it may stop, kill and copy.

use std::{path::PathBuf, process::Command};

use crate::{places::in_ci, server::free_port};

/// A running cluster, removed when dropped.
pub struct Cluster {
    /// Readable for the user that PostgreSQL runs as, so not below a folder that is private.
    folder: PathBuf,
    pub port: u16,
}

impl Cluster {
    /// A new one; `None` where the tests have no PostgreSQL, which is a failure in continuous integration.
    pub fn new() -> Option<Self> {
        if std::env::var_os("KOMMUNALATLAS_TEST_POSTGRES").is_none() {
            assert!(!in_ci(), "KOMMUNALATLAS_TEST_POSTGRES is not set: run under tests/postgres.sh");
            println!("SKIPPED: KOMMUNALATLAS_TEST_POSTGRES is not set, run under tests/postgres.sh");
            return None;
        }
        let cluster = Self::at(free_port());
        cluster.script("make", &[&cluster.port.to_string()]);
        Some(cluster)
    }

    /// One that follows this one, as far behind as said (`10s`).
    pub fn replica(&self, delay: &str) -> Self {
        let replica = Self::at(free_port());
        let of = self.folder.to_str().unwrap();
        replica.script("replica", &[&replica.port.to_string(), of, delay]);
        replica
    }

    fn at(port: u16) -> Self {
        let folder = format!("/tmp/kommunalatlas-cluster.{}.{port}", std::process::id());
        Self { folder: folder.into(), port }
    }

    /// The address of the atlas's database.
    pub fn url(&self) -> String {
        format!("postgres://atlas@127.0.0.1:{}/atlas", self.port)
    }

    pub fn stop(&self) {
        self.script("stop", &[]);
    }

    pub fn start(&self) {
        self.script("start", &[]);
    }

    /// `kill -9`
    pub fn kill(&self) {
        self.script("kill", &[]);
    }

    /// Encrypts connections from now on; the file of its certificate.
    pub fn offers_tls(&self) -> PathBuf {
        self.script("tls", &[]);
        self.folder.join("server.crt")
    }

    /// Runs statements behind the store's back.
    pub fn tamper(&self, sql: &str) {
        self.ask(sql);
    }

    /// Runs a query; what it gives, without a header.
    pub fn ask(&self, sql: &str) -> String {
        let mut psql = Command::new("psql");
        psql.args(["-XqtA", "-v", "ON_ERROR_STOP=1", &self.url(), "-c", sql]);
        let done = psql.env("PGOPTIONS", "-c client_min_messages=warning").output().unwrap();
        assert!(done.status.success(), "{sql}: {}", String::from_utf8_lossy(&done.stderr));
        String::from_utf8(done.stdout).unwrap().trim().to_owned()
    }

    fn script(&self, action: &str, arguments: &[&str]) {
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/cluster.sh");
        // What the server writes later must not keep an output of this open.
        let status = Command::new(script).arg(action).arg(&self.folder).args(arguments).status().unwrap();
        assert!(status.success(), "cluster.sh {action} {arguments:?}");
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        self.script("remove", &[]);
    }
}
