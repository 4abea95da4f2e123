//! The import of values: file, catalogue and edition in; report and one transaction out.

use std::{
    collections::{BTreeMap, BTreeSet},
    io::Read as _,
    path::Path,
    sync::Arc,
};

use chrono::{DateTime, NaiveDate, Utc};

use super::{
    MAX_FILE, Mapping,
    assemble::{Context, Regions, assemble, mark_break},
    breaks, bundle,
    compare::compare,
    database, drafts,
    keys::KeyIndex,
    profile::fingerprint,
    recognise::{self, ProfileOptions, Request},
    settings::{Settings, nearest},
    sheet::{is_compound, is_zip},
    text::{LineCheck, TextError, begins_as_bytes},
    understand,
};
use crate::{
    access::Editor,
    domain::{Indicator, Period, RegionKey, Slug},
    ingest::{
        IngestError, Progress, Report, Severity, Source, Target, classes::Stored, derive::outdated,
        on_worker, record,
    },
    store::{AtlasCatalogue, BesideValues, EditionRow, NewSeries, RegionRow, SourceProfile},
};

/// Bytes that are read at a time.
const PIECE: usize = 1 << 20;

/// What the caller says about a file of values.
#[derive(Debug, Clone)]
pub struct ValuesOptions {
    /// The level that the keys are of.
    pub level: Slug,
    /// Date of the edition; the newest of the level where absent.
    pub edition: Option<NaiveDate>,
    /// What the columns mean; recognised by their headers where absent.
    pub mapping: Option<Mapping>,
    /// The indicator of all values, or the only one that is wanted of a file that names several.
    pub indicator: Option<Slug>,
    /// The period of all values, or the only one that is wanted of a file that names several.
    pub period: Option<Period>,
    /// Columns that the catalogue does not know become draft indicators of this theme.
    pub drafts: Option<Slug>,
    /// Saved profiles.
    pub profile: ProfileOptions,
}

/// Imports values from a file or a table of a database. Whatever is wrong with the content stands in the report, with
/// line and column; then, or in a dry run, nothing is stored.
///
/// # Errors
/// If the file cannot be read or the store fails.
pub async fn import_values(
    target: &Target<'_>,
    source: Source<'_>,
    options: &ValuesOptions,
) -> Result<Report, IngestError> {
    let mut report = source.begin();
    if report.rejected() {
        return Ok(report);
    }
    let bytes = match source {
        Source::File(file) => read_file(file, &mut report).await?,
        Source::Table(_, table) => {
            let packed = database::pack(&table);
            Some(packed.map_err(|error| IngestError::Worker(error.to_string()))?)
        }
    };
    let Some(bytes) = bytes else { return Ok(report) };
    import_bytes(target, bytes, options, report).await
}

/// Imports values from the bytes of a file; the report has been begun.
pub(super) async fn import_bytes(
    target: &Target<'_>,
    bytes: Vec<u8>,
    options: &ValuesOptions,
    mut report: Report,
) -> Result<Report, IngestError> {
    let Target { store, editor, atlas, dry_run, now, progress } = *target;
    let mut catalogue = store.catalogue(atlas).await.map_err(IngestError::store)?;
    let Some(edition) = choose_edition(&catalogue, options, &mut report).cloned() else { return Ok(report) };
    check_options(&catalogue, options, &mut report);
    let regions = store.regions(edition.id).await.map_err(IngestError::store)?;
    let profiles = store.profiles(atlas).await.map_err(IngestError::store)?;
    let work = Work::new(bytes, report, options, &edition, regions, &catalogue, profiles);
    let done = on_worker(progress, move |progress| work.run(progress)).await?;
    let Done { mut report, series, file_hash, regions, drafts, headers } = done;
    if report.rejected() {
        return Ok(report);
    }
    catalogue.indicators.extend(drafts.iter().cloned());
    progress.begin("comparing with what is stored");
    let stored = Stored::read(store, &catalogue, &options.level, &series).await?;
    compare(&series, &stored.columns, edition.id, &regions.keys, &mut report);
    let mut series = series;
    breaks::mark(store, &catalogue, &mut series, &edition, &regions.keys, &stored.columns, &mut report)
        .await?;
    outdated::report_new(&catalogue, &series, &mut report)?;
    progress.begin("finding classes");
    let (series, internal, mut report) = on_worker(progress, move |progress| {
        let internal = stored.classes(&series, &mut report, progress);
        (series, internal, report)
    })
    .await?;
    if report.rejected() || dry_run {
        return Ok(report);
    }
    progress.begin("storing");
    let new = BesideValues {
        themes: options.drafts.iter().map(drafts::theme).collect(),
        indicators: drafts,
        profile: profile_to_save(options, headers, editor, now),
    };
    let record = record("values", file_hash, editor, now, &mut report);
    store.insert_values(atlas, &new, series, &record, &internal).await.map_err(IngestError::store)?;
    Ok(report)
}

