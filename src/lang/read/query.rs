//! Steps on data: `list find insert update remove`.

use super::Reader;
use super::fields::Fields;
use super::names::Scope;
use super::steps::StepNode;
use crate::lang::expr::Template;
use crate::lang::model::{DefaultLimit, Find, List, Set, Verb, Which};
use crate::lang::problem::one_of;
use crate::lang::tree::{Content, Node};

/// Items on a page, when neither the client nor the scenario says.
const DEFAULT_LIMIT: usize = 50;
/// The largest page, unless the scenario says.
const DEFAULT_MAX: usize = 1_000;
/// The largest number that any of these may be.
const MOST: u64 = 10_000_000;

impl Reader<'_> {
    pub(super) fn list_step(&mut self, step: &StepNode<'_>, scope: &Scope<'_>) -> Option<Verb> {
        let fields = &step.fields;
        let collection = self.collection_name(step.value, "`list`");
        let filter = fields
            .get("where")
            .map(|node| self.condition(node, "`where`", scope));
        let matching = self.optional(fields.get("match"), scope);
        let asked = self.optional(fields.get("fields"), scope);
        let list = List {
            collection: collection.unwrap_or_default(),
            filter,
            match_prefix: matching.as_ref().map_or_else(String::new, prefix_of),
            matching,
            contains: match fields.get("contains") {
                Some(node) => self.texts(node, "`contains`"),
                None => Vec::new(),
            },
            sort: self.optional(fields.get("sort"), scope),
            page: self.count_or_expression(fields, "page", scope),
            limit: self.count_or_expression(fields, "limit", scope),
            default: self.default_limit(fields.get("default")),
            max: match fields.get("max") {
                Some(node) => self
                    .whole(node, "`max`", 1, MOST)
                    .map_or(DEFAULT_MAX, |max| max as usize),
                None => DEFAULT_MAX,
            },
            fields_part: asked.as_ref().map_or_else(String::new, part_of),
            fields: asked,
        };
        if list.matching.is_none()
            && let Some(node) = fields.get("contains")
        {
            let message =
                "`contains` says how `match` compares, and there is no `match`".to_owned();
            self.problem(node.at, message, None);
        }
        collection.map(|_| Verb::List(Box::new(list)))
    }

    fn count_or_expression(
        &mut self,
        fields: &Fields<'_>,
        name: &str,
        scope: &Scope<'_>,
    ) -> Option<Template> {
        let node = fields.get(name)?;
        if !is_expression(node) && !node.is_null() {
            self.whole(node, &format!("`{name}`"), 1, MOST);
        }
        Some(self.template(node, scope))
    }

    fn default_limit(&mut self, node: Option<&Node>) -> DefaultLimit {
        let Some(node) = node else {
            return DefaultLimit::Items(DEFAULT_LIMIT);
        };
        if node.text() == Some("all") {
            return DefaultLimit::All;
        }
        if let Content::Whole(_) = node.content {
            let number = self.whole(node, "`default`", 1, MOST);
            return DefaultLimit::Items(number.map_or(DEFAULT_LIMIT, |number| number as usize));
        }
        self.expected(node, "`default`", "`all` or a whole number");
        DefaultLimit::All
    }

    pub(super) fn find_step(&mut self, step: &StepNode<'_>, scope: &mut Scope<'_>) -> Option<Verb> {
        let fields = &step.fields;
        let collection = self.collection_name(step.value, "`find`");
        let which = self.which(step, "find", &["key", "where"], scope);
        let asked = self.optional(fields.get("fields"), scope);
        let otherwise = fields
            .get("else")
            .map(|node| self.steps(node, "`else`", scope));
        Some(Verb::Find(Box::new(Find {
            collection: collection?,
            which: which?,
            fields_part: asked.as_ref().map_or_else(String::new, part_of),
            fields: asked,
            otherwise,
        })))
    }

    pub(super) fn insert_step(&mut self, step: &StepNode<'_>, scope: &Scope<'_>) -> Option<Verb> {
        let collection = self.collection_name(step.value, "`insert`");
        let node = self.required(&step.fields, "item", "`insert`")?;
        if !matches!(node.content, Content::Map(_)) && !is_expression(node) {
            self.expected(node, "`item`", "a map or an expression");
        }
        let item = self.template(node, scope);
        Some(Verb::Insert {
            collection: collection?,
            item,
        })
    }

    pub(super) fn update_step(&mut self, step: &StepNode<'_>, scope: &Scope<'_>) -> Option<Verb> {
        let collection = self.collection_name(step.value, "`update`");
        let which = self.which(step, "update", &["key", "where", "sample", "all"], scope);
        let set = self
            .required(&step.fields, "set", "`update`")
            .map(|node| self.set(node, scope));
        Some(Verb::Update {
            collection: collection?,
            which: which?,
            set: set?,
        })
    }

    fn set(&mut self, node: &Node, scope: &Scope<'_>) -> Set {
        if is_expression(node) {
            return Set::Object(self.template(node, scope));
        }
        if !matches!(node.content, Content::Map(_)) {
            self.expected(node, "`set`", "a map or an expression");
            return Set::Fields(Vec::new());
        }
        Set::Fields(self.named_values(node, "`set`", scope))
    }

    pub(super) fn remove_step(&mut self, step: &StepNode<'_>, scope: &Scope<'_>) -> Option<Verb> {
        let collection = self.collection_name(step.value, "`remove`");
        let which = self.which(step, "remove", &["key", "where", "sample", "all"], scope);
        Some(Verb::Remove {
            collection: collection?,
            which: which?,
        })
    }

    /// Which items; exactly one of the ways to say it.
    fn which(
        &mut self,
        step: &StepNode<'_>,
        verb: &str,
        ways: &[&str],
        scope: &Scope<'_>,
    ) -> Option<Which> {
        let fields = &step.fields;
        match *fields.among(ways) {
            [way] => {
                let node = fields.get(way)?;
                Some(match way {
                    "key" => Which::Key(self.template(node, scope)),
                    "where" => Which::Where(self.condition(node, "`where`", scope)),
                    "sample" => {
                        if !is_expression(node) {
                            self.whole(node, "`sample`", 0, MOST);
                        }
                        Which::Sample(self.template(node, scope))
                    }
                    _ => {
                        if !matches!(node.content, Content::Bool(true)) {
                            self.expected(node, "`all`", "`true`");
                        }
                        Which::All
                    }
                })
            }
            [] => {
                let ways = one_of(ways.iter().copied());
                let message = format!("`{verb}` does not say which items: it takes one of {ways}");
                let hint = (verb != "find").then(|| "`all: true` is every item".to_owned());
                self.problem(fields.at, message, hint);
                None
            }
            ref several => {
                let message = format!(
                    "`{verb}` takes one of {}, found `{}`",
                    one_of(ways.iter().copied()),
                    several.join("` and `")
                );
                let at = several.get(1).map_or(fields.at, |way| fields.key_at(way));
                self.problem(at, message, None);
                None
            }
        }
    }
}

/// Whether a text is to be evaluated.
pub(super) fn is_expression(node: &Node) -> bool {
    node.text().is_some_and(|text| text.contains("${"))
}

/// How a value is called in errors: its path in what the client sent; "" for the message itself and what is no path.
pub(super) fn part_of(template: &Template) -> String {
    let Template::Expr(expr) = template else {
        return String::new();
    };
    let path = expr.path_text().unwrap_or_default();
    for root in ["message", "request.body", "args"] {
        if path == root {
            return String::new();
        }
        if let Some(rest) = path
            .strip_prefix(root)
            .and_then(|rest| rest.strip_prefix('.'))
        {
            return rest.to_owned();
        }
    }
    path.to_owned()
}

/// What goes before the name of a value's part.
pub(super) fn prefix_of(template: &Template) -> String {
    match part_of(template) {
        part if part.is_empty() => part,
        part => format!("{part}."),
    }
}
