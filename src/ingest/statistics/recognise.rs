//! Which saved profile a file belongs to, by its header.
//!
//! Must not know: the store, values. Invariant: a profile is used only if its header is that of the file, or if somebody
//! named it; a header that has changed is reported as a difference, never read by guess.

use super::{
    Mapping,
    profile::{Difference, Fitted, difference, fingerprint, fit},
    settings::Settings,
    sheet::{is_compound, is_zip},
    text, understand,
};
use crate::{
    domain::Slug,
    ingest::{NoProgress, Report},
    store::SourceProfile,
};

/// Bytes at the beginning of a text file in which its header stands.
const HEAD: usize = 1 << 20;

/// Below this part of a saved header a file is another one, not a changed one.
const SIMILAR: f64 = 0.5;

/// How saved profiles are used for a file that comes without a mapping, and whether its mapping is saved.
#[derive(Debug, Clone, Default)]
pub struct ProfileOptions {
    /// Use this profile, even if the header has changed.
    pub named: Option<Slug>,
    /// Use none.
    pub none: bool,
    /// Save the mapping that was given under this name once the file is stored: name and text (TOML).
    pub save: Option<(Slug, String)>,
}

/// The header by which a file is recognised, as a mapping finds it: its columns, and behind them what an office calls the
/// table, whose columns are called the same in many tables. `None` if no header is found. A sheet of the mapping that the
/// workbook lacks, because it was called after the year, is taken out of the mapping: then the first sheet counts.
pub fn header(bytes: &[u8], mapping: &mut Mapping, settings: &Settings) -> Option<Vec<String>> {
    let head = head(bytes);
    let read = |mapping: Mapping| {
        let settings = Settings { mapping, ..settings.clone() };
        let reading = understand(head, &settings, &mut Report::default(), &NoProgress)?;
        (!reading.headers.is_empty()).then_some(reading.headers)
    };
    let mut headers = read(mapping.clone());
    if headers.is_none() && mapping.sheet.take().is_some() {
        headers = read(mapping.clone());
    }
    let mut headers = headers?;
    headers.extend(office_table(head, &headers));
    Some(headers)
}

/// The first lines of a text file; a workbook as a whole.
fn head(bytes: &[u8]) -> &[u8] {
    let two_bytes_a_letter = bytes.starts_with(b"\xff\xfe") || bytes.starts_with(b"\xfe\xff");
    if bytes.len() <= HEAD || is_zip(bytes) || is_compound(bytes) || two_bytes_a_letter {
        return bytes;
    }
    let end = bytes[..HEAD].iter().rposition(|byte| *byte == b'\n').map_or(HEAD, |line| line + 1);
    &bytes[..end]
}

/// What an office calls a table: its number, or the codes in the first row of a flat file.
fn office_table(bytes: &[u8], headers: &[String]) -> Vec<String> {
    let Ok(decoded) = text::decode(bytes) else { return Vec::new() };
    let mut lines = decoded.text.lines();
    let first = lines.next().unwrap_or_default().trim_start_matches('\u{feff}').trim_matches(['"', ';', ' ']);
    if let Some(number) = first.strip_prefix("GENESIS-Tabelle:") {
        return vec![format!("GENESIS-Tabelle {}", number.trim())];
    }
    let names_codes = |header: &str| {
        let header = header.to_lowercase();
        header == "statistics_code" || header == "statistik_code" || {
            let number = header.trim_end_matches("_variable_code").trim_end_matches("_merkmal_code");
            number.len() < header.len() && number.bytes().all(|byte| byte.is_ascii_digit())
        }
    };
    if !headers.iter().any(|header| names_codes(header)) {
        return Vec::new();
    }
    let row: Vec<&str> = lines.next().unwrap_or_default().split(';').map(|c| c.trim_matches('"')).collect();
    let codes = headers.iter().zip(row).filter(|(header, _)| names_codes(header));
    codes.map(|(header, code)| format!("{header} {code}")).collect()
}

/// What is asked for beside the file.
pub struct Request<'a> {
    /// Level of the regions.
    pub level: &'a Slug,
    /// Indicator and period, if they were named, and the catalogue.
    pub settings: &'a Settings,
    /// How profiles are used.
    pub options: &'a ProfileOptions,
}

