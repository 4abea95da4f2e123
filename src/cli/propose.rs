//! `disclosure propose`: what would open most of what is closed.
//!
//! Must not know: SQL, rules, by which arithmetic years are taken together.

use std::process::ExitCode;

use anyhow::{Context as _, Result, bail};
use clap::Args;

use super::{
    StoreArg,
    import::{ReportForm, print_report},
    run::{editor, location, open},
};
use crate::{
    clock,
    domain::{Audience, Slug},
    ingest::{
        NoProgress,
        derive::{Task, derive},
    },
    release::propose::{Way, propose},
    store::OpenMode,
};

#[derive(Debug, Args)]
pub(super) struct ProposeArgs {
    /// Of which indicator
    indicator: Slug,
    /// In which atlas
    #[arg(long)]
    atlas: Slug,
    /// On which level
    #[arg(long)]
    level: Slug,
    /// Make the pooled series of this proposal
    #[arg(long, value_name = "NUMBER")]
    make: Option<usize>,
    #[command(flatten)]
    store: StoreArg,
}

/// Prints the proposals, or makes one of them.
pub(super) async fn run(arguments: ProposeArgs) -> Result<ExitCode> {
    let ProposeArgs { indicator, atlas, level, make, store } = arguments;
    let mode = if make.is_some() { OpenMode::ReadWrite } else { OpenMode::ReadOnly };
    let store = open(&location(store)?, mode).await?;
    let catalogue = store.catalogue(&atlas).await?;
    let proposals = propose(&store, &catalogue, Audience::Public, &indicator, &level).await?;
    let Some(number) = make else {
        for (number, proposal) in (1..).zip(&proposals) {
            println!("{number}\t{} of {} regions\t{}", proposal.open, proposal.regions, proposal.way);
        }
        return Ok(ExitCode::SUCCESS);
    };
    let chosen = number.checked_sub(1).and_then(|at| proposals.get(at));
    let chosen = chosen.with_context(|| format!("there is no proposal {number}"))?;
    let (years, to) = match &chosen.way {
        Way::Pool { years, to } => (years, to),
        Way::Merged { with, .. } => bail!(
            "proposal {number} needs an indicator of its own: add it to the catalogue as part of the same total, make it the \
             total of '{indicator}' and '{with}', and import their sums"
        ),
        other => bail!("proposal {number} needs no new series: release it ({other})"),
    };
    let task = Task::Pooled { level, indicators: vec![indicator], years: *years, to: Some(to.clone()) };
    let report = derive(&store, &editor(), &atlas, &task, false, clock::now(), &NoProgress).await?;
    print_report(&report, ReportForm::Text)
}
