//! `faults`: failures on purpose.

use crate::base::json::{Json, Kind};
use crate::lang::faults::Fault;

use super::call::{ApiCall, ApiResult, invalid, items};

pub(super) fn list(call: &ApiCall) -> ApiResult {
    let faults = call.hub.faults_shown();
    items(faults.iter().map(|(fault, left)| shown(fault, *left)))
}

/// The fault as declared, with what is left of its `times`. A list that was read here may be put back, so a `left` in
/// it is ignored.
fn shown(fault: &Json, left: Option<u64>) -> String {
    let members = fault.part().members();
    let mut members: Vec<String> = members
        .filter(|member| member.key() != "left")
        .map(|member| member.member_text().to_owned())
        .collect();
    members.extend(left.map(|left| format!("\"left\":{left}")));
    format!("{{{}}}", members.join(","))
}

pub(super) fn put(call: &ApiCall) -> ApiResult {
    let body = call.json()?.filter(|body| body.kind() == Kind::List);
    let body = body.ok_or_else(|| {
        invalid("the body must be a list of faults, such as [{\"kind\":\"drop\"}]")
    })?;
    let scenario = call.hub.scenario();
    let handlers = scenario.fault_handlers();
    let read = |(n, json): (usize, Json)| {
        let fault = Fault::read(&json, handlers.as_deref());
        fault.map_err(|error| invalid(format!("fault {}: {error}", n + 1)))
    };
    let faults: Result<_, _> = body.elements().enumerate().map(read).collect();
    call.hub.set_faults(faults?);
    list(call)
}

pub(super) fn clear(call: &ApiCall) -> ApiResult {
    call.hub.set_faults(Vec::new());
    list(call)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn left_is_counted_anew() {
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
