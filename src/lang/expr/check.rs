//! What can be known of an expression before it runs: whether its names, functions, filters and tests exist.

use std::collections::BTreeSet;

use minijinja::machinery::ast::{self, BinOpKind, CallArg, CallType, CompareOpKind, Expr, Spanned};
use minijinja::value::ValueKind;

use super::MAX_OUTPUT;
use super::compile::ExprProblem;
use super::environment::{FILTERS, Function, TESTS};
use crate::base::json::write;
use crate::lang::file::problem::{did_you_mean, one_of};

/// The names that an expression may use.
pub trait Names {
    fn knows(&self, name: &str) -> bool;
    /// A name of the scenario hides the built-in name.
    fn redefines(&self, name: &str) -> bool;
}

/// The members of built-in names that always have the same.
const MEMBERS: &[(&str, &[&str])] = &[
    (
        "connection",
        &[
            "id", "address", "path", "since", "query", "headers", "rooms",
        ],
    ),
    (
        "server",
        &["connections", "sent", "received", "uptime", "cpu", "memory"],
    ),
];

/// Filters that take the same time for any value.
const CONSTANT_TIME: &[&str] = &[
    "abs", "bool", "d", "default", "float", "int", "pad", "round",
];

/// The facts of an expression.
#[derive(Default)]
pub(super) struct Found {
    pub(super) draws: bool,
    /// It asks for the facts of the process.
    pub(super) server: bool,
    pub(super) environment_names: BTreeSet<String>,
    /// Its work may be far more than its length: it walks lists or texts.
    pub(super) measured: bool,
    /// The bytes of its text behind which the factors of its products end.
    pub(super) factors: BTreeSet<usize>,
}

/// Walks a whole expression; stops at the first problem.
pub(super) struct Walk<'k> {
    pub(super) names: &'k dyn Names,
    pub(super) found: Found,
}

type Checked = Result<(), ExprProblem>;

