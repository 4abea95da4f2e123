//! What would open most of what the gate closes: several years together, a larger level, the total of a category, two
//! categories together.
//!
//! Holds the candidates and how many regions each of them would show. Must not know: how pooled series are stored.
//!
//! Invariant: what is counted is what the gate would let through today, with everything that was ever public.

use std::{collections::BTreeMap, fmt};

use chrono::Datelike;
use serde::Serialize;

use crate::{
    domain::{
        Audience, Column, Companions, Indicator, IndicatorKind, Observations, Period, PeriodKind, Quantity,
        Slug, pool,
    },
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
    /// Together with another category of the same total, such as the next age group.
    Merged {
        /// That category.
        with: Slug,
        /// Their latest period.
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
            Self::Merged { with, period } => write!(f, "{period} together with {with}"),
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
    for (with, column, companions) in merged(store, catalogue, known, latest).await? {
        let regions = column.numbers().count();
        let (catalogue, slug) = with_merged(catalogue, known, &with)?;
        let Some(indicator) = catalogue.indicators.iter().find(|i| i.slug == slug) else { continue };
        let (edition, period) = (latest.edition, latest.period.clone());
        let provenance = latest.provenance;
        let draft = Draft { indicator, edition, period, provenance, column, companions };
        let open = gate::try_out(store, &catalogue, audience, draft).await?;
        let way = Way::Merged { with, period: latest.period.clone() };
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

/// More categories of one total than this are not searched for those that belong together.
const MOST_CATEGORIES: usize = 12;

/// In so many places categories must add up to their total before they are taken for its parts.
const LEAST_PLACES: usize = 3;

/// The sums of a category of counts with each other category that has no one in common with it: both are among those that
/// add up to the total, and are not all of them.
async fn merged(
    store: &Store,
    catalogue: &AtlasCatalogue,
    known: &Indicator,
    latest: &SeriesRow,
) -> Result<Vec<(Slug, Column, Companions)>, ReleaseError> {
    let at = |slug: &Slug| {
        let here = |row: &&SeriesRow| row.indicator == *slug && row.edition == latest.edition;
        catalogue.series.iter().filter(here).find(|row| row.period == latest.period)
    };
    let Some(total) = known.part_of.as_ref().and_then(at) else { return Ok(Vec::new()) };
    if known.kind != IndicatorKind::Count {
        return Ok(Vec::new());
    }
    let total = store.column(total.id).await?;
    let (own, beside) = (store.column(latest.id).await?, store.companions(latest.id).await?);
    let own = Observations { column: &own, companions: &beside };
    let is_sibling =
        |i: &&Indicator| i.part_of == known.part_of && i.kind == known.kind && i.slug != known.slug;
    let rows = catalogue.indicators.iter().filter(is_sibling).filter_map(|i| at(&i.slug));
    let open = |row: &&SeriesRow| row.provenance == latest.provenance && !row.restricted;
    let rows: Vec<&SeriesRow> = rows.filter(open).take(MOST_CATEGORIES).collect();
    let mut others = Vec::with_capacity(rows.len());
    for row in &rows {
        others.push((store.column(row.id).await?, store.companions(row.id).await?));
    }
    let columns: Vec<&Column> = others.iter().map(|(column, _)| column).collect();
    let divisions: Vec<u32> = (1..1_u32 << rows.len())
        .filter(|chosen| chosen.count_ones() > 1 && divides(&total, own.column, &columns, *chosen))
        .collect();
    let belongs = |at: usize| divisions.iter().any(|chosen| chosen & (1 << at) != 0);
    let sums = rows.iter().zip(&others).enumerate().filter(|(at, _)| belongs(*at));
    Ok(sums
        .map(|(_, (row, (column, companions)))| {
            let (column, companions) = pool(&[own, Observations { column, companions }], Quantity::of(known));
            (row.indicator.clone(), column, companions)
        })
        .collect())
}

/// Whether a category and the chosen others add up to their total wherever all are known.
fn divides(total: &Column, own: &Column, others: &[&Column], chosen: u32) -> bool {
    let parts = || others.iter().enumerate().filter(|(at, _)| chosen & (1 << at) != 0).map(|(_, part)| *part);
    let mut places = 0;
    for ordinal in 0..total.len() {
        let sum: Option<f64> = parts().chain([own]).map(|part| part.value(ordinal)).sum();
        let Some((sum, total)) = sum.zip(total.value(ordinal)) else { continue };
        if (sum - total).abs() > 1e-6 {
            return false;
        }
        places += usize::from(total > 0.0);
    }
    places >= LEAST_PLACES
}

/// The catalogue with an indicator more, of which the two categories are the parts.
fn with_merged(
    catalogue: &AtlasCatalogue,
    one: &Indicator,
    other: &Slug,
) -> Result<(AtlasCatalogue, Slug), ReleaseError> {
    let mut catalogue = catalogue.clone();
    let is_free = |slug: &Slug| !catalogue.indicators.iter().any(|i| i.slug == *slug);
    let slug =
        (0..=catalogue.indicators.len()).filter_map(|n| format!("merged-{n}").parse().ok()).find(is_free);
    let slug: Slug = slug.ok_or_else(|| ReleaseError::UnknownIndicator(one.slug.clone()))?;
    for part in catalogue.indicators.iter_mut().filter(|i| i.slug == one.slug || i.slug == *other) {
        part.part_of = Some(slug.clone());
    }
    catalogue.indicators.push(Indicator { slug: slug.clone(), ..one.clone() });
    Ok((catalogue, slug))
}
