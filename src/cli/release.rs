//! `release …`, `withdraw …`, `rollback …`: what an audience gets, in one go by the person at the terminal.
//!
//! Must not know: SQL, what a check looks at.

use std::{fmt::Write as _, process::ExitCode};

use anyhow::{Context as _, Result};
use chrono::NaiveDate;
use clap::{Args, Subcommand};
use serde_json::json;

use super::{
    StoreArg, audience, due,
    import::ReportForm,
    recorded::collect,
    run::{location, open, publisher},
};
use crate::{
    clock,
    domain::{Audience, Period, ReleaseRequest, Slug},
    release::{self, Decision, Findings, Released, Shortfall},
    store::{AccessStore, OpenMode},
};

#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
pub(super) struct ReleaseArgs {
    #[command(subcommand)]
    command: Option<ReleaseCommand>,
    #[command(flatten)]
    request: Option<RequestArgs>,
    #[command(flatten)]
    decision: DecisionArgs,
    /// Only say what would be shown and what stands in the way; exit status 3 if something does
    #[arg(long)]
    dry_run: bool,
    /// Form of the answer
    #[arg(long, value_enum, default_value = "text")]
    report: ReportForm,
    #[command(flatten)]
    store: StoreArg,
}

#[derive(Debug, Subcommand)]
enum ReleaseCommand {
    /// Release every approved bundle whose embargo has ended, as the server does by itself
    Due {
        #[command(flatten)]
        store: StoreArg,
    },
}

/// Indicators on levels for an audience.
#[derive(Debug, Clone, Args)]
pub(super) struct RequestArgs {
    /// Indicators
    #[arg(required = true)]
    indicators: Vec<Slug>,
    /// Of which atlas
    #[arg(long)]
    pub(super) atlas: Slug,
    /// On which levels
    #[arg(long, required = true, value_delimiter = ',')]
    level: Vec<Slug>,
    /// Periods; all that there are if none is given
    #[arg(long, value_delimiter = ',')]
    periods: Vec<Period>,
    /// To whom
    #[arg(long, value_parser = audience, default_value = "public")]
    audience: Audience,
}

impl RequestArgs {
    pub(super) fn request(&self) -> ReleaseRequest {
        ReleaseRequest {
            indicators: self.indicators.clone(),
            levels: self.level.clone(),
            periods: self.periods.clone(),
            audience: self.audience,
        }
    }
}

/// What becomes of the public area if too few indicators count.
#[derive(Debug, Clone, Args)]
pub(super) struct DecisionArgs {
    /// Close the public area if too few indicators would count
    #[arg(long, conflicts_with = "keep_open")]
    close_area: bool,
    /// Keep the public area open with too few indicators, for this reason
    #[arg(long, value_name = "REASON", requires = "until")]
    keep_open: Option<String>,
    /// The last day on which it stays open for that reason
    #[arg(long, value_name = "DATE", requires = "keep_open")]
    until: Option<NaiveDate>,
}

impl DecisionArgs {
    pub(super) fn decision(self) -> Option<Decision> {
        if self.close_area {
            return Some(Decision::ClosePublicArea);
        }
        self.keep_open.zip(self.until).map(|(reason, until)| Decision::KeepOpen { reason, until })
    }
}

#[derive(Debug, Args)]
pub(super) struct WithdrawArgs {
    #[command(flatten)]
    request: RequestArgs,
    #[command(flatten)]
    decision: DecisionArgs,
    #[command(flatten)]
    store: StoreArg,
}

#[derive(Debug, Args)]
pub(super) struct RollbackArgs {
    /// Indicator
    indicator: Slug,
    /// Number of the release that is to be in force again
    #[arg(long, value_name = "NUMBER")]
    to: u32,
    /// Of which atlas
    #[arg(long)]
    atlas: Slug,
    /// On which level
    #[arg(long)]
    level: Slug,
    /// To whom
    #[arg(long, value_parser = audience, default_value = "public")]
    audience: Audience,
    #[command(flatten)]
    decision: DecisionArgs,
    #[command(flatten)]
    store: StoreArg,
}

