//! Successions, compositions and series made from others, as they are typed.

use std::fmt::Write as _;

use serde_json::Value;

use crate::{files, on_both_stores, person::Person};

/// An atlas with the Gemeinden of 2019, two years of them, and the boundaries of 2021: 03354001 and 03354002 are one.
fn prepare(person: &Person) {
    person.prepares_atlas();
    person.write("population.csv", files::long("population"));
    person.succeeds("import values population.csv --atlas a --level gemeinde");
    let merged =
        files::gemeinden().replace("03354002", "03354001").replace("Gebiet 03354002", "Gebiet 03354001");
    person.write("merged.geojson", merged);
    let flags = files::GEMEINDEN_FLAGS.replace("2019-12-31", "2021-12-31");
    person.succeeds(&format!("import boundaries merged.geojson {flags}"));
}

/// The facts and problems of a report.
fn report(person: &Person, line: &str) -> Value {
    let done = person.types(&format!("{line} --report json"));
    assert_eq!(done.status, Some(0), "{line}\n{done:?}");
    serde_json::from_str(&done.out).unwrap()
}

on_both_stores! {
    fn a_merger_is_carried_to_the_new_boundaries(person: &Person) {
        prepare(person);
        let said = person.succeeds("derive editions --atlas a --level gemeinde");
        assert!(said.contains("no succession says what became of 1 regions"), "{said}");
        person.write("successions.csv", "Schlüssel alt;Schlüssel neu;Anteil;gültig ab\n03354002;03354001;1;01.11.2021\n");
        let before = person.content();
        let dry = report(person, "import successions successions.csv --atlas a --level gemeinde --dry-run");
        assert_eq!((&dry["committed"], &dry["facts"]["successions"]), (&false.into(), &1.into()));
        assert_eq!(person.content(), before);
        person.succeeds("import successions successions.csv --atlas a --level gemeinde");
        let again = report(person, "import successions successions.csv --atlas a --level gemeinde");
        assert_eq!((&again["committed"], &again["facts"]["unchanged"]), (&false.into(), &true.into()));

        let made = report(person, "derive editions --atlas a --level gemeinde --indicator population");
        assert_eq!((&made["committed"], &made["facts"]["series_new"]), (&true.into(), &2.into()), "{made}");
        let again = report(person, "derive editions --atlas a --level gemeinde");
        assert_eq!((&again["committed"], &again["facts"]["series_unchanged"]), (&false.into(), &2.into()), "{again}");
        let parents = report(person, "derive parents --atlas a --level kreis --from gemeinde");
        assert_eq!(parents["facts"]["series_new"], 2, "{parents}");
        let pooled = report(person, "derive pooled --atlas a --level kreis --indicator population --years 2");
        assert_eq!(pooled["facts"]["series_new"], 1, "{pooled}");
        assert_eq!(person.succeeds("derive outdated --atlas a"), "");

        let changed = files::long("population").replace(";1019\n", ";1020\n");
        person.write("changed.csv", changed);
        let said = person.succeeds("import values changed.csv --atlas a --level gemeinde --edition 2019-12-31");
        assert!(said.contains("are out of date with this") && said.contains("derive editions --atlas a --level gemeinde"), "{said}");
        assert!(person.succeeds("derive outdated --atlas a").contains("derive pooled"));
    }

    fn a_new_year_on_other_boundaries_has_a_break_unless_a_succession_joins_them(person: &Person) {
        prepare(person);
        let table = files::long("population").replace(";2020;", ";2022;").replace(";2019;", ";2021;");
        person.write("new.csv", table.lines().filter(|line| !line.starts_with("03354002")).fold(String::new(), |t, l| t + l + "\n"));
        let import = "import values new.csv --atlas a --level gemeinde --dry-run";
        let said = person.succeeds(import);
        assert!(said.contains("population 2021 is on other boundaries than the period before") && !said.contains("population 2022 is"), "{said}");
        person.write("successions.csv", "old key;new key\n03354002;03354001\n");
        person.succeeds("import successions successions.csv --atlas a --level gemeinde --date 2021-11-01");
        assert!(!person.succeeds(import).contains("other boundaries"));
    }

    fn regions_are_composed_of_smaller_ones_and_get_their_values(person: &Person) {
        person.prepares_atlas();
        let mut table = String::from("Gemeindeschlüssel;Sozialraum;Bezeichnung\n");
        for (at, key) in files::keys().iter().enumerate() {
            let (space, name) = if key.starts_with("03355") { ("S", "Ost") } else { ["N1", "N2"].map(|n| (n, n))[at % 2] };
            writeln!(table, "{key};{space};{name}").unwrap();
        }
        person.write("raeume.csv", &table);
        let import = "import composition raeume.csv --atlas a --level sozialraum --from gemeinde";
        let made = report(person, &format!("{import} --level-title Sozialräume"));
        assert_eq!((&made["committed"], &made["facts"]["regions"]), (&true.into(), &3.into()), "{made}");
        assert_eq!(made["facts"]["parents"]["kreis"]["matched"], 3, "{made}");
        person.write("population.csv", files::long("population"));
        person.succeeds("import values population.csv --atlas a --level gemeinde");
        let sums = report(person, "derive parents --atlas a --level sozialraum --from gemeinde");
        assert_eq!(sums["facts"]["series_new"], 2, "{sums}");
        let first = files::keys()[0].clone();
        person.write("twice.csv", format!("{table}{first};S;Ost\n"));
        let import = "import composition twice.csv --atlas a --level anders --from gemeinde";
        person.rejected(import).says(Some(10), Some("part key"), &["belongs to 'N1' in line 2 already"]);
        assert!(person.succeeds("check").contains("level sozialraum, edition 2019-12-31: 3 regions"));
    }

    fn bad_tables_of_successions_are_rejected_with_their_lines(person: &Person) {
        prepare(person);
        let import = "import successions bad.csv --atlas a --level gemeinde";
        let header = "old key;new key;share;date\n";
        person.write("bad.csv", format!("{header}03354002;03354001;0,5;2021-11-01\n"));
        person.rejected(import).says(Some(2), None, &["The shares of '03354002' sum to 0.5"]);
        person.write("bad.csv", format!("{header}03354002;03354009;1;2021-11-01\n"));
        person.rejected(import).says(Some(2), None, &["'03354009' is not in the edition on or after 2021-11-01"]);
        person.write("bad.csv", format!("{header}03354002;03354001;1;2021-11-01\n03354002;03354001;1;2021-11-01\n"));
        person.rejected(import).says(Some(2), None, &["sum to 2"]);
        person.write("bad.csv", "a;b\n1;2\n");
        person.rejected(import).says(None, None, &["the first one has: a, b"]);
    }
}
