//! Bundles, four eyes, embargo, decisions on the public area, and an atlas that leaves, as typed.

use serde_json::Value;

use crate::{files, on_both_stores, person::Person, whole_way::open_atlas};

/// An atlas with values of two indicators, of which nothing is released.
fn prepared(person: &Person) {
    person.prepares_atlas();
    person.write("population.csv", files::long("population"));
    person.write("draft.csv", files::long("draft"));
    person.succeeds("import values population.csv --atlas a --level gemeinde");
    person.succeeds("import values draft.csv --atlas a --level gemeinde");
}

fn json(text: &str) -> Value {
    serde_json::from_str(text).unwrap()
}

on_both_stores! {
    fn a_bundle_goes_from_draft_to_released_and_is_withdrawn(person: &Person) {
        prepared(person);
        let said = person.succeeds("bundle create population --atlas a --level gemeinde --title Start");
        assert!(said.starts_with("bundle 1 made"), "{said}");
        person.fails("bundle release 1 --atlas a", 1, &["it cannot be released now", "check it first"]);
        let said = person.succeeds("bundle check 1 --atlas a");
        assert!(said.starts_with("population on gemeinde: 2 periods, 16 cells with numbers"), "{said}");
        person.succeeds("bundle approve 1 --atlas a");
        let said = person.succeeds("bundle release 1 --atlas a");
        assert!(said.contains("population released on gemeinde: 2 periods"), "{said}");
        let shown = json(&person.succeeds("bundle show 1 --atlas a --report json"));
        assert_eq!(shown["bundle"]["state"], "released", "{shown}");
        let steps: Vec<&str> =
            shown["history"].as_array().unwrap().iter().map(|e| e["action"].as_str().unwrap()).collect();
        assert_eq!(steps, ["create", "check", "approve", "release"]);
        person.succeeds("bundle withdraw 1 --atlas a");
        assert!(person.succeeds("bundle list --atlas a").starts_with("1\twithdrawn\tpublic\tStart"));
        let said = person.succeeds("audit list --atlas a");
        for action in ["bundle.created", "bundle.checked", "bundle.approved", "bundle.released", "bundle.withdrawn"] {
            assert!(said.contains(action), "{action} is missing: {said}");
        }
    }

    fn a_check_names_every_gap(person: &Person) {
        prepared(person);
        person.succeeds("bundle create draft day-care-rate --atlas a --level gemeinde,kreis");
        let done = person.types("bundle check 1 --atlas a");
        assert_eq!(done.status, Some(3), "{done:?}");
        for words in [
            "The sheet of 'draft' lacks contact, licence",
            "'draft' has no values on level 'kreis'",
            "'day-care-rate' has no values on level 'gemeinde'",
            "'day-care-rate' has no values on level 'kreis'",
        ] {
            assert!(done.out.contains(words), "'{words}' is missing: {}", done.out);
        }
        person.fails("bundle approve 1 --atlas a", 1, &["the bundle is draft"]);
        person.fails("bundle create nichts --atlas a --level gemeinde", 1, &["no indicator 'nichts'"]);
    }

    fn an_embargo_is_kept_and_ends_by_itself(person: &Person) {
        prepared(person);
        let create = "bundle create population --atlas a --level gemeinde --embargo";
        for (bundle, embargo) in [(1, "9999-01-01T00:00:00Z"), (2, "2020-01-01T00:00:00+01:00")] {
            person.succeeds(&format!("{create} {embargo}"));
            person.succeeds(&format!("bundle check {bundle} --atlas a"));
            person.succeeds(&format!("bundle approve {bundle} --atlas a"));
        }
        person.fails("bundle release 1 --atlas a", 1, &["9999-01-01", "not before"]);
        assert_eq!(person.succeeds("release due"), "bundle 2 of a is released\n");
        assert_eq!(person.succeeds("release due"), "");
        let said = person.succeeds("bundle list --atlas a");
        assert!(said.starts_with("2\treleased") && said.contains("\n1\tapproved"), "{said}");
    }

    fn what_was_imported_after_the_approval_is_not_released_unseen(person: &Person) {
        prepared(person);
        person.succeeds("bundle create population --atlas a --level gemeinde --embargo 2020-01-01T00:00:00Z");
        person.succeeds("bundle check 1 --atlas a");
        person.succeeds("bundle approve 1 --atlas a");
        person.write("again.csv", files::long("population").replace(";1019", ";1234"));
        person.succeeds("import values again.csv --atlas a --level gemeinde");
        let done = person.types("release due");
        assert_eq!(done.status, Some(3), "{done:?}");
        assert!(done.out.contains("is a draft again") && done.out.contains("check the bundle again"), "{done:?}");
        let said = person.succeeds("bundle show 1 --atlas a");
        assert!(said.contains("fail by") && said.contains("problem: Values, sheets or policy"), "{said}");
        assert!(person.succeeds("atlas progress a").contains("population: in bundle 1, which is draft"));
    }

    fn four_eyes_stop_who_made_or_imported_it(person: &Person) {
        prepared(person);
        let said = person.succeeds("atlas settings a --four-eyes on --indicators-due 9999-12-31 --policy public.threshold=5");
        assert!(said.contains("four eyes: on") && said.contains("\"threshold\":5"), "{said}");
        person.fails("release population --atlas a --level gemeinde", 1, &["four eyes", "bundle create"]);
        person.succeeds("bundle create population --atlas a --level gemeinde");
        person.succeeds("bundle check 1 --atlas a");
        person.fails("bundle approve 1 --atlas a", 1, &["somebody else must approve it"]);
        let other = person.command(&["bundle", "approve", "1", "--atlas", "a"]).env("USER", "bert").output().unwrap();
        assert!(other.status.success(), "{other:?}");
        person.fails("bundle release 1 --atlas a", 1, &["imported values of 'population'"]);
        person.fails("atlas settings a --policy public.threshold=0", 1, &["threshold", "at least 1"]);
        assert!(person.succeeds("check").contains("due 9999-12-31"));
    }

    fn four_eyes_see_who_imported_what_others_derived_from_it(person: &Person) {
        prepared(person);
        let by = |who: &str, line: &str| {
            let words: Vec<&str> = line.split_whitespace().collect();
            person.command(&words).env("USER", who).output().unwrap()
        };
        let must = |who: &str, line: &str| {
            let done = by(who, line);
            assert!(done.status.success(), "{who}: {line}: {done:?}");
        };
        person.write("carla.csv", files::long("population").replace(";1019", ";1234"));
        must("carla", "import values carla.csv --atlas a --level gemeinde");
        must("doris", "derive parents --atlas a --level kreis --from gemeinde --indicator population");
        must("doris", "derive pooled --atlas a --level kreis --indicator population --years 2");
        must("doris", "atlas settings a --four-eyes on");
        must("bert", "bundle create population --atlas a --level kreis --periods 2019..2020");
        must("bert", "bundle check 1 --atlas a");
        for importer in ["carla", "doris"] {
            let done = by(importer, "bundle approve 1 --atlas a");
            let said = String::from_utf8_lossy(&done.stderr).into_owned();
            assert!(!done.status.success() && said.contains("imported values of 'population'"), "{said}");
        }
        must("emil", "bundle approve 1 --atlas a");
        must("bert", "bundle release 1 --atlas a");
    }

    fn a_release_that_shows_too_little_asks_what_becomes_of_the_public_area(person: &Person) {
        open_atlas(person);
        let all = files::long("population").replace(";2020;", ";2021;");
        person.write("sparse.csv", all.lines().filter(|l| !l.contains(";2019;")).take(3).collect::<Vec<_>>().join("\n"));
        person.succeeds("import values sparse.csv --atlas a --level gemeinde");
        let line = "release population --atlas a --level gemeinde --periods 2021";
        let dry = person.succeeds(&format!("{line} --dry-run"));
        assert!(dry.contains("only 1 of 2 indicators would count"), "{dry}");
        person.fails(line, 1, &["only 1 of 2 indicators would count", "decide"]);
        let create = "bundle create population --atlas a --level gemeinde --periods 2021";
        person.succeeds(&format!("{create} --embargo 2020-01-01T00:00:00Z"));
        person.succeeds("bundle check 2 --atlas a");
        person.succeeds("bundle approve 2 --atlas a");
        let due = person.types("release due");
        assert!(due.status == Some(3) && due.out.contains("release the bundle by hand"), "{due:?}");
        person.succeeds("bundle check 2 --atlas a");
        person.succeeds("bundle approve 2 --atlas a");
        person.fails("bundle release 2 --atlas a", 1, &["decide"]);
        assert!(person.succeeds("atlas list").contains("a\topen"));
        let keep = person.command(&[
            "bundle", "release", "2", "--atlas", "a", "--keep-open", "the values are corrected", "--until", "9999-01-01",
        ]);
        assert!({ keep }.output().unwrap().status.success());
        assert!(person.succeeds("atlas list").contains("a\topen"));
        person.succeeds("rollback population --atlas a --level gemeinde --to 1");
        person.fails("rollback population --atlas a --level gemeinde --to 2", 1, &["decide"]);
        person.succeeds("rollback population --atlas a --level gemeinde --to 2 --close-area");
        assert!(person.succeeds("atlas list").contains("a\tclosed"));
        let log = person.succeeds("audit list --atlas a");
        for action in ["area.opened", "area.kept-open", "area.closed", "release.published", "release.restored"] {
            assert!(log.contains(action), "{action} is missing: {log}");
        }
    }

    fn an_earlier_release_comes_back_with_the_next_number(person: &Person) {
        prepared(person);
        person.succeeds("release population --atlas a --level gemeinde --periods 2019");
        person.succeeds("release population --atlas a --level gemeinde");
        let rollback = "rollback population --atlas a --level gemeinde --to";
        let said = person.succeeds(&format!("{rollback} 1"));
        assert_eq!(said, "release 1 of population on gemeinde is in force again: 1 periods\n");
        person.fails(&format!("{rollback} 3"), 1, &["it is in force"]);
        person.fails(&format!("{rollback} 7"), 1, &["there is none of that number"]);
    }

    fn a_dry_run_says_what_would_be_shown_and_stores_nothing(person: &Person) {
        prepared(person);
        let before = person.content();
        let said = person.succeeds("release population --atlas a --level gemeinde --dry-run");
        assert!(said.contains("population on gemeinde: 2 periods"), "{said}");
        assert_eq!(person.types("release draft --atlas a --level gemeinde --dry-run").status, Some(3));
        assert_eq!(person.content(), before);
        assert_eq!(person.succeeds("bundle list --atlas a"), "");
    }

    fn an_atlas_leaves_with_all_that_it_has_and_a_protocol(person: &Person) {
        prepared(person);
        person.write("vereinbarung.pdf", "%PDF-1.7");
        person.succeeds("atlas agreement add vereinbarung.pdf --atlas a --version 1 --signed 2026-10-01 --signatory Landrat");
        assert!(person.succeeds("atlas agreement list --atlas a").contains("signed 2026-10-01 by Landrat"));
        person.succeeds("atlas agreement show 1 --atlas a --to copy.pdf");
        assert_eq!(std::fs::read(person.path("copy.pdf")).unwrap(), b"%PDF-1.7");
        person.fails("atlas leave a --export out --delete --confirm b", 1, &["another atlas"]);
        person.succeeds("atlas create b --required-indicators 1");
        let said = person.succeeds("atlas leave a --export out --delete --confirm a");
        assert!(said.contains("read back and equal") && said.contains("a was removed"), "{said}");
        let protocol = json(&std::fs::read_to_string(person.path("out/protocol.json")).unwrap());
        assert_eq!((protocol["atlas"].as_str(), protocol["removed"].as_bool()), (Some("a"), Some(true)));
        let rows = |name: &str| {
            let tables = protocol["content"]["tables"].as_array().unwrap();
            tables.iter().find(|t| t["table"] == name).unwrap()["rows"].as_u64()
        };
        assert_eq!((rows("atlas"), rows("agreement"), rows("series")), (Some(1), Some(1), Some(4)));
        assert!(std::fs::read_to_string(person.path("out/audit.jsonl")).unwrap().contains("agreement.kept"));
        assert_eq!(person.succeeds("atlas list"), "b\tclosed\tb\n");
        let copy = person.path("out/a.gpkg");
        let said = person.succeeds(&format!("check --store {}", copy.display()));
        assert!(said.contains("indicator population: 2 series"), "{said}");
        assert!(person.succeeds("audit list --atlas a").contains("atlas.removed"));
    }
}
