//! `disclosure why`: why numbers are closed.
//!
//! Must not know: SQL, rules. What it prints is for staff: it tells which numbers are small.

use std::process::ExitCode;

use anyhow::Result;
use clap::Args;

use super::{
    StoreArg,
    run::{location, open},
};
use crate::{
    domain::{Audience, Period, Slug},
    release::gate,
    store::{OpenMode, SeriesRow},
};

#[derive(Debug, Args)]
pub(super) struct WhyArgs {
    /// Of which indicator
    indicator: Slug,
    /// In which atlas
    #[arg(long)]
    atlas: Slug,
    /// On which level
    #[arg(long)]
    level: Slug,
    /// For which periods; all that there are if none is named
    #[arg(long, value_delimiter = ',', num_args = 1..)]
    periods: Vec<Period>,
    #[command(flatten)]
    store: StoreArg,
}

/// Prints a line for each closed number: period, region, the rule or what it protects.
pub(super) async fn run(arguments: WhyArgs) -> Result<ExitCode> {
    let WhyArgs { indicator, atlas, level, periods, store } = arguments;
    let store = open(&location(store)?, OpenMode::ReadOnly).await?;
    let catalogue = store.catalogue(&atlas).await?;
    let on_level =
        |row: &&SeriesRow| catalogue.editions.iter().any(|e| e.id == row.edition && e.level == level);
    let wanted = |row: &&SeriesRow| {
        row.indicator == indicator && (periods.is_empty() || periods.contains(&row.period)) && on_level(row)
    };
    let series: Vec<&SeriesRow> = catalogue.series.iter().filter(wanted).collect();
    let gated = gate::examine(&store, &catalogue, Audience::Public, &series).await?;
    for notice in &gated.notices {
        eprintln!("{notice}");
    }
    for closed in gated.layers.iter().flat_map(|layer| &layer.closed) {
        let why = match (&closed.rule, &closed.protects) {
            (Some(rule), _) => format!("rule {rule:?}"),
            (None, Some(other)) => format!("protects {other}"),
            (None, None) => "given away earlier".into(),
        };
        println!("{}\t{}\t{why}", closed.period, closed.region);
    }
    Ok(ExitCode::SUCCESS)
}
