//! `join`: the connection enters a room.

use super::{Declare, Need, StepNode, VerbFacts};
use crate::lang::expr::Template;
use crate::lang::read::{NameScope, ScenarioReader};

#[derive(Debug)]
pub struct JoinStep {
    pub room: Template,
}

impl Declare for JoinStep {
    const NAME: &'static str = "join";

    fn read(
        reader: &mut ScenarioReader<'_>,
        step: &StepNode<'_>,
        scope: &mut NameScope<'_>,
    ) -> Option<Self> {
        let room = reader.template(step.value, scope);
        Some(JoinStep { room })
    }

    fn facts(&self) -> VerbFacts<'_> {
        VerbFacts::writes().needs(Need::Peer)
    }
}
