//! From a tree to a [`Scenario`]: every key known, every name in sight, every expression compiled.
//!
//! Invariant: reading does not stop at a problem. It reports the problem, goes on with a substitute, and returns a
//! scenario only if there were no problems.

mod csv_items;
mod data;
mod evaluate;
mod fields;
mod handlers;
mod http;
mod limits;
mod literal;
mod messages;
mod names;
mod runs;
mod settings;
mod split;
mod template;

use std::collections::{HashMap, HashSet};
use std::path::PathBuf;
use std::rc::Rc;

use crate::lang::Env;
use crate::lang::Files;
use crate::lang::expr::{Compiler, Symbols};
use crate::lang::file::problem::{Problem, Problems};
use crate::lang::file::source::Sources;
use crate::lang::file::tree::{Node, NodeContent, Spot};
use crate::lang::model::{Messages, Scenario};
use crate::lang::verbs::Steps;

use handlers::Handlers;
use runs::Writers;

pub(super) use fields::{MapFields, described};
use names::Declared;
pub(super) use names::NameScope;
pub(super) use template::{is_expression, part_of, prefix_of};

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

const MAX_NAME: usize = 64;

pub(super) struct ScenarioReader<'a> {
    files: &'a dyn Files,
    sources: Sources,
    problems: Problems,
    paths: Vec<PathBuf>,
    compiler: Compiler,
    too_many_names: bool,
    collections: Declared,
    definitions: Declared,
    /// The names that definitions introduce; a `run` brings them into sight.
    defined_names: Rc<HashSet<String>>,
}

pub(super) fn scenario(
    root: &Node,
    files: &dyn Files,
    env: Env<'_>,
    sources: Sources,
    problems: Problems,
    paths: Vec<PathBuf>,
) -> Result<Scenario, Problems> {
    let mut defined = HashSet::new();
    if let Some(define) = root.get("define") {
        names::introduced(define, &mut defined);
    }
    let reader = ScenarioReader {
        files,
        sources,
        problems,
        paths,
        compiler: Compiler::new(),
        too_many_names: false,
        collections: Declared::of(root, "data"),
        definitions: Declared::of(root, "define"),
        defined_names: Rc::new(defined),
    };
    reader.file(root, env)
}

