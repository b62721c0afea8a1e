//! `update`: changes fields of items.

use super::which::ANY_ITEMS;
use super::{Declare, Facts, StepNode, Which};
use crate::lang::expr::Template;
use crate::lang::file::tree::{Content, Node};
use crate::lang::model::CollectionId;
use crate::lang::read::{Reader, Scope, is_expression};

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

    fn read(reader: &mut Reader<'_>, step: &StepNode<'_>, scope: &mut Scope<'_>) -> Option<Self> {
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

    fn facts(&self) -> Facts<'_> {
        Facts::writes()
    }
}

fn assignments(reader: &mut Reader<'_>, node: &Node, scope: &Scope<'_>) -> Assignments {
    if is_expression(node) {
        return Assignments::Object(reader.template(node, scope));
    }
    if !matches!(node.content, Content::Map(_)) {
        reader.expected(node, "`set`", "a map or an expression");
        return Assignments::Fields(Vec::new());
    }
    Assignments::Fields(reader.named_values(node, "`set`", scope))
}
