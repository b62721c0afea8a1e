//! `let`: gives values names for the steps that follow.

use super::{Declare, StepNode, VerbFacts};
use crate::lang::expr::{Symbol, Template};
use crate::lang::read::{NameScope, ScenarioReader};

#[derive(Debug)]
pub struct LetStep {
    /// Each sees the names before it.
    pub values: Vec<(Symbol, Template)>,
}

impl Declare for LetStep {
    const NAME: &'static str = "let";

    fn read(
        reader: &mut ScenarioReader<'_>,
        step: &StepNode<'_>,
        scope: &mut NameScope<'_>,
    ) -> Option<Self> {
        let values = reader.names_of_let(step.value, scope);
        Some(LetStep { values })
    }

    fn facts(&self) -> VerbFacts<'_> {
        VerbFacts::of(self.values.iter().map(|(_, value)| value))
    }
}
