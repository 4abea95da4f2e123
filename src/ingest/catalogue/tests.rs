use std::collections::BTreeSet;

use proptest::prelude::*;

use super::*;
use crate::{
    domain::{DenominatorRule, IndicatorKind, Method, Text},
    ingest::Severity,
};

fn read(text: &str) -> (Catalogue, Report) {
    parse_catalogue(text.as_bytes(), "catalogue.toml", &Catalogue::default())
}

/// Line, field and sentence of every problem of a severity.
fn complaints(report: &Report, severity: Severity) -> Vec<(u64, &str, &str)> {
    let of = report.problems.iter().filter(|p| p.severity == severity);
    of.map(|p| (p.line.unwrap_or(0), p.column.as_deref().unwrap_or(""), p.message.as_str())).collect()
}

const SMALL: &str = r#"
[[themes]]
slug = "bildung"
title = { de = "Bildung", en = "Education" }

[[indicators]]
slug = "pupils"
title = "Schülerinnen und Schüler"
theme = "bildung"
kind = "count"
unit = "Personen"
"#;

#[test]
fn a_plain_text_is_german_and_a_table_has_both_languages() {
    let (catalogue, report) = read(SMALL);
    assert!(!report.rejected(), "{report}");
    assert_eq!(catalogue.themes[0].title, Text::both("Bildung", "Education"));
    assert_eq!(catalogue.indicators[0].title, Text::german("Schülerinnen und Schüler"));
    assert_eq!(catalogue.indicators[0].classification.method, Method::FisherJenks);
}

#[test]
fn all_mistakes_are_reported_at_once_with_line_and_field() {
    let text = format!(
        r#"{SMALL}
[[indicators]]
slug = "Pupils share"
title = "Anteil"
theme = "sport"
kind = "percentage"
unit = {{ fr = "pour cent" }}
decimals = 7
part_of = "nobody"
colour = "red"

[indicators.classification]
method = "manual"
classes = 12
breaks = [3, 2]

[indicators.sheet]
definiton = "x"

[[indicators]]
slug = "pupils"
theme = "bildung"
"#
    );
    let (_, report) = read(&text);
    let found: BTreeSet<(u64, &str)> =
        complaints(&report, Severity::Error).into_iter().map(|(line, field, _)| (line, field)).collect();
    let expected = [
        (14, "slug"),
        (16, "theme"),
        (17, "kind"),
        (18, "unit"),
        (19, "decimals"),
        (20, "part_of"),
        (21, "colour"),
        (25, "classification.classes"),
        (26, "classification.breaks"),
        (29, "sheet.definiton"),
        (32, "slug"),
        (31, "title"),
        (31, "kind"),
        (31, "unit"),
    ];
    assert_eq!(found, BTreeSet::from(expected), "{report}");
}

#[test]
fn a_ratio_without_numerator_and_denominator_text_is_a_warning() {
    let (_, report) = read(&SMALL.replace("count", "share"));
    assert!(!report.rejected());
    let warnings = complaints(&report, Severity::Warning);
    assert!(warnings.iter().any(|(_, _, text)| text.contains("numerator, denominator")), "{report}");
}

