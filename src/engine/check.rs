//! `check` and `verify`: whether what a client sent is what it should be.

use crate::base::json::{Json, Kind, Part};
use crate::base::jwt;
use crate::base::time;
use crate::lang::expr::{Symbol, Template, names};
use crate::lang::verbs::{JsonType, PartRule, Steps};

use super::context::{Asker, Context, Halt};
use super::refusal::Refusal;
use super::steps::Trouble;
use crate::world::Val;

impl<'t> Context<'t> {
    pub(super) fn verify(
        &mut self,
        token: &Template,
        otherwise: &'t Steps,
        name: Option<Symbol>,
    ) -> Result<(), Trouble> {
        let jwt = self
            .scenario
            .jwt
            .as_ref()
            .ok_or_else(|| "`verify` needs `auth: { jwt: … }`".to_owned())?;
        let token = self.value(token)?;
        let token = token.as_text().unwrap_or_default();
        match jwt::verify(&token, &jwt.secret, self.present.now) {
            Ok(claims) => {
                self.bind(name.unwrap_or(names::CLAIMS), Val::json(claims));
                Ok(())
            }
            Err(error) => {
                self.bind(names::ERROR, Val::Json(Json::string(&error.to_string())));
                if otherwise.is_empty() {
                    return Err(Refusal::invalid("token").into());
                }
                self.nested(otherwise)?;
                Err(Halt::Stop.into())
            }
        }
    }

    pub(super) fn check(
        &mut self,
        value: &Template,
        prefix: &str,
        has: &[(String, PartRule)],
        may: &[(String, PartRule)],
    ) -> Result<(), Trouble> {
        let val = self.value(value)?;
        if val.is_nothing() && has.is_empty() {
            return Ok(());
        }
        let json = val.into_json();
        if json.kind() != Kind::Object {
            let part = match prefix.strip_suffix('.').unwrap_or(prefix) {
                "" if self.asker == Asker::Http => "body",
                "" => "message",
                part => part,
            };
            return Err(Refusal::invalid(part).into());
        }
        let object = json.part();
        let wrong = |part: &str| Trouble::from(Refusal::invalid(&format!("{prefix}{part}")));
        for (part, kinds) in has {
            if !object.get(part).is_some_and(|part| fits(part, kinds)) {
                return Err(wrong(part));
            }
        }
        for (part, kinds) in may {
            let given = object.get(part).filter(|part| !part.is_null());
            if given.is_some_and(|part| !fits(part, kinds)) {
                return Err(wrong(part));
            }
        }
        Ok(())
    }
}

fn fits(part: Part<'_>, kinds: &PartRule) -> bool {
    match kinds {
        PartRule::Types(types) => types.iter().any(|kind| is_kind(part, *kind)),
        PartRule::Values(values) => values.iter().any(|value| {
            value == part.text()
                || Json::parse(value.as_str()).is_ok_and(|value| value.part() == part)
        }),
    }
}

/// Whether a part is of one of these kinds, in the words of `check`.
fn is_kind(part: Part<'_>, kind: JsonType) -> bool {
    match kind {
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

/// The name of a value in errors; of what has no path, that of the message.
pub(super) fn part_of(template: &Template) -> String {
    match template.part() {
        "" => "message".to_owned(),
        part => part.to_owned(),
    }
}