impl Walk<'_> {
    pub(super) fn expr(&mut self, expr: &Expr<'_>) -> Checked {
        match expr {
            Expr::Const(_) => Ok(()),
            Expr::Var(var) if self.names.knows(var.id) || var.id == "null" => {
                self.found.server |= var.id == "server";
                Ok(())
            }
            Expr::Var(var) => Err(problem(expr, format!("unknown name `{}`", var.id), None)),
            Expr::Slice(slice) => {
                self.found.measured = true;
                self.expr(&slice.expr)?;
                self.all(
                    [&slice.start, &slice.stop, &slice.step]
                        .into_iter()
                        .flatten(),
                )
            }
            Expr::UnaryOp(op) => self.expr(&op.expr),
            Expr::BinOp(op) => self.binary(expr, op),
            Expr::Compare(compare) => {
                let compared = || {
                    [&compare.expr]
                        .into_iter()
                        .chain(compare.ops.iter().map(|op| &op.expr))
                };
                let contained = |kind| matches!(kind, CompareOpKind::In | CompareOpKind::NotIn);
                self.found.measured |=
                    compare.ops.iter().any(|op| contained(op.op)) || walks(compared());
                self.all(compared())
            }
            Expr::IfExpr(choice) => {
                self.all([&choice.test_expr, &choice.true_expr])?;
                self.all(&choice.false_expr)
            }
            Expr::Filter(filter) => self.filter(expr, filter),
            Expr::Test(test) => {
                known(expr, "test", test.name, TESTS)?;
                self.expr(&test.expr)?;
                self.arguments(&test.args)
            }
            Expr::GetAttr(attr) => self.member(expr, &attr.expr, attr.name),
            Expr::GetItem(item) => match &item.subscript_expr {
                Expr::Const(key) if key.value.as_str().is_some() => {
                    self.member(expr, &item.expr, key.value.as_str().unwrap_or_default())
                }
                key => self.all([&item.expr, key]),
            },
            Expr::Call(call) => self.call(expr, call),
            Expr::List(list) => self.all(&list.items),
            Expr::Tuple(tuple) => self.all(&tuple.items),
            Expr::Map(map) => self.all(map.keys.iter().chain(&map.values)),
        }
    }

    fn all<'e, 's: 'e>(&mut self, exprs: impl IntoIterator<Item = &'e Expr<'s>>) -> Checked {
        exprs.into_iter().try_for_each(|expr| self.expr(expr))
    }

    fn arguments(&mut self, args: &[CallArg<'_>]) -> Checked {
        args.iter().try_for_each(|arg| match arg {
            CallArg::Pos(expr)
            | CallArg::Kwarg(_, expr)
            | CallArg::PosSplat(expr)
            | CallArg::KwargSplat(expr) => self.expr(expr),
        })
    }

    fn member(&mut self, expr: &Expr<'_>, of: &Expr<'_>, name: &str) -> Checked {
        self.expr(of)?;
        let Expr::Var(root) = of else { return Ok(()) };
        match MEMBERS.iter().find(|(built_in, _)| *built_in == root.id) {
            Some((built_in, members))
                if !members.contains(&name) && !self.names.redefines(built_in) =>
            {
                let message = format!("`{built_in}` has no `{name}`");
                Err(problem(expr, message, Some(near(name, "it has", members))))
            }
            _ => Ok(()),
        }
    }

    fn binary(&mut self, expr: &Expr<'_>, op: &ast::BinOp<'_>) -> Checked {
        use BinOpKind::{Eq, Gt, Gte, In, Lt, Lte, Mul, Ne};
        self.all([&op.left, &op.right])?;
        self.found.measured |= match op.op {
            In => true,
            Eq | Ne | Lt | Lte | Gt | Gte => walks([&op.left, &op.right]),
            _ => false,
        };
        if matches!(op.op, Mul) {
            self.product(expr, &op.left, &op.right)?;
        }
        Ok(())
    }

    /// Rejects `[x] * n` where the result would exceed [`MAX_OUTPUT`]. MiniJinja builds such lists lazily, so that
    /// fuel does not catch them. Factors that are not known yet are checked when they are.
    fn product(&mut self, expr: &Expr<'_>, left: &Expr<'_>, right: &Expr<'_>) -> Checked {
        let (Some(left_value), Some(right_value)) = (left.as_const(), right.as_const()) else {
            self.factor(left);
            self.factor(right);
            return Ok(());
        };
        let (repeated, times) = match left_value.as_usize() {
            Some(times) => (right_value, times),
            None => (left_value, right_value.as_usize().unwrap_or(0)),
        };
        // The length of a repeated text is counted when the text is made.
        let is_list = matches!(repeated.kind(), ValueKind::Seq | ValueKind::Iterable);
        if !is_list || times == 0 || write::fits(&repeated, MAX_OUTPUT / times) {
            return Ok(());
        }
        Err(problem(
            expr,
            format!("a value of more than {MAX_OUTPUT} bytes"),
            None,
        ))
    }

    /// Marks the ends of everything in a factor that may be a list.
    fn factor(&mut self, expr: &Expr<'_>) {
        match expr {
            Expr::IfExpr(choice) => {
                self.factor(&choice.true_expr);
                choice.false_expr.iter().for_each(|expr| self.factor(expr));
            }
            Expr::BinOp(op) => {
                self.factor(&op.left);
                self.factor(&op.right);
            }
            Expr::Const(_) | Expr::UnaryOp(_) | Expr::Compare(_) => {}
            _ => {
                self.found.factors.insert(expr.span().end_offset as usize);
            }
        }
    }

    fn filter(&mut self, expr: &Expr<'_>, filter: &Spanned<ast::Filter<'_>>) -> Checked {
        known(expr, "filter", filter.name, FILTERS)?;
        // These take the name of another filter, or of a test.
        let (place, what, names) = match filter.name {
            "map" => (0, "filter", FILTERS),
            "select" | "reject" => (0, "test", TESTS),
            "selectattr" | "rejectattr" => (1, "test", TESTS),
            _ => (usize::MAX, "", FILTERS),
        };
        if let Some(CallArg::Pos(Expr::Const(name))) = filter.args.get(place)
            && let Some(name) = name.value.as_str()
        {
            known(expr, what, name, names)?;
        }
        self.found.measured |= !CONSTANT_TIME.contains(&filter.name);
        self.all(&filter.expr)?;
        self.arguments(&filter.args)
    }

    fn call(&mut self, expr: &Expr<'_>, call: &Spanned<ast::Call<'_>>) -> Checked {
        let CallType::Function(name) = call.identify_call() else {
            let hint = "values have no methods; use a filter: `value | filter`".to_owned();
            let message = "a call must name a function".to_owned();
            return Err(problem(expr, message, Some(hint)));
        };
        if name == "range" || name == "dict" {
            self.found.measured = true;
            return self.arguments(&call.args);
        }
        let Some(function) = Function::find(name) else {
            return known(expr, "function", name, &Function::names());
        };
        self.found.draws |= function.draws();
        self.found.measured |= matches!(function, Function::Sample | Function::Shuffle);
        if function == Function::Env {
            let [CallArg::Pos(Expr::Const(name))] = call.args.as_slice() else {
                return Err(env_problem(expr));
            };
            let name = name.value.as_str().ok_or_else(|| env_problem(expr))?;
            self.found.environment_names.insert(name.to_owned());
        }
        self.arguments(&call.args)
    }
}

/// Comparing these may walk through lists and objects, unless one is a plain value.
fn walks<'e, 's: 'e>(compared: impl IntoIterator<Item = &'e Expr<'s>>) -> bool {
    let plain = |expr: &Expr<'_>| matches!(expr, Expr::Const(_));
    !compared.into_iter().any(plain)
}

fn env_problem(expr: &Expr<'_>) -> ExprProblem {
    let hint = "the environment is read at load: `env('NAME')`".to_owned();
    let message = "`env` must have one text, the name of a variable".to_owned();
    problem(expr, message, Some(hint))
}

fn known(expr: &Expr<'_>, what: &str, name: &str, names: &[&str]) -> Checked {
    if names.contains(&name) {
        return Ok(());
    }
    let hint = near(name, &format!("{what}s are"), names);
    Err(problem(
        expr,
        format!("unknown {what} `{name}`"),
        Some(hint),
    ))
}

fn near(name: &str, list: &str, names: &[&str]) -> String {
    did_you_mean(name, names.iter().copied())
        .unwrap_or_else(|| format!("{list} {}", one_of(names.iter().copied())))
}

fn problem(expr: &Expr<'_>, message: String, hint: Option<String>) -> ExprProblem {
    ExprProblem {
        offset: expr.span().start_offset as usize,
        message,
        hint,
    }
}
