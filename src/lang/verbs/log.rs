//! `log`: writes a line to the log.

use super::{Declare, Facts, StepNode};
use crate::lang::expr::Template;
use crate::lang::read::{Reader, Scope};

#[derive(Debug)]
pub struct LogStep {
    pub text: Template,
}

impl Declare for LogStep {
    const NAME: &'static str = "log";

    fn read(reader: &mut Reader<'_>, step: &StepNode<'_>, scope: &mut Scope<'_>) -> Option<Self> {
        let text = reader.template(step.value, scope);
        Some(LogStep { text })
    }

    fn facts(&self) -> Facts<'_> {
        Facts::of([&self.text])
    }
}
