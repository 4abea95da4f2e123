//! A server in the public zone, to which another one publishes: two programs, one direction.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use crate::{
    on_both_stores,
    person::Person,
    server::Server,
    whole_way::{open_atlas, tile},
};

on_both_stores! {
    fn what_is_released_and_withdrawn_arrives_in_the_public_zone_without_a_failed_request(person: &Person) {
        open_atlas(person);
        std::fs::create_dir(person.path("zone")).unwrap();
        person.write("kommunalatlas.toml", "publish_to = \"zone/public.gpkg\"\n");
        assert!(person.succeeds("check").contains("public zone: warning: cannot be read"));
        assert!(person.succeeds("publish").ends_with("rows of what is public are in zone/public.gpkg\n"));
        assert!(person.succeeds("check").contains("public zone: up to date\n"));
        let public = Server::start(person, "--public-only --store zone/public.gpkg");
        let _internal = Server::start(person, "");
        let (steady, changing) = (tile("day-care-rate/2020-03-01"), tile("population/2019"));
        let (first, stop, asked) = (public.get(&steady), AtomicBool::new(false), AtomicUsize::new(0));
        std::thread::scope(|scope| {
            scope.spawn(|| {
                while !stop.load(Ordering::Relaxed) {
                    let answer = public.get(&steady);
                    assert_eq!((answer.status, &answer.body), (200, &first.body));
                    asked.fetch_add(1, Ordering::Relaxed);
                }
            });
            for _ in 0..3 {
                public.comes_to(&changing, 200);
                person.succeeds("withdraw population --atlas a --level gemeinde --keep-open repair --until 9999-12-31");
                public.comes_to(&changing, 404);
                person.succeeds("release population --atlas a --level gemeinde --periods 2019");
            }
            public.comes_to(&changing, 200);
            stop.store(true, Ordering::Relaxed);
        });
        assert!(asked.into_inner() > 0);
        person.succeeds("atlas close a");
        public.comes_to("/a/catalog.json", 404);
        let left: Vec<_> = std::fs::read_dir(person.path("zone")).unwrap().map(|e| e.unwrap().file_name()).collect();
        assert_eq!(left, ["public.gpkg"]);
    }

    fn a_file_that_holds_more_than_what_is_public_is_neither_replaced_nor_shown(person: &Person) {
        open_atlas(person);
        person.succeeds("export store full.gpkg --without-people");
        let full = std::fs::read(person.path("full.gpkg")).unwrap();
        person.fails("publish --to full.gpkg", 1, &["full.gpkg holds more than what is public", "series"]);
        assert_eq!(std::fs::read(person.path("full.gpkg")).unwrap(), full);
        person.fails("publish", 1, &["--to", "publish_to"]);
        person.succeeds("publish --to public.gpkg");
        let public = Server::start(person, "--public-only --store public.gpkg");
        let before = public.get("/a/catalog.json").body;
        person.succeeds("withdraw population --atlas a --level gemeinde --keep-open repair --until 9999-12-31");
        std::fs::rename(person.path("full.gpkg"), person.path("public.gpkg")).unwrap();
        std::thread::sleep(std::time::Duration::from_secs(1));
        assert_eq!(public.get("/a/catalog.json").body, before);
        std::fs::remove_file(person.path("public.gpkg")).unwrap();
        person.succeeds("publish --to public.gpkg");
        public.comes_to(&tile("population/2019"), 404);
        assert_eq!(public.get("/a/catalog.json").status, 200);
    }
}
