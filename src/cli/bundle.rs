//! `bundle …`: several indicators on their way to release, step by step.
//!
//! Must not know: SQL, which steps are allowed.

use std::{fmt::Write as _, process::ExitCode};

use anyhow::Result;
use chrono::{DateTime, Utc};
use clap::{Args, Subcommand};
use serde_json::json;

use super::{
    StoreArg,
    import::ReportForm,
    recorded::collect,
    release::{DecisionArgs, RequestArgs, listed, print_findings, told},
    run::{location, open, publisher},
};
use crate::{
    clock,
    domain::Slug,
    release::{self, Findings, bundle},
    store::{BundleContent, BundleEvent, BundleRow, Id, OpenMode, Stamp},
};

#[derive(Debug, Subcommand)]
pub(super) enum BundleCommand {
    /// Make a draft
    Create {
        #[command(flatten)]
        request: RequestArgs,
        /// Name for people; the first indicators if not given
        #[arg(long)]
        title: Option<String>,
        /// Not released before this moment, such as 2027-03-01T10:00:00+01:00
        #[arg(long, value_name = "TIME")]
        embargo: Option<DateTime<Utc>>,
        #[command(flatten)]
        store: StoreArg,
    },
    /// List bundles, the latest first
    List {
        /// Of which atlas
        #[arg(long)]
        atlas: Slug,
        /// Form of the answer
        #[arg(long, value_enum, default_value = "text")]
        report: ReportForm,
        #[command(flatten)]
        store: StoreArg,
    },
    /// Show a bundle with its history and what the last check found
    Show(BundleArgs),
    /// Look whether it can be released; exit status 3 if something stands in the way
    Check(BundleArgs),
    /// Decide that it be released, at once by `bundle release` or when its embargo ends
    Approve(BundleArgs),
    /// Release it
    Release {
        #[command(flatten)]
        bundle: BundleArgs,
        #[command(flatten)]
        decision: DecisionArgs,
    },
    /// Take back what it released, or give it up
    Withdraw {
        #[command(flatten)]
        bundle: BundleArgs,
        #[command(flatten)]
        decision: DecisionArgs,
    },
}

#[derive(Debug, Args)]
pub(super) struct BundleArgs {
    /// Number of the bundle, as listed
    bundle: Id,
    /// Of which atlas
    #[arg(long)]
    atlas: Slug,
    /// Form of the answer
    #[arg(long, value_enum, default_value = "text")]
    report: ReportForm,
    #[command(flatten)]
    store: StoreArg,
}

/// Runs one of the commands.
pub(super) async fn run(command: BundleCommand) -> Result<ExitCode> {
    match command {
        BundleCommand::Create { request, title, embargo, store } => {
            let location = location(store)?;
            let store = open(&location, OpenMode::ReadWrite).await?;
            let (atlas, request) = (request.atlas.clone(), request.request());
            let title = title.unwrap_or_else(|| release::title_of(&request));
            let content = BundleContent { title, request, embargo_until: embargo };
            let row = bundle::create(&store, &publisher(), &atlas, &content, clock::now()).await?;
            collect(&store, &location).await?;
            println!("bundle {} made; `bundle check {} --atlas {atlas}` comes next", row.id, row.id);
            Ok(ExitCode::SUCCESS)
        }
        BundleCommand::List { atlas, report, store } => {
            let store = open(&location(store)?, OpenMode::ReadOnly).await?;
            let rows = bundle::list(&store, &publisher(), &atlas).await?;
            match report {
                ReportForm::Text => print!("{}", rows.iter().map(line).collect::<String>()),
                ReportForm::Json => println!("{}", json!(rows)),
            }
            Ok(ExitCode::SUCCESS)
        }
        BundleCommand::Show(arguments) => show(arguments).await,
        BundleCommand::Check(arguments) => check(arguments).await,
        BundleCommand::Approve(arguments) => approve(arguments).await,
        BundleCommand::Release { bundle, decision } => release_it(bundle, decision).await,
        BundleCommand::Withdraw { bundle, decision } => withdraw(bundle, decision).await,
    }
}

/// One line: number, state, audience, title, what is in it, embargo.
fn line(row: &BundleRow) -> String {
    let names = |slugs: &[Slug]| slugs.iter().map(Slug::as_str).collect::<Vec<_>>().join(",");
    let request = &row.content.request;
    let embargo = row.content.embargo_until.map(|until| format!("\tnot before {}", moment(until)));
    format!(
        "{}\t{}\t{}\t{}\t{} on {}{}\n",
        row.id,
        row.state.as_str(),
        request.audience.as_str(),
        row.content.title,
        names(&request.indicators),
        names(&request.levels),
        embargo.unwrap_or_default()
    )
}

