//! Successions: tables that say what became of regions → links between editions.
//!
//! Holds the headers, the checks against the editions around each date, and the way into the store. Must not know: values.
//!
//! Invariant: the shares of each old region sum to 1 exactly when they are stored, so that no total gets lost.
//!
//! # Columns
//!
//! `old key;new key;share;date` or `Schlüssel alt;Schlüssel neu;Anteil;gültig ab`. Without shares every region goes over
//! wholly. The tables of the BBSR are understood too: their keys stand under headers with the dates of two editions
//! (`Gemeinden 31.12.2014`), their shares under headers with `Umsteigeschlüssel`; of two such columns the one by
//! inhabitants is taken.

mod checks;
mod columns;

use std::path::Path;

use chrono::NaiveDate;

use self::{checks::Around, columns::Columns};
use super::{IngestError, Progress, Report, Severity, Target, file_name, plain_table, record};
use crate::{
    domain::{DerivationMethod, RegionKey, Slug},
    store::{AtlasCatalogue, Succession},
};

/// A row as read, with its line.
#[derive(Debug, Clone, PartialEq)]
struct Entry {
    line: u64,
    valid_on: NaiveDate,
    old: RegionKey,
    new: RegionKey,
    share: f64,
}

/// Imports a table of successions. Whatever is wrong with the file stands in the report; then, or in a dry run, or if all
/// is known already, nothing is stored.
///
/// # Errors
/// If the file cannot be read or the store fails.
pub async fn import_successions(
    target: &Target<'_>,
    file: &Path,
    level: &Slug,
    date: Option<NaiveDate>,
) -> Result<Report, IngestError> {
    let Target { store, editor, atlas, dry_run, now, progress } = *target;
    let mut report = Report::new(file_name(file));
    let catalogue = store.catalogue(atlas).await?;
    if !catalogue.levels.iter().any(|known| known.slug == *level) {
        let there: Vec<&str> = catalogue.levels.iter().map(|l| l.slug.as_str()).collect();
        report.error(None, None, format!("The atlas has no level '{level}'; it has: {}.", there.join(", ")));
        return Ok(report);
    }
    let Some(bytes) = plain_table::load(file, &mut report).await? else { return Ok(report) };
    progress.begin("reading");
    let Some(entries) = understand(&bytes, date, &mut report, progress) else { return Ok(report) };
    progress.begin("checking");
    let mut stored = store.successions(atlas).await?;
    stored.retain(|one| one.level == *level);
    let around = Around::read(store, &catalogue, level, &entries, &stored, &mut report).await?;
    let entries = around.resolved(entries, &mut report);
    let made = checks::settled(entries, level, &stored, &mut report);
    if report.rejected() {
        return Ok(report);
    }
    report_derived(&catalogue, level, &mut report);
    report_breaks(&catalogue, level, &made, &mut report);
    if made.iter().all(|one| stored.contains(one)) {
        report.fact("unchanged", true);
        return Ok(report);
    }
    if dry_run {
        return Ok(report);
    }
    progress.begin("storing");
    let file_hash = blake3::hash(&bytes).to_hex().to_string();
    let record = record("successions", file_hash, editor, now, &mut report);
    store.put_successions(atlas, &made, &record).await?;
    Ok(report)
}

/// The rows of the table. `None` if it cannot be understood, which is then in the report.
fn understand(
    bytes: &[u8],
    date: Option<NaiveDate>,
    report: &mut Report,
    progress: &dyn Progress,
) -> Option<Vec<Entry>> {
    let (columns, rows) = plain_table::read(bytes, Columns::find, report, progress)?;
    report.fact("columns", columns.named());
    report.fact("rows", rows.len());
    if columns.date().is_none() && date.is_none() && !columns.has_dates() {
        let sentence =
            "Nothing says from when on the successions are valid; name a column 'gültig ab', or say --date.";
        report.error(None, None, sentence);
        return None;
    }
    let date = date.or(columns.date());
    let mut entries = Vec::with_capacity(rows.len());
    for row in &rows {
        entries.extend(columns.entry(row, date, report));
    }
    if entries.is_empty() && !report.rejected() {
        report.error(None, None, "There is no succession in the file.");
    }
    (!report.rejected()).then_some(entries)
}

