//! `cancel`: drops a plan.

use super::{Declare, Facts, StepNode};
use crate::lang::expr::Template;
use crate::lang::read::{Reader, Scope};

#[derive(Debug)]
pub struct CancelStep {
    /// The name of the plan.
    pub plan: Template,
}

impl Declare for CancelStep {
    const NAME: &'static str = "cancel";

    fn read(reader: &mut Reader<'_>, step: &StepNode<'_>, scope: &mut Scope<'_>) -> Option<Self> {
        let plan = reader.template(step.value, scope);
        Some(CancelStep { plan })
    }

    fn facts(&self) -> Facts<'_> {
        Facts::writes()
    }
}
