//! `disclosure …`: anybody can check a suppression pattern.
//!
//! Must not know: how cells are judged; that is `disclosure`.

use std::{
    io::{Read, stdin},
    path::{Path, PathBuf},
    process::ExitCode,
};

use anyhow::{Context as _, Result};
use clap::Subcommand;

use super::{
    propose::{self, ProposeArgs},
    recheck::{self, RecheckArgs},
    why::{self, WhyArgs},
};
use crate::disclosure::{self, Document, DocumentError, ProtectError, Which};

/// Unsafe: the same status as something rejected with a report.
const UNSAFE: u8 = 3;
/// The document cannot be used.
const BAD_INPUT: u8 = 2;

#[derive(Debug, Subcommand)]
pub(super) enum DisclosureCommand {
    /// Attack a suppression pattern: the possible values of every suppressed cell, and whether that is safe
    Audit {
        /// JSON document with base counts, cells, primary and suppressed cells; - for standard input
        #[arg(value_name = "FILE")]
        file: PathBuf,
    },
    /// Find what must be withheld so that small numbers stay secret; the result is audited
    Protect {
        /// JSON document with base counts and cells; - for standard input
        #[arg(value_name = "FILE")]
        file: PathBuf,
    },
    /// Audit what is public of an atlas now, together with everything that ever was
    Recheck(RecheckArgs),
    /// Why numbers of an indicator are closed, region by region; for staff only
    Why(WhyArgs),
    /// Which pool of years, parent level, total or merged category would open most regions of an indicator
    Propose(ProposeArgs),
}

/// Runs a command of disclosure control.
pub(super) async fn run(command: DisclosureCommand) -> Result<ExitCode> {
    let answer = match command {
        DisclosureCommand::Audit { file } => read(&file).and_then(|text| audit(&text)),
        DisclosureCommand::Protect { file } => read(&file).and_then(|text| protect(&text)),
        DisclosureCommand::Recheck(arguments) => return recheck::run(arguments).await,
        DisclosureCommand::Why(arguments) => return why::run(arguments).await,
        DisclosureCommand::Propose(arguments) => return propose::run(arguments).await,
    };
    let (answer, safe) = match answer {
        Ok(answer) => answer,
        Err(error) => {
            eprintln!("{error:#}");
            return Ok(ExitCode::from(BAD_INPUT));
        }
    };
    println!("{answer}");
    Ok(if safe { ExitCode::SUCCESS } else { ExitCode::from(UNSAFE) })
}

fn read(file: &Path) -> Result<Vec<u8>> {
    let source: Box<dyn Read> = if file == Path::new("-") {
        Box::new(stdin())
    } else {
        Box::new(std::fs::File::open(file).with_context(|| format!("cannot read {}", file.display()))?)
    };
    let mut text = Vec::new();
    let longest = disclosure::LONGEST_DOCUMENT;
    source
        .take(longest + 1)
        .read_to_end(&mut text)
        .with_context(|| format!("cannot read {}", file.display()))?;
    anyhow::ensure!(text.len() as u64 <= longest, "{} is longer than {longest} bytes", file.display());
    Ok(text)
}

fn audit(text: &[u8]) -> Result<(String, bool)> {
    let document = Document::parse(text)?;
    let suppressed = document.suppressed.as_deref().ok_or(DocumentError::Missing("suppressed"))?;
    let audit = disclosure::audit(&document.table, &document.primary(), suppressed, Which::Suppressed);
    let audit = audit.map_err(|error| document.named(&error))?;
    Ok((serde_json::to_string_pretty(&document.report(&audit))?, audit.safe))
}

fn protect(text: &[u8]) -> Result<(String, bool)> {
    let document = Document::parse(text)?;
    let primary = document.primary();
    let report = match disclosure::protect(&document.table, &primary) {
        Ok(suppression) => {
            let audit = disclosure::audit(&document.table, &primary, &suppression.suppressed, Which::Primary);
            document.protection(&suppression, &audit.map_err(|error| document.named(&error))?)
        }
        Err(ProtectError::Impossible(cells)) => document.impossible(&cells),
        Err(error) => return Err(error.into()),
    };
    Ok((serde_json::to_string_pretty(&report)?, report.safe))
}
