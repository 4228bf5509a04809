//! What the files of the crates may and may not hold.

use std::path::Path;

use crate::workspace::{libraries, root, sources};

/// Code below `src/` of every crate that contains one of `words`, as `crate: path: word`.
fn code_with(words: &[&str]) -> Vec<String> {
    let mut found = Vec::new();
    for (name, library) in libraries() {
        for source in sources(&library.folder.join("src")) {
            let code = source.code();
            for word in words.iter().filter(|word| code.contains(**word)) {
                found.push(format!("{name}: {}: {word}", source.path.display()));
            }
        }
    }
    found
}

#[test]
fn no_crate_has_unsafe_code() {
    for (name, library) in libraries() {
        for root in ["src/lib.rs", "src/main.rs"] {
            let Ok(text) = std::fs::read_to_string(library.folder.join(root)) else { continue };
            assert!(text.contains("#![forbid(unsafe_code)]"), "{name}, {root}");
        }
    }
}

/// A cause is part of the message. An error that had it as its source too would be printed twice.
#[test]
fn errors_tell_their_cause_once() {
    for (_, library) in libraries() {
        for source in sources(&library.folder.join("src")) {
            for form in ["fn source(", "#[source]", "#[from]"] {
                assert!(!source.text.contains(form), "{}: `{form}`", source.path.display());
            }
        }
    }
}

/// What a feature adds says so on docs.rs, of every crate that has such items.
#[test]
fn items_of_a_feature_are_marked_in_the_documentation() {
    let mut marked = 0;
    for (name, library) in libraries() {
        let text = |path: &str| std::fs::read_to_string(library.folder.join(path)).unwrap();
        let (front, manifest) = (text("src/lib.rs"), text("Cargo.toml"));
        if !front.contains("#[cfg(feature") {
            continue;
        }
        assert!(front.contains("#![cfg_attr(docsrs, feature(doc_cfg))]"), "{name}");
        assert!(manifest.contains("rustdoc-args = [\"--cfg\", \"docsrs\"]"), "{name}");
        marked += 1;
    }
    assert!(marked > 1);
}

/// What a package is published with: who may use it, where it is from, what it is about.
#[test]
fn every_package_has_licences_and_words_of_its_own() {
    let mut seen: Vec<(String, String)> = Vec::new();
    for (name, library) in libraries() {
        for license in ["LICENSE-MIT", "LICENSE-APACHE"] {
            let own = std::fs::read_to_string(library.folder.join(license)).unwrap();
            assert_eq!(own, std::fs::read_to_string(root().join(license)).unwrap(), "{name}");
        }
        let manifest = std::fs::read_to_string(library.folder.join("Cargo.toml")).unwrap();
        assert!(manifest.contains("\nrepository.workspace = true\n"), "{name}");
        let keywords = manifest.lines().find(|line| line.starts_with("keywords")).unwrap();
        if let Some((other, _)) = seen.iter().find(|(_, words)| words == keywords) {
            panic!("{name} and {other} have the same keywords");
        }
        seen.push((name, keywords.to_owned()));
    }
}

#[test]
fn only_the_hub_opens_sockets() {
    let found = code_with(&["std::net", "TcpStream", "TcpListener", "UdpSocket"]);
    let elsewhere: Vec<_> =
        found.into_iter().filter(|place| !place.starts_with("settling-hub:")).collect();
    assert!(elsewhere.is_empty(), "{elsewhere:#?}");
}

/// Nothing that is read can start anything, since nothing here can.
#[test]
fn no_crate_starts_a_process() {
    let found = code_with(&["process::Command", "Command::new", "libloading", "dlopen"]);
    let elsewhere: Vec<_> =
        found.into_iter().filter(|place| !place.starts_with("settling-cli:")).collect();
    assert!(elsewhere.is_empty(), "{elsewhere:#?}");
}

#[test]
fn rank_cka_mcc_models_and_analysis_do_no_input_or_output() {
    let pure =
        ["settling-rank", "settling-cka", "settling-mcc", "settling-models", "settling-analysis"];
    let found = code_with(&["std::fs", "std::io", "std::env", "println!"]);
    let of_these = |place: &String| pure.iter().any(|name| place.starts_with(&format!("{name}:")));
    let found: Vec<_> = found.into_iter().filter(of_these).collect();
    assert!(found.is_empty(), "{found:#?}");
}

#[test]
fn every_crate_has_a_readme_and_its_licenses() {
    for (name, library) in libraries() {
        for file in ["README.md", "LICENSE-MIT", "LICENSE-APACHE"] {
            assert!(library.folder.join(file).is_file(), "{name} has no {file}");
        }
    }
}

