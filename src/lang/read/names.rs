//! Which names an expression may use where.

use std::collections::HashSet;
use std::rc::Rc;

use super::Reader;
use crate::lang::expr::{Symbol, Symbols};
use crate::lang::problem::{did_you_mean, shown};
use crate::lang::tree::{Key, Node};

/// Words of the expressions' own grammar.
const RESERVED: &[&str] = &[
    "true", "false", "none", "null", "and", "or", "not", "in", "is", "if", "else", "True", "False",
    "None", "self", "loop",
];
/// A file that names more has lost its way; symbols are 16 bits.
const MAX_SYMBOLS: u16 = u16::MAX - 1;

/// The names in sight: those of the steps before, and those of what surrounds them.
#[derive(Default)]
pub(super) struct Scope<'p> {
    parent: Option<&'p Scope<'p>>,
    own: HashSet<String>,
    shared: Option<Rc<HashSet<String>>>,
}

impl Scope<'_> {
    /// A scope in which everything of this one is in sight.
    pub(super) fn inner(&self) -> Scope<'_> {
        Scope {
            parent: Some(self),
            ..Scope::default()
        }
    }

    /// Adds a name.
    pub(super) fn add(&mut self, name: &str) {
        if !self.own.contains(name) {
            self.own.insert(name.to_owned());
        }
    }

    /// Adds many names that others have too.
    pub(super) fn share(&mut self, names: &Rc<HashSet<String>>) {
        self.shared = Some(names.clone());
    }

    /// Whether a name is in sight.
    pub(super) fn knows(&self, name: &str) -> bool {
        Symbols::built_in().contains(&name)
            || self.layers().any(|layer| {
                layer.own.contains(name)
                    || layer
                        .shared
                        .as_ref()
                        .is_some_and(|names| names.contains(name))
            })
    }

    /// What was probably meant instead of an unknown name.
    pub(super) fn meant(&self, name: &str) -> Option<String> {
        let mut candidates: Vec<&str> = self
            .layers()
            .flat_map(|layer| {
                layer
                    .own
                    .iter()
                    .chain(layer.shared.iter().flat_map(|s| s.iter()))
            })
            .map(String::as_str)
            .collect();
        // Sets have no order, and a hint is the same every time.
        candidates.sort_unstable();
        let built_in = Symbols::built_in().iter().copied();
        did_you_mean(name, built_in.chain(candidates))
    }

    fn layers(&self) -> impl Iterator<Item = &Scope<'_>> {
        std::iter::successors(Some(self), |scope| scope.parent)
    }
}

/// Every name that steps below a node introduce.
pub(super) fn introduced(node: &Node, names: &mut HashSet<String>) {
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

impl Reader<'_> {
    /// The symbol of a name that the file gives.
    pub(super) fn symbol(&mut self, name: &str) -> Symbol {
        let symbol = self.compiler.symbol(name);
        if symbol.0 > MAX_SYMBOLS {
            self.too_many_names = true;
        }
        symbol
    }

    /// The name that a key gives.
    pub(super) fn key_name(&mut self, key: &Key) -> Symbol {
        self.check_name(&key.name, key.at);
        self.symbol(&key.name)
    }

    /// The name that a value gives.
    pub(super) fn value_name(&mut self, node: &Node, what: &str) -> Option<String> {
        let name = self.plain_text(node, what)?;
        self.check_name(&name, node.at).then_some(name)
    }

    fn check_name(&mut self, name: &str, at: crate::lang::tree::Spot) -> bool {
        let letters = |c: char| c == '_' || c.is_ascii_alphabetic();
        let good = name.starts_with(letters)
            && name.chars().all(|c| letters(c) || c.is_ascii_digit())
            && !RESERVED.contains(&name);
        if !good {
            let message = format!(
                "{} cannot be a name: a name is letters, digits and `_`, and no word of the expressions",
                shown(name)
            );
            self.problem(at, message, None);
        }
        good
    }
}
