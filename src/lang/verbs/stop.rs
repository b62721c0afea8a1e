//! `stop`: ends the handler.

use super::{Declare, StepNode, VerbFacts};
use crate::lang::file::tree::NodeContent;
use crate::lang::read::{NameScope, ScenarioReader, described};

#[derive(Debug)]
pub struct StopStep;

impl Declare for StopStep {
    const NAME: &'static str = "stop";

    fn read(
        reader: &mut ScenarioReader<'_>,
        step: &StepNode<'_>,
        _: &mut NameScope<'_>,
    ) -> Option<Self> {
        let value = step.value;
        if matches!(value.content, NodeContent::Bool(true) | NodeContent::Null) {
            return Some(StopStep);
        }
        let hint = "a condition stands beside it: `when: ${ … }`".to_owned();
        let message = format!("`stop` must be `true`, got {}", described(value));
        reader.problem(value.at, message, Some(hint));
        None
    }

    fn facts(&self) -> VerbFacts<'_> {
        VerbFacts::default()
    }
}
