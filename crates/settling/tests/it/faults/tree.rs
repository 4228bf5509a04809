//! What is in an output folder, to be compared.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;

/// Every path below a folder: what a file holds, `None` of a folder. Of a manifest, without what
/// may differ between runs: timings, and what was found done.
pub(crate) type Tree = BTreeMap<PathBuf, Option<Vec<u8>>>;

pub(crate) fn tree(folder: &Path) -> Tree {
    let mut tree = Tree::new();
    add(folder, Path::new(""), &mut tree);
    tree
}

fn add(root: &Path, below: &Path, tree: &mut Tree) {
    for entry in fs::read_dir(root.join(below)).unwrap() {
        let entry = entry.unwrap();
        let path = below.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            add(root, &path, tree);
            tree.insert(path, None);
        } else {
            let bytes = fs::read(root.join(&path)).unwrap();
            let manifest = path == Path::new("manifest.json");
            tree.insert(path, Some(if manifest { without_timings(&bytes) } else { bytes }));
        }
    }
}

fn without_timings(manifest: &[u8]) -> Vec<u8> {
    let mut manifest: Value = serde_json::from_slice(manifest).unwrap();
    for model in manifest["models"].as_array_mut().unwrap() {
        for step in model["steps"].as_array_mut().unwrap() {
            let step = step.as_object_mut().unwrap();
            for varies in ["seconds", "reused", "computed"] {
                step.remove(varies).unwrap();
            }
        }
    }
    serde_json::to_vec(&manifest).unwrap()
}

fn is_unfinished(path: &Path) -> bool {
    path.iter().any(|part| part.to_string_lossy().ends_with(".partial"))
}

/// What is there under temporary names.
pub(crate) fn unfinished(tree: &Tree) -> Vec<&PathBuf> {
    tree.keys().filter(|path| is_unfinished(path)).collect()
}

/// Everything but what is there under temporary names.
pub(crate) fn finished(mut tree: Tree) -> Tree {
    tree.retain(|path, _| !is_unfinished(path));
    tree
}

/// Checks that every table in `found` is one of those of the `whole` trees, and every unit one of
/// their units, with all its files.
pub(crate) fn assert_whole(found: &Tree, whole: &[&Tree], context: &str) {
    let found = finished(found.clone());
    for (path, bytes) in &found {
        let same = whole.iter().any(|whole| whole.get(path) == Some(bytes));
        assert!(same, "{context}: {} is not whole", path.display());
    }
    for unit in found.keys().filter(|path| path.iter().count() == 3) {
        let files = |tree: &Tree| -> Tree {
            let within = |path: &Path| path.starts_with(unit);
            tree.iter()
                .filter(|(path, _)| within(path))
                .map(|(p, b)| (p.clone(), b.clone()))
                .collect()
        };
        let same = whole.iter().any(|whole| files(whole) == files(&found));
        assert!(same, "{context}: {} is not a whole unit", unit.display());
    }
}

/// Checks that two trees are the same, and says where they are not.
pub(crate) fn assert_same(found: &Tree, expected: &Tree, context: &str) {
    let paths = found.keys().chain(expected.keys());
    for path in paths {
        assert!(found.get(path) == expected.get(path), "{context}: {} differs", path.display());
    }
}
