//! Series of a level from those of its parts.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::{
    current::{Current, Draft, Loaded},
    listed, notes,
};
use crate::{
    domain::{
        Column, Companions, Derivation, DerivationMethod, Level, Link, Observations, Period, Quantity,
        RegionKey, Slug, Status, sum_parents,
    },
    ingest::{IngestError, Progress, Report},
    store::{EditionRow, RegionRow, SeriesRow},
};

/// How the regions of an edition are parts of those of another level.
struct Parts<'c> {
    edition: &'c EditionRow,
    parents: &'c EditionRow,
    links: Vec<Link>,
    inhabited: Vec<bool>,
}

/// Series of `level` from those of `from`, for all editions of `from` that know their parents. Of several editions with
/// the same period the one for which it was delivered counts, then the newest.
pub(super) async fn make<'c>(
    current: &'c Current<'_>,
    level: &Slug,
    from: &Slug,
    wanted: &[Slug],
    report: &mut Report,
    progress: &dyn Progress,
) -> Result<Vec<Draft<'c>>, IngestError> {
    let parts = parts(current, level, from, report).await?;
    let title = current.catalogue.levels.iter().find(|known| known.slug == *from);
    let Some(title) = title.filter(|_| !parts.is_empty()) else {
        if !report.rejected() {
            let sentence = format!(
                "No edition of '{from}' knows which region of '{level}' its regions belong to; import boundaries with \
                 --parent-level {level}, or a composition."
            );
            report.error(None, None, sentence);
        }
        return Ok(Vec::new());
    };
    let chosen = chosen(current, &parts, wanted);
    let index = current.index();
    let mut drafts = Vec::new();
    for (done, (of, row)) in chosen.iter().enumerate() {
        progress.done(done as f64 / chosen.len() as f64);
        let present = index.get(&(&row.indicator, of.parents.id, &row.period)).copied();
        let Some(base) = base(current, present).await? else { continue };
        if let Some(draft) = one(current, of, row, base, title).await? {
            drafts.push(draft);
        }
    }
    Ok(drafts)
}

/// Which edition of the parents each edition of the parts belongs to, and who belongs to whom.
async fn parts<'c>(
    current: &'c Current<'_>,
    level: &Slug,
    from: &Slug,
    report: &mut Report,
) -> Result<Vec<Parts<'c>>, IngestError> {
    let above = current.editions(level);
    let mut all = Vec::new();
    for edition in current.editions(from) {
        if !edition.parents.iter().any(|(parent, _)| parent == level) {
            continue;
        }
        let before = above.iter().rev().find(|parents| parents.valid_on <= edition.valid_on);
        let Some(parents) = before.or_else(|| above.first()).copied() else { continue };
        let (rows, parent_rows) =
            (current.store.regions(edition.id).await?, current.store.regions(parents.id).await?);
        let links = links(&rows, &parent_rows, level, report);
        let inhabited = rows.iter().map(RegionRow::counts).collect();
        all.push(Parts { edition, parents, links, inhabited });
    }
    Ok(all)
}

/// Links from parts to their parents. Regions with a part that belongs to several of them have no sum.
fn links(rows: &[RegionRow], parents: &[RegionRow], level: &Slug, report: &mut Report) -> Vec<Link> {
    let ordinals: HashMap<&RegionKey, u32> = parents.iter().map(|row| &row.region.key).zip(0..).collect();
    let (mut links, mut shared) = (Vec::new(), BTreeSet::new());
    for (row, from) in rows.iter().zip(0..) {
        let keys = row.parents.iter().filter(|(parent, _)| parent == level);
        let of: Vec<u32> = keys.filter_map(|(_, key)| ordinals.get(key).copied()).collect();
        if of.len() > 1 {
            shared.extend(of);
        } else {
            links.extend(of.into_iter().map(|to| Link { from, to, share: 1.0 }));
        }
    }
    if !shared.is_empty() {
        let keys: Vec<_> = shared.iter().map(|at| &parents[*at as usize].region.key).collect();
        let sentence = format!(
            "{} regions of '{level}' have parts that belong to several of them, so they get no value: {}.",
            keys.len(),
            listed(&keys)
        );
        report.warning(None, None, sentence);
    }
    links.retain(|link| !shared.contains(&link.to));
    links
}

