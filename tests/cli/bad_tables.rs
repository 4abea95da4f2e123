//! Tables that must not be stored: each is rejected with its place and a sentence, and the store stays as it is.

use crate::{files, files::HEADER, on_both_stores, person::Person};

/// Rejects a file of values of Gemeinden.
fn rejects(person: &Person, name: &str, content: impl AsRef<[u8]>) -> crate::person::Report {
    person.write(name, content);
    person.rejected(&format!("import values {name} --atlas a --level gemeinde"))
}

on_both_stores! {
    fn a_table_with_one_wrong_row_is_rejected_with_its_line_and_column(person: &Person) {
        person.prepares_atlas();
        let good = "03354001;population;2020;1";
        for (name, row, column, words) in [
            ("unknown-key.csv", "03359999;population;2020;2", Some("key"), ["'03359999'", "not in level 'gemeinde'"]),
            ("twice.csv", "03354001;population;2020;2", Some("key"), ["second value", "'03354001'"]),
            ("indicator.csv", "03354002;populatoin;2020;2", Some("indicator"), ["no indicator 'populatoin'", "population"]),
            ("period.csv", "03354002;population;gestern;2", Some("period"), ["'gestern' is no period", "2023"]),
            ("number.csv", "03354002;population;2020;viele", Some("value"), ["'viele' is neither a number", "[signs]"]),
            ("shifted.csv", "03354002;;population;2020;2", None, ["has 5 columns, the header has 4", "delimiter"]),
            ("short.csv", "03354002;population;2020", None, ["has 3 columns, the header has 4", "delimiter"]),
            ("empty-key.csv", ";population;2020;2", Some("key"), ["key is empty", "row"]),
        ] {
            let report = rejects(person, name, format!("{HEADER}\n{good}\n{row}\n03354003;population;2020;3\n"));
            report.says(Some(3), column, &words);
        }
    }

    fn a_workbook_with_a_failed_formula_is_rejected_with_its_cell(person: &Person) {
        person.prepares_atlas();
        let report = rejects(person, "formula.xlsx", files::faulty_formula());
        report.says(Some(3), Some("value"), &["formula", "#DIV/0!", "correct it"]);
    }

    fn what_is_no_table_is_rejected(person: &Person) {
        person.prepares_atlas();
        let workbook = files::wide();
        rejects(person, "cut.xlsx", &workbook[..workbook.len() / 2]).says(None, None, &["damaged", "save it again"]);
        let mut broken = workbook;
        let middle = broken.len() / 2;
        broken[middle - 200..middle].fill(0);
        rejects(person, "broken.xlsx", broken).says(None, None, &["damaged"]);
        rejects(person, "broken.zip", [b"PK\x03\x04".as_slice(), &files::noise(1 << 16)].concat())
            .says(None, None, &["damaged or no XLSX, ODS or XLS file"]);
        rejects(person, "empty.csv", "").says(None, None, &["empty"]);
        rejects(person, "header.csv", format!("{HEADER}\n")).says(None, None, &["no value"]);
        let noise = rejects(person, "noise.csv", files::noise(4 << 20));
        assert!(noise.report["errors"].as_u64().is_some_and(|n| n > 0), "{}", noise.text);
        assert!(noise.text.len() < 1 << 20, "a report is shorter than the noise");
    }

    fn a_check_without_storing_leaves_no_trace(person: &Person) {
        person.prepares_atlas();
        person.write("population.csv", files::long("population"));
        person.write("new.geojson", files::gemeinden());
        let before = person.content();
        for line in [
            "import values population.csv --atlas a --level gemeinde",
            "import catalogue starter --atlas a",
            "import boundaries new.geojson --atlas a --level neu --key AGS --name GEN",
        ] {
            let said = person.succeeds(&format!("{line} --dry-run"));
            assert!(said.ends_with("checked, nothing was stored\n"), "{said}");
            assert_eq!(person.content(), before, "{line}");
        }
        person.succeeds("import values population.csv --atlas a --level gemeinde");
        assert_ne!(person.content(), before);
    }
}

#[test]
fn a_column_shifted_in_every_row_is_rejected() {
    Person::with_file(|person| {
        person.prepares_atlas();
        let shifted = files::long("population").replace(";population;", ";;population;").replace(";;", ";x;");
        let shifted = shifted.replace(HEADER, "key;indicator;period;value;note");
        let report = rejects(person, "shifted.csv", shifted);
        report.says(Some(2), Some("indicator"), &["no indicator 'x'"]);
    });
}

#[test]
fn options_that_do_not_fit_are_rejected_with_what_there_is() {
    Person::with_file(|person| {
        person.prepares_atlas();
        person.write("population.csv", files::long("population"));
        let import = "import values population.csv --atlas a";
        person.rejected(&format!("{import} --level bezirk")).says(
            None,
            None,
            &["no level 'bezirk'", "kreis, gemeinde"],
        );
        person.rejected(&format!("{import} --level gemeinde --edition 2001-01-01")).says(
            None,
            None,
            &["no edition of 2001-01-01", "2019-12-31"],
        );
        person.rejected(&format!("{import} --level gemeinde --indicator populatoin")).says(
            None,
            None,
            &["no indicator 'populatoin'", "population"],
        );
        person.fails("import values nowhere.csv --atlas a --level gemeinde", 1, &["cannot read nowhere.csv"]);
        person.write("m.toml", "kye = \"AGS\"\n");
        person.fails(
            &format!("{import} --level gemeinde --mapping m.toml"),
            1,
            &["the mapping m.toml cannot be used", "line 1", "kye"],
        );
        person.fails(
            &format!("{import} --level gemeinde --mapping none.toml"),
            1,
            &["cannot read the mapping none.toml"],
        );
    });
}

#[test]
fn of_very_many_mistakes_a_thousand_are_listed_and_all_are_counted() {
    Person::with_file(|person| {
        person.prepares_atlas();
        for (name, row) in [("keys.csv", "9#;population;2020;1"), ("indicators.csv", "03354001;x#;2020;1")] {
            let rows = (0..50_000).map(|n| format!("\n{}", row.replace('#', &format!("{n:07}"))));
            let report = rejects(person, name, format!("{HEADER}{}", rows.collect::<String>()));
            assert_eq!(report.report["errors"], 50_000, "{name}");
            assert_eq!(report.report["problems"].as_array().map(Vec::len), Some(1000), "{name}");
            let unlisted = format!("… and {} more", report.report["unlisted"]);
            assert!(report.text.contains(&unlisted), "the text does not end with '{unlisted}'");
        }
    });
}
