//! `kill -9` of the database in the middle of something: afterwards all of it happened, or nothing.

use std::{collections::BTreeSet, fmt::Write as _, thread, time::Instant};

use crate::{cluster::Cluster, files, files::Dice, person::Person};

/// How often the database is killed in the middle of each thing.
const KILLS: usize = 8;

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
fn table(round: usize) -> String {
    let mut text = format!("{}\n", files::HEADER);
    for year in 1990..2020 {
        for (index, key) in files::keys_of(SIZE).iter().enumerate() {
            let value = 5000 + (index * 37 + year * 11) % 5003 + round;
            writeln!(text, "{key};population;{year};{value}").unwrap();
        }
    }
    text
}

/// Somebody whose store is a file that nobody kills.
fn twin(folder: &tempfile::TempDir) -> Person {
    Person::with_store(folder.path().join("twin.gpkg").to_str().unwrap().to_owned())
}

/// Kills the database at moments that are spread over the time that a command takes; `line` is the one that is typed first,
/// second and so on. The content must be that of before or that of after, which a twin says who types the same lines, and
/// what was not done must work when it is typed again.
fn kills(cluster: &Cluster, person: &Person, twin: &Person, line: impl Fn(usize) -> String) {
    let mut contents = vec![twin.content()];
    let mut after = |acts: usize| {
        while contents.len() <= acts {
            twin.succeeds(&line(contents.len()));
            contents.push(twin.content());
        }
        contents[acts].clone()
    };
    let start = Instant::now();
    person.succeeds(&line(1));
    let takes = start.elapsed();
    let (mut dice, mut left) = (Dice(11), Vec::new());
    for acts in 1..=KILLS {
        let words = line(acts + 1);
        let words: Vec<&str> = words.split_whitespace().collect();
        let part = ((acts - 1) as f64 + dice.part()) / KILLS as f64;
        let mut child = person.command(&words).spawn().unwrap();
        thread::sleep(takes.mul_f64(part));
        cluster.kill();
        let done = child.wait().unwrap().success();
        cluster.start();
        let found = person.content();
        let (old, new) = (after(acts), after(acts + 1));
        assert_ne!(old, new, "each round brings something new");
        assert!([&old, &new].contains(&&found), "after {part:.2} of the time the store is in between");
        assert!(!done || found == new, "what was said to be done is not there");
        if found == old {
            person.succeeds(&line(acts + 1));
            assert_eq!(person.content(), new, "typed again it does something else");
        }
        left.push((done, found == old));
    }
    println!("it takes {takes:?}; (said to be done, nothing stored): {left:?}");
    let cases: BTreeSet<_> = left.into_iter().collect();
    assert!(cases.contains(&(false, true)), "the database was never killed before it was over");
}

#[test]
fn an_import_whose_database_is_killed_stores_all_or_nothing() {
    let Some(cluster) = Cluster::new() else { return };
    let folder = tempfile::tempdir().unwrap();
    let (person, twin) = (Person::with_store(cluster.url()), twin(&folder));
    for one in [&person, &twin] {
        prepare(one);
        for round in 1..=KILLS + 1 {
            one.write(&format!("values-{round}.csv"), table(round));
        }
    }
    kills(&cluster, &person, &twin, |round| {
        format!("import values values-{round}.csv --atlas a --level viele")
    });
}

#[test]
fn a_release_whose_database_is_killed_publishes_all_or_nothing() {
    let Some(cluster) = Cluster::new() else { return };
    let folder = tempfile::tempdir().unwrap();
    let (person, twin) = (Person::with_store(cluster.url()), twin(&folder));
    for one in [&person, &twin] {
        prepare(one);
        one.write("values.csv", table(0));
        one.succeeds("import values values.csv --atlas a --level viele");
    }
    // Each release is another one: its number counts.
    kills(&cluster, &person, &twin, |_| "release population --atlas a --level viele".to_owned());
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
        let part = (round as f64 + dice.part()) / KILLS as f64;
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
