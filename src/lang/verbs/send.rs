//! `send`: pushes a message.

use super::{Audience, Declare, Need, StepNode, VerbFacts};
use crate::lang::expr::Template;
use crate::lang::read::{NameScope, ScenarioReader};

#[derive(Debug)]
pub struct SendStep {
    /// Goes out without an envelope.
    pub message: Template,
    pub to: Audience,
    /// The event of Socket.IO.
    pub event: Option<Template>,
}

impl Declare for SendStep {
    const NAME: &'static str = "send";
    const KEYS: &'static [&'static str] = &["to", "event"];

    fn read(
        reader: &mut ScenarioReader<'_>,
        step: &StepNode<'_>,
        scope: &mut NameScope<'_>,
    ) -> Option<Self> {
        let message = reader.template(step.value, scope);
        let to = match step.fields.get("to") {
            Some(node) => Audience::read(reader, node, "`to`", scope)?,
            None => Audience::This,
        };
        Some(SendStep {
            message,
            to,
            event: reader.optional(step.fields.get("event"), scope),
        })
    }

    fn facts(&self) -> VerbFacts<'_> {
        let mut facts = VerbFacts::of([&self.message].into_iter().chain(&self.event));
        if matches!(self.to, Audience::This) {
            return facts.needs(Need::OpenPeer);
        }
        // Under the write lock all peers get pushes in the same order.
        facts.writes = true;
        facts
    }
}
