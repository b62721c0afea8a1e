//! `check` and `verify`: the parts of a value, and tokens.

use super::{Perform, Performed, Trouble};
use crate::base::json::{Json, Kind, Part};
use crate::base::{jwt, time};
use crate::engine::context::{Asker, Context, Halt};
use crate::engine::refusal::Refusal;
use crate::lang::expr::{Symbol, names};
use crate::lang::verbs::{CheckStep, JsonType, PartRule, VerifyStep};
use crate::world::Val;

impl Perform for VerifyStep {
    fn perform<'t>(&'t self, context: &mut Context<'t>, name: Option<Symbol>) -> Performed {
        let scenario = context.scenario;
        let jwt = scenario.jwt.as_ref();
        let jwt = jwt.ok_or_else(|| Trouble::from("`verify` needs `auth: { jwt: … }`"))?;
        let token = context.value(&self.token)?;
        let token = token.as_text().unwrap_or_default();
        match jwt::verify(&token, &jwt.secret, context.present.now) {
            Ok(claims) => {
                context.bind(name.unwrap_or(names::CLAIMS), Val::json(claims));
                Ok(())
            }
            Err(error) => {
                let error = Json::string(&error.to_string());
                context.bind(names::ERROR, Val::Json(error));
                if self.otherwise.is_empty() {
                    return Err(Refusal::invalid("token").into());
                }
                context.nested(&self.otherwise)?;
                Err(Halt::Stop.into())
            }
        }
    }
}

impl Perform for CheckStep {
    fn perform<'t>(&'t self, context: &mut Context<'t>, _: Option<Symbol>) -> Performed {
        let val = context.value(&self.value)?;
        if val.is_nothing() && self.has.is_empty() {
            return Ok(());
        }
        let json = val.into_json();
        if json.kind() != Kind::Object {
            let part = match self.prefix.trim_end_matches('.') {
                "" if context.asker == Asker::Http => "body",
                "" => "message",
                part => part,
            };
            return Err(Refusal::invalid(part).into());
        }
        let object = json.part();
        let has = |(name, rule): &&(String, PartRule)| {
            !object.get(name).is_some_and(|part| fits(part, rule))
        };
        let may = |(name, rule): &&(String, PartRule)| {
            let part = object.get(name).filter(|part| !part.is_null());
            part.is_some_and(|part| !fits(part, rule))
        };
        match self.has.iter().find(has).or(self.may.iter().find(may)) {
            Some((name, _)) => Err(Refusal::invalid(&format!("{}{name}", self.prefix)).into()),
            None => Ok(()),
        }
    }
}

fn fits(part: Part<'_>, rule: &PartRule) -> bool {
    match rule {
        PartRule::Types(types) => types.iter().any(|wanted| is_of_type(part, *wanted)),
        PartRule::Values(values) => values.iter().any(|value| {
            value == part.text()
                || Json::parse(value.as_str()).is_ok_and(|value| value.part() == part)
        }),
    }
}

fn is_of_type(part: Part<'_>, wanted: JsonType) -> bool {
    match wanted {
        JsonType::String => part.kind() == Kind::String,
        JsonType::Number => part.kind() == Kind::Number,
        JsonType::Integer => part.as_i64().is_some(),
        JsonType::Boolean => part.kind() == Kind::Bool,
        JsonType::Object => part.kind() == Kind::Object,
        JsonType::List => part.kind() == Kind::List,
        JsonType::Strings => {
            part.kind() == Kind::List && part.elements().all(|part| part.kind() == Kind::String)
        }
        JsonType::Date => part.as_str().is_some_and(|text| time::is_date(&text)),
        JsonType::Null => part.is_null(),
        JsonType::Any => true,
    }
}
