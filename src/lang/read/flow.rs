//! Steps around steps: `later for run`.

use super::Reader;
use super::cycles::Run;
use super::names::Scope;
use super::steps::StepNode;
use crate::lang::expr::names;
use crate::lang::model::{ForBody, ForOver, Verb};
use crate::lang::problem::{did_you_mean, one_of, shown};
use crate::lang::tree::{Content, Node};

impl Reader<'_> {
    pub(super) fn later_step(&mut self, step: &StepNode<'_>, scope: &Scope<'_>) -> Option<Verb> {
        let after = self.delay(step.value, "`later`", scope);
        let id = self.optional(step.fields.get("name"), scope);
        let node = self.required(&step.fields, "do", "`later`")?;
        let outer = std::mem::replace(&mut self.later, true);
        // The plan has a copy of the names; what it names nobody else sees.
        let steps = self.steps(node, "`do`", &mut scope.inner());
        self.later = outer;
        Some(Verb::Later { after, id, steps })
    }

    pub(super) fn for_step(&mut self, step: &StepNode<'_>, scope: &mut Scope<'_>) -> Option<Verb> {
        let over = self.over(step.value, scope);
        let fields = &step.fields;
        let each = match fields.get("each") {
            Some(node) => self.value_name(node, "`each`").map(|name| {
                scope.add(&name);
                self.symbol(&name)
            }),
            None => None,
        };
        let body = match *fields.among(&["do", "collect"]) {
            ["do"] => fields
                .get("do")
                .map(|node| ForBody::Do(self.steps(node, "`do`", scope))),
            ["collect"] => self
                .optional(fields.get("collect"), scope)
                .map(ForBody::Collect),
            _ => {
                let message = "`for` takes one of `do` and `collect`".to_owned();
                self.problem(fields.at, message, None);
                None
            }
        };
        if matches!(body, Some(ForBody::Do(_)))
            && let Some(node) = fields.get("as")
        {
            let message = "`as` names what `for` collects, and there is no `collect`".to_owned();
            self.problem(node.at, message, None);
        }
        Some(Verb::For {
            over: over?,
            each: each.unwrap_or(names::ITEM),
            body: body?,
        })
    }

    /// A list, or connections as `to:` names them.
    fn over(&mut self, node: &Node, scope: &Scope<'_>) -> Option<ForOver> {
        let peers = match &node.content {
            Content::Map(_) => true,
            Content::Text(text) => text == "all" || text == "this",
            _ => false,
        };
        if peers {
            return self.to(node, "`for`", scope).map(ForOver::Peers);
        }
        let is_list = match &node.content {
            Content::Text(text) => text.contains("${"),
            Content::List(_) => true,
            _ => false,
        };
        if !is_list {
            let allowed = "a list, an expression, `all`, or a map such as `{ room: … }`";
            self.expected(node, "`for`", allowed);
        }
        Some(ForOver::List(self.template(node, scope)))
    }

    pub(super) fn run_step(&mut self, step: &StepNode<'_>, scope: &mut Scope<'_>) -> Option<Verb> {
        let definition = self.definition(step.value);
        let with = match step.fields.get("with") {
            Some(node) => self.names_of_let(node, scope),
            None => Vec::new(),
        };
        let names = self.defined_names.clone();
        scope.share(&names);
        let definition = definition?;
        if let Some(from) = self.inside.filter(|_| !self.later) {
            self.runs.push(Run {
                from,
                to: definition,
                at: step.value.at,
            });
        }
        Some(Verb::Run { definition, with })
    }

    fn definition(&mut self, node: &Node) -> Option<usize> {
        let name = self.plain_text(node, "`run`")?;
        if let Some(definition) = self.definitions.get(&name) {
            return Some(*definition);
        }
        if self.problems.full() {
            return None;
        }
        let known = || self.definition_names.iter().map(String::as_str);
        let hint = did_you_mean(&name, known()).or_else(|| {
            Some(match self.definition_names.len() {
                0 => "`define` has no steps to run".to_owned(),
                _ => format!("`define` has {}", one_of(known().take(20))),
            })
        });
        self.problem(
            node.at,
            format!("unknown definition {}", shown(&name)),
            hint,
        );
        None
    }
}