impl ScenarioReader<'_> {
    pub(in crate::lang) fn problem(&mut self, at: Spot, message: String, hint: Option<String>) {
        let problem = self.sources.problem(at, message, hint);
        self.problems.push(problem);
    }

    fn problem_at(&mut self, place: &str, message: String, hint: Option<String>) {
        self.problems.push(Problem::at_place(place, message, hint));
    }

    fn file(mut self, root: &Node, env: Env<'_>) -> Result<Scenario, Problems> {
        if !matches!(root.content, NodeContent::Map(_) | NodeContent::Null) {
            self.expected(root, "a scenario", "a map");
            return Err(self.problems);
        }
        let file = self.fields(root, "a scenario", KEYS);
        let mut scope = NameScope::default();
        let lets = match file.get("let") {
            Some(node) => self.names_of_let(node, &mut scope),
            None => Vec::new(),
        };
        let secret = self.jwt_secret(file.get("auth"), &scope);
        let mut scenario = self.sections(root, &file, &scope);
        scenario.faults = self.faults(file.get("faults"), &scenario);
        self.no_idle_steps(&scenario);
        self.not_too_many_names(root);
        if !self.problems.is_empty() {
            return Err(self.problems);
        }
        scenario.env = self.environment(env);
        let mut evaluator = self.evaluator(&scenario.env);
        scenario.constants = self.constants(file.get("let"), &lets, &mut evaluator);
        scenario.jwt = self.jwt(file.get("auth"), secret.as_ref(), &mut evaluator);
        if !self.problems.is_empty() {
            return Err(self.problems);
        }
        scenario.files = self.paths;
        scenario.symbols = self.compiler.symbols().clone();
        scenario.asks_server = self.compiler.asks_server();
        Ok(scenario)
    }

    /// Reads everything that is not evaluated at load.
    fn sections(&mut self, root: &Node, file: &MapFields<'_>, scope: &NameScope<'_>) -> Scenario {
        let listen = self.listen(file.get("listen"));
        let messages = self.messages(file.get("messages"), listen.protocol, scope);
        let define = self.define(root, file, scope);
        self.no_circles(&define);
        let mut writers = Writers::of(&define);
        let http = self.http(file.get("http"), scope, &writers);
        writers.envelopes = runs::envelopes_draw(&messages);
        let handlers = self.answers(file, &messages, scope, &writers);
        Scenario {
            name: self.scenario_name(file),
            title: self.title(file),
            files: Vec::new(),
            limits: self.limits(
                file.get("limits"),
                file.get("listen").and_then(|node| node.get("heartbeat")),
            ),
            symbols: Symbols::default(),
            asks_server: false,
            constants: Vec::new(),
            env: HashMap::new(),
            data: self.data(file.get("data"), scope),
            jwt: None,
            on: handlers.on,
            known: handlers.known,
            otherwise: handlers.otherwise,
            before: self.file_handler(file, "before", scope, &writers),
            upgrade: self.file_handler(file, "upgrade", scope, &writers),
            connect: self.file_handler(file, "connect", scope, &writers),
            disconnect: self.file_handler(file, "disconnect", scope, &writers),
            changes: self.changes(file.get("changes"), scope, &writers),
            timers: self.timers(file.get("timers"), scope, &writers),
            triggers: self.triggers(file.get("triggers"), scope, &writers),
            // After all that have handlers.
            handlers: writers.names(),
            faults: Vec::new(),
            listen,
            messages,
            http,
            define,
        }
    }

    /// `on:`, which sees what `before:` names.
    fn answers(
        &mut self,
        file: &MapFields<'_>,
        messages: &Messages,
        scope: &NameScope<'_>,
        writers: &Writers,
    ) -> Handlers {
        let scope = self.scope_after_before(file.get("before"), scope);
        let handlers = self.handlers(file.get("on"), &scope, writers);
        if !handlers.on.is_empty() && messages.name.is_none() {
            let message = "`on` has names, but `messages` has no `name` to compare them with";
            let hint = "say where the name is: `messages: { name: \"${ message.action }\" }`";
            self.problem(file.key_at("on"), message.to_owned(), Some(hint.to_owned()));
        }
        handlers
    }

    fn title(&mut self, file: &MapFields<'_>) -> String {
        file.get("title")
            .and_then(|node| self.plain_text(node, "`title`"))
            .unwrap_or_default()
    }

    fn scenario_name(&mut self, file: &MapFields<'_>) -> String {
        let Some(node) = self.required(file, "scenario", "the file") else {
            return String::new();
        };
        let name = self.plain_text(node, "`scenario`").unwrap_or_default();
        let letters = |c: char| c.is_ascii_lowercase();
        let good = name.len() <= MAX_NAME
            && name.starts_with(letters)
            && name
                .chars()
                .all(|c| letters(c) || c.is_ascii_digit() || c == '-' || c == '_');
        if !good && node.text().is_some() {
            let allowed = format!("a name of up to {MAX_NAME} small letters, digits, `-` and `_`");
            self.expected(node, "`scenario`", &allowed);
        }
        name
    }

    fn define(
        &mut self,
        root: &Node,
        file: &MapFields<'_>,
        scope: &NameScope<'_>,
    ) -> Vec<(String, Steps)> {
        let Some(define) = file.get("define") else {
            return Vec::new();
        };
        let mut anywhere = HashSet::new();
        names::introduced(root, &mut anywhere);
        let anywhere = Rc::new(anywhere);
        let mut definitions = Vec::new();
        for (key, node) in self.map(define, "`define`") {
            let mut scope = scope.inner();
            scope.share(&anywhere);
            let steps = self.steps(node, &format!("`{}`", key.name), &mut scope);
            definitions.push((key.name.clone(), steps));
        }
        definitions
    }

    /// The names of `before`, which the handlers of messages see.
    fn scope_after_before<'s>(
        &self,
        before: Option<&Node>,
        scope: &'s NameScope<'_>,
    ) -> NameScope<'s> {
        let mut names = HashSet::new();
        if let Some(before) = before {
            names::introduced(before, &mut names);
            names.extend(self.defined_names.iter().cloned());
        }
        let mut inner = scope.inner();
        inner.share(&Rc::new(names));
        inner
    }

    fn not_too_many_names(&mut self, root: &Node) {
        if self.too_many_names {
            let message = "a scenario must have up to 65,534 names".to_owned();
            self.problem(root.at, message, None);
        }
    }
}
