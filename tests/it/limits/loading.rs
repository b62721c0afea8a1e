//! Limits that are met before a client is: a scenario's own, and the system's.

use std::process::Command;

use ws_mock::hub::Limit;

use crate::support::binary::{Binary, counted};
use crate::support::raw::{Raw, handshake};

/// Whether the binary finds a scenario sound, and what it says.
fn validated(scenario: &str) -> (bool, String) {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("scenario.yaml");
    std::fs::write(&file, scenario).unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_ws-mock"));
    let output = command.arg("validate").arg(&file).output().unwrap();
    let said = String::from_utf8(output.stdout).unwrap();
    (output.status.success(), said)
}

fn of_size(bytes: usize) -> String {
    let start = "scenario: large\n#";
    format!("{start}{}", " ".repeat(bytes - start.len()))
}

fn with_items(count: u64) -> String {
    format!(
        "scenario: many\ndata: {{ things: {{ count: {count}, key: id, item: {{ id: \"${{ n }}\" }} }} }}\n"
    )
}

/// A constant in so many lists and maps, the file's own and `let` among them.
fn nested(levels: usize) -> String {
    let (open, close) = ("[".repeat(levels - 2), "]".repeat(levels - 2));
    format!("scenario: deep\nlet:\n  x: {open}{close}\n")
}

/// A list of 1 998 texts, repeated so often: with its two ends two thousand pieces each time.
fn with_aliases(count: usize) -> String {
    let texts = vec!["a"; 1998].join(", ");
    let aliases = vec!["*texts"; count].join(", ");
    format!("scenario: again\nlet:\n  x: &texts [{texts}]\n  y: [{aliases}]\n")
}

/// Expressions that are no paths.
fn with_expressions(count: usize) -> String {
    let one = "  - log: ${ 1 + n }\n";
    format!(
        "scenario: wordy\nlet: {{ n: 1 }}\nconnect:\n{}",
        one.repeat(count)
    )
}

#[test]
fn a_scenario_is_bounded() {
    for (figure, at, past) in [
        ("16 MiB", of_size(16 << 20), of_size((16 << 20) + 1)),
        ("10000000", with_items(10_000_000), with_items(10_000_001)),
        ("64 levels", nested(64), nested(65)),
        ("100000", with_aliases(50), with_aliases(51)),
        (
            "20000 expressions",
            with_expressions(20_000),
            with_expressions(20_001),
        ),
    ] {
        let (sound, said) = validated(&at);
        assert!(sound, "{figure}: {said}");
        let (sound, said) = validated(&past);
        assert!(!sound && said.contains(figure), "{figure}: {said}");
    }
}

#[test]
fn more_items_by_an_option_are_refused_at_start() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("scenario.yaml");
    std::fs::write(&file, with_items(1)).unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_ws-mock"));
    command.arg("serve").arg(&file);
    command.args(["--port", "0", "--count", "things=10000001"]);
    let output = command.output().unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(!output.status.success());
    assert!(
        said.contains("must be a whole number from 0 to 10000000"),
        "{said}"
    );
}

/// What stays of so many descriptors for connections.
#[cfg(unix)]
const DESCRIPTORS: usize = 100 - 64;

#[cfg(unix)]
#[tokio::test]
async fn what_file_descriptors_allow_is_told_at_start_and_kept_to() {
    let mut command = Command::new("sh");
    let limited = "ulimit -n 100; exec \"$0\" \"$@\"";
    command.args(["-c", limited, env!("CARGO_BIN_EXE_ws-mock")]);
    let server = Binary::run(command, "scenario: few\n", &["--max-connections", "37"]);
    server
        .line(&["ulimit -n", "allowed=36 ", "wanted=37 "])
        .await;
    let name = Limit::Descriptors.name();
    let mut asking = Raw::connect(server.address).await;
    let ask = "GET /__mock/metrics HTTP/1.1\r\nHost: localhost\r\n\r\n";
    let mut held = Vec::new();
    for _ in 1..DESCRIPTORS {
        held.push(Raw::open(server.address, "/").await);
    }
    asking.send(ask.as_bytes()).await;
    assert_eq!(
        counted(&asking.answer().await.body, name),
        0,
        "at the limit"
    );
    let mut past = Raw::connect(server.address).await;
    past.send(handshake("/", &[]).as_bytes()).await;
    assert!(past.rest().await.is_none_or(|rest| rest.is_empty()));
    server
        .line(&[
            "limit=descriptors ",
            "peer=127.0.0.1:",
            "36 connections",
            "`ulimit -n`",
        ])
        .await;
    asking.send(ask.as_bytes()).await;
    assert_eq!(counted(&asking.answer().await.body, name), 1);
    drop(held.pop());
    server.line(&["disconnected"]).await;
    Raw::open(server.address, "/").await;
}
