//! Import of values, from files to the store, with what goes wrong on the way.

#![expect(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]
#![expect(clippy::float_cmp, reason = "numbers of a file must arrive exactly")]

mod files;

use std::path::{Path, PathBuf};

use chrono::{DateTime, NaiveDate, Utc};
use kommunalatlas::{
    access::Editor,
    domain::{Column, Indicator, Level, Period, Region, Slug, Status, Text, Theme},
    ingest::{
        NoProgress, Report, Source, Target,
        statistics::{Mapping, ProfileOptions, ValuesOptions, import_values},
    },
    store::{Bounds, ImportRecord, NewAtlas, NewEdition, NewRegion, OpenMode, Store},
};
use rust_xlsxwriter::{Format, Formula, Workbook};

const LUECHOW: [&str; 29] = [
    "03354001", "03354002", "03354003", "03354004", "03354005", "03354006", "03354007", "03354008",
    "03354009", "03354010", "03354011", "03354012", "03354013", "03354014", "03354015", "03354016",
    "03354017", "03354018", "03354019", "03354020", "03354021", "03354022", "03354023", "03354024",
    "03354025", "03354026", "03354027", "03354501", "03354502",
];

/// An atlas with boundaries of Gemeinden and a small catalogue, in a GeoPackage of its own.
struct Fixture {
    store: Store,
    editor: Editor,
    atlas: Slug,
    folder: tempfile::TempDir,
}

fn slug(text: &str) -> Slug {
    text.parse().unwrap()
}

fn now() -> DateTime<Utc> {
    DateTime::UNIX_EPOCH
}

fn record(kind: &str) -> ImportRecord {
    ImportRecord {
        kind: kind.into(),
        file_name: "test".into(),
        file_hash: String::new(),
        at: now(),
        by: "test".into(),
        report: serde_json::Value::Null,
    }
}

fn indicators() -> Vec<Indicator> {
    let text = r#"[
        {"slug": "population", "title": "Bevölkerung", "theme": "demografie", "kind": "count", "unit": "Personen"},
        {"slug": "population-female", "title": "Frauen", "theme": "demografie", "kind": "count", "unit": "Personen"},
        {"slug": "settlement-share", "title": "Siedlungsfläche", "theme": "demografie", "kind": "share", "unit": "%", "decimals": 1},
        {"slug": "settlement-change", "title": "Veränderung", "theme": "demografie", "kind": "mean", "unit": "%", "decimals": 1},
        {"slug": "day-care-rate", "title": "Betreuungsquote", "theme": "demografie", "kind": "share", "unit": "%", "decimals": 1}
    ]"#;
    serde_json::from_str(text).unwrap()
}

fn new_region(key: &str) -> NewRegion {
    let inhabited = !key.starts_with("033545");
    NewRegion {
        region: Region { key: key.parse().unwrap(), name: key.into(), short_name: None, inhabited },
        geometry: None,
        label: Some((11.0, 53.0)),
        label_minzoom: 0,
        label_rank: 0,
        parents: vec![],
    }
}

impl Fixture {
    async fn new(keys: &[&str]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let location = folder.path().join("atlas.gpkg");
        let store = Store::open(location.to_str().unwrap(), OpenMode::Create, now()).await.unwrap();
        let atlas = slug("test");
        let new = NewAtlas {
            slug: atlas.clone(),
            title: Text::german("Test"),
            required_indicators: 10,
            attribution: String::new(),
        };
        store.create_atlas(&new).await.unwrap();
        let level = Level {
            slug: slug("gemeinde"),
            title: Text::german("Gemeinde"),
            position: 2,
            public_boundaries: false,
        };
        store.put_levels(&atlas, &[level]).await.unwrap();
        let theme = Theme { slug: slug("demografie"), title: Text::german("Demografie") };
        store.put_catalogue(&atlas, &[theme], &[], &indicators(), &record("catalogue")).await.unwrap();
        let edition = NewEdition {
            level: slug("gemeinde"),
            new_level: None,
            valid_on: NaiveDate::from_ymd_opt(2016, 12, 31).unwrap(),
            attribution: String::new(),
            regions: keys.iter().map(|key| new_region(key)).collect(),
            bounds: Bounds { west: 10.0, south: 52.0, east: 12.0, north: 54.0 },
            minzoom: 0,
            topology: vec![],
            zooms: vec![],
            import: record("boundaries"),
        };
        store.insert_edition(&atlas, &edition).await.unwrap();
        let editor = Editor::local("test");
        Self { store, editor, atlas, folder }
    }

