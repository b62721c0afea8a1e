//! `stop`: ends the handler.

use super::{Declare, Facts, StepNode};
use crate::lang::file::tree::Content;
use crate::lang::read::{Reader, Scope, described};

#[derive(Debug)]
pub struct StopStep;

impl Declare for StopStep {
    const NAME: &'static str = "stop";

    fn read(reader: &mut Reader<'_>, step: &StepNode<'_>, _: &mut Scope<'_>) -> Option<Self> {
        let value = step.value;
        if matches!(value.content, Content::Bool(true) | Content::Null) {
            return Some(StopStep);
        }
        let hint = "a condition stands beside it: `when: ${ … }`".to_owned();
        let message = format!("`stop` must be `true`, got {}", described(value));
        reader.problem(value.at, message, Some(hint));
        None
    }

    fn facts(&self) -> Facts<'_> {
        Facts::default()
    }
}
