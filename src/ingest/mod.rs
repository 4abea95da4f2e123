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
mod expansion;
mod plain_table;
mod progress;
mod report;

pub use error::IngestError;
pub use progress::{NoProgress, Progress, on_worker};
pub use report::{Problem, Report, Severity};

use std::path::Path;

use chrono::{DateTime, Utc};

use crate::{
    access::Editor,
    domain::Slug,
    store::{ForeignTable, ImportRecord, Store},
};

/// Where an import goes, who imports and how.
#[derive(Clone, Copy)]
pub struct Target<'a> {
    /// The store.
    pub store: &'a Store,
    /// Who imports.
    pub editor: &'a Editor,
    /// Into which atlas.
    pub atlas: &'a Slug,
    /// Everything is done but the storing.
    pub dry_run: bool,
    /// The present time.
    pub now: DateTime<Utc>,
    /// Who is told how far the import is.
    pub progress: &'a dyn Progress,
}

/// What an import reads.
#[derive(Debug)]
pub enum Source<'a> {
    /// A file.
    File(&'a Path),
    /// A table of a database, under the name that report and history call it by.
    Table(String, ForeignTable),
}

impl Source<'_> {
    /// The report on this source, begun. One without rows is an error in it.
    fn begin(&self) -> Report {
        match self {
            Self::File(file) => Report::new(file_name(file)),
            Self::Table(name, table) => {
                let mut report = Report::new(name);
                if table.rows.is_empty() {
                    report.error(None, None, "There are no rows in what was read from the database.");
                }
                report
            }
        }
    }
}

/// The name of a file for the report, without its folder.
fn file_name(file: &Path) -> String {
    file.file_name().unwrap_or(file.as_os_str()).to_string_lossy().into_owned()
}

/// What the history keeps of an import whose report is complete. From here on the report says that the import is stored;
/// if storing fails, nobody sees it.
fn record(
    kind: &str,
    file_hash: String,
    editor: &Editor,
    now: DateTime<Utc>,
    report: &mut Report,
) -> ImportRecord {
    report.committed = true;
    ImportRecord {
        kind: kind.to_owned(),
        file_name: report.file.clone(),
        file_hash,
        at: now,
        by: editor.name().to_owned(),
        report: serde_json::json!(report),
    }
}
