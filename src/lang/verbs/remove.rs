//! `remove`: takes items out of a collection.

use super::which::ANY_ITEMS;
use super::{Declare, StepNode, VerbFacts, Which};
use crate::lang::model::CollectionId;
use crate::lang::read::{NameScope, ScenarioReader};

#[derive(Debug)]
pub struct RemoveStep {
    pub collection: CollectionId,
    pub which: Which,
}

impl Declare for RemoveStep {
    const NAME: &'static str = "remove";
    const KEYS: &'static [&'static str] = ANY_ITEMS;
    const RESULTS: &'static [&'static str] = &["items", "item"];

    fn read(
        reader: &mut ScenarioReader<'_>,
        step: &StepNode<'_>,
        scope: &mut NameScope<'_>,
    ) -> Option<Self> {
        let collection = reader.collection_name(step.value, "`remove`");
        let which = Which::read(reader, step, "remove", ANY_ITEMS, scope);
        Some(RemoveStep {
            collection: collection?,
            which: which?,
        })
    }

    fn facts(&self) -> VerbFacts<'_> {
        VerbFacts::writes()
    }
}
