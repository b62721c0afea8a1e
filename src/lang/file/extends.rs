//! `extends:`, on trees: values of a scenario replace or follow those of its base.

use super::tree::{MapKey, Node, NodeContent};

/// The way two values become one.
#[derive(Clone, Copy)]
enum Merge {
    /// The newer value replaces the older.
    Replace,
    /// Two lists are joined, the base first.
    Append,
    /// Two maps are joined; values of equal keys are merged in this way.
    Each(&'static Merge),
    /// Two maps are joined, each key in its own way; others are replaced.
    Named(&'static [(&'static str, Merge)]),
}

const FILE: Merge = Merge::Named(&[
    ("listen", Merge::Named(&[("heartbeat", NAMESAKES)])),
    ("limits", NAMESAKES),
    ("let", NAMESAKES),
    ("data", NAMESAKES),
    ("auth", Merge::Each(&NAMESAKES)),
    ("messages", Merge::Named(&[("errors", NAMESAKES)])),
    ("before", Merge::Append),
    ("on", NAMESAKES),
    ("connect", Merge::Append),
    ("disconnect", Merge::Append),
    ("changes", Merge::Each(&Merge::Each(&Merge::Append))),
    ("timers", NAMESAKES),
    ("triggers", NAMESAKES),
    ("http", NAMESAKES),
    ("define", NAMESAKES),
    ("faults", Merge::Append),
]);

/// A map whose newer entry of a name replaces the older.
const NAMESAKES: Merge = Merge::Each(&Merge::Replace);

pub(super) fn merge_files(base: Node, own: Node) -> Node {
    merge(FILE, base, own)
}

fn merge(how: Merge, base: Node, own: Node) -> Node {
    let content = match (how, base.content, own.content) {
        (Merge::Append, NodeContent::List(mut first), NodeContent::List(second)) => {
            first.extend(second);
            NodeContent::List(first)
        }
        (Merge::Each(_) | Merge::Named(_), NodeContent::Map(base), NodeContent::Map(own)) => {
            NodeContent::Map(merge_maps(how, base, own))
        }
        // An empty section keeps the base's.
        (Merge::Append | Merge::Each(_) | Merge::Named(_), base, NodeContent::Null) => base,
        (_, _, own) => own,
    };
    Node {
        at: own.at,
        content,
    }
}

fn merge_maps(
    how: Merge,
    base: Vec<(MapKey, Node)>,
    own: Vec<(MapKey, Node)>,
) -> Vec<(MapKey, Node)> {
    let mut places: std::collections::HashMap<String, usize> = std::collections::HashMap::new();
    for (at, (key, _)) in base.iter().enumerate() {
        places.insert(key.name.clone(), at);
    }
    let mut merged: Vec<Option<(MapKey, Node)>> = base.into_iter().map(Some).collect();
    for (key, node) in own {
        let Some(place) = places.get(&key.name) else {
            merged.push(Some((key, node)));
            continue;
        };
        let below = match how {
            Merge::Each(below) => *below,
            Merge::Named(names) => names
                .iter()
                .find(|(name, _)| *name == key.name)
                .map_or(Merge::Replace, |(_, below)| *below),
            Merge::Replace | Merge::Append => Merge::Replace,
        };
        merged[*place] = merged[*place]
            .take()
            .map(|(_, base)| merge(below, base, node))
            .map(|node| (key, node));
    }
    merged.into_iter().flatten().collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lang::file::tree::parse;

    fn check(base: &str, own: &str, merged: &str) {
        let result = merge_files(parse(base, 0).unwrap(), parse(own, 1).unwrap());
        assert_eq!(result.json(), parse(merged, 0).unwrap().json());
    }

    #[test]
    fn namesakes_are_replaced_where_they_stood() {
        check(
            "on: { a: [1], b: [2] }\ndata: { x: { key: id, count: 1 } }",
            "on: { a: [3], c: [4] }\ndata: { x: { items: [] } }",
            "on: { a: [3], b: [2], c: [4] }\ndata: { x: { items: [] } }",
        );
    }

    #[test]
    fn moments_and_changes_are_added_to() {
        check(
            "before: [1]\nconnect: [1]\nupgrade: [1]\nchanges: { x: { updated: [1], removed: [2] } }\nfaults: [1]",
            "before: [2]\nconnect:\nupgrade: [2]\nchanges: { x: { updated: [3] }, y: { created: [4] } }\nfaults: [2]",
            "before: [1, 2]\nconnect: [1]\nupgrade: [2]\nchanges: { x: { updated: [1, 3], removed: [2] }, y: { created: [4] } }\nfaults: [1, 2]",
        );
    }

    #[test]
    fn templates_are_replaced_as_a_whole_and_maps_are_merged() {
        check(
            "scenario: a\nmessages: { reply: { a: 1 }, errors: { X: 1, Y: 2 } }\nlisten: { port: 1, heartbeat: { every: 1s, timeout: 2s } }",
            "scenario: b\nmessages: { reply: { b: 2 }, errors: { Y: 3 } }\nlisten: { heartbeat: { every: 3s } }",
            "scenario: b\nmessages: { reply: { b: 2 }, errors: { X: 1, Y: 3 } }\nlisten: { port: 1, heartbeat: { every: 3s, timeout: 2s } }",
        );
    }

    #[test]
    fn what_is_replaced_stands_in_its_own_file() {
        let result = merge_files(
            parse("on: { a: [1], b: [2] }", 0).unwrap(),
            parse("on: { a: [3] }", 1).unwrap(),
        );
        let on = result.get("on").unwrap();
        assert_eq!(on.get("a").unwrap().at.source, 1);
        assert_eq!(on.get("b").unwrap().at.source, 0);
    }
}
