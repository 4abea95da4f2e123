//! Boundaries and values out of somebody else's PostGIS database.

use sqlx::{Connection as _, PgConnection};

use crate::{person::Person, places::Place};

/// A small database as a municipality has it: German names, reserved words, other coordinates, NULLs, a view.
const DATABASE: &str = r#"
CREATE SCHEMA "GIS Daten";
CREATE TABLE "GIS Daten"."Gemeinden" (
    "AGS" text, "GEN" varchar(80), "Größe" numeric(12,3), "user" text, bild bytea, geom geometry(MultiPolygon, 25832)
);
INSERT INTO "GIS Daten"."Gemeinden"
SELECT ags, gen, 1234.567, NULL, '\x00', ST_Multi(ST_Transform(ST_MakeEnvelope(x, 53.0, x + 0.1, 53.1, 4326), 25832))
FROM (VALUES ('03354001', 'Eins', 11.0), ('03354002', 'Zwei', 11.1)) AS v (ags, gen, x);
CREATE TABLE werte ("select" text, jahr int, wert numeric, stand date);
INSERT INTO werte VALUES
    ('03354001', 2022, 1.234, '2022-12-31'), ('03354002', 2022, 2, NULL), ('03354001', 2023, NULL, NULL);
CREATE VIEW ansicht AS SELECT "select" AS ags, jahr, wert FROM werte WHERE wert IS NOT NULL;
CREATE TABLE punkte (ags text, a geometry(Point, 4326), b geometry(Point, 4326));
CREATE TABLE kitas (nr int, name text, "Plätze" int, ort geometry(Point, 25832));
INSERT INTO kitas SELECT 1, 'Kita Eins', 40, ST_Transform(ST_SetSRID(ST_MakePoint(11.05, 53.05), 4326), 25832);
CREATE TABLE leer (ags text, jahr int, wert numeric);
"#;

const CATALOGUE: &str = r#"
[[themes]]
slug = "t"
title = "Thema"
[[indicators]]
slug = "w"
title = "Wert"
theme = "t"
kind = "mean"
unit = "km²"
decimals = 3
"#;

/// Runs a test with a store and a foreign database, whose address is given, if there is a server.
fn with_foreign(test: impl FnOnce(&Person, &str)) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let Some(place) = runtime.block_on(Place::server()) else { return };
    runtime.block_on(async {
        let mut connection = PgConnection::connect(&place.location).await.unwrap();
        sqlx::raw_sql(DATABASE).execute(&mut connection).await.unwrap();
        connection.close().await.unwrap();
    });
    let address = place.location.clone();
    Person::with_file(|person| {
        person.write("catalogue.toml", CATALOGUE);
        person.succeeds("atlas create a --title Testkreis");
        person.succeeds("import catalogue catalogue.toml --atlas a");
        test(person, &address);
    });
    runtime.block_on(place.clear());
}

/// Runs the program with words that may contain white space.
fn runs(person: &Person, arguments: &[&str]) -> (Option<i32>, String, String) {
    let output = person.command(arguments).output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (output.status.code(), text(output.stdout), text(output.stderr))
}

fn boundaries(person: &Person, address: &str, what: &[&str]) -> (Option<i32>, String, String) {
    let fixed =
        ["import", "boundaries", "--atlas", "a", "--level", "gemeinde", "--key", "AGS", "--name", "GEN"];
    let from = ["--edition", "2022-12-31", "--from", address];
    runs(person, &[&fixed[..], &from[..], what].concat())
}

fn values(person: &Person, address: &str, what: &[&str]) -> (Option<i32>, String, String) {
    let fixed =
        ["import", "values", "--atlas", "a", "--level", "gemeinde", "--indicator", "w", "--from", address];
    runs(person, &[&fixed[..], what].concat())
}

