//! `connections`, `rooms`, `send`.

use serde::Deserialize;
use serde_json::json;

use crate::base::is_close_code;
use crate::base::json::Json;
use crate::hub::{Hub, PeerId, Recipients};
use crate::net::answer::HttpProblem;

use super::call::{ApiCall, ApiResult, any, invalid, items, missing, ok};

pub(super) fn list(call: &ApiCall) -> ApiResult {
    items(call.hub.connections().into_iter().map(|peer| peer.json))
}

pub(super) fn close(call: &ApiCall) -> ApiResult {
    call.check_query(&["code"])?;
    let code = call.query_number("code")?.unwrap_or(1000);
    if !is_close_code(code) {
        return Err(invalid(format!(
            "`code` must be a close code such as 1000, 1008, 1012 or 3000–4999, got `{code}`"
        )));
    }
    match peer_id(call.name()).filter(|peer| call.hub.cut_off(*peer, code as u16)) {
        Some(peer) => ok(json!({ "id": format!("c{peer}"), "code": code })),
        None => Err(unknown(&call.hub, call.name())),
    }
}

/// The number in a name such as `c1`.
pub(super) fn peer_id(name: &str) -> Option<PeerId> {
    name.strip_prefix('c')?.parse().ok()
}

fn unknown(hub: &Hub, name: &str) -> HttpProblem {
    let known: Vec<String> = hub
        .connections()
        .iter()
        .map(|peer| format!("c{}", peer.id))
        .collect();
    missing("connection", name, &known)
}

pub(super) fn rooms(call: &ApiCall) -> ApiResult {
    items(call.hub.rooms().into_iter().map(|(name, peers)| {
        let ids: Vec<String> = peers.iter().map(|peer| format!("c{peer}")).collect();
        json!({ "name": *name, "connections": ids, "count": ids.len() })
    }))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SendBody {
    to: To,
    event: Option<String>,
    #[serde(default, deserialize_with = "any")]
    message: Option<Json>,
}

#[derive(Deserialize)]
#[serde(rename_all = "lowercase")]
enum To {
    All(bool),
    Room(String),
    Connection(String),
}

pub(super) fn send(call: &ApiCall) -> ApiResult {
    let hub = &call.hub;
    let SendBody { to, event, message } = call.object()?;
    let mut connection = String::new();
    let to = match to {
        To::All(true) => Recipients::All,
        To::All(false) => return Err(invalid("`all` must be true")),
        To::Room(room) => Recipients::Room(room),
        To::Connection(name) => {
            connection = name;
            Recipients::Peer(peer_id(&connection).ok_or_else(|| unknown(hub, &connection))?)
        }
    };
    let message = message.ok_or_else(|| invalid("`message` is missing: any JSON to send"))?;
    let sent = hub.send_to(to, event, message);
    ok(json!({ "sent": sent.ok_or_else(|| unknown(hub, &connection))? }))
}
