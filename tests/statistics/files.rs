//! Values in workbooks, ZIP files and flat files; hostile files. `tests/data/values.*` were saved by `LibreOffice` from one
//! document.

use std::io::{Cursor, Write as _};

use super::*;

const XLSX: &[u8] = include_bytes!("../data/values.xlsx");
const ODS: &[u8] = include_bytes!("../data/values.ods");
const XLS: &[u8] = include_bytes!("../data/values.xls");

/// What the workbooks say, as text.
const CSV: &str = "Schlüssel;Indikator;Stichtag;Wert;Bemerkung\n3354001;population;31.12.2015;1595;geschätzt für Ä & Ö\n03354002;population;31.12.2015;2382,5;\n03354003;population;31.12.2015;.;\n03354004;population;31.12.2015;(12);\n03354001;settlement-share;31.12.2015;12,3;\n03354002;settlement-share;31.12.2015;7;\n03354003;settlement-share;31.12.2015;-0,5;\n";

fn zipped(members: &[(&str, &[u8])]) -> Vec<u8> {
    let mut writer = zip::ZipWriter::new(Cursor::new(Vec::new()));
    for (name, content) in members {
        writer.start_file(*name, zip::write::SimpleFileOptions::default()).unwrap();
        writer.write_all(content).unwrap();
    }
    writer.finish().unwrap().into_inner()
}

/// Text without characters beyond Latin-1, in Windows-1252.
fn windows_1252(text: &str) -> Vec<u8> {
    text.chars().map(|c| u8::try_from(u32::from(c)).unwrap()).collect()
}

/// Hash of the series that a file gives in an atlas of its own.
async fn series_of(name: &str, bytes: &[u8]) -> Vec<String> {
    let fixture = Fixture::new(&LUECHOW[..4]).await;
    let report = fixture.import_bytes(name, bytes, &options()).await;
    assert_stored(&report);
    let catalogue = fixture.store.catalogue(&fixture.atlas).await.unwrap();
    assert_eq!(fixture.column("settlement-share", "2015-12-31").await.value(0), Some(12.3), "{name}");
    catalogue.series.into_iter().map(|series| series.content_hash).collect()
}

#[tokio::test]
async fn one_table_in_both_encodings_and_three_kinds_of_workbook_gives_the_same_series() {
    let expected = series_of("values.csv", CSV.as_bytes()).await;
    assert_eq!(expected.len(), 2);
    for (name, bytes) in [
        ("latin.csv", windows_1252(CSV).as_slice()),
        ("values.xlsx", XLSX),
        ("values.ods", ODS),
        ("values.xls", XLS),
        // The content says what a file is, not its name.
        ("values.csv", XLS),
    ] {
        assert_eq!(series_of(name, bytes).await, expected, "{name}");
    }
}

#[tokio::test]
async fn the_sheet_with_the_table_is_found_and_the_others_are_named() {
    let fixture = Fixture::new(&LUECHOW[..4]).await;
    let report = fixture.import_bytes("values.ods", ODS, &options()).await;
    assert_stored(&report);
    assert_eq!((&report.facts["format"], &report.facts["sheet"]), (&"ods".into(), &"Daten".into()));
    assert_eq!(report.facts["percentages"], 3);
    assert!(report.to_string().contains("Only the sheet 'Daten' was read, not 'Hinweise'"), "{report}");
    let report = fixture.import_bytes("values.ods", ODS, &mapped("sheet = 'Hinweise'")).await;
    assert_error(&report, Some(1), "No column of keys was found");
    let report = fixture.import_bytes("values.xls", XLS, &mapped("sheet = 'Nirgends'")).await;
    assert_error(&report, None, "There is no sheet 'Nirgends'; the workbook has: Hinweise, Daten.");
}

fn long(rows: &[(&str, &str, &str)]) -> String {
    let rows = rows.iter().map(|(key, period, value)| format!("{key};population;{period};{value}\n"));
    format!("key;indicator;period;value\n{}", rows.collect::<String>())
}

#[tokio::test]
async fn the_tables_of_a_zip_file_are_stored_together() {
    let fixture = Fixture::new(&LUECHOW[..4]).await;
    let first = long(&[("03354001", "2015", "1"), ("03354002", "2015", "2")]);
    let second = long(&[("03354003", "2015", "3p"), ("03354001", "2016", "4")]);
    let file = zipped(&[
        ("tables/a.csv", first.as_bytes()),
        ("tables/b.csv", second.as_bytes()),
        ("values.xls", XLS),
        ("readme.pdf", b"%PDF"),
        ("__MACOSX/a.csv", b"\0"),
    ]);
    let report = fixture.import_bytes("delivery.zip", &file, &options()).await;
    assert_stored(&report);
    assert_eq!(report.facts["files"]["tables/a.csv"]["layout"], "long");
    assert_eq!(report.facts["files"]["values.xls"]["sheet"], "Daten");
    assert_eq!(report.facts["series"], 4);
    assert!(report.to_string().contains("'readme.pdf' was not read"), "{report}");
    let column = fixture.column("population", "2015").await;
    assert_eq!([column.value(0), column.value(2), column.value(3)], [Some(1.0), Some(3.0), None]);
    assert_eq!(column.status(2), Status::Preliminary);
    assert_eq!(fixture.column("population", "2016").await.value(0), Some(4.0));
}

