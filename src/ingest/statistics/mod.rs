//! Statistics: CSV files and workbooks → series.
//!
//! Holds encodings, layouts, numbers and signs, the join by key, and the checks before anything is stored. Must not
//! know: HTTP, styles, releases, names of regions (they are never joined by name).
//!
//! Invariant: every number that is stored stands in the file, or is the quotient of two that do; a file with any error
//! changes nothing.
//!
//! # Layouts
//!
//! Recognised without help: the table export and the flat file (ffcsv, old and new form) of GENESIS, **long** tables with the
//! headers `key;indicator;period;value[;numerator;denominator;status;note]` (or German: `Schlüssel`/`AGS`/`ARS`,
//! `Indikator`, `Zeitraum`/`Stichtag`/`Jahr`, `Wert`, `Zähler`, `Nenner`, `Zeichen`, `Bemerkung`), and **wide** tables
//! with a column of keys whose other headers are periods (with an indicator) or indicators (with a period). Wide tables
//! may have titles above them, a header of up to four lines with merged cells, lines of units and of column numbers, and
//! notes below; the column of the keys is found by its cells where its header says nothing; a key may be spread over
//! columns `Land;RB;Kreis;VB;Gemeinde`. Columns that the catalogue does not know become draft indicators if that is
//! asked for.
//!
//! Workbooks (XLSX, ODS, XLS) are recognised by their content. A ZIP file with several tables is read like its tables one
//! by one, with the same options, in one transaction.
//!
//! # Mapping file
//!
//! All else is said by a TOML file. Columns are named by header or by number from 1; unknown keys are errors.
//!
//! ```toml
//! layout = "wide"                # long, wide, ffcsv or genesis; recognised where absent
//! sheet = "Tabelle 1"            # of a workbook; the first with a table where absent
//! header_row = 3                 # line of the header, its last one, from 1; found by structure where absent
//! header_rows = 2                # its number of lines if header_row is given; one where absent
//! delimiter = ";"                # of a text file; found by consistency where absent
//! decimal = ","                  # "," or "."; needed only where 1.234 could be both
//! key = "Gemeindeschlüssel"      # column of the keys, or of their parts: ["land", "rb", "kreis", "vb", "gemeinde"]
//! sign_profile = "din"           # whose legend: din, lsn, ba, database (-9999, ------, k.A., NA are missing), none
//! period_column = "Jahr"         # column of the periods, or
//! period = "2023"                # the period of all values
//! indicator_column = "Merkmal"   # long: column of the indicators, or
//! indicator = "population"       # the indicator of all values
//! value = "Wert"                 # long: columns
//! numerator = "Zähler"
//! denominator = "Nenner"
//! status = "Zeichen"             # name of a status, or a sign or flag
//! value_note = "Bemerkung"
//! region_variable = "GEMEIN"     # ffcsv: the variable that holds regions
//! source = "regionalstatistik"   # slug of a source of the catalogue
//! provenance = { kind = "exact" } # exact, rounded (base), cell-keyed (deviation), suppressed-at-source, survey, synthetic
//! note = { de = "Vorläufig", en = "Preliminary" }
//! break_before = false           # a change of method lies before the first period
//!
//! [signs]                        # zero, missing, suppressed, not-applicable, not-yet-available, unreliable, unknown,
//! "k. A." = "missing"            # not-meaningful
//!
//! [indicators]                   # names in the file → slugs of the catalogue
//! "Einwohner" = "population"
//!
//! [[columns]]                    # wide and genesis: one per value column
//! column = "Quote 2023"          # genesis: the header stack, "Insgesamt | Altersgruppen | unter 3 Jahre"
//! indicator = "day-care-rate"
//! period = "2023-03-01"
//! numerator = "Kinder 2023"
//! denominator = 7
//! status = "Zeichen 2023"        # wide: column of its flags
//! row = "Insgesamt"              # genesis with classified rows
//!
//! [[series]]                     # ffcsv: one per series; variables that are not named stand at their total
//! value = "BEV001"               # a code, in the old form also the whole header of the value column
//! attributes = { GES = "GESW" }
//! indicator = "population-female"
//! ```

mod assemble;
mod breaks;
mod bundle;
mod columns;
mod compare;
pub(super) mod database;
mod drafts;
mod ffcsv;
mod genesis;
mod header;
mod import;
mod key_parts;
mod keys;
pub(super) mod mapping;
mod names;
pub(super) mod number;
pub(super) mod privacy;
mod profile;
mod reading;
mod recognise;
pub(super) mod row;
mod rows;
mod settings;
pub(super) mod sheet;
mod signs;
pub(super) mod table;
mod tabular;
mod template;
pub(super) mod text;
mod workbook;

