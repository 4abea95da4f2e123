//! The gate that every release passes: what must stay secret, what else must be withheld for it, and the audit of the result.
//!
//! Holds the order of these steps. Must not know: bundles, sheets, classes, who releases.
//!
//! Invariant: columns leave the gate only after an audit that found them safe together with everything that was ever public.
//! What is closed for its own sake and what is closed for the sake of others look the same in them.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::{
    disclosure::{
        CellId, Certificate, Primary, ProtectError, Reason, Rule, Show, Suppression, Table, Which, Why,
        audit, primary, protect,
    },
    domain::{
        Audience, Column, Companions, Indicator, IndicatorKind, Period, Policy, Provenance, Slug, Status,
    },
    release::{
        ReleaseError,
        tables::{Place, Scope, Tabulation},
    },
    store::{AtlasCatalogue, Id, NewReleaseColumn, ReleaseRow, SeriesRow, Store},
};

/// What may be released of some series.
#[derive(Debug, Clone)]
pub struct Gated {
    /// By indicator and level.
    pub layers: Vec<GatedLayer>,
    /// What is certified of all of them together.
    pub certificate: Certificate,
    /// What those should know who release; internal.
    pub notices: Vec<String>,
}

/// What may be released of an indicator on a level.
#[derive(Debug, Clone)]
pub struct GatedLayer {
    /// Indicator.
    pub indicator: Slug,
    /// Level.
    pub level: Slug,
    /// Protected and rounded columns.
    pub columns: Vec<NewReleaseColumn>,
    /// The series that they were made from.
    pub inputs: Vec<Id>,
    /// What is closed in them; internal.
    pub closed: Vec<Closed>,
}

impl GatedLayer {
    /// How many numbers are shown.
    pub fn shown(&self) -> usize {
        self.columns.iter().map(|column| column.column.numbers().count()).sum()
    }
}

/// A number that is withheld, and why. For staff only.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Closed {
    /// Key of the region.
    pub region: String,
    /// Period.
    pub period: Period,
    /// By which rule; `None` if it is withheld for the sake of another number.
    pub rule: Option<Rule>,
    /// That other number.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub protects: Option<String>,
}

/// The policy for some series: that of the atlas and those of their sources.
fn policy_of(catalogue: &AtlasCatalogue, audience: Audience, series: &[&SeriesRow]) -> Policy {
    let sources: BTreeSet<&Slug> = series.iter().filter_map(|row| row.source.as_ref()).collect();
    let stricter = catalogue.sources.iter().filter(|source| sources.contains(&source.slug));
    stricter
        .filter_map(|source| source.policies)
        .fold(catalogue.atlas.policies.of(audience), |policy, own| policy.strictest(own.of(audience)))
}

/// Finds out what of these current series may be released to an audience. Nothing is stored. Checking a release and making
/// it call the same function.
///
/// # Errors
/// If a number cannot be judged because its counts are not there, if the store cannot be read, or if the audit finds that a
/// secret number could be computed.
pub async fn examine(
    store: &Store,
    catalogue: &AtlasCatalogue,
    audience: Audience,
    series: &[&SeriesRow],
) -> Result<Gated, ReleaseError> {
    let policy = policy_of(catalogue, audience, series);
    let tables =
        Tabulation::read(store, catalogue, audience, Scope { series, ..Scope::default() }, policy).await?;
    let (tables, pattern) = on_worker(move || {
        let pattern = Pattern::find(&tables);
        (tables, pattern)
    })
    .await?;
    let pattern = pattern?;
    let mut layers: BTreeMap<(usize, usize), GatedLayer> = BTreeMap::new();
    for (row, cells) in series.iter().zip(&tables.wanted) {
        let place =
            |slugs: &[&Slug], slug: &Slug| slugs.iter().position(|s| *s == slug).unwrap_or(usize::MAX);
        let level = catalogue.editions.iter().find(|e| e.id == row.edition).map(|e| &e.level);
        let indicator = catalogue.indicators.iter().find(|i| i.slug == row.indicator);
        let (Some(level), Some(indicator)) = (level, indicator) else { continue };
        let order = (
            place(&catalogue.indicators.iter().map(|i| &i.slug).collect::<Vec<_>>(), &row.indicator),
            place(&catalogue.levels.iter().map(|l| &l.slug).collect::<Vec<_>>(), level),
        );
        let layer = layers.entry(order).or_insert_with(|| GatedLayer {
            indicator: row.indicator.clone(),
            level: level.clone(),
            columns: Vec::new(),
            inputs: Vec::new(),
            closed: Vec::new(),
        });
        let column = shown(store.column(row.id).await?, cells, &pattern.suppressed, indicator, policy);
        layer.inputs.push(row.id);
        layer
            .closed
            .extend(cells.iter().flatten().filter_map(|cell| pattern.closed(&tables, *cell, &row.period)));
        layer.columns.push(NewReleaseColumn {
            period: row.period.clone(),
            edition: row.edition,
            column,
            note: row.note.clone(),
            break_before: row.break_before,
        });
    }
    let mut notices = tables.notices.clone();
    notices.extend(pattern.notices(&tables));
    Ok(Gated { layers: layers.into_values().collect(), certificate: pattern.certificate(&tables), notices })
}