    async fn import(&self, file: &Path, options: &ValuesOptions, dry_run: bool) -> Report {
        let Self { store, editor, atlas, .. } = self;
        let target = Target { store, editor, atlas, dry_run, now: now(), progress: &NoProgress };
        import_values(&target, Source::File(file), options).await.unwrap()
    }

    async fn import_bytes(&self, name: &str, bytes: &[u8], options: &ValuesOptions) -> Report {
        let path = self.folder.path().join(name);
        std::fs::write(&path, bytes).unwrap();
        self.import(&path, options, false).await
    }

    async fn import_text(&self, text: &str, options: &ValuesOptions) -> Report {
        self.import_bytes("values.csv", text.as_bytes(), options).await
    }

    async fn column(&self, indicator: &str, period: &str) -> Column {
        let columns =
            self.store.current_columns(&self.atlas, &slug(indicator), &slug("gemeinde")).await.unwrap();
        let period: Period = period.parse().unwrap();
        columns.into_iter().find(|(p, ..)| *p == period).unwrap().2
    }
}

fn options() -> ValuesOptions {
    ValuesOptions {
        level: slug("gemeinde"),
        edition: None,
        mapping: None,
        indicator: None,
        period: None,
        drafts: None,
        profile: ProfileOptions::default(),
    }
}

fn of_indicator(indicator: &str) -> ValuesOptions {
    ValuesOptions { indicator: Some(slug(indicator)), ..options() }
}

fn mapped(mapping: &str) -> ValuesOptions {
    ValuesOptions { mapping: Some(Mapping::parse(mapping).unwrap()), ..options() }
}

/// A real file, if the folder of shared files is there.
fn real_file(name: &str) -> Option<PathBuf> {
    let shared = std::env::var_os("KOMMUNALATLAS_SHARED")
        .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared"), PathBuf::from);
    let path = shared.join("data/de-regionalstatistik").join(name);
    if path.exists() {
        Some(path)
    } else {
        println!("skipped: {} is not there", path.display());
        None
    }
}

#[track_caller]
fn assert_stored(report: &Report) {
    assert!(report.committed && report.errors == 0, "{report}");
}

#[track_caller]
fn assert_error(report: &Report, line: Option<u64>, words: &str) {
    assert!(!report.committed, "{report}");
    let found = report.problems.iter().any(|p| p.line == line && p.message.contains(words));
    assert!(found, "no error on line {line:?} with '{words}' in:\n{report}");
}

#[tokio::test]
async fn a_long_table_with_the_obvious_headers_needs_no_mapping() {
    let fixture = Fixture::new(&LUECHOW[..3]).await;
    let text = "Schlüssel;Indikator;Jahr;Wert\n03354001;population;2015;1.595,0\n03354002;population;2015;2382p\n03354003;population;2015;.\n";
    let report = fixture.import_text(text, &options()).await;
    assert_stored(&report);
    assert_eq!(report.facts["layout"], "long");
    let column = fixture.column("population", "2015").await;
    assert_eq!([column.value(0), column.value(1), column.value(2)], [Some(1595.0), Some(2382.0), None]);
    assert_eq!(column.statuses(), [Status::Valid, Status::Preliminary, Status::Unknown]);
}

#[tokio::test]
async fn a_wide_table_of_periods_takes_its_indicator_from_the_caller() {
    let fixture = Fixture::new(&LUECHOW[..2]).await;
    let text = "AGS\tName\t31.12.2014\t31.12.2015\n03354001\tBergen\t1571\t1595\n03354002\tClenze\t-\t2382\n";
    let report = fixture.import_text(text, &of_indicator("population")).await;
    assert_stored(&report);
    assert_eq!(fixture.column("population", "2014-12-31").await.value(1), Some(0.0));
    assert_eq!(fixture.column("population", "2015-12-31").await.value(1), Some(2382.0));
}

