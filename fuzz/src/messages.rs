//! The way of a message: peers come, speak, stall and go, requests are made, time passes, data is changed.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use ws_mock::base::json::Json;
use ws_mock::disk::load;
use ws_mock::lang::model::Scenario;
use ws_mock::lang::{NoFiles, bundled, read_text};

use super::stage::Stage;

/// Rooms, plans, timers, changes: what the scenarios inside have, all in one and small.
const GAME: &str = include_str!("game.yaml");

/// Longer ways only repeat.
const LINES: usize = 100;

/// The first line is a scenario's name. Each further line is one thing that happens, by its first byte: `+` a
/// handshake for a path, `-` somebody goes, `~` somebody stops reading or reads again, `>` somebody says a text and `b`
/// bytes, `@` milliseconds pass, `$` mocked HTTP, `*` a trigger, `!` a timer fires, `r` everything is as at the start.
pub fn check(data: &[u8]) {
    let mut lines = data.split(|byte| *byte == b'\n');
    let name = lines.next().unwrap_or_default();
    let Some(scenario) = scenario(name) else {
        return;
    };
    let Some(mut stage) = Stage::new(scenario) else {
        return;
    };
    for line in lines.take(LINES) {
        if let Some((&kind, rest)) = line.split_first() {
            play(&mut stage, kind, rest);
        }
    }
}

fn play(stage: &mut Stage, kind: u8, rest: &[u8]) {
    let text = String::from_utf8_lossy(rest);
    let (word, more) = text.split_once(' ').unwrap_or((&text, ""));
    let who = rest.first().map_or(0, |byte| usize::from(byte % 8));
    let said = rest.get(1..).unwrap_or_default();
    match kind {
        b'+' => stage.come(&text),
        b'-' => stage.go(who),
        b'~' => stage.stall(who),
        b'>' => stage.say(who, said, false),
        b'b' => stage.say(who, said, true),
        b'@' => stage.wait(Duration::from_millis(
            text.parse::<u16>().unwrap_or(0).into(),
        )),
        b'$' => {
            let (target, body) = more.split_once(' ').unwrap_or((more, ""));
            stage.request(word, target, body.as_bytes());
        }
        b'*' => {
            if let Ok(args) = Json::parse(if more.is_empty() { "{}" } else { more }) {
                stage.hub.trigger(word, args);
            }
            stage.look();
        }
        b'!' => {
            stage.hub.fire(&text);
            stage.look();
        }
        b'r' => {
            let hub = stage.hub.clone();
            let reset = stage.until(async move { hub.reset(None).await });
            reset.expect("what was made once is made again");
        }
        _ => {}
    }
}

/// Each is read once.
fn scenario(name: &[u8]) -> Option<Arc<Scenario>> {
    static READ: OnceLock<Vec<(&str, Arc<Scenario>)>> = OnceLock::new();
    let read = READ.get_or_init(|| {
        let mut read = vec![(
            "game",
            read_text("game.yaml", GAME, &NoFiles, &|_| None).expect("sound"),
        )];
        read.extend(
            bundled()
                .iter()
                .map(|(name, _)| (*name, load(name, &|_| None).expect("sound"))),
        );
        read
    });
    read.iter()
        .find(|(known, _)| known.as_bytes() == name)
        .map(|(_, scenario)| scenario.clone())
}
