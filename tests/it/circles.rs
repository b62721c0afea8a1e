//! No two files of a floor import each other, however long the way round.

use std::collections::{BTreeMap, BTreeSet};

use crate::layers::every_source;

/// Files that still are part of a circle. This list only shrinks: a file that leaves its circle must leave the list.
const KNOWN: &[&str] = &[
    "cmd::certs",
    "cmd::certs::store",
    "engine",
    "engine::changes",
    "engine::context",
    "engine::data",
    "engine::effect",
    "engine::functions",
    "engine::http",
    "engine::input",
    "engine::scope",
    "hub::deliver",
    "hub::inputs",
    "lang::expr::check",
    "lang::expr::compile",
    "lang::model",
    "lang::read",
    "lang::read::fields",
    "lang::read::handlers",
    "lang::read::names",
    "lang::read::runs",
    "lang::read::template",
    "lang::verbs",
    "lang::verbs::step",
    "log",
    "log::line",
    "net",
    "net::connection",
    "net::engineio",
    "net::engineio::packets",
    "net::engineio::session",
    "net::engineio::upgrade",
    "net::http",
    "net::party",
    "net::peer",
    "net::route",
    "net::sleeping",
    "world::collection",
    "world::index",
    "world::rows",
];

/// Modules that still pass on items of another floor. This list only shrinks too.
const PASSING_ON: &[&str] = &["hub"];

/// `engine::verbs::list`, in parts.
type Module = Vec<String>;

struct Source {
    /// Imported paths, from the crate's root.
    imports: Vec<Module>,
    /// Names that the module passes on, and where they come from.
    passed_on: BTreeMap<String, Module>,
}

fn module(file: &str) -> Module {
    let path = file.trim_start_matches("src/").trim_end_matches(".rs");
    let path = path.trim_end_matches("/mod");
    path.split('/').map(str::to_owned).collect()
}

/// The paths of a `use`, its braces resolved.
fn paths(tree: &str) -> Vec<String> {
    let tree = tree.trim();
    let Some((prefix, group)) = tree.split_once('{') else {
        let path = tree.split(" as ").next().unwrap_or(tree);
        return vec![path.trim_end_matches("::self").to_owned()];
    };
    let group = group.rsplit_once('}').map_or(group, |(group, _)| group);
    let (mut depth, mut start, mut found) = (0, 0, Vec::new());
    for (at, c) in group.char_indices().chain([(group.len(), ',')]) {
        match c {
            '{' => depth += 1,
            '}' => depth -= 1,
            ',' if depth == 0 => {
                let part = group[start..at].trim();
                if !part.is_empty() {
                    found.extend(paths(&format!("{prefix}{part}")));
                }
                start = at + 1;
            }
            _ => {}
        }
    }
    found
}

fn absolute(from: &Module, path: &str, known: &BTreeSet<Module>) -> Option<Module> {
    let mut parts: Vec<&str> = path.split("::").map(str::trim).collect();
    let mut base = match parts[0] {
        "crate" => Module::new(),
        "self" => from.clone(),
        "super" => {
            let up = parts.iter().take_while(|part| **part == "super").count();
            parts.drain(1..up);
            from[..from.len() - up].to_vec()
        }
        child => {
            let mut module = from.clone();
            module.push(child.to_owned());
            if !known.contains(&module) {
                return None;
            }
            module
        }
    };
    base.extend(parts[1..].iter().map(|part| (*part).to_owned()));
    Some(base)
}

fn sources() -> BTreeMap<Module, Source> {
    let files = every_source();
    let known: BTreeSet<Module> = files.iter().map(|(name, _, _)| module(name)).collect();
    let mut found = BTreeMap::new();
    for (name, _, code) in &files {
        let from = module(name);
        let mut source = Source {
            imports: Vec::new(),
            passed_on: BTreeMap::new(),
        };
        for statement in code.split(';') {
            let Some((before, tree)) = statement.rsplit_once("use ") else {
                continue;
            };
            let visibility = before.rsplit('\n').next().unwrap_or_default().trim();
            if !(visibility.is_empty() || visibility.starts_with("pub")) {
                continue;
            }
            for path in paths(tree) {
                let Some(target) = absolute(&from, &path, &known) else {
                    continue;
                };
                if visibility.is_empty() {
                    source.imports.push(target);
                } else if let Some(last) = target.last() {
                    source.passed_on.insert(last.clone(), target.clone());
                }
            }
        }
        found.insert(from, source);
    }
    found
}

/// The module in which a path ends, behind what others pass on.
fn defined_in(mut path: Module, sources: &BTreeMap<Module, Source>) -> Option<Module> {
    for _ in 0..8 {
        let at = (1..=path.len())
            .rev()
            .find(|at| sources.contains_key(&path[..*at]))?;
        let module = path[..at].to_vec();
        let origin = path
            .get(at)
            .and_then(|name| sources[&module].passed_on.get(name));
        match origin {
            Some(origin) => path = origin.clone(),
            None => return Some(module),
        }
    }
    None
}

/// The modules that can be reached from one.
fn reached(from: &Module, edges: &BTreeMap<Module, BTreeSet<Module>>) -> BTreeSet<Module> {
    let (mut seen, mut open) = (BTreeSet::new(), vec![from.clone()]);
    while let Some(module) = open.pop() {
        for next in edges.get(&module).into_iter().flatten() {
            if seen.insert(next.clone()) {
                open.push(next.clone());
            }
        }
    }
    seen
}

#[test]
fn files_import_in_no_circle() {
    let sources = sources();
    let mut edges: BTreeMap<Module, BTreeSet<Module>> = BTreeMap::new();
    for (from, source) in &sources {
        let targets = source.imports.iter();
        let targets = targets.filter_map(|path| defined_in(path.clone(), &sources));
        edges.insert(from.clone(), targets.filter(|to| to != from).collect());
    }
    assert!(
        edges.values().map(BTreeSet::len).sum::<usize>() > 200,
        "imports were found"
    );
    let circular = |module: &&Module| reached(module, &edges).contains(*module);
    let circles: BTreeSet<String> = edges
        .keys()
        .filter(circular)
        .map(|module| module.join("::"))
        .collect();
    let known: BTreeSet<String> = KNOWN.iter().map(|module| (*module).to_owned()).collect();
    assert_eq!(circles, known, "found on the left, known on the right");
}

#[test]
fn floors_pass_on_nothing_of_other_floors() {
    let mut found = BTreeSet::new();
    for (from, source) in sources() {
        for target in source.passed_on.values() {
            if target[0] != from[0] {
                found.insert(from.join("::"));
            }
        }
    }
    let known: BTreeSet<String> = PASSING_ON.iter().map(|floor| (*floor).to_owned()).collect();
    assert_eq!(found, known, "found on the left, known on the right");
}
