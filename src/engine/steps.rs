//! Steps in order, and the verbs that are a few lines each.

use std::time::Duration;

use crate::base::json::{Kind, write};
use crate::base::text::shortened;
use crate::base::{Limit, is_close_code};
use crate::lang;
use crate::lang::expr::{Symbol, Template, names};
use crate::lang::verbs::{LoopBody, LoopOver, Step, Steps, Verb};

use super::Effect;
use super::context::{Context, Halt, broken};
use super::refusal::Refusal;
use crate::world::{Plan, Val};

/// Bytes in the name of a room or a plan.
const LONGEST_NAME: usize = 1 << 10;

/// A step's own trouble: what went wrong, without its place.
pub(super) enum Trouble {
    Halt(Halt),
    Why(String),
}

impl From<String> for Trouble {
    fn from(why: String) -> Self {
        Trouble::Why(why)
    }
}

impl From<Halt> for Trouble {
    fn from(halt: Halt) -> Self {
        Trouble::Halt(halt)
    }
}

impl From<Refusal> for Trouble {
    fn from(refusal: Refusal) -> Self {
        Trouble::Halt(Halt::Refuse(Box::new(refusal)))
    }
}

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

    pub(super) fn nested(&mut self, steps: &'t [Step]) -> Result<(), Trouble> {
        let most = self.max_depth();
        if self.depth >= most {
            let why = format!("`run` and `for` are nested more than {most} levels deep");
            return Err(self.pass(Limit::Depth, why).into());
        }
        self.depth += 1;
        let ended = self.steps(steps);
        self.depth -= 1;
        ended.map_err(Trouble::Halt)
    }

    fn step(&mut self, step: &'t Step) -> Result<(), Trouble> {
        self.take_step()?;
        if let Some(when) = &step.when
            && !self.eval(when)?.is_true()
        {
            return Ok(());
        }
        let name = step.name;
        match &step.verb {
            Verb::List(list) => self.list(list, name),
            Verb::Find(find) => self.find(find, name),
            Verb::Insert(insert) => self.insert(insert.collection, &insert.item, name),
            Verb::Update(update) => {
                self.update(update.collection, &update.which, &update.set, name)
            }
            Verb::Remove(remove) => self.remove(remove.collection, &remove.which, name),
            Verb::Let(values) => self.bind_all(&values.values),
            Verb::Remember(remember) => self.remember(&remember.values),
            Verb::Reply(reply) => {
                let status = self.status(reply.status.as_ref())?;
                Ok(self.reply(&reply.body, status)?)
            }
            Verb::Send(send) => self.send(&send.message, &send.to, send.event.as_ref()),
            Verb::Fail(fail) => self.fail(&fail.code, fail.message.as_ref(), fail.status.as_ref()),
            Verb::Close(close) => self.close(&close.code, close.reason.as_ref()),
            Verb::Stop(_) => Err(Halt::Stop.into()),
            Verb::Join(join) => self.enter(&join.room, true),
            Verb::Leave(leave) => self.enter(&leave.room, false),
            Verb::Verify(verify) => self.verify(&verify.token, &verify.otherwise, name),
            Verb::Check(check) => self.check(&check.value, &check.prefix, &check.has, &check.may),
            Verb::Later(later) => self.later(&later.after, later.plan.as_ref(), &later.steps),
            Verb::Cancel(cancel) => {
                let name = self.value(&cancel.plan)?.to_text();
                self.world_mut()?.agenda.cancel(&name);
                Ok(())
            }
            Verb::For(each) => self.each(&each.over, each.each, &each.body, name),
            Verb::Run(run) => {
                self.bind_all(&run.with)?;
                let scenario = self.scenario;
                self.nested(&scenario.define[run.definition].1)
            }
            Verb::Log(log) => {
                let text = self.value(&log.text)?.to_text();
                self.make(text.len())?;
                self.effects.push(Effect::Log(text));
                Ok(())
            }
        }
    }

    fn bind_all(&mut self, values: &'t [(Symbol, Template)]) -> Result<(), Trouble> {
        for (name, template) in values {
            let val = self.value(template)?;
            self.bind(*name, val);
        }
        Ok(())
    }

    fn remember(&mut self, values: &'t [(String, Template)]) -> Result<(), Trouble> {
        for (name, template) in values {
            let json = self.value(template)?.to_json();
            self.keep(json.text().len())?;
            let Some(peer) = self.peer else {
                if self.asker != super::context::Asker::Upgrade {
                    return Err("there is no session here to remember in".to_owned().into());
                }
                self.remembered.push((name.clone(), json));
                continue;
            };
            self.world_mut()?.remember(peer, name, &json);
        }
        Ok(())
    }

    fn status(&mut self, status: Option<&Template>) -> Result<Option<u16>, Trouble> {
        let Some(template) = status else {
            return Ok(None);
        };
        let val = self.value(template)?;
        let number = val
            .to_json()
            .part()
            .as_i64()
            .filter(|number| (200..=599).contains(number));
        number.map(|number| Some(number as u16)).ok_or_else(|| {
            format!(
                "`status` is a whole number from 200 to 599, found `{}`",
                val.to_text()
            )
            .into()
        })
    }

    fn fail(
        &mut self,
        code: &Template,
        message: Option<&Template>,
        status: Option<&Template>,
    ) -> Result<(), Trouble> {
        let mut refusal = Refusal::declared(&self.value(code)?.into_json());
        refusal.status = self.status(status)?;
        refusal.message = message
            .map(|message| self.value(message).map(|val| val.to_text()))
            .transpose()?;
        Err(refusal.into())
    }

    fn close(&mut self, code: &Template, reason: Option<&Template>) -> Result<(), Trouble> {
        let val = self.value(code)?;
        let code = val
            .to_json()
            .part()
            .as_i64()
            .filter(|code| is_close_code(*code))
            .ok_or_else(|| {
                format!(
                    "`close` takes a close code such as 1000, 1008 or 4001, found `{}`",
                    val.to_text()
                )
            })?;
        let reason = reason
            .map(|reason| self.value(reason).map(|val| val.to_text()))
            .transpose()?
            .unwrap_or_default();
        let peer = self
            .peer
            .ok_or_else(|| "there is no connection here to close".to_owned())?;
        self.effects.push(Effect::Close {
            peer,
            code: code as u16,
            reason,
        });
        Err(Halt::Stop.into())
    }

    fn enter(&mut self, room: &Template, join: bool) -> Result<(), Trouble> {
        let room = self.value(room)?.to_text();
        let peer = self
            .peer
            .ok_or_else(|| "there is no connection here to join or leave a room".to_owned())?;
        let most = self.max_rooms();
        let rooms = self.world().peers.get(&peer).map(|peer| &peer.rooms);
        if join && rooms.is_some_and(|rooms| rooms.len() >= most && !rooms.contains(&*room)) {
            let why = format!("the connection is in {most} rooms, no more are allowed");
            return Err(self.pass(Limit::Rooms, why).into());
        }
        if join && room.len() > LONGEST_NAME {
            let found = room.len();
            let why = format!("a room's name has up to {LONGEST_NAME} bytes, found {found}");
            return Err(self.pass(Limit::Rooms, why).into());
        }
        let world = self.world_mut()?;
        if join {
            world.join(peer, &room);
        } else {
            world.leave(peer, &room);
        }
        Ok(())
    }

    fn later(
        &mut self,
        after: &Template,
        id: Option<&Template>,
        steps: &Steps,
    ) -> Result<(), Trouble> {
        let wait = self.value(after)?;
        let wait = duration(&wait).ok_or_else(|| {
            format!(
                "`later` takes a duration such as `5m`, found `{}`",
                wait.to_text()
            )
        })?;
        let name = id
            .map(|id| self.value(id).map(|val| val.to_text()))
            .transpose()?;
        if let Some(name) = name.as_ref().filter(|name| name.len() > LONGEST_NAME) {
            let found = name.len();
            let why = format!("a plan's name has up to {LONGEST_NAME} bytes, found {found}");
            return Err(self.pass(Limit::Plans, why).into());
        }
        let at_once = if wait < Duration::from_millis(1) {
            self.at_once + 1
        } else {
            0
        };
        let most = self.max_depth();
        if at_once > most {
            let why = format!("more than {most} plans in a row are for at once");
            return Err(self.pass(Limit::Depth, why).into());
        }
        let mut names = self.names.clone();
        if self.is_leaving {
            // The peer will be gone by then.
            names.push((names::CONNECTION, self.lookup(names::CONNECTION)));
            names.push((names::SESSION, self.lookup(names::SESSION)));
        }
        let plan = Plan {
            at_once,
            steps: steps.clone(),
            names,
            peer: self.peer,
            handler: self.handler.unwrap_or("later"),
        };
        let at = self.present.now.saturating_add(wait.as_millis() as i64);
        let most = self.max_plans();
        if self.world().agenda.plans() >= most {
            let why = format!("{most} plans wait already, no more are allowed");
            return Err(self.pass(Limit::Plans, why).into());
        }
        let weights = plan.names.iter().map(|(_, val)| val.weight());
        let bytes = weights.sum::<usize>() + name.as_ref().map_or(0, String::len);
        self.keep(bytes)?;
        self.world_mut()?.agenda.plan(at, name, plan, bytes);
        Ok(())
    }

    fn each(
        &mut self,
        over: &'t LoopOver,
        each: Symbol,
        body: &'t LoopBody,
        name: Option<Symbol>,
    ) -> Result<(), Trouble> {
        let mut collected = String::from("[");
        let outer = self.bound(each);
        match over {
            LoopOver::List(list) => {
                let list = self.value(list)?;
                for val in elements(&list, self.max_steps())? {
                    self.bind(each, val);
                    self.one(body, &mut collected)?;
                }
                self.bind(each, outer);
            }
            LoopOver::Peers(to) => {
                let caller = self.peer;
                let audience = self.audience(to)?;
                for peer in self.recipients(&audience)? {
                    self.peer = Some(peer);
                    let ended = self.one(body, &mut collected);
                    self.peer = caller;
                    ended?;
                }
            }
        }
        if matches!(body, LoopBody::Collect(_)) {
            collected.push(']');
            self.make(collected.len())?;
            self.bind(name.unwrap_or(names::ITEMS), Val::json(collected));
        }
        Ok(())
    }

    fn one(&mut self, body: &'t LoopBody, collected: &mut String) -> Result<(), Trouble> {
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

/// A duration's text, or milliseconds.
pub(super) fn duration(val: &Val) -> Option<Duration> {
    match val.as_text() {
        Some(text) => lang::duration(&text),
        None => lang::milliseconds(val.to_json().part().as_f64()?),
    }
}

/// A list's elements. Of one that is made as it goes no more are looked at than there may be steps.
fn elements(list: &Val, most: u32) -> Result<Vec<Val>, Trouble> {
    match list {
        Val::Undefined => Ok(Vec::new()),
        Val::Json(json) if json.kind() == Kind::List => {
            Ok(json.elements().map(Val::Json).collect())
        }
        Val::Json(json) if json.kind() == Kind::Null => Ok(Vec::new()),
        Val::Value(value) => {
            let bounded: Vec<_> = value
                .try_iter()
                .map_err(|_| Trouble::from(format!("`for` takes a list, found {}", value.kind())))?
                .take(most as usize + 1)
                .map(crate::world::from_value)
                .collect();
            Ok(bounded)
        }
        Val::Rows(rows) => Ok((0..rows.len())
            .filter_map(|at| rows.shown(at))
            .map(Val::Json)
            .collect()),
        other => {
            let mut found = String::new();
            other.write(&mut found);
            let mut message = String::from("`for` takes a list, found ");
            write::inside(&mut message, &shortened(&found));
            Err(message.into())
        }
    }
}
