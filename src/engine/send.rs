//! `send` and the audiences of messages.

use crate::base::json::{Json, Kind};
use crate::base::payload::Draft;
use crate::lang::expr::Template;
use crate::lang::model::Protocol;
use crate::lang::verbs::Audience;
use crate::world::{Peer, PeerId, Val};

use super::context::Context;
use super::eval::BYTES_AN_ITEM;
use super::scope::peer_of;
use super::verbs::Trouble;
use super::{Body, Effect, Recipients, Returned};

impl<'t> Context<'t> {
    pub(super) fn push_body(&mut self, message: &'t Template) -> Result<Body, String> {
        if self.scenario.listen.protocol == Protocol::Raw
            && let Val::Raw { text, bytes } = self.value(message)?
        {
            return Ok(Body::raw(text, bytes));
        }
        let mut out = Draft::default();
        self.render(message, &mut out)?;
        Ok(Body::Json(out.finish()))
    }

    pub(super) fn push(
        &mut self,
        audience: Recipients,
        to: Vec<PeerId>,
        event: Option<String>,
        body: Body,
    ) {
        self.effects.push(Effect::Push {
            audience,
            to,
            event,
            body,
            verdicts: Vec::new(),
        });
    }

    /// A message from the control API.
    pub(super) fn send_out(
        &mut self,
        audience: &Recipients,
        event: Option<&String>,
        message: &Json,
    ) -> Returned {
        if let Recipients::Peer(peer) = audience
            && !self.world().peers.contains_key(peer)
        {
            return Returned::NotFound;
        }
        let to = self.recipients(audience).unwrap_or_default();
        let sent = to.len();
        let body = Body::Json(message.text().to_owned().into());
        self.push(audience.clone(), to, event.cloned(), body);
        Returned::Sent(sent)
    }

    /// Evaluates `to:`.
    pub(super) fn audience(&mut self, to: &'t Audience) -> Result<Recipients, Trouble> {
        Ok(match to {
            Audience::This => Recipients::Peer(
                self.peer
                    .ok_or_else(|| "`send` needs a connection here, or `to:`".to_owned())?,
            ),
            Audience::All => Recipients::All,
            Audience::Room(room) => Recipients::Room(self.value(room)?.to_text()),
            Audience::Connection(id) => {
                let id = self.value(id)?.to_text();
                peer_of(&id).map_or(Recipients::Any(Vec::new()), Recipients::Peer)
            }
            Audience::Session(wanted) => {
                let mut values = Vec::with_capacity(wanted.len());
                for (name, template) in wanted {
                    values.push((name.clone(), self.value(template)?.to_json()));
                }
                Recipients::Session(values)
            }
            Audience::Any(list) => Recipients::Any(
                list.iter()
                    .map(|to| self.audience(to))
                    .collect::<Result<_, _>>()?,
            ),
            Audience::Others(to) => Recipients::Others(Box::new(self.audience(to)?)),
        })
    }

    /// The peers of an audience, each once, by number.
    pub(super) fn recipients(&mut self, audience: &Recipients) -> Result<Vec<PeerId>, String> {
        Ok(match audience {
            Recipients::Peer(peer) => {
                let is_here = Some(*peer) == self.peer || self.world().peers.contains_key(peer);
                Vec::from_iter(is_here.then_some(*peer))
            }
            Recipients::All => self.world().peers.keys().copied().collect(),
            Recipients::Room(room) => self.world().members(room),
            Recipients::Session(wanted) => {
                let fits = |peer: &Peer| {
                    wanted.iter().all(|(name, value)| {
                        value.kind() != Kind::Null
                            && peer.session.get(name).is_some_and(|kept| kept == value)
                    })
                };
                // Each value may be compared to its end.
                let bytes: usize = wanted.iter().map(|(_, value)| value.text().len()).sum();
                let peers = self.world().peers.len();
                self.look_at(peers.saturating_mul(1 + bytes / BYTES_AN_ITEM))?;
                let peers = self.world().peers.iter();
                peers
                    .filter(|(_, peer)| fits(peer))
                    .map(|(id, _)| *id)
                    .collect()
            }
            Recipients::Any(list) => {
                let mut all = Vec::new();
                for audience in list {
                    all.extend(self.recipients(audience)?);
                }
                all.sort_unstable();
                all.dedup();
                all
            }
            Recipients::Others(audience) => {
                let mut all = self.recipients(audience)?;
                all.retain(|id| Some(*id) != self.peer);
                all
            }
        })
    }
}
