//! docs/ARCHITECTURE.md names the test of every invariant, and that test exists.

use std::fs;

use crate::workspace::{root, sources};

#[test]
fn every_invariant_names_a_test_that_exists() {
    let page = fs::read_to_string(root().join("docs/ARCHITECTURE.md")).unwrap();
    let (_, rest) = page.split_once("## Invariants").unwrap();
    let section = rest.split("\n## ").next().unwrap();
    let tests: String = ["crates", "tests", "examples"]
        .iter()
        .flat_map(|folder| sources(&root().join(folder)))
        .map(|source| source.text)
        .collect();
    let invariants: Vec<&str> = section.split("\n- ").skip(1).collect();
    assert!(invariants.len() > 10, "{} invariants", invariants.len());
    for invariant in invariants {
        let (_, named) = invariant
            .split_once("Tested by")
            .unwrap_or_else(|| panic!("it names no test: {invariant}"));
        let names: Vec<&str> = named.split('`').skip(1).step_by(2).collect();
        assert!(!names.is_empty(), "{invariant}");
        for name in names {
            let function = name.rsplit("::").next().unwrap();
            let there = tests.contains(&format!("fn {function}("));
            assert!(there, "there is no test `{name}`: {invariant}");
        }
    }
}

/// docs/RELIABILITY.md says which test covers each fault.
#[test]
fn every_test_that_a_page_names_exists() {
    let tests: String = ["crates", "tests", "examples"]
        .iter()
        .flat_map(|folder| sources(&root().join(folder)))
        .map(|source| source.text)
        .collect();
    let page = fs::read_to_string(root().join("docs/RELIABILITY.md")).unwrap();
    let is_name = |text: &str| {
        let plain = text.chars().all(|c| c.is_ascii_lowercase() || "0123456789_:".contains(c));
        plain && text.contains("::")
    };
    let mut missing = Vec::new();
    for name in page.split('`').skip(1).step_by(2).filter(|text| is_name(text)) {
        let function = name.rsplit("::").next().unwrap();
        if !tests.contains(&format!("fn {function}(")) {
            missing.push(name);
        }
    }
    assert!(missing.is_empty(), "{missing:#?}");
}
