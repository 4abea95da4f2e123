//! The store: the only place with SQL. One GeoPackage file, or PostGIS behind the same contract.
//!
//! Holds rows and transactions. Must not know: who is asking, HTTP, tiles, how classes are found.
//!
//! Invariant: editions, series and releases are never changed once written. Only the small catalogue changes, and each
//! change raises `generation` in the same transaction.

mod records;

pub use records::*;
