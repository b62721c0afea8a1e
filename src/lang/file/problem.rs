//! Problems of a scenario: all at once, each with its place and a hint.

use std::fmt;

use crate::base::text::{is_unsafe, safe, write_safe};

/// Problems that are shown. A broken file could have millions.
const MAX_PROBLEMS: usize = 200;
/// Characters of a word that hints are looked for.
const MAX_WORD: usize = 64;
/// Words that a misspelt one is compared with.
const MAX_CANDIDATES: usize = 2_000;

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Problem {
    /// The file as the user named it.
    pub file: String,
    /// From 1; 0 for the whole file.
    pub line: usize,
    /// From 1, in characters.
    pub column: usize,
    pub message: String,
    pub hint: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Problems(Vec<Problem>);

impl Problem {
    /// A problem at a place such as `stations.yaml:41:7`.
    pub(crate) fn at_place(place: &str, message: String, hint: Option<String>) -> Self {
        let mut parts = place.rsplitn(3, ':');
        let mut number = || parts.next().and_then(|part| part.parse().ok()).unwrap_or(0);
        let (column, line) = (number(), number());
        Problem {
            file: parts.next().unwrap_or_default().to_owned(),
            line,
            column,
            message,
            hint,
        }
    }
}

impl Problems {
    pub fn of_file(file: &str, message: impl Into<String>, hint: Option<String>) -> Self {
        Problems(vec![Problem {
            file: file.to_owned(),
            line: 0,
            column: 0,
            message: message.into(),
            hint,
        }])
    }

    pub(crate) fn push(&mut self, problem: Problem) {
        if self.0.len() < MAX_PROBLEMS {
            self.0.push(problem);
        }
    }

    /// No further problem is kept, so hints need not be looked for.
    pub(crate) fn full(&self) -> bool {
        self.0.len() >= MAX_PROBLEMS
    }

    /// Sorted by place, without duplicates.
    pub(crate) fn sorted(mut self) -> Self {
        self.0.sort();
        self.0.dedup();
        self
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub fn iter(&self) -> impl Iterator<Item = &Problem> {
        self.0.iter()
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_safe(f, &self.file)?;
        if self.line > 0 {
            write!(f, ":{}:{}", self.line, self.column)?;
        }
        write!(f, ": {}", safe(&self.message))?;
        match &self.hint {
            Some(hint) => write!(f, "\n  hint: {}", safe(hint)),
            None => Ok(()),
        }
    }
}

impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, problem) in self.0.iter().enumerate() {
            if at > 0 {
                f.write_str("\n")?;
            }
            write!(f, "{problem}")?;
        }
        Ok(())
    }
}

impl std::error::Error for Problems {}

/// The most similar word, if one is similar.
pub fn nearest<'k>(word: &str, known: impl IntoIterator<Item = &'k str>) -> Option<&'k str> {
    let length = word.chars().count();
    if length > MAX_WORD {
        return None;
    }
    let allowed = (length / 3).clamp(1, 3);
    known
        .into_iter()
        .take(MAX_CANDIDATES)
        .filter(|candidate| candidate.len() <= 4 * MAX_WORD && *candidate != word)
        .map(|candidate| (distance(word, candidate), candidate))
        .filter(|(distance, _)| *distance <= allowed)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

fn distance(word: &str, candidate: &str) -> usize {
    strsim::damerau_levenshtein(&word.to_lowercase(), &candidate.to_lowercase())
}

pub(crate) fn did_you_mean<'k>(
    word: &str,
    known: impl IntoIterator<Item = &'k str>,
) -> Option<String> {
    nearest(word, known).map(|near| format!("did you mean `{near}`?"))
}

/// `` `a`, `b` or `c` ``
pub(crate) fn one_of<'w>(words: impl IntoIterator<Item = &'w str>) -> String {
    let ticked: Vec<String> = words.into_iter().map(|word| format!("`{word}`")).collect();
    match ticked.split_last() {
        None => "nothing".to_owned(),
        Some((only, [])) => only.clone(),
        Some((last, others)) => format!("{} or {last}", others.join(", ")),
    }
}

/// A text as messages show it: one line, shortened.
pub(crate) fn shown(text: &str) -> String {
    const LONGEST: usize = 60;
    let line: String = text
        .chars()
        .take(LONGEST)
        .map(|c| if is_unsafe(c) { ' ' } else { c })
        .collect();
    if text.chars().nth(LONGEST).is_some() {
        format!("`{line}…`")
    } else {
        format!("`{line}`")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_word_is_near() {
        for (word, known, near) in [
            ("lst", &["list", "let"][..], Some("list")),
            ("messges", &["message", "messages"], Some("messages")),
            ("Insert", &["insert"], Some("insert")),
            ("xyz", &["list", "let"], None),
            ("a", &["b"], Some("b")),
            ("", &["list"], None),
        ] {
            assert_eq!(nearest(word, known.iter().copied()), near, "{word}");
        }
    }

    #[test]
    fn a_problem_reads_as_place_words_hint() {
        let mut problem = Problem {
            file: "a.yaml".into(),
            line: 3,
            column: 5,
            message: "unknown key `lst`".into(),
            hint: Some("did you mean `list`?".into()),
        };
        assert_eq!(
            problem.to_string(),
            "a.yaml:3:5: unknown key `lst`\n  hint: did you mean `list`?"
        );
        problem.message = "a\u{1b}[2J\u{202e}".into();
        problem.file = "a\nb.yaml".into();
        assert!(
            problem
                .to_string()
                .starts_with("a\\nb.yaml:3:5: a\\u{1b}[2J\\u{202e}\n")
        );
        problem.message = "unknown key `lst`".into();
        problem.file = "a.yaml".into();
        problem.line = 0;
        problem.hint = None;
        assert_eq!(problem.to_string(), "a.yaml: unknown key `lst`");
    }

    #[test]
    fn lists_of_words_are_prose() {
        assert_eq!(one_of(["a"]), "`a`");
        assert_eq!(one_of(["a", "b", "c"]), "`a`, `b` or `c`");
    }
}
