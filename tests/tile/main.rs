//! The tile encoder from outside: what it writes is read by another decoder and compared with another encoder.

mod decoded;
mod fixtures;
mod plain;
mod sample;
mod snapshot;
mod splice;
