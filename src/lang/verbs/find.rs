//! `find`: looks one item up.

use super::{Around, Declare, StepNode, Steps, VerbFacts, Which};
use crate::lang::expr::Template;
use crate::lang::model::CollectionId;
use crate::lang::read::{NameScope, ScenarioReader, part_of};

#[derive(Debug)]
pub struct FindStep {
    pub collection: CollectionId,
    /// By key or filter.
    pub which: Which,
    pub fields: Option<Template>,
    /// The name of `fields` in errors.
    pub fields_part: String,
    /// `else:`; without it a missing item is `NOT_FOUND`.
    pub otherwise: Option<Steps>,
}

impl Declare for FindStep {
    const NAME: &'static str = "find";
    const KEYS: &'static [&'static str] = &["key", "where", "fields", "else"];
    const RESULTS: &'static [&'static str] = &["item"];

    fn read(
        reader: &mut ScenarioReader<'_>,
        step: &StepNode<'_>,
        scope: &mut NameScope<'_>,
    ) -> Option<Self> {
        let collection = reader.collection_name(step.value, "`find`");
        let which = Which::read(reader, step, "find", &["key", "where"], scope);
        let fields = reader.optional(step.fields.get("fields"), scope);
        let otherwise = step.fields.get("else");
        let otherwise = otherwise.map(|node| reader.steps(node, "`else`", scope));
        Some(FindStep {
            collection: collection?,
            which: which?,
            fields_part: fields.as_ref().map_or_else(String::new, part_of),
            fields,
            otherwise,
        })
    }

    fn facts(&self) -> VerbFacts<'_> {
        let fields = self.fields.as_ref().is_some_and(Template::draws);
        let otherwise = self.otherwise.as_deref().unwrap_or_default();
        VerbFacts::writes_if(fields || self.which.draws()).with_steps(Around::Same, otherwise)
    }
}
