//! From a tree to a [`Scenario`]: every key known, every name in sight, every expression compiled.
//!
//! Invariant: nothing stops at a problem. What is wrong is told, something is put in its place, and the scenario is
//! given out only when there was nothing to tell.

mod check;
mod csv_items;
mod cycles;
mod data;
mod evaluate;
mod fields;
mod flow;
mod http;
mod literal;
mod messages;
mod moments;
mod names;
mod query;
mod settings;
mod split;
mod steps;
mod talk;
mod template;
mod writes;

use std::collections::{HashMap, HashSet};
use std::path::PathBuf;
use std::rc::Rc;

use crate::scenario::expr::{Compiler, Symbol, Template};
use crate::scenario::files::Files;
use crate::scenario::load::Env;
use crate::scenario::model::{CollectionId, Scenario, Steps};
use crate::scenario::problem::Problems;
use crate::scenario::source::Sources;
use crate::scenario::tree::{Content, Node, Spot};

use cycles::Run;
use names::Scope;
use writes::Draws;

const KEYS: &[&str] = &[
    "scenario",
    "title",
    "extends",
    "listen",
    "limits",
    "let",
    "data",
    "auth",
    "messages",
    "before",
    "on",
    "upgrade",
    "connect",
    "disconnect",
    "changes",
    "timers",
    "triggers",
    "http",
    "define",
    "faults",
];

/// Definitions are looked at once for each that is found to write.
const MAX_DEFINITIONS: usize = 1_000;

/// What is known while a file is read.
pub(super) struct Reader<'a> {
    files: &'a dyn Files,
    sources: Sources,
    problems: Problems,
    paths: Vec<PathBuf>,
    compiler: Compiler,
    too_many_names: bool,
    collections: HashMap<String, CollectionId>,
    collection_names: Vec<String>,
    definitions: HashMap<String, usize>,
    definition_names: Vec<String>,
    /// The names that definitions introduce: in sight after a `run`.
    defined_names: Rc<HashSet<String>>,
    /// Which definition is being read, and who runs whom.
    inside: Option<usize>,
    runs: Vec<Run>,
    /// Whether what is being read runs later, not now.
    later: bool,
}

/// Reads a whole scenario.
pub(super) fn scenario(
    root: &Node,
    files: &dyn Files,
    env: Env<'_>,
    sources: Sources,
    problems: Problems,
    paths: Vec<PathBuf>,
) -> Result<Scenario, Problems> {
    let reader = Reader {
        files,
        sources,
        problems,
        paths,
        compiler: Compiler::new(),
        too_many_names: false,
        collections: HashMap::new(),
        collection_names: Vec::new(),
        definitions: HashMap::new(),
        definition_names: Vec::new(),
        defined_names: Rc::default(),
        inside: None,
        runs: Vec::new(),
        later: false,
    };
    reader.file(root, env)
}

