//! `for`: repeats steps, or collects values, for each element of a list or each connection.

use super::{Around, Audience, Declare, StepNode, Steps, VerbFacts};
use crate::lang::expr::{Symbol, Template, names};
use crate::lang::file::tree::{Node, NodeContent};
use crate::lang::read::{NameScope, ScenarioReader};

#[derive(Debug)]
pub struct ForStep {
    pub over: LoopOver,
    /// The name of an element; `item` unless `each:` says.
    pub each: Symbol,
    pub body: LoopBody,
}

#[derive(Debug)]
pub enum LoopOver {
    List(Template),
    /// The steps run in the place of each connection.
    Peers(Audience),
}

#[derive(Debug)]
pub enum LoopBody {
    Do(Steps),
    /// Gives a list, named by `as:` or `items`.
    Collect(Template),
}

impl Declare for ForStep {
    const NAME: &'static str = "for";
    const KEYS: &'static [&'static str] = &["each", "do", "collect"];
    const RESULTS: &'static [&'static str] = &["items"];

    fn read(
        reader: &mut ScenarioReader<'_>,
        step: &StepNode<'_>,
        scope: &mut NameScope<'_>,
    ) -> Option<Self> {
        let over = over(reader, step.value, scope);
        let fields = &step.fields;
        let each = fields.get("each");
        let each = each.and_then(|node| reader.value_name(node, "`each`"));
        let each = each.map(|name| {
            scope.add(&name);
            reader.symbol(&name)
        });
        let body = match (fields.get("do"), fields.get("collect")) {
            (Some(node), None) => {
                if let Some(node) = fields.get("as") {
                    let message = "`as` needs a `collect`, whose list it names".to_owned();
                    reader.problem(node.at, message, None);
                }
                LoopBody::Do(reader.steps(node, "`do`", scope))
            }
            (None, Some(node)) => LoopBody::Collect(reader.template(node, scope)),
            _ => {
                let message = "`for` must have one of `do` and `collect`".to_owned();
                reader.problem(fields.at, message, None);
                return None;
            }
        };
        Some(ForStep {
            over: over?,
            each: each.unwrap_or(names::ITEM),
            body,
        })
    }

    fn facts(&self) -> VerbFacts<'_> {
        let around = match self.over {
            LoopOver::List(_) => Around::Same,
            LoopOver::Peers(_) => Around::EachPeer,
        };
        let over = match &self.over {
            LoopOver::List(list) => list.draws(),
            // A step that sends to `this` sends to another peer here.
            LoopOver::Peers(_) if matches!(self.body, LoopBody::Do(_)) => true,
            LoopOver::Peers(peers) => peers.draws(),
        };
        match &self.body {
            LoopBody::Do(steps) => VerbFacts::writes_if(over).with_steps(around, steps),
            LoopBody::Collect(value) => VerbFacts::writes_if(over || value.draws()),
        }
    }
}

fn over(reader: &mut ScenarioReader<'_>, node: &Node, scope: &NameScope<'_>) -> Option<LoopOver> {
    let is_list = match &node.content {
        NodeContent::Map(_) => false,
        NodeContent::Text(text) if text == "all" || text == "this" => false,
        NodeContent::Text(text) => text.contains("${"),
        NodeContent::List(_) => true,
        _ => {
            let allowed = "a list, an expression, `all`, or a map such as `{ room: … }`";
            reader.expected(node, "`for`", allowed);
            return None;
        }
    };
    if is_list {
        return Some(LoopOver::List(reader.template(node, scope)));
    }
    Audience::read(reader, node, "`for`", scope).map(LoopOver::Peers)
}
