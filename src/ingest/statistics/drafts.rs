//! Draft indicators: value columns that the catalogue does not know become indicators with a name and a unit and
//! nothing else.
//!
//! Must not know: layouts, the store. Invariant: the same column of the same table gets the same slug every year; a
//! draft lacks its description, so that it cannot be released before somebody completes it.

use std::collections::HashMap;

use super::{reading::Reading, settings::Settings, signs::looks_like_no_data};
use crate::domain::{
    ClassRule, DenominatorRule, Indicator, IndicatorKind, Polarity, Sheet, Slug, Text, Theme,
};

/// Longest slug.
const MAX_SLUG: usize = 64;

/// Most of a slug that the code of the table takes.
const MAX_CODE: usize = 24;

/// Most decimals of an indicator.
const MAX_DECIMALS: usize = 6;

/// Most drafts of a file: more than a table has columns, and no more than can be compared with each other.
const MAX_DRAFTS: usize = 5_000;

/// An indicator to be made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Draft {
    /// Its slug.
    pub slug: Slug,
    /// What stood above its column, from top to bottom.
    pub path: Vec<String>,
    /// Its unit as the table writes it; empty where it does not.
    pub unit: String,
}

/// The drafts of a file.
#[derive(Debug, Default)]
pub struct Drafts {
    list: Vec<Draft>,
    slugs: HashMap<String, Slug>,
}

impl Drafts {
    /// The slug of the column below `path`, a new draft if neither the catalogue nor the file has it; `None` if no slug
    /// can be made, or if there are too many.
    pub fn named(&mut self, code: &str, path: &[String], unit: &str, settings: &Settings) -> Option<Slug> {
        let full = format!("{code}\u{1}{}\u{1}{unit}", path.join("\u{1}"));
        if let Some(slug) = self.slugs.get(&full) {
            return Some(slug.clone());
        }
        if self.slugs.len() >= MAX_DRAFTS {
            return None;
        }
        let mut slug = draft_slug(code, path, &full, false)?;
        // Two columns that differ only in what a slug cannot hold: their hashes differ.
        if self.list.iter().any(|draft| draft.slug == slug) {
            slug = draft_slug(code, path, &full, true)?;
        }
        if !settings.known.contains(&slug) {
            self.list.push(Draft { slug: slug.clone(), path: path.to_vec(), unit: unit.to_owned() });
        }
        self.slugs.insert(full, slug.clone());
        Some(slug)
    }

    /// True if the numbers of a draft are percentages.
    pub fn is_percent(&self, slug: &Slug) -> bool {
        self.list.iter().any(|draft| draft.slug == *slug && is_percent(&draft.unit))
    }

    /// The indicators to be made, with kind and decimals as the numbers that were read show.
    pub fn indicators(&self, reading: &Reading, theme: &Slug) -> Vec<Indicator> {
        let mut shapes: HashMap<&Slug, Shape> = HashMap::new();
        for series in &reading.series {
            let shape = shapes.entry(&series.indicator).or_default();
            for cell in series.cells.iter().filter(|cell| !cell.value.is_nan()) {
                shape.see(cell.value);
            }
        }
        let source = Text::german(reading.title.join(" "));
        let used = self.list.iter().filter_map(|draft| Some((draft, shapes.get(&draft.slug)?)));
        used.map(|(draft, shape)| indicator(draft, shape, theme, &source)).collect()
    }
}

/// What the numbers of an indicator look like.
#[derive(Debug, Default, Clone, Copy)]
struct Shape {
    decimals: usize,
    negative: bool,
}

impl Shape {
    fn see(&mut self, value: f64) {
        // -9999 does not make balances of counts; as a count it is refused.
        self.negative |= value < 0.0 && !looks_like_no_data(value);
        if value.fract() != 0.0 {
            let text = value.to_string();
            let decimals = text.split_once('.').map_or(0, |(_, fraction)| fraction.len());
            self.decimals = self.decimals.max(decimals.min(MAX_DECIMALS));
        }
    }
}