/// Numbers that are not stored, to see what the gate would say of them.
#[derive(Debug, Clone)]
pub(super) struct Draft<'c> {
    pub indicator: &'c Indicator,
    pub edition: Id,
    pub period: Period,
    pub provenance: Provenance,
    pub column: Column,
    pub companions: Companions,
}

/// How many numbers of a draft the gate would show.
pub(super) async fn try_out(
    store: &Store,
    catalogue: &AtlasCatalogue,
    audience: Audience,
    draft: Draft<'_>,
) -> Result<usize, ReleaseError> {
    let policy = catalogue.atlas.policies.of(audience);
    let numbers = draft.column.clone();
    let scope = Scope { draft: Some(draft), ..Scope::default() };
    let tables = Tabulation::read(store, catalogue, audience, scope, policy).await?;
    on_worker(move || {
        let pattern = Pattern::find(&tables)?;
        let cells = tables.wanted.first().map_or(&[][..], Vec::as_slice);
        let is_shown = |(ordinal, cell): (usize, &Option<CellId>)| {
            numbers.value(ordinal).is_some() && cell.is_none_or(|cell| !pattern.suppressed.contains(&cell))
        };
        Ok(cells.iter().enumerate().filter(|at| is_shown(*at)).count())
    })
    .await?
}

/// Audits what is public now, together with everything that ever was: of one indicator and all that is tied to it, or of
/// all. Demanded is whatever the atlas demands now, the sources demand, or was demanded when it was released.
///
/// # Errors
/// If the store cannot be read or a secret number can be computed: then the cells are named.
pub async fn recheck(
    store: &Store,
    catalogue: &AtlasCatalogue,
    audience: Audience,
    indicator: Option<&Slug>,
) -> Result<Rechecked, ReleaseError> {
    let policy = policy_in_force(store, catalogue, audience, indicator).await?;
    let scope = Scope { about: indicator, ..Scope::default() };
    let tables = Tabulation::read(store, catalogue, audience, scope, policy).await?;
    on_worker(move || {
        let primary: Vec<CellId> = primary(&tables.table).iter().map(|p| p.cell).collect();
        let reasons = reasons(&tables.table, &primary, &tables.closed)?;
        let refused: Vec<CellId> = reasons.iter().map(Reason::cell).collect();
        // What everybody knew before anything was released is no fault of a release, as long as nobody knows more since: the
        // same objection, with the same bounds.
        let mut before = tables.table.clone();
        tables.released.iter().for_each(|cell| before.cells[*cell].show = Show::Never);
        let anyway = self::reasons(&before, &refused, &tables.closed)?;
        let is_known =
            |reason: &&Reason| anyway.contains(reason) && !matches!(reason, Reason::Undecided { .. });
        let (known, new): (Vec<&Reason>, Vec<&Reason>) = reasons.iter().partition(is_known);
        let known: BTreeSet<CellId> = known.into_iter().map(Reason::cell).collect();
        let reasons: Vec<String> =
            new.into_iter().map(|reason| reason.sentence(&tables.name(reason.cell()))).collect();
        Ok(Rechecked {
            safe: reasons.is_empty(),
            policy,
            primary: primary.len(),
            closed: tables.closed.len(),
            unavoidable: known.len(),
            reasons,
        })
    })
    .await?
}

