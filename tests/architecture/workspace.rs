//! The workspace, as cargo and the file system describe it.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

/// The root of the workspace.
pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_path_buf()
}

/// What `cargo` prints with these arguments.
pub(crate) fn cargo(arguments: &[&str]) -> String {
    let output = Command::new(env!("CARGO")).args(arguments).current_dir(root()).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// Where cargo builds.
pub(crate) fn target() -> PathBuf {
    let metadata = cargo(&["metadata", "--format-version", "1", "--no-deps", "--offline"]);
    let metadata: Value = serde_json::from_str(&metadata).unwrap();
    PathBuf::from(metadata["target_directory"].as_str().unwrap())
}

/// A package in `crates/`.
pub(crate) struct Library {
    pub(crate) name: String,
    /// Direct dependencies, not those of its tests.
    pub(crate) dependencies: BTreeSet<String>,
    /// Those of them that only a feature switches on.
    pub(crate) optional: BTreeSet<String>,
    pub(crate) folder: PathBuf,
}

pub(crate) fn libraries() -> BTreeMap<String, Library> {
    let metadata = cargo(&["metadata", "--format-version", "1", "--no-deps", "--offline"]);
    let metadata: Value = serde_json::from_str(&metadata).unwrap();
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let library = |package: &Value| {
        let dependencies = package["dependencies"].as_array().unwrap().iter();
        let direct: Vec<_> = dependencies.filter(|one| one["kind"] != "dev").collect();
        let optional = direct.iter().filter(|one| one["optional"] == true);
        let manifest = PathBuf::from(text(&package["manifest_path"]));
        Library {
            name: text(&package["name"]),
            dependencies: direct.iter().map(|one| text(&one["name"])).collect(),
            optional: optional.map(|one| text(&one["name"])).collect(),
            folder: manifest.parent().unwrap().to_path_buf(),
        }
    };
    let packages = metadata["packages"].as_array().unwrap().iter();
    packages
        .map(library)
        .filter(|library| library.folder.parent().unwrap().ends_with("crates"))
        .map(|library| (library.name.clone(), library))
        .collect()
}

/// A file of Rust.
pub(crate) struct Source {
    pub(crate) path: PathBuf,
    pub(crate) text: String,
}

/// Every file of Rust below `folder`, subfolders included, in the order of their names.
pub(crate) fn sources(folder: &Path) -> Vec<Source> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_path_buf()];
    while let Some(folder) = folders.pop() {
        let Ok(entries) = fs::read_dir(&folder) else { continue };
        for entry in entries {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let text = fs::read_to_string(&path).unwrap();
                found.push(Source { path, text });
            }
        }
    }
    found.sort_by(|a, b| a.path.cmp(&b.path));
    found
}

impl Source {
    /// The lines of code that are no tests: without comments, and without what follows
    /// `#[cfg(test)]` at the end of a file.
    pub(crate) fn code(&self) -> String {
        let whole = self.text.split("\n#[cfg(test)]\nmod tests").next().unwrap_or_default();
        let is_code = |line: &&str| !line.trim_start().starts_with("//");
        whole.lines().filter(is_code).map(|line| format!("{line}\n")).collect()
    }
}
