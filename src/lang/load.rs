//! From a name, a path or a text to a checked scenario.

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::bundled;
use super::files::{Disk, Files};
use super::merge;
use super::model::Scenario;
use super::problem::{Problems, did_you_mean, one_of, shown};
use super::read;
use super::source::{Source, Sources};
use super::tree::{self, Node, Spot};

/// Scenarios that may extend each other in a row.
const LONGEST_CHAIN: usize = 16;

/// A variable of the environment, if it is set.
pub type Env<'a> = &'a (dyn Fn(&str) -> Option<String> + Sync);

/// Reads a bundled scenario by its name, or a file.
pub fn load(name_or_path: &str, env: Env<'_>) -> Result<Arc<Scenario>, Problems> {
    if let Some((name, text)) = bundled::find(name_or_path) {
        return read_all(bundled_source(name, text), None, &Disk, env);
    }
    let path = Path::new(name_or_path);
    let text = Disk
        .scenario(path)
        .map_err(|reason| Problems::of_file(name_or_path, reason, unknown_hint(name_or_path)))?;
    let source = Source {
        name: name_or_path.to_owned(),
        text,
        folder: Some(folder_of(path)),
    };
    read_all(source, Some(path.to_owned()), &Disk, env)
}

/// Reads a text that goes by `name`; what it names is opened by `files`, from the current folder on.
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
    read_all(source, None, files, env)
}

fn read_all(
    source: Source,
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
            paths: path.iter().cloned().collect(),
            root: source.folder.clone().unwrap_or_default(),
            chain: vec![identity(&source.name, path.as_deref())],
        };
        let number = loader.sources.add(source);
        let root = loader.tree(number);
        let Loader {
            sources,
            problems,
            paths,
            ..
        } = loader;
        match root {
            Some(root) => read::scenario(&root, files, env, sources, problems, paths),
            None => Err(problems),
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

/// A bundled scenario's name, or nothing: a path has a dot or a slash in it.
fn is_name(text: &str) -> bool {
    !text.is_empty()
        && text
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '_')
}

fn unknown_hint(name: &str) -> Option<String> {
    if !is_name(name) {
        return None;
    }
    let known = || bundled::bundled().iter().map(|(name, _)| *name);
    did_you_mean(name, known()).or_else(|| {
        Some(format!(
            "bundled are {}, anything else is a file",
            one_of(known())
        ))
    })
}

fn folder_of(path: &Path) -> PathBuf {
    path.parent().map(Path::to_owned).unwrap_or_default()
}

fn identity(name: &str, path: Option<&Path>) -> String {
    match path.and_then(|path| path.canonicalize().ok()) {
        Some(path) => path.display().to_string(),
        None => name.to_owned(),
    }
}

/// Puts the trees of a scenario and its bases together.
struct Loader<'a> {
    files: &'a dyn Files,
    sources: Sources,
    problems: Problems,
    paths: Vec<PathBuf>,
    /// Where the scenario lies: nothing outside of it is read.
    root: PathBuf,
    /// Which texts are being extended, so that none extends itself.
    chain: Vec<String>,
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
        self.doubled(&root);
        let Some(extends) = root.get("extends") else {
            return Some(root);
        };
        let base = self.base(extends)?;
        let base = self.tree(base)?;
        Some(merge::extend(base, root))
    }

    /// The source that `extends:` names.
    fn base(&mut self, extends: &Node) -> Option<u32> {
        let Some(name) = extends.text() else {
            let message = "`extends` takes a bundled scenario's name or a path".to_owned();
            self.problem(extends.at, message, None);
            return None;
        };
        if let Some((name, text)) = bundled::find(name) {
            let source = bundled_source(name, text);
            let identity = source.name.clone();
            return self.enter(extends, identity, source, None);
        }
        let folder = self.sources.get(extends.at.source).folder.clone();
        let Some(folder) = folder.filter(|_| !is_name(name)) else {
            let message = format!("no bundled scenario is called {}", shown(name));
            let hint =
                unknown_hint(name).map(|hint| hint.replace("anything else is", "a path names"));
            self.problem(extends.at, message, hint);
            return None;
        };
        let path = tidy(&folder.join(name));
        match self.files.below(&self.root, &path) {
            Ok(text) => {
                let source = Source {
                    name: path.display().to_string(),
                    text,
                    folder: Some(folder_of(&path)),
                };
                let identity = identity(&source.name, Some(&path));
                self.enter(extends, identity, source, Some(path))
            }
            Err(reason) => {
                let message = format!("cannot read {}: {reason}", shown(name));
                self.problem(extends.at, message, None);
                None
            }
        }
    }

    fn enter(
        &mut self,
        extends: &Node,
        identity: String,
        source: Source,
        path: Option<PathBuf>,
    ) -> Option<u32> {
        if self.chain.contains(&identity) {
            let name = extends.text().unwrap_or_default();
            let message = format!("{} extends this file, which extends it", shown(name));
            self.problem(extends.at, message, None);
            return None;
        }
        if self.chain.len() >= LONGEST_CHAIN {
            let message = format!("more than {LONGEST_CHAIN} scenarios extend each other");
            self.problem(extends.at, message, None);
            return None;
        }
        self.chain.push(identity);
        self.paths.extend(path);
        Some(self.sources.add(source))
    }

    /// Keys that a map has twice: what YAML forbids, and what would silently lose half.
    fn doubled(&mut self, node: &Node) {
        let mut seen = HashSet::new();
        for (key, value) in node.entries() {
            if !seen.insert(key.name.as_str()) {
                let message = format!("the key {} is in this map twice", shown(&key.name));
                self.problem(key.at, message, None);
            }
            self.doubled(value);
        }
        for element in node.elements() {
            self.doubled(element);
        }
    }
}

/// Without the `.` parts that only lengthen what people read.
fn tidy(path: &Path) -> PathBuf {
    path.components()
        .filter(|part| !matches!(part, std::path::Component::CurDir))
        .collect()
}
