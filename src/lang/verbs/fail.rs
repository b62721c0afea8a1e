//! `fail`: answers with an error and ends the handler.

use super::{Declare, Facts, StepNode};
use crate::lang::expr::Template;
use crate::lang::file::tree::Content;
use crate::lang::read::{Reader, Scope};

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

    fn read(reader: &mut Reader<'_>, step: &StepNode<'_>, scope: &mut Scope<'_>) -> Option<Self> {
        let value = step.value;
        match &value.content {
            Content::Text(_) => Some(FailStep {
                code: reader.template(value, scope),
                message: None,
                status: None,
            }),
            Content::Map(_) => {
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

    fn facts(&self) -> Facts<'_> {
        Facts::of(
            [&self.code]
                .into_iter()
                .chain(&self.message)
                .chain(&self.status),
        )
    }
}
