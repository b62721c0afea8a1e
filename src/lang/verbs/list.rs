//! `list`: selects a page of a collection.

use super::which::{DEFAULT_LIMIT, DEFAULT_MAX, MAX_COUNT};
use super::{Declare, StepNode, VerbFacts};
use crate::lang::expr::{Expr, Template};
use crate::lang::file::tree::{Node, NodeContent};
use crate::lang::model::CollectionId;
use crate::lang::read::{MapFields, NameScope, ScenarioReader, is_expression, part_of, prefix_of};

#[derive(Debug)]
pub struct ListStep {
    pub collection: CollectionId,
    /// `where:`, which sees `item`.
    pub filter: Option<Expr>,
    /// `match:`, a map as the client sent it.
    pub matching: Option<Template>,
    /// The prefix of a member of `match` in errors: `data.filters.`.
    pub match_prefix: String,
    /// The fields that `match` compares by containment.
    pub contains: Vec<String>,
    /// A field, with `-` before it for descending order; null sorts nothing.
    pub sort: Option<Template>,
    pub page: Option<Template>,
    pub limit: Option<Template>,
    /// The limit where the client gives none; `None` is all matches.
    pub default: Option<usize>,
    pub max: usize,
    /// `fields:`, a list as the client sent it.
    pub fields: Option<Template>,
    /// The name of `fields` in errors: `data.fields`.
    pub fields_part: String,
}

impl Declare for ListStep {
    const NAME: &'static str = "list";
    const KEYS: &'static [&'static str] = &[
        "where", "match", "contains", "sort", "page", "limit", "default", "max", "fields",
    ];
    const RESULTS: &'static [&'static str] = &["items", "total", "page", "limit", "matches"];

    fn read(
        reader: &mut ScenarioReader<'_>,
        step: &StepNode<'_>,
        scope: &mut NameScope<'_>,
    ) -> Option<Self> {
        let fields = &step.fields;
        let collection = reader.collection_name(step.value, "`list`");
        let filter = fields.get("where");
        let filter = filter.map(|node| reader.condition(node, "`where`", scope));
        let matching = reader.optional(fields.get("match"), scope);
        let asked = reader.optional(fields.get("fields"), scope);
        let contains = fields.get("contains");
        if let (None, Some(node)) = (&matching, contains) {
            let message = "`contains` needs a `match`, whose fields it names".to_owned();
            reader.problem(node.at, message, None);
        }
        let max = fields.get("max");
        let max = max.and_then(|node| reader.whole(node, "`max`", 1, MAX_COUNT));
        Some(ListStep {
            filter,
            match_prefix: matching.as_ref().map_or_else(String::new, prefix_of),
            matching,
            contains: contains.map_or_else(Vec::new, |node| reader.texts(node, "`contains`")),
            sort: reader.optional(fields.get("sort"), scope),
            page: count(reader, fields, "page", scope),
            limit: count(reader, fields, "limit", scope),
            default: default_limit(reader, fields.get("default")),
            max: max.map_or(DEFAULT_MAX, |max| max as usize),
            fields_part: asked.as_ref().map_or_else(String::new, part_of),
            fields: asked,
            collection: collection?,
        })
    }

    fn facts(&self) -> VerbFacts<'_> {
        let templates = [
            &self.matching,
            &self.sort,
            &self.page,
            &self.limit,
            &self.fields,
        ];
        let draws = templates.into_iter().flatten().any(Template::draws);
        VerbFacts::writes_if(draws || self.filter.as_ref().is_some_and(Expr::draws))
    }
}

fn count(
    reader: &mut ScenarioReader<'_>,
    fields: &MapFields<'_>,
    name: &str,
    scope: &NameScope<'_>,
) -> Option<Template> {
    let node = fields.get(name)?;
    if !is_expression(node) && !node.is_null() {
        reader.whole(node, &format!("`{name}`"), 1, MAX_COUNT);
    }
    Some(reader.template(node, scope))
}

fn default_limit(reader: &mut ScenarioReader<'_>, node: Option<&Node>) -> Option<usize> {
    let Some(node) = node else {
        return Some(DEFAULT_LIMIT);
    };
    if node.text() == Some("all") {
        return None;
    }
    if let NodeContent::Whole(_) = node.content {
        let number = reader.whole(node, "`default`", 1, MAX_COUNT)?;
        return Some(number as usize);
    }
    reader.expected(node, "`default`", "`all` or a whole number");
    None
}
