//! Boundaries and catalogues that must not be stored.

use crate::{files, on_both_stores, person::Person};

const FLAGS: &str = "--atlas a --level neu --key AGS --name GEN";

/// Rejects a file of boundaries.
fn rejects(person: &Person, name: &str, content: impl AsRef<[u8]>, more: &str) -> crate::person::Report {
    person.write(name, content);
    person.rejected(&format!("import boundaries {name} {FLAGS} {more}"))
}

on_both_stores! {
    fn boundaries_in_another_system_than_said_are_rejected_with_advice(person: &Person) {
        person.prepares_atlas();
        rejects(person, "utm.geojson", files::utm(), "").says(None, None, &["cannot be", "look like UTM, try --crs EPSG:25832"]);
        rejects(person, "degrees.geojson", files::gemeinden(), "--crs EPSG:25832")
            .says(None, None, &["cannot be EPSG:25832", "look like degrees, try --crs EPSG:4326"]);
        rejects(person, "zone.geojson", files::utm(), "--crs EPSG:31467").says(None, None, &["try --crs EPSG:25832"]);
        person.succeeds(&format!("import boundaries utm.geojson {FLAGS} --crs EPSG:25832"));
    }

    fn what_are_no_boundaries_is_rejected(person: &Person) {
        person.prepares_atlas();
        let whole = files::gemeinden();
        rejects(person, "cut.geojson", &whole[..whole.len() / 2], "").says(Some(1), None, &["ends in the middle"]);
        rejects(person, "empty.geojson", "", "").says(None, None, &["The file is empty"]);
        rejects(person, "none.geojson", r#"{"type":"FeatureCollection","features":[]}"#, "").says(None, None, &["no features"]);
        rejects(person, "noise.geojson", files::noise(4 << 20), "").says(None, None, &["neither GeoJSON, TopoJSON nor FlatGeobuf"]);
        let archive = [b"PK\x03\x04".as_slice(), &files::noise(1 << 16)].concat();
        rejects(person, "boundaries.zip", archive, "").says(None, None, &["zip archive", "damaged"]);
        let package = [b"SQLite format 3\0".as_slice(), &files::noise(1 << 16)].concat();
        rejects(person, "boundaries.gpkg", package, "").says(None, None, &["GeoPackage"]);
        let shape = [&[0, 0, 0x27, 0x0a], files::noise(1 << 16).as_slice()].concat();
        assert!(rejects(person, "boundaries.shp", shape, "").text.contains("error: boundaries.shp"));
        person.fails(&format!("import boundaries nowhere.geojson {FLAGS}"), 1, &["cannot read nowhere.geojson"]);
    }

    fn boundaries_whose_fields_do_not_fit_are_rejected(person: &Person) {
        person.prepares_atlas();
        person.write("g.geojson", files::gemeinden());
        person.rejected("import boundaries g.geojson --atlas a --level neu --key ARS --name GEN")
            .says(None, Some("ARS"), &["AGS", "GEN"]);
        let without_key = files::gemeinden().replacen("\"03354002\"", "null", 1);
        rejects(person, "keyless.geojson", without_key, "").says(Some(2), Some("AGS"), &["has no key"]);
        rejects(person, "parents.geojson", files::gemeinden(), "--parent-level land --parent-prefix 2")
            .says(None, None, &["parent level 'land'", "import them first"]);
        rejects(person, "prefix.geojson", files::gemeinden(), "--parent-level kreis --parent-prefix 3")
            .says(None, None, &["No region has a parent on the level 'kreis'", "'03354'", "'033'"]);
    }

    fn other_boundaries_of_the_same_date_are_rejected(person: &Person) {
        person.prepares_atlas();
        let moved = files::gemeinden().replace("53.0", "53.1");
        person.write("moved.geojson", moved);
        person.rejected(&format!("import boundaries moved.geojson {}", files::GEMEINDEN_FLAGS))
            .says(None, None, &["already has other boundaries of 2019-12-31", "--edition"]);
        let before = person.content();
        person.succeeds(&format!("import boundaries gemeinden.geojson {}", files::GEMEINDEN_FLAGS));
        assert_eq!(person.content(), before, "the same boundaries again change nothing");
    }

    fn a_catalogue_with_a_mistake_is_rejected(person: &Person) {
        person.prepares_atlas();
        let good = files::catalogue();
        for (name, content, line, words) in [
            ("theme.toml", good.replacen("theme = \"leben\"", "theme = \"leiden\"", 1), Some(10), "leiden"),
            ("field.toml", good.replacen("unit = ", "unti = ", 1), Some(12), "unti"),
            ("syntax.toml", good.replacen("[[indicators]]", "[[indicators", 1), Some(7), ""),
            ("empty.toml", String::new(), None, "no theme, source or indicator"),
            ("name.doc", good.clone(), None, "must end in .toml"),
        ] {
            person.write(name, content);
            let report = person.rejected(&format!("import catalogue {name} --atlas a"));
            let error = &report.report["problems"][0];
            assert_eq!(error["line"].as_u64(), line, "{error}");
            assert!(format!("{error}").contains(words), "{error}");
        }
        person.write("noise.toml", files::noise(4 << 20));
        person.rejected("import catalogue noise.toml --atlas a").says(Some(1), None, &["must be UTF-8"]);
        person.fails("import catalogue nowhere.toml --atlas a", 1, &["cannot read nowhere.toml"]);
    }
}
