//! What the dependencies may be used under.

use serde_json::Value;

use crate::workspace::cargo;

/// Licenses that a program under MIT or Apache 2.0 can be distributed with. MPL 2.0 asks for
/// changes to its own files only, and none are made here.
const ALLOWED: [&str; 15] = [
    "0BSD",
    "Apache-2.0",
    "Apache-2.0 WITH LLVM-exception",
    "BSD-2-Clause",
    "BSD-3-Clause",
    "BSL-1.0",
    "CC0-1.0",
    "CDLA-Permissive-2.0",
    "ISC",
    "MIT",
    "MIT-0",
    "MPL-2.0",
    "Unicode-3.0",
    "Unlicense",
    "Zlib",
];

#[test]
fn licenses_of_dependencies_are_on_the_list() {
    let platform = ["--filter-platform", "x86_64-unknown-linux-gnu"];
    let shape = ["metadata", "--format-version", "1", "--offline"];
    let metadata = cargo(&[&shape[..], &platform].concat());
    let metadata: Value = serde_json::from_str(&metadata).unwrap();
    let mut refused = Vec::new();
    for package in metadata["packages"].as_array().unwrap() {
        let name = package["name"].as_str().unwrap();
        let license = package["license"].as_str().unwrap_or("none stated");
        if !is_allowed(license) {
            refused.push(format!("{name}: {license}"));
        }
    }
    assert!(refused.is_empty(), "{refused:#?}");
}

/// Whether an SPDX expression can be met: one side of an OR, both of an AND.
fn is_allowed(expression: &str) -> bool {
    // An old spelling of OR.
    let expression = expression.replace('/', " OR ");
    let expression = expression.trim();
    if let Some((left, right)) = split(expression, " OR ") {
        return is_allowed(left) || is_allowed(right);
    }
    if let Some((left, right)) = split(expression, " AND ") {
        return is_allowed(left) && is_allowed(right);
    }
    match expression.strip_prefix('(').and_then(|rest| rest.strip_suffix(')')) {
        Some(inner) => is_allowed(inner),
        None => ALLOWED.contains(&expression),
    }
}

/// At the first `operator` outside of parentheses.
fn split<'a>(expression: &'a str, operator: &str) -> Option<(&'a str, &'a str)> {
    let mut depth = 0;
    for (place, character) in expression.char_indices() {
        match character {
            '(' => depth += 1,
            ')' => depth -= 1,
            _ => {}
        }
        if depth == 0 && expression[place..].starts_with(operator) {
            return Some((&expression[..place], &expression[place + operator.len()..]));
        }
    }
    None
}

#[test]
fn expressions_are_understood() {
    assert!(is_allowed("MIT OR GPL-3.0") && is_allowed("MIT/Apache-2.0"));
    assert!(!is_allowed("MIT AND GPL-3.0") && !is_allowed("GPL-3.0"));
    assert!(is_allowed("(MIT OR GPL-3.0) AND Unicode-3.0"));
    assert!(is_allowed("Apache-2.0 WITH LLVM-exception OR Apache-2.0 OR MIT"));
}