#[tokio::test]
async fn a_share_is_derived_from_its_counts_and_contradictions_are_reported() {
    let fixture = Fixture::new(&LUECHOW[..2]).await;
    let head = "key;indicator;period;value;numerator;denominator\n";
    let text = format!("{head}03354001;day-care-rate;2023;;1;34\n03354002;day-care-rate;2023;2,9;1;34\n");
    assert_stored(&fixture.import_text(&text, &options()).await);
    let column = fixture.column("day-care-rate", "2023").await;
    assert_eq!([column.value(0), column.value(1)], [Some(100.0 / 34.0); 2]);
    let text = format!("{head}03354001;day-care-rate;2023;90;1;34\n03354002;day-care-rate;2023;;3;0\n");
    assert_error(&fixture.import_text(&text, &options()).await, Some(2), "one of the three is wrong");
}

#[tokio::test]
async fn every_problem_has_its_line_and_nothing_is_stored() {
    let fixture = Fixture::new(&LUECHOW[..3]).await;
    let text = "key;indicator;period;value\n03354001;population;2015;1\n03354999;population;2015;2\n03354001;population;2015;3\n03354002;populaton;2015;4\n03354002;population;20155;5\n03354002;population;2015;k.A.\n03354003;population;2015\n";
    let before = fixture.store.content_hash().await.unwrap();
    let report = fixture.import_text(text, &options()).await;
    assert_error(&report, Some(3), "'03354999' is not in level 'gemeinde'");
    assert_error(&report, Some(4), "the first stands in line 2");
    assert_error(&report, Some(5), "did you mean population");
    assert_error(&report, Some(6), "'20155' is no period");
    assert_error(&report, Some(7), "'k.A.' is neither a number nor a known sign");
    assert_error(&report, Some(8), "The row has 3 columns, the header has 4");
    assert_eq!(fixture.store.content_hash().await.unwrap(), before);
}

#[tokio::test]
async fn a_number_of_two_readings_is_asked_about_unless_its_column_settles_it() {
    let fixture = Fixture::new(&LUECHOW[..2]).await;
    let table = |second: &str| {
        format!(
            "key;indicator;period;value\n03354001;population;2015;1.234\n03354002;population;2015;{second}\n"
        )
    };
    let report = fixture.import_text(&table("7"), &options()).await;
    assert_error(&report, Some(2), "This number can be 1234 or 1.234");
    assert_stored(&fixture.import_text(&table("12,5"), &options()).await);
    assert_eq!(fixture.column("population", "2015").await.value(0), Some(1234.0));
    assert_stored(&fixture.import_text(&table("12.5"), &options()).await);
    assert_eq!(fixture.column("population", "2015").await.value(0), Some(1.234));
    assert_stored(&fixture.import_text(&table("7"), &mapped("decimal = ','")).await);
    assert_eq!(fixture.column("population", "2015").await.value(0), Some(1234.0));
}

#[tokio::test]
async fn a_dry_run_stores_nothing_and_a_second_import_says_what_changes() {
    let fixture = Fixture::new(&LUECHOW[..2]).await;
    let path = fixture.folder.path().join("v.csv");
    std::fs::write(
        &path,
        "key;indicator;period;value\n03354001;population;2015;1\n03354002;population;2015;2\n",
    )
    .unwrap();
    let before = fixture.store.content_hash().await.unwrap();
    let report = fixture.import(&path, &options(), true).await;
    assert!(!report.committed && report.errors == 0, "{report}");
    assert_eq!(fixture.store.content_hash().await.unwrap(), before);
    assert_stored(&fixture.import(&path, &options(), false).await);
    std::fs::write(
        &path,
        "key;indicator;period;value\n03354001;population;2015;1\n03354002;population;2015;3\n",
    )
    .unwrap();
    let report = fixture.import(&path, &options(), false).await;
    assert_eq!((&report.facts["series_changed"], &report.facts["values_changed"]), (&1.into(), &1.into()));
}

