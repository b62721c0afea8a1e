//! `health`, `info`, `metrics`, `reset`.

use std::time::Duration;

use hyper::StatusCode;

use crate::base::json::write;
use crate::base::text::shortened;
use crate::hub::{Hub, print_duration, rfc3339};
use crate::net::answer::{self, Answer, HttpProblem};

use super::request::{Ask, invalid, ok};
use super::time;

const VERSION: &str = env!("CARGO_PKG_VERSION");

pub(super) fn health(hub: &Hub) -> Answer {
    let mut out = String::from("{\"status\":\"ok\",\"scenario\":");
    write::string(&mut out, &hub.scenario().name);
    ok(format!("{out},\"version\":\"{VERSION}\"}}"))
}

pub(super) fn info(hub: &Hub, addresses: &[String]) -> Answer {
    let scenario = hub.scenario();
    let mut out = String::from("{\"scenario\":");
    write::string(&mut out, &scenario.name);
    out.push_str(",\"title\":");
    write::string(&mut out, &scenario.title);
    out.push_str(&format!(
        ",\"version\":\"{VERSION}\",\"seed\":{},\"clock\":{}",
        hub.seed(),
        time::clock_shown(hub)
    ));
    let uptime = Duration::from_secs(hub.uptime().as_secs());
    out.push_str(&format!(",\"uptime\":\"{}\"", print_duration(uptime)));
    let (_, now) = hub.clock();
    out.push_str(&format!(",\"now\":\"{}\"", rfc3339(now)));
    let metrics = hub.metrics();
    out.push_str(&format!(
        ",\"counts\":{{\"connections\":{},\"rooms\":{},\"timers\":{},\"received\":{},\"sent\":{},\"data\":{{",
        metrics.open.get(),
        hub.rooms().len(),
        hub.timers().len(),
        metrics.received.get(),
        metrics.sent.get(),
    ));
    write::joined(&mut out, hub.collections().iter(), |out, collection| {
        write::string(out, &collection.name);
        out.push_str(&format!(":{}", collection.len()));
    });
    out.push_str("}},\"addresses\":[");
    write::joined(&mut out, addresses, |out, address| {
        write::string(out, address);
    });
    out.push_str("]}");
    ok(out)
}

pub(super) fn metrics(hub: &Hub) -> Answer {
    hub.metrics()
        .depth
        .set(i64::try_from(hub.waiting()).unwrap_or(i64::MAX));
    answer::typed(
        StatusCode::OK,
        "application/openmetrics-text; version=1.0.0; charset=utf-8",
        hub.metrics().text(),
    )
}

pub(super) async fn reset(hub: &Hub, ask: &Ask) -> Result<Answer, HttpProblem> {
    let body = ask.object(&["seed"])?;
    let seed = match body.get("seed") {
        None => None,
        Some(value) => Some(value.text().parse::<u64>().map_err(|_| {
            invalid(format!(
                "`seed` is a whole number from 0, found `{}`",
                shortened(value.text())
            ))
        })?),
    };
    hub.reset(seed).await.map_err(|error| {
        HttpProblem::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            "SCENARIO_ERROR",
            format!("{error:#}"),
        )
    })?;
    Ok(ok(format!("{{\"seed\":{}}}", hub.seed())))
}
