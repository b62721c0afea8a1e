//! From a name, a path or a text to a checked scenario, with the scenarios that it extends.

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::bundled;
use super::extends;
use super::problem::{Problems, did_you_mean, one_of, shown};
use super::source::{Source, Sources};
use super::tree::{self, Node, Spot};
use crate::lang::model::Scenario;
use crate::lang::read;

/// Scenarios that extend each other in a row.
const MAX_CHAIN: usize = 16;

/// A variable of the environment, if it is set.
pub type Env<'a> = &'a (dyn Fn(&str) -> Option<String> + Sync);

/// Opens the files that a scenario names. An error is the reason in words.
pub trait Files: Sync {
    fn scenario(&self, path: &Path) -> Result<FileText, String>;

    /// A file that must be in `folder` or below it.
    fn below(&self, folder: &Path, path: &Path) -> Result<FileText, String>;
}

#[derive(Debug)]
pub struct FileText {
    pub text: String,
    /// The same for every path to the file.
    pub identity: PathBuf,
}

/// For texts that stand on their own.
#[derive(Debug, Clone, Copy)]
pub struct NoFiles;

impl Files for NoFiles {
    fn scenario(&self, _: &Path) -> Result<FileText, String> {
        Err("there are no files here".to_owned())
    }

    fn below(&self, _: &Path, _: &Path) -> Result<FileText, String> {
        Err("there are no files here".to_owned())
    }
}

/// Reads a bundled scenario by its name, or a file.
pub fn load(
    name_or_path: &str,
    files: &dyn Files,
    env: Env<'_>,
) -> Result<Arc<Scenario>, Problems> {
    if let Some((name, text)) = bundled::find(name_or_path) {
        let source = bundled_source(name, text);
        let identity = PathBuf::from(&source.name);
        return read_all(source, identity, None, files, env);
    }
    let path = Path::new(name_or_path);
    let FileText { text, identity } = files
        .scenario(path)
        .map_err(|reason| Problems::of_file(name_or_path, reason, unknown_hint(name_or_path)))?;
    let source = Source {
        name: name_or_path.to_owned(),
        text,
        folder: Some(folder_of(path)),
    };
    read_all(source, identity, Some(path.to_owned()), files, env)
}

/// Reads a text under a name. Files that it names are opened from the current folder on.
pub fn read_text(
    name: &str,
    text: &str,
    files: &dyn Files,
    env: Env<'_>,
) -> Result<Arc<Scenario>, Problems> {
    let source = Source {
        name: name.to_owned(),
        text: text.to_owned(),
        folder: Some(PathBuf::new()),
    };
    read_all(source, PathBuf::from(name), None, files, env)
}

fn read_all(
    source: Source,
    identity: PathBuf,
    path: Option<PathBuf>,
    files: &dyn Files,
    env: Env<'_>,
) -> Result<Arc<Scenario>, Problems> {
    let file = source.name.clone();
    let read = move || {
        let mut loader = Loader {
            files,
            sources: Sources::default(),
            problems: Problems::default(),
            paths: path.into_iter().collect(),
            root: source.folder.clone().unwrap_or_default(),
            chain: vec![identity],
        };
        let number = loader.sources.add(source);
        match loader.tree(number) {
            Some(root) => read::scenario(
                &root,
                files,
                env,
                loader.sources,
                loader.problems,
                loader.paths,
            ),
            None => Err(loader.problems),
        }
    };
    tree::on_own_stack(read)
        .unwrap_or_else(|error| Err(Problems::of_file(&file, error.to_string(), None)))
        .map(Arc::new)
        .map_err(Problems::sorted)
}

fn bundled_source(name: &str, text: &str) -> Source {
    Source {
        name: format!("{name}.yaml"),
        text: text.to_owned(),
        folder: None,
    }
}

/// The name of a bundled scenario has neither dot nor slash, as a path has.
fn is_name(text: &str) -> bool {
    let in_name = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    !text.is_empty() && text.chars().all(in_name)
}