/// The profile that was asked to be saved, of a file that has a header.
fn profile_to_save(
    options: &ValuesOptions,
    headers: Option<Vec<String>>,
    editor: &Editor,
    now: DateTime<Utc>,
) -> Option<SourceProfile> {
    let ((name, mapping), headers) = options.profile.save.as_ref().zip(headers)?;
    Some(SourceProfile {
        slug: name.clone(),
        level: options.level.clone(),
        fingerprint: fingerprint(&headers),
        headers,
        mapping: mapping.clone(),
        saved_at: now,
        saved_by: editor.name().to_owned(),
    })
}

fn by_slug(catalogue: &AtlasCatalogue) -> Arc<BTreeMap<Slug, Indicator>> {
    Arc::new(catalogue.indicators.iter().map(|i| (i.slug.clone(), i.clone())).collect())
}

/// The edition asked for, or the newest of the level.
fn choose_edition<'a>(
    catalogue: &'a AtlasCatalogue,
    options: &ValuesOptions,
    report: &mut Report,
) -> Option<&'a EditionRow> {
    let of_level: Vec<_> = catalogue.editions.iter().filter(|e| e.level == options.level).collect();
    let found = match options.edition {
        Some(date) => of_level.iter().find(|e| e.valid_on == date).copied(),
        None => of_level.iter().max_by_key(|e| e.valid_on).copied(),
    };
    if let Some(edition) = found {
        report.fact("level", options.level.as_str());
        report.fact("edition", edition.valid_on.to_string());
        return found;
    }
    let levels = catalogue.levels.iter().map(|l| l.slug.as_str()).collect::<Vec<_>>().join(", ");
    let dates = of_level.iter().map(|e| e.valid_on.to_string()).collect::<Vec<_>>().join(", ");
    report.error(
        None,
        None,
        match options.edition {
            _ if !catalogue.levels.iter().any(|l| l.slug == options.level) => {
                format!("The atlas has no level '{}'; it has: {levels}.", options.level)
            }
            Some(date) if !of_level.is_empty() => {
                format!("Level '{}' has no edition of {date}; it has: {dates}.", options.level)
            }
            _ => format!("Level '{}' has no boundaries yet; import them first.", options.level),
        },
    );
    None
}

fn check_options(catalogue: &AtlasCatalogue, options: &ValuesOptions, report: &mut Report) {
    let source = options.mapping.as_ref().and_then(|mapping| mapping.source.as_ref());
    if let Some(source) = source.filter(|source| !catalogue.sources.iter().any(|s| s.slug == **source)) {
        let near = nearest(source.as_str(), catalogue.sources.iter().map(|s| s.slug.as_str())).join(", ");
        report.error(None, None, format!("The catalogue has no source '{source}'; it has: {near}."));
    }
    if let Some(wanted) = &options.indicator
        && !catalogue.indicators.iter().any(|i| i.slug == *wanted)
    {
        let near = nearest(wanted.as_str(), catalogue.indicators.iter().map(|i| i.slug.as_str())).join(", ");
        report.error(
            None,
            None,
            format!("The catalogue has no indicator '{wanted}'; near to it are: {near}."),
        );
    }
}

/// Indicators whose numbers are percentages.
fn percentages(catalogue: &AtlasCatalogue) -> BTreeSet<Slug> {
    let percent = |one: &&Indicator| drafts::is_percent(&one.unit.de);
    catalogue.indicators.iter().filter(percent).map(|one| one.slug.clone()).collect()
}