#[tokio::test]
async fn a_mistake_in_one_table_of_a_zip_file_keeps_all_from_being_stored() {
    let fixture = Fixture::new(&LUECHOW[..4]).await;
    let before = fixture.store.content_hash().await.unwrap();
    let good = long(&[("03354001", "2015", "1")]);
    let wrong = long(&[("03354001", "2016", "viele")]);
    let file = zipped(&[("a.csv", good.as_bytes()), ("b.csv", wrong.as_bytes())]);
    let report = fixture.import_bytes("delivery.zip", &file, &options()).await;
    assert_error(&report, Some(2), "'viele' is neither a number");
    assert_eq!(report.problems.iter().find(|p| p.line == Some(2)).unwrap().file, "b.csv");
    let file = zipped(&[("a.csv", good.as_bytes()), ("b.csv", good.as_bytes())]);
    let report = fixture.import_bytes("delivery.zip", &file, &options()).await;
    assert_error(&report, None, "population 2015: values of 1 regions stand here and in 'a.csv'");
    let file = zipped(&[("a.csv", good.as_bytes()), ("b.zip", &zipped(&[("c.csv", good.as_bytes())]))]);
    let report = fixture.import_bytes("delivery.zip", &file, &options()).await;
    assert_error(&report, None, "a ZIP file inside a ZIP file");
    let report = fixture.import_bytes("delivery.zip", &zipped(&[("a.pdf", b"%PDF")]), &options()).await;
    assert_error(&report, None, "holds no table");
    assert_eq!(fixture.store.content_hash().await.unwrap(), before);
}

#[tokio::test]
async fn a_zip_file_of_tables_that_expand_to_a_large_multiple_is_refused_before_one_is_expanded() {
    let fixture = Fixture::new(&LUECHOW[..4]).await;
    let before = fixture.store.content_hash().await.unwrap();
    let rows = "03354001;population;2015;17\n".repeat(200_000) + &"\n".repeat(12_000_000);
    let rows = long(&[]) + &rows;
    let tables = ["a.csv", "b.csv", "c.csv", "d.csv", "e.csv"].map(|name| (name, rows.as_bytes()));
    let file = zipped(&tables);
    assert!(file.len() * 200 < rows.len() * tables.len(), "{} bytes are packed enough", file.len());
    let report = fixture.import_bytes("bomb.zip", &file, &options()).await;
    assert_error(&report, None, "a large multiple of its size");
    assert_error(&report, None, "unpack it and import them one by one");
    assert!(!report.facts.contains_key("files"), "{report}");
    assert_eq!(fixture.store.content_hash().await.unwrap(), before);
}

#[tokio::test]
async fn a_member_of_a_zip_file_that_is_larger_than_it_says_is_refused() {
    let fixture = Fixture::new(&LUECHOW[..4]).await;
    let table = long(&[("03354001", "2015", "17")]);
    let mut file = zipped(&[("a.csv", table.as_bytes())]);
    let entry = file.windows(4).position(|bytes| bytes == b"PK\x01\x02").unwrap();
    file[entry + 24..entry + 28].copy_from_slice(&20_u32.to_le_bytes());
    let report = fixture.import_bytes("lie.zip", &file, &options()).await;
    assert_error(&report, None, "damaged");
}

#[tokio::test]
async fn of_many_tables_with_errors_in_a_zip_file_the_first_are_read() {
    let fixture = Fixture::new(&LUECHOW[..4]).await;
    let names: Vec<String> = (10..30).map(|n| format!("{n}.csv")).collect();
    let wrong = long(&[("03354001", "2016", "viele")]);
    let tables: Vec<_> = names.iter().map(|name| (name.as_str(), wrong.as_bytes())).collect();
    let report = fixture.import_bytes("many.zip", &zipped(&tables), &options()).await;
    assert_error(&report, None, "10 tables have errors; those from '20.csv' on were not read");
    assert_eq!(report.errors, 11);
}

#[tokio::test]
async fn a_table_that_repeats_a_region_without_end_is_not_read_to_its_end() {
    let fixture = Fixture::new(&LUECHOW[..4]).await;
    let table = long(&[]) + &"03354001;population;2015;17\n".repeat(300_000);
    let report = fixture.import_text(&table, &options()).await;
    assert_error(&report, Some(100_018), "population 2015 has more than 100016 values");
    assert_eq!((report.errors, &report.facts["rows"]), (1, &100_017.into()));
}

#[tokio::test]
async fn a_table_of_errors_is_not_read_to_its_end() {
    let fixture = Fixture::new(&LUECHOW[..4]).await;
    let table = long(&[]) + &"03354001;population;2015;viele\n".repeat(300_000);
    let report = fixture.import_text(&table, &options()).await;
    assert_error(&report, Some(100_002), "more than 100000 errors up to here; what follows was not read");
    assert_eq!((report.errors, report.problems.len()), (100_002, 1000));
}

