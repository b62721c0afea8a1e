//! `faults`: what goes wrong on purpose.

use crate::base::json::{Json, Kind};
use crate::hub::Hub;
use crate::lang::faults::Fault;
use crate::net::answer::{Answer, HttpProblem};

use super::request::{Ask, invalid, items};

pub(super) fn list(hub: &Hub) -> Answer {
    let faults = hub.faults_shown();
    items(faults.iter().map(|(fault, left)| shown(fault, *left)))
}

/// As declared, with what is left of `times`; a `left` that was put back with the rest of a list says nothing.
fn shown(fault: &Json, left: Option<u64>) -> String {
    let members = fault.part().members();
    let mut members: Vec<String> = members
        .filter(|member| member.key() != "left")
        .map(|member| member.member_text().to_owned())
        .collect();
    members.extend(left.map(|left| format!("\"left\":{left}")));
    format!("{{{}}}", members.join(","))
}

pub(super) fn put(hub: &Hub, ask: &Ask) -> Result<Answer, HttpProblem> {
    let body = ask.json()?.filter(|body| body.kind() == Kind::List);
    let body =
        body.ok_or_else(|| invalid("the body is a list of faults, such as [{\"kind\":\"drop\"}]"))?;
    let scenario = hub.scenario();
    let handlers = scenario.fault_handlers();
    let mut faults = Vec::new();
    for (n, json) in body.elements().enumerate() {
        faults.push(
            Fault::read(&json, handlers.as_deref())
                .map_err(|error| invalid(format!("fault {}: {error}", n + 1)))?,
        );
    }
    hub.set_faults(faults);
    Ok(list(hub))
}

pub(super) fn clear(hub: &Hub) -> Answer {
    hub.set_faults(Vec::new());
    list(hub)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_left_is_told_anew_each_time() {
        let cases = [
            (r#"{"kind":"drop"}"#, None, r#"{"kind":"drop"}"#),
            (
                r#"{"kind":"drop", "times":3}"#,
                Some(2),
                r#"{"kind":"drop","times":3,"left":2}"#,
            ),
            (
                r#"{"kind":"drop","left":3,"times":3}"#,
                Some(0),
                r#"{"kind":"drop","times":3,"left":0}"#,
            ),
        ];
        for (declared, left, expected) in cases {
            assert_eq!(shown(&Json::parse(declared).unwrap(), left), expected);
        }
    }
}
