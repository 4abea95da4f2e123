//! Derived series whose inputs have changed since.
//!
//! Must not know: how to derive. Invariant: a derived series is up to date exactly if every input is current with the hash
//! that it had then, and is up to date itself.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use chrono::NaiveDate;

use super::listed;
use crate::{
    domain::{DerivationInput, DerivationMethod, Period, Slug},
    ingest::{IngestError, Report, Severity},
    store::{AtlasCatalogue, Id, NewSeries, SeriesRow},
};

/// A derived series that is out of date.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Outdated {
    /// The command that brings it up to date.
    pub command: String,
    /// Indicator.
    pub indicator: Slug,
    /// Period.
    pub period: Period,
}

type Place = (Slug, Slug, NaiveDate, Period);

/// Derived series of an atlas that are out of date, by the command that helps.
pub fn outdated(catalogue: &AtlasCatalogue) -> Vec<Outdated> {
    found(catalogue, &hashes(catalogue))
}

/// Reports the derived series that new series make out of date.
///
/// # Errors
/// If a series cannot be written down.
pub(in crate::ingest) fn report_new(
    catalogue: &AtlasCatalogue,
    series: &[NewSeries],
    report: &mut Report,
) -> Result<(), IngestError> {
    if catalogue.series.iter().all(|row| row.derivation.is_none()) {
        return Ok(());
    }
    let mut hashes = hashes(catalogue);
    let before: BTreeSet<Outdated> = found(catalogue, &hashes).into_iter().collect();
    // Those that are made anew are up to date afterwards.
    let mut after = catalogue.clone();
    let dates: HashMap<Id, NaiveDate> = catalogue.editions.iter().map(|e| (e.id, e.valid_on)).collect();
    for new in series {
        hashes.insert(place_of(new), new.content_hash()?);
        after.series.retain(|row| {
            row.indicator != new.indicator
                || row.period != new.period
                || dates.get(&row.edition) != Some(&new.edition)
        });
    }
    let mut commands: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for one in found(&after, &hashes).into_iter().filter(|one| !before.contains(one)) {
        commands.entry(one.command).or_default().push(format!("{} {}", one.indicator, one.period));
    }
    for (command, names) in commands {
        let sentence = format!(
            "{} derived series are out of date with this ({}); run `kommunalatlas {command}`.",
            names.len(),
            listed(&names)
        );
        report.problem(Severity::Notice, None, None, sentence);
    }
    Ok(())
}

fn place_of(new: &NewSeries) -> Place {
    (new.indicator.clone(), new.level.clone(), new.edition, new.period.clone())
}

fn hashes(catalogue: &AtlasCatalogue) -> HashMap<Place, String> {
    let place = |row: &SeriesRow| Some((place(catalogue, row)?, row.content_hash.clone()));
    catalogue.series.iter().filter_map(place).collect()
}

fn place(catalogue: &AtlasCatalogue, row: &SeriesRow) -> Option<Place> {
    let edition = catalogue.editions.iter().find(|edition| edition.id == row.edition)?;
    Some((row.indicator.clone(), edition.level.clone(), edition.valid_on, row.period.clone()))
}

fn found(catalogue: &AtlasCatalogue, hashes: &HashMap<Place, String>) -> Vec<Outdated> {
    let mut stale: BTreeSet<Place> = BTreeSet::new();
    let mut found = BTreeSet::new();
    let derived: Vec<(Place, &SeriesRow)> = catalogue
        .series
        .iter()
        .filter(|row| row.derivation.is_some())
        .filter_map(|row| Some((place(catalogue, row)?, row)))
        .collect();
    // What is made of something out of date is so too: until nothing more is found.
    loop {
        let known = stale.len();
        for (place, row) in &derived {
            let Some(derivation) = row.derivation.as_ref().filter(|_| !stale.contains(place)) else {
                continue;
            };
            let is_old = |input: &DerivationInput| {
                let at = (input.indicator.clone(), input.level.clone(), input.edition, input.period.clone());
                hashes.get(&at) != Some(&input.hash) || stale.contains(&at)
            };
            if derivation.inputs.iter().any(is_old) {
                stale.insert(place.clone());
                let command = command(&derivation.method, place, &catalogue.atlas.slug);
                found.insert(Outdated { command, indicator: place.0.clone(), period: place.3.clone() });
            }
        }
        if stale.len() == known {
            return found.into_iter().collect();
        }
    }
}

fn command(method: &DerivationMethod, (indicator, level, edition, _): &Place, atlas: &Slug) -> String {
    match method {
        DerivationMethod::Edition { .. } => {
            format!("derive editions --atlas {atlas} --level {level} --to {edition}")
        }
        DerivationMethod::Parents { from, .. } => {
            format!("derive parents --atlas {atlas} --level {level} --from {from}")
        }
        DerivationMethod::Pooled { years } => {
            format!("derive pooled --atlas {atlas} --level {level} --indicator {indicator} --years {years}")
        }
        DerivationMethod::Ratio => format!("derive rates --atlas {atlas} --level {level}"),
    }
}
