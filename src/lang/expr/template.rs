//! Values of the scenario with expressions in them, compiled to pieces of JSON text, and the one way to write them.

use super::Expr;
use crate::base::json::{Json, write};
use crate::base::payload::Sink;

#[derive(Debug, Clone)]
pub enum Template {
    Constant(Json),
    /// One expression and nothing else: the value keeps its type.
    Expr(Expr),
    Text(Vec<TextPiece>),
    /// A map or list with expressions in it.
    Composite(Vec<Piece>),
}

/// A piece of a composite's JSON text.
#[derive(Debug, Clone)]
pub enum Piece {
    Raw(Box<str>),
    Value(Expr),
    Text(Vec<TextPiece>),
    /// A map with computed keys: of two equal ones the later value stays.
    Map(Vec<(Vec<TextPiece>, Template)>),
}

#[derive(Debug, Clone)]
pub enum TextPiece {
    Literal(Box<str>),
    Hole(Expr),
}

/// Evaluates the expressions of a template, and bounds what they make.
pub trait Evaluate {
    fn write_json(&mut self, expr: &Expr, out: &mut impl Sink) -> Result<(), String>;

    fn write_text(&mut self, expr: &Expr, out: &mut String) -> Result<(), String>;

    /// Charges for the pieces that are written next.
    fn charge(&mut self, pieces: usize) -> Result<(), String>;

    /// Checks the length of JSON text that is being written.
    fn json_fits(&mut self, bytes: usize) -> Result<(), String>;

    /// Checks the length of a text that is being written.
    fn text_fits(&mut self, bytes: usize) -> Result<(), String>;
}

impl Template {
    pub fn text(text: &str) -> Template {
        Template::Constant(Json::string(text))
    }

    /// Writes the value as JSON.
    pub fn render(&self, with: &mut impl Evaluate, out: &mut impl Sink) -> Result<(), String> {
        match self {
            Template::Constant(json) => out.text().push_str(json.text()),
            Template::Expr(expr) => with.write_json(expr, out)?,
            Template::Text(pieces) => string(pieces, with, out)?,
            Template::Composite(pieces) => composite(pieces, with, out)?,
        }
        Ok(())
    }

    pub fn draws(&self) -> bool {
        self.any(&Expr::draws)
    }

    /// True if an expression may use the name; true when in doubt.
    pub fn may_name(&self, name: &str) -> bool {
        self.any(&|expr| match expr {
            Expr::Constant(_) => false,
            Expr::Path(path) => path.text.contains(name),
            Expr::Formula(formula) => formula.source.contains(name),
        })
    }

    /// The path in what the client sent; empty for the whole of it and for what has no path.
    pub fn part(&self) -> &str {
        let Template::Expr(Expr::Path(path)) = self else {
            return "";
        };
        for root in ["message", "request.body", "args"] {
            match path.text.strip_prefix(root) {
                Some("") => return "",
                Some(rest) if rest.starts_with('.') => return &rest[1..],
                _ => {}
            }
        }
        &path.text
    }

    fn any(&self, test: &dyn Fn(&Expr) -> bool) -> bool {
        let text = |pieces: &[TextPiece]| {
            let mut pieces = pieces.iter();
            pieces.any(|piece| matches!(piece, TextPiece::Hole(expr) if test(expr)))
        };
        match self {
            Template::Constant(_) => false,
            Template::Expr(expr) => test(expr),
            Template::Text(pieces) => text(pieces),
            Template::Composite(pieces) => pieces.iter().any(|piece| match piece {
                Piece::Raw(_) => false,
                Piece::Value(expr) => test(expr),
                Piece::Text(pieces) => text(pieces),
                Piece::Map(entries) => entries
                    .iter()
                    .any(|(key, value)| text(key) || value.any(test)),
            }),
        }
    }
}

pub fn text(
    pieces: &[TextPiece],
    with: &mut impl Evaluate,
    out: &mut String,
) -> Result<(), String> {
    with.charge(pieces.len())?;
    for piece in pieces {
        match piece {
            TextPiece::Literal(text) => out.push_str(text),
            TextPiece::Hole(expr) => with.write_text(expr, out)?,
        }
        with.text_fits(out.len())?;
    }
    Ok(())
}

/// Writes a text as a JSON string.
fn string(
    pieces: &[TextPiece],
    with: &mut impl Evaluate,
    out: &mut impl Sink,
) -> Result<(), String> {
    let mut plain = String::new();
    text(pieces, with, &mut plain)?;
    write::string(out.text(), &plain);
    Ok(())
}

fn composite(
    pieces: &[Piece],
    with: &mut impl Evaluate,
    out: &mut impl Sink,
) -> Result<(), String> {
    with.charge(pieces.len())?;
    for piece in pieces {
        match piece {
            Piece::Raw(text) => out.text().push_str(text),
            Piece::Value(expr) => with.write_json(expr, out)?,
            Piece::Text(pieces) => string(pieces, with, out)?,
            Piece::Map(entries) => map(entries, with, out)?,
        }
        with.json_fits(out.written())?;
    }
    Ok(())
}

fn map(
    entries: &[(Vec<TextPiece>, Template)],
    with: &mut impl Evaluate,
    out: &mut impl Sink,
) -> Result<(), String> {
    let mut members: Vec<(String, String)> = Vec::with_capacity(entries.len());
    let mut bytes = out.written();
    for (key, value) in entries {
        let (mut name, mut json) = (String::new(), String::new());
        text(key, with, &mut name)?;
        value.render(with, &mut json)?;
        bytes += name.len() + json.len();
        with.json_fits(bytes)?;
        match members.iter_mut().find(|(known, _)| *known == name) {
            Some((_, old)) => *old = json,
            None => members.push((name, json)),
        }
    }
    out.text().push('{');
    write::joined(out.text(), &members, |out, (name, json)| {
        write::string(out, name);
        out.push(':');
        out.push_str(json);
    });
    out.text().push('}');
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Constants;

    impl Evaluate for Constants {
        fn write_json(&mut self, expr: &Expr, out: &mut impl Sink) -> Result<(), String> {
            if let Expr::Constant(json) = expr {
                out.text().push_str(json.text());
            }
            Ok(())
        }

        fn write_text(&mut self, expr: &Expr, out: &mut String) -> Result<(), String> {
            if let Expr::Constant(json) = expr {
                out.push_str(&json.part().as_str().unwrap_or_default());
            }
            Ok(())
        }

        fn charge(&mut self, _: usize) -> Result<(), String> {
            Ok(())
        }

        fn json_fits(&mut self, _: usize) -> Result<(), String> {
            Ok(())
        }

        fn text_fits(&mut self, _: usize) -> Result<(), String> {
            Ok(())
        }
    }

    #[test]
    fn later_value_of_equal_computed_keys_stays() {
        let hole = |text: &str| TextPiece::Hole(Expr::Constant(Json::string(text)));
        let literal = |text: &str| TextPiece::Literal(text.into());
        let map = vec![
            (vec![hole("a")], Template::text("first")),
            (vec![literal("b")], Template::Constant(Json::null())),
            (vec![hole("a"), hole("")], Template::text("second")),
        ];
        let mut out = String::new();
        let template = Template::Composite(vec![Piece::Map(map)]);
        template.render(&mut Constants, &mut out).unwrap();
        assert_eq!(out, r#"{"a":"second","b":null}"#);
    }
}