fn moment(at: DateTime<Utc>) -> String {
    at.format("%Y-%m-%d %H:%M UTC").to_string()
}

async fn show(arguments: BundleArgs) -> Result<ExitCode> {
    let store = open(&location(arguments.store)?, OpenMode::ReadOnly).await?;
    let row = bundle::find(&store, &publisher(), &arguments.atlas, arguments.bundle).await?;
    let history = store.bundle_history(&arguments.atlas, arguments.bundle).await?;
    match arguments.report {
        ReportForm::Json => println!("{}", json!({"bundle": row, "history": history})),
        ReportForm::Text => {
            let mut text = line(&row);
            for BundleEvent { action, state, stamp: Stamp { at, by }, .. } in &history {
                let _ = writeln!(text, "  {}  {action} by {by}: {}", moment(*at), state.as_str());
            }
            if let Some(findings) = &row.findings {
                text += &told(&Findings::from_json(findings)?);
            }
            print!("{text}");
        }
    }
    Ok(ExitCode::SUCCESS)
}

async fn check(arguments: BundleArgs) -> Result<ExitCode> {
    let BundleArgs { bundle: id, atlas, report, store } = arguments;
    let location = location(store)?;
    let store = open(&location, OpenMode::ReadWrite).await?;
    let row = bundle::find(&store, &publisher(), &atlas, id).await?;
    let (_, findings) = bundle::check(&store, &publisher(), &atlas, (id, row.revision), clock::now()).await?;
    collect(&store, &location).await?;
    Ok(print_findings(&findings, report))
}

async fn approve(arguments: BundleArgs) -> Result<ExitCode> {
    let BundleArgs { bundle: id, atlas, report, store } = arguments;
    let location = location(store)?;
    let store = open(&location, OpenMode::ReadWrite).await?;
    let row = bundle::find(&store, &publisher(), &atlas, id).await?;
    let row = bundle::approve(&store, &publisher(), &atlas, (id, row.revision), clock::now()).await?;
    collect(&store, &location).await?;
    match (report, row.content.embargo_until) {
        (ReportForm::Json, _) => println!("{}", json!(row)),
        (ReportForm::Text, Some(until)) => {
            println!("bundle {id} is approved; it is released on {}", moment(until));
        }
        (ReportForm::Text, None) => println!("bundle {id} is approved; `bundle release {id}` releases it"),
    }
    Ok(ExitCode::SUCCESS)
}

async fn release_it(arguments: BundleArgs, decision: DecisionArgs) -> Result<ExitCode> {
    let BundleArgs { bundle: id, atlas, report, store } = arguments;
    let location = location(store)?;
    let store = open(&location, OpenMode::ReadWrite).await?;
    let row = bundle::find(&store, &publisher(), &atlas, id).await?;
    let (at, decision) = ((id, row.revision), decision.decision());
    let released = bundle::release(&store, &publisher(), &atlas, at, decision.as_ref(), clock::now()).await;
    // A bundle that could not be released became a draft, which is an act too.
    collect(&store, &location).await?;
    let released = released?;
    match report {
        ReportForm::Text => print!("{}", listed(&released)),
        ReportForm::Json => println!("{}", json!(released)),
    }
    Ok(ExitCode::SUCCESS)
}

async fn withdraw(arguments: BundleArgs, decision: DecisionArgs) -> Result<ExitCode> {
    let BundleArgs { bundle: id, atlas, report, store } = arguments;
    let location = location(store)?;
    let store = open(&location, OpenMode::ReadWrite).await?;
    let (row, decision) = (bundle::find(&store, &publisher(), &atlas, id).await?, decision.decision());
    let at = (id, row.revision);
    let row = bundle::withdraw(&store, &publisher(), &atlas, at, decision.as_ref(), clock::now()).await?;
    collect(&store, &location).await?;
    match report {
        ReportForm::Json => println!("{}", json!(row)),
        ReportForm::Text if row.released.is_some() => {
            println!("bundle {id} is withdrawn; copies already handed out cannot be recalled");
        }
        ReportForm::Text => println!("bundle {id} is given up"),
    }
    Ok(ExitCode::SUCCESS)
}
