//! What would open most of what the gate closes: several years together, a larger level, the total of a category.
//!
//! Holds the candidates and how many regions each of them would show. Must not know: how pooled series are stored.
//!
//! Invariant: what is counted is what the gate would let through today, with everything that was ever public.

use std::{collections::BTreeMap, fmt};

use chrono::Datelike;
use serde::Serialize;

use crate::{
    domain::{Audience, Indicator, Observations, Period, PeriodKind, Quantity, Slug, pool},
    release::{
        ReleaseError,
        gate::{self, Draft},
    },
    store::{AtlasCatalogue, Id, SeriesRow, Store},
};

/// No pool of more years is tried: a longer span says too little about its end.
const MOST_YEARS: u32 = 6;

/// A way to publish more.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case", tag = "way")]
pub enum Way {
    /// The latest single period, as it is.
    Alone {
        /// That period.
        period: Period,
    },
    /// Several years together.
    Pool {
        /// How many.
        years: u32,
        /// The last of them.
        to: Period,
    },
    /// A larger level.
    Level {
        /// That level.
        level: Slug,
        /// Its latest period.
        period: Period,
    },
    /// The indicator of which this is a category.
    Total {
        /// That indicator.
        indicator: Slug,
        /// Its latest period.
        period: Period,
    },
}

impl fmt::Display for Way {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Alone { period } => write!(f, "{period} as it is"),
            Self::Pool { years, to } => write!(f, "{years} years together, up to {to}"),
            Self::Level { level, period } => write!(f, "{period} on level {level}"),
            Self::Total { indicator, period } => write!(f, "{period} of the total {indicator}"),
        }
    }
}

/// A way, and what it would show.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Proposal {
    /// The way.
    pub way: Way,
    /// How many regions would show a number.
    pub open: usize,
    /// Of how many that have one.
    pub regions: usize,
}

/// Ways to publish an indicator, the one that opens the largest part of its regions first.
///
/// # Errors
/// If the indicator has no values on the level, or a number cannot be judged.
pub async fn propose(
    store: &Store,
    catalogue: &AtlasCatalogue,
    audience: Audience,
    indicator: &Slug,
    level: &Slug,
) -> Result<Vec<Proposal>, ReleaseError> {
    let known = catalogue.indicators.iter().find(|i| i.slug == *indicator);
    let known = known.ok_or_else(|| ReleaseError::UnknownIndicator(indicator.clone()))?;
    let Some(latest) = latest(catalogue, indicator, level) else {
        return Err(ReleaseError::NoValues {
            indicator: indicator.clone(),
            level: level.clone(),
            periods: String::new(),
        });
    };
    let mut ways = vec![(Way::Alone { period: latest.period.clone() }, latest)];
    let edition = catalogue.editions.iter().find(|e| e.id == latest.edition);
    for (parent, _) in edition.iter().flat_map(|e| &e.parents) {
        ways.extend(
            self::latest(catalogue, indicator, parent)
                .map(|row| (Way::Level { level: parent.clone(), period: row.period.clone() }, row)),
        );
    }
    if let Some(total) = &known.part_of {
        ways.extend(
            self::latest(catalogue, total, level)
                .map(|row| (Way::Total { indicator: total.clone(), period: row.period.clone() }, row)),
        );
    }
    let mut proposals = Vec::new();
    for (way, row) in ways {
        let gated = gate::examine(store, catalogue, audience, &[row]).await?;
        let open = gated.layers.iter().map(gate::GatedLayer::shown).sum();
        proposals.push(Proposal { way, open, regions: store.column(row.id).await?.numbers().count() });
    }
    for (way, draft) in pools(store, catalogue, known, latest.edition).await? {
        let regions = draft.column.numbers().count();
        let open = gate::try_out(store, catalogue, audience, draft).await?;
        proposals.push(Proposal { way, open, regions });
    }
    // By the part that is shown; of equal ones the first that was thought of, which changes least.
    proposals.sort_by(|a, b| (b.open * a.regions.max(1)).cmp(&(a.open * b.regions.max(1))));
    Ok(proposals)
}

/// The series of the latest single period of an indicator on a level.
fn latest<'c>(catalogue: &'c AtlasCatalogue, indicator: &Slug, level: &Slug) -> Option<&'c SeriesRow> {
    let on_level = |id: Id| catalogue.editions.iter().any(|e| e.id == id && e.level == *level);
    let rows = catalogue.series.iter().filter(|row| row.indicator == *indicator && on_level(row.edition));
    rows.filter(|row| row.period.kind() != PeriodKind::Pool).max_by_key(|row| row.period.end())
}

/// Pools of years up to the latest one.
async fn pools<'c>(
    store: &Store,
    catalogue: &'c AtlasCatalogue,
    indicator: &'c Indicator,
    edition: Id,
) -> Result<Vec<(Way, Draft<'c>)>, ReleaseError> {
    let of_year = |row: &&SeriesRow| matches!(row.period.kind(), PeriodKind::Year | PeriodKind::Date);
    let here = |row: &&SeriesRow| row.indicator == indicator.slug && row.edition == edition;
    let years: BTreeMap<i32, &SeriesRow> = catalogue
        .series
        .iter()
        .filter(here)
        .filter(of_year)
        .map(|row| (row.period.end().year(), row))
        .collect();
    let Some((&last, latest)) = years.last_key_value() else { return Ok(Vec::new()) };
    let mut pools = Vec::new();
    for count in 2..=MOST_YEARS {
        let first = last - count as i32 + 1;
        let Some(rows) = (first..=last).map(|year| years.get(&year)).collect::<Option<Vec<_>>>() else {
            break;
        };
        let Ok(period) = format!("{first}..{last}").parse::<Period>() else { break };
        let mut parts = Vec::new();
        for row in rows {
            parts.push((store.column(row.id).await?, store.companions(row.id).await?));
        }
        let parts: Vec<Observations<'_>> =
            parts.iter().map(|(column, companions)| Observations { column, companions }).collect();
        let (column, companions) = pool(&parts, Quantity::of(indicator));
        let draft = Draft { indicator, edition, period, provenance: latest.provenance, column, companions };
        pools.push((Way::Pool { years: count, to: latest.period.clone() }, draft));
    }
    Ok(pools)
}