/// The mapping of the profile that a file belongs to, made ready for it. `None` if there is none; why a profile that was
/// named or is similar is not used, is reported.
pub fn recognise(
    bytes: &[u8],
    profiles: &[SourceProfile],
    request: &Request<'_>,
    report: &mut Report,
) -> Option<Fitted> {
    if let Some(name) = &request.options.named {
        return use_named(bytes, profiles, name, request, report);
    }
    let mut equal = Vec::new();
    let mut similar: Option<(&SourceProfile, Difference)> = None;
    for profile in profiles.iter().filter(|profile| profile.level == *request.level) {
        let Ok(mut mapping) = Mapping::parse(&profile.mapping) else { continue };
        if !speaks_of(&mapping, request.settings.indicator.as_ref()) {
            continue;
        }
        let Some(headers) = header(bytes, &mut mapping, request.settings) else { continue };
        if fingerprint(&headers) == profile.fingerprint {
            equal.push((profile, mapping, headers));
            continue;
        }
        let found = difference(&profile.headers, &headers);
        if found.kept >= SIMILAR && similar.as_ref().is_none_or(|(_, best)| found.kept > best.kept) {
            similar = Some((profile, found));
        }
    }
    match (equal.as_slice(), similar) {
        ([(profile, mapping, headers)], _) => fitted(profile, mapping, headers, request, report),
        ([_, _, ..], _) => {
            let names: Vec<_> = equal.iter().map(|(profile, ..)| format!("'{}'", profile.slug)).collect();
            report.error(
                None,
                None,
                format!(
                    "The profiles {} have the header of this file; choose one with --profile.",
                    names.join(" and ")
                ),
            );
            None
        }
        ([], Some((profile, found))) => {
            report.error(
                None,
                None,
                format!(
                    "The header is similar to that of profile '{name}', but differs: {found}. Use the profile all the same with --profile {name}, describe the file with --mapping, or read it without a profile with --no-profile.",
                    name = profile.slug
                ),
            );
            None
        }
        ([], None) => None,
    }
}

fn use_named(
    bytes: &[u8],
    profiles: &[SourceProfile],
    name: &Slug,
    request: &Request<'_>,
    report: &mut Report,
) -> Option<Fitted> {
    let Some(profile) = profiles.iter().find(|profile| profile.slug == *name) else {
        let present: Vec<_> = profiles.iter().map(|profile| profile.slug.as_str()).collect();
        let present = if present.is_empty() { "none".into() } else { present.join(", ") };
        report.error(None, None, format!("The atlas has no profile '{name}'; it has: {present}."));
        return None;
    };
    if profile.level != *request.level {
        let sentence =
            format!("The profile '{name}' is for level '{}', not for '{}'.", profile.level, request.level);
        report.error(None, None, sentence);
        return None;
    }
    let mut mapping = match Mapping::parse(&profile.mapping) {
        Ok(mapping) => mapping,
        Err(error) => {
            report.error(None, None, format!("The profile '{name}' cannot be used: {error}."));
            return None;
        }
    };
    let Some(headers) = header(bytes, &mut mapping, request.settings) else {
        report.error(None, None, format!("No header was found as profile '{name}' describes it."));
        return None;
    };
    if fingerprint(&headers) != profile.fingerprint {
        let found = difference(&profile.headers, &headers);
        report.warning(None, None, format!("The header differs from that of profile '{name}': {found}."));
    }
    fitted(profile, &mapping, &headers, request, report)
}

fn fitted(
    profile: &SourceProfile,
    mapping: &Mapping,
    headers: &[String],
    request: &Request<'_>,
    report: &mut Report,
) -> Option<Fitted> {
    report.fact("profile", profile.slug.as_str());
    match fit(mapping, &profile.headers, headers, request.settings.period.as_ref()) {
        Ok(fitted) => Some(fitted),
        Err(sentences) => {
            for sentence in sentences {
                report.error(None, None, sentence);
            }
            None
        }
    }
}

