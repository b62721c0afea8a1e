//! `close`: closes the connection after what is queued for it, and ends the handler.

use super::{Declare, Need, StepNode, VerbFacts};
use crate::base::is_close_code;
use crate::lang::expr::Template;
use crate::lang::file::tree::{Node, NodeContent};
use crate::lang::read::{NameScope, ScenarioReader, is_expression};

/// A Close frame has 125 bytes, two of which are the code (RFC 6455, section 5.5).
const MAX_REASON: usize = 123;

#[derive(Debug)]
pub struct CloseStep {
    pub code: Template,
    pub reason: Option<Template>,
}

impl Declare for CloseStep {
    const NAME: &'static str = "close";

    fn read(
        reader: &mut ScenarioReader<'_>,
        step: &StepNode<'_>,
        scope: &mut NameScope<'_>,
    ) -> Option<Self> {
        let value = step.value;
        let NodeContent::Map(_) = &value.content else {
            return Some(CloseStep {
                code: code(reader, value, scope),
                reason: None,
            });
        };
        let fields = reader.fields(value, "`close`", &["code", "reason"]);
        if let Some(node) = fields.get("reason")
            && let Some(text) = node.text()
            && !is_expression(node)
            && text.len() > MAX_REASON
        {
            let found = text.len();
            let message = format!("`reason` must have up to {MAX_REASON} bytes, got {found}");
            reader.problem(node.at, message, None);
        }
        let node = reader.required(&fields, "code", "`close`")?;
        Some(CloseStep {
            code: code(reader, node, scope),
            reason: reader.optional(fields.get("reason"), scope),
        })
    }

    fn facts(&self) -> VerbFacts<'_> {
        VerbFacts::of([&self.code].into_iter().chain(&self.reason)).needs(Need::OpenPeer)
    }
}

fn code(reader: &mut ScenarioReader<'_>, node: &Node, scope: &NameScope<'_>) -> Template {
    let allowed = match node.content {
        NodeContent::Whole(code) => is_close_code(code),
        _ => is_expression(node),
    };
    if !allowed {
        let codes = "a close code: 1000 to 1003, 1007 to 1014, or 3000 to 4999";
        reader.expected(node, "`close`", codes);
    }
    reader.template(node, scope)
}
