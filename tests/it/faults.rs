//! Faults decide about messages while the request is still at hand.

use serde_json::{Value, json};
use ws_mock::base::json::Json;
use ws_mock::hub::{Hub, Inbound, Outgoing, Peer};
use ws_mock::lang::faults::Fault;

use crate::support::world::{connect, heard, held, hub};

const SCENARIO: &str = r#"
scenario: faulty
messages:
  name: "${ message.action }"
  reply: { requestId: "${ message.id }", ok: "${ result }" }
  error: { requestId: "${ message.id }", code: "${ error.code }" }
on:
  ask: [ { reply: yes } ]
  quiet: [ { log: "nothing to say" } ]
  tell: [ { send: { news: 1 }, to: all } ]
"#;

fn set(hub: &Hub, faults: &[Value]) {
    let read = |fault: &Value| Fault::read(&Json::parse(fault.to_string()).unwrap(), None).unwrap();
    hub.set_faults(faults.iter().map(read).collect());
}

fn say(peer: &Peer, action: &str, id: u32) {
    let message = json!({ "action": action, "id": id }).to_string();
    peer.receive(Inbound::Text(message.into()));
}

fn taken(peer: &Peer) -> Vec<Outgoing> {
    let mut out = Vec::new();
    peer.mailbox()
        .take(std::time::Instant::now(), usize::MAX, &mut out);
    out
}

fn happened(hub: &Hub, kind: &str) -> bool {
    let line = format!("ws_mock_faults_total{{kind=\"{kind}\"}} 1\n");
    hub.metrics().text().contains(&line)
}

#[test]
fn error_fault_keeps_request_id() {
    let hub = hub(SCENARIO, held(1));
    let peer = connect(&hub);
    set(
        &hub,
        &[json!({"kind":"error","code":"BUSY","on":["ask"],"times":1})],
    );
    say(&peer, "ask", 7);
    say(&peer, "ask", 8);
    assert_eq!(
        heard(&peer),
        [
            r#"{"requestId":7,"code":"BUSY"}"#,
            r#"{"requestId":8,"ok":"yes"}"#
        ]
    );
}

#[test]
fn error_fault_on_a_push_reaches_each_recipient() {
    let hub = hub(SCENARIO, held(1));
    let (peer, other) = (connect(&hub), connect(&hub));
    let fault = json!({"kind":"error","code":"BUSY","on":["push"],"connections":["c2"]});
    set(&hub, &[fault]);
    say(&peer, "tell", 1);
    assert_eq!(heard(&peer), [r#"{"news":1}"#]);
    assert_eq!(heard(&other), [r#"{"requestId":null,"code":"BUSY"}"#]);
}

#[test]
fn fault_fires_on_a_handler_that_answers_nothing() {
    for (kind, expected) in [
        (json!({"kind":"error","code":"BUSY"}), "Message"),
        (json!({"kind":"close","code":4001}), "Close"),
        (json!({"kind":"abort"}), "Abort"),
        (json!({"kind":"stall"}), "Stall"),
        (json!({"kind":"drop"}), ""),
        (json!({"kind":"latency","time":"1s"}), ""),
    ] {
        let hub = hub(SCENARIO, held(1));
        let peer = connect(&hub);
        let mut fault = kind.clone();
        fault["on"] = json!(["quiet"]);
        set(&hub, &[fault]);
        say(&peer, "ask", 1);
        assert_eq!(taken(&peer).len(), 1, "{kind}: another handler");
        say(&peer, "quiet", 7);
        let out = taken(&peer);
        let shown = out.first().map_or(String::new(), |out| format!("{out:?}"));
        assert!(shown.starts_with(expected), "{kind}: {shown}");
        assert_eq!(out.is_empty(), expected.is_empty(), "{kind}: {shown}");
        assert!(happened(&hub, kind["kind"].as_str().unwrap()), "{kind}");
        if let Some(Outgoing::Message { payload, .. }) = out.first() {
            assert_eq!(payload.whole(), r#"{"requestId":7,"code":"BUSY"}"#);
        }
    }
}

#[test]
fn fault_without_handlers_leaves_silence_alone() {
    let hub = hub(SCENARIO, held(1));
    let peer = connect(&hub);
    set(&hub, &[json!({"kind":"close","times":1})]);
    say(&peer, "quiet", 1);
    assert!(taken(&peer).is_empty());
    say(&peer, "ask", 1);
    assert!(matches!(taken(&peer)[..], [Outgoing::Close { .. }]));
}

#[test]
fn error_fault_answers_the_acknowledgement() {
    let text = SCENARIO
        .replace("messages:", "listen: { protocol: socket.io }\nmessages:")
        .replace("  name: \"${ message.action }\"\n", "");
    let hub = hub(&text, held(1));
    let peer = connect(&hub);
    set(&hub, &[json!({"kind":"error","code":"BUSY"})]);
    let event = |ack| Inbound::Event {
        name: "ask".to_owned(),
        args: r#"[{"id":7}]"#.into(),
        ack,
    };
    peer.receive(event(Some(3)));
    set(&hub, &[json!({"kind":"error","code":"BUSY","on":["ask"]})]);
    peer.receive(event(None));
    assert_eq!(
        heard(&peer),
        [
            r#"433[{"requestId":7,"code":"BUSY"}]"#,
            r#"42["error",{"requestId":7,"code":"BUSY"}]"#
        ]
    );
}
