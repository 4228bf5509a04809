//! Text that every machine has which built this workspace: the source of its dependencies, the same
//! for all by Cargo.lock.

use std::path::PathBuf;
use std::process::Command;

use serde_json::Value;
use settling::core::BoxError;
use settling_testkit::SourceTree;

/// The folders of every package of the workspace's dependency graph on Linux x86-64, whatever this
/// machine is, so that the text is the same; each labelled `name-version`.
pub(super) fn dependencies() -> Result<Vec<SourceTree>, BoxError> {
    let output = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
        .args([
            "metadata",
            "--format-version",
            "1",
            "--locked",
            "--filter-platform",
            "x86_64-unknown-linux-gnu",
        ])
        .arg("--manifest-path")
        .arg(concat!(env!("CARGO_MANIFEST_DIR"), "/../Cargo.toml"))
        .output()?;
    if !output.status.success() {
        return Err(
            format!("cargo metadata failed: {}", String::from_utf8_lossy(&output.stderr)).into()
        );
    }
    let metadata: Value = serde_json::from_slice(&output.stdout)?;
    let packages = metadata["packages"].as_array().ok_or("cargo metadata lists no packages")?;
    let mut trees = Vec::new();
    for package in packages.iter().filter(|package| !package["source"].is_null()) {
        let text = |key: &str| {
            package[key].as_str().ok_or("cargo metadata lists a package without a name")
        };
        let mut folder = PathBuf::from(text("manifest_path")?);
        folder.pop();
        trees.push(SourceTree { label: format!("{}-{}", text("name")?, text("version")?), folder });
    }
    Ok(trees)
}
