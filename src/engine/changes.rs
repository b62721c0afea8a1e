//! What follows changes of data: the scenario's `changes`, and what these change in turn.

use std::collections::HashMap;
use std::sync::Arc;

use crate::base::Limit;
use crate::base::json::{Json, write};
use crate::lang::expr::names;
use crate::lang::model::CollectionId;
use crate::world::Edit;

use super::context::{Asker, Context, broken};
use crate::world::Val;

impl Context<'_> {
    /// Runs `changes` for what was changed, and for what that changes in turn.
    pub(super) fn follow(&mut self) {
        let scenario = self.scenario;
        let asker = std::mem::replace(&mut self.asker, Asker::Nobody);
        let names = std::mem::take(&mut self.names);
        let mut rounds = 0;
        let mut place: Option<&Arc<str>> = None;
        loop {
            let edits = self.edits.take();
            if edits.is_empty() {
                break;
            }
            self.follow_timers(&edits);
            rounds += 1;
            let most = self.scenario.limits.depth;
            if rounds > most {
                let why = format!("changes that cause changes go on for more than {most} rounds");
                let why = self.pass(Limit::Depth, why);
                let place = place.map_or_else(|| "changes".into(), Arc::clone);
                self.settle(Err(broken(&place, why)));
                break;
            }
            for group in grouped(edits) {
                let changes = &scenario.changes[group.collection];
                let (handler, name) = match group.kind {
                    ChangeKind::Created => (&changes.created, names::CREATED),
                    ChangeKind::Updated => (&changes.updated, names::UPDATED),
                    ChangeKind::Removed => (&changes.removed, names::REMOVED),
                };
                if let Some(handler) = handler {
                    self.names.clear();
                    self.bind(name, group.seen());
                    if let Some(first) = handler.steps.first() {
                        place = Some(&first.place);
                    }
                    let ended = self.steps(&handler.steps);
                    self.settle(ended);
                }
            }
        }
        // An error that a fault sends is written with the names of the request.
        (self.asker, self.names) = (asker, names);
    }
}

/// What was changed, until it is followed.
#[derive(Default)]
pub(super) struct Edits {
    list: Vec<(CollectionId, Edit)>,
    /// How many there were when those of one item were last made one.
    merged: usize,
}

impl Edits {
    pub(super) fn push(&mut self, collection: CollectionId, edit: Edit) {
        self.list.push((collection, edit));
        // An item that is changed again and again is kept as it was and as it is.
        if self.list.len() > 2 * self.merged + MANY {
            self.list = merged(std::mem::take(&mut self.list));
            self.merged = self.list.len();
        }
    }

    fn take(&mut self) -> Vec<(CollectionId, Edit)> {
        self.merged = 0;
        merged(std::mem::take(&mut self.list))
    }
}

/// Changes that are not worth being merged.
const MANY: usize = 1_000;

#[derive(Clone, Copy, PartialEq, Eq)]
enum ChangeKind {
    Created,
    Updated,
    Removed,
}

struct Group {
    collection: usize,
    kind: ChangeKind,
    edits: Vec<Edit>,
}

impl Group {
    fn seen(&self) -> Val {
        let text = |item: &Option<Json>| {
            item.as_ref()
                .map_or("null".to_owned(), |item| item.text().to_owned())
        };
        let mut out = String::from("[");
        write::joined(&mut out, &self.edits, |out, edit| match self.kind {
            ChangeKind::Created => out.push_str(&text(&edit.item)),
            ChangeKind::Removed => out.push_str(&text(&edit.before)),
            ChangeKind::Updated => {
                out.push_str("{\"before\":");
                out.push_str(&text(&edit.before));
                out.push_str(",\"item\":");
                out.push_str(&text(&edit.item));
                out.push('}');
            }
        });
        out.push(']');
        Val::json(out)
    }
}

/// The changes of an item as one, in the order of their first.
fn merged(edits: Vec<(CollectionId, Edit)>) -> Vec<(CollectionId, Edit)> {
    if edits.len() < 2 {
        return edits;
    }
    let mut merged: Vec<(usize, Edit)> = Vec::with_capacity(edits.len());
    let mut places: HashMap<(usize, u32), usize> = HashMap::new();
    for (collection, edit) in edits {
        match places.get(&(collection, edit.id)) {
            Some(at) => merged[*at].1.item = edit.item,
            None => {
                places.insert((collection, edit.id), merged.len());
                merged.push((collection, edit));
            }
        }
    }
    merged
}

/// One group for each collection and kind, in the order of their first change.
fn grouped(edits: Vec<(CollectionId, Edit)>) -> Vec<Group> {
    let mut groups: Vec<Group> = Vec::new();
    for (collection, edit) in edits {
        let kind = match (&edit.before, &edit.item) {
            (None, Some(_)) => ChangeKind::Created,
            (Some(before), Some(item)) if before.text() != item.text() => ChangeKind::Updated,
            (Some(_), None) => ChangeKind::Removed,
            _ => continue,
        };
        match groups
            .iter_mut()
            .find(|group| group.collection == collection && group.kind == kind)
        {
            Some(group) => group.edits.push(edit),
            None => groups.push(Group {
                collection,
                kind,
                edits: vec![edit],
            }),
        }
    }
    groups
}
