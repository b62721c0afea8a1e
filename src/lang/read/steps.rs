//! Steps: which verb one is, which keys it takes, and which names it leaves to the steps after it.

use std::sync::Arc;

use super::fields::Fields;
use super::names::Scope;
use super::{Lets, Reader};
use crate::lang::model::{Step, Steps, Verb};
use crate::lang::problem::{did_you_mean, one_of, shown};
use crate::lang::tree::{Content, Node};

/// A verb, the keys that stand beside it, and the names of its results.
struct Word {
    name: &'static str,
    keys: &'static [&'static str],
    results: &'static [&'static str],
}

const fn word(
    name: &'static str,
    keys: &'static [&'static str],
    results: &'static [&'static str],
) -> Word {
    Word {
        name,
        keys,
        results,
    }
}

const VERBS: &[Word] = &[
    word(
        "list",
        &[
            "where", "match", "contains", "sort", "page", "limit", "default", "max", "fields",
        ],
        &["items", "total", "page", "limit", "matches"],
    ),
    word("find", &["key", "where", "fields", "else"], &["item"]),
    word("insert", &["item"], &["item"]),
    word(
        "update",
        &["key", "where", "sample", "all", "set"],
        &["items", "item"],
    ),
    word(
        "remove",
        &["key", "where", "sample", "all"],
        &["items", "item"],
    ),
    word("let", &[], &[]),
    word("remember", &[], &[]),
    word("reply", &["status"], &[]),
    word("send", &["to", "event"], &[]),
    word("fail", &[], &[]),
    word("close", &[], &[]),
    word("stop", &[], &[]),
    word("join", &[], &[]),
    word("leave", &[], &[]),
    word("verify", &["else"], &["claims"]),
    word("check", &["has", "may"], &[]),
    word("later", &["do", "name"], &[]),
    word("cancel", &[], &[]),
    word("for", &["each", "do", "collect"], &["items"]),
    word("run", &["with"], &[]),
    word("log", &[], &[]),
];

/// One step while it is read.
pub(super) struct StepNode<'n> {
    /// The verb's own value.
    pub(super) value: &'n Node,
    /// All its keys.
    pub(super) fields: Fields<'n>,
}

