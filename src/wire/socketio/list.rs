//! The list that an event carries: its name, then its arguments.

use std::fmt;

use serde::de::{Deserializer, IgnoredAny, SeqAccess, Visitor};
use serde_json::value::RawValue;

use super::{A_LIST, AN_EVENT, RESERVED, SocketPacketError};

/// The name, and the text behind it: `,1,2]` or `]`.
pub(super) fn parts(text: &str) -> Result<(String, &str), SocketPacketError> {
    let not_an_event = SocketPacketError::Payload(AN_EVENT);
    let first = first_of_list(text).ok_or(not_an_event.clone())?;
    let name = match first.as_bytes()[0] {
        b'"' => serde_json::from_str(first).map_err(|_| not_an_event.clone())?,
        b'-' | b'0'..=b'9' => first.to_owned(),
        _ => return Err(not_an_event),
    };
    if let Some(word) = RESERVED.into_iter().find(|word| *word == name) {
        return Err(SocketPacketError::Reserved(word));
    }
    let behind = trim(text)
        .strip_prefix('[')
        .and_then(|inner| trim(inner).strip_prefix(first))
        .ok_or(not_an_event)?;
    Ok((name, trim(behind)))
}

/// The arguments as a list.
pub(super) fn args(behind_name: &str) -> String {
    let inner = behind_name.strip_prefix(',').map_or(behind_name, trim);
    let mut args = String::with_capacity(inner.len() + 1);
    args.push('[');
    args.push_str(inner);
    args
}

/// Trims the white space of JSON, which is less than Unicode's.
pub(super) fn trim(text: &str) -> &str {
    text.trim_matches([' ', '\t', '\n', '\r'])
}

/// The text of the first element. The whole text must be a JSON list.
fn first_of_list(text: &str) -> Option<&str> {
    struct First;
    impl<'de> Visitor<'de> for First {
        type Value = Option<&'de RawValue>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str(A_LIST)
        }

        fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Self::Value, A::Error> {
            let first = list.next_element()?;
            while list.next_element::<IgnoredAny>()?.is_some() {}
            Ok(first)
        }
    }
    let mut reader = serde_json::Deserializer::from_str(text);
    let first = reader.deserialize_seq(First).ok()??;
    reader.end().ok()?;
    Some(first.get())
}
