//! `send`: what is pushed, and to whom.

use crate::base::json::Kind;
use crate::base::payload::Draft;
use crate::lang::expr::Template;
use crate::lang::model::Protocol;
use crate::lang::verbs::Audience;
use crate::world::{Peer, PeerId};

use super::answer::encode;
use super::context::Turn;
use super::eval::BYTES_AN_ITEM;
use super::scope::peer_of;
use super::steps::Trouble;
use super::value::Val;
use super::{Effect, SendKind};

impl<'t> Turn<'t> {
    pub(super) fn send(
        &mut self,
        message: &'t Template,
        to: &'t Audience,
        event: Option<&Template>,
    ) -> Result<(), Trouble> {
        let to = self.recipients(to)?;
        if to.is_empty() {
            return Ok(());
        }
        let event = event
            .map(|event| self.value(event).map(|val| val.to_text()))
            .transpose()?;
        let protocol = self.scenario.listen.protocol;
        let (text, payload) = if protocol == Protocol::Json {
            let mut out = Draft::default();
            self.render(message, &mut out)?;
            (true, out.finish())
        } else if let (Protocol::Raw, Val::Raw { text, bytes }) = (protocol, self.value(message)?) {
            (text, bytes.into())
        } else {
            let mut out = String::new();
            self.render(message, &mut out)?;
            encode(protocol, event.as_deref(), &out)
        };
        // Each mailbox that it goes to has its own bound.
        self.make(payload.len())?;
        self.look_at(to.len())?;
        self.effects.push(Effect::Send {
            to,
            text,
            payload,
            kind: SendKind::Push,
        });
        Ok(())
    }

    /// Who is meant, each once, by number.
    pub(super) fn recipients(&mut self, to: &'t Audience) -> Result<Vec<PeerId>, Trouble> {
        Ok(match to {
            Audience::This => {
                vec![self.peer.ok_or_else(|| {
                    "there is no connection here to send to; say `to:`".to_owned()
                })?]
            }
            Audience::All => self.world().peers.keys().copied().collect(),
            Audience::Room(room) => {
                let room = self.value(room)?.to_text();
                self.world().members(&room)
            }
            Audience::Connection(id) => {
                let id = self.value(id)?.to_text();
                peer_of(&id)
                    .filter(|id| self.world().peers.contains_key(id))
                    .into_iter()
                    .collect()
            }
            Audience::Session(wanted) => {
                let mut values = Vec::with_capacity(wanted.len());
                for (name, template) in wanted {
                    values.push((name, self.value(template)?.to_json()));
                }
                let fits = |peer: &Peer| {
                    values.iter().all(|(name, value)| {
                        value.kind() != Kind::Null
                            && peer.session.get(*name).is_some_and(|kept| kept == value)
                    })
                };
                // Each value may be compared to its end.
                let bytes: usize = values.iter().map(|(_, value)| value.text().len()).sum();
                let peers = self.world().peers.len();
                self.look_at(peers.saturating_mul(1 + bytes / BYTES_AN_ITEM))?;
                self.world()
                    .peers
                    .iter()
                    .filter(|(_, peer)| fits(peer))
                    .map(|(id, _)| *id)
                    .collect()
            }
            Audience::Any(list) => {
                let mut all = Vec::new();
                for to in list {
                    all.extend(self.recipients(to)?);
                }
                all.sort_unstable();
                all.dedup();
                all
            }
            Audience::Others(to) => {
                let mut all = self.recipients(to)?;
                all.retain(|id| Some(*id) != self.peer);
                all
            }
        })
    }
}