/// For each indicator, period and edition of the parents the series to sum.
fn chosen<'a, 'c>(
    current: &'c Current<'_>,
    parts: &'a [Parts<'c>],
    wanted: &[Slug],
) -> Vec<(&'a Parts<'c>, &'c SeriesRow)> {
    let mut chosen: BTreeMap<(&Slug, &Period, i64), (&Parts<'c>, &SeriesRow)> = BTreeMap::new();
    for of in parts {
        for row in current.on(of.edition, wanted) {
            let place = (&row.indicator, &row.period, of.parents.id);
            let better = |(_, other): &(&Parts<'_>, &SeriesRow)| {
                row.derivation.is_none() || other.derivation.is_some()
            };
            if chosen.get(&place).is_none_or(better) {
                chosen.insert(place, (of, row));
            }
        }
    }
    chosen.into_values().collect()
}

/// What a level itself delivered, without what was filled in before.
struct Base<'c> {
    row: Option<&'c SeriesRow>,
    loaded: Option<Loaded>,
}

/// `None` where a series was made in another way: it stays.
async fn base<'c>(
    current: &Current<'_>,
    present: Option<&'c SeriesRow>,
) -> Result<Option<Base<'c>>, IngestError> {
    let Some(row) = present else { return Ok(Some(Base { row: None, loaded: None })) };
    let filled = match &row.derivation {
        None => &Vec::new(),
        Some(Derivation { method: DerivationMethod::Parents { filled: Some(filled), .. }, .. }) => filled,
        Some(Derivation { method: DerivationMethod::Parents { filled: None, .. }, .. }) => {
            return Ok(Some(Base { row: None, loaded: None }));
        }
        Some(_) => return Ok(None),
    };
    let mut loaded = current.load(row).await?;
    let regions = loaded.column.len();
    for ordinal in filled.iter().map(|at| *at as usize).filter(|at| *at < regions) {
        loaded.column.set(ordinal, None, Status::Missing);
    }
    Ok(Some(Base { row: Some(row), loaded: Some(loaded) }))
}

/// The series of the parents; `None` where what was delivered leaves nothing to be filled in.
async fn one<'c>(
    current: &'c Current<'_>,
    of: &Parts<'c>,
    row: &'c SeriesRow,
    base: Base<'c>,
    from: &Level,
) -> Result<Option<Draft<'c>>, IngestError> {
    let Some(indicator) = current.indicator(&row.indicator) else { return Ok(None) };
    let children = current.load(row).await?;
    let delivered: Option<Observations<'_>> = base.loaded.as_ref().map(Loaded::observations);
    let (column, companions): (Column, Companions) = sum_parents(
        children.observations(),
        &of.inhabited,
        Quantity::of(indicator),
        &of.links,
        delivered,
        of.parents.regions as usize,
    );
    let how = notes::parents(indicator, from);
    let filled = base.loaded.as_ref().map(|base| {
        let new =
            |at: &u32| base.column.value(*at as usize).is_none() && column.value(*at as usize).is_some();
        (0..of.parents.regions).filter(new).collect::<Vec<u32>>()
    });
    let is_delivered = base.row.is_some_and(|base| base.derivation.is_none());
    if is_delivered && filled.as_ref().is_some_and(Vec::is_empty) {
        return Ok(None);
    }
    let note = if filled.is_some() { notes::filled(how) } else { how };
    Ok(Some(Draft {
        indicator,
        edition: of.parents,
        period: row.period.clone(),
        inputs: vec![row],
        base: base.row,
        method: DerivationMethod::Parents { from: from.slug.clone(), filled },
        column,
        companions,
        value_notes: base.loaded.map(|base| base.value_notes).unwrap_or_default(),
        note,
        break_before: base.row.map_or(row.break_before, |base| base.break_before || row.break_before),
    }))
}
