//! Which crate may depend on which.

use std::collections::BTreeSet;

use crate::workspace::{Library, cargo, libraries};

/// Which crates of the workspace each crate may depend on.
const EDGES: [(&str, &[&str]); 14] = [
    ("settling-core", &[]),
    ("settling-mcc", &[]),
    ("settling-models", &["settling-core"]),
    ("settling-tokens", &["settling-core"]),
    ("settling-rank", &["settling-core"]),
    ("settling-cka", &["settling-core"]),
    ("settling-records", &["settling-core"]),
    ("settling-checkpoint", &["settling-core", "settling-models"]),
    (
        "settling-hub",
        &["settling-checkpoint", "settling-core", "settling-models", "settling-tokens"],
    ),
    ("settling-capture", &["settling-core", "settling-models", "settling-rank", "settling-cka"]),
    ("settling-analysis", &["settling-core", "settling-mcc", "settling-records"]),
    ("settling-figures", &["settling-core", "settling-records", "settling-analysis"]),
    (
        "settling",
        &[
            "settling-analysis",
            "settling-capture",
            "settling-checkpoint",
            "settling-cka",
            "settling-core",
            "settling-figures",
            "settling-hub",
            "settling-mcc",
            "settling-models",
            "settling-rank",
            "settling-records",
            "settling-tokens",
        ],
    ),
    (
        "settling-cli",
        &[
            "settling",
            "settling-analysis",
            "settling-capture",
            "settling-checkpoint",
            "settling-cka",
            "settling-core",
            "settling-figures",
            "settling-hub",
            "settling-mcc",
            "settling-models",
            "settling-rank",
            "settling-records",
            "settling-tokens",
        ],
    ),
];

/// Packages that only the named crates may depend on directly: what links C++ or would leak into
/// many crates.
const KEPT_TO: [(&str, &[&str]); 11] = [
    ("tch", &["settling-capture"]),
    ("torch-sys", &["settling-capture"]),
    ("faer", &["settling-cka", "settling-rank"]),
    ("parquet", &["settling-records", "settling-tokens"]),
    ("tokenizers", &["settling-tokens"]),
    ("resvg", &["settling-figures"]),
    ("csv", &["settling-records"]),
    ("clap", &["settling-cli"]),
    // What opens sockets.
    ("hf-hub", &["settling-hub"]),
    ("reqwest", &["settling-hub"]),
    ("tokio", &["settling-hub"]),
];

#[test]
fn crates_depend_on_each_other_only_where_allowed() {
    let libraries = libraries();
    let names: BTreeSet<&str> = libraries.keys().map(String::as_str).collect();
    let listed: BTreeSet<&str> = EDGES.iter().map(|(name, _)| *name).collect();
    assert_eq!(names, listed, "every crate is in the list");
    for (name, allowed) in EDGES {
        for dependency in libraries[name].dependencies.iter().map(String::as_str) {
            assert!(
                !names.contains(dependency) || allowed.contains(&dependency),
                "{name} may not depend on {dependency}"
            );
        }
    }
}

#[test]
fn the_vocabulary_and_the_smallest_crate_depend_on_nothing() {
    let libraries = libraries();
    for name in ["settling-core", "settling-mcc"] {
        let Library { dependencies, optional, .. } = &libraries[name];
        assert_eq!(dependencies, optional, "{name} depends on more than its features ask for");
        assert!(optional.iter().all(|one| one == "serde"), "{name} may depend on {optional:?}");
        // And no feature is on by default.
        assert_eq!(tree(&["--package", name]), BTreeSet::from([name.to_owned()]));
    }
}

#[test]
fn heavy_packages_stay_where_they_are() {
    for (name, library) in libraries() {
        for (package, holders) in KEPT_TO {
            assert!(
                !library.dependencies.contains(package) || holders.contains(&name.as_str()),
                "{name} may not depend on {package}"
            );
        }
    }
}

/// The names of all packages that building `arguments` takes, tests aside.
fn tree(arguments: &[&str]) -> BTreeSet<String> {
    let shape = ["tree", "--offline", "--prefix", "none", "--format", "{p}", "--edges"];
    let text = cargo(&[&shape[..], &["normal,build"], arguments].concat());
    text.lines().filter_map(|line| line.split(' ').next()).map(str::to_owned).collect()
}

/// The program without its default features, and every crate that is not the hub or libtorch: no C
/// or C++ compiler, nothing that opens sockets.
#[test]
fn everything_but_the_hub_and_libtorch_is_plain_rust() {
    let plain = libraries()
        .into_keys()
        .filter(|name| !["settling-hub", "settling-capture"].contains(&name.as_str()));
    for name in plain {
        let packages = tree(&["--package", &name, "--no-default-features"]);
        for compiler in ["cc", "cmake", "bindgen", "pkg-config", "torch-sys", "reqwest", "tokio"] {
            assert!(!packages.contains(compiler), "{name} builds {compiler}");
        }
    }
}

#[test]
fn the_program_has_no_libtorch_unless_it_is_asked_for() {
    let packages = tree(&["--package", "settling-cli"]);
    assert!(packages.contains("settling-hub") && !packages.contains("torch-sys"));
    let packages = tree(&["--package", "settling-cli", "--features", "capture"]);
    assert!(packages.contains("torch-sys"));
}
