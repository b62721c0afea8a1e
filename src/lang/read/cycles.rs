//! Definitions that run themselves, which would never end.

use super::Reader;
use crate::lang::tree::Spot;

/// One definition runs another, at once.
pub(super) struct Run {
    pub(super) from: usize,
    pub(super) to: usize,
    pub(super) at: Spot,
}

#[derive(Clone, Copy, PartialEq)]
enum Seen {
    No,
    OnTheWay,
    Done,
}

impl Reader<'_> {
    pub(super) fn no_cycles(&mut self) {
        let mut runs = std::mem::take(&mut self.runs);
        runs.sort_by_key(|run| run.from);
        let count = self.definition_names.len();
        let first_of: Vec<usize> = (0..=count)
            .map(|from| runs.partition_point(|run| run.from < from))
            .collect();
        let mut seen = vec![Seen::No; count];
        for start in 0..count {
            self.walk(start, &runs, &first_of, &mut seen);
        }
    }

    /// Depth first, with a stack of our own: a file may have a chain of any length.
    fn walk(&mut self, start: usize, runs: &[Run], first_of: &[usize], seen: &mut [Seen]) {
        if seen[start] != Seen::No {
            return;
        }
        seen[start] = Seen::OnTheWay;
        let mut way = vec![(start, first_of[start])];
        while let Some((definition, next)) = way.last_mut() {
            let Some(run) = runs.get(*next).filter(|run| run.from == *definition) else {
                seen[*definition] = Seen::Done;
                way.pop();
                continue;
            };
            *next += 1;
            match seen[run.to] {
                Seen::No => {
                    seen[run.to] = Seen::OnTheWay;
                    way.push((run.to, first_of[run.to]));
                }
                Seen::OnTheWay => {
                    let round = way.iter().skip_while(|(at, _)| *at != run.to);
                    let names: Vec<String> = round
                        .map(|(at, _)| *at)
                        .chain([run.to])
                        .take(10)
                        .map(|at| format!("`{}`", self.definition_names[at]))
                        .collect();
                    let message = format!("a definition that runs itself: {}", names.join(" → "));
                    self.problem(run.at, message, None);
                }
                Seen::Done => {}
            }
        }
    }
}
