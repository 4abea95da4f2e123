//! `history …`: the imports of an atlas, what each changed, and taking one back.

use std::{fmt::Write as _, process::ExitCode};

use anyhow::Result;
use clap::{Args, Subcommand};
use serde_json::{Value, json};

use super::{
    StoreArg,
    import::ReportForm,
    run::{editor, location, open},
};
use crate::{
    domain::{Audience, Slug, Status},
    ingest::{
        Report,
        history::{Cell, Difference, Undone, difference, undo},
    },
    store::{Id, ImportRow, OpenMode},
};

#[derive(Debug, Subcommand)]
pub(super) enum HistoryCommand {
    /// List the imports, the latest first
    List {
        /// Only this kind: boundaries, composition, catalogue, values, facilities, successions
        #[arg(long)]
        kind: Option<String>,
        #[command(flatten)]
        of: HistoryArgs,
    },
    /// Show an import with its whole report
    Show {
        /// Number of the import, as listed
        import: Id,
        #[command(flatten)]
        of: HistoryArgs,
    },
    /// Show what an import of values changed against what was there before
    Diff {
        /// Number of the import, as listed
        import: Id,
        /// Most regions that are listed
        #[arg(long, default_value_t = 100)]
        limit: usize,
        #[command(flatten)]
        of: HistoryArgs,
    },
    /// Take an import back; what was there before counts again
    Undo {
        /// Number of the import, as listed
        import: Id,
        #[command(flatten)]
        of: HistoryArgs,
    },
}

#[derive(Debug, Args)]
pub(super) struct HistoryArgs {
    /// Of which atlas
    #[arg(long)]
    atlas: Slug,
    /// Form of the answer
    #[arg(long, value_enum, default_value = "text")]
    report: ReportForm,
    #[command(flatten)]
    store: StoreArg,
}

/// Runs a command and prints what it found or did.
pub(super) async fn run(command: HistoryCommand) -> Result<ExitCode> {
    let (text, form) = match command {
        HistoryCommand::List { kind, of } => {
            let store = open(&location(of.store)?, OpenMode::ReadOnly).await?;
            let mut imports = store.imports(&of.atlas).await?;
            imports.retain(|row| kind.as_ref().is_none_or(|kind| *kind == row.record.kind));
            let form = of.report;
            (answer(form, || listed(&imports), || imports.iter().map(as_json).collect()), form)
        }
        HistoryCommand::Show { import, of } => {
            let store = open(&location(of.store)?, OpenMode::ReadOnly).await?;
            let row = store.import(&of.atlas, import).await?;
            let whole = || {
                let mut whole = as_json(&row);
                whole["report"] = row.record.report.clone();
                whole
            };
            (answer(of.report, || shown(&row), whole), of.report)
        }
        HistoryCommand::Diff { import, limit, of } => {
            let store = open(&location(of.store)?, OpenMode::ReadOnly).await?;
            let found = difference(&store, &of.atlas, import, limit).await?;
            (answer(of.report, || compared(&found), || json!(found)), of.report)
        }
        HistoryCommand::Undo { import, of } => {
            let store = open(&location(of.store)?, OpenMode::ReadWrite).await?;
            let undone = undo(&store, &editor(), &of.atlas, import).await?;
            (answer(of.report, || taken_back(&undone), || json!(undone)), of.report)
        }
    };
    match form {
        ReportForm::Text => print!("{text}"),
        ReportForm::Json => println!("{text}"),
    }
    Ok(ExitCode::SUCCESS)
}

fn answer(form: ReportForm, text: impl FnOnce() -> String, json: impl FnOnce() -> Value) -> String {
    match form {
        ReportForm::Text => text(),
        ReportForm::Json => json().to_string(),
    }
}

/// Facts of a report that tell one import from another.
const TELLING: [&str; 9] = [
    "level",
    "edition",
    "regions",
    "indicators",
    "series",
    "series_new",
    "series_changed",
    "values_changed",
    "facilities",
];

