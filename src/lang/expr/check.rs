//! What can be known of an expression before it runs: its names, functions, filters and tests are there.

use std::collections::BTreeSet;

use minijinja::machinery::ast::{BinOpKind, CallArg, CallType, CompareOp, CompareOpKind, Expr};
use minijinja::value::ValueKind;

use super::MAX_OUTPUT;
use super::compile::ExprProblem;
use crate::base::json::write;

use super::environment::{Function, filter_names, test_names};

/// What was met on the way.
#[derive(Default)]
pub(super) struct Found {
    pub(super) draws: bool,
    /// Whether it asks for the facts of the process.
    pub(super) server: bool,
    pub(super) environment_names: BTreeSet<String>,
    /// Whether its work may be far more than its length: it walks lists or texts.
    pub(super) measured: bool,
    /// Behind which bytes of its text the factors of its products end.
    pub(super) factors: BTreeSet<usize>,
}

/// Filters that take as long for any value.
const OF_ONE_VALUE: &[&str] = &[
    "abs", "bool", "d", "default", "float", "int", "pad", "round",
];

fn is_comparison(kind: BinOpKind) -> bool {
    use BinOpKind::{Eq, Gt, Gte, Lt, Lte, Ne};
    matches!(kind, Eq | Ne | Lt | Lte | Gt | Gte)
}

/// Whether comparing these may walk through lists and objects: not where one is a plain value.
fn walks<'e, 's: 'e>(compared: impl IntoIterator<Item = &'e Expr<'s>>) -> bool {
    let plain = |expr: &Expr<'_>| matches!(expr, Expr::Const(_));
    !compared.into_iter().any(plain)
}

type Known<'k> = &'k dyn Fn(&str) -> bool;

/// Walks the whole expression; the first thing that cannot be is the problem.
pub(super) fn walk(
    expr: &Expr<'_>,
    known: Known<'_>,
    found: &mut Found,
) -> Result<(), ExprProblem> {
    match expr {
        Expr::Const(_) => Ok(()),
        Expr::Var(var) if known(var.id) || var.id == "null" => {
            found.server |= var.id == "server";
            Ok(())
        }
        Expr::Var(var) => Err(unknown(expr, "name", var.id, &[])),
        Expr::Slice(slice) => {
            found.measured = true;
            walk(&slice.expr, known, found)?;
            all(
                [&slice.start, &slice.stop, &slice.step]
                    .into_iter()
                    .flatten(),
                known,
                found,
            )
        }
        Expr::UnaryOp(op) => walk(&op.expr, known, found),
        Expr::BinOp(op) => {
            all([&op.left, &op.right], known, found)?;
            found.measured |= match op.op {
                BinOpKind::In => true,
                kind => is_comparison(kind) && walks([&op.left, &op.right]),
            };
            if matches!(op.op, BinOpKind::Mul) {
                product(expr, &op.left, &op.right, found)?;
            }
            Ok(())
        }
        Expr::Compare(compare) => {
            let contained =
                |op: &CompareOp<'_>| matches!(op.op, CompareOpKind::In | CompareOpKind::NotIn);
            let compared =
                std::iter::once(&compare.expr).chain(compare.ops.iter().map(|op| &op.expr));
            found.measured |= compare.ops.iter().any(contained) || walks(compared);
            walk(&compare.expr, known, found)?;
            all(compare.ops.iter().map(|op| &op.expr), known, found)
        }
        Expr::IfExpr(choice) => {
            all([&choice.test_expr, &choice.true_expr], known, found)?;
            all(choice.false_expr.iter(), known, found)
        }
        Expr::Filter(filter) => {
            if !filter_names().contains(filter.name) {
                return Err(unknown(
                    expr,
                    "filter",
                    filter.name,
                    &to_vec(filter_names()),
                ));
            }
            found.measured |= !OF_ONE_VALUE.contains(&filter.name);
            all(filter.expr.iter(), known, found)?;
            arguments(&filter.args, known, found)
        }
        Expr::Test(test) => {
            if !test_names().contains(test.name) {
                return Err(unknown(expr, "test", test.name, &to_vec(test_names())));
            }
            walk(&test.expr, known, found)?;
            arguments(&test.args, known, found)
        }
        Expr::GetAttr(attr) => walk(&attr.expr, known, found),
        Expr::GetItem(item) => all([&item.expr, &item.subscript_expr], known, found),
        Expr::Call(call) => {
            function(expr, &call.identify_call(), &call.args, found)?;
            arguments(&call.args, known, found)
        }
        Expr::List(list) => all(&list.items, known, found),
        Expr::Tuple(tuple) => all(&tuple.items, known, found),
        Expr::Map(map) => all(map.keys.iter().chain(&map.values), known, found),
    }
}

