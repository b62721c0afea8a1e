//! Tips for words that people type out of habit. By likeness alone, clap suggests `--no-watch` for `--watch`.

use clap::builder::StyledStr;
use clap::error::{ContextKind, ContextValue, ErrorKind};

const TIPS: &[(&str, &str)] = &[
    (
        "--watch",
        "scenario files are watched; `--no-watch` turns that off",
    ),
    (
        "--config",
        "the scenario is an argument: `ws-mock serve chat.yaml`",
    ),
    (
        "--scenario",
        "the scenario is an argument: `ws-mock serve chat.yaml`",
    ),
    ("--tls", "`--ssl` turns TLS on"),
    ("--https", "`--ssl` turns TLS on"),
    ("list", "`ws-mock scenarios` lists the bundled scenarios"),
    ("run", "`ws-mock serve` plays a scenario"),
    ("start", "`ws-mock serve` plays a scenario"),
];

pub(super) fn improve(mut error: clap::Error) -> clap::Error {
    let (kind, suggested) = match error.kind() {
        ErrorKind::UnknownArgument => (ContextKind::InvalidArg, ContextKind::SuggestedArg),
        ErrorKind::InvalidSubcommand => (
            ContextKind::InvalidSubcommand,
            ContextKind::SuggestedSubcommand,
        ),
        _ => return error,
    };
    let Some(ContextValue::String(word)) = error.get(kind) else {
        return error;
    };
    let known = TIPS.iter().find(|(typed, _)| typed == word);
    let tip = match known {
        Some((_, tip)) => (*tip).to_owned(),
        // Likely a scenario, which needs its verb.
        None if kind == ContextKind::InvalidSubcommand && error.get(suggested).is_none() => {
            format!("to play a scenario: `ws-mock serve {word}`")
        }
        None => return error,
    };
    error.remove(suggested);
    let tips = ContextValue::StyledStrs(vec![StyledStr::from(tip)]);
    error.insert(ContextKind::Suggested, tips);
    error
}