#[tokio::test]
async fn classes_are_made_over_all_periods_of_inhabited_regions() {
    let fixture = Fixture::new(&["03354001", "03354002", "03354501"]).await;
    for (year, value) in [(2014, 10), (2015, 90)] {
        let text = format!(
            "key;indicator;period;value\n03354001;population;{year};{value}\n03354002;population;{year};20\n03354501;population;{year};999\n"
        );
        assert_stored(&fixture.import_text(&text, &options()).await);
    }
    let catalogue = fixture.store.catalogue(&fixture.atlas).await.unwrap();
    let classes = &catalogue.internal_classifications[0].classification;
    assert_eq!((classes.breaks[0], classes.breaks.last()), (10.0, Some(&90.0)));
    assert_eq!(classes.base_periods.len(), 2);
}

#[tokio::test]
async fn a_workbook_is_read_with_numbers_dates_and_texts() {
    let fixture = Fixture::new(&LUECHOW[..3]).await;
    let mut book = Workbook::new();
    book.add_worksheet().set_name("Hinweise").unwrap();
    let sheet = book.add_worksheet().set_name("Daten").unwrap();
    sheet.write(0, 0, "Bevölkerung").unwrap();
    for (column, header) in ["AGS", "Stichtag", "Einwohner"].iter().enumerate() {
        sheet.write(2, column as u16, *header).unwrap();
    }
    let date = Format::new().set_num_format("dd.mm.yyyy");
    let day = rust_xlsxwriter::ExcelDateTime::from_ymd(2015, 12, 31).unwrap();
    for (row, (key, value)) in
        [(3_354_001.0, 1595.0), (3_354_002.0, 2382.5), (3_354_003.0, 0.0)].iter().enumerate()
    {
        let row = row as u32 + 3;
        sheet.write(row, 0, *key).unwrap();
        sheet.write_with_format(row, 1, &day, &date).unwrap();
        sheet.write(row, 2, *value).unwrap();
    }
    sheet.write(5, 2, "(3,5)").unwrap();
    let bytes = book.save_to_buffer().unwrap();
    let options = mapped("sheet = 'Daten'\nheader_row = 3\n[indicators]\nEinwohner = 'population'");
    let report = fixture.import_bytes("values.xlsx", &bytes, &options).await;
    assert_stored(&report);
    assert_eq!(report.facts["leading_zeros_restored"], 3);
    let column = fixture.column("population", "2015-12-31").await;
    assert_eq!([column.value(0), column.value(1), column.value(2)], [Some(1595.0), Some(2382.5), Some(3.5)]);
    assert_eq!(column.status(2), Status::Limited);
}

#[tokio::test]
async fn a_failed_formula_rejects_its_row_and_a_damaged_or_far_sheet_its_file() {
    let fixture = Fixture::new(&LUECHOW[..1]).await;
    let mut book = Workbook::new();
    let sheet = book.add_worksheet();
    for (column, header) in ["key", "indicator", "period", "value"].iter().enumerate() {
        sheet.write(0, column as u16, *header).unwrap();
    }
    for (column, text) in ["03354001", "population", "2015"].iter().enumerate() {
        sheet.write(1, column as u16, *text).unwrap();
    }
    sheet.write_formula(1, 3, Formula::new("=1/0").set_result("#DIV/0!")).unwrap();
    let bytes = book.save_to_buffer().unwrap();
    let report = fixture.import_bytes("v.xlsx", &bytes, &options()).await;
    assert_error(&report, Some(2), "#DIV/0!");
    let report = fixture.import_bytes("v.xlsx", &bytes[..bytes.len() / 2], &options()).await;
    assert_error(&report, None, "damaged");
    let mut book = Workbook::new();
    book.add_worksheet().write(1_048_575, 16_383, 1.0).unwrap();
    let report = fixture.import_bytes("v.xlsx", &book.save_to_buffer().unwrap(), &options()).await;
    assert_error(&report, None, "more than 4096 columns");
}

#[tokio::test]
async fn noise_and_personal_data_are_refused() {
    let fixture = Fixture::new(&LUECHOW[..1]).await;
    let noise: Vec<u8> = (0..2_000_000_u32).map(|i| (i.wrapping_mul(2_654_435_761) >> 13) as u8).collect();
    assert_error(&fixture.import_bytes("noise", &noise, &options()).await, Some(1), "This is no text");
    let text = "key;Geburtsdatum;indicator;period;value\n03354001;1.1.2015;population;2015;1\n";
    let report = fixture.import_text(text, &options()).await;
    assert_error(&report, None, "looks like a birth date");
    let report = fixture.import_text("", &options()).await;
    assert_error(&report, None, "This is no table");
}

