//! Splits a text into literals and expressions.

#[derive(Debug, PartialEq, Eq)]
pub(super) enum TextPart<'t> {
    Literal(&'t str),
    /// The text between `${` and `}`.
    Hole(&'t str),
}

/// The error is the place of a `${` without end.
pub(super) fn split(text: &str) -> Result<Vec<TextPart<'_>>, usize> {
    let mut parts = Vec::new();
    let mut at = 0;
    while let Some(start) = text[at..].find("${").map(|start| at + start) {
        if start > at {
            parts.push(TextPart::Literal(&text[at..start]));
        }
        let end = closing(&text[start + 2..]).ok_or(start)? + start + 2;
        parts.push(TextPart::Hole(&text[start + 2..end]));
        at = end + 1;
    }
    if at < text.len() {
        parts.push(TextPart::Literal(&text[at..]));
    }
    Ok(parts)
}

/// Finds the `}` that ends an expression, past braces in pairs and in quoted texts.
fn closing(text: &str) -> Option<usize> {
    let mut depth = 0usize;
    let mut quote = None;
    let mut escaped = false;
    for (at, byte) in text.bytes().enumerate() {
        match (quote, byte) {
            (Some(_), _) if escaped => escaped = false,
            (Some(_), b'\\') => escaped = true,
            (Some(open), byte) if open == byte => quote = None,
            (None, b'\'' | b'"') => quote = Some(byte),
            (None, b'{') => depth += 1,
            (None, b'}') if depth == 0 => return Some(at),
            (None, b'}') => depth -= 1,
            (Some(_) | None, _) => {}
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::TextPart::{Hole, Literal};
    use super::*;

    #[test]
    fn a_text_is_split_into_literals_and_holes() {
        for (text, parts) in [
            ("", vec![]),
            ("a", vec![Literal("a")]),
            ("${ x }", vec![Hole(" x ")]),
            (
                "a${x}b${y}",
                vec![Literal("a"), Hole("x"), Literal("b"), Hole("y")],
            ),
            ("${ {'a': {}} }", vec![Hole(" {'a': {}} ")]),
            ("${ '}' }", vec![Hole(" '}' ")]),
            (r"${ '\'}' }", vec![Hole(r" '\'}' ")]),
            ("${ '${' }", vec![Hole(" '${' ")]),
            ("$ {x} }", vec![Literal("$ {x} }")]),
        ] {
            assert_eq!(split(text), Ok(parts), "{text}");
        }
        assert_eq!(split("ab ${ x"), Err(3));
        assert_eq!(split("${ 'x }"), Err(0));
    }
}
