//! `messages:`: the names and envelopes of messages.

use std::collections::HashMap;

use super::ScenarioReader;
use super::names::NameScope;
use crate::lang::expr::Template;
use crate::lang::file::tree::{self, Node};
use crate::lang::model::{Messages, Placed, Protocol};

const KEYS: &[&str] = &["name", "reply", "error", "error_event", "errors"];
/// The envelope of errors where a scenario has none.
const PLAIN_ERROR: &str =
    "{ type: error, error: { code: '${ error.code }', message: '${ error.message }' } }";
/// In Socket.IO the event says that it is an error.
const PLAIN_EVENT_ERROR: &str = "{ code: '${ error.code }', message: '${ error.message }' }";

impl ScenarioReader<'_> {
    pub(super) fn messages(
        &mut self,
        node: Option<&Node>,
        protocol: Protocol,
        scope: &NameScope<'_>,
    ) -> Messages {
        let mut messages = Messages {
            name: None,
            reply: None,
            error: own(Template::text("")),
            error_event: "error".to_owned(),
            errors: HashMap::new(),
        };
        let mut error = None;
        if let Some(node) = node {
            let fields = self.fields(node, "`messages`", KEYS);
            messages.name = self.optional_placed(fields.get("name"), scope);
            if let Some(node) = fields.get("name")
                && node.text().is_none()
            {
                self.expected(node, "`name`", "a text such as `${ message.type }`");
            }
            messages.reply = self.optional(fields.get("reply"), scope);
            error = self.optional_placed(fields.get("error"), scope);
            if let Some(node) = fields.get("error_event")
                && let Some(event) = self.plain_text(node, "`error_event`")
            {
                messages.error_event = event;
            }
            if let Some(node) = fields.get("errors") {
                for (key, node) in self.map(node, "`errors`") {
                    let words = self.template(node, scope);
                    let words = self.placed(node.at, words);
                    messages.errors.insert(key.name.clone(), words);
                }
            }
        }
        let socket_io = protocol == Protocol::SocketIo;
        if socket_io && messages.name.is_none() {
            messages.name = Some(self.own_template("'${ event }'"));
        }
        messages.error = match error {
            Some(error) => error,
            None if socket_io => self.own_template(PLAIN_EVENT_ERROR),
            None => self.own_template(PLAIN_ERROR),
        };
        messages
    }

    /// A built-in template.
    fn own_template(&mut self, yaml: &str) -> Placed<Template> {
        own(match tree::parse(yaml, 0) {
            Ok(node) => self.template(&node, &NameScope::default()),
            Err(_) => Template::text(""),
        })
    }
}

fn own(part: Template) -> Placed<Template> {
    Placed {
        place: "messages".into(),
        part,
    }
}
