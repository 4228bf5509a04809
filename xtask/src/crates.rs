//! Every crate as its users meet it: alone, with each of its features, and as a package.

use std::fs;
use std::path::Path;
use std::process::Command;

use crate::{Result, run};

/// Builds each crate in `crates/` without default features, then with each feature alone, without
/// what other members of the workspace would switch on, and its pages with default features; then
/// makes the packages.
pub(crate) fn check(root: &Path, cargo: fn() -> Command) -> Result<()> {
    for (name, manifest) in crates(root)? {
        let alone = ["check", "--quiet", "--package", &name, "--no-default-features"];
        println!("{name}");
        run(cargo().args(alone))?;
        let pages = ["doc", "--quiet", "--no-deps", "--package", &name];
        run(cargo().args(pages).env("RUSTDOCFLAGS", "-D warnings"))?;
        for feature in features(&manifest) {
            println!("{name}, {feature}");
            run(cargo().args(alone).args(["--features", &feature]))?;
        }
    }
    println!("packages");
    run(cargo().args(["package", "--workspace", "--quiet", "--no-verify", "--allow-dirty"]))
}

/// The names and manifests of the crates.
fn crates(root: &Path) -> Result<Vec<(String, String)>> {
    let folder = root.join("crates");
    let unreadable = |error| format!("{} cannot be read: {error}", folder.display());
    let mut found = Vec::new();
    for entry in fs::read_dir(&folder).map_err(unreadable)? {
        let entry = entry.map_err(unreadable)?;
        let manifest = fs::read_to_string(entry.path().join("Cargo.toml")).map_err(unreadable)?;
        found.push((entry.file_name().to_string_lossy().into_owned(), manifest));
    }
    found.sort();
    Ok(found)
}

/// The keys of the section `[features]`, the default aside. Without libtorch at hand `doc-only`
/// comes with what needs it.
fn features(manifest: &str) -> Vec<String> {
    let section = manifest.split_once("\n[features]\n").map_or("", |(_, rest)| rest);
    let section = section.split("\n[").next().unwrap_or_default();
    let keys = section.lines().filter_map(|line| line.split_once(" = ")).map(|(key, _)| key);
    let own = keys.filter(|key| !key.starts_with('#') && !["default"].contains(key));
    own.filter(|key| *key != "download-libtorch").map(str::to_owned).collect()
}
