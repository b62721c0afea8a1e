//! `insert`: puts an item into a collection.

use super::{Declare, StepNode, VerbFacts};
use crate::lang::expr::Template;
use crate::lang::file::tree::NodeContent;
use crate::lang::model::CollectionId;
use crate::lang::read::{NameScope, ScenarioReader, is_expression};

#[derive(Debug)]
pub struct InsertStep {
    pub collection: CollectionId,
    /// An expression or a map; gives an object.
    pub item: Template,
}

impl Declare for InsertStep {
    const NAME: &'static str = "insert";
    const KEYS: &'static [&'static str] = &["item"];
    const RESULTS: &'static [&'static str] = &["item"];

    fn read(
        reader: &mut ScenarioReader<'_>,
        step: &StepNode<'_>,
        scope: &mut NameScope<'_>,
    ) -> Option<Self> {
        let collection = reader.collection_name(step.value, "`insert`");
        let node = reader.required(&step.fields, "item", "`insert`")?;
        if !matches!(node.content, NodeContent::Map(_)) && !is_expression(node) {
            reader.expected(node, "`item`", "a map or an expression");
        }
        let item = reader.template(node, scope);
        Some(InsertStep {
            collection: collection?,
            item,
        })
    }

    fn facts(&self) -> VerbFacts<'_> {
        VerbFacts::writes()
    }
}
