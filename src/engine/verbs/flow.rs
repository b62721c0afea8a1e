//! Verbs about the order of steps and their names: `let for run later cancel stop log`.

use std::time::Duration;

use super::{MAX_NAME, Perform, Performed, Trouble, duration};
use crate::base::Limit;
use crate::base::json::{Kind, write};
use crate::base::text::shortened;
use crate::engine::Effect;
use crate::engine::context::{Context, Halt};
use crate::lang::expr::{Symbol, names};
use crate::lang::model::HandlerId;
use crate::lang::verbs::{
    CancelStep, ForStep, LaterStep, LetStep, LogStep, LoopBody, LoopOver, RunStep, StopStep,
};
use crate::world::{Plan, Val, from_value};

impl Perform for LetStep {
    fn perform<'t>(&'t self, context: &mut Context<'t>, _: Option<Symbol>) -> Performed {
        context.bind_all(&self.values)
    }
}

impl Perform for StopStep {
    fn perform<'t>(&'t self, _: &mut Context<'t>, _: Option<Symbol>) -> Performed {
        Err(Halt::Stop.into())
    }
}

impl Perform for RunStep {
    fn perform<'t>(&'t self, context: &mut Context<'t>, _: Option<Symbol>) -> Performed {
        context.bind_all(&self.with)?;
        let scenario = context.scenario;
        context.nested(&scenario.define[self.definition].1)
    }
}

impl Perform for LogStep {
    fn perform<'t>(&'t self, context: &mut Context<'t>, _: Option<Symbol>) -> Performed {
        let text = context.text_of(&self.text)?;
        context.make(text.len())?;
        context.effects.push(Effect::Log(text));
        Ok(())
    }
}

impl Perform for CancelStep {
    fn perform<'t>(&'t self, context: &mut Context<'t>, _: Option<Symbol>) -> Performed {
        let name = context.text_of(&self.plan)?;
        context.world_mut()?.agenda.cancel(&name);
        Ok(())
    }
}

impl Perform for LaterStep {
    fn perform<'t>(&'t self, context: &mut Context<'t>, _: Option<Symbol>) -> Performed {
        let val = context.value(&self.after)?;
        let wait = duration(&val).ok_or_else(|| {
            let found = val.to_text();
            format!("`later` must be a duration such as `5m`, got `{found}`")
        })?;
        let name = context.optional_text(self.plan.as_ref())?;
        let name_bytes = name.as_ref().map_or(0, String::len);
        if name_bytes > MAX_NAME {
            let why =
                format!("the name of a plan must have up to {MAX_NAME} bytes, got {name_bytes}");
            return Err(context.pass(Limit::Plans, why).into());
        }
        // Plans without a wait that plan each other would never let the clock go on.
        let at_once = if wait < Duration::from_millis(1) {
            context.at_once + 1
        } else {
            0
        };
        let max = context.scenario.limits.depth;
        if at_once > max {
            let why = format!("more than {max} plans without a wait follow each other");
            return Err(context.pass(Limit::Depth, why).into());
        }
        let max = context.scenario.limits.plans;
        if context.world().agenda.plans() >= max {
            let why = format!("{max} plans wait already, no more are allowed");
            return Err(context.pass(Limit::Plans, why).into());
        }
        let mut names = context.names.clone();
        if context.is_leaving {
            // The peer will be gone by then.
            names.push((names::CONNECTION, context.lookup(names::CONNECTION)));
            names.push((names::SESSION, context.lookup(names::SESSION)));
        }
        let bytes = names.iter().map(|(_, val)| val.weight()).sum::<usize>() + name_bytes;
        context.keep(bytes)?;
        let plan = Plan {
            at_once,
            steps: self.steps.clone(),
            names,
            peer: context.peer,
            handler: if context.handler == HandlerId::NONE {
                HandlerId::LATER
            } else {
                context.handler
            },
        };
        let at = context.present.now.saturating_add(wait.as_millis() as i64);
        context.world_mut()?.agenda.plan(at, name, plan, bytes);
        Ok(())
    }
}

impl Perform for ForStep {
    fn perform<'t>(&'t self, context: &mut Context<'t>, name: Option<Symbol>) -> Performed {
        let mut collected = String::from("[");
        let outer = context.bound(self.each);
        match &self.over {
            LoopOver::List(list) => {
                let list = context.value(list)?;
                for val in elements(&list, context.scenario.limits.steps)? {
                    context.bind(self.each, val);
                    context.once(&self.body, &mut collected)?;
                }
                context.bind(self.each, outer);
            }
            LoopOver::Peers(to) => {
                let caller = context.peer;
                let audience = context.audience(to)?;
                for peer in context.recipients(&audience)? {
                    context.peer = Some(peer);
                    let ended = context.once(&self.body, &mut collected);
                    context.peer = caller;
                    ended?;
                }
            }
        }
        if matches!(self.body, LoopBody::Collect(_)) {
            collected.push(']');
            context.make(collected.len())?;
            context.bind(name.unwrap_or(names::ITEMS), Val::json(collected));
        }
        Ok(())
    }
}

impl<'t> Context<'t> {
    /// Runs a loop's body for one element.
    fn once(&mut self, body: &'t LoopBody, collected: &mut String) -> Performed {
        match body {
            LoopBody::Do(steps) => self.nested(steps),
            LoopBody::Collect(template) => {
                self.take_step()?;
                if collected.len() > 1 {
                    collected.push(',');
                }
                self.render(template, collected)?;
                Ok(self.fits(collected.len())?)
            }
        }
    }
}

/// The elements of a list; of a lazy one at most one more than an event has steps.
fn elements(list: &Val, steps: u32) -> Result<Vec<Val>, Trouble> {
    let not_a_list = |found: &str| format!("`for` must be a list, got {found}");
    match list {
        Val::Undefined => Ok(Vec::new()),
        Val::Json(json) if json.kind() == Kind::List => {
            Ok(json.elements().map(Val::Json).collect())
        }
        Val::Json(json) if json.kind() == Kind::Null => Ok(Vec::new()),
        Val::Value(value) => {
            let elements = value.try_iter();
            let elements = elements.map_err(|_| not_a_list(&value.kind().to_string()))?;
            Ok(elements.take(steps as usize + 1).map(from_value).collect())
        }
        Val::Rows(rows) => Ok((0..rows.len())
            .filter_map(|at| rows.shown(at))
            .map(Val::Json)
            .collect()),
        other => {
            let mut json = String::new();
            other.write(&mut json);
            let mut found = String::new();
            write::inside(&mut found, &shortened(&json));
            Err(not_a_list(&found).into())
        }
    }
}
