//! Untrusted text as people see it: in a log line, an error, on a terminal.

use std::fmt::{self, Write};

/// Characters of untrusted text that an error or a log line repeats.
const ECHOED: usize = 256;
const LISTED: usize = 20;

/// A character that moves the cursor, ends the line or turns the reading direction.
pub fn is_unsafe(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// Writes a text with such characters escaped.
pub fn write_safe(out: &mut dyn Write, text: &str) -> fmt::Result {
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

pub fn safe(text: &str) -> impl fmt::Display {
    fmt::from_fn(move |f| write_safe(f, text))
}

/// The start of a text, enough to recognise it.
pub fn shortened(text: &str) -> String {
    match text.char_indices().nth(ECHOED) {
        Some((at, _)) => format!("{}…", &text[..at]),
        None => text.to_owned(),
    }
}

/// `a, b, c`, then the number of others if there are many.
pub fn listed<N: AsRef<str>>(names: &[N]) -> String {
    let mut out = String::new();
    for name in names.iter().take(LISTED) {
        if !out.is_empty() {
            out.push_str(", ");
        }
        out.push_str(&shortened(name.as_ref()));
    }
    match names.len() {
        0 => "none".to_owned(),
        many if many > LISTED => format!("{out} and {} more", many - LISTED),
        _ => out,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_leaves_its_line_or_moves_the_cursor() {
        for (text, shown) in [
            ("plain", "plain"),
            ("Москва 12", "Москва 12"),
            ("شَبَكة", "شَبَكة"),
            ("two\nlines\r\t", "two\\nlines\\r\\t"),
            ("\u{1b}[31mred", "\\u{1b}[31mred"),
            ("\u{9b}2J\u{7f}\0", "\\u{9b}2J\\u{7f}\\u{0}"),
            ("abc\u{202e}cba\u{2066}", "abc\\u{202e}cba\\u{2066}"),
            ("\u{2028}\u{200f}", "\\u{2028}\\u{200f}"),
            ("", ""),
        ] {
            assert_eq!(safe(text).to_string(), shown, "{text:?}");
        }
    }

    #[test]
    fn echoes_and_lists_are_short() {
        let long = "я".repeat(ECHOED);
        assert_eq!(shortened(&long), long);
        assert_eq!(shortened(&format!("{long}!")), format!("{long}…"));
        assert_eq!(listed::<&str>(&[]), "none");
        assert_eq!(listed(&["a", "b"]), "a, b");
        let many: Vec<String> = (0..25).map(|n| n.to_string()).collect();
        assert!(listed(&many).ends_with("18, 19 and 5 more"));
    }
}
