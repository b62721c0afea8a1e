//! Every limit of the README: at it all is as ever, one past it is refused, counted, and told with who, how much and
//! what changes it.

mod handlers;
mod journal;
mod loading;
mod numbers;
mod peers;
mod requests;
mod socketio;

use std::collections::BTreeSet;

use ws_mock::hub::Limit;

use crate::support::binary::Binary;
use crate::support::raw::Raw;

/// A limit, the server that has it, and how it is told.
struct Bound<'b> {
    limit: Limit,
    /// Who reaches it: `c` for a peer, `127.0.0.1:` for another client.
    who: &'b str,
    /// As the log has it.
    figure: &'b str,
    scenario: &'b str,
    options: &'b [&'b str],
}

impl Bound<'_> {
    /// Goes to the limit and one past it, each with the server as it is after the other.
    async fn holds(&self, at: impl AsyncFnOnce(&Binary), past: impl AsyncFnOnce(&Binary)) {
        let server = Binary::start(self.scenario, self.options);
        let name = self.limit.name();
        at(&server).await;
        let told = format!("limit={name} ");
        let early = server.log().into_iter().find(|line| line.contains(&told));
        assert_eq!(early, None, "at the limit");
        assert_eq!(server.counted(name).await, 0, "at the limit");
        past(&server).await;
        let who = format!("peer={}", self.who);
        let changed_by = match self.limit.changed_by() {
            "" => "this limit is fixed",
            changed_by => changed_by,
        };
        server.line(&[&told, &who, self.figure, changed_by]).await;
        assert_eq!(server.counted(name).await, 1, "{:#?}", server.log());
    }
}

/// An echo of whatever comes, under these limits.
fn echo(limits: &str) -> String {
    format!(
        r#"
scenario: echo
listen: {{ protocol: raw }}
limits: {{ {limits} }}
on:
  "*": [ reply: "${{ message }}" ]
http:
  "POST /echo": [ reply: "${{ request.body }}" ]
"#
    )
}

/// A message and what it is answered with.
async fn answered(server: &Binary, message: &str) -> String {
    let mut raw = Raw::open(server.address, "/").await;
    raw.frame(1, message.as_bytes()).await;
    String::from_utf8(raw.read().await.payload).unwrap()
}

async fn status(server: &Binary, request: &str) -> u16 {
    Raw::exchange(server.address, request).await.status
}

fn post(length: usize, body: &str) -> String {
    format!("POST /echo HTTP/1.1\r\nHost: localhost\r\nContent-Length: {length}\r\n\r\n{body}")
}

/// The rows of the README's table, as cells.
fn rows() -> Vec<Vec<&'static str>> {
    const README: &str = include_str!("../../README.md");
    let section = README.split("\n## Limits\n").nth(1).unwrap();
    let section = section.split("\n## ").next().unwrap();
    let rows = section.lines().filter(|line| line.starts_with("| "));
    rows.skip(1)
        .map(|row| row.trim_matches('|').split(" | ").map(str::trim).collect())
        .collect()
}

fn ticked(cell: &str) -> BTreeSet<&str> {
    cell.split('`').skip(1).step_by(2).collect()
}

#[test]
fn the_readme_has_every_limit_with_what_changes_it() {
    let rows = rows();
    let counters: Vec<&str> = rows.iter().flat_map(|row| ticked(row[4])).collect();
    let names: Vec<&str> = Limit::ALL.iter().map(|limit| limit.name()).collect();
    assert_eq!(
        counters.iter().collect::<BTreeSet<_>>(),
        names.iter().collect::<BTreeSet<_>>()
    );
    for limit in Limit::ALL {
        let row = rows
            .iter()
            .find(|row| ticked(row[4]).contains(limit.name()));
        let changed_by = ticked(row.unwrap()[2]);
        for way in ticked(limit.changed_by()) {
            assert!(changed_by.contains(way), "{}: {way}", limit.name());
        }
    }
}
