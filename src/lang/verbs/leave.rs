//! `leave`: the connection leaves a room.

use super::{Declare, Need, StepNode, VerbFacts};
use crate::lang::expr::Template;
use crate::lang::read::{NameScope, ScenarioReader};

#[derive(Debug)]
pub struct LeaveStep {
    pub room: Template,
}

impl Declare for LeaveStep {
    const NAME: &'static str = "leave";

    fn read(
        reader: &mut ScenarioReader<'_>,
        step: &StepNode<'_>,
        scope: &mut NameScope<'_>,
    ) -> Option<Self> {
        let room = reader.template(step.value, scope);
        Some(LeaveStep { room })
    }

    fn facts(&self) -> VerbFacts<'_> {
        VerbFacts::writes().needs(Need::Peer)
    }
}
