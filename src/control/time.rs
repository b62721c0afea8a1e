//! `clock`, `timers`, `triggers`.

use hyper::StatusCode;

use crate::base::json::{Json, write};
use crate::hub::{Clock, Hub, NotHeld, Returned, TimerShown, print_duration, rfc3339};

use crate::base::text::shortened;
use crate::net::answer::{Answer, HttpProblem};

use super::request::{Ask, duration, invalid, items, missing, ok, text};

pub(super) fn clock(hub: &Hub) -> Answer {
    ok(clock_shown(hub))
}

pub(super) fn clock_shown(hub: &Hub) -> String {
    let (clock, now) = hub.clock();
    let mode = if matches!(clock, Clock::Held { .. }) {
        "manual"
    } else {
        "real"
    };
    format!("{{\"mode\":\"{mode}\",\"now\":\"{}\"}}", rfc3339(now))
}

pub(super) async fn set_clock(hub: &Hub, ask: &Ask) -> Result<Answer, HttpProblem> {
    let body = ask.object(&["mode", "advance"])?;
    let (mode, advance) = (text(&body, "mode")?, duration(&body, "advance")?);
    match mode.as_deref() {
        None if advance.is_none() => {
            return Err(invalid(
                "say {\"mode\":\"real\"}, {\"mode\":\"manual\"} or {\"advance\":\"30s\"}",
            ));
        }
        None => {}
        // Nothing is changed by what is refused.
        Some("real") if advance.is_some() => return Err(conflict(&NotHeld)),
        Some("real") => hub.hold(false),
        Some("manual") => hub.hold(true),
        Some(other) => {
            return Err(invalid(format!(
                "`mode` is `real` or `manual`, found `{}`",
                shortened(other)
            )));
        }
    }
    if let Some(by) = advance {
        hub.advance(by).await.map_err(|error| conflict(&error))?;
    }
    Ok(clock(hub))
}

fn conflict(error: &NotHeld) -> HttpProblem {
    HttpProblem::new(StatusCode::CONFLICT, "CONFLICT", error.to_string())
}

pub(super) fn timers(hub: &Hub) -> Answer {
    items(hub.timers().iter().map(timer))
}

fn timer(timer: &TimerShown) -> String {
    let mut out = String::from("{\"name\":");
    write::string(&mut out, &timer.name);
    let due = timer
        .due
        .map_or("null".to_owned(), |due| format!("\"{}\"", rfc3339(due)));
    out.push_str(&format!(
        ",\"every\":\"{}\",\"due\":{due},\"paused\":{}}}",
        print_duration(timer.every),
        timer.paused
    ));
    out
}

fn no_timer(hub: &Hub, name: &str) -> HttpProblem {
    let known: Vec<String> = hub.timers().into_iter().map(|timer| timer.name).collect();
    missing("timer", name, &known)
}

pub(super) fn fire(hub: &Hub, name: &str) -> Result<Answer, HttpProblem> {
    if !hub.fire(name) {
        return Err(no_timer(hub, name));
    }
    Ok(ok("{\"fired\":true}".to_owned()))
}

pub(super) fn set_timer(hub: &Hub, name: &str, ask: &Ask) -> Result<Answer, HttpProblem> {
    let body = ask.object(&["every", "paused"])?;
    let every = duration(&body, "every")?;
    if every.is_some_and(|every| every.is_zero()) {
        return Err(invalid("`every` is longer than nothing"));
    }
    let paused = match body
        .get("paused")
        .map(|paused| paused.text().to_owned())
        .as_deref()
    {
        None => None,
        Some("true") => Some(true),
        Some("false") => Some(false),
        Some(other) => {
            return Err(invalid(format!(
                "`paused` is true or false, found `{}`",
                shortened(other)
            )));
        }
    };
    if every.is_none() && paused.is_none() {
        return Err(invalid("say {\"every\":\"5s\"} or {\"paused\":true}"));
    }
    if !hub.set_timer(name, every, paused) {
        return Err(no_timer(hub, name));
    }
    Ok(timers_of(hub, name))
}

/// A timer as the bare item; under `for`, the bare name means all its turns, which are a list.
fn timers_of(hub: &Hub, name: &str) -> Answer {
    let timers = hub.timers();
    match timers.iter().find(|timer| timer.name == name) {
        Some(one) => ok(timer(one)),
        None => {
            let turn = format!("{name}:");
            let turns = timers.iter().filter(|timer| timer.name.starts_with(&turn));
            items(turns.map(timer))
        }
    }
}

pub(super) fn triggers(hub: &Hub) -> Answer {
    items(hub.triggers().into_iter().map(|name| {
        let mut out = String::from("{\"name\":");
        write::string(&mut out, &name);
        out.push('}');
        out
    }))
}

pub(super) fn trigger(hub: &Hub, name: &str, ask: &Ask) -> Result<Answer, HttpProblem> {
    let args = ask.json()?;
    if let Some(args) = args
        .as_ref()
        .filter(|args| args.kind() != crate::base::json::Kind::Object)
    {
        return Err(invalid(format!(
            "the body is the trigger's `args`, a JSON object; found `{}`",
            shortened(args.text())
        )));
    }
    let args = args
        .unwrap_or_else(|| Json::from_value(&crate::lang::Value::from_pairs::<_, &str, &str>([])));
    match hub.trigger(name, args) {
        Returned::NotFound => Err(missing("trigger", name, &hub.triggers())),
        Returned::Failed { place, why } => {
            let message = format!("{place}: {why}");
            Err(HttpProblem::new(
                StatusCode::INTERNAL_SERVER_ERROR,
                "SCENARIO_ERROR",
                message,
            ))
        }
        _ => Ok(ok("{\"started\":true}".to_owned())),
    }
}
