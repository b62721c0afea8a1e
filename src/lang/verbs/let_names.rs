//! `let`: gives values names for the steps that follow.

use super::{Declare, Facts, StepNode};
use crate::lang::expr::{Symbol, Template};
use crate::lang::read::{Reader, Scope};

#[derive(Debug)]
pub struct LetStep {
    /// Each sees the names before it.
    pub values: Vec<(Symbol, Template)>,
}

impl Declare for LetStep {
    const NAME: &'static str = "let";

    fn read(reader: &mut Reader<'_>, step: &StepNode<'_>, scope: &mut Scope<'_>) -> Option<Self> {
        let values = reader.names_of_let(step.value, scope);
        Some(LetStep { values })
    }

    fn facts(&self) -> Facts<'_> {
        Facts::of(self.values.iter().map(|(_, value)| value))
    }
}