/// Values that were carried by earlier successions may be others now.
fn report_derived(catalogue: &AtlasCatalogue, level: &Slug, report: &mut Report) {
    let carried = catalogue.series.iter().filter(|row| {
        let on_level = catalogue.editions.iter().any(|e| e.id == row.edition && e.level == *level);
        let method = row.derivation.as_ref().map(|derivation| &derivation.method);
        on_level && matches!(method, Some(DerivationMethod::Edition { .. }))
    });
    let carried = carried.count();
    if carried > 0 {
        let sentence = format!(
            "{carried} series were carried to other boundaries by earlier successions; run `kommunalatlas derive editions \
             --atlas {} --level {level}`.",
            catalogue.atlas.slug
        );
        report.problem(Severity::Notice, None, None, sentence);
    }
}

/// A break that was marked for want of a succession stays until the series is imported again.
fn report_breaks(catalogue: &AtlasCatalogue, level: &Slug, made: &[Succession], report: &mut Report) {
    let first = made.iter().map(|one| one.valid_on).min();
    let later =
        |id| catalogue.editions.iter().any(|e| e.id == id && e.level == *level && first <= Some(e.valid_on));
    let broken = catalogue.series.iter().filter(|row| row.break_before && later(row.edition)).count();
    if broken > 0 && first.is_some() {
        let sentence = format!(
            "{broken} series of later editions show a break; where it stands for these changes, import their values again."
        );
        report.problem(Severity::Notice, None, None, sentence);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::ingest::NoProgress;

    fn read(text: &str, date: Option<&str>) -> (Option<Vec<Entry>>, Report) {
        let mut report = Report::new("test");
        let date = date.map(|d| d.parse().unwrap());
        (understand(text.as_bytes(), date, &mut report, &NoProgress), report)
    }

    fn shown(entries: &[Entry]) -> Vec<String> {
        entries.iter().map(|e| format!("{} {} {} {} {}", e.line, e.valid_on, e.old, e.new, e.share)).collect()
    }

    const BBSR: &str = "Umsteigeschlüssel;;;;;\nGemeinden 31.12.2014;Gemeindename 2014;\"flächen-\nproportionaler Umsteige-\nschlüssel\";\
        bevölkerungsproportionaler Umsteige-Schlüssel;Gemeinden 31.12.2016;Gemeindename 2016\n\
        03354001;A;0,3;0,25;03354002;B\n03354001;A;0,7;0,75;03354003;C\n";

    #[test]
    fn both_languages_and_the_tables_of_the_office_are_read() {
        let (entries, report) = read(
            "Schlüssel alt;Schlüssel neu;Anteil;gültig ab\n1;2;60 %;1.11.2016\n1;3;0,4;2016-11-01\n",
            None,
        );
        assert_eq!(shown(&entries.unwrap()), ["2 2016-11-01 1 2 0.6", "3 2016-11-01 1 3 0.4"], "{report}");
        let (entries, report) = read("old_key,new_key\n1,2\n", Some("2016-11-01"));
        assert_eq!(shown(&entries.unwrap()), ["2 2016-11-01 1 2 1"], "{report}");
        let (entries, report) = read(BBSR, None);
        let expected = ["5 2016-12-31 03354001 03354002 0.25", "6 2016-12-31 03354001 03354003 0.75"];
        assert_eq!(shown(&entries.unwrap()), expected, "{report}");
    }

    #[test]
    fn what_is_wrong_has_its_line_and_column() {
        let text = "old key;new key;share;date\n1;2;1,5;2016-11-01\n1 2;3;1;2016-11-01\n1;3;1;November\n";
        let (entries, report) = read(text, None);
        assert!(entries.is_none());
        let places: Vec<_> = report.problems.iter().map(|p| (p.line, p.column.as_deref())).collect();
        assert_eq!(places, [(Some(2), Some("share")), (Some(3), Some("old key")), (Some(4), Some("date"))]);
        let (_, report) = read("old key;new key\n1;2\n", None);
        assert!(report.problems[0].message.contains("--date"), "{report}");
        let (_, report) = read("a;b\n1;2\n", Some("2016-11-01"));
        assert!(report.rejected(), "{report}");
    }

    proptest! {
        #[test]
        fn mutated_tables_never_panic(at in 0_usize..400, with in any::<u8>(), which in any::<bool>()) {
            let mut bytes = if which { BBSR } else { "old key;new key;share;date\n1;2;1;2016-11-01\n" }.as_bytes().to_vec();
            let at = at % bytes.len();
            bytes[at] = with;
            let _ = understand(&bytes, None, &mut Report::new("test"), &NoProgress);
        }
    }
}
