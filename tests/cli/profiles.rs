//! Mappings that are saved and used again.

use std::fmt::Write as _;

use serde_json::Value;

use crate::{
    files::{self, keys},
    on_both_stores,
    person::Person,
};

/// A table of an office with two counts of a year, under a title line.
fn table(year: i32, headers: [&str; 3]) -> String {
    let mut text =
        format!("Kinder in Kitas, Stand {year}\n{};Ort;{};{}\n", headers[0], headers[1], headers[2]);
    for (index, key) in keys().iter().enumerate() {
        writeln!(text, "{key};Ort {index};{};{}\n", 100 + index, year + index as i32).unwrap();
    }
    text
}

fn of_year(year: i32) -> String {
    table(year, ["Gemeindenummer", &format!("Plätze {year}"), &format!("Kinder {year}")])
}

const MAPPING: &str = "header_row = 2\nkey = \"Gemeindenummer\"\n[[columns]]\ncolumn = \"Kinder 2020\"\n\
    indicator = \"population\"\nperiod = \"2020-03-01\"\n";

/// An atlas with the profile `kita`, saved with the table of 2020.
fn saved(person: &Person) {
    person.prepares_atlas();
    person.write("kita2020.csv", of_year(2020));
    person.write("kita.toml", MAPPING);
    person.succeeds(
        "import values kita2020.csv --atlas a --level gemeinde --mapping kita.toml --save-profile kita",
    );
}

fn report(person: &Person, line: &str) -> Value {
    serde_json::from_str(&person.succeeds(&format!("{line} --report json"))).unwrap()
}

on_both_stores! {
    fn the_file_of_the_next_year_needs_no_mapping(person: &Person) {
        saved(person);
        person.write("kita2021.csv", of_year(2021));
        let said = report(person, "import values kita2021.csv --atlas a --level gemeinde");
        assert_eq!(said["facts"]["profile"], "kita", "{said}");
        assert_eq!(said["facts"]["series_new"], 1, "{said}");
        let check = person.succeeds("check");
        assert!(check.contains("indicator population: 2 series"), "{check}");
        assert!(person.succeeds("profile list --atlas a").starts_with("kita\tgemeinde\t"));
        let shown = person.succeeds("profile show kita --atlas a");
        assert!(shown.contains("# Header: Gemeindenummer ; Ort ; Plätze 2020 ; Kinder 2020"), "{shown}");
        assert!(shown.ends_with(MAPPING), "{shown}");
        assert_eq!(person.succeeds("profile remove kita --atlas a"), "profile kita removed\n");
        assert!(person.succeeds("profile list --atlas a").is_empty());
        person.fails("profile show kita --atlas a", 1, &["no profile 'kita'"]);
        person.fails("profile remove kita --atlas a", 1, &["kita"]);
    }

    fn a_changed_header_is_refused_with_its_difference(person: &Person) {
        saved(person);
        person.write("changed.csv", table(2021, ["Gemeindenummer", "Einrichtungen", "Kinder 2021"]));
        let line = "import values changed.csv --atlas a --level gemeinde";
        person.rejected(line).says(None, None, &["gone: 'Plätze 2020'", "new: 'Einrichtungen'", "--profile kita"]);
        let said = report(person, &format!("{line} --profile kita"));
        assert_eq!(said["problems"][0]["severity"], "warning", "{said}");
        assert_eq!(said["committed"], true);
        person.write("renamed.csv", table(2022, ["Gemeindenummer", "Plätze 2022", "Kinderzahl 2022"]));
        person
            .rejected("import values renamed.csv --atlas a --level gemeinde --profile kita")
            .says(None, None, &["'Kinder 2020'", "is not there"]);
        person
            .rejected("import values renamed.csv --atlas a --level gemeinde --profile schule")
            .says(None, None, &["no profile 'schule'", "kita"]);
    }
}

#[test]
fn a_fixed_period_is_asked_for_again() {
    Person::with_file(|person| {
        person.prepares_atlas();
        person.write("quoten.xlsx", files::wide());
        person.write("quoten.toml", files::wide_mapping());
        let line = "import values quoten.xlsx --atlas a --level gemeinde";
        person.succeeds(&format!("{line} --mapping quoten.toml --save-profile quoten"));
        person.rejected(line).says(None, None, &["2020-03-01", "--period"]);
        let said = report(person, &format!("{line} --period 2021-03-01"));
        assert_eq!(said["facts"]["series"], 2, "{said}");
        assert_eq!(said["facts"]["series_new"], 1, "2021; 2020 is replaced: {said}");
        person.fails(&format!("{line} --save-profile b"), 2, &["--mapping"]);
    });
}

#[test]
fn nothing_is_saved_in_a_dry_run_or_with_a_rejected_file() {
    Person::with_file(|person| {
        person.prepares_atlas();
        person.write("kita.csv", of_year(2020));
        person.write("kita.toml", MAPPING);
        let line =
            "import values kita.csv --atlas a --level gemeinde --mapping kita.toml --save-profile kita";
        person.succeeds(&format!("{line} --dry-run"));
        assert!(person.succeeds("profile list --atlas a").is_empty());
        person.write("kita.csv", of_year(2020).replace(";100;", ";hundert;").replace(";2020\n", ";viele\n"));
        person.rejected(line);
        assert!(person.succeeds("profile list --atlas a").is_empty());
    });
}
