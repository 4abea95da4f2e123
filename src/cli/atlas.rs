//! `atlas …`: made, opened, closed, listed; its settings, and how far it is on its way to a public area.
//!
//! Must not know: SQL, what counts for a public area.

use std::{fmt::Write as _, process::ExitCode};

use anyhow::{Result, anyhow};
use chrono::NaiveDate;
use clap::{Args, Subcommand, ValueEnum};
use serde_json::json;

use super::{
    StoreArg,
    import::ReportForm,
    leave,
    recorded::{collect, record},
    run::{administrator, location, open, publisher},
};
use crate::{
    clock,
    domain::{Slug, Text},
    release::{self, Progress},
    store::{AreaChange, AreaDecision, AtlasSettings, NewAtlas, OpenMode},
};

#[derive(Debug, Subcommand)]
pub(super) enum AtlasCommand {
    /// Make an atlas
    Create {
        /// Name in URLs
        slug: Slug,
        /// Name for people
        #[arg(long)]
        title: Option<String>,
        /// How many indicators must be released before it may open
        #[arg(long, default_value_t = 10)]
        required_indicators: u32,
        /// Attribution of its maps
        #[arg(long, default_value = "")]
        attribution: String,
        #[command(flatten)]
        store: StoreArg,
    },
    /// Open its public area
    Open(SlugArgs),
    /// Close its public area
    Close(SlugArgs),
    /// List all atlases
    List {
        #[command(flatten)]
        store: StoreArg,
    },
    /// Show settings, and change those that are given
    Settings(SettingsArgs),
    /// The agreement on use between municipality and operator
    #[command(subcommand)]
    Agreement(leave::AgreementCommand),
    /// Take everything of an atlas out, and remove it from the store if asked to
    Leave(leave::LeaveArgs),
    /// Which indicators count for the public area, which do not and why, and how much time is left
    Progress {
        /// Name in URLs
        slug: Slug,
        /// Form of the answer
        #[arg(long, value_enum, default_value = "text")]
        report: ReportForm,
        #[command(flatten)]
        store: StoreArg,
    },
}

