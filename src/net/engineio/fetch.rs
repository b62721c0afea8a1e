//! What a GET takes from its session.

use std::time::{Duration, Instant};

use bytes::Bytes;

use super::super::close::End;
use super::session::{Session, Transport};
use crate::hub::Outgoing;
use crate::wire::engineio;

/// Bytes of messages that one answer to a GET carries, about.
const BUDGET: usize = 1 << 20;

/// What a GET finds.
pub(super) enum Fetched {
    /// An answer, and how long it takes on its way.
    Packets(Vec<u8>, Duration),
    /// The connection is to be torn down.
    Reset,
    /// No answer, ever.
    Stalled,
    /// Nothing, and the client is to move to its WebSocket.
    Move,
    /// The client has moved.
    Moved,
    /// Nothing yet; at this moment there may be.
    Nothing(Option<Instant>),
}

impl Session {
    /// What waits, about so many bytes of it.
    pub(super) fn fetch(&self) -> Fetched {
        let mut state = self.state();
        let packet = |packet: &str| Fetched::Packets(packet.into(), Duration::ZERO);
        match &state.ended {
            Some(End::Aborted) => return Fetched::Reset,
            Some(End::Asked(_)) => return packet(engineio::NOOP),
            Some(_) => return packet(engineio::CLOSE),
            None => {}
        }
        if state.transport == Transport::WebSocket {
            // What woke this GET was meant for the WebSocket.
            self.wake.notify_one();
            return Fetched::Moved;
        }
        if state.stalled {
            return Fetched::Stalled;
        }
        let mut payload = Payload::default();
        while let Some(own) = state.next_own() {
            payload.packets.push(own);
        }
        let mut end = state.held.take();
        let mut again = None;
        if let (None, Some(peer)) = (&end, &state.peer) {
            let mut taken = Vec::new();
            again = peer.mailbox().take(Instant::now(), BUDGET, &mut taken);
            end = payload.add(taken);
        }
        self.fetched.notify_one();
        match end {
            Some(fault @ (End::Aborted | End::Stalled)) if !payload.packets.is_empty() => {
                state.held = Some(fault);
            }
            Some(End::Stalled) => {
                state.stalled = true;
                return Fetched::Stalled;
            }
            Some(end) => {
                drop(state);
                let is_reset = matches!(end, End::Aborted);
                self.end(&end);
                if is_reset {
                    return Fetched::Reset;
                }
                payload
                    .packets
                    .push(Bytes::from_static(engineio::CLOSE.as_bytes()));
            }
            None if !payload.packets.is_empty() => {}
            None if state.transport == Transport::Moving => return Fetched::Move,
            None => return Fetched::Nothing(again),
        }
        Fetched::Packets(engineio::join(payload.packets), payload.time)
    }
}

/// What one answer carries.
#[derive(Default)]
struct Payload {
    packets: Vec<Bytes>,
    /// How long the slow ones among them take.
    time: Duration,
}

impl Payload {
    /// Adds messages; answers what ends the session behind them. Nothing comes after that in a mailbox.
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
                Outgoing::Close { code, reason } => return Some(End::Told { code, reason }),
                Outgoing::Abort => return Some(End::Aborted),
                Outgoing::Stall => return Some(End::Stalled),
            }
        }
        None
    }
}
