//! `http:`: mocked requests.

use std::collections::HashSet;

use super::ScenarioReader;
use super::names::NameScope;
use super::runs::Writers;
use crate::lang::file::problem::{did_you_mean, one_of, shown};
use crate::lang::file::tree::{MapKey, Node};
use crate::lang::model::{Http, Route, Segment};

const METHODS: &[&str] = &["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"];
const RESERVED: &str = "__mock";

impl ScenarioReader<'_> {
    pub(super) fn http(
        &mut self,
        node: Option<&Node>,
        scope: &NameScope<'_>,
        writers: &Writers,
    ) -> Http {
        let error = self.optional_placed(node.and_then(|node| node.get("error")), scope);
        let writers =
            writers.with_envelopes(error.as_ref().is_some_and(|error| error.part.draws()));
        let mut http = Http {
            error,
            ..Http::default()
        };
        let Some(node) = node else { return http };
        let mut shapes = HashSet::new();
        for (key, node) in self.map(node, "`http`") {
            match key.name.as_str() {
                "cors" => http.cors = self.boolean(node, "`cors`").unwrap_or_default(),
                "error" => {}
                _ => {
                    let handler = self.handler(&key.name, node, &key.name, scope, &writers);
                    let Some((method, path)) = self.route(key) else {
                        continue;
                    };
                    let shape = shape(&method, &path);
                    if !shapes.insert(shape) {
                        let message = format!(
                            "{} answers the same requests as one above",
                            shown(&key.name)
                        );
                        self.problem(key.at, message, None);
                    }
                    http.routes.push(Route {
                        method,
                        path,
                        handler,
                    });
                }
            }
        }
        http
    }

    fn route(&mut self, key: &MapKey) -> Option<(String, Vec<Segment>)> {
        let Some((method, path)) = key.name.split_once(' ') else {
            let message = format!("unknown key {} in `http`", shown(&key.name));
            let hint = did_you_mean(&key.name, ["cors", "error"]).or_else(|| {
                Some("keys are `cors`, `error` and requests such as `GET /api/x/{id}`".to_owned())
            });
            self.problem(key.at, message, hint);
            return None;
        };
        if !METHODS.contains(&method) {
            let methods = || METHODS.iter().copied();
            let hint = did_you_mean(method, methods())
                .unwrap_or_else(|| format!("methods are {}", one_of(methods())));
            let message = format!("unknown method {}", shown(method));
            self.problem(key.at, message, Some(hint));
        }
        match segments(path.trim()) {
            Ok(segments) => Some((method.to_owned(), segments)),
            Err(reason) => {
                let message = format!("the path {} {reason}", shown(path.trim()));
                self.problem(key.at, message, None);
                None
            }
        }
    }
}

/// Equal for routes that match the same requests.
fn shape(method: &str, path: &[Segment]) -> String {
    let mut shape = method.to_owned();
    for segment in path {
        shape.push('/');
        match segment {
            Segment::Literal(text) => shape.push_str(text),
            Segment::Param(_) => shape.push_str("{}"),
        }
    }
    shape
}

fn segments(path: &str) -> Result<Vec<Segment>, &'static str> {
    let parts = path.strip_prefix('/').ok_or("does not start with `/`")?;
    if path.contains(['?', '#']) {
        return Err("has a `?` or `#`; the query is in `request.query`");
    }
    let mut names = HashSet::new();
    let mut segments = Vec::new();
    for part in parts.split('/') {
        let inner = part
            .strip_prefix('{')
            .and_then(|part| part.strip_suffix('}'));
        match inner {
            Some("") => return Err("has a `{}` without a name"),
            Some(name) if !names.insert(name) => return Err("has two parts of one name"),
            Some(name) if !name.contains(['{', '}']) => {
                segments.push(Segment::Param(name.to_owned()));
            }
            None if !part.contains(['{', '}']) => segments.push(Segment::Literal(part.to_owned())),
            _ => return Err("has a part that is neither text nor one `{name}`"),
        }
    }
    match segments.first() {
        Some(Segment::Literal(first)) if first == RESERVED => {
            Err("belongs to the control API, which has `/__mock/`")
        }
        _ => Ok(segments),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_read_part_by_part() {
        let literal = |text: &str| Segment::Literal(text.to_owned());
        assert_eq!(
            segments("/api/{id}/x"),
            Ok(vec![
                literal("api"),
                Segment::Param("id".to_owned()),
                literal("x")
            ])
        );
        assert_eq!(segments("/"), Ok(vec![literal("")]));
        for path in [
            "api",
            "/a/{}",
            "/{a}/{a}",
            "/x{a}",
            "/{a}{b}",
            "/a?b",
            "/__mock/x",
        ] {
            assert!(segments(path).is_err(), "{path}");
        }
    }
}