#[tokio::test]
async fn a_genesis_table_of_germany_is_joined_in_all_key_forms() {
    let Some(file) = real_file("12411-01-01-5_00.csv") else { return };
    let fixture = Fixture::new(&LUECHOW).await;
    let report = fixture.import(&file, &of_indicator("population"), false).await;
    assert_stored(&report);
    assert_eq!(report.facts["matched"], 29);
    assert_eq!(report.facts["key_forms"]["kreis-verband-gemeinde"], 27);
    assert_eq!(
        (&report.facts["kreis_sums_equal"], &report.facts["kreis_sums_different"]),
        (&8.into(), &0.into())
    );
    let column = fixture.column("population", "2015-12-31").await;
    assert_eq!(column.numbers().sum::<f64>(), 50_128.0);
    assert_eq!((column.value(0), column.value(17)), (Some(1595.0), Some(9481.0)));
    // '-' at a gemeindefreies Gebiet that exists is zero.
    assert_eq!((column.value(27), column.status(27)), (Some(0.0), Status::Valid));
}

#[tokio::test]
async fn a_genesis_table_gives_single_columns_by_their_stack() {
    let Some(file) = real_file("12411-01-01-5_00.csv") else { return };
    let fixture = Fixture::new(&LUECHOW).await;
    let options = mapped("[[columns]]\ncolumn = 'weiblich'\nindicator = 'population-female'");
    let report =
        fixture.import(&file, &ValuesOptions { period: "2015-12-31".parse().ok(), ..options }, false).await;
    assert_stored(&report);
    assert_eq!(fixture.column("population-female", "2015-12-31").await.numbers().sum::<f64>(), 25_137.0);
    assert_eq!(report.facts["series"], 1);
}

#[tokio::test]
async fn age_groups_are_found_by_the_whole_stack_and_the_date_in_a_title_line() {
    let Some(file) = real_file("12411-02-03-5_00.csv") else { return };
    let fixture = Fixture::new(&LUECHOW).await;
    let stack = "Insgesamt | Altersgruppen (unter 3 bis 75 u.m.) | unter 3 Jahre";
    let options = mapped(&format!("[[columns]]\ncolumn = '{stack}'\nindicator = 'population-female'"));
    let report = fixture.import(&file, &options, false).await;
    assert_eq!(report.facts["series"], 1, "{report}");
    let options = mapped("[[columns]]\ncolumn = 'unter 3 Jahre'\nindicator = 'population-female'");
    let report = fixture.import(&file, &options, false).await;
    assert!(report.problems.iter().any(|p| p.message.contains("fits several columns")), "{report}");
}

#[tokio::test]
async fn the_new_flat_file_of_genesis_is_read_by_its_codes() {
    let Some(file) = real_file("ffcsv_AI-N-01-2-5_2023_03354.csv") else { return };
    let fixture = Fixture::new(&LUECHOW).await;
    let report = fixture.import(&file, &of_indicator("settlement-share"), false).await;
    assert!(report.rejected() && report.to_string().contains("AI0111"), "{report}");
    let options = mapped(
        "[[series]]\nvalue = 'AI0111'\nindicator = 'settlement-share'\n[[series]]\nvalue = 'AI0112'\nindicator = 'settlement-change'",
    );
    let report = fixture.import(&file, &options, false).await;
    assert_stored(&report);
    assert_eq!(report.facts["encoding"], "utf-8 with byte order mark");
    assert_eq!(fixture.column("settlement-share", "2023").await.value(24), Some(8.6));
    assert_eq!(fixture.column("settlement-change", "2023").await.value(24), Some(-0.3));
}

#[tokio::test]
async fn every_real_table_is_understood_or_refused_with_sentences() {
    for name in [
        "11111-01-01-4.csv",
        "12411-01-01-4.csv",
        "21111-01-03-4.csv",
        "22541-01-01-4_00.csv",
        "AI-N-01_00.csv",
    ] {
        let Some(file) = real_file(name) else { return };
        let fixture = Fixture::new(&["03353", "03354", "03355"]).await;
        let report = fixture.import(&file, &of_indicator("population"), true).await;
        assert!(!report.rejected(), "{report}");
        assert_eq!(report.facts["matched"], 3, "{report}");
    }
}

