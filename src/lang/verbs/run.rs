//! `run`: runs the steps of a definition.

use super::{Declare, StepNode, VerbFacts};
use crate::lang::expr::{Symbol, Template};
use crate::lang::read::{NameScope, ScenarioReader};

#[derive(Debug)]
pub struct RunStep {
    /// The index in the scenario's definitions.
    pub definition: usize,
    /// `with:`, names for the definition.
    pub with: Vec<(Symbol, Template)>,
}

impl Declare for RunStep {
    const NAME: &'static str = "run";
    const KEYS: &'static [&'static str] = &["with"];

    fn read(
        reader: &mut ScenarioReader<'_>,
        step: &StepNode<'_>,
        scope: &mut NameScope<'_>,
    ) -> Option<Self> {
        let definition = reader.definition_name(step.value);
        let with = step.fields.get("with");
        let with = with.map(|node| reader.names_of_let(node, scope));
        // The definition's names are in sight after it.
        scope.share(&reader.names_of_definitions());
        Some(RunStep {
            definition: definition?,
            with: with.unwrap_or_default(),
        })
    }

    fn facts(&self) -> VerbFacts<'_> {
        let mut facts = VerbFacts::of(self.with.iter().map(|(_, value)| value));
        facts.runs = Some(self.definition);
        facts
    }
}