/// True if a mapping can bring the indicator that was asked for, if any was.
fn speaks_of(mapping: &Mapping, indicator: Option<&Slug>) -> bool {
    let Some(asked) = indicator else { return true };
    let of_columns = mapping.columns.iter().filter_map(|rule| rule.indicator.as_ref());
    let of_series = mapping.series.iter().map(|rule| &rule.indicator);
    let mut named =
        of_columns.chain(of_series).chain(mapping.indicators.values()).chain(&mapping.indicator).peekable();
    named.peek().is_none() || named.any(|named| named == asked)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings() -> Settings {
        Settings::plain()
    }

    fn profile(name: &str, file: &str, mapping: &str) -> SourceProfile {
        let headers = header(file.as_bytes(), &mut Mapping::parse(mapping).unwrap(), &settings()).unwrap();
        SourceProfile {
            slug: name.parse().unwrap(),
            level: "gemeinde".parse().unwrap(),
            fingerprint: fingerprint(&headers),
            headers,
            mapping: mapping.into(),
            saved_at: "2026-11-22T12:00:00Z".parse().unwrap(),
            saved_by: "anna".into(),
        }
    }

    fn ask(file: &str, profiles: &[SourceProfile], options: &ProfileOptions) -> (Option<Fitted>, Report) {
        let level = "gemeinde".parse().unwrap();
        let settings = settings();
        let request = Request { level: &level, settings: &settings, options };
        let mut report = Report::new("x.csv");
        let fitted = recognise(file.as_bytes(), profiles, &request, &mut report);
        (fitted, report)
    }

    const FILE: &str = "Stand;;\nAGS;Kinder 2022;Plätze 2022\n03354001;10;5\n";
    const MAPPING: &str = "header_row = 2\n[[columns]]\ncolumn = \"Kinder 2022\"\nindicator = \"children\"\nperiod = \"2022\"\n";

    #[test]
    fn the_file_of_the_next_year_is_recognised() {
        let next = FILE.replace("2022", "2023");
        let (fitted, report) = ask(&next, &[profile("kita", FILE, MAPPING)], &ProfileOptions::default());
        assert_eq!(report.facts["profile"], "kita");
        assert_eq!(fitted.unwrap().mapping.columns[0].period, "2023".parse().ok());
    }

    #[test]
    fn a_similar_header_is_refused_with_the_difference_unless_the_profile_is_named() {
        let changed = FILE.replace("Plätze 2022", "Kinder unter 3");
        let profiles = [profile("kita", FILE, MAPPING)];
        let (fitted, report) = ask(&changed, &profiles, &ProfileOptions::default());
        assert!(fitted.is_none() && report.rejected(), "{report}");
        assert!(
            report.problems[0].message.contains("gone: 'Plätze 2022'; new: 'Kinder unter 3'"),
            "{report}"
        );
        let named = ProfileOptions { named: "kita".parse().ok(), ..ProfileOptions::default() };
        let (fitted, report) = ask(&changed, &profiles, &named);
        assert!(fitted.is_some() && !report.rejected() && report.problems.len() == 1, "{report}");
        let (fitted, report) = ask(&FILE.replace("Kinder 2022", "Personen"), &profiles, &named);
        assert!(fitted.is_none() && report.rejected(), "{report}");
    }

    #[test]
    fn a_file_of_two_profiles_or_of_none_is_not_guessed() {
        let two = [profile("a", FILE, MAPPING), profile("b", FILE, MAPPING)];
        assert!(ask(FILE, &two, &ProfileOptions::default()).1.rejected());
        let (fitted, report) = ask("AGS;Wert\n03354001;1\n", &two, &ProfileOptions::default());
        assert!(fitted.is_none() && !report.rejected(), "{report}");
        let named = ProfileOptions { named: "c".parse().ok(), ..ProfileOptions::default() };
        assert!(ask(FILE, &two, &named).1.problems[0].message.contains("it has: a, b"));
    }

    #[test]
    fn tables_of_an_office_are_told_apart_by_their_number() {
        let table = "GENESIS-Tabelle: 12411-01-01-5\n;;31.12.2015\n;;Insgesamt\n03354;Kreis;10\n__________\n";
        let profiles = [profile("bev", table, "indicator = \"population\"\n")];
        let next = table.replace("2015", "2016");
        assert!(ask(&next, &profiles, &ProfileOptions::default()).0.is_some());
        let other = table.replace("12411", "12612");
        assert!(ask(&other, &profiles, &ProfileOptions::default()).0.is_none());
        let flat = "statistics_code;time;1_variable_code;1_variable_attribute_code;value;value_variable_code\n12411;2015;KREISE;03354;1;BEV";
        let codes = header(flat.as_bytes(), &mut Mapping::default(), &settings()).unwrap();
        assert_eq!(codes[6..], ["statistics_code 12411", "1_variable_code KREISE"]);
    }
}