fn telling_facts(row: &ImportRow) -> impl Iterator<Item = (&'static str, &Value)> {
    let facts = row.record.report.get("facts");
    TELLING.into_iter().filter_map(move |name| Some((name, facts?.get(name)?)))
}

fn as_json(row: &ImportRow) -> Value {
    let record = &row.record;
    json!({
        "import": row.id, "kind": record.kind, "at": record.at, "by": record.by, "file": record.file_name,
        "hash": record.file_hash, "undone": row.undone,
        "purged": row.purged.as_ref().map(|(at, by)| json!({"at": at, "by": by})),
        "facts": telling_facts(row).map(|(name, value)| (name.to_owned(), value.clone())).collect::<Value>(),
    })
}

/// One line: number, kind, time, person, file, hash, state, facts.
fn line(row: &ImportRow) -> String {
    let record = &row.record;
    let state = match (&row.purged, row.undone) {
        (Some((at, by)), _) => format!(" [purged {} by {by}]", at.format("%Y-%m-%d %H:%M")),
        (None, true) => " [undone]".to_owned(),
        (None, false) => String::new(),
    };
    let facts: Vec<String> =
        telling_facts(row).map(|(name, value)| format!("{name} {}", plain(value))).collect();
    format!(
        "{}\t{}\t{}\t{}\t{}\t{}{state}\t{}\n",
        row.id,
        record.kind,
        record.at.format("%Y-%m-%d %H:%M:%S UTC"),
        record.by,
        record.file_name,
        record.file_hash.get(..12).unwrap_or(&record.file_hash),
        facts.join(", ")
    )
}

/// A value without the quotation marks of JSON.
fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

fn listed(imports: &[ImportRow]) -> String {
    imports.iter().map(line).collect()
}

fn shown(row: &ImportRow) -> String {
    let mut text = line(row);
    match serde_json::from_value::<Report>(row.record.report.clone()) {
        // What stands in the history was stored, though its report was written before that.
        Ok(report) => text += &Report { committed: true, ..report }.to_string(),
        Err(_) => text += "  no report is left\n",
    }
    text
}

fn compared(difference: &Difference) -> String {
    let mut text = format!(
        "import {}: {} series, {} of them new, {} unchanged; {} values differ from those before\n",
        difference.import, difference.brought, difference.new, difference.unchanged, difference.changed
    );
    for series in &difference.series {
        let (place, count) = (format!("{} {}", series.level, series.edition), series.changed);
        let _ = writeln!(text, "{} {} on {place}: {count} changed", series.indicator, series.period);
        for region in &series.regions {
            let _ = writeln!(text, "  {}  {} → {}", region.key, cell(region.before), cell(region.after));
        }
    }
    if difference.unlisted > 0 {
        let _ = writeln!(text, "… and {} more", difference.unlisted);
    }
    text
}

/// A number with its status unless that is plain, or the status alone.
fn cell(cell: Cell) -> String {
    match cell.value {
        Some(value) if cell.status == Status::Valid => value.to_string(),
        Some(value) => format!("{value} ({})", cell.status.as_str()),
        None => cell.status.as_str().to_owned(),
    }
}

fn taken_back(undone: &Undone) -> String {
    let Undone { import, kind, taken_back, restored, replaced_before, .. } = undone;
    let mut text = format!("import {import} ({kind}) was undone\n");
    if kind == "values" {
        let _ = writeln!(text, "  {taken_back} series no longer count; {restored} former ones count again");
    }
    if *replaced_before > 0 {
        let _ = writeln!(
            text,
            "  {replaced_before} series had been replaced by later imports; what those brought stays current"
        );
    }
    for (indicator, level, audience) in &undone.outdated_releases {
        let (flag, seen) = match audience {
            Audience::Public => ("", "the public"),
            Audience::Internal => (" --audience internal", "staff"),
        };
        let _ = writeln!(
            text,
            "  warning: {seen} still sees numbers of {indicator} on {level} that are not the current ones: \
             release it again, or `withdraw {indicator} --level {level}{flag}`"
        );
    }
    text
}