/// A small GENESIS table with two dates.
fn genesis_table(rows: &str) -> String {
    format!(
        "GENESIS-Tabelle: 12411-01-01-5\nBevölkerung;;;\n;;31.12.2015;31.12.2014\n;;Insgesamt;Insgesamt\n{rows}__________\nStand: 2017\n"
    )
}

#[tokio::test]
async fn of_two_rows_of_a_gemeinde_that_changed_its_verband_the_one_with_values_counts() {
    let fixture = Fixture::new(&LUECHOW[..2]).await;
    let rows = "03354403001;A;-;7\n03354407001;A;12;-\n03354407002;B;5;5\n";
    assert_stored(&fixture.import_text(&genesis_table(rows), &of_indicator("population")).await);
    assert_eq!(fixture.column("population", "2015-12-31").await.value(0), Some(12.0));
    assert_eq!(fixture.column("population", "2014-12-31").await.value(0), Some(7.0));
    let rows = "03354403001;A;3;7\n03354407001;A;12;-\n";
    let report = fixture.import_text(&genesis_table(rows), &of_indicator("population")).await;
    assert_error(&report, Some(6), "the first stands in line 5");
}

#[tokio::test]
async fn a_hyphen_is_not_applicable_where_the_region_did_not_exist_yet() {
    let fixture = Fixture::new(&["03354001", "03354002", "03354501"]).await;
    // 03354002 was formed from 03354099 in 2015; 03354501 is uninhabited.
    let rows = "03354;Kreis;30;28\n03354001;A;10;9\n03354002;B;20;-\n03354099;Alt;-;19\n03354501;C;-;0\n";
    let report = fixture.import_text(&genesis_table(rows), &of_indicator("population")).await;
    assert_stored(&report);
    assert_eq!(fixture.column("population", "2014-12-31").await.status(1), Status::NotApplicable);
    assert_eq!(fixture.column("population", "2015-12-31").await.value(2), Some(0.0));
    assert_eq!((&report.facts["unmatched"], &report.facts["not_yet_formed"]), (&1.into(), &1.into()));
    assert_eq!(
        (&report.facts["kreis_sums_equal"], &report.facts["kreis_sums_different"]),
        (&1.into(), &1.into())
    );
}

#[tokio::test]
async fn only_the_asked_period_of_a_file_is_taken_and_a_period_that_is_not_there_is_an_error() {
    let fixture = Fixture::new(&LUECHOW[..1]).await;
    let text = "key;indicator;period;value\n03354001;population;2015;1\n03354001;population;2016;2\n";
    let report = fixture.import_text(text, &ValuesOptions { period: "2016".parse().ok(), ..options() }).await;
    assert_stored(&report);
    assert_eq!((&report.facts["series"], &report.facts["left_out"]), (&1.into(), &1.into()));
    let report = fixture.import_text(text, &ValuesOptions { period: "2020".parse().ok(), ..options() }).await;
    assert_error(&report, None, "No value is of the indicator and period asked for");
}

fn drafting() -> ValuesOptions {
    ValuesOptions { drafts: Some(slug("unsortiert")), ..options() }
}

