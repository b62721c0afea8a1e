//! The verbs of steps, one file each: what a verb is called, how it is read, what it holds, and its facts.
//!
//! A new verb is a file here, a line in [`all_verbs`], and an `impl Perform` in the engine's `verbs`.

mod audience;
mod cancel;
mod check;
mod close;
mod fail;
mod find;
mod for_each;
mod insert;
mod join;
mod later;
mod leave;
mod let_names;
mod list;
mod log;
mod remember;
mod remove;
mod reply;
mod run;
mod send;
mod step;
mod stop;
mod update;
mod verify;
mod which;

pub use audience::Audience;
pub use check::{JsonType, PartRule};
pub use for_each::{LoopBody, LoopOver};
pub use step::{Step, Steps};
pub use update::Assignments;
pub use which::Which;

pub(super) use step::{Around, Need, StepNode, VerbFacts};

use super::read::{NameScope, ScenarioReader};

/// The declaration of a verb.
trait Declare: Sized {
    const NAME: &'static str;
    /// The keys that may stand beside the verb, besides `when` and `as`.
    const KEYS: &'static [&'static str] = &[];
    /// The names that its results get without `as`.
    const RESULTS: &'static [&'static str] = &[];

    fn read(
        reader: &mut ScenarioReader<'_>,
        step: &StepNode<'_>,
        scope: &mut NameScope<'_>,
    ) -> Option<Self>;

    fn facts(&self) -> VerbFacts<'_>;
}

/// The columns of a declaration, for the reader of steps.
struct Declaration {
    name: &'static str,
    keys: &'static [&'static str],
    results: &'static [&'static str],
    read: fn(&mut ScenarioReader<'_>, &StepNode<'_>, &mut NameScope<'_>) -> Option<StepVerb>,
}

/// Calls a macro with a line for each verb.
macro_rules! all_verbs {
    ($call:ident) => {
        $call! {
            List list::ListStep;
            Find find::FindStep;
            Insert insert::InsertStep;
            Update update::UpdateStep;
            Remove remove::RemoveStep;
            Let let_names::LetStep;
            Remember remember::RememberStep;
            Reply reply::ReplyStep;
            Send send::SendStep;
            Fail fail::FailStep;
            Close close::CloseStep;
            Stop stop::StopStep;
            Join join::JoinStep;
            Leave leave::LeaveStep;
            Verify verify::VerifyStep;
            Check check::CheckStep;
            Later later::LaterStep;
            Cancel cancel::CancelStep;
            For for_each::ForStep;
            Run run::RunStep;
            Log log::LogStep;
        }
    };
}

pub(crate) use all_verbs;

macro_rules! declare {
    ($($variant:ident $module:ident::$step:ident;)*) => {
        $(pub use $module::$step;)*

        #[derive(Debug)]
        pub enum StepVerb {
            $($variant(Box<$step>),)*
        }

        const VERBS: &[Declaration] = &[$(Declaration {
            name: $step::NAME,
            keys: $step::KEYS,
            results: $step::RESULTS,
            read: |reader, step, scope| {
                $step::read(reader, step, scope).map(|verb| StepVerb::$variant(Box::new(verb)))
            },
        }),*];

        impl StepVerb {
            pub(super) fn name(&self) -> &'static str {
                match self {
                    $(StepVerb::$variant(_) => $step::NAME,)*
                }
            }

            pub(super) fn facts(&self) -> VerbFacts<'_> {
                match self {
                    $(StepVerb::$variant(verb) => verb.facts(),)*
                }
            }
        }
    };
}

all_verbs!(declare);
