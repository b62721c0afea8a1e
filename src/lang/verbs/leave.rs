//! `leave`: the connection leaves a room.

use super::{Declare, Facts, Need, StepNode};
use crate::lang::expr::Template;
use crate::lang::read::{Reader, Scope};

#[derive(Debug)]
pub struct LeaveStep {
    pub room: Template,
}

impl Declare for LeaveStep {
    const NAME: &'static str = "leave";

    fn read(reader: &mut Reader<'_>, step: &StepNode<'_>, scope: &mut Scope<'_>) -> Option<Self> {
        let room = reader.template(step.value, scope);
        Some(LeaveStep { room })
    }

    fn facts(&self) -> Facts<'_> {
        Facts::writes().needs(Need::Peer)
    }
}
