//! Errors that are answered: their codes, words and statuses.

use crate::base::Limit;
use crate::base::json::{Json, JsonError, Kind, MAX_DEPTH, write};
use crate::base::text::shortened;

/// What a client is told that it did wrong.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Refusal {
    /// `INVALID_REQUEST`, or a code of the scenario's own.
    pub code: String,
    /// The code that the scenario gave, where that is no text: JSON-RPC has numbers.
    pub typed_code: Option<Json>,
    /// The words; without them the scenario's or ours for the code.
    pub message: Option<String>,
    /// Over HTTP.
    pub status: Option<u16>,
    /// The name that no handler has.
    pub name: Option<String>,
    /// The names that have one.
    pub known: Vec<String>,
    /// The key that no item has.
    pub key: Option<String>,
    /// The part of the message that is wrong.
    pub part: Option<String>,
    /// What the number may be at most.
    pub most: Option<usize>,
    /// The limit that was reached.
    pub limit: Option<Limit>,
}

impl Refusal {
    pub(super) fn new(code: &str) -> Refusal {
        Refusal {
            code: code.to_owned(),
            ..Refusal::default()
        }
    }

    /// An error of the scenario's own.
    pub(super) fn declared(code: &Json) -> Refusal {
        let text = code.part().as_str().map(std::borrow::Cow::into_owned);
        Refusal {
            typed_code: (code.kind() != Kind::String).then(|| code.clone()),
            ..Refusal::new(&text.unwrap_or_else(|| code.text().to_owned()))
        }
    }

    pub(super) fn invalid_json(error: &JsonError) -> Refusal {
        Refusal {
            limit: error.is_too_deep().then_some(Limit::JsonDepth),
            ..Refusal::new("INVALID_JSON")
        }
    }

    pub(super) fn invalid(part: &str) -> Refusal {
        Refusal {
            part: Some(shortened(part)),
            ..Refusal::new("INVALID_REQUEST")
        }
    }

    pub(super) fn unknown(name: &str, known: &[String]) -> Refusal {
        Refusal {
            name: Some(shortened(name)),
            known: known.to_vec(),
            ..Refusal::new("UNKNOWN_ACTION")
        }
    }

    /// No route has the path; or one has it, but only with the methods `known`.
    pub(super) fn no_route(method: &str, path: &str, known: Vec<String>) -> Refusal {
        let code = if known.is_empty() {
            "UNKNOWN_ROUTE"
        } else {
            "METHOD_NOT_ALLOWED"
        };
        Refusal {
            name: Some(shortened(&format!("{method} {path}"))),
            known,
            ..Refusal::new(code)
        }
    }

    pub(super) fn not_found(key: &str) -> Refusal {
        Refusal {
            key: Some(shortened(key)),
            ..Refusal::new("NOT_FOUND")
        }
    }

    pub(super) fn pagination(part: &str, most: Option<usize>) -> Refusal {
        Refusal {
            part: Some(part.to_owned()),
            most,
            ..Refusal::new("INVALID_PAGINATION")
        }
    }

    /// The status over HTTP.
    pub(super) fn status(&self) -> u16 {
        self.status.unwrap_or(match self.code.as_str() {
            "INVALID_REQUEST" | "INVALID_PAGINATION" => 422,
            "UNKNOWN_ACTION" | "UNKNOWN_ROUTE" | "NOT_FOUND" => 404,
            "METHOD_NOT_ALLOWED" => 405,
            "RATE_LIMITED" => 429,
            "SCENARIO_ERROR" => 500,
            _ => 400,
        })
    }

    /// The words where the scenario has none.
    pub(super) fn words(&self) -> String {
        let or =
            |text: &Option<String>, other: &str| text.clone().unwrap_or_else(|| other.to_owned());
        match self.code.as_str() {
            "INVALID_JSON" if self.limit == Some(Limit::JsonDepth) => {
                format!("the message has more than {MAX_DEPTH} lists and objects in one another")
            }
            "INVALID_JSON" => "the message is not valid JSON".to_owned(),
            "INVALID_REQUEST" => format!(
                "`{}` is missing or of the wrong type",
                or(&self.part, "message")
            ),
            "UNKNOWN_ACTION" => {
                format!(
                    "unknown action `{}`, known: {}",
                    or(&self.name, ""),
                    self.known.join(", ")
                )
            }
            "UNKNOWN_ROUTE" => format!("nothing is mocked at `{}`", or(&self.name, "")),
            "METHOD_NOT_ALLOWED" => format!("allowed here: {}", self.known.join(", ")),
            "NOT_FOUND" => format!("nothing has the key `{}`", or(&self.key, "")),
            "INVALID_PAGINATION" => {
                let part = or(&self.part, "page");
                match self.most {
                    Some(most) => format!("`{part}` is no whole number from 1 to {most}"),
                    None => format!("`{part}` is no whole number from 1"),
                }
            }
            "RATE_LIMITED" => "too many messages".to_owned(),
            "SCENARIO_ERROR" => "the scenario failed; its log says where".to_owned(),
            code => code.to_owned(),
        }
    }

    pub(super) fn write_code(&self, out: &mut String) {
        match &self.typed_code {
            Some(code) => out.push_str(code.text()),
            None => write::string(out, &self.code),
        }
    }

    /// The `error` that templates see.
    pub(super) fn json(&self, message: Option<&str>) -> String {
        let mut out = String::from("{\"code\":");
        self.write_code(&mut out);
        let texts = [
            ("message", message),
            ("name", self.name.as_deref()),
            ("key", self.key.as_deref()),
            ("part", self.part.as_deref()),
        ];
        for (name, text) in texts {
            out.push(',');
            write::string(&mut out, name);
            out.push(':');
            match text {
                Some(text) => write::string(&mut out, text),
                None => out.push_str("null"),
            }
        }
        out.push_str(",\"known\":[");
        write::joined(&mut out, &self.known, |out, name| write::string(out, name));
        out.push_str("]}");
        out
    }
}
