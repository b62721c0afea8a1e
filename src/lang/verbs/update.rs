//! `update`: changes fields of items.

use super::which::ANY_ITEMS;
use super::{Declare, StepNode, VerbFacts, Which};
use crate::lang::expr::Template;
use crate::lang::file::tree::{Node, NodeContent};
use crate::lang::model::CollectionId;
use crate::lang::read::{NameScope, ScenarioReader, is_expression};

#[derive(Debug)]
pub struct UpdateStep {
    pub collection: CollectionId,
    pub which: Which,
    /// Each sees `item` as it was.
    pub set: Assignments,
}

#[derive(Debug)]
pub enum Assignments {
    /// Fields and their values.
    Fields(Vec<(String, Template)>),
    /// An expression that gives an object.
    Object(Template),
}

impl Declare for UpdateStep {
    const NAME: &'static str = "update";
    const KEYS: &'static [&'static str] = &["key", "where", "sample", "all", "set"];
    const RESULTS: &'static [&'static str] = &["items", "item"];

    fn read(
        reader: &mut ScenarioReader<'_>,
        step: &StepNode<'_>,
        scope: &mut NameScope<'_>,
    ) -> Option<Self> {
        let collection = reader.collection_name(step.value, "`update`");
        let which = Which::read(reader, step, "update", ANY_ITEMS, scope);
        let set = reader.required(&step.fields, "set", "`update`")?;
        let set = assignments(reader, set, scope);
        Some(UpdateStep {
            collection: collection?,
            which: which?,
            set,
        })
    }

    fn facts(&self) -> VerbFacts<'_> {
        VerbFacts::writes()
    }
}

fn assignments(reader: &mut ScenarioReader<'_>, node: &Node, scope: &NameScope<'_>) -> Assignments {
    if is_expression(node) {
        return Assignments::Object(reader.template(node, scope));
    }
    if !matches!(node.content, NodeContent::Map(_)) {
        reader.expected(node, "`set`", "a map or an expression");
        return Assignments::Fields(Vec::new());
    }
    Assignments::Fields(reader.named_values(node, "`set`", scope))
}
