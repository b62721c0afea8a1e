//! Whether the language is general: well-known kinds of WebSocket APIs, each a few lines.

use crate::talks::Stage;
use ws_mock::lang::NoFiles;

#[track_caller]
fn stage(text: &str) -> Stage {
    let scenario = ws_mock::lang::read_text("test.yaml", text, &NoFiles, &|_| None)
        .unwrap_or_else(|problems| panic!("{problems}"));
    Stage::new(scenario)
}

async fn play(text: &str, talk: &str) {
    let mut stage = stage(text);
    for line in talk.lines() {
        if let Err(why) = stage.play(line).await {
            panic!("{line}\n{why}");
        }
    }
}

#[tokio::test]
async fn sums_and_counts_are_those_of_json() {
    play(
        r#"
scenario: sums
on:
  "*":
    - reply:
        tally: "${ message.list | tally }"
        total: "${ message.numbers | total }"
        rounded: "${ message.large | round }"
        text: "${ message.list | string }"
"#,
        r#"
+ a /
a> {"list":[1,1.0,"1",true,"true",null],"numbers":[9007199254740993,1],"large":9007199254740993}
a< {"tally":{"1":3,"true":2,"null":1},"total":9007199254740994,"rounded":9007199254740993,"text":"[1,1.0,\"1\",true,\"true\",null]"}
"#,
    )
    .await;
}

#[tokio::test]
async fn json_rpc() {
    play(
        r#"
scenario: rpc
messages:
  name: ${ message.method }
  reply: { jsonrpc: "2.0", id: "${ message.id }", result: "${ result }" }
  error: { jsonrpc: "2.0", id: "${ message.id }", error: { code: "${ codes[error.code] or -32000 }", message: "${ error.message }" } }
let:
  codes: { UNKNOWN_ACTION: -32601, INVALID_JSON: -32700, INVALID_REQUEST: -32602 }
before:
  - check: ${ message }
    has: { jsonrpc: ["2.0"] }
on:
  subtract:
    - check: ${ message.params }
      has: { minuend: number, subtrahend: number }
    - reply: ${ message.params.minuend - message.params.subtrahend }
  log:
    - stop: true
"#,
        r#"
+ a /
a> {"jsonrpc":"2.0","method":"subtract","params":{"minuend":42,"subtrahend":23},"id":"x"}
a< {"jsonrpc":"2.0","id":"x","result":19}
a> {"jsonrpc":"2.0","method":"log","params":{}}
a= none
a> {"jsonrpc":"2.0","method":"nix","id":5}
a< {"jsonrpc":"2.0","id":5,"error":{"code":-32601,"message":"…"}}
a> {"jsonrpc":"2.0","method":"subtract","params":{"minuend":42},"id":6}
a< {"error":{"code":-32602,"message":"`params.subtrahend` is missing or of the wrong type"}}
a> rubbish
a< {"id":null,"error":{"code":-32700,"message":"…"}}
"#,
    )
    .await;
}

#[tokio::test]
async fn codes_of_errors_keep_their_type() {
    play(
        r#"
scenario: codes
messages:
  name: ${ message.method }
  error: { id: "${ message.id }", error: { code: "${ error.code }", message: "${ error.message }" } }
  errors: { "103": "not you" }
on:
  number: [ fail: { code: -32000, message: "no" } ]
  worded: [ fail: { code: 103 } ]
  given: [ fail: { code: "${ message.code }" } ]
  text: [ fail: "-32000" ]
"#,
        r#"
+ a /
a> {"method":"number","id":1}
a< {"id":1,"error":{"code":-32000,"message":"no"}}
a> {"method":"worded","id":2}
a< {"id":2,"error":{"code":103,"message":"not you"}}
a> {"method":"given","id":3,"code":7}
a< {"id":3,"error":{"code":7,"message":"7"}}
a> {"method":"text","id":4}
a< {"id":4,"error":{"code":"-32000","message":"-32000"}}
"#,
    )
    .await;
}