impl Reader<'_> {
    /// A list of steps; the names they introduce are added to the scope.
    pub(super) fn steps(&mut self, node: &Node, what: &str, scope: &mut Scope<'_>) -> Steps {
        if matches!(node.content, Content::Map(_)) {
            let hint = "steps are a list: each starts with `- `".to_owned();
            let message = format!("{what} takes a list of steps, found a map");
            self.problem(node.at, message, Some(hint));
            return Arc::new([]);
        }
        if !matches!(node.content, Content::List(_) | Content::Null) {
            self.expected(node, what, "a list of steps");
        }
        let mut steps = Vec::new();
        for node in node.elements() {
            steps.extend(self.step(node, scope));
        }
        steps.into()
    }

    fn step(&mut self, node: &Node, scope: &mut Scope<'_>) -> Option<Step> {
        if !matches!(node.content, Content::Map(_)) {
            self.step_without_verb(node);
            return None;
        }
        let word = self.verb_of(node)?;
        let mut allowed = vec![word.name, "when"];
        allowed.extend(word.keys);
        if !word.results.is_empty() {
            allowed.push("as");
        }
        let fields = self.fields(node, &format!("`{}`", word.name), &allowed);
        let value = fields.get(word.name)?;
        let when = fields
            .get("when")
            .map(|node| self.condition(node, "`when`", scope));
        let name = fields
            .get("as")
            .and_then(|node| self.value_name(node, "`as`"));
        let at = node.at;
        let step = StepNode { value, fields };
        let verb = self.verb(word.name, &step, scope);
        if let Some(name) = &name {
            scope.add(name);
        }
        let name = name.map(|name| self.symbol(&name));
        Some(Step {
            verb: verb?,
            when,
            name,
            place: Arc::from(self.sources.place(at)),
        })
    }

    fn verb_of(&mut self, node: &Node) -> Option<&'static Word> {
        let verbs: Vec<&Word> = VERBS
            .iter()
            .filter(|word| node.get(word.name).is_some())
            .collect();
        match *verbs {
            [word] => Some(word),
            [] => {
                self.step_without_verb(node);
                None
            }
            [first, second, ..] => {
                let at = node
                    .entries()
                    .iter()
                    .find(|(key, _)| key.name == second.name)
                    .map_or(node.at, |(key, _)| key.at);
                let message = format!(
                    "a step has one verb, found `{}` and `{}`",
                    first.name, second.name
                );
                let hint = "each step starts with `- `".to_owned();
                self.problem(at, message, Some(hint));
                None
            }
        }
    }

    fn step_without_verb(&mut self, node: &Node) {
        let words = || VERBS.iter().map(|word| word.name);
        let first = node
            .entries()
            .iter()
            .map(|(key, _)| key.name.as_str())
            .find(|key| !matches!(*key, "when" | "as"))
            .or(node.text());
        let message = match first {
            Some(first) if !words().any(|word| word == first) => format!(
                "unknown verb {}, a step takes one of {}",
                shown(first),
                one_of(words())
            ),
            Some(first) => format!("a step is a map, found the text {}", shown(first)),
            None => format!("a step takes one of {}", one_of(words())),
        };
        let hint = first.and_then(|first| {
            let same = words().find(|word| *word == first);
            match same {
                Some(word) => Some(format!("write `- {word}: …`")),
                None => did_you_mean(first, words()),
            }
        });
        self.problem(node.at, message, hint);
    }

    fn verb(&mut self, name: &str, step: &StepNode<'_>, scope: &mut Scope<'_>) -> Option<Verb> {
        let value = step.value;
        match name {
            "list" => self.list_step(step, scope),
            "find" => self.find_step(step, scope),
            "insert" => self.insert_step(step, scope),
            "update" => self.update_step(step, scope),
            "remove" => self.remove_step(step, scope),
            "let" => Some(Verb::Let(self.names_of_let(value, scope))),
            "remember" => Some(Verb::Remember(self.named_values(
                value,
                "`remember`",
                scope,
            ))),
            "reply" => Some(Verb::Reply {
                body: self.template(value, scope),
                status: self.status(step.fields.get("status"), scope),
            }),
            "send" => self.send_step(step, scope),
            "fail" => self.fail_step(value, scope),
            "close" => Some(self.close_step(value, scope)),
            "stop" => self.stop_step(value),
            "join" => Some(Verb::Join(self.template(value, scope))),
            "leave" => Some(Verb::Leave(self.template(value, scope))),
            "verify" => Some(Verb::Verify {
                token: self.template(value, scope),
                otherwise: match step.fields.get("else") {
                    Some(node) => self.steps(node, "`else`", scope),
                    None => Arc::new([]),
                },
            }),
            "check" => Some(self.check_step(step, scope)),
            "later" => self.later_step(step, scope),
            "cancel" => Some(Verb::Cancel(self.template(value, scope))),
            "for" => self.for_step(step, scope),
            "run" => self.run_step(step, scope),
            _ => Some(Verb::Log(self.template(value, scope))),
        }
    }

    fn stop_step(&mut self, value: &Node) -> Option<Verb> {
        match value.content {
            Content::Bool(true) | Content::Null => return Some(Verb::Stop),
            _ => {
                let hint = "a condition goes beside it: `when: ${ … }`".to_owned();
                let found = super::fields::described(value);
                let message = format!("`stop` takes `true`, found {found}");
                self.problem(value.at, message, Some(hint));
            }
        }
        None
    }

    /// Names and values, each seeing those before it; all are in sight afterwards.
    pub(super) fn names_of_let(&mut self, node: &Node, scope: &mut Scope<'_>) -> Lets {
        let mut lets = Lets::new();
        for (key, node) in self.map(node, "`let`") {
            let template = self.template(node, scope);
            let symbol = self.key_name(key);
            scope.add(&key.name);
            lets.push((symbol, template));
        }
        lets
    }

    /// A map of plain names to values.
    pub(super) fn named_values(
        &mut self,
        node: &Node,
        what: &str,
        scope: &Scope<'_>,
    ) -> Vec<(String, crate::lang::expr::Template)> {
        let mut values = Vec::new();
        for (key, node) in self.map(node, what) {
            self.no_expression(key);
            values.push((key.name.clone(), self.template(node, scope)));
        }
        values
    }
}