fn indicator(draft: &Draft, shape: &Shape, theme: &Slug, source: &Text) -> Indicator {
    let whole = shape.decimals == 0 && !shape.negative;
    let unit = draft.unit.as_str();
    let (kind, per, unit) = if is_percent(unit) {
        (IndicatorKind::Share, 100.0, "%")
    } else if let Some(per) = per_of(unit) {
        (IndicatorKind::Rate, per, unit)
    } else if whole && (unit.is_empty() || is_number_of_things(unit)) {
        (IndicatorKind::Count, 100.0, if unit.is_empty() { "Anzahl" } else { unit })
    } else {
        (IndicatorKind::Mean, 100.0, unit)
    };
    Indicator {
        slug: draft.slug.clone(),
        title: Text::german(draft.path.join(" – ")),
        theme: theme.clone(),
        kind,
        unit: Text::german(unit),
        decimals: shape.decimals as u8,
        per,
        polarity: Polarity::default(),
        part_of: None,
        numerator: None,
        denominator: None,
        denominator_rule: DenominatorRule::default(),
        sensitive: true,
        classification: ClassRule::default(),
        palette: None,
        note: None,
        sheet: Sheet { source: source.clone(), ..Sheet::default() },
    }
}

/// The theme of drafts, with a name for people.
pub fn theme(slug: &Slug) -> Theme {
    let title = match slug.as_str() {
        "unsortiert" => Text { de: "Unsortiert".into(), en: Some("Unsorted".into()) },
        other => Text::german(other),
    };
    Theme { slug: slug.clone(), title }
}

/// Units without powers of ten before them.
const UNITS: &[&str] = &[
    "anzahl",
    "prozent",
    "%",
    "promille",
    "‰",
    "eur",
    "euro",
    "€",
    "teur",
    "dm",
    "qkm",
    "km²",
    "km2",
    "ha",
    "hektar",
    "qm",
    "m²",
    "m2",
    "cbm",
    "m³",
    "m3",
    "km",
    "t",
    "tonnen",
    "kg",
    "kwh",
    "mwh",
    "gj",
    "tj",
    "jahre",
    "tage",
    "stunden",
    "monate",
    "punkte",
    "index",
    "personen",
    "einwohner",
    "stück",
    "prozentpunkte",
];

/// True if a cell of a header is a unit, as the offices write them.
pub fn is_unit(text: &str) -> bool {
    let text = text.trim().trim_start_matches("in ").trim();
    let lower = text.to_lowercase();
    let lower = ["1 000 ", "1.000 ", "1000 ", "tsd. ", "tsd.", "mill. ", "mio. ", "mio ", "mrd. "]
        .iter()
        .find_map(|times| lower.strip_prefix(times))
        .unwrap_or(&lower);
    UNITS.contains(&lower)
        || per_of(text).is_some()
        || lower.split_once(" je ").is_some_and(|(unit, _)| UNITS.contains(&unit))
}

/// True for the unit of percentages.
pub fn is_percent(unit: &str) -> bool {
    let unit = unit.trim().trim_start_matches("in ").trim();
    matches!(unit, "%") || unit.eq_ignore_ascii_case("prozent")
}

fn is_number_of_things(unit: &str) -> bool {
    ["anzahl", "personen", "einwohner", "stück"].contains(&unit.to_lowercase().as_str())
}

/// Of `je 1 000 Einwohner`: 1000; of `je Einwohner`: 1.
fn per_of(unit: &str) -> Option<f64> {
    let lower = unit.to_lowercase();
    if lower == "promille" || lower == "‰" {
        return Some(1000.0);
    }
    let rest = lower.strip_prefix("je ").or_else(|| lower.strip_prefix("pro "))?;
    let end =
        rest.find(|c: char| !(c.is_ascii_digit() || c == '.' || c.is_whitespace())).unwrap_or(rest.len());
    let digits: String = rest[..end].chars().filter(char::is_ascii_digit).take(9).collect();
    if digits.is_empty() { Some(1.0) } else { digits.parse().ok().filter(|per| *per > 0.0) }
}

/// Splits the unit off a text such as `Bevölkerungsstand (Anzahl)` or `Quote in %`.
pub fn split_unit(text: &str) -> Option<(&str, &str)> {
    let text = text.trim();
    for (open, close) in [('(', ')'), ('[', ']')] {
        if let Some((name, unit)) = text.strip_suffix(close).and_then(|inner| inner.rsplit_once(open))
            && is_unit(unit)
            && !name.trim().is_empty()
        {
            return Some((name.trim(), unit.trim()));
        }
    }
    let (name, unit) = text.rsplit_once(" in ")?;
    (is_unit(unit) && !name.trim().is_empty()).then(|| (name.trim(), unit.trim()))
}

/// The code of a table whose file has none: its name without years and dates.
pub fn code_of_file(file: &str) -> String {
    let stem = file.rsplit_once('.').map_or(file, |(stem, _)| stem);
    let words = slugify(stem);
    let is_year = |word: &&str| !(word.len() >= 4 && word.bytes().all(|b| b.is_ascii_digit()));
    let kept: Vec<&str> = words.split('-').filter(is_year).collect();
    kept.join("-")
}

