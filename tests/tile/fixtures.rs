//! The decoder of these tests is itself tested on the public fixtures of the specification, if they are installed.

use std::{fs, path::PathBuf};

use crate::decoded::decode;

/// The folder of `@mapbox/mvt-fixtures`: from `MVT_FIXTURES`, or where npm puts it for the viewer.
fn folder() -> Option<PathBuf> {
    let package = std::env::var_os("MVT_FIXTURES").map_or_else(
        || PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("web/node_modules/@mapbox/mvt-fixtures"),
        PathBuf::from,
    );
    let folder = package.join("fixtures");
    folder.is_dir().then_some(folder)
}

#[test]
fn every_valid_fixture_is_read_and_no_invalid_one_panics() {
    let Some(folder) = folder() else {
        println!("skipped: @mapbox/mvt-fixtures is not installed (npm install in web/, or set MVT_FIXTURES)");
        return;
    };
    let mut valid = 0;
    for entry in fs::read_dir(folder).unwrap() {
        let fixture = entry.unwrap().path();
        let info: serde_json::Value =
            serde_json::from_slice(&fs::read(fixture.join("info.json")).unwrap()).unwrap();
        let decoded = decode(&fs::read(fixture.join("tile.mvt")).unwrap());
        // 057 announces 536 million points and brings one. It is listed as valid to show that a reader allocates too
        // much; this one notices the lie.
        if fixture.ends_with("057") {
            assert!(decoded.is_err());
        } else if info["validity"]["v2"] == true {
            valid += 1;
            assert!(decoded.is_ok(), "{}: {decoded:?}", fixture.display());
        }
    }
    assert!(valid > 20, "only {valid} valid fixtures were found");
}
