//! Problems of the YAML reader, reworded where its own words would puzzle.

use serde_saphyr::budget::BudgetBreach;
use serde_saphyr::{Error, UserMessageFormatter};

use super::{MAX_DEPTH, MAX_REPLAYED, Spot};

#[derive(Debug)]
pub(crate) struct Unreadable {
    pub(crate) at: Spot,
    pub(crate) message: String,
    pub(crate) hint: Option<String>,
}

pub(super) fn explain(error: &Error, text: &str, source: u32) -> Unreadable {
    let error = error.without_snippet();
    let at = error.location().map_or_else(Spot::default, Spot::from);
    let message = message(error);
    let hint = hint(&message, at, text);
    Unreadable {
        at: Spot { source, ..at },
        message,
        hint,
    }
}

fn message(error: &Error) -> String {
    match error {
        Error::Budget { breach, .. } => breached(breach),
        Error::AliasReplayLimitExceeded { .. }
        | Error::AliasExpansionLimitExceeded { .. }
        | Error::AliasReplayStackDepthExceeded { .. } => {
            format!("aliases that repeat more than {MAX_REPLAYED} pieces of the file")
        }
        Error::AliasError { error, .. } => message(error),
        Error::Unexpected {
            expected: "string scalar",
            ..
        } => "a key must be a text".to_owned(),
        Error::RecursiveReferencesRequireWeakTypes { .. } => {
            "an alias inside of what it stands for".to_owned()
        }
        other => {
            let text = other.render_with_formatter(&UserMessageFormatter);
            let words = text.split(" at line ").next().unwrap_or(&text);
            if words.contains("recursion limit") {
                return too_deep();
            }
            lower_first(words)
        }
    }
}

fn breached(breach: &BudgetBreach) -> String {
    match breach {
        BudgetBreach::Documents { .. } => "a second YAML document, a file holds one".to_owned(),
        BudgetBreach::Depth { .. } => too_deep(),
        BudgetBreach::Nodes { nodes } => format!("more than {} values in one file", nodes - 1),
        BudgetBreach::Aliases { aliases } => format!("more than {} aliases", aliases - 1),
        BudgetBreach::Anchors { anchors } => format!("more than {} anchors", anchors - 1),
        BudgetBreach::AliasAnchorRatio { aliases, anchors } => {
            format!("{aliases} aliases of {anchors} anchors, up to ten of each are allowed")
        }
        BudgetBreach::RecordedAnchorEvents { .. } | BudgetBreach::RecordedAnchorBytes { .. } => {
            "anchors that hold too much of the file".to_owned()
        }
        _ => "a file too large to be a scenario".to_owned(),
    }
}

fn too_deep() -> String {
    format!("lists and maps nested deeper than {MAX_DEPTH} levels")
}

fn lower_first(text: &str) -> String {
    let mut chars = text.chars();
    match (chars.next(), chars.clone().next()) {
        // An acronym stays as it is.
        (Some(_), Some(second)) if second.is_uppercase() => text.to_owned(),
        (Some(first), _) => first.to_lowercase().chain(chars).collect(),
        (None, _) => String::new(),
    }
}

fn hint(message: &str, at: Spot, text: &str) -> Option<String> {
    let line = text.lines().nth(at.line.saturating_sub(1) as usize)?;
    let before: String = line.chars().take(at.column.max(1) as usize).collect();
    if message.contains("flow") && before.contains("${") {
        return Some(
            "inside `{ … }` and `[ … ]` an expression needs quotes: `\"${ … }\"`".to_owned(),
        );
    }
    if message.contains("mapping values are not allowed") {
        return Some(
            "a text with `: ` in it needs quotes; otherwise look at the indentation".to_owned(),
        );
    }
    if message.contains("did not find expected") || message.contains("unexpected indent") {
        return Some(
            "entries of one map or list start in the same column; a text that starts with a sign needs quotes"
                .to_owned(),
        );
    }
    message
        .starts_with("unexpected character")
        .then(|| "a text that starts with this character needs quotes".to_owned())
}
