//! The published suppression tables of `shared/vectors/disclosure.json`: every recomputed bound is reproduced.

#![expect(clippy::unwrap_used, reason = "a vector that cannot be read fails its test")]

use std::path::PathBuf;

use kommunalatlas::disclosure::{Document, Which, audit};
use serde_json::Value;

fn vectors() -> Option<Value> {
    let shared = std::env::var_os("KOMMUNALATLAS_SHARED")
        .map_or_else(|| PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../shared")), PathBuf::from);
    let path = shared.join("vectors/disclosure.json");
    let Ok(text) = std::fs::read_to_string(&path) else {
        println!("skipped: there is no {}", path.display());
        return None;
    };
    Some(serde_json::from_str(&text).unwrap())
}

#[test]
fn every_published_bound_is_reproduced() {
    let Some(file) = vectors() else { return };
    let mut bounds = 0;
    for vector in file["vectors"].as_array().unwrap() {
        let document = Document::parse(vector.to_string().as_bytes()).unwrap();
        let (primary, suppressed) = (document.primary(), document.suppressed.clone().unwrap());
        let found = audit(&document.table, &primary, &suppressed, Which::Suppressed).unwrap();
        let report = document.report(&found);
        // Its attacker knows nothing but counts from 0 on, or also that what is suppressed is 1 or more.
        let attacker = if vector["attacker_lower_bounds"] == 0 { "A0" } else { "A1" };
        for (cell, expected) in vector["recomputed_attack_bounds"].as_object().unwrap() {
            let expected = serde_json::json!([expected["lo"], expected["up"]]);
            assert_eq!(report.cells[cell][attacker], expected, "{}: {cell}", vector["id"]);
            bounds += 1;
        }
        if vector["expect"].as_str().is_some_and(|text| text.starts_with("unsafe")) {
            assert!(!report.safe, "{}", vector["id"]);
        }
    }
    assert!(bounds > 50);
}
