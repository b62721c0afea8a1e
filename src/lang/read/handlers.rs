//! When steps run: a message by name, a moment of a connection, a change of data, a timer, a trigger.

use std::sync::Arc;

use foldhash::HashMap;

use super::Reader;
use super::fields::Fields;
use super::names::Scope;
use super::runs::Writers;
use crate::lang::expr::Template;
use crate::lang::file::problem::shown;
use crate::lang::file::tree::{Content, Key, Node};
use crate::lang::model::{Changes, Handler, Timer};

const CHANGES: &[&str] = &["created", "updated", "removed"];

#[derive(Default)]
pub(super) struct Handlers {
    pub(super) on: HashMap<Box<str>, Arc<Handler>>,
    pub(super) known: Vec<String>,
    pub(super) otherwise: Option<Arc<Handler>>,
}

impl Reader<'_> {
    pub(super) fn handlers(
        &mut self,
        node: Option<&Node>,
        scope: &Scope<'_>,
        draws: &Writers,
    ) -> Handlers {
        let mut handlers = Handlers::default();
        let Some(node) = node else { return handlers };
        for (key, node) in self.map(node, "`on`") {
            let steps = self.steps(node, &format!("`{}`", key.name), &mut scope.inner());
            let handler = draws.handler(&key.name, steps);
            if key.name.contains('*') && key.name != "*" {
                let message = format!("a handler must have a whole name, got {}", shown(&key.name));
                let hint = "handlers take no patterns; `\"*\"` takes messages of any other name";
                self.problem(key.at, message, Some(hint.to_owned()));
            }
            if key.name == "*" {
                handlers.otherwise = Some(handler);
            } else {
                handlers.known.push(key.name.clone());
                handlers.on.insert(key.name.as_str().into(), handler);
            }
        }
        handlers
    }

    /// The steps of one of the file's moments.
    pub(super) fn moment(
        &mut self,
        file: &Fields<'_>,
        name: &str,
        scope: &Scope<'_>,
        draws: &Writers,
    ) -> Option<Arc<Handler>> {
        let node = file.get(name)?;
        let steps = self.steps(node, &format!("`{name}`"), &mut scope.inner());
        (!steps.is_empty()).then(|| draws.handler(name, steps))
    }

    pub(super) fn changes(
        &mut self,
        node: Option<&Node>,
        scope: &Scope<'_>,
        draws: &Writers,
    ) -> Vec<Changes> {
        let mut changes: Vec<Changes> = Vec::new();
        changes.resize_with(self.collections.names.len(), Changes::default);
        let Some(node) = node else { return changes };
        for (key, node) in self.map(node, "`changes`") {
            let id = self.collection_of_key(key);
            let what = format!("`{}`", key.name);
            let fields = self.fields(node, &what, CHANGES);
            for kind in fields.among(CHANGES) {
                let Some(node) = fields.get(kind) else {
                    continue;
                };
                let steps = self.steps(node, &format!("`{kind}`"), &mut scope.inner());
                let name = format!("{} {kind}", key.name);
                if let Some(id) = id.filter(|_| !steps.is_empty()) {
                    *change_of(&mut changes[id], kind) = Some(draws.handler(&name, steps));
                }
            }
        }
        changes
    }

    fn collection_of_key(&mut self, key: &Key) -> Option<usize> {
        let node = Node {
            at: key.at,
            content: Content::Text(key.name.clone()),
        };
        self.collection_name(&node, "`changes`")
    }

    pub(super) fn timers(
        &mut self,
        node: Option<&Node>,
        scope: &Scope<'_>,
        draws: &Writers,
    ) -> Vec<Timer> {
        let Some(node) = node else { return Vec::new() };
        let mut timers = Vec::new();
        for (key, node) in self.map(node, "`timers`") {
            let what = format!("the timer {}", shown(&key.name));
            let fields = self.fields(node, &what, &["every", "while", "for", "do"]);
            let every = match self.required(&fields, "every", &what) {
                Some(node) => {
                    let every = self.delay(node, "`every`", scope);
                    self.placed(node.at, every)
                }
                None => self.placed(key.at, Template::text("")),
            };
            let guard = fields.get("while").map(|node| {
                let guard = self.condition(node, "`while`", scope);
                self.placed(node.at, guard)
            });
            let each = fields
                .get("for")
                .and_then(|node| self.collection_name(node, "`for`"));
            let steps = match self.required(&fields, "do", &what) {
                Some(node) => self.steps(node, "`do`", &mut scope.inner()),
                None => Arc::new([]),
            };
            let mut handler = draws.handler(&format!("timer {}", key.name), steps);
            let guarded_by_chance = guard.as_ref().is_some_and(|guard| guard.part.draws());
            if guarded_by_chance || every.part.draws() {
                handler = Arc::new(Handler {
                    id: handler.id,
                    steps: handler.steps.clone(),
                    writes: true,
                });
            }
            timers.push(Timer {
                name: key.name.clone(),
                every,
                guard,
                each,
                handler,
            });
        }
        timers
    }

    pub(super) fn triggers(
        &mut self,
        node: Option<&Node>,
        scope: &Scope<'_>,
        draws: &Writers,
    ) -> Vec<(String, Arc<Handler>)> {
        let Some(node) = node else { return Vec::new() };
        let mut triggers = Vec::new();
        for (key, node) in self.map(node, "`triggers`") {
            let steps = self.steps(node, &format!("`{}`", key.name), &mut scope.inner());
            let handler = draws.handler(&format!("trigger {}", key.name), steps);
            triggers.push((key.name.clone(), handler));
        }
        triggers
    }

    /// A duration that may be an expression.
    pub(in crate::lang) fn delay(
        &mut self,
        node: &Node,
        what: &str,
        scope: &Scope<'_>,
    ) -> Template {
        let is_known = !node.text().is_some_and(|text| text.contains("${"));
        if is_known && let Some(duration) = self.duration(node, what) {
            let shortest = std::time::Duration::from_millis(1);
            if what == "`every`" && duration < shortest {
                self.expected(node, what, "a millisecond at least");
            }
        }
        self.template(node, scope)
    }
}

/// The place of a kind of change.
fn change_of<'c>(changes: &'c mut Changes, kind: &str) -> &'c mut Option<Arc<Handler>> {
    match kind {
        "created" => &mut changes.created,
        "updated" => &mut changes.updated,
        _ => &mut changes.removed,
    }
}