/// What an audit objects to.
fn reasons(table: &Table, primary: &[CellId], closed: &[CellId]) -> Result<Vec<Reason>, ReleaseError> {
    let result = audit(table, primary, closed, Which::Primary)
        .map_err(|error| ReleaseError::Disclosure(error.to_string()))?;
    Ok(result.reasons)
}

/// The strictest of what the atlas, the sources of what is released, and the certificates of the releases in force demand.
async fn policy_in_force(
    store: &Store,
    catalogue: &AtlasCatalogue,
    audience: Audience,
    indicator: Option<&Slug>,
) -> Result<Policy, ReleaseError> {
    let counts = |release: &&ReleaseRow| {
        release.audience == audience && indicator.is_none_or(|slug| *slug == release.indicator)
    };
    let mut inputs: BTreeSet<Id> = BTreeSet::new();
    let mut recorded = Vec::new();
    for release in catalogue.releases.iter().filter(counts) {
        let (certificate, series) = store.release_grounds(release.id).await?;
        inputs.extend(series);
        let certificate = certificate.map(serde_json::from_value::<Certificate>).transpose();
        let certificate = certificate.map_err(|error| ReleaseError::Disclosure(error.to_string()))?;
        recorded.extend(certificate.map(|certificate| certificate.policy));
    }
    let series: Vec<&SeriesRow> = catalogue.series.iter().filter(|row| inputs.contains(&row.id)).collect();
    Ok(recorded.into_iter().fold(policy_of(catalogue, audience, &series), Policy::strictest))
}

/// What an audit of everything public found.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Rechecked {
    /// No secret number can be computed or bounded too closely.
    pub safe: bool,
    /// What was demanded.
    pub policy: Policy,
    /// Number of cells that must stay secret.
    pub primary: usize,
    /// Number of cells that are closed.
    pub closed: usize,
    /// Number of secret cells that are bounded too closely by what everybody knows, such as a tiny denominator, whatever is
    /// released.
    pub unavoidable: usize,
    /// What is wrong.
    pub reasons: Vec<String>,
}

/// Runs something long beside the server's other work.
async fn on_worker<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T, ReleaseError> {
    tokio::task::spawn_blocking(work).await.map_err(|error| ReleaseError::Disclosure(error.to_string()))
}

/// A column as it is released: without what is suppressed, rounded.
fn shown(
    mut column: Column,
    cells: &[Option<CellId>],
    suppressed: &BTreeSet<CellId>,
    indicator: &Indicator,
    policy: Policy,
) -> Column {
    let base = policy
        .rounding_base
        .filter(|base| *base > 1 && indicator.sensitive && indicator.kind == IndicatorKind::Count);
    for (ordinal, cell) in cells.iter().enumerate() {
        let Some(cell) = cell else { continue };
        if suppressed.contains(cell) {
            column.set(ordinal, None, Status::Suppressed);
        } else if let (Some(base), Some(value)) = (base.map(f64::from), column.value(ordinal)) {
            column.set(ordinal, Some((value / base).round() * base), column.status(ordinal));
        }
    }
    column.rounded(indicator.decimals)
}

impl Tabulation {
    /// What a cell is called in sentences.
    fn name(&self, cell: CellId) -> String {
        match self.places.get(cell) {
            Some(Place { variable, level, region, period }) => {
                format!("{variable} {level} {region} {period}")
            }
            None => "what the parts of a whole lack".into(),
        }
    }
}

/// Which cells are closed, and the audit's word for it.
struct Pattern {
    primary: Vec<Primary>,
    suppression: Suppression,
    suppressed: BTreeSet<CellId>,
    /// Cells that what is public already gives away.
    exposed: BTreeSet<CellId>,
    narrowest: Option<u64>,
}

impl Pattern {
    /// Primary rules, protection, independent audit.
    fn find(tables: &Tabulation) -> Result<Self, ReleaseError> {
        let table = &tables.table;
        table.check().map_err(|error| ReleaseError::Disclosure(error.to_string()))?;
        let mut found = primary(table);
        let mut exposed = BTreeSet::new();
        let suppression = loop {
            let cells: Vec<CellId> = found.iter().map(|p| p.cell).filter(|c| !exposed.contains(c)).collect();
            match protect(table, &cells) {
                // What was given away earlier cannot be taken back; it stays closed and stops nothing else.
                Err(ProtectError::Impossible(cells)) if cells.iter().any(|cell| !exposed.contains(cell)) => {
                    exposed.extend(cells);
                }
                Err(error) => return Err(ReleaseError::Disclosure(error.to_string())),
                Ok(suppression) => {
                    let more = untied(tables, &suppression, &found);
                    if more.is_empty() {
                        break suppression;
                    }
                    found.extend(more);
                    found.sort_unstable_by_key(|p| p.cell);
                }
            }
        };
        let mut suppressed: BTreeSet<CellId> = suppression.suppressed.iter().copied().collect();
        suppressed.extend(exposed.iter().filter(|cell| table.cells[**cell].show == Show::Candidate));
        let mut pattern = Self { primary: found, suppression, suppressed, exposed, narrowest: None };
        pattern.audit(tables)?;
        Ok(pattern)
    }