/// A list that is repeated would cost nothing when it is made, and everything when it is looked at: two known at load
/// are looked at now, of any other product each factor is made sure of when it is known.
fn product(
    expr: &Expr<'_>,
    left: &Expr<'_>,
    right: &Expr<'_>,
    found: &mut Found,
) -> Result<(), ExprProblem> {
    let (Some(known), Some(times)) = (left.as_const(), right.as_const()) else {
        factor(left, found);
        factor(right, found);
        return Ok(());
    };
    let (repeated, times) = if known.as_usize().is_some() {
        (times, known)
    } else {
        (known, times)
    };
    let times = times.as_usize().unwrap_or(0);
    // What a text comes to is counted when it is made.
    let is_list = matches!(repeated.kind(), ValueKind::Seq | ValueKind::Iterable);
    if !is_list || times == 0 || write::fits(&repeated, MAX_OUTPUT / times) {
        return Ok(());
    }
    Err(ExprProblem {
        offset: expr.span().start_offset as usize,
        message: format!("a value of more than {MAX_OUTPUT} bytes"),
        hint: None,
    })
}

/// The ends of whatever in a factor may come out as a list.
fn factor(expr: &Expr<'_>, found: &mut Found) {
    match expr {
        Expr::IfExpr(choice) => {
            factor(&choice.true_expr, found);
            choice
                .false_expr
                .iter()
                .for_each(|expr| factor(expr, found));
        }
        Expr::BinOp(op) => {
            factor(&op.left, found);
            factor(&op.right, found);
        }
        Expr::Const(_) | Expr::UnaryOp(_) | Expr::Compare(_) => {}
        _ => {
            found.factors.insert(expr.span().end_offset as usize);
        }
    }
}

fn all<'e, 's: 'e>(
    exprs: impl IntoIterator<Item = &'e Expr<'s>>,
    known: Known<'_>,
    found: &mut Found,
) -> Result<(), ExprProblem> {
    exprs
        .into_iter()
        .try_for_each(|expr| walk(expr, known, found))
}

fn arguments(args: &[CallArg<'_>], known: Known<'_>, found: &mut Found) -> Result<(), ExprProblem> {
    args.iter().try_for_each(|arg| match arg {
        CallArg::Pos(expr)
        | CallArg::Kwarg(_, expr)
        | CallArg::PosSplat(expr)
        | CallArg::KwargSplat(expr) => walk(expr, known, found),
    })
}

fn function(
    expr: &Expr<'_>,
    call: &CallType<'_, '_>,
    args: &[CallArg<'_>],
    found: &mut Found,
) -> Result<(), ExprProblem> {
    let CallType::Function(name) = call else {
        return Err(ExprProblem {
            offset: expr.span().start_offset as usize,
            message: "a call of something that is no function".into(),
            hint: Some("values have no methods; use a filter: `value | filter`".into()),
        });
    };
    if *name == "range" || *name == "dict" {
        found.measured = true;
        return Ok(());
    }
    let Some(function) = Function::find(name) else {
        return Err(unknown(expr, "function", name, &Function::names()));
    };
    found.draws |= function.draws();
    found.measured |= matches!(function, Function::Sample | Function::Shuffle);
    if function == Function::Env {
        match args {
            [CallArg::Pos(Expr::Const(name))] if name.value.as_str().is_some() => {
                found
                    .environment_names
                    .extend(name.value.as_str().map(str::to_owned));
            }
            _ => {
                return Err(ExprProblem {
                    offset: expr.span().start_offset as usize,
                    message: "`env` takes one text, the name of a variable".into(),
                    hint: Some("the environment is read at load: `env('NAME')`".into()),
                });
            }
        }
    }
    Ok(())
}

fn to_vec(names: &BTreeSet<&'static str>) -> Vec<&'static str> {
    names.iter().copied().collect()
}

fn unknown(expr: &Expr<'_>, what: &str, name: &str, allowed: &[&str]) -> ExprProblem {
    let nearest = allowed
        .iter()
        .map(|candidate| (strsim::damerau_levenshtein(candidate, name), *candidate))
        .filter(|(distance, candidate)| *distance <= 2 && *distance < candidate.len())
        .min();
    ExprProblem {
        offset: expr.span().start_offset as usize,
        message: format!("unknown {what} `{name}`"),
        hint: match nearest {
            Some((_, word)) => Some(format!("did you mean `{word}`?")),
            None if allowed.is_empty() => None,
            None => Some(format!("known: {}", allowed.join(", "))),
        },
    }
}
