//! The tile encoder from outside: what it writes is read by another decoder and compared with another encoder.

#![expect(clippy::unwrap_used, reason = "helpers of tests stand outside of the test functions")]

mod decoded;
mod fixtures;
mod plain;
mod sample;
mod snapshot;
mod splice;
