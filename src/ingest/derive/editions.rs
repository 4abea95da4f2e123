//! Series of other editions, carried to one edition.

use std::collections::{BTreeMap, HashMap};

use chrono::NaiveDate;

use super::{
    current::{Current, Draft, Loaded},
    left_out,
    links::{Chain, backward, forward},
    listed, notes,
};
use crate::{
    domain::{Derivation, DerivationMethod, Link, Period, Quantity, Slug, Text, carry, is_whole},
    ingest::{IngestError, Progress, Report},
    store::{EditionRow, Id, SeriesRow},
};

/// Series of the target edition for all periods that were delivered for another edition only. Of several editions with the
/// same period the last before the target counts, else the first after it.
pub(super) async fn make<'c>(
    current: &'c Current<'_>,
    level: &Slug,
    to: Option<NaiveDate>,
    wanted: &[Slug],
    report: &mut Report,
    progress: &dyn Progress,
) -> Result<Vec<Draft<'c>>, IngestError> {
    let editions = current.editions(level);
    let target = match to {
        Some(date) => editions.iter().find(|edition| edition.valid_on == date),
        None => editions.last(),
    };
    let Some(target) = target.copied() else {
        let dates: Vec<_> = editions.iter().map(|edition| edition.valid_on).collect();
        let asked = to.map(|date| format!(" of {date}")).unwrap_or_default();
        let sentence = format!("Level '{level}' has no edition{asked}; it has: {}.", listed(&dates));
        report.error(None, None, sentence);
        return Ok(Vec::new());
    };
    report.fact("edition", target.valid_on.to_string());
    let sources = sources(current, &editions, target, wanted);
    let chains = chains(current, target, &sources, report).await?;
    let mut drafts = Vec::new();
    for (done, (edition, row)) in sources.iter().enumerate() {
        progress.done(done as f64 / sources.len() as f64);
        let (Some(chain), Some(indicator)) = (chains.get(&edition.id), current.indicator(&row.indicator))
        else {
            continue;
        };
        let loaded = current.load(row).await?;
        let regions = target.regions as usize;
        let (column, companions) =
            carry(loaded.observations(), Quantity::of(indicator), &chain.links, regions);
        drafts.push(Draft {
            indicator,
            edition: target,
            period: row.period.clone(),
            inputs: vec![*row],
            base: None,
            method: DerivationMethod::Edition { from: edition.valid_on },
            note: notes::edition(edition.valid_on, target.valid_on, &column),
            value_notes: carried_notes(&loaded, &chain.links),
            break_before: row.break_before,
            column,
            companions,
        });
    }
    Ok(drafts)
}

fn is_carried(derivation: Option<&Derivation>) -> bool {
    derivation.is_some_and(|d| matches!(d.method, DerivationMethod::Edition { .. }))
}

/// The series to carry, each with its edition, by indicator and period.
fn sources<'c>(
    current: &'c Current<'_>,
    editions: &[&'c EditionRow],
    target: &EditionRow,
    wanted: &[Slug],
) -> Vec<(&'c EditionRow, &'c SeriesRow)> {
    let index = current.index();
    let mut chosen: BTreeMap<(&Slug, &Period), (&EditionRow, &SeriesRow)> = BTreeMap::new();
    // From the last to the first after the target, then from the first to the last before it: the latter count more.
    let (before, after): (Vec<&EditionRow>, Vec<_>) = editions
        .iter()
        .filter(|edition| edition.id != target.id)
        .partition(|edition| edition.valid_on < target.valid_on);
    for edition in after.into_iter().rev().chain(before) {
        for row in current.on(edition, wanted) {
            let here = index.get(&(&row.indicator, target.id, &row.period));
            let free = here.is_none_or(|here| is_carried(here.derivation.as_ref()));
            if free && !is_carried(row.derivation.as_ref()) {
                chosen.insert((&row.indicator, &row.period), (edition, row));
            }
        }
    }
    chosen.into_values().collect()
}

/// Links from each edition that is used to the target. One that cannot be joined is reported and left out.
async fn chains(
    current: &Current<'_>,
    target: &EditionRow,
    sources: &[(&EditionRow, &SeriesRow)],
    report: &mut Report,
) -> Result<HashMap<Id, Chain>, IngestError> {
    let mut chains = HashMap::new();
    let mut used: BTreeMap<NaiveDate, (&EditionRow, usize)> = BTreeMap::new();
    for (edition, _) in sources {
        used.entry(edition.valid_on).or_insert((edition, 0)).1 += 1;
    }
    if used.is_empty() {
        return Ok(chains);
    }
    let mut successions = current.store.successions(&current.catalogue.atlas.slug).await?;
    successions.retain(|one| one.level == target.level);
    let there = current.store.regions(target.id).await?;
    for (date, (edition, series)) in used {
        let here = current.store.regions(edition.id).await?;
        let is_earlier = date < target.valid_on;
        let forth = if is_earlier {
            forward((&here, date), (&there, target.valid_on), &successions)
        } else {
            forward((&there, target.valid_on), (&here, date), &successions)
        };
        if !(forth.lost.is_empty() && forth.unfilled.is_empty()) {
            // A region that appears from nowhere was part of another one, whose value would be carried wholly.
            let regions: Vec<_> = forth.lost.iter().chain(&forth.unfilled).collect();
            let sentence = format!(
                "Between the editions {} and {}, no succession says what became of {} regions or where they came from, so \
                 {series} series are left out; import one: {}.",
                date.min(target.valid_on),
                date.max(target.valid_on),
                regions.len(),
                listed(&regions)
            );
            report.warning(None, None, sentence);
            continue;
        }
        let chain = if is_earlier { forth } else { backward(&forth, &there, &here) };
        if !chain.unfilled.is_empty() {
            let sentence = format!(
                "{} regions of {} get no value from {date}, because they were joined with others since: {}.",
                chain.unfilled.len(),
                target.valid_on,
                listed(&chain.unfilled)
            );
            left_out(report, sentence);
        }
        chains.insert(edition.id, chain);
    }
    Ok(chains)
}

/// Remarks on values that stay as they were.
fn carried_notes(loaded: &Loaded, links: &[Link]) -> Vec<(u32, Text)> {
    let alone = |link: &&Link| links.iter().filter(|other| other.to == link.to).count() == 1;
    let mut notes: Vec<(u32, Text)> = loaded
        .value_notes
        .iter()
        .flat_map(|(from, note)| {
            let whole = links.iter().filter(move |link| link.from == *from && is_whole(link.share));
            whole.filter(alone).map(|link| (link.to, note.clone()))
        })
        .collect();
    notes.sort_by_key(|(at, _)| *at);
    notes
}
