//! No type of another package is part of a public signature, read off what rustdoc says of each
//! crate in JSON.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::Command;

use serde_json::Value;

use crate::workspace::{libraries, root, target};

/// The standard library; our own crates; and serde, whose traits our results implement so that they
/// can be stored.
fn may_be_public(package: &str) -> bool {
    ["std", "core", "alloc", "serde_core"].contains(&package)
        || package == "settling"
        || package.starts_with("settling_")
}

#[test]
fn no_foreign_type_is_public() {
    let work = tempfile::tempdir().unwrap();
    let (mut found, mut seen) = (BTreeSet::new(), BTreeSet::new());
    for name in libraries().into_keys() {
        for (place, package) in foreign(&described(&name, work.path())) {
            seen.insert(package.clone());
            if !may_be_public(&package) {
                found.insert(format!("{name}: {place}"));
            }
        }
    }
    assert!(found.is_empty(), "{found:#?}");
    // What may be public is there, so the search sees what there is.
    for package in ["core", "serde_core", "settling_core", "settling_models"] {
        assert!(seen.contains(package), "{package} among {seen:?}");
    }
}

/// A crate with all its features, as rustdoc describes it.
fn described(name: &str, work: &Path) -> Value {
    let features: &[&str] = match name {
        "settling" => &["--features", "capture,doc-only,figures,hub"],
        "settling-capture" => &["--features", "doc-only"],
        "settling-cli" => &["--features", "capture,doc-only"],
        "settling-records" | "settling-tokens" => &["--all-features"],
        _ => &[],
    };
    // The format is not stable. Only rustdoc is told so, not cargo, which would build everything
    // anew.
    let rustdoc = work.join("rustdoc.sh");
    fs::write(&rustdoc, "#!/bin/sh\nRUSTC_BOOTSTRAP=1 exec rustdoc \"$@\"\n").unwrap();
    Command::new("chmod").arg("+x").arg(&rustdoc).status().unwrap();
    let output = Command::new(env!("CARGO"))
        .args(["rustdoc", "--offline", "--quiet", "--lib", "--package", name])
        .args(features)
        .args(["--", "-Z", "unstable-options", "--output-format", "json"])
        .env("RUSTDOC", &rustdoc)
        .current_dir(root())
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let file = target().join(format!("doc/{}.json", name.replace('-', "_")));
    serde_json::from_str(&fs::read_to_string(file).unwrap()).unwrap()
}

/// The items of a crate that name types or traits of other packages: where, and which package.
fn foreign(json: &Value) -> BTreeSet<(String, String)> {
    let mut found = BTreeSet::new();
    for (_, item) in json["index"].as_object().unwrap() {
        let own = item["crate_id"] == 0;
        // What the compiler derives for every type is not ours.
        let implied = &item["inner"]["impl"];
        let is_implied = !implied["blanket_impl"].is_null() || implied["is_synthetic"] == true;
        if !own || is_implied {
            continue;
        }
        let mut names = BTreeSet::new();
        types_in(&item["inner"], &mut names);
        for id in names {
            let Some(path) = json["paths"].get(&id) else { continue };
            let crate_id = path["crate_id"].as_u64().unwrap();
            if crate_id == 0 {
                continue;
            }
            let package = json["external_crates"][crate_id.to_string()]["name"].as_str().unwrap();
            let parts = path["path"].as_array().unwrap().iter();
            let foreign: Vec<&str> = parts.filter_map(Value::as_str).collect();
            let file = item["span"]["filename"].as_str().unwrap_or("?");
            let line = item["span"]["begin"][0].as_u64().unwrap_or(0);
            let place = format!("{file}:{line}: {}", foreign.join("::"));
            found.insert((place, package.to_owned()));
        }
    }
    found
}

/// The ids of all types and traits that a description names.
fn types_in(value: &Value, names: &mut BTreeSet<String>) {
    match value {
        Value::Object(object) => {
            if object.contains_key("path")
                && let Some(id) = object.get("id").filter(|id| id.is_number())
            {
                names.insert(id.to_string());
            }
            // The items of a module, and the implementations of a type, are looked at by
            // themselves.
            for (key, value) in object {
                if !["items", "impls", "implementations", "use"].contains(&key.as_str()) {
                    types_in(value, names);
                }
            }
        }
        Value::Array(values) => values.iter().for_each(|value| types_in(value, names)),
        _ => {}
    }
}
