//! What follows from which steps run which definitions: circles, the need for write access, and steps that can never
//! work where they stand.

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;

use super::ScenarioReader;
use crate::lang::expr::{Expr, Template};
use crate::lang::model::{Handler, HandlerId, Messages, Scenario};
use crate::lang::verbs::{Around, Need, Step, Steps, VerbFacts};

/// Calls `visit` for each step, and for the steps inside it, with what surrounds them.
fn walk<'s>(
    steps: &'s [Step],
    around: &[Around],
    visit: &mut dyn FnMut(&'s Step, &VerbFacts<'s>, &[Around]),
) {
    for step in steps {
        let facts = step.verb.facts();
        visit(step, &facts, around);
        for (inner, steps) in &facts.steps {
            walk(steps, &[around, &[*inner]].concat(), visit);
        }
    }
}

/// The definitions that need write access.
pub(super) struct Writers {
    definitions: Vec<bool>,
    /// An envelope that draws chance makes every answer a write.
    pub(super) envelopes: bool,
    /// The names of all handlers; a [`HandlerId`] is a place in them.
    names: Rc<RefCell<Vec<Arc<str>>>>,
}

impl Writers {
    pub(super) fn of(define: &[(String, Steps)]) -> Self {
        let mut callers: Vec<Vec<usize>> = vec![Vec::new(); define.len()];
        let mut writers = Writers {
            definitions: vec![false; define.len()],
            envelopes: false,
            names: Rc::new(RefCell::new(HandlerId::FIXED.map(Arc::from).into())),
        };
        let mut found = Vec::new();
        for (definition, (_, steps)) in define.iter().enumerate() {
            walk(steps, &[], &mut |_, facts, _| {
                if let Some(run) = facts.runs {
                    callers[run].push(definition);
                }
            });
            if writers.steps_write(steps) {
                found.push(definition);
            }
        }
        while let Some(definition) = found.pop() {
            if !std::mem::replace(&mut writers.definitions[definition], true) {
                found.append(&mut callers[definition]);
            }
        }
        writers
    }

    /// The same definitions under other envelopes.
    pub(super) fn with_envelopes(&self, envelopes: bool) -> Self {
        Writers {
            definitions: self.definitions.clone(),
            envelopes,
            names: self.names.clone(),
        }
    }

    pub(super) fn handler(&self, name: &str, steps: Steps) -> Arc<Handler> {
        Arc::new(Handler {
            id: self.id(name),
            writes: self.envelopes || self.steps_write(&steps),
            steps,
        })
    }

    /// The number of a name; handlers of one name share it.
    fn id(&self, name: &str) -> HandlerId {
        let mut names = self.names.borrow_mut();
        let known = names.iter().position(|known| **known == *name);
        let place = known.unwrap_or_else(|| {
            names.push(name.into());
            names.len() - 1
        });
        HandlerId(place as u32)
    }

    /// [`Scenario::handlers`], once all of them are read.
    pub(super) fn names(&self) -> Arc<[Arc<str>]> {
        self.names.borrow().as_slice().into()
    }

    fn steps_write(&self, steps: &[Step]) -> bool {
        let mut writes = false;
        walk(steps, &[], &mut |step, facts, _| {
            let runs_writer = facts.runs.is_some_and(|id| self.definitions[id]);
            let draws = step.when.as_ref().is_some_and(Expr::draws);
            writes |= facts.writes || runs_writer || draws;
        });
        writes
    }
}

/// A definition that another runs at once.
struct RunEdge<'s> {
    to: usize,
    place: &'s str,
}

#[derive(Clone, Copy, PartialEq)]
enum Visited {
    New,
    OnPath,
    Done,
}

