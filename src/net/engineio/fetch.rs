//! The packets that a GET takes from its session.

use std::time::{Duration, Instant};

use bytes::Bytes;

use super::super::close::End;
use super::session::{Session, Transport};
use crate::hub::Outgoing;
use crate::wire::engineio;

/// Bytes of messages that one answer to a GET carries, about.
const MAX_ANSWER: usize = 1 << 20;

pub(super) enum Fetched {
    /// An answer, and the time to delay it by the fault `slow`.
    Packets(Vec<u8>, Duration),
    /// A fault resets the connection.
    Reset,
    /// The client has upgraded to its WebSocket.
    Upgraded,
    /// Nothing before this time, if there is one.
    Nothing(Option<Instant>),
}

impl Session {
    /// Takes packets for a GET, which may be older than an upgrade that comes by `upgrade_by`.
    pub(super) fn fetch(&self, upgrade_by: Option<Instant>) -> Fetched {
        let mut state = self.state();
        let packet = |packet: &str| Fetched::Packets(packet.into(), Duration::ZERO);
        match &state.ended {
            Some(End::Aborted) => return Fetched::Reset,
            Some(End::Client(_)) => return packet(engineio::NOOP),
            Some(_) => return packet(engineio::CLOSE),
            None => {}
        }
        let now = Instant::now();
        let upgrade_by = upgrade_by.filter(|by| *by > now);
        if state.transport == Transport::WebSocket {
            return upgrade_by.map_or(packet(engineio::NOOP), |_| Fetched::Upgraded);
        }
        if state.stalled {
            return Fetched::Nothing(None);
        }
        let mut answer = PollAnswer::default();
        while let Some(own) = state.next_own() {
            answer.packets.push(own);
        }
        let mut end = state.held.take();
        let mut again = None;
        if let (None, Some(peer)) = (&end, &state.peer) {
            let mut taken = Vec::new();
            again = peer.mailbox().take(now, MAX_ANSWER, &mut taken);
            end = answer.add(taken);
        }
        self.fetched.notify_one();
        match end {
            Some(fault @ (End::Aborted | End::Stalled)) if !answer.packets.is_empty() => {
                state.held = Some(fault);
            }
            Some(End::Stalled) => {
                state.stalled = true;
                return Fetched::Nothing(None);
            }
            Some(end) => {
                drop(state);
                let is_reset = matches!(end, End::Aborted);
                self.end(&end);
                if is_reset {
                    return Fetched::Reset;
                }
                answer
                    .packets
                    .push(Bytes::from_static(engineio::CLOSE.as_bytes()));
            }
            None if !answer.packets.is_empty() => {}
            None if state.transport == Transport::Moving => {
                let wait = |by| Fetched::Nothing(Some(by));
                return upgrade_by.map_or(packet(engineio::NOOP), wait);
            }
            None => return Fetched::Nothing(again),
        }
        Fetched::Packets(engineio::join(answer.packets), answer.time)
    }
}

#[derive(Default)]
struct PollAnswer {
    packets: Vec<Bytes>,
    /// The delay of the slow ones among them.
    time: Duration,
}

impl PollAnswer {
    /// Adds messages, up to an end of the session. Nothing comes after that in a mailbox.
    fn add(&mut self, taken: Vec<Outgoing>) -> Option<End> {
        for next in taken {
            match next {
                Outgoing::Message { payload, rate, .. } => {
                    if let Some(rate) = rate {
                        self.time +=
                            Duration::from_millis(payload.len() as u64 * 1000 / rate.max(1));
                    }
                    self.packets.push(payload.whole());
                }
                Outgoing::Close { code, reason } => return Some(End::Server { code, reason }),
                Outgoing::Abort => return Some(End::Aborted),
                Outgoing::Stall => return Some(End::Stalled),
            }
        }
        None
    }
}