pub use import::{ValuesOptions, import_values};
pub use mapping::{ColumnRef, ColumnRule, KeyRef, LayoutKind, Mapping, MappingError, SeriesRule};
pub use number::{Decimal, SignMeaning};
pub use recognise::ProfileOptions;
pub use signs::SignProfile;
pub use template::{TemplateOptions, import_template};

pub(super) use mapping::normal_header;
pub(super) use settings::nearest;

use reading::Reading;
use settings::Settings;
use table::Table;

use crate::ingest::{Progress, Report};

/// Largest file that is read, in bytes. Its rows need several times as much memory.
const MAX_FILE: u64 = 512 << 20;

/// Reads a file of any layout. Problems are reported; `None` if nothing could be understood, or if the file was too much to
/// be read to its end.
fn understand(
    bytes: &[u8],
    settings: &Settings,
    report: &mut Report,
    progress: &dyn Progress,
) -> Option<Reading> {
    if bytes.trim_ascii().is_empty() {
        report.error(None, None, "This is no table: the file is empty; export it again.");
        return None;
    }
    let reading = if database::is_packed(bytes) {
        let sheet = database::unpack(bytes).map_err(|sentence| report.error(None, None, sentence)).ok()?;
        report.fact("format", "table of a database");
        tabular::read(&Table::Sheet(sheet), settings, report, progress)
    } else if sheet::is_zip(bytes) || sheet::is_compound(bytes) {
        workbook::understand(bytes, settings, report, progress)?
    } else {
        understand_text(bytes, settings, report, progress)?
    };
    report.fact("rows", reading.rows);
    report.fact("left_out", reading.left_out);
    report.fact("decimal", reading.decimal_found(settings));
    report.fact("first_values", reading.first.clone());
    let signs = reading.signs.iter().map(|(sign, count)| (sign.clone(), (*count).into())).collect();
    report.fact("signs", serde_json::Value::Object(signs));
    let empty = reading.series.iter().all(|series| series.cells.is_empty());
    if empty && !report.rejected() {
        let sentence = if reading.left_out > 0 {
            "No value is of the indicator and period asked for."
        } else {
            "There is no value in the file."
        };
        report.error(None, None, sentence);
    }
    (!reading.is_over()).then_some(reading)
}

fn understand_text(
    bytes: &[u8],
    settings: &Settings,
    report: &mut Report,
    progress: &dyn Progress,
) -> Option<Reading> {
    let decoded = match text::decode(bytes) {
        Ok(decoded) => decoded,
        Err(error) => {
            report.error(Some(error.line()), None, error.to_string());
            return None;
        }
    };
    report.fact("encoding", decoded.encoding);
    let text = &*decoded.text;
    let asked = settings.mapping.delimiter.and_then(|d| u8::try_from(d).ok().filter(u8::is_ascii));
    let is_genesis = genesis::is_table(text) || settings.mapping.layout == Some(LayoutKind::Genesis);
    let office = is_genesis.then_some(b';');
    let Some(delimiter) = asked.or(office).or_else(|| text::find_delimiter(text)) else {
        report.error(None, None, "This is no table: no line has two columns separated by ';', tab or ','.");
        return None;
    };
    report.fact("delimiter", char::from(delimiter).to_string());
    let table = Table::Text { text, delimiter };
    if is_genesis {
        report.fact("layout", "genesis");
        return Some(genesis::read(&table, settings, report, progress));
    }
    let headers = first_row(text, delimiter);
    if ffcsv::is_flat_file(&headers) || settings.mapping.layout == Some(LayoutKind::Ffcsv) {
        report.fact("layout", "ffcsv");
        return Some(ffcsv::read(&table, settings, report, progress));
    }
    Some(tabular::read(&table, settings, report, progress))
}

