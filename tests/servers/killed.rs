//! `kill -9` of the database in the middle of something: afterwards all of it happened, or nothing.

use std::{collections::BTreeSet, fmt::Write as _, thread, time::Instant};

use crate::{cluster::Cluster, files, files::Dice, person::Person};

/// How often the database is killed in the middle of each thing.
const KILLS: u32 = 8;

/// Columns and rows of the Gemeinden, so many that an import takes long enough.
const SIZE: (usize, usize) = (40, 49);

fn prepare(person: &Person) {
    person.prepares_atlas();
    person.write("many.geojson", files::grid(SIZE));
    person.succeeds(
        "import boundaries many.geojson --atlas a --level viele --key AGS --name GEN --edition 2020-01-01",
    );
}

/// A table with other numbers in each round.
fn table(round: u32) -> String {
    let mut text = format!("{}\n", files::HEADER);
    for year in 1990..2020 {
        for (index, key) in files::keys_of(SIZE).iter().enumerate() {
            let value = 5000 + (index * 37 + year * 11) % 5003 + round as usize;
            writeln!(text, "{key};population;{year};{value}").unwrap();
        }
    }
    text
}

/// Kills the database at moments that are spread over the time that a command takes. Each must leave the old content or the
/// new one, and the command must work when it is typed again.
fn kills(cluster: &Cluster, person: &Person, line: impl Fn(u32) -> String) {
    let start = Instant::now();
    person.succeeds(&line(1));
    let takes = start.elapsed();
    let (mut dice, mut left) = (Dice(11), Vec::new());
    for round in 2..2 + KILLS {
        let old = person.content();
        let words = line(round);
        let words: Vec<&str> = words.split_whitespace().collect();
        let part = (f64::from(round - 2) + dice.part()) / f64::from(KILLS);
        let mut child = person.command(&words).spawn().unwrap();
        thread::sleep(takes.mul_f64(part));
        cluster.kill();
        let done = child.wait().unwrap().success();
        cluster.start();
        let found = person.content();
        person.succeeds(&line(round));
        let new = person.content();
        assert_ne!(old, new, "each round brings something new");
        assert!([&old, &new].contains(&&found), "after {part:.2} of the time the store is in between");
        assert!(!done || found == new, "what was said to be done is not there");
        left.push((done, found == old));
    }
    println!("it takes {takes:?}; (said to be done, nothing stored): {left:?}");
    let cases: BTreeSet<_> = left.into_iter().collect();
    assert!(cases.contains(&(false, true)), "the database was never killed before it was over");
}

#[test]
fn an_import_whose_database_is_killed_stores_all_or_nothing() {
    let Some(cluster) = Cluster::new() else { return };
    let person = Person::with_store(cluster.url());
    prepare(&person);
    for round in 1..2 + KILLS {
        person.write(&format!("values-{round}.csv"), table(round));
    }
    kills(&cluster, &person, |round| format!("import values values-{round}.csv --atlas a --level viele"));
}

#[test]
fn a_release_whose_database_is_killed_publishes_all_or_nothing() {
    let Some(cluster) = Cluster::new() else { return };
    let person = Person::with_store(cluster.url());
    prepare(&person);
    person.write("values.csv", table(0));
    person.succeeds("import values values.csv --atlas a --level viele");
    // Each release is another one: its number counts.
    kills(&cluster, &person, |_| "release population --atlas a --level viele".to_owned());
}

#[test]
fn a_migration_whose_database_is_killed_happens_as_a_whole_or_not_at_all() {
    let Some(cluster) = Cluster::new() else { return };
    let person = Person::with_store(cluster.url());
    let tables = || {
        let sql = "SELECT count(*)::text || ' ' || coalesce(max(c.relname), '') FROM pg_class c JOIN pg_namespace n \
                   ON n.oid = c.relnamespace WHERE n.nspname = 'kommunalatlas'";
        cluster.ask(sql)
    };
    let begin_anew = || {
        cluster.tamper(
            "DROP SCHEMA IF EXISTS kommunalatlas, kommunalatlas_public, kommunalatlas_access CASCADE",
        );
        cluster.tamper("CREATE SCHEMA kommunalatlas");
        let first = include_str!("../../migrations/postgres/0001_atlas.sql");
        cluster.tamper(&format!("SET search_path = kommunalatlas, public; {first}"));
        cluster.tamper("UPDATE kommunalatlas.state SET schema_version = 1");
    };
    begin_anew();
    let before = tables();
    let start = Instant::now();
    person.succeeds("migrate");
    let (takes, after) = (start.elapsed(), tables());
    assert_ne!(before, after);
    let (mut dice, mut whole, mut nothing) = (Dice(5), 0, 0);
    for round in 0..KILLS {
        begin_anew();
        let part = (f64::from(round) + dice.part()) / f64::from(KILLS);
        let mut child = person.command(&["migrate"]).spawn().unwrap();
        thread::sleep(takes.mul_f64(part));
        cluster.kill();
        child.wait().unwrap();
        cluster.start();
        let version = cluster.ask("SELECT schema_version FROM kommunalatlas.state");
        let found = tables();
        if version == "1" {
            nothing += 1;
            assert_eq!(found, before, "a part of the migration is there");
        } else {
            whole += 1;
            assert_eq!(found, after, "a part of the migration is missing");
        }
        person.succeeds("migrate");
        assert_eq!(tables(), after);
        person.succeeds("atlas create a");
    }
    println!(
        "a migration takes {takes:?}; killed, {nothing} times nothing had happened, {whole} times all of it"
    );
    assert!(nothing > 0, "the database was never killed before it was over");
}
