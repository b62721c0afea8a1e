//! `faults`: what goes wrong on purpose.

use crate::hub::{Hub, read_fault};
use crate::json::Kind;

use super::ask::{Answer, Ask, Problem};

pub(super) fn list(hub: &Hub) -> Answer {
    Answer::items(hub.faults_shown().into_iter().map(|(fault, left)| {
        let text = fault.text().trim_end_matches('}').to_owned();
        match left {
            Some(left) if fault.get("left").is_none() => format!("{text},\"left\":{left}}}"),
            _ => fault.text().to_owned(),
        }
    }))
}

pub(super) fn put(hub: &Hub, ask: &Ask) -> Result<Answer, Problem> {
    let body = ask.json()?.filter(|body| body.kind() == Kind::List);
    let body = body.ok_or_else(|| {
        Problem::invalid("the body is a list of faults, such as [{\"kind\":\"drop\"}]")
    })?;
    let mut faults = Vec::new();
    for (n, json) in body.elements().enumerate() {
        faults.push(
            read_fault(&json)
                .map_err(|error| Problem::invalid(format!("fault {}: {error}", n + 1)))?,
        );
    }
    hub.set_faults(faults);
    Ok(list(hub))
}

pub(super) fn clear(hub: &Hub) -> Answer {
    hub.set_faults(Vec::new());
    list(hub)
}