fn unknown_hint(name: &str) -> Option<String> {
    let known = || bundled::bundled().iter().map(|(name, _)| *name);
    let list = || format!("bundled are {}; a path names a file", one_of(known()));
    is_name(name).then(|| did_you_mean(name, known()).unwrap_or_else(list))
}

fn folder_of(path: &Path) -> PathBuf {
    path.parent().map(Path::to_owned).unwrap_or_default()
}

/// Reads the trees of a scenario and of those that it extends.
struct Loader<'a> {
    files: &'a dyn Files,
    sources: Sources,
    problems: Problems,
    paths: Vec<PathBuf>,
    /// The scenario's folder; files outside of it are refused.
    root: PathBuf,
    /// The texts that extend each other, to find circles.
    chain: Vec<PathBuf>,
}

impl Loader<'_> {
    fn problem(&mut self, at: Spot, message: String, hint: Option<String>) {
        let problem = self.sources.problem(at, message, hint);
        self.problems.push(problem);
    }

    fn tree(&mut self, number: u32) -> Option<Node> {
        let root = match tree::parse(&self.sources.get(number).text, number) {
            Ok(root) => root,
            Err(problem) => {
                self.problem(problem.at, problem.message, problem.hint);
                return None;
            }
        };
        self.no_repeated_keys(&root);
        let Some(extends) = root.get("extends") else {
            return Some(root);
        };
        let base = self.base(extends)?;
        let base = self.tree(base)?;
        Some(extends::merge_files(base, root))
    }

    /// The source that `extends:` names.
    fn base(&mut self, extends: &Node) -> Option<u32> {
        let Some(name) = extends.text() else {
            let message = "`extends` must be the name of a bundled scenario or a path".to_owned();
            self.problem(extends.at, message, None);
            return None;
        };
        if let Some((name, text)) = bundled::find(name) {
            let source = bundled_source(name, text);
            let identity = PathBuf::from(&source.name);
            return self.enter(extends, identity, source);
        }
        let folder = self.sources.get(extends.at.source).folder.clone();
        let Some(folder) = folder.filter(|_| !is_name(name)) else {
            let message = format!("unknown bundled scenario {}", shown(name));
            self.problem(extends.at, message, unknown_hint(name));
            return None;
        };
        // Without the `.` parts, which only lengthen the path in messages.
        let joined = folder.join(name);
        let parts = joined.components();
        let path: PathBuf = parts
            .filter(|part| !matches!(part, std::path::Component::CurDir))
            .collect();
        match self.files.below(&self.root, &path) {
            Ok(FileText { text, identity }) => {
                let source = Source {
                    name: path.display().to_string(),
                    text,
                    folder: Some(folder_of(&path)),
                };
                let number = self.enter(extends, identity, source)?;
                self.paths.push(path);
                Some(number)
            }
            Err(reason) => {
                let message = format!("cannot read {}: {reason}", shown(name));
                self.problem(extends.at, message, None);
                None
            }
        }
    }

    fn enter(&mut self, extends: &Node, identity: PathBuf, source: Source) -> Option<u32> {
        let message = if self.chain.contains(&identity) {
            let name = shown(extends.text().unwrap_or_default());
            format!("{name} extends this file, which extends it")
        } else if self.chain.len() >= MAX_CHAIN {
            format!("more than {MAX_CHAIN} scenarios extend each other")
        } else {
            self.chain.push(identity);
            return Some(self.sources.add(source));
        };
        self.problem(extends.at, message, None);
        None
    }

    /// Reports keys that a map has twice: YAML forbids them, and half of the values would be lost.
    fn no_repeated_keys(&mut self, node: &Node) {
        let mut seen = HashSet::new();
        for (key, _) in node.entries() {
            if !seen.insert(key.name.as_str()) {
                let message = format!("the key {} is in this map twice", shown(&key.name));
                self.problem(key.at, message, None);
            }
        }
        let values = node.entries().iter().map(|(_, value)| value);
        values
            .chain(node.elements())
            .for_each(|node| self.no_repeated_keys(node));
    }
}
