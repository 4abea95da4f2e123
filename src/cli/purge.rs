//! `purge`: removes what an import brought, physically.

use std::{fmt::Write as _, process::ExitCode};

use anyhow::{Result, bail};
use clap::Args;

use super::{
    StoreArg,
    run::{editor, location, open, publisher},
};
use crate::{
    clock,
    domain::Slug,
    ingest::history::purge,
    store::{AffectedRelease, Erased, Id, OpenMode, PurgePlan},
};

#[derive(Debug, Args)]
pub(super) struct PurgeArgs {
    /// Number of the import, as `history list` shows it
    #[arg(long)]
    import: Id,
    /// Of which atlas
    #[arg(long)]
    atlas: Slug,
    /// Withdraw and remove the releases that may show its numbers
    #[arg(long)]
    with_releases: bool,
    /// Do it; without this flag it is only said what would go
    #[arg(long)]
    yes: bool,
    #[command(flatten)]
    store: StoreArg,
}

/// Says what goes, and removes it if asked to.
pub(super) async fn run(arguments: PurgeArgs) -> Result<ExitCode> {
    let store = open(&location(arguments.store)?, OpenMode::ReadWrite).await?;
    let plan = store.purge_plan(&arguments.atlas, arguments.import).await?;
    print!("{}", announced(&plan));
    if !plan.releases.is_empty() && !arguments.with_releases {
        bail!(
            "these releases may show the numbers: {}; add --with-releases to withdraw and remove them too",
            releases(&plan.releases)
        );
    }
    if !arguments.yes {
        println!("nothing was removed; add --yes to remove it, which cannot be undone");
        return Ok(ExitCode::SUCCESS);
    }
    let publisher = arguments.with_releases.then(publisher);
    let (editor, now) = (editor(), clock::now());
    let erased = purge(&store, &editor, publisher.as_ref(), &arguments.atlas, &plan, now).await?;
    store.close().await;
    print!("{}", remains(&plan, &erased));
    if let Some(hindrance) = erased.hindrance {
        bail!("the rows are deleted, but not erased yet: {hindrance}");
    }
    Ok(ExitCode::SUCCESS)
}

/// Counts only: what is printed may be logged.
fn announced(plan: &PurgePlan) -> String {
    let import = plan.import.id;
    if plan.import.purged.is_some() {
        return format!("import {import} was purged before; what deleted rows left behind is erased again\n");
    }
    let mut text = format!("import {import} ({}):\n", plan.import.record.kind);
    let parts = [
        (plan.series, "series of values"),
        (plan.derived, "series derived from them"),
        (plan.facilities, "facilities"),
        (plan.successions, "successions"),
        (plan.edition.as_ref().map_or(0, |e| e.regions as usize), "regions"),
        (plan.releases.len(), "releases, of which the periods concerned go"),
    ];
    for (count, what) in parts.into_iter().filter(|(count, _)| *count > 0) {
        let _ = writeln!(text, "  {count} {what}");
    }
    text += "  file name and report\n";
    if plan.import.record.kind == "catalogue" {
        text += "  what the catalogue says stays: import a corrected one\n";
    }
    if !plan.same_file.is_empty() {
        let others: Vec<String> = plan.same_file.iter().map(ToString::to_string).collect();
        let _ = writeln!(
            text,
            "  warning: the same file came with import {} too, which stays: purge it as well",
            others.join(", ")
        );
    }
    text
}

fn releases(releases: &[AffectedRelease]) -> String {
    let name = |r: &AffectedRelease| {
        let state = if r.in_force { "in force" } else { "former" };
        format!("{} on {} ({}, number {}, {state})", r.indicator, r.level, r.audience.as_str(), r.number)
    };
    releases.iter().map(name).collect::<Vec<_>>().join("; ")
}

/// Where copies may still be.
fn remains(plan: &PurgePlan, erased: &Erased) -> String {
    let mut text = format!("import {} was removed\n", plan.import.id);
    for release in plan.releases.iter().filter(|r| r.in_force) {
        let _ = writeln!(
            text,
            "  {} on {} is withdrawn ({}): release what is right",
            release.indicator,
            release.level,
            release.audience.as_str()
        );
    }
    for backup in &erased.backups {
        let _ = writeln!(text, "  this copy may still hold it: {}", backup.display());
    }
    if erased.server_log {
        text += "  the write-ahead log and the archives of the database server may hold it until they are recycled\n";
    }
    text += "  backups, snapshots of the disk, exports and copies that others have taken may still hold it\n";
    text
}
