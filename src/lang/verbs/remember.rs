//! `remember`: stores values in the session.

use super::{Declare, Facts, Need, StepNode};
use crate::lang::expr::Template;
use crate::lang::read::{Reader, Scope};

#[derive(Debug)]
pub struct RememberStep {
    pub values: Vec<(String, Template)>,
}

impl Declare for RememberStep {
    const NAME: &'static str = "remember";

    fn read(reader: &mut Reader<'_>, step: &StepNode<'_>, scope: &mut Scope<'_>) -> Option<Self> {
        let values = reader.named_values(step.value, "`remember`", scope);
        Some(RememberStep { values })
    }

    fn facts(&self) -> Facts<'_> {
        Facts::writes().needs(Need::Session)
    }
}