fn report_drafts(drafts: &[Indicator], report: &mut Report) {
    if drafts.is_empty() {
        return;
    }
    let listed: Vec<&str> = drafts.iter().map(|draft| draft.slug.as_str()).collect();
    report.fact("draft_indicators", listed);
    let sentence = "These indicators are drafts: complete their sheets before they are released.";
    report.problem(Severity::Notice, None, None, sentence);
}

/// The bytes of the file; a file that is too large is reported.
pub(super) async fn read_file(file: &Path, report: &mut Report) -> Result<Option<Vec<u8>>, IngestError> {
    let metadata = tokio::fs::metadata(file).await.map_err(|e| IngestError::file(file, e))?;
    if metadata.len() > MAX_FILE {
        report.error(
            None,
            None,
            format!("The file has {} bytes; at most {MAX_FILE} are read: split it.", metadata.len()),
        );
        return Ok(None);
    }
    let path = file.to_owned();
    let read = tokio::task::spawn_blocking(move || read_checked(&path)).await;
    match read.map_err(|error| IngestError::Worker(error.to_string()))? {
        Ok(Ok(bytes)) => Ok(Some(bytes)),
        Ok(Err(problem)) => {
            report.error(Some(problem.line()), None, problem.to_string());
            Ok(None)
        }
        Err(error) => Err(IngestError::file(file, error)),
    }
}

/// Reads a file in pieces, so that one line of a gigabyte or noise is refused before all of it is in memory.
fn read_checked(file: &Path) -> std::io::Result<Result<Vec<u8>, TextError>> {
    let mut file = std::fs::File::open(file)?;
    let expected = file.metadata()?.len().min(MAX_FILE) as usize;
    let mut bytes = Vec::with_capacity(expected);
    let (mut piece, mut check) = (vec![0; PIECE], LineCheck::default());
    let mut is_text = true;
    loop {
        let length = file.read(&mut piece)?;
        if length == 0 {
            return Ok(Ok(bytes));
        }
        if bytes.is_empty() {
            let start = &piece[..length];
            is_text = begins_as_bytes(start) && !is_zip(start) && !is_compound(start);
        }
        if is_text && let Err(problem) = check.see(&piece[..length]) {
            return Ok(Err(problem));
        }
        bytes.extend_from_slice(&piece[..length]);
    }
}

/// All that the worker thread needs.
struct Work {
    bytes: Vec<u8>,
    report: Report,
    settings: Settings,
    regions: Regions,
    indicators: Arc<BTreeMap<Slug, Indicator>>,
    /// Theme of draft indicators.
    theme: Option<Slug>,
    /// Saved profiles and how they are used; not asked where a mapping was given.
    profiles: Vec<SourceProfile>,
    profile: ProfileOptions,
    mapping_given: bool,
}

struct Done {
    report: Report,
    series: Vec<NewSeries>,
    file_hash: String,
    regions: Regions,
    drafts: Vec<Indicator>,
    /// The header for a profile that is to be saved.
    headers: Option<Vec<String>>,
}

impl Work {
    fn new(
        bytes: Vec<u8>,
        report: Report,
        options: &ValuesOptions,
        edition: &EditionRow,
        rows: Vec<RegionRow>,
        catalogue: &AtlasCatalogue,
        profiles: Vec<SourceProfile>,
    ) -> Self {
        let mut regions = Regions {
            level: options.level.clone(),
            edition: edition.valid_on,
            keys: Vec::with_capacity(rows.len()),
            inhabited: Vec::with_capacity(rows.len()),
            bounded: Vec::with_capacity(rows.len()),
        };
        let mut parents = Vec::new();
        for row in rows {
            regions.inhabited.push(row.counts());
            regions.bounded.push(!row.is_reference());
            regions.keys.push(row.region.key);
            parents.extend(row.parents.into_iter().map(|(_, key)| key));
        }
        let settings = Settings {
            mapping: options.mapping.clone().unwrap_or_default(),
            indicator: options.indicator.clone(),
            period: options.period.clone(),
            known: catalogue.indicators.iter().map(|i| i.slug.clone()).collect(),
            percent: percentages(catalogue),
            keys: Arc::new(KeyIndex::new(
                regions.keys.iter().map(RegionKey::as_str),
                parents.iter().map(RegionKey::as_str),
            )),
            drafting: options.drafts.is_some(),
            file: report.file.clone(),
        };
        Self {
            bytes,
            report,
            settings,
            regions,
            indicators: by_slug(catalogue),
            theme: options.drafts.clone(),
            profiles,
            profile: options.profile.clone(),
            mapping_given: options.mapping.is_some(),
        }
    }

