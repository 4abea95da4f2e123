//! Import: boundaries, catalogue, statistics, facilities.
//!
//! Holds the way from a file to one transaction. Must not know: HTTP, styles, releases.
//!
//! Invariant: all problems are reported at once, and either the whole file is stored or nothing.

mod report;

pub use report::{Problem, Report, Severity};
