//! Successions against the editions before and after them, and against each other.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use chrono::NaiveDate;

use super::Entry;
use crate::{
    domain::{RegionKey, Slug, ags_from_ars},
    ingest::{IngestError, Report, statistics::nearest},
    store::{AtlasCatalogue, EditionRow, Store, Succession},
};

/// The shares of a region may differ from 1 by this much, because tables round them.
const ROUNDING: f64 = 0.001;

/// Which keys there are before and after each date.
pub(super) struct Around(BTreeMap<NaiveDate, [Known; 2]>);

/// Keys on one side of a date; `None` where no edition is stored.
struct Known(Option<HashSet<RegionKey>>);

impl Known {
    fn has(&self, key: &RegionKey) -> bool {
        self.0.as_ref().is_some_and(|keys| keys.contains(key))
    }
}

impl Around {
    /// Reads the editions around the dates of the entries. Regions that exist between two editions only are known by the
    /// successions that make or end them.
    pub(super) async fn read(
        store: &Store,
        catalogue: &AtlasCatalogue,
        level: &Slug,
        entries: &[Entry],
        stored: &[Succession],
        report: &mut Report,
    ) -> Result<Self, IngestError> {
        let mut editions: Vec<&EditionRow> =
            catalogue.editions.iter().filter(|e| e.level == *level).collect();
        editions.sort_by_key(|edition| edition.valid_on);
        let steps: Vec<(NaiveDate, &RegionKey, &RegionKey)> = entries
            .iter()
            .map(|e| (e.valid_on, &e.old, &e.new))
            .chain(stored.iter().map(|s| (s.valid_on, &s.old_key, &s.new_key)))
            .collect();
        let dates: BTreeSet<NaiveDate> = entries.iter().map(|entry| entry.valid_on).collect();
        let mut around = BTreeMap::new();
        for date in dates {
            let before = editions.iter().rev().find(|edition| edition.valid_on < date).copied();
            let after = editions.iter().find(|edition| edition.valid_on >= date).copied();
            let mut old = keys(store, before).await?;
            let mut new = keys(store, after).await?;
            for (when, from, to) in &steps {
                if let Some(keys) = &mut old
                    && before.is_some_and(|edition| edition.valid_on < *when)
                    && *when < date
                {
                    keys.insert((*to).clone());
                }
                if let Some(keys) = &mut new
                    && after.is_some_and(|edition| *when <= edition.valid_on)
                    && *when > date
                {
                    keys.insert((*from).clone());
                }
            }
            for (keys, side) in [(&old, "before"), (&new, "on or after")] {
                if keys.is_none() {
                    let sentence = format!(
                        "No edition of '{level}' {side} {date} is stored, so the keys of that side could not be checked."
                    );
                    report.warning(None, None, sentence);
                }
            }
            around.insert(date, [Known(old), Known(new)]);
        }
        Ok(Self(around))
    }

    /// The entries of this atlas with keys as the editions write them. Tables of a whole country have many others, which
    /// are counted; a region known on one side only is reported.
    pub(super) fn resolved(&self, entries: Vec<Entry>, report: &mut Report) -> Vec<Entry> {
        let (mut kept, mut left_out, mut rewritten) = (Vec::with_capacity(entries.len()), 0_u64, 0_u64);
        for mut entry in entries {
            let Some([before, after]) = self.0.get(&entry.valid_on) else { continue };
            for (key, known) in [(&mut entry.old, before), (&mut entry.new, after)] {
                if let Some(other) = written_otherwise(key, known) {
                    *key = other;
                    rewritten += 1;
                }
            }
            match (before.has(&entry.old), after.has(&entry.new)) {
                (true, true) => kept.push(entry),
                (false, false) if before.0.is_some() || after.0.is_some() => left_out += 1,
                (old, new) => {
                    for (key, is_known, known) in [(&entry.old, old, before), (&entry.new, new, after)] {
                        if let (false, Some(keys)) = (is_known, &known.0) {
                            report_unknown(&entry, key, keys, report);
                        }
                    }
                    kept.push(entry);
                }
            }
        }
        report.fact("left_out", left_out);
        report.fact("keys_rewritten", rewritten);
        if kept.is_empty() && !report.rejected() {
            report.error(None, None, "No key of the file is one of the editions of this level.");
        }
        kept
    }
}

