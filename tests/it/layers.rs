//! Imports point down only, and the core stays pure.

use std::path::{Path, PathBuf};

/// A module, and what it may import of ours.
const TABLE: &[(&str, &[&str])] = &[
    ("base", &[]),
    ("disk", &["lang"]),
    ("cli", &["base", "config", "lang"]),
    ("config", &["base", "lang"]),
    ("log", &["base"]),
    ("lang", &["base"]),
    ("wire", &["base"]),
    ("world", &["base", "fault", "lang"]),
    ("fault", &["base", "lang"]),
    ("engine", &["base", "fault", "lang", "world"]),
    ("dialect", &["base", "engine", "lang", "wire"]),
    (
        "hub",
        &[
            "base", "config", "dialect", "engine", "fault", "lang", "wire", "world",
        ],
    ),
    (
        "net",
        &["base", "config", "dialect", "disk", "hub", "lang", "wire"],
    ),
    ("control", &["base", "hub", "lang", "net"]),
    (
        "server",
        &["base", "config", "control", "hub", "lang", "net"],
    ),
    ("cmd", &["*"]),
    ("main", &["*"]),
    ("lib", &["*"]),
];

/// Words that wait, read a clock, draw what no seed fixes, or share state behind the arguments' back. A `OnceLock` may
/// hold a value that is a function of what it belongs to.
const IMPURE: &[&str] = &[
    "async ",
    ".await",
    "tokio",
    "Instant::now",
    "SystemTime",
    "std::fs",
    "std::net::Tcp",
    "thread::",
    "thread_local!",
    "LazyLock",
    "Mutex",
    "RwLock",
    "\nstatic ",
    " static ",
    "dyn Any",
];

/// Where the core may do so after all, and why.
const EXCEPTIONS: &[(&str, &str)] = &[
    // MiniJinja's environment, a constant.
    ("src/lang/expr/environment.rs", "LazyLock"),
    ("src/lang/expr/environment.rs", " static "),
    // MiniJinja wants a scope that is `Sync`, and functions of a scope draw chance.
    ("src/engine/scope.rs", "Mutex"),
    // The reader of scenarios needs a stack for the deepest tree, whatever thread calls it.
    ("src/lang/file/tree/mod.rs", "thread::"),
];

fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|ext| ext == "rs") {
            found.push(path);
        }
    }
}

/// The code without its tests and comments.
fn code(path: &Path) -> String {
    let text = std::fs::read_to_string(path).unwrap();
    let text = text.split("#[cfg(test)]\nmod").next().unwrap().to_owned();
    text.lines()
        .filter(|line| !line.trim_start().starts_with("//"))
        .collect::<Vec<_>>()
        .join("\n")
}

pub(crate) fn every_source() -> Vec<(String, String, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut found = Vec::new();
    sources(&root.join("src"), &mut found);
    assert!(found.len() > 50, "the sources were found");
    let mut all = Vec::new();
    for path in found {
        let name = path
            .strip_prefix(root)
            .unwrap()
            .to_string_lossy()
            .replace('\\', "/");
        if name.ends_with("tests.rs") || name.ends_with("oracle.rs") {
            continue;
        }
        let module = name
            .split('/')
            .nth(1)
            .unwrap()
            .trim_end_matches(".rs")
            .to_owned();
        all.push((name, module, code(&path)));
    }
    all
}

#[test]
fn imports_point_down() {
    let mut wrong = Vec::new();
    for (name, module, code) in every_source() {
        let Some((_, allowed)) = TABLE.iter().find(|(known, _)| *known == module) else {
            wrong.push(format!("{name}: `{module}` is not in the table"));
            continue;
        };
        for (at, _) in code.match_indices("crate::") {
            let rest = &code[at + "crate::".len()..];
            let names: Vec<&str> = match rest.strip_prefix('{') {
                Some(group) => group.split('}').next().unwrap().split(',').collect(),
                None => vec![rest],
            };
            for used in names {
                let used = used
                    .trim()
                    .split(|c: char| !c.is_alphanumeric() && c != '_')
                    .next()
                    .unwrap();
                let fine = used.is_empty()
                    || used == module
                    || allowed.contains(&used)
                    || allowed.contains(&"*");
                if !fine {
                    wrong.push(format!(
                        "{name}: `{module}` imports `{used}`; allowed: {allowed:?}"
                    ));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn the_core_is_pure() {
    let mut wrong = Vec::new();
    for (name, module, code) in every_source() {
        if ![
            "base", "lang", "wire", "world", "fault", "engine", "dialect",
        ]
        .contains(&module.as_str())
        {
            continue;
        }
        for word in IMPURE.iter().filter(|word| code.contains(**word)) {
            if !EXCEPTIONS.contains(&(name.as_str(), *word)) {
                wrong.push(format!("{name}: `{word}`"));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn nothing_is_left_for_later() {
    for (name, _, code) in every_source() {
        for word in ["todo!", "unimplemented!", "dbg!", "FIXME"] {
            assert!(!code.contains(word), "{name}: {word}");
        }
    }
}
