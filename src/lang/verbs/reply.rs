//! `reply`: answers the request.

use super::{Declare, Facts, Need, StepNode};
use crate::lang::expr::Template;
use crate::lang::read::{Reader, Scope};

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

    fn read(reader: &mut Reader<'_>, step: &StepNode<'_>, scope: &mut Scope<'_>) -> Option<Self> {
        Some(ReplyStep {
            body: reader.template(step.value, scope),
            status: reader.status(step.fields.get("status"), scope),
        })
    }

    fn facts(&self) -> Facts<'_> {
        Facts::of([&self.body].into_iter().chain(&self.status)).needs(Need::Request)
    }
}
