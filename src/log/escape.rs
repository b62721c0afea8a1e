//! Text that may come from anybody, as one line of a log may hold it.

use std::fmt::{self, Write};

/// Whether a character moves the cursor, ends the line or turns the reading direction.
pub(super) fn is_unsafe(c: char) -> bool {
    c.is_control() || matches!(c, '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// The text with such characters spelt out.
pub(super) fn write_safe(out: &mut dyn Write, text: &str) -> fmt::Result {
    let mut rest = text;
    while let Some(at) = rest.find(is_unsafe) {
        out.write_str(&rest[..at])?;
        let mut after = rest[at..].chars();
        for c in after.by_ref().take(1) {
            match c {
                '\n' | '\r' | '\t' => write!(out, "{}", c.escape_default())?,
                _ => write!(out, "{}", c.escape_unicode())?,
            }
        }
        rest = after.as_str();
    }
    out.write_str(rest)
}

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
    fn nothing_leaves_its_line_or_moves_the_cursor() {
        for (text, safe) in [
            ("plain", "plain"),
            ("Москва 12", "Москва 12"),
            ("شَبَكة", "شَبَكة"),
            ("two\nlines\r\t", "two\\nlines\\r\\t"),
            ("\u{1b}[31mred", "\\u{1b}[31mred"),
            ("\u{9b}2J\u{7f}\0", "\\u{9b}2J\\u{7f}\\u{0}"),
            ("abc\u{202e}cba\u{2066}", "abc\\u{202e}cba\\u{2066}"),
            ("\u{2028}", "\\u{2028}"),
            ("", ""),
        ] {
            let mut out = String::new();
            write_safe(&mut out, text).unwrap();
            assert_eq!(out, safe, "{text:?}");
        }
    }

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
