//! Verbs about connections: `reply send fail close join leave remember`.

use super::{MAX_NAME, Perform, Performed, Trouble};
use crate::base::{Limit, is_close_code};
use crate::engine::Effect;
use crate::engine::context::{Asker, Context, Halt};
use crate::engine::refusal::Refusal;
use crate::lang::expr::{Symbol, Template};
use crate::lang::verbs::{
    CloseStep, FailStep, JoinStep, LeaveStep, RememberStep, ReplyStep, SendStep,
};
use crate::world::PeerId;

impl Perform for ReplyStep {
    fn perform<'t>(&'t self, context: &mut Context<'t>, _: Option<Symbol>) -> Performed {
        let status = context.status(self.status.as_ref())?;
        Ok(context.reply(&self.body, status)?)
    }
}

impl Perform for SendStep {
    fn perform<'t>(&'t self, context: &mut Context<'t>, _: Option<Symbol>) -> Performed {
        let audience = context.audience(&self.to)?;
        let to = context.recipients(&audience)?;
        if to.is_empty() {
            return Ok(());
        }
        let event = context.optional_text(self.event.as_ref())?;
        let body = context.push_body(&self.message)?;
        // Charged once for all peers: each mailbox has its own limit.
        context.make(body.len())?;
        context.look_at(to.len())?;
        context.push(audience, to, event, body);
        Ok(())
    }
}

impl Perform for FailStep {
    fn perform<'t>(&'t self, context: &mut Context<'t>, _: Option<Symbol>) -> Performed {
        let code = context.value(&self.code)?.into_json();
        Err(Refusal {
            status: context.status(self.status.as_ref())?,
            message: context.optional_text(self.message.as_ref())?,
            ..Refusal::declared(&code)
        }
        .into())
    }
}

impl Perform for CloseStep {
    fn perform<'t>(&'t self, context: &mut Context<'t>, _: Option<Symbol>) -> Performed {
        let val = context.value(&self.code)?;
        let code = val.to_json().part().as_i64();
        let code = code.filter(|code| is_close_code(*code)).ok_or_else(|| {
            let found = val.to_text();
            format!("`close` must be a close code such as 1000, 1008 or 4001, got `{found}`")
        })?;
        let reason = context.optional_text(self.reason.as_ref())?;
        let peer = own_peer(context, "close")?;
        context.effects.push(Effect::Close {
            peer,
            code: code as u16,
            reason: reason.unwrap_or_default(),
        });
        Err(Halt::Stop.into())
    }
}

impl Perform for JoinStep {
    fn perform<'t>(&'t self, context: &mut Context<'t>, _: Option<Symbol>) -> Performed {
        let room = context.text_of(&self.room)?;
        let peer = own_peer(context, "join")?;
        let max = context.scenario.limits.rooms;
        let rooms = context.world().peers.get(&peer).map(|peer| &peer.rooms);
        if rooms.is_some_and(|rooms| rooms.len() >= max && !rooms.contains(&*room)) {
            let why = format!("the connection is in {max} rooms, no more are allowed");
            return Err(context.pass(Limit::Rooms, why).into());
        }
        if room.len() > MAX_NAME {
            let found = room.len();
            let why = format!("the name of a room must have up to {MAX_NAME} bytes, got {found}");
            return Err(context.pass(Limit::Rooms, why).into());
        }
        context.world_mut()?.join(peer, &room);
        Ok(())
    }
}

impl Perform for LeaveStep {
    fn perform<'t>(&'t self, context: &mut Context<'t>, _: Option<Symbol>) -> Performed {
        let room = context.text_of(&self.room)?;
        let peer = own_peer(context, "leave")?;
        context.world_mut()?.leave(peer, &room);
        Ok(())
    }
}

impl Perform for RememberStep {
    fn perform<'t>(&'t self, context: &mut Context<'t>, _: Option<Symbol>) -> Performed {
        for (name, template) in &self.values {
            let json = context.value(template)?.to_json();
            context.keep(json.text().len())?;
            match context.peer {
                Some(peer) => context.world_mut()?.remember(peer, name, &json),
                None if context.asker == Asker::Upgrade => {
                    context.remembered.push((name.clone(), json));
                }
                None => return Err("`remember` needs a session, and there is none here".into()),
            }
        }
        Ok(())
    }
}

fn own_peer(context: &Context<'_>, verb: &str) -> Result<PeerId, Trouble> {
    let none = || format!("`{verb}` needs a connection, and there is none here");
    context.peer.ok_or_else(|| none().into())
}

impl Context<'_> {
    fn status(&mut self, status: Option<&Template>) -> Result<Option<u16>, Trouble> {
        let Some(template) = status else {
            return Ok(None);
        };
        let val = self.value(template)?;
        let status = val.to_json().part().as_i64();
        match status.filter(|status| (200..=599).contains(status)) {
            Some(status) => Ok(Some(status as u16)),
            None => {
                let found = val.to_text();
                let why = format!("`status` must be a whole number from 200 to 599, got `{found}`");
                Err(why.into())
            }
        }
    }
}
