//! Handlers: of messages, of connections, of changes, of timers and triggers.

use std::sync::Arc;
use std::time::Duration;

use foldhash::HashMap;

use super::fields::MapFields;
use super::names::NameScope;
use super::runs::Writers;
use super::{ScenarioReader, is_expression};
use crate::lang::expr::Template;
use crate::lang::file::problem::shown;
use crate::lang::file::tree::Node;
use crate::lang::model::{Changes, Handler, Timer};

const CHANGES: &[&str] = &["created", "updated", "removed"];
/// The shortest time between two firings of a timer.
const MIN_EVERY: Duration = Duration::from_millis(1);

#[derive(Default)]
pub(super) struct Handlers {
    pub(super) on: HashMap<Box<str>, Arc<Handler>>,
    pub(super) known: Vec<String>,
    pub(super) otherwise: Option<Arc<Handler>>,
}

impl ScenarioReader<'_> {
    /// Reads the steps of `key` to a handler that is called `name`.
    pub(super) fn handler(
        &mut self,
        key: &str,
        node: &Node,
        name: &str,
        scope: &NameScope<'_>,
        writers: &Writers,
    ) -> Arc<Handler> {
        let steps = self.steps(node, &format!("`{key}`"), &mut scope.inner());
        writers.handler(name, steps)
    }

    /// `on:`
    pub(super) fn handlers(
        &mut self,
        node: Option<&Node>,
        scope: &NameScope<'_>,
        writers: &Writers,
    ) -> Handlers {
        let mut handlers = Handlers::default();
        let Some(node) = node else { return handlers };
        for (key, node) in self.map(node, "`on`") {
            let name = key.name.as_str();
            let handler = self.handler(name, node, name, scope, writers);
            if name == "*" {
                handlers.otherwise = Some(handler);
                continue;
            }
            if name.contains('*') {
                let message = format!("a handler must have a whole name, got {}", shown(name));
                let hint = "handlers take no patterns; `\"*\"` takes messages of any other name";
                self.problem(key.at, message, Some(hint.to_owned()));
            }
            handlers.known.push(name.to_owned());
            handlers.on.insert(name.into(), handler);
        }
        handlers
    }

    /// The steps of a key of the file, such as `connect`.
    pub(super) fn file_handler(
        &mut self,
        file: &MapFields<'_>,
        name: &str,
        scope: &NameScope<'_>,
        writers: &Writers,
    ) -> Option<Arc<Handler>> {
        let handler = self.handler(name, file.get(name)?, name, scope, writers);
        (!handler.steps.is_empty()).then_some(handler)
    }

    pub(super) fn changes(
        &mut self,
        node: Option<&Node>,
        scope: &NameScope<'_>,
        writers: &Writers,
    ) -> Vec<Changes> {
        let mut changes: Vec<Changes> = Vec::new();
        changes.resize_with(self.collections.names.len(), Changes::default);
        let Some(node) = node else { return changes };
        for (key, node) in self.map(node, "`changes`") {
            let id = self.reference(&key.name, key.at, "collection", |reader| {
                &reader.collections
            });
            let fields = self.fields(node, &format!("`{}`", key.name), CHANGES);
            let mut read = |kind: &str| {
                let name = format!("{} {kind}", key.name);
                let handler = self.handler(kind, fields.get(kind)?, &name, scope, writers);
                (!handler.steps.is_empty()).then_some(handler)
            };
            let read = Changes {
                created: read("created"),
                updated: read("updated"),
                removed: read("removed"),
            };
            if let Some(id) = id {
                changes[id] = read;
            }
        }
        changes
    }

    pub(super) fn timers(
        &mut self,
        node: Option<&Node>,
        scope: &NameScope<'_>,
        writers: &Writers,
    ) -> Vec<Timer> {
        let Some(node) = node else { return Vec::new() };
        let mut timers = Vec::new();
        for (key, node) in self.map(node, "`timers`") {
            let what = format!("the timer {}", shown(&key.name));
            let fields = self.fields(node, &what, &["every", "while", "for", "do"]);
            let every = self.required(&fields, "every", &what);
            let guard = fields.get("while").map(|node| {
                let guard = self.condition(node, "`while`", scope);
                self.placed(node.at, guard)
            });
            let each = fields.get("for");
            let each = each.and_then(|node| self.collection_name(node, "`for`"));
            let steps = self.required(&fields, "do", &what);
            let (Some(every), Some(steps)) = (every, steps) else {
                continue;
            };
            let pace = self.delay(every, "`every`", scope);
            let every = self.placed(every.at, pace);
            let name = format!("timer {}", key.name);
            let mut handler = self.handler("do", steps, &name, scope, writers);
            let guard_draws = guard.as_ref().is_some_and(|guard| guard.part.draws());
            if guard_draws || every.part.draws() {
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
        scope: &NameScope<'_>,
        writers: &Writers,
    ) -> Vec<(String, Arc<Handler>)> {
        let Some(node) = node else { return Vec::new() };
        let mut triggers = Vec::new();
        for (key, node) in self.map(node, "`triggers`") {
            let name = format!("trigger {}", key.name);
            let handler = self.handler(&key.name, node, &name, scope, writers);
            triggers.push((key.name.clone(), handler));
        }
        triggers
    }

    /// A duration that may be an expression.
    pub(in crate::lang) fn delay(
        &mut self,
        node: &Node,
        what: &str,
        scope: &NameScope<'_>,
    ) -> Template {
        if !is_expression(node)
            && let Some(duration) = self.duration(node, what)
            && what == "`every`"
            && duration < MIN_EVERY
        {
            self.expected(node, what, "a millisecond at least");
        }
        self.template(node, scope)
    }
}
