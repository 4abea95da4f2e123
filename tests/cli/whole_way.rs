//! From nothing to a map that others see, and back.

use kommunalatlas::geometry::{GridPoint, TileCoord};
use serde_json::Value;

use crate::{files, on_both_stores, person::Person, server::Server};

/// An open atlas with two released indicators.
pub fn open_atlas(person: &Person) {
    person.prepares_atlas();
    person.write("population.csv", files::long("population"));
    person.write("quoten.xlsx", files::wide());
    person.write("quoten.toml", files::wide_mapping());
    person.succeeds("import values population.csv --atlas a --level gemeinde");
    person.succeeds("import values quoten.xlsx --atlas a --level gemeinde --mapping quoten.toml");
    let said = person.succeeds("release population day-care-rate --atlas a --level gemeinde");
    assert!(said.contains("population released on gemeinde: 2 periods\n"), "{said}");
    let said = person.succeeds("atlas open a");
    assert_eq!(said, "the public area of a is open with 2 indicators\n");
}

/// The address of the tile around the first Gemeinde.
pub fn tile(layer: &str) -> String {
    let t = TileCoord::containing(10, GridPoint::from_degrees(files::INSIDE.0, files::INSIDE.1));
    format!("/a/tiles/gemeinde/{layer}/{}/{}/{}.mvt", t.z(), t.x(), t.y())
}

on_both_stores! {
    fn from_an_empty_folder_to_a_served_map(person: &Person) {
        open_atlas(person);
        let server = Server::start(person, "");
        let catalog = server.get("/a/catalog.json").json();
        let indicators: Vec<&str> =
            catalog["indicators"].as_array().unwrap().iter().map(|i| i["slug"].as_str().unwrap()).collect();
        assert_eq!(indicators, ["population", "day-care-rate"], "{catalog}");
        let layer = server.get("/a/tiles/gemeinde/day-care-rate/2020-03-01.json").json();
        let tiles = layer["tiles"][0].as_str().unwrap();
        assert!(tiles.starts_with(&format!("http://localhost:{}/a/tiles/gemeinde/", server.port)), "{layer}");
        assert_eq!(layer["attribution"].as_str().map(|a| a.contains("Vermessungsamt")), Some(true), "{layer}");
        let tile = server.get(&tile("day-care-rate/2020-03-01"));
        assert_eq!(tile.status, 200, "{}", tile.head);
        assert!(tile.head.to_lowercase().contains("content-type: application/vnd.mapbox-vector-tile"), "{}", tile.head);
        assert!(tile.holds("03354001") && tile.holds("Gebiet 03354001"));
        let values = server.get("/a/values/gemeinde/day-care-rate/2020-03-01.json").json();
        let first = values["rows"].as_array().unwrap().iter().find(|r| r["key"] == "03354001").unwrap().clone();
        assert_eq!(first["value"], 35.5, "the result of the formula in the first row: {values}");
        assert_eq!(server.stop(), Some(0));
    }

    fn a_running_server_sees_a_withdrawal_and_a_closed_atlas(person: &Person) {
        open_atlas(person);
        let server = Server::start(person, "");
        assert_eq!(server.get(&tile("population/2019")).status, 200);
        let withdraw = "withdraw population --atlas a --level gemeinde";
        person.fails(withdraw, 1, &["only 1 of 2 indicators would count", "decide"]);
        let said = person.succeeds(&format!("{withdraw} --keep-open repair --until 9999-12-31"));
        assert!(said.contains("copies already handed out cannot be recalled"), "{said}");
        assert!(person.succeeds("atlas progress a").contains("until 9999-12-31: repair"));
        server.comes_to(&tile("population/2019"), 404);
        assert_eq!(server.get(&tile("day-care-rate/2020-03-01")).status, 200);
        person.succeeds("atlas close a");
        server.comes_to("/a/catalog.json", 404);
        person.succeeds("release population --atlas a --level gemeinde --periods 2019");
        person.succeeds("atlas open a");
        server.comes_to(&tile("population/2019"), 200);
        assert_eq!(server.get(&tile("population/2020")).status, 404);
    }

    fn nothing_opens_with_too_few_indicators_or_gaps_in_a_sheet(person: &Person) {
        person.prepares_atlas();
        person.write("population.csv", files::long("population"));
        person.write("draft.csv", files::long("draft"));
        person.succeeds("import values population.csv --atlas a --level gemeinde");
        person.succeeds("import values draft.csv --atlas a --level gemeinde");
        let before = person.content();
        person.fails(
            "release population draft --atlas a --level gemeinde",
            1,
            &["The sheet of 'draft' lacks contact, licence", "complete the catalogue"],
        );
        assert_eq!(person.content(), before, "neither of the two was released");
        person.fails("release day-care-rate --atlas a --level gemeinde", 1, &["no values on level 'gemeinde'", "import them first"]);
        person.fails("release nichts --atlas a --level gemeinde", 1, &["no indicator 'nichts'"]);
        person.fails("release population --atlas a --level gemeinde --periods 2031", 1, &["2031"]);
        person.succeeds("release population --atlas a --level gemeinde");
        person.fails("atlas open a", 1, &["1 of 2 indicators", "release 1 more before opening"]);
        assert!(person.succeeds("atlas list").contains("a\tclosed\tTestkreis"));
    }

    fn check_says_what_is_there(person: &Person) {
        open_atlas(person);
        let said = person.succeeds("check");
        for words in [
            "atlas a: open, 2 of 2 indicators count",
            "level kreis, edition 2019-12-31: 2 regions",
            "level gemeinde, edition 2019-12-31: 8 regions",
            "indicator population: 2 series, sheet complete; public on gemeinde",
            "indicator draft: 0 series, sheet lacks contact, licence",
        ] {
            assert!(said.contains(words), "'{words}' is missing: {said}");
        }
    }

    fn the_starter_catalogue_comes_with_the_program(person: &Person) {
        person.succeeds("atlas create a");
        let done = person.types("import catalogue starter --atlas a --report json");
        assert_eq!(done.status, Some(0), "{done:?}");
        let report: Value = serde_json::from_str(&done.out).unwrap();
        assert!(report["facts"]["indicators"].as_u64().is_some_and(|n| n >= 25), "{report}");
        assert_eq!((&report["committed"], &report["errors"]), (&true.into(), &0.into()));
        assert!(!person.succeeds("check").contains("lacks"));
    }
}

