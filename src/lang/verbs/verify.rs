//! `verify`: checks a token.

use super::{Around, Declare, StepNode, Steps, VerbFacts};
use crate::lang::expr::Template;
use crate::lang::read::{NameScope, ScenarioReader};

#[derive(Debug)]
pub struct VerifyStep {
    pub token: Template,
    /// `else:`, after which the handler ends; empty is `INVALID_REQUEST`.
    pub otherwise: Steps,
}

impl Declare for VerifyStep {
    const NAME: &'static str = "verify";
    const KEYS: &'static [&'static str] = &["else"];
    const RESULTS: &'static [&'static str] = &["claims"];

    fn read(
        reader: &mut ScenarioReader<'_>,
        step: &StepNode<'_>,
        scope: &mut NameScope<'_>,
    ) -> Option<Self> {
        let token = reader.template(step.value, scope);
        let otherwise = step.fields.get("else");
        let otherwise = otherwise.map(|node| reader.steps(node, "`else`", scope));
        Some(VerifyStep {
            token,
            otherwise: otherwise.unwrap_or_default(),
        })
    }

    fn facts(&self) -> VerbFacts<'_> {
        VerbFacts::of([&self.token]).with_steps(Around::Same, &self.otherwise)
    }
}