#[test]
fn diverging_classes_need_a_reference_and_a_threshold_is_a_share() {
    let fields = |classes: &str| {
        let (_, report) = read(&format!("{SMALL}[indicators.classification]\n{classes}\n"));
        let errors = complaints(&report, Severity::Error);
        errors.into_iter().map(|(_, field, _)| field.to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(fields("method = \"diverging\""), ["classification.reference"]);
    assert_eq!(fields("method = \"head-tail\"\nthreshold = 40"), ["classification.threshold"]);
    assert_eq!(fields("method = \"diverging\"\nreference = 12.5"), [""; 0]);
}

#[test]
fn an_indicator_cannot_be_a_part_of_itself_over_steps() {
    let more = |slug: &str, part_of: &str| {
        format!(
            "[[indicators]]\nslug = \"{slug}\"\ntitle = \"x\"\ntheme = \"bildung\"\nkind = \"count\"\nunit = \"x\"\npart_of = \"{part_of}\"\n"
        )
    };
    let text = [SMALL, &more("a", "b"), &more("b", "a"), &more("c", "a"), &more("d", "d")].concat();
    let (_, report) = read(&text);
    let messages: Vec<&str> =
        complaints(&report, Severity::Error).into_iter().map(|(_, _, text)| text).collect();
    assert_eq!(
        messages,
        [
            "'a' would be a part of itself: b → a.",
            "'b' would be a part of itself: a → b.",
            "'d' would be a part of itself: d."
        ]
    );
}

#[test]
fn what_the_atlas_has_may_be_referred_to() {
    let (present, _) = read(SMALL);
    let addition = "[[indicators]]\nslug = \"girls\"\ntitle = \"Schülerinnen\"\ntheme = \"bildung\"\nkind = \"count\"\nunit = \"Personen\"\npart_of = \"pupils\"\n";
    assert!(read(addition).1.rejected());
    let (_, report) = parse_catalogue(addition.as_bytes(), "more.toml", &present);
    assert!(!report.rejected(), "{report}");
}

#[test]
fn a_syntax_error_is_reported_with_its_line() {
    let (_, report) = read("[[themes]]\nslug = \"a\"\ntitle = \n");
    assert_eq!(complaints(&report, Severity::Error)[0].0, 3, "{report}");
}

#[test]
fn manual_breaks_are_needed_and_ascend() {
    let with = |rule: &str| read(&format!("{SMALL}classification = {{ method = \"manual\"{rule} }}\n")).1;
    assert!(!with(", breaks = [1, 2.5, 4]").rejected());
    assert!(with("").rejected());
    assert!(with(", breaks = [1, 1]").rejected());
}

const SHEET: &str = "slug;title_de;title_en;theme;theme_title_de;kind;unit_de;decimals;per;numerator;numerator_de;denominator_de;denominator_rule;method;breaks;definition_de;definition_en\n\
    kids;Kinder;Children;demo;Demografie;count;Personen;;;;;;;;;Zahl der Kinder;Number of children\n\
    rate;Quote;Rate;demo;;rate;je 1.000;1;1000;kids;Kinder;\"Einwohner;innen\";previous-year-end;manual;1,5 2 3;Anteil;Share\n";

#[test]
fn a_sheet_gives_the_same_types_as_toml() {
    let (catalogue, report) = parse_catalogue(SHEET.as_bytes(), "Katalog.CSV", &Catalogue::default());
    assert!(!report.rejected(), "{report}");
    assert_eq!(catalogue.themes[0].title.de, "Demografie");
    let rate = &catalogue.indicators[1];
    assert_eq!((rate.kind, rate.decimals, rate.per), (IndicatorKind::Rate, 1, 1000.0));
    assert_eq!(rate.numerator.as_ref().map(Slug::as_str), Some("kids"));
    assert_eq!(rate.denominator_rule, DenominatorRule::PreviousYearEnd);
    assert_eq!(rate.classification.breaks, [1.5, 2.0, 3.0]);
    assert_eq!(rate.sheet.denominator.de, "Einwohner;innen");
    assert_eq!(rate.sheet.definition, Text::both("Anteil", "Share"));
}

#[test]
fn a_sheet_in_windows_1252_with_tabs_is_read() {
    let text = "slug\ttitle\ttheme\ttheme_title\tkind\tunit\nage\tMittleres Älterwerden\tdemo\tDemografie\tmean\tJahre\n";
    let (bytes, _, _) = encoding_rs::WINDOWS_1252.encode(text);
    let (catalogue, report) = parse_catalogue(&bytes, "a.csv", &Catalogue::default());
    assert!(!report.rejected(), "{report}");
    assert_eq!(report.facts["encoding"], "windows-1252");
    assert_eq!(catalogue.indicators[0].title.de, "Mittleres Älterwerden");
}

#[test]
fn a_row_of_a_sheet_is_named_by_its_line_and_column() {
    let text = SHEET.replace("je 1.000;1;", "je 1.000;viele;").replace(";rate;je", ";ratio;je");
    let (_, report) = parse_catalogue(text.as_bytes(), "a.csv", &Catalogue::default());
    let found: Vec<(u64, &str)> =
        complaints(&report, Severity::Error).into_iter().map(|(line, field, _)| (line, field)).collect();
    assert_eq!(found, [(3, "kind"), (3, "decimals")], "{report}");
}

#[test]
fn an_unknown_or_repeated_column_is_refused() {
    let text = SHEET.replacen("definition_en", "farbe", 1).replacen("title_en", "title", 1);
    let (_, report) = parse_catalogue(text.as_bytes(), "a.csv", &Catalogue::default());
    let found: Vec<(u64, &str)> =
        complaints(&report, Severity::Error).into_iter().map(|(line, field, _)| (line, field)).collect();
    assert_eq!(found, [(1, "title"), (1, "farbe")], "{report}");
}

#[test]
fn an_xlsx_gives_the_same_catalogue_as_the_csv() {
    let mut book = rust_xlsxwriter::Workbook::new();
    let sheet = book.add_worksheet();
    for (row, line) in SHEET.lines().enumerate() {
        for (column, cell) in line.replace("\"Einwohner;innen\"", "Einwohner,innen").split(';').enumerate() {
            let cell = cell.replace("Einwohner,innen", "Einwohner;innen");
            match cell.parse::<f64>() {
                Ok(number) => sheet.write_number(row as u32, column as u16, number).unwrap(),
                Err(_) => sheet.write_string(row as u32, column as u16, &cell).unwrap(),
            };
        }
    }
    let bytes = book.save_to_buffer().unwrap();
    let (from_xlsx, report) = parse_catalogue(&bytes, "a.xlsx", &Catalogue::default());
    let (from_csv, _) = parse_catalogue(SHEET.as_bytes(), "a.csv", &Catalogue::default());
    assert!(!report.rejected(), "{report}");
    assert_eq!(from_xlsx, from_csv);
}

#[test]
fn a_broken_xlsx_and_an_unknown_ending_are_refused_with_a_sentence() {
    for name in ["a.xlsx", "a.docx", "a"] {
        let (_, report) = parse_catalogue(b"PK\x03\x04broken", name, &Catalogue::default());
        assert!(report.rejected(), "{name}");
    }
}

#[test]
fn the_starter_catalogue_is_complete_in_both_languages() {
    let (catalogue, report) = read(starter_catalogue());
    assert!(report.problems.is_empty(), "{report}");
    assert!(catalogue.indicators.len() >= 25);
    for indicator in &catalogue.indicators {
        let slug = &indicator.slug;
        assert!(indicator.sheet.missing_fields(indicator.kind).is_empty(), "{slug}");
        let sheet = serde_json::to_value(&indicator.sheet).unwrap();
        let mut texts = vec![serde_json::to_value(&indicator.title).unwrap()];
        texts.extend(sheet.as_object().unwrap().values().cloned());
        assert_eq!(texts.len(), if indicator.kind.is_ratio() { 14 } else { 12 }, "{slug}");
        for text in texts {
            for lang in ["de", "en"] {
                assert!(text[lang].as_str().is_some_and(|t| !t.trim().is_empty()), "{slug}: {text}");
            }
        }
    }
}

#[test]
fn the_starter_catalogue_has_every_kind_of_indicator() {
    let (catalogue, _) = read(starter_catalogue());
    let kinds: BTreeSet<&str> = catalogue.indicators.iter().map(|i| i.kind.as_str()).collect();
    assert_eq!(kinds, BTreeSet::from(["count", "index", "mean", "rate", "share"]));
}

proptest! {
    #[test]
    fn arbitrary_bytes_never_make_the_parser_panic(
        bytes in prop::collection::vec(any::<u8>(), 0..400),
        name in prop::sample::select(vec!["a.toml", "a.csv", "a.xlsx", "a.bin"]),
    ) {
        let (_, report) = parse_catalogue(&bytes, name, &Catalogue::default());
        prop_assert!(report.rejected());
    }

    #[test]
    fn a_catalogue_damaged_anywhere_never_makes_the_parser_panic(
        at in 0_usize..SMALL.len(),
        piece in "[\\[\\]{}=\"#\\n a-z0-9.]{0,8}",
    ) {
        let at = (at..=SMALL.len()).find(|i| SMALL.is_char_boundary(*i)).unwrap();
        let (catalogue, report) = read(&[&SMALL[..at], &piece, &SMALL[at..]].concat());
        prop_assert!(report.rejected() || !catalogue.indicators.is_empty() || !catalogue.themes.is_empty());
    }
}
