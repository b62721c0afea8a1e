//! Values in a line of a log.

use std::fmt::{self, Write};

use crate::base::text::{is_unsafe, write_safe};

/// A value: bare when it is one plain word, otherwise in quotes.
pub(super) fn write_value(out: &mut dyn Write, text: &str) -> fmt::Result {
    let plain = |c: char| !(c.is_whitespace() || is_unsafe(c) || matches!(c, '"' | '=' | '\\'));
    if !text.is_empty() && text.chars().all(plain) {
        return out.write_str(text);
    }
    out.write_char('"')?;
    let mut parts = text.split_inclusive(['"', '\\']);
    parts.try_for_each(|part| match part.strip_suffix(['"', '\\']) {
        Some(before) => {
            write_safe(out, before)?;
            out.write_char('\\')?;
            out.write_str(&part[before.len()..])
        }
        None => write_safe(out, part),
    })?;
    out.write_char('"')
}

/// What `{:?}` put into quotes without having to escape anything.
pub(super) fn unquoted(debug: &str) -> Option<&str> {
    let inner = debug.strip_prefix('"')?.strip_suffix('"')?;
    (!inner.contains(['"', '\\'])).then_some(inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_bare_or_quoted() {
        for (value, written) in [
            ("c1", "c1"),
            ("/api/x?y", "/api/x?y"),
            ("", "\"\""),
            ("two words", "\"two words\""),
            ("a=b", "\"a=b\""),
            ("say \"hi\"", r#""say \"hi\"""#),
            (r"c:\x", r#""c:\\x""#),
            ("a\nb", "\"a\\nb\""),
            ("Москва", "Москва"),
        ] {
            let mut out = String::new();
            write_value(&mut out, value).unwrap();
            assert_eq!(out, written, "{value:?}");
        }
    }

    #[test]
    fn quotes_of_debug_are_taken_off_where_that_is_safe() {
        assert_eq!(unquoted("\"a b\""), Some("a b"));
        assert_eq!(unquoted("\"a\\\"b\""), None);
        assert_eq!(unquoted("Some(1)"), None);
        assert_eq!(unquoted("\""), None);
    }
}
