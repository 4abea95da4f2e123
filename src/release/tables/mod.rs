//! From series to tables of disclosure control: everything that counts the same, whatever it is called and whenever it was
//! released.
//!
//! Holds which numbers of a column are counts, who knows them, and the way back from a cell to a region. Must not know: the
//! rules and how protection is found.
//!
//! Invariant: numbers that were rounded, changed or withheld at their source, and those of samples, are in no table: they are
//! shown as delivered, and nothing exact is concluded from them.

mod categories;
mod facts;
mod layers;
mod relations;

use std::collections::HashMap;
use std::hash::Hash;

use self::{
    facts::{FactId, FactKey, Facts},
    layers::{Layer, Material, Role},
    relations::{Relations, Sheet, Slot},
};
use crate::{
    disclosure::{CellId, Show, Table},
    domain::{Audience, Indicator, IndicatorKind, Period, PeriodKind, Policy, Provenance, Slug, Status},
    release::{ReleaseError, gate::Draft},
    store::{AtlasCatalogue, Id, SeriesRow, Store},
};

/// Rank of what is closed already: it is the first to stay closed.
const CLOSED_BEFORE: u32 = 1_000_000;

/// What a cell of a table stands for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Place {
    /// What is counted.
    pub variable: String,
    /// Level.
    pub level: String,
    /// Key of the region.
    pub region: String,
    /// Period.
    pub period: String,
}

/// A table, and what its cells stand for.
pub(super) struct Tabulation {
    /// The table.
    pub table: Table,
    /// What the first cells stand for; those after them are remainders and equations.
    pub places: Vec<Place>,
    /// By wanted series and ordinal: the cell that decides whether the number is shown.
    pub wanted: Vec<Vec<Option<CellId>>>,
    /// Cells that an earlier release closes and nobody sees.
    pub closed: Vec<CellId>,
    /// Cells that are public by an earlier release.
    pub released: Vec<CellId>,
    /// Ratios whose denominator is withheld itself where it is small: (numerator, denominator).
    pub tied: Vec<(CellId, CellId)>,
    /// Ids of the earlier releases that were taken into account.
    pub earlier: Vec<Id>,
    /// What those should know who release.
    pub notices: Vec<String>,
}

/// What a table is about.
#[derive(Debug, Default)]
pub(super) struct Scope<'s, 'c> {
    /// What is to be released.
    pub series: &'s [&'s SeriesRow],
    /// What is only tried.
    pub draft: Option<Draft<'c>>,
    /// Where nothing is to be released: only what is tied to this indicator.
    pub about: Option<&'s Slug>,
}

impl Tabulation {
    /// The table of a release to an audience; where nothing is to be released, that of what is public already.
    pub async fn read<'c>(
        store: &Store,
        catalogue: &'c AtlasCatalogue,
        audience: Audience,
        scope: Scope<'_, 'c>,
        policy: Policy,
    ) -> Result<Self, ReleaseError> {
        let wanted = scope.series.len() + usize::from(scope.draft.is_some());
        let material = layers::read(store, catalogue, audience, scope).await?;
        Builder::new(&material, policy, wanted).build()
    }
}

/// Names and their numbers.
#[derive(Debug)]
struct Names<T> {
    all: Vec<T>,
    numbers: HashMap<T, u32>,
}

impl<T: Clone + Eq + Hash> Names<T> {
    fn new() -> Self {
        Self { all: Vec::new(), numbers: HashMap::new() }
    }

    fn number(&mut self, name: &T) -> u32 {
        if let Some(number) = self.numbers.get(name) {
            return *number;
        }
        let number = self.all.len() as u32;
        self.all.push(name.clone());
        self.numbers.insert(name.clone(), number);
        number
    }
}

/// The variable whose number decides whether a number of an indicator is shown.
fn deciding(indicator: &Indicator) -> String {
    match (indicator.kind, &indicator.numerator) {
        (IndicatorKind::Count, _) => indicator.slug.to_string(),
        (IndicatorKind::Share | IndicatorKind::Rate, Some(numerator)) => numerator.to_string(),
        (IndicatorKind::Share | IndicatorKind::Rate, None) => format!("{}/numerator", indicator.slug),
        (IndicatorKind::Mean | IndicatorKind::Index, _) => format!("{}/sum", indicator.slug),
    }
}

