//! A scenario is sound or has problems with their places; what is sound can be played.

use std::time::Duration;

use ws_mock::lang::{NoFiles, read_text};

use super::stage::Stage;

/// The text of a file.
pub fn check(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    let scenario = match read_text("fuzz.yaml", text, &NoFiles, &|_| None) {
        Ok(scenario) => scenario,
        Err(problems) => {
            assert!(!problems.is_empty(), "an unsound file has a problem");
            for problem in problems.iter() {
                // Problems of what it extends are in files of their own.
                let ours = problem.file == "fuzz.yaml";
                assert!(
                    !ours || problem.line <= text.split('\n').count() + text.matches('\r').count(),
                    "{problem}"
                );
                assert!(!problem.to_string().is_empty() && !problem.message.is_empty());
            }
            return;
        }
    };
    let mut names: Vec<String> = scenario.on.keys().map(ToString::to_string).collect();
    names.sort();
    let timers: Vec<String> = scenario
        .timers
        .iter()
        .map(|timer| timer.name.clone())
        .collect();
    let Some(mut stage) = Stage::new(scenario) else {
        return;
    };
    stage.come("/ws");
    stage.come("/ws?a=1");
    for name in names.iter().take(8) {
        let name = serde_json::Value::from(name.as_str());
        let message = format!(
            r#"{{"type":{name},"action":{name},"t":{name},"data":{{"id":1}},"requestId":1}}"#
        );
        stage.say(0, message.as_bytes(), false);
        stage.say(1, format!("2[{name},{{\"id\":1}}]").as_bytes(), false);
    }
    for timer in timers.iter().take(4) {
        stage.hub.fire(timer);
        stage.look();
    }
    stage.wait(Duration::from_secs(5));
    stage.go(0);
}