    /// The independent audit; it has the last word.
    fn audit(&mut self, tables: &Tabulation) -> Result<(), ReleaseError> {
        let secret: Vec<CellId> =
            self.primary.iter().map(|p| p.cell).filter(|c| !self.exposed.contains(c)).collect();
        let closed: BTreeSet<CellId> = self.suppressed.iter().chain(&tables.closed).copied().collect();
        let closed: Vec<CellId> = closed.into_iter().collect();
        let result = audit(&tables.table, &secret, &closed, Which::Primary)
            .map_err(|error| ReleaseError::Disclosure(error.to_string()))?;
        if !result.safe {
            let reasons = result.reasons.iter().map(|reason| reason.sentence(&tables.name(reason.cell())));
            return Err(ReleaseError::Unsafe(reasons.collect()));
        }
        self.narrowest = result.narrowest(&secret).and_then(|width| u64::try_from(width).ok());
        Ok(())
    }

    /// Why a cell is closed, if it is.
    fn closed(&self, tables: &Tabulation, cell: CellId, period: &Period) -> Option<Closed> {
        if !self.suppressed.contains(&cell) {
            return None;
        }
        let reason = self.reason(cell);
        Some(Closed {
            region: tables.places.get(cell)?.region.clone(),
            period: period.clone(),
            rule: match reason {
                Some(Why::Primary { rule }) => Some(rule),
                _ => None,
            },
            protects: match reason {
                Some(Why::Secondary { protects }) => Some(tables.name(protects)),
                _ => None,
            },
        })
    }

    fn reason(&self, cell: CellId) -> Option<Why> {
        if let Ok(at) = self.primary.binary_search_by_key(&cell, |p| p.cell) {
            return Some(Why::Primary { rule: self.primary[at].rule });
        }
        let at = self.suppression.secondary.binary_search_by_key(&cell, |(cell, _)| *cell).ok()?;
        Some(Why::Secondary { protects: self.suppression.secondary[at].1 })
    }

    fn notices(&self, tables: &Tabulation) -> Vec<String> {
        let named = |cell: &CellId| {
            format!(
                "'{}' must stay secret, and what was public before or everybody knows tells too much about it.",
                tables.name(*cell)
            )
        };
        self.exposed.iter().map(named).collect()
    }

    fn certificate(&self, tables: &Tabulation) -> Certificate {
        let primary: Vec<CellId> = self.primary.iter().map(|p| p.cell).collect();
        let suppressed: Vec<CellId> = self.suppressed.iter().copied().collect();
        let mut certificate = Certificate::new(&tables.table, &primary, &suppressed);
        certificate.narrowest = self.narrowest;
        certificate.earlier.clone_from(&tables.earlier);
        certificate
    }
}

/// Numerators that must be closed because their denominator is: number and rate together would give it away.
fn untied(tables: &Tabulation, suppression: &Suppression, primary: &[Primary]) -> Vec<Primary> {
    let closed: BTreeSet<CellId> = suppression.suppressed.iter().copied().collect();
    let is_secret = |cell: CellId| primary.binary_search_by_key(&cell, |p| p.cell).is_ok();
    let open = tables.tied.iter().filter(|(above, below)| closed.contains(below) && !closed.contains(above));
    let cells: BTreeSet<CellId> = open
        .map(|(above, _)| *above)
        .filter(|cell| tables.table.cells[*cell].show == Show::Candidate && !is_secret(*cell))
        .filter(|cell| !(tables.table.policy.zeros_public && tables.table.value(*cell) == 0))
        .collect();
    cells.into_iter().map(|cell| Primary { cell, rule: Rule::R2 }).collect()
}
