//! Results as people read them: ratios against Node first, the goal beside.

use std::fmt::Write;

use crate::cases::{Case, Goal};
use crate::outcome::{Outcome, median};
use crate::servers::Server;

/// What one case gave: for each server its outcome in each round, or why there is none.
pub(crate) struct Result {
    pub(crate) case: Case,
    pub(crate) servers: Vec<(Server, Vec<Outcome>)>,
}

impl Result {
    /// One row a server.
    pub(crate) fn table(&self) -> Table {
        let times = self.case.times;
        let mut table = Table::new([
            "",
            self.case.unit,
            "Node ÷ it",
            "goal",
            "a second",
            "it ÷ Node",
            &format!("{times} p50, ms"),
            &format!("{times} p99, ms"),
            "answer, B",
            "load's CPU, µs",
        ]);
        for (server, rounds) in &self.servers {
            let middle = Outcome::median_of(rounds);
            let goal = match server {
                Server::WsMock => self.goal(),
                _ => None,
            };
            table.row([
                server.name().to_owned(),
                short(Some(middle.figure)),
                short(self.ratio(rounds, |node, it| Some(node.figure / it.figure))),
                goal.map_or(String::new(), |(text, _)| text),
                middle
                    .rate
                    .map_or(String::new(), |rate| format!("{rate:.0}")),
                short(self.ratio(rounds, |node, it| Some(it.rate? / node.rate?))),
                short(middle.p50),
                short(middle.p99),
                middle.answer.map_or(String::new(), |size| size.to_string()),
                short(middle.load),
            ]);
        }
        table.without_empty_columns()
    }

    /// The goal and what was reached in words, and whether that is enough.
    pub(crate) fn goal(&self) -> Option<(String, bool)> {
        let rounds = self.of(Server::WsMock)?;
        let figure = Outcome::median_of(rounds).figure;
        let ratio = || self.ratio(rounds, |node, it| Some(node.figure / it.figure));
        let (text, reached) = match self.case.goal? {
            Goal::TimesLess(goal) => (format!("≥ {goal}"), ratio()? >= goal),
            Goal::Share(goal) => (format!("≥ {:.2}", 1.0 / goal), 1.0 / ratio()? <= goal),
            Goal::AtMost(goal) => (format!("≤ {goal}"), figure <= goal),
        };
        let mark = if reached { "reached" } else { "missed" };
        Some((format!("{text} {mark}"), reached))
    }

    /// The median over the rounds: in one round both ran under the same circumstances.
    fn ratio(&self, rounds: &[Outcome], of: fn(&Outcome, &Outcome) -> Option<f64>) -> Option<f64> {
        let node = self.of(Server::Node)?.iter();
        median(
            node.zip(rounds)
                .filter_map(|(node, it)| of(node, it))
                .collect(),
        )
    }

    fn of(&self, server: Server) -> Option<&[Outcome]> {
        let (_, rounds) = self.servers.iter().find(|(one, _)| *one == server)?;
        Some(rounds)
    }
}

/// Three significant figures or so.
pub(crate) fn short(value: Option<f64>) -> String {
    match value {
        None => String::new(),
        Some(value) if value >= 100.0 => format!("{value:.0}"),
        Some(value) if value >= 10.0 => format!("{value:.1}"),
        Some(value) => format!("{value:.2}"),
    }
}

/// Rows and columns of text.
pub(crate) struct Table {
    rows: Vec<Vec<String>>,
}

impl Table {
    pub(crate) fn new<const N: usize>(head: [&str; N]) -> Self {
        Self {
            rows: vec![head.map(str::to_owned).into()],
        }
    }

    pub(crate) fn row<const N: usize>(&mut self, cells: [String; N]) {
        self.rows.push(cells.into());
    }

    fn without_empty_columns(mut self) -> Self {
        let (_, body) = self.rows.split_at(1);
        let keep: Vec<bool> = (0..self.rows[0].len())
            .map(|column| body.iter().any(|row| !row[column].is_empty()))
            .collect();
        for row in &mut self.rows {
            let mut keep = keep.iter();
            row.retain(|_| keep.next().is_some_and(|keep| *keep));
        }
        self
    }

    /// For a terminal.
    pub(crate) fn plain(&self) -> String {
        let width = |column: usize| {
            let cells = self.rows.iter().map(|row| row[column].chars().count());
            cells.max().unwrap_or_default()
        };
        let mut text = String::new();
        for row in &self.rows {
            let mut line = format!("{:<1$}", row[0], width(0));
            for (column, cell) in row.iter().enumerate().skip(1) {
                let _ = write!(line, "  {cell:>0$}", width(column));
            }
            text.push_str(line.trim_end());
            text.push('\n');
        }
        text
    }

    /// For the docs.
    pub(crate) fn markdown(&self) -> String {
        let mut text = String::new();
        for (number, row) in self.rows.iter().enumerate() {
            let _ = writeln!(text, "| {} |", row.join(" | "));
            if number == 0 {
                let _ = writeln!(text, "|---{}|", "|---:".repeat(row.len() - 1));
            }
        }
        text
    }
}
