//! What the README says is true: its scenarios are sound, its commands are ones, its requests are answered.

use std::sync::{Arc, OnceLock};

use ws_mock::base::Limits;
use ws_mock::cli::{Cli, CliVerb};
use ws_mock::control;
use ws_mock::disk::load;
use ws_mock::hub::Hub;
use ws_mock::lang::{NoFiles, read_text};

use crate::support::raw::Raw;
use crate::support::server::{TestServer, config};

const README: &str = include_str!("../../README.md");

/// The fenced blocks of a language.
fn blocks(language: &str) -> Vec<&'static str> {
    let fence = format!("```{language}\n");
    README
        .split(&fence)
        .skip(1)
        .map(|rest| rest.split("\n```").next().unwrap())
        .collect()
}

fn commands() -> Vec<&'static str> {
    blocks("sh")
        .iter()
        .flat_map(|block| block.lines())
        .collect()
}

#[test]
fn its_scenarios_are_sound() {
    let mut sound = 0;
    for block in blocks("yaml") {
        let name = block
            .lines()
            .next()
            .unwrap()
            .strip_prefix("# file: ")
            .expect("a name");
        if let Err(problems) = read_text(name, block, &NoFiles, &|_| None) {
            panic!("{problems}");
        }
        sound += 1;
    }
    assert_eq!(sound, 2);
}

#[test]
fn the_extension_of_stations_is_short() {
    let block = blocks("yaml")
        .into_iter()
        .find(|block| block.contains("extends: stations"))
        .unwrap();
    assert!(block.lines().count() <= 26, "25 lines and the file's name");
}

#[test]
fn its_commands_are_commands() {
    let mut read = 0;
    for line in commands() {
        let Some(rest) = line.strip_prefix("ws-mock ") else {
            continue;
        };
        let cli = Cli::read(std::iter::once("ws-mock").chain(rest.split_whitespace()));
        let cli = cli.unwrap_or_else(|error| panic!("{line}\n{error}"));
        if let CliVerb::Serve(serve) = cli.verb
            && let Ok(scenario) = load(&serve.scenario, &|_| None)
        {
            let names: Vec<&str> = scenario
                .timers
                .iter()
                .map(|timer| timer.name.as_str())
                .collect();
            for word in rest.split_whitespace().filter(|word| word.ends_with("=5s")) {
                assert!(
                    names.contains(&word.trim_end_matches("=5s")),
                    "{line}: timers are {names:?}"
                );
            }
        }
        read += 1;
    }
    assert!(read >= 9, "{read} commands");
}

#[tokio::test]
async fn its_requests_are_answered() {
    let scenario = load("stations", &|_| None).unwrap();
    let timer = scenario.timers[0].name.clone();
    let config = config(Limits::default());
    let hub = Hub::new(scenario, config.play.clone(), config.limits).unwrap();
    let api = control::handler(hub.clone(), Arc::new(OnceLock::new()));
    let server = TestServer::start(&config, hub, Some(api));
    let mut peer = Raw::open(server.address, "/ws").await;
    peer.frame(1, br#"{"type":"request","action":"getStations"}"#)
        .await;
    let mut asked = 0;
    // The one that closes the connection comes last.
    let mut lines: Vec<&str> = commands()
        .into_iter()
        .filter(|line| line.starts_with("curl "))
        .collect();
    lines.sort_by_key(|line| line.contains("connections/c1"));
    for line in lines {
        let line = line.replace("TIMER", &timer);
        let (before, body) = line
            .split_once(" -d '")
            .map_or((line.as_str(), ""), |(before, body)| {
                (before, body.trim_end_matches('\''))
            });
        let method = before
            .split("-X ")
            .nth(1)
            .map_or("GET", |rest| rest.split(' ').next().unwrap());
        let target = before
            .split("localhost:10009")
            .nth(1)
            .unwrap()
            .split([' ', '\''])
            .next()
            .unwrap();
        // A shell would cut the line there, or take it for a pattern.
        assert!(
            !target.contains(['&', '?']) || before.contains(&format!("'localhost:10009{target}'")),
            "{line}: the URL needs quotes"
        );
        let kind = if body.is_empty() {
            ""
        } else {
            "content-type: application/json\r\n"
        };
        let request = format!(
            "{method} {target} HTTP/1.1\r\nhost: localhost\r\n{kind}content-length: {}\r\nconnection: close\r\n\r\n{body}",
            body.len()
        );
        let answer = Raw::exchange(server.address, &request).await;
        assert!(
            answer.status < 300,
            "{line}\n{} {}",
            answer.status,
            answer.body
        );
        asked += 1;
    }
    assert!(asked >= 25, "{asked} requests");
}

#[test]
fn its_options_are_in_the_help() {
    let mut command = Cli::command();
    command.build();
    let known: Vec<String> = command
        .get_subcommands()
        .chain([&command])
        .flat_map(clap::Command::get_arguments)
        .filter_map(|argument| argument.get_long().map(str::to_owned))
        .collect();
    let ours = README.lines().filter(|line| {
        !["cargo ", "npx ", "`cargo install"]
            .iter()
            .any(|other| line.starts_with(other))
    });
    let mut named = 0;
    for line in ours {
        for (at, _) in line.match_indices("--") {
            let before = line[..at].chars().next_back();
            let name: String = line[at + 2..]
                .chars()
                .take_while(|c| c.is_ascii_lowercase() || *c == '-')
                .collect();
            if name.is_empty() || name.starts_with('-') || before == Some('-') {
                continue;
            }
            assert!(
                known.contains(&name),
                "{line}: no option is called --{name}"
            );
            named += 1;
        }
    }
    assert!(named >= 30, "{named} options");
}