#[tokio::test]
async fn ocpp_arrays_and_a_subprotocol_chosen_at_the_handshake() {
    play(
        r#"
scenario: ocpp
upgrade:
  - fail: { code: NO_PROTOCOL, message: "speak ocpp1.6", status: 400 }
    when: ${ 'ocpp1.6' not in request.protocols }
  - remember: { charger: "${ (request.path | split('/')) | last }" }
  - reply: { protocol: ocpp1.6 }
messages:
  name: ${ message[2] }
  reply: [3, "${ message[1] }", "${ result }"]
  error: [4, "${ message[1] }", NotImplemented, "${ error.message }", {}]
on:
  BootNotification:
    - reply: { status: Accepted, currentTime: "${ now() }", interval: 300 }
    - later: 10s
      name: heartbeat_${ session.charger }
      do:
        - send: [2, "1", TriggerMessage, { requestedMessage: Heartbeat }]
"#,
        r#"
+ x /ocpp/CP1
= 400 {"error":{"code":"NO_PROTOCOL","message":"speak ocpp1.6"}}
+ a /ocpp/CP1 as ocpp2.0 ocpp1.6
= 101 "ocpp1.6"
a> [2,"19223201","BootNotification",{"chargePointVendor":"V"}]
a< [3,"19223201",{"status":"Accepted","currentTime":"2024-01-20T10:30:00.000Z","interval":300}]
@ 9999ms
a= none
@ 1ms
a< [2,"1","TriggerMessage",{"requestedMessage":"Heartbeat"}]
a> [2,"2","Nix",{}]
a< [4,"2","NotImplemented","…",{}]
"#,
    )
    .await;
}

#[tokio::test]
async fn topics_and_rooms() {
    play(
        r#"
scenario: topics
messages: { name: "${ message.op }" }
on:
  sub:
    - for: ${ message.topics }
      each: topic
      do: [ join: "topic_${ topic }" ]
    - reply: { ok: "${ connection.rooms }" }
  unsub:
    - leave: topic_${ message.topic }
  pub:
    - send: { topic: "${ message.topic }", data: "${ message.data }" }
      to: { others: { room: "topic_${ message.topic }" } }
"#,
        r#"
+ a /
+ b /
+ c /
a> {"op":"sub","topics":["x","y"]}
a< {"ok":["topic_x","topic_y"]}
b> {"op":"sub","topics":["x"]}
b< {"ok":["topic_x"]}
b> {"op":"pub","topic":"x","data":{"n":1.50}}
a< {"topic":"x","data":{"n":1.50}}
b= none
c= none
a> {"op":"unsub","topic":"x"}
b> {"op":"pub","topic":"x","data":1}
a= none
"#,
    )
    .await;
}

#[tokio::test]
async fn a_token_in_the_query_and_a_server_that_speaks_first() {
    play(
        r#"
scenario: gate
auth: { jwt: { secret: s3 } }
upgrade:
  - verify: ${ request.query.token }
    else:
      - fail: { code: UNAUTHORIZED, message: "no", status: 401 }
  - remember: { user: "${ claims.userId }" }
connect:
  - send: { hello: "${ session.user }" }
messages: { name: "${ message.t }" }
on:
  whisper:
    - send: { from: "${ session.user }" }
      to: { session: { user: "${ message.to }" } }
  bye:
    - close: { code: 4001, reason: bye }
disconnect:
  - send: { left: "${ session.user }" }
    to: all
"#,
        r#"
+ x /
= 401 {"error":{"code":"UNAUTHORIZED"}}
+ a /?token=${token userId=5}
a< {"hello":5}
+ b /?token=${token userId=6}
b< {"hello":6}
b> {"t":"whisper","to":5}
a< {"from":6}
b= none
b> {"t":"bye"}
b! 4001
a< {"left":6}
"#,
    )
    .await;
}

#[tokio::test]
async fn plans_are_replaced_and_cancelled_and_errors_stay_with_their_handler() {
    play(
        r#"
scenario: plans
messages: { name: "${ message.t }" }
on:
  arm:
    - later: ${ message.after }
      name: bomb
      do:
        - send: { boom: "${ message.n }" }
  disarm:
    - cancel: bomb
  broken:
    - let: { x: "${ message.n / 0 }" }
    - reply: { x: "${ x }" }
  endless:
    - for: ${ range(20000) }
      do: [ let: { y: 1 } ]
  huge:
    - reply: ${ [[1] * 1000] * 100000 }
  deep:
    - run: deep_1
define:
  deep_1:
    - run: deep_2
      when: ${ true }
  deep_2:
    - for: [1]
      do:
        - for: [1]
          do:
            - for: [1]
              do:
                - for: [1]
                  do: [ run: deep_3 ]
  deep_3:
    - for: [1]
      do:
        - for: [1]
          do:
            - for: [1]
              do:
                - for: [1]
                  do: [ run: deep_4 ]
  deep_4:
    - for: [1]
      do:
        - for: [1]
          do:
            - for: [1]
              do:
                - for: [1]
                  do:
                    - for: [1]
                      do:
                        - for: [1]
                          do: [ reply: 1 ]
"#,
        r#"
+ a /
a> {"t":"arm","after":"5s","n":1}
a> {"t":"arm","after":2000,"n":2}
@ 1999ms
a= none
@ 1ms
a< {"boom":2}
@ 10s
a= none
a> {"t":"arm","after":"5s","n":3}
a> {"t":"disarm"}
@ 10s
a= none
a> {"t":"broken","n":1}
a< {"error":{"code":"SCENARIO_ERROR"}}
a> {"t":"endless"}
a< {"error":{"code":"SCENARIO_ERROR"}}
a> {"t":"huge"}
a< {"error":{"code":"SCENARIO_ERROR"}}
a> {"t":"deep"}
a< {"error":{"code":"SCENARIO_ERROR"}}
a> {"t":"arm","after":"soon"}
a< {"error":{"code":"SCENARIO_ERROR"}}
a> {"t":5}
a< {"error":{"code":"INVALID_REQUEST"}}
"#,
    )
    .await;
}

