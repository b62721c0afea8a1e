//! Steps that speak: `send fail close`, and to whom.

use super::Reader;
use super::names::Scope;
use super::query::is_expression;
use super::steps::StepNode;
use crate::base::is_close_code;
use crate::lang::expr::Template;
use crate::lang::model::{To, Verb};
use crate::lang::problem::one_of;
use crate::lang::tree::{Content, Node};

const WHOM: &[&str] = &["room", "connection", "session", "others"];

impl Reader<'_> {
    pub(super) fn send_step(&mut self, step: &StepNode<'_>, scope: &Scope<'_>) -> Option<Verb> {
        let message = self.template(step.value, scope);
        let to = match step.fields.get("to") {
            Some(node) => self.to(node, "`to`", scope),
            None => Some(To::This),
        };
        Some(Verb::Send {
            message,
            to: to?,
            event: self.optional(step.fields.get("event"), scope),
        })
    }

    /// Whom: a word, a map with one key, or a list of these.
    pub(super) fn to(&mut self, node: &Node, what: &str, scope: &Scope<'_>) -> Option<To> {
        match &node.content {
            Content::Text(text) if text == "this" => Some(To::This),
            Content::Text(text) if text == "all" => Some(To::All),
            Content::List(elements) => {
                let several: Vec<Option<To>> = elements
                    .iter()
                    .map(|element| self.to(element, what, scope))
                    .collect();
                several.into_iter().collect::<Option<Vec<_>>>().map(To::Any)
            }
            Content::Map(entries) => {
                self.keys_among(entries, what, WHOM);
                let [(key, node)] = entries.as_slice() else {
                    let message = format!(
                        "{what} takes a map with one of {}, found {} keys",
                        one_of(WHOM.iter().copied()),
                        entries.len()
                    );
                    let hint = "several together are a list".to_owned();
                    self.problem(node.at, message, Some(hint));
                    return None;
                };
                match key.name.as_str() {
                    "room" => Some(To::Room(self.template(node, scope))),
                    "connection" => Some(To::Connection(self.template(node, scope))),
                    "session" => Some(To::Session(self.session(node, scope))),
                    "others" => self
                        .to(node, "`others`", scope)
                        .map(|to| To::Others(Box::new(to))),
                    _ => None,
                }
            }
            _ => {
                let allowed = "`this`, `all`, a map with `room`, `connection`, `session` or `others`, or a list of these";
                self.expected(node, what, allowed);
                None
            }
        }
    }

    fn session(&mut self, node: &Node, scope: &Scope<'_>) -> Vec<(String, Template)> {
        let values = self.named_values(node, "`session`", scope);
        if values.is_empty() {
            let allowed = "a map of what a session remembers";
            self.expected(node, "`session`", allowed);
        }
        values
    }

    pub(super) fn fail_step(&mut self, value: &Node, scope: &Scope<'_>) -> Option<Verb> {
        match &value.content {
            Content::Text(_) => Some(Verb::Fail {
                code: self.template(value, scope),
                message: None,
                status: None,
            }),
            Content::Map(_) => {
                let fields = self.fields(value, "`fail`", &["code", "message", "status"]);
                let code = self.required(&fields, "code", "`fail`")?;
                Some(Verb::Fail {
                    code: self.template(code, scope),
                    message: self.optional(fields.get("message"), scope),
                    status: self.status(fields.get("status"), scope),
                })
            }
            _ => {
                let allowed = "a code, or a map with `code`, `message` and `status`";
                self.expected(value, "`fail`", allowed);
                None
            }
        }
    }

    /// A status of HTTP.
    pub(super) fn status(&mut self, node: Option<&Node>, scope: &Scope<'_>) -> Option<Template> {
        let node = node?;
        if !is_expression(node) {
            self.whole(node, "`status`", 200, 599);
        }
        Some(self.template(node, scope))
    }

    pub(super) fn close_step(&mut self, value: &Node, scope: &Scope<'_>) -> Verb {
        let Content::Map(_) = &value.content else {
            return Verb::Close {
                code: self.close_code(value, scope),
                reason: None,
            };
        };
        let fields = self.fields(value, "`close`", &["code", "reason"]);
        let code = match self.required(&fields, "code", "`close`") {
            Some(node) => self.close_code(node, scope),
            None => Template::text(""),
        };
        if let Some(node) = fields.get("reason")
            && let Some(text) = node.text()
            && !is_expression(node)
            && text.len() > MAX_REASON
        {
            let message = format!(
                "a reason has {MAX_REASON} bytes at most, found {}",
                text.len()
            );
            self.problem(node.at, message, None);
        }
        Verb::Close {
            code,
            reason: self.optional(fields.get("reason"), scope),
        }
    }

    fn close_code(&mut self, node: &Node, scope: &Scope<'_>) -> Template {
        let good = match node.content {
            Content::Whole(code) => is_close_code(code),
            _ => is_expression(node),
        };
        if !good {
            let allowed = "a close code: 1000 to 1003, 1007 to 1014, or 3000 to 4999";
            self.expected(node, "`close`", allowed);
        }
        self.template(node, scope)
    }
}

/// What fits into a close frame beside the code.
const MAX_REASON: usize = 123;
