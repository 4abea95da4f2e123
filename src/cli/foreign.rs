//! `--from postgres://…`: tables of other databases in place of a file.
//!
//! Must not know: SQL. Invariant: the address, which may hold a password, is never printed.

use anyhow::{Context as _, Result};
use clap::{ArgGroup, Args};

use crate::store::{ForeignSource, ForeignTable, read_foreign};

#[derive(Debug, Args)]
#[command(group = ArgGroup::new("what").args(["table", "query"]).multiple(false).requires("from"))]
pub(super) struct ForeignArgs {
    /// Database to read instead of a file; a password is better left to PGPASSWORD or ~/.pgpass
    #[arg(long, value_name = "postgres://…", requires = "what")]
    from: Option<String>,
    /// Table or view of that database: schema.table
    #[arg(long, value_name = "TABLE")]
    table: Option<String>,
    /// SELECT to run there
    #[arg(long, value_name = "SELECT")]
    query: Option<String>,
}

impl ForeignArgs {
    /// The table with its name for the report; `None` if a file is named instead.
    pub(super) async fn read(&self) -> Result<Option<(String, ForeignTable)>> {
        let Some(address) = &self.from else { return Ok(None) };
        let source = match (&self.table, &self.query) {
            (Some(table), _) => ForeignSource::Table(table.clone()),
            (None, Some(query)) => ForeignSource::Query(query.clone()),
            (None, None) => return Ok(None),
        };
        let table = read_foreign(address, &source).await.context("nothing was read")?;
        Ok(Some((source.to_string(), table)))
    }
}
