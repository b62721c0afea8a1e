//! Scenario files from strangers: whatever a handler asks for is refused within bounds, and the next one is answered.

use bytes::Bytes;
use ws_mock::hub::{Hub, Inbound, Peer};

use crate::support::world::{connect, heard, held, hub};

const WORLD: &str = r#"
scenario: stranger
messages: { name: "${ message.action }" }
data:
  many: { key: id, count: 2000, item: { id: "${ n }", s: a } }
  chain: { key: id, items: [ { id: 1, s: a } ] }
changes:
  chain:
    updated: [ { for: "${ updated }", each: one, do: [ { update: chain, key: "${ one.id }", set: { s: "${ one.s ~ 'x' }" } } ] } ]
on:
  fine: [ { reply: { ok: true } } ]
  asked:
"#;

fn ask(peer: &Peer, action: &str) -> String {
    let request = Bytes::from(format!(r#"{{"action":"{action}"}}"#));
    peer.receive(Inbound::Text(request));
    heard(peer).concat()
}

fn stranger(steps: &str) -> Hub {
    let lines: Vec<&str> = steps.lines().map(str::trim).collect();
    hub(&format!("{WORLD}    {}\n", lines.join("\n    ")), held(1))
}

/// Each would take the memory or the time of the machine.
#[test]
fn what_takes_too_much_is_a_scenario_error_and_no_more() {
    let big = r#"- let: { big: "${ 'abcdefghij' * 10000 }" }"#;
    let deep = (0..4).fold("{ log: x }".to_owned(), |inner, _| {
        format!(r#"{{ for: "${{ range(100) }}", each: i, do: [ {inner} ] }}"#)
    });
    let rows: &[&str] = &[
        r#"- reply: { a: "${ range(1000000000) }" }"#,
        r#"- reply: { a: "${ 'a' * 1000000000 }" }"#,
        r#"- reply: { a: "${ 1 | pad(999999999) }" }"#,
        r#"- reply: { a: "${ '%1000000000d' | format(1) }" }"#,
        r#"- reply: { a: "${ '%.1000000000f' | format(1.5) }" }"#,
        r#"- reply: { a: "${ range(100000) | tojson(1000000) }" }"#,
        r#"- reply: { a: "${ all('many') | list | tojson | replace('a', 'b' * 10000) }" }"#,
        r#"- reply: { a: "${ [1] | batch(1000000000, 'x') | list }" }"#,
        r#"- reply: { a: "${ [1] | slice(1000000000) | list }" }"#,
        r#"- reply: { a: "${ range(10000) | join('x' * 1000) }" }"#,
        r#"- reply: { a: "${ (range(100000) | list | sort)[0] }" }"#,
        r#"- reply: { a: "${ 9 ** 9999999 }" }"#,
        r#"- reply: { a: "${ int(0, 1e308 * 10) }" }"#,
        r#"- reply: { a: "${ 1 // 0 }" }"#,
        r#"- { for: "${ range(1000000) }", each: i, do: [ { log: x } ] }"#,
        r#"- { later: "${ hours(1e300) }", do: [ { log: x } ] }"#,
        &format!("- {deep}"),
        &format!("{big}\n- reply: {{ a: \"{}\" }}", "${ big }".repeat(11)),
        &format!(
            "{big}\n- {{ for: \"${{ range(9000) }}\", each: i, collect: \"${{ big }}\", as: all }}\n- reply: {{ a: 1 }}"
        ),
        &format!(
            "{big}\n- reply: {{ {} }}",
            (0..700)
                .map(|n| format!("a{n}: \"${{ big }}\""))
                .collect::<Vec<_>>()
                .join(", ")
        ),
    ];
    for row in rows {
        let hub = stranger(row);
        let peer = connect(&hub);
        let answer = ask(&peer, "asked");
        assert!(answer.contains("SCENARIO_ERROR"), "{row}: {answer:.200}");
        assert_eq!(ask(&peer, "fine"), r#"{"ok":true}"#, "{row}");
    }
}

#[test]
fn changes_that_follow_themselves_come_to_an_end() {
    let hub = stranger(
        r#"- { update: chain, key: 1, set: { s: b } }
           - reply: { s: "${ get('chain', 1).s }" }"#,
    );
    let peer = connect(&hub);
    assert_eq!(ask(&peer, "asked"), r#"{"s":"b"}"#);
    let (_, grown) = hub
        .collection("chain")
        .unwrap()
        .find("1")
        .map(|(id, item)| (id, item.text().len()))
        .unwrap();
    assert!(grown < 64, "it went on for {grown} bytes");
    assert_eq!(ask(&peer, "fine"), r#"{"ok":true}"#);
}
