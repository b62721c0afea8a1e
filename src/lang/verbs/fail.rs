//! `fail`: answers with an error and ends the handler.

use super::{Declare, StepNode, VerbFacts};
use crate::lang::expr::Template;
use crate::lang::file::tree::NodeContent;
use crate::lang::read::{NameScope, ScenarioReader};

#[derive(Debug)]
pub struct FailStep {
    pub code: Template,
    /// Without it the error has the words of its code.
    pub message: Option<Template>,
    /// The status over HTTP; without it that of the built-in error, or 400.
    pub status: Option<Template>,
}

impl Declare for FailStep {
    const NAME: &'static str = "fail";

    fn read(
        reader: &mut ScenarioReader<'_>,
        step: &StepNode<'_>,
        scope: &mut NameScope<'_>,
    ) -> Option<Self> {
        let value = step.value;
        match &value.content {
            NodeContent::Text(_) => Some(FailStep {
                code: reader.template(value, scope),
                message: None,
                status: None,
            }),
            NodeContent::Map(_) => {
                let fields = reader.fields(value, "`fail`", &["code", "message", "status"]);
                let code = reader.required(&fields, "code", "`fail`")?;
                Some(FailStep {
                    code: reader.template(code, scope),
                    message: reader.optional(fields.get("message"), scope),
                    status: reader.status(fields.get("status"), scope),
                })
            }
            _ => {
                let allowed = "a code, or a map with `code`, `message` and `status`";
                reader.expected(value, "`fail`", allowed);
                None
            }
        }
    }

    fn facts(&self) -> VerbFacts<'_> {
        VerbFacts::of(
            [&self.code]
                .into_iter()
                .chain(&self.message)
                .chain(&self.status),
        )
    }
}
