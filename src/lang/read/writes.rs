//! Which handlers need the world to themselves: those that draw chance, change data, remember, join, plan,
//! or send to others.

use std::sync::Arc;

use crate::lang::expr::{Expr, Template};
use crate::lang::interner::intern;
use crate::lang::model::{
    Find, ForBody, ForOver, Handler, List, Messages, Step, Steps, To, Verb, Which,
};

/// What is known of the steps that others run, and of the envelopes around what they say.
pub(super) struct Draws {
    definitions: Vec<bool>,
    /// Whether an envelope draws chance: then every answer does.
    pub(super) messages: bool,
}

impl Draws {
    /// Looks at the definitions until nothing new is found; they run each other in any order.
    pub(super) fn of(define: &[(String, Steps)]) -> Self {
        let mut draws = Draws {
            definitions: vec![false; define.len()],
            messages: false,
        };
        loop {
            let mut found = false;
            for (place, (_, steps)) in define.iter().enumerate() {
                if !draws.definitions[place] && draws.steps_write(steps) {
                    draws.definitions[place] = true;
                    found = true;
                }
            }
            if !found {
                return draws;
            }
        }
    }

    /// The same definitions under other envelopes.
    pub(super) fn with_messages(&self, messages: bool) -> Self {
        Draws {
            definitions: self.definitions.clone(),
            messages,
        }
    }

    /// These steps under a name.
    pub(super) fn handler(&self, name: &str, steps: Steps) -> Arc<Handler> {
        Arc::new(Handler {
            name: intern(name),
            writes: self.steps_write(&steps),
            steps,
        })
    }

    /// Whether any of these steps writes.
    fn steps_write(&self, steps: &[Step]) -> bool {
        self.messages || steps.iter().any(|step| self.step_writes(step))
    }

    fn step_writes(&self, step: &Step) -> bool {
        step.when.as_ref().is_some_and(Expr::draws) || self.verb_writes(&step.verb)
    }

    fn verb_writes(&self, verb: &Verb) -> bool {
        match verb {
            Verb::Insert { .. }
            | Verb::Update { .. }
            | Verb::Remove { .. }
            | Verb::Remember(_)
            | Verb::Join(_)
            | Verb::Leave(_)
            | Verb::Later { .. }
            | Verb::Cancel(_) => true,
            Verb::List(list) => list_draws(list),
            Verb::Find(find) => {
                find_draws(find)
                    || find
                        .otherwise
                        .as_ref()
                        .is_some_and(|steps| self.steps_write(steps))
            }
            Verb::Let(values) => values.iter().any(|(_, value)| value.draws()),
            Verb::Reply { body, status } => body.draws() || any([status]),
            // What others get comes to all of them in one order.
            Verb::Send { message, to, event } => {
                !matches!(to, To::This) || message.draws() || any([event])
            }
            Verb::Fail {
                code,
                message,
                status,
            } => code.draws() || any([message, status]),
            Verb::Close { code, reason } => code.draws() || any([reason]),
            Verb::Stop => false,
            Verb::Verify { token, otherwise } => token.draws() || self.steps_write(otherwise),
            Verb::Check { value, .. } => value.draws(),
            Verb::For { over, body, .. } => {
                let over = match (over, body) {
                    (ForOver::List(list), _) => list.draws(),
                    // Who they are done for is `this` in them, so what is sent to `this` goes to others.
                    (ForOver::Peers(_), ForBody::Do(_)) => true,
                    (ForOver::Peers(to), ForBody::Collect(_)) => to_draws(to),
                };
                over || match body {
                    ForBody::Do(steps) => self.steps_write(steps),
                    ForBody::Collect(value) => value.draws(),
                }
            }
            Verb::Run { definition, with } => {
                self.definitions.get(*definition).copied().unwrap_or(true)
                    || with.iter().any(|(_, value)| value.draws())
            }
            Verb::Log(text) => text.draws(),
        }
    }
}

/// Whether an envelope or an error's words draw chance.
pub(super) fn messages_draw(messages: &Messages) -> bool {
    let name = messages.name.as_ref();
    any([&messages.reply])
        || name.is_some_and(|name| name.part.draws())
        || messages.error.part.draws()
        || messages.errors.values().any(|words| words.part.draws())
}

fn any<'t>(templates: impl IntoIterator<Item = &'t Option<Template>>) -> bool {
    templates.into_iter().flatten().any(Template::draws)
}

fn list_draws(list: &List) -> bool {
    list.filter.as_ref().is_some_and(Expr::draws)
        || any([
            &list.matching,
            &list.sort,
            &list.page,
            &list.limit,
            &list.fields,
        ])
}

fn find_draws(find: &Find) -> bool {
    which_draws(&find.which) || any([&find.fields])
}

fn which_draws(which: &Which) -> bool {
    match which {
        Which::Key(key) => key.draws(),
        Which::Where(filter) => filter.draws(),
        Which::Sample(_) => true,
        Which::All => false,
    }
}

fn to_draws(to: &To) -> bool {
    match to {
        To::This | To::All => false,
        To::Room(name) | To::Connection(name) => name.draws(),
        To::Session(values) => values.iter().any(|(_, value)| value.draws()),
        To::Any(several) => several.iter().any(to_draws),
        To::Others(to) => to_draws(to),
    }
}
