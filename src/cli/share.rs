//! `share …`: what an atlas lends to another one of the same store.
//!
//! Must not know: SQL, how a borrowed layer is shown.

use std::process::ExitCode;

use anyhow::{Result, bail};
use clap::{Args, Subcommand};

use super::{
    StoreArg,
    run::{location, open, publisher},
};
use crate::{
    clock,
    domain::Slug,
    store::{OpenMode, ShareRow},
};

#[derive(Debug, Subcommand)]
pub(super) enum ShareCommand {
    /// Lend an indicator on a level to another atlas, for its staff
    Grant {
        #[command(flatten)]
        share: ShareArgs,
        /// The borrower may show to the public what the lender has released
        #[arg(long)]
        may_release: bool,
        #[command(flatten)]
        store: StoreArg,
    },
    /// Take it back; the borrower's servers notice at once
    End {
        #[command(flatten)]
        share: ShareArgs,
        #[command(flatten)]
        store: StoreArg,
    },
    /// What is lent at present
    List {
        #[command(flatten)]
        store: StoreArg,
    },
}

#[derive(Debug, Args)]
pub(super) struct ShareArgs {
    /// Indicator of the lender
    indicator: Slug,
    /// On which level
    #[arg(long)]
    level: Slug,
    /// The atlas that lends
    #[arg(long)]
    atlas: Slug,
    /// The atlas that borrows
    #[arg(long)]
    to: Slug,
}

impl ShareArgs {
    fn row(self, may_release: bool) -> ShareRow {
        let Self { indicator, level, atlas, to } = self;
        ShareRow { lender: atlas, borrower: to, indicator, level, may_release }
    }
}

/// Runs one of the commands.
pub(super) async fn run(command: ShareCommand) -> Result<ExitCode> {
    match command {
        ShareCommand::Grant { share, may_release, store } => {
            let share = share.row(may_release);
            let store = open(&location(store)?, OpenMode::ReadWrite).await?;
            store.grant_share(&share, publisher().name(), clock::now()).await?;
            println!("{}", sentence(&share));
        }
        ShareCommand::End { share, store } => {
            let share = share.row(false);
            let store = open(&location(store)?, OpenMode::ReadWrite).await?;
            if !store.end_share(&share, publisher().name(), clock::now()).await? {
                bail!("there is no such share; `kommunalatlas share list` lists them");
            }
            println!("{} lends {} no longer", share.lender, share.indicator);
        }
        ShareCommand::List { store } => {
            for share in open(&location(store)?, OpenMode::ReadOnly).await?.shares_in_force().await? {
                println!("{}", sentence(&share));
            }
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn sentence(share: &ShareRow) -> String {
    let ShareRow { lender, borrower, indicator, level, may_release } = share;
    let public = if *may_release { ", for its public area too" } else { "" };
    format!("{lender} lends {indicator} on {level} to {borrower}{public}")
}