/// `release …`
pub(super) async fn run(arguments: ReleaseArgs) -> Result<ExitCode> {
    if let Some(ReleaseCommand::Due { store }) = arguments.command {
        return due(store).await;
    }
    let request = arguments.request.context("name the indicators to be released")?;
    let (atlas, request) = (&request.atlas, request.request());
    let now = clock::now();
    if arguments.dry_run {
        let store = open(&location(arguments.store)?, OpenMode::ReadOnly).await?;
        let findings = release::preview(&store, &publisher(), atlas, &request, now).await?;
        return Ok(print_findings(&findings, arguments.report));
    }
    let location = location(arguments.store)?;
    let store = open(&location, OpenMode::ReadWrite).await?;
    let decision = arguments.decision.decision();
    let released = release::release(&store, &publisher(), atlas, &request, decision.as_ref(), now).await?;
    collect(&store, &location).await?;
    match arguments.report {
        ReportForm::Text => print!("{}", listed(&released)),
        ReportForm::Json => println!("{}", json!(released)),
    }
    Ok(ExitCode::SUCCESS)
}

/// Releases in lines.
pub(super) fn listed(released: &[Released]) -> String {
    let line = |one: &Released| {
        let certificate = if one.certified { "" } else { "; without a certificate of disclosure control" };
        format!("{} released on {}: {} periods{certificate}\n", one.indicator, one.level, one.periods)
    };
    released.iter().map(line).collect()
}

/// Prints what a check found; exit status 3 if something stands in the way.
pub(super) fn print_findings(findings: &Findings, form: ReportForm) -> ExitCode {
    match form {
        ReportForm::Text => print!("{}", told(findings)),
        ReportForm::Json => println!("{}", json!(findings)),
    }
    ExitCode::from(if findings.problems.is_empty() { 0 } else { 3 })
}

/// What a check found, in lines.
pub(super) fn told(findings: &Findings) -> String {
    let mut text = String::new();
    for problem in &findings.problems {
        let _ = writeln!(text, "problem: {problem}");
    }
    for preview in &findings.previews {
        let _ = writeln!(
            text,
            "{} on {}: {} periods, {} cells with numbers, {} closed{}",
            preview.indicator,
            preview.level,
            preview.periods,
            preview.shown,
            preview.closed,
            if preview.certified { "" } else { "; without a certificate of disclosure control" }
        );
    }
    if let Some(Shortfall { count, required }) = findings.shortfall {
        let _ = writeln!(
            text,
            "only {count} of {required} indicators would count for the public area: releasing it needs --close-area or \
             --keep-open"
        );
    }
    text
}

async fn due(store: StoreArg) -> Result<ExitCode> {
    let location = location(store)?;
    let store = open(&location, OpenMode::ReadWrite).await?;
    let people = AccessStore::open(&location).await?;
    let done = due::carry_out(&store, &people).await?;
    for one in &done {
        println!("{}", one.sentence);
    }
    Ok(ExitCode::from(if done.iter().any(|one| one.failed) { 3 } else { 0 }))
}

/// `withdraw …`
pub(super) async fn withdraw(arguments: WithdrawArgs) -> Result<ExitCode> {
    let WithdrawArgs { request, decision, store } = arguments;
    let location = location(store)?;
    let store = open(&location, OpenMode::ReadWrite).await?;
    let (atlas, request, decision) = (request.atlas.clone(), request.request(), decision.decision());
    let was_open = store.catalogue(&atlas).await?.atlas.open;
    release::withdraw(&store, &publisher(), &atlas, &request, decision.as_ref(), clock::now()).await?;
    collect(&store, &location).await?;
    let levels = request.levels.iter().map(Slug::as_str).collect::<Vec<_>>().join(", ");
    let count = request.indicators.len();
    println!("{count} withdrawn on {levels}; copies already handed out cannot be recalled");
    if was_open && !store.catalogue(&atlas).await?.atlas.open {
        println!("the public area of {atlas} is closed");
    }
    Ok(ExitCode::SUCCESS)
}

/// `rollback …`
pub(super) async fn rollback(arguments: RollbackArgs) -> Result<ExitCode> {
    let RollbackArgs { indicator, to, atlas, level, audience, decision, store } = arguments;
    let location = location(store)?;
    let store = open(&location, OpenMode::ReadWrite).await?;
    let (which, decision) = (((&indicator, &level, audience), to), decision.decision());
    let released =
        release::rollback(&store, &publisher(), &atlas, which, decision.as_ref(), clock::now()).await?;
    collect(&store, &location).await?;
    println!("release {to} of {indicator} on {level} is in force again: {} periods", released.periods);
    Ok(ExitCode::SUCCESS)
}
