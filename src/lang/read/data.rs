//! `data:` — collections that are generated, written out, or read from a file.

use std::sync::Arc;

use super::Reader;
use super::fields::Fields;
use super::is_expression;
use super::names::Scope;
use crate::base::MAX_ITEMS;
use crate::lang::expr::Template;
use crate::lang::file::problem::{one_of, shown};
use crate::lang::file::tree::{Content, Key, Node};
use crate::lang::model::{Collection, CollectionId, Origin};

const KEYS: &[&str] = &["key", "count", "item", "with", "each", "items", "from"];
const ORIGINS: &[&str] = &["item", "items", "from"];

impl Reader<'_> {
    pub(super) fn data(&mut self, node: Option<&Node>, scope: &Scope<'_>) -> Vec<Collection> {
        let Some(node) = node else { return Vec::new() };
        let mut collections = Vec::new();
        for (id, (key, node)) in self.map(node, "`data`").iter().enumerate() {
            collections.push(self.collection(id, key, node, scope));
        }
        collections
    }

    fn collection(
        &mut self,
        id: CollectionId,
        name: &Key,
        node: &Node,
        scope: &Scope<'_>,
    ) -> Collection {
        let what = format!("`{}`", name.name);
        let place = Arc::from(self.sources.place(name.at));
        if name.name.is_empty() || name.name.contains(['/', '?', '#', '%']) {
            let message = format!("{} cannot be a collection's name", shown(&name.name));
            self.problem(name.at, message, None);
        }
        if !matches!(node.content, Content::Map(_)) {
            self.expected(node, &what, "a map");
            return Collection {
                name: name.name.clone(),
                key: String::new(),
                origin: Origin::Literal(Vec::new()),
                place,
            };
        }
        let fields = self.fields(node, &what, KEYS);
        let key = fields
            .get("key")
            .and_then(|node| self.plain_text(node, "`key`"))
            .unwrap_or_else(|| "id".to_owned());
        let origin = match *fields.among(ORIGINS) {
            ["item"] => self.generated(id, &what, &key, &fields, scope),
            ["items"] => self.written(&fields, &key),
            ["from"] => {
                let items = fields
                    .get("from")
                    .map(|node| self.items_of_file(node, &key));
                Origin::Literal(items.unwrap_or_default())
            }
            [] => {
                let message = format!("{what} takes one of {}", one_of(ORIGINS.iter().copied()));
                self.problem(name.at, message, None);
                Origin::Literal(Vec::new())
            }
            ref several => {
                let several = several.join("` and `");
                let message = format!("{what} takes only one of `{several}`");
                self.problem(name.at, message, None);
                Origin::Literal(Vec::new())
            }
        };
        if matches!(origin, Origin::Literal(_)) {
            self.only_with_item(&fields, &what);
        }
        Collection {
            name: name.name.clone(),
            key,
            origin,
            place,
        }
    }

    fn only_with_item(&mut self, fields: &Fields<'_>, what: &str) {
        if fields.get("item").is_some() {
            return;
        }
        for name in fields.among(&["count", "with", "each"]) {
            let message = format!("{what} has a `{name}` without an `item`");
            self.problem(fields.key_at(name), message, None);
        }
    }

    fn generated(
        &mut self,
        id: CollectionId,
        what: &str,
        key: &str,
        fields: &Fields<'_>,
        scope: &Scope<'_>,
    ) -> Origin {
        let each = fields
            .get("each")
            .and_then(|node| self.parent_collection(node, id));
        let mut scope = scope.inner();
        let count = match fields.get("count") {
            Some(node) => {
                let count = self.count(node, &scope);
                self.placed(node.at, count)
            }
            None => {
                if fields.get("each").is_none() {
                    let message = format!("{what} has no `count`, the number of its items");
                    self.problem(fields.at, message, None);
                }
                let one = Template::Constant(crate::base::json::Json::from_value(&1.into()));
                self.placed(fields.at, one)
            }
        };
        let with = match fields.get("with") {
            Some(node) => {
                let names = self.names_of_let(node, &mut scope);
                let places = node.entries().iter().map(|(_, node)| node.at);
                let placed = names.into_iter().zip(places);
                placed
                    .map(|((name, part), at)| (name, self.placed(at, part)))
                    .collect()
            }
            None => Vec::new(),
        };
        let mut item = Vec::new();
        if let Some(node) = fields.get("item") {
            let entries = self.map(node, "`item`");
            for (key, node) in entries {
                self.no_expression(key);
                let value = self.template(node, &scope);
                item.push((key.name.clone(), self.placed(node.at, value)));
            }
            if !entries.iter().any(|(entry, _)| entry.name == key) {
                let message = format!("`item` has no {}, which is the key of {what}", shown(key));
                self.problem(node.at, message, None);
            }
        }
        Origin::Generated {
            count,
            each,
            with,
            fields: item,
        }
    }

    fn count(&mut self, node: &Node, scope: &Scope<'_>) -> Template {
        if node.text().is_none_or(|text| !text.contains("${")) {
            self.whole(node, "`count`", 0, MAX_ITEMS);
        }
        self.template(node, scope)
    }

    fn parent_collection(&mut self, node: &Node, id: CollectionId) -> Option<CollectionId> {
        let parent = self.collection_name(node, "`each`")?;
        if parent >= id {
            let message = format!(
                "`each` takes a collection above, {} is not",
                shown(&self.collections.names[parent])
            );
            self.problem(node.at, message, None);
        }
        Some(parent)
    }

    /// The collection that a text names.
    pub(in crate::lang) fn collection_name(
        &mut self,
        node: &Node,
        what: &str,
    ) -> Option<CollectionId> {
        let name = self.plain_text(node, what)?;
        self.reference(&name, node.at, "collection", |reader| &reader.collections)
    }

    /// A name that goes over the wire as it is.
    pub(in crate::lang) fn no_expression(&mut self, key: &Key) {
        if key.name.contains("${") {
            let message = format!(
                "the name of a field is a plain text, found {}",
                shown(&key.name)
            );
            self.problem(key.at, message, None);
        }
    }

    fn written(&mut self, fields: &Fields<'_>, key: &str) -> Origin {
        let Some(node) = fields.get("items") else {
            return Origin::Literal(Vec::new());
        };
        if !matches!(node.content, Content::List(_) | Content::Null) {
            self.expected(node, "`items`", "a list of maps");
            return Origin::Literal(Vec::new());
        }
        for item in node.elements() {
            let hint = "generate items with `item` and `count`";
            self.no_expressions(item, "`items` are taken as they are", Some(hint));
        }
        Origin::Literal(self.items(node.elements(), key))
    }

    /// Reports every expression in a value that is never evaluated.
    pub(super) fn no_expressions(&mut self, node: &Node, why: &str, hint: Option<&str>) {
        if is_expression(node) {
            let message = format!("{why}, got {}", super::fields::described(node));
            self.problem(node.at, message, hint.map(str::to_owned));
        }
        let values = node.entries().iter().map(|(_, value)| value);
        for value in values.chain(node.elements()) {
            self.no_expressions(value, why, hint);
        }
    }
}
