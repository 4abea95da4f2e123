//! `template …`: a workbook that a department fills, and that comes back by `import values`.
//!
//! Must not know: SQL, what a workbook looks like.

use std::{path::PathBuf, process::ExitCode};

use anyhow::{Context as _, Result, bail};
use clap::{Args, ValueEnum};

use super::{
    StoreArg,
    run::{local, location, open},
};
use crate::{
    atlas::{Atlases, CacheSizes},
    clock,
    domain::{Lang, Period, Slug},
    extract::template::{TemplateRequest, template},
    store::{AtlasCatalogue, OpenMode, Store},
};

/// Language of a template.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub(super) enum Language {
    De,
    En,
}

#[derive(Debug, Args)]
pub(super) struct TemplateArgs {
    /// Workbook to be made (.xlsx)
    file: PathBuf,
    /// Of which atlas
    #[arg(long)]
    atlas: Slug,
    /// Level of the regions
    #[arg(long)]
    level: Slug,
    /// Period of the values
    #[arg(long)]
    period: Period,
    /// Indicators that are asked for, separated by commas
    #[arg(long, value_delimiter = ',', required_unless_present = "department")]
    indicator: Vec<Slug>,
    /// All indicators that this department owes for level and period, by the delivery list
    #[arg(long, conflicts_with = "indicator")]
    department: Option<String>,
    /// Language of the texts
    #[arg(long, value_enum, default_value = "de")]
    lang: Language,
    #[command(flatten)]
    store: StoreArg,
}

/// Makes a template.
pub(super) async fn run(arguments: TemplateArgs) -> Result<ExitCode> {
    let file = &arguments.file;
    if file.exists() {
        bail!("{} exists already, perhaps filled; choose another name", file.display());
    }
    let store = open(&location(arguments.store.clone())?, OpenMode::ReadOnly).await?;
    let catalogue = store.catalogue(&arguments.atlas).await?;
    let request = request(&store, &arguments, &catalogue).await?;
    let atlases = Atlases::open(store, CacheSizes::default()).await?;
    let view = atlases.view(&local(), arguments.atlas.as_str());
    let view = view.with_context(|| format!("there is no atlas '{}'", arguments.atlas))?;
    let bytes = template(&view, &request).await?;
    std::fs::write(file, bytes).with_context(|| format!("cannot write {}", file.display()))?;
    println!("{} asks for {} indicators of {}", file.display(), request.indicators.len(), request.period);
    Ok(ExitCode::SUCCESS)
}

async fn request(
    store: &Store,
    arguments: &TemplateArgs,
    catalogue: &AtlasCatalogue,
) -> Result<TemplateRequest> {
    let TemplateArgs { level, period, .. } = arguments;
    let (mut wanted, mut due_on) = (arguments.indicator.clone(), None);
    if let Some(department) = &arguments.department {
        let owed = store.deliveries(&arguments.atlas).await?.into_iter().map(|(delivery, _)| delivery);
        let owed: Vec<_> = owed
            .filter(|d| d.department == *department && d.level == *level && d.period == *period)
            .collect();
        if owed.is_empty() {
            bail!("'{department}' owes nothing on level '{level}' for {period}; see `delivery list`");
        }
        due_on = owed.iter().map(|delivery| delivery.due_on).min();
        wanted = owed.into_iter().map(|delivery| delivery.indicator).collect();
    }
    if let Some(unknown) = wanted.iter().find(|slug| !catalogue.indicators.iter().any(|i| i.slug == **slug)) {
        bail!("the catalogue has no indicator '{unknown}'");
    }
    let indicators = catalogue.indicators.iter().filter(|i| wanted.contains(&i.slug)).cloned().collect();
    Ok(TemplateRequest {
        level: level.clone(),
        period: period.clone(),
        indicators,
        department: arguments.department.clone(),
        due_on,
        lang: match arguments.lang {
            Language::De => Lang::De,
            Language::En => Lang::En,
        },
        made_at: clock::now(),
    })
}
