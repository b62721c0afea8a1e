//! `later`: plans steps.

use super::{Around, Declare, StepNode, Steps, VerbFacts};
use crate::lang::expr::Template;
use crate::lang::read::{NameScope, ScenarioReader};

#[derive(Debug)]
pub struct LaterStep {
    /// A duration's text or milliseconds.
    pub after: Template,
    /// The name of the plan; a new plan of the same name replaces the old.
    pub plan: Option<Template>,
    pub steps: Steps,
}

impl Declare for LaterStep {
    const NAME: &'static str = "later";
    const KEYS: &'static [&'static str] = &["do", "name"];

    fn read(
        reader: &mut ScenarioReader<'_>,
        step: &StepNode<'_>,
        scope: &mut NameScope<'_>,
    ) -> Option<Self> {
        let after = reader.delay(step.value, "`later`", scope);
        let plan = reader.optional(step.fields.get("name"), scope);
        let node = reader.required(&step.fields, "do", "`later`")?;
        // The plan gets a copy of the names, so that names in it are not seen outside.
        let steps = reader.steps(node, "`do`", &mut scope.inner());
        Some(LaterStep { after, plan, steps })
    }

    fn facts(&self) -> VerbFacts<'_> {
        VerbFacts::writes().with_steps(Around::Later, &self.steps)
    }
}
