//! New series against what is stored: what changes, and what looks like a mistake.

use crate::{
    domain::{Column, Period, RegionKey},
    ingest::{Report, Severity, classes::Columns},
    store::{Id, NewSeries},
};

/// A number that is this many times that of the nearest stored period, or a part as small, is noted.
const SUSPICIOUS_FACTOR: f64 = 5.0;

/// Smaller numbers change by any factor.
const SUSPICIOUS_FROM: f64 = 20.0;

/// Regions are listed up to this number.
const LISTED: usize = 20;

/// Reports how many series and values are new, equal or changed, and how many leap.
pub fn compare(series: &[NewSeries], stored: &Columns, edition: Id, keys: &[RegionKey], report: &mut Report) {
    let (mut added, mut equal, mut replaced, mut changed_values) = (0_u64, 0_u64, 0_u64, 0_u64);
    for new in series {
        let of_indicator = stored.get(&new.indicator).map_or(&[][..], Vec::as_slice);
        let same_edition = || of_indicator.iter().filter(|(_, id, _)| *id == edition);
        match same_edition()
            .find(|(period, ..)| *period == new.period)
            .map(|(_, _, old)| differences(old, &new.column))
        {
            None => added += 1,
            Some(0) => {
                equal += 1;
                continue;
            }
            Some(count) => {
                replaced += 1;
                changed_values += count;
            }
        }
        let neighbour = same_edition()
            .filter(|(period, ..)| *period != new.period)
            .min_by_key(|(period, ..)| days_between(period, &new.period));
        if let Some((period, _, old)) = neighbour {
            report_leaps(new, period, old, keys, report);
        }
    }
    report.fact("series", series.len());
    report.fact("series_new", added);
    report.fact("series_unchanged", equal);
    report.fact("series_changed", replaced);
    report.fact("values_changed", changed_values);
}

fn differences(old: &Column, new: &Column) -> u64 {
    (0..new.len().max(old.len()))
        .filter(|at| old.value(*at) != new.value(*at) || old.status(*at) != new.status(*at))
        .count() as u64
}

fn days_between(a: &Period, b: &Period) -> i64 {
    (a.end() - b.end()).num_days().abs()
}

fn report_leaps(new: &NewSeries, period: &Period, old: &Column, keys: &[RegionKey], report: &mut Report) {
    let leap = |at: &usize| match (old.value(*at), new.column.value(*at)) {
        (Some(before), Some(now)) => {
            let (low, high) = (before.abs().min(now.abs()), before.abs().max(now.abs()));
            high >= SUSPICIOUS_FROM && high > low * SUSPICIOUS_FACTOR
        }
        _ => false,
    };
    let leaps: Vec<&str> =
        (0..new.column.len().min(keys.len())).filter(leap).map(|at| keys[at].as_str()).collect();
    if leaps.is_empty() {
        return;
    }
    let sentence = format!(
        "{} {}: {} values are more than {SUSPICIOUS_FACTOR} times those of {period} or less than a fifth of them: {}{}",
        new.indicator,
        new.period,
        leaps.len(),
        leaps[..leaps.len().min(LISTED)].join(", "),
        if leaps.len() > LISTED { " …" } else { "" }
    );
    report.problem(Severity::Notice, None, None, sentence);
}
