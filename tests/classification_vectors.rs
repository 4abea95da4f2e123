//! The published class breaks of `shared/vectors/classification.json`, for the methods that are built.
//!
//! Conventions differ between sources, so partitions are compared first (its `comparison_rule`): the number of values in
//! each class. Break values are compared for the methods whose breaks follow from the definition alone.

#![expect(clippy::unwrap_used, reason = "a vector that cannot be read fails its test")]

use std::path::PathBuf;

use kommunalatlas::{
    classification::classify,
    domain::{ClassRule, Classification, Method},
};
use serde_json::Value;

const TOLERANCE: f64 = 1e-6;

fn vectors() -> Option<Value> {
    let shared = std::env::var_os("KOMMUNALATLAS_SHARED")
        .map_or_else(|| PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../shared")), PathBuf::from);
    let path = shared.join("vectors/classification.json");
    let Ok(text) = std::fs::read_to_string(&path) else {
        println!("skipped: there is no {}", path.display());
        return None;
    };
    Some(serde_json::from_str(&text).unwrap())
}

fn numbers(list: &Value) -> Vec<f64> {
    list.as_array().unwrap().iter().map(|v| v.as_f64().unwrap()).collect()
}

/// The values of a vector: its own, or those of a named data set; `None` if the file names but does not hold them.
fn values_of(file: &Value, vector: &Value) -> Option<Vec<f64>> {
    match &vector["data"] {
        Value::String(name) => file["datasets"].get(name).map(|set| numbers(&set["values"])),
        own => Some(numbers(own)),
    }
}

/// The rule of a vector whose method is built.
fn rule_of(vector: &Value) -> Option<ClassRule> {
    let method = match vector["method"].as_str().unwrap() {
        "fisher" | "jenks" | "fisher_jenks" | "ckmeans/fisher" | "fisher (= ckmeans)" => Method::FisherJenks,
        "quantile_type7" => Method::Quantile,
        "equal_interval" => Method::EqualInterval,
        "manual" => Method::Manual,
        "geometric_progression" => Method::Geometric,
        name if name.starts_with("head_tail") => Method::HeadTail,
        // The other standard deviation divides by n, and its steps are not round.
        name if name.starts_with("std_dev") => Method::StandardDeviation,
        _ => return None,
    };
    let breaks = if method == Method::Manual { numbers(&vector["expected"]["breaks"]) } else { Vec::new() };
    let classes = vector["k"].as_u64().or_else(|| quantile_classes(vector))?;
    let threshold = vector["method"].as_str().unwrap().split_once("thr=").map(|(_, t)| t.parse().unwrap());
    Some(ClassRule { method, classes: classes as u8, breaks, threshold, reference: None })
}

/// A list of quantiles is the inner breaks of k classes if they are evenly spaced.
fn quantile_classes(vector: &Value) -> Option<u64> {
    let shares = numbers(vector["expected"].get("p")?);
    let k = shares.len() + 1;
    let even = shares.iter().enumerate().all(|(i, p)| close(*p, (i + 1) as f64 / k as f64));
    even.then_some(k as u64)
}

fn close(a: f64, b: f64) -> bool {
    (a - b).abs() <= TOLERANCE * a.abs().max(b.abs()).max(1e-12)
}

fn same(a: &[f64], b: &[f64]) -> bool {
    a.len() == b.len() && a.iter().zip(b).all(|(a, b)| close(*a, *b))
}

/// How many values lie in each class when breaks are read by the convention that the vector names.
fn expected_counts(vector: &Value, sorted: &[f64]) -> Option<Vec<usize>> {
    let expected = &vector["expected"];
    if let Some(clusters) = expected.get("clusters") {
        return Some(clusters.as_array()?.iter().map(|c| c.as_array().unwrap().len()).collect());
    }
    if let Some(counts) = expected.get("counts") {
        return Some(numbers(counts).iter().map(|c| *c as usize).collect());
    }
    let breaks = numbers(expected.get("breaks")?);
    let lower_limits = expected["convention"].as_str().is_some_and(|c| c.starts_with("LOWER"));
    let inner = breaks.get(1..breaks.len() - 1)?;
    let ends = inner.iter().map(|b| sorted.partition_point(|v| if lower_limits { v < b } else { v <= b }));
    let ends: Vec<usize> = ends.chain([sorted.len()]).collect();
    Some(ends.iter().scan(0, |below, end| Some(end - std::mem::replace(below, *end))).collect())
}

fn check(vector: &Value, values: &[f64], found: &Classification) {
    let id = &vector["id"];
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let single_value = sorted.first() == sorted.last();
    if let (Some(counts), false) = (expected_counts(vector, &sorted), single_value) {
        assert_eq!(found.counts, counts, "{id}: partition");
    }
    if let Some(gvf) = vector["expected"]["gvf"].as_f64() {
        assert!(close(found.gvf, gvf), "{id}: gvf {}", found.gvf);
    }
    if let Some(quantiles) = vector["expected"].get("q") {
        let inner = &found.breaks[1..found.classes()];
        assert!(same(inner, &numbers(quantiles)), "{id}: {inner:?}");
    } else if found.method == Method::StandardDeviation {
        let published = numbers(&vector["expected"]["breaks"]);
        let inner = |breaks: &[f64]| breaks[1..breaks.len() - 1].to_vec();
        // The source goes on to the next step beyond the values; here the ends are those of the values.
        assert!(same(&inner(&found.breaks), &inner(&published)), "{id}: {:?}", found.breaks);
    } else if found.method != Method::FisherJenks {
        let mut breaks = found.breaks.clone();
        if single_value {
            // A single value is one class from itself to itself here, and a list of one break in the source.
            breaks.dedup();
        }
        assert!(same(&breaks, &numbers(&vector["expected"]["breaks"])), "{id}: {breaks:?}");
    }
}

#[test]
fn every_published_vector_of_a_built_method_holds() {
    let Some(file) = vectors() else { return };
    let mut held = 0;
    for vector in file["vectors"].as_array().unwrap() {
        let (Some(rule), Some(values)) = (rule_of(vector), values_of(&file, vector)) else {
            println!("not built: {} ({})", vector["id"], vector["method"]);
            continue;
        };
        check(vector, &values, &classify(&values, &rule, Vec::new()).unwrap());
        held += 1;
    }
    println!("{held} vectors hold");
    assert!(held >= 24);
}

#[test]
fn the_exact_optimum_of_the_published_example_is_found_with_our_breaks() {
    let Some(file) = vectors() else { return };
    let values = numbers(&file["datasets"]["jenks71"]["values"]);
    let found = classify(&values, &ClassRule::default(), Vec::new()).unwrap();
    assert_eq!(found.breaks, [15.57, 41.2, 60.66, 77.29, 100.1, 155.3]);
    assert!((found.gvf - 0.931_356_006_266_311_2).abs() < 1e-12);
}

#[test]
fn breaks_that_were_published_wrongly_are_not_repeated() {
    let Some(file) = vectors() else { return };
    for vector in file["negative_or_disputed"].as_array().unwrap() {
        let Some(values) = values_of(&file, vector) else {
            println!("no values in the file: {}", vector["id"]);
            continue;
        };
        let rule = ClassRule { classes: vector["k"].as_u64().unwrap() as u8, ..ClassRule::default() };
        let found = classify(&values, &rule, Vec::new()).unwrap();
        match vector["id"].as_str().unwrap() {
            "NEG-geostats-issue21" => {
                assert!(same(&found.breaks, &[40.4, 40.4, 44.95, 46.27, 47.95, 50.92]), "{:?}", found.breaks);
            }
            "NEG-simple-statistics-issue88" => assert_eq!(found.counts, [1, 3, 1]),
            // Eight partitions are optimal here: only the sum of squared deviations, 0.5, can be compared.
            "NEG-nonunique" => {
                assert_eq!(found.classes(), 9);
                let mean = values.iter().sum::<f64>() / values.len() as f64;
                let total: f64 = values.iter().map(|v| (v - mean).powi(2)).sum();
                assert!(((1.0 - found.gvf) * total - 0.5).abs() < 1e-9);
            }
            other => println!("not judged here: {other}"),
        }
    }
}
