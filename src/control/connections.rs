//! `connections`, `rooms`, `send`.

use crate::base::json::{Kind, write};
use crate::hub::{Hub, PeerId, Recipients};
use crate::net::answer::{Answer, HttpProblem};

use super::request::{Ask, invalid, items, missing, ok, text};

pub(super) fn connections(hub: &Hub) -> Answer {
    items(hub.connections().into_iter().map(|peer| peer.json))
}

pub(super) fn cut_off(hub: &Hub, name: &str, ask: &Ask) -> Result<Answer, HttpProblem> {
    ask.check_query(&["code"])?;
    let code = ask.number("code")?.unwrap_or(1000);
    if !crate::base::is_close_code(code) {
        let message =
            format!("`code` is a close code such as 1000, 1008, 1012 or 3000–4999, found `{code}`");
        return Err(invalid(message));
    }
    match peer(name).filter(|peer| hub.cut_off(*peer, code as u16)) {
        Some(peer) => Ok(ok(format!("{{\"id\":\"c{peer}\",\"code\":{code}}}"))),
        None => Err(unknown(hub, name)),
    }
}

fn peer(name: &str) -> Option<PeerId> {
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

pub(super) fn rooms(hub: &Hub) -> Answer {
    items(hub.rooms().into_iter().map(|(name, peers)| {
        let mut out = String::from("{\"name\":");
        write::string(&mut out, &name);
        let ids: Vec<String> = peers.iter().map(|peer| format!("\"c{peer}\"")).collect();
        out.push_str(&format!(
            ",\"connections\":[{}],\"count\":{}}}",
            ids.join(","),
            peers.len()
        ));
        out
    }))
}

pub(super) fn send(hub: &Hub, ask: &Ask) -> Result<Answer, HttpProblem> {
    const TO: &str = "`to` is {\"room\":…}, {\"connection\":…} or {\"all\":true}";
    let body = ask.object(&["to", "event", "message"])?;
    let to = body
        .get("to")
        .filter(|to| to.kind() == Kind::Object)
        .ok_or_else(|| invalid(TO))?;
    let members: Vec<String> = to
        .part()
        .members()
        .map(|member| member.key().into_owned())
        .collect();
    let to = match members
        .iter()
        .map(String::as_str)
        .collect::<Vec<_>>()
        .as_slice()
    {
        ["all"] if to.get("all").is_some_and(|all| all.text() == "true") => Recipients::All,
        ["room"] => Recipients::Room(text(&to, "room")?.ok_or_else(|| invalid(TO))?),
        ["connection"] => {
            let name = text(&to, "connection")?.ok_or_else(|| invalid(TO))?;
            Recipients::Peer(peer(&name).ok_or_else(|| unknown(hub, &name))?)
        }
        _ => return Err(invalid(TO)),
    };
    let event = text(&body, "event")?;
    let message = body
        .get("message")
        .ok_or_else(|| invalid("`message` is missing: what is to be sent"))?;
    let connection = match to {
        Recipients::Peer(peer) => format!("c{peer}"),
        _ => String::new(),
    };
    match hub.send_to(to, event, message) {
        Some(sent) => Ok(ok(format!("{{\"sent\":{sent}}}"))),
        None => Err(unknown(hub, &connection)),
    }
}
