//! A store that moves from a GeoPackage to PostGIS and back, as typed.

use crate::{
    on_both_stores,
    person::Person,
    places::Place,
    public_only::answer,
    server::Server,
    whole_way::{open_atlas, tile},
};

/// Runs a test with the address of an empty store of the other kind; of the same kind where no database is given.
fn elsewhere(person: &Person, test: impl FnOnce(&str)) {
    if person.store.starts_with("postgres://") {
        return test("copy.gpkg");
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let Some(place) = runtime.block_on(Place::server()) else { return test("copy.gpkg") };
    test(&place.location);
    runtime.block_on(place.clear());
}

on_both_stores! {
    fn a_store_moves_with_its_people_and_serves_the_same_bytes_from_its_new_place(person: &Person) {
        open_atlas(person);
        let added = person.pipes("user add anna --atlas a --role publisher", "vier bunte esel\n");
        assert_eq!(added.status, Some(0), "{added:?}");
        let (content, log) = (person.content(), person.succeeds("audit export"));
        elsewhere(person, |other| {
            let said = person.succeeds(&format!("export store {other}"));
            assert!(said.contains(&format!("read back and equal (content {content})")), "{said}");
            assert!(said.ends_with("rows of people and the audit log too\n"), "{said}");
            let at = |line: &str| person.succeeds(&format!("{line} --store {other}"));
            assert_eq!((at("user list"), at("audit export")), (person.succeeds("user list"), log.clone()));
            let here = Server::start(person, "--public-url http://localhost");
            let there = Server::start(person, &format!("--public-url http://localhost --store {other}"));
            let paths = [
                "/atlases.json",
                "/a/catalog.json",
                "/a/values/gemeinde/population.json",
                "/a/styles/gemeinde/population/2019.json",
                "/a/tiles/gemeinde/day-care-rate/2020-03-01.json",
            ];
            let tiles = [tile("population/2019"), tile("population/2020"), tile("day-care-rate/2020-03-01")];
            for path in paths.into_iter().chain(tiles.iter().map(String::as_str)) {
                let (here, there) = (answer(&here, path), answer(&there, path));
                assert_eq!(here.0, 200, "{path}");
                assert_eq!(here, there, "{path}");
            }
            drop(there);
            let back = format!("import store {other} --store back.gpkg");
            assert!(person.succeeds(&back).contains(&format!("(content {content})")));
            assert!(person.succeeds("check --store back.gpkg").starts_with(&format!("store: content {content}\n")));
            person.fails(&back, 1, &["the destination is not empty", "table 'atlas'", "nothing was written"]);
        });
    }

    fn people_stay_behind_if_asked_and_nothing_is_left_of_a_copy_that_fails(person: &Person) {
        open_atlas(person);
        assert_eq!(person.pipes("user add anna", "vier bunte esel\n").status, Some(0));
        person.succeeds("export store copy.gpkg --without-people");
        assert_eq!(person.succeeds("user list --store copy.gpkg"), "");
        person.fails("import store nowhere.gpkg --store new.gpkg", 1, &["there is no store at 'nowhere.gpkg'"]);
        assert!(!person.path("new.gpkg").exists() && !person.path("new.access.sqlite").exists());
        person.write("noise.gpkg", "noise");
        person.fails("export store noise.gpkg", 1, &["not a store"]);
        assert_eq!(std::fs::read(person.path("noise.gpkg")).unwrap(), b"noise");
    }
}
