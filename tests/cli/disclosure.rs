//! `disclosure audit` and `disclosure protect`: exit statuses and the shape of the answers.

use serde_json::{Value, json};

use crate::person::{Done, Person};

/// Three counts and their total, which is public.
fn table(suppressed: &[&str]) -> Value {
    json!({
        "base": { "x": 1, "y": 6, "z": 9 },
        "cells": { "a": { "x": 1 }, "b": { "y": 1 }, "c": { "z": 1 }, "all": { "x": 1, "y": 1, "z": 1 } },
        "primary": ["a"],
        "suppressed": suppressed,
    })
}

fn answer(done: &Done) -> Value {
    serde_json::from_str(&done.out).unwrap_or_else(|_| panic!("{done:?}"))
}

#[test]
fn a_safe_pattern_ends_with_0_and_an_unsafe_one_with_3() {
    Person::with_file(|person| {
        person.write("table.json", table(&["a", "b"]).to_string());
        let done = person.types("disclosure audit table.json");
        let cells = json!({
            "a": { "A0": [0, 7], "A1": [1, 6], "A2": [1, 6] },
            "b": { "A0": [0, 7], "A1": [1, 6], "A2": [1, 6] },
        });
        assert_eq!(done.status, Some(0));
        assert_eq!(answer(&done), json!({ "safe": true, "cells": cells, "reasons": [] }));
        let done = person.pipes("disclosure audit -", &table(&["a"]).to_string());
        assert_eq!((done.status, &answer(&done)["safe"]), (Some(3), &json!(false)));
        assert_eq!(answer(&done)["cells"]["a"]["A0"], json!([1, 1]));
        assert!(done.out.contains("Attacker A0 narrows cell 'a' down to 1 to 1"), "{done:?}");
        let open = person.pipes("disclosure audit -", &table(&["a", "b", "all"]).to_string());
        assert_eq!(answer(&open)["cells"]["a"]["A1"], json!([1, null]));
    });
}

#[test]
fn what_is_protected_passes_the_audit() {
    Person::with_file(|person| {
        let done = person.pipes("disclosure protect -", &table(&[]).to_string());
        assert_eq!(done.status, Some(0), "{done:?}");
        let protected = answer(&done);
        assert_eq!(protected["primary"], json!(["a"]));
        assert_eq!(protected["why"]["a"], json!({ "why": "primary", "rule": "R1" }));
        assert_eq!(protected["certificate"]["primary"], json!(1));
        let mut again = table(&[]);
        again["suppressed"] = protected["suppressed"].clone();
        assert_eq!(person.pipes("disclosure audit -", &again.to_string()).status, Some(0));
    });
}

#[test]
fn what_was_public_once_cannot_be_protected_any_more() {
    Person::with_file(|person| {
        let mut late = table(&["a", "b"]);
        late["earlier"] = json!([["b"]]);
        for command in ["audit", "protect"] {
            let done = person.pipes(&format!("disclosure {command} -"), &late.to_string());
            assert_eq!((done.status, &answer(&done)["safe"]), (Some(3), &json!(false)), "{done:?}");
        }
    });
}

#[test]
fn what_cannot_be_read_ends_with_2_and_a_sentence() {
    Person::with_file(|person| {
        let mut broken = table(&["a"]);
        broken["cells"]["a"] = json!({ "w": 1 });
        let mut untrue = table(&["a", "b"]);
        untrue["ratios"] = json!([{ "num": "a", "den": "all", "published": 90, "decimals": 0 }]);
        for (input, words) in [
            ("{".to_owned(), "cannot be read"),
            (json!({ "base": {} }).to_string(), "Field 'cells' is missing."),
            (broken.to_string(), "Cell 'a' adds up 'w', which is not in 'base'."),
            (untrue.to_string(), "Ratio 1, of 'a' and 'all',"),
        ] {
            let done = person.pipes("disclosure audit -", &input);
            assert!(
                done.status == Some(2) && done.out.is_empty() && done.err.contains(words),
                "{words}: {done:?}"
            );
        }
        person.fails("disclosure audit nowhere.json", 2, &["cannot read nowhere.json"]);
    });
}