fn draft_slug(code: &str, path: &[String], full: &str, hashed: bool) -> Option<Slug> {
    let mut code = slugify(code);
    code.truncate(MAX_CODE);
    let code = code.trim_end_matches('-');
    let words = slugify(&path.join(" "));
    let plain = [code, &words].into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join("-");
    if plain.len() <= MAX_SLUG && !hashed {
        return plain.parse().ok();
    }
    // The end of the path says most: above it stands what many columns share.
    let hash = blake3::hash(full.as_bytes()).to_hex();
    let hash = &hash.as_str()[..6];
    let room = MAX_SLUG - code.len() - hash.len() - 2;
    let tail = &words[words.len().saturating_sub(room)..];
    let tail =
        if tail.len() < words.len() { tail.split_once('-').map_or(tail, |(_, whole)| whole) } else { tail };
    let parts = [code, tail.trim_matches('-'), hash];
    parts.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join("-").parse().ok()
}

/// Lower-case ASCII letters and digits with hyphens between the words; umlauts are spelt out.
pub fn slugify(text: &str) -> String {
    let mut slug = String::with_capacity(text.len());
    for c in text.chars().flat_map(char::to_lowercase) {
        match c {
            'ä' => slug.push_str("ae"),
            'ö' => slug.push_str("oe"),
            'ü' => slug.push_str("ue"),
            'ß' => slug.push_str("ss"),
            'a'..='z' | '0'..='9' => slug.push(c),
            _ if slug.is_empty() || slug.ends_with('-') => {}
            _ => slug.push('-'),
        }
    }
    slug.truncate(slug.trim_end_matches('-').len());
    slug
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn path(text: &str) -> Vec<String> {
        text.split('|').map(|part| part.trim().to_owned()).collect()
    }

    fn named(drafts: &mut Drafts, text: &str, unit: &str) -> String {
        let slug = drafts.named("12411-02-03-5", &path(text), unit, &Settings::plain());
        slug.unwrap().to_string()
    }

    #[test]
    fn a_slug_is_made_of_the_code_and_the_headers() {
        let mut drafts = Drafts::default();
        assert_eq!(named(&mut drafts, "männlich", ""), "12411-02-03-5-maennlich");
        let long = "Insgesamt | Altersgruppen (unter 3 bis 75 u.m.) | 3 bis unter 6 Jahre";
        let slug = named(&mut drafts, long, "");
        assert!(
            slug.len() <= 64 && slug.starts_with("12411-02-03-5-") && slug.contains("3-bis-unter-6-jahre-"),
            "{slug}"
        );
        assert_eq!(named(&mut drafts, long, ""), slug);
        assert_ne!(named(&mut drafts, "männlich!", ""), "12411-02-03-5-maennlich");
    }

    #[test]
    fn units_are_told_from_headers() {
        for unit in
            ["Anzahl", "Prozent", "in %", "qkm", "1 000 EUR", "je 1 000 Einwohner", "EUR je Einwohner"]
        {
            assert!(is_unit(unit), "{unit}");
        }
        for header in ["Insgesamt", "männlich", "2015", "", "unter 3 Jahre", "Personenkraftwagen"] {
            assert!(!is_unit(header), "{header}");
        }
        assert_eq!(split_unit("Bevölkerungsstand (Anzahl)"), Some(("Bevölkerungsstand", "Anzahl")));
        assert_eq!(split_unit("Quote in %"), Some(("Quote", "%")));
        assert_eq!((split_unit("unter 3 (Kinder)"), split_unit("(Anzahl)")), (None, None));
        assert_eq!((per_of("je 1 000 Einwohner"), per_of("je Einwohner")), (Some(1000.0), Some(1.0)));
    }

    #[test]
    fn the_code_of_a_file_is_the_same_next_year() {
        assert_eq!(code_of_file("Kita-Plätze_2024.xlsx"), "kita-plaetze");
        assert_eq!(code_of_file("Kita-Plätze 31.12.2023.xlsx"), "kita-plaetze-31-12");
    }

    proptest! {
        #[test]
        fn any_header_gives_a_slug_or_none_without_panic(code in "\\PC{0,40}", parts in prop::collection::vec("\\PC{0,50}", 0..4)) {
            let slug = Drafts::default().named(&code, &parts, "", &Settings::plain());
            prop_assert!(slug.is_none_or(|slug| slug.as_str().len() <= MAX_SLUG));
            for part in &parts {
                let _ = (is_unit(part), split_unit(part), per_of(part), code_of_file(part));
            }
        }
    }
}
