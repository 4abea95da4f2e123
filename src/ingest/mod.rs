//! Import: boundaries, catalogue, statistics, facilities, successions, the delivery list; and series derived from others.
//!
//! Holds the way from a file to one transaction. Must not know: HTTP, styles, releases.
//!
//! Invariant: all problems are reported at once, and either the whole file is stored or nothing.

pub mod boundaries;
pub mod catalogue;
pub mod deliveries;
pub mod derive;
pub mod facilities;
pub mod history;
pub mod statistics;
pub mod successions;

mod classes;
mod error;
mod plain_table;
mod progress;
mod report;

pub use error::IngestError;
pub use progress::{NoProgress, Progress, on_worker};
pub use report::{Problem, Report, Severity};

use chrono::{DateTime, Utc};

use crate::{access::Editor, domain::Slug, store::Store};

/// Where an import goes, who imports and how.
struct Target<'a> {
    store: &'a Store,
    editor: &'a Editor,
    atlas: &'a Slug,
    dry_run: bool,
    now: DateTime<Utc>,
    progress: &'a dyn Progress,
}
