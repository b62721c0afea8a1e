//! The journal keeps so many messages, so much of each, and so much in all.

use serde_json::Value;
use ws_mock::hub::Limit;

use super::Bound;
use crate::support::binary::Binary;
use crate::support::raw::{Raw, frame};

/// A server that answers nothing: one message is one entry.
fn silent(limits: &str) -> String {
    format!(
        "scenario: silent\nlisten: {{ protocol: raw }}\nlimits: {{ {limits} }}\non: {{ \"*\": [ stop: true ] }}\n"
    )
}

/// Sends these, and waits until they have been taken in.
async fn say(server: &Binary, count: usize, size: usize) {
    let mut raw = Raw::open(server.address, "/").await;
    raw.send(&frame(true, 1, &vec![b'x'; size]).repeat(count))
        .await;
    raw.frame(9, b"").await;
    raw.expect(10, b"").await;
}

async fn entries(server: &Binary) -> Vec<Value> {
    let journal = server.control("journal?limit=1000").await;
    let mut journal: Value = serde_json::from_str(&journal).unwrap();
    serde_json::from_value(journal["items"].take()).unwrap()
}

async fn sequence(server: &Binary) -> (u64, u64) {
    let first = server.control("journal?limit=1&after=0").await;
    let first: Value = serde_json::from_str(&first).unwrap();
    let last = entries(server).await.pop().unwrap();
    let seq = |entry: &Value| entry["seq"].as_u64().unwrap();
    (seq(&first["items"][0]), seq(&last))
}

#[tokio::test]
async fn the_oldest_messages_go() {
    for (figure, limits, size, most) in [
        ("4 messages", "journal_messages: 4", 1, 4),
        ("20 bytes", "journal_bytes: 20", 10, 2),
        ("10000 messages", "", 1, 10_000),
        ("67108864 bytes", "", 64 << 10, 1024),
    ] {
        let bound = Bound {
            limit: Limit::Journal,
            who: "c",
            figure,
            scenario: &silent(limits),
            options: &[],
        };
        let count = u64::try_from(most).unwrap();
        bound
            .holds(
                async |server| {
                    say(server, most, size).await;
                    assert_eq!(sequence(server).await, (1, count), "{figure}");
                },
                async |server| {
                    say(server, 1, size).await;
                    assert_eq!(sequence(server).await, (2, count + 1), "{figure}");
                },
            )
            .await;
    }
}

#[tokio::test]
async fn so_much_of_a_message_is_kept() {
    for (figure, limits, most) in [
        ("10 bytes", "journal_message: 10", 10),
        ("65536 bytes", "", 65536),
    ] {
        let bound = Bound {
            limit: Limit::JournalMessage,
            who: "c",
            figure,
            scenario: &silent(limits),
            options: &[],
        };
        let kept = async |server: &Binary, size: usize| {
            say(server, 1, size).await;
            let entry = entries(server).await.pop().unwrap();
            assert_eq!(entry["size"], size);
            assert_eq!(entry["message"].as_str().unwrap().len(), most);
            assert_eq!(entry["shortened"] == true, size > most);
        };
        bound
            .holds(
                async |server| kept(server, most).await,
                async |server| kept(server, most + 1).await,
            )
            .await;
    }
}
