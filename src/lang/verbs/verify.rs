//! `verify`: checks a token.

use super::{Around, Declare, Facts, StepNode, Steps};
use crate::lang::expr::Template;
use crate::lang::read::{Reader, Scope};

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

    fn read(reader: &mut Reader<'_>, step: &StepNode<'_>, scope: &mut Scope<'_>) -> Option<Self> {
        let token = reader.template(step.value, scope);
        let otherwise = step.fields.get("else");
        let otherwise = otherwise.map(|node| reader.steps(node, "`else`", scope));
        Some(VerifyStep {
            token,
            otherwise: otherwise.unwrap_or_default(),
        })
    }

    fn facts(&self) -> Facts<'_> {
        Facts::of([&self.token]).with_steps(Around::Same, &self.otherwise)
    }
}
