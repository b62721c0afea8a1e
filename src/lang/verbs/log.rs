//! `log`: writes a line to the log.

use super::{Declare, StepNode, VerbFacts};
use crate::lang::expr::Template;
use crate::lang::read::{NameScope, ScenarioReader};

#[derive(Debug)]
pub struct LogStep {
    pub text: Template,
}

impl Declare for LogStep {
    const NAME: &'static str = "log";

    fn read(
        reader: &mut ScenarioReader<'_>,
        step: &StepNode<'_>,
        scope: &mut NameScope<'_>,
    ) -> Option<Self> {
        let text = reader.template(step.value, scope);
        Some(LogStep { text })
    }

    fn facts(&self) -> VerbFacts<'_> {
        VerbFacts::of([&self.text])
    }
}
