//! The control API's requests, without sockets: each gets an answer that says what is wrong, none breaks the mock.

use std::sync::{Arc, OnceLock};

use bytes::Bytes;
use http_body_util::BodyExt;
use hyper::{Request, Response};
use ws_mock::control;
use ws_mock::lang::model::Scenario;
use ws_mock::lang::{NoFiles, read_text};
use ws_mock::net::Control;

use super::stage::Stage;

const GAME: &str = include_str!("game.yaml");
const LINES: usize = 40;

/// Each line is a request: method, what is below the root, and the body.
pub fn check(data: &[u8]) {
    static READ: OnceLock<Arc<Scenario>> = OnceLock::new();
    let game =
        READ.get_or_init(|| read_text("game.yaml", GAME, &NoFiles, &|_| None).expect("sound"));
    let mut stage = Stage::new(game.clone()).expect("a world");
    let api = control::handler(stage.hub.clone(), Arc::default());
    stage.come("/ws");
    stage.come("/ws");
    for line in data.split(|byte| *byte == b'\n').take(LINES) {
        let mut words = line.splitn(3, |byte| *byte == b' ');
        let method = words.next().unwrap_or_default();
        let target = String::from_utf8_lossy(words.next().unwrap_or_default()).into_owned();
        let body = Bytes::copy_from_slice(words.next().unwrap_or_default());
        let request = Request::builder()
            .method(method)
            .uri(format!("{}{target}", control::ROOT))
            .header("content-type", "application/json")
            .body(body);
        // What is no HTTP does not come this far.
        if let Ok(request) = request {
            ask(&mut stage, &api, request);
        }
    }
    let health = Request::get(format!("{}health", control::ROOT)).body(Bytes::new());
    let answer = ask(&mut stage, &api, health.expect("a request"));
    assert_eq!(
        answer.map(|answer| answer.status().as_u16()),
        Some(200),
        "it lives"
    );
}

fn ask(stage: &mut Stage, api: &Control, request: Request<Bytes>) -> Option<Response<Bytes>> {
    let shown = format!(
        "{} {} {:?}",
        request.method(),
        request.uri(),
        request.body()
    );
    // It goes on when whoever asked has hung up, and then the rest would run beside it.
    let reset = ws_mock::hub::unescaped(request.uri().path()).contains("/reset");
    let answer = async {
        let (head, body) = api(request).await.into_parts();
        let body = body.collect().await.expect("infallible").to_bytes();
        Response::from_parts(head, body)
    };
    let answer = if reset {
        stage.until(answer)
    } else {
        stage.during(answer)?
    };
    let status = answer.status().as_u16();
    assert!(
        matches!(status, 200 | 201 | 404 | 405 | 408 | 409 | 415 | 422),
        "{shown}: {status}"
    );
    let text = std::str::from_utf8(answer.body()).expect("text");
    let kind = answer.headers()["content-type"].to_str().expect("text");
    if kind.starts_with("application/json") {
        let json: serde_json::Value =
            serde_json::from_str(text).unwrap_or_else(|error| panic!("{shown}: {error}: {text}"));
        assert_eq!(
            status >= 400,
            json.get("error")
                .is_some_and(|error| error["code"].is_string() && error["message"].is_string())
                && json.as_object().is_some_and(|json| json.len() == 1),
            "{shown}: {text}"
        );
    }
    Some(answer)
}