async fn keys(
    store: &Store,
    edition: Option<&EditionRow>,
) -> Result<Option<HashSet<RegionKey>>, IngestError> {
    let Some(edition) = edition else { return Ok(None) };
    Ok(Some(store.regions(edition.id).await?.into_iter().map(|row| row.region.key).collect()))
}

/// A key that lost its leading zero as a number, or an ARS where the edition has the AGS.
fn written_otherwise(key: &RegionKey, known: &Known) -> Option<RegionKey> {
    let text = key.as_str();
    if known.has(key) || !text.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let padded = format!("0{text}");
    let ags = ags_from_ars(text).or_else(|| ags_from_ars(&padded));
    [Some(padded), ags].into_iter().flatten().filter_map(|text| text.parse().ok()).find(|key| known.has(key))
}

fn report_unknown(entry: &Entry, key: &RegionKey, keys: &HashSet<RegionKey>, report: &mut Report) {
    report.error_with(Some(entry.line), None, || {
        let side = if *key == entry.old { "before" } else { "on or after" };
        let near = nearest(key.as_str(), keys.iter().map(RegionKey::as_str)).join(", ");
        format!("The key '{key}' is not in the edition {side} {}; near to it are {near}.", entry.valid_on)
    });
}

/// The successions to store: shares that sum to 1, without regions that stay as they are.
pub(super) fn settled(
    entries: Vec<Entry>,
    level: &Slug,
    stored: &[Succession],
    report: &mut Report,
) -> Vec<Succession> {
    let mut regions: BTreeMap<(NaiveDate, RegionKey), Vec<Entry>> = BTreeMap::new();
    for entry in entries {
        regions.entry((entry.valid_on, entry.old.clone())).or_default().push(entry);
    }
    let (mut made, mut unchanged, mut divided) = (Vec::new(), 0_u64, 0_u64);
    for ((date, old), parts) in regions {
        check_parts(&old, &parts, stored, report);
        if let [only] = parts.as_slice()
            && only.old == only.new
        {
            unchanged += 1;
            continue;
        }
        divided += u64::from(parts.len() > 1);
        let sum: f64 = parts.iter().map(|part| part.share).sum();
        made.extend(parts.into_iter().map(|part| Succession {
            level: level.clone(),
            valid_on: date,
            old_key: part.old,
            new_key: part.new,
            share: (part.share / sum).min(1.0),
        }));
    }
    report.fact("successions", made.len());
    report.fact("regions_unchanged", unchanged);
    report.fact("regions_divided", divided);
    made
}

fn check_parts(old: &RegionKey, parts: &[Entry], stored: &[Succession], report: &mut Report) {
    let line = parts.first().map(|part| part.line);
    let sum: f64 = parts.iter().map(|part| part.share).sum();
    if (sum - 1.0).abs() > ROUNDING {
        let named: Vec<String> = parts.iter().map(|p| format!("{} {}", p.new, p.share)).collect();
        let sentence = format!("The shares of '{old}' sum to {sum}, not to 1: {}.", named.join(", "));
        report.error(line, None, sentence);
    }
    let mut seen = BTreeSet::new();
    for part in parts.iter().filter(|part| !seen.insert(&part.new)) {
        let sentence = format!("'{old}' → '{}' is named twice for {}.", part.new, part.valid_on);
        report.error(Some(part.line), None, sentence);
    }
    let of_region =
        stored.iter().filter(|s| s.old_key == *old && parts.iter().any(|p| p.valid_on == s.valid_on));
    for other in of_region.filter(|s| !seen.contains(&s.new_key)) {
        let sentence = format!(
            "'{old}' → '{}' from {} on is stored already and not in this file; undo that import first.",
            other.new_key, other.valid_on
        );
        report.error(line, None, sentence);
    }
}
