//! The conversations beside the scenarios, played line by line against the hub with a clock held by hand.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use serde_json::Value;
use ws_mock::base::Limits;
use ws_mock::base::json::Json;
use ws_mock::base::jwt;
use ws_mock::hub::{
    Admission, Handshake, HttpAnswer, HttpRequest, Hub, Inbound, Mailbox, Outgoing, Peer,
};
use ws_mock::lang::model::{Protocol, Scenario};

use crate::support::world::{START, held};

#[tokio::test]
async fn every_scenario_keeps_to_its_conversation() {
    let mut played = 0;
    for (name, _) in ws_mock::lang::bundled() {
        let path = Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("fixtures")
            .join(format!("{name}.talk"));
        let Ok(text) = std::fs::read_to_string(path) else {
            continue;
        };
        let mut stage = Stage::new(ws_mock::disk::load(name, &|_| None).unwrap());
        for (n, line) in text.lines().enumerate() {
            if let Err(why) = stage.play(line).await {
                panic!("{name}.talk:{}: {line}\n{why}", n + 1);
            }
        }
        played += 1;
    }
    assert_eq!(played, 5, "as many conversations as scenarios");
}

pub(crate) struct Stage {
    hub: Hub,
    scenario: Arc<Scenario>,
    actors: HashMap<String, Actor>,
    answer: Option<HttpAnswer>,
}

struct Actor {
    peer: Option<Peer>,
    mailbox: Arc<Mailbox>,
    inbox: Vec<Outgoing>,
}

impl Stage {
    pub(crate) fn new(scenario: Arc<Scenario>) -> Stage {
        let hub = Hub::new(scenario.clone(), held(1), Limits::default()).unwrap();
        Stage {
            hub,
            scenario,
            actors: HashMap::new(),
            answer: None,
        }
    }

    pub(crate) async fn play(&mut self, line: &str) -> Result<(), String> {
        let line = self.with_tokens(line.trim());
        let (head, rest) = line.split_once(' ').unwrap_or((line.as_str(), ""));
        match head {
            "" | "#" => Ok(()),
            "+" => {
                self.connect(rest);
                Ok(())
            }
            "-" => {
                self.actor(rest)?.peer = None;
                Ok(())
            }
            "@" => {
                let by = ws_mock::lang::duration(rest).ok_or("no duration")?;
                self.hub
                    .advance(by)
                    .await
                    .map_err(|error| error.to_string())
            }
            "$" => {
                self.answer = Some(self.request(rest).await);
                Ok(())
            }
            "=" => self.answered(rest),
            "*" => self.hands(rest),
            _ => {
                let (name, sign) = head.split_at(head.len() - 1);
                match sign {
                    ">" => {
                        self.say(name, rest)?;
                        self.answered_in_time(name).await
                    }
                    "<" => self.hear(name, rest, false),
                    "~" => self.hear(name, rest, true),
                    "=" => self.silent(name),
                    "!" => self.closed(name, rest),
                    _ => Err("no such line".into()),
                }
            }
        }
    }

    fn with_tokens(&self, line: &str) -> String {
        let mut line = line.to_owned();
        while let Some(from) = line.find("${token") {
            let to = from + line[from..].find('}').unwrap();
            let mut claims = serde_json::Map::new();
            claims.insert("exp".into(), (START / 1000 + 86_400).into());
            for claim in line[from + 7..to].split_whitespace() {
                let (name, value) = claim.split_once('=').unwrap();
                let value = serde_json::from_str(value).unwrap_or_else(|_| Value::from(value));
                claims.insert(name.into(), value);
            }
            let secret = &self.scenario.jwt.as_ref().unwrap().secret;
            let token = jwt::sign(&Value::Object(claims).to_string(), secret);
            line.replace_range(from..=to, &token);
        }
        line
    }

    fn actor(&mut self, name: &str) -> Result<&mut Actor, String> {
        let actor = self
            .actors
            .get_mut(name)
            .ok_or_else(|| format!("nobody is called `{name}`"))?;
        actor
            .mailbox
            .take(Instant::now(), usize::MAX, &mut actor.inbox);
        Ok(actor)
    }