#[tokio::test]
async fn unmocked_requests_get_the_error_envelope() {
    play(
        r#"
scenario: rest
messages:
  errors:
    UNKNOWN_ROUTE: Not Found
    METHOD_NOT_ALLOWED: not ${ error.name }, only ${ error.known | join(' or ') }
http:
  error: { detail: "${ error.message }", code: "${ error.code }" }
  "GET /notes": [ { reply: [] } ]
  "POST /notes": [ { reply: [] } ]
"#,
        r#"
$ GET /notes
= 200 []
$ GET /nothing
= 404 {"detail":"Not Found","code":"UNKNOWN_ROUTE"}
$ DELETE /notes
= 405 {"detail":"not DELETE /notes, only GET or POST","code":"METHOD_NOT_ALLOWED"}
"#,
    )
    .await;
    play(
        "scenario: none",
        r#"
$ GET /nothing
= 404 {"error":{"code":"UNKNOWN_ROUTE","message":"nothing is mocked at `GET /nothing`"}}
"#,
    )
    .await;
}

#[tokio::test]
async fn rest_writes_become_events() {
    play(
        r#"
scenario: rest
data: { notes: { key: id, items: [ { id: 1, text: one } ] } }
messages: { name: "${ message.t }" }
http:
  "GET /notes":
    - list: notes
      match: ${ request.query }
      default: all
    - reply: ${ items }
  "POST /notes":
    - check: ${ request.body }
      has: { text: string }
    - insert: notes
      item: ${ request.body }
    - reply: ${ item }
      status: 201
  "PATCH /notes/{id}":
    - update: notes
      key: ${ request.params.id }
      set: ${ request.body }
    - reply: ${ item }
  "DELETE /notes/{id}":
    - remove: notes
      key: ${ request.params.id }
changes:
  notes:
    created: [ { send: { created: "${ created }" }, to: all } ]
    updated: [ { send: { updated: "${ updated }" }, to: all } ]
    removed: [ { send: { removed: "${ removed }" }, to: all } ]
"#,
        r#"
+ a /
$ POST /notes { "text" : "two" }
= 201 {"id":2,"text":"two"}
a< {"created":[{"id":2,"text":"two"}]}
$ POST /notes {"text":2}
= 422 {"error":{"code":"INVALID_REQUEST","message":"`text` is missing or of the wrong type"}}
$ POST /notes {bad
= 400
$ PATCH /notes/2 {"text":"zwei","id":9}
= 200 {"id":2,"text":"zwei"}
a< {"updated":[{"before":{"id":2,"text":"two"},"item":{"id":2,"text":"zwei"}}]}
$ PATCH /notes/2 {"text":"zwei"}
= 200 {"id":2}
a= none
$ GET /notes?text=one
= 200 [{"id":1,"text":"one"}]
$ DELETE /notes/1
= 204
a< {"removed":[{"id":1,"text":"one"}]}
$ DELETE /notes/1
= 404 {"error":{"code":"NOT_FOUND"}}
$ PUT /notes/1
= 405
$ GET /nix
= 404
"#,
    )
    .await;
}

/// Answers are kept: what `where` looks at is looked at each time, so that both must say the same after any change.
#[tokio::test]
async fn a_list_that_is_asked_for_again_and_again_is_as_if_it_were_asked_for_once() {
    let text = r#"
scenario: again
data:
  things:
    key: id
    count: 30
    item: { id: "${ n }", city: "${ pick(['Oslo', 'OSLO', 'Rome']) }", n: "${ int(0, 3) }" }
messages: { name: "${ message.do }" }
on:
  ask:
    - list: things
      as: kept
      match: ${ message.match }
      contains: [city]
      fields: ${ message.fields }
      sort: ${ message.sort }
      page: ${ message.page }
      limit: ${ message.limit }
    - list: things
      as: anew
      where: ${ true }
      match: ${ message.match }
      contains: [city]
      fields: ${ message.fields }
      sort: ${ message.sort }
      page: ${ message.page }
      limit: ${ message.limit }
    - let:
        kept: ${ kept.total } ${ kept.page } ${ kept.limit } ${ kept.items } ${ kept.matches }
        anew: ${ anew.total } ${ anew.page } ${ anew.limit } ${ anew.items } ${ anew.matches }
    - reply: ${ 'same' if kept == anew else [kept, anew] }
  set:
    - update: things
      key: ${ message.id }
      set: ${ message.set }
    - reply: done
  add:
    - insert: things
      item: { city: "${ message.city }", n: 1 }
    - reply: done
  drop:
    - remove: things
      sample: 1
    - reply: done
"#;
    let asks = [
        r#"{"do":"ask"}"#,
        r#"{"do":"ask","page":2,"limit":3}"#,
        r#"{"do":"ask","match":{"city":"oslo"},"sort":"n"}"#,
        r#"{"do":"ask","match":{"city":"oslo"},"sort":"-n"}"#,
        r#"{"do":"ask","match":{"city":"rome","n":1},"fields":["n","id"],"limit":5}"#,
        r#"{"do":"ask","match":{"city":"rome","n":1},"fields":["id"],"limit":5}"#,
        r#"{"do":"ask","match":{"n":2},"fields":["id","new"]}"#,
    ];
    let changes = [
        r#"{"do":"set","id":3,"set":{"city":"Rome","n":1}}"#,
        r#"{"do":"drop"}"#,
        r#"{"do":"set","id":7,"set":{"city":"Oslo","n":1,"new":[]}}"#,
        r#"{"do":"add","city":"New Oslo"}"#,
        r#"{"do":"set","id":7,"set":{"city":"Oslo","n":1,"new":[]}}"#,
    ];
    let mut talk = String::from("+ a /\n");
    for change in changes {
        for ask in asks.repeat(4) {
            talk.push_str(&format!("a> {ask}\na< \"same\"\n"));
        }
        talk.push_str(&format!("a> {change}\na< \"done\"\n"));
    }
    play(text, &talk).await;
}

#[tokio::test]
async fn whoever_asks_for_the_same_list_is_told_what_is_wrong_with_the_question() {
    play(
        r#"
scenario: strict
data: { things: { key: id, items: [ { id: 1, t: Ab }, { id: 2, t: ab }, { id: 3, t: b } ] } }
messages: { name: "${ message.do }" }
define:
  paged:
    - list: things
      page: ${ page }
      limit: 1
    - reply: ${ items }
on:
  paged:
    - run: paged
      with: { page: "${ message.page }" }
  contains:
    - list: things
      match: ${ message.match }
      contains: [t]
    - reply: ${ total }
  equals:
    - list: things
      match: ${ message.match }
    - reply: ${ total }
http:
  "GET /things":
    - run: paged
      with: { page: "${ request.query.page }" }
  "GET /first":
    - run: paged
      with: { page: "${ request.query.page or 1 }" }
"#,
        r#"
+ a /
a> {"do":"paged","page":"2"}
a< {"error":{"code":"INVALID_PAGINATION"}}
$ GET /things?page=2
= 200 [{"id":2}]
$ GET /things?page=2
= 200 [{"id":2}]
$ GET /first?page=2
= 200 [{"id":2}]
$ GET /first
= 200 [{"id":1}]
a> {"do":"paged","page":"2"}
a< {"error":{"code":"INVALID_PAGINATION"}}
a> {"do":"paged","page":2}
a< [{"id":2}]
a> {"do":"contains","match":{"t":"ab"}}
a< 2
a> {"do":"equals","match":{"t":"ab"}}
a< 1
a> {"do":"contains","match":{"t":"ab"}}
a< 2
a> {"do":"contains","match":{"t":2}}
a< {"error":{"code":"INVALID_REQUEST"}}
a> {"do":"contains","match":{"t":2}}
a< {"error":{"code":"INVALID_REQUEST"}}
"#,
    )
    .await;
}
