//! An open atlas whose indicator `rate` was released twice with other numbers, and has newer ones that are internal.

use std::fmt::Write as _;

use kommunalatlas::geometry::{GridPoint, TileCoord};
use serde_json::json;

use crate::{client::Client, files, person::Person};

/// The numbers of the two releases, and those that nobody released: each stands for a Gemeinde with its place added.
pub const RELEASED: [f64; 2] = [10.1, 60.2];
pub const INTERNAL: f64 = 33.3;

/// Digits that the public must never see.
pub const SECRET: &str = "33.3";

/// Where the numbers are.
pub const VALUES: &str = "/a/values/gemeinde/day-care-rate/2020.json";
pub const TILEJSON: &str = "/a/tiles/gemeinde/day-care-rate/2020.json";

const PASSWORD: &str = "vier Pferde ziehen den Karren";

fn table(first: f64) -> String {
    let mut text = format!("{}\n", files::HEADER);
    for (index, key) in files::keys().iter().enumerate() {
        writeln!(text, "{key};day-care-rate;2020;{:.1}", first + index as f64).unwrap();
    }
    text
}

/// Makes it. The second release is in force.
pub fn prepare(person: &Person) {
    person.prepares_atlas();
    person.write("population.csv", files::long("population"));
    person.succeeds("import values population.csv --atlas a --level gemeinde");
    person.succeeds("release population --atlas a --level gemeinde");
    for (number, first) in RELEASED.into_iter().enumerate() {
        import(person, &format!("rate-{number}.csv"), first);
        person.succeeds("release day-care-rate --atlas a --level gemeinde");
    }
    import(person, "rate-internal.csv", INTERNAL);
    person.succeeds("atlas open a");
}

fn import(person: &Person, file: &str, first: f64) {
    person.write(file, table(first));
    person.succeeds(&format!("import values {file} --atlas a --level gemeinde"));
}

/// A token of somebody who releases and sees everything.
pub fn publisher(person: &Person) -> String {
    let made = person.pipes("user add paula --atlas a --role publisher", &format!("{PASSWORD}\n"));
    assert_eq!(made.status, Some(0), "{made:?}");
    person.succeeds("token add paula").trim().to_owned()
}

/// The tile around the first Gemeinde, with a query if there is one.
pub fn tile(layer: &str) -> String {
    tile_of(layer, 10)
}

/// The same at another zoom.
pub fn tile_of(layer: &str, zoom: u8) -> String {
    let t = TileCoord::containing(zoom, GridPoint::from_degrees(files::INSIDE.0, files::INSIDE.1));
    format!("/a/tiles/gemeinde/{layer}/{}/{}/{}.mvt", t.z(), t.x(), t.y())
}

/// Puts one of the two releases in force, or none.
pub fn decide(client: &mut Client, release: Option<usize>) {
    let layer = json!({"level": "gemeinde", "indicator": "day-care-rate", "audience": "public"});
    let answer = if let Some(number) = release {
        let mut body = layer;
        body["number"] = json!(number + 1);
        client.post("/api/atlases/a/rollbacks", &body).unwrap()
    } else {
        let decision = json!({"kind": "keep-open", "reason": "test", "until": "9999-12-31"});
        let body = json!({
            "indicators": ["day-care-rate"], "levels": ["gemeinde"], "audience": "public", "decision": decision,
        });
        client.post("/api/atlases/a/withdrawals", &body).unwrap()
    };
    assert!((200..300).contains(&answer.status), "{}: {}", answer.status, answer.text());
}

/// What is in force according to the catalogue that members see: released or not.
pub fn is_public(client: &mut Client) -> bool {
    let catalog = client.get("/a/catalog.json").unwrap().json();
    let indicators = catalog["indicators"].as_array().unwrap();
    let rate =
        indicators.iter().find(|i| i["slug"] == "day-care-rate").unwrap_or_else(|| panic!("{catalog}"));
    rate["levels"]["gemeinde"]["visibility"] == "public"
}
