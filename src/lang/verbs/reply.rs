//! `reply`: answers the request.

use super::{Declare, Need, StepNode, VerbFacts};
use crate::lang::expr::Template;
use crate::lang::read::{NameScope, ScenarioReader};

#[derive(Debug)]
pub struct ReplyStep {
    /// The answer without its envelope.
    pub body: Template,
    /// The status over HTTP.
    pub status: Option<Template>,
}

impl Declare for ReplyStep {
    const NAME: &'static str = "reply";
    const KEYS: &'static [&'static str] = &["status"];

    fn read(
        reader: &mut ScenarioReader<'_>,
        step: &StepNode<'_>,
        scope: &mut NameScope<'_>,
    ) -> Option<Self> {
        Some(ReplyStep {
            body: reader.template(step.value, scope),
            status: reader.status(step.fields.get("status"), scope),
        })
    }

    fn facts(&self) -> VerbFacts<'_> {
        VerbFacts::of([&self.body].into_iter().chain(&self.status)).needs(Need::Request)
    }
}
