//! `docs/DEPENDENCIES.md` says what each crate brings along: what `cargo tree` prints.

use std::collections::BTreeSet;
use std::{env, fs};

use crate::workspace::{cargo, libraries, root};

/// The two that bring everything are the sum of the others.
const NO_LEAVES: [&str; 2] = ["settling", "settling-cli"];

const HEAD: &str = "\
# What each crate brings along

What depending on one crate alone compiles, with its default features, on Linux: the number of
packages, itself included, and the first two levels of `cargo tree`. `(*)` marks what is shown
further up. The crates with the fewest packages come first. The page is kept up to date by a test:
`UPDATE_GOLDEN=1 cargo test -p settling-tests --test architecture dependencies`.
";

/// One line per package, without versions, so that a patch release of any changes nothing.
fn tree(name: &str, more: &[&str]) -> String {
    let target = ["tree", "--offline", "--target", "x86_64-unknown-linux-gnu", "--edges", "normal"];
    cargo(&[&target[..], &["--format", "{lib}", "--package", name], more].concat())
}

fn page() -> String {
    let leaf = |name: String| {
        let packages: usize = {
            let text = tree(&name, &["--prefix", "none", "--no-dedupe"]);
            text.lines().collect::<BTreeSet<_>>().len()
        };
        let levels = tree(&name, &["--depth", "2"]);
        let packages_named = if packages == 1 { "package" } else { "packages" };
        let text = format!("\n## {name}: {packages} {packages_named}\n\n```text\n{levels}```\n");
        (packages, name, text)
    };
    let names = libraries().into_keys().filter(|name| !NO_LEAVES.contains(&name.as_str()));
    let mut leaves: Vec<_> = names.map(leaf).collect();
    leaves.sort();
    let sections = leaves.into_iter().map(|(_, _, text)| text);
    HEAD.to_owned() + &sections.collect::<String>()
}

#[test]
fn the_page_of_dependencies_is_what_cargo_says() {
    let path = root().join("docs/DEPENDENCIES.md");
    let page = page();
    if env::var_os("UPDATE_GOLDEN").is_some() {
        fs::write(&path, &page).unwrap();
    }
    let kept = fs::read_to_string(&path).unwrap_or_default();
    let differs = kept.lines().zip(page.lines()).position(|(kept, is)| kept != is);
    assert!(
        kept == page,
        "{} differs at line {differs:?}: run with UPDATE_GOLDEN=1 if a dependency is meant to be \
         new",
        path.display()
    );
}