#[test]
fn boundaries_and_values_come_from_tables_views_and_queries() {
    with_foreign(|person, address| {
        let (status, out, err) = boundaries(person, address, &["--table", "GIS Daten.Gemeinden"]);
        assert_eq!(status, Some(0), "{out}{err}");
        for words in ["table GIS Daten.Gemeinden", "format: PostGIS", "EPSG:25832", "regions: 2"] {
            assert!(out.contains(words), "{words}: {out}");
        }
        let (status, out, err) = values(person, address, &["--table", "ANSICHT"]);
        assert_eq!(status, Some(0), "{out}{err}");
        assert!(out.contains("series: 1") && out.contains("1.234"), "{out}");
        let query = "SELECT \"AGS\", 2023 AS jahr, \"Größe\" AS wert FROM \"GIS Daten\".\"Gemeinden\"; ";
        let (status, out, err) = values(person, address, &["--query", query]);
        assert_eq!(status, Some(0), "{out}{err}");
        assert!(out.starts_with("query\n"), "{out}");
        let fixed = [
            "import",
            "facilities",
            "--atlas",
            "a",
            "--category",
            "kita",
            "--title",
            "Kitas",
            "--from",
            address,
        ];
        let (status, out, err) = runs(person, &[&fixed[..], &["--table", "kitas"]].concat());
        assert_eq!(status, Some(0), "{out}{err}");
        assert!(out.contains("stored"), "{out}");
        let listed = person.succeeds("history list --atlas a");
        assert!(listed.contains("\ttable ANSICHT\t") && listed.contains("\tquery\t"), "{listed}");
        assert!(!listed.contains("postgres://"), "{listed}");
    });
}

#[test]
fn what_cannot_be_read_is_refused_with_a_sentence_and_nothing_is_written_there() {
    with_foreign(|person, address| {
        boundaries(person, address, &["--table", "GIS Daten.Gemeinden"]);
        for (what, status, words) in [
            (&["--table", "gibtesnicht"][..], 1, "no table 'gibtesnicht'"),
            (&["--table", "a.b.c"], 1, "no name of a table"),
            (&["--table", "leer"], 3, "no rows"),
            (&["--query", "SELECT 1 AS a, 2 AS a"], 1, "two columns 'a'"),
            (&["--query", "SELECT nichts FROM werte"], 1, "nichts"),
            (&["--query", "SELECT 1; DROP TABLE werte"], 1, "refuses"),
            (&["--query", "SELECT 1) AS q; DROP TABLE werte; --"], 1, "refuses"),
            (&["--query", "WITH x AS (DELETE FROM werte RETURNING *) SELECT * FROM x"], 1, "refuses"),
            (&["--query", "SELECT nextval('nichts')"], 1, "refuses"),
            (&[], 2, "--table"),
            (&["--table", "werte", "--query", "SELECT 1"], 2, "cannot be used with"),
        ] {
            let (found, out, err) = values(person, address, what);
            assert_eq!(found, Some(status), "{what:?}: {out}{err}");
            assert!(format!("{out}{err}").contains(words), "{what:?}: {out}{err}");
        }
        let (status, out, err) = boundaries(person, address, &["--table", "punkte"]);
        assert!(status == Some(1) && err.contains("several columns with geometries (a, b)"), "{out}{err}");
        let (status, out, err) = boundaries(person, address, &["--query", "SELECT * FROM leer"]);
        assert!(status == Some(3) && out.contains("no rows"), "{out}{err}");
        let (status, _, err) = runs(person, &["import", "values", "--atlas", "a", "--level", "gemeinde"]);
        assert!(status == Some(2) && err.contains("--from"), "{err}");
        let (status, out, err) =
            values(person, address, &["--query", "SELECT \"select\" AS ags, jahr, wert FROM werte"]);
        assert_eq!(status, Some(0), "the table is as it was: {out}{err}");
    });
}

#[test]
fn a_password_is_never_printed() {
    with_foreign(|person, _| {
        let address = "postgres://anna:geheim@127.0.0.1:1/fachdaten";
        let (status, out, err) = boundaries(person, address, &["--table", "t"]);
        assert_eq!(status, Some(1));
        assert!(
            err.contains("'fachdaten' at 127.0.0.1") && !format!("{out}{err}").contains("geheim"),
            "{out}{err}"
        );
    });
}
