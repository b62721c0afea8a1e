//! Steps, performed in order: [`Perform`] is what a verb does.

mod check;
mod flow;
mod items;
mod list;
mod peer;

use std::time::Duration;

use crate::base::Limit;
use crate::lang;
use crate::lang::expr::{Symbol, Template};
use crate::lang::verbs::{Step, StepVerb, all_verbs};
use crate::world::Val;

use super::context::{Context, Halt, broken};
use super::refusal::Refusal;

/// Bytes in the name of a room or a plan.
const MAX_NAME: usize = 1 << 10;

/// The end of a handler, or the reason why its step failed, still without a place.
pub(super) enum Trouble {
    Halt(Halt),
    Why(String),
}

impl From<String> for Trouble {
    fn from(why: String) -> Self {
        Trouble::Why(why)
    }
}

impl From<&str> for Trouble {
    fn from(why: &str) -> Self {
        Trouble::Why(why.to_owned())
    }
}

impl From<Halt> for Trouble {
    fn from(halt: Halt) -> Self {
        Trouble::Halt(halt)
    }
}

impl From<Refusal> for Trouble {
    fn from(refusal: Refusal) -> Self {
        Trouble::Halt(refusal.into())
    }
}

pub(super) type Performed = Result<(), Trouble>;

trait Perform {
    /// `name` is the step's `as:`.
    fn perform<'t>(&'t self, context: &mut Context<'t>, name: Option<Symbol>) -> Performed;
}

macro_rules! perform {
    ($($variant:ident $module:ident::$step:ident;)*) => {
        fn perform<'t>(
            verb: &'t StepVerb,
            context: &mut Context<'t>,
            name: Option<Symbol>,
        ) -> Performed {
            match verb {
                $(StepVerb::$variant(step) => step.perform(context, name),)*
            }
        }
    };
}

all_verbs!(perform);

impl<'t> Context<'t> {
    pub(super) fn steps(&mut self, steps: &'t [Step]) -> Result<(), Halt> {
        steps.iter().try_for_each(|step| {
            self.step(step).map_err(|trouble| match trouble {
                Trouble::Halt(halt) => {
                    self.ended_at.get_or_insert_with(|| step.place.clone());
                    halt
                }
                Trouble::Why(why) => broken(&step.place, why),
            })
        })
    }

    fn step(&mut self, step: &'t Step) -> Performed {
        self.take_step()?;
        if let Some(when) = &step.when
            && !self.eval(when)?.is_true()
        {
            return Ok(());
        }
        perform(&step.verb, self, step.name)
    }

    fn nested(&mut self, steps: &'t [Step]) -> Performed {
        let max = self.scenario.limits.depth;
        if self.depth >= max {
            let why = format!("`run` and `for` are nested more than {max} levels deep");
            return Err(self.pass(Limit::Depth, why).into());
        }
        self.depth += 1;
        let ended = self.steps(steps);
        self.depth -= 1;
        ended.map_err(Trouble::Halt)
    }

    fn bind_all(&mut self, values: &'t [(Symbol, Template)]) -> Performed {
        for (name, template) in values {
            let val = self.value(template)?;
            self.bind(*name, val);
        }
        Ok(())
    }

    fn text_of(&mut self, template: &Template) -> Result<String, String> {
        Ok(self.value(template)?.to_text())
    }

    fn optional_text(&mut self, template: Option<&Template>) -> Result<Option<String>, String> {
        template.map(|template| self.text_of(template)).transpose()
    }
}

/// A duration's text, or milliseconds.
pub(super) fn duration(val: &Val) -> Option<Duration> {
    match val.as_text() {
        Some(text) => lang::duration(&text),
        None => lang::milliseconds(val.to_json().part().as_f64()?),
    }
}
