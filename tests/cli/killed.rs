//! An import that is killed at any moment has stored everything or nothing, and the next one works.

use std::{
    collections::BTreeSet,
    fmt::Write as _,
    thread::sleep,
    time::{Duration, Instant},
};

use crate::{files, files::Dice, on_both_stores, person::Person};

/// How often an import is killed.
const KILLS: u32 = 10;

/// Columns and rows of the Gemeinden, so many that an import takes long enough to be killed.
const SIZE: (usize, usize) = (40, 49);

/// An atlas with many Gemeinden, an indicator and some values.
fn prepare(person: &Person) {
    person.prepares_atlas();
    person.write("many.geojson", files::grid(SIZE));
    person.succeeds(
        "import boundaries many.geojson --atlas a --level viele --key AGS --name GEN --edition 2020-01-01",
    );
    person.write("values-0.csv", table(0));
    person.succeeds(&import_values(0));
}

/// A table with other numbers in each round.
fn table(round: u32) -> String {
    let mut text = format!("{}\n", files::HEADER);
    for year in 1950..2020 {
        for (index, key) in files::keys_of(SIZE).iter().enumerate() {
            let value = (index * 37 + year * 11) % 5003 + round as usize;
            writeln!(text, "{key};population;{year};{value}").unwrap();
        }
    }
    text
}

fn import_values(round: u32) -> String {
    format!("import values values-{round}.csv --atlas a --level viele")
}

/// Boundaries of another level in each round, which the import makes too.
fn import_boundaries(round: u32) -> String {
    format!(
        "import boundaries many.geojson --atlas a --level runde-{round} --key AGS --name GEN --edition 2021-01-01"
    )
}

/// Kills imports at moments that are spread over the time that one takes. Each must leave the old content or the new
/// one, and must work when it is typed again.
fn kills(person: &Person, import: impl Fn(u32) -> String) {
    let start = Instant::now();
    person.succeeds(&import(1));
    let takes = start.elapsed();
    let mut dice = Dice(11);
    let mut left = Vec::new();
    for round in 2..2 + KILLS {
        let old = person.content();
        let part = (f64::from(round - 2) + dice.part()) / f64::from(KILLS);
        let killed = killed_after(person, &import(round), takes.mul_f64(part));
        let found = person.content();
        person.succeeds(&import(round));
        let new = person.content();
        assert_ne!(old, new, "each round brings something new");
        assert!([&old, &new].contains(&&found), "after {part:.2} of the time the store is in between");
        left.push((killed, found == old));
    }
    let cases: BTreeSet<_> = left.iter().collect();
    println!("an import takes {takes:?}; (killed, nothing stored): {left:?}");
    assert!(cases.iter().any(|(killed, old)| *killed && *old), "no import was killed before it was over");
}

/// Types a line and kills it; true if it was not over before.
fn killed_after(person: &Person, line: &str, delay: Duration) -> bool {
    let words: Vec<&str> = line.split_whitespace().collect();
    let mut child = person.command(&words).spawn().unwrap();
    sleep(delay);
    child.kill().unwrap();
    child.wait().unwrap().code().is_none()
}

on_both_stores! {
    fn a_release_that_is_killed_is_in_the_audit_log_if_it_was_made_and_only_then(person: &Person) {
        person.prepares_atlas();
        person.write("population.csv", files::long("population"));
        person.succeeds("import values population.csv --atlas a --level gemeinde");
        let line = "release population --atlas a --level gemeinde";
        let start = Instant::now();
        person.succeeds(line);
        let takes = start.elapsed();
        let mut dice = Dice(7);
        let mut seen = BTreeSet::new();
        for round in 0..2 * KILLS {
            // Most of the time goes by before something is written: the last part of it is cut finer.
            let part = 0.3 + 0.8 * (f64::from(round) + dice.part()) / f64::from(2 * KILLS);
            let killed = killed_after(person, line, takes.mul_f64(part));
            let released = person.succeeds("bundle list --atlas a").matches("\treleased\t").count();
            let logged = person.succeeds("audit export --atlas a").matches("\"bundle.released\"").count();
            assert_eq!(released, logged, "killed after {part:.2} of the time");
            seen.insert((killed, released));
        }
        println!("a release takes {takes:?}; (killed, released by then): {seen:?}");
        assert!(seen.iter().any(|(killed, _)| *killed), "no release was killed before it was over");
    }

    fn a_killed_import_of_values_stores_all_or_nothing(person: &Person) {
        prepare(person);
        for round in 1..2 + KILLS {
            person.write(&format!("values-{round}.csv"), table(round));
        }
        kills(person, import_values);
    }

    fn a_killed_import_of_boundaries_stores_all_or_nothing(person: &Person) {
        prepare(person);
        kills(person, import_boundaries);
    }
}