fn first_row(text: &str, delimiter: u8) -> Vec<String> {
    let mut record = csv::StringRecord::new();
    // A first row that cannot be read has no headers; the layout then reports what is wrong.
    let _ = text::RowReader::new(text, delimiter).read(&mut record);
    record.iter().map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use std::{
        io::{Cursor, Write as _},
        sync::Arc,
    };

    use proptest::prelude::*;

    use super::{
        assemble::{Context, Regions, assemble},
        keys::KeyIndex,
        *,
    };
    use crate::{
        ingest::{
            NoProgress,
            catalogue::{Catalogue, parse_catalogue, starter_catalogue},
        },
        store::NewSeries,
    };

    fn settings(indicator: Option<&str>) -> Settings {
        Settings {
            indicator: indicator.map(|slug| slug.parse().unwrap()),
            known: ["population", "births"].into_iter().map(|slug| slug.parse().unwrap()).collect(),
            ..Settings::plain()
        }
    }

    fn read(bytes: &[u8], indicator: Option<&str>) -> (Option<Reading>, Report) {
        let mut report = Report::new("test");
        let reading = understand(bytes, &settings(indicator), &mut report, &NoProgress);
        (reading, report)
    }

    const LONG: &str = "key;indicator;period;value\n03354001;population;2015;1.595,5\n03354002;births;2015;12\n03354003;births;2014;(7)\n";
    const WIDE: &str = "AGS,Name,2014,2015\n03354001,\"Bergen, Dumme\",1571,1595\n03354002,Clenze,-,2382\n";
    const GENESIS: &str = "GENESIS-Tabelle: 1\nTitel;;;\n;;31.12.2015;31.12.2015\n;;Insgesamt;weiblich\nDG;Deutschland;82;41\n03354;  Lüchow;50;25\n__________\nFuss\n";
    const FFCSV: &str = "statistics_code;time_code;time;1_variable_code;1_variable_attribute_code;2_variable_code;2_variable_attribute_code;value;value_unit;value_variable_code\n1;JAHR;2023;GEMEIN;03354025;GES;;-0,3;Anzahl;BEV\n1;JAHR;2023;GEMEIN;03354025;GES;GESW;8;Anzahl;BEV\n";

    const OLD_FFCSV: &str = "Statistik_Code;Zeit_Code;Zeit;1_Merkmal_Code;1_Auspraegung_Code;2_Merkmal_Code;2_Auspraegung_Code;BEV__Bestand__Anzahl;BEV__Bestand__q\n1;STAG;31.12.2023;GEMEIN;03354025;GES;;17,5;p\n1;STAG;31.12.2023;GEMEIN;03354025;GES;GESW;8;e\n";
    const STACKED: &str = "Titel;;;\n;;Einwohner;\nAGS;Name;2014;2015\n;;Anzahl;Anzahl\n03354001;A;1.595,5;12\n03354002;B;'7;-\nQuelle: x;;;\n";
    const PARTS: &str = "Land;RB;Kreis;VB;Gem;2015\n3;3;54;5403;5;1 234\n03;3;54;403;006;(7)\n";

    /// The series of a table, over regions of which some stand in it.
    fn series_of(bytes: &[u8], report: &mut Report) -> Vec<NewSeries> {
        let keys = ["03354001", "03354002", "03354003", "03354005", "03354006", "03354025"];
        let index = KeyIndex::new(keys.into_iter(), std::iter::once("03354"));
        let settings = Settings { keys: Arc::new(index), ..settings(Some("population")) };
        let Some(reading) = understand(bytes, &settings, report, &NoProgress) else { return Vec::new() };
        let read: Vec<&str> = reading.keys.list().iter().map(|(key, _)| &**key).collect();
        let regions = Regions {
            level: "gemeinde".parse().unwrap(),
            edition: "2023-12-31".parse().unwrap(),
            keys: keys.iter().map(|key| key.parse().unwrap()).collect(),
            inhabited: vec![true; keys.len()],
            bounded: vec![true; keys.len()],
        };
        let starter = starter_catalogue().as_bytes();
        let (catalogue, _) = parse_catalogue(starter, "starter.toml", &Catalogue::default());
        let indicators = catalogue.indicators.into_iter().map(|one| (one.slug.clone(), one)).collect();
        let join = settings.keys.join(&read);
        let mapping = &settings.mapping;
        assemble(
            &reading,
            &Context { regions: &regions, join: &join, indicators: &indicators, mapping },
            report,
        )
    }

    fn mutated(which: usize, edits: &[(prop::sample::Index, String, bool)]) -> String {
        let mut text = [LONG, WIDE, GENESIS, FFCSV, OLD_FFCSV, STACKED, PARTS][which].to_owned();
        for (at, insert, remove) in edits {
            let at = (0..=at.index(text.len() + 1)).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0);
            let end = text[at..].chars().next().filter(|_| *remove).map_or(at, |c| at + c.len_utf8());
            text.replace_range(at..end, insert);
        }
        text
    }

    fn edits() -> impl Strategy<Value = Vec<(prop::sample::Index, String, bool)>> {
        let insert = "[-;,.\"\n0-9a-zß()]{0,3}";
        proptest::collection::vec((any::<prop::sample::Index>(), insert, any::<bool>()), 0..6)
    }

    fn zipped(members: &[(String, String)]) -> Vec<u8> {
        let mut writer = zip::ZipWriter::new(Cursor::new(Vec::new()));
        for (name, text) in members {
            writer.start_file(name, zip::write::SimpleFileOptions::default()).unwrap();
            writer.write_all(text.as_bytes()).unwrap();
        }
        writer.finish().unwrap().into_inner()
    }

    #[test]
    fn each_layout_is_recognised() {
        for (text, layout, observations) in [
            (LONG, "long", 3),
            (WIDE, "wide", 4),
            (GENESIS, "genesis", 2),
            (FFCSV, "ffcsv", 1),
            (OLD_FFCSV, "ffcsv", 1),
        ] {
            let indicator = (text != LONG).then_some("population");
            let (reading, report) = read(text.as_bytes(), indicator);
            assert!(!report.rejected(), "{report}");
            assert_eq!(report.facts["layout"], layout);
            let seen: usize = reading.unwrap().series.iter().map(|series| series.cells.len()).sum();
            assert_eq!(seen, observations, "{layout}");
        }
    }

    #[test]
    fn a_table_shifted_by_a_missing_delimiter_is_reported_with_its_line() {
        let (_, report) =
            read(GENESIS.replace("DG;Deutschland;82", "DG;Deutschland").as_bytes(), Some("population"));
        assert!(report.rejected() && report.problems[0].line == Some(5), "{report}");
    }

    #[test]
    fn a_quote_that_is_never_closed_is_reported() {
        let (_, report) = read(LONG.replace("births;2015", "\"births;2015").as_bytes(), None);
        assert!(report.rejected() && report.problems[0].line == Some(3), "{report}");
    }

    #[test]
    fn a_line_broken_anywhere_is_understood_or_refused() {
        let settings = Settings { drafting: true, ..settings(None) };
        for text in [LONG, WIDE, GENESIS, FFCSV] {
            for (at, _) in text.char_indices() {
                let broken = format!("{};\n{}", &text[..at], &text[at..]);
                let mut report = Report::new("test");
                let reading = understand(broken.as_bytes(), &settings, &mut report, &NoProgress);
                assert!(reading.is_some() || report.rejected(), "{broken}");
            }
        }
    }

    proptest! {
        #[test]
        fn arbitrary_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..400), start in 0..3_usize) {
            let start: &[u8] = [b"", b"PK\x03\x04".as_slice(), b"\xD0\xCF\x11\xE0\xA1\xB1\x1A\xE1"][start];
            let bytes = [start, &bytes].concat();
            let _ = read(&bytes, Some("population"));
        }

        #[test]
        fn mutated_tables_never_panic_and_give_only_numbers_of_the_file(
            which in 0..7_usize,
            drafting in any::<bool>(),
            edits in edits(),
        ) {
            let text = mutated(which, &edits);
            let settings = Settings { drafting, ..settings((!drafting).then_some("population")) };
            let reading = understand(text.as_bytes(), &settings, &mut Report::new("test"), &NoProgress);
            let digits: String = text.chars().filter(char::is_ascii_digit).collect();
            for cell in reading.iter().flat_map(|reading| &reading.series).flat_map(|series| &series.cells) {
                if !cell.value.is_nan() && cell.value.abs() < 1e15 {
                    let number: String = cell.value.to_string().chars().filter(char::is_ascii_digit).collect();
                    prop_assert!(digits.contains(number.trim_matches('0')), "{} in {text}", cell.value);
                }
            }
        }

        #[test]
        fn values_of_mutated_tables_in_a_zip_file_stand_in_one_of_them(
            tables in proptest::collection::vec((0..7_usize, edits()), 1..4),
            damage in prop::option::weighted(0.2, (any::<prop::sample::Index>(), any::<u8>())),
        ) {
            let name = |at: usize| format!("{at}.csv");
            let tables: Vec<_> =
                tables.iter().enumerate().map(|(at, (which, edits))| (name(at), mutated(*which, edits))).collect();
            let mut file = zipped(&tables);
            if let Some((at, byte)) = damage {
                let at = at.index(file.len());
                file[at] = byte;
            }
            let texts: Vec<String> =
                tables.iter().map(|(_, text)| text.chars().filter(char::is_ascii_digit).collect()).collect();
            let series = bundle::read(&file, &mut Report::new("test"), &mut series_of);
            for value in series.iter().flat_map(|series| series.column.numbers()).filter(|value| value.abs() < 1e15) {
                let number: String = value.to_string().chars().filter(char::is_ascii_digit).collect();
                prop_assert!(texts.iter().any(|text| text.contains(number.trim_matches('0'))), "{value} in {tables:?}");
            }
        }
    }
}
