//! `cancel`: drops a plan.

use super::{Declare, StepNode, VerbFacts};
use crate::lang::expr::Template;
use crate::lang::read::{NameScope, ScenarioReader};

#[derive(Debug)]
pub struct CancelStep {
    /// The name of the plan.
    pub plan: Template,
}

impl Declare for CancelStep {
    const NAME: &'static str = "cancel";

    fn read(
        reader: &mut ScenarioReader<'_>,
        step: &StepNode<'_>,
        scope: &mut NameScope<'_>,
    ) -> Option<Self> {
        let plan = reader.template(step.value, scope);
        Some(CancelStep { plan })
    }

    fn facts(&self) -> VerbFacts<'_> {
        VerbFacts::writes()
    }
}