    fn connect(&mut self, rest: &str) {
        let (name, target) = rest.split_once(' ').unwrap_or((rest, "/"));
        let (target, offered) = target.split_once(" as ").unwrap_or((target, ""));
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        let ask = Handshake {
            address: address(),
            path: path.to_owned(),
            query: query.to_owned(),
            headers: Vec::new(),
            protocols: offered.split_whitespace().map(str::to_owned).collect(),
        };
        let (protocol, ticket) = match self.hub.admit(ask) {
            Admission::Accepted { protocol, ticket } => (protocol, ticket),
            Admission::Refused(answer) => {
                self.answer = Some(answer);
                return;
            }
        };
        let chosen =
            protocol.map(|protocol| HttpAnswer::json(101, Value::from(protocol).to_string()));
        self.answer = chosen.or_else(|| Some(HttpAnswer::json(101, "null".into())));
        let peer = self.hub.connect(ticket);
        let mailbox = peer.mailbox().clone();
        self.actors.insert(
            name.to_owned(),
            Actor {
                peer: Some(peer),
                mailbox,
                inbox: Vec::new(),
            },
        );
    }

    fn say(&mut self, name: &str, text: &str) -> Result<(), String> {
        let socket_io = self.scenario.listen.protocol == Protocol::SocketIo;
        let message = if socket_io {
            event(text)
        } else {
            Inbound::Text(text.into())
        };
        self.actor(name)?
            .peer
            .as_ref()
            .ok_or("gone")?
            .receive(message);
        Ok(())
    }

    /// An answer that takes long is made beside the conversation.
    async fn answered_in_time(&mut self, name: &str) -> Result<(), String> {
        let mailbox = self.actor(name)?.mailbox.clone();
        while mailbox.is_half_full() {
            mailbox.changed().await;
        }
        Ok(())
    }

    fn hear(&mut self, name: &str, wanted: &str, skipping: bool) -> Result<(), String> {
        let wanted = value(wanted).ok_or("what is wanted is no JSON")?;
        let actor = self.actor(name)?;
        while !actor.inbox.is_empty() {
            let Outgoing::Message { payload, .. } = actor.inbox.remove(0) else {
                return Err("closed".into());
            };
            let text = String::from_utf8_lossy(&payload.whole()).into_owned();
            let got = packet(&text).ok_or_else(|| format!("not JSON: {text}"))?;
            if fits(&wanted, &got) {
                return Ok(());
            }
            if !skipping {
                return Err(format!("got {text}"));
            }
        }
        Err("got nothing".into())
    }

    fn silent(&mut self, name: &str) -> Result<(), String> {
        match self.actor(name)?.inbox.as_slice() {
            [] => Ok(()),
            more => Err(format!("got {more:?}")),
        }
    }

    fn closed(&mut self, name: &str, code: &str) -> Result<(), String> {
        let actor = self.actor(name)?;
        match actor.inbox.first() {
            Some(Outgoing::Close { code: got, .. }) if got.to_string() == code => {
                actor.peer = None;
                Ok(())
            }
            other => Err(format!("got {other:?}")),
        }
    }

    async fn request(&self, rest: &str) -> HttpAnswer {
        let (method, rest) = rest.split_once(' ').unwrap();
        let (target, mut rest) = rest.split_once(' ').unwrap_or((rest, ""));
        let mut headers = vec![("content-type".to_owned(), "application/json".to_owned())];
        while let Some(inside) = rest.trim_start().strip_prefix('[') {
            let Some((header, after)) = inside
                .split_once(']')
                .filter(|(header, _)| header.contains(": "))
            else {
                break;
            };
            let (name, value) = header.split_once(": ").unwrap();
            headers.push((name.to_lowercase(), value.to_owned()));
            rest = after;
        }
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        let request = HttpRequest {
            address: address(),
            method: method.to_owned(),
            path: path.to_owned(),
            query: query.to_owned(),
            headers,
            body: Bytes::from(rest.trim().to_owned()),
        };
        self.hub.http(request).await
    }

