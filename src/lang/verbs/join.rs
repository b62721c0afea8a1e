//! `join`: the connection enters a room.

use super::{Declare, Facts, Need, StepNode};
use crate::lang::expr::Template;
use crate::lang::read::{Reader, Scope};

#[derive(Debug)]
pub struct JoinStep {
    pub room: Template,
}

impl Declare for JoinStep {
    const NAME: &'static str = "join";

    fn read(reader: &mut Reader<'_>, step: &StepNode<'_>, scope: &mut Scope<'_>) -> Option<Self> {
        let room = reader.template(step.value, scope);
        Some(JoinStep { room })
    }

    fn facts(&self) -> Facts<'_> {
        Facts::writes().needs(Need::Peer)
    }
}