/// Every file of Rust that people read.
fn all_sources() -> Vec<crate::workspace::Source> {
    let folders = ["crates", "examples", "tests", "benches", "fuzz", "xtask"];
    folders.iter().flat_map(|folder| sources(&root().join(folder))).collect()
}

/// Tables, and addresses that cannot be broken, aside.
#[test]
fn documentation_fits_100_columns() {
    let mut long = Vec::new();
    for source in all_sources() {
        for (number, line) in source.text.lines().enumerate() {
            let text = line.trim_start();
            let Some(comment) = text.strip_prefix("//") else { continue };
            let comment = comment.trim_start_matches(['/', '!']).trim_start();
            let is_table = comment.starts_with('|');
            let is_word = !comment.contains(' ');
            if line.chars().count() > 100 && !is_table && !is_word {
                long.push(format!("{}:{}", source.path.display(), number + 1));
            }
        }
    }
    assert!(long.is_empty(), "{long:#?}");
}

#[test]
fn pages_fit_100_columns() {
    let mut long = Vec::new();
    let mut check = |path: &Path| {
        let text = std::fs::read_to_string(path).unwrap();
        let mut is_code = false;
        for (number, line) in text.lines().enumerate() {
            is_code ^= line.trim_start().starts_with("```");
            let is_table = line.trim_start().starts_with('|');
            let is_word = !line.trim().contains(' ');
            if line.chars().count() > 100 && !is_table && !is_code && !is_word {
                long.push(format!("{}:{}", path.display(), number + 1));
            }
        }
    };
    for folder in ["", "docs", "examples", "fuzz"] {
        for entry in std::fs::read_dir(root().join(folder)).unwrap() {
            let path = entry.unwrap().path();
            if path.extension().is_some_and(|extension| extension == "md") {
                check(&path);
            }
        }
    }
    libraries().values().for_each(|library| check(&library.folder.join("README.md")));
    assert!(long.is_empty(), "{long:#?}");
}

#[test]
fn every_module_says_what_it_is_for() {
    let mut silent = Vec::new();
    for (_, library) in libraries() {
        for source in sources(&library.folder.join("src")) {
            if !source.text.starts_with("//!") {
                silent.push(source.path.display().to_string());
            }
        }
    }
    assert!(silent.is_empty(), "{silent:#?}");
}

/// A module with children is `name/mod.rs`, everywhere.
#[test]
fn modules_have_one_style() {
    for (_, library) in libraries() {
        for folder in ["src", "tests"] {
            for source in sources(&library.folder.join(folder)) {
                let beside = source.path.with_extension("");
                let is_root = source.path.file_stem().is_some_and(|stem| stem == "lib");
                assert!(is_root || !beside.is_dir(), "{} and a folder", source.path.display());
            }
        }
    }
}

#[test]
fn every_crate_has_its_tests_in_one_place() {
    for (name, library) in libraries() {
        let Ok(entries) = std::fs::read_dir(library.folder.join("tests")) else { continue };
        for entry in entries {
            let path = entry.unwrap().path();
            // What fuzzing and tests share lies in `fuzz/`, and packages leave it out.
            let is_shared = path.ends_with("tests/mutations.rs");
            assert!(path.is_dir() || is_shared, "{name}: {} is not in tests/it", path.display());
        }
    }
}

/// A crate's page is all that a reader of it has.
#[test]
fn no_page_of_a_crate_points_out_of_its_package() {
    let mut found = Vec::new();
    for (_, library) in libraries() {
        let mut pages = sources(&library.folder.join("src"));
        let path = library.folder.join("README.md");
        let text = std::fs::read_to_string(&path).unwrap();
        pages.push(crate::workspace::Source { path, text });
        for page in pages {
            let is_page = page.path.extension().is_some_and(|extension| extension == "md");
            for (number, line) in page.text.lines().enumerate() {
                let text = line.trim_start();
                let is_doc = is_page || text.starts_with("///") || text.starts_with("//!");
                if is_doc && (text.contains("docs/") || text.contains("](../")) {
                    found.push(format!("{}:{}", page.path.display(), number + 1));
                }
            }
        }
    }
    assert!(found.is_empty(), "{found:#?}");
}

#[test]
fn nothing_is_included_by_path_or_allowed_to_be_dead() {
    let mut found = Vec::new();
    for source in all_sources() {
        if source.path.starts_with(root().join("tests/architecture")) {
            continue;
        }
        for word in ["#[path", "allow(dead_code"] {
            // What fuzzing and tests share lies in the one and is read by the other.
            let is_shared = source.path.ends_with("tests/mutations.rs");
            if source.code().contains(word) && !is_shared {
                found.push(format!("{}: {word}", source.path.display()));
            }
        }
    }
    assert!(found.is_empty(), "{found:#?}");
}
