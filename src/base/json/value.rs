//! JSON as values of expressions: scalars become plain values, containers stay handles to their text.

use std::fmt;
use std::sync::Arc;

use minijinja::Value;
use minijinja::value::{Enumerator, Object, ObjectRepr};

use super::{Json, Kind, write};

impl Json {
    pub fn to_value(&self) -> Value {
        let part = self.part();
        match part.kind() {
            Kind::Null => Value::from(()),
            Kind::Bool => Value::from(part.text() == "true"),
            Kind::Number => number(part.text()),
            Kind::String => Value::from(part.as_str().unwrap_or_default().as_ref()),
            Kind::List | Kind::Object => Value::from_object(self.clone()),
        }
    }

    pub fn from_value(value: &Value) -> Json {
        if let Some(json) = value.downcast_object_ref::<Json>() {
            return json.clone();
        }
        let mut text = String::new();
        write::value(&mut text, value);
        // `write` makes valid JSON, except for values nested deeper than a text may be.
        Json::parse(text).unwrap_or_else(|_| Json::null())
    }
}

fn number(text: &str) -> Value {
    if let Ok(whole) = text.parse::<i64>() {
        return Value::from(whole);
    }
    if let Ok(whole) = text.parse::<i128>() {
        return Value::from(whole);
    }
    Value::from(text.parse::<f64>().unwrap_or(0.0))
}

impl Object for Json {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        if self.kind() == Kind::List {
            ObjectRepr::Seq
        } else {
            ObjectRepr::Map
        }
    }

    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        match self.kind() {
            Kind::List => self
                .elements()
                .nth(key.as_usize()?)
                .map(|json| json.to_value()),
            _ => self.get_value_by_str(key.as_str()?),
        }
    }

    fn get_value_by_str(self: &Arc<Self>, key: &str) -> Option<Value> {
        self.get(key).map(|json| json.to_value())
    }

    fn render(self: &Arc<Self>, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.text())
    }

    fn enumerate(self: &Arc<Self>) -> Enumerator {
        match self.kind() {
            Kind::List => Enumerator::Values(self.elements().map(|json| json.to_value()).collect()),
            _ => Enumerator::Values(
                self.part()
                    .members()
                    .map(|member| Value::from(member.key().as_ref()))
                    .collect(),
            ),
        }
    }
}
