//! Several servers on one database, without it, behind a proxy: the built program as an administrator runs it.
//!
//! Each test has a PostgreSQL of its own, which it may stop and kill (`tests/cluster.sh`). They run where the other tests
//! have one: under `tests/postgres.sh`.

#![cfg(test)]

mod agreement;
mod atlas;
mod client;
mod cluster;
#[expect(dead_code, reason = "shared with the tests of the command line, which need more of it")]
#[path = "../cli/files.rs"]
mod files;
mod killed;
mod migrations;
mod operation;
mod outage;
#[expect(dead_code, reason = "shared with the tests of the command line, which need more of it")]
#[path = "../cli/person.rs"]
mod person;
#[expect(dead_code, reason = "shared with the tests of the store, which need more of it")]
#[path = "../store_contract/places.rs"]
mod places;
mod replica;
mod rolling;
#[expect(dead_code, reason = "shared with the tests of the command line, which need more of it")]
#[path = "../cli/server.rs"]
mod server;