/// True for numbers from which exact conclusions can be drawn. Made-up ones stand for exact ones.
const fn is_exact(provenance: Provenance) -> bool {
    matches!(provenance, Provenance::Exact | Provenance::Synthetic)
}

/// A count of persons as it is calculated with, and whether it was one before it was rounded.
fn whole_number(number: f64) -> (i64, bool) {
    let whole = number.round();
    (whole as i64, (number - whole).abs() < 1e-6)
}

struct Builder<'a> {
    material: &'a Material<'a>,
    policy: Policy,
    facts: Facts,
    variables: Names<String>,
    levels: Names<Slug>,
    regions: Names<String>,
    periods: Names<Period>,
    relations: Relations<'a>,
    wanted: Vec<Vec<Option<CellId>>>,
    closed: Vec<FactId>,
    released: Vec<FactId>,
    /// Sensitive count indicators that are or were released: as denominators they are not known to everybody.
    released_counts: Vec<&'a Slug>,
    tied: Vec<(FactId, FactId)>,
    unjudged: usize,
}

impl<'a> Builder<'a> {
    fn new(material: &'a Material<'a>, policy: Policy, wanted: usize) -> Self {
        let is_released = |layer: &&Layer<'_>| {
            let open = matches!(layer.role, Role::Wanted(_) | Role::Earlier { .. });
            open && layer.indicator.sensitive && layer.indicator.kind == IndicatorKind::Count
        };
        let released = material.acts.iter().flatten().filter(is_released);
        Self {
            material,
            policy,
            facts: Facts::default(),
            variables: Names::new(),
            levels: Names::new(),
            regions: Names::new(),
            periods: Names::new(),
            relations: Relations::new(material),
            wanted: vec![Vec::new(); wanted],
            closed: Vec::new(),
            released: Vec::new(),
            released_counts: released.map(|layer| &layer.indicator.slug).collect(),
            tied: Vec::new(),
            unjudged: 0,
        }
    }

    fn build(mut self) -> Result<Tabulation, ReleaseError> {
        for act in &self.material.acts {
            for layer in act {
                self.layer(layer)?;
            }
            self.relations.relate(&mut self.facts, &self.variables.numbers);
        }
        self.relations.relate_categories(&mut self.facts, &self.variables.numbers);
        let place = |id: FactId| {
            let FactKey { variable, level, region, period, .. } = self.facts.key(id);
            Place {
                variable: self.variables.all[variable as usize].clone(),
                level: self.levels.all[level as usize].to_string(),
                region: self.regions.all[region as usize].clone(),
                period: self.periods.all[period as usize].to_string(),
            }
        };
        let places = (0..self.facts.len()).map(place).collect();
        let facts = &self.facts;
        self.closed.retain(|fact| facts.show(*fact) == Show::Candidate);
        let table = self.facts.table(self.policy);
        let mut notices = self.relations.notices();
        if self.unjudged > 0 {
            notices.push(format!(
                "{} earlier numbers have no counts beside them and are not taken into account.",
                self.unjudged
            ));
        }
        if self.material.purged > 0 {
            notices.push(format!(
                "Of {} columns released earlier the series was purged; what was known from them is not taken into account.",
                self.material.purged
            ));
        }
        Ok(Tabulation {
            table,
            places,
            wanted: self.wanted,
            closed: self.closed,
            released: self.released,
            tied: self.tied,
            earlier: self.material.earlier.clone(),
            notices,
        })
    }

    /// Notes the counts of a layer.
    fn layer(&mut self, layer: &Layer<'a>) -> Result<(), ReleaseError> {
        let len = layer.column.len();
        if let Role::Wanted(at) = layer.role {
            self.wanted[at] = vec![None; len];
        }
        if !is_exact(layer.provenance) {
            return Ok(());
        }
        let Some(place) = Position::of(self, layer) else { return Ok(()) };
        match layer.indicator.kind {
            IndicatorKind::Count => self.counts(layer, place),
            IndicatorKind::Share | IndicatorKind::Rate => self.ratios(layer, place)?,
            IndicatorKind::Mean | IndicatorKind::Index => self.means(layer, place)?,
        }
        Ok(())
    }

    fn counts(&mut self, layer: &Layer<'a>, place: Position) {
        let variable = self.variables.number(&deciding(layer.indicator));
        let mut sheet = Sheet::new(layer);
        for ordinal in 0..layer.column.len() {
            let Some(value) = layer.column.value(ordinal) else { continue };
            let contributors = beside(layer.companions.contributors.as_ref(), ordinal);
            let fact = self.note(layer, place, variable, ordinal, value, contributors);
            sheet.slots[ordinal] = Slot::Fact(fact);
            self.decide(layer, ordinal, fact);
        }
        self.relations.put(variable, place.edition, &layer.period, sheet);
    }

    fn ratios(&mut self, layer: &Layer<'a>, place: Position) -> Result<(), ReleaseError> {
        let indicator = layer.indicator;
        let above = self.variables.number(&deciding(indicator));
        let own = indicator.denominator.as_ref().filter(|d| self.released_counts.contains(d));
        let below = self
            .variables
            .number(&own.map_or_else(|| format!("{}/denominator", indicator.slug), ToString::to_string));
        let beyond = self.variables.number(&format!("{}/complement", indicator.slug));
        let (mut sheet, mut rest) = (Sheet::new(layer), Sheet::new(layer));
        let companions = &layer.companions;
        for ordinal in 0..layer.column.len() {
            let numbers = beside(companions.numerators.as_ref(), ordinal)
                .zip(beside(companions.denominators.as_ref(), ordinal));
            let Some((numerator, denominator)) = numbers else {
                self.cannot_judge(layer, ordinal, "numerator and denominator")?;
                continue;
            };
            let contributors = beside(companions.contributors.as_ref(), ordinal);
            let part = self.note(layer, place, above, ordinal, numerator, contributors);
            sheet.slots[ordinal] = Slot::Fact(part);
            if layer.column.value(ordinal).is_some() {
                self.decide(layer, ordinal, part);
            }
            let whole = self.denominator(place, below, own.is_some(), ordinal, denominator);
            self.facts.ratio(part, whole);
            if own.is_some() {
                self.tied.push((part, whole));
            }
            if indicator.kind == IndicatorKind::Share
                && let Some(value) = self.complement(numerator, denominator)
            {
                let key = place.key(self, beyond, ordinal, value);
                let other = self.facts.note(key, Show::Never, 0, None);
                rest.slots[ordinal] = Slot::Fact(other);
                self.facts.sum(whole, facts::Kind::Categories(u32::MAX - above), vec![part, other], true);
            }
        }
        self.relations.put(above, place.edition, &layer.period, sheet);
        self.relations.put(beyond, place.edition, &layer.period, rest);
        Ok(())
    }

    /// Denominators are known to everybody, unless they are counts that are protected themselves. One that was estimated
    /// serves only to see whether it is large enough.
    fn denominator(
        &mut self,
        place: Position,
        variable: u32,
        own: bool,
        ordinal: usize,
        number: f64,
    ) -> FactId {
        let key = place.key(self, variable, ordinal, number.max(0.0).floor() as i64);
        let show = if own { Show::Never } else { Show::Known };
        self.facts.note(key, show, place.rank, None)
    }

    /// How many do not have the trait. Of so few that everybody knows the count to be small whatever is published it is
    /// left out, since nothing could protect it.
    fn complement(&self, numerator: f64, denominator: f64) -> Option<i64> {
        let ((part, exact), (whole, is_whole)) = (whole_number(numerator), whole_number(denominator));
        let least = i64::from(self.policy.threshold.max(self.policy.width + 1));
        (exact && is_whole && (0..=whole).contains(&part) && whole >= least).then_some(whole - part)
    }

    fn means(&mut self, layer: &Layer<'a>, place: Position) -> Result<(), ReleaseError> {
        let variable = self.variables.number(&deciding(layer.indicator));
        self.facts.measured(variable);
        let companions = &layer.companions;
        let mut sheet = Sheet::new(layer);
        for ordinal in 0..layer.column.len() {
            let Some(value) = layer.column.value(ordinal) else { continue };
            let units = beside(companions.contributors.as_ref(), ordinal);
            let Some(units) = units.or_else(|| beside(companions.denominators.as_ref(), ordinal)) else {
                self.cannot_judge(layer, ordinal, "contributors")?;
                continue;
            };
            let sum = beside(companions.numerators.as_ref(), ordinal).unwrap_or(value * units).round();
            let fact = self.note(layer, place, variable, ordinal, sum, Some(units));
            sheet.slots[ordinal] = Slot::Fact(fact);
            self.decide(layer, ordinal, fact);
        }
        self.relations.put(variable, place.edition, &layer.period, sheet);
        Ok(())
    }

    /// The fact of a number of a layer, shown as the layer is.
    fn note(
        &mut self,
        layer: &Layer<'a>,
        place: Position,
        variable: u32,
        ordinal: usize,
        number: f64,
        contributors: Option<f64>,
    ) -> FactId {
        let (value, exact) = whole_number(number);
        let key = place.key(self, variable, ordinal, value);
        let has_number = layer.column.value(ordinal).is_some();
        let (show, rank) = match &layer.role {
            _ if !has_number => (Show::Never, place.rank),
            Role::Beside | Role::Wanted(_) if !layer.indicator.sensitive => (Show::Known, place.rank),
            Role::Wanted(_) => (Show::Candidate, place.rank),
            Role::Earlier { shown, .. } if shown.value(ordinal).is_some() => (Show::Known, place.rank),
            Role::Earlier { in_force: true, .. } => (Show::Candidate, place.rank + CLOSED_BEFORE),
            Role::Beside | Role::Earlier { in_force: false, .. } => (Show::Never, place.rank),
        };
        let fact = self.facts.note(key, show, rank, contributors.map(|c| c.max(0.0).floor() as u64));
        if rank >= CLOSED_BEFORE {
            self.closed.push(fact);
        }
        if show == Show::Known && matches!(layer.role, Role::Earlier { .. }) {
            self.released.push(fact);
        }
        if !exact {
            self.facts.estimated(fact);
        }
        fact
    }

    fn decide(&mut self, layer: &Layer<'_>, ordinal: usize, fact: FactId) {
        if let Role::Wanted(at) = layer.role
            && layer.indicator.sensitive
        {
            self.wanted[at][ordinal] = Some(fact);
        }
    }

    /// A number that is to be released and of which nobody can say how many persons are behind it.
    fn cannot_judge(
        &mut self,
        layer: &Layer<'_>,
        ordinal: usize,
        what: &'static str,
    ) -> Result<(), ReleaseError> {
        if layer.column.value(ordinal).is_none() || !layer.indicator.sensitive {
            return Ok(());
        }
        if matches!(layer.role, Role::Wanted(_)) {
            return Err(ReleaseError::CannotJudge {
                indicator: layer.indicator.slug.clone(),
                period: layer.period.clone(),
                what,
            });
        }
        self.unjudged += 1;
        Ok(())
    }
}