#[tokio::test]
async fn a_stacked_header_with_preamble_units_and_footer_is_found_by_its_structure() {
    let fixture = Fixture::new(&LUECHOW[..3]).await;
    let text = "Bevölkerung der Gemeinden;;;;\nStand 31.12.2023;;;;\n;;;;\n;;Einwohner;;Fläche\nSchlüssel;Name;31.12.2022;31.12.2023;2023\n;;Anzahl;Anzahl;qkm\n1;2;3;4;5\n03354;Kreis;6;60;600\n03 354 001;  Bergen;1;10;100,5\n03354 002;  Clenze;2;20;200\n03354003;  Damnatz;3;30;300\nInsgesamt;;6;60;600,5\n\nZahlen des Landkreises\n1) vorläufig;;;;\n";
    let report = fixture.import_text(text, &drafting()).await;
    assert_stored(&report);
    assert_eq!(
        (&report.facts["header_in_line"], &report.facts["keys_with_separators"]),
        (&7.into(), &2.into())
    );
    assert_eq!(fixture.column("values-einwohner", "2023-12-31").await.values(), [10.0, 20.0, 30.0]);
    assert_eq!(fixture.column("values-flaeche", "2023").await.values(), [100.5, 200.0, 300.0]);
    let catalogue = fixture.store.catalogue(&fixture.atlas).await.unwrap();
    let found = |name: &str| catalogue.indicators.iter().find(|one| one.slug.as_str() == name).unwrap();
    assert_eq!(found("values-einwohner").kind, kommunalatlas::domain::IndicatorKind::Count);
    let area = found("values-flaeche");
    assert_eq!((area.unit.de.as_str(), area.decimals, area.theme.as_str()), ("qkm", 1, "unsortiert"));
    assert_eq!(area.sheet.source.de, "Bevölkerung der Gemeinden Stand 31.12.2023");
    assert!(!area.sheet.missing_fields(area.kind).is_empty());
}

#[tokio::test]
async fn the_column_of_keys_is_found_by_its_cells_where_its_header_says_nothing() {
    let fixture = Fixture::new(&LUECHOW[..3]).await;
    let text = "Nr.;Gebietseinheit;Code;population\n1;Bergen;3354001;10\n2;Clenze;3354002;20\n3;Damnatz;3354003;30\n";
    let options = ValuesOptions { period: "2023".parse().ok(), ..options() };
    let report = fixture.import_text(text, &options).await;
    assert_stored(&report);
    assert_eq!(report.facts["leading_zeros_restored"], 3);
    assert_eq!(fixture.column("population", "2023").await.values(), [10.0, 20.0, 30.0]);
    let report = fixture.import_text("Ort;population\nBergen;10\nClenze;20\n", &options).await;
    assert_error(&report, Some(1), "No column of keys was found");
}

#[tokio::test]
async fn a_key_spread_over_columns_is_put_together() {
    let fixture = Fixture::new(&["03354001", "03354005"]).await;
    let text = "Satzart;Land;RB;Kreis;VB;Gem;Gemeindename;population\n40;3;3;54;;;Kreis;99\n50;3;3;54;5403;;Verband;50\n60;3;3;54;5403;5;Gartow;7\n60;3;3;54;5407;1;Bergen;8\n";
    let options = ValuesOptions { period: "2023".parse().ok(), ..options() };
    assert_stored(&fixture.import_text(text, &options).await);
    assert_eq!(fixture.column("population", "2023").await.values(), [8.0, 7.0]);
    let named = "A;B;C;D;population\n3;3;54;1;5\n3;3;54;5;6\n";
    let mapping = ValuesOptions { period: "2023".parse().ok(), ..mapped("key = ['A', 'B', 'C', 'D']") };
    assert_stored(&fixture.import_text(named, &mapping).await);
    assert_eq!(fixture.column("population", "2023").await.values(), [5.0, 6.0]);
}

#[tokio::test]
async fn a_mark_for_no_value_is_a_number_for_nobody() {
    let fixture = Fixture::new(&LUECHOW[..2]).await;
    let text = "key;indicator;period;value\n03354001;population;2023;-9999\n03354002;population;2023;7\n";
    let report = fixture.import_text(text, &options()).await;
    assert_error(&report, Some(2), "-9999 stands in a column of counts");
    assert_stored(&fixture.import_text(text, &mapped("sign_profile = 'database'")).await);
    assert_eq!(fixture.column("population", "2023").await.statuses(), [Status::Missing, Status::Valid]);
    assert_stored(&fixture.import_text(text, &mapped("[signs]\n'-9999' = 'suppressed'")).await);
    assert_eq!(fixture.column("population", "2023").await.status(0), Status::Suppressed);
    let letters = "key;indicator;period;value\n03354001;population;2023;g\n03354002;population;2023;7p\n";
    assert_error(&fixture.import_text(letters, &options()).await, Some(2), "[signs]");
    assert_stored(&fixture.import_text(letters, &mapped("sign_profile = 'lsn'")).await);
    assert_eq!(fixture.column("population", "2023").await.statuses(), [Status::Unknown, Status::Preliminary]);
}

