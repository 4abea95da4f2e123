//! `delivery …`: who owes which indicator by when, and what has arrived.
//!
//! Must not know: SQL, when a delivery counts as arrived.

use std::process::ExitCode;

use anyhow::Result;
use chrono::NaiveDate;
use clap::{Args, Subcommand};

use super::{
    StoreArg,
    import::{ImportArgs, IntoArgs, ReportForm, print_report},
    run::{editor, location, open},
};
use crate::{
    clock,
    domain::{Period, Slug},
    ingest::deliveries::{DeliveryStatus, delivery_list, import_deliveries},
    store::{Delivery, OpenMode},
};

#[derive(Debug, Subcommand)]
pub(super) enum DeliveryCommand {
    /// List what is owed and what has arrived
    List(ListArgs),
    /// Enter that a department owes indicators
    Set {
        #[command(flatten)]
        what: WhatArgs,
        /// Who owes them
        #[arg(long, value_name = "NAME")]
        department: String,
        /// The last day on which they are in time
        #[arg(long, value_name = "DATE")]
        due: NaiveDate,
        /// Indicators
        #[arg(required = true)]
        indicators: Vec<Slug>,
    },
    /// Bring in a list: CSV or workbook with the columns department, indicator, level, period, due
    Import(ImportArgs),
    /// Remove what is owed for a level and a period: the indicators named, or all
    Remove {
        #[command(flatten)]
        what: WhatArgs,
        /// Indicators; all if none is given
        indicators: Vec<Slug>,
    },
}

#[derive(Debug, Args)]
pub(super) struct ListArgs {
    /// Of which atlas
    #[arg(long)]
    atlas: Slug,
    /// Only of this department
    #[arg(long, value_name = "NAME")]
    department: Option<String>,
    /// Only what is due before this day
    #[arg(long, value_name = "DATE")]
    due_before: Option<NaiveDate>,
    /// Form of the list
    #[arg(long, value_enum, default_value = "text")]
    report: ReportForm,
    #[command(flatten)]
    store: StoreArg,
}

#[derive(Debug, Args)]
pub(super) struct WhatArgs {
    /// Of which atlas
    #[arg(long)]
    atlas: Slug,
    /// On which level
    #[arg(long)]
    level: Slug,
    /// For which period
    #[arg(long)]
    period: Period,
    #[command(flatten)]
    store: StoreArg,
}

/// Runs a command about deliveries.
pub(super) async fn run(command: DeliveryCommand) -> Result<ExitCode> {
    match command {
        DeliveryCommand::List(arguments) => list(arguments).await,
        DeliveryCommand::Set { what, department, due, indicators } => {
            editor();
            let store = open(&location(what.store)?, OpenMode::ReadWrite).await?;
            let owed = |indicator: &Slug| Delivery {
                department: department.clone(),
                indicator: indicator.clone(),
                level: what.level.clone(),
                period: what.period.clone(),
                due_on: due,
            };
            let owed: Vec<_> = indicators.iter().map(owed).collect();
            store.put_deliveries(&what.atlas, &owed, None).await?;
            println!("{department} owes {} indicators for {} by {due}", owed.len(), what.period);
            Ok(ExitCode::SUCCESS)
        }
        DeliveryCommand::Import(import) => {
            let ImportArgs { file, into: IntoArgs { atlas, dry_run, report: form, store } } = import;
            let store = open(&location(store)?, OpenMode::ReadWrite).await?;
            let (editor, now) = (editor(), clock::now());
            let report = import_deliveries(&store, &editor, &atlas, &file, dry_run, now).await?;
            print_report(&report, form)
        }
        DeliveryCommand::Remove { what, indicators } => {
            editor();
            let store = open(&location(what.store)?, OpenMode::ReadWrite).await?;
            let removed =
                store.remove_deliveries(&what.atlas, &what.level, &what.period, &indicators).await?;
            println!("{removed} removed");
            Ok(ExitCode::SUCCESS)
        }
    }
}

async fn list(arguments: ListArgs) -> Result<ExitCode> {
    let store = open(&location(arguments.store)?, OpenMode::ReadOnly).await?;
    let mut list = delivery_list(&store, &arguments.atlas, clock::now().date_naive()).await?;
    list.retain(|row| {
        arguments.department.as_ref().is_none_or(|name| *name == row.delivery.department)
            && arguments.due_before.is_none_or(|day| row.delivery.due_on < day)
    });
    match arguments.report {
        ReportForm::Text => list.iter().for_each(|row| println!("{}", line(row))),
        ReportForm::Json => println!("{}", serde_json::to_string_pretty(&list)?),
    }
    Ok(ExitCode::SUCCESS)
}

fn line(row: &DeliveryStatus) -> String {
    let Delivery { department, indicator, level, period, due_on } = &row.delivery;
    let arrived = row
        .arrived_at
        .map(|at| format!("\t{} of {} regions, {}", row.regions_delivered, row.regions, at.date_naive()));
    let late = if row.late && row.regions_delivered > 0 { ", late" } else { "" };
    format!(
        "{department}\t{due_on}\t{}{late}\t{indicator}\t{level}\t{period}{}",
        row.state.as_str(),
        arrived.unwrap_or_default()
    )
}
