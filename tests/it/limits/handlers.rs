//! Limits on what a message may ask of a handler, and a handler of the server.

use ws_mock::hub::Limit;

use super::{Bound, answered};
use crate::support::binary::Binary;
use crate::support::raw::Raw;

/// What a scenario of one handler answers: the error's code, or `ok`.
fn scenario(limits: &str, steps: &str, more: &str) -> String {
    format!(
        "scenario: handler\nlimits: {{ {limits} }}\nmessages: {{ error: \"${{ error.code }}\" }}\n\
         on:\n  \"*\":\n{steps}    - reply: ok\n{more}"
    )
}

/// At and past a limit, each by one message.
struct Row<'r> {
    limit: Limit,
    figure: &'r str,
    limits: &'r str,
    steps: &'r str,
    more: &'r str,
    at: String,
    past: String,
    code: &'r str,
}

impl Row<'_> {
    async fn holds(&self) {
        let bound = Bound {
            limit: self.limit,
            who: "c",
            figure: self.figure,
            scenario: &scenario(self.limits, self.steps, self.more),
            options: &[],
        };
        let refused = format!("\"{}\"", self.code);
        bound
            .holds(
                async |server| assert_eq!(answered(server, &self.at).await, "\"ok\""),
                async |server| assert_eq!(answered(server, &self.past).await, refused),
            )
            .await;
    }
}

fn nested(levels: usize) -> String {
    format!("{}{}", "[".repeat(levels), "]".repeat(levels))
}