impl Reader<'_> {
    fn problem(&mut self, at: Spot, message: String, hint: Option<String>) {
        let problem = self.sources.problem(at, message, hint);
        self.problems.push(problem);
    }

    fn file(mut self, root: &Node, env: Env<'_>) -> Result<Scenario, Problems> {
        if !matches!(root.content, Content::Map(_) | Content::Null) {
            self.expected(root, "a scenario", "a map");
            return Err(self.problems);
        }
        let file = self.fields(root, "a scenario", KEYS);
        let name = self.scenario_name(&file);
        let title = file
            .get("title")
            .and_then(|node| self.plain_text(node, "`title`"))
            .unwrap_or_default();
        self.declare(root);

        let mut scope = Scope::default();
        let constants = match file.get("let") {
            Some(node) => self.names_of_let(node, &mut scope),
            None => Vec::new(),
        };
        let listen = self.listen(file.get("listen"));
        let limits = self.limits(file.get("limits"));
        let data = self.data(file.get("data"), &scope);
        let secret = self.jwt_secret(file.get("auth"), &scope);
        let messages = self.messages(file.get("messages"), listen.protocol, &scope);
        let http_error = self.http_error(file.get("http"), &scope);

        let define = self.define(root, &file, &scope);
        self.not_too_many_definitions(root);
        let mut draws = Draws::of(define.get(..MAX_DEFINITIONS).unwrap_or(&define));
        let http = self.http(file.get("http"), http_error, &scope, &draws);
        draws.messages = writes::messages_draw(&messages);
        let before_steps = file
            .get("before")
            .map(|node| self.steps(node, "`before`", &mut scope.inner()));
        let before = before_steps.map(|steps| draws.handler("before", steps));
        let after_before = self.scope_after_before(file.get("before"), &scope);
        let handlers = self.handlers(file.get("on"), &after_before, &draws);
        if !handlers.on.is_empty() && messages.name.is_none() {
            let message = "nothing tells messages apart: `on` has names, and `messages` no `name`";
            let hint = "say where the name is: `messages: { name: \"${ message.action }\" }`";
            self.problem(file.key_at("on"), message.to_owned(), Some(hint.to_owned()));
        }
        let upgrade = self.moment(&file, "upgrade", &scope, &draws);
        let connect = self.moment(&file, "connect", &scope, &draws);
        let disconnect = self.moment(&file, "disconnect", &scope, &draws);
        let changes = self.changes(file.get("changes"), &scope, &draws);
        let timers = self.timers(file.get("timers"), &scope, &draws);
        let triggers = self.triggers(file.get("triggers"), &scope, &draws);
        let faults = self.faults(file.get("faults"));
        self.no_cycles();
        if self.too_many_names {
            let message = "more than 65 534 names in one scenario".to_owned();
            self.problem(root.at, message, None);
        }

        if !self.problems.is_empty() {
            return Err(self.problems);
        }
        let env = self.environment(env);
        let mut evaluator = self.evaluator(&env);
        let constants = self.constants(file.get("let"), &constants, &mut evaluator);
        let jwt = self.jwt(file.get("auth"), secret.as_ref(), &evaluator);
        if !self.problems.is_empty() {
            return Err(self.problems);
        }
        Ok(Scenario {
            name,
            title,
            files: self.paths,
            listen,
            limits,
            symbols: self.compiler.symbols().clone(),
            constants,
            env,
            data,
            jwt,
            messages,
            on: handlers.on,
            known: handlers.known,
            otherwise: handlers.otherwise,
            before,
            upgrade,
            connect,
            disconnect,
            changes,
            timers,
            triggers,
            http,
            define,
            faults,
        })
    }

    /// What may be named before it is read.
    fn declare(&mut self, root: &Node) {
        if let Some(data) = root.get("data") {
            for (key, _) in data.entries() {
                let id = self.collection_names.len();
                self.collections.insert(key.name.clone(), id);
                self.collection_names.push(key.name.clone());
            }
        }
        let Some(define) = root.get("define") else {
            return;
        };
        let mut defined = HashSet::new();
        for (key, steps) in define.entries() {
            let place = self.definition_names.len();
            self.definitions.insert(key.name.clone(), place);
            self.definition_names.push(key.name.clone());
            names::introduced(steps, &mut defined);
        }
        self.defined_names = Rc::new(defined);
    }

    fn scenario_name(&mut self, file: &fields::Fields<'_>) -> String {
        let Some(node) = self.required(file, "scenario", "the file") else {
            return String::new();
        };
        let name = self.plain_text(node, "`scenario`").unwrap_or_default();
        let letters = |c: char| c.is_ascii_lowercase();
        let good = name.starts_with(letters)
            && name
                .chars()
                .all(|c| letters(c) || c.is_ascii_digit() || c == '-' || c == '_');
        if !good && node.text().is_some() {
            let allowed = "a name of small letters, digits, `-` and `_`";
            self.expected(node, "`scenario`", allowed);
        }
        name
    }

    fn define(
        &mut self,
        root: &Node,
        file: &fields::Fields<'_>,
        scope: &Scope<'_>,
    ) -> Vec<(String, Steps)> {
        let Some(define) = file.get("define") else {
            return Vec::new();
        };
        let mut anywhere = HashSet::new();
        names::introduced(root, &mut anywhere);
        let anywhere = Rc::new(anywhere);
        let mut definitions = Vec::new();
        for (place, (key, node)) in self.map(define, "`define`").iter().enumerate() {
            let mut scope = scope.inner();
            scope.share(&anywhere);
            self.inside = Some(place);
            let steps = self.steps(node, &format!("`{}`", key.name), &mut scope);
            definitions.push((key.name.clone(), steps));
        }
        self.inside = None;
        definitions
    }

    /// The names that `before` leaves to the handlers after it.
    fn scope_after_before<'s>(&self, before: Option<&Node>, scope: &'s Scope<'_>) -> Scope<'s> {
        let mut names = HashSet::new();
        if let Some(before) = before {
            names::introduced(before, &mut names);
            names.extend(self.defined_names.iter().cloned());
        }
        let mut inner = scope.inner();
        inner.share(&Rc::new(names));
        inner
    }

    fn not_too_many_definitions(&mut self, root: &Node) {
        if self.definition_names.len() > MAX_DEFINITIONS {
            let message = format!("more than {MAX_DEFINITIONS} definitions");
            self.problem(root.at, message, None);
        }
    }
}

/// Names and their values, in order.
type Lets = Vec<(Symbol, Template)>;
