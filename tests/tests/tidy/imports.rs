//! No files of a crate import each other in a circle.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use super::{crates, files_below, read, relative, root};

/// A module's path: `["output", "text"]` for `src/output/text.rs`.
type Module = Vec<String>;

#[test]
fn files_import_each_other_in_no_circle() {
    let mut n_crates_with_imports = 0;
    for package in crates() {
        let imports = imports(&root().join(&package).join("src"));
        n_crates_with_imports += usize::from(imports.values().any(|found| !found.is_empty()));
        if let Some(circle) = circle(&imports) {
            let names: Vec<String> = circle.iter().map(|module| module.join("::")).collect();
            panic!(
                "{package}: {}: move what two files need from each other to a third",
                names.join(" imports ")
            );
        }
    }
    assert!(
        n_crates_with_imports >= 9,
        "the form of imports has changed: only {n_crates_with_imports} crates seem to have any"
    );
}

#[test]
fn circles_are_found() {
    let files = |files: &[(&str, &str)]| {
        let modules: BTreeSet<Module> = files.iter().map(|(name, _)| module(name)).collect();
        let imports = files.iter().map(|(name, text)| {
            let module = module(name);
            let found = imported(&module, text, &modules);
            (module, found)
        });
        circle(&imports.collect()).map(|circle| circle.len())
    };
    let check = |found: &[(&str, &str)], expected: Option<usize>| {
        assert_eq!(files(found), expected, "{found:?}");
    };
    check(
        &[("a.rs", "use crate::b::B;"), ("b.rs", "use std::fs;")],
        None,
    );
    check(
        &[("a.rs", "use crate::b;"), ("b.rs", "use crate::a::{A, C};")],
        Some(3),
    );
    check(
        &[
            ("a.rs", "use crate::{b::c::C, d};"),
            ("b/c.rs", "pub use super::e::{\n    E,\n};"),
            ("b/e.rs", "use crate::a;"),
            ("d.rs", ""),
        ],
        Some(4),
    );
    // What only tests import is no import of the file.
    check(
        &[
            ("a.rs", "use crate::b;"),
            ("b.rs", "#[cfg(test)]\nmod tests {\nuse crate::a;\n}"),
        ],
        None,
    );
}

/// Every file's imports from other files of the crate.
fn imports(src: &Path) -> BTreeMap<Module, BTreeSet<Module>> {
    let prefix = format!("{}/", relative(src));
    let files: Vec<(Module, String)> = files_below(src, "rs")
        .iter()
        .map(|path| {
            let name = relative(path);
            let name = name.strip_prefix(&prefix).expect("a file below src");
            (module(name), read(path))
        })
        .filter(|(module, _)| module.last().is_none_or(|name| name != "tests"))
        .collect();
    let modules: BTreeSet<Module> = files.iter().map(|(module, _)| module.clone()).collect();
    files
        .iter()
        .map(|(module, text)| (module.clone(), imported(module, text, &modules)))
        .collect()
}

fn module(file: &str) -> Module {
    let mut parts: Module = file
        .trim_end_matches(".rs")
        .split('/')
        .map(str::to_owned)
        .collect();
    match parts.last().map(String::as_str) {
        Some("mod") => drop(parts.pop()),
        Some("lib") if parts.len() == 1 => parts.clear(),
        _ => {}
    }
    parts
}

/// The modules, the crate's root left out, that a file's `use` lines name.
fn imported(module: &Module, text: &str, modules: &BTreeSet<Module>) -> BTreeSet<Module> {
    let shipped = text.split("#[cfg(test)]\nmod ").next().unwrap_or_default();
    let lines = shipped
        .lines()
        .filter(|line| !line.trim_start().starts_with("//"));
    let code = lines.collect::<Vec<_>>().join(" ");
    let mut found = BTreeSet::new();
    for start in ["use crate::", "use super::", "use self::"] {
        for (at, _) in code.match_indices(start) {
            let statement = code[at + "use ".len()..]
                .split(';')
                .next()
                .unwrap_or_default();
            for path in expanded("", statement) {
                found.extend(resolved(module, &path, modules));
            }
        }
    }
    found.remove(module);
    found.remove(&Module::new());
    found
}

/// `a::{b, c::{d, e}}` → `a::b`, `a::c::d`, `a::c::e`.
fn expanded(prefix: &str, tree: &str) -> Vec<String> {
    let mut paths = Vec::new();
    let (mut depth, mut start) = (0, 0);
    for (at, char) in tree.char_indices().chain([(tree.len(), ',')]) {
        match char {
            '{' => depth += 1,
            '}' => depth -= 1,
            ',' if depth == 0 => {
                let part = tree[start..at].trim();
                match part.split_once('{') {
                    Some((head, rest)) => {
                        let inner = rest.rsplit_once('}').map_or(rest, |(inner, _)| inner);
                        paths.extend(expanded(&format!("{prefix}{}", head.trim()), inner));
                    }
                    None if part.is_empty() => {}
                    None => paths.push(format!("{prefix}{part}")),
                }
                start = at + 1;
            }
            _ => {}
        }
    }
    paths
}

/// The file that a path leads into: the longest part of it that is a module.
fn resolved(module: &Module, path: &str, modules: &BTreeSet<Module>) -> Option<Module> {
    let mut full = module.clone();
    for (idx, part) in path.split("::").enumerate() {
        let part = part.split(" as ").next().unwrap_or_default().trim();
        match (idx, part) {
            (0, "crate") => full.clear(),
            (_, "super") => drop(full.pop()),
            (_, "self") => {}
            _ => full.push(part.to_owned()),
        }
    }
    while !modules.contains(&full) {
        full.pop()?;
    }
    Some(full)
}

/// A circle of imports, its first module again at the end.
fn circle(imports: &BTreeMap<Module, BTreeSet<Module>>) -> Option<Vec<Module>> {
    let mut done = BTreeSet::new();
    imports
        .keys()
        .find_map(|module| circle_from(module, imports, &mut Vec::new(), &mut done))
}

fn circle_from(
    module: &Module,
    imports: &BTreeMap<Module, BTreeSet<Module>>,
    path: &mut Vec<Module>,
    done: &mut BTreeSet<Module>,
) -> Option<Vec<Module>> {
    if let Some(start) = path.iter().position(|earlier| earlier == module) {
        let mut circle = path.split_off(start);
        circle.push(module.clone());
        return Some(circle);
    }
    if done.contains(module) {
        return None;
    }
    path.push(module.clone());
    let found = imports
        .get(module)?
        .iter()
        .find_map(|next| circle_from(next, imports, path, done));
    path.pop();
    done.insert(module.clone());
    found
}
