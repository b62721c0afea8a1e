//! Limits of a request: its head, its body, and the time it takes.

use ws_mock::hub::Limit;

use super::{Bound, answered, echo, post, status};
use crate::support::raw::{Raw, handshake};

/// A handshake whose head has so many bytes.
fn head_of(size: usize) -> String {
    let empty = handshake("/", &["X-Long: "]).len();
    handshake("/", &[&format!("X-Long: {}", "a".repeat(size - empty))])
}

/// A handshake with so many header lines.
fn head_with(lines: usize) -> String {
    let own = handshake("/", &[]).lines().count() - 2;
    let more: Vec<String> = (own..lines).map(|n| format!("X-{n}: y")).collect();
    handshake("/", &more.iter().map(String::as_str).collect::<Vec<_>>())
}

#[tokio::test]
async fn a_head_has_a_size_and_a_number_of_lines() {
    for (limit, figure, limits, at, past) in [
        (Limit::Head, "`16384`", "", head_of(16384), head_of(16385)),
        (
            Limit::Head,
            "`1000`",
            "head: 1000",
            head_of(1000),
            head_of(1001),
        ),
        (
            Limit::HeaderLines,
            "`100`",
            "",
            head_with(100),
            head_with(101),
        ),
        (
            Limit::HeaderLines,
            "`10`",
            "header_lines: 10",
            head_with(10),
            head_with(11),
        ),
    ] {
        let bound = Bound {
            limit,
            who: "127.0.0.1:",
            figure,
            scenario: &echo(limits),
            options: &[],
        };
        bound
            .holds(
                async |server| assert_eq!(status(server, &at).await, 101, "{figure}"),
                async |server| assert_eq!(status(server, &past).await, 431, "{figure}"),
            )
            .await;
    }
}

#[tokio::test]
async fn a_head_has_a_time() {
    let bound = Bound {
        limit: Limit::HeadTime,
        who: "127.0.0.1:",
        figure: "within 1s",
        scenario: &echo("head_time: 1s"),
        options: &[],
    };
    let both = handshake("/", &[]);
    let (half, rest) = both.split_at(40);
    bound
        .holds(
            async |server| {
                let mut raw = Raw::connect(server.address).await;
                raw.send(half.as_bytes()).await;
                tokio::task::yield_now().await;
                raw.send(rest.as_bytes()).await;
                assert_eq!(raw.answer().await.status, 101);
            },
            async |server| assert_eq!(status(server, half).await, 408),
        )
        .await;
}

#[tokio::test]
async fn silence_and_a_tls_handshake_have_the_time_of_a_head() {
    for said in [&b""[..], b"\x16\x03\x01\x02"] {
        let bound = Bound {
            limit: Limit::HeadTime,
            who: "127.0.0.1:",
            figure: "within 1s",
            scenario: &echo("head_time: 1s"),
            options: &["--ssl"],
        };
        bound
            .holds(
                async |server| assert_eq!(answered(server, "plain").await, "plain"),
                async |server| {
                    let mut raw = Raw::connect(server.address).await;
                    raw.send(said).await;
                    assert!(raw.rest().await.is_none_or(|rest| rest.is_empty()));
                },
            )
            .await;
    }
}

#[tokio::test]
async fn a_body_has_a_size_and_a_time() {
    let whole = "x".repeat(1 << 20);
    for (limit, figure, limits, at, past, refused) in [
        (
            Limit::Body,
            "`10`",
            "body: 10",
            post(10, "0123456789"),
            post(11, "01234567890"),
            413,
        ),
        (
            Limit::Body,
            "`1048576`",
            "",
            post(1 << 20, &whole),
            post((1 << 20) + 1, ""),
            413,
        ),
        (
            Limit::BodyTime,
            "within 1s",
            "body_time: 1s",
            post(10, "0123456789"),
            post(10, "012345678"),
            408,
        ),
    ] {
        let bound = Bound {
            limit,
            who: "127.0.0.1:",
            figure,
            scenario: &echo(limits),
            options: &[],
        };
        bound
            .holds(
                async |server| assert_eq!(status(server, &at).await, 200, "{figure}"),
                async |server| assert_eq!(status(server, &past).await, refused, "{figure}"),
            )
            .await;
    }
}
