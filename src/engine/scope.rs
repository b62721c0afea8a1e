//! The names and functions that expressions see while a handler runs.

use std::sync::{Arc, Mutex, PoisonError};

use minijinja::{Error, Value};

use crate::base::json::{Json, write};
use crate::base::{Chance, time};
use crate::lang::expr::{Function, MAX_OUTPUT, Scope, Symbol, names, weight};
use crate::world::{PeerId, Rows, Val, World, from_value};

use super::{Facts, Present, functions};

/// Bytes that a row counts as before it is rendered.
const BYTES_A_ROW: usize = 64;

/// The snapshot for one evaluation, dropped before the next change.
#[derive(Debug)]
pub(super) struct Snapshot {
    pub(super) world: Arc<World>,
    pub(super) names: Vec<(Symbol, Val)>,
    pub(super) present: Present,
    pub(super) peer: Option<PeerId>,
    /// MiniJinja wants a `Sync` scope and calls functions by a shared reference, so drawing takes a lock that nothing
    /// contends for.
    pub(super) chance: Mutex<Option<Chance>>,
}

impl Snapshot {
    /// The names and the chance, after the evaluation.
    pub(super) fn release(self: Arc<Self>) -> (Vec<(Symbol, Val)>, Option<Chance>) {
        match Arc::try_unwrap(self) {
            Ok(snapshot) => {
                let chance = snapshot.chance.into_inner();
                let chance = chance.unwrap_or_else(PoisonError::into_inner);
                (snapshot.names, chance)
            }
            // A lazy value that the evaluation made still refers to what it saw.
            Err(shared) => {
                let mut chance = shared.chance.lock().unwrap_or_else(PoisonError::into_inner);
                (shared.names.clone(), chance.take())
            }
        }
    }
}

impl Scope for Snapshot {
    fn lookup(&self, name: &str) -> Option<Value> {
        let symbol = self.world.scenario.symbols.find(name)?;
        let val = lookup(
            &self.world,
            &self.names,
            self.present.facts,
            self.peer,
            symbol,
        );
        match val {
            Val::Undefined => None,
            val => Some(val.to_value()),
        }
    }

    fn weight(&self, value: &Value) -> usize {
        // Rendering all rows to weigh them would cost more than the expression.
        match value.downcast_object_ref::<Rows>() {
            Some(rows) => rows.len().saturating_mul(BYTES_A_ROW).min(MAX_OUTPUT),
            None => weight(value),
        }
    }

    fn call(&self, function: Function, args: &[Value]) -> Result<Value, Error> {
        let mut chance = self.chance.lock().unwrap_or_else(PoisonError::into_inner);
        functions::call(self, chance.as_mut(), function, args)
    }
}

pub(super) fn lookup(
    world: &World,
    bound: &[(Symbol, Val)],
    facts: Facts,
    peer: Option<PeerId>,
    symbol: Symbol,
) -> Val {
    if let Some((_, val)) = bound.iter().rev().find(|(name, _)| *name == symbol) {
        return val.clone();
    }
    match symbol {
        names::CONNECTION => peer.map_or(Val::Undefined, |id| Val::json(connection(world, id))),
        names::SESSION => peer.map_or(Val::Undefined, |id| Val::json(session(world, id))),
        names::SERVER => Val::json(server(facts)),
        _ => world
            .scenario
            .constants
            .iter()
            .find(|(name, _)| *name == symbol)
            .map_or(Val::Undefined, |(_, value)| from_value(value.clone())),
    }
}

/// `c1`
pub(super) fn peer_name(id: PeerId) -> String {
    format!("c{id}")
}

pub(super) fn peer_of(name: &str) -> Option<PeerId> {
    name.strip_prefix('c')?.parse().ok()
}

fn connection(world: &World, id: PeerId) -> String {
    let mut out = String::from("{\"id\":");
    write::string(&mut out, &peer_name(id));
    if let Some(peer) = world.peers.get(&id) {
        out.push_str(",\"address\":");
        write::string(&mut out, &peer.arrival.address);
        out.push_str(",\"path\":");
        write::string(&mut out, &peer.arrival.path);
        out.push_str(",\"since\":");
        write::string(&mut out, &time::rfc3339(peer.since));
        out.push_str(",\"query\":");
        pairs(&mut out, &peer.arrival.query);
        out.push_str(",\"headers\":");
        pairs(&mut out, &peer.arrival.headers);
        out.push_str(",\"rooms\":[");
        write::joined(&mut out, &peer.rooms, |out, room| write::string(out, room));
        out.push(']');
    }
    out.push('}');
    out
}

fn session(world: &World, id: PeerId) -> String {
    let mut out = String::new();
    let peer = world.peers.get(&id);
    write::members(&mut out, peer.into_iter().flat_map(|peer| &peer.session));
    out
}

fn server(facts: Facts) -> String {
    let mut out = String::from("{");
    let whole = [
        ("connections", facts.connections),
        ("sent", facts.sent),
        ("received", facts.received),
    ];
    for (name, number) in whole {
        out.push_str(&format!("\"{name}\":{number},"));
    }
    for (name, number) in [
        ("uptime", facts.uptime),
        ("cpu", facts.cpu),
        ("memory", facts.memory),
    ] {
        out.push_str(&format!("\"{name}\":"));
        write::float(&mut out, (number * 100.0).round() / 100.0);
        out.push(if name == "memory" { '}' } else { ',' });
    }
    out
}

/// Writes an object of texts. Of two equal names, look-ups see the last.
pub(super) fn pairs(out: &mut String, pairs: &[(String, String)]) {
    out.push('{');
    write::joined(out, pairs, |out, (name, value)| {
        write::string(out, name);
        out.push(':');
        write::string(out, value);
    });
    out.push('}');
}

/// Looks one value up without rendering the session.
pub(super) fn session_value(world: &World, peer: Option<PeerId>, name: &str) -> Option<Json> {
    world.peers.get(&peer?)?.session.get(name).cloned()
}
