//! `health`, `info`, `metrics`, `reset`.

use std::time::Duration;

use hyper::StatusCode;
use serde::Deserialize;
use serde_json::{Map, json};

use crate::hub::{print_duration, rfc3339};
use crate::net::answer;

use super::call::{ApiCall, ApiResult, ok, scenario_error};
use super::time;

const VERSION: &str = env!("CARGO_PKG_VERSION");

pub(super) fn health(call: &ApiCall) -> ApiResult {
    ok(json!({ "status": "ok", "scenario": call.hub.scenario().name, "version": VERSION }))
}

pub(super) fn info(call: &ApiCall) -> ApiResult {
    let hub = &call.hub;
    let (scenario, metrics) = (hub.scenario(), hub.metrics());
    let collections = hub.collections();
    let data = collections
        .iter()
        .map(|one| (one.name.clone(), one.len().into()));
    ok(json!({
        "scenario": scenario.name,
        "title": scenario.title,
        "version": VERSION,
        "seed": hub.seed(),
        "clock": time::clock_shown(hub),
        "uptime": print_duration(Duration::from_secs(hub.uptime().as_secs())),
        "now": rfc3339(hub.clock().1),
        "counts": {
            "connections": metrics.open.get(),
            "rooms": hub.rooms().len(),
            "timers": hub.timers().len(),
            "received": metrics.received.get(),
            "sent": metrics.sent.get(),
            "data": data.collect::<Map<_, _>>(),
        },
        "addresses": call.addresses,
    }))
}

pub(super) fn metrics(call: &ApiCall) -> ApiResult {
    let metrics = call.hub.metrics();
    let waiting = i64::try_from(call.hub.waiting());
    metrics.depth.set(waiting.unwrap_or(i64::MAX));
    Ok(answer::typed(
        StatusCode::OK,
        "application/openmetrics-text; version=1.0.0; charset=utf-8",
        metrics.text(),
    ))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ResetBody {
    seed: Option<u64>,
}

pub(super) async fn reset(call: &ApiCall) -> ApiResult {
    let ResetBody { seed } = call.object()?;
    let made = call.hub.reset(seed).await;
    made.map_err(|error| scenario_error(format!("{error:#}")))?;
    ok(json!({ "seed": call.hub.seed() }))
}
