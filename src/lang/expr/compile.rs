//! Compiles the text of an expression to an [`Expr`].

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use minijinja::machinery::{ast, parse_expr};

use crate::base::json::{Json, write};

use super::check::{Found, Names, Walk};
use super::environment::ENVIRONMENT;
use super::filters::{FACTOR, MEASURED};
use super::{Expr, Formula, MAX_OUTPUT, Path, PathKey, reason};

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Symbol(pub u16);

/// The names of a scenario.
#[derive(Debug, Clone)]
pub struct Symbols {
    names: Vec<Arc<str>>,
    places: HashMap<Arc<str>, Symbol>,
}

macro_rules! built_in {
    ($($constant:ident = $number:literal $name:literal),* $(,)?) => {
        pub mod names {
            use super::Symbol;
            $(#[doc = concat!("`", $name, "`")] pub const $constant: Symbol = Symbol($number);)*
        }
        const BUILT_IN: &[&str] = &[$($name),*];
    };
}

built_in! {
    MESSAGE = 0 "message", EVENT = 1 "event", CONNECTION = 2 "connection", SESSION = 3 "session",
    REQUEST = 4 "request", ARGS = 5 "args", CLAIMS = 6 "claims", ERROR = 7 "error", SERVER = 8 "server",
    N = 9 "n", I = 10 "i", ITEM = 11 "item", PARENT = 12 "parent", CREATED = 13 "created",
    UPDATED = 14 "updated", REMOVED = 15 "removed", RESULT = 16 "result", ITEMS = 17 "items",
    TOTAL = 18 "total", PAGE = 19 "page", LIMIT = 20 "limit", MATCHES = 21 "matches", NULL = 22 "null",
}

impl Default for Symbols {
    fn default() -> Self {
        let names: Vec<Arc<str>> = BUILT_IN.iter().map(|name| Arc::from(*name)).collect();
        let places = names
            .iter()
            .enumerate()
            .map(|(at, name)| (name.clone(), Symbol(at as u16)))
            .collect();
        Symbols { names, places }
    }
}

impl Symbols {
    pub fn built_in() -> &'static [&'static str] {
        BUILT_IN
    }

    pub fn name(&self, symbol: Symbol) -> &str {
        &self.names[usize::from(symbol.0)]
    }

    pub fn find(&self, name: &str) -> Option<Symbol> {
        self.places.get(name).copied()
    }

    fn intern(&mut self, name: &str) -> Symbol {
        if let Some(symbol) = self.find(name) {
            return symbol;
        }
        // Beyond 65,535 names the last symbol is shared; the reader reports that.
        let symbol = Symbol(self.names.len().min(usize::from(u16::MAX)) as u16);
        let name: Arc<str> = Arc::from(name);
        self.names.push(name.clone());
        self.places.insert(name, symbol);
        symbol
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExprProblem {
    /// In bytes of the expression's text.
    pub offset: usize,
    pub message: String,
    pub hint: Option<String>,
}

/// Compiles the expressions of one scenario.
#[derive(Debug, Default)]
pub struct Compiler {
    symbols: Symbols,
    environment_names: BTreeSet<String>,
    asks_server: bool,
    formulas: usize,
}

impl Compiler {
    pub fn new() -> Self {
        Self::default()
    }

    pub fn symbol(&mut self, name: &str) -> Symbol {
        self.symbols.intern(name)
    }

    pub fn symbols(&self) -> &Symbols {
        &self.symbols
    }

    /// The environment variables that expressions use.
    pub fn environment_names(&self) -> impl Iterator<Item = &str> {
        self.environment_names.iter().map(String::as_str)
    }

    pub fn asks_server(&self) -> bool {
        self.asks_server
    }

    /// The number of expressions that are more than a path.
    pub fn formulas(&self) -> usize {
        self.formulas
    }

    /// Compiles the content of a `${ … }`.
    pub fn expression(&mut self, source: &str, names: &dyn Names) -> Result<Expr, ExprProblem> {
        let trimmed = source.trim();
        let shift = source.len() - source.trim_start().len();
        let shifted = |mut problem: ExprProblem| {
            problem.offset += shift;
            problem
        };
        if trimmed.is_empty() {
            return Err(ExprProblem {
                offset: 0,
                message: "an empty expression".into(),
                hint: None,
            });
        }
        let tree = parse_expr(trimmed).map_err(|error| shifted(syntax_problem(&error)))?;
        let mut walk = Walk {
            names,
            found: Found::default(),
        };
        walk.expr(&tree).map_err(shifted)?;
        let found = walk.found;
        self.environment_names.extend(found.environment_names);
        self.asks_server |= found.server;
        if let Some(path) = self.path(&tree, trimmed) {
            return Ok(Expr::Path(path));
        }
        if let Some(value) = tree.as_const() {
            if !write::fits(&value, MAX_OUTPUT) {
                return Err(shifted(ExprProblem {
                    offset: 0,
                    message: format!("a value of more than {MAX_OUTPUT} bytes"),
                    hint: None,
                }));
            }
            return Ok(Expr::Constant(Json::from_value(&value)));
        }
        self.formulas += 1;
        let mut made_sure_of = with_factors(trimmed, &found.factors);
        if found.measured {
            made_sure_of = format!("({made_sure_of})|{MEASURED}");
        }
        let compiled = ENVIRONMENT
            .compile_expression_owned(made_sure_of)
            .map_err(|error| shifted(syntax_problem(&error)))?;
        Ok(Expr::Formula(Formula {
            compiled: Arc::new(compiled),
            draws: found.draws,
            source: Arc::from(trimmed),
        }))
    }

    fn path(&mut self, tree: &ast::Expr<'_>, source: &str) -> Option<Path> {
        let mut keys = Vec::new();
        let mut at = tree;
        let root = loop {
            match at {
                ast::Expr::Var(name) => break name.id,
                ast::Expr::GetAttr(attr) => {
                    keys.push(PathKey::Member(attr.name.into()));
                    at = &attr.expr;
                }
                ast::Expr::GetItem(item) => {
                    let ast::Expr::Const(key) = &item.subscript_expr else {
                        return None;
                    };
                    keys.push(match (key.value.as_str(), key.value.as_usize()) {
                        (Some(name), _) => PathKey::Member(name.into()),
                        (None, Some(place)) => PathKey::Index(place),
                        (None, None) => return None,
                    });
                    at = &item.expr;
                }
                _ => return None,
            }
        };
        keys.reverse();
        Some(Path {
            root: self.symbol(root),
            keys: keys.into(),
            text: Arc::from(source),
        })
    }
}

/// Appends the filter [`FACTOR`] to every factor of a product.
fn with_factors(source: &str, ends: &BTreeSet<usize>) -> String {
    let mut out = String::with_capacity(source.len());
    let mut from = 0;
    for end in ends {
        out.push_str(&source[from..*end]);
        out.push('|');
        out.push_str(FACTOR);
        from = *end;
    }
    out.push_str(&source[from..]);
    out
}

fn syntax_problem(error: &minijinja::Error) -> ExprProblem {
    ExprProblem {
        offset: error.range().map_or(0, |range| range.start),
        message: reason(error),
        hint: None,
    }
}
