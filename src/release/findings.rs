//! What a check finds: everything that stands in the way of a release, and a preview of what it would show.
//!
//! Invariant: all problems are named at once; releases are prepared only where there is none.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::{
    domain::{Indicator, Period, ReleaseRequest, Slug, Status},
    release::{
        ReleaseError,
        area::{Change, Shortfall, shortfall},
        prepare::{prepare, series_of},
    },
    store::{AtlasCatalogue, NewRelease, ReleaseMark, Store},
};

/// What stands in the way of a release.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[serde(rename_all = "kebab-case", tag = "kind")]
pub enum Problem {
    /// The indicator sheet has gaps.
    #[error("The sheet of '{indicator}' lacks {}: complete the catalogue.", fields.join(", "))]
    SheetLacks {
        /// The indicator.
        indicator: Slug,
        /// Names of the empty fields.
        fields: Vec<String>,
    },
    /// There are no values.
    #[error("'{indicator}' has no values on level '{level}'{}: import them first.", listed(periods))]
    NoValues {
        /// The indicator.
        indicator: Slug,
        /// The level.
        level: Slug,
        /// For which periods; none if there are no values at all.
        periods: Vec<Period>,
    },
    /// Disclosure control or classification refuses.
    #[error("{}.", sentence(reason))]
    Refused {
        /// What it says.
        reason: String,
    },
    /// Something was imported or described anew since the check.
    #[error("Values, sheets or policy were changed since the check: check the bundle again.")]
    ChangedSinceCheck,
    /// It came due, and nobody had decided what becomes of the public area.
    #[error(
        "Only {count} of {required} indicators would count for the public area: release the bundle by hand, with a decision \
         whether the area is closed or stays open."
    )]
    DecisionNeeded {
        /// How many would count.
        count: u32,
        /// How many are required.
        required: u32,
    },
    /// The same person did what two persons must do.
    #[error("{}.", sentence(reason))]
    SamePerson {
        /// Who did what.
        reason: String,
    },
}

fn listed(periods: &[Period]) -> String {
    let names: Vec<String> = periods.iter().map(ToString::to_string).collect();
    if names.is_empty() { String::new() } else { format!(" for {}", names.join(", ")) }
}

/// The text of an error as the beginning of a sentence.
fn sentence(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map_or_else(String::new, |first| first.to_uppercase().chain(chars).collect())
}

/// What the release of an indicator on a level would show.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Preview {
    /// The indicator.
    pub indicator: Slug,
    /// The level.
    pub level: Slug,
    /// How many periods.
    pub periods: usize,
    /// How many cells show a number.
    pub shown: usize,
    /// How many cells are closed, by disclosure control or by the source.
    pub closed: usize,
    /// It carries a certificate of disclosure control.
    pub certified: bool,
}

impl Preview {
    fn of(release: &NewRelease) -> Self {
        let columns = || release.columns.iter().map(|c| &c.column);
        let cells = || columns().flat_map(|column| (0..column.len()).map(move |at| (column, at)));
        Self {
            indicator: release.indicator.clone(),
            level: release.level.clone(),
            periods: release.columns.len(),
            shown: cells().filter(|(column, at)| column.value(*at).is_some()).count(),
            closed: cells().filter(|(column, at)| column.status(*at) == Status::Suppressed).count(),
            certified: release.certificate.is_some(),
        }
    }
}

/// What a check found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Findings {
    /// What stands in the way; nothing if it is empty.
    pub problems: Vec<Problem>,
    /// What would be shown; empty if something stands in the way.
    pub previews: Vec<Preview>,
    /// Hash of values, sheets and policy that were looked at.
    pub fingerprint: String,
    /// Too few indicators would count for the open public area: whoever releases must decide what becomes of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shortfall: Option<Shortfall>,
}

impl Findings {
    /// As JSON for the store.
    pub(super) fn to_json(&self) -> Result<serde_json::Value, ReleaseError> {
        serde_json::to_value(self).map_err(|error| ReleaseError::Findings(error.to_string()))
    }

    /// From JSON of the store.
    ///
    /// # Errors
    /// If it is something else.
    pub fn from_json(json: &serde_json::Value) -> Result<Self, ReleaseError> {
        serde_json::from_value(json.clone()).map_err(|error| ReleaseError::Findings(error.to_string()))
    }
}

/// A check with what would be released.
pub(super) struct Examined {
    pub(super) findings: Findings,
    /// Empty if something stands in the way.
    pub(super) releases: Vec<NewRelease>,
    pub(super) since: ReleaseMark,
}

