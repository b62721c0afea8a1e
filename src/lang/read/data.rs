//! `data:`: collections that are generated, written out, or read from a file.

use super::ScenarioReader;
use super::fields::{MapFields, described};
use super::is_expression;
use super::names::NameScope;
use crate::base::MAX_ITEMS;
use crate::base::json::Json;
use crate::lang::expr::Template;
use crate::lang::file::problem::{one_of, shown};
use crate::lang::file::tree::{MapKey, Node, NodeContent};
use crate::lang::model::{CollectionId, DeclaredCollection, ItemOrigin};

const KEYS: &[&str] = &["key", "count", "item", "with", "each", "items", "from"];
const ORIGINS: &[&str] = &["item", "items", "from"];

impl ScenarioReader<'_> {
    pub(super) fn data(
        &mut self,
        node: Option<&Node>,
        scope: &NameScope<'_>,
    ) -> Vec<DeclaredCollection> {
        let Some(node) = node else { return Vec::new() };
        let entries = self.map(node, "`data`").iter().enumerate();
        entries
            .map(|(id, (key, node))| self.collection(id, key, node, scope))
            .collect()
    }

    fn collection(
        &mut self,
        id: CollectionId,
        name: &MapKey,
        node: &Node,
        scope: &NameScope<'_>,
    ) -> DeclaredCollection {
        let what = format!("`{}`", name.name);
        // The control API has the name in its paths.
        if name.name.is_empty() || name.name.contains(['/', '?', '#', '%']) {
            let message = "the name of a collection must be without `/`, `?`, `#` and `%`";
            let message = format!("{message}, got {}", shown(&name.name));
            self.problem(name.at, message, None);
        }
        let place = self.place(name.at);
        if !matches!(node.content, NodeContent::Map(_)) {
            self.expected(node, &what, "a map");
            return DeclaredCollection {
                name: name.name.clone(),
                key: String::new(),
                origin: ItemOrigin::Literal(Vec::new()),
                place,
            };
        }
        let fields = self.fields(node, &what, KEYS);
        let key = fields
            .get("key")
            .and_then(|node| self.plain_text(node, "`key`"))
            .unwrap_or_else(|| "id".to_owned());
        DeclaredCollection {
            origin: self.origin(id, name, &key, &fields, scope),
            name: name.name.clone(),
            key,
            place,
        }
    }

    fn origin(
        &mut self,
        id: CollectionId,
        name: &MapKey,
        key: &str,
        fields: &MapFields<'_>,
        scope: &NameScope<'_>,
    ) -> ItemOrigin {
        let what = format!("`{}`", name.name);
        let origins = fields.among(ORIGINS);
        let [origin] = *origins else {
            let found = match origins.len() {
                0 => "none".to_owned(),
                _ => format!("`{}`", origins.join("` and `")),
            };
            let ways = one_of(ORIGINS.iter().copied());
            let message = format!("{what} must have one of {ways}, got {found}");
            self.problem(name.at, message, None);
            return ItemOrigin::Literal(Vec::new());
        };
        let Some(node) = fields.get(origin) else {
            return ItemOrigin::Literal(Vec::new());
        };
        if origin == "item" {
            return self.generated(id, &what, key, fields, node, scope);
        }
        for name in fields.among(&["count", "with", "each"]) {
            let message = format!("`{name}` needs an `item`, which {what} has not");
            self.problem(fields.key_at(name), message, None);
        }
        ItemOrigin::Literal(match origin {
            "from" => self.items_of_file(node, key),
            _ => {
                for item in self.list(node, "`items`") {
                    let hint = "generate items with `item` and `count`";
                    self.no_expressions(item, "`items` are taken as they are", Some(hint));
                }
                self.items(node.elements(), key)
            }
        })
    }

    fn generated(
        &mut self,
        id: CollectionId,
        what: &str,
        key: &str,
        fields: &MapFields<'_>,
        item: &Node,
        scope: &NameScope<'_>,
    ) -> ItemOrigin {
        let each = fields.get("each");
        let mut scope = scope.inner();
        let count = match fields.get("count") {
            Some(node) => {
                if !is_expression(node) {
                    self.whole(node, "`count`", 0, MAX_ITEMS);
                }
                let count = self.template(node, &scope);
                self.placed(node.at, count)
            }
            None => {
                if each.is_none() {
                    let message = format!("{what} needs a `count`, the number of its items");
                    self.problem(fields.at, message, None);
                }
                let one = Template::Constant(Json::from_value(&1.into()));
                self.placed(fields.at, one)
            }
        };
        let each = each.and_then(|node| self.parent_collection(node, id));
        let mut with = Vec::new();
        if let Some(node) = fields.get("with") {
            let names = self.names_of_let(node, &mut scope);
            let places = node.entries().iter().map(|(_, node)| node.at);
            for ((name, part), at) in names.into_iter().zip(places) {
                with.push((name, self.placed(at, part)));
            }
        }
        let mut item_fields = Vec::new();
        for (name, node) in self.map(item, "`item`") {
            self.no_expression(name);
            let value = self.template(node, &scope);
            item_fields.push((name.name.clone(), self.placed(node.at, value)));
        }
        if item.get(key).is_none() {
            let message = format!("`item` must have {}, the key of {what}", shown(key));
            self.problem(item.at, message, None);
        }
        ItemOrigin::Generated {
            count,
            each,
            with,
            fields: item_fields,
        }
    }

    fn parent_collection(&mut self, node: &Node, id: CollectionId) -> Option<CollectionId> {
        let parent = self.collection_name(node, "`each`")?;
        if parent >= id {
            self.expected(node, "`each`", "a collection above this one");
        }
        Some(parent)
    }

    pub(in crate::lang) fn collection_name(
        &mut self,
        node: &Node,
        what: &str,
    ) -> Option<CollectionId> {
        let name = self.plain_text(node, what)?;
        self.reference(&name, node.at, "collection", |reader| &reader.collections)
    }

    /// Refuses an expression in a name.
    pub(in crate::lang) fn no_expression(&mut self, key: &MapKey) {
        if key.name.contains("${") {
            let found = shown(&key.name);
            let message = format!("the name of a field must be a plain text, got {found}");
            self.problem(key.at, message, None);
        }
    }

    /// Reports every expression in a value that is never evaluated.
    pub(super) fn no_expressions(&mut self, node: &Node, why: &str, hint: Option<&str>) {
        if is_expression(node) {
            let message = format!("{why}, got {}", described(node));
            self.problem(node.at, message, hint.map(str::to_owned));
        }
        let values = node.entries().iter().map(|(_, value)| value);
        for value in values.chain(node.elements()) {
            self.no_expressions(value, why, hint);
        }
    }
}
