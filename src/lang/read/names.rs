//! The names in sight of an expression.

use std::collections::{HashMap, HashSet};
use std::rc::Rc;

use super::ScenarioReader;
use crate::lang::expr::{Names, Symbol, Symbols};
use crate::lang::file::problem::{did_you_mean, one_of, shown};
use crate::lang::file::tree::{MapKey, Node, Spot};

const RESERVED: &[&str] = &[
    "true", "false", "none", "null", "and", "or", "not", "in", "is", "if", "else", "True", "False",
    "None", "self", "loop",
];
/// Symbols have 16 bits.
const MAX_SYMBOLS: u16 = u16::MAX - 1;

/// The names in sight: of the steps before, and of what surrounds them.
#[derive(Default)]
pub(in crate::lang) struct NameScope<'p> {
    parent: Option<&'p NameScope<'p>>,
    own: HashSet<String>,
    /// Sets that several scopes have.
    shared: Vec<Rc<HashSet<String>>>,
}

impl NameScope<'_> {
    /// A scope inside of this one.
    pub(in crate::lang) fn inner(&self) -> NameScope<'_> {
        NameScope {
            parent: Some(self),
            ..NameScope::default()
        }
    }

    pub(in crate::lang) fn add(&mut self, name: &str) {
        if !self.own.contains(name) {
            self.own.insert(name.to_owned());
        }
    }

    /// Adds a set of names without copying it.
    pub(in crate::lang) fn share(&mut self, names: &Rc<HashSet<String>>) {
        if !self.shared.iter().any(|known| Rc::ptr_eq(known, names)) {
            self.shared.push(names.clone());
        }
    }

    /// The hint for an unknown name.
    pub(in crate::lang) fn meant(&self, name: &str) -> Option<String> {
        let mut candidates: Vec<&str> = self
            .layers()
            .flat_map(|layer| {
                layer
                    .own
                    .iter()
                    .chain(layer.shared.iter().flat_map(|names| names.iter()))
            })
            .map(String::as_str)
            .collect();
        // Sorted, because the order of sets is random and the hint should not be.
        candidates.sort_unstable();
        let built_in = Symbols::built_in().iter().copied();
        did_you_mean(name, built_in.chain(candidates))
    }

    fn layers(&self) -> impl Iterator<Item = &NameScope<'_>> {
        std::iter::successors(Some(self), |scope| scope.parent)
    }
}

impl Names for NameScope<'_> {
    fn knows(&self, name: &str) -> bool {
        Symbols::built_in().contains(&name) || self.redefines(name)
    }

    fn redefines(&self, name: &str) -> bool {
        let has = |layer: &NameScope<'_>| {
            layer.own.contains(name) || layer.shared.iter().any(|names| names.contains(name))
        };
        self.layers().any(has)
    }
}

/// Collects the names that steps below a node introduce.
pub(in crate::lang) fn introduced(node: &Node, names: &mut HashSet<String>) {
    for (key, value) in node.entries() {
        match key.name.as_str() {
            "let" | "with" => {
                names.extend(value.entries().iter().map(|(key, _)| key.name.clone()));
            }
            "as" | "each" => names.extend(value.text().map(str::to_owned)),
            _ => {}
        }
        introduced(value, names);
    }
    for element in node.elements() {
        introduced(element, names);
    }
}

/// The names of a section, which may be used above it.
#[derive(Debug, Default)]
pub(in crate::lang) struct Declared {
    pub(super) section: &'static str,
    pub(super) names: Vec<String>,
    indexes: HashMap<String, usize>,
}

impl Declared {
    pub(super) fn of(root: &Node, section: &'static str) -> Self {
        let entries = root.get(section).map_or(&[][..], Node::entries);
        let names: Vec<String> = entries.iter().map(|(key, _)| key.name.clone()).collect();
        Declared {
            section,
            indexes: names.iter().cloned().zip(0..).collect(),
            names,
        }
    }
}

impl ScenarioReader<'_> {
    /// The index of a declared name.
    pub(super) fn reference(
        &mut self,
        name: &str,
        at: Spot,
        what: &str,
        declared: impl Fn(&Self) -> &Declared,
    ) -> Option<usize> {
        let known = declared(self);
        if let Some(index) = known.indexes.get(name) {
            return Some(*index);
        }
        if self.problems.full() {
            return None;
        }
        let names = || known.names.iter().map(String::as_str);
        let hint = did_you_mean(name, names()).unwrap_or_else(|| match known.names.len() {
            0 => format!("`{}` has no {what}", known.section),
            _ => format!("`{}` has {}", known.section, one_of(names().take(20))),
        });
        self.problem(at, format!("unknown {what} {}", shown(name)), Some(hint));
        None
    }

    pub(in crate::lang) fn definition_name(&mut self, node: &Node) -> Option<usize> {
        let name = self.plain_text(node, "`run`")?;
        self.reference(&name, node.at, "definition", |reader| &reader.definitions)
    }

    pub(in crate::lang) fn names_of_definitions(&self) -> Rc<HashSet<String>> {
        self.defined_names.clone()
    }

    pub(in crate::lang) fn symbol(&mut self, name: &str) -> Symbol {
        let symbol = self.compiler.symbol(name);
        if symbol.0 > MAX_SYMBOLS {
            self.too_many_names = true;
        }
        symbol
    }

    pub(in crate::lang) fn key_name(&mut self, key: &MapKey) -> Symbol {
        self.check_name(&key.name, key.at);
        self.symbol(&key.name)
    }

    pub(in crate::lang) fn value_name(&mut self, node: &Node, what: &str) -> Option<String> {
        let name = self.plain_text(node, what)?;
        self.check_name(&name, node.at).then_some(name)
    }

    fn check_name(&mut self, name: &str, at: Spot) -> bool {
        let letters = |c: char| c == '_' || c.is_ascii_alphabetic();
        let good = name.starts_with(letters)
            && name.chars().all(|c| letters(c) || c.is_ascii_digit())
            && !RESERVED.contains(&name);
        if !good {
            let message = format!(
                "a name must be letters, digits and `_`, got {}",
                shown(name)
            );
            let hint = RESERVED
                .contains(&name)
                .then(|| format!("`{name}` is a word of expressions"));
            self.problem(at, message, hint);
        }
        good
    }
}
