//! The functions of the language.

use std::sync::Arc;

use minijinja::{Error, ErrorKind, Value};

use crate::base::json::Json;
use crate::base::{Chance, Moment, time};
use crate::lang::expr::{Function, described, is_plain};
use crate::world::{Collection, Picked, Rows, key_text};

use super::fake;
use super::scope::{Snapshot, peer_name};
use crate::world::Val;

const MAX_VALUES: usize = 100_000;

pub(super) fn call(
    scope: &Snapshot,
    chance: Option<&mut Chance>,
    function: Function,
    args: &[Value],
) -> Result<Value, Error> {
    let call = FunctionCall { function, args };
    match function {
        Function::Now => call.moment(scope, time::rfc3339),
        Function::Date => call.moment(scope, time::date),
        Function::Age => Ok(
            match args.first().and_then(Value::as_str).and_then(time::parse) {
                Some(then) => Value::from(scope.present.now - then),
                None => Value::from(()),
            },
        ),
        Function::Count => Ok(Value::from(call.collection(scope)?.len())),
        Function::Get => {
            let collection = call.collection(scope)?;
            let key = call.arg(1);
            if !is_plain(&key) {
                return Ok(Value::from(()));
            }
            let key = Json::from_value(&key);
            let found = key_text(key.part())
                .and_then(|key| collection.find(&key).map(|(_, item)| item.to_value()));
            Ok(found.unwrap_or(Value::from(())))
        }
        Function::All => {
            let of = call.collection(scope)?.clone();
            let picked = Picked::Places(0, of.len());
            Ok(Val::Rows(Rows::new(of, picked, None)).to_value())
        }
        Function::Room => {
            let room = call.name(0)?;
            Ok(scope
                .world
                .members(&room)
                .into_iter()
                .map(peer_name)
                .collect())
        }
        Function::Env => {
            let name = call.name(0)?;
            Ok(scope
                .world
                .scenario
                .env
                .get(&name)
                .map_or(Value::from(()), Value::from))
        }
        _ => match chance {
            Some(chance) => call.draw(chance),
            None => Err(call.wrong("cannot be called here")),
        },
    }
}

struct FunctionCall<'a> {
    function: Function,
    args: &'a [Value],
}

