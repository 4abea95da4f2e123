//! `audit …`: who did what, and when.
//!
//! Must not know: SQL.

use std::{
    io::{BufWriter, Write as _},
    process::ExitCode,
};

use anyhow::{Context as _, Result};
use chrono::TimeDelta;
use clap::{Args, Subcommand, ValueEnum};

use super::{
    StoreArg,
    run::{gate, location, open, user},
};
use crate::{
    access::{json_line, syslog_line},
    clock,
    domain::Slug,
    store::{AccessStore, AuditFilter, AuditRow, OpenMode},
};

#[derive(Debug, Subcommand)]
pub(super) enum AuditCommand {
    /// List entries, the latest first
    List {
        #[command(flatten)]
        filter: FilterArgs,
        /// Most entries
        #[arg(long, default_value_t = 50)]
        limit: u32,
    },
    /// Write all entries to standard output, the latest first
    Export {
        #[command(flatten)]
        filter: FilterArgs,
        /// One JSON object a line, or lines of syslog (RFC 5424)
        #[arg(long, value_enum, default_value_t = Format::Jsonl)]
        format: Format,
    },
    /// Delete old entries; that it was done is an entry
    Prune {
        /// Keep those of so many days
        #[arg(long, value_parser = clap::value_parser!(u32).range(1..=36_500))]
        days: u32,
        #[command(flatten)]
        store: StoreArg,
    },
}

#[derive(Debug, Args)]
pub(super) struct FilterArgs {
    /// Of this atlas only
    #[arg(long)]
    atlas: Option<Slug>,
    /// By this person only
    #[arg(long)]
    actor: Option<String>,
    /// Of this action only, such as role.granted
    #[arg(long)]
    action: Option<String>,
    #[command(flatten)]
    store: StoreArg,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
pub(super) enum Format {
    Jsonl,
    Syslog,
}

/// Entries that are read at once.
const PAGE: u32 = 1000;

/// Runs a command about the audit log.
pub(super) async fn run(command: AuditCommand) -> Result<ExitCode> {
    match command {
        AuditCommand::List { filter, limit } => {
            let (store, filter) = opened(filter).await?;
            for row in store.audit_log(&filter, limit, None).await? {
                println!("{}", line(&row));
            }
        }
        AuditCommand::Export { filter, format } => {
            let (store, filter) = opened(filter).await?;
            export(&store, &filter, format).await?;
        }
        AuditCommand::Prune { days, store } => {
            let gate = gate(store).await?;
            let now = clock::now();
            let before = now - TimeDelta::days(days.into());
            let deleted = gate.store()?.prune_audit_log(before, &user(), now).await?;
            println!("{deleted} entries deleted");
        }
    }
    Ok(ExitCode::SUCCESS)
}

async fn opened(arguments: FilterArgs) -> Result<(AccessStore, AuditFilter)> {
    let FilterArgs { atlas, actor, action, store } = arguments;
    let filter = AuditFilter { atlas, actor, action, ..AuditFilter::default() };
    let people = gate(store.clone()).await?.store()?.clone();
    let store = open(&location(store)?, OpenMode::ReadWrite).await?;
    people.collect(&store).await?;
    store.close().await;
    Ok((people, filter))
}

async fn export(store: &AccessStore, filter: &AuditFilter, format: Format) -> Result<()> {
    let mut out = BufWriter::new(std::io::stdout());
    let mut before = None;
    loop {
        let rows = store.audit_log(filter, PAGE, before).await?;
        for row in &rows {
            let line = match format {
                Format::Jsonl => json_line(row),
                Format::Syslog => syslog_line(row),
            };
            writeln!(out, "{line}").context("cannot write the audit log")?;
        }
        let Some(last) = rows.last() else { break };
        before = Some(last.id);
    }
    out.flush().context("cannot write the audit log")
}

fn line(row: &AuditRow) -> String {
    let time = row.at.format("%Y-%m-%d %H:%M:%S");
    let atlas = row.atlas.as_ref().map_or("", Slug::as_str);
    let subject = row.subject.as_deref().unwrap_or_default();
    format!("{}\t{time}\t{}\t{}\t{atlas}\t{subject}", row.id, row.actor, row.action)
}
