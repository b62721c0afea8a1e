//! Which items of a collection a step is about: `key`, `where`, `sample` or `all`.

use super::StepNode;
use crate::lang::expr::{Expr, Template};
use crate::lang::file::problem::one_of;
use crate::lang::file::tree::NodeContent;
use crate::lang::read::{NameScope, ScenarioReader, is_expression};

/// Items on a page where neither client nor scenario says.
pub(super) const DEFAULT_LIMIT: usize = 50;
/// The largest page where the scenario does not say.
pub(super) const DEFAULT_MAX: usize = 1_000;
/// The largest count in a step.
pub(super) const MAX_COUNT: u64 = 10_000_000;

/// The keys of steps that change items.
pub(super) const ANY_ITEMS: &[&str] = &["key", "where", "sample", "all"];

#[derive(Debug)]
pub enum Which {
    Key(Template),
    /// Sees `item`.
    Where(Expr),
    /// This many, drawn by chance.
    Sample(Template),
    All,
}

impl Which {
    pub(super) fn draws(&self) -> bool {
        match self {
            Which::Key(key) => key.draws(),
            Which::Where(filter) => filter.draws(),
            Which::Sample(_) => true,
            Which::All => false,
        }
    }

    /// Reads the one of `ways` that the step has.
    pub(super) fn read(
        reader: &mut ScenarioReader<'_>,
        step: &StepNode<'_>,
        verb: &str,
        ways: &[&str],
        scope: &NameScope<'_>,
    ) -> Option<Which> {
        let fields = &step.fields;
        match *fields.among(ways) {
            [way] => {
                let node = fields.get(way)?;
                Some(match way {
                    "key" => Which::Key(reader.template(node, scope)),
                    "where" => Which::Where(reader.condition(node, "`where`", scope)),
                    "sample" => {
                        if !is_expression(node) {
                            reader.whole(node, "`sample`", 0, MAX_COUNT);
                        }
                        Which::Sample(reader.template(node, scope))
                    }
                    _ => {
                        if !matches!(node.content, NodeContent::Bool(true)) {
                            reader.expected(node, "`all`", "`true`");
                        }
                        Which::All
                    }
                })
            }
            [] => {
                let ways_words = one_of(ways.iter().copied());
                let message = format!("`{verb}` must say which items, by one of {ways_words}");
                let hint = ways.contains(&"all");
                let hint = hint.then(|| "`all: true` is every item".to_owned());
                reader.problem(fields.at, message, hint);
                None
            }
            ref several => {
                let message = format!(
                    "`{verb}` must have one of {}, got `{}`",
                    one_of(ways.iter().copied()),
                    several.join("` and `")
                );
                let at = several.get(1).map_or(fields.at, |way| fields.key_at(way));
                reader.problem(at, message, None);
                None
            }
        }
    }
}
