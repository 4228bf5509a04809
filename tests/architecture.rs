//! The invariants of docs/ARCHITECTURE.md, read off the workspace itself.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::process::Command;

use serde_json::Value;

/// Which crates of the workspace each library may depend on.
const EDGES: [(&str, &[&str]); 11] = [
    ("settling-core", &[]),
    ("settling-mcc", &[]),
    ("settling-checkpoint", &["settling-core"]),
    ("settling-tokens", &["settling-core"]),
    ("settling-rank", &["settling-core"]),
    ("settling-cka", &["settling-core"]),
    ("settling-records", &["settling-core"]),
    ("settling-hub", &["settling-checkpoint", "settling-core", "settling-tokens"]),
    ("settling-capture", &["settling-core", "settling-rank", "settling-cka"]),
    ("settling-figures", &["settling-core", "settling-mcc", "settling-records"]),
    (
        "settling",
        &[
            "settling-capture",
            "settling-checkpoint",
            "settling-cka",
            "settling-core",
            "settling-hub",
            "settling-mcc",
            "settling-rank",
            "settling-records",
            "settling-tokens",
        ],
    ),
];

/// Packages that only the named libraries may depend on directly: what links C++ or would leak into
/// many crates.
const KEPT_TO: [(&str, &[&str]); 9] = [
    ("tch", &["settling-capture"]),
    ("torch-sys", &["settling-capture"]),
    ("faer", &["settling-cka", "settling-rank"]),
    ("parquet", &["settling-records", "settling-tokens"]),
    ("tokenizers", &["settling-tokens"]),
    ("resvg", &["settling-figures"]),
    // What opens sockets.
    ("hf-hub", &["settling-hub"]),
    ("reqwest", &["settling-hub"]),
    ("tokio", &["settling-hub"]),
];

/// For every library: its direct dependencies (not those of its tests), and its manifest.
fn libraries() -> BTreeMap<String, (BTreeSet<String>, String)> {
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--format-version", "1", "--no-deps", "--offline"])
        .current_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let metadata: Value = serde_json::from_slice(&output.stdout).unwrap();
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let packages = metadata["packages"].as_array().unwrap().iter();
    packages
        .filter(|package| text(&package["manifest_path"]).contains("/crates/"))
        .map(|package| {
            let dependencies = package["dependencies"].as_array().unwrap().iter();
            let direct = dependencies
                .filter(|dependency| dependency["kind"] != "dev")
                .map(|one| text(&one["name"]));
            (text(&package["name"]), (direct.collect(), text(&package["manifest_path"])))
        })
        .collect()
}

#[test]
fn libraries_depend_on_each_other_only_where_allowed() {
    let libraries = libraries();
    let names: BTreeSet<&str> = libraries.keys().map(String::as_str).collect();
    assert_eq!(
        names,
        EDGES.iter().map(|(name, _)| *name).collect(),
        "every library is in the list"
    );
    for (name, allowed) in EDGES {
        let inside =
            libraries[name].0.iter().filter(|dependency| names.contains(dependency.as_str()));
        for dependency in inside {
            assert!(
                allowed.contains(&dependency.as_str()),
                "{name} may not depend on {dependency}"
            );
        }
    }
}

#[test]
fn the_vocabulary_and_the_smallest_crate_depend_on_nothing() {
    let libraries = libraries();
    for name in ["settling-core", "settling-mcc"] {
        assert!(libraries[name].0.is_empty(), "{name} depends on {:?}", libraries[name].0);
    }
}

#[test]
fn heavy_packages_stay_where_they_are() {
    for (name, (dependencies, _)) in libraries() {
        for (package, holders) in KEPT_TO {
            assert!(
                !dependencies.contains(package) || holders.contains(&name.as_str()),
                "{name} may not depend on {package}"
            );
        }
    }
}

#[test]
fn no_library_has_unsafe_code_or_opens_sockets() {
    for (name, (_, manifest)) in libraries() {
        let sources = Path::new(&manifest).with_file_name("src");
        let root = std::fs::read_to_string(sources.join("lib.rs")).unwrap();
        assert!(root.contains("#![forbid(unsafe_code)]"), "{name} does not forbid unsafe code");
        for source in std::fs::read_dir(&sources).unwrap() {
            let path = source.unwrap().path();
            if path.extension().is_some_and(|extension| extension == "rs") {
                let text = std::fs::read_to_string(&path).unwrap();
                assert!(!text.contains("std::net"), "{} opens sockets", path.display());
            }
        }
    }
}

#[test]
fn every_library_has_a_readme() {
    for (name, (_, manifest)) in libraries() {
        assert!(
            Path::new(&manifest).with_file_name("README.md").is_file(),
            "{name} has no README.md"
        );
    }
}