#[derive(Debug, Args)]
pub(super) struct SlugArgs {
    /// Name in URLs
    slug: Slug,
    #[command(flatten)]
    store: StoreArg,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Switch {
    On,
    Off,
}

#[derive(Debug, Args)]
pub(super) struct SettingsArgs {
    /// Name in URLs
    slug: Slug,
    /// Who made a bundle or imported values may not release them
    #[arg(long, value_enum)]
    four_eyes: Option<Switch>,
    /// By when the required number of indicators must be released; `none` for no date
    #[arg(long, value_name = "DATE")]
    indicators_due: Option<String>,
    /// A demand of disclosure control, such as public.threshold=5
    #[arg(long, value_name = "NAME=VALUE")]
    policy: Vec<String>,
    #[command(flatten)]
    store: StoreArg,
}

/// Runs one of the commands.
pub(super) async fn run(command: AtlasCommand) -> Result<ExitCode> {
    match command {
        AtlasCommand::Create { slug, title, required_indicators, attribution, store } => {
            let title = Text::german(title.unwrap_or_else(|| slug.to_string()));
            let atlas = NewAtlas { slug, title, required_indicators, attribution };
            open(&location(store)?, OpenMode::Create).await?.create_atlas(&atlas).await?;
            println!("atlas {} made; its public area is closed", atlas.slug);
        }
        AtlasCommand::Open(SlugArgs { slug, store }) => {
            let location = location(store)?;
            let store = open(&location, OpenMode::ReadWrite).await?;
            let count = release::open(&store, &publisher(), &slug, clock::now()).await?;
            collect(&store, &location).await?;
            println!("the public area of {slug} is open with {count} indicators");
        }
        AtlasCommand::Close(SlugArgs { slug, store }) => {
            let location = location(store)?;
            let store = open(&location, OpenMode::ReadWrite).await?;
            release::close(&store, &publisher(), &slug, clock::now()).await?;
            collect(&store, &location).await?;
            println!("the public area of {slug} is closed");
        }
        AtlasCommand::List { store } => {
            for atlas in open(&location(store)?, OpenMode::ReadOnly).await?.atlases().await? {
                let state = if atlas.open { "open" } else { "closed" };
                println!("{}\t{state}\t{}", atlas.slug, atlas.title.de);
            }
        }
        AtlasCommand::Settings(arguments) => settings(arguments).await?,
        AtlasCommand::Agreement(command) => leave::agreement(command).await?,
        AtlasCommand::Leave(arguments) => return leave::leave(arguments).await,
        AtlasCommand::Progress { slug, report, store } => {
            let store = open(&location(store)?, OpenMode::ReadOnly).await?;
            let progress = release::progress(&store, &publisher(), &slug, clock::now().date_naive()).await?;
            match report {
                ReportForm::Text => print!("{}", told(&progress)),
                ReportForm::Json => println!("{}", json!(progress)),
            }
        }
    }
    Ok(ExitCode::SUCCESS)
}

async fn settings(arguments: SettingsArgs) -> Result<()> {
    let SettingsArgs { slug, four_eyes, indicators_due, policy, store } = arguments;
    let changes = four_eyes.is_some() || indicators_due.is_some() || !policy.is_empty();
    let mode = if changes { OpenMode::ReadWrite } else { OpenMode::ReadOnly };
    let location = location(store)?;
    let store = open(&location, mode).await?;
    let row = store.catalogue(&slug).await?.atlas;
    let mut settings = AtlasSettings {
        policies: row.policies,
        four_eyes: four_eyes.map_or(row.four_eyes, |switch| matches!(switch, Switch::On)),
        indicators_due_on: row.indicators_due_on,
    };
    if let Some(text) = indicators_due {
        settings.indicators_due_on = due_date(&text)?;
    }
    for demand in policy {
        let (name, value) =
            demand.split_once('=').ok_or_else(|| anyhow!("write --policy NAME=VALUE, not '{demand}'"))?;
        settings.policies = settings.policies.with(name, value)?;
    }
    if changes {
        release::change_settings(&store, &administrator(), &slug, &settings).await?;
        record(&location, "atlas.settings", &slug, slug.to_string(), Some(json!(settings))).await?;
    }
    let due = settings.indicators_due_on.map_or_else(|| "none".to_owned(), |day| day.to_string());
    println!("four eyes: {}", if settings.four_eyes { "on" } else { "off" });
    println!("indicators due: {due}");
    for (audience, policy) in [("public", settings.policies.public), ("internal", settings.policies.internal)]
    {
        println!("policy {audience}: {}", serde_json::to_string(&policy)?);
    }
    Ok(())
}

fn due_date(text: &str) -> Result<Option<NaiveDate>> {
    if text == "none" {
        return Ok(None);
    }
    text.parse().map(Some).map_err(|_| anyhow!("'{text}' is no date such as 2027-06-30"))
}

/// How far an atlas is, in lines.
pub(super) fn told(progress: &Progress) -> String {
    let mut text = summary(progress);
    for one in &progress.indicators {
        let state = if one.counts { "counts".to_owned() } else { reasons(one) };
        let _ = writeln!(text, "  {}: {state}", one.indicator);
    }
    text
}

fn reasons(one: &release::IndicatorProgress) -> String {
    one.reasons.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
}

/// How many count, by when, and what waits.
pub(super) fn summary(progress: &Progress) -> String {
    let state = if progress.open { "open" } else { "closed" };
    let mut text = format!("{state}, {} of {} indicators count", progress.count, progress.required);
    if let (Some(due), Some(days)) = (progress.due_on, progress.days_left) {
        let left = if days < 0 { format!("{} days ago", -days) } else { format!("{days} days left") };
        let _ = write!(text, ", due {due} ({left})");
    }
    text.push('\n');
    if let Some(AreaDecision {
        change: AreaChange::KeptOpen,
        reason: Some(reason),
        until: Some(until),
        by,
        ..
    }) = &progress.decision
    {
        let _ = writeln!(text, "  kept open by {by} until {until}: {reason}");
    }
    if progress.waiting > 0 {
        let _ = writeln!(text, "  {} bundles wait: `bundle list` shows them", progress.waiting);
    }
    if progress.uncertified > 0 {
        let _ =
            writeln!(text, "  {} releases have no certificate of disclosure control", progress.uncertified);
    }
    text
}
