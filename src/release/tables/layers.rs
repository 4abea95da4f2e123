//! Reads what disclosure control has to look at: what is to be released, what was ever public, and what belongs to it.
//!
//! Holds which series count for a problem. Must not know: how counts are made of each other, rules.
//!
//! Invariant: of what was once released nothing is left out, in force or not.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use chrono::{DateTime, Utc};

use crate::{
    domain::{Audience, Column, Companions, Indicator, IndicatorKind, Period, PeriodKind, Provenance, Slug},
    release::{ReleaseError, gate::Draft, tables::Scope},
    store::{AtlasCatalogue, Id, PastColumn, RegionRow, SeriesRow, Store, StoreError, Succession},
};

/// Why a layer counts.
#[derive(Debug, Clone)]
pub(super) enum Role {
    /// It was released.
    Earlier {
        /// What was shown.
        shown: Column,
        /// It still is, so that what is closed in it can be seen to be closed.
        in_force: bool,
    },
    /// It is not released, but what is released is made of it.
    Beside,
    /// It is to be released: its place among what is wanted.
    Wanted(usize),
}

/// One indicator, edition and period with its numbers.
#[derive(Debug, Clone)]
pub(super) struct Layer<'c> {
    pub indicator: &'c Indicator,
    pub edition: Id,
    pub period: Period,
    pub provenance: Provenance,
    pub column: Column,
    pub companions: Companions,
    pub role: Role,
}

/// What a problem is made from: layers, in the order in which they came to be public; the last act is the present one.
pub(super) struct Material<'c> {
    pub catalogue: &'c AtlasCatalogue,
    pub acts: Vec<Vec<Layer<'c>>>,
    pub regions: HashMap<Id, Vec<RegionRow>>,
    pub successions: Vec<Succession>,
    /// Ids of the earlier releases.
    pub earlier: Vec<Id>,
    /// Earlier columns whose series was purged: nobody can say any more what was known.
    pub purged: usize,
}

/// The indicators that are tied to each other: total and categories, ratio, numerator and denominator.
fn tied<'c>(catalogue: &'c AtlasCatalogue, first: BTreeSet<&'c Slug>) -> BTreeSet<&'c Slug> {
    let mut all = first;
    loop {
        let before = all.len();
        for indicator in &catalogue.indicators {
            let names = [&indicator.part_of, &indicator.numerator];
            let names: Vec<&Slug> = names.into_iter().flatten().collect();
            if all.contains(&indicator.slug) {
                all.extend(names);
            } else if names.iter().any(|name| all.contains(name)) {
                all.insert(&indicator.slug);
            }
        }
        if all.len() == before {
            return all;
        }
    }
}

/// Reads everything that belongs to the wanted series of an audience.
pub(super) async fn read<'c>(
    store: &Store,
    catalogue: &'c AtlasCatalogue,
    audience: Audience,
    scope: Scope<'_, 'c>,
) -> Result<Material<'c>, ReleaseError> {
    let Scope { series: wanted, draft, about } = scope;
    let atlas = &catalogue.atlas.slug;
    let indicators: HashMap<&Slug, &'c Indicator> =
        catalogue.indicators.iter().map(|i| (&i.slug, i)).collect();
    // What everybody sees, entitled staff see too; not the other way round.
    let counts = |past: &PastColumn| past.audience == audience || past.audience == Audience::Public;
    let past: Vec<PastColumn> = store.past_columns(atlas).await?.into_iter().filter(counts).collect();
    let named =
        wanted.iter().map(|row| &row.indicator).chain(about).chain(draft.iter().map(|d| &d.indicator.slug));
    let first: BTreeSet<&Slug> = named.filter_map(|slug| indicators.get(slug)).map(|i| &i.slug).collect();
    let tied = if first.is_empty() { indicators.keys().copied().collect() } else { tied(catalogue, first) };
    let past: Vec<PastColumn> = past.into_iter().filter(|p| tied.contains(&p.indicator)).collect();
    let mut material = Material {
        catalogue,
        acts: Vec::new(),
        regions: HashMap::new(),
        successions: store.successions(atlas).await?,
        earlier: past.iter().map(|p| p.release).collect::<BTreeSet<_>>().into_iter().collect(),
        purged: past.iter().filter(|p| p.series.is_none()).count(),
    };
    let mut reader = Reader { store, indicators, provenance: HashMap::new() };
    reader.provenance.extend(catalogue.series.iter().map(|row| (row.id, row.provenance)));
    for act in by_act(past) {
        let mut layers = Vec::new();
        for one in act {
            layers.extend(reader.earlier(one).await?);
        }
        material.acts.push(layers);
    }
    let mut present = Vec::new();
    for row in beside(catalogue, &tied, &material, wanted, draft.as_ref()) {
        present.extend(reader.layer(row, Role::Beside).await?);
    }
    for (at, row) in wanted.iter().enumerate() {
        present.extend(reader.layer(row, Role::Wanted(at)).await?);
    }
    if let Some(Draft { indicator, edition, period, provenance, column, companions }) = draft {
        let role = Role::Wanted(wanted.len());
        present.push(Layer { indicator, edition, period, provenance, column, companions, role });
    }
    material.acts.push(present);
    let editions: BTreeSet<Id> = material.acts.iter().flatten().map(|layer| layer.edition).collect();
    for edition in editions {
        material.regions.insert(edition, store.regions(edition).await?);
    }
    Ok(material)
}