impl FunctionCall<'_> {
    fn wrong(&self, why: &str) -> Error {
        Error::new(
            ErrorKind::InvalidOperation,
            format!("`{}` {why}", self.function.name()),
        )
    }

    fn arg(&self, at: usize) -> Value {
        self.args.get(at).cloned().unwrap_or_default()
    }

    fn number(&self, at: usize) -> Result<f64, Error> {
        let value = self.arg(at);
        f64::try_from(value.clone())
            .ok()
            .filter(|number| number.is_finite())
            .ok_or_else(|| self.wrong(&format!("needs a number, got {}", described(&value))))
    }

    fn name(&self, at: usize) -> Result<String, Error> {
        let value = self.arg(at);
        if is_plain(&value) {
            return Ok(value.to_string());
        }
        Err(self.wrong(&format!("needs a name, got {}", described(&value))))
    }

    /// `now` and `date`: the time with an offset, as text.
    fn moment(&self, scope: &Snapshot, text: fn(Moment) -> String) -> Result<Value, Error> {
        let offset = if self.args.is_empty() {
            0.0
        } else {
            self.number(0)?
        };
        let moment = scope.present.now.saturating_add(offset as i64);
        if time::has_text(moment) {
            return Ok(Value::from(text(moment)));
        }
        Err(self.wrong(&format!(
            "needs a time from the year 0 to 9999, got an offset of {offset} ms"
        )))
    }

    fn bounds(&self, low: usize, high: usize) -> Result<(f64, f64), Error> {
        match (self.number(low)?, self.number(high)?) {
            (low, high) if low <= high && (high - low).is_finite() => Ok((low, high)),
            (low, high) if low <= high => Err(self.wrong("needs bounds that are less far apart")),
            (low, high) => Err(self.wrong(&format!(
                "needs the lower bound before the higher, got {low} and {high}"
            ))),
        }
    }

    fn collection<'s>(&self, scope: &'s Snapshot) -> Result<&'s Arc<Collection>, Error> {
        let name = self.arg(0);
        let found = scope
            .world
            .collections
            .iter()
            .find(|collection| name.as_str() == Some(&collection.name));
        found.ok_or_else(|| {
            let found = described(&name);
            self.wrong(&format!("needs the name of a collection, got {found}"))
        })
    }

    fn list(&self) -> Result<Vec<Value>, Error> {
        let list: Vec<Value> = self.arg(0).try_iter()?.take(MAX_VALUES + 1).collect();
        if list.len() > MAX_VALUES {
            return Err(self.wrong(&format!("needs a list of up to {MAX_VALUES} values")));
        }
        Ok(list)
    }

    fn draw(&self, chance: &mut Chance) -> Result<Value, Error> {
        match self.function {
            Function::Pick => {
                let list = self.arg(0);
                let len = list.len().unwrap_or(0);
                match chance.below(len as u64) as usize {
                    _ if len == 0 => Err(self.wrong("needs a list with something in it")),
                    at => list.get_item_by_index(at),
                }
            }
            Function::Sample => {
                let mut list = self.list()?;
                let wanted = (self.number(1)?.max(0.0) as usize).min(list.len());
                for at in 0..wanted {
                    let other = at + chance.below((list.len() - at) as u64) as usize;
                    list.swap(at, other);
                }
                list.truncate(wanted);
                Ok(Value::from(list))
            }
            Function::Shuffle => {
                let mut list = self.list()?;
                for at in 0..list.len() {
                    let other = at + chance.below((list.len() - at) as u64) as usize;
                    list.swap(at, other);
                }
                Ok(Value::from(list))
            }
            Function::Int => {
                let (low, high) = self.bounds(0, 1)?;
                let (low, high) = (low.ceil(), high.floor());
                if low > high {
                    return Err(self.wrong("needs bounds with a whole number between them"));
                }
                Ok(Value::from(chance.int(low as i64, high as i64)))
            }
            Function::Float => {
                let (low, high) = self.bounds(0, 1)?;
                let digits = if self.args.len() > 2 {
                    self.number(2)?.clamp(0.0, 15.0) as i32
                } else {
                    6
                };
                let scale = 10f64.powi(digits);
                let drawn = low + chance.unit() * (high - low);
                let rounded = (drawn * scale).round() / scale;
                Ok(Value::from(if rounded.is_finite() {
                    rounded
                } else {
                    drawn
                }))
            }
            Function::Chance => Ok(Value::from(chance.unit() < self.number(0)?)),
            Function::Uuid => Ok(Value::from(uuid(chance))),
            Function::Drift => self.drift(chance),
            Function::Fake => {
                let (kind, locale) = (self.arg(0), self.arg(1));
                fake::make(chance, kind.as_str().unwrap_or_default(), locale.as_str())
                    .map(Value::from)
                    .map_err(|why| self.wrong(&why))
            }
            _ => Err(self.wrong("draws no chance")),
        }
    }

    fn drift(&self, chance: &mut Chance) -> Result<Value, Error> {
        let (step, (low, high)) = (self.number(1)?, self.bounds(2, 3)?);
        let value = self.number(0).unwrap_or(f64::midpoint(low, high));
        let whole = (0..4).all(|at| self.arg(at).is_integer());
        let moved = value + (chance.unit() * 2.0 - 1.0) * step;
        let moved = moved.max(low).min(high);
        Ok(if whole {
            Value::from(moved.round() as i64)
        } else {
            Value::from((moved * 1e6).round() / 1e6)
        })
    }
}

fn uuid(chance: &mut Chance) -> String {
    let (high, low) = (chance.bits(), chance.bits());
    let (time, mid, version) = (high >> 32, (high >> 16) & 0xffff, high & 0xfff);
    let (variant, node) = ((low >> 48) & 0x3fff | 0x8000, low & 0xffff_ffff_ffff);
    format!("{time:08x}-{mid:04x}-4{version:03x}-{variant:04x}-{node:012x}")
}