#[tokio::test]
async fn a_table_of_too_many_periods_is_not_read_to_its_end() {
    let fixture = Fixture::new(&LUECHOW[..4]).await;
    let row = |n: usize| format!("03354001;population;{}..{};17\n", 1900 + n / 140, 2050 + n % 140);
    let table = long(&[]) + &(0..15_000).map(row).collect::<String>();
    let report = fixture.import_text(&table, &options()).await;
    assert_error(&report, Some(10_002), "more than 10000 periods");
}

const OLD_FFCSV: &str = "Statistik_Code;Statistik_Label;Zeit_Code;Zeit_Label;Zeit;1_Merkmal_Code;1_Merkmal_Label;1_Auspraegung_Code;1_Auspraegung_Label;2_Merkmal_Code;2_Merkmal_Label;2_Auspraegung_Code;2_Auspraegung_Label;BEVSTD__Bevölkerungsstand__Anzahl;BEVSTD__Bevölkerungsstand__q;ANT1__Anteil__Prozent
12411;Fortschreibung;STAG;Stichtag;31.12.2015;GEMEIN;Gemeinden;03354001;Bergen;GES;Geschlecht;;Insgesamt;1595;p;8,6
12411;Fortschreibung;STAG;Stichtag;31.12.2015;GEMEIN;Gemeinden;03354001;Bergen;GES;Geschlecht;GESW;weiblich;800;e;
12411;Fortschreibung;STAG;Stichtag;31.12.2015;GEMEIN;Gemeinden;03354002;Clenze;GES;Geschlecht;;Insgesamt;;.;-0,3
12411;Fortschreibung;STAG;Stichtag;31.12.2015;GEMEIN;Gemeinden;03354003;Damnatz;GES;Geschlecht;;Insgesamt;/;;x
12411;Fortschreibung;STAG;Stichtag;31.12.2015;GEMEIN;Gemeinden;03354004;Gartow;GES;Geschlecht;;Insgesamt;12;r;1,5
";

#[tokio::test]
async fn the_old_flat_file_of_genesis_is_read_by_its_codes_in_both_encodings() {
    let mapping = "[[series]]\nvalue = 'BEVSTD'\nindicator = 'population'\n[[series]]\nvalue = 'BEVSTD'\nattributes = { GES = 'GESW' }\nindicator = 'population-female'\n[[series]]\nvalue = 'ANT1__Anteil__Prozent'\nindicator = 'settlement-share'";
    let mut hashes = Vec::new();
    for bytes in [OLD_FFCSV.as_bytes(), &windows_1252(OLD_FFCSV)] {
        let fixture = Fixture::new(&LUECHOW[..4]).await;
        let report = fixture.import_bytes("ffcsv.csv", bytes, &of_indicator("population")).await;
        assert_error(&report, None, "BEVSTD__Bevölkerungsstand__Anzahl, ANT1__Anteil__Prozent");
        let report = fixture.import_bytes("ffcsv.csv", bytes, &mapped(mapping)).await;
        assert_stored(&report);
        assert_eq!(report.facts["layout"], "ffcsv");
        let column = fixture.column("population", "2015-12-31").await;
        assert_eq!([column.value(0), column.value(1), column.value(3)], [Some(1595.0), None, Some(12.0)]);
        let statuses = [Status::Preliminary, Status::Unknown, Status::Unreliable, Status::Revised];
        assert_eq!(column.statuses(), statuses);
        let column = fixture.column("settlement-share", "2015-12-31").await;
        assert_eq!([column.value(0), column.value(1), column.value(3)], [Some(8.6), Some(-0.3), Some(1.5)]);
        assert_eq!(column.status(2), Status::NotMeaningful);
        let column = fixture.column("population-female", "2015-12-31").await;
        assert_eq!((column.value(0), column.status(0)), (Some(800.0), Status::Valid));
        hashes.push(fixture.store.content_hash().await.unwrap());
    }
    assert_eq!(hashes[0], hashes[1]);
}

#[tokio::test]
async fn endless_lines_rows_and_widths_are_refused() {
    let fixture = Fixture::new(&LUECHOW[..1]).await;
    let line = [b"key;indicator;period;value\n".to_vec(), vec![b'7'; 3 << 20]].concat();
    assert_error(
        &fixture.import_bytes("line.csv", &line, &options()).await,
        Some(2),
        "more than 1000000 bytes",
    );
    let open = format!(
        "key;indicator;period;value\n03354001;\"population;2015;1\n{}",
        "03354001;1\n".repeat(900_000)
    );
    assert_error(&fixture.import_text(&open, &options()).await, None, "is a quote opened and never closed?");
    let wide = format!("key{}\n03354001{}\n", ";2015".repeat(100_000), ";1".repeat(100_000));
    assert_error(
        &fixture.import_text(&wide, &of_indicator("population")).await,
        Some(1),
        "more than 4096 columns",
    );
}