#[test]
fn a_file_called_starter_goes_before_the_catalogue_of_the_program() {
    Person::with_file(|person| {
        person.succeeds("atlas create a");
        person.write("starter", "no catalogue");
        person.rejected("import catalogue starter --atlas a").says(None, None, &["must end in .toml"]);
    });
}

#[test]
fn a_report_in_json_is_one_document_on_standard_output() {
    Person::with_file(|person| {
        person.prepares_atlas();
        person.write("population.csv", files::long("population"));
        for line in [
            "import catalogue catalogue.toml --atlas a --dry-run",
            "import values population.csv --atlas a --level gemeinde --dry-run",
            "import values population.csv --atlas a --level gemeinde",
        ] {
            let done = person.types(&format!("{line} --report json"));
            assert_eq!((done.status, done.err.as_str()), (Some(0), ""), "{line}");
            let report: Value = serde_json::from_str(&done.out).unwrap();
            assert_eq!(report["committed"], !line.contains("dry-run"), "{line}: {report}");
        }
        let done = person.types("import values population.csv --atlas a --level gemeinde --report json");
        let report: Value = serde_json::from_str(&done.out).unwrap();
        for (fact, value) in [("rows", 16), ("keys", 8), ("matched", 8)] {
            assert_eq!(report["facts"][fact], value, "{fact}: {report}");
        }
    });
}

#[test]
fn numbers_go_in_and_class_breaks_come_out() {
    Person::with_file(|person| {
        let done = person.pipes("classify --method equal-interval --classes 2", "0 1\n2;3\n10\n");
        assert_eq!(done.status, Some(0), "{done:?}");
        let classes: Value = serde_json::from_str(&done.out).unwrap();
        let keys: Vec<&String> = classes.as_object().unwrap().keys().collect();
        assert_eq!(keys, ["method", "breaks", "counts", "gvf"]);
        assert_eq!(classes["method"], "equal-interval");
        assert_eq!(classes["counts"], serde_json::json!([4, 1]));
        let done = person.pipes("classify", "1\n2\nviele\n");
        assert_eq!((done.status, done.out.as_str()), (Some(1), ""));
        assert!(done.err.contains("line 3: 'viele' is not a number"), "{}", done.err);
        person.write("numbers.txt", "1 2 3 4");
        let manual: Value =
            serde_json::from_str(&person.succeeds("classify numbers.txt --breaks 0,2,5")).unwrap();
        assert_eq!(manual["method"], "manual");
        person.fails("classify nowhere.txt", 1, &["cannot read nowhere.txt"]);
    });
}

#[test]
fn wrong_usage_ends_with_status_2_and_a_hint() {
    Person::with_file(|person| {
        person.fails("import values", 2, &["FILE", "--from", "--atlas"]);
        person.fails("fly", 2, &["fly"]);
        person.fails("atlas create Groß", 2, &["Groß"]);
        person.fails(
            "import boundaries x --atlas a --level l --key K --name N --crs EPSG:9999",
            2,
            &["EPSG:9999", "EPSG:25832"],
        );
        person.fails("release i --atlas a --level l --audience all", 2, &["public or internal"]);
        person.fails("classify --method guess", 2, &["guess", "fisher-jenks"]);
        person.fails(
            "import boundaries x --atlas a --level l --key K --name N --parent-prefix 5",
            2,
            &["--parent-level before"],
        );
    });
}

#[test]
fn without_a_store_or_an_atlas_a_sentence_says_so() {
    Person::with_file(|person| {
        person.fails("check", 1, &["there is no store at"]);
        person.fails("import catalogue starter --atlas a", 1, &["there is no store at"]);
        assert!(!std::path::Path::new(&person.store).exists());
        person.succeeds("atlas create a");
        person.fails("import catalogue starter --atlas b", 1, &["there is no atlas 'b'"]);
        person.fails("atlas open b", 1, &["there is no atlas 'b'"]);
        person.fails("atlas create a --title Anders", 1, &["atlas 'a' exists already"]);
    });
}