#[tokio::test]
async fn a_percent_sign_may_stand_behind_percentages_only() {
    let fixture = Fixture::new(&LUECHOW[..2]).await;
    let text = "AGS;settlement-share;\n03354001;12,3 %;p\n03354002;7%;\n";
    let period = || ValuesOptions { period: "2023".parse().ok(), ..options() };
    assert_stored(&fixture.import_text(text, &period()).await);
    let column = fixture.column("settlement-share", "2023").await;
    assert_eq!((column.values(), column.status(0)), (&[12.3, 7.0][..], Status::Preliminary));
    let report = fixture.import_text(&text.replace("settlement-share", "population"), &period()).await;
    assert_error(&report, Some(2), "'12,3 %' is neither a number");
}

#[tokio::test]
async fn a_second_table_below_the_footer_is_not_passed_over() {
    let fixture = Fixture::new(&LUECHOW[..2]).await;
    let text = "AGS;2023\n03354001;10\n03354002;20\nQuelle: Landkreis;\n03354001;11\n";
    let report = fixture.import_text(text, &of_indicator("population")).await;
    assert_error(&report, Some(4), "1 rows with keys follow");
}

#[tokio::test]
async fn drafts_keep_their_slugs_and_unknown_columns_without_the_flag_name_it() {
    let fixture = Fixture::new(&LUECHOW[..2]).await;
    let table =
        |year: u32| genesis_table("03354001;A;3;7\n03354002;B;5;-9999\n").replace("2015", &year.to_string());
    let report = fixture.import_text(&table(2015), &options()).await;
    assert_error(&report, Some(5), "--draft-indicators");
    let report = fixture.import_text(&table(2015).replace("-9999", "."), &drafting()).await;
    assert_stored(&report);
    assert_eq!(report.facts["draft_indicators"], serde_json::json!(["12411-01-01-5-insgesamt"]));
    let report = fixture.import_text(&table(2016).replace("-9999", "8,5"), &drafting()).await;
    assert_stored(&report);
    assert!(!report.facts.contains_key("draft_indicators"), "{report}");
    assert_eq!(fixture.column("12411-01-01-5-insgesamt", "2016-12-31").await.values(), [3.0, 5.0]);
    // Twins are numbered, classified rows are told apart.
    let twins = genesis_table("03354001;A;3;7\n").replace("2014", "2015");
    assert_stored(&fixture.import_text(&twins, &drafting()).await);
    assert_eq!(fixture.column("12411-01-01-5-insgesamt-2", "2015-12-31").await.value(0), Some(7.0));
}

#[tokio::test]
async fn a_stacked_header_of_a_workbook_continues_merged_cells() {
    let fixture = Fixture::new(&LUECHOW[..2]).await;
    let mut book = Workbook::new();
    let sheet = book.add_worksheet();
    sheet.write(0, 0, "Kinder in Tagesbetreuung").unwrap();
    let merged = Format::new();
    sheet.merge_range(2, 2, 2, 3, "unter 3 Jahre", &merged).unwrap();
    sheet.merge_range(2, 4, 2, 5, "3 bis 6 Jahre", &merged).unwrap();
    for (column, text) in ["AGS", "Name", "Kinder", "Quote in %", "Kinder", "Quote in %"].iter().enumerate() {
        sheet.write(3, column as u16, *text).unwrap();
    }
    for (row, key) in LUECHOW[..2].iter().enumerate() {
        let row = row as u32 + 4;
        sheet.write(row, 0, *key).unwrap();
        sheet.write(row, 1, "  Gemeinde").unwrap();
        for column in 2..6 {
            sheet.write(row, column, f64::from(row * 10 + u32::from(column)) / 2.0).unwrap();
        }
    }
    let options = ValuesOptions { period: "2023".parse().ok(), ..drafting() };
    let report = fixture.import_bytes("kita_2023.xlsx", &book.save_to_buffer().unwrap(), &options).await;
    assert_stored(&report);
    assert_eq!(fixture.column("kita-unter-3-jahre-quote", "2023").await.values(), [21.5, 26.5]);
    assert_eq!(fixture.column("kita-3-bis-6-jahre-kinder", "2023").await.values(), [22.0, 27.0]);
}