impl ScenarioReader<'_> {
    /// Reports definitions that run themselves, which would never end.
    pub(super) fn no_circles(&mut self, define: &[(String, Steps)]) {
        let mut runs: Vec<Vec<RunEdge<'_>>> = Vec::new();
        for (_, steps) in define {
            let mut own = Vec::new();
            walk(steps, &[], &mut |step, facts, around| {
                if let Some(to) = facts.runs.filter(|_| !around.contains(&Around::Later)) {
                    own.push(RunEdge {
                        to,
                        place: &step.place,
                    });
                }
            });
            runs.push(own);
        }
        let mut visits = vec![Visited::New; define.len()];
        for start in 0..define.len() {
            if visits[start] == Visited::New {
                self.follow_runs(start, define, &runs, &mut visits);
            }
        }
    }

    /// Depth first. The stack is on the heap: a file may have a chain of any length.
    fn follow_runs(
        &mut self,
        start: usize,
        define: &[(String, Steps)],
        runs: &[Vec<RunEdge<'_>>],
        visits: &mut [Visited],
    ) {
        visits[start] = Visited::OnPath;
        let mut path = vec![(start, 0)];
        while let Some((definition, next)) = path.last_mut() {
            let Some(run) = runs[*definition].get(*next) else {
                visits[*definition] = Visited::Done;
                path.pop();
                continue;
            };
            *next += 1;
            match visits[run.to] {
                Visited::New => {
                    visits[run.to] = Visited::OnPath;
                    path.push((run.to, 0));
                }
                Visited::OnPath => {
                    let circle = path
                        .iter()
                        .map(|(at, _)| *at)
                        .skip_while(|at| *at != run.to);
                    let names: Vec<String> = circle
                        .chain([run.to])
                        .take(10)
                        .map(|at| format!("`{}`", define[at].0))
                        .collect();
                    let message = format!("a definition runs itself: {}", names.join(" → "));
                    self.problem_at(run.place, message, None);
                }
                Visited::Done => {}
            }
        }
    }
}

/// The facts that steps can rely on, by the event that runs them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Situation {
    request: bool,
    session: bool,
    peer: PeerState,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum PeerState {
    Absent,
    Open,
    Ended,
}

const fn situation(request: bool, peer: PeerState) -> Situation {
    Situation {
        request,
        session: !matches!(peer, PeerState::Absent),
        peer,
    }
}

const MESSAGE: Situation = situation(true, PeerState::Open);
const HTTP: Situation = situation(true, PeerState::Absent);
/// The session of a handshake comes before its connection.
const UPGRADE: Situation = Situation {
    session: true,
    ..HTTP
};
const CONNECT: Situation = situation(false, PeerState::Open);
const DISCONNECT: Situation = situation(false, PeerState::Ended);
/// A timer, a trigger, an edit by the control API.
const OUTSIDE: Situation = situation(false, PeerState::Absent);

impl Situation {
    fn inside(self, around: &[Around]) -> Situation {
        around.iter().fold(self, |outer, around| match around {
            Around::Same => outer,
            Around::EachPeer => Situation {
                peer: PeerState::Open,
                session: true,
                ..outer
            },
            // A plan whose connection has ended runs without one.
            Around::Later if outer.peer == PeerState::Open => CONNECT,
            Around::Later => OUTSIDE,
        })
    }

    fn meets(self, need: Need) -> bool {
        match need {
            Need::Nothing => true,
            Need::Request => self.request,
            Need::Session => self.session,
            Need::Peer => self.peer != PeerState::Absent,
            Need::OpenPeer => self.peer == PeerState::Open,
        }
    }
}

