//! `remember`: stores values in the session.

use super::{Declare, Need, StepNode, VerbFacts};
use crate::lang::expr::Template;
use crate::lang::read::{NameScope, ScenarioReader};

#[derive(Debug)]
pub struct RememberStep {
    pub values: Vec<(String, Template)>,
}

impl Declare for RememberStep {
    const NAME: &'static str = "remember";

    fn read(
        reader: &mut ScenarioReader<'_>,
        step: &StepNode<'_>,
        scope: &mut NameScope<'_>,
    ) -> Option<Self> {
        let values = reader.named_values(step.value, "`remember`", scope);
        Some(RememberStep { values })
    }

    fn facts(&self) -> VerbFacts<'_> {
        VerbFacts::writes().needs(Need::Session)
    }
}
