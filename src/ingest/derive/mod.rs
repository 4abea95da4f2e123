//! Series made from others: on other boundaries, of parents, of several years, of two indicators.
//!
//! Holds which series go into which, and the way into the store. The arithmetic is in [`domain`](crate::domain). Must not
//! know: files, HTTP, releases.
//!
//! Invariant: a derived series says from which content it was made, never takes the place of a delivered one, and is
//! stored only if it says something else than before. A delivered series keeps its values; of a parent that it leaves
//! out, the value may be derived.

mod current;
mod editions;
mod links;
mod notes;
pub mod outdated;
mod parents;
mod pooled;
mod rates;

use chrono::{DateTime, NaiveDate, Utc};

use self::current::Current;
use crate::{
    access::Editor,
    domain::{Period, Slug},
    ingest::{IngestError, Progress, Report, Severity, classes::Stored, on_worker, record},
    store::{NewSeries, Store},
};

/// What is to be derived.
#[derive(Debug, Clone)]
pub enum Task {
    /// Series of other editions of a level, carried to one edition by successions.
    Editions {
        /// The level.
        level: Slug,
        /// Date of the edition that gets them; the newest where absent.
        to: Option<NaiveDate>,
        /// Only these indicators; all where empty.
        indicators: Vec<Slug>,
    },
    /// Series of a level from its complete parts.
    Parents {
        /// The level that gets them.
        level: Slug,
        /// Level of the parts.
        from: Slug,
        /// Only these indicators; all where empty.
        indicators: Vec<Slug>,
    },
    /// Several years taken together.
    Pooled {
        /// The level.
        level: Slug,
        /// The indicators.
        indicators: Vec<Slug>,
        /// How many years, at least two.
        years: u32,
        /// Last year of the only span that is wanted; all spans where absent.
        to: Option<Period>,
    },
    /// Ratios whose numerator and denominator are indicators.
    Rates {
        /// The level.
        level: Slug,
        /// Only these indicators; all ratios where empty.
        indicators: Vec<Slug>,
    },
}

impl Task {
    fn level(&self) -> &Slug {
        match self {
            Self::Editions { level, .. }
            | Self::Parents { level, .. }
            | Self::Pooled { level, .. }
            | Self::Rates { level, .. } => level,
        }
    }

    fn indicators(&self) -> &[Slug] {
        match self {
            Self::Editions { indicators, .. }
            | Self::Parents { indicators, .. }
            | Self::Pooled { indicators, .. }
            | Self::Rates { indicators, .. } => indicators,
        }
    }

    /// Stands in the report and in the list of imports where other imports have the name of their file.
    fn name(&self) -> String {
        match self {
            Self::Editions { level, .. } => format!("derive editions --level {level}"),
            Self::Parents { level, from, .. } => format!("derive parents --level {level} --from {from}"),
            Self::Pooled { level, years, .. } => format!("derive pooled --level {level} --years {years}"),
            Self::Rates { level, .. } => format!("derive rates --level {level}"),
        }
    }
}

/// Derives series and stores those that say something new, as one import of values. What cannot be derived is in the
/// report; with an error there, or in a dry run, nothing is stored.
///
/// # Errors
/// If the store fails.
pub async fn derive(
    store: &Store,
    editor: &Editor,
    atlas: &Slug,
    task: &Task,
    dry_run: bool,
    now: DateTime<Utc>,
    progress: &dyn Progress,
) -> Result<Report, IngestError> {
    let mut report = Report::new(task.name());
    let current = Current::read(store, atlas).await?;
    current.check(task, &mut report);
    if report.rejected() {
        return Ok(report);
    }
    report.fact("level", task.level().as_str());
    progress.begin("deriving");
    let made = match task {
        Task::Editions { level, to, indicators } => {
            editions::make(&current, level, *to, indicators, &mut report, progress).await?
        }
        Task::Parents { level, from, indicators } => {
            parents::make(&current, level, from, indicators, &mut report, progress).await?
        }
        Task::Pooled { level, indicators, years, to } => {
            let span = pooled::Span { years: *years, to: to.as_ref() };
            pooled::make(&current, level, indicators, span, &mut report, progress).await?
        }
        Task::Rates { level, indicators } => {
            rates::make(&current, level, indicators, &mut report, progress).await?
        }
    };
    let series = current.news(made, &mut report)?;
    if series.is_empty() || report.rejected() {
        return Ok(report);
    }
    keep(&current, editor, task, series, report, dry_run, now, progress).await
}

/// Finds the classes and stores the series.
#[expect(clippy::too_many_arguments, reason = "the last step needs all that was decided before")]
async fn keep(
    current: &Current<'_>,
    editor: &Editor,
    task: &Task,
    series: Vec<NewSeries>,
    mut report: Report,
    dry_run: bool,
    now: DateTime<Utc>,
    progress: &dyn Progress,
) -> Result<Report, IngestError> {
    outdated::report_new(&current.catalogue, &series, &mut report)?;
    progress.begin("finding classes");
    let stored = Stored::read(current.store, &current.catalogue, task.level(), &series).await?;
    let (series, internal, mut report) = on_worker(progress, move |progress| {
        let internal = stored.classes(&series, &mut report, progress);
        (series, internal, report)
    })
    .await?;
    if report.rejected() || dry_run {
        return Ok(report);
    }
    progress.begin("storing");
    let mut hash = blake3::Hasher::new();
    for new in &series {
        hash.update(new.content_hash()?.as_bytes());
    }
    let record = record("values", hash.finalize().to_hex().to_string(), editor, now, &mut report);
    current.store.insert_series(&current.catalogue.atlas.slug, series, &record, &internal).await?;
    Ok(report)
}

/// Notes something that was left out and why.
fn left_out(report: &mut Report, sentence: String) {
    report.problem(Severity::Notice, None, None, sentence);
}

/// The first twenty of many, with a sign that there are more.
fn listed<T: std::fmt::Display>(all: &[T]) -> String {
    const MOST: usize = 20;
    let shown: Vec<String> = all.iter().take(MOST).map(ToString::to_string).collect();
    format!("{}{}", shown.join(", "), if all.len() > MOST { " …" } else { "" })
}
