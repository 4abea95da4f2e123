//! A server for the public only, and shares between atlases, as typed.

use crate::{
    on_both_stores,
    person::Person,
    server::Server,
    whole_way::{open_atlas, tile},
};

/// Status, header without its date and id, body.
pub fn answer(server: &Server, path: &str) -> (u16, Vec<String>, Vec<u8>) {
    let answer = server.get(path);
    let own =
        |line: &&str| ["date:", "x-request-id:"].iter().any(|name| line.to_lowercase().starts_with(name));
    let lines = answer.head.lines().filter(|line| !own(line));
    (answer.status, lines.map(str::to_owned).collect(), answer.body)
}

on_both_stores! {
    fn a_public_server_refuses_a_full_store_and_gives_the_same_answers_from_an_exported_one(person: &Person) {
        open_atlas(person);
        let words = ["must not be able to read internal data", "series", "export public"];
        person.fails("serve --public-only --listen 127.0.0.1:0", 1, &words);
        assert!(person.succeeds("export public public.gpkg").ends_with("rows of what is public written to public.gpkg\n"));
        person.fails("export public public.gpkg", 1, &["exists already"]);
        let full = Server::start(person, "--public-url http://localhost");
        let public = Server::start(person, "--public-only --store public.gpkg --public-url http://localhost");
        let paths = [
            "/atlases.json",
            "/a/catalog.json",
            "/a/values/gemeinde/population.json",
            "/a/legends/gemeinde/population/2019.json",
            "/a/tiles/gemeinde.json",
            "/a/tiles/gemeinde/day-care-rate/2020-03-01.json",
            "/a/values/gemeinde/nothing.json",
            &tile("population/2019"),
        ];
        for path in paths {
            assert_eq!(answer(&full, path), answer(&public, path), "{path}");
        }
    }

    fn what_is_lent_is_seen_at_the_borrower_until_it_ends(person: &Person) {
        open_atlas(person);
        person.succeeds("atlas create b --title B --required-indicators 0");
        person.succeeds("atlas open b");
        let server = Server::start(person, "");
        let share = "population --level gemeinde --atlas a --to b";
        let said = person.succeeds(&format!("share grant {share} --may-release"));
        assert_eq!(said, "a lends population on gemeinde to b, for its public area too\n");
        assert_eq!(person.succeeds("share list"), said);
        server.comes_to("/b/values/a--gemeinde/a--population.json", 200);
        person.succeeds(&format!("share end {share}"));
        server.comes_to("/b/values/a--gemeinde/a--population.json", 404);
        person.fails(&format!("share end {share}"), 1, &["no such share", "share list"]);
    }
}