    fn answered(&mut self, rest: &str) -> Result<(), String> {
        let answer = self.answer.take().ok_or("nothing was asked")?;
        let (status, body) = rest.split_once(' ').unwrap_or((rest, ""));
        let got = String::from_utf8_lossy(&answer.body).into_owned();
        if answer.status.to_string() != status {
            return Err(format!("got {} {got}", answer.status));
        }
        match (value(body), value(&got)) {
            (None, _) => Ok(()),
            (Some(wanted), Some(got)) if fits(&wanted, &got) => Ok(()),
            _ => Err(format!("got {got}")),
        }
    }

    fn hands(&mut self, rest: &str) -> Result<(), String> {
        use ws_mock::hub::{Change, ChangeKind, Returned};
        let mut words = rest.splitn(3, ' ');
        let (what, name, more) = (
            words.next().unwrap(),
            words.next().unwrap(),
            words.next().unwrap_or(""),
        );
        let done = match what {
            "trigger" => {
                let args = Json::parse(if more.is_empty() { "{}" } else { more });
                self.hub.trigger(name, args.unwrap()) == Returned::Nothing
            }
            "timer" => self.hub.set_timer(
                name,
                None,
                value(more).and_then(|more| more["paused"].as_bool()),
            ),
            "data" => {
                let (place, body) = more.split_once(' ').unwrap_or((more, ""));
                let (collection, key) = place.split_once('/').unwrap_or((place, ""));
                let body = Json::parse(body).unwrap_or_else(|_| Json::null());
                let kind = match name {
                    "POST" => ChangeKind::Insert(body),
                    "PUT" => ChangeKind::Replace(body),
                    "PATCH" => ChangeKind::Merge(body),
                    _ => ChangeKind::Remove,
                };
                self.hub
                    .edit(Change {
                        collection: collection.to_owned(),
                        key: key.to_owned(),
                        kind,
                    })
                    .map_err(|error| error.to_string())?;
                true
            }
            _ => false,
        };
        if done {
            Ok(())
        } else {
            Err("there is no such thing".into())
        }
    }
}

fn address() -> SocketAddr {
    SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 50_000)
}

fn value(text: &str) -> Option<Value> {
    packet(text)
}

/// A JSON text, or the array of a Socket.IO packet behind its numbers.
fn packet(text: &str) -> Option<Value> {
    if let Ok(value) = serde_json::from_str(text) {
        return Some(value);
    }
    let at = text.find('[')?;
    let array: Value = serde_json::from_str(&text[at..]).ok()?;
    let number = text[..at]
        .strip_prefix("43")
        .unwrap_or(text[..at].strip_prefix("42").unwrap_or(&text[..at]));
    if number.is_empty() {
        Some(array)
    } else {
        Some(serde_json::json!({ "ack": number, "args": array }))
    }
}

fn event(text: &str) -> Inbound {
    let at = text.find('[').unwrap();
    let mut args: Vec<Value> = serde_json::from_str(&text[at..]).unwrap();
    let name = args.remove(0).as_str().unwrap().to_owned();
    let args = Value::Array(args).to_string().into();
    Inbound::Event {
        name,
        args,
        ack: text[..at].parse().ok(),
    }
}

fn fits(wanted: &Value, got: &Value) -> bool {
    match (wanted, got) {
        (Value::String(any), _) if any == "…" => true,
        (Value::Object(wanted), Value::Object(got)) => wanted
            .iter()
            .all(|(name, wanted)| got.get(name).is_some_and(|got| fits(wanted, got))),
        (Value::Array(wanted), Value::Array(got)) => {
            wanted.len() == got.len()
                && wanted
                    .iter()
                    .zip(got)
                    .all(|(wanted, got)| fits(wanted, got))
        }
        (Value::Number(wanted), Value::Number(got)) => wanted.as_f64() == got.as_f64(),
        (wanted, got) => wanted == got,
    }
}
