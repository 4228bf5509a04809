//! The files of each crate import in one direction: no two import each other, however far around.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use crate::workspace::{libraries, sources};

/// A file as a module of its crate.
#[derive(Default)]
struct Module {
    /// What it defines at its top level.
    defines: BTreeSet<String>,
    /// What it passes on under a name of its own, and from where.
    passes_on: BTreeMap<String, Vec<String>>,
    /// What it uses, as paths that begin with `crate`, `super` or the name of a child.
    uses: Vec<Vec<String>>,
}

/// The modules of a crate by their paths; the root is the empty path.
type Crate = BTreeMap<Vec<String>, Module>;

#[test]
fn files_of_a_crate_import_in_one_direction() {
    for (name, library) in libraries() {
        let modules = read(&library.folder.join("src"));
        let files = arrows(&modules, |path| path.to_vec());
        assert_eq!(circle(&files), None, "{name}: these files import each other");
        // A folder is one thing, beside the files at the top.
        let folders = arrows(&modules, |path| path.iter().take(1).cloned().collect());
        assert_eq!(circle(&folders), None, "{name}: these folders import each other");
    }
}

fn read(src: &Path) -> Crate {
    let mut modules = Crate::new();
    for source in sources(src) {
        let path = module_path(source.path.strip_prefix(src).unwrap());
        if let Some(path) = path {
            modules.insert(path, module(&source.code()));
        }
    }
    modules
}

/// `a/mod.rs` and `a.rs` are `a`. Tests and the program's entry are no part of it.
fn module_path(file: &Path) -> Option<Vec<String>> {
    let mut parts: Vec<String> =
        file.iter().map(|part| part.to_string_lossy().into_owned()).collect();
    let last = PathBuf::from(parts.pop()?).file_stem()?.to_string_lossy().into_owned();
    match last.as_str() {
        "lib" | "mod" => {}
        "main" | "tests" => return None,
        _ => parts.push(last),
    }
    Some(parts)
}

fn module(code: &str) -> Module {
    let mut module = Module::default();
    for line in code.lines() {
        let mut words = line.split(|c: char| !(c.is_alphanumeric() || c == '_' || c == '!'));
        let is_definition = |word: &&str| {
            ["fn", "struct", "enum", "trait", "type", "const", "static", "macro_rules!"]
                .contains(word)
        };
        if !line.starts_with([' ', '}', '#'])
            && let Some(_) = words.find(is_definition)
            && let Some(name) = words.find(|word| !word.is_empty() && *word != "fn")
        {
            module.defines.insert(name.to_owned());
        }
    }
    for statement in code.split(';') {
        let Some(start) = statement.rfind("use ") else { continue };
        let (before, tree) = statement.split_at(start);
        let line_start = before.rfind('\n').map_or(0, |place| place + 1);
        let visibility = before[line_start..].trim();
        if !(visibility.is_empty() || visibility.starts_with("pub")) {
            continue;
        }
        for (path, name) in expanded(&tree["use ".len()..]) {
            if visibility.is_empty() {
                module.uses.push(path);
            } else {
                module.passes_on.insert(name, path);
            }
        }
    }
    // Paths that are written out where they are used.
    let is_word = |c: char| c.is_alphanumeric() || c == '_' || c == ':';
    for word in code.split(|c: char| !is_word(c)) {
        let path: Vec<String> = word.split("::").map(str::to_owned).collect();
        if path.len() > 1 && ["crate", "super"].contains(&path[0].as_str()) {
            module.uses.push(path);
        }
    }
    module
}

/// `a::{b, c as d}` as `(a::b, b)` and `(a::c, d)`.
fn expanded(tree: &str) -> Vec<(Vec<String>, String)> {
    let tree = tree.trim();
    let Some((prefix, rest)) = tree.split_once('{') else {
        let (path, name) = tree.split_once(" as ").unwrap_or((tree, ""));
        let path: Vec<String> = path.split("::").map(|part| part.trim().to_owned()).collect();
        let last = path.last().cloned().unwrap_or_default();
        let name = if name.is_empty() { last } else { name.trim().to_owned() };
        return vec![(path, name)];
    };
    let prefix: Vec<String> = prefix
        .split("::")
        .map(|part| part.trim().to_owned())
        .filter(|part| !part.is_empty())
        .collect();
    let inner = rest.rsplit_once('}').map_or(rest, |(inner, _)| inner);
    let (mut parts, mut depth, mut part) = (Vec::new(), 0, String::new());
    for character in inner.chars() {
        match character {
            '{' => depth += 1,
            '}' => depth -= 1,
            _ => {}
        }
        if character == ',' && depth == 0 {
            parts.push(std::mem::take(&mut part));
        } else {
            part.push(character);
        }
    }
    parts.push(part);
    let parts = parts.iter().filter(|part| !part.trim().is_empty());
    let full = |(path, name): (Vec<String>, String)| ([prefix.clone(), path].concat(), name);
    parts.flat_map(|part| expanded(part)).map(full).collect()
}

