//! `facilities …`: categories made public or internal, and sums per region.
//!
//! Must not know: SQL, what a file means.

use std::process::ExitCode;

use anyhow::{Result, bail};
use chrono::NaiveDate;
use clap::{Args, Subcommand};

use super::{
    StoreArg,
    import::{ReportForm, print_report},
    run::{editor, location, open, publisher},
};
use crate::{
    clock,
    domain::{Audience, Period, Slug},
    ingest::facilities::{SumOptions, sum_facilities},
    release,
    store::OpenMode,
};

#[derive(Debug, Subcommand)]
pub(super) enum FacilitiesCommand {
    /// Show a category to the public: those of its facilities whose publication is consented to
    Publish(CategoryArgs),
    /// Take a category back from the public
    Hide(CategoryArgs),
    /// List categories with their numbers of facilities
    List {
        /// Of which atlas
        #[arg(long)]
        atlas: Slug,
        #[command(flatten)]
        store: StoreArg,
    },
    /// Sum facilities or their places per region into indicators that are counts
    Sum(SumArgs),
}

#[derive(Debug, Args)]
pub(super) struct CategoryArgs {
    /// The category
    category: Slug,
    /// Of which atlas
    #[arg(long)]
    atlas: Slug,
    #[command(flatten)]
    store: StoreArg,
}

#[derive(Debug, Args)]
pub(super) struct SumArgs {
    /// Of which atlas
    #[arg(long)]
    atlas: Slug,
    /// Level of the regions
    #[arg(long)]
    level: Slug,
    /// Which facilities
    #[arg(long)]
    category: Slug,
    /// Indicator of the number of facilities
    #[arg(long, value_name = "INDICATOR")]
    count: Option<Slug>,
    /// Indicator of the number of places
    #[arg(long, value_name = "INDICATOR")]
    places: Option<Slug>,
    /// Period of the sums; facilities count that exist on its last day
    #[arg(long)]
    period: Period,
    /// Date of the boundaries; the newest if not given
    #[arg(long)]
    edition: Option<NaiveDate>,
    /// Check only, store nothing
    #[arg(long)]
    dry_run: bool,
    /// Form of the report
    #[arg(long, value_enum, default_value = "text")]
    report: ReportForm,
    #[command(flatten)]
    store: StoreArg,
}

/// Runs one of the commands.
pub(super) async fn run(command: FacilitiesCommand) -> Result<ExitCode> {
    match command {
        FacilitiesCommand::Publish(arguments) => set_public(arguments, true).await,
        FacilitiesCommand::Hide(arguments) => set_public(arguments, false).await,
        FacilitiesCommand::List { atlas, store } => list(&atlas, store).await,
        FacilitiesCommand::Sum(arguments) => sum(arguments).await,
    }
}

async fn set_public(CategoryArgs { category, atlas, store }: CategoryArgs, public: bool) -> Result<ExitCode> {
    let store = open(&location(store)?, OpenMode::ReadWrite).await?;
    release::set_category_public(&store, &publisher(), &atlas, &category, public).await?;
    let shown = store.facilities(&atlas, Audience::Public).await?;
    let shown = shown.iter().filter(|f| f.category == category).count();
    if public {
        println!(
            "{category} is public with {shown} facilities; all others have no recorded consent or have ended"
        );
    } else {
        println!("{category} is internal; copies already handed out cannot be recalled");
    }
    Ok(ExitCode::SUCCESS)
}

async fn list(atlas: &Slug, store: StoreArg) -> Result<ExitCode> {
    let store = open(&location(store)?, OpenMode::ReadOnly).await?;
    let all = store.facilities(atlas, Audience::Internal).await?;
    let shown = store.facilities(atlas, Audience::Public).await?;
    for category in store.facility_categories(atlas).await? {
        let facilities = all.iter().filter(|f| f.category == category.slug);
        let consented = facilities.clone().filter(|f| f.publishable).count();
        let visibility = if category.public {
            format!("public with {}", shown.iter().filter(|f| f.category == category.slug).count())
        } else {
            "internal".to_owned()
        };
        println!(
            "{}\t{visibility}\t{} facilities\t{consented} with consent\t{}",
            category.slug,
            facilities.count(),
            category.title.de
        );
    }
    Ok(ExitCode::SUCCESS)
}

async fn sum(arguments: SumArgs) -> Result<ExitCode> {
    if arguments.count.is_none() && arguments.places.is_none() {
        bail!("name an indicator with --count or --places");
    }
    let store = open(&location(arguments.store)?, OpenMode::ReadWrite).await?;
    let options = SumOptions {
        level: arguments.level,
        edition: arguments.edition,
        category: arguments.category,
        count: arguments.count,
        places: arguments.places,
        period: arguments.period,
    };
    let (editor, now) = (editor(), clock::now());
    let report = sum_facilities(&store, &editor, &arguments.atlas, &options, arguments.dry_run, now).await?;
    print_report(&report, arguments.report)
}
