//! What goes out as files: data in the forms that come in again.
//!
//! Holds the writing of files. Must not know: HTTP, SQL, who is asking.
//!
//! Invariant: what is exported and imported again changes nothing.

pub mod facilities;