fn n(number: u64) -> String {
    format!(r#"{{"n":{number}}}"#)
}

/// Definitions that run one another, so many below the first.
fn chain(length: usize) -> String {
    let links = (1..length).map(|n| format!("  d{n}: [ run: d{} ]\n", n + 1));
    format!(
        "define:\n{}  d{length}: [ log: end ]\n",
        links.collect::<String>()
    )
}

const LIST: &str = "    - list: things\n      limit: ${ message.n }\n";
const THINGS: &str = "data: { things: { key: id, items: [ { id: 1, v: 0 } ] } }\n";
const COUNT: &str = "    - for: ${ range(message.n) }\n      do: [ let: { x: 1 } ]\n";
const ROOMS: &str =
    "    - for: ${ range(message.n) }\n      each: i\n      do: [ { join: \"${ i }\" } ]\n";
const PLAN: &str =
    "    - for: ${ range(message.n) }\n      do: [ { later: 1h, do: [ log: x ] } ]\n";
const COUNT_DOWN: &str =
    "    - update: things\n      key: 1\n      set: { v: \"${ message.n }\" }\n";
const CHANGES: &str = "changes:\n  things:\n    updated:\n      \
                       - update: things\n        key: 1\n        set: { v: \"${ item.v - 1 }\" }\n        \
                       when: ${ updated[0].item.v > 1 }\n";

#[tokio::test]
async fn what_a_message_may_ask_is_bounded() {
    let rows = [
        Row {
            limit: Limit::JsonDepth,
            figure: "128",
            limits: "",
            steps: "",
            more: "",
            at: nested(128),
            past: nested(129),
            code: "INVALID_JSON",
        },
        Row {
            limit: Limit::Page,
            figure: "1000",
            limits: "",
            steps: LIST,
            more: THINGS,
            at: n(1000),
            past: n(1001),
            code: "INVALID_PAGINATION",
        },
        Row {
            limit: Limit::Page,
            figure: "20",
            limits: "",
            steps: &format!("{LIST}      max: 20\n"),
            more: THINGS,
            at: n(20),
            past: n(21),
            code: "INVALID_PAGINATION",
        },
    ];
    for row in rows {
        row.holds().await;
    }
}

#[tokio::test]
async fn what_a_handler_may_take_is_bounded() {
    let rows = [
        // The `for`, so many steps in it, and the reply.
        Row {
            limit: Limit::Steps,
            figure: "10000 steps",
            limits: "",
            steps: COUNT,
            more: "",
            at: n(9_998),
            past: n(9_999),
            code: "SCENARIO_ERROR",
        },
        Row {
            limit: Limit::Steps,
            figure: "10 steps",
            limits: "steps: 10",
            steps: COUNT,
            more: "",
            at: n(8),
            past: n(9),
            code: "SCENARIO_ERROR",
        },
        Row {
            limit: Limit::Depth,
            figure: "2 levels",
            limits: "depth: 2",
            steps: "    - run: d1\n      when: ${ message.n == 1 }\n    - run: e1\n      when: ${ message.n == 2 }\n",
            more: "define:\n  d1: [ run: d2 ]\n  d2: [ log: end ]\n  e1: [ run: e2 ]\n  e2: [ run: e3 ]\n  e3: [ log: end ]\n",
            at: n(1),
            past: n(2),
            code: "SCENARIO_ERROR",
        },
        Row {
            limit: Limit::Plans,
            figure: "5 plans",
            limits: "plans: 5",
            steps: PLAN,
            more: "",
            at: n(5),
            past: n(1),
            code: "SCENARIO_ERROR",
        },
        Row {
            limit: Limit::Items,
            figure: "5 items",
            limits: "items: 5",
            steps: "    - for: ${ range(message.n) }\n      do: [ { insert: things, item: { v: 1 } } ]\n",
            more: "data: { things: { key: id, items: [ { id: 1 } ] } }\n",
            at: n(4),
            past: n(1),
            code: "SCENARIO_ERROR",
        },
        Row {
            limit: Limit::Rooms,
            figure: "3 rooms",
            limits: "rooms: 3",
            steps: ROOMS,
            more: "",
            at: n(3),
            past: n(4),
            code: "SCENARIO_ERROR",
        },
        Row {
            limit: Limit::Rooms,
            figure: "1000 rooms",
            limits: "",
            steps: ROOMS,
            more: "",
            at: n(1_000),
            past: n(1_001),
            code: "SCENARIO_ERROR",
        },
        Row {
            limit: Limit::Rooms,
            figure: "1024 bytes",
            limits: "",
            steps: "    - join: ${ 'x' * message.n }\n",
            more: "",
            at: n(1_024),
            past: n(1_025),
            code: "SCENARIO_ERROR",
        },
        Row {
            limit: Limit::Plans,
            figure: "1024 bytes",
            limits: "",
            steps: "    - { later: 1h, name: \"${ 'x' * message.n }\", do: [ log: x ] }\n",
            more: "",
            at: n(1_024),
            past: n(1_025),
            code: "SCENARIO_ERROR",
        },
        // An item such as `{"id":2,"v":"…"}`, and what there is already is none of the handlers'.
        Row {
            limit: Limit::Kept,
            figure: "4096",
            limits: "kept: 4096",
            steps: "    - insert: things\n      item: { v: \"${ 'x' * message.n }\" }\n",
            more: THINGS,
            at: n(4_096 - r#"{"v":""}"#.len() as u64),
            past: n(1),
            code: "SCENARIO_ERROR",
        },
        Row {
            limit: Limit::Kept,
            figure: "4096",
            limits: "kept: 4096",
            steps: "    - remember: { a: \"${ 'x' * message.n }\" }\n",
            more: "",
            at: n(4_096 - 2),
            past: n(4_096 - 1),
            code: "SCENARIO_ERROR",
        },
        // What a plan keeps is the message.
        Row {
            limit: Limit::Kept,
            figure: "4096",
            limits: "kept: 4096",
            steps: "    - later: 1h\n      do: [ log: x ]\n",
            more: "",
            at: format!("\"{}\"", "x".repeat(4_096 - 2)),
            past: "1".to_owned(),
            code: "SCENARIO_ERROR",
        },
        Row {
            limit: Limit::Output,
            figure: "67108864",
            limits: "",
            steps: "    - for: ${ range(message.n) }\n      do: [ log: \"${ 'x' * 1000000 }\" ]\n",
            more: "",
            // Made, and logged.
            at: n(33),
            past: n(34),
            code: "SCENARIO_ERROR",
        },
        Row {
            limit: Limit::Output,
            figure: "1048576",
            limits: "",
            steps: "    - let: { x: \"${ 'x' * message.n }\" }\n",
            more: "",
            // The two quotes of its JSON count.
            at: n((1 << 20) - 2),
            past: n((1 << 20) - 1),
            code: "SCENARIO_ERROR",
        },
        Row {
            limit: Limit::Output,
            figure: "1048577",
            limits: "",
            steps: "    - let: { x: \"${ 'x' * 1000000 }${ 'x' * message.n }\" }\n",
            more: "",
            at: n((1 << 20) - 1_000_000),
            past: n((1 << 20) - 999_999),
            code: "SCENARIO_ERROR",
        },
    ];
    for row in rows {
        row.holds().await;
    }
}

#[tokio::test]
async fn definitions_run_one_another_so_deep_and_no_deeper() {
    for (limits, figure, most) in [("", "16 levels", 16), ("depth: 64", "64 levels", 64)] {
        let deep = |levels| scenario(limits, "    - run: d1\n", &chain(levels));
        let server = Binary::start(&deep(most), &[]);
        assert_eq!(answered(&server, "{}").await, "\"ok\"", "{figure}");
        assert_eq!(server.counted("depth").await, 0);
        let server = Binary::start(&deep(most + 1), &[]);
        assert_eq!(answered(&server, "{}").await, "\"SCENARIO_ERROR\"");
        server
            .line(&["limit=depth ", figure, "`limits.depth`"])
            .await;
        assert_eq!(server.counted("depth").await, 1);
    }
}

#[tokio::test]
async fn a_hundred_thousand_plans_may_wait() {
    let bound = Bound {
        limit: Limit::Plans,
        who: "c",
        figure: "100000 plans",
        scenario: &scenario("", PLAN, ""),
        options: &[],
    };
    bound
        .holds(
            async |server| {
                // Each is a step, of which an event may take ten thousand.
                for _ in 0..20 {
                    assert_eq!(answered(server, &n(5_000)).await, "\"ok\"");
                }
            },
            async |server| assert_eq!(answered(server, &n(1)).await, "\"SCENARIO_ERROR\""),
        )
        .await;
}

#[tokio::test]
async fn changes_that_cause_changes_come_to_an_end() {
    for (limits, figure, most) in [("", "16 rounds", 16), ("depth: 3", "3 rounds", 3)] {
        let bound = Bound {
            limit: Limit::Depth,
            who: "c",
            figure,
            scenario: &scenario(limits, COUNT_DOWN, &format!("{THINGS}{CHANGES}")),
            options: &[],
        };
        bound
            .holds(
                async |server| assert_eq!(answered(server, &n(most)).await, "\"ok\""),
                // The message was answered before what follows its change.
                async |server| assert_eq!(answered(server, &n(most + 2)).await, "\"ok\""),
            )
            .await;
    }
}

/// What a unit of work is, is the expressions' own: the test finds the longest list that is still summed.
#[tokio::test]
async fn the_work_of_an_expression_is_bounded() {
    let steps = "    - let: { x: \"${ (range(message.n) | map('abs') | list | sort | sum) }\" }\n";
    let scenario = scenario("", steps, "");
    let server = Binary::start(&scenario, &[]);
    let (mut low, mut high) = (1, 100_000);
    assert_eq!(answered(&server, &n(high)).await, "\"SCENARIO_ERROR\"");
    while high - low > 1 {
        let middle = u64::midpoint(low, high);
        match answered(&server, &n(middle)).await.as_str() {
            "\"ok\"" => low = middle,
            answer => {
                assert_eq!(answer, "\"SCENARIO_ERROR\"");
                high = middle;
            }
        }
    }
    let bound = Bound {
        limit: Limit::Work,
        who: "c",
        figure: "100000",
        scenario: &scenario,
        options: &[],
    };
    bound
        .holds(
            async |server| assert_eq!(answered(server, &n(low)).await, "\"ok\""),
            async |server| assert_eq!(answered(server, &n(high)).await, "\"SCENARIO_ERROR\""),
        )
        .await;
}

const OVER_HTTP: &str = r#"
scenario: http
limits: { steps: 10 }
http:
  "GET /count":
    - for: ${ range(request.query.n | int) }
      do: [ let: { x: 1 } ]
    - reply: ok
"#;

#[tokio::test]
async fn over_http_the_client_is_named() {
    let bound = Bound {
        limit: Limit::Steps,
        who: "127.0.0.1:",
        figure: "10 steps",
        scenario: OVER_HTTP,
        options: &[],
    };
    let status = async |server: &Binary, n: u64| {
        let request = format!("GET /count?n={n} HTTP/1.1\r\nHost: localhost\r\n\r\n");
        Raw::exchange(server.address, &request).await.status
    };
    bound
        .holds(
            async |server| assert_eq!(status(server, 8).await, 200),
            async |server| assert_eq!(status(server, 9).await, 500),
        )
        .await;
}

#[tokio::test]
async fn what_a_client_said_is_echoed_shortened() {
    let server = Binary::start(
        "scenario: names\nmessages: { name: \"${ message.n }\", error: \"${ error.name }\" }\non: { x: [ stop: true ] }\n",
        &[],
    );
    for (said, echoed) in [(256, 256), (257, 257)] {
        let name = "ы".repeat(said);
        let answer = answered(&server, &format!(r#"{{"n":"{name}"}}"#)).await;
        let answer: String = serde_json::from_str(&answer).unwrap();
        assert_eq!(answer.chars().count(), echoed);
        assert_eq!(answer.ends_with('…'), said > 256);
    }
}