    fn run(mut self, progress: &dyn Progress) -> Done {
        progress.begin("reading");
        let file_hash = blake3::hash(&self.bytes).to_hex().to_string();
        let bytes = std::mem::take(&mut self.bytes);
        let mut report = std::mem::take(&mut self.report);
        let (mut drafts, mut headers) = (Vec::new(), None);
        let series = if bundle::is_bundle(&bytes) {
            let mut each = |table: &[u8], report: &mut Report| {
                headers = headers.take().or_else(|| self.header_to_save(table));
                self.series_of(table, &mut drafts, report, progress)
            };
            let mut series = bundle::read(&bytes, &mut report, &mut each);
            mark_break(&mut series, &self.settings.mapping);
            series
        } else {
            headers = self.header_to_save(&bytes);
            self.series_of(&bytes, &mut drafts, &mut report, progress)
        };
        self.report_save(headers.is_some(), &mut report);
        report_drafts(&drafts, &mut report);
        Done { report, series, file_hash, regions: self.regions, drafts, headers }
    }

    /// The series of one table; the drafts that it needs are added to those of the tables before.
    fn series_of(
        &self,
        bytes: &[u8],
        drafts: &mut Vec<Indicator>,
        report: &mut Report,
        progress: &dyn Progress,
    ) -> Vec<NewSeries> {
        let Some(settings) = self.with_profile(bytes, report) else { return Vec::new() };
        let Some(reading) = understand(bytes, &settings, report, progress) else { return Vec::new() };
        progress.begin("joining keys");
        let values = reading.series.len().saturating_mul(self.regions.keys.len());
        if values > bundle::MAX_VALUES {
            let sentence = format!(
                "The file has {} series of {} regions each, more than can be held; is the period column the right one?",
                reading.series.len(),
                self.regions.keys.len()
            );
            report.error(None, None, sentence);
            return Vec::new();
        }
        let keys: Vec<&str> = reading.keys.list().iter().map(|(key, _)| &**key).collect();
        let join = self.settings.keys.join(&keys);
        let made =
            self.theme.as_ref().map_or_else(Vec::new, |theme| reading.drafts.indicators(&reading, theme));
        for draft in made {
            if drafts.iter().all(|earlier| earlier.slug != draft.slug) {
                drafts.push(draft);
            }
        }
        let mut indicators = (*self.indicators).clone();
        indicators.extend(drafts.iter().map(|draft| (draft.slug.clone(), draft.clone())));
        let context = Context {
            regions: &self.regions,
            join: &join,
            indicators: &indicators,
            mapping: &settings.mapping,
        };
        assemble(&reading, &context, report)
    }

    /// The header of a table, if a profile is to be saved.
    fn header_to_save(&self, bytes: &[u8]) -> Option<Vec<String>> {
        self.profile.save.as_ref()?;
        recognise::header(bytes, &mut self.settings.mapping.clone(), &self.settings)
    }

    fn report_save(&self, has_header: bool, report: &mut Report) {
        let Some((name, _)) = &self.profile.save else { return };
        report.fact("profile_to_save", name.as_str());
        if !has_header {
            let sentence = "The file has no header by which a profile could recognise the next one.";
            report.error(None, None, sentence);
        }
    }

    /// What is known about a table; of one without a mapping, that of the saved profile that it belongs to. `None` if it
    /// is not clear which one, or if the profile does not fit: what the table would say without it helps nobody.
    fn with_profile(&self, bytes: &[u8], report: &mut Report) -> Option<Settings> {
        let mut settings = self.settings.clone();
        if self.mapping_given || self.profile.none {
            return Some(settings);
        }
        let errors = report.errors;
        let request =
            Request { level: &self.regions.level, settings: &self.settings, options: &self.profile };
        if let Some(fitted) = recognise::recognise(bytes, &self.profiles, &request, report) {
            settings.mapping = fitted.mapping;
            settings.period = settings.period.filter(|_| !fitted.period_used);
        }
        (report.errors == errors).then_some(settings)
    }
}
