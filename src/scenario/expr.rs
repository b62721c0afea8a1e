//! Stand-in: replaced at merge.

/// Stand-in.
#[derive(Debug)]
pub struct Expr;
/// Stand-in.
#[derive(Debug)]
pub struct Template;
/// Stand-in.
#[derive(Debug)]
pub struct Symbol;
/// Stand-in.
#[derive(Debug, Default)]
pub struct Symbols;
