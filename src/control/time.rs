//! `clock`, `timers`, `triggers`.

use std::time::Duration;

use serde::Deserialize;
use serde_json::{Value, json};

use crate::base::json::{Json, Kind};
use crate::base::text::shortened;
use crate::hub::{Clock, Hub, NotHeld, Returned, TimerShown, print_duration, rfc3339};
use crate::net::answer::HttpProblem;

use super::call::{
    self, ApiCall, ApiResult, conflict, invalid, items, missing, ok, scenario_error,
};

pub(super) fn clock(call: &ApiCall) -> ApiResult {
    ok(clock_shown(&call.hub))
}

pub(super) fn clock_shown(hub: &Hub) -> Value {
    let (clock, now) = hub.clock();
    let held = matches!(clock, Clock::Held { .. });
    json!({ "mode": if held { "manual" } else { "real" }, "now": rfc3339(now) })
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ClockBody {
    mode: Option<Mode>,
    #[serde(default, deserialize_with = "call::time")]
    advance: Option<Duration>,
}

#[derive(Deserialize)]
#[serde(rename_all = "lowercase")]
enum Mode {
    Real,
    Manual,
}

pub(super) async fn set_clock(call: &ApiCall) -> ApiResult {
    let hub = &call.hub;
    let ClockBody { mode, advance } = call.object()?;
    match mode {
        None if advance.is_none() => {
            return Err(invalid(
                "the body must be {\"mode\":\"real\"}, {\"mode\":\"manual\"} or {\"advance\":\"30s\"}",
            ));
        }
        None => {}
        // A refused request changes nothing, so the mode stays as well.
        Some(Mode::Real) if advance.is_some() => return Err(conflict(&NotHeld)),
        Some(Mode::Real) => hub.hold(false),
        Some(Mode::Manual) => hub.hold(true),
    }
    if let Some(by) = advance {
        hub.advance(by).await.map_err(|error| conflict(&error))?;
    }
    clock(call)
}

pub(super) fn timers(call: &ApiCall) -> ApiResult {
    items(call.hub.timers().iter().map(timer))
}

fn timer(timer: &TimerShown) -> Value {
    json!({
        "name": timer.name,
        "every": print_duration(timer.every),
        "due": timer.due.map(rfc3339),
        "paused": timer.paused,
    })
}

fn no_timer(call: &ApiCall) -> HttpProblem {
    let timers = call.hub.timers().into_iter();
    let known: Vec<String> = timers.map(|timer| timer.name).collect();
    missing("timer", call.name(), &known)
}

pub(super) fn fire(call: &ApiCall) -> ApiResult {
    if !call.hub.fire(call.name()) {
        return Err(no_timer(call));
    }
    ok(json!({ "fired": true }))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct TimerBody {
    #[serde(default, deserialize_with = "call::time")]
    every: Option<Duration>,
    paused: Option<bool>,
}

pub(super) fn set_timer(call: &ApiCall) -> ApiResult {
    let TimerBody { every, paused } = call.object()?;
    if every.is_some_and(|every| every.is_zero()) {
        return Err(invalid("`every` must be positive"));
    }
    if every.is_none() && paused.is_none() {
        let message = "the body must have `every`, such as \"5s\", or `paused`, or both";
        return Err(invalid(message));
    }
    let (hub, name) = (&call.hub, call.name());
    if !hub.set_timer(name, every, paused) {
        return Err(no_timer(call));
    }
    let timers = hub.timers();
    match timers.iter().find(|timer| timer.name == name) {
        Some(one) => ok(timer(one)),
        // A timer under `for` has a turn for each item, and its bare name means all of them.
        None => {
            let turn = format!("{name}:");
            let turns = timers.iter().filter(|timer| timer.name.starts_with(&turn));
            items(turns.map(timer))
        }
    }
}

pub(super) fn triggers(call: &ApiCall) -> ApiResult {
    let names = call.hub.triggers().into_iter();
    items(names.map(|name| json!({ "name": name })))
}

pub(super) fn trigger(call: &ApiCall) -> ApiResult {
    let args = call.json()?.unwrap_or_else(empty);
    if args.kind() != Kind::Object {
        let found = shortened(args.text());
        return Err(invalid(format!(
            "the body must be the trigger's `args`, a JSON object, got `{found}`"
        )));
    }
    match call.hub.trigger(call.name(), args) {
        Returned::NotFound => Err(missing("trigger", call.name(), &call.hub.triggers())),
        Returned::Failed { place, why } => Err(scenario_error(format!("{place}: {why}"))),
        _ => ok(json!({ "started": true })),
    }
}

fn empty() -> Json {
    Json::from_value(&crate::lang::Value::from_pairs::<_, &str, &str>([]))
}