/// The module that defines what `path` names in `from`; `None` if it is of another crate.
fn definer(modules: &Crate, from: &[String], path: &[String], depth: usize) -> Option<Vec<String>> {
    let (mut at, mut rest) = match path.first()?.as_str() {
        "crate" => (Vec::new(), &path[1..]),
        "super" => {
            let ups = path.iter().take_while(|part| *part == "super").count();
            (from[..from.len().checked_sub(ups)?].to_vec(), &path[ups..])
        }
        "self" => (from.to_vec(), &path[1..]),
        child => {
            let inside = [from, &[child.to_owned()]].concat();
            if !modules.contains_key(&inside) {
                return None;
            }
            (from.to_vec(), path)
        }
    };
    while let Some(next) = rest.first() {
        let child = [&at[..], std::slice::from_ref(next)].concat();
        if modules.contains_key(&child) {
            (at, rest) = (child, &rest[1..]);
            continue;
        }
        let module = modules.get(&at)?;
        return match module.passes_on.get(next) {
            Some(target) if depth < 10 => definer(modules, &at, target, depth + 1),
            _ => Some(at),
        };
    }
    Some(at)
}

/// Who imports from whom, after both are renamed.
fn arrows(
    modules: &Crate,
    rename: impl Fn(&[String]) -> Vec<String>,
) -> BTreeMap<Vec<String>, BTreeSet<Vec<String>>> {
    let mut arrows: BTreeMap<_, BTreeSet<_>> = BTreeMap::new();
    for (path, module) in modules {
        for used in &module.uses {
            let Some(target) = definer(modules, path, used, 0) else { continue };
            let (from, to) = (rename(path), rename(&target));
            if from != to && !to.is_empty() && !from.is_empty() {
                arrows.entry(from).or_default().insert(to);
            }
        }
    }
    arrows
}

/// Some that lead back to the first, if there are any.
fn circle(arrows: &BTreeMap<Vec<String>, BTreeSet<Vec<String>>>) -> Option<Vec<String>> {
    let mut done = BTreeSet::new();
    for start in arrows.keys() {
        let mut way = Vec::new();
        if let Some(circle) = walk(arrows, start, &mut way, &mut done) {
            return Some(circle.iter().map(|path| path.join("/")).collect());
        }
    }
    None
}

fn walk(
    arrows: &BTreeMap<Vec<String>, BTreeSet<Vec<String>>>,
    at: &Vec<String>,
    way: &mut Vec<Vec<String>>,
    done: &mut BTreeSet<Vec<String>>,
) -> Option<Vec<Vec<String>>> {
    if let Some(place) = way.iter().position(|before| before == at) {
        return Some(way[place..].to_vec());
    }
    if !done.insert(at.clone()) {
        return None;
    }
    way.push(at.clone());
    for next in arrows.get(at).into_iter().flatten() {
        // One that is done may still lie on the way.
        let is_open = way.contains(next) || !done.contains(next);
        if is_open && let Some(circle) = walk(arrows, next, way, done) {
            return Some(circle);
        }
    }
    way.pop();
    None
}

#[test]
fn circles_are_found() {
    let path = |name: &str| vec![name.to_owned()];
    let arrows = |pairs: &[(&str, &str)]| {
        let mut arrows: BTreeMap<_, BTreeSet<_>> = BTreeMap::new();
        for (from, to) in pairs {
            arrows.entry(path(from)).or_default().insert(path(to));
        }
        arrows
    };
    assert_eq!(circle(&arrows(&[("a", "b"), ("b", "c"), ("a", "c")])), None);
    let found = circle(&arrows(&[("a", "b"), ("b", "c"), ("c", "b")])).unwrap();
    assert_eq!(found, ["b", "c"]);
    assert_eq!(
        expanded("crate::a::{B, c::{D, E as F}}"),
        [("B", "B"), ("c::D", "D"), ("c::E", "F")].map(|(path, name)| {
            let path = format!("crate::a::{path}");
            (path.split("::").map(str::to_owned).collect(), name.to_owned())
        })
    );
    let modules: Crate = [
        (vec![], module("mod a;\npub use a::Thing;\n")),
        (path("a"), module("pub struct Thing;\n")),
        (path("b"), module("use crate::Thing;\nfn f() {}\n")),
    ]
    .into();
    assert_eq!(definer(&modules, &path("b"), &modules[&path("b")].uses[0], 0), Some(path("a")));
}