fn beside(numbers: Option<&Vec<f64>>, ordinal: usize) -> Option<f64> {
    numbers.and_then(|n| n.get(ordinal)).copied().filter(|n| n.is_finite())
}

/// Where the numbers of a layer are.
#[derive(Debug, Clone, Copy)]
struct Position {
    edition: Id,
    level: u32,
    period: u32,
    rank: u32,
}

impl Position {
    fn of(builder: &mut Builder<'_>, layer: &Layer<'_>) -> Option<Self> {
        let catalogue = builder.material.catalogue;
        let edition = catalogue.editions.iter().find(|e| e.id == layer.edition)?;
        let order = catalogue.levels.iter().position(|l| l.slug == edition.level)?;
        let mut depth = 0;
        let mut indicator = Some(layer.indicator);
        while let Some(total) = indicator.and_then(|i| i.part_of.as_ref()).filter(|_| depth < 5) {
            depth += 1;
            indicator = catalogue.indicators.iter().find(|i| i.slug == *total);
        }
        let years = u32::from(layer.period.kind() != PeriodKind::Pool);
        Some(Self {
            edition: layer.edition,
            level: builder.levels.number(&edition.level),
            period: builder.periods.number(&layer.period),
            rank: 100 * order as u32 + 10 * depth + years,
        })
    }

    fn key(self, builder: &mut Builder<'_>, variable: u32, ordinal: usize, value: i64) -> FactKey {
        let rows = builder.material.regions.get(&self.edition);
        let name = rows.and_then(|rows| rows.get(ordinal)).map(|row| row.region.key.to_string());
        let region = builder.regions.number(&name.unwrap_or_default());
        FactKey { variable, level: self.level, region, period: self.period, value }
    }
}

impl Sheet {
    /// A sheet of a layer without facts.
    fn new(layer: &Layer<'_>) -> Self {
        let slot =
            |status: &Status| if *status == Status::NotApplicable { Slot::Nothing } else { Slot::Unknown };
        Self { slots: layer.column.statuses().iter().map(slot).collect() }
    }
}