/// Checks a request as it would be released by somebody now. Nothing is written.
pub(super) async fn examine(
    store: &Store,
    atlas: &Slug,
    request: &ReleaseRequest,
    by: &str,
    now: DateTime<Utc>,
) -> Result<Examined, ReleaseError> {
    // The mark comes first: what is released after it refuses the publication.
    let since = store.release_mark(atlas).await?;
    let catalogue = store.catalogue(atlas).await?;
    let mut problems = known_problems(&catalogue, request)?;
    let mut releases = Vec::new();
    if problems.is_empty() {
        match prepare(store, &catalogue, request, by, now).await {
            Ok(prepared) => releases = prepared,
            Err(ReleaseError::Store(error)) => return Err(error.into()),
            Err(refusal) => problems.push(Problem::Refused { reason: refusal.to_string() }),
        }
    }
    let previews = releases.iter().map(Preview::of).collect();
    let fingerprint = fingerprint(&catalogue, request)?;
    let change = Change { new: &releases, ..Change::default() };
    let shortfall = shortfall(store, &catalogue, change, request.audience).await?;
    Ok(Examined { findings: Findings { problems, previews, fingerprint, shortfall }, releases, since })
}

/// The indicators of a request.
pub(super) fn indicators<'a>(
    catalogue: &'a AtlasCatalogue,
    request: &ReleaseRequest,
) -> Result<Vec<&'a Indicator>, ReleaseError> {
    let find = |slug: &Slug| {
        let found = catalogue.indicators.iter().find(|i| i.slug == *slug);
        found.ok_or_else(|| ReleaseError::UnknownIndicator(slug.clone()))
    };
    request.indicators.iter().map(find).collect()
}

/// Gaps that can be named before anything is computed.
fn known_problems(
    catalogue: &AtlasCatalogue,
    request: &ReleaseRequest,
) -> Result<Vec<Problem>, ReleaseError> {
    let mut problems = Vec::new();
    for indicator in indicators(catalogue, request)? {
        let fields = indicator.sheet.missing_fields(indicator.kind);
        if !fields.is_empty() {
            problems.push(Problem::SheetLacks {
                indicator: indicator.slug.clone(),
                fields: fields.into_iter().map(str::to_owned).collect(),
            });
        }
        for level in &request.levels {
            let series = series_of(catalogue, level, &indicator.slug);
            let has = |period: &&Period| series.iter().any(|s| s.period == **period);
            let absent: Vec<Period> = request.periods.iter().filter(|p| !has(p)).cloned().collect();
            if series.is_empty() || !absent.is_empty() {
                problems.push(Problem::NoValues {
                    indicator: indicator.slug.clone(),
                    level: level.clone(),
                    periods: absent,
                });
            }
        }
    }
    Ok(problems)
}

/// Hash of all that a release is made of: request, sheets, values, policies.
fn fingerprint(catalogue: &AtlasCatalogue, request: &ReleaseRequest) -> Result<String, ReleaseError> {
    let mut values = Vec::new();
    for level in &request.levels {
        for slug in &request.indicators {
            let series = series_of(catalogue, level, slug).into_iter();
            let series = series.filter(|s| request.periods.is_empty() || request.periods.contains(&s.period));
            values.extend(series.map(|s| (slug, level, &s.period, s.edition, &s.content_hash)));
        }
    }
    let all =
        (request, indicators(catalogue, request)?, values, &catalogue.atlas.policies, &catalogue.sources);
    let bytes = serde_json::to_vec(&all).map_err(|error| ReleaseError::Findings(error.to_string()))?;
    Ok(blake3::hash(&bytes).to_hex().to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_problem_is_a_sentence_that_names_the_gap() {
        let slug = |text: &str| text.parse::<Slug>().unwrap();
        let gap = Problem::NoValues {
            indicator: slug("quote"),
            level: slug("gemeinde"),
            periods: vec!["2022".parse().unwrap(), "2023".parse().unwrap()],
        };
        assert_eq!(
            gap.to_string(),
            "'quote' has no values on level 'gemeinde' for 2022, 2023: import them first."
        );
        let refused = Problem::Refused { reason: "the gate refuses".into() };
        assert_eq!(refused.to_string(), "The gate refuses.");
    }

    #[test]
    fn findings_come_back_from_the_store_as_they_were() {
        let findings = Findings {
            problems: vec![Problem::ChangedSinceCheck],
            previews: Vec::new(),
            fingerprint: "00".into(),
            shortfall: Some(Shortfall { count: 9, required: 10 }),
        };
        assert_eq!(Findings::from_json(&findings.to_json().unwrap()).unwrap(), findings);
    }
}
