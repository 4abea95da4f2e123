//! "7 of 10 released": which indicators count for the public area, which do not and why, and how much time is left.

use chrono::NaiveDate;
use serde::Serialize;

use crate::{
    access::Publisher,
    domain::{Audience, BundleState, Indicator, Slug, Text},
    release::{
        ReleaseError,
        area::{Coverage, best_coverage, counting_indicators},
        bundle,
        prepare::Places,
    },
    store::{AreaDecision, AtlasCatalogue, BundleRow, Id, Store},
};

/// How far an atlas is on its way to a public area.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Progress {
    /// The public area is open.
    pub open: bool,
    /// How many indicators count.
    pub count: u32,
    /// How many must.
    pub required: u32,
    /// By when.
    pub due_on: Option<NaiveDate>,
    /// Days until then; negative if it has passed.
    pub days_left: Option<i64>,
    /// The latest decision about the public area.
    pub decision: Option<AreaDecision>,
    /// Bundles that are not yet released or withdrawn, of those that the publisher may see.
    pub waiting: usize,
    /// Releases in force without certificate of disclosure control.
    pub uncertified: usize,
    /// Each indicator of the publisher's themes in the order of the catalogue.
    pub indicators: Vec<IndicatorProgress>,
}

/// How far an indicator is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct IndicatorProgress {
    /// The indicator.
    pub indicator: Slug,
    /// Its name for people.
    pub title: Text,
    /// It counts.
    pub counts: bool,
    /// Why it does not; empty if it does.
    pub reasons: Vec<Missing>,
}

/// Why an indicator does not count.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, thiserror::Error)]
#[serde(rename_all = "kebab-case", tag = "kind")]
pub enum Missing {
    /// It is not released to the public.
    #[error("not released")]
    NotReleased,
    /// It is in a bundle that is on its way.
    #[error("in bundle {bundle}, which is {}", state.as_str())]
    OnItsWay {
        /// The bundle.
        bundle: Id,
        /// Where that stands.
        state: BundleState,
    },
    /// The indicator sheet has gaps.
    #[error("its sheet lacks {}", fields.join(", "))]
    SheetLacks {
        /// Names of the empty fields.
        fields: Vec<&'static str>,
    },
    /// Nothing was imported.
    #[error("no values")]
    NoValues,
    /// What is public shows too few regions.
    #[error("shows {shown} of {inhabited} inhabited regions of '{level}', fewer than half")]
    TooFewValues {
        /// The level on which it shows most.
        level: Slug,
        /// How many regions show a value.
        shown: usize,
        /// How many are inhabited.
        inhabited: usize,
    },
}

/// How far an atlas is on its way to a public area, as of a day. The numbers speak of the whole atlas; indicators and
/// bundles beyond the publisher's themes are not named.
///
/// # Errors
/// If there is no such atlas, or the store cannot be read.
pub async fn progress(
    store: &Store,
    publisher: &Publisher,
    atlas: &Slug,
    today: NaiveDate,
) -> Result<Progress, ReleaseError> {
    let catalogue = store.catalogue(atlas).await?;
    let mut bundles = bundle::list(store, publisher, atlas).await?;
    bundles.retain(|b| !matches!(b.state, BundleState::Released | BundleState::Withdrawn));
    let mut places = Places::new(store);
    let mut indicators = Vec::with_capacity(catalogue.indicators.len());
    let within = |indicator: &&Indicator| publisher.may(atlas, Some(&indicator.theme));
    for indicator in catalogue.indicators.iter().filter(within) {
        indicators.push(of_indicator(&mut places, &catalogue, &bundles, indicator).await?);
    }
    let due_on = catalogue.atlas.indicators_due_on;
    Ok(Progress {
        open: catalogue.atlas.open,
        count: counting_indicators(store, &catalogue).await?,
        required: catalogue.atlas.required_indicators,
        due_on,
        days_left: due_on.map(|due| (due - today).num_days()),
        decision: store.area_decision(atlas).await?,
        waiting: bundles.len(),
        uncertified: catalogue.releases.iter().filter(|r| !r.certified).count(),
        indicators,
    })
}

async fn of_indicator(
    places: &mut Places<'_>,
    catalogue: &AtlasCatalogue,
    bundles: &[BundleRow],
    indicator: &Indicator,
) -> Result<IndicatorProgress, ReleaseError> {
    let mut best: Option<(&Slug, Coverage)> = None;
    let public =
        |r: &&crate::store::ReleaseRow| r.indicator == indicator.slug && r.audience == Audience::Public;
    for release in catalogue.releases.iter().filter(public) {
        let found = best_coverage(places, release).await?;
        if best.is_none_or(|(_, known)| found.shown * known.of.max(1) > known.shown * found.of.max(1)) {
            best = Some((&release.level, found));
        }
    }
    let counts = best.is_some_and(|(_, coverage)| coverage.is_enough());
    let reasons = match best {
        _ if counts => Vec::new(),
        Some((level, coverage)) => vec![Missing::TooFewValues {
            level: level.clone(),
            shown: coverage.shown,
            inhabited: coverage.of,
        }],
        None => not_released(catalogue, bundles, indicator),
    };
    Ok(IndicatorProgress {
        indicator: indicator.slug.clone(),
        title: indicator.title.clone(),
        counts,
        reasons,
    })
}

/// Why an indicator is not released: all that is to be done.
fn not_released(catalogue: &AtlasCatalogue, bundles: &[BundleRow], indicator: &Indicator) -> Vec<Missing> {
    let mut reasons = Vec::new();
    let has_it = |b: &&BundleRow| {
        b.content.request.audience == Audience::Public
            && b.content.request.indicators.contains(&indicator.slug)
    };
    match bundles.iter().find(has_it) {
        Some(bundle) => reasons.push(Missing::OnItsWay { bundle: bundle.id, state: bundle.state }),
        None => reasons.push(Missing::NotReleased),
    }
    let fields = indicator.sheet.missing_fields(indicator.kind);
    if !fields.is_empty() {
        reasons.push(Missing::SheetLacks { fields });
    }
    if !catalogue.series.iter().any(|s| s.indicator == indicator.slug) {
        reasons.push(Missing::NoValues);
    }
    reasons
}
