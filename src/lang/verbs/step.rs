//! A step: which verb it has, which keys it takes, and which names it leaves to the steps after it.

use std::sync::Arc;

use super::{Declaration, StepVerb, VERBS};
use crate::lang::expr::{Expr, Symbol, Template};
use crate::lang::file::problem::{did_you_mean, one_of, shown};
use crate::lang::file::tree::{Node, NodeContent};
use crate::lang::read::{MapFields, NameScope, ScenarioReader};

pub type Steps = Arc<[Step]>;

#[derive(Debug)]
pub struct Step {
    pub verb: StepVerb,
    /// `when:`; without it the step always runs.
    pub when: Option<Expr>,
    /// `as:`, the name of the result instead of the verb's own.
    pub name: Option<Symbol>,
    /// The place for errors: `stations.yaml:41:7`.
    pub place: Arc<str>,
}

/// A step while it is read.
pub(in crate::lang) struct StepNode<'n> {
    pub value: &'n Node,
    /// All keys of the step.
    pub fields: MapFields<'n>,
}

/// The facts of a verb for the checks at load and for the choice between read and write access.
#[derive(Default)]
pub(in crate::lang) struct VerbFacts<'v> {
    /// Needs write access: it changes the world, draws chance, or sends to others.
    pub writes: bool,
    pub needs: Need,
    pub steps: Vec<(Around, &'v [Step])>,
    /// The definition that it runs.
    pub runs: Option<usize>,
}

/// The part of an event that a verb cannot do without.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(in crate::lang) enum Need {
    #[default]
    Nothing,
    /// A request to answer.
    Request,
    /// A session, which a handshake has before it has a connection.
    Session,
    /// A connection, which may have ended.
    Peer,
    /// A connection that is open.
    OpenPeer,
}

/// The relation of steps inside a step to those around it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::lang) enum Around {
    Same,
    /// Each connection of a loop takes the place of the caller's.
    EachPeer,
    /// The steps run when the event is over.
    Later,
}

impl<'v> VerbFacts<'v> {
    /// A verb that only evaluates these templates.
    pub(super) fn of<'t>(templates: impl IntoIterator<Item = &'t Template>) -> Self {
        VerbFacts::writes_if(templates.into_iter().any(Template::draws))
    }

    pub(super) fn writes() -> Self {
        VerbFacts::writes_if(true)
    }

    pub(super) fn writes_if(writes: bool) -> Self {
        VerbFacts {
            writes,
            ..VerbFacts::default()
        }
    }

    pub(super) fn needs(self, needs: Need) -> Self {
        VerbFacts { needs, ..self }
    }

    pub(super) fn with_steps(mut self, around: Around, steps: &'v [Step]) -> Self {
        self.steps.push((around, steps));
        self
    }
}

impl ScenarioReader<'_> {
    /// A list of steps; the names that they introduce are added to the scope.
    pub(in crate::lang) fn steps(
        &mut self,
        node: &Node,
        what: &str,
        scope: &mut NameScope<'_>,
    ) -> Steps {
        match node.content {
            NodeContent::List(_) | NodeContent::Null => {}
            NodeContent::Map(_) => {
                let hint = "each step starts with `- `".to_owned();
                let message = format!("{what} must be a list of steps, got a map");
                self.problem(node.at, message, Some(hint));
            }
            _ => self.expected(node, what, "a list of steps"),
        }
        let steps = node.elements().iter();
        steps.filter_map(|node| self.step(node, scope)).collect()
    }

    fn step(&mut self, node: &Node, scope: &mut NameScope<'_>) -> Option<Step> {
        let verb = self.verb_of(node)?;
        let mut allowed = vec![verb.name, "when"];
        allowed.extend(verb.keys);
        if !verb.results.is_empty() {
            allowed.push("as");
        }
        let fields = self.fields(node, &format!("`{}`", verb.name), &allowed);
        let value = fields.get(verb.name)?;
        let when = fields.get("when");
        let when = when.map(|node| self.condition(node, "`when`", scope));
        let name = fields.get("as");
        let name = name.and_then(|node| self.value_name(node, "`as`"));
        let verb = (verb.read)(self, &StepNode { value, fields }, scope);
        if let Some(name) = &name {
            scope.add(name);
        }
        let name = name.map(|name| self.symbol(&name));
        Some(Step {
            verb: verb?,
            when,
            name,
            place: self.place(node.at),
        })
    }

    fn verb_of(&mut self, node: &Node) -> Option<&'static Declaration> {
        let verbs: Vec<&Declaration> = VERBS
            .iter()
            .filter(|verb| node.get(verb.name).is_some())
            .collect();
        match *verbs {
            [verb] => Some(verb),
            [] => {
                self.step_without_verb(node);
                None
            }
            [first, second, ..] => {
                let mut entries = node.entries().iter();
                let key = entries.find(|(key, _)| key.name == second.name);
                let at = key.map_or(node.at, |(key, _)| key.at);
                let message = format!(
                    "a step must have one verb, got `{}` and `{}`",
                    first.name, second.name
                );
                self.problem(at, message, Some("each step starts with `- `".to_owned()));
                None
            }
        }
    }

    fn step_without_verb(&mut self, node: &Node) {
        let verbs = || VERBS.iter().map(|verb| verb.name);
        let mut keys = node.entries().iter().map(|(key, _)| key.name.as_str());
        let first = keys.find(|key| !matches!(*key, "when" | "as"));
        let (message, hint) = match first.or(node.text()) {
            // The name of a verb can only be a text here: as a key it would have been found.
            Some(verb) if verbs().any(|known| known == verb) => (
                format!("a step must be a map, got the text {}", shown(verb)),
                Some(format!("write `- {verb}: …`")),
            ),
            Some(word) => (
                format!("unknown verb {}", shown(word)),
                did_you_mean(word, verbs())
                    .or_else(|| Some(format!("verbs are {}", one_of(verbs())))),
            ),
            None => (format!("a step must have one of {}", one_of(verbs())), None),
        };
        self.problem(node.at, message, hint);
    }
}
