//! Checks that look at more than one field: what indicators say about each other and about themes.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    Catalogue,
    document::Entries,
    entry::{Entry, Parsed},
};
use crate::{
    domain::{Indicator, IndicatorKind, Method, Slug},
    ingest::Report,
};

/// Reports slugs that stand there twice among the themes, the sources or the indicators.
pub(super) fn duplicates(entries: &Entries, report: &mut Report) {
    for list in [&entries.themes, &entries.sources, &entries.indicators] {
        let mut first: BTreeMap<&str, u64> = BTreeMap::new();
        for entry in list {
            let Some(slug) = entry.slug() else { continue };
            match first.get(slug) {
                Some(line) => entry.error("slug", report, format!("'{slug}' stands in line {line} already.")),
                None => drop(first.insert(slug, entry.line)),
            }
        }
    }
}

/// Slugs that may be referred to: those of the file, valid entries or not, and those that the atlas has.
pub(super) struct Referable<'a> {
    themes: BTreeSet<&'a str>,
    indicators: BTreeSet<&'a str>,
}

impl<'a> Referable<'a> {
    pub fn new(entries: &'a Entries, present: &'a Catalogue) -> Self {
        let written = |list: &'a [Entry]| list.iter().filter_map(Entry::slug);
        Self {
            themes: written(&entries.themes).chain(present.themes.iter().map(|t| t.slug.as_str())).collect(),
            indicators: written(&entries.indicators)
                .chain(present.indicators.iter().map(|i| i.slug.as_str()))
                .collect(),
        }
    }

    /// Reports what an indicator refers to and nobody defines. Works on the entry, so that a mistake elsewhere in it
    /// does not hide this one.
    pub fn check(&self, entry: &Entry, report: &mut Report) {
        if let Some(theme) = entry.field("theme").and_then(|f| f.value.as_str())
            && !self.themes.contains(theme)
        {
            entry.error(
                "theme",
                report,
                format!("The theme '{theme}' is defined neither here nor in the atlas."),
            );
        }
        for path in ["part_of", "numerator", "denominator"] {
            let Some(other) = entry.field(path).and_then(|f| f.value.as_str()) else { continue };
            if !self.indicators.contains(other) {
                let message = format!("The indicator '{other}' is defined neither here nor in the atlas.");
                entry.error(path, report, message);
            } else if path != "part_of" && entry.slug() == Some(other) {
                entry.error(path, report, format!("An indicator cannot be its own {path}."));
            }
        }
    }
}

/// Reports what is wrong or doubtful in one indicator although each field is possible.
pub(super) fn indicator(parsed: &Parsed<Indicator>, report: &mut Report) {
    let (indicator, entry) = (&parsed.value, &parsed.entry);
    classes(indicator, entry, report);
    if !indicator.kind.is_ratio() {
        for path in ["numerator", "denominator"] {
            if entry.field(path).is_some() {
                let message =
                    format!("'{path}' has no effect: only shares and rates are made of two numbers.");
                entry.warning(path, report, message);
            }
        }
    }
    if indicator.part_of.is_some() && indicator.kind != IndicatorKind::Count {
        entry.warning("part_of", report, "Only counts add up to a total; this is none.");
    }
    if indicator.kind != IndicatorKind::Index && indicator.unit.is_empty() {
        entry.warning("unit", report, "The unit is empty.");
    }
    let missing = indicator.sheet.missing_fields(indicator.kind);
    if !missing.is_empty() {
        let message = format!(
            "The indicator sheet lacks {}; the indicator cannot be released before they are written.",
            missing.join(", ")
        );
        entry.warning("sheet", report, message);
    }
}

fn classes(indicator: &Indicator, entry: &Entry, report: &mut Report) {
    let rule = &indicator.classification;
    let path = "classification.breaks";
    match (rule.method, rule.breaks.len()) {
        (Method::Manual, 0) => entry.error(path, report, "The method manual needs breaks."),
        (Method::Manual, n) if n > 10 => {
            entry.error(path, report, "There are more breaks than nine classes have.");
        }
        (Method::Manual, _) | (_, 0) => {}
        _ => entry.warning(path, report, "Breaks have no effect: the method is not manual."),
    }
    let path = "classification.reference";
    match (rule.method, rule.reference) {
        (Method::Diverging, None) => entry.error(
            path,
            report,
            "The method diverging needs a reference: the value that both sides are measured from.",
        ),
        (Method::Diverging, _) | (_, None) => {}
        _ => entry.warning(path, report, "A reference has no effect: the method is not diverging."),
    }
}

/// Reports indicators that are, over some steps, a part of themselves.
pub(super) fn cycles(parsed: &[Parsed<Indicator>], present: &Catalogue, report: &mut Report) {
    let here = parsed.iter().map(|p| &p.value);
    // The file comes last, because it replaces what the atlas has.
    let totals: BTreeMap<&Slug, Option<&Slug>> =
        present.indicators.iter().chain(here).map(|i| (&i.slug, i.part_of.as_ref())).collect();
    let total_of = |slug: &Slug| totals.get(slug).copied().flatten();
    for Parsed { value, entry } in parsed {
        let mut way = Vec::new();
        let mut at = total_of(&value.slug);
        // A way that does not come back here may run into another cycle; it has at most as many steps as indicators.
        while let Some(slug) = at.filter(|_| way.len() < totals.len()) {
            way.push(slug.as_str());
            if *slug == value.slug {
                let message = format!("'{slug}' would be a part of itself: {}.", way.join(" → "));
                entry.error("part_of", report, message);
                break;
            }
            at = total_of(slug);
        }
    }
}
