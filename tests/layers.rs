//! The layer table of the architecture: which module may use which.

#![expect(clippy::unwrap_used, reason = "helpers of tests may fail the test")]

use std::{collections::BTreeMap, fs, path::Path};

/// Module → modules it may name in `use crate::…` or `crate::…`.
const TABLE: &[(&str, &[&str])] = &[
    ("domain", &[]),
    ("geometry", &["domain"]),
    ("classification", &["domain"]),
    ("disclosure", &["domain"]),
    ("tile", &["domain", "geometry"]),
    ("style", &["domain", "classification", "tile"]),
    ("store", &["domain", "geometry"]),
    ("access", &["domain", "store"]),
    ("atlas", &["domain", "geometry", "classification", "tile", "store", "access"]),
    ("ingest", &["domain", "geometry", "classification", "tile", "store", "access"]),
    ("release", &["domain", "classification", "disclosure", "store", "access", "atlas"]),
    ("extract", &["domain", "geometry", "classification", "tile", "style", "store", "access", "atlas"]),
    ("clock", &[]),
    ("config", &["domain", "store", "access", "atlas", "http"]),
    (
        "http",
        &[
            "domain",
            "geometry",
            "classification",
            "disclosure",
            "tile",
            "style",
            "access",
            "atlas",
            "store",
            "release",
            "ingest",
            "extract",
            "clock",
        ],
    ),
    (
        "cli",
        &[
            "domain",
            "geometry",
            "classification",
            "disclosure",
            "tile",
            "style",
            "access",
            "atlas",
            "store",
            "release",
            "ingest",
            "extract",
            "http",
            "clock",
            "config",
        ],
    ),
];

/// Words that pure modules must not contain.
const PURE: [&str; 6] = ["domain", "geometry", "classification", "tile", "style", "disclosure"];
const IMPURE_WORDS: [&str; 6] = ["sqlx", "tokio", "async fn", "std::fs", "std::net", "SystemTime"];

fn rust_files(folder: &Path) -> Vec<std::path::PathBuf> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files.extend(rust_files(&path));
        } else if path.extension().is_some_and(|e| e == "rs") {
            files.push(path);
        }
    }
    files
}

/// The source without its unit tests, which may use whatever they need and may have a file of their own.
fn source(path: &Path) -> String {
    if path.ends_with("tests.rs") {
        return String::new();
    }
    let text = fs::read_to_string(path).unwrap();
    text.split("#[cfg(test)]").next().unwrap().to_owned()
}

fn by_module() -> BTreeMap<String, Vec<(String, String)>> {
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut modules: BTreeMap<String, Vec<(String, String)>> = BTreeMap::new();
    for file in rust_files(&src) {
        let relative = file.strip_prefix(&src).unwrap();
        let module =
            relative.components().next().unwrap().as_os_str().to_str().unwrap().trim_end_matches(".rs");
        if !["lib", "main"].contains(&module) {
            modules
                .entry(module.to_owned())
                .or_default()
                .push((relative.display().to_string(), source(&file)));
        }
    }
    modules
}

/// Names of the modules that a source names after `crate::`, also in lists such as `crate::{access, atlas::X}`.
fn used(source: &str) -> Vec<String> {
    let mut names = Vec::new();
    for rest in source.split("crate::").skip(1) {
        if let Some(list) = rest.strip_prefix('{') {
            let mut depth = 1;
            let mut top = String::new();
            for c in list.chars() {
                match c {
                    '{' => depth += 1,
                    '}' => depth -= 1,
                    _ if depth == 1 => top.push(c),
                    _ => {}
                }
                if depth == 0 {
                    break;
                }
            }
            names
                .extend(top.split(',').map(|part| part.trim().split("::").next().unwrap().trim().to_owned()));
        } else {
            names.push(rest.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect());
        }
    }
    names.retain(|n| TABLE.iter().any(|(module, _)| module == n));
    names
}

#[test]
fn each_module_uses_only_what_the_layer_table_allows() {
    let mut wrong = Vec::new();
    for (module, files) in by_module() {
        let row = TABLE.iter().find(|(name, _)| *name == module);
        let allowed = row.unwrap_or_else(|| panic!("module {module} is not in the layer table")).1;
        for (file, source) in files {
            for name in used(&source) {
                if name != module && !allowed.contains(&name.as_str()) {
                    wrong.push(format!("{file} uses {name}"));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn sql_stands_only_in_the_store_and_in_the_reader_of_foreign_geopackages() {
    let allowed = ["store/", "ingest/boundaries/"];
    for (_, files) in by_module() {
        for (file, source) in files {
            assert!(
                !source.contains("sqlx") || allowed.iter().any(|a| file.starts_with(a)),
                "{file} uses sqlx"
            );
        }
    }
}

#[test]
fn pure_modules_know_no_files_clocks_or_waiting() {
    for (module, files) in by_module() {
        if !PURE.contains(&module.as_str()) {
            continue;
        }
        for (file, source) in files {
            for word in IMPURE_WORDS {
                assert!(!source.contains(word), "{file} contains {word}");
            }
        }
    }
}