/// The steps of every handler, and the situations that they run in.
fn handlers(scenario: &Scenario) -> Vec<(&Handler, &'static [Situation])> {
    let mut all: Vec<(&Handler, &'static [Situation])> = Vec::new();
    let messages = scenario.on.values().chain(&scenario.otherwise);
    all.extend(
        messages
            .chain(&scenario.before)
            .map(|handler| (&**handler, &[MESSAGE][..])),
    );
    all.extend(
        scenario
            .upgrade
            .iter()
            .map(|handler| (&**handler, &[UPGRADE][..])),
    );
    all.extend(
        scenario
            .connect
            .iter()
            .map(|handler| (&**handler, &[CONNECT][..])),
    );
    all.extend(
        scenario
            .disconnect
            .iter()
            .map(|handler| (&**handler, &[DISCONNECT][..])),
    );
    for changes in &scenario.changes {
        let handlers = [&changes.created, &changes.updated, &changes.removed];
        // They keep the connection of the message that changed the data.
        let handlers = handlers.into_iter().flatten();
        all.extend(handlers.map(|handler| (&**handler, &[CONNECT, DISCONNECT, OUTSIDE][..])));
    }
    let timers = scenario.timers.iter().map(|timer| &timer.handler);
    let triggers = scenario.triggers.iter().map(|(_, handler)| handler);
    all.extend(
        timers
            .chain(triggers)
            .map(|handler| (&**handler, &[OUTSIDE][..])),
    );
    let routes = scenario.http.routes.iter();
    all.extend(routes.map(|route| (&*route.handler, &[HTTP][..])));
    all
}

impl ScenarioReader<'_> {
    /// Reports steps that work in none of the situations that they run in.
    pub(super) fn no_idle_steps(&mut self, scenario: &Scenario) {
        let define = &scenario.define;
        let mut reached: Vec<Vec<Situation>> = vec![Vec::new(); define.len()];
        let mut new: Vec<(usize, Situation)> = Vec::new();
        for (handler, situations) in handlers(scenario) {
            for situation in situations {
                new.extend(runs_of(&handler.steps, *situation));
            }
            self.no_idle_steps_in(&handler.steps, situations);
        }
        while let Some((definition, situation)) = new.pop() {
            if !reached[definition].contains(&situation) {
                reached[definition].push(situation);
                new.extend(runs_of(&define[definition].1, situation));
            }
        }
        for ((_, steps), situations) in define.iter().zip(&reached) {
            // Without any situation nothing runs the definition, and nothing is known of it.
            if !situations.is_empty() {
                self.no_idle_steps_in(steps, situations);
            }
        }
    }

    fn no_idle_steps_in(&mut self, steps: &[Step], situations: &[Situation]) {
        walk(steps, &[], &mut |step, facts, around| {
            let works = |situation: &Situation| situation.inside(around).meets(facts.needs);
            if !situations.iter().any(works) {
                let (message, hint) = idle(step.verb.name(), facts.needs);
                self.problem_at(&step.place, message, hint.map(str::to_owned));
            }
        });
    }
}

fn runs_of(steps: &[Step], situation: Situation) -> Vec<(usize, Situation)> {
    let mut runs = Vec::new();
    walk(steps, &[], &mut |_, facts, around| {
        runs.extend(facts.runs.map(|run| (run, situation.inside(around))));
    });
    runs
}

fn idle(verb: &str, need: Need) -> (String, Option<&'static str>) {
    let (missing, hint) = match need {
        Need::Nothing | Need::Request => (
            "these steps answer no request",
            Some("push with `send`; without a connection it needs a `to`"),
        ),
        Need::Session => ("these steps have no session", None),
        Need::Peer => ("these steps have no connection", None),
        Need::OpenPeer if verb == "send" => (
            "these steps have no open connection",
            Some("say whom: `to: all`, `to: { room: … }`"),
        ),
        Need::OpenPeer => ("these steps have no open connection", None),
    };
    (format!("`{verb}` can never work: {missing}"), hint)
}

pub(super) fn envelopes_draw(messages: &Messages) -> bool {
    let placed = messages
        .errors
        .values()
        .chain(&messages.name)
        .chain([&messages.error]);
    let mut placed = placed.map(|placed| &placed.part);
    placed.any(Template::draws) || messages.reply.as_ref().is_some_and(Template::draws)
}
