//! `listen`, `auth` and `faults`.

use super::ScenarioReader;
use super::names::NameScope;
use crate::base::json::Json;
use crate::lang::expr::Template;
use crate::lang::faults::Fault;
use crate::lang::file::problem::shown;
use crate::lang::file::tree::{Node, NodeContent};
use crate::lang::model::{DeclaredListen, Protocol, Scenario};

const PROTOCOLS: &[(&str, Protocol)] = &[
    ("json", Protocol::Json),
    ("raw", Protocol::Raw),
    ("socket.io", Protocol::SocketIo),
];

impl ScenarioReader<'_> {
    pub(super) fn listen(&mut self, node: Option<&Node>) -> DeclaredListen {
        let mut listen = DeclaredListen {
            port: 8080,
            tls: false,
            paths: Vec::new(),
            protocol: Protocol::Json,
        };
        let Some(node) = node else { return listen };
        let keys = &["port", "tls", "paths", "protocol", "heartbeat"];
        let fields = self.fields(node, "`listen`", keys);
        if let Some(node) = fields.get("port")
            && let Some(port) = self.whole(node, "`port`", 0, u64::from(u16::MAX))
        {
            listen.port = port as u16;
        }
        if let Some(node) = fields.get("tls") {
            listen.tls = self.boolean(node, "`tls`").unwrap_or_default();
        }
        if let Some(node) = fields.get("paths") {
            listen.paths = self.paths(node);
        }
        if let Some(node) = fields.get("protocol") {
            let words: Vec<&str> = PROTOCOLS.iter().map(|(word, _)| *word).collect();
            let word = self.word(node, "`protocol`", &words);
            listen.protocol = PROTOCOLS
                .iter()
                .find(|(known, _)| Some(*known) == word)
                .map_or(Protocol::Json, |(_, protocol)| *protocol);
        }
        listen
    }

    fn paths(&mut self, node: &Node) -> Vec<String> {
        let paths = self.texts(node, "`paths`");
        let in_url = |c: char| c.is_ascii_graphic() && !matches!(c, '?' | '#' | '{' | '}' | '*');
        for path in &paths {
            if !path.starts_with('/') || !path.chars().all(in_url) {
                let message = format!(
                    "a path must be as in a URL, such as `/ws`, got {}",
                    shown(path)
                );
                let hint = path.contains(['{', '*']).then_some(
                    "paths have no parameters or patterns; without `paths` every path is open",
                );
                self.problem(node.at, message, hint.map(str::to_owned));
            }
        }
        paths
    }

    /// `auth: { jwt: { secret } }`, which is evaluated after the constants.
    pub(super) fn jwt_secret(
        &mut self,
        node: Option<&Node>,
        scope: &NameScope<'_>,
    ) -> Option<Template> {
        let auth = self.fields(node?, "`auth`", &["jwt"]);
        let jwt = self.required(&auth, "jwt", "`auth`")?;
        let fields = self.fields(jwt, "`jwt`", &["secret", "algorithm"]);
        if let Some(node) = fields.get("algorithm") {
            self.word(node, "`algorithm`", &["HS256"]);
        }
        let secret = self.required(&fields, "secret", "`jwt`")?;
        if secret.text().is_none() {
            self.expected(secret, "`secret`", "a text");
        }
        Some(self.template(secret, scope))
    }

    /// `faults:`, which may name any handler of the finished scenario.
    pub(super) fn faults(&mut self, node: Option<&Node>, scenario: &Scenario) -> Vec<Fault> {
        let Some(node) = node else { return Vec::new() };
        let handlers = scenario.fault_handlers();
        let mut faults = Vec::new();
        for node in self.list(node, "`faults`") {
            if !matches!(node.content, NodeContent::Map(_)) {
                self.expected(node, "a fault", "a map with a `kind`");
                continue;
            }
            self.no_expressions(node, "a fault is read at load", None);
            let json = Json::parse(node.json()).unwrap_or_else(|_| Json::null());
            match Fault::read(&json, handlers.as_deref()) {
                Ok(fault) => faults.push(fault),
                Err(problem) => {
                    let at = problem
                        .key
                        .and_then(|key| node.get(&key))
                        .unwrap_or(node)
                        .at;
                    self.problem(at, problem.message, problem.hint);
                }
            }
        }
        faults
    }
}