/// Earlier columns by the act that released them. The same numbers of the same series released again are left out, so
/// that an atlas with many releases does not become slow.
fn by_act(past: Vec<PastColumn>) -> Vec<Vec<PastColumn>> {
    let mut acts: BTreeMap<DateTime<Utc>, Vec<PastColumn>> = BTreeMap::new();
    let mut seen: HashMap<(Id, blake3::Hash), bool> = HashMap::new();
    for one in &past {
        if let Some(series) = one.series {
            *seen.entry((series, blake3::hash(&one.column.to_bytes()))).or_default() |= one.in_force;
        }
    }
    for mut one in past {
        let Some(series) = one.series else { continue };
        if let Some(in_force) = seen.remove(&(series, blake3::hash(&one.column.to_bytes()))) {
            one.in_force = in_force;
            acts.entry(one.at).or_default().push(one);
        }
    }
    acts.into_values().collect()
}

/// Current series that are not released and yet matter: years of pools that are or were, and what everybody knows.
fn beside<'c>(
    catalogue: &'c AtlasCatalogue,
    tied: &BTreeSet<&Slug>,
    material: &Material<'_>,
    wanted: &[&SeriesRow],
    draft: Option<&Draft<'_>>,
) -> Vec<&'c SeriesRow> {
    let earlier =
        material.acts.iter().flatten().map(|l| (l.indicator.slug.clone(), l.edition, l.period.clone()));
    let present = wanted.iter().map(|row| (row.indicator.clone(), row.edition, row.period.clone()));
    let tried = draft.iter().map(|d| (d.indicator.slug.clone(), d.edition, d.period.clone()));
    let in_play: HashSet<(Slug, Id, Period)> = earlier.chain(present).chain(tried).collect();
    let places: HashSet<(Id, &Period)> =
        in_play.iter().map(|(_, edition, period)| (*edition, period)).collect();
    let pools: HashMap<(&Slug, Id), Vec<&Period>> = in_play
        .iter()
        .filter(|(_, _, period)| period.kind() == PeriodKind::Pool)
        .fold(HashMap::new(), |mut pools, (indicator, edition, period)| {
            pools.entry((indicator, *edition)).or_insert_with(Vec::new).push(period);
            pools
        });
    let insensitive: HashSet<&Slug> = catalogue
        .indicators
        .iter()
        .filter(|i| !i.sensitive && i.kind == IndicatorKind::Count)
        .map(|i| &i.slug)
        .collect();
    let matters = |row: &&SeriesRow| {
        let is_part = pools.get(&(&row.indicator, row.edition)).is_some_and(|pools| {
            pools.iter().any(|pool| pool.start() <= row.period.start() && row.period.end() <= pool.end())
        });
        let is_known = insensitive.contains(&row.indicator)
            && tied.contains(&row.indicator)
            && places.contains(&(row.edition, &row.period));
        is_part || is_known
    };
    let is_wanted = |row: &&SeriesRow| wanted.iter().any(|other| other.id == row.id);
    catalogue.series.iter().filter(matters).filter(|row| !is_wanted(row)).collect()
}

struct Reader<'a, 'c> {
    store: &'a Store,
    indicators: HashMap<&'c Slug, &'c Indicator>,
    provenance: HashMap<Id, Provenance>,
}

impl<'c> Reader<'_, 'c> {
    async fn earlier(&mut self, past: PastColumn) -> Result<Option<Layer<'c>>, StoreError> {
        let (Some(&indicator), Some(series)) = (self.indicators.get(&past.indicator), past.series) else {
            return Ok(None);
        };
        let column = self.store.column(series).await?;
        let companions = self.store.companions(series).await?;
        let provenance = match self.provenance.get(&series) {
            Some(provenance) => *provenance,
            None => self.store.provenance(series).await?,
        };
        let role = Role::Earlier { shown: past.column, in_force: past.in_force };
        Ok(Some(Layer {
            indicator,
            edition: past.edition,
            period: past.period,
            provenance,
            column,
            companions,
            role,
        }))
    }

    async fn layer(&mut self, row: &SeriesRow, role: Role) -> Result<Option<Layer<'c>>, StoreError> {
        let Some(&indicator) = self.indicators.get(&row.indicator) else { return Ok(None) };
        Ok(Some(Layer {
            indicator,
            edition: row.edition,
            period: row.period.clone(),
            provenance: row.provenance,
            column: self.store.column(row.id).await?,
            companions: self.store.companions(row.id).await?,
            role,
        }))
    }
}
