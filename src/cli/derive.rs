//! `derive …`: series made from others.
//!
//! Must not know: SQL, by which arithmetic.

use std::process::ExitCode;

use anyhow::Result;
use chrono::NaiveDate;
use clap::{Args, Subcommand};

use super::{
    StoreArg,
    import::{ReportForm, print_report},
    progress::Bar,
    run::{editor, location, open},
};
use crate::{
    clock,
    domain::{Period, Slug},
    ingest::derive::{Task, derive, outdated::outdated},
    store::OpenMode,
};

#[derive(Debug, Subcommand)]
pub(super) enum DeriveCommand {
    /// Carry series of other editions to one edition, by the successions
    Editions {
        #[command(flatten)]
        common: DeriveArgs,
        /// Date of the edition that gets them; the newest if not given
        #[arg(long, value_name = "DATE")]
        to: Option<NaiveDate>,
        /// Only these indicators
        #[arg(long = "indicator", value_delimiter = ',', num_args = 1..)]
        indicators: Vec<Slug>,
    },
    /// Values of regions from those of their complete parts
    Parents {
        #[command(flatten)]
        common: DeriveArgs,
        /// Level of the parts
        #[arg(long)]
        from: Slug,
        /// Only these indicators
        #[arg(long = "indicator", value_delimiter = ',', num_args = 1..)]
        indicators: Vec<Slug>,
    },
    /// Several years taken together
    Pooled {
        #[command(flatten)]
        common: DeriveArgs,
        /// Indicators
        #[arg(long = "indicator", value_delimiter = ',', num_args = 1.., required = true)]
        indicators: Vec<Slug>,
        /// How many years
        #[arg(long, default_value_t = 5)]
        years: u32,
        /// Last year of the only span that is wanted; every span if not given
        #[arg(long, value_name = "PERIOD")]
        to: Option<Period>,
    },
    /// Shares and rates that name the indicators of their numerator and denominator
    Rates {
        #[command(flatten)]
        common: DeriveArgs,
        /// Only these indicators
        #[arg(long = "indicator", value_delimiter = ',', num_args = 1..)]
        indicators: Vec<Slug>,
    },
    /// List derived series whose inputs have changed since
    Outdated {
        /// Of which atlas
        #[arg(long)]
        atlas: Slug,
        #[command(flatten)]
        store: StoreArg,
    },
}

/// What every derivation takes.
#[derive(Debug, Args)]
pub(super) struct DeriveArgs {
    /// In which atlas
    #[arg(long)]
    atlas: Slug,
    /// Level of the regions that get the values
    #[arg(long)]
    level: Slug,
    /// Check only, store nothing
    #[arg(long)]
    dry_run: bool,
    /// Form of the report
    #[arg(long, value_enum, default_value = "text")]
    report: ReportForm,
    #[command(flatten)]
    store: StoreArg,
}

/// Derives, and prints the report.
pub(super) async fn run(command: DeriveCommand) -> Result<ExitCode> {
    let (common, task): (DeriveArgs, Task) = match command {
        DeriveCommand::Editions { common, to, indicators } => {
            let level = common.level.clone();
            (common, Task::Editions { level, to, indicators })
        }
        DeriveCommand::Parents { common, from, indicators } => {
            let level = common.level.clone();
            (common, Task::Parents { level, from, indicators })
        }
        DeriveCommand::Pooled { common, indicators, years, to } => {
            let level = common.level.clone();
            (common, Task::Pooled { level, indicators, years, to })
        }
        DeriveCommand::Rates { common, indicators } => {
            let level = common.level.clone();
            (common, Task::Rates { level, indicators })
        }
        DeriveCommand::Outdated { atlas, store } => return list_outdated(&atlas, store).await,
    };
    let store = open(&location(common.store)?, OpenMode::ReadWrite).await?;
    let bar = Bar::new();
    let report = derive(&store, &editor(), &common.atlas, &task, common.dry_run, clock::now(), &bar).await;
    bar.finish();
    print_report(&report?, common.report)
}

async fn list_outdated(atlas: &Slug, store: StoreArg) -> Result<ExitCode> {
    let store = open(&location(store)?, OpenMode::ReadOnly).await?;
    for one in outdated(&store.catalogue(atlas).await?) {
        println!("{}\t{}\t{}", one.indicator, one.period, one.command);
    }
    Ok(ExitCode::SUCCESS)
}
