//! Who is let in: limits on connections, the fault `refuse`, the scenario's `upgrade:`; and mocked HTTP.

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, PoisonError};

use crate::base::json::Json;
use crate::engine::{self, HttpAnswer, HttpRequest, Input, Outcome, Returned};
use crate::world::Arrival;

use super::{Hub, Limit, Who};

/// What a handshake asks, before it is answered.
#[derive(Debug, Clone)]
pub struct Handshake {
    /// The client's address.
    pub address: SocketAddr,
    /// The path.
    pub path: String,
    /// The query as it came, without `?`.
    pub query: String,
    /// Names in lower case.
    pub headers: Vec<(String, String)>,
    /// The subprotocols offered.
    pub protocols: Vec<String>,
}

/// The answer to a handshake.
pub enum Admission {
    /// Go on.
    Accepted {
        /// The subprotocol to name in the 101.
        protocol: Option<String>,
        /// What [`Hub::connect`] takes; dropping it frees the slot.
        ticket: Ticket,
    },
    /// Answer this instead.
    Refused(HttpAnswer),
}

/// A place among the connections.
pub struct Ticket {
    pub(super) arrival: Arc<Arrival>,
    pub(super) remembered: Vec<(String, Json)>,
    pub(super) slot: Slot,
}

/// The places that are taken.
#[derive(Debug, Default)]
pub(super) struct Slots {
    all: usize,
    by_address: HashMap<IpAddr, usize>,
}

/// A taken place; dropping it frees it.
pub(super) struct Slot {
    hub: Hub,
    address: IpAddr,
}

impl Drop for Slot {
    fn drop(&mut self) {
        let mut slots = self
            .hub
            .0
            .slots
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        slots.all -= 1;
        if let Some(count) = slots.by_address.get_mut(&self.address) {
            *count -= 1;
            if *count == 0 {
                slots.by_address.remove(&self.address);
            }
        }
    }
}

impl Hub {
    /// Decides about a handshake.
    pub fn admit(&self, ask: Handshake) -> Admission {
        let slot = match self.slot(ask.address) {
            Ok(slot) => slot,
            Err(answer) => return Admission::Refused(answer),
        };
        let arrival = Arc::new(Arrival {
            address: ask.address.ip().to_string(),
            path: ask.path,
            query: engine::query(&ask.query),
            headers: ask.headers,
            protocols: ask.protocols,
        });
        let input = Input::Upgrade(arrival.clone());
        match self.run(Who::Client(ask.address), &input).returned {
            Returned::Refused(answer) => Admission::Refused(answer),
            Returned::Accepted {
                protocol,
                remembered,
            } => Admission::Accepted {
                protocol,
                ticket: Ticket {
                    arrival,
                    remembered,
                    slot,
                },
            },
            other => unreachable!("an upgrade is accepted or refused, not {other:?}"),
        }
    }

    fn slot(&self, address: SocketAddr) -> Result<Slot, HttpAnswer> {
        let taken = self.take_slot(address.ip());
        taken.map_err(|(limit, status, what)| {
            self.reached(limit, Who::Client(address), format_args!("refused: {what}"));
            HttpAnswer::error(status, "TOO_MANY_CONNECTIONS", &what)
        })
    }

    fn take_slot(&self, address: IpAddr) -> Result<Slot, (Limit, u16, String)> {
        let limits = self.limits();
        let mut slots = self.0.slots.lock().unwrap_or_else(PoisonError::into_inner);
        if slots.all >= limits.connections {
            let what = format!(
                "{} connections are open, no more are allowed",
                limits.connections
            );
            return Err((Limit::Connections, 503, what));
        }
        if let Some(most) = limits.connections_per_address
            && slots.by_address.get(&address).copied().unwrap_or(0) >= most
        {
            let what = format!("{most} connections of one address are open, no more are allowed");
            return Err((Limit::ConnectionsPerAddress, 429, what));
        }
        slots.all += 1;
        *slots.by_address.entry(address).or_default() += 1;
        drop(slots);
        Ok(Slot {
            hub: self.clone(),
            address,
        })
    }

    /// Answers a request for mocked HTTP.
    pub async fn http(&self, request: HttpRequest) -> HttpAnswer {
        let who = Who::Client(request.address);
        if !engine::has_route(&self.scenario(), &request.path) {
            let what = format!("{} {}", request.method, request.path);
            self.unmatched(who, &what);
        }
        match self.run_apart(who, Input::Http(request)).await {
            Ok(Outcome {
                returned: Returned::Http(answer),
                ..
            }) => answer,
            Ok(other) => unreachable!("a request is answered, not {other:?}"),
            Err(error) => HttpAnswer::error(500, "SCENARIO_ERROR", &error.to_string()),
        }
    }
}
